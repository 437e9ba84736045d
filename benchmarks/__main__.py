"""python -m benchmarks: chainrule beside its peers, in one run, as ratios. Nothing else should run meanwhile."""

import os
import platform
from datetime import date
from importlib.metadata import version
from itertools import chain

from threadpoolctl import threadpool_info

from . import aims, digits, imports, jit, pages, pictures, scalars, steps, workers


def main():
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{date.today()} · {machine} · Python {platform.python_version()}")
    print(" · ".join(f"{name} {version(name)}" for name in ("chainrule", "numpy", "torch", "jax", "micrograd")))
    for pool in threadpool_info():
        print(
            f"{pool['internal_api']} {pool.get('version')} {pool.get('architecture', '')} {pool['num_threads']} threads"
        )
    for row in chain(
        imports.rows(),
        jit.rows(),
        aims.rows(),
        steps.rows(),
        scalars.rows(),
        pictures.rows(),
        pages.rows(),
        digits.rows(),
        workers.rows(),
    ):
        print(row, flush=True)


if __name__ == "__main__":
    main()
