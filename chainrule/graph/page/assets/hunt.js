// Find the bug: badges are covered, a clue is given, and the learner clicks the box where it goes wrong.

const hunt = { on: false, left: [], found: new Set() }; // the guilty nodes that are not found yet; those that are

/** What can be hunted: kind of a badge -> [a clue, what to do about it]. */
const BUGS = {
  zero_grad: [t`A gradient is too large: an older one is still in it. Which box holds it?`,
    t`Call zero_grad() before each backward pass: backward adds to what .grad holds.`],
  stretched: [t`There are more differences than examples. Which box made too many?`,
    t`Give both operands the same shape, for example y.reshape(-1, 1).`],
  off: [t`Some gradients are exactly 0. Which box lets nothing through?`,
    t`Its input is below 0 for every example. A smaller learning rate, another start or a leaky ReLU keeps it alive.`],
  saturated: [t`The gradient shrinks to almost nothing at one place. Which box is it?`,
    t`Its input is so far out that the curve is flat. Smaller weights, or an activation that does not flatten.`],
  born: [t`Some number is no longer finite. In which box was the first one born?`,
    t`Keep its operand where the function is defined, for example with clip or a small constant.`],
  "born gradient": [t`Some gradient is no longer finite. Which box got the first one?`,
    t`The rule multiplies by an infinite slope: keep away from the end of the function's domain.`],
};

/** [node, badge, clue, advice] of what can be found in this graph. */
const guilty = nodes.flatMap((node) =>
  node.badges.filter(({ kind }) => kind in BUGS).map(({ kind, text }) => ({ node, badge: text, clue: BUGS[kind][0], advice: BUGS[kind][1] })),
);

function toggleHunt() {
  hunt.on = !hunt.on;
  document.getElementById("hunt").setAttribute("aria-pressed", hunt.on);
  document.getElementById("clue").hidden = !hunt.on;
  document.body.classList.toggle("hunting", hunt.on);
  if (hunt.on) {
    if (predict.on) togglePredict();
    if (tale !== whole) openView("");
    Object.assign(hunt, { left: [...guilty], found: new Set() });
    go(steps.length);
    giveClue();
  } else show();
}

function giveClue(before = "") {
  const [next] = hunt.left;
  const after = next ? t`${next.clue} Click it, or press Enter on it.` : t`You found all there is to find.`;
  document.getElementById("clue-text").textContent = [before, after].filter(Boolean).join(" ");
}

/** Whether a badge may be seen: while hunting, only on boxes that were found. */
function isUncovered(node) {
  return !hunt.on || hunt.found.has(node.id);
}

/** Judge the box that was clicked. */
function accuse(id) {
  const hit = hunt.left.find(({ node }) => node.id === id);
  if (!hit) {
    const { kind, call, label } = nodes[id];
    const box = kind === "operation" ? `${label} = ${call}` : label;
    return giveClue(hunt.found.has(id) ? t`That one is found already.` : t`Not ${box}.`);
  }
  hunt.left = hunt.left.filter(({ node }) => node.id !== id);
  hunt.found.add(id);
  giveClue(t`Yes: ${hit.badge}. ${hit.advice}`);
}
