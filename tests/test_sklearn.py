"""chainrule.sklearn: scikit-learn's own checks, its tools, and its own networks as the oracle."""

import copy
import doctest
import importlib
import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("sklearn", minversion="1.6")

import joblib
from sklearn import neural_network
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from chainrule.sklearn import MLPClassifier, MLPRegressor

BOTH = pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
QUICK = {"learning_rate": 0.03, "max_epochs": 20}


def quick(kind=MLPClassifier, **options):
    """An estimator whose training takes milliseconds, and is the same each time."""
    return kind(**{"hidden_layer_sizes": (8,), "random_state": 0} | QUICK | options)


def blobs(n=60, centers=3):
    return make_blobs(n, centers=centers, cluster_std=0.5, random_state=0)


X, Y = blobs()


def outputs(estimator, x=X):
    """The numbers behind the predictions: they tell networks apart that agree on every class."""
    return estimator.predict_proba(x) if is_classifier(estimator) else estimator.predict(x)


def weights(estimator):
    return [p.numpy() for p in estimator.model_.parameters()]


def partial(estimator):
    """The estimator after an epoch of partial_fit."""
    return estimator.partial_fit(X, Y, **({"classes": np.unique(Y)} if is_classifier(estimator) else {}))


class Watch(cr.Callback):
    """Keeps the run that it takes part in."""

    def on_start(self, run):
        self.run = run


# ---- scikit-learn's checks


@parametrize_with_checks(
    [
        MLPClassifier(**QUICK),
        MLPRegressor(**QUICK),
        MLPClassifier((16,), **QUICK, early_stopping=True, dropout=0.1, optimizer="adamw", weight_decay=0.01),
        MLPRegressor((16, 16), **QUICK, early_stopping=True, dtype="float64", batch_size=None),
    ]
)
def test_scikit_learns_check_passes(estimator, check):
    check(estimator)


def test_the_check_that_needs_an_environment_variable_passes():
    if not any("array_api" in str(check) for _, check in estimator_checks_generator(MLPClassifier())):
        pytest.skip("this version of scikit-learn has no such check")
    code = """
    from sklearn.utils.estimator_checks import estimator_checks_generator
    from chainrule.sklearn import MLPClassifier, MLPRegressor
    for kind in (MLPClassifier, MLPRegressor):
        for estimator, check in estimator_checks_generator(kind(max_epochs=2)):
            if "array_api" in str(check):
                check(estimator)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"SCIPY_ARRAY_API": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


# ---- it learns


def test_the_digits_are_learned():
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, random_state=0, stratify=y)
    model = MLPClassifier((64,), learning_rate=3e-3, batch_size=64, max_epochs=15, dtype="float32", random_state=0)
    assert model.fit(x, y).score(x_test, y_test) > 0.95


def test_two_moons_are_told_apart():
    x, y = make_moons(200, noise=0.1, random_state=0)
    assert MLPClassifier((16, 16), learning_rate=0.02, random_state=0).fit(x, y).score(x, y) > 0.97


def test_a_network_without_hidden_layers_is_a_linear_model():
    x = np.linspace(-1, 1, 50).reshape(-1, 1)
    model = MLPRegressor((), learning_rate=0.1, max_epochs=300, random_state=0).fit(x, 3 * x[:, 0] - 1)
    assert model.predict([[0.0], [1.0]]) == pytest.approx([-1, 2], abs=1e-3)


def test_several_outputs_are_learned_together():
    x = np.linspace(-1, 1, 50).reshape(-1, 1)
    y = np.hstack([x**2, -x])
    model = MLPRegressor((32,), activation="tanh", learning_rate=0.03, random_state=0).fit(x, y)
    assert model.predict(x).shape == (50, 2)
    assert model.score(x, y) > 0.99


@pytest.mark.parametrize("names", [["a", "b", "c"], np.array(["x", "yy", "z"], object), [10, 5, -3], [0.0, 1.0, 2.0]])
def test_labels_of_any_kind_are_predicted(names):
    y = np.asarray(names)[Y]
    model = quick().fit(X, y)
    assert (model.predict(X) == y).mean() > 0.95
    assert model.classes_.tolist() == sorted(names)


def test_a_single_class_is_always_predicted():
    assert set(quick(early_stopping=True).fit(X, ["only"] * len(X)).predict(X)) == {"only"}


def test_log_probabilities_are_exact_where_probabilities_round_to_0():
    model = quick().fit(X, Y)
    far = model.predict_log_proba(X * 1e4)
    assert np.isfinite(far).all()
    assert far.min() < -1000


# ---- scikit-learn's networks as the oracle


def twin(ours, kind, **options):
    """scikit-learn's network with the weights of ours."""
    theirs = partial(kind(hidden_layer_sizes=ours.hidden_layer_sizes, **options))
    theirs.coefs_ = weights(ours)[::2]
    theirs.intercepts_ = weights(ours)[1::2]
    return theirs


@pytest.mark.parametrize(("activation", "theirs"), [("relu", "relu"), ("tanh", "tanh"), ("sigmoid", "logistic")])
def test_probabilities_are_those_of_scikit_learns_network_with_the_same_weights(activation, theirs):
    ours = quick(activation=activation).fit(X, Y)
    oracle = twin(ours, neural_network.MLPClassifier, activation=theirs)
    np.testing.assert_allclose(ours.predict_proba(X), oracle.predict_proba(X), rtol=1e-10, atol=1e-14)


def test_predicted_numbers_are_those_of_scikit_learns_network_with_the_same_weights():
    ours = quick(MLPRegressor).fit(X, Y)
    np.testing.assert_allclose(ours.predict(X), twin(ours, neural_network.MLPRegressor).predict(X), rtol=1e-10)


def test_a_step_is_that_of_scikit_learns_network_where_alpha_is_the_weight_decay_of_the_batch():
    alpha, n = 0.6, len(X)
    ours = quick(optimizer="sgd", learning_rate=0.1, batch_size=None, weight_decay=alpha / n)
    partial(ours)
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.1, "batch_size": n, "nesterovs_momentum": False}
    # scikit-learn's optimiser keeps the arrays that it was made with, so they are filled instead of replaced
    theirs = partial(neural_network.MLPClassifier((8,), alpha=alpha, **options))
    for own, value in zip(theirs.coefs_ + theirs.intercepts_, weights(ours)[::2] + weights(ours)[1::2], strict=True):
        own[...] = value
    before = weights(ours)
    ours.partial_fit(X, Y)
    theirs.partial_fit(X, Y)
    for start, now, expected in zip(before[::2], weights(ours)[::2], theirs.coefs_, strict=True):
        assert np.abs(now - start).max() > 1e-3
        np.testing.assert_allclose(now, expected, rtol=1e-9, atol=1e-12)
    for now, expected in zip(weights(ours)[1::2], theirs.intercepts_, strict=True):
        np.testing.assert_allclose(now, expected, rtol=1e-9, atol=1e-12)


# ---- validation and early stopping


def test_early_stopping_leaves_the_weights_of_the_epoch_with_the_lowest_validation_loss():
    x, y = make_moons(80, noise=0.4, random_state=0)
    xv, yv = make_moons(80, noise=0.4, random_state=1)
    model = MLPClassifier((32,), learning_rate=0.05, early_stopping=True, random_state=0, n_iter_no_change=5)
    model.fit(x, y, validation_data=(xv, yv))
    losses = model.history_["val_loss"]
    assert model.n_iter_ == len(losses) == model.best_epoch_ + 5 < 200
    assert losses[model.best_epoch_ - 1] == min(losses)
    assert -model.predict_log_proba(xv)[np.arange(80), yv].mean() == pytest.approx(min(losses), rel=1e-9)


def test_an_epoch_must_be_better_by_tol():
    model = quick(early_stopping=True, tol=1e9, n_iter_no_change=3).fit(X, Y)
    assert (model.n_iter_, model.best_epoch_) == (4, 1)


def test_a_held_out_part_has_each_classs_share():
    y = np.array(["a"] * 40 + ["b"] * 20)
    watch = Watch()
    quick(early_stopping=True, validation_fraction=0.25, fit_options={"callbacks": [watch]}).fit(X, y)
    held_out, trained_on = watch.run.validation["val"][1].numpy(), watch.run.batches.arrays[1].numpy()
    assert np.bincount(held_out).tolist() == [10, 5]
    assert np.bincount(trained_on).tolist() == [30, 15]


def test_a_held_out_part_has_an_example_of_every_class_however_small_it_is():
    watch = Watch()
    quick(early_stopping=True, fit_options={"callbacks": [watch]}).fit(X[:12], Y[:12])
    assert sorted(watch.run.validation["val"][1].tolist()) == [0, 1, 2]


def test_without_early_stopping_all_epochs_are_trained_and_the_validation_is_only_recorded():
    xv, yv = blobs(30)
    model = quick().fit(X, Y, validation_data=(xv, yv))
    assert model.n_iter_ == 20
    assert model.history_[-1]["val_accuracy"] == model.score(xv, yv)
    np.testing.assert_array_equal(outputs(model), outputs(quick().fit(X, Y)))


def test_validation_data_reach_the_last_step_of_a_pipeline():
    model = make_pipeline(StandardScaler(), quick()).fit(X, Y, mlpclassifier__validation_data=(X, Y))
    assert len(model[-1].history_["val_loss"]) == 20


def test_the_loss_curve_is_that_of_the_history():
    model = quick().fit(X, Y)
    assert model.loss_curve_ == model.history_["loss"]
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.best_epoch_ is None


# ---- randomness


@BOTH
def test_the_same_random_state_gives_the_same_network(kind):
    a, b = (quick(kind, dropout=0.2, early_stopping=True).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(outputs(a), outputs(b))


@pytest.mark.parametrize("states", [(0, 1), (None, None)])
def test_other_random_states_give_other_networks(states):
    a, b = (quick(random_state=state).fit(X, Y) for state in states)
    assert np.abs(outputs(a) - outputs(b)).max() > 1e-6


def test_a_random_state_object_is_drawn_from():
    states = np.random.RandomState(5), np.random.RandomState(5)
    a, b = (quick(random_state=state).fit(X, Y) for state in states)
    again = quick(random_state=states[0]).fit(X, Y)
    np.testing.assert_array_equal(outputs(a), outputs(b))
    assert np.abs(outputs(a) - outputs(again)).max() > 1e-6


@pytest.mark.parametrize("random_state", [0, None])
def test_no_global_generator_is_disturbed(random_state):
    before = cr.random.get_state(), np.random.get_state()[1:3]
    quick(dropout=0.2, early_stopping=True, random_state=random_state).fit(X, Y).predict(X)
    after = cr.random.get_state(), np.random.get_state()[1:3]
    assert after[0] == before[0]
    np.testing.assert_array_equal(after[1][0], before[1][0])
    assert after[1][1] == before[1][1]


def test_no_global_generator_is_listened_to():
    results = []
    for seed in (1, 2):
        cr.random.seed(seed)
        np.random.seed(seed)
        results.append(outputs(quick(dropout=0.2, early_stopping=True).fit(X, Y)))
    np.testing.assert_array_equal(*results)


def test_training_in_threads_gives_what_training_one_after_the_other_gives():
    train = lambda seed: outputs(quick(dropout=0.2, random_state=seed, max_epochs=40).fit(X, Y))
    alone = [train(seed) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(train, range(6))), alone)


# ---- partial_fit


@BOTH
def test_n_calls_of_partial_fit_are_n_epochs_of_fit(kind):
    whole, parts = quick(kind, max_epochs=4, dropout=0.2).fit(X, Y), quick(kind, dropout=0.2)
    for _ in range(4):
        partial(parts)
    np.testing.assert_array_equal(outputs(parts), outputs(whole))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.history_["epoch"] == [1, 2, 3, 4]


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_training_goes_on_from_a_copy_as_from_the_original(copied):
    model = quick(dropout=0.2, learning_rate=cr.optim.schedule.cosine(0.05, 10)).fit(X, Y)
    other = copied(model)
    np.testing.assert_array_equal(outputs(partial(other)), outputs(partial(model)))
    assert model.history_[-1]["epoch"] == 21


def test_classes_may_come_one_after_the_other():
    model = quick()
    for _ in range(60):
        for label in (0, 1, 2):
            model.partial_fit(X[label == Y], Y[label == Y], classes=[0, 1, 2])
    assert model.score(X, Y) > 0.9


def test_the_first_partial_fit_needs_the_classes():
    with pytest.raises(cr.ArgumentError, match="first call needs classes"):
        quick().partial_fit(X, Y)


def test_the_classes_of_partial_fit_must_not_change():
    with pytest.raises(cr.ArgumentError, match=r"must stay .*\[0, 1, 2\], not \[0, 1\]"):
        partial(quick()).partial_fit(X, Y, classes=[0, 1])


@pytest.mark.parametrize("train", [lambda m: m.partial_fit(X, Y + 2), lambda m: m.fit(X, Y, (X, Y + 2))])
def test_labels_that_no_one_spoke_of_are_refused(train):
    with pytest.raises(cr.ArgumentError, match=r"among \[0, 1, 2\], given \[3, 4\] too"):
        train(partial(quick()))


def test_another_number_of_outputs_is_refused():
    with pytest.raises(cr.ShapeError, match="needs 1 numbers for each example, .* given 2"):
        partial(quick(MLPRegressor)).partial_fit(X, X)


# ---- scikit-learn's tools


def test_a_pipeline_scales_first():
    assert make_pipeline(StandardScaler(), quick()).fit(1e4 * X, Y).score(1e4 * X, Y) > 0.95


def test_a_grid_search_chooses():
    grid = {"hidden_layer_sizes": [(), (16,)], "optimizer": ["adam", "sgd"], "learning_rate": [0.05]}
    x, y = make_moons(80, noise=0.05, random_state=0)
    search = GridSearchCV(quick(max_epochs=60), grid, cv=2).fit(x, y)
    assert search.best_params_ == {"hidden_layer_sizes": (16,), "optimizer": "adam", "learning_rate": 0.05}
    assert search.best_estimator_.history_["epoch"][-1] == 60


def test_cross_validation_in_other_processes_gives_what_it_gives_here():
    np.testing.assert_array_equal(
        cross_val_score(quick(max_epochs=3), X, Y, cv=2, n_jobs=2), cross_val_score(quick(max_epochs=3), X, Y, cv=2)
    )


@BOTH
def test_a_clone_is_untrained_and_has_the_same_parameters(kind):
    model = quick(kind, optimizer_options={"betas": (0.8, 0.99)}).fit(X, Y)
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "model_")


def _through_joblib(model, folder):
    joblib.dump(model, folder / "model")
    return joblib.load(folder / "model")


COPIES = {
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "joblib": _through_joblib,
}


@BOTH
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_predicts_the_same(kind, copied, tmp_path):
    model = quick(kind, early_stopping=True, dropout=0.1).fit(X, Y)
    other = copied(model, tmp_path)
    np.testing.assert_array_equal(outputs(other), outputs(model))
    assert other.history_ == model.history_
    assert other.best_epoch_ == model.best_epoch_


def test_the_history_of_a_copy_is_a_history():
    assert isinstance(copy.deepcopy(quick().fit(X, Y)).history_, cr.History)


# ---- parameters


@pytest.mark.parametrize(
    "optimizer", ["nadam", "NAdam", cr.optim.NAdam, lambda params, **options: cr.optim.NAdam(params, **options)]
)
def test_an_optimizer_is_a_name_a_class_or_a_function(optimizer):
    expected = quick(optimizer=cr.optim.NAdam).fit(X, Y)
    np.testing.assert_array_equal(outputs(quick(optimizer=optimizer).fit(X, Y)), outputs(expected))


def test_without_a_learning_rate_the_optimizer_takes_its_own():
    assert quick(learning_rate=None, optimizer="nadam").fit(X, Y).history_[-1]["lr"] == 2e-3


def test_a_learning_rate_may_be_a_schedule():
    model = quick(learning_rate=lambda step: 0.01 / (1 + step), batch_size=None).fit(X, Y)
    assert model.history_["lr"] == pytest.approx([0.01 / (1 + epoch) for epoch in range(20)])


def test_a_schedule_that_observes_results_is_not_used_up():
    plateau = cr.optim.schedule.ReduceOnPlateau(0.1, monitor="loss", patience=1, min_delta=1e9)
    a, b = (quick(learning_rate=plateau).fit(X, Y) for _ in range(2))
    assert a.history_["lr"] == b.history_["lr"]
    assert a.history_["lr"][-1] < 0.1 == plateau(0)


def test_options_reach_the_optimizer():
    watch = Watch()
    quick(optimizer_options={"betas": (0.5, 0.6)}, fit_options={"callbacks": watch}).fit(X, Y)
    assert watch.run.optimizer.groups[0]["betas"] == (0.5, 0.6)


def test_weights_decay_and_biases_do_not():
    watch = Watch()
    model = quick(weight_decay=0.1, fit_options={"callbacks": watch}).fit(X, Y)
    decayed, free = watch.run.optimizer.groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert [p.ndim for p in decayed["params"] + free["params"]] == [2, 2, 1, 1]
    assert len(model.model_.parameters()) == 4


@pytest.mark.parametrize(
    ("batch_size", "n", "steps"), [("auto", 450, 3), ("auto", 60, 1), (None, 450, 1), (50, 450, 9)]
)
def test_a_batch_has_the_size_that_was_asked_for(batch_size, n, steps):
    watch = Watch()
    quick(batch_size=batch_size, max_epochs=1, fit_options={"callbacks": watch}).fit(*blobs(n))
    assert watch.run.step == steps


@pytest.mark.parametrize(
    ("given", "dtype", "used"),
    [("float64", None, "float64"), ("float32", None, "float32"), ("int32", None, "float64"),
     ("float64", "float32", "float32"), ("float32", np.float64, "float64")],
)  # fmt: skip
def test_the_network_has_the_dtype_that_was_asked_for_or_that_of_the_data(given, dtype, used):
    model = quick(dtype=dtype).fit(X.astype(given), Y)
    assert {w.dtype.name for w in weights(model)} == {used}
    assert model.predict_proba(X).dtype == used


def test_the_layers_and_dropouts_are_those_asked_for():
    model = MLPClassifier((5, 4), "tanh", dropout=0.2, input_dropout=0.1, max_epochs=1).fit(X, Y).model_
    assert [p.shape for p in model.parameters()] == [(2, 5), (5,), (5, 4), (4,), (4, 3), (3,)]
    assert [layer.p for layer in model.layers if isinstance(layer, cr.nn.Dropout)] == [0.1, 0.2, 0.2]
    assert isinstance(model.layers[-1], cr.nn.Linear)


def test_dropout_is_off_in_predictions():
    model = quick(dropout=0.5).fit(X, Y)
    np.testing.assert_array_equal(outputs(model), outputs(model))


def test_a_robust_loss_minds_an_outlier_less():
    x = np.linspace(-1, 1, 40).reshape(-1, 1)
    y = x[:, 0].copy()
    y[20] = 100.0
    errors = {
        loss: np.median(np.abs(quick(MLPRegressor, loss=loss, max_epochs=100).fit(x, y).predict(x) - x[:, 0]))
        for loss in (None, "l1")
    }
    assert errors["l1"] < 0.1 < errors[None]


def test_a_loss_may_be_a_function_of_outputs_and_class_indices():
    seen = []

    def loss(outputs, index):
        seen.append((outputs.shape, index.shape, index.dtype.kind))
        return cr.nn.cross_entropy(outputs, index)

    np.testing.assert_array_equal(outputs(quick(loss=loss).fit(X, Y)), outputs(quick().fit(X, Y)))
    assert ((60, 3), (60,), "i") in seen


def test_options_reach_fit():
    watch = Watch()
    quick(fit_options={"clip_norm": 0.01, "callbacks": watch}).fit(X, Y)
    assert float(watch.run.optimizer.grad_norm) <= 0.01 * (1 + 1e-9)


@pytest.mark.parametrize(("norm", "layer"), [("batch", "BatchNorm"), ("layer", "LayerNorm")])
def test_a_normalisation_stands_before_each_hidden_activation(norm, layer):
    model = quick(hidden_layer_sizes=(5, 4), norm=norm).fit(X, Y)
    kinds = [getattr(part, "__name__", type(part).__name__) for part in model.model_.layers]
    assert kinds == ["Linear", layer, "relu", "Linear", layer, "relu", "Linear"]
    assert (model.model_.layers[0].bias is None) == (norm == "batch")
    assert model.score(X, Y) > 0.9


@pytest.mark.parametrize(("n", "steps"), [(61, 3), (62, 4)])
def test_batch_normalisation_leaves_a_last_batch_of_one_example_out(n, steps):
    watch = Watch()
    quick(norm="batch", batch_size=20, max_epochs=1, fit_options={"callbacks": watch}).fit(*blobs(n))
    assert watch.run.step == steps


# ---- Ctrl-C


class Interrupt(cr.Callback):
    """Presses Ctrl-C after an epoch."""

    def on_epoch(self, run):
        raise KeyboardInterrupt


@BOTH
def test_ctrl_c_reaches_the_caller_and_leaves_no_network_behind(kind):
    model = quick(kind).fit(X, Y).set_params(fit_options={"callbacks": Interrupt()})
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_ctrl_c_ends_a_grid_search():
    search = GridSearchCV(quick(fit_options={"callbacks": Interrupt()}), {"dropout": [0.0, 0.1]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)


def test_nothing_is_shown_unless_asked_for(capsys):
    quick(max_epochs=2).fit(X, Y)
    assert capsys.readouterr() == ("", "")
    quick(max_epochs=2, verbose=1).fit(X, Y)
    assert "epoch 2/2" in capsys.readouterr().out


@BOTH
def test_training_on_a_device_gives_what_the_cpu_gives(kind, device):
    model = quick(kind, dropout=0.1, early_stopping=True, device=device).fit(X, Y)
    assert model.model_.parameters()[0].device == device
    assert isinstance(model.predict(X), np.ndarray)
    expected = quick(kind, dropout=0.1, early_stopping=True).fit(X, Y)
    np.testing.assert_allclose(outputs(model), outputs(expected), rtol=1e-6, atol=1e-9)


WRONG = [
    ({"activation": "rleu"}, "unknown activation 'rleu'.*'relu'"),
    ({"optimizer": "adm"}, "unknown optimizer 'adm'.*'adam'"),
    ({"optimizer": 3}, "unknown optimizer 3.*'adam'"),
    ({"optimizer": lambda params, lr: None}, "must give a chainrule Optimizer, not None"),
    ({"optimizer": "sgd", "learning_rate": None}, "optimizer 'sgd': missing .*'lr'.*learning_rate"),
    ({"optimizer_options": {"beta": 1}}, "optimizer 'adam': .*'beta'.*optimizer_options"),
    ({"learning_rate": -1.0}, "lr must be"),
    ({"weight_decay": -1.0}, "weight_decay must be"),
    ({"loss": "msr"}, "unknown loss 'msr'.*'mse'"),
    ({"device": "gpu"}, "unknown device 'gpu'.*'cpu'"),
    ({"dtype": "int8"}, "unknown dtype 'int8'.*'float32', 'float64'"),
    ({"batch_size": "all"}, "batch_size must be"),
    ({"batch_size": "all", "norm": "batch"}, "batch_size must be"),
    ({"norm": "bach"}, "unknown norm 'bach'.*'batch', 'layer'"),
    ({"activation": cr.nn.Dropout}, "activation: Dropout is a class"),
    ({"fit_options": {"verbose": 0}}, "fit_options: 'verbose' may not be given; .*batch_size, early_stopping, verbose"),
    ({"fit_options": {"batch_size": 8}}, "fit_options: 'batch_size' may not be given"),
    ({"fit_options": {"clip": 1}}, "unknown option of fit 'clip'.*'clip_norm'"),
    ({"dropout": 1.0}, "p must be at least 0 and below 1"),
    ({"hidden_layer_sizes": (5, 0)}, "n_out must be a whole number of at least 1, not 0"),
    ({"hidden_layer_sizes": None}, "n_out must be"),
    ({"max_epochs": 0}, "epochs must be"),
    ({"early_stopping": True, "validation_fraction": 1.5}, "validation_fraction must be above 0 and below 1, not 1.5"),
    ({"early_stopping": True, "validation_fraction": 0.99999}, "n_samples = 60; give validation_data"),
    ({"early_stopping": True, "n_iter_no_change": 0}, "patience must be"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=lambda part: next(iter(part)) if type(part) is dict else "")
def test_a_wrong_parameter_is_refused_by_name(options, message):
    with pytest.raises(cr.ChainruleError, match=f"(?s){message}"):
        quick(**options).fit(X, Y)


def test_a_fit_that_fails_leaves_no_network_behind():
    model = quick().fit(X, Y)
    with pytest.raises(cr.ArgumentError, match="epochs must be"):
        model.set_params(max_epochs=0).fit(X[:, :1], Y)
    with pytest.raises(NotFittedError):
        model.predict(X[:, :1])


def test_validation_data_must_be_a_pair():
    with pytest.raises(cr.ArgumentError, match="validation_data must be a pair"):
        quick().fit(X, Y, validation_data=X)


def test_validation_data_have_the_features_of_the_training_data():
    with pytest.raises(ValueError, match="X has 1 features, but MLPClassifier is expecting 2"):
        quick().fit(X, Y, validation_data=(X[:, :1], Y))


# ---- the module


def test_it_says_what_to_install_where_scikit_learn_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    for module in [name for name in sys.modules if name.startswith("chainrule.sklearn")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ImportError, match=r"scikit-learn 1.6 .*pip install 'scikit-learn>=1.6'"):
        importlib.import_module("chainrule.sklearn")


def test_the_examples_run():
    assert doctest.testmod(sys.modules["chainrule.sklearn.estimators"]) == (0, 13)
