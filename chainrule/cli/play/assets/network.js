// The page around a Trainer: its settings, its frames, and what the learner points at.

const form = $("settings");
const token = new URLSearchParams(location.search).get("token") ?? "";
const BUDGET = 7; // milliseconds of a frame after which no further part of a step, or of a look, is begun
const FRAME = "a frame"; // what a generator yields where the next part should have a frame of its own
const LOOK = 100; // milliseconds between two looks at the whole network
const WAIT = 300; // milliseconds after the last change of a setting
const SIZES = [0, 0.0001, 0.001, 0.01, 0.1]; // of L1 and L2
const REACH = 10; // pixels from a point within which a click means it

let trainer, seen, curve, running = false, next = 0, looked = 0, own = [], chosen = 0, count = 0;
let work = null; // the step or the look that is under way
let rate = 0.03;

// ---- settings

const OPTION = { own: t`own`, "by activation": t`by activation` }; // of the options, which else are names

function fill(options) {
  const lists = { ...options, l1: SIZES, l2: SIZES };
  for (const [name, words] of Object.entries(lists))
    form.elements[name].replaceChildren(...words.map((word) => Object.assign(document.createElement("option"), { value: word, textContent: OPTION[word] ?? word })));
}

function put(settings) {
  for (const [name, value] of Object.entries(settings)) if (form.elements[name]) form.elements[name].value = Array.isArray(value) ? value.join(", ") : value;
  setRate(settings.rate);
}

function settings() {
  const given = { rate, own: form.elements.data.value === "own" ? own : [] };
  for (const { name, value, type } of form.elements) if (name) given[name] = type === "number" || type === "range" || /^l[12]$/.test(name) ? Number(value) : value;
  given.layers = given.layers.split(/[,;\s]+/).filter(Boolean).map((word) => (Number.isInteger(Number(word)) ? Number(word) : word));
  return given;
}

function setRate(value) {
  rate = value;
  $("rate").value = Math.log10(value);
  $("rate-shown").textContent = String(Number(value.toPrecision(2)));
}

async function ask(path, body) {
  if (page.alone) return { error: t`this file has one network; ${"`python -m chainrule play`"} makes any` };
  try {
    const answer = await fetch(`${path}?${new URLSearchParams({ token })}`, { method: "POST", body: JSON.stringify(body) });
    return answer.ok ? await answer.json() : { error: await answer.text() };
  } catch {
    return { error: t`the server does not answer: is ${"`python -m chainrule play`"} still running?` };
  }
}

let asked = 0;
async function make() {
  const turn = ++asked;
  const made = await ask("made", { settings: settings() });
  if (turn !== asked) return;
  $("error").hidden = !made.error;
  $("error").textContent = made.error ?? "";
  if (!made.error) begin(made);
}

function begin(made) {
  trainer = Object.assign(new Trainer(made), { number: ++count });
  if (form.elements.data.value !== "own") own = [];
  if (chosen >= trainer.x.length) chosen = 0;
  layNetwork();
  again();
}

function again() {
  trainer.reset();
  curve = [];
  look();
}

let later = 0;
form.addEventListener("input", ({ target }) => {
  if (target.id === "rate") return setRate(10 ** target.valueAsNumber);
  if (target.id === "csv") return;
  if (target.name === "data" && target.value === "own" && own.length < 4) own = trainer.x.map((p, i) => [...p, trainer.y[i]]);
  clearTimeout(later);
  later = setTimeout(make, WAIT);
});
form.addEventListener("submit", (event) => event.preventDefault());

/** The numbers of a line; nan for what is none. Where semicolons or tabs part them, a comma is a decimal point. */
function numbersOf(line) {
  const cells = /[;\t]/.test(line) ? line.replaceAll(",", ".").split(/[;\t]/) : line.split(",");
  return cells.map((cell) => parseFloat(cell.replaceAll('"', "").trim() && Number(cell.replaceAll('"', ""))));
}

$("csv").addEventListener("change", async ({ target }) => {
  if (!target.files.length) return;
  const rows = (await target.files[0].text()).split(/\r\n?|\n/).map(numbersOf).filter((row) => row.length === 3 && row.every(Number.isFinite));
  target.value = ""; // so that the same file, changed, can be chosen again
  if (rows.length < 4) {
    $("error").hidden = false;
    $("error").textContent = t`the file needs at least 4 lines of three numbers, x1, x2 and y, with commas or semicolons between them; the two classes are 0 and 1`;
    return;
  }
  own = fitted(rows.slice(0, 600));
  form.elements.data.value = "own";
  make();
});

/** Points moved and scaled so that they lie on the map; y stays. */
function fitted(rows) {
  const ends = [0, 1].map((k) => [Math.min(...rows.map((row) => row[k])), Math.max(...rows.map((row) => row[k]))]);
  const scaled = (x, [low, high]) => (high > low ? ((x - low) / (high - low) - 0.5) * 1.8 * page.edge : 0);
  return rows.map(([x1, x2, y]) => [scaled(x1, ends[0]), scaled(x2, ends[1]), y]);
}

// ---- training

function frame() {
  next = requestAnimationFrame(frame);
  const begun = performance.now();
  let part = {};
  do {
    part = work?.next() ?? { done: true };
    if (part.done) work = begun - looked > LOOK ? looking() : trainer.training(rate);
  } while (running && part.value !== FRAME && performance.now() - begun < BUDGET);
}

function look() {
  work = null;
  finished(looking());
}

/** Looks at the whole network and shows what there is, as a generator that gives way between parts that are short. */
function* looking() {
  seen = yield* trainer.seeing(GRID);
  const [train, test] = means(Array.from(seen.losses), trainer.n);
  curve.push([trainer.steps, train, test]);
  if (curve.length > 600) curve = curve.filter((_, i) => i % 2 === 0 || i > 500);
  tell(train, test);
  if (running && !Number.isFinite(train)) return stop();
  for (const i of neurons.keys()) {
    paintNeuron(i);
    yield;
  }
  yield FRAME; // the browser paints a thousand lines after ours, when the frame ends
  drawNetwork();
  yield FRAME;
  drawMap();
  yield;
  drawCurve();
  drawGradients();
  looked = performance.now(); // between two looks is time to train, however long they take
}

function tell(train, test) {
  $("state").textContent = t`${trainer.steps.toLocaleString("en")} steps`;
  if (!Number.isFinite(train)) $("state").textContent += `: ${t`the loss is no number any more. Try a smaller learning rate.`}`;
  $("train-loss").textContent = shownLoss(train);
  $("test-loss").textContent = shownLoss(test);
  const hits = trainer.y.slice(trainer.n).filter((y, i) => (seen.scores[trainer.n + i] > 0) === (y > 0.5)).length;
  $("right").textContent = trainer.regression ? "" : t`· ${Math.round((100 * hits) / (trainer.y.length - trainer.n))} % of them right`;
  tellPoint();
}

const shownLoss = (x) => (Number.isFinite(x) ? x.toPrecision(3) : String(x));

function stop() {
  if (!running) return;
  running = false;
  cancelAnimationFrame(next);
  $("state").setAttribute("aria-live", "polite");
  look();
  $("run").textContent = t`Run`;
  $("run").setAttribute("aria-pressed", "false");
}

$("run").addEventListener("click", () => {
  if (running) return stop();
  running = true;
  $("state").setAttribute("aria-live", "off"); // ten numbers a second are nothing to be read aloud
  $("run").textContent = t`Pause`;
  $("run").setAttribute("aria-pressed", "true");
  next = requestAnimationFrame(frame);
});
$("step").addEventListener("click", () => {
  stop();
  trainer.train(rate);
  look();
});
$("reset").addEventListener("click", () => {
  stop();
  again();
});

// ---- the points

/** What is known of the chosen point. */
function tellPoint() {
  const [x1, x2] = trainer.x[chosen];
  const kind = trainer.regression ? t`target ${tidy(trainer.y[chosen])}` : t`class ${trainer.y[chosen]}`;
  const role = chosen < trainer.n ? t`learned from` : t`new to the network`;
  $("chosen").textContent = t`Point ${chosen + 1} at (${tidy(x1)}, ${tidy(x2)}), ${kind}, ${role}: score ${tidy(seen.scores[chosen])}, loss ${tidy(seen.losses[chosen])}`;
}

function choose(point) {
  chosen = point;
  tellPoint();
  drawMap();
}

/** [the point that is nearest to a place, how many pixels away it is]. */
function nearest(x1, x2, apart = Math.hypot) {
  const far = trainer.x.map((p) => apart(p[0] - x1, p[1] - x2));
  const least = Math.min(...far);
  return [far.indexOf(least), (least * span()) / (2 * page.edge)];
}

$("map").addEventListener("click", ({ offsetX, offsetY, shiftKey }) => {
  const at = [(offsetX / span()) * 2 - 1, 1 - (offsetY / span()) * 2].map((x) => x * page.edge);
  const [point, far] = nearest(...at);
  if (form.elements.data.value !== "own" || far < REACH) return choose(point);
  own.push([...at, shiftKey ? 0 : 1]);
  clearTimeout(later);
  later = setTimeout(make, WAIT);
});
$("map").addEventListener("dblclick", () => open());
$("map").addEventListener("keydown", (event) => {
  if (event.key === "Enter") return open();
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!way) return;
  event.preventDefault();
  const beside = (dx, dy) => {
    const ahead = dx * way[0] + dy * way[1];
    return ahead > 0 ? ahead + 3 * Math.abs(dx * way[1] + dy * way[0]) : Infinity;
  };
  const [point, far] = nearest(...trainer.x[chosen], beside);
  if (far < Infinity) choose(point);
});
$("wires").addEventListener("pointermove", (event) => event.target === $("wires") && tellWire(wireAt(event)));
$("wires").addEventListener("pointerleave", () => tellWire());
$("wires").addEventListener("click", (event) => {
  const wire = event.target === $("wires") && wireAt(event);
  if (wire) open({ weight: wire.to.layer - 1 });
});
$("open").addEventListener("click", () => open());

// ---- the program, and one example's graph

/** Opens the graph of the chosen point's loss, at the output of a layer or at a matrix of weights if one is named. */
async function open({ layer, weight } = {}) {
  stop();
  const point = chosen;
  const made = await ask("example", { settings: trainer.settings, weights: Array.from(trainer.flat()), point });
  $("error").hidden = !made.error;
  $("error").textContent = made.error ?? "";
  if (made.error) return;
  const node = made.outputs[layer] ?? made.weights[weight];
  show(t`Point ${point + 1} at (${trainer.x[point].map(tidy).join(", ")}), with the weights of now`, null, made.page, node);
}

function show(title, program, graph, node) {
  $("window-title").textContent = title;
  $("program").hidden = $("copy").hidden = program === null;
  $("program").textContent = program ?? "";
  $("example").hidden = graph === null;
  $("example").onload = () => node === undefined || ($("example").contentWindow.location.hash = `pick=${node}`);
  $("example").srcdoc = graph ?? "";
  $("window").showModal();
}

$("python").addEventListener("click", () => show(t`The same in Python`, trainer.source.replace(/lr=[^)]*\)/, `lr=${Number(rate.toPrecision(6))})`), null));
$("close").addEventListener("click", () => $("window").close());
$("copy").addEventListener("click", () => navigator.clipboard?.writeText($("program").textContent));

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours.clear();
  pale = [];
  look();
});
window.addEventListener("resize", () => {
  layNetwork();
  look();
});

fill(page.options);
put(page.settings);
if (page.alone) for (const element of form.elements) element.disabled = element.id !== "rate";
begin(page);
