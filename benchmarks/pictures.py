"""What it costs to see a graph: trace, explain and SVG together, against the time that a reader waits without noticing."""

from statistics import median

from .measure import Row, in_fresh_process

_CODE = """
import time, chainrule as cr
from chainrule.graph.picture import svg
from chainrule.graph.text import explain
x = y = cr.Value(0.5)
for _ in range({operations} // 2):
    y = cr.sin(y) * 1.01
start = time.perf_counter()
graph = cr.trace(y)
graph.explain()
graph.to_svg()
print((time.perf_counter() - start) * 1e3)
"""


def rows():
    for operations, allowed in ((1_000, 1_000.0), (10_000, 5_000.0)):
        ours = median(in_fresh_process(_CODE.replace("{operations}", str(operations))) for _ in range(3))
        yield Row(f"trace, explain, SVG of {operations:,} operations", "ms", ours, "allowed", allowed, 1.0)
