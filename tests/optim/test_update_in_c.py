"""Update rules in C: the bits of NumPy, or no C at all."""

import os
from functools import cache

import numpy as np
import pytest
from jit_c import needs_compiler
from optimizer_formulas import CASES, leaves, made

import chainrule as cr
from chainrule import optim
from chainrule.backends import c_rule, compiler
from chainrule.backends.compiler import NoCompiler, load
from chainrule.backends.kernel import trace, write
from chainrule.optim import flat

MANY = flat.CHUNK + 3
DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]


class AtOnce:
    """In place of a thread: what it is for is done when it starts."""

    def __init__(self, target, args, daemon):
        self.start = lambda: target(*args)


@pytest.fixture
def at_once(monkeypatch):
    """Rules are compiled when they are first met, and none is known."""
    for name, value in dict(Thread=AtOnce, _made={}, _numbers={}, _by_numpy=set()).items():
        monkeypatch.setattr(c_rule, name, value)
    monkeypatch.setattr(flat, "WORTH", 0)
    return c_rule._made


@cache
def kernels():
    """{(name of a case, dtype, number of the update): (rule with its options, kernel, dtypes, numbers, C)}, by one run of the
    compiler for each dtype."""
    found = {}
    for dtype in DTYPES:
        texts = []
        for name, (kind, _, options) in CASES.items():
            group = kind(leaves([[0.0]], dtype), **options).groups[0]
            asked = kind.update.__code__.co_varnames[
                : kind.update.__code__.co_argcount + kind.update.__code__.co_kwonlyargcount
            ]
            state = kind.state(**group.options)
            for t in (1, 30):
                given = {k: v for k, v in {**group.options, "lr": group["lr"], "t": t}.items() if k in asked}
                rule = lambda *arrays, kind=kind, given=given: kind.update(*arrays, **given)
                dtypes = (dtype,) * (2 + len(state))
                seen, results = trace(rule, dtypes)
                assert c_rule.exact(seen.steps), name
                kernel = write(seen, results, (dtype,) * (1 + len(state)), False, name)
                found[name, dtype, t] = [rule, kernel, dtypes, seen.scalars, len(texts)]
                texts.append(c_rule.text(kernel, dtypes).replace("int run(", f"int run{len(texts)}("))
        library = load("".join(texts))
        for key, (*_, dtypes, numbers, i) in found.items():
            if key[1] == dtype:
                found[key][-1] = c_rule.bound(getattr(library, f"run{i}"), dtypes, len(numbers))
    return found


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_c_has_the_bits_of_numpy_on_numbers_of_all_kinds(name, dtype):
    for t in (1, 30):
        _, kernel, dtypes, numbers, run = kernels()[name, dtype, t]
        assert c_rule.same_bits(kernel, run, dtypes, numbers)


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_c_works_in_place_and_has_the_bits_of_the_rule(name, dtype):
    rng = np.random.default_rng(0)
    for t in (1, 30):
        rule, _, dtypes, numbers, run = kernels()[name, dtype, t]
        arrays = [rng.normal(size=1001).astype(dtype) for _ in dtypes]
        arrays = [*arrays[:2], *map(np.abs, arrays[2:])]  # state under a root
        wanted = rule(*[a.copy() for a in arrays])
        run(numbers, arrays, False)
        assert [a.tobytes() for a in (arrays[0], *arrays[2:])] == [x.tobytes() for x in wanted]


def steps(name, count=4, scale=1.0, dtype="float32", **options):
    """An optimiser after some steps on a parameter of many elements and on one of few."""
    rng = np.random.default_rng(0)
    params = leaves([rng.normal(size=MANY), rng.normal(size=3)], dtype)
    optimizer = made(name, params, **options)
    for _ in range(count):
        for p in params:
            p.grad = scale * rng.normal(size=p.shape)
        optimizer.step()
    return optimizer


def bits(optimizer):
    return [a.tobytes() for _, f in optimizer.buffers for a in (f.values, *f.state.values())]


@needs_compiler
@pytest.mark.parametrize("name", ["AdamW with amsgrad", "momentum with decay"])
def test_training_has_the_same_bits_with_and_without_c(name, at_once, monkeypatch):
    with_c = steps(name)
    assert len(at_once) == 1
    monkeypatch.setattr(flat, "WORTH", np.inf)
    assert bits(steps(name)) == bits(with_c)


@needs_compiler
def test_a_number_that_changes_needs_no_compiler_but_a_branch_does(at_once):
    steps("RAdam", count=3)
    assert len(at_once) == 1
    steps("RAdam", count=8)  # from the sixth update on, rectified
    assert len(at_once) == 2


@needs_compiler
@pytest.mark.parametrize("name", CASES)
def test_the_numbers_of_a_step_are_found_without_a_trace_and_are_the_same(name, at_once, monkeypatch):
    monkeypatch.setattr(flat, "WORTH", np.inf)
    rule = CASES[name][0].update
    optimizer = steps(name, count=1)
    group = optimizer.groups[0]
    for t in range(1, 12):
        _, f = optimizer.buffers[0]
        options = {k: group[k] for k in optimizer._asked} | ({"t": t} if optimizer._counted else {}) | {"lr": 0.5 / t}
        like = [f.values, f.values, *f.state.values()]
        found, _ = trace(lambda *lanes, options=options: rule(*lanes, **options), tuple(a.dtype for a in like))
        if (run := c_rule.native(rule, options, like)) is None:  # compiled now
            run = c_rule.native(rule, options, like)
        assert run.args[0] == found.scalars
        if t in (3, 9):  # RAdam has another form from the sixth on
            with monkeypatch.context() as patch:
                patch.setattr(c_rule, "trace", lambda *_: pytest.fail("traced again"))
                c_rule.native(rule, options, like)


def test_options_that_only_look_alike_are_told_apart(at_once):
    """True is 1 and 0.0 is -0.0, but not for a rule that writes them down; an array scalar computes in its own dtype."""

    def rule(p, g, *, lr, scale):
        return (p - lr * (g * scale),)

    rule.__module__ = optim.Adam.update.__module__
    w = np.full(MANY, 0.1, "float32")
    for lr, scale in [
        (0.5, 0.0),
        (0.5, -0.0),
        (0.5, np.float64(0.1)),
        (np.float64(0.1), 0.1),
        (0.1, 0.1),
        (1, 1),
        (1, True),
    ] * 2:
        run = c_rule.native(rule, dict(lr=lr, scale=scale), [w, w])
        if run is not None:
            run([out := w.copy(), -w], False)
            assert out.tobytes() == rule(w, -w, lr=lr, scale=scale)[0].astype("float32").tobytes()


def test_numpy_goes_on_while_a_compiler_works(at_once, monkeypatch):
    waiting = []

    class Later(AtOnce):
        def __init__(self, target, args, daemon):
            self.start = lambda: waiting.append((target, args))

    monkeypatch.setattr(c_rule, "Thread", Later)
    without = bits(steps("Adam"))
    assert (len(waiting), at_once) == (1, {}), "the compiler is called once"
    for target, args in waiting:
        target(*args)
    assert bits(steps("Adam")) == without


@pytest.mark.parametrize("fault", ["no compiler", "another bit"])
def test_numpy_goes_on_where_there_is_no_compiler_or_a_bit_is_different(fault, at_once, monkeypatch):
    def failing(text):
        if fault == "no compiler":
            raise NoCompiler(fault)
        return load(text.replace("sqrt(", "1 * cbrt("))

    monkeypatch.setattr(compiler, "load", failing)
    steps("Adam")
    assert not at_once


def test_few_elements_and_little_work_need_no_compiler(at_once, monkeypatch):
    monkeypatch.setattr(c_rule, "_make", lambda *_: pytest.fail("compiled"))
    monkeypatch.setattr(flat, "WORTH", 10 * MANY)
    steps("Adam")
    monkeypatch.setattr(flat, "WORTH", 0)
    monkeypatch.setattr(flat, "SHORT", 2 * MANY)
    steps("Adam")


@pytest.mark.parametrize(
    "update",
    [
        lambda p, g, *, lr: (p - lr * cr.exp(g),),
        lambda p, g, *, lr: (p - lr * g.mean(),),
        lambda p, g, *, lr: (p - lr * (g if g[0] > 0 else -g),),
    ],
    ids=["exp", "mean", "branch"],
)
def test_a_rule_that_does_more_than_such_arithmetic_is_numpys(update, at_once, monkeypatch):
    kind = type("Own", (optim.Optimizer,), {"update": staticmethod(update)})

    def trained():
        (w,) = leaves([np.ones(MANY)], "float32")
        optimizer = kind([w], lr=0.5)
        for _ in range(2):
            w.grad = np.linspace(0.5, 1, MANY)
            optimizer.step()
        return bits(optimizer)

    found = trained()
    assert not at_once
    monkeypatch.setattr(flat, "WORTH", np.inf)
    assert found == trained()


@needs_compiler
def test_a_rule_of_a_user_may_look_at_a_number_that_changes(at_once):
    rate = [0.5]
    kind = type("Own", (optim.Optimizer,), {"update": staticmethod(lambda p, g, *, lr: (p - rate[0] * g,))})
    (w,) = leaves([np.zeros(MANY)], "float32")
    optimizer = kind([w], lr=1.0)
    for rate[0] in (0.5, 0.5, 0.5, 2.0):
        w.grad = np.full(MANY, -1)
        optimizer.step()
    assert len(at_once) == 1
    assert (w.numpy() == 3.5).all()


def test_a_rule_that_is_a_method_is_numpys(at_once):
    class Own(optim.Optimizer):
        def update(self, p, g=None, *, lr):
            return (p - lr * g,)

    (w,) = leaves([np.ones(MANY)], "float32")
    optimizer = Own([w], lr=0.5)
    for _ in range(3):
        w.grad = np.ones(MANY)
        optimizer.step()
    assert not at_once
    assert (w.numpy() == -0.5).all()


@needs_compiler
def test_a_gradient_that_may_not_be_written_to_is_read(at_once):
    (w,) = leaves([np.ones(MANY)], "float32")
    optimizer = optim.SGD([w], lr=0.5)
    g = np.full(MANY, 2, "float32")
    g.flags.writeable = False
    for _ in range(2):
        w._node.grad = g
        optimizer.step()
    assert len(at_once) == 1
    assert (w.numpy() == -1).all()


@needs_compiler
def test_an_overflow_in_c_is_told_as_one_in_numpy_is(at_once):
    optimizer = steps("SGD with decay", count=2)
    optimizer.params[0].assign(3e38)
    optimizer.params[0].grad = np.ones(MANY)
    optimizer.groups[0]["weight_decay"] = 1e3
    assert len(at_once) == 1
    with pytest.raises(cr.GraphError, match="the rule overflows.*some parameters have changed"):
        optimizer.step()


@needs_compiler
def test_a_step_in_c_that_would_overflow_foreseeably_changes_nothing(at_once):
    optimizer = steps("SGD with decay", count=2)
    before = bits(optimizer)
    optimizer.lr = 1e38
    optimizer.params[0].grad = np.full(MANY, 1e3)
    with pytest.raises(cr.GraphError, match="the rule overflows.*nothing was changed"):
        optimizer.step()
    assert bits(optimizer) == before


@needs_compiler
def test_of_few_elements_an_overflow_in_c_is_found_before_anything_is_written(at_once):
    params = leaves([np.ones(flat.SHORT), np.ones(3)], "float32")
    optimizer = optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=10.0)
    for _ in range(3):
        for p in params:
            p.grad = np.ones(p.shape)
        optimizer.step()
    params[1].assign(3e38)
    before = bits(optimizer)
    assert len(at_once) == 1
    with pytest.raises(cr.GraphError, match="the rule overflows.*nothing was changed"):
        optimizer.step()
    assert bits(optimizer) == before


@needs_compiler
def test_under_debug_numpy_computes_so_that_a_nan_is_found_where_it_is_made(at_once):
    steps("Adam", count=2)
    at_once.clear()
    with cr.debug():
        steps("Adam", count=2)
    assert not at_once


def test_the_compiler_is_asked_in_the_background_only(monkeypatch):
    """import chainrule, and steps of small models, do not load what looks for one."""
    import subprocess
    import sys

    code = (
        "import sys, chainrule as cr; w = cr.ones(10, requires_grad=True); o = cr.optim.Adam([w]);"
        "(w * w).sum().backward(); o.step(); sys.exit('chainrule.backends.compiler' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, timeout=60).returncode == 0
