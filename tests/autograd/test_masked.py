"""Masked arrays are refused wherever they are given: nothing here would honour the mask."""

import operator

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases

PLACES = [
    pytest.param(p, case, i, id=f"{p.name}-{i}")
    for p in REGISTRY.values()
    for case in cases(p)[:1]
    for i in range(len(case.shapes))
]


def hidden(values):
    """Values with a mask that hides some."""
    return np.ma.array(values, mask=np.arange(np.size(values)).reshape(np.shape(values)) % 2)


@pytest.mark.parametrize("beside", [np.asarray, cr.tensor], ids=["array", "tensor"])
@pytest.mark.parametrize(("p", "case", "position"), PLACES)
def test_every_primitive_refuses_a_masked_array_at_every_place(p, case, position, beside):
    args = case.draw(np.random.default_rng(0))
    args = [hidden(a) if i == position else beside(a) for i, a in enumerate(args)]
    with pytest.raises(cr.DtypeError, match="would lose its mask"):
        p.call(*args, **case.options)


W = cr.tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True)
NUMBERS, ROW, WHOLE = hidden([[0.3, 0.4], [0.5, 0.2]]), hidden([0.3, 0.4]), hidden([0, 1])
LAYER = nn.Linear(2, 2)
OPERATORS = "add sub mul truediv pow floordiv mod matmul lt le gt ge eq ne".split()

DOORS = {
    "tensor": lambda: cr.tensor(ROW),
    "tensor of a list": lambda: cr.tensor([ROW, ROW]),
    "tensor of elements": lambda: cr.tensor(list(ROW)),
    "asarray": lambda: cr.asarray(ROW),
    "Parameter": lambda: nn.Parameter(ROW),
    "Value": lambda: cr.Value(ROW[1]),
    "full": lambda: cr.full((2,), ROW),
    "full_like": lambda: cr.full_like(np.ones(2), ROW),
    "linspace": lambda: cr.linspace(ROW, 1.0, 3),
    "assign": lambda: cr.zeros(2).assign(ROW),
    "data": lambda: setattr(cr.zeros(2), "data", ROW),
    "grad": lambda: setattr(cr.zeros(2, requires_grad=True), "grad", ROW),
    "backward": lambda: (W * 1).backward(NUMBERS),
    "an element": lambda: W * ROW[1],
    "a list beside a tensor": lambda: W * [ROW[0], ROW[1]],
    "beside a Value": lambda: cr.Value(1.0) * ROW,
    "index": lambda: W[WHOLE],
    "index of truth values": lambda: W[WHOLE > 0],
    "index among others": lambda: W[:, WHOLE],
    "assignment": lambda: cr.zeros(2).__setitem__(slice(None), ROW),
    "assignment at an index": lambda: cr.zeros(2).__setitem__(WHOLE, 1.0),
    "take": lambda: cr.take(W, WHOLE),
    "take_along_axis": lambda: cr.take_along_axis(W, hidden([[0], [1]]), 1),
    "repeat": lambda: cr.repeat(W, WHOLE, axis=0),
    "pad": lambda: cr.pad(W, WHOLE),
    "clip": lambda: cr.clip(W, ROW, 1.0),
    "clip of it": lambda: cr.clip(NUMBERS, 0.0, 1.0),
    "stack": lambda: cr.stack([ROW, ROW]),
    "flatten": lambda: cr.flatten(NUMBERS),
    "one_hot": lambda: cr.one_hot(WHOLE, 3),
    "cross_entropy": lambda: nn.cross_entropy(W, WHOLE),
    "mse": lambda: nn.mse(W, NUMBERS),
    "layer": lambda: LAYER(NUMBERS),
    "grad of a function": lambda: cr.grad(lambda x: (x * x).sum())(ROW),
    "jvp": lambda: cr.jvp(lambda x: x * x, (np.ones(2),), (ROW,)),
    "vjp": lambda: cr.vjp(lambda x: x * x, np.ones(2))[1](ROW),
    "gradcheck": lambda: cr.gradcheck(lambda x: x * x, ROW),
    "fit": lambda: cr.fit(LAYER, nn.mse, optim.SGD(LAYER.parameters(), lr=0.1), (NUMBERS, NUMBERS), epochs=1),
    "predict": lambda: cr.predict(LAYER, NUMBERS),
    "evaluate": lambda: cr.evaluate(LAYER, nn.mse, NUMBERS, NUMBERS),
    "Batches": lambda: cr.data.Batches(NUMBERS, NUMBERS, batch_size=1),
    "accuracy": lambda: cr.metrics.accuracy(WHOLE, np.array([0, 1])),
    **{f"tensor {name} it": lambda op=name: getattr(operator, op)(W, NUMBERS) for name in OPERATORS},
    **{f"it {name} tensor": lambda op=name: getattr(operator, op)(NUMBERS, W) for name in OPERATORS},
    "it *= tensor": lambda: operator.imul(NUMBERS.copy(), W),
    "np.add": lambda: np.add(NUMBERS, W),
    "np.where": lambda: np.where(NUMBERS > 0.3, W, 0.0),
    "np.concatenate": lambda: np.concatenate([NUMBERS, W]),
    "np.ma.exp": lambda: np.ma.exp(W),
    "np.ma.dot": lambda: np.ma.dot(NUMBERS, W),
    "np.ma.where": lambda: np.ma.where(NUMBERS > 0.3, W, 0),
    "np.ma.concatenate": lambda: np.ma.concatenate([NUMBERS, W]),
    "np.ma.maximum": lambda: np.ma.maximum(NUMBERS, W),
    "np.ma.masked": lambda: np.ma.masked * W,
    "tensor and np.ma.masked": lambda: W * np.ma.masked,
}


@pytest.mark.parametrize("door", DOORS)
def test_a_masked_array_is_refused(door):
    with pytest.raises(cr.DtypeError, match="would lose its mask"):
        DOORS[door]()


def test_a_masked_array_that_is_filled_is_taken():
    (W * NUMBERS.filled(0.0)).sum().backward()
    np.testing.assert_array_equal(W.grad.numpy(), NUMBERS.filled(0.0).astype("f4"))
