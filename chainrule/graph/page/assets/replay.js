// The interpreter: it goes through a recorded program. What each row of the table of names does to arrays stands here in one
// line, and ELEMENTWISE, what it does to numbers, is written by Python from the same table. Nothing here knows a rule.

const { abs: fabs, acos, acosh, asin, asinh, atan, atan2, atanh, ceil, cos, cosh, exp, expm1, floor, hypot } = Math;
const { log, log10, log1p, log2, sin, sinh, sqrt, tan, tanh, trunc } = Math;
const isfinite = Number.isFinite;

/** Rounded to a whole number, ties to even; a zero keeps its sign. */
function rint(x) {
  const low = floor(x);
  const up = x - low > 0.5 || (x - low === 0.5 && low % 2 !== 0);
  return Number.isFinite(x) ? copysign(fabs(low + up), x) : x;
}

function copysign(x, y) {
  return (y < 0 || Object.is(y, -0)) === (x < 0 || Object.is(x, -0)) ? x : -x;
}

function fmax(x, y) {
  return x > y || y !== y ? x : y;
}

/** As in C, where 1 to any power, and −1 to an infinite one, is 1. */
function pow(x, y) {
  return x === 1 || (x === -1 && fabs(y) === Infinity) ? 1 : x ** y;
}

/** The remainder with the sign of y. */
function remains(x, y) {
  const m = x % y;
  if (m === 0) return copysign(0, y);
  return y < 0 !== m < 0 ? m + y : m;
}

function divided(x, y) {
  if (y === 0) return x / y;
  const m = x % y;
  const d = (x - m) / y - (m !== 0 && y < 0 !== m < 0 ? 1 : 0);
  if (d === 0) return copysign(0, x / y);
  return d - floor(d) > 0.5 ? floor(d) + 1 : floor(d);
}

// ---- the rows that are no arithmetic on each element: ({shape, dtype}, operands, options) -> data, or an array

const [ADD, LARGER, SMALLER] = [(x, y) => x + y, (x, y) => ELEMENTWISE.maximum(x, y), (x, y) => ELEMENTWISE.minimum(x, y)];
const same = (form, [a]) => a.data;
const reduced = (f, start, end = (x) => x) => (form, [a], { axis, keepdims }) => end(reduce(a, axis, f, start), a, form);
const axisOf = (a, axis) => axesOf(axis ?? -1, a.shape.length)[0];

const MOVES = {
  input: same, copy: same, array: same, asarray: same, ascontiguousarray: same, astype: same,
  reshape: same, ravel: same, squeeze: same, expand_dims: same, empty: ({ shape }) => new Float64Array(size(shape)),
  item: (form, [parts, i]) => parts[i].data,
  zeros: ({ shape }) => new Float64Array(size(shape)),
  ones: ({ shape }) => new Float64Array(size(shape)).fill(1),
  zeros_like: ({ shape }) => new Float64Array(size(shape)),
  ones_like: ({ shape }) => new Float64Array(size(shape)).fill(1),
  full_like: ({ shape }, [, value]) => new Float64Array(size(shape)).fill(value),
  arange: ({ shape }, [from, to, by = 1]) => Float64Array.from({ length: size(shape) }, (_, i) => (to === undefined ? 0 : from) + i * by),
  broadcast_to: ({ shape }, [a]) => gathered(a, shape, repeated(a, shape) ?? a.data.keys()).data,
  transpose: (form, [a, axes]) => permuted(a, axes ? axesOf(axes, a.shape.length) : axesOf(null, a.shape.length).reverse()).data,
  swapaxes: (form, [a, i, j]) => permuted(a, swapped(axesOf(null, a.shape.length), ...axesOf([i, j], a.shape.length))).data,
  moveaxis: (form, [a, from, to]) => permuted(a, moved(a.shape.length, from, to)).data,
  flip: (form, [a, axis], given) => flipped(a, axesOf(axis ?? given.axis, a.shape.length)).data,
  roll: (form, [a, by, axis], given) => rolled(a, by, axis ?? given.axis).data,
  tril: (form, [a, k = 0]) => masked(a, (row, column) => column <= row + k),
  triu: (form, [a, k = 0]) => masked(a, (row, column) => column >= row + k),
  getitem: (form, [a, index]) => taken(a, indexed(a.shape, index)),
  take: (form, [a, index], { axis }) => taken(a, indexed(a.shape, [...Array(axisOf(a, axis)).fill({ slice: [null, null, null] }), index])),
  setitem: (form, [a, index, value]) => scattered(a, index, value, (old, x) => x),
  add_at: (form, [a, index, value]) => scattered(a, index, value, (old, x) => ROUND[a.dtype](old + x)),
  pad: ({ shape }, [a, widths], { constant_values = 0 }) => padded(a, shape, widths, constant_values),
  concatenate: ({ shape }, [parts], { axis = 0 }) => joined(parts, shape, axisOf(parts[0], axis)),
  stack: ({ shape }, [parts], { axis = 0 }) => joined(parts.map((a) => ({ ...a, shape: a.shape.toSpliced(axis < 0 ? axis + shape.length : axis, 0, 1) })), shape, axesOf(axis, shape.length)[0]),
  sum: reduced(ADD, 0),
  max: reduced(LARGER, -Infinity),
  min: reduced(SMALLER, Infinity),
  all: reduced((x, y) => x && (y ? 1 : 0), 1),
  any: reduced((x, y) => x || (y ? 1 : 0), 0),
  mean: reduced(ADD, 0, (sums, a) => sums.map((x) => (x * sums.length) / a.data.length)),
  argmax: (form, [a], { axis }) => best(a, axis, (x, y) => x > y || (x !== x && y === y)),
  argmin: (form, [a], { axis }) => best(a, axis, (x, y) => x < y || (x !== x && y === y)),
  cumsum: (form, [a], { axis }) => along(a, axis, (row) => row.map(((sum) => (x) => (sum = ROUND[form.dtype === "float32" ? "float64" : form.dtype](sum + x)))(0))),
  sort: (form, [a], { axis = -1 }) => along(a, axis, (row) => row.toSorted(ascending)),
  argsort: (form, [a], { axis = -1 }) => along(a, axis, (row) => [...row.keys()].sort((i, j) => ascending(row[i], row[j]) || i - j)),
  matmul: (form, [a, b]) => matrices(form.shape, a, b),
  dot: (form, [a, b]) => matrices(form.shape, a, b),
  outer: (form, [a, b]) => Float64Array.from({ length: size(form.shape) }, (_, i) => a.data[floor(i / b.data.length)] * b.data[i % b.data.length]),
  philox: (form, [key, counter, n]) => words(BigInt(key), counter, n),
  einsum: (form, [spec, ...arrays]) => summedUp(spec, arrays, form.shape),
};

const WORD = (1n << 64n) - 1n;

/** Words of Philox4x64-10, as in backends/base.py, without their last 11 bits, which a float64 has no place for. */
function words(key, counter, n) {
  const out = new Float64Array(n);
  let [block, c] = [-1, []];
  for (let i = 0; i < n; i++) {
    if (block !== floor((counter + i) / 4)) {
      block = floor((counter + i) / 4);
      c = [BigInt(block), 0n, 0n, 0n];
      for (let round = 0, k = [key, 0n]; round < 10; round++, k = [(k[0] + 0x9e3779b97f4a7c15n) & WORD, (k[1] + 0xbb67ae8584caa73bn) & WORD]) {
        const [p, q] = [0xd2e7470ee14c6c93n * c[0], 0xca5a826395121157n * c[2]];
        c = [(q >> 64n) ^ c[1] ^ k[0], q & WORD, (p >> 64n) ^ c[3] ^ k[1], p & WORD];
      }
    }
    out[i] = Number((c[(counter + i) % 4] >> 11n) << 11n);
  }
  return out;
}

function swapped(axes, i, j) {
  [axes[i], axes[j]] = [axes[j], axes[i]];
  return axes;
}

function flipped(a, axes) {
  return shuffled(a, (k, axis) => (axes.includes(axis) ? a.shape[axis] - 1 - k : k));
}

function rolled(a, by, axis) {
  if (axis === null || axis === undefined) return { ...rolled({ ...a, shape: [a.data.length] }, by, 0), shape: a.shape };
  const far = new Array(a.shape.length).fill(0);
  axesOf(axis, a.shape.length).forEach((k, i) => (far[k] += [by].flat()[i] ?? by));
  return shuffled(a, (k, i) => remains(k - far[i], a.shape[i]));
}

function masked(a, keep) {
  const [rows, columns] = a.shape.slice(-2);
  return a.data.map((x, i) => (keep(floor(i / columns) % rows, i % columns) ? x : 0));
}

function taken(a, { shape, places }) {
  return gathered(a, shape, places).data;
}

function scattered(a, index, value, f) {
  const { shape, places } = indexed(a.shape, index);
  const [data, at] = [a.data.slice(), value.data && repeated(value, shape)];
  const given = (i) => (value.data ? value.data[at ? at[i] : i] : value);
  for (let i = 0; i < places.length; i++) data[places[i]] = f(data[places[i]], given(i));
  return data;
}

function padded(a, shape, widths, value) {
  const pairs = Array.isArray(widths) ? widths.flat() : [widths];
  const before = a.shape.map((_, axis) => pairs[pairs.length === 2 * a.shape.length ? 2 * axis : 0]);
  const index = a.shape.map((n, axis) => ({ slice: [before[axis], before[axis] + n, null] }));
  return scattered(filled(shape, a.dtype, value), index, a, (old, x) => x);
}

function joined(parts, shape, axis) {
  const out = filled(shape, "float64");
  let start = 0;
  for (const part of parts) {
    const index = [...Array(axis).fill({ slice: [null, null, null] }), { slice: [start, (start += part.shape[axis]), null] }];
    out.data = scattered(out, index, part, (old, x) => x);
  }
  return out.data;
}

/** For each place of the result the places in `a` that are put together there, in order. */
function* groups(a, axis) {
  const axes = axesOf(axis, a.shape.length);
  const [own, kept] = [apart(a.shape), axesOf(null, a.shape.length).filter((k) => !axes.includes(k))];
  const inner = placed(axes.map((k) => a.shape[k]), axes.map((k) => own[k]));
  for (const start of placed(kept.map((k) => a.shape[k]), kept.map((k) => own[k]))) yield inner.map((place) => start + place);
}

function reduce(a, axis, f, start) {
  return Float64Array.from(groups(a, axis), (places) => places.length === 1 ? a.data[places[0]] : places.reduce((sum, place) => f(sum, a.data[place]), start));
}

function best(a, axis, better) {
  return Float64Array.from(groups(a, axis), (places) => places.reduce((k, place, i) => (better(a.data[place], a.data[places[k]]) ? i : k), 0));
}

/** f of each row along an axis; of the array as one row for null. */
function along(a, axis, f) {
  const out = new Float64Array(a.data.length);
  for (const places of groups(a, axis)) f(Array.from(places, (place) => a.data[place])).forEach((x, i) => (out[places[i]] = x));
  return out;
}

function ascending(x, y) {
  return x !== x || y !== y ? (x !== x) - (y !== y) : x - y;
}

/** Products of matrices, of stacks of them, of rows and columns. */
function matrices(shape, a, b) {
  const [left, right] = [a.shape.length > 1 ? a.shape : [1, ...a.shape], b.shape.length > 1 ? b.shape : [...b.shape, 1]];
  const [n, m, k] = [left.at(-2), right.at(-1), left.at(-1)];
  const stack = broadcast(left.slice(0, -2), right.slice(0, -2));
  const starts = (s, length) => placed(stack, strides(s.slice(0, -2), stack, length));
  const [p, q, out] = [starts(left, n * k), starts(right, k * m), new Float64Array(size(shape))];
  for (let s = 0, o = 0; s < p.length; s++) {
    for (let i = 0; i < n; i++, o += m) {
      for (let l = 0; l < k; l++) {
        const [x, row] = [a.data[p[s] + i * k + l], q[s] + l * m];
        for (let j = 0; j < m; j++) out[o + j] += x * b.data[row + j];
      }
    }
  }
  return out;
}

/** The strides of a shape that is repeated to another, where what it counts is of some length. */
function strides(shape, to, length) {
  const [own, before] = [apart(shape), to.length - shape.length];
  return to.map((_, axis) => (axis < before || shape[axis - before] === 1 ? 0 : own[axis - before] * length));
}

/** Einstein's sums: letters that the result lacks are summed over. */
function summedUp(spec, arrays, shape) {
  const [left, right = null] = spec.replaceAll(" ", "").split("->");
  const dots = Math.max(0, ...left.split(",").map((term, i) => term.includes("...") ? arrays[i].shape.length - term.replace("...", "").length : 0));
  const named = (term, rank) => term.replace("...", () => "αβγδεζ".slice(dots - (rank - term.replace("...", "").length), dots)).split("");
  const terms = left.split(",").map((term, i) => named(term, arrays[i].shape.length));
  const once = [...new Set(terms.flat())].filter((letter) => terms.flat().filter((other) => other === letter).length === 1).sort();
  const kept = right === null ? [..."αβγδεζ".slice(0, dots), ...once.filter((letter) => !"αβγδεζ".includes(letter))] : named(right, shape.length);
  const letters = [...kept, ...new Set(terms.flat().filter((letter) => !kept.includes(letter)))];
  const sizes = letters.map((letter) => Math.max(...terms.flatMap((term, i) => term.flatMap((other, axis) => (other === letter ? [arrays[i].shape[axis]] : [])))));
  const own = (term, array) => letters.map((letter) => term.reduce((sum, other, axis) => sum + (other === letter && array.shape[axis] > 1 ? apart(array.shape)[axis] : 0), 0));
  const at = terms.map((term, i) => placed(sizes, own(term, arrays[i])));
  const into = placed(sizes, [...apart(shape), ...Array(letters.length - kept.length).fill(0)]);
  const out = new Float64Array(size(shape));
  for (let i = 0; i < into.length; i++) out[into[i]] += arrays.reduce((product, a, j) => product * a.data[at[j][i]], 1);
  return out;
}

// ---- one instruction, and all of them

const SPLIT = { frexp: (x) => (x && isfinite(x) ? [x / 2 ** (floor(log2(fabs(x))) + 1), floor(log2(fabs(x))) + 1] : [x, 0]) };

/** What one instruction gives: an array, or several. What a program asks about values gives whether the answer is the old one. */
function evaluate(name, form, operands, options) {
  if (name.startsWith("guard")) return { shape: [], dtype: "bool", data: [holds(name, operands)] };
  if (SPLIT[name]) return split(operands[0], SPLIT[name]);
  const f = ELEMENTWISE[name];
  if (f && !form.dtype) return f(...operands);
  if (f) return elementwise(f, form, operands);
  const data = MOVES[name](form, operands, options);
  const round = ROUND[form.dtype];
  return { ...form, data: data.every((x) => round(x) === x || x !== x) ? data : data.map(round) };
}

const LEAST = { float64: 2 ** -970, float32: 2 ** -103, float16: 2 ** -4 };

/** Whether what is asked about an array has the answer that it had. */
function holds(name, [{ data, dtype }, expected]) {
  if (name === "guard_fits") return data.every((x) => x >= (LEAST[dtype] ?? 0) && x < Infinity) === expected;
  return data.some(name === "guard" ? (x) => x !== 0 : (x) => !isfinite(x)) === expected;
}

function split(a, f) {
  const pairs = Array.from(a.data, f);
  return [0, 1].map((i) => ({ ...a, dtype: i ? "int32" : a.dtype, data: Float64Array.from(pairs, (pair) => pair[i]) }));
}

/** f of numbers for each element. A Python number has the dtype of the arrays beside it. */
function elementwise(f, { shape, dtype }, operands) {
  const beside = operands.find((x) => x.data && x.dtype !== "bool")?.dtype;
  const weak = ROUND[beside && dtype === "bool" ? beside : dtype];
  const [x, y, z] = operands.map((operand) => {
    if (!operand.data) return () => weak(operand);
    const [{ data }, at] = [operand, repeated(operand, shape)];
    return at ? (i) => data[at[i]] : (i) => data[i];
  });
  const [out, round] = [filled(shape, dtype), ROUND[dtype]];
  const { data } = out;
  if (z) for (let i = 0; i < data.length; i++) data[i] = round(f(x(i), y(i), z(i)));
  else if (y) for (let i = 0; i < data.length; i++) data[i] = round(f(x(i), y(i)));
  else for (let i = 0; i < data.length; i++) data[i] = round(f(x(i)));
  return out;
}

/** What one instruction of a program gives, from the results before it. A bare number among its operands stands for a result. */
function computed({ forms, code }, i, results) {
  const operand = (x) => {
    if (typeof x === "number") return results[x];
    if (Array.isArray(x)) return x.map(operand);
    if (x.a) return decoded(x.a, x.a[2]);
    return x.s ? { slice: x.s.map(operand) } : literal(x.n);
  };
  const [name, form, operands, options = {}] = code[i];
  const [shape, dtype] = forms[form] ?? [];
  const named = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, operand(value)]));
  return evaluate(name, { shape, dtype }, operands.map(operand), named);
}

/** All results of a program: `given` are its inputs, by their numbers. */
function replay(program, given) {
  return finished(replaying(program, given));
}

/** `replay` as a generator that gives way after each instruction. */
function* replaying(program, given) {
  const results = [];
  for (const i of program.code.keys()) {
    results.push(given.get(i) ?? computed(program, i, results));
    yield;
  }
  return results;
}

/** What a generator returns at its end. */
function finished(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** What is written as itself: JSON has no nan and no infinity. */
function literal(x) {
  if (Array.isArray(x)) return x.map(literal);
  return { nan: NaN, inf: Infinity, "-inf": -Infinity }[x] ?? x;
}

/** The elements of an input as they stand in the page: numbers, one for all, or the bytes of a typed array. */
function decoded([shape, dtype], data) {
  if (Array.isArray(data)) return { shape, dtype, data: Float64Array.from({ length: size(shape) }, (_, i) => literal(data[i] ?? data[0])) };
  const bytes = Uint8Array.from(atob(data.f4 ?? data.f8), (letter) => letter.charCodeAt(0)).buffer;
  return { shape, dtype, data: Float64Array.from(data.f4 ? new Float32Array(bytes) : new Float64Array(bytes)) };
}
