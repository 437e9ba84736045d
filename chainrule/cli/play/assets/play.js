// The playground: a formula, its values, and the page of its graph in a frame. The address holds all of it. Python reads the
// formula and records the graph; the page in the frame computes what its values give.

const { examples, static: alone, network } = JSON.parse(document.getElementById("play").textContent);
const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token") ?? "";
const WAIT = 250; // milliseconds after the last key until a formula is read

let state = null; // { formula, values: { name: number } }
let shown = null; // what Python made of it: { page, values, source }
let live = false; // whether the page in the frame takes new values
let asked = 0; // requests so far; only the answer to the last one is shown

// ---- the address

function written() {
  return `#${new URLSearchParams([["formula", state.formula], ...Object.entries(state.values)])}`;
}

function linked(fragment) {
  const [first, ...values] = new URLSearchParams(fragment.slice(1)); // a value may be called formula, too
  return first?.[0] === "formula" ? { formula: first[1], values: Object.fromEntries(values) } : null;
}

const kept = () => history.replaceState(null, "", written());

// ---- the graph

async function made({ formula, values }) {
  if (alone) {
    const example = examples.find((e) => e.formula === formula);
    if (example) return { ...example, values: Object.fromEntries(Object.entries(example.values).map(([name, value]) => [name, values[name] ?? value])) };
    return { error: t`this file has its examples only; ${"`python -m chainrule play`"} reads any formula` };
  }
  const texts = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])); // JSON has no nan
  try {
    const answer = await fetch(`graph?${new URLSearchParams({ token })}`, { method: "POST", body: JSON.stringify({ formula, values: texts }) });
    return answer.ok ? await answer.json() : { error: await answer.text() };
  } catch {
    return { error: t`the server does not answer: is ${"`python -m chainrule play`"} still running?` };
  }
}

async function draw() {
  const turn = ++asked;
  const result = await made(state);
  if (turn !== asked) return;
  $("error").hidden = !result.error;
  $("error").textContent = result.error ?? "";
  $("formula").setAttribute("aria-invalid", String(Boolean(result.error)));
  $("python").disabled = $("link").disabled = Boolean(result.error); // what they would show is of another formula
  if (result.error) return;
  shown = result;
  const numbers = Object.entries(result.values).map(([name, value]) => [name, read(String(value).replace("-", "−"))]);
  state = { formula: state.formula, values: Object.fromEntries(numbers) };
  live = false;
  $("graph").srcdoc = result.page;
  sliders();
  marks();
  kept();
}

function show(next) {
  state = { formula: next.formula, values: { ...next.values } };
  if ($("formula").value !== state.formula) $("formula").value = state.formula;
  draw();
}

// ---- the values

function sliders() {
  const rows = Object.entries(state.values).map(([name, value]) => {
    const row = Object.assign(document.createElement("label"), { className: "slider" });
    const reach = Number.isFinite(value) ? Math.min(Math.max(5, 2 * Math.abs(value)), Number.MAX_VALUE / 4) : 5;
    const range = Object.assign(document.createElement("input"), { type: "range", min: -reach, max: reach, step: 10 ** Math.floor(Math.log10(reach / 100)), value });
    const output = Object.assign(document.createElement("output"), { textContent: number(value) });
    row.append(Object.assign(document.createElement("b"), { textContent: name }), range, output);
    row.dataset.name = name;
    range.addEventListener("input", () => set(name, range.valueAsNumber));
    return row;
  });
  $("sliders").replaceChildren(...rows);
}

let later = 0;
function set(name, value) {
  state.values[name] = value;
  $("sliders").querySelector(`[data-name="${CSS.escape(name)}"] output`).textContent = number(value);
  kept();
  if (live) $("graph").contentWindow.postMessage({ chainrule: "set", name, value }, "*");
  else if (!alone) {
    clearTimeout(later);
    later = setTimeout(draw, WAIT);
  }
}

// what the page in the frame says: that it can be given values, and which values it has now
window.addEventListener("message", ({ source, data }) => {
  if (source !== $("graph").contentWindow) return;
  if (data?.chainrule === "ready") {
    live = true;
    for (const [name, value] of Object.entries(state.values)) source.postMessage({ chainrule: "set", name, value }, "*");
  }
  if (data?.chainrule !== "values") return;
  for (const row of $("sliders").children) {
    const value = data.values[row.dataset.name];
    if (typeof value !== "number") continue;
    state.values[row.dataset.name] = value;
    const range = row.querySelector("input");
    if (document.activeElement !== range) range.value = value;
    row.querySelector("output").textContent = number(value);
  }
  kept();
});

// ---- examples, Python, link

for (const example of examples) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: example.title });
  button.addEventListener("click", () => {
    history.pushState(null, "", location.hash); // what is shown now is one "back" away
    show(example);
  });
  $("examples").append(button);
}

function marks() {
  const chosen = examples.findIndex((e) => e.formula === state.formula);
  [...$("examples").children].forEach((button, i) => button.setAttribute("aria-current", String(i === chosen)));
  $("hint").textContent = examples[chosen]?.hint ?? "";
}

function program() {
  // values may have moved since Python wrote the program
  return shown.source.replace(/^(\S+ = cr\.Value\().*(, "(\S+)"\))$/gmu, (_, before, behind, name) => `${before}${float(state.values[name])}${behind}`);
}

const float = (x) => (Number.isInteger(x) && Math.abs(x) < 1e16 ? x.toFixed(1) : Number.isFinite(x) ? String(x) : `float("${x}")`);

async function copy(what, words) {
  try {
    await navigator.clipboard.writeText(what);
    $("status").textContent = words;
  } catch {
    $("status").textContent = t`This browser does not let the page copy.`;
  }
  setTimeout(() => ($("status").textContent = ""), 3000);
}

$("python").addEventListener("click", () => {
  if (!shown) return;
  $("program").textContent = program();
  $("source").showModal();
});
$("close").addEventListener("click", () => $("source").close());
$("copy").addEventListener("click", () => copy($("program").textContent, t`Program copied.`));
// without the token, which is of this server only: the address works wherever the playground runs, behind its own ?token
$("link").addEventListener("click", () => copy(alone ? location.href : written(), alone ? t`Link copied.` : t`State copied: add it to the address of a playground.`));

// ---- the two tabs

function tab(name) {
  const frame = $("network");
  if (name === "network" && !frame.src && !frame.srcdoc) {
    if (alone) frame.srcdoc = network;
    else frame.src = `network?${new URLSearchParams({ token })}`;
  }
  frame.hidden = name !== "network";
  document.querySelector("main").hidden = $("python").hidden = $("link").hidden = name === "network";
  $("networks").setAttribute("aria-pressed", String(name === "network"));
  $("formulas").setAttribute("aria-pressed", String(name !== "network"));
}
$("networks").addEventListener("click", () => tab("network"));
$("formulas").addEventListener("click", () => tab("formula"));

let typing = 0;
$("formula").readOnly = alone;
$("formula").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => show({ formula: $("formula").value, values: state.values }), WAIT);
});
window.addEventListener("hashchange", () => show(linked(location.hash) ?? examples[0]));
show(linked(location.hash) ?? examples[0]);
