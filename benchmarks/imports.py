"""What `import chainrule` costs over `import numpy`: the median of fresh interpreters."""

from statistics import median

from .measure import Row, in_fresh_process

_CODE = "import time, numpy; t = time.perf_counter(); import chainrule; print((time.perf_counter() - t) * 1e3)"


def rows():
    yield Row(
        "import chainrule, over numpy", "ms", median(in_fresh_process(_CODE) for _ in range(9)), "allowed", 60.0, 1.0
    )
