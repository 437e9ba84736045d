// Arrays of the page: {shape, dtype, data}, row by row, and how they are moved and indexed. What NumPy calls a view is a copy here.

/** What a dtype makes of a number that is computed in float64. */
const ROUND = {
  float64: (x) => Number(x),
  float32: Math.fround,
  float16: half,
  bool: (x) => (x ? 1 : 0),
  int8: (x) => (Math.trunc(x) << 24) >> 24,
  int16: (x) => (Math.trunc(x) << 16) >> 16,
  int32: (x) => Math.trunc(x) | 0,
  uint8: (x) => Math.trunc(x) & 255,
  uint16: (x) => Math.trunc(x) & 65535,
  uint32: (x) => Math.trunc(x) >>> 0,
  int64: Math.trunc, // exact to 2^53
  uint64: Math.trunc,
};

/** The nearest number of float16, ties to even. */
function half(x) {
  const a = Math.abs(x);
  if (!(a < 65520)) return Number.isNaN(x) ? x : Math.sign(x) * Infinity;
  const unit = 2 ** Math.max(Math.floor(Math.log2(a || 1)) - 10, -24);
  return rint(x / unit) * unit;
}

function filled(shape, dtype, value = 0) {
  const data = new Float64Array(size(shape)); // of zeros
  return { shape, dtype, data: value === 0 ? data : data.fill(value) };
}

/** How far apart neighbours stand along each axis. */
function apart(shape) {
  const found = new Array(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis--]) found[axis] = step;
  return found;
}

/** The places that an array of a shape has where its neighbours stand `strides` apart, row by row. */
function placed(shape, strides, start = 0) {
  const count = size(shape);
  const places = new Int32Array(count);
  const index = new Array(shape.length).fill(0);
  for (let i = 0, place = start; i < count; i++) {
    places[i] = place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++index[axis] < shape[axis]) break;
      place -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return places;
}

function viewed(a, shape, strides, start) {
  return gathered(a, shape, placed(shape, strides, start));
}

function gathered(a, shape, places) {
  const out = filled(shape, a.dtype);
  for (let i = 0; i < places.length; i++) out.data[i] = a.data[places[i]];
  return out;
}

/** The places of a's elements in an array of a shape that it is repeated to. */
function repeated(a, shape) {
  if (a.shape.length === shape.length && a.shape.every((n, axis) => n === shape[axis])) return null;
  const before = shape.length - a.shape.length;
  const own = apart(a.shape);
  return placed(shape, shape.map((_, axis) => (axis < before || a.shape[axis - before] === 1 ? 0 : own[axis - before])));
}

function permuted(a, axes) {
  const own = apart(a.shape);
  return viewed(a, axes.map((axis) => a.shape[axis]), axes.map((axis) => own[axis]));
}

/** An axis, or several, as numbers from 0 on; all of them for null. */
function axesOf(axis, dimensions) {
  if (axis === null || axis === undefined) return [...Array(dimensions).keys()];
  return [axis].flat().map((k) => (k < 0 ? k + dimensions : k));
}

/** All axes, where `from` are moved to `to`. */
function moved(dimensions, from, to) {
  const [source, target] = [axesOf(from, dimensions), axesOf(to, dimensions)];
  const order = [...Array(dimensions).keys()].filter((axis) => !source.includes(axis));
  const pairs = target.map((place, i) => [place, source[i]]).sort((p, q) => p[0] - q[0]);
  for (const [place, axis] of pairs) order.splice(place, 0, axis);
  return order;
}

/** For each axis another place of each of its indices; null where there is none. */
function shuffled(a, place) {
  const [own, all] = [apart(a.shape), placed(a.shape, apart(a.shape))];
  const places = all.map((at) => a.shape.reduce((sum, n, axis) => sum + own[axis] * place(Math.floor(at / own[axis]) % n, axis), 0));
  return gathered(a, a.shape, places);
}

/** {shape, places} of what x[index] takes of an array of some shape. */
function indexed(shape, index) {
  const items = expanded(shape, Array.isArray(index) ? index : [index]);
  const own = apart(shape);
  const advanced = items.some((item) => item?.data);
  const [dims, arrays] = [[], []]; // {n, step} of each axis of the result; the arrays of indices, with their steps
  let [start, axis, first, last] = [0, 0, null, null];
  items.forEach((item, i) => {
    if (item === null) return dims.push({ n: 1, step: 0 });
    const [n, step] = [shape[axis], own[axis]];
    axis += 1;
    if (item.slice) {
      const [from, count, by] = range(item.slice, n);
      start += from * step;
      return dims.push({ n: count, step: by * step });
    }
    if (!advanced) return (start += (item < 0 ? item + n : item) * step);
    if (first === null) first = { i, dims: dims.length };
    else if (last !== i - 1) first.dims = 0; // arrays that do not stand together: their axes come first
    last = i;
    arrays.push({ indices: item.data ? item : { shape: [], data: [item] }, n, step });
  });
  const common = arrays.reduce((all, { indices }) => broadcast(all, indices.shape), []);
  if (arrays.length) dims.splice(first.dims, 0, ...common.map((n) => ({ n, step: 0, chosen: true })));
  const result = dims.map((dim) => dim.n);
  const places = placed(result, dims.map((dim) => dim.step), start);
  if (arrays.length) {
    const inner = apart(common);
    const chosen = placed(result, dims.map((dim) => (dim.chosen ? inner.shift() : 0)));
    for (const { indices, n, step } of arrays) {
      const at = repeated(indices, common);
      for (let i = 0; i < places.length; i++) {
        const k = indices.data[at ? at[chosen[i]] : chosen[i]];
        places[i] += (k < 0 ? k + n : k) * step;
      }
    }
  }
  return { shape: result, places };
}

/** An index with a slice for each axis that it does not name; masks become the places where they are true. */
function expanded(shape, index) {
  const items = index.flatMap((item) => (item?.dtype === "bool" ? places(item) : [item]));
  const used = items.filter((item) => item !== null && item !== "...").length;
  const rest = Array(shape.length - used).fill({ slice: [null, null, null] });
  const at = items.indexOf("...");
  return at < 0 ? [...items, ...rest] : [...items.slice(0, at), ...rest, ...items.slice(at + 1)];
}

/** For each axis of a mask the indices at which it is true. */
function places(mask) {
  const found = [...mask.data.keys()].filter((i) => mask.data[i]);
  return apart(mask.shape).map((step, axis) => ({
    shape: [found.length],
    dtype: "int64",
    data: Float64Array.from(found, (i) => Math.floor(i / step) % mask.shape[axis]),
  }));
}

/** [first, how many, step] of a slice of n elements. */
function range([from, to, by], n) {
  const step = by ?? 1;
  const [low, high] = step > 0 ? [0, n] : [-1, n - 1];
  const clamp = (k, otherwise) => (k === null ? otherwise : Math.min(Math.max(k < 0 ? k + n : k, low), high));
  const [first, end] = [clamp(from, step > 0 ? low : high), clamp(to, step > 0 ? high : low)];
  return [first, Math.max(Math.ceil((end - first) / step), 0), step];
}

/** The shape of two that are repeated to fit each other. */
function broadcast(a, b) {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const before = long.length - short.length;
  return long.map((n, axis) => (axis < before || short[axis - before] === 1 ? n : short[axis - before]));
}
