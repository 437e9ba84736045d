"""What the site makes of the lessons: their questions are forms, and their graphs pages to step through."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import pictures
import questions

from chainrule.graph.sphinx import frame, language_of
from chainrule.pages.html import asset, words_of
from chainrule.pages.words import speaking, t


def lesson(app, docname, source):
    """A lesson has its questions as forms, and below its picture the same graph as a page, with a goal; the index lists them all."""
    file = Path(app.srcdir) / f"{docname}.md"
    if docname == "lessons/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"
    if file in pictures.PAGES:
        asked = iter(questions.parse(source[0], questions.variables(file, app.doctreedir)))
        with speaking(language_of(app)):
            source[0] = questions.ASK.sub(lambda _: f"```{{raw}} html\n{next(asked).form()}\n```", source[0])
            title = t("The graph of this lesson, step by step")
        _, names = pictures.run(file, app.doctreedir)
        page = frame(app, docname, names["g"], file.stem, title)
        picture = next(line for line in source[0].splitlines() if f"images/lessons/{file.stem}.svg" in line)
        source[0] = source[0].replace(picture, f"{picture}\n\n```{{raw}} html\n{page}\n```")
        (goal,) = questions.goals(source[0])
        source[0] = questions.GOAL.sub(lambda _: f"```{{raw}} html\n{goal.markup()}\n```", source[0])


def furniture(app):
    """What lesson.js says itself is in the language of the site."""
    with speaking(language_of(app)):
        words = words_of((Path(__file__).parent / "_static" / "lesson.js").read_text(encoding="utf-8"))
    app.add_js_file(None, body=words + asset("chainrule.pages", "words.js"), priority=100)


def included(app, relative_path, docname, source):
    """README.md stands above this folder, and the list of changes is a page of its own in it."""
    source[0] = source[0].replace("](CHANGELOG.md)", "](changelog.md)")


def setup(app):
    app.setup_extension("chainrule.graph.sphinx")
    app.connect("builder-inited", furniture)
    app.connect("source-read", lesson)
    app.connect("include-read", included)
    return {"parallel_read_safe": True}
