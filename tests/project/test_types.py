"""What type checkers and editors know. `make check` lets mypy read this file: each assert_type must hold, and each error
that a comment expects must be found. pytest runs the same lines.
"""

import runpy
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY

ROOT = Path(__file__).parents[2]


class Two(cr.nn.Module):
    """A user's model of two inputs."""

    def __init__(self) -> None:
        self.layer = cr.nn.Linear(2, 1)

    def forward(self, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        return self.layer(x) + self.layer(y)


@pytest.fixture
def x() -> cr.Tensor:
    return cr.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


# ---- what things are


def test_an_operation_on_tensors_is_a_tensor(x: cr.Tensor) -> None:
    assert_type(cr.tensor([1.0]), cr.Tensor)
    assert_type(x * x, cr.Tensor)
    assert_type(2 / x - x**2, cr.Tensor)
    assert_type(-x @ x, cr.Tensor)
    assert_type(x == 1, cr.Tensor)
    assert_type(x[0], cr.Tensor)
    assert_type(cr.exp(x), cr.Tensor)
    assert_type(cr.maximum(0, x), cr.Tensor)
    assert_type(cr.where(x > 0, 0, x), cr.Tensor)
    assert_type(cr.concatenate([x, x], 1), cr.Tensor)
    assert_type(cr.concatenate(x, x, axis=1), cr.Tensor)
    assert_type(cr.einsum("ij,jk->ik", x, x), cr.Tensor)
    assert_type(cr.split(x, 2), list[cr.Tensor])
    assert_type(cr.abs(x), cr.Tensor)
    assert_type(cr.nn.gelu(x), cr.Tensor)


def test_a_method_gives_a_tensor(x: cr.Tensor) -> None:
    assert_type(x.sum(), cr.Tensor)
    assert_type(x.mean(0, keepdims=True), cr.Tensor)
    assert_type(x.softmax(-1), cr.Tensor)
    assert_type(x.reshape(4, 1), cr.Tensor)
    assert_type(x.reshape((4, 1)).T, cr.Tensor)
    assert_type(x.to("float64"), cr.Tensor)
    assert_type(x.detach(), cr.Tensor)
    assert_type(list(x), list[cr.Tensor])


def test_what_a_tensor_says_of_itself(x: cr.Tensor) -> None:
    assert_type(x.shape, tuple[int, ...])
    assert_type(x.device, str)
    assert_type(x.grad, cr.Tensor | Any)
    assert_type(x.requires_grad, bool)
    assert isinstance(x.data, np.ndarray)
    assert isinstance(x.numpy(), np.ndarray)


def test_a_calculation_with_values_is_a_value() -> None:
    v = cr.Value(2.0)
    assert_type(v * v + 1, cr.Value)
    assert_type(1 - v.tanh(), cr.Value)
    assert_type(cr.sin(v), cr.Value)
    assert_type((v * v).data, float)
    assert_type(v.grad, float)
    assert_type(v < 1, bool)
    v.data -= 0.1


def test_a_calculation_with_a_parameter_is_a_tensor() -> None:
    p = cr.nn.Parameter([1.0])
    assert_type(p * 2, cr.Tensor)
    assert_type(p.sum(), cr.Tensor)
    assert_type(cr.exp(p), cr.Tensor)


def test_plain_arrays_may_be_given() -> None:
    cr.sum(np.ones(3), 0)
    cr.tanh(0.5)
    cr.softmax([1.0, 2.0])
    cr.tensor(np.float32(1.0))


def test_options_may_follow_by_position(x: cr.Tensor) -> None:
    assert_type(cr.sum(x, 0), cr.Tensor)
    assert_type(cr.reshape(x, (4, 1)), cr.Tensor)


def test_a_primitive_has_the_declared_arguments_without_xp() -> None:
    @cr.primitive(
        jvp=cr.LINEAR, samples=lambda rng, shape: rng.normal(size=shape), vjp={"x": lambda g, factor: factor * g}
    )
    def scaled_for_types(xp: Any, x: cr.Tensor, *, factor: float) -> Any:
        return factor * x

    try:
        assert_type(scaled_for_types(cr.tensor(1.0), factor=2.0), cr.Tensor)
        with pytest.raises(TypeError):
            scaled_for_types(cr.tensor(1.0))  # type: ignore[call-arg]
    finally:
        del REGISTRY["scaled_for_types"]


# ---- models and training


def test_a_model_gives_a_tensor_whatever_its_forward_takes() -> None:
    x = cr.zeros((3, 2))
    assert_type(Two()(x, x), cr.Tensor)
    assert_type(cr.nn.MLP([2, 4, 1])(x), cr.Tensor)
    assert_type(cr.nn.mse(x, x), cr.Tensor)
    assert_type(Two().parameters(), list[cr.nn.Parameter])
    assert_type(Two().eval(), Two)


def test_fit_gives_a_history() -> None:
    x, model = cr.zeros((4, 2)), cr.nn.Linear(2, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=cr.optim.schedule.cosine(0.1, 10))
    history = cr.fit(model, cr.nn.mse, optimizer, (x, x[:, :1]), 2, callbacks=repr, verbose=0)
    assert_type(history, cr.History)
    assert_type(history[0], dict[str, Any])
    assert_type(history["loss"], list[Any])
    assert_type(history[:1], cr.History)
    assert_type(cr.predict(model, x), cr.Tensor)
    assert_type(cr.metrics.accuracy([0, 1], [0, 1]), float)


def test_batches_are_tuples_of_tensors() -> None:
    for (x,) in cr.data.Batches(cr.arange(4)):
        assert_type(x, cr.Tensor)


def test_a_schedule_or_any_function_is_a_learning_rate() -> None:
    parameters = cr.nn.Linear(2, 1).parameters()
    cr.optim.Adam(parameters, lr=cr.optim.schedule.cosine(0.1, 100))
    cr.optim.SGD(parameters, lr=lambda step: 0.1 / (1 + step))


def test_a_rule_of_your_own_names_the_options_that_it_takes() -> None:
    class SignDescent(cr.optim.Optimizer):
        @staticmethod
        def state(momentum: float, **_: Any) -> dict[str, float]:
            return {"velocity": 0.0}

        @staticmethod
        def update(p: Any, g: Any, v: Any, *, lr: float, momentum: float) -> Any:
            v = momentum * v + cr.sign(g)
            return p - lr * v, v

    model = cr.nn.Linear(2, 1)
    SignDescent(model.named_parameters(), lr=0.1, momentum=0.5)
    assert_type(cr.optim.SGD([{"params": model.parameters(), "lr": 0.2}], lr=0.1).lr, float)


def test_transforms_give_functions_of_anything() -> None:
    f = lambda x: x**3
    assert_type(cr.grad(f)(2.0), cr.Tensor)
    assert_type(cr.grad(lambda x, y: x * y, (0, 1))(1.0, 2.0), tuple[cr.Tensor, ...])
    assert_type(cr.value_and_grad(f)(2.0), tuple[cr.Tensor, cr.Tensor])
    assert_type(cr.jvp(f, (3.0,), (1.0,)), tuple[cr.Tensor, cr.Tensor])
    assert_type(cr.gradcheck(f, 2.0), bool)


# ---- mistakes


def test_what_does_not_exist_is_an_error(x: cr.Tensor) -> None:
    with pytest.raises(AttributeError):
        x.foo  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        cr.tensorr(1)  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        x.sum(axes=0)  # type: ignore[call-arg]


def test_an_argument_of_the_wrong_kind_is_an_error(x: cr.Tensor) -> None:
    with pytest.raises(cr.ArgumentError):
        cr.nn.MLP(3, [4])  # type: ignore[arg-type]
    with pytest.raises(cr.DtypeError):
        cr.exp("one")  # type: ignore[call-overload]
    with pytest.raises(cr.DtypeError):
        x.sum(axis="rows")  # type: ignore[arg-type]
    with pytest.raises(cr.ArgumentError):
        cr.nn.Linear("2", 1)  # type: ignore[arg-type]


# ---- the stub


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="reads the source tree")
def test_the_stub_is_what_the_declarations_say() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "operations.py"))["text"]()
    assert (ROOT / "autograd" / "operations.pyi").read_text(encoding="utf-8") == made, "run `make types`"


# ---- the code in the pages, which `make check` gives to mypy and pyright


def test_the_code_of_a_page_keeps_its_lines() -> None:
    program = runpy.run_path(str(ROOT / "docs" / "check_types.py"))["program"]
    page = "# A\n\n```python\nx = 1\n```\n\ntext\n\n```python\n>>> for i in (1, 2):\n...     print(i)\n1\n2\n>>> x\n1\n```\n"
    lines = program(page).splitlines()
    assert (lines[3], lines[9], lines[10], lines[13]) == ("x = 1", "for i in (1, 2):", "    print(i)", "x")
    assert len([line for line in lines if line]) == 4


def test_every_page_with_code_is_checked() -> None:
    checked = runpy.run_path(str(ROOT / "docs" / "check_types.py"))
    pages = {page.name for page in checked["pages"]() if checked["program"](page.read_text(encoding="utf-8"))}
    assert {
        "README.md",
        "tutorial.md",
        "training.md",
        "from-pytorch.md",
        "index.md",
        "12-one-neuron-to-two-moons.md",
    } <= pages
