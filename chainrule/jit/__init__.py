"""`cr.jit`: a function recorded as a program (backends/program.py), and run as one from then on."""

from .jit import Jit as Jit
from .jit import jit as jit
