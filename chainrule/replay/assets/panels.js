// The panels of the page. Each function fills one, and returns a function that shows a snapshot in it.

const panel = (name) => document.getElementById(name);

/** Hides a panel; a line under the facts says why, if `say` makes one of a reason. */
function explain(name, reason, missing) {
  panel(name).hidden = true;
  if (reason) say(missing(reason));
  return () => {};
}

function say(text) {
  const note = html("p", text);
  note.className = "note wide";
  panel("facts").after(note);
  return note;
}

const percent = (part, whole) => `${(100 * part / whole).toFixed(1)} %`;

/** How many examples of the sample are classified correctly; null where that is not known. */
function correct(run, snapshot) {
  if (!snapshot.outputs?.wrong) return null;
  return run.outputs.examples - wrongOnes(snapshot.outputs.wrong, run.outputs.examples).filter(Boolean).length;
}

/** What to look for, in a sentence for each panel that is there. */
function lookPanel(run) {
  const shown = (name) => !panel(name).hidden;
  const sentences = [
    t`Pull the slider at the bottom, or press Play.`,
    shown("loss") && t`The loss should fall, fast at first and then slowly.`,
    shown("plane") && run.outputs?.kind === "classes" && t`Watch the border find its way between the classes.`,
    shown("layers") && t`A layer learns at a good pace while its update stays in the shaded band; far above it, the learning rate is too large.`,
    shown("graph") && t`Further down is the graph of one example, with the numbers of the chosen moment.`,
  ];
  panel("look").textContent = sentences.filter(Boolean).join(" ");
}

function factsPanel(run) {
  const cells = {};
  function cell(name, title) {
    const group = html("div", "", panel("facts"));
    html("dt", title, group);
    cells[name] = html("dd", "", group);
  }
  const epochs = run.columns.epoch.at(-1) ?? run.snapshots.at(-1).epoch;
  cell("epoch", t`Epoch`);
  if (run.recorded) cell("step", t`Step`);
  if (run.outputs) cell("loss", t`Loss on ${run.outputs.examples} examples`);
  if (run.outputs?.kind === "classes") cell("correct", t`Correct`);
  return (snapshot) => {
    cells.epoch.textContent = `${snapshot.epoch} `;
    html("small", t`of ${epochs}`, cells.epoch);
    if (cells.step) cells.step.textContent = snapshot.steps;
    if (cells.loss) cells.loss.textContent = written(snapshot.outputs?.loss);
    if (cells.correct) {
      const count = correct(run, snapshot);
      cells.correct.textContent = count === null ? "—" : `${percent(count, run.outputs.examples)} `;
      if (count !== null) html("small", t`${count} of ${run.outputs.examples}`, cells.correct);
    }
  };
}

/** A legend entry with a place for its value. */
function entry(list, style, name) {
  const item = html("li", "", list);
  item.append(swatch(style));
  html("span", name, item);
  return html("b", "", item);
}

function lossPanel(run, axis, seek) {
  const named = Object.keys(run.columns).filter((name) => name === "loss" || name.endsWith("_loss"));
  const series = named.map((name, style) => ({
    name: name === "loss" ? t`training` : name === "val_loss" ? t`validation` : name.replace(/_loss$/, ""),
    style,
    points: run.columns.epoch.map((epoch, i) => [epoch, run.columns[name][i]]),
  }));
  if (run.outputs) {
    const points = run.snapshots.map((snapshot) => [snapshot.at, snapshot.outputs?.loss ?? null]);
    series.push({ name: t`the ${run.outputs.examples} examples, in eval mode`, style: series.length, points });
  }
  const others = Object.entries(run.others ?? {}).map(([name, losses], i) => {
    const points = losses.filter(([epoch]) => epoch <= axis[1]);
    return { name, style: series.length + i, points, hidden: true };
  });
  const ends = series.map(({ name, points }) => t`${name} from ${written(points[0]?.[1])} to ${written(points.at(-1)?.[1])}`);
  const host = panel("loss"), legend = host.querySelector(".legend");
  const log = (shown) => {
    const values = shown.flatMap((one) => one.points.map((point) => point[1])).filter((value) => drawable(value));
    return values.every((value) => value > 0) && Math.max(...values) > 60 * Math.min(...values);
  };
  const isLog = log(series);
  series.push(...others);
  series.forEach((one) => { one.style %= STYLES; });
  const drawn = chart(host.querySelector(".chart"), series, {
    label: [t`Loss by epoch: ${ends.join("; ")}`, ...(isLog ? [t`logarithmic axis`] : [])].join("; "),
    x: axis, log, best: run.best, seek, height: 380,
  });
  const now = series.map((one) => entry(legend, one.style, one.name));
  const show = (one, i) => { now[i].parentNode.hidden = one.hidden; };
  series.forEach(show);
  if (others.length) askWhatIf(others, series[0].points, () => (drawn.draw(), series.forEach(show)));
  if (run.best !== null) html("li", `┊ ${t`best: epoch ${run.best}`}`, legend);
  return (snapshot) => {
    drawn.move(snapshot.at);
    series.forEach((one, i) => { now[i].textContent = written(reached(one.points, snapshot.at)?.[1]); });
  };
}

/** Buttons for runs with another setting: a guess first, then the curve, and how that run ended beside this one. */
function askWhatIf(others, own, draw) {
  const host = panel("others"), told = host.querySelector("[role=status]");
  host.hidden = false;
  const end = (points) => points.at(-1)?.[1];
  const ending = ({ name, points }) => {
    const broken = points.find(([, loss]) => typeof loss !== "number");
    if (broken) return t`${name}: from epoch ${broken[0]} on the loss is no number any more.`;
    return t`${name}: the loss ends at ${written(end(points))}, here at ${written(end(own))}.`;
  };
  for (const one of others) {
    const button = html("button", one.name, host.querySelector(".choices"));
    button.type = "button";
    button.setAttribute("aria-pressed", false);
    button.addEventListener("click", () => {
      one.hidden = !one.hidden;
      button.setAttribute("aria-pressed", !one.hidden);
      draw();
      told.textContent = others.filter((other) => !other.hidden).map(ending).join(" ");
    });
  }
}

/** An example's mark for the legend, or a ring of that radius. */
function sample(shape, hue, ring = 0) {
  const picture = svg("svg", { class: "swatch", width: 18, height: 18, viewBox: "-9 -9 18 18", "aria-hidden": "true" });
  const paths = {
    circle: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0",
    square: "M-4-4h8v8h-8z",
    triangle: "M0-5.4L5 3.6H-5z",
    diamond: "M0-5.5L5.5 0L0 5.5L-5.5 0z",
  };
  if (shape) svg("path", { d: paths[shape], class: `mark s${hue}` }, picture);
  if (ring) svg("circle", { r: ring, class: "ring", "stroke-width": ring / 4 }, picture);
  return picture;
}

/** A line in a panel on what could not be recorded in every snapshot. */
function warn(name, run) {
  if (run.notes?.[name]) html("p", t`Missing in some snapshots: ${run.notes[name]}`, panel(name)).className = "note";
}

function planePanel(run) {
  if (!run.plane) return explain("plane", run.notes?.plane ?? run.notes?.outputs, (why) => t`No decision boundary: ${why}`);
  const [title, canvas, legend] = ["h2", "canvas", ".legend"].map((part) => panel("plane").querySelector(part));
  const show = plane(canvas, run.plane, run.outputs), { kind, classes, scale } = run.outputs;
  const item = (picture, text) => { const made = html("li", "", legend); made.append(picture, text); };
  if (run.plane.kind === "curve") {
    title.textContent = t`Prediction over the input`;
    item(swatch(1, true), run.outputs.label);
  }
  if (kind === "regression" && run.plane.kind === "plane") {
    title.textContent = t`Prediction over the two inputs`;
    const bar = html("span");
    bar.className = "scale";
    item(bar, t`${written(scale[0])} to ${written(scale[1])}, lines at each quarter; circles: targets`);
  }
  if (kind === "classes") {
    for (let k = 0; k < Math.min(classes, 12); k++) item(sample(SHAPES[k % SHAPES.length], k % STYLES), t`class ${k}`);
    item(sample(null, 0, 5.5), t`wrong`);
  }
  if (run.plane.followed !== null) item(sample(null, 0, 8), t`large ring: the example traced below`);
  warn("plane", run);
  return (snapshot) => {
    show(snapshot);
    const count = correct(run, snapshot), when = snapshot.at ? t`after ${snapshot.steps} steps` : t`before training`;
    const said = count === null
      ? t`loss ${written(snapshot.outputs?.loss)}`
      : t`${count} of ${run.outputs.examples} examples correct, ${percent(count, run.outputs.examples)}`;
    const missing = snapshot.plane ? "" : `; ${t`the predictions are not finite`}`;
    canvas.setAttribute("aria-label", `${title.textContent} ${when}: ${said}${missing}`);
  };
}

const HEALTHY = [1e-4, 1e-3, 1e-2]; // update ratios: a step of a thousandth of the weights is about right

function assessment(gradient, ratio, steps) {
  if (gradient === null) return steps === 0 ? t`no step yet` : t`no gradient`;
  if (typeof gradient === "string" || typeof ratio === "string") return t`not finite`;
  if (gradient === 0) return t`gradient 0: nothing is learned`;
  if (ratio === null) return "—";
  return ratio > HEALTHY[2] ? t`large steps` : ratio < HEALTHY[0] ? t`small steps` : t`about right`;
}

function layersPanel(run, axis, seek) {
  if (!run.layers || !run.recorded) return explain("layers", null);
  const host = panel("layers"), [norms, ratios] = host.querySelectorAll(".chart"), body = host.querySelector("tbody");
  const series = (which) => run.layers.map((layer, i) => ({
    name: layer.name,
    style: i % STYLES,
    points: run.snapshots.map((snapshot) => [snapshot.at, snapshot.layers ? snapshot.layers[i][which] : null]),
  }));
  const options = { x: axis, log: true, seek, best: run.best };
  const charts = [
    chart(norms, series(0), {
      ...options, label: t`Norm of each layer’s gradient by epoch, logarithmic; the table has the numbers`,
    }),
    chart(ratios, series(1), {
      ...options, band: HEALTHY, bandName: t`about right`,
      label: t`Update ratio of each layer by epoch, logarithmic, with a band around 0.001; the table has the numbers`,
    }),
  ];
  const rows = run.layers.map((layer, i) => {
    const row = html("tr", "", body), name = html("th", "", row);
    name.scope = "row";
    name.append(swatch(i % STYLES), layer.kind ? `${layer.name} (${layer.kind})` : layer.name);
    row.addEventListener("pointerenter", () => charts.forEach((one) => one.highlight(layer.name)));
    row.addEventListener("pointerleave", () => charts.forEach((one) => one.highlight(null)));
    return [0, 1, 2].map(() => html("td", "", row));
  });
  return (snapshot) => {
    charts.forEach((one) => one.move(snapshot.at));
    rows.forEach((cells, i) => {
      const [gradient, ratio] = snapshot.layers ? snapshot.layers[i] : [null, null];
      [written(gradient), written(ratio), assessment(gradient, ratio, snapshot.steps)].forEach((text, k) => { cells[k].textContent = text; });
    });
  };
}

function graphPanel(run) {
  if (!run.graph) return explain("graph", run.notes?.graph ?? run.notes?.outputs, (why) => t`No graph of an example: ${why}`);
  const [lead, fit, picture, body] = [".lead", "#fit", ".picture", "tbody"].map((part) => panel("graph").querySelector(part));
  lead.textContent = t`The loss of example ${run.graph.index} alone, in eval mode: its values, and the gradients of one backward pass.`;
  fit.addEventListener("click", () => fit.setAttribute("aria-pressed", picture.classList.toggle("fitted")));
  picture.querySelectorAll(".edge title").forEach((title) => title.remove()); // their numbers are those of the first snapshot
  warn("graph", run);
  const flows = run.graph.edges.map((id) => picture.querySelector(`#e${id} .flow`));
  const rows = run.graph.nodes.map((node) => {
    const row = html("tr", "", body), drawn = picture.querySelector(`#n${node.id}`);
    html("th", node.label, row).scope = "row";
    html("td", node.operation, row);
    const [value, grad, badges] = [0, 1, 2].map(() => html("td", "", row));
    return { value, grad, badges, drawn: { value: drawn.querySelector(".value"), grad: drawn.querySelector(".grad") } };
  });
  const texts = rows.flatMap(({ drawn }) => Object.values(drawn)).filter(Boolean);
  return (snapshot) => {
    rows.forEach((row, i) => {
      for (const name of ["value", "grad"]) {
        const numbers = snapshot.graph?.[name][i] ?? ["—"];
        row[name].textContent = numbers.join(", ");
        if (row.drawn[name]) cellsOf(row.drawn[name]).forEach((cell, k) => { cell.textContent = numbers[k] ?? ""; });
      }
      row.badges.textContent = snapshot.graph?.badges[i] ?? "";
    });
    squeeze(texts);
    flows.forEach((flow, i) => { if (flow) flow.textContent = snapshot.graph ? `×\u202f${snapshot.graph.local[i]}` : ""; });
  };
}

function columnsPanel(run, axis, seek) {
  const host = panel("columns").querySelector(".pair");
  const elsewhere = /^(epoch|seconds|loss|.*_loss)$/, names = Object.keys(run.columns).filter((name) => !elsewhere.test(name));
  if (!names.length) return explain("columns", null);
  const drawn = names.map((name, i) => {
    const figure = html("figure", "", host), caption = html("figcaption", `${name}: `, figure);
    const now = html("b", "", caption);
    const place = html("div", "", figure);
    place.className = "chart";
    const points = run.columns.epoch.map((epoch, k) => [epoch, run.columns[name][k]]);
    const log = name === "grad_norm" && points.every((point) => point[1] > 0);
    const label = t`${name} by epoch, from ${written(points[0]?.[1])} to ${written(points.at(-1)?.[1])}`;
    const options = { label, x: axis, log, seek, best: run.best, height: 170 };
    return { now, points, ...chart(place, [{ name, style: i % STYLES, points }], options) };
  });
  return (snapshot) => drawn.forEach(({ now, points, move }) => {
    now.textContent = written(reached(points, snapshot.at)?.[1]);
    move(snapshot.at);
  });
}
