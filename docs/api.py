"""The pages of the reference: which there are, and docstrings as reStructuredText."""

import inspect
import re
from importlib.util import find_spec
from pathlib import Path

import chainrule as cr
from chainrule.autograd.formula import rules
from chainrule.autograd.primitive import REGISTRY

OPERATIONS = {p.call: p for p in REGISTRY.values()}
SECTION = re.compile(r"^(Shape|Domain|Unit|Gradient|Raises|Returns|Example|Fields|Source): *(.*)$")
# (page, its title, the folders and files whose public names it lists); operations have a page for each file of autograd/ops
ROOMS = [
    (
        "tensors",
        "Tensors",
        "autograd.tensor autograd.value autograd.ops.creation autograd.grad_mode autograd.serialize",
    ),
    ("derivatives", "Derivatives", "autograd.transforms autograd.gradcheck autograd.formula autograd.primitive"),
    ("training", "Training", "train mistakes"),
    ("jit", "Recorded steps", "jit"),
    ("pictures", "Graphs and lessons", "graph replay exercises"),
    ("errors", "Errors and debugging", "autograd.errors nonfinite backends"),
]
MODULES = "nn optim optim.schedule data metrics random parallel plot sklearn backends".split()


def name_of_room(thing):
    """Where a public name of chainrule is declared, `autograd.ops.shape` say; words such as LINEAR are a declaration's."""
    return getattr(thing, "__module__", "chainrule.autograd.primitive").removeprefix("chainrule.")


def escaped(line):
    """Stars, bars and underscores are meant as they stand, but in code between backticks."""
    return "`".join(part if i % 2 else re.sub(r"([*|_\\])", r"\\\1", part) for i, part in enumerate(line.split("`")))


def in_rst(docstring):
    """The lines of a docstring in reStructuredText: sections such as `Shape:` become paragraphs, fields a list."""
    lines, section = [], None
    for line in docstring:
        if not line.strip():
            section = None if section != "Example" else section
        elif section != "Example" and not line.lstrip().startswith((">>>", "...")):
            line = escaped(line)
        if match := SECTION.match(line):
            section, rest = match.groups()
            lines += ["", f"**{section}:** {rest}".rstrip(), *([""] if section in ("Example", "Fields") else [])]
        elif section == "Fields" and (field := re.match(r"    (\w[\w\\*, ]*): *(.*)$", line)):
            lines += ["", f"- `{field[1]}`: {field[2]}"]
        elif section == "Fields":  # the field goes on
            lines.append(f"  {line.strip()}".rstrip())
        else:
            lines.append(line if section == "Example" or not section else line.strip())
    return lines


def with_formulas(p, lines):
    """The docstring of an operation, and the formulas that its rules say themselves."""
    said = "; ".join(rule for rule in rules(p).values() if rule)
    after = ("Gradient:", "Raises:", "Example:", "Source:")
    at = next((i for i, line in enumerate(lines) if line.startswith(after)), len(lines))
    if said and lines[at:] and lines[at].startswith("Gradient:"):
        lines[at] = lines[at].replace("Gradient:", f"Gradient: `{said}`;")
    elif said:
        lines[at:at] = ["", f"Gradient: `{said}`."]


def docstring(app, what, name, thing, options, lines):
    if p := OPERATIONS.get(thing) if inspect.isfunction(thing) else None:
        with_formulas(p, lines)
    lines[:] = in_rst(lines)


def not_ours(app, what, name, thing, skip, options):
    """What scikit-learn adds to its estimators stands in its own documentation."""
    return skip or not getattr(thing, "__module__", "chainrule").startswith("chainrule")


def public(module):
    """The public names of a module that are no modules themselves."""
    here = [n for n, t in vars(module).items() if getattr(t, "__module__", "") == module.__name__ and n[0] != "_"]
    hidden = lambda thing: inspect.ismodule(thing) or inspect.isbuiltin(thing)  # a context variable's get, say
    return [n for n in getattr(module, "__all__", here) if not hidden(getattr(module, n))]


def undocumented(module, names):
    things = {name: getattr(module, name) for name in names}
    return [f"{module.__name__}.{n}" for n, t in things.items() if callable(t) and not (t.__doc__ or "").strip()]


def entries(module, names):
    """autodoc's directives for these names of a module."""
    for name in names:
        thing = getattr(module, name)
        if inspect.isclass(thing):
            yield f".. autoclass:: {module.__name__}.{name}\n   :members:\n"
        elif callable(thing):
            yield f".. autofunction:: {module.__name__}.{name}\n"
        else:  # a table of names, or a word
            words = ", ".join(f"`{word}`" for word in thing) if isinstance(thing, dict) else f"`{thing!r}`"
            yield f".. py:data:: {module.__name__}.{name}\n\n   {words}\n"


def pages():
    """{file: text} of the reference, from the public names; fails if one of them has no docstring."""
    made = {}

    def page(file, title, *parts):
        made[file] = "\n".join([title, "=" * len(title), "", *parts])

    rooms = {name: name_of_room(getattr(cr, name)) for name in public(cr)}
    missing = undocumented(cr, rooms)
    left = dict(rooms)
    for file, title, held in ROOMS:
        names = [n for n, room in rooms.items() if any(f"{room}.".startswith(f"{place}.") for place in held.split())]
        page(file, title, *entries(cr, names))
        left = {n: room for n, room in left.items() if n not in names}
    operations = sorted({room for room in left.values() if room.startswith(("autograd.ops.", "nn."))})
    for room in operations:
        subject = room.rpartition(".")[2]
        page(f"operations-{subject}", subject.capitalize(), *entries(cr, [n for n in left if left[n] == room]))
    for dotted in MODULES:
        if dotted == "sklearn" and not find_spec("sklearn"):
            continue
        module = cr
        for part in dotted.split("."):
            module = getattr(module, part)
        missing += undocumented(module, public(module))
        page(dotted, f"chainrule.{dotted}", f".. automodule:: {module.__name__}\n", *entries(module, public(module)))
    if missing:
        raise ValueError(f"every public name needs a docstring; without one: {', '.join(missing)}")
    listed = [file for file in made if not file.startswith("operations-")]
    ops = [file for file in made if file.startswith("operations-")]
    page("operations", "Operations", ".. toctree::\n", *(f"   {file}" for file in ops))
    page("index", "Reference", ".. toctree::\n", *(f"   {file}" for file in [listed[0], "operations", *listed[1:]]))
    return made


def write(app):
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    made = pages()
    for old in folder.glob("*.rst"):
        if old.stem not in made:
            old.unlink()
    for file, text in made.items():
        path = folder / f"{file}.rst"
        if not path.exists() or path.read_text() != text:  # an unchanged page is not read anew
            path.write_text(text)


def setup(app):
    app.connect("builder-inited", write)
    app.connect("autodoc-skip-member", not_ours)
    app.connect("autodoc-process-docstring", docstring)
