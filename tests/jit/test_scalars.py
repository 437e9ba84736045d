"""Functions of Values under jit: the same bits as eagerly, by one loop in C and by NumPy; what cannot be recorded is refused by name."""

import math
import random

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.backends import table
from chainrule.backends.compiler import NoCompiler
from chainrule.backends.record import RecordingError
from chainrule.backends.scalar import xp as floats
from chainrule.backends.singles import Tape

LOWERINGS = ["c", "numpy"]


def both(make, calls, lowering, same_arguments=None):
    """Call what `make` gives eagerly and under jit, and compare each result, number and gradient. Returns the Jit.

    `make()` is (step, Values outside), and `calls` a list of functions that each give the arguments of a call.
    """
    eager, known = make()
    inner, values = make()
    step = cr.jit(inner, lowering=lowering, verify=False)
    for arguments in calls:
        first, second = arguments(), arguments()
        a, b = eager(*first), step(*second)
        found = [[getattr(a, "data", a)], *[[x.data, x.grad] for x in (*known, *first) if isinstance(x, Value)]]
        under = [[getattr(b, "data", b)], *[[x.data, x.grad] for x in (*values, *second) if isinstance(x, Value)]]
        assert repr(found) == repr(under)
    return step


def leaves(n=12, seed=0):
    rng = random.Random(seed)
    return [Value(rng.uniform(-1, 1)) for _ in range(n)]


def training(n=12):
    """A step as programs for micrograd have it, with its update."""
    ps = leaves(n)

    def step(a, b):
        for p in ps:
            p.grad = 0.0
        total = a * ps[0]
        for p, q in zip(ps, ps[1:], strict=False):
            total = total + (p * q * b).tanh() + (p - q).relu() - 0.5 / (q * q + 1) + (p**2 + 1).log()
        loss = total * total
        loss.backward()
        for p in ps:
            p.data -= 0.05 * p.grad
        return loss

    return step, ps


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_training_gives_the_bits_of_the_eager_steps(lowering):
    calls = [lambda i=i: (Value(i * 0.3), Value(0.5)) for i in range(20)]
    step = both(training, calls, lowering)
    assert (step.cache.recorded, step.cache.replayed, step.lowering) == (2, 18, lowering)


SCALAR = [
    p for p in REGISTRY.values() if p.jvp == ELEMENTWISE and p.vjp and not p.options and p.inputs in (["x"], ["x", "y"])
]


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("p", SCALAR, ids=lambda p: p.name)
def test_every_operation_gives_the_bits_of_the_eager_one(p, lowering):
    points = [(0.3, 0.7), (-0.6, 0.4), (0.0, -0.0), (1.0, 1.0), (2.5, -1.5)]

    def make():
        xs = [[Value(v) for v in point[: len(p.inputs)]] for point in points]

        def step(scale):
            total = scale * 0
            for x in xs:
                y = p.call(*x)
                if isinstance(y, Value):
                    y.backward()
                    total = total + y
            return total

        return step, [v for x in xs for v in x]

    both(make, [lambda: (Value(1.0),)] * 4, lowering)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_what_is_computed_at_random_has_the_bits_of_floats(lowering):
    rng, tape = random.Random(1), Tape(lambda: "a line")
    found = [tape.input(i, rng.uniform(-2, 2)) for i in range(30)]
    one = ["exp", "tanh", "sin", "log", "sqrt", "sign", "floor", "negative", "absolute", "square", "rint", "erf"]
    two = ["subtract", "multiply", "divide", "maximum", "minimum", "power", "remainder", "floor_divide", "greater"]
    for _ in range(400):
        kind = rng.random()
        if kind < 0.3:
            found.append(tape.note(rng.choice(one), rng.choice(found[-60:])))
        elif kind < 0.7:
            found.append(tape.note(rng.choice(two), rng.choice(found[-60:]), rng.choice([*found[-60:], 2.0, -1.5])))
        else:
            total = rng.choice(found)
            for _ in range(rng.randrange(2, 25)):
                total = tape.note("add", total, rng.choice(found[-60:]))
            found.append(total)
    made = table.Table(tape, places := [x.place for x in found], lowering)
    made.values[: made.given] = [tape.values[i] for i in made.inputs]
    made.run()
    assert made.by == lowering
    assert repr([made.values[made.place[i]].item() for i in places]) == repr([tape.values[i] for i in places])


def test_what_is_added_up_one_after_another_is_one_instruction():
    tape = Tape(lambda: "a line")
    total, *rest = (tape.input(i, i + 0.1) for i in range(9))
    for x in rest:
        total = tape.note("add", total, x)
    assert (table.Table(tape, [total.place]).nodes, table.Table(tape, [total.place, total.place - 3]).nodes) == (1, 2)


def test_every_function_of_floats_with_a_row_has_a_form_in_c():
    assert {*table.C} == {*table.C} & {*vars(floats)}


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_gradients_that_are_not_set_to_zero_add_up(lowering):
    def make():
        xs = leaves(4)

        def step():
            y = xs[0] * xs[1] + xs[2] * xs[2]
            y.backward()
            return y.data

        return step, xs

    step = both(make, [tuple] * 6, lowering)
    assert step.cache.recorded == 3  # the first call begins without gradients


def test_numbers_that_are_changed_outside_are_seen():
    inner, ps = training()
    step = cr.jit(inner)
    for _ in range(3):
        step(Value(1.0), Value(0.5))
    eager, qs = training()
    for p, q in zip(ps, qs, strict=True):
        p.data = q.data = 0.25
    assert step(Value(1.0), Value(0.5)).data == eager(Value(1.0), Value(0.5)).data
    assert step.cache.replayed == 2


def test_a_value_that_is_frozen_is_recorded_anew():
    w = Value(2.0)

    @cr.jit
    def step(x):
        (w * x).backward()

    for _ in range(3):
        step(Value(3.0))
    w.grad = 0.0
    w.requires_grad = False
    step(x := Value(3.0))
    assert (w.grad, x.grad) == (0.0, 2.0)


# ---- refusals and guards

READ = {
    "float": lambda loss: float(loss),
    "item": lambda loss: loss.item(),
    "format": lambda loss: f"{loss.data:.3f}",
    "math": lambda loss: math.exp(loss.data),
    "int": lambda loss: int(loss.data),
    "round": lambda loss: round(loss.data),
    "numpy": lambda loss: np.asarray(loss.data),
    "sqrt": lambda loss: np.sqrt(loss.data),
}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_reading_a_number_is_refused_with_the_line_and_the_remedy(read):
    w = Value(2.0)

    @cr.jit
    def step(x):
        w.grad = 0.0
        loss = w * x
        loss.backward()
        w.data -= 0.1 * w.grad
        read(loss)

    w.grad = 7.0
    with pytest.raises((RecordingError, TypeError)) as error:
        step(Value(3.0))
    assert (w.data, w.grad, w._node.result) == (2.0, 7.0, 2.0)
    if error.type is RecordingError:
        assert "test_scalars.py" in str(error.value)
        assert "return it and read it outside" in str(error.value)


def test_a_number_that_is_compared_is_a_guard():
    w = Value(1.0)

    @cr.jit
    def step(x):
        return x * 2 if w.data * x.data > 1 else x * 3

    assert [step(Value(v)).data for v in (2.0, 2.0, 2.0, 0.5, 0.5, 0.5, 2.0)] == [4.0, 4.0, 4.0, 1.5, 1.5, 1.5, 4.0]
    assert (step.cache.programs, step.cache.replayed) == (2, 3)


def test_an_update_behind_a_guard_that_fails_changes_nothing_twice():
    w = Value(1.0)

    @cr.jit
    def step(x):
        w.data += x.data
        if w.data > 3.5:
            w.data = 0.0

    seen = []
    for _ in range(9):
        step(Value(1.0))
        seen.append(w.data)
    assert seen == [2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0]


def test_a_number_of_python_that_changes_is_refused_with_both():
    w, rates = Value(1.0), iter([0.5, 0.25])

    @cr.jit
    def step():
        w.data -= next(rates)

    step()
    with pytest.raises(RecordingError, match=r"0\.5 before, 0\.25 now, in subtract at .*test_scalars.py"):
        step()
    assert w.data == 0.5


def test_a_rate_that_is_given_as_a_value_is_an_input():
    w = Value(1.0)

    @cr.jit
    def step(rate):
        w.data -= rate.data * 2

    for rate in (0.5, 0.25, 0.125, 0.0625):
        step(Value(rate))
    assert (w.data, step.cache.recorded) == (1 - 2 * (0.5 + 0.25 + 0.125 + 0.0625), 2)


def test_arrays_beside_values_are_refused():
    w, x = Value(1.0), cr.ones(3)
    with pytest.raises(RecordingError, match="can reach Values and arrays"):
        cr.jit(lambda: (w * 2, x * 2))()
    with pytest.raises(RecordingError, match=r"an array of shape \(3,\).*pass lists of Values"):
        cr.jit(lambda x: w * x[0])(np.ones(3))


def test_an_optimiser_of_values_is_refused_with_the_remedy():
    w = Value(1.0)
    optimizer = cr.optim.SGD([w], lr=0.1)

    def step():
        (w * w).backward()
        optimizer.step()

    with pytest.raises(RecordingError, match=r"SGD updates Values.*p\.data -= lr \* p\.grad"):
        cr.jit(step)()
    assert (w.data, w.grad) == (1.0, 0.0)


def test_an_argument_with_a_graph_is_refused():
    w = Value(2.0)
    with pytest.raises(RecordingError, match=r"pass x\.detach\(\)"):
        cr.jit(lambda x: w * x)(Value(1.0) * 2)


def test_a_number_kept_outside_of_its_recording_is_refused():
    w, kept = Value(1.0), []

    @cr.jit
    def step():
        kept.append(w * 2)
        return kept[0] * w

    step()
    with pytest.raises(RecordingError, match="a recording that is over"):
        step()


# ---- results


def test_what_is_returned_has_no_graph_and_says_so():
    w = Value(3.0)
    step = cr.jit(lambda: {"loss": w * w, "number": (w * 2).data, "w": w, "text": "t"})
    for _ in range(3):
        found = step()
    assert (found["loss"].data, found["number"], found["w"], found["text"]) == (9.0, 6.0, w, "t")
    with pytest.raises(cr.GraphError, match="under jit, which has no graph"):
        found["loss"].backward()


def test_gradients_arrive_at_arguments():
    w = Value(3.0)

    @cr.jit
    def step(x):
        (w * x * x).backward()

    for v in (1.0, 2.0, 3.0, 4.0):
        step(x := Value(v))
        assert x.grad == 6.0 * v
    assert step.cache.replayed == 1  # the first call began without a gradient of w


def test_value_and_grad():
    step = cr.jit(cr.value_and_grad(lambda x: x * x * x))
    assert [[r.item() for r in step(Value(v))] for v in (1.0, 2.0, 3.0)] == [[1.0, 3.0], [8.0, 12.0], [27.0, 27.0]]


def test_second_derivatives_inside():
    x = Value(2.0)

    @cr.jit
    def step():
        return cr.grad(cr.grad(lambda x: x * x * x))(x)

    assert [step().data for _ in range(3)] == [12.0] * 3


def test_without_a_compiler_numpy_runs_it_and_says_why(monkeypatch):
    def none():
        raise NoCompiler("no C compiler: there is none")

    monkeypatch.setattr(table, "_loop", none)
    w = Value(2.0)
    step = cr.jit(lambda: w * 3, lowering="c")
    assert [step().data for _ in range(3)] == [6.0] * 3
    assert step.lowering == "numpy: no C compiler: there is none"


def test_verify_runs_eagerly_beside_it():
    inner, _ = training()
    step = cr.jit(inner, verify=True)
    for _ in range(5):
        step(Value(1.0), Value(0.5))
    assert step.cache.replayed == 3


def test_verify_raises_where_the_program_differs(monkeypatch):
    inner, _ = training()
    step = cr.jit(inner, verify=True)
    for _ in range(2):
        step(Value(1.0), Value(0.5))
    original = step.program.run
    monkeypatch.setattr(step.program, "run", lambda: (original(), step.program.values.__imul__(2)))
    with pytest.raises(RecordingError, match="the program differs from the eager call"):
        step(Value(1.0), Value(0.5))


def test_the_loop_can_be_read():
    w = Value(2.0)
    step = cr.jit(lambda: w * 3, lowering="c")
    for _ in range(3):
        step()
    assert "o[i] = x0 * x1; } break;  /* multiply */" in step.text


def test_the_program_can_be_printed():
    w = Value(2.0)
    step = cr.jit(lambda: w * 3 + 1)
    step()
    assert str(step.program).splitlines() == [
        "2 instructions in 2 runs, by numpy",
        "  multiply of 2: 1 times",
        "  add of 2: 1 times",
    ]


@pytest.mark.parametrize("loss", [cr.nn.mse, cr.nn.l1, cr.nn.huber, cr.nn.bce, cr.nn.bce_with_logits])
def test_losses(loss):
    def make():
        w = Value(0.5)

        def step(x, y):
            w.grad = 0.0
            found = loss(w * x, y)
            found.backward()
            w.data -= 0.1 * w.grad
            return found

        return step, [w]

    step = both(make, [lambda i=i: (Value(0.5 + i / 10), Value(0.25)) for i in range(4)], "c")
    assert step.cache.replayed


def test_a_check_that_fails_raises_as_eagerly():
    w = Value(0.5)

    @cr.jit
    def step(y):
        w.data += 1.0
        return cr.nn.bce_with_logits(w, y)

    for _ in range(3):
        step(Value(0.5))
    with pytest.raises(cr.ArgumentError, match=r"must lie in \[0, 1\], given 2 to 2"):
        step(Value(2.0))
    assert step.cache.reasons["a check fails"] == 1


def test_second_derivatives_of_relu():
    f = cr.grad(cr.grad(lambda x: x.relu() * x))
    both(lambda: (f, []), [lambda v=v: (Value(v),) for v in (0.0, 0.0, 0.5, 0.5, -1.0, 2.0)], "c")


def test_second_derivatives_of_other_kinks_are_refused():
    with pytest.raises(RecordingError, match="no operation on single numbers"):
        cr.jit(cr.grad(cr.grad(lambda x: abs(x) * x)))(Value(1.0))
