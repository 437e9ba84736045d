"""Callbacks: when they are called, and what they may do."""

import pytest
from training import At, bits, calls, data, raises, train

import chainrule as cr
from chainrule import nn


class Diary(cr.Callback):
    """Writes down when it was called, in a list that several share."""

    def __init__(self, name, pages):
        self.name, self.pages = name, pages

    def on_start(self, run):
        self.pages.append((self.name, "start"))

    def on_step(self, run):
        self.pages.append((self.name, "step", run.epoch, run.step))

    def on_epoch(self, run):
        self.pages.append((self.name, "epoch", run.epoch, len(run.history)))

    def on_end(self, run):
        self.pages.append((self.name, "end"))


def test_a_callback_is_called_at_four_moments():
    pages = []
    train(2, callbacks=[Diary("a", pages)])
    assert pages == [
        ("a", "start"),
        *(("a", "step", 1, i) for i in (1, 2, 3)),
        ("a", "epoch", 1, 1),
        *(("a", "step", 2, i) for i in (1, 2, 3)),
        ("a", "epoch", 2, 2),
        ("a", "end"),
    ]


def test_callbacks_are_called_in_order_and_at_the_end_in_reverse():
    pages = []
    train(1, batches=[data()], callbacks=(Diary("a", pages), Diary("b", pages)))
    assert [page[0] for page in pages] == list("abababba")


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: [c], lambda c: (c,), lambda c: iter([c])])
def test_one_callback_need_not_be_in_a_list(wrap):
    pages = []
    train(1, batches=[data()], callbacks=wrap(Diary("a", pages)))
    assert len(pages) == 4


def test_a_function_is_called_after_each_epoch():
    seen = []
    _, history = train(3, callbacks=lambda run: seen.append((run.epoch, run.history[-1]["loss"])))
    assert seen == list(zip([1, 2, 3], history["loss"], strict=True))


def test_a_callback_sees_the_run():
    x, y = data()
    batches, seen = cr.data.Batches(x, y), []
    model, history = train(1, batches=batches, validation=(x, y), callbacks=seen.append)
    (run,) = seen
    assert (run.model, run.batches, run.history, run.loss) == (model, batches, history, nn.cross_entropy)
    assert run.optimizer.params == model.parameters()
    assert list(run.validation) == ["val"]
    assert run.columns == history.columns


def test_a_callback_may_stop_the_run_after_an_epoch():
    def enough(run):
        if run.epoch == 2:
            run.stop_reason = "enough"

    _, history = train(5, callbacks=enough)
    assert (history["epoch"], history.stop_reason) == ([1, 2], "enough")


def test_a_callback_may_stop_the_run_after_a_step():
    pages = []

    class Enough(cr.Callback):
        def on_step(self, run):
            if run.optimizer.steps == 5:
                run.stop_reason = "enough"

    _, history = train(5, callbacks=[Enough(), Diary("a", pages)])
    assert pages[-2:] == [("a", "step", 2, 2), ("a", "end")]
    assert (history["epoch"], history.stop_reason) == ([1], "enough")


def test_a_callback_may_stop_the_run_before_it_starts():
    class Never(cr.Callback):
        def on_start(self, run):
            run.stop_reason = "never"

    model, history = train(5, callbacks=[Never()])
    assert (list(history), history.stop_reason) == ([], "never")


@pytest.mark.parametrize(
    "broken",
    [
        {"callbacks": [At(raises(ZeroDivisionError), step=2)]},
        {"callbacks": [At(raises(ZeroDivisionError), epoch=1)]},
        {"loss": calls(nn.cross_entropy, raises(ZeroDivisionError), at=2)},
    ],
    ids=["step", "epoch", "loss"],
)
def test_callbacks_are_told_of_the_end_also_after_an_error(broken):
    pages = []
    with pytest.raises(ZeroDivisionError):
        train(**{**broken, "callbacks": [Diary("a", pages), *broken.get("callbacks", [])]})
    assert pages[-1] == ("a", "end")


def test_callbacks_are_told_of_the_end_also_when_another_fails_at_it():
    pages = []

    class Clumsy(cr.Callback):
        def on_end(self, run):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(callbacks=[Diary("a", pages), Clumsy()])
    assert pages[-1] == ("a", "end")


def test_a_callback_that_was_never_started_is_not_ended():
    pages = []

    class Clumsy(cr.Callback):
        def on_start(self, run):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(callbacks=[Diary("a", pages), Clumsy(), Diary("b", pages)])
    assert pages == [("a", "start"), ("a", "end")]


def test_a_callback_without_methods_does_nothing():
    assert bits(train(callbacks=[cr.Callback()])[0]) == bits(train()[0])
