"""The page that history.save writes, as a file: what is in it, and that nothing can break it."""

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser

import pytest
from recording import recorded, steps
from training import At, data, press_ctrl_c

import chainrule as cr
from chainrule import nn, optim

INF, NAN = float("inf"), float("nan")


class Page(HTMLParser):
    """What a page is made of.

    Fields:
        text: of each element by its tag; data: the run as JSON; asked: what it would load from elsewhere.
    """

    def __init__(self, path):
        super().__init__()
        self.text, self.asked, self.open, self.data = {}, [], ("", {}), ""
        self.source = path.read_text("utf-8")
        self.feed(self.source)
        self.run = json.loads(self.data)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.open = tag, attributes
        self.asked += [attributes[name] for name in ("src", "href", "action", "data") if name in attributes]

    def handle_data(self, text):
        tag, attributes = self.open
        if attributes.get("type") == "application/json":
            self.data += text
        else:
            self.text[tag] = self.text.get(tag, "") + text

    def handle_endtag(self, tag):
        self.open = "", {}


def saved(history, folder, **options):
    return Page(history.save(folder / "run.html", **options))


def test_the_page_loads_nothing(tmp_path):
    page = saved(recorded(1)[1], tmp_path)
    assert [address for address in page.asked if not address.startswith(("#", "data:"))] == []
    assert "default-src 'none'" in page.source
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", page.source)


def test_the_policy_allows_the_script_of_the_page_and_no_other(tmp_path):
    page = saved(recorded(1)[1], tmp_path)
    digest = base64.b64encode(hashlib.sha256(page.text["script"].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.source


def test_the_page_holds_the_moments_and_the_columns(tmp_path):
    _, history = recorded(2, validation=data())
    run = saved(history, tmp_path).run
    assert [snapshot["steps"] for snapshot in run["snapshots"]] == steps(history)
    assert [snapshot["plane"] for snapshot in run["snapshots"]] == [snapshot["plane"] for snapshot in history.snapshots]
    assert run["columns"]["val_loss"] == pytest.approx(history["val_loss"], rel=1e-5)


def test_moments_have_their_place_on_the_axis_of_epochs(tmp_path):
    run = saved(recorded(2)[1], tmp_path).run
    assert [snapshot["at"] for snapshot in run["snapshots"]] == pytest.approx(
        [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2], rel=1e-5
    )


def test_sixty_moments_take_at_most_600_kilobytes(tmp_path):
    cr.random.seed(0)
    model = nn.MLP([2, 16, 16, 1], activation="tanh")
    x, y = data(400)
    replay, optimizer = cr.Replay(), optim.Adam(model.parameters(), lr=0.02)
    history = cr.fit(
        model,
        nn.bce_with_logits,
        optimizer,
        (x, y[:, None].astype("f")),
        58,
        batch_size=None,
        callbacks=replay,
        verbose=0,
    )
    assert len(history.snapshots) == 59
    assert history.save(tmp_path / "run.html").stat().st_size <= 600_000


def test_saving_twice_gives_the_same_page(tmp_path):
    _, history = recorded(2)
    first, second = (history.save(tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "{{data}}", "a & b", "größe 🙂", "x" * 10_000])
def test_names_and_titles_cannot_break_the_page(text, tmp_path):
    page = saved(cr.History([{"epoch": 1, "loss": 0.5, text: 1.0}]), tmp_path, title=text)
    assert page.run["columns"][text] == [1.0]
    assert page.text["h1"] == text
    assert page.source.count("</script>") == 2


def test_numbers_that_json_does_not_have_are_words(tmp_path):
    run = saved(cr.History([{"epoch": 1, "loss": INF}, {"epoch": 2, "loss": NAN}]), tmp_path).run
    assert run["columns"]["loss"] == ["inf", "nan"]


def test_columns_of_words_and_missing_numbers_do_no_harm(tmp_path):
    run = saved(cr.History([{"loss": 0.5, "note": "good"}, {"loss": 0.25, "lr": 0.1}]), tmp_path).run
    assert run["columns"] == {"epoch": [1, 2], "loss": [0.5, 0.25], "lr": [None, 0.1]}


def test_of_very_many_epochs_some_are_in_the_curves(tmp_path):
    page = saved(cr.History({"epoch": i, "loss": 1 / i} for i in range(1, 50_001)), tmp_path)
    epochs = page.run["columns"]["epoch"]
    assert (epochs[0], epochs[-1], len(epochs), len(page.run["snapshots"])) == (1, 50_000, 1000, 1000)
    assert "50,000 epochs" in page.text["p"]


def test_the_header_says_what_was_trained_and_how_it_ended(tmp_path):
    _, history = recorded(9, validation=(data()[0], 1 - data()[1]), early_stopping=2)
    text = saved(history, tmp_path).source
    end = f"{len(history)} epochs · best: epoch {history.best_epoch} · stopped: val_loss has not improved for 2 epochs"
    assert f"MLP, 42 parameters · Adam · cross_entropy · {end}" in text


def test_a_slice_of_a_recorded_history_is_saved_with_its_epochs(tmp_path):
    run = saved(recorded(3)[1][:2], tmp_path).run
    assert (run["recorded"], [snapshot["at"] for snapshot in run["snapshots"]]) == (False, [1, 2])


@pytest.mark.parametrize("name", ["run.csv", "run", "run.pdf"])
def test_only_a_page_can_be_saved(name, tmp_path):
    with pytest.raises(cr.ArgumentError, match=r"must end in \.html, not 'run.*to_csv"):
        recorded(1)[1].save(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "nowhere" / "run.html"
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        recorded(1)[1].save(path)


@pytest.mark.parametrize("path", [None, 3, b"run.html"])
def test_what_is_no_name_is_refused(path):
    with pytest.raises(cr.ArgumentError, match=f"needs the name of a file, such as 'run.html', not {path!r}"):
        recorded(1)[1].save(path)


@pytest.mark.parametrize("other", [None, [0.5], cr.History([{"epoch": 1, "accuracy": 0.5}])])
def test_other_runs_need_losses(other, tmp_path):
    with pytest.raises(cr.ArgumentError, match="others must be runs with a loss, .* 'rate × 3' is"):
        recorded(1)[1].save(tmp_path / "run.html", others={"rate × 3": other})


def test_an_empty_history_has_nothing_to_show(tmp_path):
    with pytest.raises(cr.ArgumentError, match="there is nothing to show"):
        cr.History().save(tmp_path / "run.html")


def test_a_run_that_ended_in_its_first_epoch_can_be_saved(tmp_path):
    _, history = recorded(4, [cr.Replay(), At(press_ctrl_c, step=2)])
    run = saved(history, tmp_path).run
    assert (run["columns"], len(run["snapshots"])) == ({"epoch": []}, 3)


def test_an_error_while_writing_leaves_the_old_page(tmp_path, monkeypatch):
    path = tmp_path / "run.html"
    path.write_text("old")
    history = recorded(1)[1]

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        history.save(path)
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["run.html"])
