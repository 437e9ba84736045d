"""The checks before a first long run: each finds its bug, passes healthy models, and leaves no trace."""

import warnings

import numpy as np
import pytest
from training import bits, calls, data, plain, raises

import chainrule as cr
from chainrule import nn, optim

START, GRADIENT, DEPENDS, MIX, LEARN = (
    "loss at the start",
    "every parameter gets a gradient",
    "the output depends on the input",
    "examples do not mix",
    "the model can overfit one batch",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("f")
LABELS = np.arange(24) % 3
NUMBERS = (X @ RNG.normal(size=(4, 2)) + 0.1).astype("f")
BITS = (X[:, :1] > 0).astype("f")


def failed(model, batch=(X, LABELS), loss=None, **options):
    """{check: what was seen} of the checks that failed; the report must agree with them."""
    report = cr.sanity_check(model, batch, loss, **options)
    found = {finding.check: finding.seen for finding in report if not finding.ok}
    assert report.ok == (not found)
    return found


# ---- healthy

HEALTHY = {
    "classes": lambda: (nn.MLP([4, 32, 3]), (X, LABELS), None),
    "classes, tanh": lambda: (nn.MLP([4, 32, 3], activation="tanh"), (X, LABELS), nn.cross_entropy),
    "classes, gelu, two hidden layers": lambda: (nn.MLP([4, 32, 32, 3], activation="gelu"), (X, LABELS), None),
    "classes, dropout": lambda: (nn.MLP([4, 32, 3], dropout=0.5), (X, LABELS), None),
    "classes, batch normalisation": lambda: (
        nn.Sequential(nn.Linear(4, 32), nn.BatchNorm(32), cr.tanh, nn.Linear(32, 3)),
        (X, LABELS),
        None,
    ),
    "classes, layer normalisation": lambda: (
        nn.Sequential(nn.Linear(4, 32), nn.LayerNorm(32), cr.tanh, nn.Linear(32, 3)),
        (X, LABELS),
        None,
    ),
    "numbers": lambda: (nn.MLP([4, 32, 2]), (X, NUMBERS), None),
    "numbers, linear": lambda: (nn.Linear(4, 2), (X, NUMBERS), nn.mse),
    "one logit": lambda: (nn.MLP([4, 32, 1]), (X, BITS), nn.bce_with_logits),
    "one probability": lambda: (nn.MLP([4, 32, 1], output="sigmoid"), (X, BITS), nn.bce),
    "float64": lambda: (nn.MLP([4, 32, 3]).to("float64"), (X.astype("d"), LABELS), None),
    "lists": lambda: (nn.MLP([4, 32, 3]), (X.tolist(), LABELS.tolist()), None),
    "two examples": lambda: (nn.MLP([4, 32, 3]), (X[:2], LABELS[:2]), None),
    "a frozen first layer": lambda: (frozen(nn.MLP([4, 64, 3]), slice(0, 2)), (X, LABELS), None),
}


def frozen(model, which=slice(None)):
    for p in model.parameters()[which]:
        p.requires_grad = False
    return model


@pytest.mark.parametrize("kind", HEALTHY)
def test_a_healthy_model_passes(kind):
    model, batch, loss = HEALTHY[kind]()
    assert failed(model, batch, loss) == {}


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_model_passes_whatever_the_seed(seed):
    cr.random.seed(seed)
    assert failed(nn.MLP([4, 32, 3])) == {}


def test_every_check_is_reported_in_order():
    report = cr.sanity_check(nn.MLP([4, 32, 3]), (X, LABELS))
    assert [finding.check for finding in report] == [START, GRADIENT, DEPENDS, MIX, LEARN]


@pytest.mark.filterwarnings("ignore:.*no gradient has reached 'scale'")  # in the last check, which is in evaluation
def test_a_parameter_that_is_used_in_training_only_is_no_fault():
    model = Planted(lambda model, x: healthy(model, x) * (model.scale if model.training else 1.0))
    model.scale = nn.Parameter([1.0])
    assert failed(model) == {}


# ---- planted bugs


class Planted(nn.Module):
    """A healthy classifier, with a bug in its forward pass."""

    def __init__(self, bug):
        self.first, self.second, self.bug = nn.Linear(4, 32), nn.Linear(32, 3), bug

    def forward(self, x):
        return self.bug(self, x)


def healthy(model, x):
    return model.second(cr.tanh(model.first(x)))


def test_the_model_in_which_bugs_are_planted_is_healthy_without():
    assert failed(Planted(healthy)) == {}


def test_a_parameter_that_the_output_does_not_use_is_named():
    model = Planted(healthy)
    model.forgotten = nn.Parameter([1.0])
    assert failed(model) == {GRADIENT: "none: forgotten"}


def test_a_layer_that_is_skipped_is_named():
    model = Planted(lambda model, x: model.second(cr.tanh(model.skip(x))))
    model.skip = nn.Linear(4, 32)
    assert failed(model) == {GRADIENT: "none: first.weight, first.bias"}


def test_dead_units_are_named():
    model = nn.MLP([4, 32, 3])
    model.layers[0].bias.assign(np.full(32, -1000.0))
    found = failed(model)
    assert found[GRADIENT] == "all zero: layers.0.weight, layers.0.bias, layers.1.weight, layers.1.bias"
    assert found[DEPENDS] == "all 24 examples give the same output"


def test_a_detached_layer_is_named():
    model = Planted(lambda model, x: model.second(cr.tanh(model.first(x)).detach()))
    assert failed(model)[GRADIENT] == "none: first.weight, first.bias"


def test_a_gradient_that_is_no_number_is_named():
    model = Planted(lambda model, x: healthy(model, x) + cr.sqrt(cr.square(model.first.bias)).sum())
    with np.errstate(all="ignore"):
        found = failed(model)
    assert found[GRADIENT] == "not finite: first.bias"
    assert "first.bias" in found[LEARN]


@pytest.mark.parametrize("classes", [2, 10])
def test_softmax_before_cross_entropy_cannot_be_learned_by_heart(classes):
    found = failed(nn.MLP([4, 32, classes], output="softmax"), (X, np.arange(24) % classes))
    assert list(found) == [LEARN]
    assert "→ only" in found[LEARN]


def test_weights_that_are_far_too_large_show_in_the_loss_at_the_start():
    model = nn.MLP([4, 32, 3])
    model.layers[1].weight.assign(model.layers[1].weight.numpy() * 100)
    assert (
        "guessing gives ln 3 = 1.099; smaller initial weights, standardised inputs or targets help"
        in failed(model)[START]
    )


def test_inputs_that_are_far_too_large_show_in_the_loss_at_the_start():
    assert START in failed(nn.MLP([4, 32, 3]), (1000 * X, LABELS))


def test_targets_far_from_the_outputs_show_in_the_loss_at_the_start():
    found = failed(nn.MLP([4, 32, 2]), (X, NUMBERS + 1000))
    assert "guessing gives" in found[START]


def test_an_output_that_ignores_the_input_is_found():
    model = Planted(lambda model, x: healthy(model, x * 0 + 1))
    found = failed(model)
    assert found[DEPENDS] == "all 24 examples give the same output"
    assert LEARN in found


MIXED = {
    "centred over the examples": lambda model, x: healthy(model, x - x.mean(axis=0)),
    "softmax along the wrong axis": lambda model, x: model.second(cr.softmax(model.first(x), axis=0)),
    "rows shifted": lambda model, x: healthy(model, cr.concatenate([x[1:], x[:1]])),
    "reshaped instead of transposed": lambda model, x: healthy(model, x.T.reshape(x.shape)),
}


@pytest.mark.parametrize("bug", MIXED)
def test_examples_that_mix_are_found(bug):
    found = failed(Planted(MIXED[bug]))
    assert "depends on example" in found[MIX]


def test_mixing_that_only_reaches_later_examples_is_found():
    model = Planted(lambda model, x: healthy(model, x + cr.concatenate([x[:1] * 0, x[:-1]])))
    assert MIX in failed(model)


def test_a_frozen_model_cannot_learn():
    assert failed(frozen(nn.MLP([4, 32, 3]))) == {
        GRADIENT: "no parameter requires grad",
        LEARN: "no parameter gets a gradient",
    }


def test_a_model_too_small_for_the_batch_cannot_learn_it():
    assert list(failed(nn.Linear(4, 3))) == [LEARN]


def test_contradicting_labels_cannot_be_learned():
    x = np.concatenate([X, X])
    assert list(failed(nn.MLP([4, 32, 3]), (x, np.concatenate([LABELS, 2 - LABELS])))) == [LEARN]


def test_dropout_is_off_while_the_loss_at_the_start_is_measured():
    model = nn.MLP([4, 32, 3], dropout=0.9)
    report = cr.sanity_check(model, (X, LABELS))
    start = nn.cross_entropy(model.eval()(X), LABELS).item()
    assert report[0].seen.startswith(f"{start:.4g}, ")


def test_the_number_of_steps_and_the_rate_can_be_set():
    model = nn.MLP([4, 32, 3])
    assert list(failed(model, steps=1)) == [LEARN]
    assert list(failed(model, lr=1e-9)) == [LEARN]


def test_the_report_reads_as_text():
    model = Planted(healthy)
    model.forgotten = nn.Parameter([1.0])
    lines = repr(cr.sanity_check(model, (X, LABELS))).splitlines()
    assert lines[1] == "FAIL  every parameter gets a gradient: none: forgotten"
    assert [line[:6] for line in lines] == ["ok    ", "FAIL  ", "ok    ", "ok    ", "ok    "]


def test_no_warning_repeats_what_is_reported():
    model = Planted(healthy)
    model.forgotten = nn.Parameter([1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(failed(model)) == [GRADIENT]


# ---- it leaves no trace


class Noisy(nn.Module):
    """Noise from a generator of its own, and a tensor that training changes."""

    def __init__(self):
        self.generator, self.calls = cr.random.Generator(3), cr.zeros(())

    def forward(self, x):
        if self.training:
            self.calls.assign(self.calls + 1)
            return x + self.generator.normal(size=x.shape)
        return x


def used():
    """A model and its optimiser in the middle of their lives."""
    model = nn.Sequential(Noisy(), nn.MLP([2, 16, 2], dropout=0.2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    cr.fit(model, nn.cross_entropy, optimizer, data(), 2, verbose=0)
    model.layers[1].dropout.eval()  # modes that differ
    return model, optimizer


def everything(model, optimizer):
    return (
        bits(model),
        [module.training for _, module in model.named_modules()],
        [(id(p.grad), p.grad.numpy().tobytes()) for p in model.parameters()],
        [p.requires_grad for p in model.parameters()],
        plain(optimizer.state_dict()),
        [list(cr.random.get_state()), list(model.layers[0].generator.get_state())],
    )


@pytest.mark.parametrize("loss", [None, nn.cross_entropy])
def test_everything_is_as_before_to_the_bit(loss):
    model, optimizer = used()
    before = everything(model, optimizer)
    cr.sanity_check(model, data(), loss)
    assert everything(model, optimizer) == before


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("call", [1, 2, 3, 10])  # the start, the gradients, and two of the steps
def test_everything_is_as_before_also_after_an_error_or_ctrl_c(call, error):
    model, optimizer = used()
    before = everything(model, optimizer)
    with pytest.raises(error):
        cr.sanity_check(model, data(), calls(nn.cross_entropy, raises(error), at=call))
    assert everything(model, optimizer) == before


def test_an_optimiser_made_before_goes_on_as_if_nothing_had_been():
    weights = []
    for look in (True, False):
        cr.random.seed(0)
        model, optimizer = used()
        if look:
            cr.sanity_check(model, data())
        cr.fit(model, nn.cross_entropy, optimizer, data(), 2, verbose=0)
        weights.append(bits(model))
    assert weights[0] == weights[1]


def test_the_batch_is_left_alone():
    x, y = X.copy(), LABELS.copy()
    leaf = cr.tensor(x, requires_grad=True)
    cr.sanity_check(nn.MLP([4, 32, 3]), (leaf, y))
    assert ((leaf.numpy() == X).all(), (y == LABELS).all(), leaf.grad) == (True, True, None)


def test_gradients_that_were_none_are_none_again():
    model = nn.MLP([4, 32, 3])
    cr.sanity_check(model, (X, LABELS))
    assert [p.grad for p in model.parameters()] == [None] * 4


# ---- what it refuses


@pytest.mark.parametrize("batch", [X, (X,), (X, LABELS, LABELS), None, "xy" * 2])
def test_a_batch_that_is_no_pair_is_refused(batch):
    with pytest.raises(cr.ArgumentError, match=r"sanity_check: the batch must be a pair \(x, y\)"):
        cr.sanity_check(nn.MLP([4, 32, 3]), batch)


@pytest.mark.parametrize("batch", [(X[:1], LABELS[:1]), (X[:0], LABELS[:0]), (X, LABELS[:5]), (X[0, 0], LABELS)])
def test_a_batch_without_two_examples_or_with_lengths_that_differ_is_refused(batch):
    with pytest.raises(cr.ArgumentError, match="sanity_check: needs x and y of one length, at least 2, given"):
        cr.sanity_check(nn.MLP([4, 32, 3]), batch)


@pytest.mark.parametrize("steps", [0, -1, 1.5, None])
def test_a_bad_number_of_steps_is_refused(steps):
    with pytest.raises(cr.ArgumentError, match="sanity_check: steps must be a whole number of at least 1, not"):
        cr.sanity_check(nn.MLP([4, 32, 3]), (X, LABELS), steps=steps)


@pytest.mark.parametrize("lr", [0, -1.0, float("nan"), "fast"])
def test_a_bad_rate_is_refused(lr):
    with pytest.raises(cr.ArgumentError, match="lr must be"):
        cr.sanity_check(nn.MLP([4, 32, 3]), (X, LABELS), lr=lr)


def test_outputs_that_would_only_broadcast_are_refused():
    with pytest.raises(cr.ShapeError, match=r"mse: .* must have the same shape, given \(24, 1\) and \(24,\)"):
        cr.sanity_check(nn.MLP([4, 8, 1]), (X, NUMBERS[:, 0]))
