"""Bad input: each error has the right type, says what was given, and names a way out."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn.linear import affine


def t(*shape, **kwargs):
    return cr.tensor(np.ones(shape), **kwargs)


def assert_says(error, parts):
    """Each part (a pattern) must occur in the message."""
    missing = [part for part in parts if not re.search(part, str(error))]
    assert not missing, f"not in the message: {missing}"


# ---- the tree


TREE = {
    "ShapeError": ValueError,
    "DtypeError": TypeError,
    "DeviceError": ValueError,
    "GraphError": RuntimeError,
    "RuleError": TypeError,
    "GradcheckError": AssertionError,
    "CheckpointError": ValueError,
    "DataError": ValueError,
    "ArgumentError": ValueError,
}


@pytest.mark.parametrize("name", TREE)
def test_an_error_is_a_chainrule_error_and_pythons_own(name):
    error = getattr(cr, name)
    assert issubclass(error, cr.ChainruleError)
    assert issubclass(error, TREE[name])


# ---- shapes


SHAPES = {
    "add": (lambda: t(2, 3) + t(4), [r"add", r"broadcast", r"\(2, 3\)", r"\(4,\)"]),
    "add an array": (lambda: t(2, 3) + np.ones(4), [r"add", r"broadcast", r"\(2, 3\)", r"\(4,\)"]),
    "an array and": (lambda: np.ones(4) + t(2, 3), [r"add", r"broadcast", r"\(2, 3\)", r"\(4,\)"]),
    "where": (lambda: cr.where(np.ones(2) > 0, t(3), t(4)), [r"where", r"\(3,\)", r"\(4,\)"]),
    "matmul": (lambda: t(2, 3) @ t(2, 3), [r"matmul", r"last axis of x", r"\(2, 3\)"]),
    "matmul of numbers": (lambda: t() @ t(2, 3), [r"matmul", r"\(\)", r"\(2, 3\)"]),
    "affine": (lambda: affine(t(5, 3), t(4, 2), t(2)), [r"affine", r"\(5, 3\)", r"\(4, 2\)"]),
    "affine bias": (lambda: affine(t(5, 3), t(3, 2), t(3)), [r"affine", r"\(3, 2\)", r"\(3,\)"]),
    "dot": (lambda: cr.dot(t(2, 3), t(2, 3)), [r"matmul", r"\(2, 3\)"]),
    "tensordot": (lambda: cr.tensordot(t(2, 3), t(4, 5), 1), [r"tensordot", r"\(2, 3\)", r"\(4, 5\)"]),
    "einsum lengths": (lambda: cr.einsum("ij,jk", t(2, 3), t(4, 5)), [r"einsum", r"'j'", r"3 and 4"]),
    "einsum letters": (lambda: cr.einsum("ijk->i", t(2, 3)), [r"einsum", r"'ijk'", r"2 axes"]),
    "einsum groups": (lambda: cr.einsum("ij,jk", t(2, 3)), [r"einsum", r"2 groups", r"1 operands"]),
    "einsum output": (lambda: cr.einsum("ij->ik", t(2, 3)), [r"einsum", r"ij->ik"]),
    "reshape": (lambda: t(2, 3).reshape(4, 2), [r"reshape", r"as many elements", r"\(2, 3\)", r"\(4, 2\)"]),
    "broadcast_to": (lambda: cr.broadcast_to(t(2, 3), (2, 4)), [r"broadcast_to", r"\(2, 3\)", r"\(2, 4\)"]),
    "squeeze": (lambda: cr.squeeze(t(2, 3), 0), [r"squeeze", r"length 1", r"\(2, 3\)", r"axis=0"]),
    "expand_dims": (lambda: cr.expand_dims(t(2), 5), [r"expand_dims", r"axis=5"]),
    "transpose": (lambda: t(2, 3).transpose(0, 0), [r"transpose", r"each axis once", r"\(0, 0\)"]),
    "moveaxis": (lambda: cr.moveaxis(t(2, 3), (0, 1), (0,)), [r"moveaxis", r"destination"]),
    "sum": (lambda: t(2, 3).sum(axis=2), [r"sum", r"axes that exist", r"\(2, 3\)", r"axis=2"]),
    "mean": (lambda: t(2, 3).mean(axis=-3), [r"mean", r"axes that exist", r"axis=-3"]),
    "norm": (lambda: cr.norm(t(2, 3), axis=2), [r"^norm: axis 2"]),
    "var": (lambda: cr.var(t(2, 3), axis=2), [r"^var: axis 2"]),
    "std": (lambda: cr.std(t(2, 3), axis=-3), [r"^std: axis -3"]),
    "softmax": (lambda: cr.softmax(t(2, 3), axis=4), [r"axes that exist", r"\(2, 3\)", r"axis=4"]),
    "sort": (lambda: cr.sort(t(2, 3), axis=4), [r"sort", r"axis=4"]),
    "cumsum": (lambda: cr.cumsum(t(2, 3), axis=4), [r"cumsum", r"axis=4"]),
    "max of nothing": (lambda: t(0, 3).max(), [r"max", r"at least one element", r"\(0, 3\)"]),
    "argmax of nothing": (lambda: t(0, 3).argmax(), [r"argmax", r"at least one element", r"\(0, 3\)"]),
    "logsumexp of nothing": (lambda: cr.logsumexp(t(0,)), [r"logsumexp", r"at least one element", r"\(0,\)"]),
    "concatenate": (lambda: cr.concatenate([t(2, 3), t(2, 4)]), [r"concatenate", r"same shape", r"\(2, 3\)", r"2, 4"]),
    "concatenate nothing": (lambda: cr.concatenate([]), [r"concatenate", r"at least one|need"]),
    "stack": (lambda: cr.stack([t(2), t(3)]), [r"stack", r"one shape", r"\(2,\)", r"\(3,\)"]),
    "stack nothing": (lambda: cr.stack([]), [r"stack", r"at least one"]),
    "split": (lambda: cr.split(t(5), 2), [r"split", r"length 5", r"2 equal parts"]),
    "repeat": (lambda: cr.repeat(t(3), [1, 2]), [r"repeat", r"length 3", r"\[1, 2\]"]),
    "take_along_axis": (lambda: cr.take_along_axis(t(2, 3), np.array([0])), [r"take_along_axis", r"2 axes", r"\(1,\)"]),
    "pad": (lambda: cr.pad(t(2, 3), ((1, 1), (1, 1), (1, 1))), [r"pad", r"pad_width"]),
    "index": (lambda: t(2, 3)[5], [r"\[\]|getitem", r"index", r"\(2, 3\)", r"5"]),
    "index array": (lambda: t(2, 3)[[0, 7]], [r"\[\]|getitem", r"index", r"7"]),
    "too many indices": (lambda: t(2, 3)[0, 0, 0], [r"\[\]|getitem", r"index", r"\(0, 0, 0\)"]),
    "ragged": (lambda: cr.tensor([[1.0], [2.0, 3.0]]), [r"tensor", r"rectangular"]),
    "backward": (lambda: t(2, requires_grad=True).backward(), [r"\(2,\)", r"gradient="]),
    "item": (lambda: t(2, 3).item(), [r"item", r"\(2, 3\)", r"index it"]),
    "power": (lambda: t(2) ** t(3), [r"power", r"\(2,\)", r"\(3,\)"]),
    "comparison": (lambda: t(2) > t(3), [r"greater", r"\(2,\)", r"\(3,\)"]),
    "setitem": (lambda: t(3).__setitem__(slice(2), np.ones(3)), [r"assignment", r"\(3,\)"]),
    "diagonal": (lambda: cr.diagonal(t(3)), [r"diagonal|transpose", r"\(3,\)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_that_do_not_fit_are_a_shape_error_with_the_shapes(name):
    call, parts = SHAPES[name]
    with pytest.raises(cr.ShapeError) as caught:
        call()
    assert_says(caught.value, parts)


AXES = {
    "sum": lambda x, axis: x.sum(axis=axis),
    "prod": lambda x, axis: cr.prod(x, axis=axis),
    "max": lambda x, axis: x.max(axis=axis),
    "var": lambda x, axis: cr.var(x, axis=axis),
    "std": lambda x, axis: cr.std(x, axis=axis),
    "norm": lambda x, axis: cr.norm(x, axis=axis),
    "norm of ord 3": lambda x, axis: cr.norm(x, ord=3, axis=axis),
    "logsumexp": lambda x, axis: cr.logsumexp(x, axis=axis),
    "log_softmax": lambda x, axis: cr.log_softmax(x, axis=axis),
    "take": lambda x, axis: cr.take(x, [0], axis=axis),
    "take_along_axis": lambda x, axis: cr.take_along_axis(x, np.zeros((1,) * x.ndim, int), axis),
    "repeat": lambda x, axis: cr.repeat(x, 2, axis=axis),
    "split": lambda x, axis: cr.split(x, 1, axis=axis),
    "diagonal": lambda x, axis: cr.diagonal(x, axis1=axis, axis2=0),
    "trace": lambda x, axis: x.trace(axis1=0, axis2=axis),
    "tensordot": lambda x, axis: cr.tensordot(x, x, axes=([axis], [0])),
    "concatenate": lambda x, axis: cr.concatenate([x, x], axis=axis),
    "stack": lambda x, axis: cr.stack([x, x], axis=axis + 1 if axis > 0 else axis - 1),
    "flip": lambda x, axis: cr.flip(x, axis=axis),
    "roll": lambda x, axis: cr.roll(x, 1, axis=axis),
    "sort": lambda x, axis: cr.sort(x, axis=axis),
    "swapaxes": lambda x, axis: cr.swapaxes(x, axis, 0),
    "moveaxis": lambda x, axis: cr.moveaxis(x, axis, 0),
}


@pytest.mark.parametrize("axis", [2, -3, 7])
@pytest.mark.parametrize("name", AXES)
def test_an_axis_that_does_not_exist_is_a_shape_error_with_the_axis(name, axis):
    with pytest.raises(cr.ShapeError) as caught:
        AXES[name](t(2, 2), axis)
    assert_says(caught.value, [str(axis + (1 if axis > 0 else -1) if name == "stack" else axis)])


@pytest.mark.parametrize("name", [name for name in AXES if name not in ("stack", "swapaxes", "diagonal", "trace")])
def test_an_axis_of_an_array_without_axes_is_a_shape_error(name):
    with pytest.raises(cr.ShapeError):
        AXES[name](t(), 1)


@pytest.mark.parametrize("call", [cr.diagonal, cr.Tensor.trace], ids=["diagonal", "trace"])
@pytest.mark.parametrize("shape", [(), (3,)], ids=str)
def test_a_diagonal_needs_two_axes(call, shape):
    with pytest.raises(cr.ShapeError, match=r"ax[ei]s"):
        call(t(*shape))


def test_a_diagonal_needs_two_different_axes():
    with pytest.raises(cr.ShapeError, match=r"ax[ei]s"):
        cr.diagonal(t(2, 2, 2), axis1=1, axis2=-2)


# ---- dtypes


DTYPES = {
    "tensor of text": (lambda: cr.tensor(["a", "b"]), [r"tensor", r"numbers", r"'?a'?"]),
    "tensor of one text": (lambda: cr.tensor("a"), [r"tensor", r"numbers"]),
    "tensor of objects": (lambda: cr.tensor([object()]), [r"tensor", r"numbers", r"object"]),
    "tensor of None": (lambda: cr.tensor(None), [r"tensor", r"numbers", r"None|object"]),
    "tensor of complex": (lambda: cr.tensor([1j]), [r"tensor", r"numbers", r"complex"]),
    "tensor of dates": (lambda: cr.tensor(np.array(["2020-01-01"], "M8[D]")), [r"tensor", r"numbers", r"datetime"]),
    "tensor of a dict": (lambda: cr.tensor({"a": 1}), [r"tensor", r"numbers"]),
    "asarray of text": (lambda: cr.asarray(np.array(["a"])), [r"numbers", r"a|U1"]),
    "asarray of objects": (lambda: cr.asarray(np.array([object()])), [r"numbers", r"object"]),
    "asarray of complex": (lambda: cr.asarray(np.array([1j])), [r"numbers", r"complex"]),
    "text operand": (lambda: t(2) + "a", [r"^add", r"tensors, arrays or numbers", r"'a'"]),
    "text operand on the left": (lambda: "a" + t(2), [r"\+|add", r"tensors, arrays or numbers", r"'a'"]),
    "None operand": (lambda: t(2) * None, [r"\*|multiply", r"tensors, arrays or numbers", r"None"]),
    "object array operand": (lambda: t(2) * np.array([object(), 1]), [r"multiply|\*", r"numbers", r"object"]),
    "text array operand": (lambda: t(2) * np.array(["a", "b"]), [r"multiply|\*", r"numbers"]),
    "complex operand": (lambda: t(2) * 1j, [r"multiply|\*", r"complex"]),
    "complex array operand": (lambda: t(2) * np.array([1j, 2]), [r"multiply|\*", r"complex"]),
    "complex number operand": (lambda: t(2) * np.complex128(1j), [r"multiply|\*", r"complex"]),
    "list of text operand": (lambda: t(2) + ["a", "b"], [r"\+|add", r"numbers"]),
    "dict operand": (lambda: cr.sin({"a": 1}), [r"sin", r"tensors, arrays or numbers", r"dict"]),
    "unknown dtype": (lambda: cr.tensor([1.0], dtype="float33"), [r"unknown dtype 'float33'", r"float32"]),
    "unknown dtype in zeros": (lambda: cr.zeros(2, dtype="float33"), [r"unknown dtype 'float33'", r"float32"]),
    "no dtype": (lambda: t(2).to(None), [r"unknown dtype None", r"'float32'"]),
    "a shape as two numbers": (lambda: cr.zeros(2, 3), [r"zeros: dtype", r"not 3", r"zeros\(\(2, 3\)\)"]),
    "complex dtype": (lambda: cr.tensor([1.0], dtype="complex64"), [r"complex64"]),
    "complex dtype in zeros": (lambda: cr.zeros(2, dtype="complex64"), [r"complex64"]),
    "text dtype": (lambda: cr.tensor([1.0], dtype="U5"), [r"U5"]),
    "to complex": (lambda: t(2).to("complex64"), [r"complex64"]),
    "integers requiring grad": (lambda: cr.tensor([1, 2], requires_grad=True), [r"int64", r"float32"]),
    "booleans requiring grad": (lambda: cr.tensor([True], requires_grad=True), [r"bool", r"float32"]),
    "integers requiring grad later": (lambda: setattr(cr.tensor([1]), "requires_grad", True), [r"int64", r"float32"]),
    "arange requiring grad": (lambda: cr.arange(3, requires_grad=True), [r"int64", r"float32"]),
    "floating index": (lambda: t(3)[cr.tensor([0.0])], [r"index", r"integers", r"float32"]),
    "floating NumPy index": (lambda: t(3)[np.array([0.0])], [r"index", r"integer"]),
    "text index": (lambda: t(3)["a"], [r"index"]),
    "one_hot of floats": (lambda: cr.one_hot(np.array([0.0]), 2), [r"one_hot", r"integers", r"float64"]),
    "tensor as index": (lambda: [1, 2][cr.tensor(1.0)], [r"index", r"float32"]),
    "grad of text": (lambda: setattr(t(1, requires_grad=True), "grad", ["a"]), [r"grad", r"numbers"]),
    "negative whole power": (lambda: cr.tensor([2]) ** -1, [r"power: needs .*floating .*negative power", r"int64"]),
    "~ of floats": (lambda: ~t(2), [r"invert", r"bool", r"float64"]),
    "& of floats": (lambda: t(2) & t(2), [r"bitwise_and", r"bool", r"float64"]),
    "Value of text": (lambda: cr.Value("a"), [r"Value", r"'a'", r"chainrule\.tensor"]),
}  # fmt: skip


@pytest.mark.parametrize("name", DTYPES)
def test_data_of_the_wrong_kind_is_a_dtype_error_with_what_was_given(name):
    call, parts = DTYPES[name]
    with pytest.raises(cr.DtypeError) as caught:
        call()
    assert_says(caught.value, parts)


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])


@pytest.mark.parametrize(
    "call",
    [lambda: cr.tensor(MASKED), lambda: cr.asarray(MASKED), lambda: t(2) * MASKED],
    ids=["tensor", "asarray", "operand"],
)
def test_a_masked_array_is_refused_rather_than_lose_its_mask(call):
    with pytest.raises(cr.DtypeError, match="mask"):
        call()


def test_assigning_to_a_leaf_over_read_only_memory_says_what_to_do():
    a = np.ones(2)
    a.flags.writeable = False
    with pytest.raises(cr.ChainruleError, match=r"read-only.*chainrule\.tensor"):
        cr.asarray(a, requires_grad=True).assign([1.0, 2.0])


# ---- devices


DEVICES = {
    "tensor": (lambda: cr.tensor([1.0], device="tpu"), [r"unknown device 'tpu'", r"'cpu'", r"'scalar'", r"'cuda'"]),
    "zeros": (lambda: cr.zeros(2, device="tpu"), [r"unknown device 'tpu'", r"'cpu'"]),
    "to": (lambda: t(2).to("tpu"), [r"to: 'tpu' is neither a dtype .*'float32'", r"devices are .*'cpu'"]),
    "unregister": (lambda: cr.backends.unregister("tpu"), [r"unregister: there is no device 'tpu'", r"'cpu'"]),
    "use": (lambda: cr.backends.use("tpu").__enter__(), [r"unknown device 'tpu'", r"'cpu'"]),
    "random": (lambda: cr.random.normal(size=2, device="tpu"), [r"unknown device 'tpu'", r"'cpu'"]),
    "a number": (lambda: cr.tensor([1.0], device=0), [r"device", r"0", r"'cpu'"]),
    "mixed": (lambda: cr.Value(1.0) + t(2), [r"add", r"one device", r"x on 'scalar' and y on 'cpu'", r"\.to\('cpu'\)"]),
    "mixed with an array": (lambda: np.ones(2) * cr.Value(1.0), [r"multiply", r"'cpu' and y on 'scalar'"]),
    "mixed in a list": (lambda: cr.concatenate([t(2), cr.Value(1.0)]), [r"concatenate", r"'cpu'", r"'scalar'"]),
    "mixed in where": (lambda: cr.where(np.ones(2) > 0, cr.Value(1.0), 2.0), [r"where", r"'cpu'", r"'scalar'"]),
    "foreign arrays": (lambda: t(2) + Foreign(), [r"no backend", r"Foreign"]),
    "register what is no backend": (lambda: cr.backends.register("mine", object()), [r"register", r"Backend"]),
}  # fmt: skip


class Foreign:
    """An array of a library that nobody has registered."""

    dtype, shape, __array_ufunc__ = np.dtype("float32"), (2,), None


@pytest.mark.parametrize("name", DEVICES)
def test_a_wrong_device_is_a_device_error_that_names_what_exists(name):
    call, parts = DEVICES[name]
    with pytest.raises(cr.DeviceError) as caught:
        call()
    assert_says(caught.value, parts)


def test_a_device_that_cannot_be_used_here_says_what_is_missing():
    if "cuda" in cr.backends.available():
        pytest.skip("there is a GPU here")
    with pytest.raises(cr.DeviceError, match=r"'cuda'.*(importing CuPy failed|no usable device)"):
        cr.tensor([1.0], device="cuda")


# ---- arguments


ARGUMENTS = {
    "step 0": (lambda: cr.arange(0, 5, 0), cr.ArgumentError, r"arange: step must not be 0"),
    "norm below 1": (lambda: cr.norm(t(3), ord=0.5), cr.ArgumentError, r"norm: ord.*at least 1.*0\.5"),
    "norm of text": (lambda: cr.norm(t(3), ord="fro"), cr.ArgumentError, r"norm: ord.*at least 1.*'fro'"),
    "norm nan": (lambda: cr.norm(t(3), ord=float("nan")), cr.ArgumentError, r"norm: ord.*nan"),
    "one_hot too large": (lambda: cr.one_hot([0, 3], 3), cr.ArgumentError, r"\[0, 3\).*0 to 3"),
    "one_hot negative": (lambda: cr.one_hot([-1], 3), cr.ArgumentError, r"\[0, 3\).*-1"),
    "negative scale": (lambda: cr.random.normal(scale=-1.0), cr.ArgumentError, r"scale.*-1"),
    "nan scale": (lambda: cr.random.normal(scale=float("nan")), cr.ArgumentError, r"scale.*nan"),
    "negative seed": (lambda: cr.random.seed(-1), cr.ArgumentError, r"seed.*-1"),
    "floating seed": (lambda: cr.random.seed(1.5), cr.ArgumentError, r"seed.*1\.5"),
    "empty range": (lambda: cr.random.integers(3, 3), cr.ArgumentError, r"\[3, 3\)"),
    "probability": (lambda: cr.random.bernoulli(1.5), cr.ArgumentError, r"\[0, 1\].*1\.5"),
    "unknown option": (
        lambda: cr.sum(t(2), axes=0),
        TypeError,
        r"sum: has no argument 'axes'; did you mean 'axis'\? it takes x, axis, keepdims",
    ),
    "missing option": (lambda: cr.reshape(t(2)), TypeError, r"reshape.*needs shape"),
    "missing input": (lambda: cr.add(t(2)), TypeError, r"add.*\by\b"),
    "too many": (lambda: cr.sin(t(2), 1, 2), TypeError, r"sin.*(too many|takes 1)"),
    "default dtype": (lambda: cr.set_default_dtype("int32"), cr.DtypeError, r"float16, float32, float64.*int32"),
    "negative length": (lambda: cr.zeros(-1), ValueError, r"negative"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_out_of_range_is_named_with_its_bounds(name):
    call, error, message = ARGUMENTS[name]
    with pytest.raises(error, match=message):
        call()


# ---- the graph


def test_an_error_in_backward_names_the_line_of_the_forward_call():
    @cr.primitive(jvp=cr.LINEAR, samples=[], vjp=dict(x=lambda g: g + np.ones(7)))
    def test_errors_broken_rule(xp, x):
        return x * 1

    y = test_errors_broken_rule(t(2, requires_grad=True))
    with pytest.raises(ValueError, match="broadcast") as caught:
        y.sum().backward()
    assert_says("".join(caught.value.__notes__), [r"test_errors_broken_rule", r"test_errors\.py:\d+"])


def test_a_failed_call_leaves_the_graph_as_it_was():
    x = t(2, requires_grad=True)
    y = x * 2
    with pytest.raises(cr.ShapeError):
        y + t(3)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_the_cause_of_an_error_is_kept():
    with pytest.raises(cr.ShapeError) as caught:
        t(2) + t(3)
    assert isinstance(caught.value.__cause__, ValueError)
