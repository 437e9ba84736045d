"""What the tests of pictures share: things to draw, Axes to draw them on, and how to read a picture."""

from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("matplotlib")
import matplotlib
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

matplotlib.use("Agg")

FOUND = SimpleNamespace(lrs=[1e-3, 1e-2, 1e-1, 1.0], losses=[2.0, 1.0, 0.5, 9.0], suggestion=1e-2)


class History(list):
    best_epoch = None


def history(best=None, epochs=30):
    rows = History(
        {"epoch": e, "loss": 1 / e, "val_loss": 1 / e + e / 100, "val_accuracy": 1 - 1 / e, "lr": 0.1}
        for e in range(1, epochs + 1)
    )
    rows.best_epoch = best
    return rows


def worked(events):
    """Tuples (worker, thread, what, start, end) as the timeline of a History."""
    return [dict(zip(("worker", "thread", "what", "start", "end"), event, strict=True)) for event in events]


def bowl(w1, w2):
    return w1**2 + 4 * w2**2


def net():
    """A small classifier of two inputs, in training mode."""
    return cr.nn.MLP([2, 5, 1], activation="tanh", dropout=0.5)


def data(n=12):
    x = cr.random.normal(size=(n, 2))
    return x, (x[:, :1] > 0).to("float32")


def after_backward():
    model, (x, y) = net(), data()
    cr.nn.bce_with_logits(model(x), y).backward()
    return model


# ---- Axes


def axes(projection=None, **figure):
    """Axes of a figure that can be rendered, but that pyplot does not know, so that nothing has to be closed."""
    return FigureCanvasAgg(Figure(**figure)).figure.subplots(subplot_kw={"projection": projection})


@pytest.fixture
def ax():
    return axes()


@pytest.fixture(autouse=True)
def nothing_left_changed():
    """No test changes matplotlib's settings or leaves a figure open."""
    before = dict(matplotlib.rcParams)
    yield
    open_figures = plt.get_fignums()
    plt.close("all")
    assert open_figures == []
    assert dict(matplotlib.rcParams) == before


# ---- reading a picture


def lines(ax):
    """The labelled lines of a picture, by their label."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def vertices(ax):
    """The points of all contour lines."""
    return np.concatenate([p.vertices for c in ax.collections if hasattr(c, "levels") for p in c.get_paths()])


def shaded(ax):
    """What the picture's image shows."""
    return np.asarray(ax.images[0].get_array())
