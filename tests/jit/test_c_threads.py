"""The threads of programs in C: each part of a loop is done once, whoever else runs, sleeps, or was forked."""

import ctypes
import os
import signal
import threading
import time
import warnings
from functools import partial

import numpy as np
import pytest
from jit_c import needs_compiler

import chainrule as cr
from chainrule import nn, optim
from chainrule.backends import c_library, c_nest
from chainrule.backends.compiler import load

pytestmark = needs_compiler
WORK = """
#include <stdint.h>
void count(void* with, int64_t number, char* room) { ((unsigned char*)with)[number]++; }
"""


class Library(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in "product product_double philox parallel sgemm dgemm".split()]


PART = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
PARALLEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


@pytest.fixture(autouse=True)
def several():
    c_library.limit(4)
    yield
    c_library.limit(0)


@pytest.fixture
def small_parts(monkeypatch):
    """Loops are cut into parts that are not worth it."""
    monkeypatch.setattr(c_nest, "WORTH", 1 << 15)


def parallel(f, with_, parts):
    call = PARALLEL(ctypes.cast(c_library.library(), ctypes.POINTER(Library)).contents.parallel)
    call(ctypes.cast(f, ctypes.c_void_p), with_, parts, None)


def counted(jobs, most=50, pause=0.0):
    """How often each part of many jobs was done: all 1, or something is wrong."""
    work, done = load(WORK).count, np.zeros((jobs, most), np.uint8)
    for i in range(jobs):
        parallel(work, done[i].ctypes.data, i % most + 1)
        time.sleep(pause)
    return done


def right(done):
    return all((row == (np.arange(row.size) <= i % row.size)).all() for i, row in enumerate(done))


def test_each_part_is_done_once():
    assert right(counted(2000))


def test_workers_that_sleep_wake_up():
    assert right(counted(30, pause=0.001))


def test_a_worker_takes_a_share():
    seen, both = set(), threading.Barrier(2)

    @PART
    def part(with_, number, room):
        seen.add(threading.get_ident())
        both.wait(60)  # so that one thread alone would never end

    c_library.limit(2)
    parallel(part, None, 2)
    assert len(seen) == 2


def test_parts_of_a_worker_that_is_late_are_taken():
    done, first = [], threading.Event()
    me = threading.get_ident()

    @PART
    def part(with_, number, room):
        if threading.get_ident() == me:
            done.append(number)
            if len(done) == 15:
                first.set()
        else:
            first.wait(60)  # what it has begun, it keeps until all else is done
            done.append(number)

    c_library.limit(2)
    parallel(part, None, 16)
    assert sorted(done) == list(range(16))


def test_callers_at_the_same_time():
    results = []
    threads = [threading.Thread(target=lambda: results.append(right(counted(1000)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [True] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_has_threads_of_its_own():
    assert right(counted(100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that this process has threads
        child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(0 if right(counted(100)) and workers() >= 3 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert right(counted(100))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_loops_in_parts(small_parts):
    x = np.random.default_rng(0).normal(size=(301, 1003)).astype("f4")
    x[7, 500], x[200, 1] = np.nan, np.inf

    @partial(cr.jit, lowering="c")
    def program(x):
        y = cr.tanh(x) * x + 1
        part = y[100:, :900]  # reductions of their own loops, each in one direction
        return (
            y,
            y.max(),
            (cr.exp(x) - x).max(axis=1),
            (part * part - part).sum(axis=0),
            (part[:, 7:] * 2 + x[100:, 7:900]).sum(),
        )

    found = []
    for n in (1, 1, 1, 2, 3, 4):
        c_library.limit(n)
        found.append([result.numpy() for result in program(cr.tensor(x))])
    eager, _, one, *several = found
    assert program.lowering == "c"
    assert program.text.count("cr->parallel(") == 3
    for a, b in zip(eager, one, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for results in several:
        assert [r.tobytes() for r in results] == [r.tobytes() for r in one]


def test_sums_in_two_directions():
    x = np.random.default_rng(0).normal(size=(301, 1003)).astype("f4")
    program = cr.jit(lambda x: [(x * x).sum(axis=1), (x * x).sum(axis=0)], lowering="c")
    for _ in range(3):
        rows, columns = program(cr.tensor(x))
    np.testing.assert_allclose(rows.numpy(), (x * x).sum(1), rtol=1e-5)
    np.testing.assert_allclose(columns.numpy(), (x * x).sum(0), rtol=1e-5)


def test_a_training_step_has_the_bits_of_one_thread(small_parts):
    def trained(n):
        c_library.limit(n)
        cr.random.seed(0)
        model = nn.MLP([64, 300, 10])
        optimizer = optim.Adam(model.parameters())
        x, y = cr.random.normal(size=(200, 64)), np.arange(200) % 10

        @partial(cr.jit, lowering="c")
        def step(x, y):
            optimizer.zero_grad()
            loss = nn.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for _ in range(5):
            step(x, cr.tensor(y))
        assert step.lowering == "c"
        return [p.numpy().tobytes() for p in model.parameters()]

    assert trained(1) == trained(2) == trained(4)


def workers():
    """How many threads besides this one; where the system does not say, as many as there should be."""
    return len(os.listdir("/proc/self/task")) - 1 if os.path.isdir("/proc/self/task") else 3


def test_as_many_threads_as_blas_takes():
    asked = []

    @ctypes.CFUNCTYPE(ctypes.c_int)
    def count():
        asked.append(True)
        return 2

    c_library.limit(0)
    loaded = c_library.loaded()
    products = c_library.openblas()
    loaded.cr_library(*products[:2], ctypes.cast(count, ctypes.c_void_p), 1)
    try:
        assert right(counted(10))
        assert asked
    finally:
        loaded.cr_library(*products, 1)
