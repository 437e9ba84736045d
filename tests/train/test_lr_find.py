"""The learning rate finder: what it suggests, and that it leaves no trace, whatever ends it."""

import re

import numpy as np
import pytest
from training import Line, bits, calls, data, plain, raises

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import Prefetch
from chainrule.optim import schedule

NAN, INF = float("nan"), float("inf")


# ---- what it suggests


def quadratic(curvature, make=optim.SGD, **options):
    """lr_find on the loss ½ L (w - 1)², of which plain descent converges for rates below 2 / L and not above."""
    model = Line(-1.0)
    x = np.full(4, np.sqrt(curvature / 2), "f")
    return cr.lr_find(model, nn.mse, make(model.parameters(), lr=0.1), (x, x), batch_size=None, **options)


@pytest.mark.parametrize("curvature", [0.5, 2.0, 10.0, 100.0])
def test_the_suggestion_is_a_rate_for_which_descent_on_a_quadratic_converges_and_not_slowly(curvature):
    assert 0.01 * 2 / curvature < quadratic(curvature).suggestion < 2 / curvature


def test_the_losses_on_a_quadratic_are_those_of_its_formula():
    found, w, losses = quadratic(2.0, steps=40), -1.0, []
    for lr in found.lrs:
        losses.append((w - 1) ** 2)
        w -= lr * 2 * (w - 1)
    assert found.losses == pytest.approx(losses, rel=1e-3, abs=1e-9)


def classified(seed=0):
    model = nn.MLP([2, 16, 2])
    optimizer = optim.SGD(model.parameters(), lr=123.0, momentum=0.9)
    return model, optimizer, cr.data.Batches(*data(200), batch_size=16, seed=seed)


def test_training_with_the_suggestion_learns():
    model, optimizer, batches = classified()
    optimizer.lr = cr.lr_find(model, nn.cross_entropy, optimizer, batches).suggestion
    history = cr.fit(model, nn.cross_entropy, optimizer, batches, 20, verbose=0)
    assert history["loss"][-1] < 0.6 * history["loss"][0]


@pytest.mark.parametrize("make", [optim.Adam, optim.RMSprop, optim.Lion, optim.AdamW])
def test_training_with_the_suggestion_learns_whatever_the_optimiser(make):
    model = nn.MLP([2, 16, 2])
    optimizer, (x, y) = make(model.parameters(), lr=123.0), data(200)
    optimizer.lr = cr.lr_find(model, nn.cross_entropy, optimizer, (x, y)).suggestion
    history = cr.fit(model, nn.cross_entropy, optimizer, (x, y), 20, verbose=0)
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_the_rates_rise_by_one_factor_from_start_to_end():
    found = quadratic(1e-3, start=1e-4, end=10.0, steps=50)  # so flat that no rate diverges
    assert (len(found.lrs), found.lrs[0], found.lrs[-1]) == (50, pytest.approx(1e-4), pytest.approx(10.0))
    assert np.diff(np.log(found.lrs)) == pytest.approx([np.log(1e5) / 49] * 49)


def test_there_is_a_loss_for_each_rate():
    found = quadratic(2.0)
    assert len(found.lrs) == len(found.losses) == len(found.smoothed)
    assert all(type(value) is float for values in (found.lrs, found.losses, found.smoothed) for value in values)


def test_the_run_ends_where_the_loss_explodes():
    found = quadratic(2.0, end=1e6, steps=200)
    assert found.lrs[-1] < 100
    assert all(np.isfinite(found.losses))


def test_the_suggestion_is_one_of_the_rates():
    found = quadratic(2.0)
    assert found.suggestion in found.lrs


def test_the_same_seed_gives_the_same_suggestion():
    results = []
    for _ in range(2):
        cr.random.seed(1)
        model, optimizer, batches = classified()
        results.append(cr.lr_find(model, nn.cross_entropy, optimizer, batches))
    assert results[0].losses == results[1].losses


@pytest.mark.parametrize("n", [1, 3, 1000])
def test_the_data_is_repeated_as_often_as_needed(n):
    model, optimizer, _ = classified()
    batches = [data(8)] * n
    assert len(cr.lr_find(model, nn.cross_entropy, optimizer, batches, end=0.01, steps=30).lrs) == 30


def test_every_group_keeps_its_proportion_to_the_first():
    model, _, batches = classified()
    rates = []

    class Watched(optim.SGD):
        def step(self, closure=None):
            rates.append([group["lr"] for group in self.groups])
            super().step(closure)

    groups = [{"params": layer.parameters(), "lr": lr} for layer, lr in zip(model.layers, (0.1, 0.2), strict=True)]
    optimizer = Watched(groups, lr=1.0)
    found = cr.lr_find(model, nn.cross_entropy, optimizer, batches, end=0.1)
    assert rates == [[lr, pytest.approx(2 * lr)] for lr in found.lrs]
    assert [group["lr"] for group in optimizer.groups] == [0.1, 0.2]


def test_it_shows_what_it_found():
    assert re.fullmatch(r"LRFind\(suggestion=[\d.e-]+, \d+ rates from 1e-07 to [\d.e-]+\)", repr(quadratic(2.0)))


def test_it_draws_the_loss_over_the_rate():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    found = quadratic(2.0)
    figure, ax = pyplot.subplots()
    try:
        assert found.plot(ax=ax) is ax
        drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()]
        assert (ax.get_xscale(), (found.lrs, found.losses) in drawn) == ("log", True)
    finally:
        pyplot.close(figure)


# ---- it leaves no trace


class Recording(nn.Module):
    """Dropout from a generator of its own, and a tensor that training changes."""

    def __init__(self):
        self.dropout = nn.Dropout(0.3, cr.random.Generator(5))
        self.seen = cr.zeros(())

    def forward(self, x):
        if self.training:
            self.seen.assign(self.seen + len(x))
        return self.dropout(x)


RATES = {
    "a number": lambda: 0.03,
    "a function": lambda: lambda step: 0.1 / (1 + step),
    "a schedule": lambda: schedule.cosine(0.1, 100),
    "a rate that depends on results": lambda: schedule.warmup(schedule.ReduceOnPlateau(0.1, patience=0), 3),
}
DATA = {
    "a pair": data,
    "Batches": lambda: cr.data.Batches(*data(), batch_size=8, seed=2),
    "Batches loaded ahead": lambda: Prefetch(cr.data.Batches(*data(), batch_size=8)),
    "a list": lambda: [data(8), data(9)],
}


def used(rate):
    """A model and an optimiser in the middle of their lives."""
    model = nn.Sequential(Recording(), nn.MLP([2, 8, 2], dropout=0.2))
    groups = [{"params": model.layers[1].layers[0].parameters(), "weight_decay": 0.1, "lr": rate}]
    optimizer = optim.Adam([*groups, {"params": model.layers[1].layers[1].parameters()}], lr=0.01)
    cr.fit(model, nn.cross_entropy, optimizer, data(), 2, verbose=0, validation=data())
    model.layers[1].eval()  # modes that differ
    return model, optimizer


def everything(model, optimizer, batches):
    """All that lr_find might have changed, to the bit or by identity."""
    generator = getattr(batches, "generator", None)
    return (
        bits(model),
        [module.training for _, module in model.named_modules()],
        [id(p.grad) for p in model.parameters()],
        [p.grad.numpy().tobytes() for p in model.parameters()],
        [
            {k: v if isinstance(v, (float, bool, tuple)) else id(v) for k, v in g.items() if k != "params"}
            for g in optimizer.groups
        ],
        plain(optimizer.state_dict()),
        (optimizer.steps, optimizer.lr, optimizer.last_lr),
        [list(cr.random.get_state()), list(model.layers[0].dropout.generator.get_state())],
        None if generator is None else list(generator.get_state()),
    )


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("rate", RATES)
def test_everything_is_as_before_to_the_bit(rate, kind):
    (model, optimizer), batches = used(RATES[rate]()), DATA[kind]()
    before = everything(model, optimizer, batches)
    cr.lr_find(model, nn.cross_entropy, optimizer, batches, start=1e-4, end=1.0, steps=20)
    assert everything(model, optimizer, batches) == before


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("call", [1, 2, 30])
def test_everything_is_as_before_also_after_an_error_or_ctrl_c(call, error):
    (model, optimizer), batches = used(RATES["a schedule"]()), cr.data.Batches(*data(), batch_size=8, seed=2)
    before = everything(model, optimizer, batches)
    with pytest.raises(error):
        cr.lr_find(model, calls(nn.cross_entropy, raises(error), at=call), optimizer, batches, end=1.0)
    assert everything(model, optimizer, batches) == before


@pytest.mark.parametrize(
    "options",
    [dict(end=1e-7), dict(steps=5), dict(start=0.0), dict(diverged=1.0), dict(start=1e6, end=1e9)],
    ids=str,
)
def test_everything_is_as_before_also_where_nothing_was_found(options):
    (model, optimizer), batches = used(0.01), cr.data.Batches(*data(), batch_size=8, seed=2)
    before = everything(model, optimizer, batches)
    with pytest.raises(cr.ArgumentError, match="lr_find: "):
        cr.lr_find(model, nn.cross_entropy, optimizer, batches, **options)
    assert everything(model, optimizer, batches) == before


def test_parameters_of_the_optimiser_that_are_not_the_models_are_as_before():
    model, temperature = nn.MLP([2, 8, 2]), nn.Parameter([1.5])
    temperature.grad = [0.25]
    optimizer = optim.Adam([*model.parameters(), temperature])
    cr.lr_find(model, lambda prediction, y: nn.cross_entropy(prediction / temperature, y), optimizer, data())
    assert (temperature.tolist(), temperature.grad.tolist()) == ([1.5], [0.25])


def test_gradients_that_were_none_are_none_again():
    model, optimizer, batches = classified()
    cr.lr_find(model, nn.cross_entropy, optimizer, batches)
    assert [p.grad for p in model.parameters()] == [None] * 4


def test_training_afterwards_is_what_it_would_have_been():
    weights = []
    for look in (True, False):
        cr.random.seed(0)
        model, optimizer = used(schedule.cosine(0.1, 100))
        if look:
            cr.lr_find(model, nn.cross_entropy, optimizer, data())
        cr.fit(model, nn.cross_entropy, optimizer, data(), 2, verbose=0)
        weights.append(bits(model))
    assert weights[0] == weights[1]


def test_frozen_parameters_stay_frozen_and_as_they_were():
    model, optimizer, batches = classified()
    model.layers[0].weight.requires_grad = False
    before = bits(model)
    cr.lr_find(model, nn.cross_entropy, optimizer, batches)
    assert bits(model) == before
    assert not model.layers[0].weight.requires_grad


# ---- what it refuses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(start=0.0), "lr_find: start must be a finite number above 0, not 0.0"),
        (dict(start=-1.0), "lr_find: start must be a finite number above 0, not -1.0"),
        (dict(end=INF), "lr_find: end must be a finite number above 0, not inf"),
        (dict(start=1.0, end=0.1), "lr_find: end must be above start, not 0.1 and 1.0"),
        (dict(steps=9), "lr_find: steps must be a whole number of at least 10, not 9"),
        (dict(steps=20.0), "lr_find: steps must be a whole number of at least 10, not 20.0"),
        (dict(diverged=1.0), "lr_find: diverged must be above 1, not 1.0"),
        (dict(diverged=NAN), "lr_find: diverged must be above 1, not nan"),
        (dict(batch_size=0), "batch_size must be a whole number of at least 1, or None"),
    ],
    ids=str,
)
def test_bad_options_are_refused(options, message):
    model, optimizer, _ = classified()
    with pytest.raises(cr.ArgumentError, match=re.escape(message)):
        cr.lr_find(model, nn.cross_entropy, optimizer, data(), **options)


def test_an_iterator_is_refused():
    model, optimizer, batches = classified()
    with pytest.raises(cr.ArgumentError, match="lr_find: the data is an iterator, which would be used up"):
        cr.lr_find(model, nn.cross_entropy, optimizer, iter(batches))


def test_data_without_batches_is_refused():
    model, optimizer, _ = classified()
    with pytest.raises(cr.ArgumentError, match="lr_find: there are no batches"):
        cr.lr_find(model, nn.cross_entropy, optimizer, [])


@pytest.mark.parametrize(
    "loss",
    [
        lambda prediction, y: (prediction * 0).sum() + 1,  # constant
        lambda prediction, y: nn.cross_entropy(prediction, y) * 0 + prediction.sum() * 1e-30 + 5,  # as good as constant
    ],
)
def test_a_loss_that_no_rate_lowers_is_an_error_not_a_suggestion(loss):
    model, optimizer, batches = classified()
    with pytest.raises(cr.ArgumentError, match=r"lr_find: no rate between 1e-07 and \S+ lowered the loss"):
        cr.lr_find(model, loss, optimizer, batches)


def test_differences_between_batches_are_not_taken_for_learning():
    for seed in range(5):
        cr.random.seed(seed)
        model, optimizer, batches = classified(seed)
        with pytest.raises(cr.ArgumentError, match="lr_find: no rate"):
            cr.lr_find(model, lambda p, y: (p * 0).sum() + y.to("float32").mean(), optimizer, batches)


def test_dropout_is_not_taken_for_learning():
    for seed in range(5):
        cr.random.seed(seed)
        model = nn.MLP([2, 16, 2], dropout=0.5)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        with pytest.raises(cr.ArgumentError, match="lr_find: no rate"):
            cr.lr_find(model, nn.cross_entropy, optimizer, data(), batch_size=None, start=1e-9, end=1e-7)


def test_with_single_examples_it_suggests_a_rate_that_learns_or_none():
    for seed in range(5):
        cr.random.seed(seed)
        model, optimizer, _ = classified(seed)
        try:
            found = cr.lr_find(model, nn.cross_entropy, optimizer, data(200), batch_size=1)
        except cr.ArgumentError:
            continue
        assert 1e-4 < found.suggestion < 1


def test_a_loss_that_only_rises_is_an_error_not_a_suggestion():
    model = Line(0.0)
    ascent = lambda prediction, y: (prediction * 1e-9).sum() + float(abs(model.slope.item())) + 1
    x = np.ones(4, "f")
    with pytest.raises(cr.ArgumentError, match="lr_find: no rate"):
        cr.lr_find(model, ascent, optim.SGD(model.parameters(), lr=0.1), (x, x), end=1e9)


@pytest.mark.parametrize(
    "spoil",
    [lambda v: v * NAN, lambda v: v + NAN, lambda v: v * INF, lambda v: v + INF],
    ids=["times nan", "plus nan", "times infinity", "plus infinity"],
)
def test_a_loss_that_is_no_number_at_the_first_step_is_an_error(spoil):
    model, optimizer, batches = classified()
    with pytest.raises(cr.GraphError, match=r"lr_find: the loss of a batch is (nan|inf), before any step"):
        cr.lr_find(model, lambda prediction, y: spoil(nn.cross_entropy(prediction, y)), optimizer, batches)


@pytest.mark.parametrize("call", [2, 7])
def test_a_loss_that_is_no_number_on_some_batch_before_any_step_is_an_error(call):
    """Such a batch would end the search as if the loss had exploded."""
    model, optimizer, batches = classified()
    broken = list(batches)
    broken[call] = (np.full((16, 2), NAN, "f"), broken[call][1])
    with (
        np.errstate(all="ignore"),
        pytest.raises(cr.GraphError, match="lr_find: the loss of .* batch is nan, before any"),
    ):
        cr.lr_find(model, nn.cross_entropy, optimizer, broken)


def test_a_gradient_that_is_no_number_at_the_first_step_is_an_error():
    model = Line(0.0)
    x = np.ones(4, "f")
    with np.errstate(all="ignore"), pytest.raises(cr.GraphError, match="the gradient of parameter"):
        cr.lr_find(model, lambda p, y: cr.sqrt(p * 0).sum(), optim.SGD(model.parameters(), lr=0.1), (x, x))


def test_a_start_at_which_the_loss_explodes_is_an_error():
    with pytest.raises(
        cr.ArgumentError, match=r"lr_find: the loss exploded after [123] steps, at a rate of .*; lower start"
    ):
        quadratic(2.0, start=1e5, end=1e9)


def test_a_loss_below_0_gives_the_rate_that_it_gives_above_0():
    x = np.ones(4, "f")

    def found(shift):
        model = Line(-1.0)
        loss = lambda prediction, y: nn.mse(prediction, y) + shift
        return cr.lr_find(model, loss, optim.SGD(model.parameters(), lr=0.1), (x, x), batch_size=None)

    assert found(-8.0).losses[0] == -4.0
    assert 0.01 < found(-8.0).suggestion < 1
