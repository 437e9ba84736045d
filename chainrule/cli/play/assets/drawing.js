// What the network's page draws: the map with the points, the curve, the network with what each neuron says. All pictures are
// canvases, so that a look at a large network costs milliseconds.

const page = JSON.parse(document.getElementById("network").textContent);
const $ = (id) => document.getElementById(id);
const style = getComputedStyle(document.documentElement);
const colours = new Map(); // of the theme; asking the style for one costs more than painting with it
const colour = (name) => colours.get(name) ?? colours.set(name, style.getPropertyValue(`--cr-${name}`).trim()).get(name);
const SIDE = Math.sqrt(size(page.look.forms[page.look.code[page.look.given["argument 2"]][1]][0]) / 2);
const GRID = grid();
const tidy = (x) => number(Number(x), "", 3);

/** The points of the map, row by row. */
function grid() {
  const tick = (k) => -page.edge + (2 * page.edge * k) / (SIDE - 1);
  const rows = Array.from({ length: SIDE * SIDE }, (_, i) => [tick(i % SIDE), -tick(Math.floor(i / SIDE))]);
  return { shape: [rows.length, 2], dtype: "float32", data: Float64Array.from(rows.flat(), Math.fround) };
}

/** The drawing context of a canvas whose pixels are those of the screen; lengths are in CSS pixels. Empties it. */
function sheet(canvas) {
  const { clientWidth, clientHeight } = canvas;
  const [width, height] = [clientWidth, clientHeight].map((x) => Math.round(x * devicePixelRatio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, clientWidth, clientHeight);
  return context;
}

// ---- colours of numbers

/** Blue below, orange above, and in between the ground: RGB for a number from −1 to 1. */
function shade(x) {
  const [low, mid, high] = [colour("leaf"), colour("paper"), colour("operation")].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const [end, part] = [x < 0 ? low : high, Math.min(1, Math.abs(x))];
  return mid.map((m, k) => Math.round(m + (end[k] - m) * part));
}

let pale = []; // 65 colours, paler than the points'

/** Paints numbers of the grid, every `wide`th from `first` on, as tile `place` of `tiles`. */
function paint(values, first, wide, scale, place) {
  const image = new ImageData(SIDE, SIDE);
  if (!pale.length) pale = Array.from({ length: 65 }, (_, k) => shade((0.55 * (k - 32)) / 32));
  for (let i = 0, at = 0; i < SIDE * SIDE; i++, at += 4) {
    const [r, g, b] = pale[Math.round(32 + 32 * Math.max(-1, Math.min(1, values[first + i * wide] * scale || 0)))]; // nan is painted as 0
    [image.data[at], image.data[at + 1], image.data[at + 2], image.data[at + 3]] = [r, g, b, 255];
  }
  tiles.getContext("2d").putImageData(image, SIDE * place, 0);
}

// ---- the map

const tiles = new OffscreenCanvas(1, SIDE); // side by side: what each neuron says, and what the map shows
const dots = new OffscreenCanvas(1, 1); // the points, which change more seldom than what lies below them
let dotted = ""; // what the dots were drawn for

const span = () => $("map").clientWidth;
const across = (x) => ((x + page.edge) / (2 * page.edge)) * span();
const down = (x) => ((page.edge - x) / (2 * page.edge)) * span();

function drawMap() {
  const context = sheet($("map"));
  const place = watched ?? neurons.length;
  if (watched === null) paint(seen.score, 0, 1, trainer.regression ? 1 : 0.5, place);
  context.drawImage(tiles, SIDE * place, 0, SIDE, SIDE, 0, 0, span(), span());
  drawDots();
  context.drawImage(dots, 0, 0, span(), span());
  const [x, y] = trainer.x[chosen];
  for (const [name, width] of [["paper", 6], ["ink", 3]]) ring(context, across(x), down(y), 8, { strokeStyle: colour(name), lineWidth: width });
}

function ring(context, x, y, radius, look) {
  Object.assign(context, look);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

function drawDots() {
  const now = [trainer.number, span(), devicePixelRatio, colour("paper")].join();
  if (dotted === now) return;
  dotted = now;
  Object.assign(dots, { width: $("map").width, height: $("map").height });
  const context = dots.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  trainer.x.forEach(([x1, x2], i) => {
    const own = `rgb(${shade(trainer.regression ? trainer.y[i] : 2 * trainer.y[i] - 1)})`;
    const learned = i < trainer.n;
    context.fillStyle = learned ? own : colour("paper");
    ring(context, across(x1), down(x2), 3.2, { strokeStyle: learned ? colour("ink") : own, lineWidth: learned ? 0.7 : 2 });
    context.fill();
  });
}

// ---- the curve and the gradients

function drawCurve() {
  const context = sheet($("curve"));
  const { clientWidth: wide, clientHeight: high } = $("curve");
  const top = Math.max(...curve.flatMap(([, a, b]) => [a, b]).filter(Number.isFinite), 1e-9);
  const last = Math.max(1, curve.at(-1)[0]);
  Object.assign(context, { fillStyle: colour("soft"), font: `12px ${style.fontFamily}`, textBaseline: "top", textAlign: "right" });
  context.fillText(tidy(top), wide - 6, 5);
  Object.assign(context, { textBaseline: "bottom", lineWidth: 2, lineJoin: "round" });
  context.fillText(t`step ${last.toLocaleString("en")}`, wide - 6, high - 16);
  [["leaf", 1], ["flow", 2]].forEach(([name, k]) => {
    context.beginPath();
    for (const row of curve) context.lineTo((row[0] / last) * wide, high - 4 - (row[k] / top) * (high - 8));
    context.strokeStyle = colour(name);
    context.stroke();
  });
}

function drawGradients() {
  const sizes = trainer.gradients();
  const bars = $("gradients");
  while (bars.children.length < sizes.length) bars.append(document.createElement("div"));
  while (bars.children.length > sizes.length) bars.lastChild.remove();
  sizes.forEach((x, i) => {
    bars.children[i].style.height = `${Math.max(0, Math.min(100, 20 * (Math.log10(x || 1e-9) + 5)))}%`;
    bars.children[i].title = t`${tidy(x)}, layer ${i + 1}`;
  });
}

// ---- the network

const NAMES = "http://www.w3.org/2000/svg";
const [PITCH, GAP, HEAD] = [230, 10, 24]; // pixels: between layers at most, between neurons, above them
let box = 34; // the side of a neuron
let neurons = []; // [{ label, layer, unit, x, y }]
let wires = []; // [{ from, to, place: in the row of all weights, of: the number of the parameter }]
let watched = null; // the number of the neuron that the map shows in place of the score

function made(tag, attributes, ...inside) {
  const element = document.createElementNS(NAMES, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

/** Finds a place for each neuron in the room that there is, and makes the buttons that lie over the pictures. */
function layNetwork() {
  const matrices = trainer.parameters.flatMap(([name, shape, start], of) => (name.endsWith("weight") ? [{ shape, start, of }] : []));
  const layers = [2, ...matrices.map(({ shape }) => shape[1])];
  const wide = $("net").clientWidth;
  const most = Math.max(...layers);
  const tall = Math.max(260, Math.min(560, innerHeight - 380)) - HEAD;
  const pitch = Math.min(PITCH, (wide - 40) / (layers.length - 1 + 0.4));
  box = Math.round(Math.max(24, Math.min(64, tall / most - GAP, 0.55 * pitch)));
  const high = Math.max(most * (box + GAP), Math.min(tall, 5 * (box + GAP))) + HEAD;
  const left = (wide - pitch * (layers.length - 1)) / 2;
  const name = (layer) => (layer === 0 ? t`input` : layer === layers.length - 1 ? t`score` : t`layer ${layer}`);
  neurons = layers.flatMap((count, layer) =>
    Array.from({ length: count }, (_, unit) => ({
      label: layer === 0 ? `x${unit + 1}` : layer === layers.length - 1 ? t`score` : t`layer ${layer}, neuron ${unit + 1}`,
      layer,
      unit,
      x: left + pitch * layer,
      y: HEAD + (high - HEAD) / 2 + (unit - (count - 1) / 2) * (box + GAP),
    })),
  );
  const at = (layer, unit) => neurons.find((neuron) => neuron.layer === layer && neuron.unit === unit);
  wires = matrices.flatMap(({ shape: [n, m], start, of }, k) =>
    Array.from({ length: n * m }, (_, i) => ({ from: at(k, Math.floor(i / m)), to: at(k + 1, i % m), place: start + i, of })),
  );
  tiles.width = SIDE * (neurons.length + 1);
  watched = null;
  $("wires").setAttribute("viewBox", `0 0 ${wide} ${high}`);
  $("net").style.height = `${high}px`;
  const heads = layers.map((_, layer) => made("text", { x: left + pitch * layer, y: 14, "text-anchor": "middle" }, name(layer)));
  $("wires").replaceChildren(...(pitch > 60 ? heads : []), ...neurons.map(button));
}

function button(neuron, i) {
  const said = t`${neuron.label}: open the backpropagation of the chosen point here`;
  const rect = made("rect", { x: neuron.x - box / 2, y: neuron.y - box / 2, width: box, height: box, rx: 5 });
  const element = made("g", { class: "neuron", tabindex: 0, role: "button", "aria-label": said }, rect);
  element.addEventListener("click", () => open({ layer: neuron.layer }));
  element.addEventListener("keydown", ({ key }) => key === "Enter" && open({ layer: neuron.layer }));
  for (const event of ["pointerenter", "focus"]) element.addEventListener(event, () => watch(i));
  for (const event of ["pointerleave", "blur"]) element.addEventListener(event, () => watch(null));
  return element;
}

/** Draws the weights as lines and, over them, the tiles of the neurons. */
function drawNetwork() {
  const context = sheet($("lines"));
  const weights = trainer.flat();
  let most = 1e-9;
  for (const { place } of wires) most = Math.max(most, Math.abs(weights[place]));
  const [low, high] = [colour("leaf"), colour("operation")];
  for (const { from, to, place } of wires) {
    const w = weights[place];
    context.strokeStyle = w < 0 ? low : high;
    context.lineWidth = 0.3 + (Math.min(6, box / 7) * Math.abs(w)) / most || 0.3;
    context.beginPath();
    context.moveTo(from.x + box / 2, from.y);
    context.lineTo(to.x - box / 2, to.y);
    context.stroke();
  }
  neurons.forEach(({ x, y }, i) => context.drawImage(tiles, SIDE * i, 0, SIDE, SIDE, x - box / 2, y - box / 2, box, box));
}

/** Paints what a neuron says, with its largest number as the strongest colour. */
function paintNeuron(i) {
  const { layer, unit } = neurons[i];
  const last = neurons.at(-1).layer;
  const [data, wide] = layer === 0 ? [GRID.data, 2] : layer === last ? [seen.score, 1] : [seen.layers[layer - 1].data, seen.layers[layer - 1].shape[1]];
  let reach = 1e-9;
  for (let k = unit; k < data.length; k += wide) reach = Math.max(reach, Math.abs(data[k]));
  paint(data, unit, wide, 1 / reach, i);
}

/** Shows on the map what one neuron says, or, for null, the network again. */
function watch(i) {
  watched = i;
  const { label, layer, unit } = neurons[i] ?? {};
  const found = trainer.parameters.filter(([name]) => name.endsWith(".bias"))[layer - 1];
  const bias = found && tidy(trainer.flat()[found[2] + unit]);
  const said = found ? t`${label}, bias ${bias}: the map shows what it says` : t`${label}: the map shows what it says`;
  $("picked").textContent = i === null ? "" : said;
  drawMap();
}

/** The wire under the pointer, or undefined. */
function wireAt({ offsetX: x, offsetY: y }) {
  const far = wires.map(({ from, to }) => {
    const [dx, dy] = [to.x - from.x - box, to.y - from.y];
    const t = (x - from.x - box / 2) / dx;
    return t < 0 || t > 1 ? Infinity : Math.abs(y - from.y - t * dy) * (dx / Math.hypot(dx, dy));
  });
  const least = Math.min(...far);
  return least < 5 ? wires[far.indexOf(least)] : undefined;
}

function tellWire(wire) {
  $("net").classList.toggle("over", Boolean(wire));
  $("picked").textContent = wire ? wireText(wire) : "";
}

function wireText({ from, to, place, of }) {
  const weight = tidy(trainer.flat()[place]);
  if (!trainer.last) return t`weight from ${from.label} to ${to.label}: ${weight}`;
  const gradient = tidy(trainer.last[trainer.step.gradients[of]].data[place - trainer.parameters[of][2]]);
  return t`weight from ${from.label} to ${to.label}: ${weight}, gradient of the last batch ${gradient}`;
}
