"""The Python blocks of the README and of the pages run, in their order, and the links lead somewhere."""

import re
import runpy
from pathlib import Path

import pytest

import chainrule as cr

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/index.md",
    "docs/tutorial.md",
    "docs/training.md",
    "docs/jit.md",
    "docs/from-pytorch.md",
    "docs/from-jax.md",
    "docs/from-keras.md",
    "docs/from-scikit-learn.md",
    "docs/from-micrograd.md",
    "docs/plots.md",
    "docs/gpu.md",
    "docs/parallel.md",
    "docs/see-backprop.md",
    "docs/graph-json.md",
    "docs/adding-an-op.md",
    "docs/architecture.md",
]
LESSONS = [f"docs/lessons/{page.name}" for page in sorted((ROOT / "docs" / "lessons").glob("*.md"))]
BLOCK = re.compile(r"^```(?:python|{live} \w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def forget_new_operations():
    """The pages may declare operations; afterwards the registry is as before."""
    from chainrule.autograd.primitive import REGISTRY

    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("page", [p for p in PAGES if "architecture" not in p])
@pytest.mark.usefixtures("forget_new_operations")
def test_the_code_on_the_page_runs(page, tmp_path, monkeypatch):
    pytest.importorskip({"docs/plots.md": "matplotlib", "docs/from-scikit-learn.md": "sklearn"}.get(page, "numpy"))
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((ROOT / page).read_text())
    assert blocks
    names = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("page", PAGES + LESSONS)  # what the lessons' blocks do: test_lesson_pages.py
def test_the_links_of_the_page_lead_to_files(page):
    folder = (ROOT / page).parent
    links = [link for link in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text()) if "://" not in link]
    missing = [link for link in links if not (folder / link).exists()]
    assert not missing


def test_the_reference_lists_each_public_name_once():
    pages = runpy.run_path(str(ROOT / "docs" / "api.py"))["pages"]()
    listed = re.findall(r"^\.\. (?:auto\w+|py:data):: chainrule\.(\w+)$", "\n".join(pages.values()), re.MULTILINE)
    modules = {"backends", "data", "metrics", "nn", "optim", "parallel", "random"}
    assert sorted(name for name in listed if name not in {*modules, "plot", "sklearn"}) == sorted(
        {*cr.__all__} - modules
    )


PORTING = runpy.run_path(str(ROOT / "docs" / "porting.py"))


@pytest.mark.parametrize("library", PORTING["TABLES"])
def test_the_table_of_the_page_is_the_one_that_errors_read(library):
    page = PORTING["page"](library).read_text()
    assert "| here |" in page
    assert PORTING["with_table"](page, library) == page, "run `make types`"


def test_the_attributes_that_are_answered_are_those_of_the_tables():
    assert PORTING["NAMES"].read_text() == PORTING["names_text"](), "run `make types`"
