"""Work counted in function calls, Python's and C's: it is the same on a busy machine, where seconds are not."""

import sys


def calls(do, *args):
    """How many functions were called while do(*args) ran."""
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        do(*args)
    finally:
        sys.setprofile(before)
    return count


def growth(do, make, n):
    """How many times more work do(make(2 · n)) is than do(make(n)): 2 where it is linear, 4 where it is quadratic."""
    do(make(n))  # what is done once, such as an import, does not count
    return calls(do, make(2 * n)) / calls(do, make(n))
