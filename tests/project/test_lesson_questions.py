"""The questions of the lessons: their right answers are those of the programs, and the site judges what is typed."""

import html
import importlib.util
import sys
from pathlib import Path

import pytest
from browser import violations

from chainrule.pages.html import asset, words_of

FOLDER = Path(__file__).parents[2] / "docs" / "lessons"
sys.path.insert(0, str(FOLDER.parent))
spec = importlib.util.spec_from_file_location("questions", FOLDER.parent / "questions.py")
questions = importlib.util.module_from_spec(spec)
sys.modules["questions"] = questions  # dataclasses look their module up there
spec.loader.exec_module(questions)
pictures = sys.modules["pictures"]
sys.path.remove(str(FOLDER.parent))
LESSON = (FOLDER.parent / "_static" / "lesson.js").read_text(encoding="utf-8")
SCRIPT = words_of(LESSON) + asset("chainrule.pages", "words.js") + LESSON  # as the site has it
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


def asked(text, **names):
    return questions.parse(text, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_lesson_asks_and_its_program_gives_the_answer(page, tmp_path):
    found = questions.parse(page.read_text(encoding="utf-8"), questions.variables(page, tmp_path))
    assert 1 <= len(found) <= 2
    for q in found:
        assert len(q.choices) >= 3 or (q.said and q.right != "Right.")


def test_a_wrong_answer_that_is_right_is_refused():
    with pytest.raises(ValueError, match="needs one right answer"):
        asked("<!-- ask: What?\n= x\n6/2 | no\n-->", x=3)


def test_a_question_without_a_right_choice_is_refused():
    with pytest.raises(ValueError, match="needs one right answer"):
        asked("<!-- ask: What?\n- a\n- b\n-->")


@pytest.fixture
def lesson(browse):
    """A function that shows a lesson with these questions, whose second part is closed."""

    def show(text, before="localStorage.clear()", **names):
        forms = "".join(q.form() for q in asked(text, **names))
        return browse(
            f'<!doctype html><html lang="en"><title>Lesson</title><main><h1>L</h1><section>{forms}</section>'
            f'<section id="rest">the rest</section></main><script>{before}</script><script>{SCRIPT}</script></html>'
        )

    return show


NUMBER = "<!-- ask: What is `g`?\n= g | Both.\n7 | One alone.\nelse | Add them.\n-->"


def answer(tab, text):
    tab.fill("input", text)
    tab.click("button")
    return tab.inner_text("[role=status]"), tab.is_visible("#rest")


@pytest.mark.parametrize(
    ("typed", "said", "opens"),
    [("10", "Both.", True), ("20/2", "Both.", True), ("7", "One alone.", False), ("8", "Add them.", False),
     ("ten", "Type a number.", False), ("", "Type a number.", False), ("10, 1", "Type a number.", False)],
)  # fmt: skip
def test_what_is_typed_is_judged_and_only_the_right_number_opens_the_rest(typed, said, opens, lesson):
    assert answer(lesson(NUMBER, g=10.0), typed) == (said, opens)


@pytest.mark.parametrize("text", ["-0,5", "− 0.5", "–1/2", "-1 / 2", " -.5 ", "(-5e-1)"])
def test_a_number_may_be_written_in_any_usual_way(text, lesson):
    assert answer(lesson(NUMBER, g=-0.5), text) == ("Both.", True)


@pytest.mark.parametrize("text", ["-0,5; 3", "−0,5 3", "[-1/2, 3]", "-0.5,3", "-0,5, 3,0"])
def test_numbers_may_be_parted_in_any_usual_way(text, lesson):
    assert answer(lesson(NUMBER, g=[-0.5, 3.0]), text) == ("Both.", True)


@pytest.mark.parametrize("text", ["1/", "/2", "--1", "/"])
def test_half_a_number_is_none(text, lesson):
    assert answer(lesson(NUMBER, g=0.0), text) == ("Type a number.", False)


def test_several_numbers_are_judged_together(lesson):
    tab = lesson("<!-- ask: Both?\n= g\n3, −1 | swapped\n-->".replace("−", "-"), g=[-1.0, 3.0])
    assert answer(tab, "[3, −1]") == ("swapped", False)
    assert answer(tab, "(−1, 3)") == ("Right.", True)


def test_a_choice_says_what_it_means(lesson):
    tab = lesson("<!-- ask: Which?\n* this | Yes.\n- that | No.\n-->")
    tab.check("text=that")
    tab.click("text=Check")
    assert tab.inner_text("[role=status]") == "No."
    assert not tab.is_visible("#rest")


def test_show_me_opens_the_rest_and_tells_the_answer(lesson):
    tab = lesson(NUMBER, g=10.0)
    tab.click(".show")
    assert tab.inner_text("[role=status]") == "10. Both."
    assert tab.is_visible("#rest")


def test_what_was_answered_once_is_open_the_next_time(lesson):
    answer(lesson(NUMBER, g=10.0), "10")
    assert lesson(NUMBER, before="", g=10.0).is_visible("#rest")


def test_the_form_has_no_findings_of_axe(lesson):
    assert violations(lesson(NUMBER, g=10.0)) == []


# ---- goals


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_goal_is_open_at_first_and_can_be_reached_on_the_page(page, browse, tmp_path):
    (goal,) = questions.goals(page.read_text(encoding="utf-8"))
    _, names = pictures.run(page, tmp_path)
    graph = html.escape(names["g"]._render("html", None, 0.1))
    tab = browse(
        f'<!doctype html><title>L</title><iframe class="live" srcdoc="{graph}"></iframe>{goal.markup()}<script>{SCRIPT}</script>'
    )
    inside = tab.frames[1]
    inside.wait_for_load_state()
    inside.evaluate("tellAround()")
    tab.wait_for_function("document.querySelector('.goal [role=status]').textContent")
    assert not tab.query_selector(".goal.reached")
    for name, place, number in goal.by:
        inside.evaluate(
            "([name, place, number]) => change(nodes.find((n) => n.label === name).id, place, number)",
            [name, place, number],
        )
    tab.wait_for_selector(".goal.reached")


def test_a_goal_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="a goal needs a line"):
        questions.goals("<!-- goal: Do.\ngrade x = 4\nby x = 3\n-->")
