"""The page that history.save writes: a training run to scrub through, in one file that needs no network."""

from html import escape
from os import PathLike
from pathlib import Path

from ..autograd.errors import ArgumentError
from ..autograd.files import write_atomically
from ..graph.graph import KINDS
from ..graph.json import from_json
from ..graph.picture.svg import drawn
from ..graph.picture.view import view
from ..pages.html import assembled, asset
from ..pages.words import speaking, t, translated

SCRIPTS = "chart.js", "plane.js", "panels.js", "run.js"
DIGITS = 6  # significant ones of each number on the page
ROWS = 1000  # epochs at most in the curves


def save(history, path, title=None, language="en", others=None):
    """Write the run as one HTML page to scrub through, which needs no network. Returns the path.

    It shows the loss, and of a run that a Replay recorded also the decision boundary, gradients and updates layer by
    layer, and one example's graph, snapshot by snapshot. An existing file is replaced, as a whole. `language` is that of the
    page's texts, "en" or "de". `others` are runs of the same model with another setting, {"learning rate × 3": its History}:
    the page asks what would have been, and shows their losses beside this one's when the reader has guessed.

    Raises: ArgumentError unless `path` is the name of an .html file, and pages can be in that language, or if there is nothing to show: no epoch was
        finished, and no Replay recorded the run; or if `others` holds what is no History with losses; OSError if the file
        cannot be written.
    Example:
        >>> import chainrule as cr, tempfile, pathlib
        >>> history = cr.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
        >>> history.save(pathlib.Path(tempfile.mkdtemp()) / "run.html").name
        'run.html'
    """
    if not isinstance(path, (str, PathLike)):
        raise ArgumentError(f"History.save: needs the name of a file, such as 'run.html', not {path!r}")
    path = Path(path)
    if path.suffix.lower() != ".html":
        raise ArgumentError(
            f"History.save: the name must end in .html, not {path.name!r}; history.to_csv(path) writes the table"
        )
    if not history and not history.snapshots:
        raise ArgumentError(
            "History.save: there is nothing to show: no epoch was finished, and no Replay recorded the run"
        )
    for name, other in (others or {}).items():
        if "loss" not in getattr(other, "columns", ()):
            raise ArgumentError(
                f"History.save: others must be runs with a loss, such as {{'learning rate × 3': fit(…)}}; {name!r} is {other!r}"
            )
    with speaking(language):
        text = page(history, title, others)
    write_atomically(path, text)
    return path


def page(history, title=None, others=None):
    """The replay of a training run as the text of an HTML file; see History.save.

    Without a Replay the page has one snapshot for each epoch, with its row of the history only, and says how to get more.
    """
    info = history.snapshot_info or {}
    title = title or t("Training replay")
    rows = _rows(history)
    facts = {name: info.get(name) for name in ("layers", "outputs", "plane")}
    facts["notes"] = {name: translated(note) for name, note in info.get("notes", {}).items()}
    if (facts["outputs"] or {}).get("label"):
        facts["outputs"] = facts["outputs"] | {"label": translated(facts["outputs"]["label"])}
    graph, svg = info.get("graph"), ""
    if graph:
        template = from_json(graph["template"])
        svg = drawn(template, view(template))
        nodes = [node | {"operation": _operation(node["operation"])} for node in graph["nodes"]]
        facts["graph"] = {name: value for name, value in graph.items() if name != "template"} | {"nodes": nodes}
    data = {
        "columns": _columns(history, rows),
        "best": history.best_epoch,
        "snapshots": _snapshots(history, rows),
        "recorded": bool(history.snapshots),
        "others": {str(name): _losses(other) for name, other in (others or {}).items()},
        **facts,
    }
    return assembled(
        asset(__package__, "run.html"),
        style=asset(__package__, "run.css"),
        script=asset(__package__, *SCRIPTS),
        data=_rounded(data),
        title=escape(title),
        about=escape(" · ".join(_about(history, info))),
        picture=svg,
    )


def _losses(history):
    """The losses of a run by epoch, [[epoch, loss]]."""
    return [[epoch, row.get("loss")] for epoch, row in _rows(history)]


def _about(history, info):
    """What was trained, how, and how it ended, in a few phrases."""
    yield from (translated(info[name]) for name in ("model", "optimizer", "loss") if name in info)
    yield t("1 epoch") if len(history) == 1 else t("{0} epochs", f"{len(history):,}")
    if history.best_epoch is not None:
        yield t("best: epoch {0}", history.best_epoch)
    if history.stop_reason:
        yield t("stopped: {0}", translated(history.stop_reason))


def _rows(history):
    """(epoch, row) for the epochs that are shown: all, or some of very many, spread evenly."""
    rows = [(row.get("epoch", i), row) for i, row in enumerate(history, 1)]
    if len(rows) <= ROWS:
        return rows
    return [rows[i * (len(rows) - 1) // (ROWS - 1)] for i in range(ROWS)]


def _columns(history, rows):
    """{name: one number for each epoch, None where there is none}, with the column "epoch" in any case."""
    columns = {"epoch": [epoch for epoch, _ in rows]}
    for name in history.columns:
        values = [row.get(name) for _, row in rows]
        if name != "epoch" and all(value is None or isinstance(value, (int, float)) for value in values):
            columns[name] = values
    return columns


def _snapshots(history, rows):
    """The recorded snapshots, each with "at", its place on the axis of epochs; without any, one at the end of each epoch."""
    if not history.snapshots:
        return [{"at": epoch, "epoch": epoch} for epoch, _ in rows]
    length, found = None, []
    for snapshot in history.snapshots:
        # unknown where the last epoch was not finished: assume that of the one before
        length = snapshot["epoch_steps"] or length
        share = snapshot["step"] / max(length or 0, snapshot["step"], 1)
        shown = {name: value for name, value in snapshot.items() if name != "epoch_steps"}
        found.append(shown | {"at": max(snapshot["epoch"] - 1, 0) + share, "graph": _said(snapshot.get("graph"))})
    return found


def _operation(name):
    """That of a value, or what a value without one is, in the language of now."""
    return translated(name) if name in KINDS else name


def _said(graph):
    """What a snapshot has of the graph, its words in the language of now."""
    if graph is None:
        return None
    cells = {name: [values and [*map(translated, values)] for values in graph[name]] for name in ("value", "grad")}
    return graph | cells | {"badges": ["; ".join(map(translated, badges)) for badges in graph["badges"]]}


def _rounded(value):
    """The data with rounded numbers."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
