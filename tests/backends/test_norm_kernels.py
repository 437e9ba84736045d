"""The kernels of normalisation: what their text computes is what the code for arrays computes in float64."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.backends import norm

rng = np.random.default_rng(0)
ORDINARY = rng.normal(size=(5, 40)) * 3 + 5
INPUTS = {
    "ordinary": ORDINARY,
    "three axes": ORDINARY.reshape(5, 2, 20),
    "one column": ORDINARY[:, :1],
    "a small spread about a large mean": 1e6 + ORDINARY,
    "an outlier that comes first": np.concatenate([np.full((1, 40), 1e6), ORDINARY]),
    "large": ORDINARY * 1e37,
    "small": ORDINARY * 1e-30,
    "constant": np.full((5, 40), 0.1),
    "inf": np.where(ORDINARY > 11, np.inf, ORDINARY),
    "nan": np.where(ORDINARY > 11, np.nan, ORDINARY),
    "rows for several blocks": rng.normal(size=(norm.WARPS * norm.EACH + 9, 3)),
}


def found(make, x, device, dtype):
    """Output, gradients and running statistics of a layer, in float32's rounding of x."""
    n = x.shape[-1]
    layer = make(n).to(dtype)
    layer.weight.assign(np.linspace(-1, 2, n))
    layer.bias.assign(np.linspace(1, 3, n))
    layer.to(device)
    x = cr.tensor(x.astype("float32"), dtype=dtype, device=device, requires_grad=True)
    y = layer(x)
    y.backward(cr.tensor(np.cos(np.arange(y.size)).reshape(y.shape).astype("float32"), dtype=dtype, device=device))
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters()), *list(layer.state_dict().values())[2:]]


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("make", [cr.nn.BatchNorm, cr.nn.LayerNorm])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_kernels_compute_what_the_code_does(make, inputs, compiled):
    got = found(make, INPUTS[inputs], compiled, "float32")
    for x, wanted in zip(got, found(make, INPUTS[inputs], "cpu", "float64"), strict=True):
        x, wanted = x.numpy(), wanted.numpy().astype("float32")
        finite = np.abs(wanted[np.isfinite(wanted)])
        np.testing.assert_allclose(x, wanted, rtol=1e-6, atol=1e-6 * finite.max() if finite.size else 0)


def test_the_sums_of_more_blocks_than_take_part_are_complete(compiled, monkeypatch):
    monkeypatch.setattr(norm, "PARTS", 3)
    monkeypatch.setattr(norm, "BLOCKS", 2)
    monkeypatch.setattr(norm, "EACH", 1)
    got = found(cr.nn.BatchNorm, INPUTS["rows for several blocks"], compiled, "float32")
    for x, wanted in zip(got, found(cr.nn.BatchNorm, INPUTS["rows for several blocks"], "cpu", "float64"), strict=True):
        np.testing.assert_allclose(x.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [cr.nn.BatchNorm, cr.nn.LayerNorm])
def test_float64_takes_no_kernels_so_that_its_squares_do_not_overflow(make, compiled):
    x = cr.tensor(ORDINARY * 1e200, device=compiled)
    y = make(40).to("float64").to(compiled)(x)
    np.testing.assert_allclose(y.numpy(), make(40).to("float64")(ORDINARY * 1e200).numpy(), rtol=1e-12)


@pytest.mark.parametrize("eps", [1, np.float32(1)])
def test_eps_of_any_type_is_passed_as_a_double(eps, device):
    make = lambda n: cr.nn.LayerNorm(n, eps=eps)
    for x, wanted in zip(
        found(make, ORDINARY, device, "float32"), found(make, ORDINARY, "cpu", "float64"), strict=True
    ):
        np.testing.assert_allclose(x.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-5)
