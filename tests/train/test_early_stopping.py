"""Early stopping: when a run ends, and that the model then has its best weights, whatever ended it."""

import os

import numpy as np
import pytest
from training import At, bits, calls, data, press_ctrl_c, raises, scripted, train

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim.plateau import direction
from chainrule.train.early_stopping import Best

NAN, INF = float("nan"), float("inf")
EarlyStopping = cr.EarlyStopping


def stopped(values, **options):
    """(epochs that were trained, the best one, the weight at the end, which is the number of an epoch)"""
    model, history = scripted(values, early_stopping=EarlyStopping(**options))
    return len(history), history.best_epoch, model.slope.item()


# ---- when


@pytest.mark.parametrize(
    ("patience", "epochs", "best"),
    [(1, 3, 2), (2, 4, 2), (3, 8, 6), (10, 8, 6)],
)
def test_a_run_ends_once_the_loss_has_not_improved_for_patience_epochs(patience, epochs, best):
    values = [5.0, 4.0, 4.0, 4.5, 3.0, 2.0, 2.5, 2.0]
    assert stopped(values, patience=patience) == (epochs, best, best)


def test_a_number_is_the_patience():
    _, history = scripted([1.0, 2.0, 2.0, 2.0, 0.0], early_stopping=2)
    assert len(history) == 3


def test_the_reason_names_the_column_and_the_patience():
    _, history = scripted([1.0, 2.0, 2.0, 2.0], early_stopping=2)
    assert history.stop_reason == "val_loss has not improved for 2 epochs"
    _, history = scripted([1.0, 2.0, 2.0, 2.0], early_stopping=1)
    assert history.stop_reason == "val_loss has not improved for 1 epoch"


def test_a_run_that_keeps_improving_is_not_stopped():
    model, history = scripted([3.0, 2.0, 1.0], early_stopping=1)
    assert (len(history), history.best_epoch, history.stop_reason) == (3, 3, None)


@pytest.mark.parametrize(
    ("min_delta", "best"),
    [(0.0, 4), (0.05, 4), (0.1, 3), (0.5, 1)],  # improvements by 0.25, 0.125, 0.0625 on the best so far
)
def test_only_more_than_min_delta_is_an_improvement(min_delta, best):
    assert stopped([1.0, 0.75, 0.625, 0.5625], min_delta=min_delta)[1] == best


def test_an_improvement_by_exactly_min_delta_is_none():
    assert stopped([1.0, 0.75], min_delta=0.25)[1] == 1


def test_slow_progress_counts_from_the_best_value_not_the_last():
    assert stopped([1.0, 0.75, 0.5, 0.25], min_delta=0.3)[1] == 3


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_value_that_is_no_number_is_never_the_best(value):
    assert stopped([value, 2.0, value, value], patience=9) == (4, 2, 2)


def test_without_any_number_there_is_no_best_epoch_and_the_weights_stay():
    model, history = scripted([NAN, NAN, NAN], early_stopping=2)
    assert (len(history), history.best_epoch, history.best_weights) == (2, None, None)
    assert model.slope.item() == 2.0


def test_minus_infinity_is_never_the_best():
    assert stopped([1.0, -INF, 2.0], patience=9) == (3, 1, 1)


def test_the_reason_says_that_no_epoch_was_a_number():
    _, history = scripted([NAN, INF, NAN], early_stopping=2)
    assert history.stop_reason == "val_loss has not been a finite number for 2 epochs"


@pytest.mark.parametrize("lr", [INF, -INF, NAN])
def test_weights_that_are_no_numbers_give_way_to_those_from_before_the_run(lr):
    keep = []

    def spoil(run):
        run.model.slope.assign([lr])

    with pytest.raises(cr.GraphError):
        scripted([NAN, NAN], early_stopping=2, callbacks=[lambda run: keep.append(run.model), spoil])
    assert keep[0].slope.item() == 0.0


def test_the_first_of_equal_epochs_is_the_best():
    assert stopped([1.0, 0.5, 0.5, 0.5], patience=9) == (4, 2, 2)


# ---- which way is better


@pytest.mark.parametrize(
    ("mode", "best"),
    [("min", 3), ("max", 2)],
)
def test_the_mode_says_which_way_is_better(mode, best):
    assert stopped([2.0, 3.0, 1.0, 2.0], mode=mode) == (4, best, best)


@pytest.mark.parametrize("name", ["accuracy", "top_k", "precision", "recall", "f1", "roc_auc", "r2"])
@pytest.mark.parametrize("column", ["{}", "val_{}", "train_{}"])
def test_more_of_a_metric_is_better(name, column):
    assert direction("", column.format(name)) == -1


@pytest.mark.parametrize("column", ["loss", "val_loss", "test_loss", "val_error", "val_mse", "val_mae", "val_l1"])
def test_less_of_a_loss_or_an_error_is_better(column):
    assert direction("", column) == 1


@pytest.mark.parametrize("column", ["lr", "grad_norm", "seconds"])
def test_where_auto_cannot_tell_it_asks(column):
    with pytest.raises(
        cr.ArgumentError,
        match=rf'cannot tell whether a higher or a lower {column!r} is better; give mode="max" or mode="min"',
    ):
        train(early_stopping=EarlyStopping(monitor=column))
    assert repr(EarlyStopping(monitor=column, mode="max"))


def test_a_metric_of_any_name_can_be_monitored_with_a_mode():
    stopping = EarlyStopping(patience=2, monitor="val_slope", mode="max")
    metrics = {"slope": lambda prediction, y: [1.0, 5.0, 2.0, 3.0, 9.0][round(float(prediction.sum())) - 1]}
    model, history = scripted([1.0] * 5, early_stopping=stopping, metrics=metrics)
    assert (len(history), history.best_epoch, model.slope.item()) == (4, 2, 2)


def test_accuracy_is_monitored_upwards():
    stopping = EarlyStopping(patience=5, monitor="val_accuracy")
    _, history = train(10, validation=data(), metrics="accuracy", early_stopping=stopping)
    assert history.best_epoch == 1 + int(np.argmax(history["val_accuracy"]))


def test_the_training_loss_can_be_monitored_without_validation_data():
    _, history = train(6, early_stopping=EarlyStopping(monitor="loss"))
    assert history.best_epoch == 1 + int(np.argmin(history["loss"]))


def test_one_of_several_parts_can_be_monitored():
    x, y = data()
    parts, stopping = {"easy": (x, y), "hard": (x, 1 - y)}, EarlyStopping(patience=9, monitor="hard_loss")
    _, history = train(6, validation=parts, early_stopping=stopping)
    assert history.best_epoch == 1 + int(np.argmin(history["hard_loss"]))


# ---- the best weights, to the bit


class Album(cr.Callback):
    """The weights after each epoch, without the help of early stopping."""

    def __init__(self):
        self.pages = {}

    def on_epoch(self, run):
        self.pages[run.epoch] = bits(run.model)


def worse_and_worse(**options):
    """A run whose second epoch is the best, on data whose validation labels are all wrong: (model, history, album)."""
    x, y = data()
    album, script = Album(), [2.0, 1.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    metrics = {"script": lambda prediction, y: script[len(album.pages)]}
    stopping = EarlyStopping(options.pop("patience", 9), monitor="val_script", mode="min")
    callbacks = [album, *options.pop("callbacks", [])]
    try:
        with np.errstate(invalid="ignore"):
            model, history = train(
                8, validation=(x, y), metrics=metrics, early_stopping=stopping, callbacks=callbacks, **options
            )
    except (ZeroDivisionError, cr.GraphError):
        return stopping, None, album
    return stopping, history, album


class Keep(cr.Callback):
    """Holds on to the model of a run, and to its weights when it ends, before early stopping gives back the best."""

    def on_start(self, run):
        self.model = run.model

    def on_end(self, run):
        self.last = bits(run.model)


def sigint_twice():
    press_ctrl_c()
    press_ctrl_c()


ENDS = {  # what ends the run after the second epoch: (options, whether it is an error, why it was stopped)
    "patience": (dict(patience=3), False, "val_script has not improved for 3 epochs"),
    "the last epoch": ({}, False, None),
    "Ctrl-C in a step": (dict(do=press_ctrl_c, in_step=True), False, "Ctrl-C"),
    "Ctrl-C in a callback": (dict(do=press_ctrl_c), False, "Ctrl-C"),
    "Ctrl-C twice in a step": (dict(do=sigint_twice, in_step=True), False, "Ctrl-C"),
    "Ctrl-C twice in a callback": (dict(do=sigint_twice), False, "Ctrl-C"),
    "KeyboardInterrupt": (dict(do=raises(KeyboardInterrupt), in_step=True), False, "Ctrl-C"),
    "an error in a step": (dict(do=raises(ZeroDivisionError), in_step=True), True, None),
    "an error in a callback": (dict(do=raises(ZeroDivisionError)), True, None),
    "a loss of nan": (dict(factor=NAN), True, None),
    "an infinite loss": (dict(factor=INF), True, None),
    "a loss of nan without gradient": (dict(term=NAN), True, None),
}


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("end", ENDS)
def test_the_best_weights_are_restored_to_the_bit_whatever_ended_the_run(end, monkeypatch):
    options, fails, reason = ENDS[end]
    options, keep = dict(options), Keep()
    do, in_step = options.pop("do", None), options.pop("in_step", False)
    factor, term = options.pop("factor", 1.0), options.pop("term", 0.0)
    loss, late = nn.cross_entropy, 4 * 3 + 2  # a call in the fourth epoch: three steps and a validation make four
    if in_step:
        loss = calls(loss, do, at=late)
    elif do is not None:
        options["callbacks"] = [At(do, epoch=4)]
    if factor != 1.0 or term:
        spoiled, count = loss, []

        def loss(prediction, y):
            count.append(1)
            value = spoiled(prediction, y)
            return value * factor + term if len(count) >= late and prediction.requires_grad else value

    options["callbacks"] = [keep, *options.get("callbacks", [])]
    stopping, history, album = worse_and_worse(loss=loss, **options)
    assert (history is None) == fails
    assert len(album.pages) >= 3
    assert keep.last != album.pages[2]
    assert bits(keep.model) == album.pages[2]
    assert stopping.epoch == 2
    if history is not None:
        assert (history.best_epoch, history.stop_reason) == (2, reason)
        assert {name: x.numpy().tobytes() for name, x in history.best_weights.items()} == album.pages[2]


def test_the_best_weights_are_restored_also_if_a_callback_fails_at_the_end():
    keep = Keep()

    class Clumsy(cr.Callback):
        def on_end(self, run):
            raise ZeroDivisionError

    _, _, album = worse_and_worse(callbacks=[keep, Clumsy()])
    assert bits(keep.model) == album.pages[2]


def test_an_error_before_the_first_epoch_is_over_leaves_the_weights_as_they_are():
    keep = Keep()
    worse_and_worse(callbacks=[keep], loss=calls(nn.cross_entropy, raises(ZeroDivisionError), at=3))
    assert bits(keep.model) == keep.last


def test_the_best_weights_are_a_copy():
    model, history = scripted([2.0, 1.0, 3.0])
    model.slope.assign([7.0])
    assert history.best_weights["slope"].tolist() == [2.0]


def test_training_goes_on_from_the_best_weights():
    x = np.ones(1, "f")
    model, history = scripted([2.0, 1.0, 3.0, 4.0], early_stopping=2)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    cr.fit(model, lambda prediction, y: -prediction.sum(), optimizer, (x, x), 1, verbose=0)
    assert model.slope.item() == 3.0  # the best one's 2, and a step


def test_an_early_stopping_can_be_used_again():
    stopping = EarlyStopping(patience=1)
    for _ in range(2):
        model, history = scripted([1.0, 2.0, 0.5], early_stopping=stopping)
        assert (len(history), history.best_epoch, model.slope.item()) == (2, 1, 1)


# ---- what it says


def test_the_epoch_of_the_weights_is_said(capsys):
    scripted([2.0, 1.0, 3.0, 4.0], early_stopping=2, verbose=1)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "stopped in epoch 4: val_loss has not improved for 2 epochs",
        "the weights are those of epoch 2, val_loss 1",
    ]


def test_nothing_is_said_of_weights_that_nobody_restored(capsys):
    scripted([2.0, 1.0, 3.0], verbose=1)
    assert "the weights are those" not in capsys.readouterr().out


def test_it_shows_its_options():
    assert repr(EarlyStopping(3, 0.1, "val_f1")) == "EarlyStopping(patience=3, min_delta=0.1, monitor='val_f1')"


# ---- bad options


@pytest.mark.parametrize("patience", [0, -1, 1.5, "3", None, True])
def test_a_bad_patience_is_refused(patience):
    with pytest.raises(cr.ArgumentError, match="EarlyStopping: patience must be a whole number of at least 1, not"):
        EarlyStopping(patience)


@pytest.mark.parametrize("min_delta", [-0.1, NAN, INF, "0", None])
def test_a_bad_min_delta_is_refused(min_delta):
    with pytest.raises(cr.ArgumentError, match="EarlyStopping: min_delta must be a finite number of at least 0, not"):
        EarlyStopping(min_delta=min_delta)


@pytest.mark.parametrize("monitor", [None, 3, ["val_loss"]])
def test_a_monitor_that_is_no_name_is_refused(monitor):
    with pytest.raises(cr.ArgumentError, match="EarlyStopping: monitor must be the name of a column, not"):
        EarlyStopping(monitor=monitor)


def test_an_unknown_mode_is_refused():
    with pytest.raises(cr.ArgumentError, match="unknown mode 'up'.*'max', 'min'"):
        EarlyStopping(mode="up")


def test_the_best_without_stopping_watches_only():
    best = Best("val_loss")
    model, history = scripted([2.0, 1.0, 3.0, 4.0], early_stopping=best)
    assert (best.epoch, best.value, len(history), model.slope.item()) == (2, 1.0, 4, 4.0)


def test_a_callback_may_end_the_run_before_early_stopping_does():
    class Enough(cr.Callback):
        def on_epoch(self, run):
            if run.epoch == 3:
                run.stop_reason = "enough"

    model, history = scripted([3.0, 1.0, 2.0, 4.0, 0.0], early_stopping=EarlyStopping(patience=3), callbacks=[Enough()])
    assert (len(history), history.best_epoch, model.slope.item()) == (3, 2, 2)
