"""Metrics against scikit-learn on random predictions with ties and missing classes, by hand, and on what is undefined."""

import warnings

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule import metrics
from chainrule.optim import plateau

CASES = range(15)
AVERAGES = ["macro", "micro", "weighted", None]


@pytest.fixture
def oracle():
    """scikit-learn's metrics, without their warnings about classes that do not occur."""
    module = pytest.importorskip("sklearn.metrics")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield module


def labels(seed, classes=None):
    """(predicted, true) classes; in some cases, some of them never occur."""
    rng = np.random.default_rng(seed)
    classes = classes or int(rng.integers(2, 7))
    n = int(rng.integers(1, 40))
    return rng.integers(0, classes, n) // (1 + seed % 3), rng.integers(0, classes, n) // (1 + seed % 2)


def scores(seed, classes=None, ties=False):
    """(scores (n, K), true classes), each of which occurs."""
    rng = np.random.default_rng(seed)
    classes = classes or int(rng.integers(3, 7))
    y = rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, rng.integers(1, 40))]))
    raw = rng.normal(size=(len(y), classes))
    return (np.round(raw) if ties else raw), y


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


# ---- as scikit-learn


@pytest.mark.parametrize("seed", CASES)
def test_accuracy_is_that_of_scikit_learn(seed, oracle):
    predicted, true = labels(seed)
    assert metrics.accuracy(predicted, true) == pytest.approx(oracle.accuracy_score(true, predicted), abs=1e-15)
    z, y = scores(seed)
    assert metrics.accuracy(z, y) == pytest.approx(oracle.accuracy_score(y, z.argmax(axis=1)), abs=1e-15)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_averages_are_those_of_scikit_learn(name, average, seed, oracle):
    predicted, true = labels(seed)
    classes = range(max(predicted.max(), true.max(), 1) + 1)
    expected = getattr(oracle, f"{name}_score")(
        true, predicted, average=average, zero_division=0, labels=classes if average is None else None
    )
    np.testing.assert_allclose(getattr(metrics, name)(predicted, true, average=average), expected, atol=1e-14)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_binary_scores_are_those_of_scikit_learn(name, seed, oracle):
    predicted, true = labels(seed, 2)
    expected = getattr(oracle, f"{name}_score")(true, predicted, zero_division=0)
    assert getattr(metrics, name)(predicted, true) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("seed", CASES)
def test_the_confusion_matrix_is_that_of_scikit_learn(seed, oracle):
    predicted, true = labels(seed)
    expected = oracle.confusion_matrix(true, predicted, labels=range(8))
    assert metrics.confusion_matrix(predicted, true, classes=8).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [1, 2])
def test_top_k_is_that_of_scikit_learn(seed, ties, k, oracle):
    z, y = scores(seed, ties=ties)
    expected = oracle.top_k_accuracy_score(y, z, k=k, labels=range(z.shape[1]))
    assert metrics.top_k(z, y, k) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("ties", [False, True])
def test_roc_auc_of_two_classes_is_that_of_scikit_learn(seed, ties, oracle):
    z, y = scores(seed, 2, ties)
    expected = pytest.approx(oracle.roc_auc_score(y, z[:, 1]), abs=1e-14)
    assert metrics.roc_auc(z[:, 1], y) == expected
    assert metrics.roc_auc(z[:, 1:], y) == expected
    assert metrics.roc_auc(z[:, 1:], y[:, None]) == expected


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_roc_auc_of_probabilities_is_that_of_scikit_learn(seed, classes, oracle):
    z, y = scores(seed, classes, ties=True)
    p = softmax(z)
    expected = oracle.roc_auc_score(y, p if classes > 2 else p[:, 1], multi_class="ovr")
    assert metrics.roc_auc(p, y) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_roc_auc_of_logits_is_that_of_their_probabilities(seed, classes, oracle):
    z, y = scores(seed, classes)
    z -= (seed % 2) * z.min()  # in every other case, none is negative
    p = softmax(z)
    expected = oracle.roc_auc_score(y, p if classes > 2 else p[:, 1], multi_class="ovr")
    assert metrics.roc_auc(z, y) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("shape", [(1,), (30,), (30, 1), (30, 4)])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("mse", "mean_squared_error"), ("rmse", "root_mean_squared_error"), ("mae", "mean_absolute_error")],
)
def test_errors_are_those_of_scikit_learn(name, theirs, shape, seed, oracle):
    rng = np.random.default_rng(seed)
    y, prediction = rng.normal(5, 2, size=shape), rng.normal(5, 2, size=shape)
    if name == "rmse":  # theirs is the mean of the columns' roots
        y, prediction = y.ravel(), prediction.ravel()
    assert getattr(metrics, name)(prediction, y) == pytest.approx(getattr(oracle, theirs)(y, prediction), rel=1e-12)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("shape", [(2,), (30,), (30, 1), (30, 4)])
def test_r2_is_that_of_scikit_learn(seed, shape, oracle):
    rng = np.random.default_rng(seed)
    y = rng.normal(5, 2, size=shape)
    prediction = y + rng.normal(size=shape) * rng.uniform(0, 3)
    assert metrics.r2(prediction, y) == pytest.approx(oracle.r2_score(y, prediction), rel=1e-11)


@pytest.mark.parametrize(("value", "score"), [(0.1, 1.0), (0.2, 0.0), (1e300, 0.0)])
@pytest.mark.parametrize("count", [2, 3, 7, 10, 1000])
def test_r2_of_equal_targets_is_1_or_0_also_where_their_mean_is_rounded(value, score, count):
    with np.errstate(over="ignore"):
        assert metrics.r2([value] * count, [0.1] * count) == score


def test_r2_of_columns_without_variance_is_that_of_scikit_learn(oracle):
    y = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    prediction = np.array([[1.0, 1.5, 1.0], [1.0, 1.0, 1.5]])
    assert metrics.r2(prediction, y) == oracle.r2_score(y, prediction) == pytest.approx((1 + 0 + 0.5) / 3)


# ---- by hand

PREDICTED, TRUE = [1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0]  # TP 2, FP 1, FN 1, TN 2
BY_HAND = {
    "accuracy": (lambda: metrics.accuracy(PREDICTED, TRUE), 4 / 6),
    "precision": (lambda: metrics.precision([1, 1, 1, 1], [1, 1, 1, 0]), 3 / 4),
    "recall": (lambda: metrics.recall([1, 1, 0, 0, 0], [1, 1, 1, 1, 1]), 2 / 5),
    "f1": (lambda: metrics.f1(PREDICTED, TRUE), 2 / 3),
    "precision of nothing predicted": (lambda: metrics.precision([0, 0], [0, 1]), 0.0),
    "recall of nothing to find": (lambda: metrics.recall([0, 1], [0, 0]), 0.0),
    "f1 of nothing at all": (lambda: metrics.f1([0, 0], [0, 0]), 0.0),
    "top 2": (lambda: metrics.top_k([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]], [1, 2], k=2), 1 / 2),
    "top 1 with ties": (lambda: metrics.top_k([[1.0, 1.0], [1.0, 1.0]], [0, 1], k=1), 1 / 2),
    "roc_auc": (lambda: metrics.roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 3 / 4),
    "roc_auc, all equal": (lambda: metrics.roc_auc([0.5] * 4, [0, 0, 1, 1]), 1 / 2),
    "roc_auc, perfect": (lambda: metrics.roc_auc([-3.0, 2.0], [0, 1]), 1.0),
    "roc_auc, the wrong way": (lambda: metrics.roc_auc([2.0, -3.0], [0, 1]), 0.0),
    "roc_auc of logits that round to 1": (lambda: metrics.roc_auc([[0, 50.0], [0, 60.0], [0, 0.0]], [0, 1, 0]), 1.0),
    "r2 of the mean": (lambda: metrics.r2([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]), 0.0),
    "r2, perfect": (lambda: metrics.r2([1.0, 2.0], [1.0, 2.0]), 1.0),
    "r2, worse than the mean": (lambda: metrics.r2([3.0, 2.0, 1.0], [1.0, 2.0, 3.0]), -3.0),
    "mse": (lambda: metrics.mse([1.0, 2.0, 3.0], [1.0, 4.0, 0.0]), 13 / 3),
    "rmse": (lambda: metrics.rmse([1.0, 2.0], [4.0, 6.0]), 12.5**0.5),
    "mae": (lambda: metrics.mae([1.0, 2.0, 3.0], [1.0, 4.0, 0.0]), 5 / 3),
    "mse of whole numbers": (lambda: metrics.mse(np.array([0, 200], "u1"), np.array([1, 100], "u1")), 10001 / 2),
    "mae of columns": (lambda: metrics.mae([[1.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]), 1.0),
    "logits": (lambda: metrics.accuracy([-1.0, 0.2, 3.0], [0, 0, 1], threshold=0), 2 / 3),
    "probabilities": (lambda: metrics.accuracy([[0.5], [0.6]], [[0], [1]], threshold=0.5), 1.0),
    "probabilities, a flat target": (lambda: metrics.accuracy([[0.5], [0.6]], [0, 1], threshold=0.5), 1.0),
    "f1 of logits": (lambda: metrics.f1([-1.0, 0.2, 3.0, -4.0], [0, 0, 1, 1], threshold=0), 1 / 2),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_the_number_is_that_computed_by_hand(case):
    compute, expected = BY_HAND[case]
    assert compute() == pytest.approx(expected, abs=1e-15)
    assert type(compute()) is float


def test_rows_of_the_confusion_matrix_are_the_truth_and_columns_the_prediction():
    made = metrics.confusion_matrix([1, 1, 2], [0, 1, 1])
    assert made.tolist() == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert made.dtype == np.int64


def test_the_confusion_matrix_has_a_row_for_each_score():
    assert metrics.confusion_matrix(np.eye(4)[[1, 0]], [1, 0]).shape == (4, 4)


def test_one_number_for_each_class_is_indexed_by_class():
    recall = metrics.recall(np.eye(5)[[3, 3, 1]], [3, 1, 1], average=None)
    assert recall.tolist() == [0, 0.5, 0, 1, 0]


# ---- what may be given


def forms(device):
    z = [[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]
    return {
        "lists": (z, [1, 1, 0]),
        "arrays": (np.array(z), np.array([1, 1, 0])),
        "float32": (np.array(z, "f"), np.array([1, 1, 0], "u1")),
        "whole floats": (np.array(z), np.array([1.0, 1.0, 0.0])),
        "booleans": (np.array(z), np.array([True, True, False])),
        "tensors": (cr.tensor(z, device=device), cr.tensor([1, 1, 0], device=device)),
        "tensors with gradient": (cr.tensor(z, device=device, requires_grad=True), cr.tensor([1, 1, 0], device=device)),
        "device arrays": (cr.tensor(z, device=device).data, cr.tensor([1, 1, 0], device=device).data),
        "a device and a list": (cr.tensor(z, device=device), [1, 1, 0]),
    }


@pytest.mark.parametrize("form", forms("cpu"))
def test_predictions_and_targets_may_be(form, device):
    prediction, target = forms(device)[form]
    assert metrics.accuracy(prediction, target) == pytest.approx(1 / 3)
    assert metrics.f1(prediction, target) == pytest.approx(0.5)
    assert metrics.roc_auc(prediction, target) == 0.5
    assert metrics.top_k(prediction, target, k=1) == pytest.approx(1 / 3)
    assert metrics.confusion_matrix(prediction, target).tolist() == [[0, 1], [1, 1]]


def test_r2_takes_tensors_of_a_device(device):
    y = cr.tensor([[1.0], [3.0]], device=device)
    assert metrics.r2(y + 1, y) == 0.0


def test_predictions_and_targets_may_be_a_series():
    pandas = pytest.importorskip("pandas")
    truth = pandas.Series([0, 1, 1], index=[7, 8, 9])
    assert metrics.accuracy(pandas.DataFrame({"a": [0.9, 0.2, 0.8], "b": [0.1, 0.8, 0.2]}), truth) == 2 / 3
    assert metrics.mae(pandas.Series([1.0, 1.0, 1.0]), truth) == 1 / 3


def test_a_metric_transfers_each_of_its_arguments_once(strict):
    prediction, target = cr.tensor([[0.1, 0.9], [0.8, 0.2]], device=strict), cr.tensor([1, 1], device=strict)
    for name in ("accuracy", "top_k", "f1", "roc_auc"):
        with device_double.counting() as seen:
            getattr(metrics, name)(
                prediction, [0, 1] if name == "roc_auc" else target, **{"k": 1} if name == "top_k" else {}
            )
        assert seen.waits.total() <= 2


def test_more_axes_than_one_of_examples_are_counted_together():
    z = np.eye(3)[[[0, 1], [2, 0]]]
    assert metrics.accuracy(z, [[0, 1], [1, 1]]) == 0.5
    assert metrics.top_k(z, [[0, 1], [1, 1]], k=1) == 0.5
    assert metrics.confusion_matrix(z, [[0, 1], [1, 1]]).sum() == 4


def test_scores_of_minus_infinity_rule_a_class_out():
    assert metrics.accuracy([[-np.inf, 0.0], [-np.inf, 1.0]], [1, 0]) == 0.5


def test_integers_are_classes_and_with_a_threshold_scores():
    assert metrics.accuracy([0, 2, 1], [0, 2, 2]) == pytest.approx(2 / 3)
    assert metrics.accuracy([0, 5, 9], [0, 0, 1], threshold=7) == 1.0


# ---- what is refused

Z = [[0.1, 0.9], [0.8, 0.2]]
THRESHOLD = "does not say where class 1 begins; give threshold=0 for logits, threshold=0.5 for probabilities"
BAD = {
    "a single score": (lambda: metrics.accuracy([0.2, 0.7], [0, 1]), cr.ArgumentError, THRESHOLD),
    "a column of scores": (lambda: metrics.f1(np.ones((2, 1)), [0, 1]), cr.ArgumentError, THRESHOLD),
    "a target of scores": (lambda: metrics.accuracy(Z, Z), cr.DtypeError, "target: class indices are whole numbers"),
    "a one-hot target": (lambda: metrics.accuracy(Z, np.eye(2)), cr.ArgumentError, THRESHOLD),
    "threshold of many": (lambda: metrics.accuracy(Z, [0, 1], threshold=0), cr.ArgumentError, "not for scores of 2 cl"),
    "length": (lambda: metrics.precision([0, 1, 1], [0, 1]), cr.ShapeError, r"index for each row, \(3,\), not \(2,\)"),
    "a column as target": (lambda: metrics.recall(Z, [[0], [1]]), cr.ShapeError, r"each row, \(2,\), not \(2, 1\)"),
    "a row and a column": (lambda: metrics.f1([0, 1], [[0], [1]]), cr.ShapeError, r"each row, \(2,\), not \(2, 1\)"),
    "nothing": (lambda: metrics.accuracy([], []), cr.ShapeError, "accuracy: there are no examples"),
    "no rows": (lambda: metrics.accuracy(np.ones((0, 3)), []), cr.ShapeError, "accuracy: there are no examples"),
    "a class too many": (lambda: metrics.accuracy(Z, [0, 2]), cr.ArgumentError, "holds class 2, but there are scores for 2"),
    "a negative class": (lambda: metrics.f1([0, 1], [-1, 1]), cr.ArgumentError, "target: class indices begin at 0, given -1"),
    "half a class": (lambda: metrics.f1([0, 1], [0.5, 1]), cr.DtypeError, "target: class indices are whole numbers"),
    "an infinite class": (lambda: metrics.f1([0, 1], [np.inf, 1]), cr.DtypeError, "class indices are whole numbers"),
    "words": (lambda: metrics.f1(["a"], ["a"]), cr.DtypeError, "f1: prediction: needs numbers"),
    "NaN in a row": (lambda: metrics.accuracy([[0, np.nan], [1, 0]], [0, 0]), cr.ArgumentError, r"1 of 4 values are NaN: row 0 \(column 1\)"),
    "NaN in the target": (lambda: metrics.f1([0, 1], [0, np.nan]), cr.ArgumentError, "target: 1 of 2 values are NaN: row 1"),
    "NaN with a threshold": (lambda: metrics.accuracy([np.nan], [0], threshold=0), cr.ArgumentError, "are NaN: row 0"),
    "NaN in top_k": (lambda: metrics.top_k([[0, np.nan]], [0], 1), cr.ArgumentError, "top_k: prediction: 1 of 2 values are"),
    "NaN in roc_auc": (lambda: metrics.roc_auc([0, np.nan], [0, 1]), cr.ArgumentError, "roc_auc: prediction: 1 of 2 values"),
    "infinity in roc_auc": (lambda: metrics.roc_auc([0, np.inf], [0, 1]), cr.ArgumentError, "prediction: 1 value is not fin"),
    "NaN in r2": (lambda: metrics.r2([0, np.nan], [0.0, 1.0]), cr.ArgumentError, "r2: prediction: 1 of 2 values are NaN"),
    "infinity in r2": (lambda: metrics.r2([0.0, 1.0], [0, np.inf]), cr.ArgumentError, "r2: target: 1 value is not finite"),
    "binary of three": (lambda: metrics.f1([0, 1, 2], [0, 1, 2]), cr.ArgumentError, "there are 3; choose 'macro', 'micro'"),
    "average": (lambda: metrics.f1([0, 1], [0, 1], average="mean"), cr.ArgumentError, "unknown average 'mean': choose one"),
    "k = K": (lambda: metrics.top_k(Z, [0, 1], 2), cr.ArgumentError, r"k \(fewer than the 2 classes\) must be a whole number in \[1, 1\], not 2"),
    "k = 0": (lambda: metrics.top_k(Z, [0, 1], 0), cr.ArgumentError, "must be a whole number in"),
    "k = 1.0": (lambda: metrics.top_k(Z, [0, 1], 1.0), cr.ArgumentError, "must be a whole number in"),
    "top_k of classes": (lambda: metrics.top_k([0, 1], [0, 1]), cr.ShapeError, r"top_k: needs scores \(n, K\) and class"),
    "top_k of one-hot": (lambda: metrics.top_k(Z, Z), cr.ShapeError, r"top_k: needs scores .*\(2, 2\) and \(2, 2\)"),
    "classes too few": (lambda: metrics.confusion_matrix([0, 3], [1, 0], classes=3), cr.ArgumentError, r"classes \(more than the largest class index\) must be a whole number of at least 4, not 3"),
    "classes no number": (lambda: metrics.confusion_matrix([0, 1], [1, 0], classes=[0, 1]), cr.ArgumentError, "must be a whole number of at least 2"),
    "only class 1": (lambda: metrics.roc_auc([0.1, 0.2], [1, 1]), cr.ArgumentError, "undefined, for the target holds no class 0"),
    "only class 0": (lambda: metrics.roc_auc([0.1, 0.2], [0, 0]), cr.ArgumentError, "undefined, for the target holds only class 0"),
    "no class 2": (lambda: metrics.roc_auc(np.eye(3)[[0, 1]], [0, 1]), cr.ArgumentError, "the target holds no class 2"),
    "a third class": (lambda: metrics.roc_auc([0.1, 0.2, 0.3], [0, 1, 2]), cr.ArgumentError, "for the classes 0 and 1, not 2"),
    "roc_auc of one-hot": (lambda: metrics.roc_auc(Z, Z), cr.ShapeError, r"roc_auc: needs scores .*\(2, 2\) and \(2, 2\)"),
    "r2 of shapes": (lambda: metrics.r2(np.ones((3, 1)), np.ones(3)), cr.ShapeError, r"same shape, .* given \(3, 1\) and \(3,\)"),
    "r2 of one": (lambda: metrics.r2([1.0], [1.0]), cr.ArgumentError, "r2: undefined for one example"),
    "r2 of nothing": (lambda: metrics.r2([], []), cr.ShapeError, r"r2: prediction and target must have the same shape"),
    "mse of shapes": (lambda: metrics.mse(np.ones((3, 1)), np.ones(3)), cr.ShapeError, r"mse: .* given \(3, 1\) and \(3,\)"),
    "mae of nothing": (lambda: metrics.mae([], []), cr.ShapeError, "mae: prediction and target must have the same shape"),
    "NaN in rmse": (lambda: metrics.rmse([0, np.nan], [0, 1]), cr.ArgumentError, "rmse: prediction: 1 of 2 values are NaN"),
    "infinity in mse": (lambda: metrics.mse([0, 1], [0, np.inf]), cr.ArgumentError, "mse: target: 1 value is not finite"),
    "a mask": (lambda: metrics.accuracy(np.ma.array([0, 1]), [0, 1]), cr.DtypeError, "would lose its mask"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_has_no_right_answer_is_refused(case):
    compute, error, message = BAD[case]
    with pytest.raises(error, match=message):
        compute()


# ---- by name


@pytest.mark.parametrize("name", list(metrics.METRICS))
def test_a_metric_can_be_asked_for_by_name(name):
    assert metrics.metric(name) is metrics.METRICS[name] is getattr(metrics, name)


def test_lower_is_better_of_errors_and_higher_of_scores():
    guess, truth = [0, 1, 1, 0], [0, 1, 0, 1]
    scores = {name: {"threshold": 0.5} for name in ("accuracy", "precision", "recall", "f1")} | {
        "roc_auc": {},
        "r2": {},
    }
    for name, options in (scores | dict.fromkeys(plateau.LOWER_IS_BETTER, {})).items():
        measure = lambda p, metric=metrics.METRICS[name], options=options: metric(np.array(p, float), truth, **options)
        assert (measure(truth) < measure(guess)) == (name in plateau.LOWER_IS_BETTER), name
    assert {*scores, *plateau.LOWER_IS_BETTER, "top_k"} == {*metrics.METRICS}
    assert {*metrics.METRICS} == plateau.HIGHER_IS_BETTER | plateau.LOWER_IS_BETTER


def test_all_metrics_are_exported():
    assert {*metrics.METRICS, "confusion_matrix"} < {*metrics.__all__}


def test_a_function_is_a_metric_of_its_own():
    assert metrics.metric(max) is max


def test_an_unknown_metric_is_refused_with_those_that_exist():
    with pytest.raises(cr.ArgumentError, match=r"unknown metric 'acc': choose one of 'accuracy', 'f1', .* 'top_k'"):
        metrics.metric("acc")


# ---- numbers of any size


@pytest.mark.parametrize("size", [1e200, 1e-200, 4e307, 5e-324])
def test_measures_of_an_error_are_right_where_squares_overflow_or_vanish(size):
    prediction, target = np.array([3.0, -4.0]) * size, np.zeros(2)
    assert metrics.rmse(prediction, target) == pytest.approx(12.5**0.5 * size, rel=1e-15)
    assert metrics.mae(prediction, target) == pytest.approx(3.5 * size, rel=1e-15)
    with np.errstate(over="ignore"):
        assert metrics.mse(prediction, target) == np.float64(12.5) * size * size


def test_an_error_larger_than_all_floats_may_have_a_mean_that_is_not():
    prediction, target = np.array([1e308, 0, 0, 0]), np.array([-1e308, 0, 0, 0])
    assert metrics.rmse(prediction, target) == 1e308
    assert metrics.mae(prediction, target) == 5e307
    assert metrics.mse([1.2e154, 0], [0, 0]) == pytest.approx(7.2e307, rel=1e-15)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_r2_does_not_depend_on_the_size_of_numbers(size):
    prediction, target = np.array([[1.0, 5.0], [2.5, 6.0], [3.0, 9.0]]), np.array([[1.0, 4.0], [2.0, 7.0], [4.0, 9.0]])
    sizes = [size, 1 / size]
    assert metrics.r2(prediction * sizes, target * sizes) == pytest.approx(metrics.r2(prediction, target), rel=1e-14)


def test_top_k_of_three_axes_counts_every_row():
    scores = np.random.default_rng(0).normal(size=(2, 5, 4))
    target = np.random.default_rng(1).integers(0, 4, (2, 5))
    hits = [t in np.argsort(row)[-2:] for row, t in zip(scores.reshape(-1, 4), target.ravel(), strict=True)]
    assert metrics.top_k(scores, target, k=2) == np.mean(hits)
