// Line charts: the lines are drawn once as SVG, then only the marker moves.

const MARGIN = { left: 46, right: 14, top: 12, bottom: 26 };
const STYLES = 7; // colours and dashes of series, see .s0 to .s6 in run.css

function svg(tag, attributes = {}, parent = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (parent) parent.append(made);
  return made;
}

function html(tag, text = "", parent = null) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

/** A number as in all views; a dash where there is none, and words such as "nan" as they are. */
function written(value) {
  if (value === null || value === undefined) return "—";
  return typeof value === "string" ? minus(value) : number(value);
}

function steps(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}

function decades(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / 6)), found = [];
  for (let power = first; power <= last; power += every) found.push(10 ** power);
  return found.length > 1 ? found : steps(low, high, 4);
}

const drawable = (value, log) => typeof value === "number" && (!log || value > 0);

/** The lowest and the highest value of all series, with some room. */
function extent(series, log, always) {
  const values = series.flatMap((one) => one.points.map((point) => point[1])).filter((value) => drawable(value, log));
  if (!values.length) return log ? [1e-4, 1] : [0, 1];
  let low = Math.min(...values, ...always), high = Math.max(...values, ...always);
  if (log) return [low / 1.5, high * 1.5];
  if (low >= 0 && low < 0.5 * high) low = 0;
  if (low === high) { low -= Math.abs(high) || 0.5; high += Math.abs(high) || 0.5; }
  return [low, high + 0.05 * (high - low)];
}

/**
 * Draw series {name, points: [[x, y]], style} into `host`, again whenever its width changes.
 * A series may be `hidden`, until the chart is drawn again.
 * options: label, the text alternative; x: [low, high]; log, or a function that tells it from the series that are shown; band: [low, level, high]; best: x of a line; seek(x), called
 * by clicks.
 * Returns draw(), move(x), the marker to x, and highlight(name): all but the named series faded.
 */
function chart(host, series, options) {
  const { band = null, bandName = "", height = 230 } = options;
  const picture = svg("svg", { role: "img", "aria-label": options.label }, host);
  const scale = (value) => (log ? Math.log10(value) : value);
  let width = 0, at = options.x[0], marker, dots, lines, shown, log, low, high;
  const share = (value, [from, to]) => (value - from) / (to - from || 1);
  const x = (value) => MARGIN.left + (width - MARGIN.left - MARGIN.right) * share(value, options.x);
  const up = (value) => share(scale(value), [scale(low), scale(high)]);
  const y = (value) => height - MARGIN.bottom - (height - MARGIN.top - MARGIN.bottom) * up(value);

  function axes() {
    const right = width - MARGIN.right, bottom = height - MARGIN.bottom;
    if (band) {
      const size = { x: MARGIN.left, y: y(band[2]), width: right - MARGIN.left, height: y(band[0]) - y(band[2]) };
      svg("rect", { class: "band", ...size }, picture);
      svg("text", { x: right - 4, y: y(band[2]) + 13, "text-anchor": "end" }, picture).textContent = bandName;
      svg("line", { class: "level", x1: MARGIN.left, x2: right, y1: y(band[1]), y2: y(band[1]) }, picture);
    }
    for (const tick of log ? decades(low, high) : steps(low, high, height / 60)) {
      svg("line", { class: "rule", x1: MARGIN.left, x2: right, y1: y(tick), y2: y(tick) }, picture);
      svg("text", { x: MARGIN.left - 7, y: y(tick) + 4, "text-anchor": "end" }, picture).textContent = number(tick);
    }
    for (const tick of steps(...options.x, Math.max(2, width / 90)).filter((value) => Number.isInteger(value)))
      svg("text", { x: x(tick), y: bottom + 17, "text-anchor": "middle" }, picture).textContent = tick;
    svg("text", { x: MARGIN.left - 10, y: bottom + 17, "text-anchor": "end" }, picture).textContent = t`epoch`;
    if (options.best !== null && options.best !== undefined)
      svg("line", { class: "best", x1: x(options.best), x2: x(options.best), y1: MARGIN.top, y2: bottom }, picture);
  }

  function path(points) {
    let drawn = "", pen = "M";
    for (const [px, py] of points) {
      if (drawable(py, log)) drawn += `${pen}${x(px).toFixed(1)} ${y(py).toFixed(1)}`;
      pen = drawable(py, log) ? "L" : "M";
    }
    return drawn;
  }

  function draw() {
    width = host.clientWidth;
    shown = series.filter((one) => !one.hidden);
    log = typeof options.log === "function" ? options.log(shown) : Boolean(options.log);
    [low, high] = extent(shown, log, band ? [band[0], band[2]] : []);
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.replaceChildren();
    axes();
    lines = shown.map((one) => svg("path", { class: `line s${one.style}`, d: path(one.points) }, picture));
    marker = svg("line", { class: "marker", y1: MARGIN.top - 6, y2: height - MARGIN.bottom }, picture);
    dots = shown.map((one) => svg("circle", { class: `dot s${one.style}`, r: 4.5 }, picture));
    move(at);
  }

  function move(to) {
    at = to;
    marker.setAttribute("x1", x(at));
    marker.setAttribute("x2", x(at));
    shown.forEach((one, i) => {
      const point = reached(one.points, at);
      dots[i].setAttribute("visibility", point && drawable(point[1], log) ? "visible" : "hidden");
      if (!point || !drawable(point[1], log)) return;
      dots[i].setAttribute("cx", x(point[0]));
      dots[i].setAttribute("cy", y(point[1]));
    });
  }

  function highlight(name) {
    shown.forEach((one, i) => {
      for (const part of [lines[i], dots[i]]) part.classList.toggle("faded", name !== null && one.name !== name);
    });
  }

  function seek(event) {
    if (event.buttons !== 1) return;
    const across = event.clientX - picture.getBoundingClientRect().left - MARGIN.left;
    options.seek(options.x[0] + across / (width - MARGIN.left - MARGIN.right) * (options.x[1] - options.x[0]));
  }
  picture.addEventListener("pointerdown", seek);
  picture.addEventListener("pointermove", seek);
  draw();
  new ResizeObserver(() => { if (host.clientWidth && host.clientWidth !== width) draw(); }).observe(host);
  return { draw, move, highlight };
}

/** The last point of a series that is not after x; undefined before the first. */
function reached(points, x) {
  return points.findLast((point) => point[0] <= x + 1e-9);
}

/** A piece of a series' line, for legends and tables. */
function swatch(style, solid = false) {
  const classes = `swatch s${style}${solid ? " solid" : ""}`;
  const picture = svg("svg", { class: classes, width: 28, height: 10, "aria-hidden": "true" });
  svg("line", { class: "line", x1: 1, x2: 27, y1: 5, y2: 5 }, picture);
  return picture;
}
