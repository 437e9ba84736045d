// The inspector: everything about one node, and its gradient as an explicit sum.

/** An element with text and children. Text is set as text, so that names cannot become markup. */
function make(tag, options = {}, ...children) {
  const element = Object.assign(document.createElement(tag), options);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Show a node as it is in a snapshot; the contribution of `hidden`, the edge asked about, stays hidden. */
function inspect(node, snapshot, hidden) {
  const step = snapshot.step;
  const isCurrent = step?.node === node.id;
  const badges = node.badges.filter((badge) => isDue(badge, node, snapshot) && isUncovered(node));
  document.getElementById("inspected").textContent = node.label;
  document.getElementById("inspector-body").replaceChildren(
    make("p", { className: "call" }, node.call),
    sourceLine(node),
    ...role(node),
    ...badges.map((badge) => make("p", { className: "remark" }, `⚠ ${badge.text}`)),
    ...stepSection(node, snapshot, hidden),
    valueSection(node, snapshot),
    ...pathsSection(node),
    ...gradientSection(node, snapshot, hidden),
    ...(isCurrent && step.phase === "update" ? updateSection(step) : []),
    ...usesSection(node, snapshot),
    facts(node),
    ...views(node),
  );
}

/** Tables line up, and those that are wider than the inspector scroll, so the keyboard must reach them. */
function reachTables() {
  alignTables();
  for (const box of document.querySelectorAll(".table")) {
    const scrolls = box.scrollWidth > box.clientWidth;
    if (scrolls) set(box, { tabindex: 0, role: "group", "aria-label": t`Table, which scrolls` });
    else for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
}

/** Whether training changes a leaf, which the learner decides. */
function role(node) {
  if (tale !== whole || !live.leaves.has(node.id) || node.kind !== "leaf" || numberOf("total", node.id) === undefined) return [];
  const box = make("input", { type: "checkbox", checked: node.trained, onchange: () => setTrained(node, box.checked) });
  return [make("label", { className: "role" }, box, ` ${t`a parameter: training changes it`}`)];
}

/** The learner's own line of code, its operator underlined; "" where it is not known. */
function sourceLine(node) {
  if (!node.source.length) return "";
  const [before, operator, after] = node.source;
  return make("p", { className: "source", title: node.line }, make("code", {}, before, make("u", {}, operator), after));
}

/** What the step sends to the node, in tables. */
function stepSection(node, { step }, hidden) {
  const edge = edges[step?.edge];
  if (!edge || edge.source !== node.id || edge === hidden || isScalar(edge)) return [];
  const tables = stepTables(edge) ?? partTables(edge);
  return [make("h3", {}, t`This step: from ${nodes[edge.target].label}`), tables];
}

/** Upstream gradient, local derivative and contribution of an edge as tables, where their elements are known. */
function partTables(edge) {
  const parts = { [t`upstream`]: upstream(edge), [`× ${t`local`}`]: edge.local, [`= d${nodes[edge.source].label}`]: edge.contribution };
  const known = Object.entries(parts).filter(([, values]) => values && hasItems(values));
  const table = ([word, values]) => make("div", { className: "titled" }, make("small", {}, word), shown(values));
  return make("div", { className: "beside" }, ...known.map(table));
}

function valueSection(node, snapshot) {
  const known = snapshot.computed.has(node.id);
  const after = snapshot.updated.get(node.id);
  if (!known) return make("div", {}, make("h3", {}, t`Value`), make("p", {}, `· ${t`not computed yet`}`));
  const plain = () => shown(node.value, sentence(node.note));
  const value = isEditable(node) ? editable(node) : (computing(node, snapshot) ?? plain());
  const updated = after ? [make("h3", {}, t`Value after the update`), shown(after)] : [];
  const isOld = node.value && node.note && !isChanged("value", node.id);
  const note = isOld ? make("p", { className: "state" }, sentence(node.note)) : "";
  return make("div", {}, make("h3", {}, t`Value`), value, note, ...updated);
}

/** `Not recorded: …`: words that stand by themselves. */
const sentence = (words) => words && `${words[0].toUpperCase()}${words.slice(1)}.`;

/** The value with all that it was computed from, unless the step is about its gradient. */
function computing(node, { step }) {
  return step?.node === node.id && step.phase !== "forward" ? null : callTables(node);
}

/** The gradient as the sum of one contribution for each use: those that have arrived, and those it waits for. */
function gradientSection(node, snapshot, hidden) {
  const title = make("h3", {}, t`Gradient ∂${nodes.at(-1).label}/∂${node.label}`);
  const gradient = snapshot.gradients.get(node.id);
  const uses = incoming[node.id];
  if (node === nodes.at(-1)) {
    if (!gradient) return [title, make("p", {}, `— ${t`until the backward pass starts`}`)];
    return [title, make("p", {}, t`The seed: the derivative of the result with respect to itself.`), shown(gradient)];
  }
  if (!uses.length) {
    const isConstant = node.kind === "constant";
    const reason = isConstant ? t`A constant: no gradient flows to it.` : t`No gradient flows from the result to it.`;
    return [title, make("p", {}, reason)];
  }
  const arrived = uses.filter((edge) => snapshot.passed.has(edge.id));
  const state = waiting(node, arrived.length);
  return [
    title,
    make("ol", { className: "terms" }, ...uses.map((edge) => term(edge, snapshot, hidden))),
    ...(state ? [make("p", { className: "state" }, state)] : []),
    ...(arrived.length ? sum(arrived, gradient) : []),
    ...(node.held && isUncovered(node) && !isChanged("total", node.id) ? [make("p", { className: "remark" }, node.held)] : []),
  ];
}

function waiting(node, arrived) {
  const expected = incoming[node.id].length;
  if (arrived === expected) return "";
  if (!arrived) return t`No gradient yet; ${expected} still to come. (Not 0: not known.)`;
  if (expected - arrived === 1) return t`${arrived} of ${expected} gradients have arrived. ${node.label} waits for the other before passing anything on.`;
  return t`${arrived} of ${expected} gradients have arrived. ${node.label} waits for the other ${expected - arrived} before passing anything on.`;
}

/** One contribution: along which operand it comes, how it is computed, and why. */
function term(edge, snapshot, hidden) {
  const here = snapshot.step?.edge === edge.id && edge !== hidden;
  const seen = snapshot.passed.has(edge.id);
  const text = edge === hidden ? "?" : seen ? formula(edge) : "—";
  const [before, operand, after] = sends(edge);
  const item = make("li", { className: seen ? "" : "open" }, before, make("b", {}, operand), `${after} ${t`sends`} `, make("code", {}, text));
  item.classList.toggle("here", here);
  if (!seen) return item;
  const remarks = [edge.rule, !isChanged("local", edge.id) && edge.why, edge.summed && t`broadcast, so ${edge.summed}`];
  for (const remark of remarks) if (remark) item.append(make("small", {}, remark));
  if (here) item.append(sourceLine(nodes[edge.target]));
  return item;
}

/** `grad = 5 × (−2) + 1 × 4 = −6`, and an array as a table. */
function sum(arrived, gradient) {
  const say = (text) => make("p", { className: "sum" }, text);
  if (!gradient) return [say(`grad = ${t`unknown`}`)];
  const table = size(gradient.shape) > 1 ? [shown(gradient)] : [];
  if (table.length && arrived.length === 1) return table;
  const factors = arrived.map((edge) => (isScalar(edge) ? [upstream(edge), edge.local] : [edge.contribution]));
  const added = (...shown) => {
    const parts = factors.map((some) => shown.splice(0, some.length).reduce((a, b) => a.map((x, i) => x * b[i])));
    return parts.reduce((sums, part) => sums.map((x, i) => x + part[i]));
  };
  const { digits, sign } = agreed(added, factors.flat(), gradient);
  const terms = arrived.map((edge) => (isScalar(edge) ? product(edge, digits) : inline(edge.contribution, digits)));
  const all = terms.map((text, i) => (i ? bracketed(text) : text)).join(" + ");
  const total = inline(gradient, digits);
  if (all === total) return [say(`grad = ${total}`)];
  const few = all.length + total.length < 200;
  const words = few ? all : t`the sum of ${arrived.length} contributions`;
  return [say(`grad = ${words} ${sign} ${total}`), ...table];
}

function updateSection(step) {
  return [make("h3", {}, t`Update`), make("p", { className: "sum" }, stepText(step))];
}

/** How the node's own gradient goes on to its operands: its local derivatives. */
function usesSection(node, snapshot) {
  const known = operands[node.id].filter((edge) => edge.flows && snapshot.computed.has(node.id));
  if (!known.length || predict.on) return [];
  const items = known.map((edge) => {
    const local = edge.local && `∂${node.label}/∂${nodes[edge.source].label} = ${inline(edge.local)}`;
    const item = make("li", {}, make("code", {}, local || edge.rule));
    if (edge.why && !isChanged("local", edge.id)) item.append(make("small", {}, edge.why));
    return item;
  });
  return [make("h3", {}, t`Local derivatives`), make("ul", { className: "terms" }, ...items)];
}

function facts(node) {
  const rows = [
    [t`Shape`, shapeText(node.shape)],
    ["dtype", node.dtype || t`Python number`],
    [t`Device`, node.device],
    [t`Module`, node.module.at(-1)],
    [t`Line`, node.line],
  ].filter(([, text]) => text);
  return make("dl", {}, ...rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

/** Buttons that open the node in a picture of its own. */
function views(node) {
  const view = document.querySelector(`.view[data-node="${node.id}"]`);
  if (tale !== whole || !view) return [];
  const open = () => enterView(view.dataset.path);
  return [make("button", { type: "button", onclick: open }, t`Open as a graph of numbers`)];
}

/** Values as text, or as a table where the elements are known. */
function shown(values, missing = "") {
  if (!values) return make("p", {}, missing);
  if (!hasItems(values) || size(values.shape) < 2) return make("p", { className: "number" }, inline(values));
  const { shape } = values;
  const width = shape.at(-1);
  const all = flat(values).map((x) => make("td", {}, number(x, values.dtype)));
  const table = make("table");
  for (let i = 0; i < all.length; i += width) table.append(make("tr", {}, ...all.slice(i, i + width)));
  return make("div", { className: "table" }, table);
}
