// Numbers and arrays as text, as Python's views write them (chainrule/graph/values.py). It is done here too since the
// learner may change the learning rate, and with it the numbers; tests/graph/test_browser_numbers.py compares the two.

/** `digits` significant digits, below a million with all before the point, and a true minus sign; as Python's number(). */
function number(x, dtype = "", digits = 4) {
  if (dtype === "bool") return x ? "True" : "False";
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "−inf";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return minus(String(x + 0)); // −0 + 0 is 0
  const [mantissa, exponent] = rounded(x, digits).split("e");
  const places = Number(x.toExponential().split("e")[1]) + 1; // digits before the point
  if (places >= digits && Math.abs(x) < 1e6) return minus(String(Number(rounded(x, places))));
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return minus(`${withoutZeros(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`);
  }
  return minus(withoutZeros(Number(`${mantissa}e${exponent}`).toFixed(digits - 1 - exponent)));
}

function minus(text) {
  return text.replaceAll("-", "−");
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

function summary(elements) {
  const items = elements.map(Number); // of booleans too
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

/** Values on one line, as Python's explain() writes them. */
function line(values) {
  const { shape } = values;
  const rows = cells(values);
  if (!shape.length) return rows[0][0];
  if (!isListed(values)) return `[${shapeText(shape)}: ${rows[0][0]}]`;
  const lists = rows.map((row) => `[${row.join(", ")}]`);
  return shape.length === 2 ? `[${lists.join(", ")}]` : lists[0];
}

/** The same for formulas: an array of one element is its number. */
function inline(values) {
  return hasItems(values) && size(values.shape) === 1 ? number(flat(values)[0], values.dtype) : line(values);
}

/** A number or product in brackets, where another sign stands before its minus. */
function bracketed(text) {
  return text.startsWith("−") ? `(${text})` : text;
}

/** The elements of Values as they are shown: rounded, unless they are summed up. */
function asShown(values) {
  const { shape, dtype } = values;
  const write = (x) => (Number.isFinite(x) ? Number(number(x, dtype).replaceAll("−", "-")) : x);
  return !shape.length || isListed(values) ? flat(values).map(write) : flat(values);
}

/** What stands before a result: "=", or "≈" where the numbers as they are shown give another one, `again`. */
function sign(again, result) {
  if (!hasItems(result)) return "=";
  const exact = flat(result);
  const write = (x) => number(x, result.dtype);
  return again.every((x, i) => write(x) === write(exact[i])) ? "=" : "≈";
}
