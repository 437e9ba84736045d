// Tables of arrays that line up, and their entries that one can point at.

const pointed = { at: "", place: 0 }; // the table that one has pointed into last, and the place there
const unaligned = []; // groups of tables that are about to be on the page

/** A table of an array, row by row; `copy` tells which places repeat others. {element, cells: its cells by their places}. */
function tableOf(array, { copy = () => false, cut = 0, down = 0 } = {}) {
  const width = array.shape.at(-1) ?? 1;
  const cells = [...array.data].map((x, place) => make("td", { className: copy(place) ? "copy" : "" }, number(x, array.dtype)));
  const element = make("table");
  for (let i = 0; i < cells.length; i += width) element.append(make("tr", {}, ...cells.slice(i, i + width)));
  cells.forEach((cell, i) => {
    cell.classList.toggle("cut", Boolean(cut) && i % width > 0 && (i % width) % cut === 0);
    cell.classList.toggle("down", Boolean(down) && i >= width && Math.floor(i / width) % down === 0);
  });
  return { element, cells, width };
}

/** Columns of several tables that stand above each other get the same width, as soon as they are on the page. */
function align(tables) {
  unaligned.push(tables);
}

function alignTables() {
  const groups = unaligned.splice(0);
  const widths = new Map(groups.flat().flatMap(({ cells }) => cells.map((cell) => [cell, cell.getBoundingClientRect().width])));
  for (const tables of groups) { // all is measured before any is changed: each change costs a new layout
    for (let column = 0; column < tables[0].width; column++) {
      const cells = tables.flatMap((table) => table.cells.filter((_, i) => i % table.width === column));
      const most = Math.max(...cells.map((cell) => widths.get(cell)));
      for (const cell of cells) cell.style.setProperty("--more", `${most - widths.get(cell)}px`);
    }
  }
}

/** A table under its name. */
function titled(name, table, className = "") {
  return make("div", { className: `titled ${className}` }, make("small", {}, name), table.element);
}

/** `2×3` */
function shapeOf(shape) {
  return shape.join("×") || "1";
}

/** Tables of one step, and the line under them. Only one entry is lit at a time. */
class Sheet {
  constructor() {
    this.said = make("p", { className: "entry", role: "status" });
    this.lit = [];
  }

  light(cells, at, text) {
    for (const cell of this.lit) cell.classList.remove("lit", "at");
    this.lit = [...cells, at];
    for (const cell of cells) cell.classList.add("lit");
    at.classList.add("at");
    this.said.textContent = text;
  }

  /**
   * Let one point at the entries of a table, with the mouse, a finger or the arrow keys. entry(place) -> [the cells that it is
   * made of, text]. At first, or as it was left, one entry is lit; only the first table of a sheet lights it.
   */
  point({ element, cells, width }, key, name, entry) {
    set(element, { role: "grid", "aria-label": t`Entries of ${name}: the arrow keys move` });
    let here = pointed.at === key && pointed.place < cells.length ? pointed.place : 0;
    const choose = (place) => {
      cells[here].tabIndex = -1;
      cells[(here = place)].tabIndex = 0;
      this.light(...entry(place).toSpliced(1, 0, cells[place]));
    };
    for (const cell of cells) cell.tabIndex = -1;
    cells[here].tabIndex = 0;
    if (!this.lit.length || pointed.at === key) choose(here);
    const follow = ({ target }) => {
      const place = cells.indexOf(target.closest("td"));
      if (place < 0) return;
      Object.assign(pointed, { at: key, place });
      choose(place);
    };
    for (const event of ["pointerover", "focusin", "click"]) element.addEventListener(event, follow);
    element.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: width, ArrowUp: -width }[event.key];
      if (!by || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      const there = Math.abs(by) === 1 && Math.floor(here / width) !== Math.floor((here + by) / width) ? here : here + by;
      cells[there]?.focus();
    });
  }
}

// ---- differences, as bars

/** For each row p, y and p − y as bars, class by class. {element, cells: for each place of the shape `wide` its three cells}. */
function barsOf(part, node, wide) {
  const names = [part[3], part[4], inNames(part, node)];
  const arrays = [part[1], part[2], part].map((side) => arrayFrom(side, node)).map((array) => gathered(array, wide, placesIn(array, wide)));
  const finite = arrays.flatMap(({ data }) => [...data].map(Math.abs)).filter(Number.isFinite);
  const [most, width] = [Math.max(...finite, 0) || 1, wide.at(-1) ?? 1];
  const bar = (x, k) => {
    const height = Number.isFinite(x) ? Math.abs(x) / most : 0;
    const mark = make("span", { className: `bar ${k === 2 ? (x < 0 ? "less" : "more") : k ? "truth" : "guess"}` });
    mark.style.setProperty("--height", height);
    return mark;
  };
  const cells = Array.from({ length: size(wide) }, (_, i) =>
    arrays.map(({ data, dtype }, k) => make("td", {}, bar(data[i], k), make("span", {}, number(data[i], dtype)))),
  );
  const tables = [];
  for (let start = 0; start < cells.length; start += width) {
    const rows = names.map((name, k) => {
      const head = make("th", { scope: "row" }, name);
      return make("tr", {}, head, ...cells.slice(start, start + width).map((column) => column[k]));
    });
    const title = cells.length > width && make("caption", {}, placeText(start, wide).replace(/, \d+\]$/, "]"));
    tables.push(make("table", { className: "bars" }, title || "", ...rows));
  }
  const legend = make("p", { className: "rule" }, `${names[0]} = ${inNames(part[1], node)}, ${names[1]} = ${inNames(part[2], node)}`);
  return { element: make("div", {}, legend, make("div", { className: "table beside" }, ...tables)), cells };
}
