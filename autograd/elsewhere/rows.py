"""How the tables of names are written, and how they are read: for errors (foreign.py), and for the pages (docs/porting.py).

A line is `theirs | ours | remark`: expressions of theirs, separated by commas, and for each of them ours. Without ours, the
remark answers all of them. `x` stands for a tensor, `model`, `optimizer`, `scheduler`, `history` and `clf` for theirs; an
argument is written `f(name=)` with the name of our function, or `name=` where it means the same everywhere. `…` stands for
what does not matter. The section of what is spelt alike comes first, and is for the pages alone.
"""

import re
from dataclasses import dataclass
from functools import cache

from . import jax, keras, micrograd, pytorch, sklearn

TABLES = {"PyTorch": pytorch, "JAX": jax, "Keras": keras, "scikit-learn": sklearn, "micrograd": micrograd}
INSTANCES = ("x", "v", "model", "optimizer", "scheduler", "history", "clf")

ALIKE = "The same spelling means something else"


@dataclass(frozen=True)
class Row:
    """One line of a table; ours is empty where the remark says all."""

    library: str
    section: str
    theirs: list[str]
    ours: list[str]
    remark: str

    def pairs(self):
        """(theirs, ours or "") for each expression."""
        return zip(self.theirs, self.ours or [""] * len(self.theirs), strict=True)


@cache
def rows() -> list[Row]:
    """All tables, in the order of TABLES."""
    found = []
    for library, module in TABLES.items():
        section = ""
        for line in module.TABLE.strip().splitlines():
            if line.startswith("## "):
                section = line[3:]
            elif line:
                theirs, ours, remark = (*(cell.strip() for cell in line.split(" |")), "", "")[:3]
                found.append(Row(library, section, parts(theirs), parts(ours), remark))
    return found


def parts(text: str) -> list[str]:
    """The expressions of a cell: split at the commas that stand in no brackets, quotes or lambda."""
    found, depth, quoted = [""], 0, False
    for c in text:
        quoted ^= c == '"'
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth and not quoted:
            found.append("")
        else:
            found[-1] += c
    return [part.strip() for part in found if part.strip()]


def path(expression: str) -> list[str]:
    """The names before the first bracket: ["torch", "cat"] of `torch.cat([x, y])`."""
    return re.match(r"[\w.]*", expression)[0].split(".")  # type: ignore[index]


def names() -> dict[str, list[str]]:
    """For each kind of instance what the tables call its attributes: what names.py holds."""
    found: dict[str, set[str]] = {instance: set() for instance in INSTANCES}
    for row in rows():
        for theirs in row.theirs:
            first, *rest = path(theirs)
            if first in found and rest:
                found[first].add(rest[0])
    return {instance: sorted(attributes) for instance, attributes in found.items()}


@cache
def _attributes():
    """{(instance, name): (theirs, ours, remark)}; the instance is "" for modules. The last name of a path comes first."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for last in (True, False):
        for row in rows():
            for theirs, ours in row.pairs():
                first, *rest = path(theirs)
                instance = first.replace("v", "x") if first in INSTANCES else ""
                for name in (rest[-1:] if last else rest) * (row.section != ALIKE):
                    found.setdefault((instance, name), (theirs, ours, row.remark))
    return found


def attribute(instance: str, name: str) -> str:
    """What to write for an attribute of theirs, of a module ("") or of such an instance; "" if no table has it."""
    found = _attributes()
    others = (found[other, name] for other in ("", *INSTANCES) if (other, name) in found)
    row = found.get((instance, name)) or next(others, None)
    return _said(*row) if row else ""


@cache
def _arguments():
    """{name of theirs: [(our function or "", our name or "", remark)]}; what is said of one function comes first."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for row in rows():
        for theirs, ours in row.pairs():
            if theirs.endswith(("=", "=)")):
                owner, _, name = theirs.rstrip("=)").rpartition("(")
                our_owner, _, our_name = ours.rstrip("=)").rpartition("(")
                found.setdefault(name, []).append((our_owner or owner, our_name, row.remark))
    return {name: sorted(said, key=lambda one: not one[0]) for name, said in found.items()}


def argument(function: str, name: str, known: list[str]) -> str:
    """What to write for an argument of theirs in a call of our `function`, which knows these; "" if no table says."""
    for owner, ours, remark in _arguments().get(name, ()):
        if owner in ("", function) and (not ours or ours in known):
            return _said(f"{name}=", ours and f"{ours}=", "" if ours else remark)
    return ""


def _said(theirs, ours, remark):
    remark = re.sub(r"\[[^]]*\]\(([^)]*)\)", r"docs/\1", remark).replace("docs/../", "").replace("`", "")
    if not ours:
        return f"{theirs}: {remark}"
    return f"{theirs} is {ours} here" + (f"; {remark}" if remark else "")
