// The view: one Picture for each SVG of the page. It toggles classes and writes texts; only the lit edge's label moves.

const SVG = "http://www.w3.org/2000/svg";
const BEHIND = 5; // how far what stands behind a folded box comes out below it
const ASIDE = [0, -18, 18, -36, 36, -54, 54, -72, 72, -90, 90, -108, 108]; // how far a label may stand from its arrow

/** What a collapsed group holds: "3-41 57" as numbers. */
function* members(text) {
  for (const range of text.split(" ").filter(Boolean)) {
    const [first, last = first] = range.split("-").map(Number);
    for (let id = first; id <= last; id++) yield id;
  }
}

/** The id of the node that a box of the picture shows. */
function nodeOf(element) {
  return Number(element.dataset.of ?? element.id.match(/\d+$/)[0]);
}

class Picture {
  constructor(figure) {
    this.flow = new Flow(figure);
    this.svg = this.flow.svg;
    set(figure, { role: "group", "aria-labelledby": this.svg.getAttribute("aria-labelledby") }); // it was an image; now its nodes are buttons
    set(this.svg, { "aria-hidden": true });
    this.states = new Map(this.flow.blocks.flatMap((block) => block.states.map((state) => [state.element, block])));
    this.areas = new Map(); // the <g> of a state -> where its boxes stand in it
    this.boxes = new Map(); // id of a node -> its boxes: {element, state, value, computed, grad, badges, waits}
    this.groups = new Map(); // id of a node -> the groups, or neighbours of what is shown, that stand for it
    this.noticed = []; // {badges, inside} of the groups that have badges: their elements, and the nodes they are about
    this.folds = []; // {element, ids, note} of the folded frames: the nodes in them, and a text below them
    this.label = document.createElementNS(SVG, "path"); // the bubble behind the text on the lit edge
    this.label.setAttribute("class", "label");
    this.lit = null; // the edge along which gradient comes in this snapshot
    this.arrows = new Map(); // id of an edge -> its arrows: {element, state, flow, place, still, ids, ends}
    this.all = []; // all arrows; still: text at rest
    this.marked = {}; // what has which class: "current", "picked", "lit"
    figure.querySelectorAll(".node, .copy, .group[data-of]").forEach((element) => this.addBox(element));
    figure.querySelectorAll(".group, .stub").forEach((element) => this.addGroup(element));
    figure.querySelectorAll(".edge").forEach((element) => this.addEdge(element));
    figure.querySelectorAll(".cluster").forEach((element) => this.addFrame(element));
  }

  /** A box that shows the numbers of a node: its own, a copy, or that of the group whose result it is. */
  addBox(element) {
    const node = nodes[nodeOf(element)];
    const box = { element, state: element.closest(".state"), value: element.querySelector(".value") };
    box.grad = element.querySelector(".grad");
    box.badges = element.matches(".group") ? [] : [...element.querySelectorAll(".badge")];
    box.computed = box.value && cellsOf(box.value).map((cell) => cell.textContent);
    if (box.grad) likeValue(box.grad, box.value);
    if (incoming[node.id].length > 1 && !element.matches(".group")) box.waits = this.note(element);
    element.classList.toggle("live", isEditable(node));
    remember(this.boxes, node.id, box);
    if (!element.matches(".group")) press(element, node.label, () => select(node.id));
  }

  addGroup(element) {
    const ids = [...members(element.dataset.members)];
    const { focus } = element.dataset;
    const path = `module ${focus}`;
    const badges = [...element.querySelectorAll(".badge")];
    for (const id of ids) remember(this.groups, id, { element, state: element.closest(".state") });
    const inside = ids.map((id) => nodes[id]).filter((node) => node.kind !== "constant");
    if (badges.length) this.noticed.push({ badges, inside });
    if (this.flow.known.has(focus)) this.folds.push({ element, ids: new Set(ids), note: this.note(element, BEHIND) });
    const name = element.dataset.said ?? focus;
    if (this.flow.known.has(focus)) press(element, t`${name}, ${ids.length} values: unfold`, () => toggleFrame(focus));
    else if (hasView(path)) press(element, t`${name}, ${ids.length} values: look inside`, () => enterView(path));
  }

  /** A frame that can be folded has a button before its title. */
  addFrame(element) {
    const { focus } = element.dataset;
    if (!this.flow.known.has(focus)) return;
    const title = element.querySelector("text");
    title.textContent = `− ${title.textContent}`;
    press(element, t`${element.dataset.said ?? focus}: fold`, () => toggleFrame(focus), title);
  }

  addEdge(element) {
    const ids = element.dataset.edges ? [...members(element.dataset.edges)] : [Number(element.id.match(/\d+$/)[0])];
    const flow = element.querySelector(".flow, .count");
    const place = { x: flow.getAttribute("x"), y: flow.getAttribute("y") };
    const state = element.closest(".state");
    const arrow = { element, state, flow, place, still: flow.textContent, ids, ends: this.ends(element, state, edges[ids[0]]) };
    this.all.push(arrow);
    for (const id of ids) remember(this.arrows, id, arrow);
  }

  /** The boxes at both ends of an arrow, {source, target}: of several copies the one where it begins. */
  ends(element, state, edge) {
    const [x, y] = element.querySelector("path").getAttribute("d").match(/-?[\d.]+/g).map(Number);
    const inState = (found) => (found ?? []).filter((box) => box.state === state).map((box) => box.element);
    const at = (id) => [...inState(this.boxes.get(id)), ...inState(this.groups.get(id))];
    const far = (box) => Math.abs(box.x + box.width - x) + Math.abs(box.y + box.height / 2 - y);
    const source = at(edge.source).sort((a, b) => far(area(a)) - far(area(b)))[0];
    return { source, target: at(edge.target)[0] };
  }

  /** What stands for a node here, if anything: its own box rather than a group or a copy. */
  stands(id) {
    const shown = (found) => (found ?? []).find(({ state }) => isShown(state))?.element;
    const own = (this.boxes.get(id) ?? []).filter(({ element }) => element.matches(".node"));
    return shown(own) ?? shown(this.groups.get(id)) ?? shown(this.boxes.get(id));
  }

  /** The arrow of an edge as it is shown now, if it is. */
  arrow(id) {
    return this.arrows.get(id)?.find(({ state }) => isShown(state));
  }

  blockOf(element) {
    return this.states.get(element?.closest(".state"));
  }

  /** Where the boxes of a state stand in it. */
  areasIn(state) {
    if (!this.areas.has(state)) {
      const titles = [...state.querySelectorAll(".cluster text")].map((text) => text.getBBox());
      this.areas.set(state, [...[...state.querySelectorAll(".node, .copy, .group, .stub")].map(area), ...titles]);
    }
    return this.areas.get(state);
  }

  /** A small text below a box, for "1 of 2 contributions", or what is inside. */
  note(element, down = 0) {
    const { width, height } = element.querySelector(".box");
    const text = document.createElementNS(SVG, "text");
    set(text, { class: "waits", x: width.baseVal.value / 2, y: height.baseVal.value + 12 + down });
    element.append(text);
    return text;
  }

  /**
   * Show what is known in a snapshot. The contribution of `hidden`, the edge asked about, stays hidden. It only writes:
   * what has to be measured is done in light(), when all of the page is written.
   */
  show(snapshot, hidden, picked) {
    const step = snapshot.step;
    const lit = (this.lit = hidden ?? (step?.phase === "backward" ? edges[step.edge] : null));
    for (const [id, boxes] of this.boxes) {
      for (const box of boxes) if (isShown(box.state)) this.showNode(nodes[id], box, snapshot);
    }
    for (const { badges, inside } of this.noticed) showBadges(badges, inside, snapshot);
    for (const arrow of this.all) if (isShown(arrow.state)) this.showArrow(arrow, snapshot);
    const arrow = lit && this.arrow(lit.id);
    const changing = arrow?.ends.source ?? this.stands(lit?.source ?? step?.node);
    this.mark("current", changing);
    this.mark("picked", picked === null ? undefined : this.stands(picked));
    this.mark("lit", arrow?.element);
    this.mark("factor", lit && !hidden && isScalar(lit) ? this.stands(factor(lit)) : undefined);
    this.label.remove();
    if (!arrow) return;
    if (arrow.element.nextSibling) arrow.element.parentNode.append(arrow.element); // above the others, so that nothing covers its text
    write(arrow.flow, hidden ? "?" : brief(lit));
  }

  /** Give the lit arrow's text its place. Returns what should be in sight: its label and ends, or else what the step changes. */
  light() {
    const { current, lit } = this.marked;
    if (!lit) return [current];
    const { element, state, flow, ends } = this.arrow(this.lit.id);
    const { width, height } = flow.getBBox();
    const [wide, high] = [width + 14, height + 6];
    const { x, y, aside, at } = this.freePlace(element, this.areasIn(state), wide, high);
    set(flow, { x, y: y + 4.5 });
    set(this.label, { d: bubble(x, y, wide, high, aside, at) });
    element.insertBefore(this.label, flow);
    this.covers = (px, py) => Math.abs(px - x) < wide / 2 && Math.abs(py - y) < high / 2;
    return [this.label, ends.source, ends.target];
  }

  /** The lit arrow as a drop runs along it: its path, whether the label hides a point of it, and the place of its block. */
  way() {
    const { lit } = this.marked;
    return lit && { path: lit.querySelector("path:not(.label)"), hides: this.covers, place: this.blockOf(lit)?.place };
  }

  showNode(node, box, snapshot) {
    const known = snapshot.computed.has(node.id);
    const updated = snapshot.updated.get(node.id);
    const gradient = snapshot.gradients.get(node.id);
    const [arrived, expected] = [snapshot.arrived.get(node.id) ?? 0, incoming[node.id].length];
    const seen = [known, updated, gradient, arrived, node.value, node.trained];
    if (!box.badges.length && box.seen?.every((x, i) => x === seen[i])) return;
    box.seen = seen;
    box.element.classList.toggle("pending", !known);
    box.element.classList.toggle("data", node.kind === "leaf" && !node.trained);
    if (!box.element.matches(".group")) set(box.element, { "aria-label": spoken(node, snapshot) });
    showBadges(box.badges, [node], snapshot);
    const now = isChanged("value", node.id) && node.value ? cells(node.value).flat() : box.computed;
    const value = updated ? cells(updated).flat() : known ? now : ["·"];
    const grad = gradient ? cells(gradient).flat() : [gradient === null ? t`unknown` : "—"];
    const fresh = [box.value && write(box.value, ...value) && box.value, box.grad && write(box.grad, ...grad) && box.grad];
    if (updated || live.changed) squeeze(fresh.filter(Boolean)); // the box was drawn for other numbers
    if (player.flashing && fresh.some(Boolean)) flash(box.element);
    if (box.waits) write(box.waits, arrived && arrived < expected ? t`${arrived} of ${expected} contributions` : "");
  }

  /** An arrow says its local derivative when that is known, and what came along it after the gradient has passed. */
  showArrow(arrow, snapshot) {
    const { element, flow, place, still, ids } = arrow;
    const known = snapshot.computed.has(edges[ids[0]].target) && !predict.on; // in predict mode the learner finds them
    const passed = ids.some((id) => snapshot.passed.has(id));
    const feeds = snapshot.step?.phase === "forward" && ids.some((id) => edges[id].target === snapshot.step.node);
    const lit = ids.includes(this.lit?.id);
    const seen = [known, passed, feeds, lit, edges[ids[0]].contribution, edges[ids[0]].local];
    if (arrow.seen?.every((x, i) => x === seen[i])) return;
    arrow.seen = seen;
    const came = passed && isScalar(edges[ids[0]]) ? inline(edges[ids[0]].contribution) : null;
    element.classList.toggle("passed", passed);
    element.classList.toggle("feeds", feeds);
    const local = edges[ids[0]].local;
    const rest = still && isChanged("local", ids[0]) && local ? `×\u202f${inline(local)}` : still;
    write(flow, ids.length > 1 ? still : (came ?? (known ? rest : "")));
    set(flow, place);
  }

  /** Let one element, or none, have a class. */
  mark(name, element) {
    if (this.marked[name] === element) return;
    this.marked[name]?.classList.remove(name);
    element?.classList.add(name);
    this.marked[name] = element;
  }

  /** The middle of a label of some size: on its arrow or close, where it covers least of the boxes and the tip. */
  freePlace(arrow, boxes, width, height) {
    const path = arrow.querySelector("path");
    const length = path.getTotalLength();
    const tip = path.getPointAtLength(0);
    const texts = this.all.filter((other) => other.state === arrow.closest(".state") && other.element !== arrow);
    const [far, { width: right, height: low }] = [1e4, this.states.get(arrow.closest(".state"))?.state ?? { width: 1e4, height: 1e4 }];
    const outside = [[-far, -far, 2 * far, far], [-far, low, 2 * far, far], [-far, -far, far, 2 * far], [right, -far, far, 2 * far]];
    const around = outside.map(([x, y, wide, high]) => ({ x, y, width: wide, height: high }));
    const areas = [...boxes, ...around, ...texts.map(({ flow }) => written.get(flow) && flow.getBBox()).filter(Boolean), { x: tip.x, y: tip.y - 14, width: 24, height: 28 }];
    let best = { covered: Infinity };
    for (const part of [0.5, 0.6, 0.4, 0.75, 0.25]) {
      const point = path.getPointAtLength(part * length);
      for (const aside of ASIDE) {
        const [x, y] = [Math.max(Math.min(point.x, right + EDGE - width / 2), width / 2 - EDGE), point.y + aside];
        const area = (box) => overlap(box, x - width / 2, y - height / 2, width, height);
        const lead = (box) => overlap(box, point.x - 4, Math.min(y, point.y), 8, Math.abs(aside)); // the line to its arrow
        const covered = areas.reduce((sum, box) => sum + area(box) + lead(box), Math.abs(aside));
        if (covered < best.covered) best = { x, y, aside, covered, at: point.x };
      }
    }
    return best;
  }
}

/** Whether a state of a block, or what is outside of all blocks, is shown. */
function isShown(state) {
  return !state?.classList.contains("off");
}

/** Add to the list that a Map has for a key. */
function remember(map, key, item) {
  if (!map.has(key)) map.set(key, []);
  map.get(key).push(item);
}

/** A rounded box around (x, y), and a line from it to the arrow that it belongs to, `aside` above or below, at x = `at`. */
function bubble(x, y, width, height, aside, at) {
  const [w, h] = [width - 12, height - 12];
  const corners = ["6,6", "-6,6", "-6,-6", "6,-6"].map((end) => `a6,6,0,0,1,${end}`);
  const sides = [`h${w}`, `v${h}`, `h${-w}`, `v${-h}`];
  const box = `M${x - w / 2},${y - height / 2}${sides.map((side, i) => side + corners[i]).join("")}z`;
  const edge = y - (Math.sign(aside) * height) / 2;
  return Math.abs(aside) > height / 2 ? `${box}M${at},${edge}V${y - aside}` : box;
}

/** The area in which a rectangle overlaps a box. */
function overlap(box, x, y, width, height) {
  const across = Math.min(box.x + box.width, x + width) - Math.max(box.x, x);
  const down = Math.min(box.y + box.height, y + height) - Math.max(box.y, y);
  return Math.max(across, 0) * Math.max(down, 0);
}

/** Where a box stands in its picture. */
function area(element) {
  const { e: x, f: y } = element.transform.baseVal.consolidate().matrix;
  const { width, height } = element.querySelector(".box");
  return { x, y, width: width.baseVal.value, height: height.baseVal.value };
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

/** A box whose numbers have changed lights up for a moment, unless the reader wants no motion. */
function flash(element) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const bright = { stroke: "var(--cr-flow)", strokeWidth: "6px" };
  element.querySelector(".edging, .box").animate([bright, {}], 500);
}

/** Badges appear once the values they speak of are known. */
function showBadges(badges, about, snapshot) {
  for (const badge of badges) {
    badge.classList.toggle("early", !about.every((node) => isDue(badge.dataset, node, snapshot) && isUncovered(node)));
  }
}

const written = new WeakMap(); // an SVG text -> what was written last, since the same again would cost a new layout

/** Write texts into the cells of an SVG text; a single one stands where a single number would. Returns if they are new. */
function write(text, ...contents) {
  const all = contents.join("\n");
  if (written.get(text) === all) return false;
  written.set(text, all);
  const spots = cellsOf(text);
  const first = contents.length === 1 ? lastOfRow(spots) : 0;
  const parts = spots.length === 1 ? [contents.join(" ")] : contents;
  spots.forEach((spot, i) => {
    spot.removeAttribute("textLength");
    spot.textContent = parts[i - first] ?? "";
  });
  return true;
}

/** The place of the last cell in the first row. */
function lastOfRow(spots) {
  return spots.filter((spot) => spot.getAttribute("y") === spots[0].getAttribute("y")).length - 1;
}

/** Give a gradient that is not there yet the cells that it will need: those of the value, further down. */
function likeValue(grad, value) {
  const spots = value.querySelectorAll("tspan");
  if (grad.querySelector("tspan") || !spots.length) return;
  const down = grad.getAttribute("y") - value.getAttribute("y");
  grad.replaceChildren(...[...spots].map((spot) => spot.cloneNode()));
  for (const spot of grad.children) spot.setAttribute("y", Number(spot.getAttribute("y")) + down);
}
