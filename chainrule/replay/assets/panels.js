// The panels of the page. Each function fills one, and returns what writes a moment into it.

const panel = (name) => document.getElementById(name);

/** No such panel; a line under the facts says why, if there is a reason. */
function explain(name, reason) {
  panel(name).hidden = true;
  if (reason) say(`No ${panel(name).querySelector("h2").textContent.toLowerCase()}: ${reason}`);
  return () => {};
}

function say(text) {
  const note = html("p", text);
  note.className = "note wide";
  panel("facts").after(note);
  return note;
}

const percent = (part, whole) => `${(100 * part / whole).toFixed(1)} %`;

/** How many examples of the sample are right; null where that is not known. */
function right(run, moment) {
  if (!moment.answers?.wrong) return null;
  return run.answers.examples - wrongOnes(moment.answers.wrong, run.answers.examples).filter(Boolean).length;
}

function factsPanel(run) {
  const cells = {};
  function cell(name) {
    const group = html("div", "", panel("facts"));
    html("dt", name, group);
    cells[name] = html("dd", "", group);
  }
  const epochs = run.columns.epoch.at(-1) ?? run.moments.at(-1).epoch;
  const lossName = run.answers ? `Loss on ${run.answers.examples} examples` : "";
  cell("Epoch");
  if (run.recorded) cell("Step");
  if (run.answers) cell(lossName);
  if (run.answers?.kind === "classes") cell("Right");
  return (moment) => {
    cells.Epoch.textContent = `${moment.epoch} `;
    html("small", `of ${epochs}`, cells.Epoch);
    if (cells.Step) cells.Step.textContent = moment.steps;
    if (cells[lossName]) cells[lossName].textContent = written(moment.answers?.loss);
    if (cells.Right) {
      const count = right(run, moment);
      cells.Right.textContent = count === null ? "—" : `${percent(count, run.answers.examples)} `;
      if (count !== null) html("small", `${count} of ${run.answers.examples}`, cells.Right);
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
    name: name === "loss" ? "training" : name.replace(/_loss$/, "").replace(/^val$/, "validation"),
    style,
    points: run.columns.epoch.map((epoch, i) => [epoch, run.columns[name][i]]),
  }));
  if (run.answers) {
    const points = run.moments.map((moment) => [moment.at, moment.answers?.loss ?? null]);
    series.push({ name: `the ${run.answers.examples} examples, in evaluation`, style: series.length, points });
  }
  series.forEach((one) => { one.style %= STYLES; });
  const values = series.flatMap((one) => one.points.map((point) => point[1])).filter((value) => drawable(value));
  const log = values.every((value) => value > 0) && Math.max(...values) > 60 * Math.min(...values);
  const ends = series.map(({ name, points }) => `${name} from ${written(points[0]?.[1])} to ${written(points.at(-1)?.[1])}`);
  const host = panel("loss"), legend = host.querySelector(".legend");
  const drawn = chart(host.querySelector(".chart"), series, {
    label: `Loss by epoch: ${ends.join("; ")}${log ? "; logarithmic axis" : ""}`,
    x: axis, log, best: run.best, seek, height: 380,
  });
  const now = series.map((one) => entry(legend, one.style, one.name));
  if (run.best !== null) html("li", `┊ best: epoch ${run.best}`, legend);
  return (moment) => {
    drawn.move(moment.at);
    series.forEach((one, i) => { now[i].textContent = written(reached(one.points, moment.at)?.[1]); });
  };
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

/** A line in a panel on what could not be recorded at all moments. */
function warn(name, run) {
  if (run.notes?.[name]) html("p", `Not at all moments: ${run.notes[name]}`, panel(name)).className = "note";
}

function planePanel(run) {
  if (!run.plane) return explain("plane", run.notes?.plane ?? run.notes?.answers);
  const [title, canvas, legend] = ["h2", "canvas", ".legend"].map((part) => panel("plane").querySelector(part));
  const show = plane(canvas, run.plane, run.answers), { kind, classes, scale } = run.answers;
  const item = (picture, text) => { const made = html("li", "", legend); made.append(picture, text); };
  if (run.plane.kind === "curve") {
    title.textContent = "Prediction over the input";
    item(swatch(1, true), run.answers.says);
  }
  if (kind === "regression" && run.plane.kind === "plane") {
    title.textContent = "Prediction over the two inputs";
    const bar = html("span");
    bar.className = "scale";
    item(bar, `${written(scale[0])} to ${written(scale[1])}, lines at each quarter; circles: targets`);
  }
  if (kind === "classes") {
    for (let k = 0; k < Math.min(classes, 12); k++) item(sample(SHAPES[k % SHAPES.length], k % STYLES), `class ${k}`);
    item(sample(null, 0, 5.5), "wrong");
  }
  if (run.plane.followed !== null) item(sample(null, 0, 8), "large ring: the followed example");
  warn("plane", run);
  return (moment) => {
    show(moment);
    const count = right(run, moment), when = moment.at ? `after ${moment.steps} steps` : "before training";
    const said = count === null
      ? `loss ${written(moment.answers?.loss)}`
      : `${count} of ${run.answers.examples} examples right, ${percent(count, run.answers.examples)}`;
    const missing = moment.plane ? "" : "; the predictions are not finite";
    canvas.setAttribute("aria-label", `${title.textContent} ${when}: ${said}${missing}`);
  };
}

const HEALTHY = [1e-4, 1e-3, 1e-2]; // update ratios: a step of a thousandth of the weights is about right

function reading(gradient, ratio) {
  if (gradient === null) return "no gradient";
  if (typeof gradient === "string" || typeof ratio === "string") return "not finite";
  if (gradient === 0) return "gradient 0: nothing is learned";
  if (ratio === null) return "—";
  return ratio > HEALTHY[2] ? "large steps" : ratio < HEALTHY[0] ? "small steps" : "about right";
}

function layersPanel(run, axis, seek) {
  if (!run.layers || !run.recorded) return explain("layers", null);
  const host = panel("layers"), [norms, ratios] = host.querySelectorAll(".chart"), body = host.querySelector("tbody");
  const series = (which) => run.layers.map((layer, i) => ({
    name: layer.name,
    style: i % STYLES,
    points: run.moments.map((moment) => [moment.at, moment.layers ? moment.layers[i][which] : null]),
  }));
  const options = { x: axis, log: true, seek, best: run.best };
  const charts = [
    chart(norms, series(0), {
      ...options, label: "Norm of each layer’s gradient by epoch, logarithmic; the table has the numbers",
    }),
    chart(ratios, series(1), {
      ...options, band: HEALTHY,
      label: "Update ratio of each layer by epoch, logarithmic, with a band around 0.001; the table has the numbers",
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
  return (moment) => {
    charts.forEach((one) => one.move(moment.at));
    rows.forEach((cells, i) => {
      const [gradient, ratio] = moment.layers ? moment.layers[i] : [null, null];
      [written(gradient), written(ratio), reading(gradient, ratio)].forEach((text, k) => { cells[k].textContent = text; });
    });
  };
}

function graphPanel(run) {
  if (!run.graph) return explain("graph", run.notes?.graph ?? run.notes?.answers);
  const [lead, fit, picture, body] = [".lead", "#fit", ".picture", "tbody"].map((part) => panel("graph").querySelector(part));
  lead.textContent = `The loss of example ${run.graph.index} alone, in evaluation: its values, and the gradients that one
    backward pass brings.`;
  fit.addEventListener("click", () => fit.setAttribute("aria-pressed", picture.classList.toggle("fitted")));
  picture.querySelectorAll(".edge title").forEach((title) => title.remove()); // they tell of the first moment
  warn("graph", run);
  const flows = run.graph.edges.map((id) => picture.querySelector(`#e${id} .flow`));
  const rows = run.graph.nodes.map((node) => {
    const row = html("tr", "", body), drawn = picture.querySelector(`#n${node.id}`);
    html("th", node.label, row).scope = "row";
    html("td", node.made, row);
    const [value, grad, badges] = [0, 1, 2].map(() => html("td", "", row));
    return { value, grad, badges, drawn: { value: drawn.querySelector(".value"), grad: drawn.querySelector(".grad") } };
  });
  const texts = rows.flatMap(({ drawn }) => Object.values(drawn)).filter(Boolean);
  return (moment) => {
    rows.forEach((row, i) => {
      for (const name of ["value", "grad"]) {
        const numbers = moment.graph?.[name][i] ?? ["—"];
        row[name].textContent = numbers.join(", ");
        if (row.drawn[name]) cellsOf(row.drawn[name]).forEach((cell, k) => { cell.textContent = numbers[k] ?? ""; });
      }
      row.badges.textContent = moment.graph?.badges[i] ?? "";
    });
    squeeze(texts);
    flows.forEach((flow, i) => { if (flow) flow.textContent = moment.graph ? `×\u202f${moment.graph.local[i]}` : ""; });
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
    const label = `${name} by epoch, from ${written(points[0]?.[1])} to ${written(points.at(-1)?.[1])}`;
    const options = { label, x: axis, log, seek, best: run.best, height: 170 };
    return { now, points, ...chart(place, [{ name, style: i % STYLES, points }], options) };
  });
  return (moment) => drawn.forEach(({ now, points, move }) => {
    now.textContent = written(reached(points, moment.at)?.[1]);
    move(moment.at);
  });
}
