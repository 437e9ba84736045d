// The panel of the training: its controls, the loss over the steps, and over one parameter or two.

const SAMPLES = 60; // of the curve
const WORK = 15_000_000; // multiplications and the like that a drawing may take, about a tenth of a second

/** All elements of all parameters: {id, place, label}. */
function choices() {
  const all = trained().flatMap((node) =>
    Array.from({ length: Math.min(size(node.shape), 64) }, (_, place) => ({ id: node.id, place, label: fieldLabel(node, place) })),
  );
  return all.slice(0, 300);
}

function startPanel() {
  byId("train").hidden = !live.program || !trained().length;
  if (byId("train").hidden) return;
  byId("rule").replaceChildren(...Object.keys(story.rules).map((name) => make("option", {}, name)));
  listChoices();
  byId("rule").addEventListener("change", () => {
    train.rule = byId("rule").value;
    train.states.clear();
    show();
  });
  byId("clears").addEventListener("change", () => {
    train.clears = byId("clears").checked;
    if (train.clears) train.held.clear();
    if (live.results) adopt(live.results);
    show();
  });
  byId("rate").addEventListener("input", () => {
    story.lr = Number((10 ** Number(byId("rate").value)).toPrecision(2));
    byId("lr").value = story.lr;
    show();
  });
  byId("once").addEventListener("click", () => takeSteps(1));
  byId("ten").addEventListener("click", () => takeSteps(10));
  byId("run").addEventListener("click", runSteps);
  for (const id of ["along", "across"]) byId(id).addEventListener("change", drawCharts);
  byId("train").addEventListener("toggle", drawCharts);
  byId("landscape").addEventListener("pointerdown", turnByPointer);
  byId("landscape").addEventListener("keydown", turnByKey);
}

function listChoices() {
  const all = choices();
  const option = ({ label }, i) => make("option", { value: i }, label);
  byId("along").replaceChildren(...all.map(option));
  byId("across").replaceChildren(make("option", { value: "" }, "—"), ...all.map(option));
}

/** Bring the panel to what is now; drawings only where they are seen. */
function showPanel() {
  if (byId("train").hidden) return;
  byId("rate").value = Math.log10(Math.max(story.lr, 1e-6));
  byId("rate").setAttribute("aria-valuetext", String(story.lr));
  byId("rate-now").textContent = number(story.lr, "", 2);
  drawCharts();
}

function drawCharts() {
  if (!byId("train").open) return;
  drawLosses();
  const [along, across] = ["along", "across"].map((id) => (byId(id).value === "" ? null : choices()[byId(id).value]));
  if (along && across && along !== across) drawSurface(along, across);
  else if (along) drawCurve(along);
}

// ---- drawing

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--cr-${name}`).trim();
}

/** The canvas cleared, in pixels of the screen: {draw, width, height}. */
function sheet(id) {
  const canvas = byId(id);
  const [width, height, dense] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio || 1];
  canvas.width = width * dense;
  canvas.height = height * dense;
  const draw = canvas.getContext("2d");
  draw.scale(dense, dense);
  draw.font = "11px system-ui, sans-serif";
  return { canvas, draw, width, height };
}

/** From numbers to pixels, with a margin for words. */
function scale(low, high, from, to) {
  const wide = high - low || 1;
  return (x) => from + ((x - low) / wide) * (to - from);
}

function path(draw, points, style, width = 2) {
  draw.beginPath();
  points.forEach(([x, y], i) => (i ? draw.lineTo(x, y) : draw.moveTo(x, y)));
  draw.strokeStyle = style;
  draw.lineWidth = width;
  draw.stroke();
}

function dot(draw, [x, y], radius, style) {
  draw.beginPath();
  draw.arc(x, y, radius, 0, 7);
  draw.fillStyle = style;
  draw.fill();
}

function caption(draw, text, x, y, align = "left") {
  draw.textAlign = align;
  draw.fillStyle = colour("soft");
  draw.fillText(text, x, y);
}

function drawLosses() {
  const { canvas, draw, width, height } = sheet("losses");
  const losses = train.losses.length ? train.losses : [lossOf(results())];
  const finite = losses.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const [x, y] = [scale(0, Math.max(losses.length - 1, 1), 10, width - 10), scale(low, high, height - 18, 18)];
  const points = losses.flatMap((loss, i) => (Number.isFinite(loss) ? [[x(i), y(loss)]] : []));
  path(draw, points, colour("leaf"));
  if (points.length) dot(draw, points.at(-1), 4, colour("flow")); // else no loss is finite
  caption(draw, number(high), 4, 11);
  caption(draw, number(losses.at(-1)), width - 4, 11, "right");
  caption(draw, stepsText(losses.length - 1), width - 4, height - 4, "right");
  canvas.setAttribute("aria-label", t`${whole.nodes.at(-1).label} over ${stepsText(losses.length - 1)}: from ${number(losses[0])} to ${number(losses.at(-1))}`);
}

function stepsText(count) {
  return count === 1 ? t`1 step` : t`${count} steps`;
}

/** About how much one computation of the result takes. */
function effort() {
  const { code, forms } = live.program;
  const shapeOf = (i) => forms[code[i][1]]?.[0] ?? [];
  const each = code.slice(0, numberOf("value", whole.nodes.length - 1) + 1).map(([name, , given], i) => {
    return 50 + size(shapeOf(i)) * (name === "matmul" ? shapeOf(given[0]).at(-1) : 1);
  });
  return each.reduce((sum, x) => sum + x, 0);
}

/** The result for other numbers at some elements: [{id, place}], numbers. */
function lossAt(places, numbers) {
  const arrays = new Map();
  places.forEach(({ id, place }, i) => arrays.set(id, replaced(arrays.get(id) ?? valueOf(id), place, numbers[i])));
  const root = numberOf("value", whole.nodes.length - 1);
  const inputs = new Map(live.inputs);
  for (const [id, array] of arrays) for (const input of live.leaves.get(id)) inputs.set(input, array);
  return replay({ ...live.program, code: live.program.code.slice(0, root + 1) }, inputs)[root].data.reduce((sum, x) => sum + x, 0);
}

/** Where an element has been, and where it is now. */
function track({ id, place }) {
  return [...train.path.map((arrays) => arrays.get(id)?.data[place]), valueOf(id).data[place]].filter(Number.isFinite);
}

/** The interval that shows an element's track with room at both sides. */
function span(choice) {
  const all = track(choice);
  const now = all.at(-1);
  const next = ruled(choice.id)?.value.data[choice.place] ?? now;
  const room = Math.max(1, 0.6 * Math.abs(now));
  const far = Math.max(...all.map((x) => Math.abs(x - now)), Number.isFinite(next) ? Math.min(Math.abs(next - now), 20 * room) : 0);
  return [now - far - room, now + far + room];
}

/** The loss over one parameter, its tangent, whose slope is the gradient, and the steps so far. */
function drawCurve(choice) {
  const { canvas, draw, width, height } = sheet("landscape");
  const [low, high] = span(choice);
  const count = Math.max(15, Math.min(SAMPLES, Math.floor(WORK / effort())));
  const at = Array.from({ length: count + 1 }, (_, i) => low + (i / count) * (high - low));
  const curve = at.map((w) => [w, lossAt([choice], [w])]).filter(([, loss]) => Number.isFinite(loss));
  const now = [track(choice).at(-1), lossOf(results())];
  const heights = [...curve.map(([, loss]) => loss), now[1]];
  const [bottom, top] = [Math.min(...heights), Math.max(...heights)];
  const [x, y] = [scale(low, high, 8, width - 8), scale(bottom, top, height - 18, 18)];
  const slope = results()[numberOf("total", choice.id)].data[choice.place];
  draw.save();
  draw.beginPath();
  draw.rect(0, 14, width, height - 28);
  draw.clip();
  path(draw, curve.map(([w, loss]) => [x(w), y(loss)]), colour("leaf"));
  path(draw, [low, high].map((w) => [x(w), y(now[1] + slope * (w - now[0]))]), colour("flow"), 1.5);
  draw.restore();
  const walked = train.path.map((arrays, i) => [arrays.get(choice.id)?.data[choice.place], train.losses[i]]);
  for (const [w, loss] of walked.slice(-60)) if (Number.isFinite(w + loss)) dot(draw, [x(w), y(loss)], 2.5, colour("soft"));
  dot(draw, [x(now[0]), y(now[1])], 5, colour("flow"));
  caption(draw, number(low, "", 3), 4, height - 4);
  caption(draw, t`${choice.label} = ${number(now[0])}, slope ${number(slope)}`, width / 2, height - 4, "center");
  caption(draw, number(high, "", 3), width - 4, height - 4, "right");
  caption(draw, number(top), 4, 11);
  describe(canvas, t`${whole.nodes.at(-1).label} over ${choice.label} from ${number(low)} to ${number(high)}; at ${number(now[0])} the tangent has slope ${number(slope)}, the gradient`);
}

function describe(canvas, text) {
  canvas.setAttribute("aria-label", text);
}
