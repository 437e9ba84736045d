"""Prefetch: the same batches, loaded ahead by a thread that ends with its pass."""

import contextlib
import gc
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref

import device_double
import numpy as np
import pytest

import chainrule as cr

WAIT = 10  # seconds until something that must happen is given up; nothing here waits that long unless it is broken


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "chainrule.Prefetch"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Every test fails if a thread of its passes lives on."""
    yield
    gc.collect()
    for thread in workers():
        thread.join(WAIT)
    assert workers() == []


def batches(**options):
    return cr.data.Batches(np.arange(20), batch_size=3, seed=0, **options)


def lists(data):
    return [x.tolist() for (x,) in data]


class Loader:
    """Numbers 0 to n - 1, of which it says how many it has begun to load; the thread waits before number `wall`."""

    def __init__(self, n=100, wall=None):
        self.n, self.wall = n, wall
        self.begun = [threading.Event() for _ in range(n)]
        self.gate = threading.Event()
        self.closed = threading.Event()

    def __iter__(self):
        try:
            for i in range(self.n):
                self.begun[i].set()
                if i == self.wall:
                    assert self.gate.wait(WAIT)
                yield i
        finally:
            self.closed.set()


# ---- the same batches


@pytest.mark.parametrize("depth", [1, 2, 5, 100])
def test_the_batches_are_those_of_what_is_wrapped_in_their_order(depth):
    assert lists(cr.data.Prefetch(batches(), depth)) == lists(batches())


def test_each_pass_is_that_of_what_is_wrapped():
    ours, theirs = cr.data.Prefetch(batches()), batches()
    for _ in range(3):
        assert lists(ours) == lists(theirs)


@pytest.mark.parametrize("data", [range(7), [], [2], (0, 1, None, 2), "abc", {3: 1}], ids=repr)
def test_any_iterable_can_be_wrapped(data):
    assert list(cr.data.Prefetch(data)) == list(data)


def test_a_generator_can_be_wrapped_and_is_used_up_by_one_pass():
    data = cr.data.Prefetch(i * i for i in range(50))
    assert (list(data), list(data)) == ([i * i for i in range(50)], [])


def test_two_passes_at_once_do_not_disturb_each_other():
    data = cr.data.Prefetch(range(6))
    assert [(a, b) for a in data for b in data] == [(a, b) for a in range(6) for b in range(6)]


def test_a_pass_can_begin_in_the_middle():
    ours, theirs = cr.data.Prefetch(batches()), batches()
    assert lists(ours.iterate(4)) == lists(theirs)[4:]
    assert lists(ours.iterate()) == lists(theirs)


def test_the_order_is_drawn_when_the_pass_is_asked_for():
    data = cr.data.Prefetch(batches())
    state = data.generator.get_state()
    passes = iter(data)
    drawn = data.generator.get_state()
    list(passes)
    assert drawn == data.generator.get_state() != state


def test_what_the_wrapped_data_has_can_be_reached():
    wrapped = batches()
    data = cr.data.Prefetch(wrapped)
    assert (data.arrays, data.generator, len(data)) == (wrapped.arrays, wrapped.generator, 7)


@pytest.mark.parametrize("name", ["arrays", "generator", "iterate"])
def test_what_the_wrapped_data_lacks_is_missing(name):
    assert not hasattr(cr.data.Prefetch(range(3)), name)


def test_data_without_length_has_none():
    with pytest.raises(TypeError, match="has no len"):
        len(cr.data.Prefetch(iter([])))


def test_training_with_it_gives_the_same_weights_to_the_bit():
    weights = []
    for wrap in (lambda data: data, cr.data.Prefetch):
        cr.random.seed(0)
        model = cr.nn.MLP([2, 8, 2], dropout=0.5)
        x = np.linspace(-1, 1, 80, dtype="f").reshape(40, 2)
        data = wrap(cr.data.Batches(x, (x[:, 0] > 0).astype(int), batch_size=8))
        cr.fit(model, cr.nn.cross_entropy, cr.optim.Adam(model.parameters()), data, 3, verbose=0)
        weights.append([p.numpy().tobytes() for p in model.parameters()])
    assert weights[0] == weights[1]


@pytest.mark.parametrize("depth", [0, -1, 1.5, None, True, "2"])
def test_a_bad_depth_is_refused(depth):
    with pytest.raises(cr.ArgumentError, match="Prefetch: depth must be a whole number of at least 1, not"):
        cr.data.Prefetch([], depth)


# ---- loading ahead


@pytest.mark.parametrize("depth", [1, 3])
def test_the_next_batches_are_loaded_while_one_is_held(depth):
    loader = Loader()
    data = iter(cr.data.Prefetch(loader, depth))
    assert next(data) == 0
    assert loader.begun[depth].wait(WAIT)


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_are_loaded_than_depth(depth):
    loader = Loader(wall=depth)
    data = iter(cr.data.Prefetch(loader, depth))
    next(data)
    assert loader.begun[depth].wait(WAIT)
    loader.gate.set()
    time.sleep(0.02)  # a thread that loads too much would do it now
    assert not loader.begun[depth + 1].is_set()


def test_a_pass_that_was_never_begun_loads_nothing():
    loader = Loader()
    passes = iter(cr.data.Prefetch(loader))
    assert not loader.begun[0].is_set()
    assert workers() == []
    del passes


def test_a_batch_that_was_used_is_freed_before_the_next_one_comes():
    first, freed = np.zeros(3), threading.Event()
    weakref.finalize(first, freed.set)

    def load(batch):
        yield batch
        del batch
        yield freed.wait(WAIT)

    passes = iter(cr.data.Prefetch(load(first)))
    del first
    next(passes)
    assert next(passes)


def test_the_thread_sees_the_callers_default_device(strict):
    def load():
        yield cr.zeros(2).device

    with cr.backends.use(strict):
        assert list(cr.data.Prefetch(load())) == [strict]


# ---- errors


def broken(after):
    yield from range(after)
    raise ZeroDivisionError("the disk is on fire")


@pytest.mark.parametrize("after", [0, 1, 5])
def test_an_error_of_the_loader_comes_after_the_batches_before_it(after):
    got = []
    with pytest.raises(ZeroDivisionError, match="the disk is on fire"):
        got.extend(i for i in cr.data.Prefetch(broken(after)) if got.append(i))
    assert got == list(range(after))


def test_an_error_of_the_loader_shows_where_it_was_raised():
    with pytest.raises(ZeroDivisionError) as caught:
        list(cr.data.Prefetch(broken(2)))
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[0] == "test_an_error_of_the_loader_shows_where_it_was_raised"
    assert names[-1] == "broken"


def test_an_error_of_the_loader_is_freed_without_the_garbage_collector():
    class Fire(Exception):
        pass

    def load():
        raise Fire
        yield

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(Fire):
            list(cr.data.Prefetch(load()))
        for thread in workers():
            thread.join(WAIT)
        assert not [thing for thing in gc.get_objects() if type(thing) is Fire]
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit])
def test_errors_of_every_kind_are_passed_on(kind):
    class Source:
        def __iter__(self):
            return self

        def __next__(self):
            raise kind("from the loader")

    with pytest.raises(kind, match="from the loader"):
        next(iter(cr.data.Prefetch(Source())))


def test_after_an_error_another_pass_is_possible():
    class Flaky:
        passes = 0

        def __iter__(self):
            self.passes += 1
            return broken(1) if self.passes == 1 else iter([7])

    data = cr.data.Prefetch(Flaky())
    with pytest.raises(ZeroDivisionError):
        list(data)
    assert list(data) == [7]


# ---- stopping early


def left_by_break(data):
    for _ in data:
        break


def left_by_an_error(data):
    with contextlib.suppress(ValueError):
        for _ in data:
            raise ValueError


def left_by_ctrl_c(data):
    with contextlib.suppress(KeyboardInterrupt):
        for _ in data:
            raise KeyboardInterrupt


def left_by_close(data):
    passes = iter(data)
    next(passes)
    passes.close()


def left_by_forgetting(data):
    passes = iter(data)
    next(passes)
    del passes


def left_in_a_circle(data):
    class Circle:
        pass

    circle = Circle()
    circle.me, circle.passes = circle, iter(data)
    next(circle.passes)
    del circle
    gc.collect()


LEFT = [left_by_break, left_by_an_error, left_by_ctrl_c, left_by_close, left_by_forgetting, left_in_a_circle]


@pytest.mark.parametrize("leave", LEFT)
@pytest.mark.parametrize("depth", [1, 3])
def test_a_pass_that_is_left_early_ends_its_thread_and_the_loader(leave, depth):
    loader = Loader()
    leave(cr.data.Prefetch(loader, depth))
    assert loader.closed.wait(WAIT)
    assert not loader.begun[depth + 2].is_set()


@pytest.mark.parametrize("leave", LEFT)
def test_leaving_does_not_wait_for_the_batch_that_is_being_loaded(leave):
    loader = Loader(wall=1)
    leave(cr.data.Prefetch(loader))  # would not come back
    assert not loader.closed.is_set()
    loader.gate.set()
    assert loader.closed.wait(WAIT)


def test_after_leaving_early_another_pass_is_complete():
    data = cr.data.Prefetch(batches(shuffle=False))
    left_by_break(data)
    assert lists(data) == lists(batches(shuffle=False))


def test_an_iterator_left_early_goes_on_without_what_was_loaded_ahead():
    data = cr.data.Prefetch(iter(range(100)), depth=3)
    for _ in range(5):
        left_by_break(data)
    rest = list(data)
    assert rest == list(range(rest[0], 100))
    assert 5 <= rest[0] <= 25


def test_ctrl_c_while_waiting_for_a_batch_ends_the_wait_and_the_thread():
    loader = Loader(wall=1)
    passes = iter(cr.data.Prefetch(loader))
    next(passes)
    timer = threading.Timer(0.05, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(passes)
    timer.join()
    loader.gate.set()
    assert loader.closed.wait(WAIT)


def test_a_thread_that_waits_does_not_keep_the_program_from_ending():
    code = "import chainrule as cr; passes = iter(cr.data.Prefetch(iter(int, 1))); print(next(passes))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_the_thread_has_the_device_and_the_stream_of_the_caller(strict):
    def places():
        yield cuda.Device().id, cuda.get_current_stream()

    cuda = device_double.cupy.cuda
    with cuda.Device(1), cuda.Stream(non_blocking=True) as stream:
        (found,) = cr.data.Prefetch(places())
    assert found == (1, stream)
    assert (cuda.Device().id, cuda.get_current_stream()) == (0, cuda.Stream.null)
