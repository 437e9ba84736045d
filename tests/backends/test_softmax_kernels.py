"""The kernels of softmax along the last axis: what their text computes is what the code for arrays computes in float64."""

import numpy as np
import pytest

import chainrule as cr

INF = np.inf
ROWS = {
    "ordinary": [0.5, -1.0, 2.0, 0.25],
    "ties": [2.0, 2.0, -1.0, 2.0],
    "nearly certain": [0.0, 30.0, -20.0, 1.0],
    "far": [0.0, 200.0, -300.0, 20.0],
    "huge": [1e30, -1e30, 1e30, 0.0],
    "masked": [-INF, 1.0, 2.0, -INF],
    "all masked": [-INF, -INF, -INF, -INF],
    "infinite": [INF, 1.0, INF, 3.0],
    "nan": [np.nan, 1.0, 2.0, 3.0],
    "longer than a warp": [*np.linspace(-3, 4, 45)],
}


def soft(z):
    """Cross-entropy of probabilities, the first of which are 0."""
    target = np.random.default_rng(1).uniform(size=z.shape)
    target[..., 0] = 0
    target /= target.sum(-1, keepdims=True)
    return cr.nn.cross_entropy(z, cr.tensor(target.astype("float32"), dtype=z.dtype, device=z.device), reduction="none")


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("f", [cr.softmax, cr.log_softmax, soft])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_kernels_compute_what_the_code_does(f, row, compiled):
    def found(device, dtype):
        z = cr.tensor(np.float32([[ROWS[row]] * 3] * 2), dtype=dtype, device=device, requires_grad=True)
        y = f(z)
        y.backward(cr.tensor(np.cos(np.arange(y.size, dtype="f")).reshape(y.shape), dtype=dtype, device=device))
        return y.detach().numpy(), z.grad.numpy()

    for x, wanted in zip(found(compiled, "float32"), found("cpu", "float64"), strict=True):
        np.testing.assert_allclose(x, wanted, rtol=1e-6, atol=1e-37)


SURE = {
    "log_softmax": lambda z: cr.log_softmax(z)[0, 1],
    "cross_entropy": lambda z: -cr.nn.cross_entropy(z, cr.tensor([[0.0, 1.0, 0.0]], device=z.device)),
}


@pytest.mark.parametrize("f", SURE)
def test_the_slope_of_a_class_that_is_nearly_certain_keeps_its_digits(f, compiled):
    slope = cr.grad(SURE[f])(cr.tensor([[0.0, 50.0, 1.0]], device=compiled))
    assert slope[0, 1].item() == pytest.approx(np.exp(-50) + np.exp(-49), rel=1e-6, abs=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_label_smoothing_in_one_kernel_has_the_bits_of_the_code(dtype, compiled):
    def found(device):
        z = cr.tensor(np.eye(3, 7), dtype=dtype, device=device)
        index = cr.tensor([6, 0, 3], device=device)
        return [cr.nn.losses._smooth_target(z.data, index.data, smoothing).tolist() for smoothing in (0.1, 0.3)]

    assert found(compiled) == found("cpu")


def test_label_smoothing_finds_an_index_out_of_range(compiled):
    loss = cr.nn.cross_entropy(
        cr.zeros((2, 3), device=compiled), cr.tensor([1, 3], device=compiled), label_smoothing=0.1
    )
    with pytest.raises(cr.ArgumentError, match=r"class indices must lie in \[0, 3\); found when device"):
        loss.item()
    assert np.isnan(loss.item())
