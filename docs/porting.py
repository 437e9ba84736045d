"""Write what is made of the tables of names (autograd/elsewhere/): the tables in the pages docs/from-….md, and names.py.

Run by `make types`. A page is written by hand but for what stands between its two marks.
"""

import re
from pathlib import Path

from chainrule.autograd.elsewhere.rows import ALIKE, TABLES, names, rows

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "autograd" / "elsewhere" / "names.py"
HEAD = '''"""Attributes that other libraries have, by what the tables call the instance. Made by docs/porting.py; do not edit."""

NAMES = {
'''
MARKED = re.compile(r"(<!-- the table: made by docs/porting.py -->\n).*?(<!-- end of the table -->)", re.DOTALL)


def page(library):
    """The page of a library."""
    return ROOT / "docs" / f"from-{library.lower()}.md"


def code(text):
    return "`" + text.replace("|", "\\|") + "`"


def lines(row):
    """A row as lines of a Markdown table: one for each pair of names, or one for all names that a sentence answers."""
    if not row.ours:
        return [f"| {', '.join(map(code, row.theirs))} | {row.remark} |"]
    pairs = [f"| {code(theirs)} | {code(ours)}" for theirs, ours in row.pairs()]
    said = f": {row.remark}" if row.remark else ""
    return [f"{pair} |" for pair in pairs[:-1]] + [f"{pairs[-1]}{said} |"]


def table(library):
    """All of a library's rows, with a heading for each section; what is spelt alike comes first, as it stands there."""
    found, section = [], None
    for row in rows():
        if row.library == library:
            if row.section != section:
                section = row.section
                found += [
                    "",
                    f"## {section}",
                    "",
                    f"| {library} | {'write here' if section == ALIKE else 'here'} |",
                    "|---|---|",
                ]
            found += lines(row)
    return "\n".join(found[1:]) + "\n\n"


def with_table(text, library):
    """The text of a page with its table as it must be."""
    return MARKED.sub(lambda marks: f"{marks[1]}\n{table(library)}{marks[2]}", text)


def names_text():
    """names.py as it must be."""
    words = (f'    "{instance}": """{" ".join(found)}""".split(),\n' for instance, found in names().items())
    return HEAD + "".join(words) + "}\n"


if __name__ == "__main__":
    NAMES.write_text(names_text(), encoding="utf-8")
    for library in TABLES:
        path = page(library)
        path.write_text(with_table(path.read_text(encoding="utf-8"), library), encoding="utf-8")
