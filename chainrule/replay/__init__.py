"""The page that history.save writes: a training run to scrub through, in one file that needs no network."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from math import isfinite
from pathlib import Path

import chainrule as cr
from chainrule.autograd.draw.picture.palette import custom_properties

SCRIPTS = ("chart.js", "plane.js", "panels.js", "run.js")
DIGITS = 6  # significant ones of each number on the page
ROWS = 1000  # epochs at most in the curves

__all__ = ["page", "page_path"]


def page(history, title=None):
    """The replay of a training run as the text of an HTML file; see History.save.

    Where no Replay recorded the run, each epoch is a moment, and the page says how to see more.
    """
    scene = history.scene or {}
    title = title or "Training replay"
    rows = _rows(history)
    facts = {name: scene.get(name) for name in ("layers", "answers", "plane", "notes")}
    graph, svg = scene.get("graph"), ""
    if graph:
        svg = graph["svg"]
        facts["graph"] = {name: value for name, value in graph.items() if name != "svg"}
    data = {
        "columns": _columns(history, rows),
        "best": history.best_epoch,
        "moments": _moments(history, rows),
        "recorded": bool(history.frames),
        **facts,
    }
    script = "\n".join(map(_asset, SCRIPTS))
    parts = {
        "title": escape(title),
        "about": escape(" · ".join(_about(history, scene))),
        "style": _palette() + _asset("run.css"),
        "data": _json(data),
        "picture": svg,
        "script": script,
        "hash": b64encode(sha256(script.encode()).digest()).decode(),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _asset("run.html"))


def page_path(owner, path):
    """`path` as a Path, if a page can be written there.

    Raises: ArgumentError if its name does not end in .html, or if its folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() != ".html":
        raise cr.ArgumentError(
            f"{owner}: the name of a page must end in .html, not {path.name!r}; history.to_csv(path) writes the table"
        )
    if not path.parent.is_dir():
        raise cr.ArgumentError(f"{owner}: the folder {path.parent} does not exist; make it first")
    return path


def _asset(name):
    return (files(__package__) / "assets" / name).read_text("utf-8")


def _palette():
    """The pictures' colours, for light and dark."""
    light, dark = custom_properties("light"), custom_properties("dark")
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _about(history, scene):
    """What was trained, how, and how it ended, in a few phrases."""
    yield from (scene[name] for name in ("model", "optimizer", "loss") if name in scene)
    yield f"{len(history):,} epoch{'s' * (len(history) != 1)}"
    if history.best_epoch is not None:
        yield f"best: epoch {history.best_epoch}"
    if history.stopped:
        yield f"stopped: {history.stopped}"


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


def _moments(history, rows):
    """The recorded moments, each with "at", its place on the axis of epochs; without any, the ends of the epochs."""
    if not history.frames:
        return [{"at": epoch, "epoch": epoch} for epoch, _ in rows]
    length, moments = None, []
    for frame in history.frames:
        length = frame["of"] or length  # of an epoch that was broken off it may be unknown: as long as the one before
        share = frame["step"] / max(length or 0, frame["step"], 1)
        moments.append(
            {name: value for name, value in frame.items() if name != "of"} | {"at": max(frame["epoch"] - 1, 0) + share}
        )
    return moments


def _json(data):
    """JSON that may stand inside a <script> element: no character in it has a meaning in HTML."""
    text = json.dumps(_readable(data), separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _readable(value):
    """The data with rounded numbers, and words for those that JSON does not have."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if isfinite(value) else str(value)
    if isinstance(value, dict):
        return {name: _readable(item) for name, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, (list, tuple)) else value
