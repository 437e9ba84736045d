"""make bench-gpu, as far as it can be tried without a GPU: its parts, its clock and what it writes."""

import json
import os
from time import sleep

import pytest

import chainrule as cr
from benchmarks import gpu, gpu_steps
from benchmarks.measure import Worker


class InThisProcess:
    """In place of a worker: it is called here, with what a process of its own would hold."""

    process = property(lambda self: self)

    def __init__(self):
        self.held = {}

    def begin(self, function, *arguments):
        self.call = lambda: function(*arguments)

    def answer(self, seconds):
        gpu_steps._held = self.held
        return self.call()

    def kill(self):
        pass


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the results go; what would be another process is this one, and chainrule is alone with what never works."""
    monkeypatch.setenv("RESULTS", str(tmp_path))
    monkeypatch.setattr(gpu, "Worker", InThisProcess)
    monkeypatch.setattr(gpu, "EAGER", ["chainrule", "broken"])
    monkeypatch.setattr(gpu, "find_spec", lambda name: True)
    monkeypatch.setattr(gpu_steps, "WINDOW_S", 0.001)
    monkeypatch.setattr(gpu_steps, "_held", {})
    monkeypatch.setitem(gpu_steps.CONTESTANTS, "broken", (int, "a number"))
    return tmp_path / "dry run, not a GPU"


def written(folder):
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text())


def test_a_dry_run_writes_what_a_run_on_a_gpu_does(folder, monkeypatch):
    monkeypatch.setattr(gpu, "digits", lambda run, end: {"test accuracy, %": 98.5})
    assert gpu.main(["--device", "cpu"]) == 0
    data = written(folder)
    assert (data["command"], data["state"]) == ("make bench-gpu: dry run, not a GPU", "complete")
    step = data["parts"]["step 64-128-64-10, batch 64, float32"]
    assert 0 < step["chainrule"]["µs"] == min(step["chainrule"]["µs of each turn"])
    assert step["chainrule"]["product error"] < 1e-5
    assert step["broken"] == {"error": "TypeError: 'str' object cannot be interpreted as an integer"}
    assert data["parts"]["step 64-128-64-10, batch 64, float32, one worker"]["chainrule, one worker"]["µs"] > 0
    assert data["parts"]["capture"] == {"left out": "needs a GPU", "seconds": 0.0}
    (text,) = folder.glob("*.txt")
    assert "  test accuracy, %: 98.5\n" in text.read_text()


def test_without_time_every_part_says_that_it_was_left_out(folder):
    assert gpu.main(["--device", "cpu", "--seconds", "0"]) == 0
    assert {part["left out"] for part in written(folder)["parts"].values()} == {"no time"}


def test_a_part_that_fails_costs_only_itself(folder):
    def fail(run, end):
        raise ValueError("no such thing")

    run = gpu.Run("cpu", 60)
    run.part("first", 10, fail)
    run.part("second", 10, lambda run, end: {"found": 3})
    parts = written(folder)["parts"]
    assert parts["first"]["error"] == "ValueError: no such thing"
    assert parts["second"]["found"] == 3


def test_an_interrupted_run_keeps_what_it_had(folder, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(gpu, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        gpu.main(["--device", "cpu"])
    assert written(folder)["state"] == "cut off"
    assert list(written(folder)["parts"]) == ["capture"]


def test_the_text_gives_our_time_divided_by_each_others():
    found = lambda us: {"µs": us, "MiB": 2.0, "product error": 1e-7}
    lines = list(gpu.lines("step", {"chainrule": found(30.0), "PyTorch": found(20.0), "seconds": 1}))
    assert lines[-1].endswith("chainrule / it  1.50")


def test_without_a_gpu_the_command_ends_and_says_in_one_line_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RESULTS", str(tmp_path))
    monkeypatch.setattr(gpu, "missing", lambda: "there is no GPU")
    with pytest.raises(SystemExit) as ended:
        gpu.main([])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "make bench-gpu: there is no GPU\n"
    assert list(tmp_path.iterdir()) == []


# ---- a process of its own


def test_a_worker_answers_until_it_is_out_of_time():
    worker = Worker()
    worker.begin(cr.Value, 3.0)
    assert worker.answer(60).data == 3.0
    worker.begin(json.loads, "no")
    with pytest.raises(RuntimeError, match="^JSONDecodeError: Expecting value"):
        worker.answer(60)
    worker.begin(sleep, 60)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.1 s"):
        worker.answer(0.1)
    worker.process.join()
    assert not worker.process.is_alive()


def test_a_worker_that_dies_says_with_what_status():
    worker = Worker()
    worker.begin(os._exit, 3)
    with pytest.raises(ChildProcessError, match="the process ended with status 3"):
        worker.answer(60)
