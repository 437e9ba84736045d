"""Every example runs, keeps its promises, and asserts its own claim."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule as cr

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))


def run(path, folder, **environment):
    return subprocess.run(
        [sys.executable, path], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "MPLBACKEND": "Agg", **environment},
    )  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_example_runs_and_its_claim_holds(path, tmp_path):
    pytest.importorskip("sklearn", reason="the examples need scikit-learn")
    pytest.importorskip("matplotlib", reason="the examples need matplotlib")
    done = run(path, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    if path.stem == "10_digits":
        out = tmp_path / "runs" / "digits"
        assert {f.stem for f in out.iterdir()} == {"weights", "history", "learning_curves", "graph"}
        cr.nn.MLP([64, 256, 128, 10]).load_state_dict(cr.load(out / "weights.safetensors"))


def test_an_unusable_device_is_explained(tmp_path):
    pytest.importorskip("sklearn", reason="the examples need scikit-learn")
    pytest.importorskip("matplotlib", reason="the examples need matplotlib")
    done = run(EXAMPLES[-1], tmp_path, DEVICE="tpu")
    assert (done.returncode, "unknown device 'tpu': choose one of" in done.stderr) == (1, True)
