// An operation opened into its numbers has a story of its own, which the page shows as it shows the whole graph's. Its steps are
// parts of the steps of the whole graph, and its numbers are made of those that stand there now.

const CLOSE = 1e-4; // how far slopes that are computed again may be from those that Python gave
const LACKS = { flows: true, local: null, contribution: null, running: null, why: "", rule: "", short: "", summed: "", note: "", mistakes: [], jacobian: null };

class Opened extends Tale {
  constructor(id, { nodes, edges, order, steps }) {
    const array = (of) => whole.nodes[of[0]];
    super({
      nodes: nodes.map((words, i) => ({ ...array(words.of), held: "", badges: [], note: "", grad: null, ...words, id: i, shape: [] })),
      edges: edges.map((words, i) => ({ ...LACKS, ...words, id: i })),
      order,
      seed: null,
    }, steps);
    for (const all of this.operands) all.forEach((edge, slot) => (edge.slot = slot));
    const arrived = this.nodes.map(() => 0);
    for (const step of steps) {
      const expected = this.incoming[step.node].length;
      Object.assign(step, { edge: null, text: "", ...step, expected, arrived: step.edge === undefined ? 0 : ++arrived[step.node] });
    }
    const parts = new Map();
    for (const step of steps) {
      parts.set(step.outer, (parts.get(step.outer) ?? 0) + 1);
      step.at = `${step.outer}.${parts.get(step.outer)}`;
    }
    this.id = id;
    this.steady = null; // whether the slopes can be computed again, once that was tried
    this.kept = false; // whether the numbers are the program's own, though others were changed
    this.sources = new Set(order.map((edge) => this.edges[edge].source));
    this.put(recordedOne, false);
    this.recorded = recordedOf(this);
  }

  // ---- where in the story of the whole graph

  /** The position here when so many steps of the whole graph are done; in a step of this operation, at its first part. */
  from(outer) {
    const first = this.steps.findIndex((step) => step.outer === outer);
    const position = first < 0 ? this.steps.filter((step) => step.outer < outer).length : first + 1;
    this.came = { outer, position };
    return position;
  }

  outer(position) {
    if (position === this.came?.position) return this.came.outer;
    return this.steps[position - 1]?.outer ?? this.steps[0].outer - 1;
  }

  /** `11.2`, the second part of the 11th step. */
  named(position) {
    return this.steps[position - 1]?.at ?? String(this.steps[0].outer - 1);
  }

  address(position) {
    return `step=${this.named(position)}&node=${this.id}`;
  }

  at(outer, part) {
    const place = this.steps.findIndex((step) => step.at === `${outer}.${part}`);
    return place < 0 ? this.from(Number(outer)) : place + 1;
  }

  origin(node, place) {
    return { id: node.of[0], place: node.of[1] ?? place };
  }

  shownAs(id, place) {
    return this.nodes.find(({ of }) => of[0] === id && of[1] === place)?.id ?? null;
  }

  // ---- the numbers

  /** Put the numbers of the whole graph, as they are now, at nodes and edges. */
  refresh() {
    const known = !live.changed || this.again();
    this.kept = !known;
    if (known) this.put((kind, place) => whole[PUT[kind]][place][kind], live.changed);
    else this.put(recordedOne, false);
    for (const [kind, all] of Object.entries(PUT)) {
      for (const item of this[all]) {
        const old = this.recorded[kind][item.id];
        if (old && item[kind] && Object.is(old.items, item[kind].items)) item[kind] = old;
      }
    }
  }

  /** Values, derivatives, contributions and sums from what `read` says of the whole graph's nodes and edges. */
  put(read, again) {
    const slopes = new Map(whole.operands[this.id].map((edge) => [edge.id, (again && this.slopes(edge)) || dense(edge)]));
    for (const node of this.nodes) {
      node.value = element(read("value", node.of[0]), node.of[1]);
      node.total = this.sources.has(node.id) || node.operation === "rest" ? null : element(read("total", node.of[0]), node.of[1]);
    }
    const root = this.nodes.at(-1);
    if (root.operation === "rest") root.total = { shape: [], dtype: whole.seed.dtype, items: 1 };
    this.seed = root.total;
    const unknown = new Set();
    for (const edge of this.order.map((id) => this.edges[id])) {
      const [x, z] = [this.nodes[edge.source], this.nodes[edge.target]];
      const slope = edge.at ? slopeOf(edge, slopes, read) : this.arriving(edge, x, read);
      edge.local = slope === null ? null : { shape: [], dtype: z.dtype, items: slope };
      edge.contribution = edge.running = null;
      edge.note = slope === null || !z.total ? t`the gradient of ${z.total ? x.label : z.label} is unknown` : "";
      if (edge.note) {
        unknown.add(x);
        continue;
      }
      const round = (node) => ROUND[node.dtype || "float64"];
      const part = round(x)(round(z)(z.total.items * slope));
      edge.contribution = { shape: [], dtype: x.dtype, items: part };
      if (!unknown.has(x)) edge.running = x.total = { shape: [], dtype: x.dtype, items: x.total ? round(x)(x.total.items + part) : part };
      else x.total = null;
    }
  }

  /** The gradient that comes from the rest of the graph along an edge; null where it is unknown. */
  arriving({ stands = [] }, { of: [id, place], dtype }, read) {
    if (id === this.id) return element(read("total", id), place)?.items ?? null;
    const parts = read("total", id) ? stands.map((edge) => element(read("contribution", edge), place)?.items ?? null) : [null];
    return parts.includes(null) ? null : parts.reduce((sum, x) => ROUND[dtype || "float64"](sum + x));
  }

  /** Whether the slopes can be computed again: they come to Python's own where nothing is changed, and the same elements depend on one another. */
  again() {
    const matrices = whole.operands[this.id].filter(({ flows, jacobian }) => flows && jacobian);
    this.steady ??= matrices.every((edge) => near(slopesOf(edge, live.before), dense(edge)));
    return this.steady && matrices.every((edge) => depends(slopesOf(edge, live.results), dense(edge)));
  }

  /** The slopes of an edge for the numbers of now; null where they are Python's own. */
  slopes(edge) {
    if (!edge.flows || !edge.jacobian) return null;
    const [old, now] = [live.before, live.results].map((results) => slopesOf(edge, results));
    return old.every((row, i) => row.every((x, j) => Object.is(x, now[i][j]))) ? null : now;
  }
}

/** What Python wrote at a node or an edge of the whole graph. */
function recordedOne(kind, place) {
  return whole.recorded[kind][place];
}

/** One element as Values; null where it is not known. */
function element(values, place) {
  return values && hasItems(values) && place !== null ? { shape: [], dtype: values.dtype, items: flat(values)[place] } : null;
}

/** The derivative of element i of the result by element j of an operand. */
function slopeOf({ stands: [id], at: [i, j] }, slopes, read) {
  const matrix = slopes.get(id);
  return matrix ? matrix[i][j] : (element(read("local", id), i)?.items ?? null);
}

/** The derivatives that Python gave as rows, with undefined where an element does not depend on another; null for an elementwise operation. */
function dense({ source, target, jacobian }) {
  if (!jacobian) return null;
  const rows = Array.from({ length: size(whole.nodes[target].shape) }, () => new Array(size(whole.nodes[source].shape)).fill(undefined));
  for (const [i, j, slope] of jacobian) rows[i][j] = revived(slope);
  return rows;
}

/**
 * The same from the program: what comes along the edge when the gradient of one element of the result is 1, and of the others 0.
 * null where the program does not have them.
 */
function slopesOf({ id, target }, results) {
  const [from, to] = [numberOf("total", target), numberOf("contribution", id)];
  if (from === undefined || to === undefined) return null;
  const { shape, dtype } = results[from];
  return Array.from({ length: size(shape) }, (_, i) => {
    const all = results.slice();
    all[from] = filled(shape, dtype);
    all[from].data[i] = 1;
    for (let k = from + 1; k <= to; k++) if (!live.inputs.has(k)) all[k] = computed(live.program, k, all);
    return [...all[to].data];
  });
}

function near(found, given) {
  const far = (x, y) => Math.abs(x - y) > CLOSE * Math.max(1, Math.abs(y)) || Number.isNaN(x) !== Number.isNaN(y);
  return found !== null && found.every((row, i) => row.every((x, j) => given[i][j] === undefined || !far(x, given[i][j]))) && depends(found, given);
}

function depends(found, given) {
  return found.every((row, i) => row.every((x, j) => given[i][j] !== undefined || x === 0 || Number.isNaN(x)));
}

const openedTales = new Map(); // id of a node -> its Opened

/** The story of what a figure shows. */
function taleOf({ dataset: { node } }) {
  if (node === undefined) return whole;
  if (!openedTales.has(node)) openedTales.set(node, new Opened(Number(node), story.opened[node]));
  return openedTales.get(node);
}
