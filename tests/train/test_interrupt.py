"""Ctrl-C: a real SIGINT, at every kind of moment of a training run."""

import os
import signal
import threading

import pytest
from training import At, bits, calls, data, plain, press_ctrl_c, raises, rows, train

import chainrule as cr
from chainrule import nn, optim

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


def by_hand(steps):
    """The model and the optimiser of train() after so many steps of a loop without fit."""
    cr.random.seed(0)
    model = nn.MLP([2, 8, 2], dropout=0.2)
    batches = cr.data.Batches(*data(), batch_size=16, seed=0)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    while optimizer.steps < steps:
        for x, y in batches:
            optimizer.zero_grad()
            nn.cross_entropy(model(x), y).backward()
            optimizer.step()
            if optimizer.steps == steps:
                break
    return model, optimizer


class Watch(cr.Callback):
    """Keeps the optimiser of a run, and the handler of SIGINT while it trains."""

    def on_start(self, run):
        self.optimizer = run.optimizer

    def on_step(self, run):
        self.handler = signal.getsignal(signal.SIGINT)


def press_twice():
    press_ctrl_c()
    press_ctrl_c()


# ---- the first one waits for the end of the step


@pytest.mark.parametrize("step", range(1, 8))
def test_ctrl_c_in_the_middle_of_a_step_ends_the_run_after_that_step(step):
    watch = Watch()
    model, history = train(5, loss=calls(nn.cross_entropy, press_ctrl_c, at=step), callbacks=watch)
    expected, optimizer = by_hand(step)
    assert watch.optimizer.steps == step
    assert bits(model) == bits(expected)
    assert plain(watch.optimizer.state_dict()) == plain(optimizer.state_dict())
    assert (len(history), history.stop_reason) == ((step - 1) // 3, "Ctrl-C")


class Pressing(optim.Adam):
    """Adam, in the middle of whose second step somebody presses Ctrl-C."""

    @staticmethod
    def update(p, g, m, v, v_max=None, *, t, lr, betas, eps, weight_decay):
        if t == 2:
            press_ctrl_c()
        return optim.Adam.update(p, g, m, v, v_max, t=t, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


def test_ctrl_c_in_the_middle_of_an_update_leaves_no_update_half_done():
    cr.random.seed(0)
    model = nn.MLP([2, 8, 2], dropout=0.2)
    optimizer = Pressing(model.parameters(), lr=0.01)
    batches = cr.data.Batches(*data(), batch_size=16, seed=0)
    history = cr.fit(model, nn.cross_entropy, optimizer, batches, 5, verbose=0)
    expected, adam = by_hand(2)
    assert (optimizer.steps, history.stop_reason) == (2, "Ctrl-C")
    assert bits(model) == bits(expected)
    assert plain(optimizer.state_dict()["state"]) == plain(adam.state_dict()["state"])


def test_ctrl_c_while_data_is_loaded_ends_the_run_after_the_next_step():
    class Slow:
        def __iter__(self):
            yield data(8)
            press_ctrl_c()
            yield data(9)
            yield data(10)

    watch = Watch()
    _, history = train(2, batches=Slow(), callbacks=watch)
    assert (watch.optimizer.steps, list(history)) == (2, [])


def test_ctrl_c_after_a_step_ends_the_run_there():
    watch = Watch()
    train(5, callbacks=[watch, At(press_ctrl_c, step=4)])
    assert watch.optimizer.steps == 4


def test_ctrl_c_during_validation_ends_the_run_after_the_epoch():
    watch = Watch()
    loss = calls(nn.cross_entropy, press_ctrl_c, at=8)  # three steps, validation, three steps
    _, history = train(5, loss=loss, validation=data(), callbacks=watch)
    _, expected = train(2, validation=data())
    assert watch.optimizer.steps == 6
    assert rows(history) == rows(expected)


def test_ctrl_c_in_a_callback_ends_the_run_after_the_epoch_and_all_callbacks():
    seen = []
    _, history = train(5, callbacks=[At(press_ctrl_c, epoch=2), lambda run: seen.append(run.epoch)])
    assert (history["epoch"], seen, history.stop_reason) == ([1, 2], [1, 2], "Ctrl-C")


def test_the_epochs_that_were_finished_are_those_of_the_whole_run():
    _, history = train(5, loss=calls(nn.cross_entropy, press_ctrl_c, at=8))
    assert rows(history) == rows(train(2)[1])


# ---- the second one does not wait


@pytest.mark.parametrize("step", range(1, 8))
def test_a_second_ctrl_c_ends_the_run_at_once(step):
    watch, after = Watch(), []
    loss = calls(nn.cross_entropy, lambda: (press_twice(), after.append("never")), at=step)
    model, history = train(5, loss=loss, callbacks=watch)
    assert after == []
    assert watch.optimizer.steps == step - 1
    assert bits(model) == bits(by_hand(step - 1)[0])
    assert (len(history), history.stop_reason) == ((step - 1) // 3, "Ctrl-C")


def test_a_second_ctrl_c_in_a_later_moment_of_the_same_step_ends_the_run_at_once():
    watch = Watch()
    loss = calls(nn.cross_entropy, press_ctrl_c, at=4)
    _, history = train(5, loss=loss, callbacks=[watch, At(press_ctrl_c, step=4)])
    assert (watch.optimizer.steps, len(history), history.stop_reason) == (4, 1, "Ctrl-C")


def test_a_second_ctrl_c_during_validation_gives_up_the_epoch():
    loss = calls(nn.cross_entropy, press_twice, at=8)
    model, history = train(5, loss=loss, validation=data())
    assert (history["epoch"], history.stop_reason) == ([1], "Ctrl-C")


@pytest.mark.parametrize("moment", [{"step": 4}, {"epoch": 2}], ids=str)
def test_a_second_ctrl_c_in_a_callback_ends_the_run(moment):
    after = []
    _, history = train(5, callbacks=[At(press_twice, **moment), At(lambda: after.append("never"), **moment)])
    assert after == []
    assert history.stop_reason == "Ctrl-C"
    assert len(history) == moment.get("epoch", 1)


@pytest.mark.parametrize(("after", "epochs"), [(1, 0), (4, 1), (6, 1), (7, 2)])
def test_a_keyboard_interrupt_that_something_raises_returns_the_epochs_that_were_finished(after, epochs):
    _, history = train(5, loss=calls(nn.cross_entropy, raises(KeyboardInterrupt), at=after))
    assert (history["epoch"], history.stop_reason) == (list(range(1, epochs + 1)), "Ctrl-C")


# ---- at the end


class End(cr.Callback):
    """Presses Ctrl-C while the run ends."""

    def on_end(self, run):
        press_ctrl_c()


class Ended(cr.Callback):
    """Whether the end came to it."""

    ended = False

    def on_end(self, run):
        self.ended = True


@pytest.mark.parametrize("before", [{}, {"loss": calls(nn.cross_entropy, press_ctrl_c, at=5)}], ids=["first", "second"])
def test_ctrl_c_while_the_run_ends_still_returns_the_history(before):
    ended = Ended()
    _, history = train(2, callbacks=[ended, End()], **before)
    assert history["epoch"] == ([1] if before else [1, 2])
    assert ended.ended


def test_ctrl_c_while_the_run_ends_still_gives_the_model_its_best_weights(tmp_path):
    checkpoint = cr.Checkpoint(tmp_path / "last.safetensors")
    checkpoint.on_end = End().on_end
    loss = calls(nn.cross_entropy, press_ctrl_c, at=10)
    model, history = train(5, loss=loss, validation=data(), early_stopping=9, checkpoint=checkpoint)
    assert history.best_epoch == len(history) == 2
    assert plain(model.state_dict()) == plain(history.best_weights)


# ---- the handler


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": calls(nn.cross_entropy, press_ctrl_c, at=2)},
        {"loss": calls(nn.cross_entropy, press_twice, at=2)},
        {"callbacks": At(raises(ZeroDivisionError), step=2)},
    ],
    ids=["finished", "Ctrl-C", "twice", "an error"],
)
def test_afterwards_ctrl_c_raises_again(options):
    try:
        train(**options)
    except ZeroDivisionError:
        assert "callbacks" in options
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_two_runs_in_a_row_can_each_be_interrupted():
    for _ in range(2):
        _, history = train(5, loss=calls(nn.cross_entropy, press_ctrl_c, at=2))
        assert history.stop_reason == "Ctrl-C"


def test_the_handler_of_another_is_left_in_place():
    presses, watch = [], Watch()

    def handler(number, frame):
        presses.append(number)

    before = signal.signal(signal.SIGINT, handler)
    try:
        _, history = train(2, loss=calls(nn.cross_entropy, press_ctrl_c, at=2), callbacks=watch)
        assert watch.handler is signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert presses == [signal.SIGINT]
    assert (len(history), history.stop_reason) == (2, None)


def test_outside_the_main_thread_the_handler_is_left_in_place():
    watch, results = Watch(), []
    thread = threading.Thread(target=lambda: results.append(train(2, callbacks=watch)))
    thread.start()
    thread.join()
    ((model, history),) = results
    assert watch.handler is signal.default_int_handler
    assert len(history) == 2


def test_training_inside_a_callback_leaves_ctrl_c_to_the_outer_run():
    inner = []

    def nested(run):
        state = cr.random.get_state()
        inner.append(train(2, loss=calls(nn.cross_entropy, press_ctrl_c, at=2))[1])
        cr.random.set_state(state)

    _, outer = train(5, callbacks=nested)
    assert (inner[0].stop_reason, len(inner[0])) == (None, 2)
    assert (outer.stop_reason, len(outer)) == ("Ctrl-C", 1)


# ---- what it says


def test_ctrl_c_is_reported(capsys):
    train(5, loss=calls(nn.cross_entropy, press_ctrl_c, at=5), verbose=1)
    assert capsys.readouterr().out.splitlines()[-1] == "stopped in epoch 2: Ctrl-C"


@pytest.mark.parametrize(("at", "epoch"), [(2, 1), (5, 2)])
def test_callbacks_are_told_of_the_end_however_often_ctrl_c_is_pressed(at, epoch):
    ended = []

    class End(cr.Callback):
        def on_end(self, run):
            ended.append((run.interrupted, run.epoch))

    train(5, loss=calls(nn.cross_entropy, press_twice, at=at), callbacks=End())
    assert ended == [(True, epoch)]
