"""Passes that begin in the middle, standardised columns, and looking for NaN."""

import itertools
import re
import tracemalloc

import device_double
import numpy as np
import pytest

import chainrule as cr

# ---- a pass that begins in the middle


def lists(batches):
    return [[a.tolist() for a in batch] for batch in batches]


def pairs(**options):
    return cr.data.Batches(np.arange(20), np.arange(20) * 10, batch_size=3, seed=0, **options)


@pytest.mark.parametrize("start", range(8))
@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"drop_last": True}], ids=str)
def test_a_pass_from_the_middle_is_the_rest_of_the_whole_pass(start, options):
    a, b = pairs(**options), pairs(**options)
    start = min(start, len(a))
    for _ in range(2):
        assert lists(a.iterate(start)) == lists(b)[start:]


def test_the_order_of_a_pass_is_drawn_when_it_is_asked_for():
    batches = pairs()
    first, second = batches.iterate(), iter(batches)
    assert lists(second) != lists(first) == lists(pairs())


def test_a_pass_goes_on_as_it_began_when_another_one_begins():
    batches = pairs()
    passes = iter(batches)
    begun = [next(passes)]
    list(batches)
    assert lists(begun + list(passes)) == lists(pairs())


@pytest.mark.parametrize("start", [-1, 8, 1.0, None, True, "0"])
def test_a_start_outside_the_pass_is_refused_before_anything_is_drawn(start):
    batches = pairs()
    state = batches.generator.get_state()
    with pytest.raises(cr.ArgumentError, match=r"iterate: start must be a whole number in \[0, 7\], not"):
        batches.iterate(start)
    assert batches.generator.get_state() == state


LAYOUTS = {
    "rows": lambda a: a,
    "columns": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_are_found_however_the_array_lies_in_memory(layout, shuffle):
    a = np.arange(60.0).reshape(10, 3, 2)
    batches = cr.data.Batches(LAYOUTS[layout](a), np.arange(10), batch_size=4, shuffle=shuffle, seed=0)
    for x, i in batches:
        assert x.tolist() == a[i.numpy()].tolist()


def test_no_more_of_an_array_is_copied_than_a_batch():
    x = np.ones((5000, 2000), "f")[:, ::2]  # 20 MB, whose rows do not lie one after the other
    passes = iter(cr.data.Batches(x, batch_size=10))
    tracemalloc.start()
    next(passes)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_file_mapped_into_memory_is_handed_out(tmp_path):
    a = np.memmap(tmp_path / "a", dtype="f4", mode="w+", shape=(6, 2))
    a[:] = np.arange(12).reshape(6, 2)
    assert sorted(x.tolist()[0] for (x,) in cr.data.Batches(a, batch_size=1)) == a.tolist()


@pytest.mark.parametrize("shuffle", [True, False])
def test_gradients_flow_back_to_data_that_require_them(shuffle):
    x = cr.ones((5, 2), requires_grad=True)
    for (part,) in cr.data.Batches(x, batch_size=2, shuffle=shuffle):
        (part * 3).sum().backward()
    assert x.grad.tolist() == [[3.0, 3.0]] * 5


def test_batches_stay_on_their_device_without_a_transfer(device):
    if device == "strict":
        with device_double.forbid("waits"):
            made = list(cr.data.Batches(cr.ones((10, 2), device=device), batch_size=4))
    else:
        made = list(cr.data.Batches(cr.ones((10, 2), device=device), batch_size=4))
    assert [(x.device, x.shape) for (x,) in made] == [(device, (4, 2)), (device, (4, 2)), (device, (2, 2))]


# ---- Standardizer


def columns(n=500):
    """Columns of very different sizes and offsets."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6)) * [1, 1e-6, 1e6, 3, 1e-3, 1] + [0, 1e-3, 1e9, -5, 1e3, 0]


def test_mean_and_scale_are_those_of_scikit_learn():
    theirs = pytest.importorskip("sklearn.preprocessing").StandardScaler().fit(columns())
    ours = cr.data.Standardizer().fit(columns())
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(ours.scale, theirs.scale_, rtol=1e-12)


def test_transform_and_inverse_are_those_of_scikit_learn():
    x = np.random.default_rng(0).normal(2, 3, size=(100, 4))
    theirs = pytest.importorskip("sklearn.preprocessing").StandardScaler().fit(x[:50])
    ours = cr.data.Standardizer().fit(x[:50])
    np.testing.assert_allclose(ours.transform(x), theirs.transform(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.inverse(x), theirs.inverse_transform(x), rtol=1e-12, atol=1e-12)


def test_standardised_columns_have_mean_0_and_standard_deviation_1():
    x = cr.data.Standardizer().fit_transform(columns())
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-7)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e300, 5e-324])
def test_a_constant_column_becomes_0_and_comes_back(value):
    standardizer = cr.data.Standardizer().fit(np.full((49, 1), value))
    assert (standardizer.mean.item(), standardizer.scale.item()) == (value, 1.0)
    assert standardizer.transform(np.full((2, 1), value)).tolist() == [[0.0], [0.0]]
    assert standardizer.inverse(np.zeros((1, 1))).item() == value


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_numbers_whose_squares_no_float_holds_are_standardised(size):
    x = cr.data.Standardizer().fit_transform(np.array([1.0, 2.0, 3.0]) * size)
    np.testing.assert_allclose(x, [-np.sqrt(1.5), 0, np.sqrt(1.5)], atol=1e-12)


def test_the_scale_comes_from_the_training_part_only():
    standardizer = cr.data.Standardizer().fit([[0.0], [2.0]])
    assert standardizer.transform(np.array([[3.0], [101.0]])).tolist() == [[2.0], [100.0]]


@pytest.mark.parametrize("shape", [(7,), (7, 1), (7, 2, 3)])
def test_inverse_undoes_transform(shape):
    x = np.random.default_rng(0).normal(3, 2, size=shape)
    standardizer = cr.data.Standardizer()
    np.testing.assert_allclose(standardizer.inverse(standardizer.fit_transform(x)), x, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("make", [np.array, cr.tensor], ids=["array", "tensor"])
def test_arrays_stay_arrays_tensors_stay_tensors_and_floats_keep_their_dtype(make, dtype):
    x = make(np.array([[1.0], [3.0]], dtype))
    out = cr.data.Standardizer().fit_transform(x)
    assert (type(out), str(out.dtype), out.tolist()) == (type(x), dtype, [[-1.0], [1.0]])


@pytest.mark.parametrize("x", [[[1], [3]], [[1.0], [3.0]], np.array([[1], [3]], "u1")], ids=["ints", "floats", "uint8"])
def test_lists_and_whole_numbers_become_arrays_of_the_default_dtype(x):
    out = cr.data.Standardizer().fit_transform(x)
    assert (type(out), out.dtype, out.tolist()) == (np.ndarray, np.float32, [[-1.0], [1.0]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_table_becomes_an_array_and_floats_keep_their_dtype(dtype):
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame({"a": [1.0, 3.0], "b": [5.0, 5.0]}, dtype=dtype)
    out = cr.data.Standardizer().fit_transform(x)
    assert (type(out), out.dtype, out.tolist()) == (np.ndarray, dtype, [[-1.0, 0.0], [1.0, 0.0]])


def test_a_table_of_whole_numbers_becomes_an_array_of_the_default_dtype():
    pandas = pytest.importorskip("pandas")
    out = cr.data.Standardizer().fit_transform(pandas.DataFrame({"a": [1, 3]}))
    assert (type(out), out.dtype, out.tolist()) == (np.ndarray, np.float32, [[-1.0], [1.0]])


@pytest.mark.parametrize("make", [np.array, cr.tensor], ids=["array", "tensor"])
def test_float32_keeps_the_digits_that_a_large_mean_would_cost_it(make):
    x = make(np.array([[16777216.0], [16777218.0]], "f"))  # 2^24 and the next one
    assert cr.data.Standardizer().fit_transform(x).tolist() == [[-1.0], [1.0]]


def test_tensors_stay_on_their_device(device):
    x = cr.tensor([[1.0, 5.0], [3.0, 5.0]], device=device)
    out = cr.data.Standardizer().fit_transform(x)
    assert (out.device, out.tolist()) == (device, [[-1.0, 0.0], [1.0, 0.0]])


def test_gradients_flow_through_transform():
    standardizer = cr.data.Standardizer().fit([[0.0], [4.0]])
    x = cr.tensor([[1.0]], requires_grad=True)
    standardizer.transform(x).sum().backward()
    assert x.grad.tolist() == [[0.5]]


def test_the_data_are_left_alone():
    x = columns()
    cr.data.Standardizer().fit_transform(x)
    assert (x == columns()).all()


def test_a_standardizer_comes_back_from_a_file(tmp_path):
    standardizer = cr.data.Standardizer().fit(columns())
    cr.save(standardizer.state_dict(), tmp_path / "scale.safetensors")
    twin = cr.data.Standardizer().load_state_dict(cr.load(tmp_path / "scale.safetensors"))
    assert (twin.transform(columns()) == standardizer.transform(columns())).all()


def test_a_state_is_a_copy():
    standardizer = cr.data.Standardizer().fit([[0.0], [2.0]])
    state = standardizer.state_dict()
    state["mean"][0] = state["scale"][0] = 7
    assert (standardizer.mean.item(), standardizer.scale.item()) == (1, 1)


BAD_STATES = {
    "no dict": None,
    "missing": {"mean": [0.0]},
    "unexpected": {"mean": [0.0], "scale": [1.0], "more": [1.0]},
    "shapes": {"mean": [0.0], "scale": [1.0, 1.0]},
    "nan": {"mean": [np.nan], "scale": [1.0]},
    "no scale": {"mean": [0.0], "scale": [0.0]},
    "text": {"mean": ["low"], "scale": [1.0]},
    "nothing": {"mean": None, "scale": [1.0]},
    "a dict": {"mean": [0.0], "scale": {}},
    "a ragged list": {"mean": [0.0], "scale": [[1.0], [1.0, 2.0]]},
    "a mask": {"mean": np.ma.masked_array([1.0], [True]), "scale": [1.0]},
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_a_bad_state_is_refused_and_changes_nothing(case):
    standardizer = cr.data.Standardizer().fit([[0.0], [2.0]])
    with pytest.raises(cr.CheckpointError, match=r"Standardizer.load_state_dict: (needs a|mean and scale must be)"):
        standardizer.load_state_dict(BAD_STATES[case])
    assert (standardizer.mean.item(), standardizer.scale.item()) == (1, 1)


@pytest.mark.parametrize("name", ["fit", "transform", "inverse"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_with_their_place(name, bad):
    standardizer = cr.data.Standardizer().fit(np.eye(3))
    x = np.eye(3)
    x[1, 2] = bad
    with pytest.raises(cr.ArgumentError, match=rf"Standardizer.{name}: x: 1 value is not finite: row 1 \(column 2\)"):
        getattr(standardizer, name)(x)
    assert (standardizer.mean == 1 / 3).all()


@pytest.mark.parametrize("name", ["transform", "inverse"])
@pytest.mark.parametrize("shape", [(2, 4), (3,), (), (2, 3, 1)])
def test_another_width_is_refused(name, shape):
    standardizer = cr.data.Standardizer().fit(np.eye(3))
    message = f"Standardizer.{name}: needs the columns that it was fit to, (n, 3), given the shape {shape}"
    with pytest.raises(cr.ShapeError, match=re.escape(message)):
        getattr(standardizer, name)(np.ones(shape))


@pytest.mark.parametrize("shape", [(), (0,), (0, 3)])
def test_no_rows_are_refused(shape):
    with pytest.raises(cr.ShapeError, match=r"Standardizer.fit: needs at least one row, given the shape"):
        cr.data.Standardizer().fit(np.ones(shape))


@pytest.mark.parametrize("use", ["transform", "inverse", "state_dict"])
def test_a_standardizer_that_was_not_fit_says_so(use):
    with pytest.raises(cr.ArgumentError, match=f"Standardizer.{use}: it has not been fit; call fit"):
        getattr(cr.data.Standardizer(), use)(*[[[1.0]]] * (use != "state_dict"))


# ---- check_finite


def bad_at(shape, *places):
    x = np.zeros(shape)
    for place, value in zip(places, itertools.cycle([np.nan, np.inf, -np.inf])):
        x[place] = value
    return x


WHERE = {
    "x: 1 value is not finite: row 2; remove such rows, or fill in the values": bad_at(5, 2),
    "x: 2 values are not finite: rows 0, 4;": bad_at(5, 0, 4),
    "x: 1 value is not finite: row 3 (column 1);": bad_at((4, 2), (3, 1)),
    "x: 3 values are not finite: rows 1, 3 (columns 0, 2);": bad_at((4, 3), (3, 0), (1, 2), (1, 0)),
    "x: 100 values are not finite: rows 0, 1, 2, 3, 4 and 95 more;": np.full(100, np.inf),
    "x: 4 values are not finite: row 1;": bad_at((2, 2, 2), 1),
    "x: 1 value is not finite; remove": np.array(np.nan),
}


@pytest.mark.parametrize("message", WHERE)
def test_values_that_are_not_finite_are_refused_with_their_places(message):
    with pytest.raises(cr.ArgumentError, match=re.escape(message)):
        cr.data.check_finite("x", WHERE[message])


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 2)), np.full(3, np.finfo("f").max, "f"), np.full(9, 65504, "e"), np.arange(3), [1.0, 2.0], [], 3.0,
     np.array([True]), cr.ones(3), cr.Value(2.0), np.zeros((0, 3))],
    ids=repr,
)  # fmt: skip
def test_finite_values_pass(array):
    assert cr.data.check_finite("x", array) is None


def test_a_tensor_that_requires_grad_is_checked():
    with pytest.raises(cr.ArgumentError, match="x: 1 value is not finite: row 0"):
        cr.data.check_finite("x", cr.tensor([np.nan, 1.0], requires_grad=True))


def test_a_value_is_checked():
    with pytest.raises(cr.ArgumentError, match="x: 1 value is not finite"):
        cr.data.check_finite("x", cr.Value(np.inf))


def test_device_arrays_are_checked(device):
    cr.data.check_finite("x", cr.ones((3, 2), device=device))
    with pytest.raises(cr.ArgumentError, match=r"x: 1 value is not finite: row 2 \(column 0\)"):
        cr.data.check_finite("x", cr.tensor(bad_at((3, 2), (2, 0)), device=device))


def test_a_check_that_finds_nothing_waits_once_for_the_device_and_for_whole_numbers_never(strict):
    with device_double.counting() as seen:
        cr.data.check_finite("x", cr.ones((3, 2), device=strict))
        cr.data.check_finite("y", cr.arange(3, device=strict))
    assert seen.waits.total() == 1
