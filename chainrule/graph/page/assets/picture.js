// The view: one Picture for each SVG of the page. It toggles classes and writes texts; only the lit edge's label moves.

const SVG = "http://www.w3.org/2000/svg";
const ASIDE = [0, -18, 18, -36, 36, -54, 54, -72, 72, -90, 90, -108, 108]; // how far a label may stand from its arrow

/** What a collapsed group holds: "3-41 57" as numbers. */
function* members(text) {
  for (const range of text.split(" ").filter(Boolean)) {
    const [first, last = first] = range.split("-").map(Number);
    for (let id = first; id <= last; id++) yield id;
  }
}

class Picture {
  constructor(figure) {
    this.svg = figure.querySelector("svg");
    this.svg.setAttribute("role", "group"); // it was an image; now its nodes are buttons
    this.boxes = new Map(); // id of a node -> its box: {element, value, computed, grad, badges, waits}
    this.groups = new Map(); // id of a node -> the group, or neighbour of what is shown, that stands for it
    this.noticed = []; // {badges, inside} of the groups that have badges: their elements, and the nodes they are about
    this.label = document.createElementNS(SVG, "path"); // the bubble behind the text on the lit edge
    this.label.setAttribute("class", "label");
    this.lit = null; // the edge along which gradient comes in this snapshot
    this.arrows = new Map(); // id of an edge -> its arrow: {element, flow, place, still, ids}; still: text at rest
    this.svg.querySelectorAll(".node").forEach((element) => this.addNode(element));
    this.svg.querySelectorAll(".group, .stub").forEach((element) => this.addGroup(element));
    this.areas = [...this.svg.querySelectorAll(".node, .group, .stub")].map(area);
    this.svg.querySelectorAll(".edge").forEach((element) => this.addEdge(element));
  }

  addNode(element) {
    const node = nodes[Number(element.id.match(/\d+$/)[0])];
    const box = { element, value: element.querySelector(".value"), grad: element.querySelector(".grad") };
    box.badges = [...element.querySelectorAll(".badge")];
    box.computed = box.value && cellsOf(box.value).map((cell) => cell.textContent);
    if (box.grad) likeValue(box.grad, box.value);
    if (incoming[node.id].length > 1) box.waits = this.note(element);
    element.classList.toggle("live", isEditable(node));
    this.boxes.set(node.id, box);
    press(element, node.label, () => select(node.id));
  }

  addGroup(element) {
    const ids = [...members(element.dataset.members)];
    const path = `module ${element.dataset.focus}`;
    const badges = [...element.querySelectorAll(".badge")];
    for (const id of ids) this.groups.set(id, element);
    const inside = ids.map((id) => nodes[id]).filter((node) => node.kind !== "constant");
    if (badges.length) this.noticed.push({ badges, inside });
    const label = `${element.dataset.focus}, ${ids.length} values: look inside`;
    if (hasView(path)) press(element, label, () => enterView(path));
  }

  addEdge(element) {
    const ids = element.dataset.edges ? [...members(element.dataset.edges)] : [Number(element.id.match(/\d+$/)[0])];
    const flow = element.querySelector(".flow, .count");
    const place = { x: flow.getAttribute("x"), y: flow.getAttribute("y") };
    const arrow = { element, flow, place, still: flow.textContent, ids };
    for (const id of ids) this.arrows.set(id, arrow);
  }

  /** What stands for a node here, if anything. */
  stands(id) {
    return this.boxes.get(id)?.element ?? this.groups.get(id);
  }

  /** A small text below a node's box, for "1 of 2 contributions". */
  note(element) {
    const { width, height } = element.querySelector(".box");
    const text = document.createElementNS(SVG, "text");
    set(text, { class: "waits", x: width.baseVal.value / 2, y: height.baseVal.value + 12 });
    element.append(text);
    return text;
  }

  /** Show what is known in a snapshot. The contribution of `hidden`, the edge asked about, stays hidden. */
  show(snapshot, hidden, picked) {
    const step = snapshot.step;
    const lit = (this.lit = hidden ?? (step?.phase === "backward" ? edges[step.edge] : null));
    for (const [id, box] of this.boxes) this.showNode(nodes[id], box, snapshot);
    for (const { badges, inside } of this.noticed) showBadges(badges, inside, snapshot);
    for (const arrow of new Set(this.arrows.values())) this.showArrow(arrow, snapshot);
    this.mark("current", this.stands(lit?.source ?? step?.node));
    this.mark("picked", this.stands(picked));
    this.mark("lit", this.arrows.get(lit?.id)?.element);
    this.label.remove();
    if (lit && this.arrows.has(lit.id)) this.light(this.arrows.get(lit.id), hidden ? "?" : brief(lit));
  }

  showNode(node, box, snapshot) {
    const known = snapshot.computed.has(node.id);
    const updated = snapshot.updated.get(node.id);
    const gradient = snapshot.gradients.get(node.id);
    const [arrived, expected] = [snapshot.arrived.get(node.id) ?? 0, incoming[node.id].length];
    box.element.classList.toggle("pending", !known);
    box.element.classList.toggle("data", node.kind === "leaf" && !node.trained);
    set(box.element, { "aria-label": spoken(node, snapshot) });
    showBadges(box.badges, [node], snapshot);
    const now = isChanged("value", node.id) && node.value ? cells(node.value).flat() : box.computed;
    const value = updated ? cells(updated).flat() : known ? now : ["·"];
    const grad = gradient ? cells(gradient).flat() : [gradient === null ? "unknown" : "—"];
    const fresh = [box.value && write(box.value, ...value) && box.value, box.grad && write(box.grad, ...grad) && box.grad];
    if (updated || live.changed) squeeze(fresh.filter(Boolean)); // the box was drawn for other numbers
    if (player.flashing && fresh.some(Boolean)) flash(box.element);
    if (box.waits) write(box.waits, arrived && arrived < expected ? `${arrived} of ${expected} contributions` : "");
  }

  /** An arrow says its local derivative when that is known, and what came along it after the gradient has passed. */
  showArrow({ element, flow, place, still, ids }, snapshot) {
    const known = snapshot.computed.has(edges[ids[0]].target) && !predict.on; // in predict mode the learner finds them
    const passed = ids.some((id) => snapshot.passed.has(id));
    const feeds = snapshot.step?.phase === "forward" && ids.some((id) => edges[id].target === snapshot.step.node);
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
    for (const other of this.svg.querySelectorAll(`.${name}`)) other.classList.remove(name);
    element?.classList.add(name);
  }

  /** Write on the lit arrow, which comes above the others, so that nothing covers its text. */
  light({ element, flow }, text) {
    element.parentNode.append(element);
    write(flow, text);
    const { width, height } = flow.getBBox();
    const { x, y, aside } = this.freePlace(element, width + 14, height + 6);
    set(flow, { x, y: y + 4.5 });
    set(this.label, { d: bubble(x, y, width + 14, height + 6, aside) });
    element.insertBefore(this.label, flow);
  }

  /** The middle of a label of some size: on its arrow or close, where it covers least of the boxes and the tip. */
  freePlace(arrow, width, height) {
    const path = arrow.querySelector("path");
    const length = path.getTotalLength();
    const tip = path.getPointAtLength(0);
    const areas = [...this.areas, { x: tip.x, y: tip.y - 14, width: 24, height: 28 }];
    let best = { covered: Infinity };
    for (const part of [0.5, 0.6, 0.4, 0.75, 0.25]) {
      for (const aside of ASIDE) {
        const point = path.getPointAtLength(part * length);
        const [x, y] = [point.x, point.y + aside];
        const area = (box) => overlap(box, x - width / 2, y - height / 2, width, height);
        const covered = areas.reduce((sum, box) => sum + area(box), Math.abs(aside));
        if (covered < best.covered) best = { x, y, aside, covered };
      }
    }
    return best;
  }
}

/** A rounded box around (x, y), and a line from it to the arrow that it belongs to, `aside` above or below. */
function bubble(x, y, width, height, aside) {
  const [w, h] = [width - 12, height - 12];
  const corners = ["6,6", "-6,6", "-6,-6", "6,-6"].map((end) => `a6,6,0,0,1,${end}`);
  const sides = [`h${w}`, `v${h}`, `h${-w}`, `v${-h}`];
  const box = `M${x - w / 2},${y - height / 2}${sides.map((side, i) => side + corners[i]).join("")}z`;
  const edge = y - (Math.sign(aside) * height) / 2;
  return Math.abs(aside) > height / 2 ? `${box}M${x},${edge}V${y - aside}` : box;
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
    badge.classList.toggle("early", !about.every((node) => isDue(badge.textContent, node, snapshot) && isUncovered(node)));
  }
}

/** The picture of a small array, number by number: its gradients appear when the pass has gone through it. */
class Numbers {
  constructor(figure) {
    this.id = Number(figure.dataset.node);
    this.grads = [...figure.querySelectorAll(".node")].map((node) => {
      const element = node.querySelector(".grad");
      return element && { element, text: element.textContent, id: Number(node.id.match(/\d+$/)[0]) };
    });
  }

  /** The numbers of the operands stand first, then those of the node, then what stands for the rest of the graph. */
  show(snapshot) {
    const sources = new Set(operands[this.id].map((edge) => edge.source));
    const before = [...sources].reduce((sum, id) => sum + size(nodes[id].shape), 0);
    const through = operands[this.id].every((edge) => !edge.flows || snapshot.passed.has(edge.id));
    const complete = isComplete(nodes[this.id], snapshot);
    for (const { element, text, id } of this.grads.filter(Boolean)) {
      const known = id < before ? through : id < before + size(nodes[this.id].shape) ? complete : snapshot.gradients.size;
      element.textContent = known ? text : "—";
    }
  }

  stands(id) {
    return id === this.id;
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
