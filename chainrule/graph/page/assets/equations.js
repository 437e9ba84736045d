// Formulas with numbers: calls and rules as Python has read them (page/equations.py), worked out and written with the numbers
// as they are now. Nothing here knows a rule. Arrays are those of arrays.js.

const SIGN = {
  "+": (x, y) => x + y,
  "−": (x, y) => (y === undefined ? -x : x - y),
  "·": (x, y) => x * y,
  "/": (x, y) => x / y,
  "²": (x) => x * x,
};
const BINDS = { "+": 1, "−": 1, Σ: 2, "·": 2, "/": 2, "@": 2 };
const WRITTEN = 8; // terms of a sum that are written out

/** What a sign of a formula stands between; behind the sides of a difference are their short names. */
function sides([, ...parts]) {
  return parts.filter((part) => typeof part !== "string");
}

/** Values that the page has of a leaf: of g, the result or an operand, of a term, or those that it brings. */
function valuesAt({ of, term, values }, node) {
  if (term !== undefined) return whole.terms[term].term;
  if (values) return values;
  return of === "g" ? node.total : of === "out" ? node.value : nodes[operands[node.id][of].source].value;
}

/** What a leaf is called. */
function nameOf({ of, says }, node) {
  if (says) return says;
  return of === "g" ? "g" : of === "out" ? node.label : nodes[operands[node.id][of].source].label;
}

/** A formula as an array. Raises what is missing, {leaf}, if the page lacks its elements. */
function arrayFrom(tree, node) {
  if (typeof tree === "number") return { shape: [], dtype: "", data: [tree] };
  if (!Array.isArray(tree)) {
    const values = valuesAt(tree, node);
    if (!values || !hasItems(values)) throw { leaf: tree };
    const array = arrayOf(values);
    return tree.as ? { ...array, shape: tree.as } : array;
  }
  const given = sides(tree).map((part) => arrayFrom(part, node));
  const [{ shape, dtype }] = given;
  if (tree[0] === "ᵀ") return shape.length < 2 ? given[0] : permuted(given[0], swapped(axesOf(null, shape.length), shape.length - 2, shape.length - 1));
  if (tree[0] === "Σ") return { shape: [...shape.slice(0, -1), 1], dtype, data: reduce(given[0], -1, ADD, 0) };
  return joint(given, (...numbers) => SIGN[tree[0]](...numbers));
}

/** f of the elements that stand at one place of arrays that are repeated to fit each other. */
function joint(arrays, f) {
  const shape = arrays.reduce((all, array) => broadcast(all, array.shape), []);
  const at = arrays.map((array) => placesIn(array, shape));
  const data = Float64Array.from({ length: size(shape) }, (_, i) => f(...arrays.map((array, k) => array.data[at[k][i]])));
  return { shape, dtype: arrays.find((array) => array.dtype)?.dtype ?? "", data };
}

/** For each place of a shape that an array is repeated to, that of its element. */
function placesIn(array, shape) {
  return repeated(array, shape) ?? array.data.map((_, i) => i);
}

/** The parts of a formula that are worked out element by element: arrays, in the order in which they are written. */
function leavesOf(tree, whole = () => false) {
  if (typeof tree === "number") return [];
  return !Array.isArray(tree) || !SIGN[tree[0]] || whole(tree) ? [tree] : sides(tree).flatMap((part) => leavesOf(part, whole));
}

/** The number that a formula gives where its leaves, in their order, are given by `next`. */
function numberFrom(tree, next) {
  if (typeof tree === "number") return tree;
  return Array.isArray(tree) && SIGN[tree[0]] ? SIGN[tree[0]](...sides(tree).map((part) => numberFrom(part, next))) : next();
}

/** A formula as text; `say` writes its leaves, or gives nothing for what has to be written part by part. `first` says that nothing stands before it. */
function spelled(tree, say, times = " · ", first = true) {
  const text = typeof tree === "number" ? number(tree) : (say(tree) ?? spell(tree, say, times, first));
  return !first && text.startsWith("−") ? `(${text})` : text;
}

function spell(tree, say, times, first) {
  const [sign] = tree;
  const [one, other] = sides(tree);
  const inner = (part, first, strict) => {
    const text = spelled(part, say, times, first);
    const loose = Array.isArray(part) && !say(part) && BINDS[part[0]] < BINDS[sign] + strict;
    return loose && !text.startsWith("(−") ? `(${text})` : text;
  };
  if (sign === "ᵀ" || sign === "²") return `${inner(one, false, 9)}${sign}`;
  if (other === undefined) return `${sign}${sign === "Σ" ? " " : ""}${inner(one, false, 0)}`;
  const word = sign === "·" ? times : sign === "/" ? " ÷ " : ` ${sign} `;
  return `${inner(one, first, 0)}${word}${inner(other, false, sign === "−" || sign === "/" ? 1 : 0)}`;
}

/** A formula with the names of its leaves; a difference that is to be seen is p − y. */
function inNames(tree, node) {
  const difference = (part) => isDifference(part) && (part === tree ? `${part[3]} − ${part[4]}` : `(${part[3]} − ${part[4]})`);
  return spelled(tree, (part) => (Array.isArray(part) ? difference(part) || null : nameOf(part, node)));
}

/** Whether a part is the difference of a prediction and the truth. */
function isDifference(part) {
  return Array.isArray(part) && typeof part[3] === "string";
}

/**
 * `14·0 + (−2)·1 = −2`: the sum of terms, {tree, numbers}, over `over`, and what it comes to. numbers: Values of one number for
 * each leaf of the tree, in order. In as many digits as make it true.
 */
function equation(terms, result, over = 1) {
  const given = terms.flatMap(({ numbers }) => numbers);
  const total = (...all) => {
    let i = 0;
    return [terms.reduce((sum, { tree }) => sum + numberFrom(tree, () => all[i++][0]), 0) / over];
  };
  const { digits, sign } = agreed(total, given, result);
  const times = terms.length > 1 ? "·" : " × ";
  const write = (values) => number(values.items, values.dtype, digits);
  const written = ({ tree, numbers }, i) => {
    const texts = new Map(leavesOf(tree).map((leaf, k) => [leaf, write(numbers[k])]));
    return spelled(tree, (part) => texts.get(part), times, !i);
  };
  if (over === 1 && terms.length === 1 && leavesOf(terms[0].tree)[0] === terms[0].tree) return write(result);
  const few = terms.length > WRITTEN + 1 ? terms.slice(0, WRITTEN) : terms;
  const more = terms.length > few.length ? [t`… (${terms.length - few.length} more)`] : [];
  const words = [...few.map(written), ...more].join(" + ");
  return `${over === 1 ? words : `(${words}) ÷ ${over}`} ${sign} ${write(result)}`;
}

/** One element of an array as Values. */
function single({ dtype, data }, place) {
  return { shape: [], dtype, items: data[place] };
}

/** Whether numbers are those of an array, but for rounding of terms as large as `scale`. */
function comesTo(numbers, { dtype, data }, scale) {
  const room = { float32: 2 ** -11, float16: 2 ** -5 }[dtype] ?? 2 ** -26;
  return data.every((x, i) => Object.is(x + 0, numbers[i] + 0) || Math.abs(x - numbers[i]) <= room * (Math.abs(x) + scale));
}
