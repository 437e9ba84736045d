"""Clipping gradients: against PyTorch, by hand, and without making a device wait."""

import math

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule.optim.clip import clip_grad_norm, clip_grad_value, grad_norm

CLIPS = [clip_grad_norm, clip_grad_value]


def given(*gradients, dtype="float32", device="cpu"):
    """Parameters with these gradients; None for one that has none."""
    params = []
    for g in gradients:
        p = cr.zeros((2,) if g is None else np.shape(g), dtype=dtype, device=device, requires_grad=True)
        p.grad = None if g is None else cr.tensor(g, dtype=dtype, device=device)
        params.append(p)
    return params


def grads(params):
    return [None if p.grad is None else p.grad.tolist() for p in params]


# ---- the norm


def test_the_norm_is_that_of_all_gradients_together(device):
    params = given([2.0], [[4.0], [5.0]], 6.0, device=device)
    assert grad_norm(params).item() == 9.0


def test_the_norm_is_a_number_on_the_device_of_the_parameters(device):
    norm = grad_norm(given([3.0, 4.0], device=device))
    assert (type(norm), norm.shape, norm.dtype, norm.device) == (cr.Tensor, (), np.float64, device)
    assert not norm.requires_grad


@pytest.mark.parametrize(
    ("dtype", "size"), [("float16", 6e4), ("float16", 1e-7), ("float32", 3e38), ("float32", 1e-44), ("float64", 1e150)]
)
def test_the_norm_of_very_large_and_very_small_gradients_is_right(dtype, size, device):
    params = given([size] * 4, [-size] * 5, dtype=dtype, device=device)
    assert grad_norm(params).item() == pytest.approx(3 * params[0].grad.to("float64").tolist()[0], rel=1e-14)


def test_the_norm_of_many_small_gradients_beside_a_large_one_is_exact():
    g = np.full(2_000_001, 1e-3, dtype=np.float32)
    g[-1] = 100.0
    expected = math.sqrt(math.fsum(float(x) ** 2 for x in g))
    assert grad_norm(given(g)).item() == pytest.approx(expected, rel=1e-13)


def test_the_norm_follows_the_gradients_of_several_dtypes():
    params = given([3.0], dtype="float16") + given([4.0], dtype="float64") + given([12.0])
    assert grad_norm(params).item() == 13.0


def test_a_transposed_gradient_counts_whole():
    p = cr.zeros((3, 2), dtype="float64", requires_grad=True)
    p.grad = cr.asarray(np.arange(6.0).reshape(2, 3).T)
    assert grad_norm([p]).item() == math.sqrt(55)


def test_the_norm_of_no_elements_is_0():
    assert grad_norm(given(np.zeros((0, 3)))).item() == 0.0


# ---- scaling


def test_gradients_above_the_bound_are_scaled_to_it(device):
    params = given([3.0, 0.0], [[4.0]], device=device)
    assert clip_grad_norm(params, 2.5).item() == 5.0
    assert grads(params) == [[1.5, 0.0], [[2.0]]]


@pytest.mark.parametrize("bound", [5.0, 5, 100.0])
def test_gradients_within_the_bound_stay_as_they_are_to_the_bit(bound, device):
    params = given([3.0, 0.1], [3.998749], device=device)
    before = grads(params)
    assert clip_grad_norm(params, bound).item() < bound
    assert grads(params) == before


def test_gradients_of_0_stay_0(device):
    params = given([0.0, 0.0], device=device)
    assert clip_grad_norm(params, 1.0).item() == 0.0
    assert grads(params) == [[0.0, 0.0]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_clipped_gradients_have_the_norm_of_the_bound_and_their_dtype(dtype, device):
    rng = np.random.default_rng(0)
    params = given(rng.normal(size=(50, 3)), rng.normal(size=7), dtype=dtype, device=device)
    clip_grad_norm(params, 0.5)
    rtol = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
    assert grad_norm(params).item() == pytest.approx(0.5, rel=rtol)
    assert {p.grad.dtype.name for p in params} == {dtype}


def test_a_factor_too_small_for_float16_is_applied_in_float32(device):
    params = given([6e4, 0.0], dtype="float16", device=device)
    clip_grad_norm(params, 6e-4)  # the factor, 1e-8, would be 0 in float16
    assert params[0].grad.tolist() == pytest.approx([6e-4, 0.0], rel=1e-3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("bound", [0.1, 1.0, 1e4])
def test_the_clipped_gradients_are_those_of_pytorch(scale, bound):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    arrays = [scale * rng.normal(size=shape) for shape in [(20, 10), (10,), ()]]
    ours, theirs = given(*arrays, dtype="float64"), [torch.zeros(a.shape, requires_grad=True) for a in arrays]
    for p, a in zip(theirs, arrays, strict=True):
        p.data, p.grad = p.data.double(), None
        p.grad = torch.tensor(a)
    norm = torch.nn.utils.clip_grad_norm_(theirs, bound)
    # PyTorch divides by norm + 1e-6, so its factor is smaller by that share
    tolerance = dict(rtol=1e-6 / float(norm) + 1e-12)
    np.testing.assert_allclose(clip_grad_norm(ours, bound).item(), float(norm), rtol=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **tolerance)


def test_each_element_is_bounded(device):
    params = given([0.5, -3.0], [[1.0], [2.0]], 7.0, device=device)
    before = grad_norm(params).item()
    assert clip_grad_value(params, 1).item() == before
    assert grads(params) == [[0.5, -1.0], [[1.0], [1.0]], 1.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bounded_gradients_are_those_of_pytorch(dtype):
    torch = pytest.importorskip("torch")
    a = np.random.default_rng(0).normal(size=(20, 10)).astype(dtype)
    (ours,), theirs = given(a, dtype=dtype), torch.zeros(20, 10, dtype=getattr(torch, dtype), requires_grad=True)
    theirs.grad = torch.tensor(a)
    torch.nn.utils.clip_grad_value_([theirs], 0.3)
    clip_grad_value([ours], 0.3)
    np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())
    assert ours.grad.dtype == dtype


# ---- what may be given


@pytest.mark.parametrize("clip", CLIPS)
def test_a_parameter_without_gradient_is_passed_over(clip, device):
    params = given([3.0, 4.0], None, device=device)
    frozen = cr.zeros(3, device=device)
    clip([*params, frozen], 1.0)
    assert grad_norm(params).item() <= math.sqrt(2)
    assert (params[1].grad, frozen.grad) == (None, None)


@pytest.mark.parametrize("make", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_parameters_come_in_any_order_of_things(make):
    params = given([3.0], [4.0])
    assert clip_grad_norm(make(params), 1.0).item() == 5.0
    assert params[0].grad.item() == pytest.approx(0.6)


def test_parameters_may_have_names():
    model = cr.nn.Linear(2, 1)
    model(cr.ones((4, 2))).sum().backward()
    assert clip_grad_norm(model.named_parameters(), 3.0).item() == pytest.approx(math.sqrt(48))
    assert model.bias.grad.item() == pytest.approx(4 * 3 / math.sqrt(48))


def test_values_are_clipped_as_arrays_are():
    a, b = cr.Value(1.0), cr.Value(2.0)
    (3 * a + 4 * b).backward()
    norm = clip_grad_norm([a, b], 2.5)
    assert (norm.data, a.grad, b.grad) == (5.0, 1.5, 2.0)
    clip_grad_value([a, b], 1.75)
    assert (a.grad, b.grad, type(b.grad)) == (1.5, 1.75, float)


# ---- what is left alone


@pytest.mark.parametrize("clip", CLIPS)
def test_who_holds_the_old_gradient_keeps_it(clip, device):
    (p,) = given([3.0, 4.0], device=device)
    before = p.grad
    clip([p], 1.0)
    assert before.tolist() == [3.0, 4.0]
    assert p.grad is not before


@pytest.mark.parametrize("clip", CLIPS)
def test_a_gradient_with_a_history_keeps_it_elsewhere(clip):
    x = cr.tensor([3.0, 4.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    g = x.grad
    clip([x], 1.0)
    assert not x.grad.requires_grad
    x.grad = None
    g.sum().backward()
    assert (g.tolist(), x.grad.tolist()) == ([27.0, 48.0], [18.0, 24.0])


@pytest.mark.parametrize("clip", CLIPS)
def test_gradients_add_up_after_clipping(clip):
    (p,) = given([0.0, 8.0])
    clip([p], 1.0)
    p.sum().backward()
    assert p.grad.tolist() == [1.0, 2.0]


# ---- devices


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("clip", [*CLIPS, lambda params, _: grad_norm(params)], ids=["norm", "value", "measure"])
def test_no_value_is_read_from_the_device(strict, clip, dtype):
    params = given(np.ones((40, 30)), [2.0], None, 3.0, dtype=dtype, device=strict)
    with device_double.forbid("waits"):
        clip(params, 0.5)


def test_a_device_gives_what_the_cpu_gives(strict):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(300, 200)), rng.normal(size=200)]
    here, there = given(*arrays), given(*arrays, device=strict)
    for clip, bound in ((clip_grad_norm, 1.0), (clip_grad_value, 1e-3)):
        clip(here, bound)
        clip(there, bound)
        for p, q in zip(here, there, strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("clip", CLIPS)
def test_on_a_device_a_bad_gradient_raises_when_a_value_is_read(strict, clip, bad):
    params = given([1.0, bad], [2.0], device=strict)
    with device_double.forbid("waits"):
        clip(params, 1.0)
    with pytest.raises(cr.GraphError, match=f"{clip.__name__}: every gradient must be finite; found when"):
        params[1].numpy()


@pytest.mark.parametrize("clip", CLIPS)
def test_parameters_on_two_devices_are_refused_with_both_names(strict, clip):
    params = given([1.0]) + given([1.0], device=strict)
    with pytest.raises(cr.DeviceError, match="clip_grad_.*must be on one device, these are on 'cpu', 'strict'"):
        clip(params, 1e-3)
    assert grads(params) == [[1.0], [1.0]]


# ---- errors


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("bound", [0, -1.0, math.nan, math.inf, None, "1"])
def test_a_bad_bound_is_refused(clip, bound):
    with pytest.raises(cr.ArgumentError, match=f"{clip.__name__}: .* must be a finite number above 0, not {bound!r}"):
        clip(given([1.0]), bound)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize(
    ("values", "count"),
    [([1.0, math.nan, math.nan], "2 nan and 0 infinite"), ([-math.inf, 1.0, 1.0], "0 nan and 1 inf")],
)
def test_a_gradient_that_is_not_finite_is_refused_by_name_and_nothing_changes(clip, values, count):
    good, bad = given([8.0], values)
    with pytest.raises(
        cr.GraphError, match=rf"{clip.__name__}: .* the gradient of parameter '0.weight' \(3,\) has {count}"
    ):
        clip([("first", good), ("0.weight", bad)], 1.0)
    assert good.grad.tolist() == [8.0]


@pytest.mark.parametrize("clip", CLIPS)
def test_a_parameter_without_a_name_is_called_by_its_position(clip):
    with pytest.raises(cr.GraphError, match=r"parameter 1 of shape \(2,\) has 1 nan"):
        clip(given([1.0], [1.0, math.nan]), 1.0)
    named = given([1.0], [1.0, math.nan])
    named[1].name = "b"
    with pytest.raises(cr.GraphError, match=r"parameter 'b' \(2,\) has 1 nan"):
        clip(named, 1.0)


@pytest.mark.filterwarnings("ignore:overflow")
def test_gradients_whose_norm_overflows_are_refused_rather_than_set_to_0():
    params = given([1.5e308, 1.5e308], dtype="float64")
    with pytest.raises(cr.GraphError, match="so large that their norm overflows"):
        clip_grad_norm(params, 1.0)


@pytest.mark.parametrize(
    ("dtype", "size", "limit"), [("float64", 1e200, 1), ("float64", 1e-200, 1e-250), ("float32", 6e37, 1e-4)]
)
def test_gradients_of_any_size_have_their_norm_and_are_clipped_to_it(dtype, size, limit, device):
    params = given(np.array([3, 4]) * size, [0.0, 0.0], dtype=dtype, device=device)
    assert grad_norm(params).item() == pytest.approx(5 * size)
    clip_grad_norm(params, limit)
    assert (params[0].grad.to("float64") / limit).tolist() == pytest.approx([0.6, 0.8])


def test_a_factor_that_float32_cannot_hold_clips_all_the_same():
    params = given(np.full(10_000, 3e38), dtype="float32")
    clip_grad_norm(params, 1.0)
    np.testing.assert_allclose(params[0].grad.numpy(), 0.01, rtol=1e-6)


@pytest.mark.parametrize("measure", [grad_norm, lambda p: clip_grad_norm(p, 1.0), lambda p: clip_grad_value(p, 1.0)])
@pytest.mark.parametrize("params", [[], given(None, None)], ids=["nothing", "no gradient"])
def test_without_any_gradient_there_is_an_error(measure, params):
    with pytest.raises(cr.GraphError, match="no parameter has a gradient; call loss.backward"):
        measure(params)


@pytest.mark.parametrize("params", [cr.ones(3), cr.nn.Linear(2, 1), "abc", {"a": 1}, 3], ids=str)
def test_something_that_is_no_list_of_parameters_is_refused(params):
    with pytest.raises(cr.ArgumentError, match="needs a list of parameters such as model.parameters"):
        grad_norm(params)


def test_something_else_in_the_list_is_refused():
    with pytest.raises(cr.ArgumentError, match="parameter 1 must be a tensor, it is 3.0"):
        grad_norm([*given([1.0]), 3.0])
