"""Random programs of calls on arrays, and of tensors that are assigned to each other, come out in C as with NumPy."""

from functools import cache

import numpy as np
import pytest
from jit_c import compiled, differences, needs_compiler

import chainrule as cr
from chainrule.backends import c_call
from chainrule.backends.trace import TRACE, note

pytestmark = needs_compiler
SHAPES = [(3, 4), (4, 3), (3,), (4,), (1, 4), (3, 1), (2, 3, 4), (17,), (5, 40), (40, 5), (2, 2, 33), (1,), (3, 1, 4)]
COUNT = 40


def _index(r, shape):
    """Slices, steps backward and single positions."""
    kinds = [
        lambda n: slice(None),
        lambda n: slice(int(r.integers(n)), None),
        lambda n: slice(None, None, -1),
        lambda n: slice(None, None, 2),
        lambda n: int(r.integers(n)),
    ]
    return tuple(kinds[r.integers(5)](n) for n in shape)


def _places(r, n):
    return TRACE.asarray(r.integers(-n, n, size=int(r.integers(1, 6))))


def _written(x, index, value):
    y = note("copy", x)
    y[index] = value
    return y


def _added(x, i):
    y = note("copy", x)
    note("add_at", i, note("getitem", note("minimum", x, 2.0), i), out=y)
    return y


def _axes(r, x):
    return tuple(sorted(r.choice(x.ndim, r.integers(1, x.ndim + 1), replace=False).tolist()))


CALLS = [
    lambda r, x, y: note(["add", "subtract", "multiply", "maximum", "minimum"][r.integers(5)], x, y),
    lambda r, x, y: note(
        ["tanh", "exp", "negative", "square", "sqrt"][r.integers(5)], note("minimum", note("absolute", x), 3.0)
    ),
    lambda r, x, y: note("where", note("greater", x, 0), x, note("multiply", x, 0.25)),
    lambda r, x, y: note(["sum", "max", "min"][r.integers(3)], x, axis=_axes(r, x), keepdims=bool(r.integers(2))),
    lambda r, x, y: note("transpose", x, tuple(r.permutation(x.ndim).tolist())),
    lambda r, x, y: note("reshape", x, (x.shape[-1], -1)),
    lambda r, x, y: note("reshape", x, (-1,)),
    lambda r, x, y: note("getitem", x, _index(r, x.shape)),
    lambda r, x, y: note("concatenate", [x, note("multiply", x, 2.0)], axis=int(r.integers(x.ndim))),
    lambda r, x, y: note("matmul", x, note("swapaxes", x, -1, -2)),
    lambda r, x, y: note("matmul", x, y),
    lambda r, x, y: note("getitem", x, _places(r, x.shape[0])),
    lambda r, x, y: _written(x, _index(r, x.shape), 1.5),
    lambda r, x, y: _written(x, _places(r, x.shape[0]), 0.75),
    lambda r, x, y: _added(x, _places(r, x.shape[0])),
    lambda r, x, y: note("broadcast_to", x, (2, *x.shape)),
]


def _of_arrays(seed):
    """A function of three arrays, and their shapes."""

    def f(*given):
        r, values = np.random.default_rng(seed), list(given)
        for _ in range(30):
            x, y = (values[r.integers(len(values))] for _ in range(2))
            try:
                made = CALLS[r.integers(len(CALLS))](r, x, y)
            except (ValueError, IndexError):  # shapes that do not go together
                continue
            if 0 < made.size < 3000 and made.shape:
                values.append(made)
        return values[3:][::2] or [note("add", given[0], 1)]

    r = np.random.default_rng(seed)
    return f, [SHAPES[r.integers(len(SHAPES))] for _ in range(3)]


def _of_state(seed):
    """A function of one array that assigns to three tensors, and the array's shape."""
    r = np.random.default_rng(seed)
    shape = [(6,), (3, 4), (40,), (5, 33), (1,)][r.integers(5)]
    state = [cr.tensor(r.normal(size=shape).astype("f4")) for _ in range(3)]
    calls = [
        lambda a, b: cr.tanh(a * 0.5 + b),
        lambda a, b: a - b * 0.25,
        lambda a, b: cr.where(a > b, a, b * 0.5),
        lambda a, b: a + b.sum() * 0.01,
        lambda a, b: a * 0.5 + b.mean(axis=-1, keepdims=True) * 0.5,
        lambda a, b: cr.flip(a, axis=0),
        lambda a, b: a,
    ]

    def f(x):
        r, values, out = np.random.default_rng(seed), [cr.tensor(x)], []
        with cr.no_grad():
            for _ in range(8):
                a, b = ((state + values)[r.integers(3 + len(values))] for _ in range(2))
                values.append(calls[r.integers(len(calls))](a, b))
                if r.integers(2):
                    state[r.integers(3)].assign(values[-1])
                else:
                    out.append(values[-1] * 1.5)
        return out or [values[-1] * 1.5]

    return f, [shape]


@cache
def programs():
    """[(Replay, its Lowered in C, calls)]."""
    found = []
    for make in (_of_arrays, _of_state):
        for seed in range(COUNT):
            f, shapes = make(seed)
            r, step = np.random.default_rng(seed), cr.jit(f, lowering="numpy")
            draw = lambda r=r, shapes=shapes: [r.normal(size=shape).astype("f4") for shape in shapes]
            for _ in range(2):
                step(*draw())
            found.append((step._last, [draw() for _ in range(3)]))
    lowered = compiled([(replay.program, replay.recorded.state) for replay, _ in found])
    return [(replay, c, calls) for (replay, calls), c in zip(found, lowered, strict=True)]


@pytest.mark.parametrize("i", range(2 * COUNT))
def test_a_random_program(i):
    replay, lowered, calls = programs()[i]
    assert max(differences(replay, lowered, calls), default=0) <= 32


@pytest.mark.parametrize("native", [True, False])
def test_a_count_of_words_that_no_double_holds(native, monkeypatch):
    if not native:
        monkeypatch.setattr(c_call, "available", lambda: False)
    f, x = cr.jit(lambda x: x + cr.random.uniform(size=3), lowering="c"), cr.ones(3)
    for _ in range(4):
        f(x)
    assert f.lowering == "c"
    found = []
    for function in (f, f.function):
        cr.random.set_state((cr.random.get_state()[0], 2**60 + 1))
        found.append((function(x).tolist(), cr.random.get_state()))
    assert found[0] == found[1]
