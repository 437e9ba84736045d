// Predict mode: the next contribution is hidden, the learner computes it, and a wrong answer is diagnosed.

const predict = { on: false, question: null, right: 0, asked: 0, tries: 0 };

/**
 * The question that a backward step poses, or null where its numbers are unknown. Of an array, it
 * asks for the largest element. After a node's first contribution it asks for the new sum: `before` is the sum so far, else null.
 */
function questionFor(step) {
  const edge = step?.phase === "backward" ? edges[step.edge] : null;
  if (!edge?.contribution || !edge.running || !hasItems(edge.contribution)) return null;
  const parts = flat(edge.contribution);
  const place = parts.reduce((best, x, i) => (Math.abs(x) > Math.abs(parts[best]) ? i : best), 0);
  if (!Number.isFinite(parts[place])) return null;
  const sum = step.arrived > 1 ? incoming[edge.source][step.arrived - 2].running : null;
  const before = sum && flat(sum)[place];
  return { edge, place, before, part: parts[place], answer: flat(edge.running)[place], ...factors(edge, place) };
}

/** Upstream gradient and local derivative at the element in question, and the other operand's; null if unknown. */
function factors(edge, place) {
  const [source, target] = [nodes[edge.source], nodes[edge.target]];
  const other = operands[target.id].find((e) => e.slot !== edge.slot && e.local);
  const aligned = edge.local && size(source.shape) === size(target.shape); // else broadcasting was summed
  const at = (values) => (aligned && values && hasItems(values) ? flat(values)[place] : null);
  return { upstream: at(target.total), local: at(edge.local), other: at(other?.local) };
}

/** "[1, 2]", the place of an element in an array; "" for a number. */
function placeText(place, shape) {
  if (size(shape) === 1) return "";
  const index = shape.map((n, axis) => Math.floor(place / size(shape.slice(axis + 1))) % n);
  return `[${index.join(", ")}]`;
}

function questionText({ edge, place, before }) {
  const [source, target] = [nodes[edge.source], nodes[edge.target]];
  const asked = source.label + placeText(place, source.shape);
  const g = upstream(edge);
  const known = g && size(g.shape) === 1 ? `has gradient ${inline(g)}` : "has its complete gradient";
  const given = `${target.label} = ${target.call} ${known}.`;
  if (before === null) return `${given} What does it send back to ${asked}?`;
  const sum = number(before);
  return `${given} ${asked} has ${sum} so far. What is its gradient after this contribution?`;
}

/** The number in a text, with comma or point, "−" or "-", or a fraction; NaN if there is none. */
function parsed(text) {
  const [top, bottom = "1", ...rest] = text.trim().replace(/−/g, "-").replace(",", ".").split("/");
  return top.trim() === "" || bottom.trim() === "" || rest.length ? NaN : Number(top) / Number(bottom);
}

/** Equal to half a percent, or correctly rounded to the digits given, at least two of them. */
function agrees(given, expected, text = "") {
  if (Math.abs(given - expected) <= Math.max(0.005 * Math.abs(expected), 1e-12)) return true;
  const decimals = text.trim().match(/^[-−]?\d*[.,](\d+)$/)?.[1] ?? "";
  const digits = decimals.replace(/^0+/, "").length;
  return digits >= 2 && Math.abs(given - expected) <= 0.5001 * 10 ** -decimals.length;
}

/** What a wrong answer tells: the likeliest mistake in words, or a hint. "" for a right answer. */
function diagnosis(question, given, text = "") {
  const { edge, answer, before, part, upstream: g, local, other } = question;
  const [source, target] = [nodes[edge.source].label, nodes[edge.target].label];
  const is = (x) => agrees(given, x, text);
  const used = (x) => Number.isFinite(x) && x !== 0 && (is(x) || (before !== null && is(before + x))); // as the contribution
  if (is(answer)) return "";
  if (before !== null && is(part)) {
    const sum = number(before);
    return `That is the new contribution alone: it would overwrite the ${sum} that came before. Contributions add.`;
  }
  if (before !== null && is(before)) return "That is the sum so far. Add what comes along this edge.";
  if (used(-part) || is(-answer)) return "Right size, wrong sign.";
  if (local !== null && g !== null) {
    if (used(local)) return `That is the local derivative alone. Multiply it by the gradient of ${target}.`;
    if (used(g)) return `That is the upstream gradient alone. Multiply it by the slope ∂${target}/∂${source}.`;
    if (other !== null && used(g * other)) {
      return `Swapped operands: you used the other operand's local derivative. What is ∂${target}/∂${source}?`;
    }
    if (used(g / local)) return "You divided by the local derivative. The chain rule multiplies: upstream × local.";
  }
  if (used(1 / part)) return "That is the reciprocal.";
  if (edge.summed) return `Not yet. The operand was broadcast, so its contribution is ${edge.summed}.`;
  return `Not yet. ${hint(question)}`;
}

function hint({ edge, upstream: g }) {
  const [source, target] = [nodes[edge.source].label, nodes[edge.target]];
  if (predict.tries > 1 && edge.rule) return `The rule of ${edge.rule}. Here g is the gradient of ${target.label}.`;
  if (g === null) return `Use the rule of ${target.operation}, with the gradient of ${target.label}.`;
  const much = number(g);
  return `Upstream is ${much}. How does ${target.label} change when only ${source} changes a little?`;
}

/** Hide the next step and ask for it. Returns whether there is a question. */
function ask(step) {
  predict.question = predict.on ? questionFor(step) : null;
  predict.tries = 0;
  if (!predict.question) return false;
  document.getElementById("question-text").textContent = questionText(predict.question);
  document.getElementById("verdict").textContent = "";
  document.getElementById("answer").value = "";
  document.getElementById("question").hidden = false;
  document.getElementById("answer").focus();
  return true;
}

/** Judge the answer. Returns whether it was right. */
function judge(text) {
  const given = parsed(text);
  const verdict = document.getElementById("verdict");
  if (Number.isNaN(given)) {
    verdict.textContent = "Give a number, such as −1.5 or 2/3.";
    return false;
  }
  predict.tries += 1;
  if (predict.tries === 1) predict.asked += 1;
  const fault = diagnosis(predict.question, given, text);
  verdict.textContent = fault;
  if (!fault && predict.tries === 1) predict.right += 1;
  keepScore();
  return !fault;
}

/** Shown without an answer, it counts as asked. */
function reveal() {
  if (predict.tries === 0) predict.asked += 1;
  keepScore();
}

function keepScore() {
  document.getElementById("score").textContent = `${predict.right} of ${predict.asked} right on the first try`;
}

function dismiss() {
  predict.question = null;
  document.getElementById("question").hidden = true;
}
