"""Processes started by mpiexec: the bits of threads, and how a run ends when one of them does."""

import ast
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import mpi_program
import pytest

import chainrule as cr

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(MPIEXEC is None or find_spec("mpi4py") is None, reason="needs mpi4py and an mpiexec"),
    pytest.mark.xdist_group("mpi"),  # its launches wait for one another: the machine has few cores
]


def launch(n, *arguments):
    """A started run of n processes."""
    paths = [str(ROOT), str(ROOT / "tests/support"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    command = [MPIEXEC, "-n", str(n), sys.executable, mpi_program.__file__, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def ended(run):
    """(exit code, what each process found or None, all that was printed) of a run that must end by itself within ten seconds."""
    try:
        text, _ = run.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        run.kill()
        pytest.fail(f"still running after ten seconds: {run.communicate()[0]}")
    results = [line.removeprefix("RESULT ") for line in text.splitlines() if line.startswith("RESULT ")]
    return run.returncode, ast.literal_eval(results[0]) if results else None, text


@pytest.fixture(scope="module")
def alone():
    """What one worker finds."""
    return mpi_program.train(1)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_methods_of_workers(n):
    code, found, text = ended(launch(n, "numbers"))
    powers, last = [1e16, 1.0, -1e16, 1.0], n * (n - 1) // 2
    by_hand = {2: 1e16 + 1.0, 3: 1e16 + (1.0 - 1e16), 4: (1e16 + 1.0) + (1.0 - 1e16)}
    assert code == 0, text
    assert (
        found
        == [
            {
                "gather": list(range(n)),
                "broadcast": {"from": 0},
                "max": [max(powers[:n]), n - 1],
                "sum": last,
                "tree": [by_hand[n], last],
                "views": [4.0 * last, 2.0 * last, 0.0],
            }
        ]
        * n
    )


@pytest.mark.parametrize("n", [2, 4])
def test_processes_train_to_the_bits_of_one(n, alone):
    code, found, text = ended(launch(n, "plain"))
    assert (code, found) == (0, [alone] * n), text


def test_processes_normalise_over_all_shards_to_the_bits_of_one(alone):
    one = mpi_program.train(1, "sync")
    code, found, text = ended(launch(2, "sync"))
    assert (code, found) == (0, [one] * 2), text
    assert one[0] != alone[0]


def test_processes_with_a_gpu_each_train_to_the_bits_of_one(strict):
    with cr.backends.use(strict):
        alone = mpi_program.train(1, epochs=1)
    code, found, text = ended(launch(2, "nccl"))
    assert (code, found) == (0, [("strict", alone), ("strict:1", alone)]), text


def test_more_processes_than_gpus_are_refused_and_all_end():
    code, _, text = ended(launch(3, "nccl"))
    assert code != 0
    assert "each process needs a GPU of its own, but processes [0, 2] share one" in text


def test_a_killed_process_ends_all_and_its_run_goes_on_exactly_with_another_number(tmp_path, alone):
    code, found, _ = ended(launch(4, "killed", tmp_path / "run"))
    assert code != 0
    assert found is None
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    code, found, text = ended(launch(2, "plain", tmp_path / "run"))
    assert (code, found) == (0, [alone] * 2), text


def test_an_error_on_one_process_ends_all_with_its_traceback(tmp_path, alone):
    code, found, text = ended(launch(2, "raises", tmp_path / "run"))
    assert code != 0
    assert found is None
    assert "ValueError: only here" in text
    assert "in fit, after step 4 of epoch 2" in text
    assert mpi_program.train(1, checkpoint=tmp_path / "run") == alone


def test_an_error_before_training_ends_those_that_wait():
    code, _, text = ended(launch(2, "early"))
    assert code != 0
    assert "worker 1:" in text
    assert "ValueError: before anything else" in text


def test_a_process_that_exits_during_training_ends_all():
    code, found, text = ended(launch(2, "exits"))
    assert code != 0
    assert found is None
    assert "worker 0: parallel: stopped, for worker 1 failed: SystemExit: 3" in text


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_ctrl_c_on_one_process_stops_all_after_the_same_step(tmp_path, alone):
    code, found, text = ended(launch(2, "interrupted", tmp_path / "run"))
    assert code == 0, text
    assert found[0] == found[1]
    assert found[0][1:] == ("Ctrl-C", mpi_program.BREAK_AT)
    assert mpi_program.train(2, checkpoint=tmp_path / "run") == alone
