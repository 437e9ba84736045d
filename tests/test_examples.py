"""The examples run as a user runs them, and leave behind what they promise. Each one asserts its own claim."""

import csv
import os
import re
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

import chainrule as cr

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
DIGITS = next((path for path in EXAMPLES if path.name == "10_digits.py"), None)
NEEDS = {"10_digits.py": ["sklearn", "matplotlib"]}  # what an example imports beside chainrule's own dependencies

pytestmark = pytest.mark.skipif(DIGITS is None, reason="the examples are not here: this is no source tree")


def environment(**more):
    """One thread for each process: several wait for each other where tests run side by side."""
    quiet = {"MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return {name: v for name, v in os.environ.items() if name != "DEVICE"} | quiet | more


def run(path, folder, **more):
    for library in NEEDS.get(path.name, []):
        pytest.importorskip(library, reason=f"{path.name} needs {library}")
    return subprocess.run(
        [sys.executable, path], cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A function from an example to the folder it ran in and what it printed; each runs once."""

    @cache
    def finish(path):
        folder = tmp_path_factory.mktemp(path.stem)
        done = run(path, folder)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        return folder, done.stdout

    return finish


@pytest.fixture
def digits(finished):
    """The folder in which the digits were learned, and what was printed on the way."""
    return finished(DIGITS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_ends_well(path, finished):
    assert finished(path)


def test_the_digits_are_read_with_97_percent_accuracy(digits):
    found = re.search(r"test accuracy (\d+\.\d+)% after (\d+) epochs", digits[1])
    assert float(found[1]) >= 97


def test_the_digits_print_one_line_for_each_epoch(digits):
    lines = [line for line in digits[1].splitlines() if line.startswith("epoch ")]
    epochs = int(re.search(r"after (\d+) epochs", digits[1])[1])
    assert len(lines) == epochs
    assert all(re.search(r"loss \d.* val_loss \d.* val_accuracy \d", line) for line in lines)


def test_the_digits_print_a_row_for_each_digit(digits):
    rows = re.findall(r"^ +(\d) +[01]\.\d+ +[01]\.\d+ +[01]\.\d+ +(\d+)$", digits[1], flags=re.MULTILINE)
    assert [digit for digit, _ in rows] == list("0123456789")
    assert sum(int(count) for _, count in rows) == 360


def test_the_digits_print_a_confusion_matrix_that_counts_every_test_image(digits):
    matrix = digits[1].partition("Confusion matrix")[2].partition("]]")[0].partition("[[")[2]
    assert len(re.findall(r"\d+", matrix)) == 100
    assert sum(map(int, re.findall(r"\d+", matrix))) == 360


def test_the_digits_write_nothing_but_what_they_promise(digits):
    written = {str(p.relative_to(digits[0])) for p in digits[0].rglob("*") if p.is_file()}
    picture = written & {"runs/digits/graph.svg", "runs/digits/graph.dot"}
    assert len(picture) == 1
    assert written - picture == {
        f"runs/digits/{name}" for name in ("weights.safetensors", "history.csv", "learning_curves.png")
    }


def test_the_weights_of_the_digits_can_be_loaded_and_read_digits(digits):
    datasets = pytest.importorskip("sklearn.datasets")
    state = cr.load(digits[0] / "runs/digits/weights.safetensors")
    weights = [state[name] for name in sorted(state) if name.endswith("weight")]
    model = cr.nn.MLP([weights[0].shape[0], *(w.shape[1] for w in weights)], activation="relu")
    model.load_state_dict(state).eval()
    data = datasets.load_digits()
    assert cr.optim.accuracy(model((data.data / 16).astype("f")), data.target) > 0.98


def test_the_history_of_the_digits_can_be_read(digits):
    with (digits[0] / "runs/digits/history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "seconds", "val_loss", "val_accuracy"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) / 5


def test_the_learning_curves_of_the_digits_are_a_picture(digits):
    image = pytest.importorskip("matplotlib.image")
    pixels = image.imread(digits[0] / "runs/digits/learning_curves.png")
    assert pixels.shape[:2] == (480, 1200)
    assert pixels[..., :3].std() > 0.05


def test_the_graph_of_the_digits_shows_every_parameter(digits):
    (path,) = (digits[0] / "runs/digits").glob("graph.*")
    text = path.read_text()
    if path.suffix == ".svg":
        ElementTree.fromstring(text)
    names = cr.load(digits[0] / "runs/digits/weights.safetensors").keys()
    assert [name for name in (*names, "loss") if name not in text] == []


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C as POSIX does")
def test_ctrl_c_ends_the_digits_early_but_well(tmp_path):
    for library in NEEDS[DIGITS.name]:
        pytest.importorskip(library)
    lines = []
    with subprocess.Popen(
        [sys.executable, DIGITS],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    ) as process:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("epoch   2/"):
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0, "".join(lines)
    assert any("stopped in epoch" in line for line in lines)
    assert (tmp_path / "runs/digits/weights.safetensors").exists()


@pytest.mark.parametrize("device", ["nonsense", "scalar"])
def test_a_device_that_cannot_be_used_ends_the_digits_with_a_clear_line(device, tmp_path):
    done = run(DIGITS, tmp_path, DEVICE=device)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert re.search(f"DEVICE={device}: .*{device}.*cpu", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_gpu_ends_the_digits_with_a_clear_line(tmp_path):
    if "cuda" in cr.backends.available():
        pytest.skip("there is a GPU here")
    done = run(DIGITS, tmp_path, DEVICE="cuda")
    assert done.returncode != 0
    assert re.search("^DEVICE=cuda: device 'cuda'", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.gpu
def test_the_digits_are_read_with_97_percent_accuracy_on_the_gpu(tmp_path):
    done = run(DIGITS, tmp_path, DEVICE="cuda")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert float(re.search(r"test accuracy (\d+\.\d+)%", done.stdout)[1]) >= 97
