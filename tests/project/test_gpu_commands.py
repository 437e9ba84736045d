"""make test-gpu, as far as it can be tried without a GPU: what it says where there is none, and what it writes."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import gpu_tests
import pytest

import chainrule as cr
from benchmarks import device


@pytest.fixture
def record(tmp_path, monkeypatch):
    """The record of a run that began just now, with its results in tmp_path."""
    monkeypatch.setenv("RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(gpu_tests, "machine", lambda: {"GPU": "a GPU"})
    return gpu_tests.Record()


def report(test, outcome="passed", text=""):
    return SimpleNamespace(
        nodeid=test,
        outcome=outcome,
        failed=outcome == "failed",
        passed=outcome == "passed",
        duration=0.5,
        longreprtext=text,
    )


def written(record):
    return json.loads(record.results.path.with_name(f"{record.results.path.name}.json").read_text())


# ---- where there is no GPU


@pytest.fixture
def no_gpu():
    if "cuda" in cr.backends.available():
        pytest.skip("there is a GPU here")


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_command_ends_and_says_in_one_line_what_is_missing(tmp_path):
    environment = os.environ | {"RESULTS": str(tmp_path)}
    done = subprocess.run([sys.executable, gpu_tests.__file__], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    lacking = "cupy" if find_spec("cupy") is None else "no usable device"
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("make test-gpu: ")
    assert lacking in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_named_with_the_interpreter_that_lacks_it():
    pytest.importorskip("cupy", exc_type=ImportError)
    assert f"No module named 'no_such_library' for {sys.executable}" in device.missing(["no_such_library"])


# ---- how the tests are run


def test_several_processes_share_the_tests_where_pytest_xdist_is_installed():
    chosen = gpu_tests.options(lambda name: True, 16)
    assert chosen[chosen.index("-n") + 1] == "12"
    assert (
        chosen[chosen.index("--timeout-method") + 1] == "thread"
    )  # signals do not end a process that waits for a device


def test_one_process_runs_the_tests_where_no_plugin_of_pytest_is_installed():
    chosen = gpu_tests.options(lambda name: False, 16)
    assert "-n" not in chosen
    assert "--timeout" not in chosen


def test_a_process_that_has_lost_its_device_ends_after_the_test_that_failed(monkeypatch):
    ended = []
    monkeypatch.setattr(gpu_tests, "lost", lambda: True)
    monkeypatch.setattr(os, "_exit", ended.append)
    worker = gpu_tests.Worker()
    worker.pytest_runtest_logreport(report("a"))
    worker.pytest_runtest_teardown()
    assert ended == []
    worker.pytest_runtest_logreport(report("b", "failed"))
    worker.pytest_runtest_teardown()
    assert ended == [1]


# ---- what is written


def test_the_results_are_there_before_the_run_ends(record):
    record.written -= 2
    record.pytest_runtest_logreport(report("tests/a.py::one"))
    assert written(record)["state"] == "running"
    assert written(record)["files"] == {"tests/a.py": {"seconds": 0.5, "passed": 1}}


def test_a_test_that_failed_in_one_phase_has_failed(record):
    for outcome in ("passed", "failed", "passed"):  # its setup, itself, and what comes after it
        record.pytest_runtest_logreport(
            report("tests/a.py::one", outcome, "code\nE   assert 1 == 2\na.py:3: AssertionError")
        )
    record.pytest_sessionfinish(1)
    assert written(record)["tests"] == {"failed": 1}
    assert (
        "FAILED tests/a.py::one: assert 1 == 2"
        in record.results.path.with_name(f"{record.results.path.name}.txt").read_text()
    )


@pytest.mark.parametrize(
    ("status", "state"), [(0, "complete"), (1, "complete"), (2, "cut off"), (5, "pytest ended with status 5")]
)
def test_the_results_say_how_the_run_ended(status, state, record):
    record.pytest_sessionfinish(status)
    assert written(record)["state"] == state
