"""The stand-in for CuPy refuses what CuPy refuses, and the fixtures of conftest.py do what they say."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import numpy as np
import pytest
from device_double import ForbiddenError, counting, cupy, forbid

import chainrule as cr


@pytest.fixture
def x():
    return cupy.arange(6.0).reshape(2, 3)


# ---- nothing is converted implicitly


def test_numpy_cannot_read_a_device_array(x):
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        np.asarray(x)


@pytest.mark.parametrize("operate", [
    lambda x, host: x + host,
    lambda x, host: host + x,
    lambda x, host: x @ host.T,
    lambda x, host: x < host,
    lambda x, host: x.__iadd__(host),
    lambda x, host: np.add(x, host),
    lambda x, host: cupy.add(x, host),
    lambda x, host: cupy.matmul(x, host.T),
    lambda x, host: cupy.where(x > 0, x, host),
    lambda x, host: cupy.concatenate([x, host]),
    lambda x, host: np.concatenate([x, host]),
    lambda x, host: cupy.sum(host),
    lambda x, host: cupy.exp(host),
    lambda x, host: x.dot(host.T),
])  # fmt: skip
def test_host_arrays_take_no_part_in_operations(operate, x):
    with pytest.raises(TypeError):
        operate(x, np.ones((2, 3)))


def test_array_scalars_of_numpy_take_part(x):
    assert (np.float64(2) * x + np.float32(1)).tolist() == [[1, 3, 5], [7, 9, 11]]


@pytest.mark.parametrize("data", [[1.0, 2.0], (1.0, 2.0), 1.0])
def test_functions_of_arrays_refuse_lists_and_numbers(data):
    with pytest.raises(TypeError):
        cupy.sum(data)


def test_a_condition_must_be_on_the_device(x):
    with pytest.raises(TypeError):
        cupy.where(True, x, x)


def test_host_arrays_cannot_be_assigned_to_a_slice(x):
    with pytest.raises(ValueError, match="cannot be used for fill"):
        x[0] = np.ones(3)


def test_host_indices_and_what_is_assigned_to_them_are_copied_over(x):
    x[np.array([0, 1]), [2, 2]] = np.array([7.0, 8.0])
    assert x.tolist() == [[0, 1, 7], [3, 4, 8]]


def test_a_device_array_is_no_index():
    with pytest.raises(TypeError):
        [1, 2, 3][cupy.asarray(1)]


def test_moving_there_and_back_is_explicit():
    there = cupy.asarray(np.arange(3))
    back = cupy.asnumpy(there)
    assert type(there) is cupy.ndarray
    assert type(back) is np.ndarray
    assert back.tolist() == [0, 1, 2]


def test_the_device_shares_no_memory_with_the_host():
    host = np.zeros(3)
    there = cupy.asarray(host)
    host[0] = 1
    assert there.tolist() == [0, 0, 0]


def test_an_array_on_the_device_is_kept_as_it_is(x):
    assert cupy.asarray(x) is x


# ---- results stay on the device


@pytest.mark.parametrize("result", [
    lambda x: x.sum(), lambda x: x.max(), lambda x: cupy.mean(x), lambda x: x[0, 0], lambda x: x.sum() * 2,
    lambda x: x == x, lambda x: -x[1, 1], lambda x: np.sum(x), lambda x: np.exp(x), lambda x: x.T, lambda x: 2 - x,
    lambda x: cupy.frexp(x)[1],
])  # fmt: skip
def test_results_are_device_arrays_also_of_shape_nothing(result, x):
    assert type(result(x)) is cupy.ndarray


@pytest.mark.parametrize("result", [
    lambda x: cupy.allclose(x, x), lambda x: cupy.array_equal(x, x), lambda x: cupy.array_equiv(x, x), lambda x: x.any(),
    lambda x: cupy.all(x), lambda x: cupy.count_nonzero(x), lambda x: x.flat[0], lambda x: next(iter(x[0])), lambda x: x.argmax(),
])  # fmt: skip
def test_answers_that_depend_on_values_are_device_arrays(result, x):
    assert type(result(x)) is cupy.ndarray


@pytest.mark.parametrize("result", [
    lambda x: cupy.isscalar(x), lambda x: cupy.iscomplexobj(x), lambda x: cupy.can_cast("f", "d"),
    lambda x: cupy.may_share_memory(x, x), lambda x: x.flags.c_contiguous,
])  # fmt: skip
def test_answers_about_the_form_of_an_array_are_pythons(result, x):
    assert type(result(x)) is bool


def test_assignment_in_place_keeps_the_array(x):
    same = x
    x += 1
    x *= cupy.asarray(2.0)
    assert same is x
    assert x.tolist() == [[2, 4, 6], [8, 10, 12]]


def test_a_view_shares_memory(x):
    x[1][...] = 0
    assert x.tolist() == [[0, 1, 2], [0, 0, 0]]


def test_the_device_does_not_warn(x, recwarn):
    assert cupy.log(x - x).tolist() == [[-np.inf] * 3] * 2
    assert not recwarn


# ---- host synchronisation

READS = {
    "float": lambda x: float(x[0, 0]), "int": lambda x: int(x[0, 0]), "bool": lambda x: bool(x[0, 0]),
    "item": lambda x: x[0, 0].item(), "tolist": lambda x: x.tolist(), "get": lambda x: x.get(),
    "repr": repr, "str": str, "mask": lambda x: x[x > 2], "nonzero": lambda x: x.nonzero(),
    "where": lambda x: cupy.where(x > 2), "unique": lambda x: cupy.unique(x),
}  # fmt: skip


@pytest.mark.parametrize("what", READS)
def test_every_way_to_read_a_value_is_counted_once(what, x):
    with counting() as seen:
        READS[what](x)
    assert seen.waits == {what: 1}


@pytest.mark.parametrize("what", READS)
def test_every_way_to_read_a_value_can_be_forbidden(what, x):
    with forbid("waits"), pytest.raises(ForbiddenError, match=f"^{what} makes the host wait"):
        READS[what](x)


def test_asnumpy_is_a_read(x):
    with counting() as seen:
        cupy.asnumpy(x)
    assert seen.waits == {"get": 1}


def test_work_on_the_device_is_no_read(x):
    with forbid("waits"):
        x[cupy.asarray([0])] = (x @ x.T).sum() / x.size


def test_synchronizing_a_backend_is_counted(strict):
    with counting() as seen:
        cr.backends.get(strict).synchronize()
    assert seen.waits == {"synchronize": 1}


# ---- names, arguments and dtypes


@pytest.mark.parametrize("name", ["vecdot", "spacing", "nditer", "erf", "no_such_name"])
def test_names_that_cupy_lacks_are_missing(name):
    with pytest.raises(AttributeError, match=name):
        getattr(cupy, name)


@pytest.mark.parametrize("name", ["ctypes", "__array_interface__", "setflags"])
def test_attributes_that_device_arrays_lack_are_missing(name, x):
    with pytest.raises(AttributeError):
        getattr(x, name)


def test_flags_of_a_device_array_do_not_include_writeable(x):
    assert not hasattr(x.flags, "writeable")


def test_adding_at_indices_needs_an_atomic_dtype():
    with pytest.raises(TypeError, match="cupy.add.at only supports int32.*, not uint8"):
        cupy.add.at(cupy.zeros(3, dtype="uint8"), cupy.asarray([0]), cupy.ones(1, dtype="uint8"))


# ---- conftest.py


INNER = """
    from contextlib import ExitStack
    import signal
    import numpy as np
    import pytest
    import chainrule as cr
    from chainrule.autograd.primitive import REGISTRY
    from chainrule.autograd.samples import reals

    stack = ExitStack()

    class Left(cr.backends.Backend):
        types = ()

    def test_draws():
        assert cr.random.get_state() == (0, 0)
        cr.random.uniform(size=3)

    def test_draws_again():
        assert cr.random.get_state() == (0, 0)

    def test_declares():
        @cr.primitive(vjp={}, samples=reals)
        def fresh(xp, x):
            return x
        assert "fresh" in REGISTRY

    def test_after():
        assert "fresh" not in REGISTRY

    @pytest.mark.gpu
    def test_on_a_gpu():
        pass

    @pytest.mark.gpu
    def test_on_a_gpu_too():
        pass

    # these come last, since what they change stays changed

    def test_dtype():
        cr.set_default_dtype("float64")

    def test_flag():
        cr.no_grad().__enter__()

    def test_device():
        stack.enter_context(cr.backends.use("scalar"))

    def test_errors():
        np.seterr(all="ignore")

    def test_backends():
        cr.backends.register("left", Left())

    def test_ctrl_c():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
"""


def inner(folder, *options, **environment):
    """A pytest run of INNER with our conftest.py: (what is wrong with each test or why it was skipped, what was printed)."""
    (folder / "conftest.py").write_text((Path(__file__).parents[1] / "conftest.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = gpu: needs a GPU")
    (folder / "test_inner.py").write_text(dedent(INNER))
    command = [sys.executable, "-m", "pytest", "--junitxml=report.xml", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    told = {}
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        told[case.get("name").removeprefix("test_")] = " ".join(part.get("message", "") for part in case)
    return told, done.stdout


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return inner(tmp_path_factory.mktemp("inner"), "--numprocesses=1")


@pytest.mark.parametrize(("test", "what"), [
    ("dtype", "the default dtype is float64, was float32"),
    ("flag", "the recording flag is False, was True"),
    ("device", "the default device is scalar, was cpu"),
    ("errors", "NumPy's error handling is"),
    ("backends", "the registered backends is"),
    ("ctrl_c", "what Ctrl-C does is"),
])  # fmt: skip
def test_a_test_that_leaks_global_state_fails(test, what, outcome):
    assert f"the test changed global state: {what}" in outcome[0][test]


def test_every_test_draws_the_same_random_numbers(outcome):
    assert outcome[0]["draws"] == outcome[0]["draws_again"] == ""


def test_what_a_test_declares_is_forgotten_after_it(outcome):
    assert outcome[0]["declares"] == outcome[0]["after"] == ""


@pytest.fixture
def without_gpu():
    if "cuda" in cr.backends.available():
        pytest.skip("there is a GPU here")


@pytest.mark.usefixtures("without_gpu")
def test_a_gpu_test_is_skipped_with_the_reason(outcome):
    assert "device 'cuda'" in outcome[0]["on_a_gpu"]


@pytest.mark.usefixtures("without_gpu")
def test_each_reason_to_skip_is_told_once_with_the_number_of_tests(outcome):
    (line,) = [line for line in outcome[1].splitlines() if " skipped: " in line]
    assert line.startswith("2 skipped: device 'cuda'")


@pytest.mark.usefixtures("without_gpu")
def test_a_required_gpu_that_is_missing_is_a_failure(tmp_path):
    told, _ = inner(tmp_path, "-k", "on_a_gpu", CHAINRULE_REQUIRE_GPU="1")
    assert "CHAINRULE_REQUIRE_GPU=1, but device 'cuda'" in told["on_a_gpu"]
