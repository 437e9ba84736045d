"""What once gave the results of another call, or of other arrays: each is what the same calls give eagerly, bit for bit."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.backends.record import RecordingError

X = cr.tensor([1.0, 2.0, 3.0])
SCALE = 1.0


def after(function, change):
    """What it gives under jit, three times, and after a change."""
    f = cr.jit(function, lowering="numpy")
    for _ in range(3):
        f(X)
    change()
    return f(X).tolist()


def by(scale):
    return (X * scale).tolist()


class Scaled(nn.Module):
    scale = 2.0

    def forward(self, x):
        return x * self.scale


class Outside(nn.Module):
    @staticmethod
    def act(x):
        return x * SCALE

    @property
    def again(self):
        return SCALE

    def forward(self, x):
        return self.act(x) * self.again


class Holder:
    scale = 1.0

    def __init__(self):
        self.net, self.other = cr.ones(3), cr.ones(3) * 2


def test_attributes_of_classes(monkeypatch):
    assert after(Scaled(), lambda: monkeypatch.setattr(Scaled, "scale", 3.0)) == by(3)
    assert after(Scaled(), lambda: monkeypatch.setattr(Scaled, "forward", lambda self, x: x * 7)) == by(7)


def test_attributes_of_an_instance_that_its_class_had():
    model, holder = Scaled(), Holder()
    assert after(model, lambda: setattr(model, "scale", 5.0)) == by(5)
    assert after(lambda x: x * holder.scale, lambda: setattr(holder, "scale", 5.0)) == by(5)
    layer = nn.Linear(3, 3)
    assert after(lambda x: layer(x), lambda: setattr(layer, "forward", lambda x: x * 7)) == by(7)


def test_globals_of_static_methods_and_properties(monkeypatch):
    assert after(Outside(), lambda: monkeypatch.setitem(globals(), "SCALE", 3.0)) == by(9)


def test_tensors_that_objects_hold():
    holder = Holder()
    assert after(lambda x: x * holder.net, lambda: setattr(holder, "net", holder.other)) == by(2)


def test_attributes_of_functions():
    def helper(x):
        return x * helper.scale

    helper.scale = 1.0
    assert after(lambda x: helper(x), lambda: setattr(helper, "scale", 3.0)) == by(3)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("use", [lambda x, a: x * cr.tensor(a), lambda x, a: x * cr.tensor(a, dtype="float32")])
def test_arrays_of_numpy_that_are_converted(use, dtype):
    array = np.ones(3, dtype)
    assert after(lambda x: use(x, array), lambda: array.fill(5)) == by(5)


def test_a_number_that_becomes_minus_zero():
    f = cr.jit(lambda x, s: x * s, lowering="numpy")
    assert [np.signbit(f(X, s).numpy()).any() for s in (0.0, 0.0, 0.0, -0.0)] == [False, False, False, True]


@pytest.mark.filterwarnings("ignore:jit. .* is recorded again and again")
def test_objects_among_the_arguments_whose_places_are_taken_again():
    class Batch:
        def __init__(self, x):
            self.x = x

    f = cr.jit(lambda batch: batch.x * 2, lowering="numpy")
    assert [f(Batch(cr.ones(1) * i)).item() for i in range(40)] == [2 * i for i in range(40)]


@pytest.mark.parametrize("lowering", ["numpy", "c"])
def test_arguments_that_become_one(lowering):
    @lambda f: cr.jit(f, lowering=lowering)
    def f(a, b):
        (a * b).sum().backward()
        g, a.grad, b.grad = a.grad, None, None
        return g * 1

    a, b = (cr.tensor([x], requires_grad=True) for x in (1.0, 3.0))
    assert [f(*p).item() for p in ((a, b), (a, b), (a, b), (a, a), (b, b))] == [3, 3, 3, 2, 6]


def test_an_argument_that_is_written_to_outside():
    state = cr.zeros(3)

    def step(x):
        state.assign(state + 1)
        return x * 2

    f = cr.jit(step, lowering="numpy")
    for _ in range(3):
        f(X)
    with pytest.raises(RecordingError, match="written to"):
        f(state)


def test_the_result_of_a_recorded_call_as_an_argument():
    f = cr.jit(lambda x: (x * x).sum().backward())
    w = cr.tensor([1.0], requires_grad=True)
    for _ in range(3):
        f(w)
    with pytest.raises(RecordingError, match="result of a recorded call"):
        f(w * 2)


def test_methods_are_those_of_their_class_and_object():
    class Base:
        factor = 2.0

        @cr.jit
        def step(self, x):
            return x * self.factor

    class Plain(Base):
        def step(self, x):
            return super().step(x) + 1

    class Under(Base):
        @cr.jit
        def step(self, x):
            return super().step(x) + 1

        double, triple = (cr.jit(lambda self, x, k=k: x * k) for k in (2, 3))

    for kind in (Plain, Under):
        thing = kind()
        assert [thing.step(X).tolist() for _ in range(4)] == [(X * 2 + 1).tolist()] * 4
    assert [(thing.double(X).tolist(), thing.triple(X).tolist()) for _ in range(3)] == [(by(2), by(3))] * 3
    base = Base()
    base.step(X)
    for other in (copy.copy(base), copy.deepcopy(base)):
        other.factor = 5.0
        assert [other.step(X).tolist() for _ in range(3)] == [by(5)] * 3
    assert base.step(X).tolist() == by(2)


@pytest.mark.parametrize("lowering", ["numpy", "c"])
def test_parts_in_another_order(lowering):
    f = lambda x: (x[::-1][:2] * x[::-1][2:]).sum() + (cr.pad(x[::-1], 1) ** 2).sum()
    g = cr.jit(cr.value_and_grad(f), lowering=lowering)
    for i in range(4):
        x = cr.tensor([1.0 + i, 2.0, 3.0, 4.0])
        assert g(x)[1].tolist() == cr.value_and_grad(f)(x)[1].tolist()


@pytest.mark.parametrize("n", [17, 130])
def test_products_of_arrays_with_gaps(n):
    rng = np.random.default_rng(0)
    f = cr.jit(lambda x, y: (x @ y, x @ x), lowering="numpy")
    for _ in range(4):
        wide = rng.normal(size=(2, n, 2 * n)).astype("float32")
        x, y = (cr.Tensor._wrap(a) for a in (wide[0, 0, ::2], wide[1, 0, :n][::-1]))
        assert [v.tolist() for v in f(x, y)] == [(x @ y).tolist(), (x @ x).tolist()]
        x, y = (cr.Tensor._wrap(a[:, ::2]) for a in wide)
        assert [v.tolist() for v in f(x, y)] == [(x @ y).tolist(), (x @ x).tolist()]


def test_what_has_no_c_runs_on_numpy():
    for function in (lambda x: (x < True) + 1, lambda x: x.sum().sum(axis=-1) if x.ndim else x):
        f = cr.jit(function, lowering="c")
        for _ in range(3):
            assert f(cr.tensor([2, 3])).tolist() == function(cr.tensor([2, 3])).tolist()


@pytest.mark.parametrize("lowering", ["numpy", "c"])
def test_eval_mode_of_a_module_that_got_its_mode_after_the_recording(lowering):
    model = cr.nn.Sequential(cr.nn.Linear(2, 2), cr.nn.BatchNorm(2))
    f, x = cr.jit(lambda x: model(x), lowering=lowering), cr.tensor([[1.0, 2.0], [3.0, 5.0]])
    for _ in range(2):
        f(x)
    model.train()
    for _ in range(6):
        f(x)
    model.eval()
    assert np.allclose(f(x).numpy(), model(x).numpy(), atol=1e-6)


def test_a_layer_more_in_the_list_of_a_module():
    model = cr.nn.Sequential(cr.nn.Linear(3, 2))
    f, x = cr.jit(lambda x: model(x)), cr.ones((4, 3))
    for _ in range(4):
        f(x)
    model.layers.append(cr.nn.Linear(2, 2))
    assert f(x).tolist() == model(x).tolist()


def test_a_variable_that_becomes_minus_zero():
    factor = 0.0

    def function(x):
        return x * factor

    f = cr.jit(function)
    for _ in range(4):
        f(cr.ones(2))
    factor = -0.0
    assert np.signbit(f(cr.ones(2)).numpy()).all()
