"""The device double compared with the real CuPy, which can be imported without a GPU: arrays over host memory have shapes and
dtypes there, and views; what needs the device fails.
"""

from itertools import product
from types import SimpleNamespace

import device_double
import numpy as np
import pytest
from device_double import counting, loops, real

import chainrule as cr

pytestmark = pytest.mark.skipif(real is None, reason="CuPy is not installed to compare with")


@pytest.fixture
def without_gpu():
    if "cuda" in cr.backends.available():
        pytest.skip("what fails without a GPU does not fail here")


@pytest.fixture
def array():
    """A function that makes an array of the real CuPy over memory of the host, of which only the form may be looked at."""
    held = []

    def make(shape, dtype):
        held.append(np.zeros(64, complex))
        memory = real.cuda.UnownedMemory(held[-1].ctypes.data, held[-1].nbytes, held[-1], 0)
        return real.ndarray(shape, dtype, real.cuda.MemoryPointer(memory, 0))

    return make


# ---- names


def test_the_names_listed_as_lacking_are_lacking():
    assert [name for name in device_double.LACKING if hasattr(real, name)] == []
    assert [n for n in device_double.LACKING_ATTRIBUTES if hasattr(real.ndarray, n)] == []


def test_a_device_array_has_what_cupys_has_and_no_more():
    from device_double.array import _FUNCTIONS, _NOT_MODELLED

    ours = {n for n in vars(device_double.cupy.ndarray) if not n.startswith("_")} | _FUNCTIONS | _NOT_MODELLED
    assert ours - {"of", "namespace"} == {name for name in dir(real.ndarray) if not name.startswith("_")}


def test_operators_are_those_of_cupys_arrays():
    ours, inherited = vars(device_double.cupy.ndarray), dir(object)
    special = {n for n in ours if n.startswith("__") and n not in inherited}
    assert special - {"__slots__", "__weakref__", "__getattr__", "__rmatmul__"} <= set(dir(real.ndarray))


@pytest.mark.parametrize("call", [
    lambda x: device_double.cupy.sum(x, where=x > 0), lambda x: x.sum(initial=0.0),
    lambda x: device_double.cupy.max(x, initial=0.0), lambda x: device_double.cupy.exp(x, where=x > 0),
    lambda x: device_double.cupy.add(x, x, order="C"), lambda x: device_double.cupy.argsort(x, descending=True),
    lambda x: device_double.cupy.zeros(3, like=x),
])  # fmt: skip
def test_arguments_that_cupy_lacks_are_refused(call):
    with pytest.raises(TypeError):
        call(device_double.cupy.arange(6.0))


# ---- dtypes


def test_the_table_of_loops_is_cupys():
    theirs = {name: getattr(real, name) for name in dir(real) if isinstance(getattr(real, name), real.ufunc)}
    own = {n: [t for t in f.types if set(t) - set("->") <= loops.CHARACTERS] for n, f in theirs.items()}
    assert own == loops.LOOPS


@pytest.mark.parametrize("name", loops.LOOPS)
def test_results_have_the_dtypes_that_cupy_decides_on(name, array):
    from cupy._core._scalar import CScalar

    f = getattr(real, name)
    arrays = [array((2,), char) for char in "?bBhilLefdF"]
    for given in product([*arrays, True, 3, 2.5, np.float32(2), np.int32(3)], repeat=f.nin):
        if not any(isinstance(x, real.ndarray) for x in given):
            continue
        try:
            theirs = [x if isinstance(x, real.ndarray) else CScalar(x) for x in given]
            decided = f._ops.guess_routine(f.name, {}, theirs, None, f._out_ops).out_types
            expected = "".join(np.dtype(t).char for t in decided)
        except TypeError:
            expected = None
        try:
            result = loops.results(name, [np.zeros(2, x.dtype) if isinstance(x, real.ndarray) else x for x in given])
        except TypeError:
            result = None
        assert result == expected, given


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "all", "any"])
def test_reductions_have_the_dtypes_of_cupys(name):
    from cupy._core import _routines_logic, _routines_math, _routines_statistics

    theirs = {
        "sum": _routines_math.sum_auto_dtype, "prod": _routines_math.prod_auto_dtype, "all": _routines_logic.all,
        "max": _routines_statistics.amax, "min": _routines_statistics.amin, "any": _routines_logic.any,
    }[name]  # fmt: skip
    given = {np.dtype(op.in_types[0]): np.dtype(op.out_types[0]) for op in theirs._ops.ops}
    for dtype, expected in given.items():
        if dtype.char in loops.CHARACTERS:
            assert getattr(device_double.cupy.ones(2, dtype), name)().dtype == expected, dtype


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("char", "?bBhHiIlLqQefdFD")
def test_the_dtypes_that_are_added_at_indices_are_cupys(char, array):
    with pytest.raises((TypeError, real.cuda.runtime.CUDARuntimeError)) as theirs:
        real.add.at(array((4,), char), array((2,), "l"), array((2,), char))
    x = device_double.cupy.zeros(4, char)
    try:
        device_double.cupy.add.at(x, device_double.cupy.zeros(2, "l"), device_double.cupy.zeros(2, char))
        assert theirs.type is not TypeError
    except TypeError:
        assert theirs.type is TypeError


# ---- what needs the device

EXPRESSIONS = {
    "x.T", "x.mT", "x.reshape(3, 2)", "x.reshape(-1)", "x.T.reshape(-1)", "x.T.reshape(3, 2)", "x[::2].reshape(-1)",
    "x[:, :2].reshape(4)", "x.ravel()", "x.T.ravel()", "x.flatten()", "x[0]", "x[0, 1]", "x[:, None]", "x[..., 0]",
    "x[1:, ::2]", "x[[0, 1]]", "x[i]", "x[i, i]", "x[m]", "+x", "-x", "x + 1", "x == x", "abs(x)", "x.diagonal()", "x.real",
    "x.conj()", "x.flags", "x.view(np.int32)", "x.swapaxes(0, 1)", "x.transpose(1, 0)", "x.squeeze()", "x.astype('f')",
    "x.astype('f', copy=False)", "x.astype('d')", "x.copy()", "x.sum()", "x.sum(axis=0)", "x.mean()", "x.max()", "x.argmax()",
    "x.cumsum()", "x.take(i)", "x.flat", "x.flat[0]", "x.tolist()", "x.tobytes()", "x.get()", "x[0, 0].item()", "float(x[0, 0])", "str(x)",
    "bool(x[0, 0])", "x.nbytes, x.itemsize, x.strides, x.base", "x.device", "len(x)", "iter(x)", "1.0 in x[0]",
    "xp.broadcast_to(x, (4, 2, 3))", "xp.broadcast_arrays(x, x[0])", "xp.expand_dims(x, 0)", "xp.squeeze(x)", "xp.flip(x)",
    "xp.moveaxis(x, 0, 1)", "xp.rollaxis(x, 1)", "xp.rot90(x)", "xp.ascontiguousarray(x)", "xp.ascontiguousarray(x.T)",
    "xp.concatenate([x, x])", "xp.stack([x, x])", "xp.where(x > 0, x, x)", "xp.result_type(x, 'd')",
    "xp.shape(x)", "xp.size(x)", "xp.ndim(x)", "xp.split(x, 2)", "xp.triu(x)", "xp.roll(x, 1)", "xp.repeat(x, 2)",
    "xp.diagonal(x)", "xp.pad(x, 1)", "xp.clip(x, 0, 1)", "xp.allclose(x, x)", "xp.array_equal(x, x)", "xp.isscalar(x)",
    "xp.zeros(3)", "xp.ones(3)", "xp.arange(3)", "xp.full_like(x, 1)", "x.__setitem__(0, 1.0)", "x.__setitem__(0, x[1])",
    "x.__setitem__(0, x[0])", "x.__setitem__(i, 1.0)", "x.fill(0)", "xp.sort(x)", "x.dot(x.T)",
}  # fmt: skip


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("expression", sorted(EXPRESSIONS))
def test_what_costs_nothing_on_the_double_needs_no_gpu_in_cupy(expression, array):
    names = dict(x=array((2, 3), "f"), i=array((2,), "l"), m=array((2, 3), "?"), xp=real, np=np)
    try:
        eval(expression, names)
        free = True
    except (real.cuda.runtime.CUDARuntimeError, ImportError):  # no driver; no cuBLAS
        free = False
    xp = device_double.cupy
    names = dict(x=xp.ones((2, 3), "f"), i=xp.arange(2), m=xp.ones((2, 3), "?"), xp=xp, np=np)
    with counting() as seen:
        eval(expression, names)
    assert free == (not any(vars(seen).values())), seen


# ---- on a GPU


@pytest.mark.usefixtures("without_gpu")
def test_reads_of_the_real_cupy_are_noticed(array):
    device_double.gpu.watch(real)
    with counting() as seen, pytest.raises(real.cuda.runtime.CUDARuntimeError):
        array((2,), "f").get(stream=SimpleNamespace(synchronize=lambda: None))  # for want of a driver there is no other
    assert seen.waits == {"get": 1}


@pytest.mark.usefixtures("without_gpu")
def test_synchronizing_a_stream_of_the_real_cupy_is_noticed():
    device_double.gpu.watch(real)
    with counting() as seen, pytest.raises(real.cuda.runtime.CUDARuntimeError):
        real.cuda.Stream.null.synchronize()
    assert seen.waits == {"synchronize": 1}


@pytest.mark.gpu
def test_waits_and_uploads_are_noticed_on_the_gpu():
    assert device_double.gpu.watched(real) == {"waits", "uploads"}
