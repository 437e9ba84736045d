"""Check the types of all code in README.md, the pages of docs/ and the examples, as users' type checkers see it: by mypy and by
pyright. Run by `make check`. The code of a page is written to runs/types, one module for each page, on the lines where it stands.
"""

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "runs" / "types"
BLOCK = re.compile(r"^```(?:python|{live} \w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def pages():
    """The Markdown pages with code."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs" / "lessons").glob("*.md")),
    ]


def program(text):
    """The Python code of a page as one program, each line at its own number; "" if there is none.

    Of a block of doctests only the code counts.
    """
    lines = [""] * len(text.splitlines())
    for block in BLOCK.finditer(text):
        first, code = text[: block.start(1)].count("\n"), block[1]
        if code.startswith(">>> "):
            for example in doctest.DocTestParser().get_examples(code):
                for i, line in enumerate(example.source.splitlines()):
                    lines[first + example.lineno + i] = line
        else:
            lines[first : first + code.count("\n")] = code.splitlines()
    return "\n".join(lines) + "\n" if any(lines) else ""


def write():
    """Write the programs of all pages; returns their files, and those of the examples."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for page in pages():
        if code := program(page.read_text(encoding="utf-8")):
            name = "_".join(page.relative_to(ROOT).with_suffix("").parts).replace("-", "_").lower()
            (OUT / f"{name}.py").write_text(code, encoding="utf-8")
    return [*sorted(OUT.glob("*.py")), *sorted((ROOT / "examples").glob("*.py"))]


def main():
    """Run both checkers; returns 0 if neither finds anything."""
    files = [str(file.relative_to(ROOT)) for file in write()]
    # a page may define a function anew
    mypy = [sys.executable, "-m", "mypy", "--disable-error-code", "no-redef", *files]
    pyright = Path(sys.executable).with_name("basedpyright")
    both = mypy, [str(pyright), "--project", "docs/pyrightconfig.json", "--pythonpath", sys.executable]
    return max(subprocess.run(command, cwd=ROOT, check=False).returncode for command in both)


if __name__ == "__main__":
    sys.exit(main())
