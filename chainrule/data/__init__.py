"""Data: reading, checking, splitting, scaling, and mini-batches."""

from .batches import Batches
from .check import check_finite
from .idx import read_idx
from .moons import moons
from .prefetch import Prefetch
from .split import split
from .standardize import Standardizer
from .table import Table, read_csv

__all__ = ["Batches", "Prefetch", "Standardizer", "Table", "check_finite", "moons", "read_csv", "read_idx", "split"]
