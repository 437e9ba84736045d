"""The lesson pages: their programs do what is printed there, their pictures are not stale, and they hang together."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "lessons"
spec = importlib.util.spec_from_file_location("pictures", FOLDER.parent / "pictures.py")
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)
TEXT = {page: page.read_text(encoding="utf-8") for page in pictures.PAGES}
LESSON = pytest.mark.parametrize("page", pictures.PAGES, ids=lambda page: page.stem)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs a page, once; gives what it did otherwise than is printed on it, its variables, and the folder it wrote to."""
    done = {}

    def run(page):
        if page not in done:
            folder = tmp_path_factory.mktemp(page.stem)
            done[page] = *pictures.run(page, folder), folder
        return done[page]

    return run


def shown(path):
    """The texts that a picture shows, in the order of its file."""
    root = ElementTree.parse(path).getroot()
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")


def same(text, other):
    """Whether two texts are equal, but for numbers that differ as little as they may on two machines."""
    numbers = [[float(n) for n in NUMBER.findall(t)] for t in (text, other)]
    return NUMBER.sub("#", text) == NUMBER.sub("#", other) and numbers[0] == pytest.approx(numbers[1], rel=5e-3)


def differences(picture, committed):
    """Those of two lists of texts that are not the same."""
    if len(picture) != len(committed):
        return [(picture, committed)]
    return [(a, b) for a, b in zip(picture, committed, strict=True) if not same(a, b)]


@LESSON
def test_the_program_does_what_is_printed(page, ran):
    wrong, _, _ = ran(page)
    assert not wrong, wrong


@LESSON
def test_it_writes_one_picture_named_for_the_page_with_its_last_program(page, ran):
    _, _, folder = ran(page)
    assert [f.name for f in folder.glob("*.svg")] == [f"{page.stem}.svg"]
    picture = re.search(r"^## Picture\n\n```python\n(.*?)^```", TEXT[page], re.MULTILINE | re.DOTALL)
    assert f'g.save("{page.stem}.svg"' in picture[1]


@LESSON
def test_the_committed_picture_shows_what_the_program_draws(page, ran):
    _, _, folder = ran(page)
    fresh, committed = folder / f"{page.stem}.svg", pictures.PICTURES / f"{page.stem}.svg"
    stale = differences(shown(fresh), shown(committed))
    assert not stale, f"run `python docs/pictures.py`: {stale}"


def test_a_stale_picture_would_be_noticed():
    assert differences(["x", "3", "grad 6"], ["x", "3", "grad 6.001"]) == []
    assert differences(["x", "grad 6"], ["x", "grad 7"]) == [("grad 6", "grad 7")]
    assert differences(["x"], ["y"]) == [("x", "y")]
    assert differences(["x", "y"], ["x"]) == [(["x", "y"], ["x"])]


def test_a_wrong_result_on_a_page_would_be_noticed(tmp_path):
    page = tmp_path / "wrong.md"
    page.write_text("# Page\n\n```python\n>>> print('a\\n\\nb')\na\n\nc\n```\n", encoding="utf-8")
    assert f'File "{page}", line 4' in pictures.run(page, tmp_path)[0]
    page.write_text(page.read_text(encoding="utf-8").replace("\nc\n", "\nb\n"), encoding="utf-8")
    assert pictures.run(page, tmp_path)[0] == ""


def test_the_parabola_is_the_one_that_pictures_draws():
    assert (pictures.PICTURES / "11-parabola.svg").read_text(encoding="utf-8") == pictures.parabola()


def test_the_parabola_shows_real_descents():
    """Lesson 11 says: each step multiplies by 1 - rate · curvature. The engine takes the same steps."""
    w = cr.Value(-2.6)
    for _ in range(3):
        w.grad = None
        (2 * w * w).backward()
        w = cr.Value(w.data - 0.4 * w.grad)
    assert f'cx="{360 + 36 * w.data:.1f}"' in pictures.parabola()


def test_the_picture_of_the_moons_is_that_of_the_trained_models(ran, tmp_path):
    _, names, _ = ran(pictures.PAGES[-1])
    (tmp_path / "fresh.svg").write_text(pictures.moons_of(names), encoding="utf-8")
    committed = pictures.PICTURES / "12-moons.svg"
    assert not differences(shown(tmp_path / "fresh.svg"), shown(committed))
    fresh, old = (len(path.read_text(encoding="utf-8")) for path in (tmp_path / "fresh.svg", committed))
    assert fresh == pytest.approx(old, rel=0.02)  # the same points, and a border of about as many pieces


def test_the_border_lies_where_the_score_is_0():
    lines = np.array(pictures.border(lambda points: points[:, 0] ** 2 + points[:, 1] ** 2 - 0.64))
    assert np.hypot(lines[..., 0], lines[..., 1]) == pytest.approx(np.full(lines.shape[:2], 0.8), abs=0.01)
    pieces = lines[:, 1] - lines[:, 0]
    assert np.hypot(*pieces.T).sum() == pytest.approx(2 * np.pi * 0.8, rel=0.01)  # the whole circle, and only once


@LESSON
def test_it_has_a_question_a_prediction_an_answer_a_picture_and_an_exercise(page):
    text = TEXT[page]
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    wanted = ["Predict", "Run it", "Step by step", "Answer", "Picture", "Exercise"]
    assert [h for h in headings if h in wanted] == wanted
    assert re.search(r"^> .*\?$", text, re.MULTILINE)
    assert "**Before you go on:**" in text


@LESSON
def test_every_program_has_prompts_and_runs(page):
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", TEXT[page], re.MULTILINE | re.DOTALL)
    assert {kind for kind, _ in blocks} == {"python"}
    assert all(code.startswith(">>> ") for _, code in blocks)
    assert len(pictures.program(page).examples) == TEXT[page].count("\n>>> ")


@LESSON
def test_previous_and_next_lead_to_the_neighbours(page):
    i, (first, *_, last) = pictures.PAGES.index(page), TEXT[page].strip().split("\n---\n")
    neighbours = {p.name for p in pictures.PAGES[max(i - 1, 0) : i + 2] if p != page} | {"README.md"}
    assert set(re.findall(r"\]\(([^)]+)\)", last)) == neighbours
    assert f"*Lesson {i + 1} of 12 ·" in first


def test_the_index_lists_all_lessons_in_order():
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\d-[^)]+)\)", index) == [page.name for page in pictures.PAGES]
    assert len(pictures.PAGES) == 12


@LESSON
def test_its_pictures_have_words_for_those_who_cannot_see_them(page):
    pictures_on_page = re.findall(r"!\[(.*?)\]\((.*?)\)", TEXT[page])
    assert f"../images/lessons/{page.stem}.svg" in [path for _, path in pictures_on_page]
    assert all(len(words) > 40 and (FOLDER / path).exists() for words, path in pictures_on_page)
