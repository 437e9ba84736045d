"""Run every numbered example and build runs/gallery.html from their words and pictures. Run by `make examples`."""

import ast
import os
import subprocess
import sys
from html import escape
from pathlib import Path
from time import perf_counter

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
    return picture.stem.replace("_", " ")


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
