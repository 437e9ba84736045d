// Numbers and arrays as text, as Python's views write them (autograd/draw/values.py), so that all views agree.

/** `digits` significant digits, as Python's "%.4g"; integers below a million in full. */
function number(x, dtype = "", digits = 4) {
  if (dtype === "bool") return x ? "True" : "False";
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  if (/^u?int/.test(dtype) && Math.abs(x) < 1e6) return String(x);
  if (x === 0) return "0"; // also −0
  const [mantissa, exponent] = rounded(x, digits).split("e");
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${withoutZeros(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  return withoutZeros(Number(`${mantissa}e${exponent}`).toFixed(digits - 1 - exponent));
}

/** Scientific notation with `digits` digits. A tie goes to the even digit, as in Python; JavaScript rounds it up. */
function rounded(x, digits) {
  const [mantissa, exponent] = x.toExponential(60).split("e");
  const kept = mantissa.slice(0, mantissa.indexOf(".") + digits);
  const tie = /^50*$/.test(mantissa.slice(kept.length));
  return tie && Number(kept.at(-1)) % 2 === 0 ? `${kept}e${exponent}` : x.toExponential(digits - 1);
}

function withoutZeros(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Whether all elements are here, and not only a summary. */
function hasItems(values) {
  return values.items !== undefined && values.items !== null;
}

/** All elements of a small array in one list, row by row. */
function flat(values) {
  return [values.items].flat(Infinity);
}

function size(shape) {
  return shape.reduce((product, n) => product * n, 1);
}

/** A shape as Python writes it: "(3,)". */
function shapeText(shape) {
  return `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}

/** Rows of cells of text: the elements of a small array, else one cell that sums it up. */
function cells(values) {
  const { shape, dtype, items } = values;
  const write = (x) => number(x, dtype);
  if (!shape.length) return [[write(items)]];
  if (isListed(values)) return (shape.length === 2 ? items : [items]).map((row) => row.map(write));
  return [[inWords(values)]];
}

/** Whether an array is small enough to be shown element by element. */
function isListed({ shape, items }) {
  return items?.length > 0 && shape.length <= 2 && size(shape.slice(0, -1)) <= 4 && shape.at(-1) <= 5;
}

/** An array in a few words: its range and mean, and what is not finite. */
function inWords(values) {
  const { shape, dtype } = values;
  const facts = values.summary ?? summary(flat(values));
  if (!size(shape)) return "no elements";
  if (dtype === "bool") return `${size(shape) - facts.zero} of ${size(shape)} true`;
  const parts = [];
  if (facts.min !== null) {
    const [low, high, mean] = [facts.min, facts.max, facts.mean].map((x) => number(x, "", 3));
    parts.push(...(low === high ? [`all ${low}`] : [`${low} … ${high}`, `mean ${mean}`]));
  }
  for (const word of ["nan", "inf"]) if (facts[word]) parts.push(`${facts[word]} ${word}`);
  return parts.join(", ");
}

function summary(items) {
  const finite = items.filter(Number.isFinite);
  const count = (test) => items.filter(test).length;
  return {
    min: finite.length ? Math.min(...finite) : null,
    max: finite.length ? Math.max(...finite) : null,
    mean: finite.length ? finite.reduce((sum, x) => sum + x, 0) / finite.length : null,
    nan: count(Number.isNaN),
    inf: count((x) => Math.abs(x) === Infinity),
    zero: count((x) => x === 0),
  };
}

/** Values on one line, for formulas: with true minus signs, and an array of one element as its number. */
function inline(values) {
  if (hasItems(values) && size(values.shape) === 1) return typeset(number(flat(values)[0], values.dtype));
  if (!isListed(values)) return typeset(cells(values)[0][0]);
  const rows = cells(values).map((row) => `[${row.join(", ")}]`);
  return typeset(values.shape.length === 2 ? `[${rows.join(", ")}]` : rows[0]);
}

/** Hyphens that are minus signs as such, but not the one in 1e-05. */
function typeset(text) {
  return text.replace(/(?<!\p{L})-/gu, "−");
}
