"""The page of a graph for everybody and everywhere: keyboard, screen reader, dark, still, narrow, framed, strange names."""

import pytest
from browser import by_tab, violations
from graphs import bias, mlp, network_of_values, not_a_number, page_of, scalars, square

import chainrule as cr
from chainrule.graph.page import Shown, page

STRANGE = {
    "script": "<script>alert(1)</script>",
    "end of script": "</script><img src=x onerror=alert(1)>",
    "quotes": "\"];alert(1)//'`${alert(1)}",
    "entity": "&lt;b&gt;",
    "line separator": "a\u2028b",
    "emoji": "🦊👩‍🔬",
    "long": "x" * 10_000,
}


# ---- accessibility


STATES = {  # the keys that lead to each, one after the other
    "start": [],
    "inspected": ["Enter"],
    "question": ["b", "p", "ArrowRight"],
    "help": ["Escape", "?"],
    "update": ["Escape", "End"],
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browse, scheme):
    tab = browse(page_of(bias), color_scheme=scheme, reduced_motion="reduce")
    tab.focus("#n0")
    for state, keys in STATES.items():
        for key in keys:
            tab.keyboard.press(key)
            if key == "Escape":
                tab.wait_for_selector("#question", state="hidden")
        if state in ("help", "question"):
            tab.wait_for_selector(f"#{state}")
        visible = [name for name in ("help", "question") if tab.is_visible(f"#{name}")]
        assert visible == [name for name in ("help", "question") if name == state]
        assert (state, violations(tab)) == (state, [])


@pytest.mark.parametrize(("build", "step"), [(not_a_number, 6), (mlp, 20)], ids=["badges", "modules"])
def test_axe_finds_no_violation_in_other_graphs(browse, build, step):
    assert violations(browse(page_of(build), f"#step={step}", reduced_motion="reduce")) == []


def test_everything_can_be_reached_by_tab_and_the_focus_is_seen(browse):
    operable, unreached, unseen = by_tab(browse(page_of(square), "#step=3"))
    assert operable > 15
    assert (unreached, unseen) == ([], [])


def test_every_button_of_the_picture_has_a_name(browse):
    tab = browse(page_of(square))
    names = tab.eval_on_selector_all("svg [role=button]", "all => all.map((e) => e.getAttribute('aria-label'))")
    assert names == [
        "x, leaf, value 3, no gradient yet",
        "v1, x * x, not computed yet, no gradient yet",
    ]


def test_a_box_says_its_value_gradient_and_badges(browse):
    tab = browse(page_of(not_a_number), "#step=3")
    said = tab.eval_on_selector_all(".view .node", "all => all.map((e) => e.getAttribute('aria-label'))")
    assert any("NaN first here" in text for text in said), said
    tab = browse(page_of(square), "#step=3")
    first = "document.querySelector('#n0').getAttribute('aria-label')"
    assert tab.evaluate(first) == "x, leaf, value 3, gradient 3, 1 of 2 contributions"
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(first) == "x, leaf, value 3, gradient 6, complete"


def test_a_walk_along_the_edges_says_where_it_goes(browse):
    tab = browse(page_of(scalars), "#step=9")  # the backward pass is through b
    tab.focus("#n0")
    said = []
    for key in "Shift+ArrowRight", "Shift+ArrowLeft", "]", "Shift+ArrowLeft":
        tab.keyboard.press(key)
        said.append((tab.evaluate("document.activeElement.id"), tab.text_content("#spoken")))
    assert said == [
        ("n2", "Along the edge from a to v1, its x, −2 × (−3) = 6."),
        ("n0", "Along the edge from a to v1, its x (1 of 2), −2 × (−3) = 6."),
        ("n1", "Along the edge from b to v1, its y (2 of 2)."),
        ("n1", "b has no operands."),
    ]
    assert tab.inner_text("#counter").startswith("9 /")


def fresh(tab):
    """The page as it is opened for the first time."""
    tab.evaluate("localStorage.clear()")
    tab.reload()
    return tab


def test_the_tour_offers_itself_once_and_goes_by_keyboard(browse):
    tab = fresh(browse(page_of(square), reduced_motion="reduce"))
    tab.click("#take-tour")
    seen = []
    while tab.is_visible("#tour"):
        values = tab.eval_on_selector_all(
            "#tour .node", "all => all.map((e) => [...e.querySelectorAll('.value, .grad')].map((t) => t.textContent))"
        )
        seen.append((tab.inner_text("#tour-text"), values))
        assert violations(tab) == []
        tab.keyboard.press("ArrowRight")
    assert seen[0] == ("y = w * x = 2 * 3 = 6", [["2", "—"], ["3", "—"], ["6", "—"]])
    assert seen[-1] == ("w: 2 − 0.1 × 3 = 1.7", [["1.7", "3"], ["3", "2"], ["6", "1"]])
    assert not tab.is_visible("#offer")
    tab.reload()
    assert not tab.is_visible("#offer")
    tab.keyboard.press("?")
    tab.click("#tour-again")
    assert tab.is_visible("#tour")
    tab.keyboard.press("Escape")
    assert not tab.is_visible("#tour")


def test_the_tour_can_be_declined(browse):
    tab = fresh(browse(page_of(square)))
    tab.click("#no-tour")
    tab.reload()
    assert not tab.is_visible("#offer")


def test_dark_is_dark_and_light_is_light(browse):
    def brightness(scheme):
        tab = browse(page_of(square), color_scheme=scheme)
        color = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, color.removeprefix("rgb(").removesuffix(")").split(", "))) / 3

    assert brightness("dark") < 60
    assert brightness("light") > 240


def test_nothing_moves_where_the_reader_asks_for_stillness(browse):
    def moving(wish):
        tab = browse(page_of(square), "#step=3", reduced_motion=wish)
        return tab.evaluate("document.getAnimations().length")

    assert moving("reduce") == 0
    assert moving("no-preference") > 0


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (1920, 1080)])
def test_the_page_never_scrolls_sideways(browse, width, height):
    tab = browse(page_of(network_of_values), "#step=30", viewport={"width": width, "height": height})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_without_a_script_the_picture_is_complete(browse):
    html = page_of(square)
    tab = browse(html.replace("<script", "<template").replace("</script>", "</template>"))
    assert tab.text_content("#n1 .value") == "9"


# ---- names


@pytest.fixture(scope="module")
def strange():
    """The page of a sum of Values of all strange names."""
    total = cr.Value(0.5, "total")
    for i, name in enumerate(STRANGE.values(), start=2):
        total = total + cr.Value(float(i), name) * 2.0
    total.name = "".join(STRANGE.values())
    return page(cr.trace(total))


@pytest.mark.parametrize("name", STRANGE.values(), ids=STRANGE)
def test_a_strange_name_is_text(browse, strange, name):
    tab = browse(strange)
    tab.keyboard.press("End")
    place = tab.evaluate(
        "(name) => JSON.parse(document.getElementById('story').textContent).graph.nodes.find((n) => n.name === name).id",
        name,
    )
    tab.locator(f"#n{place}").dispatch_event("click")
    shown = " ".join(tab.text_content("#inspected").split())
    assert shown == name.replace("\u2028", " ") or "…" in shown and shown.startswith("xxx")
    assert len(shown) < 100


def test_strange_names_become_no_elements(browse, strange):
    tab = browse(strange)
    for key in "b", "End", "Home", "p", "b":
        tab.keyboard.press(key)
    assert tab.locator("img").count() == 0
    assert tab.locator("script").count() == 2


# ---- everywhere


def test_in_a_notebooks_frame_it_steps_too(browse):
    shown = Shown(page_of(square), "A graph")._repr_html_()
    tab = browse(f"<!doctype html><html lang=en><title>notebook</title><main><h1>n</h1>{shown}</main>")
    frame = tab.frame_locator("iframe")
    frame.locator("#next").click()
    tab.keyboard.press("ArrowRight")
    assert frame.locator("#counter").inner_text().startswith("2 / ")


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_buttons_are_as_large_as_fingers_and_the_words_stand_above_them(width, browse):
    tab = browse(page_of(scalars), "#step=3", viewport={"width": width, "height": 844})
    small = tab.evaluate(
        """[...document.querySelectorAll("button")].filter((b) => b.checkVisibility()).map((b) => b.getBoundingClientRect())
        .filter(({ width, height }) => width < 44 || height < 44).length"""
    )
    assert small == 0
    assert tab.locator("#text").bounding_box()["y"] < tab.locator("#next").bounding_box()["y"]
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("to", "step"), [(200, "4 / "), (400, "2 / "), (290, "3 / ")])
def test_a_swipe_over_the_words_is_a_step(to, step, browse):
    tab = browse(page_of(scalars), "#step=3", viewport={"width": 390, "height": 844})
    tab.evaluate(
        """(to) => {
          const target = document.querySelector(".said");
          const finger = (clientX) => new Touch({ identifier: 1, target, clientX, clientY: 500 });
          target.dispatchEvent(new TouchEvent("touchstart", { touches: [finger(300)], changedTouches: [finger(300)] }));
          target.dispatchEvent(new TouchEvent("touchend", { touches: [], changedTouches: [finger(to)] }));
        }""",
        to,
    )
    assert tab.inner_text("#counter").startswith(step)


def test_a_question_that_is_dismissed_gives_the_focus_back_at_once(browse):
    """Keys that come before the browser notices that the focused field is hidden would be lost."""
    tab = browse(page_of(bias))
    for key in "b", "p", "ArrowRight":
        tab.keyboard.press(key)
    tab.focus("#answer")
    assert (
        tab.evaluate(
            """() => {
          document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
          return document.activeElement.id;
        }"""
        )
        == "next"
    )
