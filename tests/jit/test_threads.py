"""Threads that record, run and train at once: each gets what is right, or is refused."""

import threading

import numpy as np
import pytest
from jit_steps import data, model_of, state_of, training_step

import chainrule as cr
from chainrule import nn, optim
from chainrule.backends.record import RecordingError

X, Y, _ = data(5, 3)


def together(*functions):
    """Call the functions in a thread each, begun at once; returns what they raised."""
    barrier, errors = threading.Barrier(len(functions)), []

    def run(function):
        barrier.wait()
        try:
            function()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def trained(model, optimizer, n, wrap=cr.jit):
    step = wrap(training_step(model, optimizer, nn.cross_entropy))
    return lambda: [step(X, Y) for _ in range(n)]


def made():
    model = model_of()
    return model, optim.SGD(model.parameters(), lr=0.01)


def test_models_of_their_own():
    expected, optimizer = made()
    trained(expected, optimizer, 50, wrap=lambda f: f)()
    pairs = [made() for _ in range(4)]
    assert together(*(trained(*pair, 50) for pair in pairs)) == []
    for model, own in pairs:
        assert state_of(model, own) == state_of(expected, optimizer)


def test_one_function_in_several_threads():
    model, optimizer = made()
    run = trained(model, optimizer, 25)
    assert together(run, run, run) == []
    expected, other = made()
    trained(expected, other, 75, wrap=lambda f: f)()
    assert state_of(model, optimizer) == state_of(expected, other)


def test_two_programs_on_one_optimizer():
    model, optimizer = made()
    assert together(trained(model, optimizer, 40), trained(model, optimizer, 40)) == []
    expected, other = made()
    trained(expected, other, 80, wrap=lambda f: f)()
    assert state_of(model, optimizer) == state_of(expected, other)


def test_no_two_programs_draw_the_same_words():
    generator, drawn = cr.random.Generator(1), []
    draw = lambda: generator.uniform(size=4)
    programs = [cr.jit(draw) for _ in range(3)]
    for program in programs:
        for _ in range(2):
            drawn.append(program())
    run = lambda program: lambda: drawn.extend([program() for _ in range(200)])
    assert together(*map(run, programs)) == []
    values = np.concatenate([d.numpy() for d in drawn])
    assert len(np.unique(values)) == values.size
    assert generator.get_state()[1] == values.size


def test_a_recording_that_fails_beside_one_that_works():
    model, optimizer = made()
    inner = training_step(model, optimizer, nn.cross_entropy)

    def reading(x, y):
        return inner(x, y).item()

    def refused():
        for _ in range(20):
            with pytest.raises(RecordingError, match="reads a value"):
                cr.jit(reading)(X, Y)

    assert together(refused, trained(model, optimizer, 60)) == []
    expected, other = made()
    trained(expected, other, 60, wrap=lambda f: f)()
    assert state_of(model, optimizer) == state_of(expected, other)


def test_eager_use_of_a_model_that_another_thread_records():
    model, optimizer = made()
    expected = model(X).numpy(), {name: x.numpy() for name, x in model.state_dict().items()}
    model(X).sum().backward()
    gradients = [p.grad.numpy() for p in model.parameters()]
    optimizer.zero_grad()
    inside, go, kept = threading.Event(), threading.Event(), []
    inner = training_step(model, optimizer, nn.cross_entropy)

    def slow(x, y):
        inside.set()
        go.wait(60)
        return inner(x, y)

    def eager():
        inside.wait(60)
        try:
            kept.append((model(X).numpy(), {name: x.numpy() for name, x in model.state_dict().items()}))
            kept.append((model(X), model.parameters()[0][0, 0].item(), model.parameters()[1].tolist()))
        finally:
            go.set()

    assert together(lambda: cr.jit(slow)(X, Y), eager) == []
    output, state = kept[0]
    assert type(output) is np.ndarray
    assert output.tobytes() == expected[0].tobytes()
    assert {k: v.tobytes() for k, v in state.items()} == {k: v.tobytes() for k, v in expected[1].items()}
    expected, other = made()
    trained(expected, other, 1, wrap=lambda f: f)()
    assert state_of(model, optimizer) == state_of(expected, other)
    optimizer.zero_grad()
    kept[1][0].sum().backward()
    assert [p.grad.numpy().tobytes() for p in model.parameters()] == [g.tobytes() for g in gradients]


def test_eager_training_of_a_model_that_another_thread_records():
    """They race for the weights, and neither is refused."""
    model, optimizer = made()
    eager = training_step(model, optimizer, nn.cross_entropy)

    def recording():
        for _ in range(12):
            cr.jit(lambda x: (model(x) * cr.random.uniform(size=(8, 3))).sum())(X)

    assert together(recording, lambda: [eager(X, Y) for _ in range(60)]) == []
    assert optimizer.steps == 60


def drawing(generator, other, fail):
    """A function that draws twice, between which another thread draws, at its first call."""
    calls = iter((other, *[lambda: None] * 9))

    def f():
        a = generator.uniform(size=2)
        thread = threading.Thread(target=next(calls))
        thread.start()
        thread.join()
        b = generator.uniform(size=2)
        if fail:
            raise ZeroDivisionError
        return a + 0, b + 0

    return cr.jit(f)


def test_a_recording_that_fails_does_not_give_back_what_another_thread_draws():
    generator, drawn = cr.random.Generator(1), []
    with pytest.raises(ZeroDivisionError):
        drawing(generator, lambda: drawn.append(generator.uniform(size=3).numpy()), fail=True)()
    assert generator.uniform(size=1).numpy()[0] not in drawn[0]


def test_two_draws_of_a_recording_between_which_another_thread_draws():
    generator, drawn = cr.random.Generator(1), []
    f = drawing(generator, lambda: drawn.append(generator.uniform(size=3)), fail=False)
    for _ in range(5):
        drawn += f()
    values = np.concatenate([d.numpy() for d in drawn])
    assert len(np.unique(values)) == values.size == 23
    assert f.cache.replayed == 2


def test_two_runs_of_fit():
    def run(results, i):
        model, optimizer = made()
        cr.fit(model, nn.cross_entropy, optimizer, (X, Y), 30, batch_size=None, verbose=0, jit=True)
        results[i] = state_of(model, optimizer)

    results = {}
    models_alone = {}
    run(models_alone, 0)
    lock = threading.Lock()

    def one(i):
        with lock:  # the seed is everybody's
            pair = made()
        cr.fit(pair[0], nn.cross_entropy, pair[1], (X, Y), 30, batch_size=None, verbose=0, jit=True)
        results[i] = state_of(*pair)

    assert together(lambda: one(0), lambda: one(1)) == []
    assert results[0] == results[1] == models_alone[0]
