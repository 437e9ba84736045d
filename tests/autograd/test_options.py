"""Options and shapes: NumPy's whole numbers are Python's, fractions are refused, and what does not fit never passes."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.arguments import whole_options
from chainrule.autograd.methods import functions
from chainrule.autograd.primitive import COMPOSED, REGISTRY
from chainrule.autograd.samples import cases

A = np.random.default_rng(0).uniform(0.2, 0.9, (2, 3, 4))
PLACES = np.zeros((2, 1, 4), np.int64)

CALLS = {  # of the functions made of primitives: arrays, options
    "prod": ((A,), dict(axis=1)), "var": ((A,), dict(axis=1, ddof=1)), "std": ((A,), dict(axis=(0, 1), ddof=1)),
    "norm": ((A,), dict(axis=1, ord=3)), "softmax": ((A,), dict(axis=1)), "log_softmax": ((A,), dict(axis=1)),
    "split": ((A,), dict(sections=3, axis=1)), "tile": ((A,), dict(reps=2)), "repeat": ((A,), dict(repeats=2, axis=1)),
    "take": ((A,), dict(indices=[0, 1], axis=1)), "take_along_axis": ((A,), dict(indices=PLACES, axis=1)),
    "diagonal": ((A,), dict(offset=1, axis1=0, axis2=2)), "trace": ((A,), dict(offset=1, axis1=0, axis2=2)),
    "tensordot": ((A, A), dict(axes=3)), "stack": (([A, A],), dict(axis=1)),
    "one_hot": ((np.array([0, 1]),), dict(num_classes=3)), "zeros": ((), dict(shape=(2, 3))),
    "ones": ((), dict(shape=(2, 3))), "full": ((), dict(shape=(2, 3), fill_value=1.5)),
    "eye": ((), dict(n=3, m=2, k=1)), "arange": ((), dict(start=0, stop=4, step=2)), "linspace": ((0, 1), dict(num=3)),
}  # fmt: skip
FREE = {
    "ddof",
    "ord",
    "start",
    "stop",
    "step",
    "indices",
    "index",
    "fill_value",
    "constant_values",
}  # need not be whole
EVERY = [
    *((f"{name}-{i}", p.call, case.draw(np.random.default_rng(0)), case.options)
      for name, p in REGISTRY.items() for i, case in enumerate(cases(p)) if case.options),
    *((name, functions()[name], arrays, options) for name, (arrays, options) in CALLS.items()),
]  # fmt: skip


def replaced(value, change):
    """`value` with every whole number and truth value in it changed."""
    if isinstance(value, (bool, int)):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(v, change) for v in value)
    if isinstance(value, slice):
        return slice(*(replaced(v, change) for v in (value.start, value.stop, value.step)))
    return value


def tracked(x):
    if isinstance(x, list):
        return [tracked(part) for part in x]
    return cr.tensor(x, requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray | np.generic) else x


def outcome(call, arrays, options):
    """The results and the gradients of a call, as arrays."""
    arrays = [tracked(a) for a in arrays]
    results = call(*arrays, **options)
    results = results if isinstance(results, list) else [results]
    if results[0].requires_grad:
        sum((y * y).sum() for y in results).backward()
    leaves = [x for a in arrays for x in (a if isinstance(a, list) else [a]) if isinstance(x, cr.Tensor)]
    return [y.numpy() for y in results] + [x.grad.numpy() for x in leaves if x.grad is not None]


def test_every_function_that_takes_whole_numbers_is_looked_at():
    prepared = {name: whole_options(name, inspect.signature(f).parameters.values()) for name, f in COMPOSED.items()}
    assert {name for name, options in prepared.items() if options.keys() - {"requires_grad"}} <= CALLS.keys()


NUMPYS = {
    "scalars": lambda v: np.bool_(v) if isinstance(v, bool) else np.int64(v),
    "arrays of shape ()": lambda v: np.bool_(v) if isinstance(v, bool) else np.array(v),
}


@pytest.mark.parametrize("kind", NUMPYS)
@pytest.mark.parametrize(("call", "arrays", "options"), [e[1:] for e in EVERY], ids=[e[0] for e in EVERY])
def test_numpys_numbers_are_options_as_pythons_are(call, arrays, options, kind):
    given = outcome(call, arrays, {k: v if k == "ord" else replaced(v, NUMPYS[kind]) for k, v in options.items()})
    for ours, theirs in zip(given, outcome(call, arrays, options), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


FRACTIONS = [
    pytest.param(call, arrays, {**options, k: replaced(v, lambda n: n if isinstance(n, bool) else n + 0.5)}, k, id=f"{i}-{k}")
    for i, call, arrays, options in EVERY
    for k, v in options.items()
    if k not in FREE and repr(replaced(v, float)) != repr(v) and not isinstance(v, bool)
]  # fmt: skip


@pytest.mark.parametrize(("call", "arrays", "options", "name"), FRACTIONS)
def test_a_fraction_for_a_whole_number_is_refused_by_name(call, arrays, options, name):
    with pytest.raises(cr.DtypeError, match=f"{name} must be a whole number.*, not .*[.]5"):
        call(*[tracked(a) for a in arrays], **options)


STRANGE = [None, (), [], True, -1, 0, 7, -7, (0, 0), "x", np.array([0]), (-1,), 2**70, [None]]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("call", "arrays", "options"), [e[1:] for e in EVERY], ids=[e[0] for e in EVERY])
def test_what_forward_takes_as_an_option_backward_takes_too(call, arrays, options):
    for name, value in [
        (k, v) for k in options.keys() - FREE - {"order", "dtype", "source", "target"} for v in STRANGE
    ]:
        leaves = [tracked(a) for a in arrays]
        try:
            results = call(*leaves, **{**options, name: value})
        except (cr.ChainruleError, OverflowError, ValueError):
            continue
        results = results if isinstance(results, list) else [results]
        if results and results[0].requires_grad:
            sum((y * y).sum() for y in results).backward()


@pytest.mark.parametrize("transform", [cr.grad, cr.value_and_grad, cr.jacobian, cr.hessian])
def test_argnums_can_be_numpys(transform):
    f = lambda x, y: x * y * y
    ours, theirs = (transform(f, i)(2.0, 3.0) for i in (np.int64(1), 1))
    assert repr(ours) == repr(theirs)


def test_the_axis_can_be_a_tensor():
    x = cr.tensor(A, requires_grad=True)
    x.max(axis=cr.tensor(1)).sum().backward()
    assert x.grad.sum().item() == 8.0


def test_transpose_takes_an_array_of_axes():
    assert cr.tensor(A).transpose(np.array([0, 2, 1])).shape == (2, 4, 3)


# ---- indices


def test_a_mask_of_nothing_reads_nothing():
    x = cr.tensor(np.zeros((0, 3)), requires_grad=True)
    x[x > 0].sum().backward()
    assert (x[x > 0].shape, x.grad.shape) == ((0,), (0, 3))


def test_an_empty_list_reads_nothing():
    assert cr.zeros((2, 3))[[]].shape == (0, 3)


SHAPES = [((2, 3), (1, 1), 1), ((2, 3), (1, 2), 1), ((1, 3), (4, 2), 1), ((2, 3), (5, 3), 0), ((2, 3), (1, 1), 0),
          ((2, 1, 3), (1, 4, 2), -1)]  # fmt: skip


@pytest.mark.parametrize(("shape", "places", "axis"), SHAPES)
def test_take_along_axis_broadcasts_as_numpys(shape, places, axis):
    rng = np.random.default_rng(0)
    x, indices = rng.random(shape), rng.integers(0, shape[axis], places)
    np.testing.assert_array_equal(
        cr.take_along_axis(cr.tensor(x), indices, axis).numpy(), np.take_along_axis(x, indices, axis), strict=True
    )
    assert cr.gradcheck(lambda x: cr.take_along_axis(x, indices, axis), x)


def test_take_along_axis_refuses_what_does_not_broadcast():
    with pytest.raises(cr.ShapeError, match="needs an index inside the array"):
        cr.take_along_axis(cr.zeros((3, 2)), np.zeros((2, 1), int), axis=1)


def test_take_along_axis_takes_a_list_of_whole_numbers():
    x = cr.tensor([[1.0, 2.0]])
    assert cr.take_along_axis(x, [[1]]).tolist() == [[2.0]]
    with pytest.raises(cr.DtypeError, match="take_along_axis: indices must be integers"):
        cr.take_along_axis(x, [[0.5]])


def test_take_refuses_booleans_which_numpy_reads_as_0_and_1():
    with pytest.raises(cr.DtypeError, match=r"take: indices must be integers, .* x\[mask\]"):
        cr.take(cr.tensor([1.0, 2.0]), [True, False])


# ---- einsum


@pytest.mark.parametrize("text", ["ii->", "ii->i", "i,i->", "ij,jk->ik", "i,ii->i", "iji->j", "...i,i", "ij,ij->j"])
@pytest.mark.parametrize("lengths", [(1, 3), (3, 1), (1, 0), (0, 1), (1, 1), (2, 3)])
def test_letters_of_two_lengths_are_einsum_as_numpys(text, lengths):
    groups = text.partition("->")[0].replace("...", "x").split(",")
    count, arrays = 0, []
    for group in groups:
        shape = [lengths[(count + i) % 2] for i in range(len(group))]
        count += len(group)
        arrays.append(np.random.default_rng(0).random(shape))
    try:
        if any(len(set(zip(g, a.shape, strict=True))) > len(set(g)) for g, a in zip(groups, arrays, strict=True)):
            raise ValueError  # NumPy takes (0, 1) for "ii"
        expected = np.einsum(text, *arrays)
    except ValueError:
        with pytest.raises(cr.ShapeError, match="einsum: the letter '[ij]' of .* stands for lengths"):
            cr.einsum(text, *map(cr.tensor, arrays))
    else:
        np.testing.assert_allclose(cr.einsum(text, *map(cr.tensor, arrays)).numpy(), expected, strict=True)
        assert cr.gradcheck(lambda *xs: cr.einsum(text, *xs), *arrays)


def test_einsum_says_that_the_letters_come_first():
    with pytest.raises(cr.DtypeError, match=r"einsum: the letters .* such as 'ij,jk->ik', not Tensor"):
        cr.einsum(cr.ones((2, 3)), [0, 1])


# ---- forward mode

ONE_OF_TWO = [
    pytest.param(p, case, i, id=f"{name}-{k}-{x}")
    for name, p in REGISTRY.items()
    if p.vjp and not p.variadic and len(p.inputs) > 1
    for k, case in enumerate(cases(p))
    for i, x in enumerate(p.inputs)
    if x in p.vjp
]


@pytest.mark.parametrize(("p", "case", "i"), ONE_OF_TWO)
def test_each_operand_can_be_the_only_one_that_is_differentiated(p, case, i):
    arrays = case.draw(np.random.default_rng(0))
    f = lambda x: p.call(*arrays[:i], x, *arrays[i + 1 :], **case.options)
    assert cr.gradcheck(f, arrays[i], order=1)


@pytest.mark.parametrize("name", ["add", "subtract", "remainder", "multiply", "maximum"])
@pytest.mark.parametrize(("one", "other"), [((1, 3), (2, 3)), ((2, 1), (2, 3)), ((1, 1), (3,)), ((1, 3), (0, 3))])
def test_the_tangent_of_an_operand_is_repeated_as_it_is(name, one, other):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.2, 0.4, one), rng.uniform(0.5, 0.9, other)
    assert cr.gradcheck(lambda x: getattr(cr, name)(x, y), x)
    assert cr.gradcheck(lambda x: getattr(cr, name)(y, x), x)


def test_a_tangent_of_none_is_refused():
    with pytest.raises(cr.ArgumentError, match="jvp: tangent 1 is None; give zeros"):
        cr.jvp(lambda x, y: x * y, (1.0, 2.0), (1.0, None))


# ---- variances


@pytest.mark.parametrize("ddof", [1, 2, 3])
@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0]])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_var_and_std_of_too_few_elements_are_numpys(values, ddof):
    for name in ("var", "std"):
        ours, theirs = getattr(cr.tensor(np.array(values)), name)(ddof=ddof), getattr(np, name)(values, ddof=ddof)
        np.testing.assert_array_equal(ours.numpy(), theirs)


# ---- NumPy's functions on tensors without a graph


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.allclose(x, x),
        lambda x: np.isclose(x, 2.0),
        lambda x: np.array_equal(x, [3.0, 1.0, 1.0]),
        lambda x: np.unique(x),
        lambda x: np.median(x),
        lambda x: np.add.reduce(x),
        lambda x: np.percentile(x, 30),
        lambda x: np.linalg.norm(x, 1),
        lambda x: np.histogram(x, bins=[0, 2, 4])[0],
        lambda x: np.hypot(x, 2 * x),
        lambda x: np.nonzero(x)[0],
        lambda x: np.ones_like(x),
        lambda x: np.size(x, 0),
        lambda x: np.iterable(x),
    ],
)
def test_a_numpy_function_of_a_tensor_without_graph_is_numpys(call, device):
    values = np.array([3.0, 1.0, 1.0])
    np.testing.assert_allclose(call(cr.tensor(values, device=device)), call(values), rtol=1e-15)


WRITES = {
    "copyto": lambda x: np.copyto(x, 0),
    "fill_diagonal": lambda x: np.fill_diagonal(x, 0),
    "put": lambda x: np.put(x, 0, 1),
    "place": lambda x: np.place(x, np.ones((2, 2), bool), 0),
    "putmask": lambda x: np.putmask(x, np.ones((2, 2), bool), 0),
    "add": lambda x: np.add(1, 1, out=x),
    "sum": lambda x: np.sum(np.ones((2, 2, 2)), axis=0, out=x),
    "add.at": lambda x: np.add.at(x, ([0], [0]), 1),
    "add.reduce": lambda x: np.add.reduce(np.ones((2, 2, 2)), out=x),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_numpy_function_that_would_write_to_a_tensor_is_refused(name):
    with pytest.raises(cr.DtypeError, match=f"np.{name}: has no"):
        WRITES[name](cr.tensor(np.eye(2)))


def test_an_array_takes_in_a_tensor_without_graph():
    a = np.ones(2)
    a -= cr.tensor([1.0, 2.0])
    assert a.tolist() == [0.0, -1.0]


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_numpys_size_takes_an_axis(axis):
    assert np.size(cr.tensor(A, requires_grad=True), axis) == np.size(A, axis)


@pytest.mark.parametrize("x", [cr.tensor(1.0), cr.Value(1.0)], ids=["tensor", "Value"])
def test_a_single_number_has_no_parts_as_python_asks(x):
    assert not np.iterable(x)
    with pytest.raises(cr.ShapeError, match=r"shape \(\) has no length"):
        list(x)


# ---- copies


@pytest.mark.parametrize("twin", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("make", [lambda: cr.nn.Parameter([1.0, 2.0]), lambda: cr.Value(2.0)])
def test_a_copy_has_a_gradient_of_its_own(twin, make):
    x = make()
    (x * x).sum().backward() if x.ndim else (x * x).backward()
    same = twin(x)
    assert repr(same.grad) == repr(x.grad)
    (same * same).sum().backward() if x.ndim else (same * same).backward()
    assert repr(same.grad) != repr(x.grad)


def test_asarray_without_a_copy_shares_memory_or_refuses():
    x = cr.tensor([1.0, 2.0])
    np.asarray(x, copy=False)[0] = 5.0
    assert x.tolist() == [5.0, 2.0]
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype="float64", copy=False)


@pytest.mark.parametrize("value", [True, np.bool_(True), cr.tensor(True)])
def test_full_of_a_truth_value_holds_truth_values(value):
    assert cr.full((2,), value).dtype == bool
    assert cr.full((2,), value, dtype="float32").dtype == "float32"


@pytest.mark.parametrize("name", ["var", "std"])
def test_ddof_in_a_small_numpy_number_is_that_number(name):
    x = cr.arange(300) * 1.0
    assert getattr(cr, name)(x, ddof=np.uint8(1)).item() == getattr(cr, name)(x, ddof=1).item()
    assert getattr(cr, name)(x[:3], ddof=np.uint8(5)).item() == np.inf
