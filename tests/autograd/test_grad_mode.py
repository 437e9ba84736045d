"""no_grad and enable_grad: as blocks, around functions, generators and coroutines, in several threads."""

import asyncio
import inspect
from threading import Thread

import pytest
import tasks

import chainrule as cr

W = cr.tensor([1.0, 2.0], requires_grad=True)


def seen():
    """Whether a call is recorded here and now."""
    return (W * 2).requires_grad


def in_thread(f):
    """What f() returns in another thread."""
    result = []
    thread = Thread(target=lambda: result.append(f()))
    thread.start()
    thread.join()
    return result[0]


# ---- around functions


@pytest.mark.parametrize("decorate", [cr.no_grad, cr.no_grad()], ids=["bare", "called"])
def test_a_decorated_function_is_not_recorded(decorate):
    @decorate
    def f(x, *, y):
        """Its words."""
        return x, y, seen()

    assert (f(1, y=2), f.__name__, f.__doc__, seen()) == ((1, 2, False), "f", "Its words.", True)


def test_a_decorated_method_keeps_its_object():
    class A:
        @cr.no_grad
        def f(self):
            return self, seen()

    a = A()
    assert a.f() == (a, False)


def test_enable_grad_decorates_without_brackets():
    @cr.enable_grad
    def f():
        return seen()

    with cr.no_grad():
        assert f()
        assert not seen()


def test_a_decorated_function_that_raises_leaves_recording_on():
    @cr.no_grad
    def f():
        raise KeyError

    with pytest.raises(KeyError):
        f()
    assert seen()


def test_a_decorated_function_calls_itself():
    @cr.no_grad
    def f(n):
        return [seen(), *f(n - 1), seen()] if n else []

    assert (f(3), seen()) == ([False] * 6, True)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="no_grad: decorates functions, not Tensor"):
        cr.no_grad(W)


# ---- around generators


def numbers(log):
    """A generator that notes in `log` whether it is recorded, and what happens to it."""
    try:
        for i in range(3):
            log.append(seen())
            try:
                got = yield i
            except KeyError:
                got = "thrown"
            log.append((seen(), got))
        return "done"
    finally:
        log.append(("closed", seen()))


def test_a_decorated_generator_is_not_recorded_and_its_caller_is():
    log, outside, items = [], [], []
    for item in cr.no_grad(numbers)(log):
        items.append(item)
        outside.append(seen())
    assert (items, outside) == ([0, 1, 2], [True] * 3)
    assert log == [False, (False, None)] * 3 + [("closed", False)]


def test_a_decorated_generator_takes_what_is_sent_and_returns_its_value():
    log = []
    generator = cr.no_grad(numbers)(log)
    next(generator)
    assert [generator.send("a"), generator.throw(KeyError()), seen()] == [1, 2, True]
    with pytest.raises(StopIteration) as stop:
        generator.send("c")
    assert stop.value.value == "done"
    assert log == [False, (False, "a"), False, (False, "thrown"), False, (False, "c"), ("closed", False)]


def test_an_error_in_a_decorated_generator_reaches_its_caller():
    @cr.no_grad
    def f():
        yield 1
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        list(f())
    assert seen()


def test_a_decorated_generator_that_is_closed_runs_its_end_unrecorded():
    log = []
    generator = cr.no_grad(numbers)(log)
    next(generator)
    generator.close()
    assert (log, seen()) == ([False, ("closed", False)], True)


def test_a_decorated_generator_closed_in_another_thread_leaves_nobody_stuck():
    generator = cr.no_grad(numbers)([])
    next(generator)
    assert in_thread(lambda: (generator.close(), seen())[1])
    assert seen()


def test_generators_that_take_turns_do_not_disturb_each_other():
    logs = [], []
    generators = cr.no_grad(numbers)(logs[0]), cr.enable_grad(numbers)(logs[1])
    for _ in zip(*generators, strict=True):
        assert seen()
    assert [log[0] for log in logs] == [False, True]


def test_a_decorated_generator_is_still_one():
    assert inspect.isgeneratorfunction(cr.no_grad(numbers))


# ---- a block inside a generator


def block():
    with cr.no_grad():
        yield 1
        yield 2


def test_a_block_in_a_generator_that_is_closed_in_another_thread_leaves_nobody_stuck():
    generator = block()
    next(generator)
    assert in_thread(lambda: (generator.close(), seen())[1])
    assert seen()


def test_blocks_in_generators_that_end_out_of_order_leave_nobody_stuck():
    first, second = block(), block()
    next(first), next(second)
    first.close()
    second.close()
    assert seen()


def test_a_block_that_records_and_is_closed_elsewhere_leaves_the_outer_state():
    def f():
        with cr.enable_grad():
            yield

    with cr.no_grad():
        generator = f()
        next(generator)
        in_thread(generator.close)
        assert not seen()
    assert seen()


def test_no_grad_stays_when_an_inner_block_ends():
    with cr.no_grad():
        with cr.enable_grad():
            assert seen()
        assert not seen()
    assert seen()


# ---- around coroutines


def test_a_decorated_coroutine_is_not_recorded_while_others_are():
    log = []

    @cr.no_grad
    async def quiet():
        for _ in range(3):
            log.append(("quiet", seen()))
            await asyncio.sleep(0)
        return seen()

    async def loud():
        for _ in range(3):
            log.append(("loud", seen()))
            await asyncio.sleep(0)

    async def both():
        return await asyncio.gather(quiet(), loud())

    assert tasks.run(both()) == [False, None]
    assert sorted(set(log)) == [("loud", True), ("quiet", False)]


def test_a_coroutine_driven_by_hand_leaves_its_driver_recording():
    class Pause:
        def __await__(self):
            yield

    @cr.no_grad
    async def f():
        await Pause()
        return seen()

    coroutine = f()
    coroutine.send(None)
    assert seen()
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value is False


def test_a_decorated_coroutine_is_still_one():
    async def f():
        return 1

    assert inspect.iscoroutinefunction(cr.no_grad(f))


def test_a_decorated_asynchronous_generator_is_not_recorded_and_its_caller_is():
    log = []

    @cr.no_grad
    async def f():
        try:
            for i in range(3):
                log.append(seen())
                await asyncio.sleep(0)
                try:
                    log.append((yield i))
                except KeyError:
                    log.append("thrown")
        finally:
            log.append(("closed", seen()))

    async def use():
        generator = f()
        items = [await generator.asend(None), await generator.asend("a"), await generator.athrow(KeyError())]
        outside = seen()
        await generator.aclose()
        return items, outside, [item async for item in f()]

    assert tasks.run(use()) == ([0, 1, 2], True, [0, 1, 2])
    assert log[:7] == [False, "a", False, "thrown", False, ("closed", False), False]


# ---- in several threads


def test_a_decorated_function_runs_in_several_threads():
    @cr.no_grad
    def f(n):
        return [seen() for _ in range(n)]

    results = []
    threads = [Thread(target=lambda: results.append((f(200), seen()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [([False] * 200, True)] * 3
