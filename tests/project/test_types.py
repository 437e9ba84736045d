"""What type checkers and editors see. `make check` lets mypy read this file: each assert_type must hold, and each error
that is expected must be found, for an ignore that is not needed is an error. Here the same lines run.
"""

from typing import assert_type

import chainrule as cr
from tests.support import ROOT  # noqa


def test_x() -> None:
    assert_type(cr.tensor(1.0), cr.Tensor)
    cr.foo
