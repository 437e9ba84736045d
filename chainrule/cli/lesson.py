"""python -m chainrule lesson: the lessons on backpropagation, as text."""

import re
from pathlib import Path

from ..autograd.errors import ArgumentError
from .parser import Parser

PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = PACKAGE / "lessons", PACKAGE.parent / "docs" / "lessons"  # as installed, and in a checkout
NEXT = "\n" + " " * 5
DESCRIPTION = """\
Twelve lessons: a question, something to predict, a program, the answer.

  python -m chainrule lesson      lists them
  python -m chainrule lesson 4    prints one; type its lines behind >>> into Python
"""


def run(argv):
    """Print the list of the lessons, or one; returns the exit status. Raises: ArgumentError if there is no such lesson."""
    parser = Parser("lesson", DESCRIPTION)
    parser.add_argument("number", nargs="?", type=int, help="which lesson; without it, the list")
    number = parser.parse_args(argv).number
    pages = lessons()
    if number is None:
        for i, page in pages.items():
            print(f"{i:>3}  {NEXT.join(title(page))}")
    elif number in pages:
        print(text(pages[number]))
    else:
        raise ArgumentError(f"there are lessons {min(pages)} to {max(pages)}, and no {number}")
    return 0


def lessons():
    """{number: the lesson's page}."""
    found = next((folder for folder in FOLDERS if folder.is_dir()), PACKAGE)
    return {int(page.name[:2]): page for page in sorted(found.glob("[0-9][0-9]-*.md"))}


def title(page):
    """What the lesson is called, and its question, as two lines."""
    heading, question = re.match(
        r"# \d+ · (.*?)\n.*?\n> (.*?)\n\n", page.read_text(encoding="utf-8"), re.DOTALL
    ).groups()
    return heading, " ".join(question.replace("> ", "").split())


def text(page):
    """The page without what only a site can show: comments, pictures, fences and the targets of links."""
    shown = re.sub(
        r"<!--.*?-->\n*|^!\[.*?\]\(.*?\)\n*|^```.*?\n|^\*Lesson .*?\n\n",
        "",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", shown).strip()
