"""Bring the catalogues of the pages' texts up to what the code says: chainrule/pages/texts/*.json. Run by `make texts`.

A translation stays where its English text does, a new text gets "", which is to be filled in, and what the code does not say any
more goes. The texts are found in the scripts, as t`…`, in the pages' HTML, as [[…]], and in Python: "said" as t("…"), "kept" in English until they
are shown as english("…"), and in the rules of operations that are stated in words.
"""

import ast
import json
import re
from pathlib import Path

from chainrule.autograd.primitive import REGISTRY

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "chainrule"
LESSONS = (
    DOCS / "questions.py",
    DOCS / "live.py",
    DOCS / "_static" / "lesson.js",
)  # what stands around a lesson on the site
CATALOGUES = PACKAGE / "pages" / "texts"
MARKS = {"t": "said", "english": "kept"}

# what a script is made of, but for templates: comments, strings, regular expressions behind what no division can follow
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<regex>(?<=[(,=:\[!&|?{};>+])\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*)
      | (?P<template>`)
      | (?P<brace>[{}])""",
    re.DOTALL | re.VERBOSE,
)


class Script:
    """The texts of a JavaScript.

    Fields:
        marked: [(line, the text of t`…`, with places)].
        strings: [(what stands before it on its line, text)] of all other strings and templates, the latter with places.
    """

    def __init__(self, code):
        self.code, self.marked, self.strings = code, [], []
        self._read(0)

    def _read(self, at):
        """Read on from a place to the brace that closes what began before it; returns the place behind that."""
        depth = 0
        while token := _TOKEN.search(self.code, at):
            at = token.end()
            if token["string"]:
                self.strings.append((self._before(token.start()), _cooked(token["string"][1:-1])))
            elif token["template"]:
                at = self._template(token.start())
            elif token["brace"] == "{":
                depth += 1
            elif token["brace"]:
                depth -= 1
                if depth < 0:
                    return at
        return len(self.code)

    def _template(self, start):
        text, at, place = "", start + 1, 0
        while self.code[at] != "`":
            if self.code[at] == "\\":
                text += self.code[at : at + 2]
                at += 2
            elif self.code.startswith("${", at):
                text += f"{{{place}}}"
                place += 1
                at = self._read(at + 2)
            else:
                text += self.code[at]
                at += 1
        before, text = self._before(start), _cooked(text)
        if re.search(r"\bt$", before):
            self.marked.append((self.code.count("\n", 0, start) + 1, text))
        else:
            self.strings.append((before, text))
        return at + 1

    def _before(self, at):
        return self.code[self.code.rfind("\n", 0, at) + 1 : at]


def _cooked(text):
    """What a string of JavaScript says."""
    escaped = lambda found: (
        chr(int(found[1][1:], 16)) if found[1][0] == "u" else {"n": "\n", "t": "\t"}.get(found[1], found[1])
    )
    return re.sub(r"\\(u[0-9a-f]{4}|.)", escaped, text, flags=re.DOTALL)


def of_script(code):
    return [("said", text) for _, text in Script(code).marked]


def of_page(html):
    return [("said", " ".join(text.split())) for text in re.findall(r"\[\[(.*?)\]\]", html, re.DOTALL)]


def of_python(code):
    """The first arguments of calls of t and english, which must be literals, or a choice between such."""
    calls = [c for c in ast.walk(ast.parse(code)) if isinstance(c, ast.Call) and getattr(c.func, "id", "") in MARKS]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [(MARKS[call.func.id], text) for call in calls for text in _literals(call.args[0])]


def _literals(argument):
    if isinstance(argument, ast.IfExp):
        return _literals(argument.body) + _literals(argument.orelse)
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [argument.value]
    raise SyntaxError(
        f"line {argument.lineno}: a text for the catalogue must be written out, not {ast.unparse(argument)}"
    )


def of_rules():
    """The rules of operations that are stated in words, with places for letters and for n."""
    for primitive in REGISTRY.values():
        for words in primitive.words.values():
            letters = []
            if re.search(r"\b(the|with|over|along|back)\b", words):
                place = lambda found, letters=letters: letters.append(found[0]) or f"{{{letters.index(found[0])}}}"
                yield "kept", re.sub(r"\{\w+\}|\bn\b", place, words)


READERS = {".js": of_script, ".html": of_page, ".py": of_python}


def marked():
    """{"said": texts, "kept": texts} of the code, file by file; a text of both kinds is kept."""
    found = {}
    for path in (*sorted(PACKAGE.rglob("*")), *LESSONS):
        if path.suffix in READERS and path.stem != "words":
            for kind, text in READERS[path.suffix](path.read_text(encoding="utf-8")):
                found[text] = "kept" if kind == "kept" else found.get(text, kind)
    found |= {text: kind for kind, text in of_rules()}
    return {kind: [text for text, its in found.items() if its == kind] for kind in ("said", "kept")}


def renewed(catalogue):
    """A catalogue with exactly what the code says, in that order."""
    known = {text: other for texts in catalogue.values() for text, other in texts.items()}
    return {kind: {text: known.get(text, "") for text in texts} for kind, texts in marked().items()}


def written(catalogue):
    return json.dumps(catalogue, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    for path in sorted(CATALOGUES.glob("*.json")):
        catalogue = renewed(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(written(catalogue), encoding="utf-8")
        texts = [other for texts in catalogue.values() for other in texts.values()]
        print(f"{path.name}: {len(texts)} texts, {texts.count('')} to translate")
