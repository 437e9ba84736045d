// What the model says of its inputs, on a canvas: over the plane of two, or as a curve over one; and the examples.

const SHAPES = ["circle", "square", "triangle", "diamond"];
const STRENGTH = 0.42; // of a region's colour where the class is certain; it fades to the ground where it is not
const EDGE = { left: 38, right: 8, top: 8, bottom: 26 };

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const words = (text) => new Uint16Array(bytes(text).buffer); // of two bytes, little-endian as every browser's machine
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const mix = (from, to, share) => from.map((value, i) => value + (to[i] - value) * share);

/** Which examples are wrong, from the packed bits; none where it is not known. */
function wrongOnes(text, count) {
  const packed = text ? bytes(text) : null;
  return Array.from({ length: count }, (_, i) => Boolean(packed && packed[i >> 3] & (128 >> (i & 7))));
}

/** What the codes mean (see Reading.codes in Python): paint(code), a colour, and the levels that are 0 at a border. */
function regions(outputs) {
  const ground = channels(color("--cr-paper")), { kind, classes } = outputs;
  if (kind === "regression") {
    const full = channels(color("--c0"));
    const levels = [0.25, 0.5, 0.75].map((share) => (code) => code - 65535 * share);
    return { paint: (code) => mix(ground, full, 0.04 + 0.8 * code / 65535), levels };
  }
  const hues = Array.from({ length: classes }, (_, k) => channels(color(`--c${k % STYLES}`)));
  if (classes === 2) {
    const margin = (code) => (code / 127.5 - 1) * Math.abs(code / 127.5 - 1);
    const paint = (code) => mix(ground, hues[code > 127 ? 1 : 0], STRENGTH * Math.abs(margin(code)));
    return { paint, levels: [margin] };
  }
  const most = Math.floor(256 / classes) - 1, least = (0.5 / most) ** 2; // so that no margin is 0, which has no side
  const margin = (code) => Math.max((Math.floor(code / classes) / most) ** 2, least);
  return {
    paint: (code) => mix(ground, hues[code % classes], STRENGTH * (0.25 + 0.75 * margin(code))),
    levels: hues.map((_, k) => (code) => (code % classes === k ? 1 : -1) * margin(code)),
  };
}

/** The line where level(code) is 0, through an n × n grid, as pieces [x, y, x, y] in units of its cells. */
function contour(coded, n, level) {
  const pieces = [];
  for (let row = 0; row + 1 < n; row++) {
    for (let column = 0; column + 1 < n; column++) {
      const corner = (x, y) => [x, y, level(coded[y * n + x])];
      const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([dx, dy]) => corner(column + dx, row + dy));
      const crossings = [];
      for (let side = 0; side < 4; side++) {
        const [ax, ay, a] = corners[side], [bx, by, b] = corners[(side + 1) % 4];
        if (a < 0 !== b < 0) crossings.push(ax + (bx - ax) * a / (a - b), ay + (by - ay) * a / (a - b));
      }
      for (let i = 0; i + 3 < crossings.length; i += 4) pieces.push(crossings.slice(i, i + 4));
    }
  }
  return pieces;
}

const CORNERS = { // of the shapes, in radii
  square: [[-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]],
  triangle: [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]],
  diamond: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
};

function mark(context, shape, x, y, r) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
  else for (const [dx, dy] of CORNERS[shape]) context.lineTo(x + dx * r, y + dy * r);
  context.closePath();
}

/** The examples: a mark each, with a ring around those that are wrong, and a large one around the followed one. */
function examples(context, place, facts, outputs, snapshot) {
  const wrong = wrongOnes(snapshot.outputs?.wrong, facts.points.length), r = facts.points.length > 250 ? 3.4 : 4.2;
  const numbers = outputs.kind === "regression", flat = facts.kind === "curve";
  facts.points.forEach(([px, py, truth], i) => {
    const [x, y] = place(px, py), followed = i === facts.followed;
    if (wrong[i] || followed) {
      mark(context, "circle", x, y, followed ? 11 : r + 3.5);
      context.strokeStyle = color("--cr-ink");
      context.lineWidth = followed ? 2.2 : 1.4;
      context.stroke();
    }
    const share = numbers ? (truth - outputs.scale[0]) / (outputs.scale[1] - outputs.scale[0]) : 0;
    const hue = mix(channels(color("--cr-paper")), channels(color("--c0")), flat ? 0.25 : 0.04 + 0.8 * share);
    mark(context, numbers ? "circle" : SHAPES[truth % SHAPES.length], x, y, r);
    context.fillStyle = numbers ? `rgb(${hue})` : color(`--c${truth % STYLES}`);
    context.strokeStyle = color(numbers ? "--cr-ink" : "--cr-paper");
    context.lineWidth = 1;
    context.fill();
    context.stroke();
  });
}

/** The colours of the regions and the borders between them. */
function paintPlane(context, box, facts, outputs, snapshot) {
  const n = facts.grid, small = document.createElement("canvas"), { paint, levels } = regions(outputs);
  const coded = outputs.kind === "regression" ? words(snapshot.plane) : bytes(snapshot.plane);
  small.width = small.height = n;
  const pixels = small.getContext("2d").createImageData(n, n);
  coded.forEach((code, i) => pixels.data.set([...paint(code), 255], 4 * ((n - 1 - Math.floor(i / n)) * n + i % n)));
  small.getContext("2d").putImageData(pixels, 0, 0);
  const across = box.width / (n - 1), up = box.height / (n - 1); // a grid point is in the middle of its pixel
  context.imageSmoothingQuality = "high";
  context.drawImage(small, box.x - across / 2, box.y - up / 2, box.width + across, box.height + up);
  context.strokeStyle = color("--cr-ink");
  context.lineWidth = outputs.kind === "regression" ? 0.8 : 1.6;
  context.beginPath();
  for (const [ax, ay, bx, by] of levels.flatMap((level) => contour(coded, n, level))) {
    context.moveTo(box.x + ax * across, box.y + box.height - ay * up);
    context.lineTo(box.x + bx * across, box.y + box.height - by * up);
  }
  context.stroke();
}

/** The prediction, a line over the one input. */
function paintCurve(context, place, facts, snapshot) {
  const heights = words(snapshot.plane), [low, high] = facts.x, [bottom, top] = facts.y;
  context.beginPath();
  heights.forEach((code, i) => {
    const [px, py] = [low + (high - low) * i / (heights.length - 1), bottom + (top - bottom) * code / 65535];
    context.lineTo(...place(px, py));
  });
  context.strokeStyle = color("--c1");
  context.lineWidth = 2.5;
  context.lineJoin = "round";
  context.stroke();
}

function ticks(context, box, facts, place) {
  context.fillStyle = color("--cr-soft");
  context.font = "11.5px system-ui, sans-serif";
  context.textAlign = "center";
  const bottom = box.y + box.height + 17;
  for (const tick of steps(...facts.x, 6)) context.fillText(number(tick), place(tick, 0)[0], bottom);
  context.textAlign = "right";
  for (const tick of steps(...facts.y, 5)) context.fillText(number(tick), box.x - 7, place(0, tick)[1] + 4);
}

/** Draws the inputs into a canvas, again after a change of size or colours. Returns what shows a snapshot. */
function plane(canvas, facts, outputs) {
  let snapshot = null;

  function draw() {
    const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
    if (!snapshot || !width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const { left, right, top, bottom } = EDGE;
    const box = { x: left, y: top, width: width - left - right, height: height - top - bottom };
    const place = (px, py) => [
      box.x + box.width * (px - facts.x[0]) / (facts.x[1] - facts.x[0]),
      box.y + box.height * (1 - (py - facts.y[0]) / (facts.y[1] - facts.y[0])),
    ];
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    if (snapshot.plane && facts.kind === "plane") paintPlane(context, box, facts, outputs, snapshot);
    examples(context, place, facts, outputs, snapshot);
    if (snapshot.plane && facts.kind === "curve") paintCurve(context, place, facts, snapshot);
    context.restore();
    ticks(context, box, facts, place);
    context.strokeStyle = color("--cr-line");
    context.strokeRect(box.x, box.y, box.width, box.height);
  }

  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return (now) => { snapshot = now; draw(); };
}
