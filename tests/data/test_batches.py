"""Mini-batches: which examples come, in which order, and that arrays stay together."""

import copy

import numpy as np
import pytest

import chainrule as cr


def seen(batches):
    """The examples of one pass, in order."""
    return [i for (x, *_) in batches for i in x.tolist()]


@pytest.mark.parametrize("batch_size", [1, 3, 10, 99, None])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_pass_visits_every_example_once(batch_size, shuffle):
    batches = cr.data.Batches(np.arange(10), batch_size=batch_size, shuffle=shuffle, seed=0)
    for _ in range(3):
        assert sorted(seen(batches)) == list(range(10))


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"),
    [
        (3, False, [3, 3, 3, 1]), (3, True, [3, 3, 3]), (5, False, [5, 5]), (5, True, [5, 5]), (1, False, [1] * 10),
        (10, True, [10]), (99, False, [10]), (99, True, [10]), (None, False, [10]), (None, True, [10]),
        (np.int64(4), False, [4, 4, 2]),
    ],
)  # fmt: skip
def test_batches_have_the_size_asked_for_and_the_last_what_is_left(batch_size, drop_last, sizes):
    batches = cr.data.Batches(np.arange(10), batch_size=batch_size, drop_last=drop_last)
    assert [len(x) for (x,) in batches] == sizes
    assert len(batches) == len(sizes)


def test_a_pass_that_drops_the_last_batch_visits_no_example_twice():
    batches = cr.data.Batches(np.arange(10), batch_size=3, drop_last=True, seed=0)
    assert len(set(seen(batches))) == 9


def test_without_shuffling_the_order_is_that_of_the_data():
    batches = cr.data.Batches(np.arange(10), batch_size=3, shuffle=False)
    assert [x.tolist() for (x,) in batches] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_each_pass_has_another_order():
    batches = cr.data.Batches(np.arange(50), seed=0)
    assert len({tuple(seen(batches)) for _ in range(5)}) == 5


def test_the_same_seed_gives_the_same_orders():
    a, b = (cr.data.Batches(np.arange(50), seed=3) for _ in range(2))
    for _ in range(3):
        assert seen(a) == seen(b)


def test_another_seed_gives_another_order():
    a, b = (seen(cr.data.Batches(np.arange(50), seed=seed)) for seed in (1, 2))
    assert a != b


def test_the_order_does_not_depend_on_the_batch_size():
    a, b = (seen(cr.data.Batches(np.arange(50), batch_size=n, seed=1)) for n in (1, 7))
    assert a == b


def test_a_seed_of_its_own_leaves_the_global_generator_alone():
    state = cr.random.get_state()
    seen(cr.data.Batches(np.arange(50), seed=1))
    assert cr.random.get_state() == state


def test_without_a_seed_the_order_follows_the_global_one():
    orders = []
    for _ in range(2):
        cr.random.seed(9)
        orders.append(seen(cr.data.Batches(np.arange(50))))
    assert orders[0] == orders[1]


def test_a_copy_goes_on_with_the_same_orders():
    batches = cr.data.Batches(np.arange(50), seed=1)
    seen(batches)
    assert seen(copy.deepcopy(batches)) == seen(batches)


def test_all_orders_come_up():
    batches = cr.data.Batches(np.arange(3), seed=0)
    assert len({tuple(seen(batches)) for _ in range(100)}) == 6


def test_arrays_stay_together():
    x = np.arange(20)
    for a, b, c in cr.data.Batches(x, np.stack([x, -x], axis=1), cr.tensor(x * 2), batch_size=6, seed=0):
        assert b.tolist() == [[i, -i] for i in a.tolist()]
        assert c.tolist() == [2 * i for i in a.tolist()]


@pytest.mark.parametrize("make", [list, tuple, np.array, cr.tensor], ids=["list", "tuple", "array", "tensor"])
def test_data_may_be_lists_tuples_arrays_or_tensors(make):
    batches = cr.data.Batches(make([[1.5, 2.5], [3.5, 4.5]]), batch_size=None, shuffle=False)
    assert [x.tolist() for (x,) in batches] == [[[1.5, 2.5], [3.5, 4.5]]]


def test_data_may_be_tables():
    pandas = pytest.importorskip("pandas")
    x, y = pandas.DataFrame({"a": [1.5, 3.5], "b": [2.5, 4.5]}, index=[8, 9]), pandas.Series([0, 1], index=[8, 9])
    ((a, b),) = cr.data.Batches(x, y, shuffle=False)
    assert (a.tolist(), a.dtype, b.tolist(), b.dtype) == ([[1.5, 2.5], [3.5, 4.5]], "float64", [0, 1], "int64")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_batches_are_tensors_of_the_dtype_of_the_data(dtype):
    ((x,),) = cr.data.Batches(np.ones((4, 2), dtype=dtype), batch_size=None)
    assert (type(x), x.dtype, x.shape) == (cr.Tensor, dtype, (4, 2))


@pytest.mark.parametrize("shuffle", [True, False])
def test_changing_a_batch_does_not_change_the_users_array(shuffle):
    a = np.zeros(6)
    for (x,) in cr.data.Batches(a, batch_size=2, shuffle=shuffle):
        x.assign(cr.ones(2, dtype="float64"))
    assert a.tolist() == [0] * 6


@pytest.mark.parametrize("shuffle", [True, False])
def test_changing_the_users_array_after_the_forward_pass_does_not_change_gradients(shuffle):
    a, w = np.ones((4, 3)), cr.zeros(3, dtype="float64", requires_grad=True)
    ((x,),) = cr.data.Batches(a, batch_size=None, shuffle=shuffle)
    y = (x * w).sum()
    a[...] = 100
    y.backward()
    assert w.grad.tolist() == [4, 4, 4]


def test_a_pass_can_be_left_early():
    batches = cr.data.Batches(np.arange(10), batch_size=2, seed=0)
    next(iter(batches))
    assert sorted(seen(batches)) == list(range(10))


def test_lengths_that_differ_are_refused_with_the_shapes():
    with pytest.raises(cr.ShapeError, match=r"same length along axis 0, given shapes \[\(5, 2\), \(4,\)\]"):
        cr.data.Batches(np.ones((5, 2)), np.ones(4))


def test_no_examples_are_refused():
    with pytest.raises(cr.ShapeError, match="Batches: there are no examples"):
        cr.data.Batches(np.ones((0, 2)), np.ones(0))


def test_no_arrays_are_refused():
    with pytest.raises(cr.ArgumentError, match="Batches: needs at least one array"):
        cr.data.Batches()


def test_a_number_has_no_examples():
    with pytest.raises(cr.ShapeError, match="same length along axis 0"):
        cr.data.Batches(3.0)


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", True])
def test_a_bad_batch_size_is_refused(size):
    with pytest.raises(cr.ArgumentError, match="batch_size must be a whole number of at least 1, or None for all"):
        cr.data.Batches(np.ones(3), batch_size=size)


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises(cr.ArgumentError, match="seed: must be a whole number"):
        cr.data.Batches(np.ones(3), seed=seed)


def test_arrays_on_two_devices_are_refused(strict):
    with pytest.raises(cr.DeviceError, match="Batches: the arrays must be on one device, given 'cpu' and 'strict'"):
        cr.data.Batches(cr.ones(3), cr.ones(3, device=strict))
