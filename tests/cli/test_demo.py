"""python -m chainrule demo: it learns the two moons and leaves its page."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import demo as command
from chainrule.cli import main
from chainrule.data.moons import NOISE


def run(*words):
    """The exit status of `python -m chainrule demo …`."""
    return main(["demo", *words])


@pytest.fixture
def untrained(monkeypatch):
    """A demo that must not come to its training."""

    def trained(*args, **kwargs):
        raise AssertionError("it was trained")

    monkeypatch.setattr(command, "learn_moons", trained)


# ---- the moons


def test_the_moons_are_half_circles_of_radius_one():
    x, y = cr.data.moons(2000, seed=0)
    upper = x.numpy()[y.numpy()[:, 0] == 0]
    assert np.hypot(*upper.T).mean() == pytest.approx(1, abs=0.03)
    assert upper[:, 1].min() > -4 * NOISE


def test_the_moons_are_learned():
    assert command.learn_moons(seed=1, epochs=60)[-1]["val_accuracy"] > 0.95


def test_the_seed_decides_what_is_learned():
    losses = [command.learn_moons(seed, epochs=2)["loss"] for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


# ---- the command


def test_the_page_is_written_and_said_to_be(tmp_path, capsys):
    path = tmp_path / "m.html"
    assert run("moons", "-o", str(path), "--epochs", "3") == 0
    assert "<title>Two moons: a network learns</title>" in path.read_text("utf-8")
    assert f"Wrote {path}. Open it in a browser" in capsys.readouterr().out


def test_the_page_is_moons_html_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("moons", "--epochs", "1")
    assert [path.name for path in tmp_path.iterdir()] == ["moons.html"]


def test_progress_is_shown(tmp_path, capsys):
    run("moons", "-o", str(tmp_path / "m.html"), "--epochs", "3")
    assert "epoch 3/3  loss" in capsys.readouterr().out


def interrupted(*args):
    raise KeyboardInterrupt


def test_control_c_before_the_first_step_ends_with_status_130(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "bce_with_logits", interrupted)
    assert run("moons", "-o", str(tmp_path / "m.html")) == 130
    assert list(tmp_path.iterdir()) == []


def test_control_c_in_the_first_epoch_leaves_a_page_of_the_beginning(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cr.optim.Adam, "step", interrupted)
    path = tmp_path / "m.html"
    assert run("moons", "-o", str(path)) == 0
    assert path.exists()
    assert "No epoch was finished, so the page shows the network as it began." in capsys.readouterr().out


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["moons", "-o", "moons.svg"], "demo: the name of the page must end in .html, as moons.html does; 'moons.svg'"),
        (["moons", "-o", ""], "demo: the name of the page must end in .html"),
        (["moons", "-o", "nowhere/moons.html"], "demo: cannot write nowhere/moons.html: No such file or directory"),
        (["moons", "-o", "folder.html"], "demo: cannot write folder.html: there is a folder or a device of that name"),
        (["moons", "--epochs", "many"], "demo: argument --epochs: invalid int value: 'many'"),
        (["suns"], "demo: unknown data 'suns': choose one of 'moons'"),
    ],
)
def test_what_cannot_work_is_told_in_one_line_before_the_training(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    assert run(*words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(message)


@pytest.mark.usefixtures("untrained")
def test_a_folder_without_permission_is_told_before_the_training(tmp_path, monkeypatch, capsys):
    def refused(dir):
        raise PermissionError(13, "Permission denied", f"{dir}/tmpabc123")

    monkeypatch.setattr(command, "TemporaryFile", refused)  # a real one would let root in
    path = tmp_path / "m.html"
    assert run("moons", "-o", str(path)) == 2
    assert capsys.readouterr().err == f"demo: cannot write {path}: Permission denied (in the folder {tmp_path})\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "epochs must be a whole number of at least 1"),
        (["--seed", "-1"], "must be a whole number"),
    ],
)
def test_numbers_that_training_refuses_are_told_in_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("moons", *words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("untrained")
def test_without_a_name_it_lists_what_can_be_learned(capsys):
    assert run() == 2
    listed = capsys.readouterr().err.split("\n")[1:]
    assert [line.split()[0] for line in listed if line] == list(command.DATA)
