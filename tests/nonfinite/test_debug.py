"""`with debug():` names the operation that made the first nan or inf."""

import asyncio
import inspect
import pickle
import threading
from contextlib import nullcontext, suppress
from itertools import product

import numpy as np
import pytest
import tasks

import chainrule as cr
from chainrule.autograd.primitive import COMPOSED, ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases
from chainrule.autograd.watch import current_watch
from chainrule.nonfinite.calls import _cells
from chainrule.nonfinite.place import moves

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

HARD = (-800.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3e38)  # where operations leave their domain, have poles, or overflow
OURS = {name: p for name, p in REGISTRY.items() if p.module.startswith("chainrule.")}
ELEMENTS = {name: p for name, p in OURS.items() if p.jvp == ELEMENTWISE and len(p.inputs) < 3 and not p.options}


def caught(function, **options):
    """The error that debug raises in function(), or None."""
    try:
        with cr.debug(**options):
            function()
    except cr.NonFiniteError as error:
        return error


def leaf(*values, **options):
    return cr.tensor(list(values), requires_grad=True, **options)


# ---- every elementwise operation, driven out of its domain


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("kind", ["tensor", "value"])
def test_an_operation_is_named_where_its_result_is_not_finite_and_only_there(name, kind):
    p, make = ELEMENTS[name], cr.Value if kind == "value" else lambda x: cr.tensor([x])
    cases = [list(map(make, values)) for values in product(HARD, repeat=len(p.inputs))]
    wrong = [not np.isfinite(p.call(*given).numpy()).all() for given in cases]
    found = []
    with cr.debug():
        for given in cases:
            try:
                p.call(*given)
                found.append(None)
            except cr.NonFiniteError as error:
                found.append((error.phase, error.operation, [o.least for o in error.operands]))
    expected = [
        ("forward", name, [x.item() for x in given]) if bad else None for given, bad in zip(cases, wrong, strict=True)
    ]
    assert found == expected


@pytest.mark.parametrize("name", [name for name, p in ELEMENTS.items() if p.vjp])
def test_a_rule_is_named_where_its_contribution_is_not_finite_and_only_there(name):
    p = ELEMENTS[name]
    outs, expected, found = [], [], []
    for values in product(HARD, repeat=len(p.inputs)):
        leaves = [leaf(x) for x in values]
        out = p.call(*leaves)
        if np.isfinite(out.numpy()).all():
            out.backward(cr.tensor([2.0]), retain_graph=True)
            grads = {x: t.grad.numpy() for x, t in zip(p.inputs, leaves, strict=True) if t.grad is not None}
            bad = [x for x, g in grads.items() if not np.isfinite(g).all()]
            expected.append(("backward", name, bad[0]) if bad else None)
            outs.append(out)
    with cr.debug():
        for out in outs:
            try:
                out.backward(cr.tensor([2.0]))
                found.append(None)
            except cr.NonFiniteError as error:
                found.append((error.phase, error.operation, str(error).split(" by ")[1].split()[0]))
    assert found == expected


@pytest.mark.parametrize("name", [name for name in OURS if name not in ELEMENTS])
def test_an_operation_on_whole_arrays_is_named_where_it_overflows_or_is_given_a_nan(name):
    p, case = REGISTRY[name], cases(REGISTRY[name])[0]
    drawn = case.draw(np.random.default_rng(0))
    for change in (
        lambda a: a * np.float32(8e37),
        lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, np.nan, a),
    ):
        given = [cr.tensor(change(a).astype("float32") if a.dtype.kind == "f" else a) for a in map(np.asarray, drawn)]
        try:
            out = p.call(*given, **case.options).numpy()
        except cr.ChainruleError:
            continue
        fault = out.dtype.kind == "f" and not np.isfinite(out).all()
        error = caught(lambda given=given: p.call(*given, **case.options))
        if not fault or np.isnan(out).any() and moves(p):
            assert error is None
        else:
            assert (error.operation, error.source is None) == (name, bool(np.isfinite(given[0].numpy()).all()))


def test_among_them_are_all_that_say_a_domain():
    domains = {name for name, p in OURS.items() if "Domain:" in (p.fn.__doc__ or "")}
    assert domains <= ELEMENTS.keys()
    assert len(domains) >= 12


# ---- what the error says


def test_the_error_has_the_line_the_operands_the_cause_and_the_remedy():
    x = cr.tensor([[0.5, -0.25], [2.0, 0.0]])
    error = caught(lambda: 1 + cr.log(x))  # this line
    assert (error.kind, error.phase, error.operation, error.source) == ("nan", "forward", "log", None)
    assert (error.file, error.text.split("  #")[1]) == (__file__, " this line")
    assert error.line == inspect.currentframe().f_lineno - 3
    assert error.operands == [("x", (2, 2), "float32", -0.25, 2.0, 0, 0)]
    assert "x > 0" in error.cause
    assert "maximum" in error.advice
    for said in (
        "log made the first nan",
        f"{__file__}:{error.line}",
        error.text,
        "-0.25 to 2",
        "x = -0.25 gave nan at [0, 1]",
    ):
        assert said in str(error)


def test_the_first_is_named_though_others_follow():
    assert caught(lambda: cr.exp(cr.sqrt(cr.tensor([-1.0]))) * 2).operation == "sqrt"


def test_a_module_is_named_by_its_path():
    class Root(cr.nn.Module):
        def forward(self, x):
            return cr.sqrt(x)

    class Net(cr.nn.Module):
        def __init__(self):
            self.blocks = [cr.nn.Linear(2, 2), Root()]

        def forward(self, x):
            return self.blocks[1](self.blocks[0](x) * 0)

    net = Net()
    error = caught(lambda: net(cr.ones((3, 2))).sum().backward())
    assert (error.phase, error.operation, error.module) == ("backward", "sqrt", "blocks.1 (Root) of Net")
    assert error.text == "return cr.sqrt(x)"


def test_a_function_of_chainrule_is_named_with_its_step():
    assert "square in mse made" in str(caught(lambda: cr.nn.mse(cr.tensor([1e30]), cr.tensor([0.0]))))
    assert "divide in std made" in str(caught(lambda: cr.std(cr.tensor([1.0]), ddof=1)))
    assert "astype in var made" in str(caught(lambda: cr.var(cr.tensor([-6e4, 6e4], dtype="float16"))))


CAUSES = {
    "float16": (lambda: cr.tensor([300.0], dtype="float16") ** 2, ["float16, 65504", "float32", "scale the loss down"]),
    "exp": (lambda: cr.exp(cr.tensor([100.0])), ["3.4028e+38", "logsumexp"]),
    "inf - inf": (lambda: cr.tensor([np.inf]) - np.inf, ["∞ − ∞"]),
    "0 * inf": (lambda: cr.tensor([0.0]) * np.inf, ["0 · ∞"]),
    "0 / 0": (lambda: cr.tensor([0.0]) / 0, ["y ≠ 0", "cr.where(y == 0, 1, y)"]),
    "mean of nothing": (lambda: cr.mean(cr.zeros((0,))), ["no elements"]),
    "negative base": (lambda: cr.tensor([-8.0]) ** (1 / 3), ["whole number"]),
    "products": (lambda: cr.ones((1, 2)) * 1e30 @ (cr.ones((2, 1)) * 1e30), ["3.4028e+38"]),
    "float16 in backward": (
        lambda: (leaf(0.5, dtype="float16") * 3e4).backward(cr.tensor([4.0], dtype="float16")),
        ["65504"],
    ),
    "a steep slope": (lambda: leaf(0.0).sqrt().backward(), ["steep", "inf at 0", "norm"]),
}


@pytest.mark.parametrize("case", CAUSES)
def test_the_likely_cause_is_said(case):
    function, words = CAUSES[case]
    error = caught(function)
    assert [w for w in words if w not in error.cause + error.advice] == []


# ---- what comes in from outside


def test_a_nan_in_the_data_is_the_inputs_and_not_the_operations():
    data = cr.tensor([1.0, np.nan], requires_grad=True)
    data.name = "heights"
    error = caught(lambda: cr.exp(data[::-1]).sum())
    assert error.source.startswith("x: tensor 'heights'")
    assert "was nan already" in str(error)


def test_a_nan_in_a_parameter_is_named_with_the_line_that_changed_it():
    model = cr.nn.MLP([2, 3, 1])
    model.layers[1].weight.assign(np.full((3, 1), np.nan))
    line = inspect.currentframe().f_lineno - 1
    error = caught(lambda: model(cr.ones((4, 2))))
    assert f"parameter 'layers.1.weight', last changed at {__file__}:{line}" in error.source
    assert error.module == "layers.1 (Linear) of MLP"


def test_a_nan_in_the_data_that_is_taken_out_is_no_error():
    x = cr.tensor([1.0, np.nan])
    assert caught(lambda: cr.where(cr.isnan(x), 0, x.reshape(2, 1)[:, 0]).sum()) is None


def test_a_nan_from_before_the_block_is_no_fault_of_the_backward_pass():
    x = leaf(0.0)
    quotient, loss = x / x, (x / x).sum()
    assert (
        "nan already in the forward pass" in caught(lambda: quotient.reshape(1, 1).repeat(2).backward(cr.ones(2))).cause
    )
    error = caught(loss.backward)
    assert (error.phase, error.source, error.text) == (
        "backward",
        "before the block",
        "quotient, loss = x / x, (x / x).sum()",
    )


def test_an_infinity_in_the_data_is_reported_when_it_has_become_the_loss():
    data, weight = cr.tensor(np.where(np.arange(100) == 7, np.inf, 1.0)), leaf(2.0)
    error = caught(lambda: ((data * weight).reshape(10, 10)[0] ** 2).mean().backward())
    assert error.operation == "mean"
    assert "operand x of multiply" in error.source
    assert caught(lambda: (data * weight).mean().backward(), inf=False) is None


def test_the_gradient_that_backward_is_given_may_be_the_source():
    x = leaf(1.0)
    assert caught(lambda: (x * 2).backward(cr.tensor([np.nan]))).source == "the gradient given to backward"


def test_infinities_that_are_given_are_no_error():
    logits, mask = leaf(1.0, 2.0, 3.0), cr.tensor([0.0, -np.inf, 0.0])

    def step():
        cr.log_softmax(cr.where(cr.tensor([True, False, True]), logits, -np.inf))[0].backward()
        (cr.softmax(logits + mask) ** 2).sum().backward()
        cr.minimum(logits, np.inf).sum().backward()

    assert caught(step) is None


def test_without_inf_only_nan_is_reported_and_the_infinity_behind_it():
    x = cr.tensor([1000.0])
    assert caught(lambda: 1 / (1 + cr.exp(x)), inf=False) is None
    error = caught(lambda: cr.exp(x) * 0, inf=False)
    assert error.operation == "multiply"
    assert "made by exp" in error.cause


# ---- the trap of where


TRAPS = {
    "log": lambda x, ok: cr.where(ok, cr.log(x), 0),
    "sqrt": lambda x, ok: cr.where(ok, cr.sqrt(x), 0),
    "power": lambda x, ok: cr.where(ok, x**-0.5, 0),
    "divide": lambda x, ok: cr.where(ok, 3 / x, 0),
    "arccosh": lambda x, ok: cr.where(ok, cr.arccosh(x + 1), 0),
    "two lines": lambda x, ok: cr.where(
        ok,
        2 * cr.log(x) + 1,
        0,
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_the_trap_of_where_is_recognised(name):
    x = leaf(0.0, 4.0)
    error = caught(lambda: TRAPS[name](x, x.detach() > 0).sum().backward())
    operation = "log" if name == "two lines" else name
    assert (error.kind, error.phase, error.operation) == ("nan", "backward", operation)
    assert "trap of where" in error.cause
    assert f"second where: cr.where(ok, cr.{operation}(cr.where(ok, x, 1)" in error.advice


def test_the_remedy_of_the_trap_helps():
    x = leaf(0.0, 4.0)
    ok = x.detach() > 0
    assert caught(lambda: cr.where(ok, cr.log(cr.where(ok, x, 1)), 0).sum().backward()) is None
    assert x.grad.tolist() == [0.0, 0.25]


def test_what_where_leaves_out_is_no_error_and_what_it_takes_is_one():
    x = cr.tensor([-1.0, 4.0])
    assert caught(lambda: cr.where(x > 0, cr.sqrt(x), 0).sum()) is None
    assert caught(lambda: cr.where(x < 0, 2 * cr.sqrt(x), 0).sum()).operation == "sqrt"
    y = cr.Value(-1.0)
    assert caught(lambda: cr.where(y < 0, cr.sqrt(y), 0)).operation == "sqrt"
    assert caught(lambda: cr.where(x.sum() > 0, cr.sqrt(x.min()), 0)).operation == "sqrt"


def test_a_branch_may_have_been_given_a_name_before():
    def step(x):
        logarithm = cr.log(x)
        return cr.where(x > 0, logarithm, 0).sum()

    x = leaf(0.0, 4.0)
    assert caught(lambda: step(x)) is None
    error = caught(lambda: step(x).backward())
    assert (error.phase, error.operation, error.text) == ("backward", "log", "logarithm = cr.log(x)")
    assert "trap of where" in error.cause

    def unused(x):
        loss = cr.log(x)
        loss.backward()
        return cr.where(x > 0, loss, 0)

    error = caught(lambda: unused(leaf(0.0)))
    assert (error.phase, error.operation, error.text) == ("forward", "log", "loss = cr.log(x)")


def test_what_a_branch_calls_may_be_left_out_too():
    def inner(x):
        return cr.sqrt(x)[::-1].reshape(2, 1)[:, 0]

    x = cr.tensor([4.0, -1.0])
    assert caught(lambda: cr.where(x < 0, inner(x), 0).sum()) is None
    error = caught(lambda: cr.where(x > 0, inner(x), 0).sum())
    assert (error.operation, error.text) == ("sqrt", "return cr.sqrt(x)[::-1].reshape(2, 1)[:, 0]")


def test_an_overflow_that_a_function_mends_is_no_error():
    assert caught(lambda: cr.std(leaf(3e38, -3e38)).backward()) is None
    assert caught(lambda: cr.norm(leaf(3e30, 4e30)).backward()) is None
    assert caught(lambda: cr.nn.LayerNorm(3)(cr.tensor([[1e30, -1e30, 3e30]]))) is None


# ---- derivatives of every kind


def test_second_derivatives_are_watched():
    error = caught(lambda: cr.hessian(lambda x: (x**1.5).sum())(cr.tensor([0.0, 1.0])))
    assert (error.phase, error.operation) == ("backward", "power")


def test_tangents_are_watched():
    error = caught(lambda: cr.jvp(cr.sqrt, (0.0,), (1.0,)))
    assert (error.phase, error.operation, error.operands[0].name) == ("forward-mode", "sqrt", "t")


def test_a_sum_of_contributions_that_overflows_is_named():
    x = leaf(0.5, dtype="float16")
    error = caught(lambda: (x * 3e4 + x * 3e4 + x * 3e4).backward(cr.tensor([1.0], dtype="float16")))
    assert "adding up the contributions" in str(error)
    assert error.operands[0].inf == 1


def test_what_is_given_in_an_infinite_gradient_is_no_error():
    x = leaf(2.0)
    assert caught(lambda: (x * 3).backward(cr.tensor([np.inf]))) is None


# ---- training


def test_fit_is_watched():
    x = cr.random.normal(size=(8, 2))
    model = cr.nn.MLP([2, 4, 1])
    error = caught(
        lambda: cr.fit(model, cr.nn.mse, cr.optim.SGD(model.parameters(), lr=1e15), (x, x[:, :1]), 3, verbose=0)
    )
    assert error.phase == "forward"
    assert len(error.history) <= 3
    assert error.__notes__ == ["in fit, after step 0 of epoch 2"]


def test_an_update_rule_is_watched():
    class Bad(cr.optim.Optimizer):
        @staticmethod
        def update(p, g, *, lr):
            return (p - lr * cr.log(g - g),)

    w = leaf(1.0)
    (w * w).sum().backward()
    error = caught(Bad([w], lr=0.1).step)
    assert (error.operation, error.text) == ("log", "return (p - lr * cr.log(g - g),)")


def test_a_sound_run_ends_with_the_same_weights():
    def run():
        cr.random.seed(0)
        x = cr.random.normal(size=(16, 2))
        model = cr.nn.MLP([2, 4, 2], dropout=0.1, norm="batch")
        optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
        cr.fit(model, cr.nn.cross_entropy, optimizer, (x, (x[:, 0] > 0).to("int64")), 2, verbose=0)
        return model.layers[0].weight.tolist()

    with cr.debug():
        watched = run()
    assert watched == run()


# ---- the block


def held():
    """What the call paths of all operations run now."""
    calls = [*(p.call for p in REGISTRY.values()), *COMPOSED.values()]
    return [cell.cell_contents for call in calls for cell in _cells(call)]


def test_after_the_block_the_call_paths_are_as_before():
    before = held()
    assert len(before) > len(REGISTRY)
    with suppress(ZeroDivisionError), cr.debug():
        assert not any(a is b for a, b in zip(held(), before, strict=True))
        raise ZeroDivisionError
    assert all(a is b for a, b in zip(held(), before, strict=True))
    assert current_watch() is None


def test_blocks_nest_and_may_be_entered_again():
    block, x = cr.debug(), cr.tensor([1000.0])
    with block, cr.debug(inf=False):
        with block, pytest.raises(cr.NonFiniteError):
            cr.exp(x)
        cr.exp(x)
    cr.exp(x)
    assert current_watch() is None


def test_other_threads_are_not_watched():
    results = []
    with cr.debug():
        thread = threading.Thread(target=lambda: results.append(cr.log(cr.tensor([0.0])).item()))
        thread.start()
        thread.join()
    assert results == [-np.inf]


def test_threads_leave_in_any_order():
    entered, leave, results = threading.Barrier(2), threading.Event(), []

    def work():
        with cr.debug():
            entered.wait()
            leave.wait()
            try:
                cr.log(cr.tensor([0.0]))
            except cr.NonFiniteError as error:
                results.append(error.operation)

    thread, before = threading.Thread(target=work), held()
    with cr.debug():
        thread.start()
        entered.wait()
    leave.set()
    thread.join()
    assert results == ["log"]
    assert all(a is b for a, b in zip(held(), before, strict=True))


def test_a_generator_that_is_closed_elsewhere_ends_its_block():
    def steps():
        with cr.debug():
            yield

    generator, before = steps(), held()
    thread = threading.Thread(target=lambda: next(generator))
    thread.start()
    thread.join()
    generator.close()
    assert all(a is b for a, b in zip(held(), before, strict=True))


def test_generators_end_in_any_order():
    def steps():
        with cr.debug():
            while True:
                yield

    first, second, x = steps(), steps(), cr.tensor([0.0])
    next(first)
    next(second)
    first.close()
    assert caught(lambda: cr.log(x)) is not None
    with pytest.raises(cr.NonFiniteError):
        cr.log(x)
    second.close()
    cr.log(x)
    assert current_watch() is None


def test_tasks_that_wait_in_turn_are_watched_each_by_itself():
    async def task(watched):
        with cr.debug() if watched else nullcontext():
            await asyncio.sleep(0)
            try:
                return cr.log(cr.tensor([0.0])).item()
            except cr.NonFiniteError as error:
                return error.operation

    async def both():
        return await asyncio.gather(task(True), task(False))

    assert tasks.run(both()) == ["log", -np.inf]


def test_code_without_a_file_is_named_without_its_text():
    error = caught(lambda: exec("cr.log(cr.zeros(1))", {"cr": cr}))
    assert (error.file, error.line, error.text) == ("<string>", 1, "")


def test_the_error_can_be_pickled():
    error = caught(lambda: cr.log(cr.zeros(1)))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_plain_arrays_and_no_grad_are_watched():
    assert caught(lambda: cr.log(np.zeros(2))).operation == "log"
    with cr.no_grad():
        assert caught(lambda: cr.log(leaf(0.0))).operation == "log"


def test_on_a_device_the_same_is_found(strict):
    x = cr.tensor([0.0, 1.0], device=strict, requires_grad=True)
    assert caught(lambda: cr.log(x)).operands == caught(lambda: cr.log(leaf(0.0, 1.0))).operands
    assert "trap of where" in caught(lambda: cr.where(x > 0, cr.log(x), 0).sum().backward()).cause


def test_options_are_checked():
    with pytest.raises(cr.ArgumentError, match="inf must be True or False"):
        cr.debug(inf="no")


def test_what_is_left_out_is_not_kept_alive():
    x = cr.tensor([-1.0, 4.0])
    with cr.debug():
        root = cr.where(x > 0, cr.sqrt(x), 0)
        assert root.tolist() == [0.0, 2.0]
        assert current_watch().waiting == {}
