"""The engine in a hundred lines gives the gradients of the real one."""

import numpy as np
import pytest

import chainrule as cr
from examples import EXAMPLES, FOLDER, example

NAME = "00_engine_in_100_lines"
pytestmark = pytest.mark.skipif(not EXAMPLES, reason="the examples are not here: this is no source tree")


@pytest.fixture(scope="module")
def small():
    return example(NAME)


FORMULAS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "**": lambda x, y: x**3 * y**-2,
    "exp and log": lambda x, y: (x * x + 1).log() * y.exp(),
    "tanh": lambda x, y: (x * y).tanh(),
    "relu": lambda x, y: (x - y).relu(),
    "sum": lambda x, y: x.sum() * y * y,
    "a value used many times": lambda x, y: (x * y + x) * (x * y) * x + y,
    "a constant": lambda x, y: x * 2 + y * 0.5 - 1,
}
SHAPES = [((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((4, 2, 3), (2, 1)), ((), (2, 2)), ((0, 3), (3,))]


def both(small, formula, arrays):
    """The results and the gradients of a formula, summed, in the small engine and in the real one."""
    ours, real = [small.Tensor(a) for a in arrays], [cr.tensor(a, "float64", requires_grad=True) for a in arrays]
    results = [formula(*ours).sum(), formula(*real).sum()]
    for result in results:
        result.backward()
    yield results[0].data, results[1].item()
    for a, b in zip(ours, real, strict=True):
        assert a.grad.shape == a.data.shape
        yield a.grad, b.grad.numpy()


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("formula", FORMULAS)
def test_values_and_gradients_are_those_of_the_real_engine(formula, shapes, small):
    rng = np.random.default_rng(1)
    for ours, real in both(small, FORMULAS[formula], [rng.normal(size=shape) for shape in shapes]):
        np.testing.assert_allclose(ours, real, rtol=1e-12, atol=1e-12)


def test_products_of_matrices_too(small):
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=shape) for shape in ((3, 4), (4, 2))]
    for ours, real in both(small, lambda x, y: (x @ y).tanh(), arrays):
        np.testing.assert_allclose(ours, real, rtol=1e-12)


def test_a_second_backward_adds(small):
    x = small.Tensor(3.0)
    (x * x).backward()
    (x * x).backward()
    assert x.grad == 12.0


def test_a_long_chain_needs_no_recursion(small):
    y = x = small.Tensor(1.0)
    for _ in range(5000):
        y = y * 1.0
    y.backward()
    assert x.grad == 1.0


def test_it_has_a_hundred_lines():
    assert len((FOLDER / f"{NAME}.py").read_text().splitlines()) <= 100
