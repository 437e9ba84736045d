"""The lessons as programs. `python docs/pictures.py` runs them and draws their pictures anew."""

import contextlib
import doctest
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

import chainrule as cr
from chainrule.graph.views import Graph

FOLDER = Path(__file__).parent / "lessons"
PICTURES = FOLDER.parent / "images" / "lessons"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
BLOCK = re.compile(r"^```python\n.*?^```$", re.MULTILINE | re.DOTALL)


def program(page):
    """The blocks of a page as one doctest, in which each example keeps its line number. In a block, an empty line that
    is not followed by a prompt belongs to the output."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        start = text.count("\n", 0, block.start()) + 1
        _, *code, _ = block[0].split("\n")
        for i, (line, after) in enumerate(zip(code, [*code[1:], ">>>"], strict=True), start):
            lines[i] = line if line or after.startswith(">>>") else "<BLANKLINE>"
    return doctest.DocTestParser().get_doctest("\n".join(lines), {}, page.stem, str(page), 0)


def run(page, folder):
    """Run a page in `folder`, its pictures laid out by chainrule alone, so that they are the same on all machines.

    Returns the report of what went otherwise than the page says, "" if nothing did; and the variables of its program.
    """
    to_svg, report, test = Graph.to_svg, [], program(page)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    with (
        contextlib.chdir(folder),
        mock.patch.object(Graph, "to_svg", lambda graph, depth=None, engine="built-in": to_svg(graph, depth, engine)),
    ):
        runner.run(test, out=report.append, clear_globs=False)
    return "".join(report), test.globs


# ---- two pictures that are no graphs

STYLE = """
svg { background: #ffffff }
.curve { fill: none; stroke: #6b7280; stroke-width: 1.5 }
.way { fill: none; stroke: #d55e00; stroke-width: 1.5 }
.border { fill: none; stroke: #1f2328; stroke-width: 2; stroke-linecap: round }
.one { fill: #0072b2 } .two { fill: #d55e00 }
text { font: 13px system-ui, sans-serif; text-anchor: middle; fill: #1f2328 }
.number { font-size: 10px; fill: #ffffff }
@media (prefers-color-scheme: dark) {
  svg { background: #14181d }
  .curve { stroke: #9198a1 } .way { stroke: #e69f00 } .border { stroke: #f0f6fc }
  .one { fill: #56b4e9 } .two { fill: #e69f00 }
  text { fill: #f0f6fc } .number { fill: #0d1117 }
}"""


def svg(title, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" role="img">'
    return "\n".join([head, f"<title>{title}</title>", f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def parabola():
    """For lesson 11: descents on 2w² with three learning rates, side by side. The steps are numbered."""
    parts = []
    for i, (rate, w, words) in enumerate(
        ((0.1, -2.6, "closer"), (0.4, -2.6, "across, and closer"), (0.6, 1.0, "away"))
    ):
        at = lambda w, middle=120 + 240 * i: (f"{middle + 36 * w:.1f}", f"{190 - 20 * w * w:.1f}")
        curve = " ".join(",".join(at(w / 10)) for w in range(-29, 30))
        places = [w]
        for _ in range(3):
            places.append(places[-1] - rate * 4 * places[-1])
        way = " ".join(",".join(at(w)) for w in places)
        parts.append(f'<polyline class="curve" points="{curve}"/><polyline class="way" points="{way}"/>')
        for number, (x, y) in enumerate(map(at, places)):
            parts.append(f'<circle class="one" cx="{x}" cy="{y}" r="8"/>')
            parts.append(f'<text class="number" x="{x}" y="{float(y) + 3.5:.1f}">{number}</text>')
        parts.append(f'<text x="{120 + 240 * i}" y="222">rate {rate}: {words}</text>')
    return svg("Gradient descent on a parabola with a small, a large and a too large learning rate", 235, parts)


def moons(points, labels, models):
    """For lesson 12: points (n, 2) of two classes, and the border that each of two models, {title: model}, draws."""
    parts = []
    for i, (title, model) in enumerate(models.items()):
        x, y = lambda a, left=360 * i: f"{left + 135 + 75 * a:.1f}", lambda b: f"{135 - 75 * b:.1f}"
        for (a, b), label in zip(points, labels, strict=True):
            if label:
                parts.append(
                    f'<rect class="two" x="{float(x(a)) - 3:.1f}" y="{float(y(b)) - 3:.1f}" width="6" height="6"/>'
                )
            else:
                parts.append(f'<circle class="one" cx="{x(a)}" cy="{y(b)}" r="3.5"/>')
        lines = [f"M{x(a)} {y(b)}L{x(c)} {y(d)}" for (a, b), (c, d) in border(model)]
        parts.append(f'<path class="border" d="{"".join(lines)}"/>')
        parts.append(f'<text x="{180 + 360 * i}" y="242">{title}</text>')
    return svg("Two moons, and the border between them that one neuron and a network have learned", 255, parts)


def border(model, cells=40):
    """Where the score of a model of two inputs is 0, as short lines ((x, y), (x, y)): at most two for each cell of a grid."""
    axes = np.linspace(-1.6, 2.7, cells + 1), np.linspace(-1.1, 1.5, cells + 1)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    with cr.no_grad():
        scores = model(cr.tensor(grid.reshape(-1, 2), dtype="float64")).numpy().reshape(grid.shape[:2])
    lines = []
    for i, j in np.ndindex(cells, cells):
        corners, crossings = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)], []
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            if (scores[a] > 0) != (scores[b] > 0):
                share = scores[a] / (scores[a] - scores[b])
                crossings.append(tuple(grid[a] + share * (grid[b] - grid[a])))
        lines += zip(crossings[::2], crossings[1::2], strict=True)
    return lines


def moons_of(names):
    """The picture of the two moons, from the variables of lesson 12."""
    points, labels = (part.numpy()[:120] for part in names["train"])
    models = {"one neuron: a line": names["neuron"], "four hidden units: a bend": names["model"]}
    return moons(points, labels[:, 0], models)


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "11-parabola.svg").write_text(parabola(), encoding="utf-8")
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            wrong, names = run(page, folder)
            if wrong:
                sys.exit(wrong)
            for picture in Path(folder).glob("*.svg"):
                (PICTURES / picture.name).write_bytes(picture.read_bytes())
                print(PICTURES / picture.name)
    (PICTURES / "12-moons.svg").write_text(moons_of(names), encoding="utf-8")


if __name__ == "__main__":
    main()
