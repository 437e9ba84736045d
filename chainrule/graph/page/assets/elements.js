// Array steps in numbers: the arrays of a step as tables that line up, and for the entry of the result that one points at the
// numbers that it is made of. What does not come to the number that the page shows is not shown.

/** How the contribution of an edge comes about, in tables; where the page lacks elements for them, a sentence that says so. */
function stepTables(edge) {
  if (!edge.contribution || Math.max(size(edge.contribution.shape), size(nodes[edge.target].shape)) < 2) return null;
  const [node, name, key] = [nodes[edge.target], `d${nodes[edge.source].label}`, `e${edge.id}`];
  const product = edge.local && ["·", { of: "g", says: t`upstream` }, { values: edge.local, says: t`local` }];
  try {
    return (
      ofFormula(edge.made ?? product, node, edge.contribution, name, key) ??
      (edge.jacobian && ofWeights([[node.total, "g", edge.jacobian]], edge.contribution, name, 1, key))
    );
  } catch (missing) {
    if (!missing.leaf) throw missing;
    return make("div", { className: "sheet" }, missing.head ?? "", make("p", { className: "state" }, lack(missing.leaf, node)));
  }
}

function lack(leaf, node) {
  const [values, name] = [valuesAt(leaf, node), nameOf(leaf, node)];
  if (!values) return t`No tables: the numbers of ${name} were not recorded.`;
  return t`No tables: ${name} has ${size(values.shape)} numbers, and a page has those of arrays of up to 64.`;
}

/** How the value of a node comes about, in tables; null where the page lacks elements for them. */
function callTables(node) {
  if (!node.made || !node.value || tale !== whole) return null;
  const given = operands[node.id].map((edge) => [nodes[edge.source].value, nodes[edge.source].label, edge.jacobian]);
  try {
    if (node.made === "each") return ofCall(node);
    if (node.made !== "sums") return ofFormula(node.made, node, node.value, node.label, `n${node.id}`);
    return given.every(([, , weights]) => weights) ? ofWeights(given, node.value, node.label, 0, `n${node.id}`) : null;
  } catch (missing) {
    if (missing.leaf) return null;
    throw missing;
  }
}

// ---- what a formula gives

function ofFormula(tree, node, values, name, key) {
  if (!tree) return null;
  const product = tree[0] === "@" ? tree : tree[0] === "+" && tree[1][0] === "@" ? tree[1] : null;
  if (product) return ofMatrices(product, product === tree ? null : tree[2], node, values, name, key);
  if (!hasItems(values)) throw { leaf: { values, says: name } };
  const result = arrayOf(values);
  const leaves = leavesOf(tree);
  const arrays = leaves.map((leaf) => arrayFrom(leaf, node));
  const wide = [...arrays, result].reduce((all, array) => broadcast(all, array.shape), []);
  const at = arrays.map((array) => placesIn(array, wide));
  const numbers = (i) => arrays.map((array, k) => single(array, at[k][i]));
  const each = Array.from({ length: size(wide) }, (_, i) => {
    const given = numbers(i);
    return numberFrom(tree, () => given.shift().items);
  });
  const bars = leavesOf(tree, isDifference).filter(isDifference);
  const isProduct = tree[0] === "·" && leaves.length === 2 && !tree.slice(1).some(Array.isArray);
  const parts = leavesOf(tree, isDifference).filter((part) => !isDifference(part));
  const shown = parts.map((part, k) => [`${isProduct && k ? "× " : ""}${inNames(part, node)}`, arrayFrom(part, node)]);
  const entry = (places, x) => equation(places.map((i) => ({ tree, numbers: numbers(i) })), x);
  const head = isProduct ? "" : `${inNames(tree, node)} = ${name}`;
  return ofElements({ shown, wide, each, result, name, key, entry, head, bare: leaves[0] === tree, charts: bars.map((part) => barsOf(part, node, wide)) });
}

/** The value of an elementwise call: `1 + 0.5 = 1.5` for each element. */
function ofCall(node) {
  const given = operands[node.id].map((edge) => [nodes[edge.source].label, arrayFrom({ of: edge.slot }, node)]);
  const [result, arrays] = [arrayFrom({ of: "out" }, node), given.map(([, array]) => array)];
  const at = arrays.map((array) => placesIn(array, result.shape));
  const f = node.options.length ? null : ELEMENTWISE[node.operation];
  const numbers = (i) => arrays.map((array, k) => single(array, at[k][i]));
  const each = f ? Array.from(result.data, (_, i) => Number(f(...numbers(i).map((x) => x.items)))) : result.data;
  const entry = ([i], x) => {
    const all = numbers(i);
    const { digits, sign } = f ? agreed((...columns) => [f(...columns.map(([x]) => x))], all, x) : { digits: PLAIN, sign: null };
    const texts = all.map((values) => number(values.items, values.dtype, digits));
    const isExact = [...all, x].every((values) => isSame(read(number(values.items, values.dtype, digits)), Number(values.items), values.dtype));
    return `${calledWith(node, texts)} ${sign ?? (isExact ? "=" : "≈")} ${number(x.items, x.dtype, digits)}`;
  };
  const shown = given.filter(([, array]) => array.shape.length);
  return ofElements({ shown, wide: result.shape, each, result, name: node.label, key: `n${node.id}`, entry });
}

/**
 * Tables of what is computed element by element: those `shown`, [title, array], repeated to the shape `wide`; what `each` element
 * of that shape gives; and the result, in which what was repeated is added up. `bare` says that each is what the one table shows. entry: (places, one number of the result) -> text.
 */
function ofElements({ shown, wide, each, result, name, key, entry, head = "", bare = false, charts = [] }) {
  const into = placesIn(result, wide);
  const sums = new Float64Array(result.data.length);
  each.forEach((x, i) => (sums[into[i]] += x));
  const scale = Math.max(0, ...Array.from(each, Math.abs).filter(Number.isFinite)) * (each.length / sums.length);
  if (!comesTo(sums, result, scale)) return null;
  const sheet = new Sheet();
  const tables = shown.map(([, array]) => repeatedTable(array, wide));
  const isSum = result.data.length < each.length;
  const product = isSum && (bare ? tables.pop() : tableOf({ shape: wide, dtype: result.dtype, data: each }));
  const own = tableOf(result);
  const under = product && own.width === product.width;
  if (under) align([product, own]);
  const from = Array.from(sums, () => []);
  into.forEach((place, i) => from[place].push(i));
  const at = (i) => [...tables.map((table) => table.cells[i]), ...charts.flatMap((chart) => chart.cells[i])];
  sheet.point(own, key, name, (place) => [
    from[place].flatMap((i) => [...at(i), ...(product ? [product.cells[i]] : [])]),
    `${name}${placeText(place, result.shape)}: ${entry(from[place], single(result, place))}`,
  ]);
  if (product && !bare) {
    const one = { ...result, data: each };
    sheet.point(product, `${key} ·`, t`the product`, (i) => [[...at(i), own.cells[into[i]]], entry([i], single(one, i))]);
  }
  const parts = tables.map((table, k) => titled(shown[k][0], table));
  const merged = product && [
    titled(bare ? shown[0][0] : "=", product),
    make("span", { className: "sign" }, under ? t`↓ each column is added up` : t`→ each row is added up`),
    titled(`= ${name}`, own, "result"),
  ];
  const outcome = product ? make("div", { className: under ? "merge" : "merge across" }, ...merged) : titled(`= ${name}`, own, "result");
  return make(
    "div",
    { className: "sheet" },
    head && make("p", { className: "rule" }, head),
    ...charts.map((chart) => chart.element),
    make("div", { className: "table beside" }, ...parts, outcome),
    sheet.said,
  );
}

/** An array repeated to a shape; what repeats another element is pale. */
function repeatedTable(array, shape) {
  const at = placesIn(array, shape);
  const seen = new Set();
  const copies = [...at].map((place) => seen.has(place) || !seen.add(place));
  return tableOf(gathered(array, shape, at), { copy: (i) => copies[i] });
}

// ---- weighted sums of elements: sums, means, what only moves elements

/**
 * sources: [Values, title, weights], the latter [place in the result of the call, place in the operand, derivative]; `side` says which of
 * the two is a place in what is shown as the result.
 */
function ofWeights(sources, values, name, side, key) {
  for (const [given, says] of [...sources, [values, name]]) if (!given || !hasItems(given)) throw { leaf: { values: given, says } };
  const arrays = sources.map(([given]) => arrayOf(given));
  const result = arrayOf(values);
  const made = Array.from(result.data, () => []); // for each place {k: which array, from: a place in it, by: its weight}
  for (const [k, [, , weights]] of sources.entries()) {
    for (const weight of weights) {
      if (weight[2] === null) return null;
      if (weight[2]) made[weight[side]].push({ k, from: weight[1 - side], by: weight[2] });
    }
  }
  const sums = made.map((parts) => parts.reduce((sum, { k, from, by }) => sum + by * arrays[k].data[from], 0));
  const scale = Math.max(0, ...made.map((parts) => parts.reduce((sum, { k, from, by }) => sum + Math.abs(by * arrays[k].data[from]), 0)));
  if (!comesTo(sums, result, scale)) return null;
  const sheet = new Sheet();
  const tables = arrays.map((array) => tableOf(array));
  const own = tableOf(result);
  const under = tables.length === 1 && tables[0].width === own.width && tables[0].cells.length > own.cells.length;
  if (under) align([tables[0], own]);
  sheet.point(own, key, name, (place) => {
    const cells = made[place].map(({ k, from }) => tables[k].cells[from]);
    const label = `${name}${placeText(place, result.shape)}`;
    if (!cells.length) return [[], t`${label}: 0, nothing comes here`];
    const [{ by }] = made[place];
    const n = Math.round(1 / by);
    const over = n > 1 && Math.abs(n * by - 1) < 1e-6 && made[place].every((part) => part.by === by) ? n : 1;
    const tree = (by) => (over > 1 || by === 1 ? {} : by === -1 ? ["−", {}] : ["·", by, {}]);
    const terms = made[place].map(({ k, from, by }) => ({ tree: tree(by), numbers: [single(arrays[k], from)] }));
    return [cells, `${label}: ${equation(terms, single(result, place), over)}`];
  });
  const parts = [...tables.map((table, k) => titled(sources[k][1], table)), titled(`= ${name}`, own, "result")];
  return make("div", { className: "sheet" }, make("div", { className: under ? "table merge" : "table beside" }, ...parts), sheet.said);
}
