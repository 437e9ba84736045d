// The controls: where in the story the page is, which picture is open, and what keys and buttons do.

const byId = (id) => document.getElementById(id);
const figures = [...document.querySelectorAll(".view")];
const pictures = new Map(); // figure -> its Picture, made when it is first opened
const player = { position: 0, timer: null, picked: null, figure: figures[0], flashing: false };
const PACE = 1400; // milliseconds a step, when playing
const FEW = 2; // heights of the stage that a picture may take before what repeats in it is folded at first

// ---- where in the story

/** Go to the place after `position` steps and show it. */
function go(position) {
  dismiss();
  player.position = Math.min(Math.max(position, 0), steps.length);
  player.picked = null;
  show();
  keepAddress();
}

function keepAddress() {
  try {
    history.replaceState(null, "", `#${tale.address(player.position)}${besides()}`);
  } catch {
    // in a notebook's <iframe srcdoc> the address is not ours to change
  }
}

function next() {
  if (predict.question) return byId("answer").focus();
  if (ask(steps[player.position])) {
    pause();
    player.picked = null;
    return show();
  }
  go(player.position + 1);
}

function back() {
  go(predict.question ? player.position : player.position - 1);
}

function jump(phase) {
  const first = steps.findIndex((step) => step.phase === phase);
  if (first >= 0) go(first + 1);
}

function followAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  followBesides(said);
  const [, step, part, node] = location.hash.match(/step=(\d+)(?:\.(\d+))?(?:&node=(\d+))?/) ?? [];
  if (step !== undefined) {
    if (!said.has("view") && node !== player.figure.dataset.node && (tale !== whole || node)) openView(node ? `node ${node}` : "");
    go(tale.at(step, part));
  }
  pickAddressed(said);
}

function play() {
  if (player.timer) return pause();
  if (player.position === steps.length) go(0);
  player.timer = setInterval(() => (player.position < steps.length ? next() : pause()), PACE);
  byId("play").firstChild.data = `${t`Pause`} `;
  next();
}

function pause() {
  clearInterval(player.timer);
  player.timer = null;
  byId("play").firstChild.data = `${t`Play`} `;
}

// ---- what is shown

const PHASES = { start: t`start`, forward: t`forward`, seed: t`seed`, backward: t`backward`, update: t`update`, check: t`check` };

/** Bring picture, texts and inspector to the current place; `prefix` is spoken before the step. */
function show(prefix = "") {
  const snapshot = snapshotAt(player.position);
  const hidden = predict.question?.edge ?? null;
  const node = nodes[player.picked ?? hidden?.source ?? snapshot.step?.node ?? nodes.length - 1];
  const phase = snapshot.step?.phase ?? "start";
  const counter = `${tale.named(player.position)} / ${whole.steps.length} · ${PHASES[phase]}`;
  document.body.dataset.phase = phase;
  byId("counter").textContent = counter;
  byId("text").textContent = `${prefix} ${hidden ? headline(predict.question) : stepText(snapshot.step)}`.trim();
  byId("scrubber").value = player.position;
  byId("scrubber").setAttribute("aria-valuetext", counter);
  byId("back").disabled = byId("start").disabled = player.position === 0 && !hidden;
  byId("next").disabled = byId("end").disabled = player.position === steps.length;
  for (const button of document.querySelectorAll("[data-jump]")) {
    if (button.dataset.jump === phase) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  }
  const picture = pictures.get(player.figure);
  const changing = hidden?.source ?? snapshot.step?.node;
  const edge = hidden ?? edges[snapshot.step?.edge];
  if (picture.flow.reveal([edge?.target ?? changing, player.picked])) {
    picture.flow.choose();
    lay(); // at the same size, so that the eye can follow
  }
  picture.show(snapshot, hidden, player.picked);
  byId("elsewhere").hidden = changing === undefined || Boolean(picture.stands(changing));
  inspect(node, snapshot, hidden);
  showLive();
  showPanel();
  lightPaths();
  reachTables(); // what is measured comes after all that is written: in between, each would cost a layout
  const seen = picture.light();
  reach(player.picked === null ? seen : [picture.stands(player.picked)]);
  drip();
}

/** Look at a node, chosen in the picture, until the next step. */
function select(id) {
  if (hunt.on) accuse(id);
  player.picked = id;
  show();
  byId("inspected").focus({ preventScroll: matchMedia("(min-width: 800px)").matches });
}

/** Back from the inspector to the node in the picture. */
function leave() {
  const element = pictures.get(player.figure).stands(player.picked);
  player.picked = null;
  show();
  element?.focus();
}

// ---- views: the whole graph, what is inside a group, a small array as numbers

function hasView(path) {
  return figures.some((figure) => figure.dataset.path === path);
}

function openView(path) {
  const figure = figures.find((f) => f.dataset.path === path);
  if (!figure) return;
  for (const other of figures) other.hidden = other !== figure;
  player.figure = figure;
  const told = taleOf(figure);
  if (told !== tale) changeTale(told);
  if (!pictures.has(figure)) {
    pictures.set(figure, new Picture(figure));
    foldAtFirst(pictures.get(figure));
  }
  byId("views").replaceChildren(...trail(figure));
  byId("views").hidden = !figure.dataset.path;
  byId("fold").hidden = !pictures.get(figure).flow.known.size;
  camera.fitted = true;
  refold();
  show();
}

/** Go over to another story, at the same place in that of the whole graph. */
function changeTale(told) {
  dismiss();
  stopPaths();
  paths.id = player.picked = null;
  const position = tale.outer(player.position);
  tell(told);
  if (tale !== whole) tale.refresh();
  player.position = tale.from(position);
  fitControls();
}

/** Let slider and buttons reach the steps of the story that is shown. */
function fitControls() {
  byId("scrubber").max = steps.length;
  for (const button of document.querySelectorAll("[data-jump]")) button.disabled = !steps.some((step) => step.phase === button.dataset.jump);
}

/** Open a view on request, and go on from there with the keyboard. */
function enterView(path) {
  openView(path);
  keepAddress();
  (byId("views").hidden ? byId("next") : byId("views").lastElementChild.firstElementChild).focus();
}

/** Buttons for the views around this one, outermost first. */
function trail(figure) {
  const parent = figures.find((f) => f !== figure && f.dataset.path === figure.dataset.parent);
  const here = make("button", { type: "button", onclick: () => enterView(figure.dataset.path) }, figure.dataset.title);
  return [...(parent ? trail(parent) : []), make("li", {}, here)];
}

/** Open the view in which the current step, or the one in question, can be seen. */
function showStep() {
  const changing = predict.question?.edge.source ?? steps[player.position - 1].node;
  const shows = (figure) => !figure.dataset.node && figure.querySelector(`[id$="n${changing}"].node`);
  enterView(figures.find(shows)?.dataset.path ?? "");
}

// ---- frames that can be folded

/** Bring the picture to what is folded now. */
function refold() {
  const { flow } = pictures.get(player.figure);
  flow.choose();
  if (camera.fitted) fit();
  else lay();
  byId("fold").textContent = flow.folded.size ? t`Unfold all` : t`Fold all`;
}

/** Fold a frame or unfold it, and stay there with the keyboard. */
function toggleFrame(name) {
  const picture = pictures.get(player.figure);
  picture.flow.toggle(name);
  refold();
  show();
  const shown = [...player.figure.querySelectorAll("[data-focus]")].filter((e) => e.dataset.focus === name);
  const there = shown.find((element) => isShown(element.closest(".state")));
  (there?.matches(".cluster") ? there.querySelector("text") : there)?.focus({ preventScroll: true });
  reach([there]);
}

function toggleAll() {
  pictures.get(player.figure).flow.toggleAll();
  refold();
  show();
}

/** At first all that repeats is folded, if the picture would be far larger than the stage. */
function foldAtFirst({ flow, svg }) {
  if (svg.dataset.folded || !svg.dataset.units) return;
  const { height } = flow.rows(byId("stage").clientWidth / SMALLEST);
  if (height * SMALLEST > FEW * byId("stage").clientHeight) flow.toggleAll();
}

// ---- predict mode

/** Turn predict mode on or off. It asks at once for the next contribution, after the last one for the first. */
function togglePredict() {
  predict.on = !predict.on;
  if (predict.on && hunt.on) toggleHunt();
  byId("predict").setAttribute("aria-pressed", predict.on);
  byId("score").hidden = !predict.on;
  if (!predict.on) return go(player.position);
  const asks = (step) => questionFor(step) !== null;
  const coming = steps.slice(player.position).findIndex(asks);
  const place = coming < 0 ? steps.findIndex(asks) : player.position + coming;
  if (place < 0) return show(t`There is nothing to predict here, since no contribution is known.`);
  go(place);
  next();
}

function answer(event) {
  event.preventDefault();
  if (judge(byId("answer").value, byId("sum").value)) uncover(t`Right.`);
}

function uncover(prefix = "") {
  go(player.position + 1);
  show(prefix);
  byId("next").focus();
}

// ---- keys and buttons

const KEYS = {
  ArrowRight: next,
  ArrowLeft: back,
  Home: () => go(0),
  End: () => go(steps.length),
  " ": play,
  f: () => jump("forward"),
  b: () => jump("backward"),
  p: togglePredict,
  "[": () => walkBeside(-1),
  "]": () => walkBeside(1),
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  0: () => (fit(), show()),
  c: openTake,
  "?": () => byId("help").showModal(),
  Escape: () => (predict.question ? (dismiss(), show()) : player.picked === null ? pause() : leave()),
};

/** Whether an element needs the key itself: a field for text, a slider for arrows, a button for Space. */
function keeps(element, key) {
  if (element.matches("input[type=range]")) return /Arrow|Home|End/.test(key);
  if (element.matches("input")) return key !== "Escape";
  return key === " " && element.matches("button");
}

function onKey(event) {
  if (byId("tour").open) return;
  if (event.shiftKey && /ArrowLeft|ArrowRight/.test(event.key) && !keeps(event.target, event.key)) {
    event.preventDefault();
    return walkAlong(event.key === "ArrowLeft");
  }
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const modified = event.ctrlKey || event.metaKey || event.altKey;
  if (!act || modified || byId("help").open || byId("take").open || keeps(event.target, event.key)) return;
  event.preventDefault();
  act();
}

/** Make an element of the picture, or a part of it, a button. */
function press(element, label, act, button = element) {
  set(button, { tabindex: 0, role: "button", "aria-label": label });
  button.addEventListener("click", act);
  button.addEventListener("keydown", (event) => {
    if (event.key === "Enter") act();
  });
}

/** Show the inspector beside the picture, or leave its room to the picture. */
function toggleInspector() {
  const shown = document.body.classList.toggle("wide") === false;
  byId("details").setAttribute("aria-expanded", shown);
  refold();
  show();
}

const BUTTONS = {
  start: () => go(0),
  back,
  play,
  next,
  end: () => go(steps.length),
  predict: togglePredict,
  hunt: toggleHunt,
  reveal: () => (reveal(), uncover()),
  larger: () => zoom(1.25),
  smaller: () => zoom(0.8),
  fit: () => fit(),
  fold: toggleAll,
  details: toggleInspector,
  elsewhere: showStep,
  reset: () => (resetLeaves(), show(), tellAround(), byId("next").focus()),
  "open-help": () => byId("help").showModal(),
  "close-help": () => byId("help").close(),
};

for (const [id, act] of Object.entries(BUTTONS)) byId(id).addEventListener("click", act);
for (const button of document.querySelectorAll("[data-jump]")) button.addEventListener("click", () => jump(button.dataset.jump));
/** A finger that moves to the left asks for the next step, to the right for the one before; where the picture can move, it moves that. */
function swipe({ target, touches }) {
  const stage = byId("stage");
  if (touches.length > 1 || (stage.contains(target) && stage.scrollWidth > stage.clientWidth)) return;
  const { clientX: x, clientY: y } = touches[0];
  const end = ({ changedTouches: [touch] }) => {
    const [across, down] = [touch.clientX - x, touch.clientY - y];
    if (Math.abs(across) > 40 && Math.abs(across) > 2 * Math.abs(down)) byId(across < 0 ? "next" : "back").click();
  };
  target.addEventListener("touchend", end, { once: true });
}

fitControls();
byId("scrubber").addEventListener("input", (event) => go(Number(event.target.value)));
byId("lr").value = story.lr;
byId("lr").addEventListener("input", (event) => {
  if (event.target.value !== "") story.lr = Number(event.target.value);
  show();
});
byId("hunt").hidden = !guilty.length;
byId("question").addEventListener("submit", answer);
byId("stage").addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
}, { passive: false });
byId("stage").addEventListener("pointerdown", dragNumber, { capture: true });
byId("stage").addEventListener("keydown", keyOnBox);
for (const name of ["wheel", "pointerdown", "touchstart"]) byId("stage").addEventListener(name, letGo, { passive: true });
byId("stage").addEventListener("scroll", drawView);
for (const name of ["pointerdown", "pointermove"]) byId("map").addEventListener(name, followMap);
for (const place of [byId("stage"), document.querySelector(".said")]) place.addEventListener("touchstart", swipe, { passive: true });
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", followAddress);
window.addEventListener("resize", () => ((camera.fitted = true), refold(), show()));

window.addEventListener("message", setNamed);
if (window.parent !== window && live.program) window.parent.postMessage({ chainrule: "ready" }, "*");

startPanel();
openView("");
followAddress();
if (story.predict) togglePredict();
