// Numbers that can be changed: in the boxes of the picture by dragging, arrow keys or typing, in the inspector as fields.

const TURN = 3; // pixels that the pointer moves for one unit of the second digit
const field = { element: null, id: null, place: null }; // the field that stands over a number of the picture

/** A number one unit of its second digit, or `count` of them, larger or smaller. */
function turned(x, count, start = x) {
  const unit = 10 ** (Math.floor(Math.log10(Math.max(Math.abs(start), 0.05))) - 1);
  return Number((Math.round(x / unit) * unit + count * unit).toPrecision(12));
}

/** Change an element of a leaf and show what comes of it. */
function change(id, place, number) {
  if (!Number.isFinite(number)) return;
  const focused = byId("inspector-body").contains(document.activeElement) ? document.activeElement.dataset.place : undefined;
  if (predict.question) dismiss();
  setElement(id, place, number);
  const last = steps.findLastIndex((step) => step.phase === "backward" || step.phase === "seed");
  if (player.position === 0) player.position = last + 1; // nothing is computed yet: show all of it
  player.picked = tale.shownAs(id, place);
  player.flashing = true;
  show();
  player.flashing = false;
  tellAround();
  if (focused !== undefined) byId("inspector-body").querySelector(`[data-place="${focused}"]`)?.focus();
}

function showLive() {
  byId("reset").hidden = !live.changed;
  const old = tale.kept ? [t`This picture shows the program's own numbers.`] : [];
  byId("live").textContent = live.program ? [...old, ...live.remarks].join(" ") : t`The numbers cannot be changed here: ${live.reason}.`;
  byId("live").hidden = !byId("live").textContent;
}

// ---- in the picture

/** {id, place, shown, cell} of the number under a pointer, or null: a leaf's value that can be changed; `shown`: the node whose box it stands in. */
function numberAt(target) {
  const text = target.closest?.(".value");
  const box = text?.closest(".node, .copy");
  const node = box && nodes[nodeOf(box)];
  if (!node || !isEditable(node)) return null;
  const place = size(node.shape) === 1 ? 0 : isListed(node.value) ? cellsOf(text).indexOf(target) : -1;
  return place < 0 ? null : { ...tale.origin(node, place), shown: node.id, cell: size(node.shape) === 1 ? text : target };
}

function elementOf({ id, place }) {
  return flat(whole.nodes[id].value)[place];
}

/** Drag a number left or right. A press that does not move opens the field; so the box is not chosen by it. */
function dragNumber(event) {
  const found = event.button === 0 && numberAt(event.target);
  if (!found) return;
  event.preventDefault();
  event.stopPropagation();
  const [start, from] = [elementOf(found), event.clientX];
  let far = false;
  const move = (at) => {
    const count = Math.round((at.clientX - from) / TURN);
    far ||= count !== 0;
    if (far) change(found.id, found.place, turned(start, count, start));
  };
  const end = () => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", end);
    const click = (other) => other.stopPropagation(); // or the box would be chosen, too
    byId("stage").addEventListener("click", click, { capture: true, once: true });
    setTimeout(() => byId("stage").removeEventListener("click", click, { capture: true }));
    if (far) return;
    player.picked = found.shown;
    show();
    openField(found);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", end);
}

/** A field over a number of the picture. Enter and Tab take what was typed, Escape does not. */
function openField({ id, place, shown, cell }) {
  closeField();
  const [frame, box] = [byId("stage").getBoundingClientRect(), cell.getBoundingClientRect()];
  const input = make("input", { type: "text", inputMode: "decimal", className: "field over", value: String(elementOf({ id, place })) });
  input.setAttribute("aria-label", fieldLabel(whole.nodes[id], place));
  input.style.left = `${box.right - frame.left + byId("stage").scrollLeft - 84}px`;
  input.style.top = `${box.top - frame.top + byId("stage").scrollTop - 8}px`;
  Object.assign(field, { element: input, id, place, shown });
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") return closeField();
    if (event.key === "Enter") return (take(input), closeField());
    keyNumber(event, input);
  });
  input.addEventListener("blur", () => field.element && (take(input), closeField()));
  byId("stage").append(input);
  input.focus();
  input.select();
}

function take(input) {
  const number = parsed(input.value);
  if (number !== elementOf(field)) change(field.id, field.place, number);
}

function closeField() {
  const { element, shown } = field;
  field.element = null;
  if (!element) return;
  const here = document.activeElement === element;
  element.remove();
  if (here) pictures.get(player.figure).stands(shown)?.focus();
}

/** Arrow keys on a leaf of the picture that is one number, and digits, which open its field. */
function keyOnBox(event) {
  const box = event.target.closest?.(".node, .copy");
  const text = box?.querySelector(".value");
  const found = text && numberAt(text);
  if (!found || found.cell !== text || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (by) change(found.id, found.place, turned(elementOf(found), by * (event.shiftKey ? 10 : 1)));
  else if (/^[\d.]$/.test(event.key)) openField(found);
  else return;
  if (by) event.preventDefault();
  event.stopPropagation();
}

// ---- in the inspector

function fieldLabel(node, place) {
  return `${node.label}${placeText(place, node.shape)}`;
}

/** The value of a leaf as fields, and how the result answers a nudge. */
function editable(node) {
  const { shape } = node.value;
  const all = flat(node.value).map((x, place) => numberField(node, place, x));
  const measured = isOf(live.measured, node) ? live.measured : null;
  const said = measured && [
    make("p", { className: "sum" }, measured.text),
    make("p", { className: "state" }, t`${measured.said}. The gradient is ${measured.gradient}.`),
  ];
  const nudge = make("button", { type: "button", onclick: () => nudgeIt(node) }, "± h");
  nudge.setAttribute("aria-label", t`Nudge ${node.label} by h and measure how the result changes`);
  if (all.length === 1) return make("div", {}, make("p", { className: "buttons" }, all[0], nudge), ...(said ?? []));
  const table = make("table");
  const width = shape.at(-1);
  const fields = all.map((input) => make("td", {}, input));
  for (let i = 0; i < fields.length; i += width) table.append(make("tr", {}, ...fields.slice(i, i + width)));
  return make("div", {}, make("div", { className: "table" }, table), make("p", { className: "buttons" }, nudge), ...(said ?? []));
}

/** The last element that was changed is nudged, or else the first. */
function nudgeIt(node) {
  const { id, place } = tale.origin(node, 0);
  measure(id, isOf(field.last, node) ? field.last.place : place);
  player.picked = node.id;
  show();
}

/** Whether an element {id, place} is one of those that a node shows. */
function isOf(found, node) {
  return found?.id === tale.origin(node, 0).id && (tale === whole || found.place === node.of[1]);
}

function numberField(node, place, x) {
  const input = make("input", { type: "text", inputMode: "decimal", className: "field", value: typed(x) });
  input.setAttribute("aria-label", fieldLabel(node, place));
  input.dataset.place = place;
  const at = tale.origin(node, place);
  const set = (number) => number !== x && change(at.id, at.place, number);
  input.addEventListener("focus", () => (field.last = at));
  input.addEventListener("change", () => setTimeout(() => input.value !== typed(x) && set(parsed(input.value)))); // when the focus has moved on
  input.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    set(turned(parsed(input.value), by * (event.shiftKey ? 10 : 1)));
  });
  input.addEventListener("pointerdown", (event) => dragField(event, input, x, set));
  return input;
}

function typed(x) {
  return minus(String(Number(x.toPrecision(7))));
}

/** Drag a field left or right. */
function dragField(event, input, start, set) {
  const from = event.clientX;
  const move = (at) => {
    const count = Math.round((at.clientX - from) / TURN);
    if (count) set(turned(start, count, start));
  };
  const end = () => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", end);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", end);
}

function keyNumber(event, input) {
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  input.value = String(turned(parsed(input.value), by * (event.shiftKey ? 10 : 1)));
  take(input);
}

// ---- a page around this one, which gives numbers by name and hears of those that are changed here

function setNamed({ data }) {
  const node = data?.chainrule === "set" && whole.nodes.find(({ label }) => label === data.name);
  if (node && isEditable(node) && size(node.shape) === 1 && data.value !== elementOf({ id: node.id, place: 0 })) change(node.id, 0, data.value);
}

function tellAround() {
  if (window.parent === window || !live.program) return;
  const numbers = whole.nodes.filter((node) => isEditable(node) && size(node.shape) === 1);
  const values = Object.fromEntries(numbers.map((node) => [node.label, elementOf({ id: node.id, place: 0 })]));
  const told = (data) => (data && hasItems(data) ? [data.items].flat(Infinity).map(Number) : null);
  const shown = Object.fromEntries(whole.nodes.map(({ label, value, total }) => [label, { value: told(value), grad: told(total) }]));
  window.parent.postMessage({ chainrule: "values", values, shown }, "*");
}
