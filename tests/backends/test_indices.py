"""Indices on a device: none leads outside, none makes the host wait or uploads anew, and sums can be had in order."""

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import COMPOSED
from chainrule.backends.gpu import Cuda

needs_compiler = pytest.mark.skipif(not device_double.compiler.found(), reason="there is no C++ compiler")
DEVICES = ["strict", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=DEVICES)
def away(request):
    """A device that is not the host."""
    return request.getfixturevalue("strict") if request.param == "strict" else request.param


def matrix(device, **options):
    return cr.tensor(np.arange(12.0).reshape(3, 4), device=device, **options)


# ---- where an index may lead

READS = {
    "x[i]": lambda x, i: x[i],
    "x[:, i]": lambda x, i: x.T[:, i],
    "x[i, j]": lambda x, i: x[i, cr.zeros_like(i)],
    "x[a number]": lambda x, i: x[i[0]],
    "take": lambda x, i: cr.take(x, i, axis=0),
    "take_along_axis": lambda x, i: cr.take_along_axis(x, i[:, None], axis=0),
}


@pytest.mark.parametrize("index", [3, -4, 2**40, -(2**40)])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_position_out_of_range_raises_when_a_value_is_next_read(away, read, index):
    with device_double.forbid("waits"):
        out = read(matrix(away), cr.tensor([index, 0], device=away))
    with pytest.raises(cr.ShapeError, match=r"index: needs integers in \[-3, 3\).*length 3; found when device"):
        out.numpy()


@pytest.mark.parametrize("dtype", ["uint8", "uint64"])
def test_a_large_position_without_sign_is_no_negative_one(away, dtype):
    index = cr.tensor(np.array([np.iinfo(dtype).max], dtype), device=away)
    with pytest.raises(cr.ShapeError, match="index"):
        matrix(away)[index].numpy()


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8"])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_positions_from_the_end_and_from_the_start_are_those_of_numpy(away, read, dtype):
    index = np.array([2, 0, 1] if dtype == "uint8" else [-3, 2, -1], dtype)
    given, expected = (read(matrix(device), cr.tensor(index, device=device)).numpy() for device in (away, "cpu"))
    np.testing.assert_array_equal(given, expected)


def test_an_assignment_out_of_range_changes_what_is_read_next_into_an_error(away):
    x = matrix(away)
    x[cr.tensor([7], device=away)] = 1.0
    with pytest.raises(cr.ShapeError, match="index"):
        x.numpy()


@pytest.mark.parametrize("index", [[0, 3], np.array([-4]), np.array([True] * 4), 3], ids=str)
def test_an_index_that_the_host_knows_raises_at_once(away, index):
    with pytest.raises(cr.ShapeError, match="index"):
        matrix(away)[index]


def test_an_axis_of_no_elements_has_no_positions(away):
    with pytest.raises(cr.ShapeError, match="length 0"):
        cr.zeros((0, 2), device=away)[cr.tensor([0], device=away)]


def test_an_error_of_an_index_is_told_once(away):
    out = matrix(away)[cr.tensor([3], device=away)]
    with pytest.raises(cr.ShapeError):
        out.numpy()
    assert out.shape == out.numpy().shape


@pytest.mark.parametrize(
    "read", [READS["x[i]"], READS["take"], READS["take_along_axis"]], ids=["x[i]", "take", "along"]
)
def test_an_index_of_another_device_is_refused_with_the_way_out(away, read):
    for here, there in ((away, "cpu"), ("cpu", away)):
        with pytest.raises(
            cr.DeviceError, match=rf"'{here}', is on '{there}'; move it there, e.g. index.to\('{here}'\)"
        ):
            read(matrix(here), cr.tensor([0, 1], device=there))


# ---- what it costs

ROWS, MASK = [0, 2, -1], np.array([True, False, True])
COMPOSITIONS = {
    "stack": lambda x: cr.stack([x, x]), "split": lambda x: cr.split(x, 2, axis=1), "tile": lambda x: cr.tile(x, (2, 1)),
    "repeat": lambda x: cr.repeat(x, 2), "flatten": cr.flatten, "clip": lambda x: cr.clip(x, 1, 5), "prod": cr.prod,
    "norm": cr.norm, "var": cr.var, "std": cr.std, "take": lambda x: cr.take(x, ROWS, axis=0),
    "take_along_axis": lambda x: cr.take_along_axis(x, np.array([[0], [3], [-1]])), "one_hot": lambda x: cr.one_hot(cr.argmax(x, axis=1), 4),
    "leaky_relu": cr.nn.leaky_relu, "elu": cr.nn.elu, "dot": lambda x: cr.dot(x, x.T), "outer": lambda x: cr.outer(x[0], x[1]),
    "tensordot": lambda x: cr.tensordot(x, x, 2), "diagonal": cr.diagonal, "trace": lambda x: x.trace(),
    "zeros_like": cr.zeros_like, "ones_like": cr.ones_like, "einsum": lambda x: cr.einsum("ij,kj->ik", x, x),
    "full_like": lambda x: cr.full_like(x, 2.0), "asarray": cr.asarray,
}  # fmt: skip
INDICES = {
    "a number": lambda x: x[1], "a list": lambda x: x[ROWS], "a mask of the host": lambda x: x[MASK], "a column": lambda x: x[:, ROWS],
    "a mask beside a list": lambda x: x[MASK, [0, 1]], "a device integer": lambda x: x[cr.argmax(x[:, 0])],
    "device integers": lambda x: x[cr.argmax(x, axis=0)], "a device integer beside a slice": lambda x: x[cr.argmax(x[:, 0]), 1:],
    "repeat by a list": lambda x: cr.repeat(x, [1, 0, 2], axis=0), "repeat along an axis": lambda x: cr.repeat(x, 2, axis=1),
    "take of all": lambda x: cr.take(x, [-1, 5]),
}  # fmt: skip


@pytest.mark.parametrize("call", [*COMPOSITIONS.values(), *INDICES.values()], ids=[*COMPOSITIONS, *INDICES])
def test_neither_an_operation_nor_its_gradient_waits_or_uploads_at_every_call(call, strict):
    def run():
        out = call(x)
        for part in out if isinstance(out, list) else [out]:
            if part.requires_grad:
                part.sum().backward()

    x = matrix(strict, requires_grad=True)
    run()  # what is uploaded once is kept
    with device_double.forbid("waits", "uploads"):
        run()


def test_every_composition_is_looked_at():
    creations = {"default_dtype", "set_default_dtype", "tensor", "zeros", "ones", "full", "eye", "arange", "linspace"}
    assert set(COMPOSED) - creations == set(COMPOSITIONS)


def test_an_index_is_looked_at_once_for_the_value_and_the_gradient(strict):
    x, index = matrix(strict, requires_grad=True), cr.tensor([0, 2], device=strict)
    assert x[index].shape == (2, 4)  # it makes the place where checks are noted
    with device_double.counting() as seen:
        out = x[index]
    assert seen.launches == {"positions": 1, "getitem": 1}
    with device_double.counting() as seen:
        out.sum().backward()
    assert "positions" not in seen.launches


def test_an_index_that_changes_before_the_gradient_is_the_one_that_was_read(strict):
    x, index = matrix(strict, requires_grad=True), cr.tensor([0, 0], device=strict)
    out = x[index]
    index[0] = 2
    out.sum().backward()
    assert x.grad.sum(axis=1).tolist() == [8, 0, 0]


def test_a_mask_that_changes_before_the_gradient_is_the_one_that_was_read(strict):
    x, mask = matrix(strict, requires_grad=True), cr.tensor([True, False, False], device=strict)
    out = x[mask]
    mask[0] = False
    out.sum().backward()
    assert x.grad.sum(axis=1).tolist() == [4, 0, 0]


def test_a_mask_of_the_device_makes_the_host_wait_for_the_shape(strict):
    x = matrix(strict)
    with device_double.counting() as seen:
        assert x[x > 8].shape == (3,)
    assert seen.waits == {"mask": 1}


def test_a_number_is_assigned_under_a_mask_without_a_wait(strict):
    x = matrix(strict)
    with device_double.forbid("waits"):
        x[x > 1] = 0.0
    assert x.numpy().sum() == 1


def test_an_index_whose_list_was_changed_is_another(strict):
    x, index = matrix(strict), np.array([0, 1])
    first = x[index].numpy()
    index[0] = 2
    assert (x[index].numpy() != first).any()


# ---- sums in order


@pytest.fixture
def repeated(strict):
    """The gradient of x[index] for values whose sum depends on the order, and what it has asked of the device."""

    def gradient(index, shape, values, dtype="float64"):
        x = cr.zeros(shape, dtype=dtype, device=strict, requires_grad=True)
        with device_double.counting() as seen:
            x[index].backward(cr.tensor(values, dtype=dtype, device=strict))
        return x.grad.numpy(), seen

    return gradient


PLACES = {
    "rows": ([1, 0, 1, 1], (3,), (4,)), "rows of several": ([1, 0, 1, 1], (3, 2), (4, 2)),
    "columns": ((slice(None), [1, 0, 1, 1]), (2, 3), (2, 4)), "elements": (([1, 0, 1, 1], [0, 2, 0, 0]), (2, 3), (4,)),
    "from the end": ([-2, 0, 1, -2], (3,), (4,)), "beside a slice": (([1, 0, 1, 1], slice(1, 3)), (2, 3), (4, 2)),
    "of two axes": ([[1, 0], [1, 1]], (3, 2), (2, 2, 2)), "broadcast": (([[0], [1]], [1, 1]), (2, 3), (2, 2)),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize(("index", "shape", "given"), PLACES.values(), ids=PLACES)
def test_the_kernel_adds_in_the_order_of_the_cpu(repeated, index, shape, given):
    values = np.resize([1e16, 1.0, -1e16, 3.0, 1.0], given)
    with cr.deterministic(), device_double.compiled():
        sums, seen = repeated(index, shape, values)
    expected = np.zeros(shape)
    np.add.at(expected, index, values)
    np.testing.assert_array_equal(sums, expected)
    assert "add.at" not in seen.launches


def test_atomics_are_used_where_nobody_asks_for_the_same_bits(repeated):
    _, seen = repeated([1, 0, 1], (3,), [1.0, 2.0, 3.0])
    assert seen.launches["add.at"] == 1


def test_a_running_sum_of_a_flat_array_is_taken_along_an_axis(strict, monkeypatch):
    plain, axes = device_double.cupy.cumsum, []

    def cumsum(x, axis=None, **options):
        axes.append((x.ndim, axis))
        return plain(x, axis=axis, **options)

    monkeypatch.setattr(type(device_double.cupy), "cumsum", staticmethod(cumsum), raising=False)
    with cr.deterministic():
        sums = [cr.cumsum(matrix(strict)).numpy(), cr.cumsum(matrix(strict).flatten(), axis=0).numpy()]
    np.testing.assert_array_equal(sums, [np.cumsum(np.arange(12))] * 2)
    assert axes == [(2, 1), (2, 1)]


def test_fit_asks_for_the_same_bits_of_its_steps_and_of_nothing_else(strict):
    model, asked = cr.nn.Linear(4, 1).to(strict), []

    def loss(prediction, y):
        asked.append(cr.backends.is_deterministic())
        return cr.nn.mse(prediction, y)

    data = cr.ones((4, 4), device=strict), cr.ones((4, 1), device=strict)
    cr.fit(model, loss, cr.optim.SGD(model.parameters(), lr=0.1), data, 1, deterministic=True, verbose=0)
    assert asked == [True]
    assert not cr.backends.is_deterministic()


def test_deterministic_ends_with_its_block(strict):
    with cr.deterministic(), cr.deterministic(False):
        assert not cr.backends.is_deterministic()
    assert not cr.backends.is_deterministic()


@needs_compiler
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64"])
def test_the_kernel_finds_what_is_out_of_range(dtype):
    edges = {"int8": [-128, -5, -4, 0, 3, 4, 127], "uint64": [0, 3, 4, 2**63, 2**64 - 1]}
    index = np.array(edges.get(dtype, [-(2**31), -5, -4, 0, 3, 4, 2**31 - 1]), dtype)
    backend, found = Cuda(device_double.cupy), []
    for i in index:
        with device_double.compiled():
            ok = backend.xp.ones((), bool)
            place = backend._indexing.positions(backend.asarray(np.array([i])), 4, ok)
        found.append((place.tolist(), bool(ok)))
    assert found == [([int(i) % 4], True) if -4 <= int(i) < 4 else ([0], False) for i in index]
