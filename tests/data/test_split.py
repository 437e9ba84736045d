"""Splits into training, validation and test parts."""

import numpy as np
import pytest

import chainrule as cr


def sizes(parts):
    return [len(x) for x, *_ in parts]


def test_every_example_is_in_one_part_and_arrays_stay_together():
    x = np.arange(50)
    parts = cr.data.split(x, x * 10, parts=(0.5, 0.3, 0.2))
    assert sorted(np.concatenate([a for a, _ in parts])) == list(range(50))
    assert all((b == 10 * a).all() for a, b in parts)


@pytest.mark.parametrize(
    ("n", "parts", "expected"),
    [
        (10, (0.8, 0.2), [8, 2]), (10, (0.6, 0.2, 0.2), [6, 2, 2]), (1797, (0.8, 0.2), [1438, 359]),
        (100, (0.29, 0.71), [29, 71]), (100, [0.7, 0.2, 0.1], [70, 20, 10]), (3, (1 / 3, 1 / 3, 1 / 3), [1, 1, 1]),
        (7, (5, 2), [5, 2]), (7, np.array([3, 3, 1]), [3, 3, 1]), (7, np.array([0.5, 0.5]), [4, 3]), (2, (1, 1), [1, 1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stratified", [False, True])
def test_parts_have_the_sizes_asked_for(n, parts, expected, stratified):
    classes = np.arange(n) % 2 if n > 7 and stratified else None
    assert sizes(cr.data.split(np.arange(n), parts=parts, stratify=classes)) == expected


def test_a_split_is_in_random_order():
    (a,), (b,) = cr.data.split(np.arange(100))
    assert list(a) != sorted(a)
    assert list(b) != sorted(b)


def test_a_stratified_split_is_in_random_order():
    (a,), _ = cr.data.split(np.arange(100) // 50, stratify=np.arange(100) // 50)
    assert list(a) != sorted(a)


def test_each_class_is_dealt_out_in_the_random_order():
    classes = np.arange(300) % 3
    parts = cr.data.split(np.arange(300), parts=(0.4, 0.6), stratify=classes, seed=1)
    order = cr.random.Generator(1).permutation(300).numpy()
    for c in range(3):
        members = order[classes[order] == c].tolist()
        first, second = ([i for i in part.tolist() if classes[i] == c] for (part,) in parts)
        assert (first, second) == (members[:40], members[40:])


def test_the_same_seed_gives_the_same_split():
    a, b = (cr.data.split(np.arange(30), seed=5) for _ in range(2))
    assert all((x == y).all() for (x,), (y,) in zip(a, b, strict=True))


def test_other_seeds_give_other_splits():
    assert len({tuple(cr.data.split(np.arange(30), seed=seed)[1][0]) for seed in range(20)}) > 15


def test_a_seed_leaves_the_global_generator_alone_and_none_draws_from_it():
    state = cr.random.get_state()
    cr.data.split(np.arange(30), seed=5)
    assert cr.random.get_state() == state
    drawn = cr.data.split(np.arange(30))[0][0]
    cr.random.set_state(state)
    assert (cr.data.split(np.arange(30))[0][0] == drawn).all()


def test_every_example_is_equally_often_in_the_test_part():
    counts = np.zeros(10)
    for seed in range(600):
        counts[cr.data.split(np.arange(10), stratify=[0] * 7 + [1] * 3, parts=(0.7, 0.3), seed=seed)[1][0]] += 1
    # each class has its share exactly: 2 of 7 and 1 of 3 on average 600 · 2/7 and 600 / 3 times
    assert np.abs(counts[:7] - 600 * 2 / 7).max() < 5 * np.sqrt(600 * 2 / 7 * 5 / 7)
    assert np.abs(counts[7:] - 600 / 3).max() < 5 * np.sqrt(600 / 3 * 2 / 3)


def test_each_kind_of_array_stays_what_it_is():
    x = np.arange(10)
    ours = cr.data.split(x.tolist(), tuple(x.tolist()), x, cr.tensor(x), list("abcdefghij"))
    for a, b, c, d, e in ours:
        assert (type(a), type(b), type(c), type(d), type(e)) == (list, tuple, np.ndarray, cr.Tensor, list)
        assert a == list(b) == c.tolist() == d.tolist() == ["abcdefghij".index(letter) for letter in e]


def test_tables_stay_tables_with_their_text_and_labels():
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "name": list("abcd")}, index=[10, 20, 30, 40])
    y = pandas.Series([0, 1, 0, 1], index=x.index)
    parts = cr.data.split(x, y, parts=(2, 2), stratify=y)
    assert [(type(a), type(b)) for a, b in parts] == [(pandas.DataFrame, pandas.Series)] * 2
    assert [sorted(b.tolist()) for _, b in parts] == [[0, 1], [0, 1]]
    for a, b in parts:
        assert a.equals(x.loc[a.index])
        assert b.equals(y.loc[a.index])


def test_a_list_may_hold_anything():
    things = [object() for _ in range(4)]
    (a,), (b,) = cr.data.split(things, parts=(2, 2))
    assert {id(thing) for thing in a + b} == {id(thing) for thing in things}


def test_tensors_and_arrays_stay_on_their_device(device):
    x = cr.arange(10, device=device)
    for tensor, array in cr.data.split(x, x.data, stratify=x > 4):
        assert tensor.device == device
        assert type(array) is type(x.data)
        assert cr.asarray(array).tolist() == tensor.tolist()


def test_gradients_flow_back_through_a_split():
    x = cr.ones(10, requires_grad=True)
    (a,), (b,) = cr.data.split(x)
    (a.sum() * 2 + b.sum() * 3).backward()
    assert sorted(x.grad.tolist()) == [2.0] * 8 + [3.0] * 2


def counted(parts, classes):
    """Examples of each class in each part: (classes, parts)."""
    return np.array([[np.sum(np.equal(y, c)) for (y,) in parts] for c in classes])


@pytest.mark.parametrize("seed", range(30))
def test_a_stratified_split_keeps_the_share_of_each_class_to_within_one(seed):
    rng = np.random.default_rng(seed)
    classes, k = int(rng.integers(2, 12)), int(rng.integers(2, 5))
    y = np.repeat(np.arange(classes), rng.integers(20, 200, classes))
    parts = rng.uniform(0.2, 1, k)
    made = counted(cr.data.split(y, parts=parts / parts.sum(), stratify=y, seed=seed), range(classes))
    totals = made.sum(axis=0)
    assert np.abs(totals - parts / parts.sum() * len(y)).max() < 1
    assert np.abs(made - np.outer(np.bincount(y), totals) / len(y)).max() <= 1


@pytest.mark.parametrize("seed", range(30))
def test_a_class_with_as_many_examples_as_parts_is_in_every_part(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 5))
    y = np.repeat(np.arange(8), rng.integers(1, 9, 8))
    y = np.concatenate([y, np.full(200, 8)])
    made = counted(cr.data.split(y, parts=[1 - 0.1 * (k - 1)] + [0.1] * (k - 1), stratify=y, seed=seed), range(9))
    counts = np.bincount(y)
    assert (made.sum(axis=1) == counts).all()
    assert (made[counts >= k] > 0).all()


def test_each_class_is_split_as_nearly_as_whole_examples_allow():
    y = [0] * 13 + [1] * 7  # shares of 9.1 and 3.9, and of 4.9 and 2.1
    assert counted(cr.data.split(y, parts=(14, 6), stratify=y), range(2)).tolist() == [[9, 4], [5, 2]]


def test_room_for_rare_classes_is_made_by_the_common_one():
    y = [0] * 90 + [1] * 2 + [2] * 2 + [3] * 2 + [4] * 4
    made = counted(cr.data.split(y, parts=(94, 6), stratify=y), range(5))
    assert made.tolist() == [[88, 2], [1, 1], [1, 1], [1, 1], [3, 1]]


def test_room_for_rare_classes_is_made_by_the_common_ones_alike():
    y = np.repeat(np.arange(6), [48, 48, 2, 2, 2, 2])
    made = counted(cr.data.split(y, parts=(84, 20), stratify=y), range(6))
    assert made[:, 1].tolist() == [8, 8, 1, 1, 1, 1]


LABELS = {
    "words": list("aabbaabbab"),
    "array of words": np.array(list("aabbaabbab")),
    "booleans": np.array([True, False] * 5),
    "whole floats": np.array([0.0, 1.0] * 5),
    "a column": np.array([[0], [1]] * 5),
    "a tensor": cr.tensor([0, 1] * 5),
}


@pytest.mark.parametrize("kind", LABELS)
def test_classes_may_be(kind):
    labels = np.asarray(LABELS[kind]).ravel()
    (a,), (b,) = cr.data.split(np.arange(10), parts=(6, 4), stratify=LABELS[kind])
    assert [np.unique(labels[part], return_counts=True)[1].tolist() for part in (a, b)] == [[3, 3], [2, 2]]


BAD_SPLITS = {
    "nothing": (lambda: cr.data.split(), cr.ArgumentError, "split: needs at least one array"),
    "lengths": (lambda: cr.data.split([1, 2], np.ones((3, 1))), cr.ShapeError, r"same length .*\[\(2,\), \(3, 1\)\]"),
    "a number": (lambda: cr.data.split(3.0), cr.ShapeError, "same length along axis 0"),
    "empty": (lambda: cr.data.split([]), cr.ShapeError, "split: there are no examples"),
    "one part": (lambda: cr.data.split([1, 2], parts=(1.0,)), cr.ArgumentError, "at least two fractions"),
    "a number of parts": (lambda: cr.data.split([1, 2], parts=0.5), cr.ArgumentError, "at least two fractions"),
    "mixed": (lambda: cr.data.split([1, 2], parts=(1, 0.0)), cr.ArgumentError, "or whole numbers of examples"),
    "nan": (lambda: cr.data.split([1, 2], parts=(1.0, np.nan)), cr.ArgumentError, "or whole numbers of examples"),
    "words": (lambda: cr.data.split([1, 2], parts="ab"), cr.ArgumentError, "or whole numbers of examples"),
    "sum": (lambda: cr.data.split([1, 2], parts=(0.8, 0.3)), cr.ArgumentError, r"must sum to 1, .* sum to 1\.1"),
    "sum of counts": (lambda: cr.data.split([1, 2], parts=(2, 1)), cr.ArgumentError, "sum to the 2 examples, .* to 3"),
    "no test": (lambda: cr.data.split([1, 2], parts=(0.9, 0.1)), cr.ArgumentError, r"part 1 \(0.1\) of 2 examples has 0"),
    "negative": (lambda: cr.data.split([1, 2], parts=(3, -1)), cr.ArgumentError, r"part 1 \(-1\) of 2 examples has -1"),
    "labels": (lambda: cr.data.split([1, 2], parts=(1, 1), stratify=[0]), cr.ShapeError, r"each of the 2 examples, not the shape \(1,"),
    "measurements": (lambda: cr.data.split([1, 2], parts=(1, 1), stratify=[0.5, 1.0]), cr.ArgumentError, "classes, not measurements"),
    "missing labels": (lambda: cr.data.split([1, 2], parts=(1, 1), stratify=[np.nan, 1]), cr.ArgumentError, "classes, not measur"),
    "too small": (
        lambda: cr.data.split(range(9), parts=(7, 2), stratify=list("aaabbbccc")),
        cr.ArgumentError,
        r"part 1 has 2 examples, too few for one of each of the 3 classes: class [abc] \(3 examples\) finds no place",
    ),
    "seed": (lambda: cr.data.split([1, 2], parts=(1, 1), seed=-1), cr.ArgumentError, "seed: must be a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_SPLITS)
def test_a_split_that_cannot_be_is_refused(case):
    call, error, message = BAD_SPLITS[case]
    with pytest.raises(error, match=message):
        call()
