"""The examples run as a user runs them, and leave behind what they promise. Each one asserts its own claim."""

import csv
import os
import re
import runpy
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest

import chainrule as cr
from examples import EXAMPLES, FOLDER, NEEDS, environment, run

DIGITS = FOLDER / "10_digits.py"

pytestmark = pytest.mark.skipif(not EXAMPLES, reason="the examples are not here: this is no source tree")


@pytest.fixture
def digits(finished):
    """The folder in which the digits were learned, and what was printed on the way."""
    return finished(DIGITS.stem)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_ends_well(path, finished):
    assert finished(path.stem)


def test_the_digits_are_read_with_98_percent_accuracy(digits):
    found = re.search(r"test accuracy (\d+\.\d+)% after (\d+) epochs", digits[1])
    assert float(found[1]) >= 98


def test_the_digits_print_a_line_for_the_first_and_every_tenth_epoch(digits):
    lines = [line for line in digits[1].splitlines() if line.startswith("epoch ")]
    epochs = int(re.search(r"after (\d+) epochs", digits[1])[1])
    assert len(lines) == 1 + epochs // 10
    assert all(re.search(r"loss \d.* val_loss \d.* val_accuracy \d", line) for line in lines)


def test_the_digits_print_a_row_for_each_digit(digits):
    rows = re.findall(r"^ +(\d) +[01]\.\d+ +[01]\.\d+ +[01]\.\d+ +(\d+)$", digits[1], flags=re.MULTILINE)
    assert [digit for digit, _ in rows] == list("0123456789")
    assert sum(int(count) for _, count in rows) == 359


def test_the_digits_print_a_confusion_matrix_that_counts_every_test_image(digits):
    matrix = digits[1].partition("Confusion matrix")[2].partition("]]")[0].partition("[[")[2]
    assert len(re.findall(r"\d+", matrix)) == 100
    assert sum(map(int, re.findall(r"\d+", matrix))) == 359


def test_the_digits_write_nothing_but_what_they_promise(digits):
    written = {str(p.relative_to(digits[0])) for p in digits[0].rglob("*") if p.is_file()}
    picture = written & {"runs/10_digits/graph.svg", "runs/10_digits/graph.dot"}
    assert len(picture) == 1
    assert written - picture == {
        f"runs/10_digits/{name}"
        for name in ("weights.safetensors", "history.csv", "learning_curves.png", "confusion_matrix.png")
    }


def test_the_weights_of_the_digits_can_be_loaded_and_read_digits(digits):
    datasets = pytest.importorskip("sklearn.datasets")
    state = cr.load(digits[0] / "runs/10_digits/weights.safetensors")
    weights = [state[name] for name in sorted(state) if name.endswith("weight")]
    model = cr.nn.MLP([weights[0].shape[0], *(w.shape[1] for w in weights)], activation="relu")
    model.load_state_dict(state).eval()
    data = datasets.load_digits()
    assert cr.metrics.accuracy(model((data.data / 16).astype("f")), data.target) > 0.98


def test_the_history_of_the_digits_can_be_read(digits):
    with (digits[0] / "runs/10_digits/history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "val_loss", "val_accuracy", "lr", "grad_norm", "seconds"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) / 5


def test_the_learning_curves_of_the_digits_are_a_picture(digits):
    image = pytest.importorskip("matplotlib.image")
    pixels = image.imread(digits[0] / "runs/10_digits/learning_curves.png")
    assert pixels.shape[:2] == (480, 1320)
    assert pixels[..., :3].std() > 0.05


def test_the_graph_of_the_digits_shows_every_parameter(digits):
    (path,) = (digits[0] / "runs/10_digits").glob("graph.*")
    text = path.read_text()
    if path.suffix == ".svg":
        ElementTree.fromstring(text)
    names = cr.load(digits[0] / "runs/10_digits/weights.safetensors").keys()
    assert [name for name in (*names, "loss") if name not in text] == []


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C as POSIX does")
def test_ctrl_c_ends_the_digits_early_but_well(tmp_path):
    for library in NEEDS:
        pytest.importorskip(library)
    lines = []
    with subprocess.Popen(
        [sys.executable, DIGITS],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("epoch  10/"):
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0, "".join(lines)
    assert any("stopped in epoch" in line for line in lines)
    assert (tmp_path / "runs/10_digits/weights.safetensors").exists()


@pytest.fixture
def last_words(tmp_path, monkeypatch):
    """A function from a device to the line with which the digits end on it."""
    for library in NEEDS:
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)

    def end(device):
        monkeypatch.setenv("DEVICE", device)
        with pytest.raises(SystemExit) as error:
            runpy.run_path(str(DIGITS), run_name="__main__")
        return error.value.code  # text is written to stderr, and the status is then 1

    return end


@pytest.mark.parametrize("device", ["nonsense", "scalar"])
def test_a_device_that_cannot_be_used_ends_the_digits_with_a_clear_line(device, last_words, tmp_path):
    assert re.match(f"DEVICE={device}: .*{device}.*cpu", last_words(device))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_gpu_ends_the_digits_with_a_clear_line(last_words):
    if "cuda" in cr.backends.available():
        pytest.skip("there is a GPU here")
    assert last_words("cuda").startswith("DEVICE=cuda: device 'cuda'")


@pytest.mark.gpu
def test_the_digits_are_read_with_98_percent_accuracy_on_the_gpu(tmp_path):
    done = run(DIGITS, tmp_path, DEVICE="cuda")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert float(re.search(r"test accuracy (\d+\.\d+)%", done.stdout)[1]) >= 98


# ---- the gallery


def test_every_picture_has_a_sentence():
    drawn = {f"{path.stem}/{name}" for path in FOLDER.glob("[0-9]*.py")
             for name in re.findall(r'OUT / "(\w+\.(?:png|svg))"', path.read_text())}  # fmt: skip
    captions = runpy.run_path(str(FOLDER / "gallery.py"))["CAPTIONS"]
    assert captions.keys() == drawn
    assert [text for text in captions.values() if not text.endswith(".") or len(text.split()) < 7] == []


def test_the_gallery_shows_the_words_and_pictures_of_every_example(tmp_path):
    examples = tmp_path / "examples"
    examples.mkdir()
    source = (FOLDER / "gallery.py").read_text()
    (examples / "gallery.py").write_text(source)
    for number, words in (("01", "Red & green: a start."), ("02", "Blue: the end.")):
        (examples / f"{number}_colour.py").write_text(
            f'"""{words}\n\nMore of it.\n"""\nimport pathlib\nfolder = pathlib.Path("runs/{number}_colour")\n'
            'folder.mkdir(parents=True, exist_ok=True)\n(folder / "a_picture.png").write_bytes(b"")\nprint("1 < 2")\n'
        )
    done = subprocess.run([sys.executable, examples / "gallery.py"], cwd=tmp_path, capture_output=True, text=True)
    page = (tmp_path / "runs/gallery.html").read_text()
    assert done.returncode == 0, done.stderr
    assert page.count('src="01_colour/a_picture.png"') == page.count('src="02_colour/a_picture.png"') == 1
    assert page.count("Red &amp; green: a start") == 2  # in the contents and over the example
    assert page.count("<p>More of it.</p>") == page.count("<pre>1 &lt; 2\n</pre>") == 2


def test_the_gallery_of_an_example_that_fails_says_so(tmp_path):
    examples = tmp_path / "examples"
    examples.mkdir()
    (examples / "gallery.py").write_text((FOLDER / "gallery.py").read_text())
    (examples / "01_wrong.py").write_text('"""Wrong."""\nassert 1 > 2, "not so"\n')
    done = subprocess.run([sys.executable, examples / "gallery.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "failed: 01_wrong.py" in done.stderr
    assert "This run failed." in (tmp_path / "runs/gallery.html").read_text()
