"""python -m chainrule demo: it learns the two moons and leaves its page."""

import numpy as np
import pytest

from chainrule import demo


def test_the_moons_are_half_circles_of_radius_one():
    x, y = demo.moons(2000, seed=0)
    upper = x.numpy()[y.numpy()[:, 0] == 0]
    assert np.hypot(*upper.T).mean() == pytest.approx(1, abs=0.03)
    assert upper[:, 1].min() > -4 * demo.NOISE


def test_the_page_is_written_and_said_to_be(tmp_path, capsys):
    path = tmp_path / "m.html"
    assert demo.main(["moons", "-o", str(path), "--epochs", "3"]) == 0
    assert "<title>Two moons: a network learns</title>" in path.read_text("utf-8")
    assert f"Wrote {path}. Open it in a browser" in capsys.readouterr().out


def test_the_page_is_moons_html_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    demo.main(["moons", "--epochs", "1"])
    assert (tmp_path / "moons.html").exists()


def test_progress_is_shown(tmp_path, capsys):
    demo.main(["moons", "-o", str(tmp_path / "m.html"), "--epochs", "3"])
    assert "epoch 3/3  loss" in capsys.readouterr().out


def test_the_moons_are_learned():
    assert demo.learn_moons(seed=1, epochs=60)[-1]["val_accuracy"] > 0.95


def test_the_seed_decides_what_is_learned():
    losses = [demo.learn_moons(seed, epochs=2)["loss"] for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "moons.csv"], "must end in .html"),
        (["-o", "nowhere/moons.html"], "the folder nowhere does not exist"),
        (["--epochs", "0"], "epochs must be a whole number of at least 1"),
        (["--seed", "-1"], "must be a whole number"),
    ],
)
def test_what_cannot_work_is_one_line_and_a_status(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        demo.main(["moons", *arguments])
    said = capsys.readouterr().err
    assert end.value.code == 1
    assert message in said
    assert said.count("\n") == 1


def test_other_data_is_refused(capsys):
    with pytest.raises(SystemExit):
        demo.main(["suns"])
    assert "invalid choice: 'suns'" in capsys.readouterr().err
