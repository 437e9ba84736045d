"""fit, the definition of training, and evaluate: what a run does, and what it leaves behind."""

from functools import partial

import numpy as np
import pytest
from training import At, Clock, Line, bits, calls, data, raises, rows, scripted, train

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import schedule

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
XOR = np.array([0, 1, 1, 0])
OPTIMIZERS = {
    name: value
    for name, value in vars(optim).items()
    if isinstance(value, type) and issubclass(value, optim.Optimizer) and value is not optim.Optimizer
}
RATES = {"SGD": 0.1, "Adagrad": 0.3, "Adadelta": 30.0, "Adamax": 0.2, "RAdam": 0.2, "LBFGS": 1.0}  # the others: 0.1


# ---- it trains


def test_an_mlp_learns_xor():
    model = nn.MLP([2, 8, 2], activation="tanh")
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    cr.fit(model, nn.cross_entropy, optimizer, (X, XOR), 200, verbose=0)
    assert model(X).argmax(axis=-1).tolist() == XOR.tolist()


def test_a_perceptron_cannot_learn_xor():
    model = nn.Perceptron(2)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    cr.fit(model, nn.bce, optimizer, (X, XOR.astype("f")), 200, verbose=0)
    assert (model(X) > 0.5).tolist() != XOR.tolist()


def test_each_batch_is_one_step_down_the_gradient_of_the_loss():
    model, batches = Line(), [(cr.tensor([1.0, 2.0]), cr.tensor([3.0, 6.0])), (cr.tensor([2.0]), cr.tensor([2.0]))]
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    cr.fit(model, nn.mse, optimizer, batches, 1, verbose=0)
    slope = 1.0
    for x, y in (([1, 2], [3, 6]), ([2], [2])):
        slope -= 0.1 * np.mean([2 * (slope * a - b) * a for a, b in zip(x, y, strict=True)])
    assert model.slope.item() == pytest.approx(slope, rel=1e-6)
    assert optimizer.steps == 2


def regression(name):
    """A linear model, an optimiser of that name, and data that the model can explain."""
    cr.random.seed(0)
    model = nn.Linear(2, 1)
    x, _ = data()
    y = x @ np.array([[2.0], [-1.0]], "f") + 0.5
    optimizer = OPTIMIZERS[name](model.parameters(), lr=RATES.get(name, 0.1))
    return model, optimizer, cr.data.Batches(x, y, batch_size=None if optimizer.whole_batch else 16, seed=3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_trains(name):
    model, optimizer, batches = regression(name)
    history = cr.fit(model, nn.mse, optimizer, batches, 30, verbose=0)
    assert history["loss"][-1] < 0.1 * history["loss"][0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_is_the_loop_that_one_would_write(name):
    model, optimizer, batches = regression(name)
    cr.fit(model, nn.mse, optimizer, batches, 3, verbose=0)
    by_hand, optimizer, batches = regression(name)
    for _ in range(3):
        for x, y in batches:

            def closure(x=x, y=y):
                optimizer.zero_grad()
                loss = nn.mse(by_hand(x), y)
                loss.backward()
                return loss

            optimizer.step(closure)
    assert bits(model) == bits(by_hand)


def test_gradients_left_over_from_before_take_no_part():
    slopes = []
    for leftover in (None, [100.0]):
        model = Line()
        model.slope.grad = leftover
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        cr.fit(model, nn.mse, optimizer, [(np.ones(2, "f"), np.zeros(2, "f"))], 1, verbose=0)
        slopes.append(model.slope.item())
    assert slopes[0] == slopes[1]


def test_the_same_seed_gives_the_same_weights_to_the_bit():
    assert bits(train(seed=1)[0]) == bits(train(seed=1)[0])


def test_the_global_seed_is_enough_for_the_same_weights():
    assert bits(train(batches=data(), seed=4)[0]) == bits(train(batches=data(), seed=4)[0])


def test_another_seed_gives_other_weights():
    assert bits(train(seed=1)[0]) != bits(train(seed=2)[0])


def test_validation_does_not_change_the_training():
    assert bits(train()[0]) == bits(train(validation=data(), metrics="accuracy")[0])


def test_what_is_shown_does_not_change_the_training():
    assert bits(train(verbose=0)[0]) == bits(train(verbose=1)[0])


def test_data_is_left_alone():
    x, y = data()
    train(batches=(x, y), validation=(x, y))
    assert (x == data()[0]).all()
    assert (y == data()[1]).all()


def test_values_can_be_trained():
    class Line(nn.Module):
        def __init__(self):
            self.slope = cr.Value(1.0)

        def forward(self, x):
            return x[0] * self.slope

    model = Line()
    cr.fit(model, nn.mse, optim.SGD([model.slope], lr=0.1), [([2.0], 6.0)], 100, verbose=0)
    assert model.slope.data == pytest.approx(3.0)


# ---- the data


def sizes(batches, **options):
    """How many examples each step of an epoch saw."""
    seen = []

    def loss(prediction, y):
        seen.append(len(y))
        return nn.cross_entropy(prediction, y)

    train(1, batches=batches, loss=loss, **options)
    return seen


@pytest.mark.parametrize(
    ("batch_size", "expected"), [(None, [40]), (1, [1] * 40), (16, [16, 16, 8]), (40, [40]), (1000, [40])], ids=str
)
def test_a_pair_is_cut_into_batches_of_the_size_asked_for(batch_size, expected):
    assert sizes(data(), batch_size=batch_size) == expected


def test_a_pair_is_cut_into_batches_of_32_unless_told_otherwise():
    assert sizes(data()) == [32, 8]


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize("make", [np.asarray, cr.tensor, np.ndarray.tolist], ids=["array", "tensor", "list"])
def test_a_pair_is_the_same_as_batches_of_it(make, kind):
    pair, _ = train(batches=kind(make(a) for a in data()), batch_size=16)
    cr.random.seed(0)
    assert bits(pair) == bits(train(batches=cr.data.Batches(*data(), batch_size=16))[0])


def test_batch_size_is_for_pairs_and_leaves_batches_as_they_are():
    assert sizes(cr.data.Batches(*data(), batch_size=10), batch_size=20) == [10] * 4


def test_a_pair_is_shuffled_anew_in_each_epoch():
    orders = []

    def loss(prediction, y):
        orders.append(y.tolist())
        return nn.mse(prediction, y)

    x = np.arange(20, dtype="f")
    model = Line()
    cr.fit(model, loss, optim.SGD(model.parameters(), lr=1e-9), (x, x), 2, verbose=0)
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == x.tolist()


def test_batches_may_be_a_list_of_numpy_arrays():
    assert sizes([data(8), data(4)]) == [8, 4]


def test_batches_may_come_from_anything_that_can_be_gone_through_anew():
    class Stream:
        def __iter__(self):
            return iter([data(4), data(6), data(5)])

    _, history = train(2, batches=Stream())
    assert len(history) == 2
    assert sizes(Stream()) == [4, 6, 5]


def test_an_iterator_is_enough_for_one_epoch():
    assert len(train(1, batches=iter([data()]))[1]) == 1


def test_batches_loaded_ahead_give_the_same_weights():
    from chainrule.data import Prefetch

    batches = cr.data.Batches(*data(), batch_size=16, seed=0)
    assert bits(train(batches=Prefetch(batches))[0]) == bits(train()[0])


# ---- clipping and penalties


def step(**options):
    """How far one step of SGD with a rate of 1 moves the two weights of a line, whose gradients are 6 and 8."""
    model = nn.Sequential(Line(1.0), Line(1.0))
    first, second = model.parameters()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    loss = lambda prediction, y: 6 * first.sum() + 8 * second.sum()
    cr.fit(model, loss, optimizer, (np.ones(1, "f"), np.ones(1, "f")), 1, verbose=0, **options)
    return [1 - first.item(), 1 - second.item()]


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ({}, [6, 8]),
        ({"clip_norm": 5}, [3, 4]),
        ({"clip_norm": 10.5}, [6, 8]),
        ({"clip_value": 7}, [6, 7]),
        ({"clip_value": 9}, [6, 8]),
        ({"clip_norm": 5, "clip_value": 3.5}, [3, 3.5]),
        ({"clip_norm": np.float32(5)}, [3, 4]),
    ],
    ids=str,
)
def test_clipping_bounds_the_step(options, moved):
    assert step(**options) == pytest.approx(moved, rel=1e-5)


def test_no_step_is_longer_than_the_rate_times_clip_norm():
    model, places = nn.MLP([2, 8, 2]), []

    class Where(cr.Callback):
        def on_step(self, run):
            places.append(np.concatenate([p.numpy().ravel() for p in model.parameters()]))

    Where().on_step(None)
    optimizer, options = optim.SGD(model.parameters(), lr=1.0), dict(batch_size=4, clip_norm=0.01, verbose=0)
    cr.fit(model, nn.cross_entropy, optimizer, data(), 5, callbacks=Where(), **options)
    lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert len(lengths) == 50
    assert lengths.max() <= 0.01 * (1 + 1e-4)
    assert lengths.min() > 0


def test_a_penalty_is_added_to_the_loss():
    model = Line()
    x, y = np.array([2.0], "f"), np.array([2.0], "f")  # the loss is 0 and flat at first
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    penalty = lambda model: 5 * (model.slope**2).sum()
    history = cr.fit(model, nn.mse, optimizer, (x, y), 1, (x, y), penalty=penalty, verbose=0)
    assert history["loss"] == [5]
    assert model.slope.item() == 0.0  # 1 - 0.1 · 10
    assert history["val_loss"] == [4]  # without penalty: (0 - 2)²


def test_an_l2_penalty_is_weight_decay():
    models = []
    for options, penalty in (({"weight_decay": 0.1}, None), ({}, lambda m: 0.1 * optim.l2_penalty(m.parameters()))):
        cr.random.seed(0)
        model = nn.MLP([2, 8, 2])
        optimizer = optim.SGD(model.parameters(), lr=0.1, **options)
        cr.fit(model, nn.cross_entropy, optimizer, data(), 3, penalty=penalty, verbose=0)
        models.append(model)
    for p, q in zip(*(m.parameters() for m in models), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-4, atol=1e-6)


# ---- the learning rate


def test_the_learning_rate_of_an_epoch_is_that_of_its_last_step():
    model, rate = Line(), schedule.cosine(0.1, 10)
    optimizer = optim.SGD(model.parameters(), lr=rate)
    x = np.ones(4, "f")
    history = cr.fit(model, nn.mse, optimizer, (x, x), 3, batch_size=2, verbose=0)
    assert history["lr"] == [rate(1), rate(3), rate(5)]


def test_a_number_stays_the_learning_rate():
    assert train(2)[1]["lr"] == [0.01, 0.01]


def test_any_function_of_the_step_may_be_the_learning_rate():
    model = Line(0.0)
    optimizer = optim.SGD(model.parameters(), lr=lambda step: step + 1)
    loss = lambda prediction, y: -prediction.sum()
    cr.fit(model, loss, optimizer, (np.ones(3, "f"), np.ones(3, "f")), 1, batch_size=1, verbose=0)
    assert model.slope.item() == 1 + 2 + 3


def test_a_rate_that_depends_on_results_sees_each_epoch():
    model = Line(0.0)
    rate = schedule.ReduceOnPlateau(1.0, factor=0.5, patience=0, monitor="loss")
    optimizer = optim.SGD(model.parameters(), lr=rate)
    loss = lambda prediction, y: (prediction * 0).sum() + 1  # it never gets better
    history = cr.fit(model, loss, optimizer, (np.ones(1, "f"), np.ones(1, "f")), 4, verbose=0)
    assert history["lr"] == [1.0, 1.0, 0.5, 0.25]


# ---- what is measured

FIRST, LAST = ["epoch", "loss"], ["lr", "grad_norm", "seconds"]


def columns(**options):
    _, history = train(validation=data(), **options)
    assert [list(row) for row in history] == [history.columns] * 2
    assert history.columns[:2] + history.columns[-3:] == FIRST + LAST
    return history.columns[2:-3]


def spread(prediction, y):
    return prediction.max() - prediction.min()


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (None, []),
        ([], []),
        ("accuracy", ["accuracy"]),
        (spread, ["spread"]),
        (["accuracy", spread], ["accuracy", "spread"]),
        ((spread, cr.metrics.accuracy), ["spread", "accuracy"]),
        ({"right": cr.metrics.accuracy, "wide": spread}, ["right", "wide"]),
        ({"right": "accuracy"}, ["right"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else str(value)[:20],
)
def test_metrics_are_names_functions_or_a_dict(metrics, names):
    assert columns(metrics=metrics) == ["val_loss", *(f"val_{name}" for name in names)]


def test_the_columns_of_several_parts_come_in_the_order_of_the_parts():
    _, history = train(validation={"train": data(), "val": data(10)}, metrics=["accuracy", spread])
    assert history.columns == [
        *FIRST, "train_loss", "train_accuracy", "train_spread", "val_loss", "val_accuracy", "val_spread", *LAST,
    ]  # fmt: skip


def test_each_part_is_measured_on_its_own_data():
    (x, y), other = data(), data(10)
    model, history = train(1, validation={"train": (x, y), "val": other, "wrong": (x, 1 - y)}, metrics="accuracy")
    row, model = history[0], model.eval()
    assert row["train_loss"] == nn.cross_entropy(model(x), y).item()
    assert row["val_loss"] == nn.cross_entropy(model(other[0]), other[1]).item()
    assert row["wrong_accuracy"] == pytest.approx(1 - row["train_accuracy"])


def test_the_metrics_of_validation_data_given_as_lists_are_those_of_arrays():
    x, y = data()
    lists, arrays = (train(validation=v, metrics="accuracy")[1] for v in ((x.tolist(), y.tolist()), (x, y)))
    assert rows(lists) == rows(arrays)


def test_the_history_has_one_row_for_each_epoch():
    assert train(3)[1]["epoch"] == [1, 2, 3]


def test_the_history_holds_plain_numbers():
    _, history = train(validation=data(), metrics=["accuracy", spread])
    assert {type(v) for row in history for v in row.values()} == {int, float}


def test_the_loss_of_an_epoch_is_the_mean_over_examples_not_batches():
    model = Line()
    optimizer = optim.SGD(model.parameters(), lr=1e-12)
    batches = [(np.ones(3, "f"), np.ones(3, "f")), (np.ones(1, "f"), np.full(1, 3.0, "f"))]
    history = cr.fit(model, nn.mse, optimizer, batches, 1, verbose=0)
    assert history["loss"] == [pytest.approx((3 * 0 + 4) / 4)]


def test_the_loss_of_an_epoch_in_float16_does_not_overflow():
    model = Line().to("float16")
    batches = [(np.ones(100, "e"), np.full(100, 101.0, "e"))] * 10
    history = cr.fit(model, nn.mse, optim.SGD(model.parameters(), lr=1e-9), batches, 1, verbose=0)
    assert history["loss"] == [10_000]


def test_the_gradient_norm_of_an_epoch_is_the_mean_over_its_steps():
    model = Line()
    loss = lambda prediction, y: (prediction * y).sum()  # the gradient is x · y
    batches = [(np.array([3.0], "f"), np.array([1.0], "f")), (np.array([-5.0], "f"), np.array([1.0], "f"))]
    history = cr.fit(model, loss, optim.SGD(model.parameters(), lr=0.1), batches, 2, verbose=0)
    assert history["grad_norm"] == [4.0, 4.0]


def test_the_validation_loss_is_that_of_the_model_after_the_epoch():
    model, history = train(3, validation=data())
    assert history["val_loss"][-1] == nn.cross_entropy(model.eval()(data()[0]), data()[1]).item()


def test_the_validation_metric_is_that_of_the_model_after_the_epoch():
    model, history = train(3, validation=data(), metrics=[cr.metrics.accuracy])
    predicted = model.eval()(data()[0]).numpy().argmax(axis=-1)
    assert history["val_accuracy"][-1] == (predicted == data()[1]).mean()


def test_the_seconds_of_an_epoch_are_those_that_passed_in_it(monkeypatch):
    clock = Clock(monkeypatch)
    callbacks = [
        At(lambda: clock.wait(5), step=2),
        At(lambda: clock.wait(3), step=4),
        At(lambda: clock.wait(9), epoch=1),
    ]
    assert train(callbacks=callbacks)[1]["seconds"] == [5.0, 3.0]


def test_the_best_epoch_is_known_without_early_stopping():
    model, history = scripted([3.0, 1.0, 2.0])
    assert history.best_epoch == 2
    assert history.best_weights["slope"].tolist() == [2.0]
    assert model.slope.tolist() == [3.0]  # nobody asked for the best weights


def test_without_validation_data_no_epoch_is_the_best():
    _, history = train()
    assert (history.best_epoch, history.best_weights) == (None, None)


def test_the_best_epoch_of_several_parts_is_that_of_val():
    x, y = data()
    _, history = train(5, validation={"train": (x, y), "val": (x, 1 - y)}, dropout=0.0)
    assert history["val_loss"] != sorted(history["val_loss"], reverse=True)
    assert history.best_epoch == 1 + int(np.argmin(history["val_loss"]))


def test_a_run_that_came_to_its_end_was_not_stopped():
    assert train()[1].stop_reason is None


def test_a_part_of_the_model_that_is_in_evaluation_by_itself_stays_there():
    modes = []
    model = nn.MLP([2, 8, 2], dropout=0.5)
    model.dropout.eval()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    note = lambda run: modes.append((model.training, model.dropout.training))
    cr.fit(model, nn.cross_entropy, optimizer, data(), 2, validation=data(), callbacks=note, verbose=0)
    assert modes == [(True, False)] * 2


# ---- evaluate


def test_evaluate_switches_dropout_off():
    model = nn.MLP([2, 50, 2], dropout=0.9)
    x, y = data()
    scores = [cr.evaluate(model, nn.cross_entropy, x, y) for _ in range(2)]
    expected = nn.cross_entropy(model.eval()(x), y).item()
    assert scores == [{"val_loss": expected}] * 2


def test_evaluate_in_parts_gives_what_it_gives_at_once():
    model, (x, y) = nn.MLP([2, 50, 2]), data()
    at_once, in_parts = (
        cr.evaluate(model, nn.cross_entropy, x, y, {"accuracy": cr.metrics.accuracy}, "test", size) for size in (40, 16)
    )
    assert list(in_parts) == ["test_loss", "test_accuracy"]
    assert in_parts == pytest.approx(at_once, rel=1e-6)


@pytest.mark.parametrize("mode", [True, False])
def test_evaluate_leaves_the_mode_as_it_was(mode):
    model = nn.MLP([2, 4, 2], dropout=0.5).train(mode)
    cr.evaluate(model, nn.cross_entropy, *data())
    assert {m.training for _, m in model.named_modules()} == {mode}


def test_evaluate_leaves_the_mode_as_it_was_also_when_the_loss_raises():
    model = nn.MLP([2, 4, 2], dropout=0.5)
    with pytest.raises(cr.ShapeError):
        cr.evaluate(model, nn.mse, *data())
    assert {m.training for _, m in model.named_modules()} == {True}


def test_evaluate_records_no_graph():
    seen = []
    cr.evaluate(nn.MLP([2, 4, 2]), lambda p, y: seen.append(p.requires_grad) or 0.0, *data())
    assert seen == [False]


def test_evaluate_draws_no_random_numbers():
    model = nn.MLP([2, 4, 2], dropout=0.5)
    state = cr.random.get_state()
    cr.evaluate(model, nn.cross_entropy, *data())
    assert cr.random.get_state() == state


def test_training_goes_on_with_dropout_after_validation():
    modes = []

    def loss(prediction, y):
        modes.append((model.training, model.dropout.training))
        return nn.cross_entropy(prediction, y)

    model = nn.MLP([2, 8, 2], dropout=0.5)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    cr.fit(model, loss, optimizer, [data()], 2, validation=data(), verbose=0)
    assert modes == [(True, True), (False, False)] * 2


def test_fit_switches_a_model_in_evaluation_to_training():
    model, modes = nn.MLP([2, 8, 2], dropout=0.5).eval(), []

    def loss(prediction, y):
        modes.append(model.dropout.training)
        return nn.cross_entropy(prediction, y)

    cr.fit(model, loss, optim.SGD(model.parameters(), lr=0.1), [data()], 1, verbose=0)
    assert modes == [True]


def test_after_training_the_model_is_in_evaluation():
    model = nn.MLP([2, 8, 2], dropout=0.5)
    cr.fit(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), [data()], 1, verbose=0)
    assert not model.training
    assert not model.dropout.training


# ---- errors on the way


def test_errors_are_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        train(loss=calls(nn.cross_entropy, raises(ZeroDivisionError), at=2))


def test_an_iterator_that_is_used_up_after_the_first_epoch_is_noticed():
    with pytest.raises(cr.ArgumentError, match="was the data an iterator that is already used up"):
        train(2, batches=iter([data()]))


def test_no_batches_are_refused():
    with pytest.raises(cr.ArgumentError, match="fit: there are no batches"):
        train(batches=[])


def test_a_nan_in_the_gradients_is_an_error_at_once():
    with pytest.raises(cr.GraphError, match=r"Adam.step: .* the gradient of parameter .* nan"):
        train(loss=lambda prediction, y: nn.cross_entropy(prediction, y) * float("nan"))


def test_a_nan_that_reaches_only_the_loss_is_an_error_at_the_end_of_the_epoch():
    with pytest.raises(cr.GraphError, match="fit: the loss of epoch 1 is nan"):
        train(loss=lambda prediction, y: nn.cross_entropy(prediction, y) + float("nan"))


@pytest.mark.parametrize("value", [float("inf"), -float("inf")])
def test_an_infinity_that_reaches_only_the_loss_is_an_error_at_the_end_of_the_epoch(value):
    with pytest.raises(cr.GraphError, match=f"fit: the loss of epoch 1 is {value}"):
        train(loss=lambda prediction, y: nn.cross_entropy(prediction, y) + value)


def diverging(lr, **options):
    """A line that is fitted with too high a rate: (model, error)."""
    x = np.linspace(-1, 1, 64, dtype="f")[:, None]
    model = nn.Linear(1, 1)
    model.weight.assign([[0.5]])
    pair, optimizer = (x, 3 * x), optim.SGD(model.parameters(), lr=lr)
    with pytest.raises(cr.GraphError) as caught, np.errstate(all="ignore"):
        cr.fit(model, nn.mse, optimizer, pair, 9, validation=pair, batch_size=64, verbose=0, **options)
    return model, caught.value


@pytest.mark.parametrize("lr", [1e10, 1e20, 1e38])
def test_a_run_that_diverges_is_an_error_that_keeps_the_history(lr):
    model, error = diverging(lr)
    assert str(error).startswith("fit: the loss of epoch" if lr == 1e10 else "SGD.step: the rule overflows")
    assert np.isfinite(model.weight.item())
    assert np.isfinite(error.history["loss"]).all()


class Breaking(optim.SGD):
    def step(self, closure=None):
        loss = super().step(closure)
        self.params[0].assign([[-np.inf]])
        return loss


@pytest.mark.parametrize(("epochs", "which"), [(1, "val loss of epoch 1"), (2, "loss of epoch 2")])
def test_the_error_of_a_loss_names_the_parameter_that_is_not_finite(epochs, which):
    model, one = nn.Linear(1, 1, bias=False), np.ones((1, 1), "f")
    optimizer, total = Breaking(model.parameters(), lr=1.0), lambda prediction, y: prediction.sum()
    validation = (one, one) if epochs == 1 else None
    with pytest.raises(
        cr.GraphError, match=f"the {which} is -inf, and parameter 'weight' has 1 of 1 elements that are not"
    ):
        cr.fit(model, total, optimizer, (one, one), epochs, validation=validation, verbose=0)


def test_an_infinite_validation_loss_of_finite_weights_is_no_error():
    _, history = train(
        validation=data(),
        metrics=None,
        loss=lambda p, y: nn.cross_entropy(p, y) + (0 if p.requires_grad else float("inf")),
    )
    assert history["val_loss"] == [float("inf")] * 2


def test_whatever_ends_a_run_has_its_history():
    with pytest.raises(ZeroDivisionError) as caught:
        train(4, loss=calls(nn.cross_entropy, raises(ZeroDivisionError), at=8))
    assert len(caught.value.history) == 2


@pytest.mark.parametrize("bounds", [{}, dict(clip_norm=1.0), dict(clip_value=1.0)])
def test_a_gradient_that_is_not_finite_is_named_by_its_place_in_the_model(bounds):
    with pytest.raises(cr.GraphError, match="the gradient of parameter 'layers.0.weight'"):
        train(loss=lambda prediction, y: nn.cross_entropy(prediction, y) * float("nan"), **bounds)


def test_a_loss_without_reduction_is_refused_by_backward():
    with pytest.raises(cr.ShapeError, match="only a single number can start a backward pass"):
        train(loss=partial(nn.cross_entropy, reduction="none"))


def test_prediction_and_target_that_would_only_broadcast_are_refused():
    x, y = data()
    with pytest.raises(cr.ShapeError, match=r"mse: .*\(32, 2\) and \(32,\)"):
        train(batches=(x, y.astype("f")), loss=nn.mse)


@pytest.mark.parametrize(
    "bounds", [dict(clip_norm=1.0), dict(clip_value=0.5), dict(clip_norm=1.0, clip_value=0.5)], ids=str
)
def test_the_norm_in_the_history_is_that_before_clipping(bounds):
    x, y = np.ones((4, 1), "f"), np.full((4, 1), 100.0, "f")
    model = nn.Linear(1, 1, init="zeros")
    history = cr.fit(
        model, nn.mse, optim.SGD(model.parameters(), lr=1e-6), (x, y), 1, batch_size=4, verbose=0, **bounds
    )
    assert history[0]["grad_norm"] == pytest.approx(200 * 2**0.5, rel=1e-4)


def test_floating_data_is_converted_to_the_dtype_of_the_model():
    x, y = data()
    model, seen = nn.MLP([2, 4, 2]), []
    loss = lambda prediction, y: seen.append(prediction.dtype) or nn.cross_entropy(prediction, y)
    pair = (x.astype("float64"), y)
    cr.fit(model, loss, optim.SGD(model.parameters(), lr=0.1), pair, 1, validation=pair, verbose=0)
    assert {d.name for d in seen} == {"float32"}


def test_evaluate_converts_data_as_fit_does():
    x, y = (a.astype("float64") for a in data())
    x, y, model = x + 1e-9, y[:, None] + 1e-9, nn.MLP([2, 4, 1])
    history = cr.fit(model, nn.mse, optim.SGD(model.parameters(), lr=0.1), (x, y), 1, validation=(x, y), verbose=0)
    assert cr.evaluate(model, nn.mse, x, y)["val_loss"] == history[-1]["val_loss"]
    assert cr.predict(model, x).dtype == "float32"


def test_a_prediction_in_parts_is_the_prediction():
    x, _ = data()
    model = nn.MLP([2, 8, 2], dropout=0.5)
    whole = cr.predict(model, x)
    np.testing.assert_allclose(cr.predict(model, x, batch_size=7).numpy(), whole.numpy(), rtol=1e-6)
    assert not whole.requires_grad
    assert model.training


def test_a_loss_that_is_a_sum_is_summed_over_all_parts():
    x, y = data()
    model = nn.MLP([2, 8, 2])
    loss = lambda prediction, y: nn.cross_entropy(prediction, y, reduction="sum")
    parts, whole = (cr.evaluate(model, loss, x, y, batch_size=size)["val_loss"] for size in (7, 100))
    assert parts == pytest.approx(whole, rel=1e-6)
