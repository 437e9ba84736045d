// Numbers and arrays as text, as Python's views write them (chainrule/graph/values.py). It is done here too since the
// learner may change the learning rate, and with it the numbers; tests/graph/test_browser_numbers.py compares the two.

const PLAIN = 4; // digits that are enough for most numbers
const MOST = 15; // and the most that make an equation true, of a number
const MOST_OF_ARRAY = 7;
const EXACT = 6; // numbers that all need no more are shown in full
const NEAR = 1e-3; // how far from a result, in proportion, what the shown numbers give may be, behind "≈"
const NOISE = { float16: 2 ** -4, float32: 2 ** -17 }; // how far apart numbers are the same but for rounding

/**
 * `digits` significant digits, below a million with all before the point, and a true minus sign; zeros at the end say
 * that it is rounded. As Python's number().
 */
function number(x, dtype = "", digits = PLAIN) {
  if (dtype === "bool") return x ? "True" : "False";
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "−inf";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return minus(String(x + 0)); // −0 + 0 is 0
  const [mantissa, exponent] = rounded(x, digits).split("e");
  const places = Number(x.toExponential().split("e")[1]) + 1; // digits before the point
  if (places >= digits && Math.abs(x) < 1e6) return minus(String(Number(rounded(x, places))));
  const shorter = isSame(Number(`${mantissa}e${exponent}`), x, dtype) ? withoutZeros : (text) => text;
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return minus(`${shorter(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`);
  }
  return minus(shorter(Number(`${mantissa}e${exponent}`).toFixed(digits - 1 - exponent)));
}

/** Whether two numbers are one, but for the noise of a dtype. */
function isSame(a, b, dtype) {
  return Math.abs(a - b) <= (NOISE[dtype] ?? 2 ** -46) * Math.abs(b);
}

/** A number as it is written in a program, if that takes at most ten digits; else rounded. */
function inFull(x, dtype = "") {
  const text = number(x, dtype, 10);
  return isSame(read(text), x, "") ? text : number(x, dtype);
}

/** The number that a text shows. */
function read(text) {
  if (text === "True" || text === "False") return Number(text === "True");
  return { nan: NaN, inf: Infinity, "−inf": -Infinity }[text] ?? Number(text.replaceAll("−", "-"));
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
function cells(values, digits = PLAIN) {
  const { shape, dtype, items } = values;
  const write = (x) => number(x, dtype, digits);
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
  if (!size(shape)) return t`no elements`;
  if (dtype === "bool") return t`${size(shape) - facts.zero} of ${size(shape)} true`;
  const parts = [];
  if (facts.min !== null) {
    const [low, high, mean] = [facts.min, facts.max, facts.mean].map((x) => number(x, "", 3));
    parts.push(low === high ? t`all ${low}` : t`${low} … ${high}, mean ${mean}`);
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
function line(values, digits = PLAIN) {
  const { shape } = values;
  const rows = cells(values, digits);
  if (!shape.length) return rows[0][0];
  if (!isListed(values)) return `[${shapeText(shape)}: ${rows[0][0]}]`;
  const lists = rows.map((row) => `[${row.join(", ")}]`);
  return shape.length === 2 ? `[${lists.join(", ")}]` : lists[0];
}

/** The same for formulas: an array of one element is its number. */
function inline(values, digits = PLAIN) {
  const isOne = hasItems(values) && size(values.shape) === 1;
  return isOne ? number(flat(values)[0], values.dtype, digits) : line(values, digits);
}

/** A number or product in brackets, where another sign stands before its minus. */
function bracketed(text) {
  return text.startsWith("−") ? `(${text})` : text;
}

/** The elements of Values as they are shown: rounded, unless they are summed up. */
function asShown(values, digits = PLAIN) {
  const { shape, dtype } = values;
  return !shape.length || isListed(values) ? flat(values).map((x) => read(number(x, dtype, digits))) : flat(values);
}

/**
 * How many digits make an equation true, and its sign: "=", or "≈" if rounding shows in its last digit. As Python's
 * agreed(): `f` makes the elements of the result from those of the given Values, as they are shown.
 */
function agreed(f, given, result) {
  if (!hasItems(result)) return { digits: PLAIN, sign: "=" };
  const isFine = (v) => !(v.dtype in NOISE) && flat(v).every((x) => isSame(read(number(x, v.dtype, EXACT)), x, v.dtype));
  if (!result.shape.length && [...given, result].every(isFine)) return { digits: EXACT, sign: "=" };
  const exact = flat(result).map(Number);
  const largest = Math.max(0, ...exact.map(Math.abs));
  const others = given.filter((v) => String(v.shape) === String(result.shape));
  const most = result.shape.length ? MOST_OF_ARRAY : MOST;
  for (let digits = PLAIN; digits <= most; digits++) {
    const write = (x) => read(number(x, result.dtype, digits));
    const seen = exact.map(write);
    const again = f(...given.map((v) => asShown(v, digits)));
    const looksAlike = (v) => {
      const shown = asShown(v, digits);
      return flat(v).some((x, i) => !isSame(x, exact[i], result.dtype) && shown[i] === seen[i]);
    };
    if (others.some(looksAlike)) continue;
    if (again.every((x, i) => Object.is(write(x) + 0, seen[i] + 0))) return { digits, sign: "=" };
    const isNear = (x, i) => Math.abs(x - exact[i]) <= NEAR * (Math.abs(exact[i]) + 0.01 * largest);
    if (again.every(isNear)) return { digits, sign: "≈" };
  }
  return { digits: PLAIN, sign: "≈" };
}
