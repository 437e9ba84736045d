// The model: the graph and its steps, as Python wrote them into the page, and what is known after each step.

const story = JSON.parse(document.getElementById("story").textContent, (key, value) =>
  key === "items" ? revived(value) : value,
);
const START = t`We will compute the result from left to right, then send gradients back. Press Next, or B for the first gradient.`;
const LINE = 44; // characters that a formula may have
const RULE = t`the formula itself`; // what stands for one that is too long
const BRIEF = 24; // and one on an edge of the picture

/** A graph with its steps: the whole one, or an operation that is opened into its numbers. */
class Tale {
  constructor({ nodes, edges, order, seed }, steps) {
    Object.assign(this, { nodes, edges, order, seed, steps, terms: [] });
    this.incoming = nodes.map(() => []); // for each node the edges along which gradient comes to it, in the order of their arrival
    for (const id of order) this.incoming[edges[id].source].push(edges[id]);
    this.operands = nodes.map(() => []); // for each node its operands' edges, slot by slot
    for (const edge of edges) this.operands[edge.target].push(edge);
    this.given = new Set(nodes.map((node) => node.id)); // the ids of the nodes that are there from the start
    for (const step of steps) if (step.phase === "forward") this.given.delete(step.node);
  }

  /** The position here when so many steps of the whole graph are done, and the other way round. */
  from(position) {
    return position;
  }

  outer(position) {
    return position;
  }

  named(position) {
    return String(position);
  }

  /** What an address says of a position, and the position that it says. */
  address(position) {
    return `step=${position}`;
  }

  at(position) {
    return Number(position);
  }

  /** {id, place} in the whole graph of an element of a node; and the id of the node that shows such a one here. */
  origin(node, place) {
    return { id: node.id, place };
  }

  shownAs(id) {
    return id;
  }
}

// names, calls and rules in words, as Python's other views write them
story.graph.nodes.forEach((node, i) => Object.assign(node, story.nodes[i]));
story.graph.edges.forEach((edge, i) => Object.assign(edge, story.edges[i]));

const whole = new Tale(story.graph, story.steps);
whole.terms = story.terms.map((term) => ({ term })); // functions in its rules, see equations.js
let tale = whole; // the one that is shown
let { nodes, edges, steps, incoming, operands } = whole; // and what is in it

function tell(other) {
  tale = other;
  ({ nodes, edges, steps, incoming, operands } = other);
}

/** JSON has no nan and no infinity: they are written as words. */
function revived(item) {
  if (Array.isArray(item)) return item.map(revived);
  return { nan: NaN, inf: Infinity, "-inf": -Infinity }[item] ?? item;
}

/**
 * What is known after the first `position` steps:
 * computed: the ids of the nodes whose value is known; updated: node -> its value after the update;
 * gradients: node -> the sum of what has arrived, null if that is unknown; arrived: node -> how many contributions;
 * passed: the ids of the edges that they came along.
 */
function snapshotAt(position) {
  const snapshot = {
    step: steps[position - 1] ?? null,
    computed: new Set(tale.given),
    gradients: new Map(),
    arrived: new Map(),
    passed: new Set(),
    updated: new Map(),
  };
  for (const step of steps.slice(0, position)) {
    if (step.phase === "forward") snapshot.computed.add(step.node);
    if (step.phase === "seed") snapshot.gradients.set(step.node, tale.seed);
    if (step.phase === "update") snapshot.updated.set(step.node, updated(step));
    if (step.phase === "check") for (const [id, values] of checked()) snapshot.updated.set(id, values);
    if (step.phase === "backward") {
      snapshot.gradients.set(step.node, edges[step.edge].running);
      snapshot.arrived.set(step.node, step.arrived);
      snapshot.passed.add(step.edge);
    }
  }
  return snapshot;
}

/** Whether all contributions to a node's gradient have arrived. */
function isComplete(node, snapshot) {
  return snapshot.gradients.has(node.id) && incoming[node.id].every((edge) => snapshot.passed.has(edge.id));
}

const ABOUT_GRADIENT = new Set(["gradient", "born gradient", "zero_grad"]); // kinds of badges

/** Whether a badge can be understood yet: one on the gradient when that is complete, others when there is a value. */
function isDue(badge, node, snapshot) {
  if (live.changed && !isStillTrue(badge, node)) return false; // it speaks of the program's own numbers
  return ABOUT_GRADIENT.has(badge.kind) ? isComplete(node, snapshot) : snapshot.computed.has(node.id);
}

/** Whether a badge certainly says the truth after a change, since what it is about is as it was, to the last bit. */
function isStillTrue({ kind }, node) {
  if (kind === "stretched") return true; // shapes stay
  const isSame = (what, id) => numberOf(what, id) !== undefined && !isChanged(what, id);
  if (kind === "off" || kind === "saturated") {
    const isNumber = hasItems(node.value ?? {}) && !flat(node.value).some(Number.isNaN); // a nan is neither on nor off
    return isNumber && operands[node.id].every((edge) => !edge.flows || isSame("local", edge.id));
  }
  return !isChanged("value", node.id) && !isChanged("total", node.id);
}

/** The value after an update by the chosen rule at the learner's rate, in its own precision; null where it is unknown. */
function updated({ node }) {
  const after = nodes[node].value && hasItems(nodes[node].value) && ruled(node);
  return after ? valuesOf(after.value, nodes[node].value) : null;
}

/** The step in one line. In that of an update stand the learner's rate and what comes of it. */
function stepText(step) {
  if (step === null) return START;
  const words = liveText(step);
  if (words) return words;
  if (!step.left) return step.text.replace("->", "→");
  const { label, value } = nodes[step.node];
  const result = updated(step);
  const { digits, sign } = agreed((all, by) => all.map((w, i) => w - story.lr * by[i]), [value, step.left], result);
  const [w, g, after] = [value, step.left, result].map((values) => line(values, digits));
  return `${label}: ${w} − ${bracketed(minus(String(story.lr)))} × ${bracketed(g)} ${sign} ${after}`;
}

/** The pattern of a call with a text for its operand i, in brackets where it must have them. */
function withOperand(pattern, i, text) {
  const place = `−{${i}}`;
  const bare = new RegExp(`(?<!\\w)\\(−\\{${i}\\}\\)`, "g"); // no brackets of a call
  return pattern.replace(bare, () => bracketed(text)).replaceAll(place, () => text);
}

const MARK = "\uf8ff"; // no name has it

/** `v4 = v3 + v6`, the call that a contribution comes from, in three parts: before the operand that it goes to, that operand, and behind it. */
function sends({ source, slot, target }) {
  const { label, call, pattern } = nodes[target];
  const text = operands[target].reduce((text, edge) => withOperand(text, edge.slot, edge.slot === slot ? MARK : nodes[edge.source].label), pattern);
  const [before, after] = text.split(MARK);
  return after === undefined ? [`${label} = ${call}`, "", ""] : [`${label} = ${before}`, nodes[source].label, after];
}

/** The gradient that an edge passes on: complete when the edge is visited, because nodes wait for all contributions. */
function upstream(edge) {
  return nodes[edge.target].total;
}

/** Whether upstream, local derivative and contribution are one number each. */
function isScalar(edge) {
  return [upstream(edge), edge.local, edge.contribution].every((v) => v && hasItems(v) && size(v.shape) === 1);
}

const PRODUCTS = new Set(["multiply", "matmul", "affine"]);

/** The node whose number is the local derivative of an edge: the other factor of a product of numbers; undefined for others. */
function factor({ slot, target }) {
  const [all, half] = [operands[target], operands[target].length >> 1];
  const other = slot < half ? slot + half : slot < 2 * half ? slot - half : -1; // of an opened product first all left factors, then the others
  return PRODUCTS.has(nodes[target].operation) && !nodes[target].shape.length ? all[other]?.source : undefined;
}

/** `upstream × local`: in numbers where they are one each or fit on a line, else as the rule and shapes. */
function product(edge, digits = PLAIN) {
  const g = upstream(edge);
  if (!edge.local) return `${edge.brief || edge.short || RULE}: ${shapeText(g.shape)} → ${shapeText(nodes[edge.source].shape)}`;
  const sum = (product) => (edge.summed ? t`sum of ${product}` : product);
  const numbers = sum(`${inline(g, digits)} × ${bracketed(inline(edge.local, digits))}`);
  return numbers.length <= LINE || isScalar(edge) ? numbers : sum(t`upstream × local`);
}

/** `upstream × local = contribution`, on one line. */
function formula(edge) {
  if (!edge.contribution) return t`unknown: ${edge.note}`;
  if (isScalar(edge)) {
    const { digits, sign } = agreed(([g], [local]) => [g * local], [upstream(edge), edge.local], edge.contribution);
    return `${product(edge, digits)} ${sign} ${inline(edge.contribution, digits)}`;
  }
  const [left, right] = [product(edge), inline(edge.contribution)];
  if (left.length + right.length <= LINE) return `${left} = ${right}`;
  return edge.local ? `${left} → ${shapeText(edge.contribution.shape)}` : left;
}

/** The same in so few characters that it can stand on an edge of the picture. */
function brief(edge) {
  if (!edge.contribution) return t`unknown`;
  if (isScalar(edge)) return formula(edge);
  if (edge.local) return `${edge.summed ? "Σ " : ""}g ⊙ ${t`local`}`;
  return edge.short && edge.short.length <= BRIEF ? edge.short : edge.brief || RULE;
}
