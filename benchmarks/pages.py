"""The page of a graph in Chromium: time until it is ready, the work of a step, and its size, against what goes unnoticed."""

import shutil
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import chainrule as cr
from chainrule import nn

from .measure import Row

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def recurrent():
    into, on, h = nn.Linear(4, 8), nn.Linear(8, 8), cr.zeros((1, 8))
    for _ in range(20):
        h = cr.tanh(into(cr.random.normal(size=(1, 4))) + on(h))
    return (h * h).mean()


def multilayer():
    return nn.cross_entropy(nn.MLP([64, 128, 64, 10])(cr.random.normal(size=(8, 64))), cr.arange(8))


def numbers():
    values = [cr.Value(0.1 * (i + 1), f"x{i}") for i in range(20)]
    for _ in range(140):
        values.append(cr.sin(values[-1] * values[-20]))
    return values[-1]


GRAPHS = {"RNN of 20 steps": recurrent, "MLP 64-128-64-10": multilayer, "300 scalars": numbers}

# the camera moves for a quarter of a second
STEP = "(i) => new Promise((done) => { go(i); setTimeout(done, 350); })"


def rows():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        yield "pages of graphs: not measured without playwright"
        return
    if CHROMIUM is None:
        yield "pages of graphs: not measured without Chromium"
        return
    cr.random.seed(0)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, make in GRAPHS.items():
            path = Path(folder) / "page.html"
            cr.trace(make()).save(path)
            ready, step = measured(browser, path.as_uri())
            yield Row(f"page, {name}: ready", "ms", ready, "allowed", 1_000.0, 1.0)
            yield Row(f"page, {name}: work of a step", "ms", step, "allowed", 16.0, 1.0)
            yield Row(f"page, {name}: size", "kB", path.stat().st_size / 1e3, "allowed", 2_000.0, 1.0)
        browser.close()


def measured(browser, address):
    """Medians in milliseconds: until the page can be stepped through, and how long its main thread works for one step."""
    ready = []
    for _ in range(3):
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        tab.goto(address)
        tab.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(steps.length))))")
        ready.append((time.perf_counter() - start) * 1e3)
        if len(ready) < 3:
            tab.close()
    devtools = tab.context.new_cdp_session(tab)
    devtools.send("Performance.enable")
    backward, last = tab.evaluate("[steps.findIndex((step) => step.phase === 'backward'), steps.length]")
    steps = []
    for first, end in (2, min(12, backward)), (backward, min(backward + 30, last)):
        tab.evaluate(STEP, first - 1)
        for i in range(first, end):
            before = busy(devtools)
            tab.evaluate(STEP, i)
            steps.append((busy(devtools) - before) * 1e3)
    tab.close()
    return median(ready), median(steps)


def busy(devtools):
    """The seconds that the page's main thread has worked."""
    return next(m["value"] for m in devtools.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")
