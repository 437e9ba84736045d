"""What fit shows while it trains: a bar on a terminal, plain lines elsewhere, or nothing."""

import io
import re
import sys

import pytest
from training import At, data, raises, train


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_one_line_for_each_epoch_where_there_is_no_terminal(capsys):
    _, history = train(2, verbose=1, validation=data(), metrics="accuracy")
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        f"epoch {row['epoch']}/2  loss {row['loss']:.4f}  val_loss {row['val_loss']:.4f}  "
        f"val_accuracy {row['val_accuracy']:.4f}"
        for row in history
    ]


def test_progress_lines_are_aligned(capsys):
    train(10, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0][:12], lines[9][:12]) == ("epoch  1/10 ", "epoch 10/10 ")


@pytest.mark.parametrize(
    ("verbose", "shown"),
    [(1, [1, 2, 3, 4, 5, 6, 7]), (True, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 3, 6, 7]), (100, [1, 7]), (0, []), (False, [])],
    ids=str,
)
def test_progress_is_a_line_for_every_so_many_epochs_the_first_and_the_last(verbose, shown, capsys):
    train(7, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert [int(re.match(r"epoch (\d)/7 ", line)[1]) for line in lines] == shown


def test_the_epoch_in_which_a_run_is_stopped_is_shown(capsys):
    def enough(run):
        if run.epoch == 5:
            run.stop_reason = "enough"

    train(9, verbose=3, callbacks=enough)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines[:-1]] == ["epoch 1/9", "epoch 3/9", "epoch 5/9"]
    assert lines[-1] == "stopped in epoch 5: enough"


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_is_a_bar_on_a_terminal(verbose, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    train(3, verbose=verbose)
    assert re.search(r"100%.*3/3.*loss=\d\.\d{4}", terminal.getvalue())
    assert capsys.readouterr().out == ""


def test_the_bar_is_closed_after_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with pytest.raises(ZeroDivisionError):
        train(3, verbose=1, callbacks=[At(raises(ZeroDivisionError), epoch=2)])
    assert terminal.getvalue().endswith("\n")


@pytest.mark.parametrize("tty", [True, False])
def test_fit_is_silent_when_told_so(tty, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", stderr := Terminal() if tty else io.StringIO())
    train(verbose=0, validation=data(), early_stopping=1)
    assert (stderr.getvalue(), capsys.readouterr().out) == ("", "")
