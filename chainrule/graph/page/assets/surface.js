// The loss over two parameters, as a surface that can be turned.

const GRID = 18; // faces of the surface in each direction; fewer for long programs
const seen = { turn: 0.7, tilt: 0.55 }; // how it is turned, in radians

/** The loss over two parameters as a surface that can be turned, with the steps so far. */
function drawSurface(one, other) {
  const { canvas, draw, width, height } = sheet("landscape");
  const [[a, b], [c, d]] = [span(one), span(other)];
  const n = Math.max(6, Math.min(GRID, Math.floor(Math.sqrt(WORK / effort()))));
  const heights = surface(one, other, [a, b, c, d], n);
  const finite = heights.flat().filter(Number.isFinite);
  const [bottom, top] = [Math.min(...finite), Math.max(...finite)];
  const point = (u, v, loss) => projected([scale(a, b, -1, 1)(u), scale(c, d, -1, 1)(v), scale(bottom, top, -0.6, 0.6)(Math.min(Math.max(loss, bottom), top))], width, height);
  const grid = heights.map((row, i) => row.map((loss, j) => point(a + (i / n) * (b - a), c + (j / n) * (d - c), loss)));
  const faces = [];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const corners = [grid[i][j], grid[i + 1][j], grid[i + 1][j + 1], grid[i][j + 1]];
      if (corners.every(([x, y]) => Number.isFinite(x + y))) faces.push({ corners, far: corners[0][2] + corners[2][2], high: (heights[i][j] - bottom) / (top - bottom || 1) });
    }
  }
  faces.sort((p, q) => q.far - p.far);
  for (const { corners, high } of faces) {
    path(draw, [...corners, corners[0]], colour("line"), 0.6);
    draw.fillStyle = `color-mix(in oklab, ${colour("operation")} ${Math.round(100 * high)}%, ${colour("leaf-ground")})`;
    draw.fill();
  }
  const walked = train.path.map((arrays, i) => [one, other].map(({ id, place }) => arrays.get(id)?.data[place]).concat(train.losses[i]));
  const here = [...[one, other].map((choice) => track(choice).at(-1)), lossOf(results())];
  const trail = [...walked, here].filter((step) => step.every(Number.isFinite)).map((step) => point(...step));
  path(draw, trail, colour("flow"), 2.5);
  for (const step of trail.slice(0, -1)) dot(draw, step, 2.5, colour("flow"));
  dot(draw, trail.at(-1), 5, colour("flow"));
  caption(draw, `→ ${one.label}: ${number(a, "", 3)} … ${number(b, "", 3)}`, 4, height - 16);
  caption(draw, `↗ ${other.label}: ${number(c, "", 3)} … ${number(d, "", 3)}`, 4, height - 4);
  caption(draw, `${number(bottom)} … ${number(top)}`, width - 4, 11, "right");
  describe(canvas, t`${whole.nodes.at(-1).label} over ${one.label} and ${other.label}, from ${number(bottom)} to ${number(top)}, with the steps so far. Arrow keys turn it.`);
}

const drawn = { key: "", heights: null }; // the surface drawn last, since it is only turned often

function surface(one, other, [a, b, c, d], n) {
  const others = [...live.inputs.values()].map((array) => array.data.join()).join(";");
  const key = [one.label, other.label, a, b, c, d, n, others].join();
  if (drawn.key !== key) {
    const row = (i) => Array.from({ length: n + 1 }, (_, j) => lossAt([one, other], [a + (i / n) * (b - a), c + (j / n) * (d - c)]));
    Object.assign(drawn, { key, heights: Array.from({ length: n + 1 }, (_, i) => row(i)) });
  }
  return drawn.heights;
}

/** [x, y, depth] on the canvas of a point of the cube from −1 to 1, as it is turned. */
function projected([x, y, z], width, height) {
  const [s, c] = [Math.sin(seen.turn), Math.cos(seen.turn)];
  const [right, away] = [x * c - y * s, x * s + y * c];
  const up = z * Math.cos(seen.tilt) + away * Math.sin(seen.tilt);
  const unit = Math.min(width / 3, height / 2.4);
  return [width / 2 + right * unit, height / 2 - up * unit, away * Math.cos(seen.tilt) - z * Math.sin(seen.tilt)];
}

function turnByPointer(event) {
  let [x, y] = [event.clientX, event.clientY];
  const move = (at) => {
    seen.turn += (at.clientX - x) / 120;
    seen.tilt = Math.min(Math.max(seen.tilt + (at.clientY - y) / 150, 0), 1.5);
    [x, y] = [at.clientX, at.clientY];
    drawCharts();
  };
  const end = () => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", end);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", end);
}

function turnByKey(event) {
  const by = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  seen.turn += by[0];
  seen.tilt = Math.min(Math.max(seen.tilt + by[1], 0), 1.5);
  drawCharts();
}
