"""fit, the definition of training; evaluate, accuracy and the history."""

import csv
import io
import re
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
XOR = np.array([0, 1, 1, 0])


def data(n=40):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def train(epochs=2, *, seed=0, batches=None, loss=nn.cross_entropy, verbose=0, dropout=0.2, **options):
    """A short training run: (model, history)."""
    cr.random.seed(seed)
    model = nn.MLP([2, 8, 2], dropout=dropout)
    if batches is None:
        batches = optim.Batches(*data(), batch_size=16, seed=seed)
    history = optim.fit(
        model, loss, optim.Adam(model.parameters(), lr=0.01), batches, epochs, verbose=verbose, **options
    )
    return model, history


class Line(nn.Module):
    """slope · x, with a slope of 1 at first."""

    def __init__(self):
        self.slope = nn.Parameter([1.0])

    def forward(self, x):
        return x * self.slope


# ---- it trains


def test_an_mlp_learns_xor():
    cr.random.seed(0)
    model = nn.MLP([2, 8, 2], activation="tanh")
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    optim.fit(model, nn.cross_entropy, optimizer, optim.Batches(X, XOR, batch_size=4, seed=0), 200, verbose=0)
    assert model(X).argmax(axis=-1).tolist() == XOR.tolist()


def test_a_perceptron_cannot_learn_xor():
    cr.random.seed(0)
    model = nn.Perceptron(2)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    optim.fit(model, nn.bce, optimizer, optim.Batches(X, XOR.astype("f"), seed=0), 200, verbose=0)
    assert (model(X) > 0.5).tolist() != XOR.tolist()


def test_each_batch_is_one_step_down_the_gradient_of_the_loss():
    model, batches = Line(), [(cr.tensor([1.0, 2.0]), cr.tensor([3.0, 6.0])), (cr.tensor([2.0]), cr.tensor([2.0]))]
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    optim.fit(model, nn.mse, optimizer, batches, 1, verbose=0)
    slope = 1.0
    for x, y in (([1, 2], [3, 6]), ([2], [2])):
        slope -= 0.1 * np.mean([2 * (slope * a - b) * a for a, b in zip(x, y, strict=True)])
    assert model.slope.item() == pytest.approx(slope, rel=1e-6)
    assert optimizer.steps == 2


def test_gradients_left_over_from_before_take_no_part():
    models = []
    for leftover in (None, [100.0]):
        model = Line()
        model.slope.grad = leftover
        optim.fit(
            model,
            nn.mse,
            optim.SGD(model.parameters(), lr=0.1),
            [(np.ones(2, "f"), np.zeros(2, "f"))],
            1,
            verbose=0,
        )
        models.append(model.slope.item())
    assert models[0] == models[1]


def test_the_same_seed_gives_the_same_weights_to_the_bit():
    (a, _), (b, _) = train(seed=1), train(seed=1)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()


def test_the_global_seed_is_enough_for_the_same_weights():
    weights = []
    for _ in range(2):
        cr.random.seed(4)
        model = nn.MLP([2, 8, 2], dropout=0.3)
        batches = optim.Batches(*data(), batch_size=16)
        optim.fit(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), batches, 2, verbose=0)
        weights.append(model.layers[0].weight.numpy().tobytes())
    assert weights[0] == weights[1]


def test_another_seed_gives_other_weights():
    (a, _), (b, _) = train(seed=1), train(seed=2)
    assert a.parameters()[0].tolist() != b.parameters()[0].tolist()


def test_validation_does_not_change_the_training():
    a, b = (train(validation=v)[0] for v in (None, data()))
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_data_is_left_alone():
    x, y = data()
    train(batches=optim.Batches(x, y, batch_size=16, seed=0), validation=(x, y))
    assert (x == data()[0]).all()
    assert (y == data()[1]).all()


def test_batches_may_be_a_list_of_numpy_arrays():
    _, history = train(batches=[data(8), data(4)])
    assert len(history) == 2


def test_values_can_be_trained():
    class Line(nn.Module):
        def __init__(self):
            self.slope = cr.Value(1.0)

        def forward(self, x):
            return x[0] * self.slope

    model = Line()
    optim.fit(model, nn.mse, optim.SGD([model.slope], lr=0.1), [([2.0], 6.0)], 100, verbose=0)
    assert model.slope.data == pytest.approx(3.0)


# ---- the history


def test_the_history_has_one_row_for_each_epoch():
    _, history = train(3)
    assert history["epoch"] == [1, 2, 3]


def test_the_history_holds_loss_time_validation_and_metrics():
    metrics = {"accuracy": optim.accuracy, "spread": lambda prediction, y: prediction.max() - prediction.min()}
    _, history = train(validation=data(), metrics=metrics)
    assert history.columns == ["epoch", "loss", "seconds", "val_loss", "val_accuracy", "val_spread"]


def test_the_history_holds_plain_numbers():
    _, history = train(validation=data(), metrics={"accuracy": optim.accuracy})
    assert {type(v) for row in history for v in row.values()} == {int, float}


def test_the_loss_of_an_epoch_is_the_mean_over_examples_not_batches():
    model = Line()
    optimizer = optim.SGD(model.parameters(), lr=1e-12)
    batches = [(np.ones(3, "f"), np.ones(3, "f")), (np.ones(1, "f"), np.full(1, 3.0, "f"))]
    history = optim.fit(model, nn.mse, optimizer, batches, 1, verbose=0)
    assert history["loss"] == [pytest.approx((3 * 0 + 4) / 4)]


def test_the_loss_of_an_epoch_in_float16_does_not_overflow():
    model = Line().to("float16")
    batches = [(np.ones(100, "e"), np.full(100, 101.0, "e"))] * 10
    history = optim.fit(model, nn.mse, optim.SGD(model.parameters(), lr=1e-9), batches, 1, verbose=0)
    assert history["loss"] == [10_000]


def test_the_validation_loss_is_that_of_the_model_after_the_epoch():
    model, history = train(3, validation=data())
    model.eval()
    assert history["val_loss"][-1] == nn.cross_entropy(model(data()[0]), data()[1]).item()


def test_the_validation_metric_is_that_of_the_model_after_the_epoch():
    model, history = train(3, validation=data(), metrics={"accuracy": optim.accuracy})
    model.eval()
    predicted = model(data()[0]).numpy().argmax(axis=-1)
    assert history["val_accuracy"][-1] == (predicted == data()[1]).mean()


def test_time_passes():
    _, history = train()
    assert all(0 < seconds < 60 for seconds in history["seconds"])


def test_a_history_answers_columns_by_name_and_epochs_by_position():
    history = optim.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    assert (history["loss"], history[-1], history[:1]) == (
        [0.5, 0.25],
        {"epoch": 2, "loss": 0.25},
        [{"epoch": 1, "loss": 0.5}],
    )


def test_a_history_without_that_column_raises():
    with pytest.raises(KeyError, match="val_loss"):
        optim.History([{"epoch": 1, "loss": 0.5}])["val_loss"]


def test_a_history_shows_a_table():
    history = optim.History([{"epoch": 1, "loss": 0.123456}, {"epoch": 10, "loss": 2.0}])
    assert repr(history).splitlines() == ["epoch    loss", "    1  0.1235", "   10       2"]


def test_an_empty_history_shows_nothing():
    assert repr(optim.History()) == ""


def test_the_csv_file_holds_the_history_to_the_last_digit(tmp_path):
    _, history = train(3, validation=data())
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{k: float(v) for k, v in row.items()} for row in rows] == list(history)


def test_the_csv_file_has_a_line_of_names_and_plain_line_ends(tmp_path):
    optim.History([{"epoch": 1, "loss": 0.5}]).to_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_bytes().splitlines() == [b"epoch,loss", b"1,0.5"]


def test_an_existing_csv_file_is_replaced(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("old\n" * 100)
    optim.History([{"epoch": 1}]).to_csv(str(path))
    assert path.read_text().splitlines() == ["epoch", "1"]


# ---- evaluate


def test_evaluate_switches_dropout_off():
    model = nn.MLP([2, 50, 2], dropout=0.9)
    x, y = data()
    scores = [optim.evaluate(model, nn.cross_entropy, x, y) for _ in range(2)]
    expected = nn.cross_entropy(model.eval()(x), y).item()
    assert scores == [{"val_loss": expected}] * 2


@pytest.mark.parametrize("mode", [True, False])
def test_evaluate_leaves_the_mode_as_it_was(mode):
    model = nn.MLP([2, 4, 2], dropout=0.5).train(mode)
    optim.evaluate(model, nn.cross_entropy, *data())
    assert [m.training for _, m in model.named_modules()] == [mode] * 4


def test_evaluate_leaves_the_mode_as_it_was_also_when_the_loss_raises():
    model = nn.MLP([2, 4, 2], dropout=0.5)
    with pytest.raises(cr.ShapeError):
        optim.evaluate(model, nn.mse, *data())
    assert [m.training for _, m in model.named_modules()] == [True] * 4


def test_evaluate_records_no_graph():
    seen = []
    optim.evaluate(nn.MLP([2, 4, 2]), lambda p, y: seen.append(p.requires_grad) or 0.0, *data())
    assert seen == [False]


def test_evaluate_draws_no_random_numbers():
    state = cr.random.get_state()
    model = nn.MLP([2, 4, 2], dropout=0.5)
    state = cr.random.get_state()
    optim.evaluate(model, nn.cross_entropy, *data())
    assert cr.random.get_state() == state


def test_training_goes_on_with_dropout_after_validation():
    modes = []

    def loss(prediction, y):
        modes.append((model.training, model.dropout.training))
        return nn.cross_entropy(prediction, y)

    model = nn.MLP([2, 8, 2], dropout=0.5)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    optim.fit(model, loss, optimizer, [data()], 2, validation=data(), verbose=0)
    assert modes == [(True, True), (False, False)] * 2


def test_fit_switches_a_model_in_evaluation_to_training():
    model = nn.MLP([2, 8, 2], dropout=0.5).eval()
    optim.fit(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), [data()], 1, verbose=0)
    assert model.dropout.training


# ---- accuracy


def test_accuracy_is_the_share_of_rows_whose_largest_element_is_the_target():
    scores = [[0.1, 0.9, 0.0], [0.8, 0.2, 0.0], [0.0, 0.1, 0.9], [0.4, 0.5, 0.1]]
    assert optim.accuracy(cr.tensor(scores), cr.tensor([1, 1, 2, 1])) == 0.75


def test_accuracy_takes_arrays_and_lists():
    assert optim.accuracy(np.eye(3), [0, 1, 0]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("target", [[[0], [1]], [0], [0, 1, 1], 0])
def test_accuracy_refuses_a_target_that_would_only_broadcast(target):
    with pytest.raises(cr.ShapeError, match=r"accuracy: needs one class index for each row, \(2,\)"):
        optim.accuracy(cr.tensor([[0.1, 0.9], [0.8, 0.2]]), cr.tensor(target))


# ---- progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_one_line_for_each_epoch_where_there_is_no_terminal(capsys):
    _, history = train(2, verbose=1, validation=data(), metrics={"accuracy": optim.accuracy})
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert len(lines) == 2
    for line, row in zip(lines, history, strict=True):
        assert line == (
            f"epoch {row['epoch']}/2  loss {row['loss']:.4f}  val_loss {row['val_loss']:.4f}  "
            f"val_accuracy {row['val_accuracy']:.4f}"
        )


def test_progress_lines_are_aligned(capsys):
    train(10, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0][:12], lines[9][:12]) == ("epoch  1/10 ", "epoch 10/10 ")


def test_progress_is_a_bar_on_a_terminal(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    train(3, verbose=1)
    assert re.search(r"100%.*3/3.*loss=\d\.\d{4}", terminal.getvalue())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_without_progress_fit_is_silent(terminal, monkeypatch, capsys):
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    train(verbose=0)
    assert (stderr.getvalue(), capsys.readouterr().out) == ("", "")


# ---- Ctrl-C


def interrupted(after):
    """A loss during whose call number `after` somebody presses Ctrl-C."""
    calls = []

    def loss(prediction, y):
        calls.append(1)
        if len(calls) == after:
            raise KeyboardInterrupt
        return nn.cross_entropy(prediction, y)

    return loss


@pytest.mark.parametrize(("after", "epochs"), [(1, 0), (4, 1), (6, 1), (7, 2)])
def test_ctrl_c_returns_the_epochs_that_were_finished(after, epochs):
    _, history = train(5, loss=interrupted(after))
    assert history["epoch"] == list(range(1, epochs + 1))


def test_ctrl_c_keeps_what_was_learned():
    model, _ = train(5, loss=interrupted(4))
    expected, _ = train(1)
    assert model.parameters()[0].tolist() == expected.parameters()[0].tolist()


def test_ctrl_c_during_validation_returns_the_epochs_before_and_leaves_the_mode_in_training():
    model, history = train(5, loss=interrupted(8), validation=data())
    assert history["epoch"] == [1]
    assert model.dropout.training


@pytest.mark.parametrize("terminal", [True, False])
def test_ctrl_c_is_reported(terminal, monkeypatch, capsys):
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    train(5, loss=interrupted(4), verbose=1)
    said = stderr.getvalue() if terminal else capsys.readouterr().out
    assert "stopped in epoch 2; the history so far is returned" in said


def test_other_errors_are_not_swallowed():
    def loss(prediction, y):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(loss=loss)


# ---- bad input


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "3", None, True])
def test_a_bad_number_of_epochs_is_refused(epochs):
    with pytest.raises(cr.ArgumentError, match="fit: epochs must be a whole number of at least 1, not"):
        train(epochs)


def test_the_number_of_epochs_may_be_numpys():
    assert len(train(np.int64(2))[1]) == 2


def test_no_batches_are_refused():
    with pytest.raises(cr.ArgumentError, match="fit: there are no batches"):
        train(batches=[])


def test_an_iterator_that_is_used_up_after_the_first_epoch_is_noticed():
    with pytest.raises(cr.ArgumentError, match="was the data an iterator that is already used up"):
        train(2, batches=iter([data()]))


def test_an_iterator_is_enough_for_one_epoch():
    assert len(train(1, batches=iter([data()]))[1]) == 1


def test_metrics_without_validation_data_are_refused():
    with pytest.raises(cr.ArgumentError, match="fit: metrics are measured on validation data"):
        train(metrics={"accuracy": optim.accuracy})


def test_a_loss_without_reduction_is_refused_by_backward():
    with pytest.raises(cr.ShapeError, match="only a single number has a gradient"):
        train(loss=lambda p, y: nn.cross_entropy(p, y, reduction="none"))


def test_prediction_and_target_that_would_only_broadcast_are_refused():
    x, y = data()
    with pytest.raises(cr.ShapeError, match=r"mse: .*\(40, 2\) and \(40,\)"):
        train(batches=[(x, y.astype("f"))], loss=nn.mse)
