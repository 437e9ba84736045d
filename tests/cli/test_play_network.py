"""The playground's network: the page trains as the Python program does, and settings that make no sense are refused."""

import json
from http.client import HTTPConnection

import numpy as np
import pytest
from browser import violations

import chainrule as cr
from chainrule.backends.base import philox
from chainrule.cli.play import network
from chainrule.graph.page.live import functions
from chainrule.pages.html import asset

STEPS = 25
SETTINGS = {
    "as it opens": {},
    "regularised": dict(dropout=0.3, l1=0.001, l2=0.01, optimizer="sgd", rate=0.1, activation="relu"),
    "deep": dict(data="spiral", layers=[5, 4, 3], activation="gelu", optimizer="adamw"),
    "regression": dict(data="regression", layers=[6], optimizer="rmsprop", init="uniform", noise=0.05),
    "one neuron": dict(data="circles", layers=[], optimizer="nadam", batch=1),
    "lion": dict(data="xor", activation="softplus", optimizer="lion", rate=0.01, batch=7, seed=5),
    "adagrad": dict(data="moons", layers=[3], optimizer="adagrad", init="orthogonal"),
    "adamax": dict(data="moons", layers=[3], optimizer="adamax", activation="elu"),
    "drawn": dict(
        data="own", own=[[0, 0, 0], [1, 1, 1], [-1, 0.5, 0], [0.5, -1, 1], [0.2, 0.1, 1]], optimizer="adadelta"
    ),
}


def program(made):
    """The names of the program that the page shows, run but for its loop."""
    names = {"__name__": "page"}
    exec(made["source"], names)
    return names


@pytest.fixture
def trainer(browse):
    """A function that trains in the page: (the weights after some steps, the last loss, all losses as the page sees them)."""
    scripts = (
        asset("chainrule.pages", "numbers.js") + functions() + asset("chainrule.graph.page", "arrays.js", "replay.js")
    )
    tab = browse(
        f"<!doctype html><title>t</title><script>{scripts}{asset('chainrule.cli.play', 'trainer.js')}</script>"
    )

    def train(made):
        return tab.evaluate(
            """([made, steps, grid]) => {
              const trainer = new Trainer(made);
              let loss;
              for (let i = 0; i < steps; i++) loss = trainer.train(made.settings.rate);
              const seen = trainer.see({ shape: [grid.length, 2], dtype: "float32", data: Float64Array.from(grid.flat()) });
              return [[...trainer.flat()], loss, [...seen.losses], [...seen.score]];
            }""",
            [made, STEPS, network._grid().tolist()],
        )

    return train


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_page_trains_as_the_program_does(settings, trainer):
    made = network.made(settings)
    weights, loss, losses, scores = trainer(json.loads(json.dumps(made)))
    names = program(made)
    model, x, y = names["model"].train(), names["x"], names["y"]
    for rows in names["order"][:STEPS]:
        last = names["step"](x[rows], y[rows])
    ours = np.concatenate([p.numpy().ravel() for p in model.parameters()])
    np.testing.assert_allclose(weights, ours, rtol=1e-4, atol=1e-5)
    assert loss == pytest.approx(last.item(), rel=1e-4, abs=1e-6)
    model.eval()
    score = model(x)
    each = (score - y) ** 2 if made["regression"] else cr.nn.bce_with_logits(score, y, reduction="none")
    np.testing.assert_allclose(losses, each.numpy().ravel(), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(scores, model(network._grid()).numpy().ravel(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("optimizer", network.OPTIONS["optimizer"])
def test_each_optimiser_can_be_recorded(optimizer):
    assert network.made({"optimizer": optimizer})["step"]["stores"]


@pytest.mark.parametrize("activation", network.OPTIONS["activation"])
def test_each_activation_can_be_recorded(activation):
    assert network.made({"activation": activation, "layers": [2]})["look"]["returned"]


@pytest.mark.parametrize("data", [d for d in network.OPTIONS["data"] if d != "own"])
def test_points_lie_on_the_map(data):
    made = network.made({"data": data, "noise": 0.0})
    assert abs(np.array(made["x"])).max() <= network.EDGE
    assert made["n"] == 150
    assert made["regression"] == (data == "regression")


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"layers": [0]}, "layers: at most"), ({"layers": ["six"]}, r"not \['six'\]"), ({"layers": [None]}, "layers: at most"),
      ({"layers": [4] * 7}, "layers: at most"), ({"rate": 0}, "rate must be from"),
     ({"rate": float("nan")}, "rate must be from"), ({"data": "mons"}, "'moons'"), ({"own": [], "data": "own"}, "4 to 600"),
     ({"own": [[0, 0, float("inf")]] * 5, "data": "own"}, "4 to 600"), ({"nois": 1}, "no setting 'nois'"),
     ({"activation": "__import__('os')"}, "unknown activation"), ({"noise": "0); import os"}, "noise must be")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(cr.ArgumentError, match=said):
        network.made(settings)


def test_an_example_is_the_graph_of_its_loss_with_these_weights():
    made = network.made({"layers": [2]})
    weights = [0.1 * i for i in range(len(made["start"]))]
    found = network.example(made["settings"], weights, 3)
    assert found["page"].startswith("<!doctype html>")
    assert (found["outputs"], found["weights"]) == ([2, 4, 7], [0, 5])
    with pytest.raises(cr.ArgumentError, match="9 weights; 3 were given"):
        network.example(made["settings"], weights[:3], 3)


def test_the_words_of_a_stream_are_those_of_numpy_but_for_the_last_bits(trainer, browse):
    got = browse.tab.evaluate("[0, 1, 2, 3, 5, 8, 1e6].flatMap((start) => [...words(7n, start, 6)].map(String))")
    wanted = np.concatenate([philox(7, start, 6) for start in (0, 1, 2, 3, 5, 8, 10**6)])
    assert [int(float(word)) for word in got] == [int(word) >> 11 << 11 for word in wanted]


# ---- the server


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [("/made", {"settings": {"layers": [3]}}, 200, '"step"'), ("/made", {"settings": {"layers": [99]}}, 200, '"error"'), ("/made", 3, 400, "not what"),
     ("/example", {"settings": {}}, 400, "not what"), ("/else", {}, 404, "no such")],
)  # fmt: skip
def test_what_is_posted_is_answered(path, body, status, said, server):
    connection = HTTPConnection(*server.server_address)
    connection.request("POST", f"{path}?token={server.token}", json.dumps(body))
    answer = connection.getresponse()
    assert (answer.status, said in answer.read().decode()) == (status, True)


def test_without_the_token_nothing_is_made(server):
    connection = HTTPConnection(*server.server_address)
    connection.request("POST", "/made?token=x", "{}")
    assert connection.getresponse().status == 403


# ---- the page


@pytest.fixture
def alone(browse):
    """The network's page as it stands in the file."""
    return browse(network.shell(static=True))


def test_running_it_makes_the_loss_fall(alone):
    before = float(alone.inner_text("#train-loss"))
    alone.click("#run")
    while alone.evaluate("trainer.steps") < 60:
        alone.wait_for_timeout(20)
    alone.click("#run")
    alone.click("#step")
    assert float(alone.inner_text("#train-loss")) < before
    assert int(alone.inner_text("#state").split()[0]) == alone.evaluate("trainer.steps") > 60


def test_starting_again_starts_from_the_same_weights(alone):
    alone.click("#step")
    after = alone.evaluate("[...trainer.flat()]")
    alone.click("#reset")
    assert alone.inner_text("#state") == "0 steps"
    alone.click("#step")
    assert alone.evaluate("[...trainer.flat()]") == after


def test_a_frame_ends_when_its_budget_is_spent_and_lines_have_one_of_their_own(alone):
    """Steps and looks are gone through in parts, so that no network is too large for a frame."""
    frames = alone.evaluate(
        """async () => {
          const frames = [];
          let now = 0;
          performance.now = () => { // each time somebody looks, a millisecond has passed
            frames.at(-1)?.push("part");
            return (now += 1);
          };
          const drawn = drawNetwork;
          drawNetwork = () => (frames.at(-1).push("lines"), drawn());
          const begun = requestAnimationFrame;
          window.requestAnimationFrame = (f) => begun((at) => (frames.push([]), f(at)));
          document.getElementById("run").click();
          while (frames.flat().filter((part) => part === "lines").length < 2) await new Promise((done) => setTimeout(done, 20));
          window.requestAnimationFrame = begun;
          return [BUDGET, frames.slice(0, -1)];
        }"""
    )
    budget, frames = frames
    assert max(len(frame) for frame in frames) == budget + 1
    assert {tuple(frame) for frame in frames if "lines" in frame} == {("part", "lines")}
    alone.click("#run")
    assert alone.evaluate("curve.at(-1)[0] === trainer.steps && seen.losses.length === trainer.x.length")


def test_the_map_shows_what_a_neuron_says_while_it_is_pointed_at(alone):
    image = "document.getElementById('map').toDataURL()"
    network = alone.evaluate(image)
    alone.hover("#wires .neuron >> nth=3")
    assert alone.inner_text("#picked").startswith("layer 1, neuron 2, bias 0")
    assert alone.evaluate(image) != network
    alone.hover("h1")
    assert alone.evaluate(image) == network


def test_a_wire_says_its_weight_and_its_gradient(alone):
    alone.click("#step")
    middle = "(({ from, to }) => ({ x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 }))(wires[0])"
    alone.hover("#wires", position=alone.evaluate(middle))
    weight = alone.evaluate("tidy(trainer.flat()[wires[0].place])")
    gradient = alone.evaluate("tidy(trainer.last[trainer.step.gradients[0]].data[0])")
    said = f"weight from x1 to layer 1, neuron 1: {weight}, gradient of the last batch {gradient}"
    assert alone.inner_text("#picked") == said


def test_a_point_is_chosen_by_a_click_and_by_arrow_keys(alone):
    alone.click("#map", position=alone.evaluate("({ x: across(trainer.x[7][0]), y: down(trainer.x[7][1]) })"))
    assert alone.inner_text("#chosen").startswith("Point 8 at (")
    alone.focus("#map")
    alone.keyboard.press("ArrowLeft")
    assert alone.evaluate("chosen !== 7 && trainer.x[chosen][0] < trainer.x[7][0]")
    assert alone.inner_text("#chosen").startswith(f"Point {alone.evaluate('chosen') + 1} at (")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("1,-2,0", [1, -2, 0]), ("0,5;-1,5;1", [0.5, -1.5, 1]), ("1\t2\t1", [1, 2, 1]), ('"1", "2",1', [1, 2, 1]), ("1,,1", [1, None, 1]),
     ("x1,x2,y", [None] * 3), ("", [None])],
)  # fmt: skip
def test_a_line_of_a_file_is_read_as_spreadsheets_write_it(line, wanted, alone):
    got = alone.evaluate("(line) => numbersOf(line).map((x) => (Number.isNaN(x) ? null : x))", line)
    assert got == wanted


def test_escape_closes_the_window_over_the_page(alone):
    alone.evaluate("show('An example', null, page.source)")
    alone.keyboard.press("Escape")
    assert not alone.is_visible("#window")


def test_numbers_that_are_none_are_drawn_and_said(alone):
    alone.evaluate("trainer.state.forEach(({ data }) => data?.fill(NaN))")
    alone.click("#run")
    alone.locator("#state", has_text="no number any more").wait_for()
    assert alone.get_attribute("#run", "aria-pressed") == "false"
    assert alone.inner_text("#state").count("smaller learning rate") == 1


def test_the_python_is_the_program(alone):
    alone.click("#python")
    assert "optimizer = cr.optim.Adam(model.parameters(), lr=0.03)" in alone.inner_text("#program")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_no_findings_of_axe(theme, browse):
    assert violations(browse(network.shell(static=True), color_scheme=theme)) == []
