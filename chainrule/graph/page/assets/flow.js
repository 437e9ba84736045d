// The blocks of a picture, in rows as wide as the window; and its frames, each of which can be folded into one box.

const BETWEEN = 26; // between blocks, as Python sets them
const EDGE = 16; // around the picture

class Flow {
  constructor(figure) {
    const svg = (this.svg = figure.querySelector("svg"));
    this.blocks = [...svg.querySelectorAll(".block")].map((element) => new Block(element));
    this.known = new Set(this.blocks.flatMap((block) => block.states.flatMap((state) => state.names)));
    this.folded = new Set(JSON.parse(svg.dataset.folded ?? "[]")); // the names of frames
    this.opened = new Set(); // of these, those that are open as long as the step is in them
    this.inside = new Map(); // name of a frame -> the ids of the nodes in it
    for (const group of svg.querySelectorAll(".group[data-focus]")) {
      this.inside.set(group.dataset.focus, new Set(members(group.dataset.members)));
    }
    const line = document.createElementNS(SVG, "path"); // from block to block along a row
    set(line, { class: "leads" });
    this.blocks[0]?.element.before(line);
    this.line = line;
    this.parts = make("div", { className: "parts" }, ...this.blocks.map((block) => block.alone()));
    svg.after(this.parts);
  }

  /** Fold a frame, or unfold it. */
  toggle(name) {
    const isFolded = this.folded.has(name) && !this.opened.has(name);
    if (isFolded) this.folded.delete(name);
    else this.folded.add(name);
    this.opened.delete(name);
  }

  /** Fold all frames that are folded alone, without any around them, or unfold all. */
  toggleAll() {
    const all = this.folded.size ? [] : this.outer();
    this.folded = new Set(all);
    this.opened.clear();
  }

  /** The frames that have a block, or several, to themselves; else all. */
  outer() {
    const names = JSON.parse(this.svg.dataset.units ?? "[]");
    return names.length ? names : this.known;
  }

  /** Open the folded frames around some nodes until the next step. Returns whether the picture is another one then. */
  reveal(ids) {
    const before = [...this.opened].join();
    this.opened.clear();
    for (const name of this.folded) {
      if (ids.some((id) => this.inside.get(name)?.has(id))) this.opened.add(name);
    }
    return before !== [...this.opened].join();
  }

  /** Choose the state of each block. */
  choose() {
    const folded = (name) => this.folded.has(name) && !this.opened.has(name);
    for (const block of this.blocks) block.choose(folded);
  }

  /** Where the blocks stand in rows of at most `wide`: {places, width, height}. */
  rows(wide) {
    let [x, y, high, width] = [0, 0, 0, 0];
    const places = this.blocks.map(({ state }) => {
      if (x && state.width && x + state.width > wide) [x, y, high] = [0, y + high + BETWEEN, 0];
      const place = [x, y];
      x += state.width + (state.width && BETWEEN);
      high = Math.max(high, state.height);
      width = Math.max(width, x - BETWEEN);
      return place;
    });
    return { places, width: width + 2 * EDGE, height: y + high + 2 * EDGE };
  }

  /** Put the blocks into rows of at most `wide`, and give the picture that size, times `zoom`. */
  arrange(wide, zoom) {
    const { places, width, height } = this.rows(wide);
    this.blocks.forEach((block, i) => block.moveTo(places[i]));
    this.parts.style.transform = `scale(${zoom})`;
    set(this.svg, { viewBox: `0 0 ${width.toFixed(1)} ${height.toFixed(1)}`, width, height });
    set(this.svg.querySelector(".ground"), { width, height });
    set(this.line, { d: this.leads(places) });
    const caption = this.svg.querySelector(".caption");
    if (caption) set(caption, { y: height - 2 * EDGE + 14 });
    return { width, height };
  }

  /** Short arrows between neighbours in a row. */
  leads(places) {
    const shown = places.map((place, i) => ({ place, ...this.blocks[i].state })).filter((block) => block.width);
    return shown
      .slice(1)
      .map(({ place: [x, y], height }, i) => {
        const before = shown[i];
        if (before.place[1] !== y || before.isAlone) return "";
        const middle = y + Math.min(before.height, height) / 2;
        return `M${x - BETWEEN + 4},${middle}H${x - 4}m-6,-4l6,4l-6,4`;
      })
      .join("");
  }
}

/** A part of the picture, with a <g> for each state: which of its frames are folded. */
class Block {
  constructor(element) {
    this.element = element;
    this.place = [0, 0];
    this.states = [...element.children].map((group) => {
      const [width, height] = group.dataset.size.split(" ").map(Number);
      const isAlone = group.querySelectorAll(".node, .group, .copy").length === 1 && group.querySelector(".leaf") !== null;
      return { element: group, names: JSON.parse(group.dataset.folded ?? "[]"), width, height, isAlone };
    });
    this.state = this.states[0];
    this.singles = this.states.map(({ names }) => names).filter((names) => names.length === 1);
  }

  /** Take the state in which exactly the frames are folded that should be, the outer ones before those within. */
  choose(isFolded) {
    let best = this.states[0];
    for (const [name] of this.singles) {
      if (!isFolded(name)) continue;
      const more = [...best.names, name];
      best = this.states.find(({ names }) => names.length === more.length && names.every((x) => more.includes(x))) ?? best;
    }
    if (best === this.state) return;
    this.state.element.classList.add("off");
    best.element.classList.remove("off");
    this.state = best;
  }

  /** The block in an <svg> of its own, so that a browser need not paint all others again when it changes. */
  alone() {
    this.part = document.createElementNS(SVG, "svg");
    set(this.part, { class: "chainrule part", role: "none" });
    this.element.removeAttribute("transform");
    this.part.append(this.element);
    return this.part;
  }

  moveTo(place) {
    this.place = place;
    const [width, height] = [this.state.width + 2 * EDGE, this.state.height + 2 * EDGE];
    set(this.part, { viewBox: `${-EDGE} ${-EDGE} ${width} ${height}`, width, height });
    this.part.style.transform = `translate(${place[0]}px,${place[1]}px)`;
  }
}
