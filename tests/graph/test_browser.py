"""The page of a graph in a browser: keys, buttons, addresses, inspector, predict mode, and what is inside its groups."""

import numpy as np
import pytest
from browser import stop_clock, violations
from graphs import bias, matmul, network_of_values, page_of, scalars, square

import chainrule as cr
from chainrule.graph.page import page


@pytest.fixture
def show(browse):
    """A function that shows the page of a graph, and returns the tab."""

    def show(build, fragment="", **options):
        return browse(page_of(build), fragment, **options)

    return show


def step(tab):
    """How many steps were taken, and the phase of the last."""
    place, phase = tab.inner_text("#counter").split(" · ")
    return int(place.split(" / ")[0]), phase


def last(tab):
    return int(tab.get_attribute("#scrubber", "max"))


def focused(tab):
    return tab.evaluate("document.activeElement.id")


# ---- more graphs


def held():
    """A leaf whose `.grad` holds 3 from an earlier pass."""
    w, x = cr.Value(2.0, "w"), cr.Value(3.0, "x")
    (w * x).backward()
    return w * x + w


def eight_by_eight():
    w = cr.tensor(np.linspace(-1, 2, 64).reshape(8, 8), requires_grad=True)
    return (w * w).mean()


def long_updates():
    w = cr.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    return (w * 1.2345 + w * w / 7.0).sum()


def chain():
    """Five steps of a recurrent network."""
    w, u, b, h = (cr.Value(x, name) for x, name in ((0.5, "w"), (0.8, "u"), (0.1, "b"), (0.0, "h0")))
    for t in range(1, 6):
        h = cr.tanh(w * h + u * (0.3 * t) + b)
    return (h - 1.0) ** 2


def exponential():
    return cr.exp(cr.Value(0.0, "z"))


def one_element():
    w = cr.tensor([[2.0]], requires_grad=True)
    return (cr.tensor([[-0.5]]) @ w).sum()


def thirds():
    x = cr.Value(1 / 3, "x")
    return (x * (2 / 3)) * (2 / 3)


def not_finite():
    x = cr.Value(float("nan"), "x")
    return x * x


# ---- the harness itself


def test_a_misbehaving_page_is_noticed(browse):
    tab = browse("""<!doctype html><title>t</title><img src="http://example.org/a.png" alt="">
        <script>console.warn("ah"); setTimeout(() => { throw new Error("late") }); alert(1)</script>""")
    tab.wait_for_timeout(50)
    found = " ".join(browse.problems)
    browse.problems.clear()
    for problem in "asked for http://example.org/a.png", "console warning: ah", "uncaught: late", "alert dialog: 1":
        assert problem in found


def test_axe_finds_what_is_wrong(browse):
    assert any("image-alt" in line for line in violations(browse("<!doctype html><title>t</title><img src='data:,'>")))


# ---- from step to step


def test_arrows_home_and_end_walk_through_the_steps(show):
    tab = show(scalars)
    seen = []
    for key in "ArrowRight ArrowRight ArrowLeft Home ArrowLeft End ArrowRight ArrowLeft".split():
        tab.keyboard.press(key)
        seen.append(step(tab)[0])
    n = last(tab)
    assert seen == [1, 2, 1, 0, 0, n, n, n - 1]


@pytest.mark.parametrize(("forward", "backward"), ["fb", "FB"])
def test_f_and_b_go_to_the_first_step_of_a_phase(show, forward, backward):
    tab = show(scalars)
    tab.keyboard.press(backward)
    assert step(tab) == (5, "backward")  # after three values and the seed
    tab.keyboard.press(forward)
    assert step(tab) == (1, "forward")


def test_space_plays_and_pauses(show):
    tab, seen = show(square), []
    stop_clock(tab)
    for key in " ", None, " ", None:
        tab.keyboard.press(key) if key else tab.evaluate("tick()")
        seen.append((step(tab)[0], tab.inner_text("#play").split()[0]))
    assert seen == [(1, "Pause"), (2, "Pause"), (2, "Play"), (2, "Play")]


def test_playing_stops_at_the_end_and_begins_again_from_the_start(show):
    tab = show(square, "#step=5")
    stop_clock(tab)
    tab.click("#play")
    assert step(tab)[0] == last(tab)
    tab.evaluate("tick()")
    assert "Play" in tab.inner_text("#play")
    tab.click("#play")
    assert step(tab)[0] == 1


def test_buttons_do_what_they_say(show):
    tab = show(scalars)
    seen = []
    phases = (f"[data-jump={phase}]" for phase in ("update", "seed", "backward", "forward"))
    for button in "#next", "#end", "#back", "#start", *phases, "[data-jump=check]":
        tab.click(button)
        seen.append(step(tab))
    n = last(tab)
    moves = [(1, "forward"), (n, "check"), (n - 1, "update"), (0, "start")]
    assert seen == [*moves, (n - 4, "update"), (4, "seed"), (5, "backward"), (1, "forward"), (n, "check")]


def test_the_slider_goes_to_any_step(show):
    tab = show(scalars)
    tab.fill("#scrubber", "6")
    assert step(tab)[0] == 6
    tab.focus("#scrubber")
    tab.keyboard.press("ArrowRight")
    assert step(tab)[0] == 7


def test_an_address_links_to_a_step_and_follows_it(show):
    tab = show(network_of_values, "#step=17")
    assert step(tab)[0] == 17
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("location.hash") == "#step=18"
    tab.evaluate("location.hash = '#step=5'")
    tab.locator("#counter", has_text="5 / ").wait_for()


def test_an_address_beyond_the_end_opens_the_last_step(show):
    tab = show(square, "#step=999")
    assert step(tab)[0] == last(tab)


def test_keys_with_ctrl_are_the_browsers(show):
    tab = show(square)
    tab.keyboard.press("Control+b")
    assert step(tab)[0] == 0


def test_each_step_is_spoken(show):
    tab = show(square, "#step=3")
    spoken = tab.get_by_role("status").filter(has_text="upstream 1 × local 3 = 3")
    assert spoken.get_attribute("aria-live") == "polite"


def test_another_learning_rate_changes_the_update(show):
    tab = show(square)
    tab.keyboard.press("End")
    assert tab.text_content("#n0 .value") == "2.4"  # 3 − 0.1 · 6
    tab.fill("#lr", "0.5")
    assert tab.text_content("#n0 .value") == "0"


@pytest.mark.parametrize("build", [square, matmul, eight_by_eight, held])
def test_the_update_is_told_as_python_tells_it_at_that_rate(show, build):
    tab = show(build)
    tab.click("[data-jump=update]")
    for rate in 0.5, 0.03, 0.1:
        tab.fill("#lr", str(rate))
        told = [step.text for step in cr.trace(build()).steps(rate) if step.phase == "update"]
        assert tab.inner_text("#text") in told


def test_new_numbers_fit_into_their_boxes(show):
    tab = show(long_updates)
    tab.keyboard.press("End")
    cells = tab.eval_on_selector_all(
        "#n0 .value tspan", "all => all.map((cell) => cell.getBoundingClientRect().toJSON())"
    )
    assert len(cells) == 4
    assert all(one["right"] < other["left"] for one, other in (cells[:2], cells[2:]))
    tab.keyboard.press("Home")
    assert tab.locator("#n0 .value tspan[textLength]").count() == 0


# ---- the picture in its frame


def out_of_sight(tab, selector, *buttons):
    """The steps at which what a selector finds is not in sight, as far as the picture's frame goes; `buttons` go on."""
    return tab.evaluate(
        """([selector, buttons]) => {
          const all = [], next = document.getElementById("next"), box = (s) => document.querySelector(s).getBoundingClientRect();
          while (true) {
            const [it, frame] = [box(selector), box("#stage")];
            const fits = it.left >= frame.left && it.right <= frame.right && it.top >= frame.top && it.bottom <= frame.bottom;
            if (!fits || !it.width) all.push(document.getElementById("counter").textContent);
            for (const button of buttons) document.getElementById(button).click();
            if (next.disabled || !document.querySelector(selector)) return all;
          }
        }""",
        [selector, buttons],
    )


def window(size):
    return dict(zip(("width", "height"), size, strict=True))


@pytest.mark.parametrize("size", [(1400, 900), (900, 700), (400, 800)])
def test_what_a_step_changes_is_in_sight(show, size):
    tab = show(chain, "#step=1", viewport=window(size), reduced_motion="reduce")
    assert out_of_sight(tab, ".view .current", "next") == []
    assert step(tab)[0] == last(tab)


@pytest.mark.parametrize("size", [(1400, 900), (900, 700), (400, 800)])
def test_what_is_asked_for_is_in_sight(show, size):
    tab = show(chain, viewport=window(size), reduced_motion="reduce")
    tab.keyboard.press("p")
    assert out_of_sight(tab, ".view .lit .label", "reveal", "next") == []
    assert step(tab)[1] == "update"  # all was asked


@pytest.mark.parametrize("size", [(1120, 640), (400, 800)])
def test_no_button_covers_the_picture(show, size):
    tab = show(chain, viewport=window(size))
    zoom, stage = tab.locator(".zoom").bounding_box(), tab.locator("#stage").bounding_box()
    assert zoom["y"] + zoom["height"] <= stage["y"]


# ---- help and inspector


def test_question_mark_opens_help_and_escape_closes_it(show):
    tab = show(square)
    tab.focus("#next")
    tab.keyboard.press("?")
    assert tab.is_visible("#help")
    tab.keyboard.press("ArrowRight")
    assert step(tab)[0] == 0  # keys are the help's while it is open
    tab.keyboard.press("Escape")
    assert not tab.is_visible("#help")
    assert focused(tab) == "next"


def test_enter_inspects_a_value_and_escape_returns_to_it(show):
    tab = show(scalars, "#step=4")
    tab.focus("#n3")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#inspected") == "c"
    tab.keyboard.press("Escape")
    assert focused(tab) == "n3"
    assert tab.inner_text("#inspected") != "c"


def test_the_inspector_gives_the_gradient_as_a_sum_of_terms(show):
    tab = show(square, "#step=4")
    tab.click("#n0")
    assert tab.inner_text("#inspector .sum") == "grad = 1 × 3 + 1 × 3 = 6"


_HELD = cr.ones((10, 10), requires_grad=True)


def freed():
    """A graph of which the program keeps neither x + 1 nor, as its second operand is gone, what follows."""
    loss = ((_HELD + 1) * np.full((10, 10), 2.0, "float32")).exp().sum()
    loss.backward()
    return loss


@pytest.mark.parametrize(
    ("label", "said"),
    [("v2", "Recomputed: your program had freed this array."), ("v4", "and what is needed to compute it again.")],
)
def test_the_inspector_says_what_the_program_had_freed(show, label, said):
    tab = show(freed, "#step=3")
    tab.evaluate("label => select(nodes.find((node) => node.label === label).id)", label)
    assert said in tab.inner_text("#inspector")


def test_the_inspector_says_where_broadcasting_was_summed(show):
    tab = show(bias)
    tab.keyboard.press("End")
    tab.click("#n1")
    assert "summed over axis 0: (3, 2) → (2,)" in tab.inner_text("#inspector")


def test_the_inspector_says_why_a_derivative_is_one(show):
    tab = show(scalars, "#step=7")  # from c + … to c
    assert "× 1: adding passes the gradient to each input unchanged" in tab.inner_text("#inspector .here")


@pytest.mark.parametrize(
    ("build", "node", "words"),
    [
        (scalars, "#n0", "v1 = a * b sends −2 × (−3) = 6\nx * y: dx = g · y"),
        (matmul, "#n1", "v1 = x @ w sends xᵀ @ g: (2, 2) → (3, 2)\nx @ y: dy = xᵀ @ g"),
        (exponential, "#n0", "v1 = exp(z) sends 1 × 1 = 1\nexp(x): dx = g · out"),
    ],
)
def test_a_rule_says_whose_letters_it_has(show, build, node, words):
    tab = show(build)
    tab.keyboard.press("End")
    tab.click(node)
    assert words in tab.inner_text("#inspector .terms >> nth=0")


def test_the_learners_line_stands_beside_the_step_with_its_operator_underlined(show):
    tab = show(two_uses, "#step=3")  # v3 is computed
    assert tab.inner_text("#inspector .source") == "return (x * y + x) * z"
    assert tab.inner_text("#inspector .source u") == "*"
    tab = show(two_uses, "#step=7")  # from v2 = v1 + x
    assert tab.inner_text("#inspector .here .source u") == "+"


def test_a_single_share_is_no_sum(show):
    tab = show(one_element)
    tab.keyboard.press("End")
    tab.click("#n0")
    assert tab.inner_text("#inspector .sum >> nth=0") == "grad = −0.5"


def test_rounded_numbers_are_said_to_be_rounded(show):
    tab = show(thirds, "#step=4")
    assert tab.inner_text("#inspector .sum") == "grad = 1 × 0.6667 = 0.6667"
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#inspector .sum") == "grad = 0.6667 × 0.6667 ≈ 0.4444"


def test_what_an_earlier_pass_left_is_told_as_python_tells_it(show):
    tab = show(held)
    tab.keyboard.press("End")
    tab.click("#n0")
    badge, note = tab.locator("#inspector .remark").all_inner_texts()
    assert badge == "⚠ no zero_grad? gradient 3 + 4 = 7"
    assert ".grad" in note
    assert any(f"[{note}]" in step.text for step in cr.trace(held()).steps())


def test_a_wide_table_keeps_its_numbers_whole_and_scrolls_by_keyboard(show):
    tab = show(eight_by_eight)
    tab.keyboard.press("End")
    tab.click("#n0")
    heights = tab.eval_on_selector_all("#inspector td", "all => all.map((td) => td.clientHeight)")
    assert len(heights) == 192  # value, gradient, value after the update
    assert max(heights) < 30
    assert tab.locator("#inspector .table[tabindex='0']").count() == 3
    assert violations(tab) == []


# ---- predict mode


def test_predict_mode_asks_at_once(show):
    tab = show(two_uses, "#step=1")
    tab.keyboard.press("p")
    assert step(tab) == (4, "seed")
    assert tab.inner_text("#text") == "Your turn: what is v2's gradient after this step?"
    assert tab.inner_text("#question-text") == "The gradient of v3 = v2 * z is 1. Which number reaches v2?"
    assert not tab.is_visible("#sum")
    assert focused(tab) == "answer"


def test_predict_mode_begins_again_after_the_last_contribution(show):
    tab = show(two_uses)
    tab.keyboard.press("End")
    tab.keyboard.press("p")
    assert step(tab) == (4, "seed")
    assert tab.is_visible("#question")


def test_a_page_can_begin_in_predict_mode(browse):
    tab = browse(page(cr.trace(two_uses()), predict=True))
    assert tab.get_attribute("#predict", "aria-pressed") == "true"
    assert tab.is_visible("#question")


def test_predict_mode_says_where_there_is_nothing_to_predict(show):
    tab = show(not_finite)
    tab.keyboard.press("p")
    assert tab.inner_text("#text").startswith("There is nothing to predict here")


def two_uses():
    """x · y · z + x · z: the gradients are x: 7 + 21, y: 14, z: 8."""
    x, y, z = cr.Value(2.0, "x"), cr.Value(3.0, "y"), cr.Value(7.0, "z")
    return (x * y + x) * z


def ask(tab, source, target):
    """In predict mode, answer rightly until the contribution that comes to `source` from `target` is in question."""
    tab.click("[data-jump=seed]")
    tab.keyboard.press("p")
    for _ in range(last(tab)):
        tab.keyboard.press("ArrowRight")
        *edge, part, total = tab.evaluate("""(({edge, part, answer}) =>
            [nodes[edge.source].label, nodes[edge.target].label, String(part), String(answer)])(predict.question)""")
        if edge == [source, target]:
            return
        answer(tab, part, total)
    raise AssertionError(f"nothing was asked about {source} from {target}")


def answer(tab, text, total=None):
    if total is not None and tab.is_visible("#sum"):
        tab.fill("#sum", total)
    tab.fill("#answer", text)
    tab.keyboard.press("Enter")


def test_predict_mode_covers_the_contribution_until_it_is_answered(show):
    tab = show(two_uses)
    ask(tab, "y", "v1")  # 7 × 2
    before = step(tab)[0]
    covered = tab.text_content("#e1 .flow"), tab.text_content("#n1 .grad"), tab.inner_text("#text")
    assert "14" not in " ".join(covered)
    answer(tab, "14")
    assert step(tab)[0] == before + 1
    assert tab.text_content("#n1 .grad") == "14"
    assert tab.inner_text("#text").startswith("Right.")


FAULTS = {
    "2": "local derivative alone",
    "7": "upstream gradient alone",
    "21": "swapped operands",
    "-14": "wrong sign",
    "3.5": "divided",
    "1/14": "reciprocal",
    "5": "not yet",
}


def test_predict_mode_diagnoses_a_wrong_product(show):
    tab = show(two_uses)
    ask(tab, "y", "v1")  # upstream 7, local 2; the other operand's local derivative is 3
    before, told = step(tab), {}
    for given in FAULTS:
        answer(tab, given)
        told[given] = tab.inner_text("#verdict").lower()
    assert [given for given, fault in FAULTS.items() if fault not in told[given]] == [], told
    assert step(tab) == before


def test_predict_mode_diagnoses_overwriting(show):
    tab = show(two_uses)
    ask(tab, "x", "v1")  # 7 + 21
    assert tab.inner_text("#question-text").endswith(
        "x has 7 so far. Which number reaches it now, and what is the new sum?"
    )
    for part, total, words in (
        ("28", "28", "That is the new sum."),
        ("7", "7", "That is the sum so far."),
        ("21", "21", "That is only the new part. Add it to the 7 that is already there."),
        ("21", "147", "You multiplied."),
        ("21", "", "And the new sum?"),
    ):
        answer(tab, part, total)
        assert words in tab.inner_text("#verdict")
    answer(tab, "21", "28")
    assert tab.text_content("#n0 .grad") == "28"


def test_predict_mode_counts_answers_right_at_the_first_try(show):
    tab = show(two_uses)
    ask(tab, "z", "v3")  # after one right answer
    answer(tab, "1")
    answer(tab, "8")
    assert tab.inner_text("#score").startswith("1 of 2 right")


def sums():
    """A sum of five numbers, which asks the same eight times."""
    a = cr.Value(1.0, "a")
    return a + cr.Value(2.0, "b") + cr.Value(3.0, "c") + cr.Value(4.0, "d") + cr.Value(5.0, "e")


def test_what_was_right_three_times_is_not_asked_again(show):
    tab, asked = show(sums), []
    tab.keyboard.press("p")
    while tab.is_visible("#question"):
        asked.append(tab.evaluate("predict.question.kind"))
        answer(tab, "1")
        tab.keyboard.press("ArrowRight")
    assert sorted(asked) == ["add 0 "] * 3 + ["add 1 "] * 3
    assert "not asked again" in tab.inner_text("#score")


def confident():
    return cr.nn.cross_entropy(cr.tensor([[1.0, 3.0, 2.0]], requires_grad=True), cr.tensor([0]))


def squared():
    x, w = (cr.tensor(a, requires_grad=True) for a in ([[1.0, 2.0], [3.0, 5.0]], [[2.0, -1.0], [0.5, 3.0]]))
    return ((x @ w) ** 2).sum()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (confident, "You left out “− one_hot(index)”: that is g · softmax(logits)."),
        (squared, "The transpose is missing"),
        (bias, "Add up over the batch: every row used it."),
    ],
)
def test_a_mistake_in_the_rule_of_an_array_is_named(show, build, words):
    tab = show(build)
    tab.keyboard.press("p")
    find = """(words) => { const {place, part, answer, mistakes} = predict.question;
        const hit = mistakes.find(({says, items}) => says.includes(words) && !agrees(items[place], part));
        return [String(part), String(answer), hit && String(hit.items[place])] }"""
    while (answers := tab.evaluate(find, words))[2] is None:
        answer(tab, *answers[:2])
        tab.keyboard.press("ArrowRight")
    answer(tab, answers[2])
    assert words in tab.inner_text("#verdict")


def test_the_guilty_box_is_found(show):
    tab = show(held)
    assert tab.is_visible("#hunt")
    tab.click("#hunt")
    assert "an older one is still in it" in tab.inner_text("#clue")
    assert tab.locator(".view .badge:not(.early)").count() == 0
    tab.click("#n2")
    assert tab.inner_text("#clue-text").startswith("Not v1 = w * x. A gradient is too large")
    tab.click("#n1")
    tab.locator("#n0").focus()
    tab.keyboard.press("Enter")
    said = tab.inner_text("#clue-text")
    assert said.startswith("Yes: no zero_grad? gradient 3 + 4 = 7. Call zero_grad() before each backward pass")
    assert said.endswith("You found all there is to find.")
    assert tab.locator("#n0 .badge:not(.early)").count() == 1
    assert violations(tab) == []


def test_a_graph_without_a_fault_has_nothing_to_hunt(show):
    assert not show(scalars).is_visible("#hunt")


def test_what_is_no_number_is_no_wrong_answer(show):
    tab = show(two_uses)
    ask(tab, "v2", "v3")
    answer(tab, "seven")
    assert "Give a number" in tab.inner_text("#verdict")
    answer(tab, "14/2")
    assert tab.inner_text("#score").startswith("1 of 1 right")


def test_an_answer_can_be_shown(show):
    tab = show(two_uses)
    ask(tab, "v2", "v3")
    tab.click("#reveal")
    assert tab.text_content("#n3 .grad") == "7"
    assert tab.inner_text("#score").startswith("0 of 1 right")


def test_escape_leaves_a_question(show):
    tab = show(two_uses)
    ask(tab, "v2", "v3")
    tab.keyboard.press("Escape")
    assert not tab.is_visible("#question")


# ---- inside groups and arrays


class Wave(cr.nn.Module):
    """Many small operations."""

    def forward(self, x):
        for _ in range(80):
            x = cr.sin(x) * 1.5
        return x


def waves():
    return cr.nn.Sequential(Wave(), Wave(), Wave())(cr.Value(0.5, "x"))


SHOWN = ".view:not([hidden])"
GROUP = f"{SHOWN} .state:not(.off) .group"


def changed(tab):
    """The node that the current step changes, in the picture that is shown."""
    return tab.locator(f"{SHOWN} .node.current")


def test_a_large_graph_says_that_it_is_collapsed(show):
    tab = show(waves)
    assert "of 721 nodes, depth 3" in tab.text_content(SHOWN)


def test_a_group_opens_and_the_trail_leads_back(show):
    tab = show(waves)
    tab.click("#fold")
    tab.focus(f"{GROUP}[aria-label$='look inside'] >> nth=0")
    tab.keyboard.press("Enter")
    assert tab.locator(SHOWN).get_attribute("data-path") != ""
    assert tab.locator(f"{SHOWN} .node").count() == 6  # two repeats of two calls and their factors
    tab.click("#views button")
    assert tab.locator(SHOWN).get_attribute("data-path") == ""


def test_a_step_inside_a_group_is_seen_where_the_group_opens(show):
    tab = show(waves, "#step=50")
    tab.click(f"{GROUP}.current")
    assert changed(tab).count() == 1


def test_a_button_leads_to_the_view_in_which_the_step_happens(show):
    tab = show(waves)
    tab.click("#fold")
    tab.keyboard.press("b")
    tab.click(f"{GROUP} >> nth=-1")
    tab.keyboard.press("f")
    assert changed(tab).count() == 0
    tab.click("#elsewhere")
    assert changed(tab).count() == 1


def test_a_small_array_opens_number_by_number(show):
    tab = show(matmul)
    tab.click("#n2")
    tab.click("text=Open as a graph of numbers")
    assert tab.locator(SHOWN).get_attribute("data-path") == "node 2"
    assert tab.locator(f"{SHOWN} .node").count() > 12  # the elements of x, w and x @ w
