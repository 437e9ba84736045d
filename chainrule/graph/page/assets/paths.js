// Paths: a gradient as the sum over all paths from a value to the result, each with the product of its local derivatives, and
// why backprop is faster: it passes each edge once. How wide a path is drawn says how much of the gradient is left on it.

const paths = { id: null, position: 0, chosen: -1, list: [], timer: null }; // chosen: a place in the list, −1 for all at once
const LISTED = 200; // paths that are worked out one by one
const SPELLED = 6; // factors that a product has in full
const WIDEST = 9; // pixels
const EACH = 1300; // milliseconds a path, when they play

/** For each node how many paths lead from it to the result, and how many factors they have together. */
function counted() {
  const found = nodes.map(() => ({ paths: 0, factors: 0 }));
  found[nodes.length - 1].paths = 1;
  for (let id = nodes.length - 2; id >= 0; id--) {
    for (const { target } of incoming[id]) {
      found[id].paths += found[target].paths;
      found[id].factors += found[target].factors + found[target].paths;
    }
  }
  return found;
}

/** The paths from a node to the result, each worked out, short ones first; at most LISTED of them. */
function listed(id) {
  const [found, waiting] = [[], [{ at: id, edges: [] }]];
  while (waiting.length && found.length < LISTED) {
    const { at, edges } = waiting.pop();
    if (at === nodes.length - 1) found.push(edges);
    else waiting.push(...incoming[at].toReversed().map((edge) => ({ at: edge.target, edges: [...edges, edge] })));
  }
  return found.sort((one, other) => one.length - other.length).map(workedOut);
}

/** {edges, parts}: what is left of the seed after each edge, from the result back; null from where it is unknown. */
function workedOut(path) {
  const edges = path.toReversed();
  const parts = [];
  let g = arrayOf(tale.seed);
  for (const edge of edges) parts.push((g = g && carried(edge, g)));
  return { edges, parts, product: g };
}

/** What an edge makes of a gradient: times the local derivative, or the derivatives of single elements; null if these are unknown. */
function carried({ source, local, jacobian }, g) {
  const shape = nodes[source].shape;
  const out = filled(shape, "float64");
  if (local && hasItems(local)) {
    const all = evaluate("multiply", { shape: g.shape, dtype: "float64" }, [g, arrayOf(local)], {});
    const at = repeated(out, g.shape);
    all.data.forEach((x, i) => (out.data[at ? at[i] : i] += x));
    return out;
  }
  if (!jacobian || live.changed) return null; // they are those of the program's own numbers
  for (const [i, j, slope] of jacobian) out.data[j] += g.data[i] * slope;
  return out;
}

function far(array) {
  return array ? Math.hypot(...array.data) : 0;
}

// ---- what is shown

function showPathsOf(node) {
  Object.assign(paths, { id: node.id, chosen: -1, list: listed(node.id) });
  player.position = Math.max(player.position, lastBackward());
  paths.position = player.position;
  player.picked = node.id;
  show();
  player.figure.querySelector(".picked")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  byId("paths")?.focus({ preventScroll: true });
}

function leavePaths() {
  stopPaths();
  paths.id = null;
  show();
}

function choosePath(place) {
  paths.chosen = Math.min(Math.max(place, -1), paths.list.length - 1);
  if (paths.chosen === paths.list.length - 1) stopPaths();
  player.picked = paths.id;
  show();
  byId("paths")?.querySelector('[aria-current="step"]')?.scrollIntoView({ block: "nearest" });
}

function playPaths() {
  if (paths.timer) return (stopPaths(), show());
  paths.timer = setInterval(() => choosePath(paths.chosen + 1), EACH);
  choosePath(paths.chosen === paths.list.length - 1 ? 0 : paths.chosen + 1);
}

function stopPaths() {
  clearInterval(paths.timer);
  paths.timer = null;
}

/** Light the edges of the chosen path, or of all, as wide as what is left on them. */
function lightPaths() {
  if (paths.id !== null && (player.position !== paths.position || predict.on)) {
    stopPaths();
    paths.id = null;
  }
  if (paths.id === null && !document.body.classList.contains("paths")) return;
  const widths = paths.id === null ? new Map() : widthsOf();
  document.body.classList.toggle("paths", paths.id !== null);
  for (const element of player.figure.querySelectorAll(".edge")) {
    const ids = element.dataset.edges ? [...members(element.dataset.edges)] : [Number(element.id.match(/\d+$/)[0])];
    strand(element, Math.max(...ids.map((id) => widths.get(id) ?? 0)));
  }
  for (const { element, ids, note } of pictures.get(player.figure).folds ?? []) {
    const passed = [...widths.keys()].filter((id) => ids.has(edges[id].target));
    strand(element, Math.max(0, ...passed.map((id) => widths.get(id))));
    write(note, passed.length ? insideText(passed) : "");
  }
  if (paths.id !== null) byId("text").textContent = paths.chosen < 0 ? allText() : pathText();
}

/** Show an edge, or a folded box, as wide as what is left of the gradient on it. */
function strand(element, width) {
  element.classList.toggle("onpath", width > 0);
  if (width) element.style.setProperty("--strand", `${width.toFixed(2)}px`);
}

/** What a folded box does to the gradient of the chosen path: `× 0.42 inside`; how many edges are in it where that is no number. */
function insideText(ids) {
  const slopes = ids.map((id) => edges[id].local);
  const scalar = paths.chosen >= 0 && slopes.every((local) => local && hasItems(local) && size(local.shape) === 1);
  return scalar ? t`× ${bracketed(number(slopes.reduce((product, local) => product * flat(local)[0], 1)))} inside` : t`${ids.length} edges inside`;
}

/** The width of each edge: of one path by what is left of the seed there, of all by their contributions. */
function widthsOf() {
  const found = new Map();
  if (paths.chosen < 0) {
    for (const edge of reachable()) found.set(edge.id, edge.contribution && hasItems(edge.contribution) ? far(arrayOf(edge.contribution)) : 0);
  } else {
    const { edges, parts } = paths.list[paths.chosen];
    edges.forEach((edge, i) => found.set(edge.id, far(parts[i])));
  }
  const most = Math.max(...[...found.values()].filter(Number.isFinite), far(arrayOf(tale.seed)));
  for (const [id, x] of found) found.set(id, 0.75 + (WIDEST - 0.75) * Math.min(x / most || 0, 1));
  return found;
}

/** The edges of all paths. */
function reachable() {
  const [seen, waiting] = [new Set(), [paths.id]];
  for (const id of waiting) {
    for (const edge of incoming[id]) {
      if (!seen.has(edge)) waiting.push(edge.target);
      seen.add(edge);
    }
  }
  return seen;
}

/** `1 × 7 × 2 = 14`: the seed and the local derivatives from the result back. */
function productText({ edges, product }) {
  if (!product) return t`not known, since the derivatives of an operation on arrays are not`;
  const scalar = [product, ...edges.map(({ local }) => local && hasItems(local) && arrayOf(local))].every((x) => x && x.data.length === 1);
  if (!scalar) return inline(valuesOf(product));
  const factors = edges.map(({ local }, i) => (i ? bracketed(inline(local)) : inline(local)));
  const others = factors.length <= SPELLED ? factors : factors.filter((text) => text !== "1");
  const ones = factors.length - others.length;
  const few = others.length <= SPELLED ? others : [...others.slice(0, 3), `${t`… ${others.length - 5} more`} …`, ...others.slice(-2)];
  const text = `${few.join(" × ") || "1"} = ${inline(valuesOf(product))}`;
  return ones ? t`${text}, and ${ones} times × 1` : text;
}

/** The sum of the first paths. */
function sumOf(count) {
  const [first, ...others] = paths.list.slice(0, count).map((path) => path.product);
  const plus = (a, b) => a && b && evaluate("add", { shape: a.shape, dtype: "float64" }, [a, b], {});
  return others.reduce(plus, first);
}

function allText() {
  return t`All paths from ${nodes[paths.id].label} to ${nodes.at(-1).label}: each edge is as wide as the contribution along it is large.`;
}

function pathText() {
  const path = paths.list[paths.chosen];
  const route = [path.edges.at(-1).source, ...path.edges.toReversed().map(({ target }) => target)].map((id) => nodes[id].label);
  const short = route.length <= 8 ? route : [...route.slice(0, 3), "…", ...route.slice(-3)];
  const sum = sumOf(paths.chosen + 1);
  const so = sum ? ` ${t`The sum so far: ${inline(valuesOf(sum))}.`}` : "";
  return t`Path ${paths.chosen + 1} of ${paths.list.length}: ${short.join(" → ")}: ${productText(path)}.${so}`;
}

/** The part of the inspector for a node: a button, or the paths. */
function pathsSection(node) {
  if (predict.on || !incoming[node.id].length) return [];
  if (paths.id !== node.id) {
    return [make("p", {}, make("button", { type: "button", onclick: () => showPathsOf(node) }, t`Show the paths`))];
  }
  const [all, own] = [counted(), counted()[node.id]];
  const leaves = nodes.filter(({ kind, id }) => kind === "leaf" && incoming[id].length);
  const sum = (key) => leaves.reduce((total, { id }) => total + all[id][key], 0);
  const amount = (n) => (n < 1e15 ? Math.round(n).toLocaleString("en") : n.toExponential(2));
  const edgeCount = tale.order.length;
  const why = [
    own.paths === 1 ? t`1 path with ${amount(own.factors)} factors;` : t`${amount(own.paths)} paths with ${amount(own.factors)} factors together;`,
    t`for all ${leaves.length} leaves ${amount(sum("paths"))} paths with ${amount(sum("factors"))}.`,
    t`Backprop passes each of the ${amount(edgeCount)} edges once, and has all gradients.`,
  ].join(" ");
  const button = (text, onclick, disabled = false) => make("button", { type: "button", onclick, disabled }, text);
  const last = paths.list.length - 1;
  const list = make("ol", { className: "terms", id: "paths", tabIndex: 0 }, ...paths.list.map((path, i) => pathItem(path, i)));
  list.setAttribute("aria-label", t`Paths from ${node.label} to ${nodes.at(-1).label}`);
  const total = sumOf(paths.list.length);
  const rest = own.paths > paths.list.length ? ` ${t`(the first ${paths.list.length} of ${amount(own.paths)})`}` : "";
  return [
    make("h3", {}, t`Paths`),
    make("p", { className: "state" }, why),
    make("div", { className: "buttons" },
      button("‹", () => choosePath(paths.chosen - 1), paths.chosen < 0), button("›", () => choosePath(paths.chosen + 1), paths.chosen === last),
      button(paths.timer ? t`Pause paths` : t`Play paths`, playPaths), button(t`All at once`, () => choosePath(-1)), button(t`Close paths`, leavePaths)),
    list,
    ...(total ? [make("p", { className: "sum" }, t`sum${rest} = ${inline(valuesOf(total))}`)] : []),
  ];
}

function pathItem(path, i) {
  const item = make("li", { onclick: () => choosePath(i) }, make("code", {}, productText(path)));
  item.classList.toggle("here", i === paths.chosen);
  if (i === paths.chosen) item.setAttribute("aria-current", "step");
  return item;
}
