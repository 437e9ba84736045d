"""Data: read it, look at it, split it, scale it, and hand it out in mini-batches."""

from .batches import Batches
from .check import refuse_nonfinite
from .idx import read_idx
from .moons import moons
from .prefetch import Prefetch
from .split import split
from .standardize import Standardizer
from .table import Table, read_csv

__all__ = ["Batches", "Prefetch", "Standardizer", "Table", "moons", "read_csv", "read_idx", "refuse_nonfinite", "split"]
