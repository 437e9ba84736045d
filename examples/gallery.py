"""Run every numbered example and build runs/gallery.html from their words and pictures. Run by `make examples`."""

import ast
import os
import subprocess
import sys
from html import escape
from pathlib import Path
from time import perf_counter

CAPTIONS = {
    "01_perceptron/learning.png": "A line that is moved by its mistakes comes to separate AND, and OR.",
    "01_perceptron/bias.png": "Without a bias the line must pass through the origin, and one of four answers stays wrong.",
    "01_perceptron/xor.png": "No line separates XOR: its loss cannot fall below that of saying 0.5 each time.",
    "02_activations/activations.png": "The activation functions, and the slopes that backpropagation multiplies by.",
    "02_activations/bending.png": "Three layers without activations are a straight line; with them they follow the wave.",
    "02_activations/vanishing.png": "A product of the slopes of sigmoids shrinks with every layer.",
    "02_activations/gradients.png": "In a deep network of sigmoids the first layers get next to no gradient; with ReLU they do.",
    "03_stacking/xor.png": "Two hidden neurons move the points of XOR to where one line separates them.",
    "03_stacking/moons.png": "The more hidden neurons and layers, the more the boundary can bend.",
    "04_losses/classification.png": "Cross-entropy pulls hardest at a confident mistake, where the squared error hardly pulls.",
    "04_losses/outliers.png": "Three outliers turn the line of the squared error, and hardly those of the other losses.",
    "05_gradient_descent/rates.png": "On one bowl, three learning rates creep, arrive, and diverge.",
    "05_gradient_descent/valleys.png": "On a loss with several valleys, the start decides which one is found.",
    "06_backprop_by_hand/chain.png": "Values go forward; gradients come back, each times the local derivative.",
    "06_backprop_by_hand/graph.svg": "The same computation as the graph that chainrule recorded.",
    "06_backprop_by_hand/differences.png": "A numerical gradient is wrong for steps too small and too large; backpropagation has no step.",
    "07_adaptive_rates/paths.png": "The paths that optimisers take over four surfaces.",
    "07_adaptive_rates/losses.png": "The loss of each optimiser on each surface, by the number of gradients.",
    "08_mini_batches/noise.png": "The noise of a batch's gradient falls as one over its size.",
    "08_mini_batches/curves.png": "What small batches gain: more steps for the same number of examples.",
    "09_overfitting/curves.png": "A large network learns its training data by heart, and what helps against it.",
    "10_digits/learning_curves.png": "The loss and the accuracy, epoch by epoch.",
    "10_digits/confusion_matrix.png": "Which digits of the test data were taken for which.",
    "10_digits/graph.svg": "The graph of the loss of eight images, with ranges of values and gradients.",
    "11_regression/training.png": "A learning rate is found, raised and lowered, and the training stops in time.",
    "11_regression/residuals.png": "The network predicts the course of a disease little better than a straight line does.",
    "12_gpu/same.png": "The same run on the CPU and on a GPU, or in two precisions, and what rounding makes of it.",
    "13_many_workers/timeline.png": "Who computed what, and when, in the last steps.",
    "14_one_gpt_four_times/times.png": "One step of the same GPT in several ways, and what it learned in the end.",
}  # fmt: skip
FOLDER = Path(__file__).parent
OUT = Path("runs")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>chainrule: the examples</title>
<style>
:root {{ color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #f4f5f7; --line: #d9dce1; --mark: #0072b2 }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e8e8e8; --paper: #16181c; --soft: #22252b; --line: #3a3f47; --mark: #56b4e9 }}
}}
body {{ max-width: 62rem; margin: 2rem auto 4rem; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif;
  color: var(--ink); background: var(--paper) }}
nav ol {{ columns: 2 18rem; padding-left: 1.6rem }}
a {{ color: var(--mark) }}
section {{ border-top: 1px solid var(--line); margin-top: 2.5rem; padding-top: .5rem }}
h2 small {{ font-weight: 400; opacity: .65; font-size: .8rem }}
.pictures {{ display: flex; flex-wrap: wrap; gap: 1rem }}
figure {{ margin: 0; flex: 1 1 40rem; min-width: 0 }}
figure img {{ width: 100%; background: #fff; border: 1px solid var(--line); border-radius: 6px }}
figcaption {{ font-size: .85rem; opacity: .75 }}
pre {{ background: var(--soft); padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; border-radius: 6px }}
.failed {{ color: #b00020; font-weight: 600 }}
</style></head><body>
<h1>chainrule: the examples</h1>
<p>From one neuron to a trained network. Each example is a short program in <code>examples/</code>; what it printed and drew
is shown here.</p>
<nav><ol>{contents}</ol></nav>
{examples}
</body></html>
"""

SECTION = """<section id="{name}">
<h2>{title} <small>{file} · {seconds:.1f} s</small></h2>
{words}
<div class="pictures">{pictures}</div>
{failed}<details open><summary>What it printed</summary><pre>{printed}</pre></details>
</section>
"""


def run(path):
    """Run an example as a user would: (whether it ended well, what it printed, seconds)."""
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, path],
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return done.returncode == 0, done.stdout, perf_counter() - start


def example(path):
    """(whether it ended well, its entry in the contents, its section)."""
    title, _, rest = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")
    print(f"{path.name}: {title}", flush=True)
    ok, printed, seconds = run(path)
    print(printed if not ok else f"  {seconds:.1f} s", flush=True)
    pictures = [p for p in sorted((OUT / path.stem).glob("*")) if p.suffix in (".png", ".svg")]
    figures = "".join(
        f'<figure><a href="{escape(p.relative_to(OUT).as_posix())}"><img loading="lazy" alt="{escape(_caption(p))}" '
        f'src="{escape(p.relative_to(OUT).as_posix())}"></a>'
        f"<figcaption>{escape(_caption(p))}</figcaption></figure>"
        for p in pictures
    )
    words = "".join(f"<p>{escape(' '.join(part.split()))}</p>" for part in rest.strip().split("\n\n") if part.strip())
    section = SECTION.format(
        name=path.stem, title=escape(title.rstrip(".")), file=path.name, seconds=seconds, words=words, pictures=figures,
        failed="" if ok else '<p class="failed">This run failed.</p>', printed=escape(printed),
    )  # fmt: skip
    return ok, f'<li><a href="#{path.stem}">{escape(title.rstrip("."))}</a></li>', section


def _caption(picture):
    """What a picture shows, as a sentence; of one that has none, its name."""
    name = f"{picture.parent.name}/{picture.name}"
    return CAPTIONS[name] if name in CAPTIONS else picture.stem.replace("_", " ")


def main():
    OUT.mkdir(exist_ok=True)
    paths = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    results = [example(path) for path in paths]
    page = PAGE.format(contents="".join(r[1] for r in results), examples="".join(r[2] for r in results))
    (OUT / "gallery.html").write_text(page, encoding="utf-8")
    print(f"open {OUT / 'gallery.html'}")
    failed = [path.name for path, result in zip(paths, results, strict=True) if not result[0]]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
