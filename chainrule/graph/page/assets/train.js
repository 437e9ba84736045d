// Closing the loop: what the update makes of the result, and many steps. An optimiser's update rule is a program like that of
// the graph, recorded from the optimiser itself; nothing here knows one.

const train = {
  rule: Object.keys(story.rules)[0],
  clears: true, // whether zero_grad is called after each step
  states: new Map(), // id of a leaf -> {count, state}: how often it was updated, and the arrays that its rule keeps
  held: new Map(), // id of a leaf -> what `.grad` holds from the steps before
  losses: [], // after each step
  path: [], // the numbers of all parameters before each step: Map id -> array
  timer: null,
};
const PAUSE = 60; // milliseconds between steps that run

/** Where the results of a program of the graph for a kind of value and a place stand. */
function numberOf(kind, id) {
  return live.program.kept[kind]?.find(([place]) => place === id)?.[1];
}

function isParameter(node) {
  return node.kind === "leaf" && node.trained;
}

/** The leaves that a step changes. */
function trained() {
  return whole.nodes.filter((node) => isParameter(node) && live.leaves.has(node.id) && numberOf("total", node.id) !== undefined);
}

/** The gradient that an update goes by: that of this pass, and what `.grad` held before; null where it is unknown. */
function gradientOf(id) {
  const step = recordedUpdates.find((update) => update.node === id);
  if (!live.changed && !train.held.has(id) && before.get(step)) return hasItems(before.get(step)) ? arrayOf(before.get(step)) : null;
  const number = live.program && numberOf("total", id);
  if (number === undefined || number === null) return null;
  const { grad } = whole.nodes[id];
  const held = train.held.get(id) ?? (!train.losses.length && !story.graph.ran && grad && hasItems(grad) ? arrayOf(grad) : null);
  return held ? evaluate("add", results()[number], [held, results()[number]], {}) : results()[number];
}

function results() {
  live.before ??= replay(live.program, live.inputs);
  return (live.results ??= live.before);
}

function valueOf(id) {
  const node = whole.nodes[id];
  if (live.leaves.has(id)) return live.inputs.get(live.leaves.get(id)[0]);
  return node.value && hasItems(node.value) ? arrayOf(node.value) : null;
}

/** {value, state} of a leaf after one update by the chosen rule, at the learner's rate. */
function ruled(id) {
  const [p, g] = [valueOf(id), gradientOf(id)];
  const rule = p && story.rules[train.rule][p.dtype];
  if (!g || !rule) return null;
  const form = ([shape, dtype]) => [shape.length ? p.shape : shape, dtype];
  const { count, state } = train.states.get(id) ?? { count: 0, state: rule.start.map((x) => filled(p.shape, p.dtype, x)) };
  const named = { p, g, lr: story.lr, t: count + 1, ...Object.fromEntries(state.map((x, i) => [`state ${i}`, x])) };
  const inputs = new Map(rule.given.map(([name, number]) => [number, named[name]]));
  const all = replay({ forms: rule.forms.map(form), code: rule.code }, inputs);
  const kept = (kind) => (rule.kept[kind] ?? []).map(([, number]) => all[number]);
  return { value: kept("p")[0], state: { count: count + 1, state: kept("state") } };
}

/** All results of the graph with other arrays for some leaves: Map id -> array. */
function resultsWith(arrays) {
  const inputs = new Map(live.inputs);
  for (const [id, array] of arrays) for (const input of live.leaves.get(id)) inputs.set(input, array);
  return replay(live.program, inputs);
}

/** The result as one number: of an array the sum of its elements, whose gradient the pass computes. */
function lossOf(all) {
  return all[numberOf("value", whole.nodes.length - 1)].data.reduce((sum, x) => sum + x, 0);
}

// ---- the phase Check: what comes out with the updated parameters

const recordedUpdates = whole.steps.filter((step) => step.phase === "update");
for (const { id, kind, trained, total } of whole.nodes) if (kind === "leaf" && !trained && total) recordedUpdates.push(updateOf(id, total));
endSteps();

/** The update of a leaf that only the learner trains. */
function updateOf(node, left) {
  const step = { phase: "update", node, edge: null, arrived: incoming[node].length, expected: incoming[node].length, text: "", left };
  before.set(step, left);
  return step;
}

/** End the story with the updates of what is trained, and the check. */
function endSteps() {
  const { nodes, steps } = whole;
  const first = steps.findIndex((step) => step.phase === "update" || step.phase === "check");
  if (first >= 0) steps.length = first;
  steps.push(...recordedUpdates.filter((step) => nodes[step.node].trained));
  const root = nodes.length - 1;
  if (live.program && trained().length) steps.push({ phase: "check", node: root, edge: null, arrived: 0, expected: 0, text: "" });
}

/** Let training change a leaf, or leave it as it is. */
function setTrained(node, on) {
  node.trained = on;
  endSteps();
  byId("scrubber").max = steps.length;
  player.position = Math.min(player.position, steps.length);
  player.picked = node.id;
  listChoices();
  show();
}

/** {loss, after, predicted, all}: the result now, after the update, how much the gradients say it changes, and all results. */
function check() {
  const updates = new Map(trained().map(({ id }) => [id, ruled(id)?.value ?? valueOf(id)]));
  const predicted = trained().map(({ id }) => {
    const [g, p, q] = [gradientOf(id), valueOf(id), updates.get(id)];
    return g ? g.data.reduce((sum, x, i) => sum + x * (q.data[i] - p.data[i]), 0) : 0;
  });
  const all = resultsWith(updates);
  return { loss: lossOf(results()), after: lossOf(all), predicted: predicted.reduce((sum, x) => sum + x, 0), all };
}

function checkText() {
  const { loss, after, predicted } = check();
  const words = t`Check: ${arrow(loss, after)}. The gradients alone predict a change of ${number(predicted)}; it is ${number(after - loss)}.`;
  return after > loss ? `${words} ${t`The step was too long: the slope changes on the way.`}` : words;
}

/** `loss: 2.55 → 0.41 ▼` */
function arrow(loss, after) {
  return `${whole.nodes.at(-1).label}: ${number(loss)} → ${number(after)} ${after < loss ? "▼" : after > loss ? "▲" : "＝"}`;
}

/** The values after the update: of the updated leaves, and in the phase Check of all that depends on them. */
function checked() {
  const { all } = check();
  const changed = live.program.kept.value.filter(([, number]) => differs(all[number], results()[number]));
  return changed.map(([id, number]) => [id, valuesOf(all[number], whole.recorded.value[id])]);
}

// ---- taking steps

/** Take `count` steps, and show where they lead. */
function takeSteps(count) {
  if (!live.program || !trained().length) return;
  const start = lossOf(results());
  if (!train.losses.length) train.losses.push(start);
  for (let i = 0; i < count && Number.isFinite(train.losses.at(-1)); i++) stepOnce();
  if (!Number.isFinite(train.losses.at(-1))) stopRun();
  player.position = lastBackward();
  player.flashing = count === 1;
  show();
  player.flashing = false;
  byId("text").textContent = t`Step ${train.losses.length - 1}: ${arrow(start, train.losses.at(-1))}`;
  tellAround();
}

function stepOnce() {
  train.path.push(new Map(trained().map(({ id }) => [id, valueOf(id)])));
  const made = trained().map(({ id }) => [id, ruled(id), gradientOf(id)]);
  for (const [id, after, gradient] of made) {
    if (!after) continue;
    train.states.set(id, after.state);
    train.clears ? train.held.delete(id) : train.held.set(id, gradient);
    for (const input of live.leaves.get(id)) live.inputs.set(input, after.value);
  }
  live.measured = null;
  train.losses.push(NaN); // so that gradientOf no longer looks at what `.grad` held at the start
  adopt(replay(live.program, live.inputs));
  train.losses[train.losses.length - 1] = lossOf(results());
}

function lastBackward() {
  return steps.findLastIndex((step) => step.phase === "backward" || step.phase === "seed") + 1;
}

function runSteps() {
  if (train.timer) return stopRun();
  pause();
  train.timer = setInterval(() => takeSteps(1), PAUSE);
  byId("run").textContent = t`Stop`;
}

function stopRun() {
  clearInterval(train.timer);
  train.timer = null;
  byId("run").textContent = t`Run`;
}

/** Forget the steps: the optimiser's state, what `.grad` holds, the losses. */
function forget() {
  stopRun();
  for (const all of [train.states, train.held]) all.clear();
  train.losses.length = train.path.length = 0;
}
