"""Layers, losses, optimisers and a whole training run on devices: the strict stand-in for CuPy, and the GPU."""

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 3, 40)
DEVICES = ["strict", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=DEVICES)
def away(request):
    """A device that is not the host."""
    return request.getfixturevalue("strict") if request.param == "strict" else request.param


def assert_same(device, given, expected, rtol=1e-3):
    """Equal to the bit on the stand-in, which computes with NumPy; to rounding on a GPU."""
    assert len(given) == len(expected)
    for a, b in zip(given, expected, strict=True):
        if device == "strict":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol / 100)


def assert_near(device, given, expected):
    """To rounding, as BLAS adds in an order that depends on the processor and on where arrays lie."""
    rtol = 1e-5 if device == "strict" else 1e-3
    for a, b in zip(given, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(0.01, np.abs(b).max()))


def uniform(device, *shape, dtype="float32", requires_grad=False):
    values = np.random.default_rng(len(shape)).uniform(0.1, 0.9, shape)
    return cr.tensor(values, dtype=dtype, device=device, requires_grad=requires_grad)


# ---- layers

LAYERS = {
    "Linear": lambda: nn.Linear(4, 3),
    "Linear without bias": lambda: nn.Linear(4, 3, bias=False),
    "Perceptron": lambda: nn.Perceptron(4),
    "MLP": lambda: nn.MLP([4, 5, 2], activation="gelu", output="softmax"),
    "MLP with dropout": lambda: nn.MLP([4, 5, 5, 2], activation="tanh", dropout=0.5),
    "Dropout": lambda: nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5, cr.random.Generator(1))),
    **{name: lambda name=name: nn.Sequential(nn.Linear(4, 3), nn.activation(name)) for name in nn.ACTIVATIONS},
}


def passed(device, name):
    """The output of a layer made and moved to the device, and all its gradients; no value is read on the way."""
    cr.random.seed(3)
    model, x = LAYERS[name]().to(device), cr.tensor(X, device=device, requires_grad=True)
    with device_double.forbid("waits"):
        y = model(x)
        (y * y).sum().backward()
    return [t.numpy() for t in (y, x.grad, *(p.grad for p in model.parameters()))]


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_what_the_cpu_gives_and_never_makes_the_host_wait(away, name):
    assert_near(away, passed(away, name), passed("cpu", name))


def test_a_model_is_made_on_the_default_device(away):
    with cr.backends.use(away):
        model = nn.Sequential(nn.MLP([4, 3]), nn.Perceptron(3))
    assert {p.device for p in model.parameters()} == {away}


@pytest.mark.parametrize("name", nn.INITIALIZERS)
def test_an_initialiser_draws_the_numbers_of_the_cpu(away, name):
    weights = []
    for device in (away, "cpu"):
        cr.random.seed(1)
        with cr.backends.use(device):
            weights.append(nn.Linear(30, 20, init=name).weight.numpy())
    assert_same("strict", weights[:1], weights[1:])  # random numbers are the same to the bit everywhere


def test_dropout_drops_what_the_cpu_drops(away):
    masks = []
    for device in (away, "cpu"):
        cr.random.seed(2)
        masks.append(nn.Dropout(0.5)(cr.ones((30, 20), device=device)).numpy())
    assert_same("strict", masks[:1], masks[1:])


# ---- losses

TARGETS = {
    **{name: lambda device: uniform(device, 5, 3) * 0.5 for name in nn.LOSSES if name != "cross_entropy"},
    "cross_entropy": lambda device: cr.tensor([0, 1, 2, 0, 1], device=device),
    "cross_entropy of probabilities": lambda device: cr.softmax(uniform(device, 5, 3)),
}


def measured(device, name, reduction, dtype):
    """A loss and its gradient; no value is read on the way."""
    p = uniform(device, 5, 3, dtype=dtype, requires_grad=True)
    y = TARGETS[name](device)
    y = y.to(dtype) if y.dtype.kind == "f" else y
    with device_double.forbid("waits"):
        loss = nn.loss(name.split()[0])(p, y, reduction=reduction)
        loss.sum().backward()
    return loss.numpy(), p.grad.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_loss_gives_what_the_cpu_gives_and_never_makes_the_host_wait(away, name, reduction, dtype):
    assert_same(away, measured(away, name, reduction, dtype), measured("cpu", name, reduction, dtype))


def test_every_loss_is_measured():
    assert {name.split()[0] for name in TARGETS} == set(nn.LOSSES)


@pytest.mark.parametrize("name", TARGETS)
def test_the_second_derivatives_of_a_loss_are_right(away, name):
    y = TARGETS[name](away)
    y = y.to("float64") if y.dtype.kind == "f" else y
    assert cr.gradcheck(lambda p: nn.loss(name.split()[0])(p, y), uniform(away, 5, 3, dtype="float64"))


@pytest.mark.parametrize("index", [3, -1, 100])
def test_a_class_out_of_range_raises_when_a_value_is_read_where_looking_would_cost_a_transfer(away, index):
    losses = nn.cross_entropy(uniform(away, 2, 3), cr.tensor([0, index], device=away), reduction="none")
    with pytest.raises(cr.ArgumentError, match=r"class indices must lie in \[0, 3\); found when"):
        losses.numpy()


@pytest.mark.parametrize("name", [n for n in nn.LOSSES if n != "cross_entropy"])
def test_shapes_that_would_only_broadcast_are_refused_without_a_wait(strict, name):
    with device_double.forbid("waits"), pytest.raises(cr.ShapeError, match="must have the same shape"):
        nn.loss(name)(uniform(strict, 10, 1), uniform(strict, 10))


def test_a_host_target_for_a_device_prediction_is_refused(away):
    with pytest.raises(cr.DeviceError, match=f"logits on '{away}'.*'cpu'"):
        nn.cross_entropy(uniform(away, 2, 3), np.array([0, 1]))


# ---- optimisers

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD with weight decay": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "Adam with weight decay": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1),
    "AMSGrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "Lion": lambda p: optim.Lion(p, lr=0.001),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.01),
    "Adadelta": lambda p: optim.Adadelta(p, lr=1.0),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}


def stepped(device, name, dtype):
    """Parameters of several sizes after ten steps; no value is read on the way, one has no gradient now and then."""
    shapes = [(3, 4), (4,), (), (40_000,), (2, 2)]
    params = [uniform(device, *shape, dtype=dtype, requires_grad=True) for shape in shapes]
    optimizer = OPTIMIZERS[name](params)
    grads = [uniform(device, *shape, dtype=dtype) - 0.5 for shape in shapes]
    with device_double.forbid("waits"):
        for step in range(10):
            optimizer.zero_grad()
            for i, (p, g) in enumerate(zip(params, grads, strict=True)):
                if i != 1 or step % 3:
                    p.grad = g * (step - 4.5)
            optimizer.step()
    return [p.numpy() for p in params]


def test_every_optimiser_that_takes_one_step_at_a_time_is_here():
    here = {type(make(nn.Linear(1, 1).parameters())) for make in OPTIMIZERS.values()}
    assert here == {value for value in optim.OPTIMIZERS.values() if value.__name__ != "LBFGS"}


@pytest.mark.filterwarnings("ignore:.*no gradient has reached 1 of shape")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_gives_what_the_cpu_gives_and_never_makes_the_host_wait(away, name, dtype):
    rtol = 1e-2 if dtype == "float16" else 1e-5
    assert_same(away, stepped(away, name, dtype), stepped("cpu", name, dtype), rtol)


def test_an_optimiser_made_before_the_model_moved_says_so(away):
    model = nn.Linear(4, 3)
    optimizer = optim.Adam(model.parameters())
    model.to(away)
    model(cr.tensor(X, device=away)).sum().backward()
    with pytest.raises(cr.GraphError, match="make the optimiser after model.to"):
        optimizer.step()


# ---- mini-batches


@pytest.mark.parametrize("options", [dict(seed=1), dict(shuffle=False), dict(seed=1, drop_last=True)], ids=str)
def test_batches_come_in_the_order_of_the_cpu_and_never_make_the_host_wait(away, options):
    passes = []
    for device in (away, "cpu"):
        batches = cr.data.Batches(
            cr.tensor(X, device=device), cr.tensor(LABELS, device=device), batch_size=16, **options
        )
        with device_double.forbid("waits"):
            seen = [(x, y) for _ in range(2) for x, y in batches]
        assert {t.device for pair in seen for t in pair} == {device}
        passes.append([t.numpy() for pair in seen for t in pair])
    assert_same("strict", *passes)


# ---- a whole training run


def made(device, optimizer="Adam", dropout=0.2):
    cr.random.seed(0)
    model = nn.MLP([4, 16, 8, 3], dropout=dropout).to(device)
    data = cr.tensor(X, device=device), cr.tensor(LABELS, device=device)
    return model, OPTIMIZERS[optimizer](model.parameters()), cr.data.Batches(*data, batch_size=16, seed=0), data


def trained(device, optimizer):
    model, optimizer, batches, data = made(device, optimizer)
    metrics = {"accuracy": cr.metrics.accuracy}
    history = cr.fit(model, nn.cross_entropy, optimizer, batches, 5, data, metrics, verbose=0)
    return [p.numpy() for p in model.parameters()], history


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_run_ends_with_the_weights_of_the_cpu(away, name):
    assert_near(away, trained(away, name)[0], trained("cpu", name)[0])


@pytest.mark.parametrize("column", ["loss", "val_loss", "val_accuracy"])
def test_a_training_run_has_the_history_of_the_cpu(away, column):
    assert_near(away, trained(away, "Adam")[1][column], trained("cpu", "Adam")[1][column])


def test_a_training_run_learns(away):
    _, history = trained(away, "Adam")
    assert history["val_loss"] == sorted(history["val_loss"], reverse=True)


def test_a_training_run_stays_on_the_device(away):
    model, optimizer, batches, data = made(away)
    cr.fit(model, nn.cross_entropy, optimizer, batches, 1, verbose=0)
    assert {p.device for p in model.parameters()} | {p.grad.device for p in model.parameters()} == {away}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_never_makes_the_host_wait(strict, name):
    model, optimizer, batches, _ = made(strict, name)
    with device_double.forbid("waits"):
        for x, y in batches:
            optimizer.zero_grad()
            nn.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert optimizer.steps == 3


NOTHING = {"nothing": lambda prediction, y: 0.0}


def waits(epochs, metrics=None, **options):
    """How often the host waits for the device in a run of so many epochs, each better than the one before."""
    model, optimizer, batches, data = made("strict", dropout=0.0)
    if metrics:
        options |= {"validation": data, "metrics": metrics}
    with device_double.counting() as seen:
        history = cr.fit(model, nn.cross_entropy, optimizer, batches, epochs, verbose=0, **options)
    column = "val_loss" if metrics else "loss"
    assert history[column] == sorted(history[column], reverse=True)
    return seen.waits.total()


def test_fit_waits_for_the_device_three_times_in_each_epoch_for_the_loss_the_norm_and_the_checks(strict):
    assert waits(6) - waits(2) == 4 * 3


def test_fit_says_which_steps_changed_nothing_at_the_end_of_the_epoch(strict):
    model, optimizer, batches, _ = made(strict, dropout=0.0)
    seen = []

    def loss(prediction, y):
        seen.append(0)
        return nn.cross_entropy(prediction, y) * (np.nan if len(seen) in (5, 6) else 1.0)

    with pytest.raises(cr.GraphError, match="steps that changed nothing: 2, the first number 5") as caught:
        cr.fit(model, loss, optimizer, batches, 3, verbose=0)
    assert caught.value.__notes__ == ["in fit, after step 3 of epoch 2"]
    assert len(caught.value.history) == 1


def test_the_number_of_batches_makes_no_difference(strict):
    model, optimizer, _, data = made(strict)
    counted = []
    for batch_size in (4, 40):
        with device_double.counting() as seen:
            cr.fit(model, nn.cross_entropy, optimizer, data, 2, batch_size=batch_size, verbose=0)
        counted.append(seen.waits.total())
    assert counted[0] == counted[1]


@pytest.mark.parametrize("options", [{"clip_norm": 1.0}, {"clip_value": 0.1}, {"penalty": None}], ids=str)
def test_clipping_and_penalties_never_make_the_host_wait(strict, options):
    if "penalty" in options:
        options = {"penalty": lambda model: 0.01 * optim.l2_penalty(model.parameters())}
    assert waits(3, **options) == waits(3)


def test_keeping_the_best_weights_never_makes_the_host_wait(strict):
    assert waits(6, NOTHING) - waits(2, NOTHING) == 4 * 5  # val_loss and its checks, too


def test_accuracy_makes_the_host_wait_for_predictions_and_targets(strict):
    assert waits(6, "accuracy") - waits(6, NOTHING) == (6 + 1) * 2  # once before the first step, to see that it can


# ---- state and checkpoints


def test_the_state_of_a_model_stays_on_its_device(away):
    assert {x.device for x in made(away)[0].state_dict().values()} == {away}


def test_a_state_of_the_host_can_be_loaded_on_a_device_and_back(away):
    there, here = made(away)[0], nn.MLP([4, 16, 8, 3])
    state = here.state_dict()
    there.load_state_dict(state)
    here = nn.MLP([4, 16, 8, 3]).load_state_dict(there.state_dict())
    assert {p.device for p in there.parameters()} == {away}
    assert_same("strict", [p.numpy() for p in here.parameters()], [x.numpy() for x in state.values()])


def test_a_checkpoint_of_a_device_comes_back_on_it_and_on_the_host(away, tmp_path):
    model = made(away)[0]
    cr.save(model.state_dict(), tmp_path / "weights.safetensors")
    for device in (away, "cpu"):
        other = nn.MLP([4, 16, 8, 3]).to(device)
        other.load_state_dict(cr.load(tmp_path / "weights.safetensors", device=device))
        assert_same("strict", [p.numpy() for p in other.parameters()], [p.numpy() for p in model.parameters()])


def test_a_run_that_was_broken_off_goes_on_on_its_device_and_ends_with_the_same_weights(away, tmp_path):
    def train(break_at=None, **options):
        model, optimizer, batches, data = made(away)

        class Break(cr.Callback):
            def on_step(self, run):
                if run.optimizer.steps == break_at:
                    raise ZeroDivisionError

        options |= {"validation": data, "early_stopping": 3, "callbacks": Break(), "verbose": 0}
        history = cr.fit(model, nn.cross_entropy, optimizer, batches, 3, **options)
        return [p.numpy() for p in model.parameters()], history["loss"]

    whole, losses = train()
    checkpoint = cr.Checkpoint(tmp_path / "last.safetensors", every=1)
    with pytest.raises(ZeroDivisionError):
        train(break_at=5, checkpoint=checkpoint)
    rest, resumed = train(checkpoint=checkpoint, resume=True)
    assert_same("strict", rest, whole)
    assert resumed == losses


def test_looking_for_a_learning_rate_leaves_model_and_optimiser_on_the_device_as_they_were(away):
    model, optimizer, batches, _ = made(away)
    cr.fit(model, nn.cross_entropy, optimizer, batches, 1, verbose=0)
    before = [p.numpy() for p in model.parameters()], [e["m"].numpy() for e in optimizer.state_dict()["state"]]
    found = cr.lr_find(model, nn.cross_entropy, optimizer, batches)
    after = [p.numpy() for p in model.parameters()], [e["m"].numpy() for e in optimizer.state_dict()["state"]]
    assert found.suggestion > 0
    assert_same("strict", [*after[0], *after[1]], [*before[0], *before[1]])


def test_the_checks_of_a_model_are_those_of_the_cpu(away):
    findings = []
    for device in (away, "cpu"):
        model, _, _, data = made(device, dropout=0.0)
        findings.append([(finding.check, finding.ok) for finding in cr.sanity_check(model, data)])
    assert findings[0] == findings[1]
    assert all(ok for _, ok in findings[0])
