// Live values: the learner changes a number, and the recorded program is gone through again. Values, local derivatives,
// contributions and gradients are put where all else of the page reads them. What comes out as it did before any change
// stays as Python computed it, to the last bit.

const live = {
  program: typeof story.live === "string" ? null : story.live,
  reason: typeof story.live === "string" ? story.live : "",
  inputs: new Map(), // number of an instruction -> its array
  leaves: new Map(), // id of a node -> the numbers of its inputs
  before: null, // all results for the program's own numbers
  results: null, // all results now
  changed: false, // whether a leaf has another number than the program gave it
  measured: null, // what a nudge has shown: {id, place, text}
  remarks: [], // where the program might have gone another way
};
const PUT = { value: "nodes", total: "nodes", local: "edges", contribution: "edges", running: "edges", term: "terms" }; // what is kept, and where it belongs

/** The numbers that a story has before any change, by kind and place: those of the whole graph are Python's. */
function recordedOf(told) {
  return Object.fromEntries(Object.entries(PUT).map(([kind, all]) => [kind, told[all].map((item) => item[kind] ?? null)]));
}

whole.recorded = recordedOf(whole);
const before = new Map(steps.filter((step) => step.left).map((step) => [step, step.left]));

if (live.program) begin(live.program);

function begin({ forms, code, given, arrays }) {
  live.leaves.clear();
  for (const [id, number] of given) {
    live.leaves.set(id, [...(live.leaves.get(id) ?? []), number]);
    if (!arrays[number]) live.inputs.set(number, arrayOf(whole.recorded.value[id]));
  }
  for (const [number, data] of Object.entries(arrays)) live.inputs.set(Number(number), decoded(forms[code[number][1]], data));
}

function arrayOf({ shape, dtype, items }) {
  return { shape, dtype: dtype || "float64", data: Float64Array.from([items].flat(Infinity), Number) };
}

/** Whether a node's number, or the elements of its array, can be changed. */
function isEditable(node) {
  const { id } = tale.origin(node, 0);
  return live.leaves.has(id) && node.value && hasItems(node.value) && /float|^$/.test(node.value.dtype);
}

/** Let one element of a leaf be another number, and compute everything again. */
function setElement(id, place, number) {
  if (!Number.isFinite(number)) return;
  live.before ??= replay(live.program, live.inputs);
  for (const input of live.leaves.get(id)) live.inputs.set(input, replaced(live.inputs.get(input), place, number));
  live.measured = null;
  adopt(replay(live.program, live.inputs));
}

function replaced(array, place, number) {
  const data = array.data.slice();
  data[place] = ROUND[array.dtype](number);
  return { ...array, data };
}

/** Back to the program's own numbers. */
function resetLeaves() {
  forget();
  begin(live.program);
  live.measured = null;
  if (live.before) adopt(live.before);
}

/** Put results where the page reads them. */
function adopt(results) {
  live.results = results;
  live.changed = [...live.leaves.values()].flat().some((input) => differs(live.before[input], results[input]));
  for (const [kind, pairs] of Object.entries(live.program.kept)) {
    for (const [id, number] of pairs) {
      const old = whole.recorded[kind][id];
      whole[PUT[kind]][id][kind] = differs(live.before[number], results[number]) ? valuesOf(results[number], old) : old;
    }
  }
  const asRecorded = !live.changed && !train.held.size;
  for (const [step, left] of before) step.left = asRecorded ? left : valuesOf(gradientOf(step.node), left);
  live.remarks = remarks();
  if (tale !== whole) tale.refresh();
}

/** Whether what stands at a node or edge is not what it was before any change. */
function isChanged(kind, id) {
  return tale[PUT[kind]][id][kind] !== tale.recorded[kind][id];
}

function differs(a, b) {
  return a !== b && a.data.some((x, i) => !Object.is(x, b.data[i]));
}

/** An array as the graph has it: elements where they are few, else a summary. */
function valuesOf({ shape, dtype, data }, like) {
  const form = { shape, dtype: like ? like.dtype : dtype };
  if (data.length > 64) return { ...form, summary: summary([...data]) };
  return { ...form, items: nested(dtype === "bool" ? Array.from(data, Boolean) : [...data], shape) };
}

function nested(items, [n, ...rest]) {
  if (n === undefined) return items[0];
  const width = size(rest);
  return Array.from({ length: n }, (_, i) => nested(items.slice(i * width, (i + 1) * width), rest));
}

/** Nudge an element of a leaf by h, up and down: what the result does, beside the gradient. */
function measure(id, place) {
  const [node, root] = [whole.nodes[id], whole.nodes.at(-1)];
  const x = flat(node.value)[place];
  const h = (node.value.dtype === "float32" ? 1e-2 : 1e-4) * Math.max(1, 10 ** Math.floor(Math.log10(Math.abs(x) || 1)));
  const [up, down] = [x + h, x - h].map((at) => lossAt([{ id, place }], [at]));
  const slope = (up - down) / (2 * h);
  const gradient = node.total && hasItems(node.total) ? number(flat(node.total)[place]) : t`unknown`;
  const change = `(${number(up, "", 7)} − ${bracketed(number(down, "", 7))}) / ${number(2 * h)}`;
  live.measured = { id, place, text: `${change} = ${number(slope)}`, said: t`Δ${root.label}/Δ${node.label}, measured with h = ±${number(h)}`, gradient };
}

// ---- where the program might have gone another way

const COMPARES = new Set(["equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "maximum", "minimum"]);

/** What the learner should know: a choice of the program that comes out otherwise, numbers that are compared and nearly equal. */
function remarks() {
  if (!live.changed) return [];
  const { code } = live.program;
  const asked = code.some(([name], i) => name.startsWith("guard") && !live.results[i].data[0]);
  const condition = whole.nodes.find((node) => node.kind === "constant" && node.dtype === "bool");
  const tie = code.some(([name, , operands], i) => COMPARES.has(name) && isTie(operands, i));
  return [
    asked && t`With these numbers the program would have computed in another way: Python may give other numbers.`,
    condition && t`The condition ${condition.label} stays as the program found it, whatever the numbers are now.`,
    tie && t`Numbers are compared here that are equal but for rounding, as at a kink: Python may choose the other side.`,
  ].filter(Boolean);
}

/** Whether an instruction compares numbers that changed, and that are equal but for rounding. */
function isTie(operands, i) {
  const [a, b] = operands.map((x) => (typeof x === "number" ? live.results[x] : { shape: [], data: [literal(x.n)], dtype: "" }));
  if (![a, b].some((x) => x.dtype.startsWith("float"))) return false;
  if (!operands.some((x) => typeof x === "number" && differs(live.before[x], live.results[x]))) return false;
  const [p, q] = [a, b].map((x) => repeated(x, live.results[i].shape));
  const eps = [a, b].some((x) => x.dtype === "float32") ? 2 ** -21 : 2 ** -50;
  return live.results[i].data.some((_, k) => {
    const [x, y] = [a.data[p ? p[k] : k], b.data[q ? q[k] : k]];
    return Math.abs(x - y) <= eps * Math.max(Math.abs(x), Math.abs(y));
  });
}

// ---- the steps in words, where a number was changed

/** The step in one line, with the numbers as they are now; null where Python's own words are right. */
function liveText(step) {
  const isPart = tale !== whole && step.phase !== "seed"; // Python has no words for it
  if (step.phase === "check") return checkText();
  if (step.left && train.rule !== Object.keys(story.rules)[0]) {
    const [value, after, left] = [nodes[step.node].value, updated(step), step.left].map((values) => line(values));
    return t`${nodes[step.node].label}: ${value} → ${after} by ${train.rule}, with gradient ${left} and rate ${number(story.lr)}`;
  }
  if (step.phase === "forward" && (isPart || [step.node, ...operands[step.node].map((e) => e.source)].some((id) => isChanged("value", id)))) {
    return forwardText(nodes[step.node]);
  }
  if (step.phase !== "backward") return null;
  const edge = edges[step.edge];
  const parts = ["local", "contribution", "running"].map((kind) => [kind, edge.id]);
  if (!isPart && ![...parts, ["total", edge.target]].some((part) => isChanged(...part))) return null;
  const count = step.expected > 1 ? ` ${t`(${step.arrived} of ${step.expected})`}` : "";
  const target = nodes[edge.target];
  const so = step.arrived > 1 || !isScalar(edge) ? `; grad = ${inline(edge.running)}` : "";
  const from = target.operation === "rest" ? t`from the rest of the graph` : t`from ${target.label} = ${target.call}`;
  return `${nodes[step.node].label} → ${formula(edge)}${so}${count} ${from}`;
}

/** `d = a * b = 2 * (−3) = −6` */
function forwardText(node) {
  const given = operands[node.id].map((edge) => nodes[edge.source].value);
  const start = `${node.label} = ${node.call}`;
  if (!node.value) return start;
  if (![node.value, ...given].every((values) => values && !values.shape.length)) return `${start} = ${line(node.value)}`;
  const { digits, sign } = agreed((...shown) => valueFrom(node, shown), given, node.value);
  const words = operands[node.id].map(({ source }, i) => (isNumber(nodes[source]) ? nodes[source].label : line(given[i], digits)));
  return `${start} = ${calledWith(node, words)} ${sign} ${line(node.value, digits)}`;
}

/** The call of a node with texts in place of its operands. */
function calledWith(node, texts) {
  return texts.reduce((call, text, i) => withOperand(call, i, text), node.pattern);
}

/** Whether a node is a number of the program's text, which is shown in full. */
function isNumber({ kind, dtype, name }) {
  return kind === "constant" && !dtype && !name;
}

/** A node's number, in a list, if its operands had others, by the part of the program between them; NaN where that is not known. */
function valueFrom(node, elements) {
  const of = tale.origin(node, 0);
  const end = live.program && numberOf("value", of.id);
  if (end === undefined || end === null) return [NaN];
  const [all, fresh] = [[...results()], new Set()];
  const depends = (x) => fresh.has(x) || (Array.isArray(x) ? x : (x?.s ?? [])).some(depends);
  for (const [i, { source }] of operands[node.id].entries()) {
    const { id, place } = tale.origin(nodes[source], 0);
    const number = numberOf("value", id) ?? live.leaves.get(id)?.[0];
    if (number !== undefined) (all[number] = replaced(all[number], place, elements[i][0])), fresh.add(number);
    else if (!isNumber(nodes[source]) && elements[i][0] !== nodes[source].value.items) return [NaN]; // it stays, and is rounded here
  }
  for (let i = 0; i <= end; i++) {
    if (fresh.has(i) || !depends(live.program.code[i][2])) continue;
    all[i] = computed(live.program, i, all);
    fresh.add(i);
  }
  return [all[end].data[of.place]];
}
