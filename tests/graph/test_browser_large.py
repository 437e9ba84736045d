"""Large graphs in a browser: what a step lights is in sight, its text is readable, and frames fold."""

import pytest
from graphs import recurrent, tangle, wide_mlp

import chainrule as cr
from chainrule.graph.page import page

WINDOW = {"width": 1280, "height": 800}

# goes to every backward step, or to one in `stride`, and returns at which ones something is out of sight, and how large
# the smallest text is
WALK = """(stride) => {
  const wrong = [];
  let [backward, smallest] = [0, Infinity];
  const stage = document.getElementById("stage").getBoundingClientRect();
  const inSight = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.left >= stage.left && box.right <= stage.right && box.top >= stage.top && box.bottom <= stage.bottom;
  };
  const picture = pictures.get(player.figure), first = steps.findIndex((step) => step.phase === "backward");
  for (let i = first; steps[i].phase === "backward"; i += stride) {
    go(i + 1);
    backward += 1;
    const { lit, label } = picture, arrow = picture.arrow(lit.id);
    const seen = arrow ? [label, arrow.ends.source, arrow.ends.target].map((e) => Boolean(e) && inSight(e)) : ["no arrow"];
    if (!seen.every((x) => x === true)) wrong.push([player.position, ...seen]);
    if (backward % 100 === 1) for (const text of document.querySelectorAll(".view .state:not(.off) text")) {
      if (text.textContent) smallest = Math.min(smallest, parseFloat(getComputedStyle(text).fontSize) * camera.zoom);
    }
  }
  return { wrong, smallest, backward };
}"""

# the pairs of texts of different boxes and edges that cover one another
COVERED = """() => {
  const texts = [...document.querySelectorAll(".view .state:not(.off) text")].filter((text) => text.textContent.trim());
  const all = texts.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  const found = [];
  all.sort((a, b) => a.box.left - b.box.left).forEach(({ text, box }, i) => {
    for (const other of all.slice(i + 1)) {
      if (other.box.left >= box.right) break;
      const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
      if (Math.min(box.right, other.box.right) - other.box.left > 2 && down > 4) found.push([text, other.text]);
    }
  });
  return found;
}"""


# [how many labels an edge has of another edge going through them, how many labels there are]
THROUGH = """() => {
  let [through, all] = [0, 0];
  for (const state of document.querySelectorAll(".view:not([hidden]) .state:not(.off)")) {
    const labels = [...state.querySelectorAll(".edge .flow, .edge .count")].filter((text) => text.textContent.trim());
    const paths = [...state.querySelectorAll(".edge > path:not(.tip, .label)")].map((path) => {
      const points = Math.ceil(path.getTotalLength() / 4);
      return { path, points: Array.from({ length: points + 1 }, (_, i) => path.getPointAtLength(4 * i)) };
    });
    for (const label of labels) {
      const { x, y, width, height } = label.getBBox();
      const inside = (point) => point.x > x + 1 && point.x < x + width - 1 && point.y > y + 2 && point.y < y + height - 2;
      through += paths.some(({ path, points }) => path.parentNode !== label.parentNode && points.some(inside));
    }
    all += labels.length;
  }
  return [through, all];
}"""


@pytest.fixture(scope="module", params=[lambda: recurrent(20), wide_mlp, tangle], ids=["recurrent", "mlp", "tangle"])
def large(request):
    return page(cr.trace(request.param()))


@pytest.fixture
def show(browse):
    def show(html, fragment="", **options):
        return browse(html, fragment, **({"viewport": WINDOW, "reduced_motion": "reduce"} | options))

    return show


def test_what_a_step_lights_is_in_sight_and_readable(large, show):
    tab = show(large)
    found = tab.evaluate(WALK, 1 + tab.evaluate("steps.length") // 250)  # a long story is looked at here and there
    assert found["backward"] > 10
    assert found["wrong"] == []
    assert found["smallest"] >= 9.0


def test_no_text_covers_another(large, show):
    tab = show(large)
    for key in "End", "b":
        tab.keyboard.press(key)
        assert tab.evaluate(COVERED) == []


def test_no_edge_goes_through_the_label_of_another(large, show, request):
    """In a tangle of 250 random calls, where curves must cross between columns, few labels stand on a crossing."""
    tab = show(large)
    most = 0.08 if "tangle" in request.node.name else 0
    seen = 0
    for act in "go(steps.length)", "toggleAll()", "go(steps.findIndex((step) => step.phase === 'backward') + 40)":
        tab.evaluate(act)
        through, labels = tab.evaluate(THROUGH)
        assert through <= most * labels
        seen += labels
    assert seen > 10 or "mlp" in request.node.name  # where all edges carry arrays


def test_the_picture_has_most_of_the_window(large, show):
    box = show(large).locator("#picture").bounding_box()
    assert box["width"] * box["height"] >= 0.6 * WINDOW["width"] * WINDOW["height"]


def test_the_page_is_below_two_megabytes(large):
    assert len(large.encode()) < 2_000_000


# ---- frames


@pytest.fixture(scope="module")
def loop():
    return page(cr.trace(recurrent(20)))


def folded(tab):
    return tab.locator(".view .state:not(.off) .group").count()


def test_repeats_are_folded_but_for_the_one_of_the_step(loop, show):
    tab = show(loop)
    assert folded(tab) == 20
    tab.keyboard.press("b")
    tab.keyboard.press("ArrowRight")
    assert folded(tab) == 20  # the loss stands after the loop
    for _ in range(6):
        tab.keyboard.press("ArrowRight")
    assert folded(tab) == 19


def test_a_box_unfolds_and_its_title_folds_it_again(loop, show):
    tab = show(loop)
    tab.click(".state:not(.off) .group[data-focus='repeat 7 of 20']")
    assert folded(tab) == 19
    tab.keyboard.press("ArrowRight")
    assert folded(tab) == 18  # and the one in which the step happens
    tab.locator(".state:not(.off) .cluster[data-focus='repeat 7 of 20'] text").press("Enter")
    assert folded(tab) == 19


def test_a_folded_box_shows_the_numbers_of_its_result(loop, show):
    tab = show(loop)
    tab.evaluate("go(steps.findIndex((step) => step.phase === 'update'))")  # after the last backward step
    card = tab.locator(".state:not(.off) .group[data-focus='repeat 7 of 20']")
    graph = cr.trace(recurrent(20))
    last = graph.nodes[int(card.get_attribute("data-of"))]
    assert (card.locator(".value").text_content(), card.locator(".grad").text_content()) == (
        str(last.value),
        str(last.total),
    )


def test_all_frames_unfold_and_fold(loop, show):
    tab = show(loop)
    for expected in 0, 20:
        tab.click("#fold")
        assert folded(tab) == expected


def test_depth_says_what_is_folded_at_first(show):
    graph = cr.trace(recurrent(9))
    assert [folded(show(page(graph, depth=depth))) for depth in (0, 1)] == [9, 0]


def test_copies_show_the_running_sum_of_their_leaf(loop, show):
    tab = show(loop)
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowLeft")
    tab.click("#fold")
    shown = tab.locator(".state:not(.off) .copy[data-of='0'] .grad").all_text_contents()
    assert len(shown) == 20
    assert set(shown) == {tab.text_content("#n0 .grad")}


def test_the_map_shows_where_the_stage_is_and_leads_there(loop, show):
    tab = show(loop)
    tab.click("#fold")
    tab.mouse.click(*(tab.locator("#map").bounding_box()[k] + 5 for k in ("x", "y")))
    top = tab.evaluate("document.getElementById('stage').scrollTop")
    box = tab.locator("#map").bounding_box()
    tab.mouse.click(box["x"] + 5, box["y"] + box["height"] - 5)
    assert tab.evaluate("document.getElementById('stage').scrollTop") > top + 1000


def test_the_camera_moves_within_a_quarter_of_a_second_and_at_once_where_stillness_is_asked_for(loop, show):
    def moves(wish):
        tab = show(loop, "#step=1", reduced_motion=wish)
        tab.click("#fold")
        tab.keyboard.press("End")
        return tab.evaluate("""(letGo(), (byId('stage').scrollTop = 1e6), go(1),
          player.figure.getAnimations().map((move) => move.effect.getComputedTiming().duration))""")

    assert moves("reduce") == []
    assert moves("no-preference") == [250]


def test_a_reader_who_scrolls_stops_the_camera_where_it_is(loop, show):
    tab = show(loop, "#step=1", reduced_motion="no-preference")
    tab.click("#fold")
    seen = """() => {
      const [stage, end] = [byId("stage"), steps.length];
      letGo();
      stage.scrollTop = 0;
      go(end);
      const goal = stage.scrollTop;
      camera.glide.pause();
      camera.glide.currentTime = GLIDE / 2;
      letGo();
      return [stage.scrollTop / goal, camera.glide];
    }"""
    assert tab.evaluate(seen) == [pytest.approx(0.5, abs=0.02), None]


def test_a_drop_runs_along_the_lit_arrow_from_its_end_to_its_start(loop, show):
    def drop(wish):
        tab = show(loop, reduced_motion=wish)
        tab.keyboard.press("b")
        tab.keyboard.press("ArrowRight")
        return tab.evaluate("""() => {
          const [move] = player.figure.querySelector(".drop").getAnimations();
          if (!move) return null;
          const { path } = pictures.get(player.figure).way();
          const ends = move.effect.getKeyframes().map(({ transform }) => parseFloat(transform.slice(10))).filter((x, i, all) => i === 0 || i === all.length - 1);
          const at = (length) => path.getPointAtLength(length).x;
          return [move.effect.getComputedTiming().iterations === Infinity, ends[0] - ends[1], (at(1e6) - at(0)) * camera.zoom];
        }""")

    assert drop("reduce") is None
    endless, across, arrow = drop("no-preference")
    assert endless
    assert across == pytest.approx(arrow, abs=0.2)


def test_the_inspector_leaves_its_room_to_the_picture(loop, show):
    tab = show(loop)
    before = tab.locator("#stage").bounding_box()["width"]
    tab.click("#details")
    assert tab.locator("#stage").bounding_box()["width"] > before + 200
    assert tab.get_attribute("#details", "aria-expanded") == "false"
