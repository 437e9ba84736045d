"""The documentation site, made by Sphinx from these pages and the docstrings. Run by `make docs`; a warning is an error."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import chainrule as cr  # noqa: E402

project, author, version = "chainrule", "The chainrule authors", cr.__version__
copyright = author
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "api",
    "live",
]
exclude_patterns = ["_build"]
default_role = "literal"  # in a docstring, `x` is code
html_theme, html_title, html_static_path = "furo", "chainrule", ["_static"]
html_css_files = ["site.css"]
html_js_files = [("lesson.js", {"defer": ""})]
html_theme_options = {"navigation_with_keys": True}
html_show_sphinx = False
pygments_style, pygments_dark_style = "friendly", "github-dark"
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = ">>> "
copybutton_exclude = ".linenos, .gp, .go"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say what an argument may be; the stubs say it to type checkers
python_maximum_signature_line_length = 100
