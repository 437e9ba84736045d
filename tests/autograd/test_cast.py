"""What a tensor may be given: whatever the way, its dtype holds it (floats: rounded), or it is refused."""

import math

import numpy as np
import pytest

import chainrule as cr

DTYPES = ["uint8", "int8", "int32", "int64", "float16", "float32", "float64"]
NUMBERS = [0, 1, -1, 2.0, 0.5, -1.5, 127, 128, 255, 256, -129, 65519, 65520, 1 << 31, 1 << 53, 3.5e38, 1e39, -1e300]
NUMBERS += [math.nan, math.inf, -math.inf]


def written(t, value):
    t[:] = value
    return t


def with_grad(value, dtype, device):
    t = cr.ones(1, dtype=dtype, device=device, requires_grad=True)
    t.grad = value
    return t.grad


def seeded(value, dtype, device):
    t = cr.ones(1, dtype=dtype, device=device, requires_grad=True)
    (t + 0).backward(value)
    return t.grad


zeros = lambda dtype, device: cr.zeros(1, dtype=dtype, device=device)
WAYS = {  # each gives a tensor of one element, or of several that are alike
    "tensor": lambda v, dtype, device: cr.tensor(v, dtype=dtype, device=device),
    "asarray": lambda v, dtype, device: cr.asarray(v, dtype=dtype, device=device),
    "assign": lambda v, dtype, device: zeros(dtype, device).assign(v),
    "assignment": lambda v, dtype, device: written(zeros(dtype, device), v),
    "full": lambda v, dtype, device: cr.full((1,), v[0], dtype=dtype, device=device),
    "full_like": lambda v, dtype, device: cr.full_like(zeros(dtype, device), v[0]),
    "pad": lambda v, dtype, device: cr.pad(zeros(dtype, device), pad_width=(1, 0), constant_values=v[0])[0],
    "grad": with_grad,
    "backward": seeded,
}
FLOATING = {"grad", "backward"}


def holds(dtype, number):
    """Whether `dtype` has `number`, or rounds it without making it infinite."""
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            return not math.isfinite(number) or bool(np.isfinite(np.array(float(number)).astype(dtype)))
    bounds = np.iinfo(dtype)
    return math.isfinite(number) and number == int(number) and bounds.min <= int(number) <= bounds.max


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", WAYS)
def test_a_number_comes_through_or_is_refused(way, dtype, device):
    if way in FLOATING and not dtype.startswith("float"):
        return
    for number in NUMBERS:
        kinds = [list] if type(number) is int and abs(number) > 1 << 40 else [list, np.array]
        for given in [kind([number]) for kind in kinds]:
            if not holds(dtype, number):
                with pytest.raises(cr.DtypeError, match=f"^{way.removesuffix('_like')}|^tensor.*{dtype} cannot hold"):
                    WAYS[way](given, dtype, device).numpy()
                continue
            result = WAYS[way](given, dtype, device)
            assert result.dtype == dtype
            np.testing.assert_array_equal(result.numpy().reshape(-1)[0], np.array(number).astype(dtype))


@pytest.mark.parametrize("way", ["tensor", "assign", "assignment", "grad"])
def test_nothing_is_said_by_numpy(way, device):
    with np.errstate(all="raise"), pytest.raises(cr.DtypeError):
        WAYS[way](np.array([1e39]), "float32", device).numpy()


@pytest.mark.parametrize(
    ("value", "dtype"), [(0.5, "int64"), (300, "uint8"), (np.int64(-1), "uint8"), (1e39, "float32")]
)
def test_a_refused_value_changes_nothing(value, dtype):
    t = cr.ones(2, dtype=dtype)
    for change in (lambda: t.assign(value), lambda: written(t, value)):
        with pytest.raises(cr.DtypeError, match=r"\.astype\("):
            change()
        assert t.tolist() == [1, 1]


@pytest.mark.parametrize(("dtype", "given"), [("uint8", [1, 2]), ("bool", [0.5, 0, np.nan]), ("int64", [True, False])])
def test_truth_values_ask_whether_a_number_is_zero(dtype, given):
    assert cr.tensor(given, dtype=bool).tolist() == [bool(x) for x in given]


@pytest.mark.parametrize(
    "make",
    [
        lambda: cr.arange(0, 3, 0.5, dtype=int),
        lambda: cr.arange(250, 260, dtype="uint8"),
        lambda: cr.linspace(0, 1, 5, dtype=int),
        lambda: cr.linspace(0, 1e39),
        lambda: cr.arange(0, 1e5, 1e4, dtype="float16"),
        lambda: cr.random.normal(scale=1e39, size=2),
        lambda: cr.random.uniform(0, 1e5, size=2, dtype="float16"),
    ],
)
def test_numbers_that_are_made_are_held(make):
    with pytest.raises(cr.DtypeError, match="cannot hold all that is given, such as"):
        make()


def test_steps_and_spaces_that_whole_numbers_hold_are_made():
    assert cr.arange(0, 3, 1.0, dtype=int).tolist() == [0, 1, 2]
    assert cr.linspace(0, 8, 5, dtype="uint8").tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_conversion_cuts_and_wraps_but_does_not_invent(dtype, device):
    to = lambda *numbers: cr.tensor(numbers, device=device).to(dtype)
    assert to(1.5, -0.5).tolist() == [1, 0]
    assert to(1 << 40).tolist() == np.array([1 << 40]).astype(dtype).tolist()
    for number in (math.nan, math.inf, 1e30):
        with pytest.raises(cr.DtypeError, match=f"to: {dtype} cannot hold"):
            to(number).numpy()


@pytest.mark.parametrize(
    ("number", "dtype"), [(300, "uint8"), (-1, "uint8"), (1e39, "float32"), (-1e9, "float16"), (10**60, "float32")]
)
def test_a_number_beside_an_array_is_one_that_its_dtype_holds(number, dtype):
    x = cr.ones(3, dtype=dtype)
    functions = [lambda: cr.where(x > 0, number, x), lambda: cr.clip(x, number, None), lambda: cr.clip(x, None, number)]
    for function in (
        functions if dtype.startswith("float") else [*functions, lambda: cr.maximum(x, number), lambda: x + number]
    ):
        with pytest.raises(cr.DtypeError, match=r"(?s)^(where|clip|maximum|add): .*hold.*\.astype\(") as raised:
            function()
        assert "broadcast" not in str(raised.value)


def test_numbers_of_another_kind_promote_the_array():
    x = cr.arange(3)
    assert cr.where(x > 1, 0.5, x).tolist() == [0, 1, 0.5]
    assert cr.clip(x, 0.5, 1.5).tolist() == [0.5, 1, 1.5]


# ---- Python's own functions of numbers


def test_divmod_gives_quotient_and_remainder():
    x = cr.tensor([7.0, -7.0], requires_grad=True)
    for quotient, remainder, expected in [
        (*divmod(x, 2), np.divmod([7, -7], 2)),
        (*divmod(2, x), np.divmod(2, [7, -7])),
    ]:
        np.testing.assert_array_equal([quotient.tolist(), remainder.tolist()], expected)
    divmod(x, 2)[1].sum().backward()
    assert x.grad.tolist() == [1, 1]


@pytest.mark.parametrize("x", [cr.tensor([1.5]), cr.Value(1.5)], ids=["tensor", "Value"])
@pytest.mark.parametrize(("function", "instead"), [(round, r"chainrule\.rint"), (math.trunc, "int64")])
def test_functions_that_give_plain_numbers_say_what_to_use(function, instead, x):
    with pytest.raises(cr.DtypeError, match=instead):
        function(x)


def test_a_tensor_is_no_number_to_draw_by():
    with pytest.raises(cr.ArgumentError, match=r"normal: loc .* shape \(3,\); .*size=mean\.shape"):
        cr.random.normal(cr.ones(3))


@pytest.mark.parametrize(
    "make", [lambda t: cr.linspace(t, 1.0), lambda t: cr.linspace(0, t), lambda t: cr.pad(cr.ones(2), 1, t)]
)
def test_a_gradient_that_would_be_lost_is_refused(make):
    with pytest.raises(cr.GraphError, match=r"(linspace|pad): .* would be lost; use"):
        make(cr.tensor(2.0, requires_grad=True))


def test_other_libraries_are_told_to_take_the_array():
    with pytest.raises(TypeError, match=r"x\.numpy\(\)"):
        len(cr.tensor(1.0))


def test_take_along_no_axis_is_of_the_flattened_array():
    x = np.arange(6.0).reshape(2, 3)[:, ::-1]
    order = np.argsort(x, axis=None)
    assert cr.take_along_axis(cr.tensor(x), order, axis=None).tolist() == np.take_along_axis(x, order, None).tolist()
