"""Example 13 shows the same bits for any number of workers; test_examples.py sees to it that it ends well."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from examples import FOLDER, example

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples are not here: this is no source tree")


@pytest.mark.parametrize("workers", ["1 thread", "2 threads", "4 threads"])
def test_no_bit_differs_between_any_numbers_of_threads(workers, run):
    assert re.search(rf"^{workers} .* 0$", run("13_many_workers")[0], flags=re.MULTILINE)


def test_no_bit_differs_between_threads_and_processes(run):
    pytest.importorskip("mpi4py")
    if not shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"):
        pytest.skip("there is no mpiexec")
    assert re.search(r"^2 processes .* 0$", run("13_many_workers")[0], flags=re.MULTILINE)


def test_without_mpi_the_example_says_what_to_install(monkeypatch):
    module = example("13_many_workers")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert module.processes() == (None, "this needs mpi4py and its mpiexec: pip install mpi4py mpich")


def test_a_launcher_that_starts_processes_which_are_alone_is_found_out():
    with pytest.raises(SystemExit, match="belong to different MPIs: 2 processes were started, each of them alone"):
        example("13_many_workers").one_of_several("unused")
