"""A directive for Sphinx: Python code, and below it the page that steps through the graph that it leaves.

In conf.py `extensions = ["chainrule.graph.sphinx"]`, and in a page, here in MyST's Markdown (in reStructuredText `.. live:: name`):

    ```{live} name
    import chainrule as cr

    w, x = cr.Value(3.0, "w"), cr.Value(2.0, "x")
    graph = cr.trace(w * x)
    ```

The page is in the language of the site, if pages can be in that.
"""

from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ..pages.words import ENGLISH, languages, speaking, t

FRAME = '<iframe class="live" src="{up}live/{name}.html" title="{title}" loading="lazy"></iframe>'


def frame(app, docname, graph, name, title):
    """Write the page of a graph beside the site, and return the HTML that embeds it in a document."""
    folder = Path(app.outdir) / "live"
    folder.mkdir(parents=True, exist_ok=True)
    graph.save(folder / f"{name}.html", language=language_of(app))
    return FRAME.format(up="../" * docname.count("/"), name=name, title=title)


def language_of(app):
    """That of the site, or English."""
    language = (app.config.language or ENGLISH)[:2]
    return language if language in languages() else ENGLISH


class Live(SphinxDirective):
    """Python code that leaves a `graph`. The argument names its page.

    Raises: the error of the code, or, by Sphinx, one that names the page, if no `graph` is left.
    """

    required_arguments, has_content = 1, True

    def run(self):
        code, names = "\n".join(self.content), {}
        exec(compile(code, self.get_source_info()[0], "exec"), names)
        if "graph" not in names:
            raise self.error("live: the code must leave a variable `graph`, such as graph = cr.trace(loss)")
        with speaking(language_of(self.env.app)):
            title = t("The graph of this code, step by step")
        html = frame(self.env.app, self.env.docname, names["graph"], self.arguments[0], title)
        return [nodes.literal_block(code, code, language="python"), nodes.raw("", html, format="html")]


def setup(app):
    app.add_directive("live", Live)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
