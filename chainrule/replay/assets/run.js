// The player: which snapshot is shown, and everything that changes it.

const run = JSON.parse(document.getElementById("run").textContent);
const last = run.snapshots.length - 1;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const when = document.getElementById("when"), play = document.getElementById("play");
let shown = 0, timer = null;

const axis = [0, Math.max(...run.snapshots.map((snapshot) => snapshot.at), ...run.columns.epoch, 1)];

/** Go to the snapshot that is nearest to a place on the axis of epochs. */
function seek(at) {
  const away = (snapshot) => Math.abs(snapshot.at - at);
  show(run.snapshots.reduce((best, snapshot, i) => (away(snapshot) < away(run.snapshots[best]) ? i : best), 0));
}

const panels = [
  factsPanel(run), planePanel(run), lossPanel(run, axis, seek), layersPanel(run, axis, seek), graphPanel(run),
  columnsPanel(run, axis, seek),
];
lookPanel(run);
panel("loss").classList.toggle("wide", panel("plane").hidden);

if (!run.recorded) {
  const note = say(`${t`Only the epochs were recorded. To see the decision boundary, the layers and one example’s graph as they change, train with`} `);
  html("code", "fit(…, callbacks=[cr.Replay()])", note);
}

function show(index) {
  shown = Math.min(last, Math.max(0, index));
  const snapshot = run.snapshots[shown];
  for (const write of panels) write(snapshot);
  const epoch = run.recorded ? t`epoch ${snapshot.epoch}, step ${snapshot.steps}` : t`epoch ${snapshot.epoch}`;
  const where = run.recorded && !snapshot.at ? t`before training` : epoch;
  when.value = shown;
  when.setAttribute("aria-valuetext", where);
  document.getElementById("where").textContent = `${t`${shown} of ${last}`} · ${where}`;
  document.body.dataset.snapshot = shown;
  history.replaceState(null, "", `#snapshot=${shown}`);
  if (timer === null) speak(snapshot, where);
}

function speak(snapshot, where) {
  const count = correct(run, snapshot);
  const said = [
    t`Snapshot ${shown} of ${last}: ${where}`,
    snapshot.outputs && t`loss ${written(snapshot.outputs.loss)}`,
    count !== null && t`${percent(count, run.outputs.examples)} correct`,
  ];
  document.getElementById("status").textContent = said.filter(Boolean).join(", ");
}

function pause() {
  clearInterval(timer);
  timer = null;
  play.textContent = t`Play`;
  show(shown);
}

function toggle() {
  if (timer !== null) return pause();
  if (shown === last) show(0);
  play.textContent = t`Pause`;
  timer = setInterval(() => (shown < last ? show(shown + 1) : pause()), calm.matches ? 1000 : 140);
}

function go(index) {
  if (timer !== null) pause();
  show(index);
}

const moves = {
  ArrowLeft: () => go(shown - 1), ArrowRight: () => go(shown + 1), Home: () => go(0), End: () => go(last), " ": toggle,
};
document.addEventListener("keydown", (event) => {
  const move = moves[event.key];
  if (!move || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  if (event.key === " " && event.target.closest("button, summary")) return; // they are pressed with it
  if (event.key !== " " && event.target.closest(".scroll")) return; // there the arrows scroll
  event.preventDefault();
  move();
});
const buttons = { first: "Home", previous: "ArrowLeft", next: "ArrowRight", last: "End", play: " " };
for (const [id, key] of Object.entries(buttons))
  document.getElementById(id).addEventListener("click", moves[key]);
when.addEventListener("input", () => go(Number(when.value)));
window.addEventListener("hashchange", follow);

function follow() {
  const asked = /^#snapshot=(\d+)$/.exec(location.hash);
  show(asked ? Number(asked[1]) : 0);
}

when.max = last;
follow();
