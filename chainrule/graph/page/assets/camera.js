// The camera: how large the picture is, which part of it is in sight, and the map beside it.

const LARGEST = 1.6;
const SMALLEST = 0.86; // of a picture that is fitted: its smallest text, of 10.5 units, is then 9 pixels high
const GLIDE = 250; // milliseconds for a move of the camera
const SMOOTH = "cubic-bezier(0.333, 0, 0.667, 1)"; // how it starts and ends
const AROUND = 16; // pixels around what was moved into sight
const MAP = 48; // width of the map in pixels

const camera = { zoom: 1, fitted: true, glide: null }; // glide: the Animation of a move, while it lasts

const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Give the picture the largest size at which all of it is in sight, but none at which its text is too small to read. */
function fit(again = false) {
  camera.fitted = true;
  const [stage, { flow }] = [byId("stage"), pictures.get(player.figure)];
  const [wide, high] = [stage.clientWidth - 2, stage.clientHeight - 2];
  const widest = Math.max(...flow.blocks.map(({ state }) => state.width)) + 2 * EDGE;
  const whole = (zoom) => {
    const { width, height } = flow.rows(wide / zoom - 2 * EDGE);
    return width * zoom <= wide && height * zoom <= high;
  };
  const sizes = [LARGEST, 1.45, 1.3, 1.2, 1.1, 1, 0.95];
  camera.zoom = sizes.find(whole) ?? Math.max(SMALLEST, Math.min(1, wide / widest));
  lay();
  if (stage.clientWidth - 2 !== wide && !again) fit(true); // the map or a scroll bar has come or gone
}

/** Put the blocks into rows of the stage's width, at the present zoom. */
function lay() {
  const [stage, { flow, svg }] = [byId("stage"), pictures.get(player.figure)];
  const { width, height } = flow.arrange((stage.clientWidth - 2) / camera.zoom - 2 * EDGE, camera.zoom);
  svg.style.width = `${width * camera.zoom}px`;
  svg.style.height = `${height * camera.zoom}px`;
  drawMap();
}

/** Make the picture larger by a factor, and keep its middle in the middle. */
function zoom(factor) {
  const stage = byId("stage");
  camera.fitted = false;
  const before = camera.zoom;
  camera.zoom = Math.min(Math.max(before * factor, 0.1), 8);
  const [x, y] = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
  lay();
  const by = camera.zoom / before;
  stage.scrollTo(x * by - stage.clientWidth / 2, y * by - stage.clientHeight / 2);
  drawView();
  drip();
}

/** Where something stands in the stage's content, in pixels, when nothing moves any more. */
function standsAt(element) {
  const block = pictures.get(player.figure).blockOf(element);
  const box = element.getBBox();
  const own = element.transform.baseVal.consolidate()?.matrix ?? { e: 0, f: 0 };
  const [left, top] = block?.place ?? [0, 0];
  const x = player.figure.offsetLeft + (EDGE + left + own.e + box.x) * camera.zoom;
  const y = player.figure.offsetTop + (EDGE + top + own.f + box.y) * camera.zoom;
  return { left: x, top: y, right: x + box.width * camera.zoom, bottom: y + box.height * camera.zoom };
}

/** Move the stage, and only the stage, until as many elements as fit are in sight: the first before the others. */
function reach(elements) {
  const stage = byId("stage");
  const sides = elements.filter((element) => element?.isConnected).map(standsAt);
  const now = { left: stage.scrollLeft, top: stage.scrollTop };
  const aim = { ...now };
  for (const [start, end, length] of [["left", "right", stage.clientWidth], ["top", "bottom", stage.clientHeight]]) {
    const room = length - 2 * AROUND;
    let [from, to] = [Infinity, -Infinity];
    for (const box of sides) {
      const wider = [Math.min(from, box[start]), Math.max(to, box[end])];
      if (from < to && wider[1] - wider[0] > room) continue;
      [from, to] = wider;
    }
    const isOut = from < now[start] + AROUND || to > now[start] + length - AROUND;
    if (from < to && isOut) aim[start] = (from + to - length) / 2;
  }
  if (aim.left !== now.left || aim.top !== now.top) glide(aim);
  drawView();
}

/** Which part is in sight now, {left, top}: while the camera glides, not yet the one to which the stage is scrolled. */
function inSight() {
  const stage = byId("stage");
  const { e, f } = camera.glide ? new DOMMatrix(getComputedStyle(player.figure).transform) : { e: 0, f: 0 };
  return { left: stage.scrollLeft - e, top: stage.scrollTop - f };
}

/**
 * Scroll there. The picture follows in a quarter of a second, or at once where the reader wants no motion: it is moved as a
 * whole, which needs neither layout nor paint.
 */
function glide(goal) {
  const [stage, from] = [byId("stage"), inSight()];
  camera.glide?.cancel();
  stage.scrollTo(goal);
  const [x, y] = [stage.scrollLeft - from.left, stage.scrollTop - from.top];
  if (isStill() || (!x && !y)) return;
  const moves = [{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }];
  const move = (camera.glide = player.figure.animate(moves, { duration: GLIDE, easing: SMOOTH }));
  move.onfinish = move.oncancel = () => {
    if (camera.glide === move) camera.glide = null;
  };
}

/** The stage is the reader's when he scrolls it himself: it stays where it has come to. */
function letGo() {
  const here = inSight();
  camera.glide?.cancel();
  camera.glide = null;
  byId("stage").scrollTo(here);
}

const DROP = 900; // milliseconds for a drop to run along an arrow
const POINTS = 12; // at which its way is known

/** A drop runs along the lit arrow as the gradient does, against the arrow and behind its label; moved as a whole, too. */
function drip() {
  const { figure } = player;
  const { path, hides, place = [] } = pictures.get(figure).way() ?? {};
  const drop = figure.querySelector(".drop") ?? figure.appendChild(make("div", { className: "drop", hidden: true }));
  drop.getAnimations().forEach((animation) => animation.cancel());
  drop.hidden = !path || isStill();
  if (drop.hidden) return;
  const long = path.getTotalLength();
  const way = Array.from({ length: POINTS + 1 }, (_, i) => {
    const { x, y } = path.getPointAtLength(long * (1 - i / POINTS));
    const at = [x + place[0], y + place[1]].map((c) => `${((EDGE + c) * camera.zoom).toFixed(1)}px`);
    return { transform: `translate(${at})`, opacity: hides(x, y) ? 0 : 1 };
  });
  drop.animate(way, { duration: DROP, iterations: Infinity });
}

// ---- the map: a small picture of all blocks, and what is in sight

/** Draw the map, if not all of the picture is in sight. */
function drawMap() {
  const [map, stage, picture] = [byId("map"), byId("stage"), pictures.get(player.figure)];
  const { width, height } = picture.svg.viewBox.baseVal;
  map.toggleAttribute("hidden", height * camera.zoom <= stage.clientHeight * 1.2);
  if (map.hasAttribute("hidden")) return;
  const box = (area, [x, y]) => `M${EDGE + x + area.x},${EDGE + y + area.y}h${area.width}v${area.height}h${-area.width}z`;
  const shown = picture.flow.blocks.filter(({ state }) => state.width);
  const frame = ({ state }) => ({ x: 0, y: 0, width: state.width, height: state.height });
  const boxes = shown.flatMap((block) => picture.areasIn(block.state.element).map((area) => box(area, block.place))); // measured before all else is written
  set(map, { viewBox: `0 0 ${width} ${height}`, width: MAP });
  set(map.querySelector(".frames"), { d: shown.map((block) => box(frame(block), block.place)).join("") });
  set(map.querySelector(".boxes"), { d: boxes.join("") });
  drawView();
}

/** Show on the map which part is in sight, and where the step happens. */
function drawView() {
  const [map, stage, picture] = [byId("map"), byId("stage"), pictures.get(player.figure)];
  if (map.hasAttribute("hidden")) return;
  const [x, y, width, height] = [stage.scrollLeft, stage.scrollTop, stage.clientWidth, stage.clientHeight].map((n) => n / camera.zoom);
  set(map.querySelector(".sight"), { x, y, width, height });
  const here = picture.marked?.current;
  const [left, top] = picture.blockOf(here)?.place ?? [0, 0];
  const own = here?.transform.baseVal.consolidate()?.matrix ?? { e: 0, f: 0 };
  set(map.querySelector(".here"), { cx: EDGE + left + own.e + 40, cy: EDGE + top + own.f + 30, r: here ? 45 : 0 });
}

/** Go where the map was pressed, and along with the pointer. */
function followMap(event) {
  if (event.type === "pointermove" && !event.buttons) return;
  const [map, stage] = [byId("map"), byId("stage")];
  letGo();
  const frame = map.getBoundingClientRect();
  const { width } = map.viewBox.baseVal;
  const scale = (camera.zoom * width) / frame.width;
  stage.scrollTo(
    (event.clientX - frame.left) * scale - stage.clientWidth / 2,
    (event.clientY - frame.top) * scale - stage.clientHeight / 2,
  );
  drawView();
}
