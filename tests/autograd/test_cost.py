"""What work and memory grow with: counted in calls and entries, never in seconds."""

import gc
import weakref

import numpy as np
import pytest
from counting import growth

import chainrule as cr
from chainrule.autograd.primitive import LINEAR, REGISTRY, ROOM
from chainrule.autograd.samples import on, reals

VARIADIC = [p for p in REGISTRY.values() if p.variadic and p.vjp]


def held(p):
    """How many operands the plans that an operation keeps are for."""
    return sum(len(plan.vjps) for plan in p.plans.values())


def joined(p, tensors):
    """A call of an operation on a list of tensors of one axis."""
    if p.name == "einsum_" or "subscripts" in p.options:
        letters = [chr(ord("a") + i) for i in range(len(tensors))]
        return p.call(*tensors, subscripts=f"{','.join(letters)}->")
    return p.call(*tensors)


# ---- plans


@pytest.mark.parametrize("p", VARIADIC, ids=lambda p: p.name)
def test_lists_of_changing_length_are_not_remembered_for_ever(p):
    longest = 26 if "subscripts" in p.options else 300
    for n in range(1, longest):
        joined(p, [cr.tensor([1.0], requires_grad=True)] * n)
    assert held(p) <= ROOM


@pytest.mark.parametrize("p", VARIADIC, ids=lambda p: p.name)
def test_changing_choices_of_what_is_differentiated_are_not_remembered_for_ever(p):
    rng, plain, tracked = np.random.default_rng(0), cr.tensor([1.0]), cr.tensor([1.0], requires_grad=True)
    for _ in range(600):
        joined(p, [tracked if rng.random() < 0.5 else plain for _ in range(20)])
    assert held(p) <= ROOM


def test_a_plan_of_a_list_is_made_once():
    p = REGISTRY["concatenate"]
    p.plans.clear()
    for _ in range(3):
        p.call(*[cr.tensor([1.0], requires_grad=True)] * 5)
    assert len(p.plans) == 1


def test_the_number_of_plans_of_a_fixed_number_of_operands_is_that_of_their_choices():
    x, y = cr.tensor([1.0], requires_grad=True), cr.tensor([2.0])
    for a, b in [(x, y), (y, x), (x, x), (x, 1.0), (y, y)] * 3:
        cr.where(a > 0, a, b)
        cr.multiply(a, b)
    assert all(len(p.plans) < 2 ** len(p.inputs) for p in REGISTRY.values() if not p.variadic)


# ---- lists


@pytest.mark.parametrize("join", [cr.concatenate, cr.stack])
@pytest.mark.parametrize("again", [False, True], ids=["backward", "create_graph"])
def test_backward_of_a_list_is_linear_in_its_length(join, again):
    make = lambda n: join([cr.tensor([1.0, 2.0], requires_grad=True) for _ in range(n)]).sum()
    assert growth(lambda loss: loss.backward(retain_graph=True, create_graph=again), make, 300) < 2.2


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_each_part_of_a_list_gets_its_piece(axis):
    parts = [cr.tensor(np.full((2, 2), float(i)), requires_grad=True) for i in range(1100)]
    y = cr.concatenate(parts, axis=axis)
    y.backward(y.detach())
    assert all((part.grad == part).all() for part in parts)


# ---- what an error keeps alive


@pytest.fixture
def no_collector():
    """The garbage collector does not run: what is freed is freed at once."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def outlives(fail):
    """Whether an array that took part in fail(tensor) is there after the error was handled."""
    x = cr.exp(cr.tensor(np.ones((100, 2)), requires_grad=True))
    array = weakref.ref(x._data)
    try:
        fail(x)
    except Exception as error:
        assert isinstance(error, (cr.ChainruleError, ZeroDivisionError))  # noqa: PT017
    else:
        pytest.fail("nothing failed")
    del x
    return array() is not None


def broken(g):
    raise ZeroDivisionError


@pytest.fixture
def unruly():
    """An operation whose rules raise."""

    @cr.primitive(vjp=dict(x=lambda g: broken(g)), jvp=dict(x=lambda t: broken(t)), samples=[on((3,))])
    def unruly(xp, x):
        """x itself."""
        return x + 0

    return unruly


def misshapen(x):
    @cr.primitive(vjp=dict(x=lambda g: g[:1, :1] + np.ones((7, 7, 7))), jvp=LINEAR, samples=reals)
    def misshapen(xp, x):
        """x itself."""
        return x + 0

    misshapen(x).sum().backward()


FAILS = {
    "shapes": lambda x: x + np.ones(3),
    "axis": lambda x: x.sum(axis=5),
    "a fraction": lambda x: x.sum(axis=0.5),
    "matmul": lambda x: x @ x,
    "einsum": lambda x: cr.einsum("ij,ij,jk", x, x, x),
    "index": lambda x: x[1000],
    "an error of our own": lambda x: REGISTRY["affine"].call(x, np.ones((2, 3)), np.ones(4)),
    "reshape": lambda x: x.reshape(7),
    "concatenate": lambda x: cr.concatenate([x, x[0]]),
    "masked": lambda x: x * np.ma.array(np.ones((100, 2))),
    "backward of many": lambda x: x.backward(),
    "backward twice": lambda x: [x.sum().backward(), x.sum().backward()],
    "item": lambda x: x.item(),
    "a gradient of another shape": misshapen,
    "jacobian": lambda x: cr.jacobian(lambda x: x @ x)(x.detach()),
}


@pytest.mark.parametrize("name", FAILS)
def test_an_error_keeps_no_array_alive(name, no_collector):
    assert not outlives(FAILS[name])


def test_a_rule_that_raises_keeps_no_array_alive(unruly, no_collector):
    assert not outlives(lambda x: unruly(x).sum().backward())
    assert not outlives(lambda x: cr.grad(lambda x: unruly(x * x).sum())(x.detach()))
    assert not outlives(lambda x: cr.jvp(lambda x: unruly(x * x), (x.detach(),), (x.detach(),)))


# ---- depth


def test_lists_of_any_depth_are_refused_clearly():
    deep = [1.0]
    for _ in range(3000):
        deep = [deep]
    for call in (cr.tensor, cr.asarray, cr.exp, cr.softmax):
        with pytest.raises(cr.ShapeError, match="nested lists must be rectangular"):
            call(deep)
