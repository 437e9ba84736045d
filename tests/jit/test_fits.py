"""The quick look before a call: what would need another program is seen there too."""

from types import SimpleNamespace

import numpy as np
import pytest
from jit_c import needs_compiler

import chainrule as cr

scale = 2.0


@pytest.fixture(params=["numpy", pytest.param("c", marks=needs_compiler)])
def lowering(request):
    """What runs the program says who looks: Python or C."""
    return request.param


def made(lowering):
    """A step that ran as a program, and what it uses."""
    cr.random.seed(0)
    model = cr.nn.Sequential(cr.nn.Linear(3, 4), cr.nn.Dropout(0.5), cr.nn.Linear(4, 2))
    optimizer = cr.optim.Adam(model.parameters(), lr=0.1)
    use = SimpleNamespace(model=model, optimizer=optimizer, power=2, plain={"shift": 1.0})
    x, y = cr.ones((5, 3)), cr.ones((5, 2))
    power = 2

    @cr.jit(lowering=lowering)
    def step(x, y):
        optimizer.zero_grad()
        loss = cr.nn.mse(scale * model(x) ** power + use.plain["shift"], y)
        loss.backward()
        optimizer.step()
        return loss

    def other_power():
        nonlocal power
        power = 3

    def no_power():
        nonlocal power
        del power

    for _ in range(3):
        step(x, y)
    use.step, use.args, use.other_power, use.no_power = step, (x, y), other_power, no_power
    return use


def fits(use, *args, **options):
    return use.step._last.fits(args or use.args, options)


CHANGES = {
    "a leaf's array": lambda use: use.model.parameters()[0].replace_array(np.ones((3, 4), "float32")),
    "a frozen leaf": lambda use: setattr(use.model.parameters()[0], "requires_grad", False),
    "evaluation": lambda use: use.model.eval(),
    "an attribute of a layer": lambda use: setattr(use.model[1], "p", 0.1),
    "an attribute that is gone": lambda use: delattr(use.model[1], "p"),
    "a layer": lambda use: use.model.layers.__setitem__(1, cr.nn.Dropout(0.1)),
    "one layer more": lambda use: use.model.layers.append(cr.nn.Dropout(0.1)),
    "one layer less": lambda use: use.model.layers.pop(),
    "an option": lambda use: use.optimizer.groups[0].update({"eps": 1e-3}),
    "a count of updates": lambda use: use.optimizer.buffers[0][1].updates.__setitem__(0, 9),
    "a seed": lambda use: cr.random.seed(1),
    "a variable of an outer function": lambda use: use.other_power(),
    "a variable of an outer function that is gone": lambda use: use.no_power(),
    "a value in a dict": lambda use: use.plain.update(shift=2.0),
    "a value of a dict that is gone": lambda use: use.plain.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_outside(change, lowering):
    use = made(lowering)
    assert fits(use)
    CHANGES[change](use)
    assert not fits(use)


@needs_compiler
def test_the_last_attribute_that_is_gone():
    use = made("c")
    layer = use.model[1]
    delattr(layer, [*vars(layer)][-1])
    assert not fits(use)


def test_a_global(monkeypatch, lowering):
    use = made(lowering)
    monkeypatch.setitem(globals(), "scale", 3.0)
    assert not fits(use)


@pytest.mark.parametrize(
    "x",
    [
        lambda: cr.ones((4, 3)),
        lambda: cr.ones((5, 3), dtype="int32"),
        lambda: cr.tensor(np.ones((3, 5), "float32").T),
        lambda: cr.Tensor(np.ones((3, 5), "float32").T),
        lambda: cr.ones((5, 3), requires_grad=True),
        lambda: np.ones((5, 3), "float32"),
        lambda: SimpleNamespace(_data=np.ones((5, 3), "float32"), _node=None),
        lambda: 1.0,
    ],
    ids=["shape", "dtype", "copied", "strides", "requires_grad", "kind", "no tensor", "number"],
)
def test_another_argument(x, request, lowering):
    use = made(lowering)
    assert fits(use, x(), use.args[1]) == ("copied" in request.node.name)


def test_other_arguments_in_number(lowering):
    use = made(lowering)
    assert not fits(use, *use.args, use.args[0])
    assert not fits(use, use.args[0])
    assert not fits(use, y=use.args[1])


@pytest.mark.parametrize("kind", [cr.no_grad, cr.deterministic, lambda: cr.backends.use("scalar")])
def test_another_mode(kind, lowering):
    use = made(lowering)
    with kind():
        assert not fits(use)
    assert fits(use)


def test_another_default_dtype(lowering):
    use = made(lowering)
    cr.set_default_dtype("float64")
    try:
        assert not fits(use)
    finally:
        cr.set_default_dtype("float32")


def test_a_value_that_is_equal_but_another_object_fits_after_a_second_look(lowering):
    use = made(lowering)
    use.plain["shift"] = float("1.0")
    assert not fits(use)
    use.step(*use.args)
    assert use.step.cache.recorded == 2
    assert fits(use)


def test_arguments_that_become_one_tensor(lowering):
    w = cr.ones(3, requires_grad=True)

    @cr.jit(lowering=lowering)
    def dot(a, b):
        return (w * a * b).sum()

    x, y = cr.ones(3, requires_grad=True), cr.ones(3, requires_grad=True)
    with cr.no_grad():
        for _ in range(3):
            dot(x, x)
        assert dot._last.fits((x, x), {})
        assert not dot._last.fits((x, y), {})


def test_arguments_apart_of_which_one_becomes_another_or_is_reached_besides(lowering):
    w, x, y = (cr.ones(3, requires_grad=True) for _ in range(3))
    dot = cr.jit(lambda a, b: (w * a * b).sum().backward(), lowering=lowering)
    for _ in range(4):
        w.grad = x.grad = y.grad = None
        dot(x, y)
    w.grad = None
    assert dot._last.fits((x, y), {})
    assert not dot._last.fits((x, x), {})
    assert not dot._last.fits((x, w), {})


def test_gradients_that_are_there_before_it(lowering):
    w = cr.ones(3, requires_grad=True)

    @cr.jit(lowering=lowering)
    def add(x):
        (w * x).sum().backward()

    for _ in range(4):
        w.grad = None
        add(cr.ones(3))
    w.grad = None
    assert add._last.fits((cr.ones(3),), {})
    w.grad = cr.ones(3)
    assert not add._last.fits((cr.ones(3),), {})
