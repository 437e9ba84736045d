"""fit, evaluate and the History."""

import csv

import numpy as np
import pytest

import chainrule as cr

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([0, 1, 1, 0])


def run(epochs=3, loss=cr.nn.cross_entropy, seed=0, **options):
    cr.random.seed(seed)
    model = cr.nn.MLP([2, 8, 2], activation="tanh", dropout=options.pop("dropout", 0.0))
    optimizer = cr.optim.Adam(model.parameters(), lr=0.05)
    batches = options.pop("batches", cr.optim.Batches(X, Y, batch_size=2, seed=0))
    return model, cr.optim.fit(model, loss, optimizer, batches, epochs, **{"progress": False, **options})


def test_it_learns_what_one_perceptron_cannot():
    model, history = run(80)
    assert (history[-1]["loss"] < 0.05, cr.optim.accuracy(model(X), Y)) == (True, 1.0)


def test_the_history_has_a_row_for_each_epoch():
    _, history = run(3, validation=(X, Y), metrics={"accuracy": cr.optim.accuracy})
    assert (history["epoch"], history.columns) == ([1, 2, 3], ["epoch", "loss", "seconds", "val_loss", "val_accuracy"])


def test_the_loss_of_an_epoch_is_the_mean_over_its_examples():
    values = iter([1.0, 5.0])
    w = cr.tensor(0.0, requires_grad=True)
    model = cr.nn.Sequential(lambda x: w)
    batches = [(X[:3], Y[:3]), (X[3:], Y[3:])]
    history = cr.optim.fit(
        model, lambda p, y: p * 0 + next(values), cr.optim.SGD([w], lr=1.0), batches, 1, progress=False
    )
    assert history["loss"] == [(3 * 1.0 + 5.0) / 4]


def test_the_same_seed_gives_the_same_weights_to_the_bit():
    weights = [[p.numpy().tobytes() for p in run(5, dropout=0.3)[0].parameters()] for _ in range(2)]
    assert weights[0] == weights[1]


def test_the_history_is_written_as_csv(tmp_path):
    _, history = run(2)
    history.to_csv(tmp_path / "history.csv")
    rows = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert [float(row["loss"]) for row in rows] == history["loss"]


def test_the_history_is_shown_as_a_table():
    lines = repr(cr.optim.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])).splitlines()
    assert lines == ["epoch  loss", "    1   0.5", "    2  0.25"]


def test_evaluation_switches_dropout_off_and_back_on():
    model = cr.nn.MLP([2, 8, 2], dropout=0.5)
    scores = [cr.optim.evaluate(model, cr.nn.cross_entropy, X, Y)["val_loss"] for _ in range(2)]
    assert (scores[0] == scores[1], model.training, model.dropout.training) == (True, True, True)


def test_evaluation_switches_back_even_if_the_loss_raises():
    model = cr.nn.MLP([2, 8, 2], dropout=0.5)
    with pytest.raises(cr.ShapeError):
        cr.optim.evaluate(model, cr.nn.mse, X, Y)
    assert model.training


def test_progress_is_a_line_for_each_epoch_where_there_is_no_terminal(capsys):
    run(2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", "1/2"], ["epoch", "2/2"]]


def test_without_progress_nothing_is_printed(capsys):
    run(2)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_ctrl_c_returns_the_history_so_far(capsys):
    calls = []

    def loss(prediction, y):
        calls.append(1)
        if len(calls) == 6:  # the second batch of the third epoch
            raise KeyboardInterrupt
        return cr.nn.cross_entropy(prediction, y)

    _, history = run(9, loss=loss, progress=True)
    assert (history["epoch"], "stopped in epoch 3" in capsys.readouterr().out) == ([1, 2], True)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "3"])
def test_epochs_must_be_a_whole_number_above_zero(epochs):
    with pytest.raises(cr.ArgumentError, match="epochs"):
        run(epochs)


def test_no_batches_is_an_error_that_guesses_why():
    with pytest.raises(cr.ArgumentError, match="no batches.*used up"):
        run(1, batches=iter([]))
