"""What the device double counts: a launch, an upload or a wait wherever CuPy has one, and as many."""

import threading

import device_double
import numpy as np
import pytest
from device_double import ForbiddenError, counting, cupy, forbid

COSTS = {  # launches, uploads, waits
    # on the device
    "x + 1": (1, 0, 0), "np.exp(x)": (1, 0, 0), "x.__iadd__(x)": (1, 0, 0), "x.sum()": (1, 0, 0), "x.T.copy()": (1, 0, 0),
    "x @ x.T": (1, 0, 0), "x[0] @ x[0]": (2, 0, 0), "x[:, ::2] @ x[:, ::2].T": (3, 0, 0), "y @ y": (1, 0, 0),
    "y.transpose(0, 2, 1) @ y": (2, 0, 0), "y @ y[:1]": (4, 0, 0), "xp.where(m, x, 0.0)": (1, 0, 0), "xp.where(x, x, 0)": (2, 0, 0),
    "xp.concatenate([x] * 8)": (8, 0, 0), "xp.concatenate([x] * 9)": (1, 1, 0), "xp.concatenate([*[x] * 9, x[:1]])": (1, 3, 0),
    "xp.concatenate([x, x[:0]])": (1, 0, 0), "xp.stack([x, x])": (2, 0, 0), "xp.repeat(x, 2)": (1, 0, 0),
    "xp.repeat(x, 2, axis=1)": (3, 0, 0), "x.astype('d')": (1, 0, 0), "xp.asarray(x, 'd')": (1, 0, 0), "xp.asarray(x)": (0, 0, 0),
    "xp.add(x, x, out=x[::-1])": (3, 0, 0),
    # without elements
    "x[:0] + 1": (0, 0, 0), "xp.zeros((0, 3))": (0, 0, 0), "x[:0].sum()": (1, 0, 0), "x[:0].get()": (0, 0, 0),
    # from nothing, and from the host
    "xp.empty(3)": (0, 0, 0), "xp.zeros(3)": (1, 0, 0), "xp.full(3, np.float32(2))": (1, 0, 0), "xp.arange(3)": (1, 0, 0),
    "xp.asarray(2.0)": (1, 0, 0), "xp.asarray([1.0, 2.0])": (0, 1, 0), "xp.array(np.ones(3))": (0, 1, 0),
    "x * np.float32(2)": (1, 0, 0), "x.set(np.ones((2, 3), 'f'))": (0, 1, 0), "xp.array([x, x])": (2, 0, 0),
    # indices
    "x[1:, None]": (0, 0, 0), "x[0, 1]": (0, 0, 0), "x[i]": (1, 0, 0), "x[i[0]]": (1, 0, 0), "x[i, i]": (4, 0, 0),
    "x[[0, 1]]": (1, 1, 0), "x[np.arange(2), i]": (4, 1, 0), "x[m]": (3, 0, 1), "x.take(i)": (1, 0, 0),
    "x.__setitem__(0, 1.0)": (1, 0, 0), "x.__setitem__(0, x[0])": (0, 0, 0), "x.__setitem__(..., x.astype('d'))": (2, 0, 0),
    "x.__setitem__(i, x)": (1, 0, 0), "x.__setitem__(i, 0.0)": (2, 0, 0), "x.__setitem__(i, [1, 2, 3])": (1, 1, 0),
    "x.__setitem__(m, 0.0)": (4, 0, 1), "xp.add.at(x, i, x)": (1, 0, 0), "xp.add.at(x, (i, i), x[0, :2])": (4, 0, 0),
    "xp.add.at(x, m, 1.0)": (4, 0, 1),
    # answers of one element are on the device
    "xp.allclose(x, x)": (2, 0, 0), "xp.array_equal(x, x)": (2, 0, 0), "x.any()": (1, 0, 0), "x.flat[0]": (1, 0, 0),
    "bool(xp.allclose(x, x))": (2, 0, 1), "float(x.sum())": (1, 0, 1), "x.sum() > 0 and None": (2, 0, 1), "1.0 in x[0]": (2, 0, 2),
    # reads
    "x.tobytes()": (0, 0, 1), "x.tolist()": (0, 0, 1), "x.T.get()": (1, 0, 1), "str(x)": (0, 0, 1), "bytes(x)": (0, 0, 1),
    "xp.asnumpy(x)": (0, 0, 1), "[float(v) for v in x[0]]": (0, 0, 3), "x.nonzero()": (4, 0, 1), "xp.unique(x)": (6, 0, 1),
    "pickle.dumps(x)": (0, 0, 1), "xp.cuda.Device().synchronize()": (0, 0, 1), "xp.cuda.Stream().synchronize()": (0, 0, 1),
    # further modules
    "xp.random.normal(size=3)": (1, 0, 0),
}  # fmt: skip


@pytest.fixture
def names():
    import pickle

    x = cupy.arange(6, dtype="f").reshape(2, 3)
    y = cupy.ones((2, 3, 3), "f")
    return dict(x=x, y=y, i=cupy.arange(2), m=cupy.ones((2, 3), bool), xp=cupy, np=np, pickle=pickle)


@pytest.mark.parametrize("expression", COSTS)
def test_an_expression_costs_what_it_costs_in_cupy(expression, names):
    with counting() as seen:
        eval(expression, names)
    assert (seen.launches.total(), seen.uploads.total(), seen.waits.total()) == COSTS[expression], str(seen)


@pytest.mark.parametrize(
    ("kind", "expression"), [("launches", "x + 1"), ("uploads", "x[[0]]"), ("waits", "float(x[0, 0])")]
)
def test_each_kind_can_be_forbidden_and_the_others_not(kind, expression, names):
    with forbid(*{"launches", "uploads", "waits"} - {kind, "launches"}):
        eval(expression, names)
    with forbid(kind), pytest.raises(ForbiddenError):
        eval(expression, names)


@pytest.mark.parametrize("kinds", [(), ("syncs",)])
def test_what_is_forbidden_has_one_of_three_names(kinds):
    with pytest.raises(ValueError, match="launches, uploads, waits"):
        forbid(*kinds)


def test_a_test_that_forbids_what_cannot_be_noticed_is_skipped():
    with device_double.noticing({"waits"}):
        forbid("waits")
        with pytest.raises(pytest.skip.Exception, match="uploads cannot be watched on this CuPy"):
            forbid("uploads")


def test_other_names_than_those_with_a_known_cost_are_refused():
    with pytest.raises(NotImplementedError, match=r"does not model cupy.kaiser: add what it costs"):
        _ = cupy.kaiser


@pytest.mark.parametrize("name", ["linalg", "fft", "lib"])
def test_modules_of_numpy_are_not_cupys(name):
    with pytest.raises((NotImplementedError, AttributeError)):
        getattr(cupy, name)


# ---- indices out of range


@pytest.mark.parametrize("index", [[5], [-4], [3 * 2**40 + 2]])
def test_an_index_out_of_range_wraps_around(index):
    x, at = cupy.arange(3.0), cupy.asarray(index)
    assert x[at].tolist() == x.take(at).tolist() == [2]
    cupy.add.at(x, at, 10.0)
    x[at] = x[at] + 100
    assert x.tolist() == [0, 1, 112]


def test_each_axis_wraps_by_its_own_length():
    x = cupy.arange(6).reshape(2, 3)
    assert x[cupy.asarray([2, 3]), cupy.asarray([3, -4])].tolist() == [0, 5]
    assert x[..., cupy.asarray([3])].tolist() == [[0], [3]]


def test_a_number_out_of_range_is_refused():
    with pytest.raises(IndexError):
        cupy.arange(3)[3]


# ---- devices, streams and graphs


def test_an_array_lives_on_the_device_that_was_current():
    with cupy.cuda.Device(1):
        x = cupy.ones(2)
    assert x.device == cupy.cuda.Device(1) != cupy.cuda.Device()
    assert x[0].device == x.T.device == x.device


def test_an_array_of_another_device_than_the_current_one_is_refused():
    with cupy.cuda.Device(1):
        x = cupy.ones(2)
    with pytest.raises(ValueError, match=r"resides \(1\) is different from the current device \(0\)"):
        x + 1


def test_the_current_stream_and_device_are_those_of_the_thread():
    found = []
    with cupy.cuda.Stream() as stream, cupy.cuda.Device(1):
        thread = threading.Thread(target=lambda: found.extend([cupy.cuda.get_current_stream(), cupy.cuda.Device().id]))
        thread.start()
        thread.join()
        assert cupy.cuda.get_current_stream() is stream
    assert found == [cupy.cuda.Stream.null, 0]
    assert cupy.cuda.get_current_stream() is cupy.cuda.Stream.null


def test_work_is_counted_by_device_and_stream():
    stream = cupy.cuda.Stream()
    with device_double.by_stream() as used:
        cupy.ones(2)
        with stream, cupy.cuda.Device(1):
            cupy.asarray([1.0]) + 1
    assert used == {(0, cupy.cuda.Stream.null, "launches"): 1, (1, stream, "uploads"): 1, (1, stream, "launches"): 1}


def test_a_stream_notes_the_events_that_it_waits_for():
    first, second = cupy.cuda.Stream(), cupy.cuda.Stream()
    event = first.record()
    second.wait_event(event)
    assert (second.waited, event.stream) == ([event], first)


@pytest.fixture
def capture():
    """A stream that captures a graph."""
    with cupy.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        yield stream
        stream.end_capture()


def test_a_graph_holds_what_was_launched(names):
    with cupy.cuda.Stream() as stream:
        stream.begin_capture()
        names["x"] * 2 + 1
        graph = stream.end_capture()
    assert graph.nodes == ["multiply", "add"]
    assert graph.debug_dot_str().count("label") == 2
    with counting() as seen:
        graph.launch(stream)
    assert seen.launches == {"graph": 1}


@pytest.mark.parametrize(
    "expression", ["float(x[0, 0])", "xp.asarray([1.0])", "x[m]", "xp.cuda.get_current_stream().synchronize()"]
)
def test_a_capture_refuses_waits_and_uploads(expression, names, capture):
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="not permitted when stream is capturing"):
        eval(expression, names)


@pytest.mark.parametrize("expression", ["x @ x.T", "x.dot(x.T)", "y @ y"])
def test_a_capture_refuses_cublas(expression, names, capture):
    with pytest.raises(NotImplementedError, match="cuBLAS API during stream capture"):
        eval(expression, names)


def test_the_null_stream_cannot_capture():
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError):
        cupy.cuda.Stream.null.begin_capture()
