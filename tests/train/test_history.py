"""What a training run leaves behind: rows, columns, tables, a CSV file and a picture."""

import copy
import csv
import os
import pickle
import pydoc
import re
from html.parser import HTMLParser
from inspect import signature

import pytest
from training import data, scripted, train

import chainrule as cr

ROWS = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
NAN, INF = float("nan"), float("inf")


def history(rows=ROWS, best=None, stopped=None):
    made = cr.History(rows)
    made.best_epoch, made.stop_reason = best, stopped
    return made


# ---- rows and columns


def test_a_history_answers_columns_by_name_and_epochs_by_position():
    h = history()
    assert (h["loss"], h[-1], h[:1]) == ([0.5, 0.25], {"epoch": 2, "loss": 0.25}, [{"epoch": 1, "loss": 0.5}])


def test_a_history_is_a_list_of_dicts():
    assert list(history()) == ROWS
    assert isinstance(history(), list)


def test_a_column_that_does_not_exist_raises():
    with pytest.raises(KeyError, match="val_loss"):
        history()["val_loss"]


def test_an_epoch_that_does_not_exist_raises():
    with pytest.raises(IndexError):
        history()[2]


def test_the_columns_are_those_of_all_rows_in_order():
    assert history([*ROWS, {"epoch": 3, "val_loss": 1.0}]).columns == ["epoch", "loss", "val_loss"]


def test_a_new_history_knows_no_best_epoch():
    h = cr.History()
    assert (h.best_epoch, h.best_weights, h.stop_reason, h.columns, list(h)) == (None, None, None, [], [])


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))])
def test_a_copy_holds_the_same(duplicate):
    _, h = scripted([2.0, 1.0, 3.0], early_stopping=1)
    made = duplicate(h)
    assert type(made) is cr.History
    assert (list(made), made.best_epoch, made.stop_reason) == (list(h), 2, "val_loss has not improved for 1 epoch")
    assert made.best_weights["slope"].tolist() == [2.0]


# ---- tables


def test_a_history_shows_a_table():
    h = history([{"epoch": 1, "loss": 0.123456}, {"epoch": 10, "loss": 2.0}])
    assert repr(h).splitlines() == ["epoch    loss", "    1  0.1235", "   10       2"]


def test_the_table_has_room_for_every_number():
    h = history([{"epoch": 1, "val_accuracy": NAN, "lr": 1e-05}, {"epoch": 200, "val_accuracy": -INF, "lr": 123456.0}])
    assert repr(h).splitlines() == [
        "epoch  val_accuracy         lr",
        "    1           nan      1e-05",
        "  200          -inf  1.235e+05",
    ]


def test_what_a_row_lacks_is_left_blank():
    assert repr(history([{"epoch": 1}, {"epoch": 2, "loss": 0.5}])).splitlines() == [
        "epoch  loss",
        "    1      ",
        "    2   0.5",
    ]


def test_an_empty_history_says_so():
    assert repr(cr.History()) == "no epoch was finished"


def test_a_long_history_shows_its_first_and_last_epochs():
    lines = repr(cr.History({"epoch": i, "loss": 1.0} for i in range(1, 501))).splitlines()
    assert len(lines) == 62
    assert [lines[i].split()[0] for i in (1, 30, 31, 32, 61)] == ["1", "30", "…", "471", "500"]


def test_a_slice_of_a_history_is_a_history():
    assert repr(cr.History([{"epoch": 1}, {"epoch": 2}])[1:]).split() == ["epoch", "2"]


def test_the_row_of_the_best_epoch_is_at_hand():
    _, h = scripted([2.0, 1.0, 3.0], early_stopping=1)
    assert h.best == h[1]
    assert cr.History().best is None


class Table(HTMLParser):
    """The rows of an HTML table, which of them are bold, and the text after it; every tag must be closed."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.bold, self.after, self.open = [], [], "", []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.bold.append("bold" in dict(attributes).get("style", ""))
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open[-1] in ("th", "td"):
            self.rows[-1][-1] += text
        else:
            self.after += text


def test_the_html_table_holds_what_the_text_does():
    table = Table(history()._repr_html_())
    assert table.rows == [line.split() for line in repr(history()).splitlines()]
    assert (table.bold, table.after) == ([False] * 3, "")


def test_the_best_epoch_is_bold_in_the_html_table():
    table = Table(history([{"epoch": i, "loss": 0.5} for i in (1, 2, 3)], best=2)._repr_html_())
    assert table.bold == [False, False, True, False]  # the first is the line of names
    assert table.after == "best: epoch 2"


def test_nothing_is_bold_in_a_table_of_something_else():
    assert Table(history([{"rate": 0.1}, {"rate": 0.2}])._repr_html_()).bold == [False] * 3


def test_the_html_table_says_why_the_run_stopped():
    assert Table(history(best=1, stopped="Ctrl-C")._repr_html_()).after == "best: epoch 1 · stopped: Ctrl-C"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b", "<b>", '"quoted"'])
def test_names_and_reasons_are_escaped_in_the_html_table(text):
    html = history([{"epoch": 1, text: text}], stopped=text)._repr_html_()
    table = Table(html)
    assert (table.rows, table.after) == ([["epoch", text], ["1", text]], f"stopped: {text}")
    assert not re.search(r"<script|<b>| & ", html)


def test_an_empty_history_has_an_html_table():
    assert Table(cr.History()._repr_html_()).rows == [[]]


# ---- CSV


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_file_holds_the_history_to_the_last_digit(tmp_path):
    _, h = train(3, validation=data(), metrics="accuracy")
    h.to_csv(tmp_path / "history.csv")
    assert [{k: float(v) for k, v in row.items()} for row in read(tmp_path / "history.csv")] == list(h)


def test_the_csv_file_has_a_line_of_names_and_one_for_each_epoch(tmp_path):
    history().to_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_bytes().splitlines() == [b"epoch,loss", b"1,0.5", b"2,0.25"]


def test_names_with_commas_quotes_and_line_ends_come_back_from_the_csv_file(tmp_path):
    rows = [{"epoch": 1, 'a,"b"\nc': 0.5, "größe": NAN}]
    history(rows).to_csv(tmp_path / "history.csv")
    assert read(tmp_path / "history.csv") == [{"epoch": "1", 'a,"b"\nc': "0.5", "größe": "nan"}]


def test_what_a_row_lacks_is_empty_in_the_csv_file(tmp_path):
    history([{"epoch": 1}, {"epoch": 2, "loss": 0.5}]).to_csv(tmp_path / "history.csv")
    assert [row["loss"] for row in read(tmp_path / "history.csv")] == ["", "0.5"]


def test_an_existing_csv_file_is_replaced(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("old\n" * 100)
    history([{"epoch": 1}]).to_csv(str(path))
    assert path.read_text().splitlines() == ["epoch", "1"]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_an_error_while_writing_leaves_the_old_csv_file_and_nothing_else(fails, error, tmp_path, monkeypatch):
    path = tmp_path / "history.csv"
    path.write_text("old")

    def fail(*args):
        raise error

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(type(error)):
        history().to_csv(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["history.csv"]


# ---- pictures


def test_a_history_draws_its_learning_curves(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    monkeypatch.setattr(pyplot, "show", lambda: pytest.fail("a plot must not be shown"))
    _, h = train(3, validation=data())
    figure, ax = pyplot.subplots()
    try:
        assert h.plot(ax=ax) is ax
        drawn = [list(line.get_ydata()) for line in ax.get_lines()]
    finally:
        pyplot.close(figure)
    assert h["loss"] in drawn
    assert h["val_loss"] in drawn


@pytest.mark.parametrize(
    ("method", "options"), [("save", {"path", "title", "others", "language"}), ("plot", {"ax", "columns", "log"})]
)
def test_help_on_a_view_of_a_history_shows_the_options_of_the_view(method, options):
    found = (
        signature(getattr(cr.History(), method)),
        pydoc.render_doc(getattr(cr.History, method), renderer=pydoc.plaintext),
    )
    assert set(found[0].parameters) == options
    assert "Raises: ArgumentError" in found[1]
