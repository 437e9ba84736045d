"""What a replay sees at each snapshot: layers, outputs, the plane of inputs, the graph of one example."""

import re
from functools import partial

import numpy as np
import pytest
from recording import Each, recorded, unpacked
from training import At, Line, data

import chainrule as cr
from chainrule import nn, optim
from chainrule.graph.values import values
from chainrule.replay.outputs import Reading
from chainrule.replay.page import page

INF = float("inf")


# ---- layers


def test_the_norms_are_those_of_gradient_and_update():
    weights = Each(lambda run: [p.numpy().astype(float) for p in run.model.parameters()])
    gradients = Each(
        lambda run: [p.grad if p.grad is None else p.grad.numpy().astype(float) for p in run.model.parameters()]
    )
    _, history = recorded(2, [weights, gradients, cr.Replay()])
    norm = lambda arrays: np.sqrt(sum((a**2).sum() for a in arrays))
    for snapshot in history.snapshots[1:]:
        before, after, g = (
            weights.seen[snapshot["steps"] - 1],
            weights.seen[snapshot["steps"]],
            gradients.seen[snapshot["steps"]],
        )
        for layer, (gradient, ratio) in enumerate(snapshot["layers"]):
            own = slice(2 * layer, 2 * layer + 2)  # weight and bias
            assert gradient == pytest.approx(norm(g[own]), rel=1e-12)
            change = [a - b for a, b in zip(after[own], before[own], strict=True)]
            assert ratio == pytest.approx(norm(change) / norm(before[own]), rel=1e-5)  # weights are float32


def test_before_the_first_step_there_are_no_gradients():
    assert recorded(1)[1].snapshots[0]["layers"] is None


def test_the_end_of_a_run_has_its_update_ratio_also_where_it_is_between_two_moments():
    last = recorded(4, cr.Replay(every=5))[1].snapshots[-1]
    assert last["steps"] == 12
    assert all(ratio > 0 for _, ratio in last["layers"])


def test_layers_are_named_by_path_and_class():
    assert recorded(1)[1].snapshot_info["layers"] == [
        {"name": "layers.0", "kind": "Linear"},
        {"name": "layers.1", "kind": "Linear"},
    ]


def test_a_frozen_layer_has_no_gradient():
    cr.random.seed(0)
    model = nn.MLP([2, 4, 2])
    for p in model.layers[0].parameters():
        p.requires_grad = False
    optimizer = optim.SGD(model.layers[1].parameters(), lr=0.1)
    history = cr.fit(model, nn.cross_entropy, optimizer, data(), 1, callbacks=cr.Replay(), verbose=0)
    assert history.snapshots[1]["layers"][0] == [None, 0.0]


def test_weights_that_are_all_zero_have_no_ratio():
    model = Line(0.0)
    x = np.ones((4, 1), "f")
    history = cr.fit(model, nn.mse, optim.SGD(model.parameters(), lr=0.1), (x, x), 1, callbacks=cr.Replay(), verbose=0)
    assert history.snapshots[1]["layers"] == [[2.0, None]]


# ---- outputs and plane


def plane_of(model, x, y, loss, code=np.uint8, **options):
    """(the model's outputs on the grid, the codes of the grid) before any training."""
    history = cr.fit(
        model, loss, optim.SGD(model.parameters(), lr=1e-9), (x, y), 1, callbacks=cr.Replay(**options), verbose=0
    )
    plane = history.snapshot_info["plane"]
    axes = [np.linspace(*plane[name], plane["grid"]) for name in "xy"]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2).astype("f")
    codes = unpacked(history.snapshots[0]["plane"], code)
    return cr.predict(model, cr.tensor(grid)).numpy(), codes, history


def test_two_classes_are_told_apart_at_the_boundary():
    x, y = data()
    cr.random.seed(0)
    outputs, codes, _ = plane_of(nn.MLP([2, 8, 1]), x, y[:, None].astype("f"), nn.bce_with_logits)
    assert ((codes > 127.5) == (outputs[:, 0] > 0)).all()
    assert 0 < (codes > 127.5).mean() < 1


def test_the_code_of_two_classes_holds_the_probability():
    x, y = data()
    cr.random.seed(1)
    outputs, codes, _ = plane_of(nn.MLP([2, 8, 2]), x, y, nn.cross_entropy)
    root = codes / 127.5 - 1
    p = (1 + root * np.abs(root)) / 2
    np.testing.assert_allclose(p, 1 / (1 + np.exp(outputs[:, 0] - outputs[:, 1])), atol=1 / 127)


def test_the_code_of_more_classes_holds_the_likeliest():
    x, y = data()
    cr.random.seed(1)
    outputs, codes, history = plane_of(nn.MLP([2, 8, 5]), x, y, nn.cross_entropy, grid=20)
    assert (codes % 5 == outputs.argmax(axis=1)).all()
    assert len(codes) == 400
    assert history.snapshot_info["outputs"]["classes"] == 5


def test_the_code_of_a_number_is_its_place_on_the_scale():
    x, _ = data()
    cr.random.seed(1)
    outputs, codes, history = plane_of(nn.Linear(2, 1), x, x[:, :1] - x[:, 1:], nn.mse, "<u2")
    low, high = history.snapshot_info["outputs"]["scale"]
    np.testing.assert_allclose(low + codes / 65535 * (high - low), outputs[:, 0].clip(low, high), atol=1e-4)


def test_predictions_that_are_not_finite_have_no_plane():
    class Broken(nn.Linear):
        def forward(self, x):
            return super().forward(x) / (len(x) < 1000)

    x, model = data()[0], Broken(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with np.errstate(all="ignore"):
        history = cr.fit(model, nn.mse, optimizer, (x, x[:, :1]), 1, callbacks=cr.Replay(), verbose=0)
    assert [snapshot["plane"] for snapshot in history.snapshots] == [None] * 3
    assert history.snapshot_info["notes"] == {}


@pytest.mark.filterwarnings("error")
def test_a_run_that_diverges_is_recorded_without_warnings_until_its_end():
    replay = cr.Replay()
    model = nn.MLP([2, 4, 2])
    x, y = data()
    overflow = At(lambda: model.layers[0].weight.assign(model.layers[0].weight.numpy() * np.float32(INF)), step=2)
    with np.errstate(all="ignore"), pytest.raises(cr.GraphError):
        cr.fit(
            model,
            nn.cross_entropy,
            optim.SGD(model.parameters(), 0.1),
            (x, y),
            4,
            batch_size=None,
            callbacks=[overflow, replay],
            verbose=0,
        )
    assert [snapshot["outputs"]["wrong"] is None for snapshot in replay.snapshots] == [False, False, True]
    assert [snapshot["plane"] is None for snapshot in replay.snapshots] == [False, False, True]


def curve_of(model, x, y, loss):
    """(the model's outputs along its input, the height of the curve there, its scene) before any training."""
    options = {"callbacks": cr.Replay(), "verbose": 0}
    history = cr.fit(model, loss, optim.SGD(model.parameters(), lr=1e-9), (x, y), 1, **options)
    plane = history.snapshot_info["plane"]
    heights = unpacked(history.snapshots[0]["plane"], "<u2") / 65535
    low, high = plane["y"]
    inputs = np.linspace(*plane["x"], len(heights))[:, None].astype("f")
    return cr.predict(model, cr.tensor(inputs)).numpy(), low + heights * (high - low), plane


def test_numbers_over_one_input_are_a_curve():
    x = np.linspace(-2, 2, 30)[:, None].astype("f")
    outputs, curve, plane = curve_of(nn.Linear(1, 1), x, x**2, nn.mse)
    assert plane["kind"] == "curve"
    np.testing.assert_allclose(curve, outputs[:, 0].clip(*plane["y"]), atol=1e-4)
    assert plane["points"][0] == [-2, 4, 4]


def test_two_classes_over_one_input_are_a_curve_of_probability():
    x = np.linspace(-2, 2, 30)[:, None].astype("f")
    outputs, curve, plane = curve_of(nn.Linear(1, 1), x, (x > 0).astype("f"), nn.bce_with_logits)
    np.testing.assert_allclose(curve, 1 / (1 + np.exp(-outputs[:, 0])), atol=1e-4)
    assert plane["points"][-1] == [2, 1, 1]


def test_a_model_of_other_inputs_has_no_plane_and_a_note():
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("f")
    model = nn.MLP([3, 4, 2])
    history = cr.fit(
        model,
        nn.cross_entropy,
        optim.Adam(model.parameters()),
        (x, np.arange(20) % 2),
        1,
        callbacks=cr.Replay(),
        verbose=0,
    )
    assert history.snapshot_info["notes"] == {
        "plane": "it is drawn for models of one or two inputs; this one has 3 inputs"
    }
    assert "plane" not in history.snapshots[0]


def test_wrong_examples_and_the_loss_are_those_of_the_model():
    x, y = data()
    model, history = recorded(3)
    prediction = cr.predict(model, cr.tensor(x))
    last = history.snapshots[-1]["outputs"]
    wrong = prediction.numpy().argmax(axis=1) != y
    assert 0 < wrong.sum() < 40
    assert np.unpackbits(unpacked(last["wrong"]))[:40].tolist() == wrong.tolist()
    assert last["loss"] == pytest.approx(nn.cross_entropy(prediction, cr.tensor(y)).item())


def test_of_many_examples_some_are_looked_at_the_followed_one_among_them():
    x, y = data(3000)
    model = nn.MLP([2, 4, 2])
    batches = cr.data.Batches(x, y, batch_size=None)
    history = cr.fit(
        model,
        nn.cross_entropy,
        optim.Adam(model.parameters()),
        batches,
        1,
        callbacks=cr.Replay(follow=1234),
        verbose=0,
    )
    points, followed = history.snapshot_info["plane"]["points"], history.snapshot_info["plane"]["followed"]
    assert len(points) == 401
    assert points[followed] == [*x[1234].tolist(), y[1234]]


def test_data_that_only_yields_batches_is_looked_at_through_the_validation_data():
    x, y = data(30)
    _, history = recorded(1, batches=[(x, y)], validation=(x[:10], y[:10]))
    assert history.snapshot_info["outputs"]["source"] == "the validation data 'val'"
    assert history.snapshot_info["outputs"]["examples"] == 10


def test_data_that_only_yields_batches_leaves_the_layers():
    x, y = data(30)
    _, history = recorded(1, batches=[(x, y)])
    assert "the data only yields batches" in history.snapshot_info["notes"]["outputs"]
    assert len(history.snapshots[-1]["layers"]) == 2
    assert history.snapshots[-1].keys() == {"epoch", "step", "epoch_steps", "steps", "layers"}


READINGS = {  # what, scores, y, what the loss expects -> kind, classes, wrong
    "one logit": ([[-1.0], [2.0], [0.2]], [[0.0], [1.0], [0.0]], "logits", ("classes", 2, [0, 0, 1])),
    "one probability": ([[0.1], [0.9], [0.4]], [[0], [1], [1]], "probabilities", ("classes", 2, [0, 0, 1])),
    "a number against 0 and 1": ([0.1, 0.9, 0.4], [0.0, 1.0, 1.0], "values", ("classes", 2, [0, 0, 1])),
    "labels -1 and 1": ([[-3.0], [0.5], [-0.1]], [[-1.0], [1.0], [1.0]], None, ("classes", 2, [0, 0, 1])),
    "scores of three classes": ([[3.0, 1, 0], [0, 1, 5], [0, 1, 0]], [0, 2, 0], "logits", ("classes", 3, [0, 0, 1])),
    "one column for each class": ([[3.0, 1], [0, 1], [0, 1]], [[1.0, 0], [0, 1], [1, 0]], None, ("classes", 2, [0, 0, 1])),
    "probabilities, a loss of one's own": ([[0.2], [0.7], [0.6]], [[0], [1], [0]], None, ("classes", 2, [0, 0, 1])),
    "logits, a loss of one's own": ([[-0.2], [0.7], [1.6]], [[0], [1], [0]], None, ("classes", 2, [0, 0, 1])),
    "numbers": ([[0.1], [0.9], [0.4]], [[0.5], [1.5], [7.0]], "values", ("regression", None, None)),
    "two numbers each": ([[0.1, 2.0], [0.9, 1.0]], [[0.5, 3.0], [1.5, -1.0]], "values", (None, None, None)),
}  # fmt: skip


@pytest.mark.parametrize("what", READINGS)
def test_outputs_are_read_as_what_they_are(what):
    scores, y, expects, (kind, classes, wrong) = READINGS[what]
    reading = Reading(np.array(scores), np.array(y), expects)
    assert (reading.kind, reading.classes) == (kind, classes)
    if kind == "classes":
        assert reading.wrong(np.array(scores)).tolist() == wrong


SAYS = {  # scores, y, what the loss expects -> what a curve of them shows
    "a logit": ([[-1.0], [2.0]], [[0.0], [1.0]], "logits", "probability of class 1"),
    "a probability": ([[0.2], [0.7]], [[0.0], [1.0]], "probabilities", "probability of class 1"),
    "two logits": ([[-1.0, 0.5], [2.0, 1.0]], [0, 1], "logits", "probability of class 1"),
    "a number against 0 and 1": ([[0.2], [0.7]], [[0.0], [1.0]], "values", "output, cut off at 0 (class 0) and 1 (class 1)"),
    "labels -1 and 1": ([[-3.0], [0.5]], [[-1.0], [1.0]], None, "output, cut off at −1 (class 0) and 1 (class 1)"),
    "a number": ([[0.2], [0.7]], [[0.5], [7.0]], "values", "prediction"),
    "three classes": ([[1.0, 2, 3], [2, 1, 0]], [2, 0], "logits", None),
}  # fmt: skip


@pytest.mark.parametrize("what", SAYS)
def test_only_a_probability_is_called_one(what):
    scores, y, expects, says = SAYS[what]
    assert Reading(np.array(scores), np.array(y), expects).label == says


def test_more_classes_than_there_are_codes_for_are_not_read():
    reading = Reading(np.zeros((3, 129)), np.array([0, 5, 128]), "logits")
    assert (reading.kind, reading.classes, reading.truth) == (None, None, None)


def test_a_loss_of_ones_own_says_what_it_expects():
    x, y = data()

    class Hinge(nn.Module):
        expects = "logits"

        def forward(self, prediction, y):
            return cr.relu(1 - (2 * y - 1) * prediction).mean()

    history = plane_of(nn.Linear(2, 1), x, y[:, None].astype("f"), partial(Hinge()))[-1]
    assert history.snapshot_info["loss"] == "Hinge"
    assert history.snapshot_info["outputs"]["label"] == "probability of class 1"


def test_a_loss_that_expects_what_there_is_not_is_named_in_the_notes():
    def wrong(prediction, y):
        return nn.mse(prediction, y)

    wrong.expects = "scores"
    (x, y), model = data(), nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = cr.fit(model, wrong, optimizer, (x, y[:, None].astype("f")), 1, callbacks=cr.Replay(), verbose=0)
    assert "unknown kind of outputs that a loss expects 'scores'" in history.snapshot_info["notes"]["outputs"]


# ---- the graph of one example


@pytest.mark.parametrize("follow", [0, 7])
def test_the_numbers_of_the_graph_are_the_engines(follow):
    x, y = data()
    model, history = recorded(3, cr.Replay(follow=follow))
    for p in model.parameters():
        p.grad = None
    loss = nn.cross_entropy(model(cr.tensor(x[follow : follow + 1])), cr.tensor(y[follow : follow + 1]))
    loss.backward()
    scene, last = history.snapshot_info["graph"], history.snapshots[-1]["graph"]
    shown = {node["label"]: i for i, node in enumerate(scene["nodes"])}
    cells = lambda tensor: [cell for row in values(tensor.numpy()).rows() for cell in row]
    for name, p in model.named_parameters():
        assert last["value"][shown[name]] == cells(p)
        assert last["grad"][shown[name]] == cells(p.grad)
    assert last["value"][shown["loss"]] == cells(loss)


def test_the_picture_has_a_place_for_each_number():
    history = recorded(1)[1]
    scene, svg = history.snapshot_info["graph"], page(history)
    assert all(f'id="n{node["id"]}"' in svg for node in scene["nodes"])
    assert all(f'id="e{edge}"' in svg for edge in scene["edges"])


def test_no_graph_is_traced_where_none_is_wanted():
    history = recorded(1, cr.Replay(follow=None))[1]
    assert "graph" not in history.snapshots[0]
    assert "Replay(follow=None)" in history.snapshot_info["notes"]["graph"]


def test_a_graph_that_changes_is_noted_and_the_rest_goes_on():
    class Moody(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return y if self.bias.numpy()[0] == 0 else cr.tanh(y)

    model = Moody(2, 2)
    history = cr.fit(
        model, nn.cross_entropy, optim.SGD(model.parameters(), 0.1), data(), 1, callbacks=cr.Replay(), verbose=0
    )
    assert history.snapshots[0]["graph"] is not None
    assert history.snapshots[1]["graph"] is None
    assert "another graph than at the start" in history.snapshot_info["notes"]["graph"]


NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def test_a_run_on_a_device_is_recorded_as_on_the_host(strict):
    def run(device):
        x, y = (cr.tensor(a, device=device) for a in data())
        cr.random.seed(0)
        model = nn.MLP([2, 8, 2]).to(device)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        return cr.fit(model, nn.cross_entropy, optimizer, (x, y), 2, batch_size=20, callbacks=cr.Replay(), verbose=0)

    away, host = run(strict), run("cpu")
    assert away.snapshot_info["notes"] == {}
    for one, other in zip(away.snapshots, host.snapshots, strict=True):
        # to rounding, as BLAS adds in an order that depends on the processor and on where arrays lie
        assert np.array(one.pop("layers"), float) == pytest.approx(
            np.array(other.pop("layers"), float), rel=1e-4, nan_ok=True
        )
        assert one["outputs"].pop("loss") == pytest.approx(other["outputs"].pop("loss"), rel=1e-4)
        planes = [unpacked(snapshot.pop("plane")).astype(int) for snapshot in (one, other)]
        assert abs(planes[0] - planes[1]).max() <= 1
        graphs = [snapshot.pop("graph")["value"] for snapshot in (one, other)]
        # cross_entropy looks at the labels on the host only
        drawn, expected = ([float(n) for n in NUMBER.findall(str([*v[:8], v[-1]]).replace("−", "-"))] for v in graphs)
        assert drawn == pytest.approx(expected, rel=1e-2)
        assert one == other
