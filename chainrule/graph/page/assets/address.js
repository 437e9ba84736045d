// What an address says besides the step: the view, the value that is inspected, the learning rate, predict mode, and the numbers
// that the learner has changed.

const BEGUN = { lr: story.lr, predict: Boolean(story.predict) };
const MOST_SET = 200; // numbers in an address

/** The leaves of the whole graph whose numbers can be changed. */
function editableNodes() {
  return whole.nodes.filter(({ id, value }) => live.leaves.has(id) && value && hasItems(value) && /float|^$/.test(value.dtype));
}

/** The numbers that are not the program's own, each as "id:place:number"; null if they are too many. */
function changedNumbers() {
  const found = editableNodes().flatMap(({ id, value }) => {
    const own = flat(whole.recorded.value[id]);
    return flat(value).flatMap((x, place) => (Object.is(x, own[place]) ? [] : [`${id}:${place}:${x}`]));
  });
  return found.length > MOST_SET ? null : found;
}

function besides() {
  const said = new URLSearchParams();
  const { path, node } = player.figure.dataset;
  if (path && !node) said.set("view", path);
  if (player.picked !== null && !node) said.set("pick", player.picked);
  if (story.lr !== BEGUN.lr) said.set("lr", story.lr);
  if (predict.on !== BEGUN.predict) said.set("predict", Number(predict.on));
  for (const entry of changedNumbers() ?? []) said.append("set", entry);
  const text = String(said);
  return text && `&${text}`;
}

/** Bring the page to what an address says besides the step; what it says of a value that is inspected comes after that, see pickAddressed. */
function followBesides(said) {
  if (said.has("set") && live.program) {
    resetLeaves();
    for (const entry of said.getAll("set")) {
      const [id, place, x] = entry.split(":").map(Number);
      if (editableNodes().some((node) => node.id === id && place >= 0 && place < size(node.shape))) setElement(id, place, x);
    }
  }
  if (Number(said.get("lr")) > 0) byId("lr").value = story.lr = Number(said.get("lr"));
  if (said.has("predict") && predict.on !== (said.get("predict") === "1")) togglePredict();
  if (said.has("view") && hasView(said.get("view"))) openView(said.get("view"));
}

function pickAddressed(said) {
  if (tale !== whole || !nodes[said.get("pick") ?? NaN]) return;
  player.picked = Number(said.get("pick"));
  if (!said.has("step") && player.position === 0) player.position = steps.length;
  show();
}
