"""cr.lint: each mistake is found at its line, right code is silent, and everything is as before."""

import inspect
import re
import warnings

import numpy as np
import pytest

import chainrule as cr


def data(n=6):
    rng = np.random.default_rng(0)
    x = cr.tensor(rng.normal(size=(n, 3)).astype("float32"))
    return x, cr.tensor(rng.normal(size=(n, 1)).astype("float32")), cr.tensor(np.arange(n) % 3)


def made(*layers):
    cr.random.seed(0)
    model = cr.nn.Sequential(*layers or (cr.nn.Linear(3, 4), cr.tanh, cr.nn.Linear(4, 3)))
    return model, cr.optim.Adam(model.parameters(), lr=0.01)


def training(model, optimizer, loss, before=lambda: None):
    """A step that is right."""

    def step(x, y):
        before()
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    return step


def kinds(step, *args):
    return [finding.kind for finding in cr.lint(step, *args)]


def regression():
    return made(cr.nn.Linear(3, 4), cr.tanh, cr.nn.Linear(4, 1))


# ---- right code is silent


def two_backwards():
    model, optimizer = regression()

    def step(x, y):
        optimizer.zero_grad()
        for part in (slice(0, 3), slice(3, 6)):  # gradients of two halves add up
            (cr.nn.mse(model(x[part]), y[part]) / 2).backward()
        optimizer.step()

    return step, *data()[:2]


def adversaries():
    one, other = regression(), made(cr.nn.Linear(1, 1))

    def step(x, y):
        other[1].zero_grad()
        other[0](one[0](x).detach()).mean().backward()
        other[1].step()
        one[1].zero_grad()
        (-other[0](one[0](x))).mean().backward()
        one[1].step()

    return step, *data()[:2]


def zero_at_the_end():
    model, optimizer = regression()

    def step(x, y):
        cr.nn.mse(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step, *data()[:2]


def evaluation():
    model, _ = made(cr.nn.Linear(3, 4), cr.nn.Dropout(0.5), cr.nn.Linear(4, 1))

    def step(x, y):
        model.eval()
        with cr.no_grad():
            loss = cr.nn.mse(model(x), y)
        model.train()
        return loss

    return step, *data()[:2]


def distances():
    w = cr.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]], requires_grad=True)
    return lambda: cr.norm(w[:, None] - w[None] + 0.1, axis=-1).mean().backward(), ()


def micrograd():
    w = [cr.Value(0.5), cr.Value(-0.5)]

    def step():
        for p in w:
            p.grad = 0.0
        loss = ((w[0] * 2 + w[1]).tanh() - 1) ** 2
        loss.backward()
        for p in w:
            p.data -= 0.1 * p.grad

    return step, ()


def targets_with_gaps():
    model, optimizer = regression()
    return training(model, optimizer, lambda p, y: cr.nn.mse(p.flatten(), y)), data()[0], cr.tensor([0, 5, 9, 3, 3, 1])


RIGHT = {
    "regression": lambda: (training(*regression(), cr.nn.mse), *data()[:2]),
    "classes": lambda: (training(*made(), cr.nn.cross_entropy), data()[0], data()[2]),
    "recorded": lambda: (cr.jit(training(*regression(), cr.nn.mse)), *data()[:2]),
    "yes or no": lambda: (training(*regression(), cr.nn.bce_with_logits), data()[0], (data()[1] > 0).to("float32")),
    "probabilities": lambda: (training(*made(cr.nn.Linear(3, 1), cr.sigmoid), cr.nn.bce), data()[0], (data()[1] > 0).to("float32")),
    "attention": lambda: (training(*made(cr.nn.Linear(3, 3), cr.softmax, cr.nn.Linear(3, 3)), cr.nn.cross_entropy), data()[0], data()[2]),
    "dropout": lambda: (training(*made(cr.nn.Linear(3, 4), cr.nn.Dropout(0.5), cr.nn.Linear(4, 1)), cr.nn.mse), *data()[:2]),
    **{f.__name__: f for f in (two_backwards, adversaries, zero_at_the_end, evaluation, distances, micrograd, targets_with_gaps)},
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_code_is_silent(name):
    step, *args = RIGHT[name]()
    found = cr.lint(step, *[a for a in args if not isinstance(a, tuple)])
    assert found == [], found
    assert found.ok
    assert "nothing found" in repr(found)


# ---- each mistake is found


def broadcasts():
    model, optimizer = regression()
    return training(model, optimizer, lambda p, y: ((p - y) ** 2).mean()), data()[0], data()[1].flatten()  # HERE


def forgets_zero_grad():
    model, optimizer = regression()

    def step(x, y):
        loss = cr.nn.mse(model(x), y)
        loss.backward()  # HERE
        optimizer.step()

    return step, *data()[:2]


def forgets_backward():
    model, optimizer = regression()
    cr.nn.mse(model(data()[0]), data()[1]).backward()

    def step(x, y):
        cr.nn.mse(model(x), y)
        optimizer.step()  # HERE

    return step, *data()[:2]


def steps_first():
    model, optimizer = regression()
    cr.nn.mse(model(data()[0]), data()[1]).backward()

    def step(x, y):
        optimizer.step()  # HERE
        optimizer.zero_grad()
        cr.nn.mse(model(x), y).backward()
        optimizer.step()
        optimizer.step()

    return step, *data()[:2]


def clears_too_late():
    model, optimizer = regression()

    def step(x, y):
        cr.nn.mse(model(x), y).backward()
        optimizer.zero_grad()  # HERE
        optimizer.step()

    return step, *data()[:2]


class Net(cr.nn.Module):
    def __init__(self, way):
        self.first, self.second, self.way = cr.nn.Linear(3, 4), cr.nn.Linear(4, 1), way

    def forward(self, x):
        return self.second(self.way(self.first(x)))


def breaks(way):
    cr.random.seed(0)
    model = Net(way)
    return training(model, cr.optim.SGD(model.parameters(), lr=0.1), cr.nn.mse), *data()[:2]


def under_no_grad(h):
    with cr.no_grad():
        return h * 2  # HERE


def unused():
    cr.random.seed(0)
    model = Net(cr.tanh)
    model.spare = cr.nn.Linear(2, 2)
    return training(model, cr.optim.SGD(model.parameters(), lr=0.1), cr.nn.mse), *data()[:2]


def trains_in_eval():
    model, optimizer = made(cr.nn.Linear(3, 4), cr.nn.Dropout(0.5), cr.nn.Linear(4, 1))
    model.eval()
    return training(model, optimizer, cr.nn.mse), *data()[:2]


def evaluates_in_training():
    model, _ = made(cr.nn.Linear(3, 4), cr.nn.BatchNorm(4), cr.nn.Linear(4, 1))

    def step(x, y):
        with cr.no_grad():
            return cr.nn.mse(model(x), y)  # HERE

    return step, *data()[:2]


def backward_twice():
    model, optimizer = regression()

    def step(x, y):
        optimizer.zero_grad()
        loss = cr.nn.mse(model(x), y)
        loss.backward()
        loss.backward()  # HERE
        optimizer.step()

    return step, *data()[:2]


def one_class():
    model, optimizer = regression()
    return training(model, optimizer, cr.nn.cross_entropy), data()[0], cr.zeros(6, dtype="int64")


def classes_as_numbers():
    model, optimizer = regression()
    return training(model, optimizer, lambda p, y: cr.nn.mse(p.flatten(), y)), data()[0], data()[2]


def with_softmax(last, loss, y):
    n = 3 if loss is cr.nn.cross_entropy else 1
    return training(*made(cr.nn.Linear(3, n), last), loss), data()[0], y


YES = (data()[1] > 0).to("float32")
WRONG = {
    "operands only broadcast": (broadcasts, r"\(6, 1\) - \(6,\) is \(6, 6\): every prediction", "same shape"),
    "no zero_grad": (forgets_zero_grad, "adds to the gradients of the step before, of 4 parameters", "zero_grad"),
    "step without backward": (forgets_backward, "of this Adam since its last step", "backward"),
    "step without backward ": (steps_first, "of this Adam since its last step", "backward"),
    "zero_grad before the step": (clears_too_late, "stands between backward and", "call zero_grad first"),
    "no gradient": (lambda: breaks(under_no_grad), "first.weight, first.bias: multiply is computed under no_grad", "outside no_grad"),
    "no gradient ": (lambda: breaks(lambda h: (h > 0).to("float32")), "first.weight, first.bias: greater has no gradient", "smooth"),
    "no gradient  ": (lambda: breaks(lambda h: cr.exp(h).detach()), "the result of exp is not part of the loss", "as a Tensor"),
    "no gradient   ": (unused, "spare.weight, spare.bias: it is not used in the step", "leave it out"),
    "trains in eval mode": (trains_in_eval, "while Dropout is in eval mode", r"model.train\(\)"),
    "evaluates in training mode": (evaluates_in_training, "BatchNorm is in training mode", r"model.eval\(\)"),
    "error": (backward_twice, "GraphError", "."),
    "labels of one class": (one_class, r"scores \(6, 1\) has a single class", "an output for each class"),
    "class indices as numbers": (classes_as_numbers, "whole numbers 0 to 2", "cross_entropy"),
    "softmax before cross_entropy": (lambda: with_softmax(cr.softmax, cr.nn.cross_entropy, data()[2]), "applies softmax itself", "leave softmax out"),
    "sigmoid before bce_with_logits": (lambda: with_softmax(cr.sigmoid, cr.nn.bce_with_logits, YES), "applies sigmoid itself", "or take cr.nn.bce"),
    "sigmoid before cross_entropy": (lambda: with_softmax(cr.sigmoid, cr.nn.cross_entropy, data()[2]), "applies softmax itself", "leave sigmoid out"),
    "error ": (lambda: (training(*made(), cr.nn.cross_entropy), data()[0], data()[2].to("float32")), "class indices must be integers", "int64"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_mistake_is_found(kind):
    make, seen, remedy = WRONG[kind]
    step, *args = make()
    found = cr.lint(step, *args)
    assert {f.kind for f in found} == {kind.strip()}, found
    assert any(re.search(seen, f.seen) for f in found), found
    assert re.search(remedy, found[0].remedy), found
    assert not found.ok
    if kind != "no gradient   ":
        assert found[0].file == __file__
        marked = "HERE" in found[0].text
        assert marked == ("# HERE" in inspect.getsource(make) or kind == "no gradient"), found
        assert found[0].text in repr(found)


# ---- everything is as before


def test_what_the_step_reaches_is_as_before():
    model, optimizer = made(
        cr.nn.Linear(3, 4), cr.nn.Dropout(0.5, cr.random.Generator(1)), cr.nn.BatchNorm(4), cr.nn.Linear(4, 1)
    )
    x, y = data()[:2]
    training(model, optimizer, cr.nn.mse)(x, y)
    count, generator = 0, model[1].generator

    def step(x, y):
        nonlocal count
        count += 1
        model.eval()
        optimizer.lr = 0.5
        x = x + cr.random.normal(size=x.shape)
        model.train()
        cr.nn.mse(model(x), y).backward()
        optimizer.step()
        model.eval()

    def state():
        grads = [p.grad.tolist() for p in model.parameters()]
        modes = [m.training for _, m in model.named_modules()]
        values = [t.tolist() for _, t in model.named_tensors()]
        numbers = {
            k: t.tolist() if hasattr(t, "tolist") else t for e in optimizer.state_dict()["state"] for k, t in e.items()
        }
        return (
            grads,
            modes,
            values,
            numbers,
            optimizer.steps,
            optimizer.lr,
            count,
            cr.random.get_state(),
            generator.get_state(),
        )

    before = state()
    assert kinds(step, x, y) == ["no zero_grad"]
    assert state() == before


def test_a_graph_that_waits_stays_valid():
    model, optimizer = regression()
    x, y = data()[:2]
    waiting = cr.nn.mse(model(x), y)
    cr.lint(training(model, optimizer, cr.nn.mse), x, y)
    waiting.backward()
    assert model[0].weight.grad is not None


def test_after_an_error_everything_is_as_before():
    model, optimizer = regression()
    before = model[0].weight.tolist()

    def step(x, y):
        training(model, optimizer, cr.nn.mse)(x, y)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        cr.lint(step, *data()[:2])
    assert model[0].weight.tolist() == before
    assert "step" not in vars(optimizer)


def test_no_warning_is_given_twice():
    step, *args = unused()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.lint(step, *args)
    with pytest.warns(UserWarning, match="no gradient has reached"):  # the first real step still warns
        step(*args)


def test_what_is_no_function_is_refused():
    with pytest.raises(cr.ArgumentError, match=r"lint: needs a function.*lint\(step, x, y\)"):
        cr.lint(cr.ones(2))
