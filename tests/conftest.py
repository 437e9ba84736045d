"""What every test can ask for: a device to run on, and the certainty that no other test left something lying about."""

import gc
import os
import signal
import sys
from collections import Counter
from functools import cache
from pathlib import Path

# read when NumPy and PyTorch are loaded: on a busy machine, threads wait for each other longer than one takes alone
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import device_double
import numpy as np
import pytest
from _pytest.runner import runtestprotocol

import chainrule as cr
import examples
from chainrule.autograd.grad_mode import recording
from chainrule.autograd.ops.creation import default_dtype
from chainrule.autograd.primitive import REGISTRY
from chainrule.backends import _BACKENDS, _LAZY
from chainrule.backends.gpu import Cuda

pytest_plugins = ("browser",)

# what a test starts as a process of its own imports this checkout, and the helpers, too
_PATHS = [str(Path(cr.__file__).parents[1]), str(Path(device_double.__file__).parents[1]), os.environ.get("PYTHONPATH")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _PATHS))

DEVICES = ["cpu", "strict", pytest.param("cuda", marks=pytest.mark.gpu)]


# ---- devices


@pytest.fixture
def strict():
    """The name of the device double, which stands in for CuPy for the length of a test."""
    cr.backends.register("strict", Cuda(device_double.cupy))
    yield "strict"
    cr.backends.unregister("strict")


@pytest.fixture(params=DEVICES)
def device(request):
    """The name of each array device in turn."""
    return request.getfixturevalue("strict") if request.param == "strict" else request.param


@pytest.fixture(params=DEVICES[1:])
def compiled(request):
    """The name of each device that runs the text of kernels: the double, which has it compiled for the CPU, and a GPU."""
    if request.param == "cuda":
        yield "cuda"
    elif device_double.compiler.found():
        with device_double.compiled():
            yield request.getfixturevalue("strict")
    else:
        pytest.skip("there is no C++ compiler")


# ---- what a machine lacks

LIBRARIES = {
    "graphviz",
    "matplotlib",
    "sklearn",
    "threadpoolctl",
}  # make test installs them; a bare checkout may lack them


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    """A test that needs a library that is not installed is skipped, wherever in our code it is imported."""
    try:
        return (yield)
    except ImportError as error:
        missing = error.__cause__ or error  # pytest's monkeypatch wraps it
        library = (getattr(missing, "name", None) or "").partition(".")[0]
        if library in LIBRARIES and library not in sys.modules:  # a test may have put None there
            pytest.skip(f"could not import {library!r}: {missing}")
        raise


@cache
def missing_gpu():
    """Why tests marked gpu cannot run here, or None if they can."""
    try:
        cr.backends.get("cuda")
    except cr.DeviceError as error:
        return str(error)


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and missing_gpu():
        if os.environ.get("CHAINRULE_REQUIRE_GPU") == "1":
            pytest.fail(f"CHAINRULE_REQUIRE_GPU=1, but {missing_gpu()}", pytrace=False)
        pytest.skip(missing_gpu())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """On a GPU, a test notices what can be noticed there, and is skipped if it forbids more."""
    if not item.get_closest_marker("gpu"):
        return (yield)
    with device_double.noticing(device_double.gpu.watched(device_double.real)):
        return (yield)


def pytest_terminal_summary(terminalreporter):
    """A line for each reason for which tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:,} skipped: {reason}")


@pytest.fixture(scope="module", autouse=True)
def quick_collections():
    """The garbage collector looks through what a file makes, not through thousands of tests, reports and modules."""
    gc.collect()
    gc.freeze()


# ---- several processes


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """A process of pytest-xdist sends one message about most tests instead of five, which take as long as the test."""
    if not hasattr(item.config, "workerinput") or item.config.pluginmanager.has_plugin("gpu results"):
        return None  # without a pool; and gpu_tests must see a report before the teardown
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed or report.duration > 0.1:  # for --durations
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With pytest-xdist, one process runs the tests of a file, and one runs all that look at what the examples made.

    Another choice of --dist is left as it is.
    """
    if config.option.dist != "load":  # what --numprocesses alone chooses
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "examples" if Path(file).stem.startswith("test_examples") else file

    config.option.loadscopereorder = False  # as they come, the long ones are not the last
    return ByFile(config, log)


# ---- a clean slate


def _globals():
    """The state that outlives a test, by name."""
    return {
        "the default dtype": default_dtype(),
        "the recording flag": bool(recording()),
        "the default device": cr.backends.default().name,
        "the registered backends": set(_BACKENDS) - set(_LAZY),  # those are loaded by whoever asks for them first
        "NumPy's error handling": np.geterr(),
        "what Ctrl-C does": signal.getsignal(signal.SIGINT),
    }


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, also where the tests run in the background, for which a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def clean_slate():
    """Every test draws the same random numbers, and fails if it leaves global state changed."""
    before, random, primitives = _globals(), cr.random.get_state(), set(REGISTRY)
    cr.random.seed(0)
    yield
    cr.random.set_state(random)
    for name in set(REGISTRY) - primitives:  # operations that a test declared
        del REGISTRY[name]
    leaked = [f"{what} is {after}, was {before[what]}" for what, after in _globals().items() if after != before[what]]
    if leaked:
        pytest.fail(f"the test changed global state: {'; '.join(leaked)}", pytrace=False)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A function from an example's name to the folder it ran in and what it printed; each runs once."""

    @cache
    def finish(name):
        folder = tmp_path_factory.mktemp(name)
        done = examples.run(examples.FOLDER / f"{name}.py", folder)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        return folder, done.stdout

    return finish


@pytest.fixture
def run(finished):
    """A function from an example's name to what it printed and the folder of its files."""

    def outcome(name):
        folder, printed = finished(name)
        return printed, folder / "runs" / name

    return outcome
