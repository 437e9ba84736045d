// Products of matrices, drawn as on paper.

/**
 * The left factor, the right one above and the result in the crossing: each row of the left and of the result stand on one line,
 * each column of the right and of the result too. Stacks of matrices have one such for each matrix of the result; what is summed
 * over the stack is a product of blocks that stand beside each other.
 */
function ofMatrices([, one, other], added, node, values, name, key) {
  const say = (tree) => inNames(tree, node);
  const shapeAt = (tree) => {
    if (!Array.isArray(tree)) return tree.as ?? valuesAt(tree, node)?.shape ?? [];
    const shape = shapeAt(tree[1]);
    return [...shape.slice(0, -2), ...shape.slice(-2).reverse()];
  };
  const titles = [one, other].map((tree) => `${say(tree)} (${shapeOf(shapeAt(tree))})`);
  const head = make("p", { className: "rule" }, `${titles.join(" @ ")}${added ? ` + ${say(added)}` : ""} = ${name} (${shapeOf(values.shape)})`);
  const sheet = new Sheet();
  try {
    if (!hasItems(values)) throw { leaf: { values, says: name } };
    const blocks = blocksOf(arrayFrom(one, node), arrayFrom(other, node), arrayOf(values));
    const plus = added && arrayFrom(added, node);
    if (!blocks || !isRight(blocks, plus, values)) return null;
    const drawings = blocks.map((block) => crossing(sheet, block, plus, { one: say(one), other: say(other), added: added && say(added), name, key, values }));
    return make("div", { className: "sheet" }, head, make("div", { className: "table" }, ...drawings), sheet.said);
  } catch (missing) {
    throw missing.leaf ? Object.assign(missing, { head }) : missing;
  }
}

/** For each matrix of the result {left, right, result: matrices, inner: how long a block is, start: where it begins in the result}. */
function blocksOf(left, right, result) {
  const [n, k, m] = [left.shape.at(-2), left.shape.at(-1), right.shape.at(-1)];
  const stack = broadcast(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const isWhole = size(stack) * n * m === result.data.length;
  const kept = isWhole ? stack : result.shape.slice(0, -2);
  if (right.shape.at(-2) !== k || size(kept) * n * m !== result.data.length) return null;
  const starts = ({ shape }, length) => placed(stack, strides(shape.slice(0, -2), stack, length));
  const [p, q, r] = [starts(left, n * k), starts(right, k * m), placed(stack, strides(kept, stack, n * m))];
  return Array.from({ length: size(kept) }, (_, i) => {
    const own = [...r.keys()].filter((s) => r[s] === i * n * m);
    const take = (array, places, shape) => ({ shape, dtype: array.dtype, data: places.map((place) => array.data[place]) });
    const rows = Array.from({ length: n }, (_, row) => own.flatMap((s) => Array.from({ length: k }, (_, l) => p[s] + row * k + l)));
    const columns = own.flatMap((s) => Array.from({ length: k * m }, (_, l) => q[s] + l));
    return {
      left: take(left, rows.flat(), [n, k * own.length]),
      right: take(right, columns, [k * own.length, m]),
      result: { shape: [n, m], dtype: result.dtype, data: result.data.slice(i * n * m, (i + 1) * n * m) },
      inner: k,
      start: i * n * m,
    };
  });
}

function isRight(blocks, plus, values) {
  return blocks.every(({ left, right, result }) => {
    const [, m] = result.shape;
    const found = matrices(result.shape, left, right).map((x, i) => x + (plus ? plus.data[i % m] : 0));
    const most = (array) => Math.max(0, ...Array.from(array.data, Math.abs).filter(Number.isFinite));
    return comesTo(found, result, most(left) * most(right) * left.shape[1] + (plus ? most(plus) : 0));
  });
}

/** One product: its four corners as a grid of tables. */
function crossing(sheet, { left, right, result, inner, start }, plus, { one, other, added, name, key, values }) {
  const [, k] = left.shape;
  const [, m] = result.shape;
  const cut = k > inner ? inner : 0;
  const [rows, columns, own] = [tableOf(left, { cut }), tableOf(right, { down: cut }), tableOf(result)];
  const row = plus && tableOf({ ...plus, shape: [1, m] });
  align(row ? [columns, row, own] : [columns, own]);
  sheet.point(own, `${key} ${start}`, name, (place) => {
    const [i, j] = [Math.floor(place / m), place % m];
    const terms = Array.from({ length: k }, (_, l) => ({ tree: ["·", {}, {}], numbers: [single(left, i * k + l), single(right, l * m + j)] }));
    if (plus) terms.push({ tree: {}, numbers: [single(plus, j)] });
    const cells = terms.slice(0, k).flatMap((_, l) => [rows.cells[i * k + l], columns.cells[l * m + j]]);
    return [[...cells, ...(row ? [row.cells[j]] : [])], `${name}${placeText(start + place, values.shape)}: ${equation(terms, single(result, place))}`];
  });
  return make(
    "div",
    { className: "crossing" },
    titled(other, columns, "right"),
    row && titled(`+ ${added}`, row, "right"),
    titled(one, rows, "left"),
    titled(name, own, "result"),
  );
}
