// Predict mode: the next contribution is hidden, the learner computes it, and a wrong answer is diagnosed.

const predict = { on: false, question: null, right: 0, asked: 0, tries: 0, known: new Map() }; // kind of question -> right in a row
const ENOUGH = 3; // what was right so often in a row is not asked again

/**
 * The question that a backward step poses, or null where its numbers are unknown. Of an array, it
 * asks for the largest element. After a node's first contribution it asks for the new sum, too: `before` is the sum so far, else null.
 */
function questionFor(step) {
  const edge = step?.phase === "backward" ? edges[step.edge] : null;
  if (!edge?.contribution || !edge.running || !hasItems(edge.contribution)) return null;
  const parts = flat(edge.contribution);
  const place = parts.reduce((best, x, i) => (Math.abs(x) > Math.abs(parts[best]) ? i : best), 0);
  if (!Number.isFinite(parts[place])) return null;
  const sum = step.arrived > 1 ? incoming[edge.source][step.arrived - 2].running : null;
  const before = sum && flat(sum)[place];
  const kind = `${nodes[edge.target].operation} ${edge.slot} ${before === null ? "" : "and the sum"}`;
  const mistakes = isChanged("contribution", edge.id) ? [] : edge.mistakes; // they speak of the program's own numbers
  return { edge, place, before, kind, mistakes, part: parts[place], answer: flat(edge.running)[place], ...factors(edge, place) };
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

/** "x" or "A[1, 2]": what the question is about. */
function asked({ edge, place }) {
  const source = nodes[edge.source];
  return source.label + placeText(place, source.shape);
}

function headline(question) {
  return t`Your turn: what is ${asked(question)}'s gradient after this step?`;
}

function questionText(question) {
  const { edge, before } = question;
  const target = nodes[edge.target];
  const g = upstream(edge);
  const isShown = g && (size(g.shape) === 1 || isListed(g));
  const given = t`The gradient of ${target.label} = ${target.call} is ${isShown ? inline(g) : t`complete`}.`;
  if (before === null) return t`${given} Which number reaches ${asked(question)}?`;
  return t`${given} ${asked(question)} has ${number(before)} so far. Which number reaches it now, and what is the new sum?`;
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

/** What a wrong contribution tells: the likeliest mistake in words, or a hint. "" for a right one. */
function diagnosis(question, given, text = "") {
  const { edge, answer, before, part, place, upstream: g, local, other } = question;
  const [source, target] = [nodes[edge.source].label, nodes[edge.target].label];
  const is = (x) => agrees(given, x, text);
  const used = (x) => Number.isFinite(x) && x !== 0 && is(x);
  if (is(part)) return "";
  if (before !== null && is(answer)) return t`That is the new sum. What comes along this edge alone?`;
  if (before !== null && is(before)) return t`That is the sum so far. What comes along this edge?`;
  if (used(-part)) return t`Right size, wrong sign.`;
  if (local !== null && g !== null) {
    if (used(local)) return t`That is the local derivative alone. Multiply it by the gradient of ${target}.`;
    if (used(g)) return t`That is the upstream gradient alone. Multiply it by the slope ∂${target}/∂${source}.`;
    if (other !== null && used(g * other)) {
      return t`Swapped operands: you used the other operand's local derivative. What is ∂${target}/∂${source}?`;
    }
    if (used(g / local)) return t`You divided by the local derivative. The chain rule multiplies: upstream × local.`;
  }
  const mistake = question.mistakes.find(({ items }) => used(items[place]) && !agrees(items[place], part));
  if (mistake) return mistake.says;
  if (used(1 / part)) return t`That is the reciprocal.`;
  if (edge.summed) return t`Not yet. The operand was broadcast, so its contribution is ${edge.summed}.`;
  return t`Not yet. ${hint(question)}`;
}

/** What a wrong sum tells. "" for a right one. */
function sumDiagnosis({ answer, before, part }, given, text = "") {
  const is = (x) => agrees(given, x, text);
  if (is(answer)) return "";
  if (is(part)) return t`That is only the new part. Add it to the ${number(before)} that is already there.`;
  if (is(before)) return t`That is the sum so far. Add what comes along this edge.`;
  if (is(before * part)) return t`You multiplied. What comes from two uses adds up.`;
  return t`The sum is not right: ${number(before)} is there already, and the new part comes on top.`;
}

function hint({ edge, upstream: g }) {
  const [source, target] = [nodes[edge.source].label, nodes[edge.target]];
  if (predict.tries > 1 && edge.rule) return t`The rule of ${edge.rule}. Here g is the gradient of ${target.label}.`;
  if (g === null) return t`Use the rule of ${target.operation}, with the gradient of ${target.label}.`;
  const much = number(g);
  return t`Upstream is ${much}. How does ${target.label} change when only ${source} changes a little?`;
}

/** Hide the next step and ask for it. Returns whether there is a question. */
function ask(step) {
  const question = predict.on ? questionFor(step) : null;
  predict.question = question && (predict.known.get(question.kind) ?? 0) < ENOUGH ? question : null;
  predict.tries = 0;
  if (!predict.question) return false;
  document.getElementById("question-text").textContent = questionText(question);
  document.getElementById("verdict").textContent = "";
  for (const field of ["answer", "sum"]) document.getElementById(field).value = "";
  document.getElementById("sum").parentElement.hidden = question.before === null;
  document.getElementById("question").hidden = false;
  document.getElementById("answer").focus();
  return true;
}

/** Judge the contribution and, where there is one, the new sum. Returns whether all is right. */
function judge(text, sumText = "") {
  const { question } = predict;
  const [given, sum] = [parsed(text), question.before === null ? null : parsed(sumText)];
  const verdict = document.getElementById("verdict");
  if (Number.isNaN(given)) {
    verdict.textContent = t`Give a number, such as −1.5 or 2/3.`;
    return false;
  }
  const fault = diagnosis(question, given, text);
  if (!fault && Number.isNaN(sum)) {
    verdict.textContent = t`That is what arrives. And the new sum?`;
    return false;
  }
  predict.tries += 1;
  if (predict.tries === 1) predict.asked += 1;
  verdict.textContent = fault || (sum === null ? "" : sumDiagnosis(question, sum, sumText));
  const isRight = verdict.textContent === "";
  const first = isRight && predict.tries === 1;
  if (first) predict.right += 1;
  predict.known.set(question.kind, first ? (predict.known.get(question.kind) ?? 0) + 1 : 0);
  keepScore();
  return isRight;
}

/** Shown without an answer, it counts as asked. */
function reveal() {
  if (predict.tries === 0) predict.asked += 1;
  predict.known.set(predict.question.kind, 0);
  keepScore();
}

function keepScore() {
  const skipped = [...predict.known.values()].some((times) => times >= ENOUGH);
  const score = t`${predict.right} of ${predict.asked} right on the first try`;
  document.getElementById("score").textContent = skipped ? `${score} · ${t`what was right three times is not asked again`}` : score;
}

function dismiss() {
  predict.question = null;
  const form = byId("question");
  if (form.contains(document.activeElement)) byId("next").focus(); // keys that come before the next frame would go to what is hidden
  form.hidden = true;
}
