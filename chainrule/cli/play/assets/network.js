// The page around a Trainer: settings, the map, the curve, the network's picture.

const page = JSON.parse(document.getElementById("network").textContent);
const $ = (id) => document.getElementById(id);
const form = $("settings");
const token = new URLSearchParams(location.search).get("token") ?? "";
const style = getComputedStyle(document.documentElement);
const colours = new Map(); // of the theme; asking the style for one costs more than painting with it
const colour = (name) => colours.get(name) ?? colours.set(name, style.getPropertyValue(`--cr-${name}`).trim()).get(name);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours.clear();
  pale = [];
  look();
});
const BUDGET = 8; // milliseconds of a frame that may go into steps, or into pictures
const LOOK = 100; // milliseconds between two looks at the whole network
const WAIT = 300; // milliseconds after the last change of a setting
const SIZES = [0, 0.0001, 0.001, 0.01, 0.1]; // of L1 and L2

let trainer, seen, curve, running = false, next = 0, looked = 0, own = [];
let rate = 0.03;

// ---- settings

const CALLED = { own: t`own`, "by activation": t`by activation` }; // of the options, which else are names

function fill(options) {
  const lists = { ...options, l1: SIZES, l2: SIZES };
  for (const [name, words] of Object.entries(lists))
    form.elements[name].replaceChildren(...words.map((word) => Object.assign(document.createElement("option"), { value: word, textContent: CALLED[word] ?? word })));
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
  trainer = new Trainer(made);
  if (form.elements.data.value !== "own") own = [];
  again();
}

function again() {
  trainer.reset();
  curve = [];
  drawWires();
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

function frame(now) {
  next = requestAnimationFrame(frame);
  const begun = performance.now();
  if (undrawn.length) drawNeurons(BUDGET);
  else if (now - looked > LOOK) look();
  else
    do trainer.train(rate);
    while (performance.now() - begun < BUDGET);
}

function look() {
  seen = trainer.see(grid());
  const [train, test] = means(Array.from(seen.losses), trainer.n);
  curve.push([trainer.steps, train, test]);
  if (curve.length > 600) curve = curve.filter((_, i) => i % 2 === 0 || i > 500);
  $("state").textContent = t`${trainer.steps.toLocaleString("en")} steps`;
  $("train-loss").textContent = shownLoss(train);
  $("test-loss").textContent = shownLoss(test);
  const hits = trainer.y.slice(trainer.n).filter((y, i) => (seen.scores[trainer.n + i] > 0) === (y > 0.5)).length;
  $("right").textContent = trainer.regression ? "" : t`· ${Math.round((100 * hits) / (trainer.y.length - trainer.n))} % of them right`;
  if (!Number.isFinite(train)) {
    if (running) return stop();
    $("state").textContent += `: ${t`the loss is no number any more. Try a smaller learning rate.`}`;
  }
  drawMap();
  drawCurve();
  drawGradients();
  drawWeights();
  undrawn = [...neurons];
  if (!running) drawNeurons();
}

const shownLoss = (x) => (Number.isFinite(x) ? x.toPrecision(3) : String(x));

function stop() {
  if (!running) return;
  running = false;
  cancelAnimationFrame(next);
  look();
  $("run").textContent = t`Run`;
  $("run").setAttribute("aria-pressed", "false");
}

$("run").addEventListener("click", () => {
  if (running) return stop();
  running = true;
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

// ---- the map

const SIDE = Math.sqrt(size(page.look.forms[page.look.code[page.look.given["argument 2"]][1]][0]) / 2);
function grid() {
  const tick = (k) => -page.edge + (2 * page.edge * k) / (SIDE - 1);
  const rows = Array.from({ length: SIDE * SIDE }, (_, i) => [tick(i % SIDE), -tick(Math.floor(i / SIDE))]);
  return { shape: [rows.length, 2], dtype: "float32", data: Float64Array.from(rows.flat(), Math.fround) };
}

/** Blue below, orange above, and in between the ground: RGB for a number from −1 to 1. */
function shade(x) {
  const [low, mid, high] = [colour("leaf"), colour("paper"), colour("operation")].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const [end, part] = [x < 0 ? low : high, Math.min(1, Math.abs(x))];
  return mid.map((m, k) => Math.round(m + (end[k] - m) * part));
}

let pale = []; // 65 colours, paler than the points'

function painted(values, scale) {
  const image = new ImageData(SIDE, SIDE);
  if (!pale.length) pale = Array.from({ length: 65 }, (_, k) => shade((0.55 * (k - 32)) / 32));
  for (let i = 0; i < values.length; i++) {
    const place = Math.round(32 + 32 * Math.max(-1, Math.min(1, values[i] * scale || 0))); // nan is painted as 0
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = pale[place][k];
    image.data[4 * i + 3] = 255;
  }
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

const across = (x) => ((x + page.edge) / (2 * page.edge)) * $("map").width;
const down = (x) => ((page.edge - x) / (2 * page.edge)) * $("map").height;

function drawMap() {
  const context = $("map").getContext("2d");
  context.imageSmoothingEnabled = true;
  context.drawImage(painted(seen.score, trainer.regression ? 1 : 0.5), 0, 0, $("map").width, $("map").height);
  trainer.x.forEach(([x1, x2], i) => {
    const y = trainer.regression ? trainer.y[i] : 2 * trainer.y[i] - 1;
    context.beginPath();
    context.arc(across(x1), down(x2), 3.2, 0, 2 * Math.PI);
    const [own, learned] = [`rgb(${shade(y)})`, i < trainer.n];
    context.fillStyle = learned ? own : colour("paper");
    context.strokeStyle = learned ? colour("ink") : own;
    context.lineWidth = learned ? 0.7 : 2;
    context.fill();
    context.stroke();
  });
}

$("map").addEventListener("click", (event) => {
  const box = $("map").getBoundingClientRect();
  const at = [((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2].map((x) => x * page.edge);
  if (form.elements.data.value === "own") {
    own.push([...at, event.shiftKey ? 0 : 1]);
    clearTimeout(later);
    later = setTimeout(make, WAIT);
    return;
  }
  const far = trainer.x.map(([x1, x2]) => Math.hypot(x1 - at[0], x2 - at[1]));
  open(far.indexOf(Math.min(...far)));
});
$("map").addEventListener("keydown", ({ key }) => key === "Enter" && open(0));

// ---- the curve and the gradients

function drawCurve() {
  const canvas = $("curve");
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const top = Math.max(...curve.flatMap(([, a, b]) => [a, b]).filter(Number.isFinite), 1e-9);
  const last = Math.max(1, curve.at(-1)[0]);
  [["leaf", 1], ["flow", 2]].forEach(([name, k]) => {
    context.beginPath();
    for (const row of curve) context.lineTo((row[0] / last) * canvas.width, canvas.height - 4 - (row[k] / top) * (canvas.height - 8));
    context.strokeStyle = colour(name);
    context.lineWidth = 2;
    context.stroke();
  });
}

function drawGradients() {
  const sizes = trainer.gradients();
  const bars = sizes.map((x) => {
    const bar = document.createElement("div");
    bar.style.height = `${Math.max(0, Math.min(100, 20 * (Math.log10(x || 1e-9) + 5)))}%`;
    bar.title = x.toExponential(1);
    return bar;
  });
  $("gradients").replaceChildren(...bars);
}

// ---- the network

const [BOX, NAMES] = [34, "http://www.w3.org/2000/svg"];
let neurons = []; // [{ image, layer, unit, last: the number of the last layer }]
let undrawn = []; // those whose pictures are older than what was seen
let wires = []; // [{ line, place }]

function made(tag, attributes, ...inside) {
  const element = document.createElementNS(NAMES, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

function drawWires() {
  const matrices = trainer.parameters.filter(([name]) => name.endsWith("weight"));
  const layers = [2, ...matrices.map(([, [, n]]) => n)];
  const [wide, high] = [140 * (layers.length - 1) + 2 * BOX + 40, Math.max(...layers) * (BOX + 12) + 30];
  const place = (layer, unit) => [BOX + 10 + 140 * layer, high / 2 + (unit - (layers[layer] - 1) / 2) * (BOX + 12)];
  [neurons, wires] = [[], []];
  const parts = [];
  matrices.forEach(([name, [n, m], start], k) => {
    for (let i = 0; i < n * m; i++) {
      const [[x1, y1], [x2, y2]] = [place(k, Math.floor(i / m)), place(k + 1, i % m)];
      const line = made("line", { x1: x1 + BOX / 2, y1, x2: x2 - BOX / 2, y2 }, made("title", {}));
      wires.push({ line, place: start + i });
      parts.push(line);
    }
  });
  layers.forEach((count, layer) => {
    for (let unit = 0; unit < count; unit++) {
      const [x, y] = place(layer, unit);
      const label = layer === 0 ? `x${unit + 1}` : layer === layers.length - 1 ? t`score` : t`layer ${layer}, neuron ${unit + 1}`;
      const image = made("image", { x: x - BOX / 2, y: y - BOX / 2, width: BOX, height: BOX });
      const asks = t`${label}: see the backpropagation of point 1`;
      const box = made("g", { class: "neuron", tabindex: 0, role: "button", "aria-label": asks });
      box.append(image, made("rect", { x: x - BOX / 2, y: y - BOX / 2, width: BOX, height: BOX, rx: 5 }), made("title", {}, asks));
      box.addEventListener("click", () => open(0));
      box.addEventListener("keydown", ({ key }) => key === "Enter" && open(0));
      for (const event of ["pointerenter", "focus"]) box.addEventListener(event, () => tell(label, layer, unit));
      neurons.push({ image, layer, unit, last: layers.length - 1 });
      parts.push(box);
    }
  });
  $("wires").setAttribute("viewBox", `0 0 ${wide} ${high}`);
  $("wires").style.maxWidth = `${wide * 1.3}px`;
  $("wires").replaceChildren(...parts);
}

function drawWeights() {
  const weights = trainer.flat();
  const most = Math.max(...weights.map(Math.abs), 1e-9);
  for (const { line, place } of wires) {
    const w = weights[place];
    line.setAttribute("stroke", colour(w < 0 ? "leaf" : "operation"));
    line.setAttribute("stroke-width", 0.3 + 5 * (Math.abs(w) / most));
    line.firstChild.textContent = t`weight ${Number(w.toPrecision(3))}`;
  }
}

/** Draws neurons that are not drawn, for some milliseconds. */
function drawNeurons(budget = Infinity) {
  const [points, begun] = [grid().data, performance.now()];
  while (undrawn.length && performance.now() - begun < budget) {
    const { image, layer, unit, last } = undrawn.pop();
    const [data, wide] = layer === 0 ? [points, 2] : layer === last ? [seen.score, 1] : [seen.layers[layer - 1].data, seen.layers[layer - 1].shape[1]];
    const values = Float64Array.from({ length: SIDE * SIDE }, (_, i) => data[i * wide + unit]);
    const reach = values.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-9);
    image.setAttribute("href", address(painted(values, 1 / reach)));
  }
  looked = performance.now(); // between two looks is time to train, however long they take
}

const sheet = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
function address(canvas) {
  sheet.getContext("2d").drawImage(canvas, 0, 0);
  return sheet.toDataURL();
}

function tell(label, layer, unit) {
  const found = trainer.parameters.filter(([name]) => name.endsWith(".bias"))[layer - 1];
  const bias = found && Number(trainer.flat()[found[2] + unit].toPrecision(3));
  $("picked").textContent = found ? t`${label}, bias ${bias}` : label;
}

// ---- the program, and one example's graph

async function open(point) {
  stop();
  const made = await ask("example", { settings: trainer.settings, weights: Array.from(trainer.flat()), point });
  $("error").hidden = !made.error;
  $("error").textContent = made.error ?? "";
  if (made.error) return;
  show(t`Point ${point + 1} at (${trainer.x[point].map((x) => x.toFixed(2)).join(", ")}), with the weights of now`, null, made.page);
}

function show(title, program, graph) {
  $("window-title").textContent = title;
  $("program").hidden = $("copy").hidden = program === null;
  $("program").textContent = program ?? "";
  $("example").hidden = graph === null;
  $("example").srcdoc = graph ?? "";
  $("window").showModal();
}

$("python").addEventListener("click", () => show(t`The same in Python`, trainer.source.replace(/lr=[^)]*\)/, `lr=${Number(rate.toPrecision(6))})`), null));
$("close").addEventListener("click", () => $("window").close());
$("copy").addEventListener("click", () => navigator.clipboard?.writeText($("program").textContent));

fill(page.options);
put(page.settings);
if (page.alone) for (const element of form.elements) element.disabled = element.id !== "rate";
begin(page);
