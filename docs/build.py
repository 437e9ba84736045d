"""Build docs/_build: the API reference from the docstrings, and the Markdown pages beside it. Run by `make docs`.

Fails if pdoc warns, if a docstring is missing, or if a link between pages leads nowhere.
"""

import inspect
import re
import shutil
import sys
import warnings
from html import escape
from importlib.util import find_spec
from pathlib import Path

import pdoc
import pdoc.docstrings
import pdoc.extract
from pdoc.render_helpers import to_html

import chainrule
from chainrule.autograd.formula import rules
from chainrule.autograd.primitive import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "_build"
LESSONS = ROOT / "docs" / "lessons"
# public, but loaded when they are asked for, so that chainrule.__all__ does not name them
LAZY = ["plot", *(["sklearn"] if find_spec("sklearn") else [])]
SECTION = re.compile(r"^(Shape|Domain|Unit|Gradient|Raises|Returns|Example|Fields|Source): *(.*)$")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a }}
pre {{ background: #f5f5f5; padding: .7rem 1rem; overflow-x: auto }} code {{ font-size: .9em }}
table {{ border-collapse: collapse }} td, th {{ border: 1px solid #ddd; padding: .3rem .6rem }}
img {{ max-width: 100% }}
</style></head><body><nav>{nav}</nav>{body}</body></html>
"""


def sections(docstring):
    """Our docstrings as Markdown: each `Shape:`, `Raises:` and so on is a paragraph, fields a list, examples code."""
    lines, section = [], None
    for line in inspect.cleandoc(docstring).splitlines():
        if match := SECTION.match(line):
            section, rest = match.groups()
            lines += ["", f"**{section}:** {rest}".rstrip()]
            if section in ("Example", "Fields"):
                lines.append("")
        elif section == "Fields" and (field := re.match(r"    (\w[\w, ]*): *(.*)$", line)):
            lines.append(f"- `{field[1]}`: {field[2]}")
        else:
            lines.append(line if section in ("Example", "Fields") or not section else line.strip())
    return "\n".join(lines)


def with_formulas(p):
    """The docstring of an operation, and the formulas that its rules say themselves."""
    said = "; ".join(rule for rule in rules(p).values() if rule)
    lines = inspect.cleandoc(p.fn.__doc__).splitlines()
    after = ("Gradient:", "Raises:", "Example:", "Source:")
    at = next((i for i, line in enumerate(lines) if line.startswith(after)), len(lines))
    if said and lines[at:] and lines[at].startswith("Gradient:"):
        lines[at] = lines[at].replace("Gradient:", f"Gradient: {said};")
    elif said:
        lines[at:at] = ([""] if len(lines) == 1 else []) + [f"Gradient: {said}."]
    return "\n".join(lines)


def reference():
    """The API reference: one page for chainrule, and one for each public module."""
    convert, below = pdoc.docstrings.convert, pdoc.extract.iter_modules2
    for p in REGISTRY.values():
        p.fn.__signature__ = inspect.signature(p.call)
        p.fn.__doc__ = p.call.__doc__ = with_formulas(p)
        p.call.__wrapped__ = p.fn  # "view source" shows the declaration, not the call path that all operations share
    pdoc.docstrings.convert = lambda docstring, *rest: convert(sections(docstring), *rest)
    pdoc.render.configure(docformat="markdown", search=True, show_source=True)
    # a file that gave its name to the function in it, such as train/fit.py, is no module of its own to the user
    public = lambda package, name: name in package.__all__ and inspect.ismodule(getattr(package, name))
    pdoc.extract.iter_modules2 = lambda p: {name: m for name, m in below(p).items() if public(p, name)}
    for name in chainrule.__all__:
        vars(chainrule).setdefault(name, getattr(chainrule, name))  # pdoc does not ask for what is loaded late
    chainrule.__all__ += LAZY
    pdoc.pdoc("chainrule", output_directory=OUT)


def undocumented():
    """The public functions and classes without a docstring."""
    for module in (chainrule, *(getattr(chainrule, name) for name in LAZY)):
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing) and not (thing.__doc__ or "").strip():
                yield f"{module.__name__}.{name} has no docstring"


def pages():
    """{page in docs/_build: Markdown file}; links from one Markdown file to another lead to the pages."""
    docs = ROOT / "docs"
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(docs.glob("*.md")), *sorted(LESSONS.glob("*.md"))]
    called = {ROOT / "README.md": "start", LESSONS / "README.md": "lessons"}
    return {called.get(f, f.stem.lower()) + ".html": f for f in found if f.exists()}


def write_pages():
    """The Markdown files as HTML. Returns what is wrong with their links."""
    chosen, wrong = pages(), []
    by_file = {file: page for page, file in chosen.items()}
    listed = [page for page, file in chosen.items() if file.parent != LESSONS or file.name == "README.md"]
    nav = " · ".join(f'<a href="{page}">{escape(page.removesuffix(".html"))}</a>' for page in listed)
    nav += ' · <a href="chainrule.html">reference</a>'
    for page, file in chosen.items():
        body = str(to_html(file.read_text()))
        for link in sorted(set(re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', body))):
            target = (file.parent / link).resolve()
            if target in by_file:
                body = re.sub(rf'"{re.escape(link)}(#[^"]*)?"', rf'"{by_file[target]}\1"', body)
            elif target.is_file() and target.suffix in (".png", ".svg", ".gif"):
                shutil.copy(target, OUT / target.name)
                body = body.replace(f'"{link}"', f'"{target.name}"')
            elif not target.exists():
                wrong.append(f"{file.relative_to(ROOT)}: the link to {link} leads nowhere")
        (OUT / page).write_text(PAGE.format(title=escape(page.removesuffix(".html")), nav=nav, body=body))
    return wrong


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        reference()
    wrong = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    wrong += [*undocumented(), *write_pages()]
    if wrong:
        sys.exit("docs: " + "\ndocs: ".join(wrong))
    print(f"docs: open {(OUT / 'index.html').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
