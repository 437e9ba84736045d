"""Tests here compare bits, unless they ask for C: by default NumPy runs programs, as under `cr.deterministic()`."""

import pytest

from chainrule.jit.jit import Jit


@pytest.fixture(autouse=True)
def same_bits(monkeypatch):
    original = Jit.__init__

    def init(self, function, verify=False, lowering=None, **options):
        original(self, function, verify, lowering or "numpy", **options)

    monkeypatch.setattr(Jit, "__init__", init)
