"""The pages that step through a graph, embedded in the site: the directive `live`, and one page in each lesson."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parent))
import pictures
import questions

FRAME = '<iframe class="live" src="{up}live/{name}.html" title="{title}" loading="lazy"></iframe>'


def frame(app, docname, graph, name, title):
    """Write the page of a graph beside the site, and return the HTML that embeds it in a document."""
    folder = Path(app.outdir) / "live"
    folder.mkdir(parents=True, exist_ok=True)
    graph.save(folder / f"{name}.html")
    return FRAME.format(up="../" * docname.count("/"), name=name, title=title)


class Live(SphinxDirective):
    """Python code that leaves a `graph`, and below it the page that steps through that graph. The argument names the page."""

    required_arguments, has_content = 1, True

    def run(self):
        code, names = "\n".join(self.content), {}
        exec(compile(code, self.get_source_info()[0], "exec"), names)
        name = self.arguments[0]
        html = frame(self.env.app, self.env.docname, names["graph"], name, "The graph of this code, step by step")
        shown = nodes.literal_block(code, code, language="python")
        return [shown, nodes.raw("", html, format="html")]


def lesson(app, docname, source):
    """A lesson has its questions as forms, and below its picture the same graph as a page, with a goal; the index lists them all."""
    file = Path(app.srcdir) / f"{docname}.md"
    if docname == "lessons/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"
    if file in pictures.PAGES:
        asked = iter(questions.parse(source[0], questions.variables(file, app.doctreedir)))
        source[0] = questions.ASK.sub(lambda _: f"```{{raw}} html\n{next(asked).form()}\n```", source[0])
        _, names = pictures.run(file, app.doctreedir)
        title = "The graph of this lesson, step by step"
        page = frame(app, docname, names["g"], file.stem, title)
        picture = next(line for line in source[0].splitlines() if f"images/lessons/{file.stem}.svg" in line)
        source[0] = source[0].replace(picture, f"{picture}\n\n```{{raw}} html\n{page}\n```")
        (goal,) = questions.goals(source[0])
        source[0] = questions.GOAL.sub(lambda _: f"```{{raw}} html\n{goal.markup()}\n```", source[0])


def included(app, relative_path, docname, source):
    """README.md stands above this folder, and the list of changes is a page of its own in it."""
    source[0] = source[0].replace("](CHANGELOG.md)", "](changelog.md)")


def setup(app):
    app.add_directive("live", Live)
    app.connect("source-read", lesson)
    app.connect("include-read", included)
    return {"parallel_read_safe": True}
