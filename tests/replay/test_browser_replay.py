"""The page of a training run in a browser: what it shows at each snapshot, and how one moves through them."""

import base64

import numpy as np
import pytest
from browser import by_tab, stop_clock, violations
from training import data, train

import chainrule as cr
from chainrule import nn, optim

LAST = 9  # the last snapshot: three epochs of three steps, and the snapshot before the first


@pytest.fixture(scope="module")
def history():
    return train(3, callbacks=cr.Replay(), validation=data(), metrics="accuracy")[1]


@pytest.fixture(scope="module")
def saved(history, tmp_path_factory):
    return history.save(tmp_path_factory.mktemp("replay") / "run.html")


@pytest.fixture
def replay(browse, saved):
    """A function that shows the page of `history`, and returns the tab."""

    def show(fragment="", **options):
        return browse(saved, fragment, **options)

    return show


def snapshot(tab):
    return int(tab.evaluate("document.body.dataset.snapshot"))


# ---- from snapshot to snapshot


def test_arrows_home_and_end_move_through_the_moments(replay):
    tab = replay()
    seen = [snapshot(tab)]
    for key in "ArrowRight ArrowRight ArrowLeft End ArrowRight Home ArrowLeft".split():
        tab.keyboard.press(key)
        seen.append(snapshot(tab))
    assert seen == [0, 1, 2, 1, LAST, LAST, 0, 0]


def test_buttons_and_scrubber_do_what_the_keys_do(replay):
    tab = replay()
    seen = []
    for name in "Last snapshot", "Previous snapshot", "First snapshot", "Next snapshot":
        tab.get_by_role("button", name=name).click()
        seen.append(snapshot(tab))
    tab.get_by_role("slider", name="Snapshot of the run").fill("5")
    assert [*seen, snapshot(tab)] == [LAST, LAST - 1, 0, 1, 5]


def test_space_plays_and_pauses(replay):
    tab, seen = replay("#snapshot=3"), []
    stop_clock(tab)
    for key in " ", None, " ", None:
        tab.keyboard.press(key) if key else tab.evaluate("tick()")
        seen.append((snapshot(tab), tab.inner_text("#play")))
    assert seen == [(3, "Pause"), (4, "Pause"), (4, "Play"), (4, "Play")]


def test_playing_ends_at_the_last_moment_and_begins_again_from_the_first(replay):
    tab = replay(f"#snapshot={LAST - 1}")
    stop_clock(tab)
    tab.click("#play")
    tab.evaluate("tick(); tick()")
    assert (snapshot(tab), tab.inner_text("#play")) == (LAST, "Play")
    tab.click("#play")
    assert (snapshot(tab), tab.inner_text("#play")) == (0, "Pause")


def test_a_link_leads_to_its_moment_and_the_address_follows(replay):
    tab = replay("#snapshot=4")
    assert snapshot(tab) == 4
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("location.hash") == "#snapshot=5"
    tab.evaluate("location.hash = '#snapshot=2'")
    tab.locator("body[data-snapshot='2']").wait_for()


@pytest.mark.parametrize(("fragment", "place"), [("#snapshot=99", LAST), ("#snapshot=x", 0), ("#other", 0)])
def test_a_link_to_no_moment_does_no_harm(replay, fragment, place):
    assert snapshot(replay(fragment)) == place


def test_a_click_in_a_chart_goes_to_the_moment_there(replay):
    tab = replay()
    box = tab.locator("#loss svg").first.bounding_box()
    tab.mouse.click(box["x"] + box["width"] - 15, box["y"] + 50)
    assert snapshot(tab) == LAST


def test_the_picture_fits_the_panel_where_that_is_wanted(replay):
    tab = replay()
    overflow = (
        "(() => { const box = document.querySelector('#graph .picture'); return box.scrollWidth - box.clientWidth; })()"
    )
    assert tab.evaluate(overflow) > 0
    tab.click("#fit")
    assert tab.get_attribute("#fit", "aria-pressed") == "true"
    assert tab.evaluate(overflow) == 0


# ---- what a snapshot shows


def test_each_moment_is_spoken_with_its_numbers(replay, history):
    tab, count = replay(), len(data()[1])
    for i, snapshot in enumerate(history.snapshots):
        wrong = np.frombuffer(base64.b64decode(snapshot["outputs"]["wrong"]), np.uint8)
        right = count - int(np.unpackbits(wrong).sum())
        spoken = tab.text_content("[aria-live]")
        assert spoken.startswith(f"Snapshot {i} of {LAST}: ")
        assert spoken.endswith(f"{100 * right / count:.1f} % correct")
        assert f"{right} of {count} examples correct" in tab.get_attribute("canvas", "aria-label")
        tab.keyboard.press("ArrowRight")


def test_the_loss_shown_at_the_end_is_the_models(browse, tmp_path):
    model, history = train(3, callbacks=cr.Replay())
    tab = browse(history.save(tmp_path / "run.html"), f"#snapshot={LAST}")
    x, y = data()
    loss = nn.cross_entropy(model.eval()(cr.tensor(x)), cr.tensor(y)).item()
    assert float(tab.inner_text("#facts dt:has-text('Loss') + dd")) == pytest.approx(loss, rel=0.005)


def test_the_graph_shows_the_numbers_of_each_moment(replay, history):
    tab, nodes = replay(), history.snapshot_info["graph"]["nodes"]
    for snapshot in history.snapshots:
        drawn = tab.evaluate("""() => Object.fromEntries([...document.querySelectorAll("#graph .node")].map((node) =>
            [node.id.slice(1), ["value", "grad"].map((name) => node.querySelector(`.${name}`)?.textContent)]))""")
        for i, node in enumerate(nodes):
            for name, text in zip(("value", "grad"), drawn.get(str(node["id"]), ()), strict=False):
                assert text in (None, "".join(snapshot["graph"][name][i] or "—"))
        assert sum(text is not None for texts in drawn.values() for text in texts) > len(nodes)
        tab.keyboard.press("ArrowRight")


def test_the_layers_table_shows_the_norms(replay, history):
    tab = replay(f"#snapshot={LAST}")
    cells = tab.locator("#layers tbody td").all_text_contents()
    numbers = [float(cells[i]) for i in (0, 1, 3, 4)]
    assert numbers == pytest.approx([n for layer in history.snapshots[-1]["layers"] for n in layer], rel=0.06)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_canvas_shows_the_two_classes(replay, scheme):
    tab = replay(f"#snapshot={LAST}", color_scheme=scheme)
    blue, red, all_pixels = tab.evaluate("""() => {
        const canvas = document.querySelector("canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let blue = 0, red = 0;
        for (let i = 0; i < data.length; i += 4) {
          if (data[i + 2] > data[i] + 20) blue += 1;
          if (data[i] > data[i + 2] + 20) red += 1;
        }
        return [blue, red, data.length / 4];
      }""")
    assert min(blue, red) > 0.1 * all_pixels


def test_the_page_says_what_to_look_for(replay):
    tab = replay()
    said = tab.inner_text("#look")
    for words in ("Pull the slider", "The loss should fall", "border", "shaded band", "graph of one example"):
        assert words in said


def test_before_the_first_step_no_layer_is_blamed_and_the_band_has_a_name(replay):
    tab = replay("#snapshot=0")
    assert set(tab.locator("#layers td:last-child").all_inner_texts()) == {"no step yet"}
    assert "about right" in tab.locator("#layers .chart >> nth=1").locator("text").all_text_contents()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_other_runs_are_asked_about_and_shown_when_they_are_wanted(browse, tmp_path, scheme):
    history = cr.History({"epoch": i, "loss": 1 / i} for i in (1, 2, 4))
    others = {
        "rate × 3": cr.History({"epoch": i, "loss": 2 / i} for i in (1, 2, 4)),
        "rate × 9": cr.History([{"epoch": 1, "loss": 5.0}, {"epoch": 2, "loss": float("nan")}]),
    }
    tab = browse(history.save(tmp_path / "run.html", others=others), color_scheme=scheme)
    lines = tab.locator("#loss .chart .line")
    assert (lines.count(), tab.inner_text("#others [role=status]")) == (1, "")
    tab.get_by_role("button", name="rate × 3").click()
    assert (lines.count(), tab.inner_text("#others [role=status]")) == (
        2,
        "rate × 3: the loss ends at 0.5, here at 0.25.",
    )
    tab.get_by_role("button", name="rate × 9").click()
    assert tab.inner_text("#others [role=status]").endswith("rate × 9: from epoch 2 on the loss is no number any more.")
    assert tab.locator("#loss .legend li:visible").count() == 3
    assert violations(tab) == []
    for name in others:
        tab.get_by_role("button", name=name).click()
    assert (lines.count(), tab.inner_text("#others [role=status]")) == (1, "")


def test_without_other_runs_nothing_is_asked(replay):
    assert not replay().locator("#others").is_visible()


def test_a_row_of_the_table_brings_out_its_lines(replay):
    tab = replay()
    tab.hover("#layers tbody tr >> nth=0")
    assert tab.locator("#layers .line.faded").count() == 2  # the other layer's, in both charts
    tab.hover("h1")
    assert tab.locator("#layers .faded").count() == 0


def test_numbers_are_predicted_over_the_plane_too(browse, tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 2)).astype("f")
    model = nn.MLP([2, 4, 1])
    optimizer = optim.Adam(model.parameters())
    history = cr.fit(model, nn.mse, optimizer, (x, x[:, :1]), 1, callbacks=cr.Replay(), verbose=0)
    tab = browse(history.save(tmp_path / "run.html"))
    assert tab.inner_text("#plane h2") == "Prediction over the two inputs"
    assert tab.locator("#facts dt", has_text="Correct").count() == 0


def test_a_history_without_replay_says_how_to_see_more(browse, tmp_path):
    tab = browse(train(3)[1].save(tmp_path / "run.html"))
    assert "callbacks=[cr.Replay()]" in tab.inner_text("main")
    visible = [name for name in ("loss", "plane", "layers", "graph") if tab.is_visible(f"#{name}")]
    assert visible == ["loss"]
    tab.keyboard.press("End")
    assert snapshot(tab) == 2


def test_a_part_that_is_missing_says_why(browse, tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("f")
    model = nn.MLP([3, 4, 1])
    callbacks, optimizer = cr.Replay(follow=None), optim.Adam(model.parameters())
    history = cr.fit(model, nn.mse, optimizer, (x, x[:, :1]), 1, callbacks=callbacks, verbose=0)
    text = browse(history.save(tmp_path / "run.html")).inner_text("main")
    assert "this one has 3 inputs" in text
    assert "no example is followed" in text


def test_strange_titles_and_metrics_are_text(browse, tmp_path):
    name = "<script>alert(1)</script></script><img src=x onerror=alert(1)>&lt;\"'`\u2028🦊"
    history = train(1, callbacks=cr.Replay(), validation=data(), metrics={name: cr.metrics.accuracy})[1]
    tab = browse(history.save(tmp_path / "run.html", title=name))
    assert tab.text_content("h1") == name
    assert f"val_{name}" in tab.text_content("#columns")
    assert tab.locator("img").count() == 0


# ---- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(replay, scheme):
    tab = replay("#snapshot=3", color_scheme=scheme)
    tab.click("summary")
    assert violations(tab) == []


def test_everything_can_be_reached_by_tab_and_the_focus_is_seen(replay):
    operable, unreached, unseen = by_tab(replay("#snapshot=3"))
    assert operable > 9
    assert (unreached, unseen) == ([], [])


def test_a_telephone_shows_the_page_without_scrolling_sideways(replay):
    tab = replay(viewport={"width": 360, "height": 700})
    assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_nothing_moves_by_itself(replay):
    tab = replay("#snapshot=3", reduced_motion="reduce")
    tab.click("#next")
    assert tab.evaluate("document.getAnimations().length") == 0
