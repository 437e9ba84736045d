"""BatchNorm(sync=True): what it computes over all shards of a batch, and how shards end that cannot meet."""

import signal
import threading
from copy import deepcopy

import numpy as np
import pytest
from local_workers import together

import chainrule as cr
from chainrule import nn
from chainrule.parallel import DataParallel

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(37, 5)) * 3 + 2, RNG.integers(0, 3, 37)


def network(sync=True, dtype="float64"):
    cr.random.seed(1)
    norms = [nn.BatchNorm(n, sync=sync) for n in (16, 8)]
    return nn.Sequential(nn.Linear(5, 16), norms[0], nn.tanh, nn.Linear(16, 8), norms[1], nn.Linear(8, 3)).to(dtype)


def objective(model, x, y):
    return nn.cross_entropy(model(x), y)


def step(model, workers, x=X, y=Y, deterministic=False, objective=objective):
    """The loss, all gradients and all that the model keeps, after two backward passes of a copy; without workers plain ones."""
    model = deepcopy(model)
    parallel = workers and DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers, deterministic)
    first = model.parameters()[0]
    x, y = cr.tensor(x, dtype=first.dtype).to(first.device), cr.tensor(y).to(first.device)
    for _ in range(2):
        model.zero_grad()
        if parallel:
            loss = parallel.backward(objective, x, y)
        else:
            loss = objective(model, x, y)
            loss.backward()
    kept = [t.numpy() for _, t in model.named_tensors()]
    return [loss.numpy(), *(p.grad.numpy() for p in model.parameters()), *kept]


def bits(arrays):
    return b"".join(a.tobytes() for a in arrays)


def assert_near(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


# ---- what it computes


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("examples", [37, 8, 5, 2])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_shards_are_normalised_as_the_whole_batch(workers, examples, deterministic):
    x, y = X[:examples], Y[:examples]
    assert_near(step(network(), workers, x, y, deterministic), step(network(sync=False), None, x, y))


def test_without_sync_each_shard_is_normalised_by_itself():
    plain, sharded = step(network(sync=False), None), step(network(sync=False), 2)
    assert abs(plain[0] - sharded[0]) > 1e-4


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_deterministic_run_has_the_same_bits_for_any_number_of_threads(dtype):
    found = {workers: bits(step(network(dtype=dtype), workers, deterministic=True)) for workers in (1, 2, 4, 8)}
    assert set(found.values()) == {found[1]}


@pytest.mark.parametrize("examples", [37, 3])
def test_processes_have_the_bits_of_threads(examples):
    model, x, y = network(dtype="float32"), X[:examples], Y[:examples]
    found = together(4, lambda workers: bits(step(model, workers, x, y, deterministic=True)))
    assert found == [bits(step(model, 2, x, y, deterministic=True))] * 4


def test_processes_that_add_up_as_their_library_does_agree_with_the_whole_batch():
    model = network()
    for found in together(3, lambda workers: step(model, workers)):
        assert_near(found, step(network(sync=False), None))


@pytest.mark.parametrize("affine", [False, True])
def test_all_axes_but_the_last_are_examples(affine):
    def model(sync):
        cr.random.seed(2)
        return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm(4, affine=affine, sync=sync)).to("float64")

    x, y = RNG.normal(size=(6, 5, 4)), RNG.normal(size=(6, 5, 4))
    loss = lambda model, x, y: nn.mse(model(x), y)
    found = step(model(True), 3, x, y, objective=loss)
    assert_near(found, step(model(False), None, x, y, objective=loss))


def test_shards_may_have_different_numbers_of_rows():
    chosen = RNG.integers(0, 2, 37) == 1
    loss = lambda model, x, y: cr.sum(model(x[y.numpy() == 1]) ** 3) / len(x)
    layer = lambda sync: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm(4, sync=sync)).to("float64")
    cr.random.seed(3)
    plain = layer(False)
    cr.random.seed(3)
    assert_near(step(layer(True), 4, y=chosen, objective=loss)[1:], step(plain, None, y=chosen, objective=loss)[1:])


@pytest.mark.parametrize("size", [1e-25, 1e25, 3e38])
def test_squares_that_float32_does_not_hold_do_no_harm(size):
    x = np.float32([[1, 0.5, 7], [-1, 0.25, 7], [0.5, 0.125, 7], [0, 1, 7]]) * np.float32([size, 1, 1])
    layer, outputs = nn.BatchNorm(3, eps=1e-30, sync=True), {}

    def loss(model, x, y):
        outputs[int(y[0])] = out = model(x)
        return cr.sum(out * out * out)

    with np.errstate(all="raise", under="ignore"):
        DataParallel(layer, cr.optim.SGD(layer.parameters(), lr=0.1), 4).backward(loss, cr.tensor(x), cr.arange(4))
    plain = nn.BatchNorm(3, eps=1e-30)(cr.tensor(x)).numpy()
    np.testing.assert_allclose(np.concatenate([outputs[i].numpy() for i in range(4)]), plain, rtol=1e-5, atol=1e-6)
    assert all(np.isfinite(p.grad.numpy()).all() for p in layer.parameters())


def test_devices_compute_the_same(device):
    assert_near(step(network().to(device), 3), step(network(sync=False), None))


def test_half_precision_stays_so():
    layer, kinds = nn.BatchNorm(5, sync=True).to("float16"), []

    def loss(model, x, y):
        out = model(x)
        kinds.append(out.dtype)
        return cr.mean(out * out)

    DataParallel(layer, cr.optim.SGD(layer.parameters(), lr=0.1), 2).backward(loss, cr.tensor(X, dtype="float16"), Y)
    assert kinds == [np.float16] * 2


def test_outside_of_shards_it_is_batch_norm_to_the_bit():
    assert bits(step(network(sync=True), None)) == bits(step(network(sync=False), None))


def test_it_prints_what_it_is():
    assert repr(nn.BatchNorm(3, sync=True)) == "BatchNorm(3, momentum=0.1, eps=1e-05, sync=True)"


# ---- in fit


def fitted(model, batch_size):
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    data = cr.data.Batches(cr.tensor(X), cr.tensor(Y), batch_size=batch_size, shuffle=True)
    return cr.fit(model, nn.cross_entropy, optimizer, data, 2, workers=2, deterministic=True, verbose=0)


def test_a_shard_may_have_one_example():
    assert fitted(network(), batch_size=8)["loss"][-1] > 0
    with pytest.raises(cr.ArgumentError, match="cannot be cut into 8 shards of at least 2"):
        fitted(network(sync=False), batch_size=8)


def test_all_shards_together_need_two_examples():
    with pytest.raises(cr.ArgumentError, match="the last batch has 1 example, too few for the model's BatchNorm"):
        fitted(network(), batch_size=9)
    with pytest.raises(cr.ShapeError, match="BatchNorm: training needs at least two examples in all shards together"):
        step(network(), 2, X[:1], Y[:1])


# ---- shards that cannot meet


@pytest.mark.parametrize("place", ["forward", "backward"])
def test_an_error_in_one_shard_ends_those_that_wait_for_it(place):
    def loss(model, x, y):
        last = float(x[-1, 0]) == X[-1, 0]
        if last and place == "forward":
            raise ValueError("only here")
        value = objective(model, x, y)
        if last:
            raise ValueError("only here")
        return value

    with pytest.raises(ValueError, match="only here"):
        step(network(), 4, objective=loss)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="sends POSIX signals")
def test_ctrl_c_ends_shards_that_wait_for_one_another():
    released = threading.Event()

    def loss(model, x, y):
        if float(x[-1, 0]) == X[-1, 0]:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            released.wait(10)
        try:
            return objective(model, x, y)
        except threading.BrokenBarrierError:
            released.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        step(network(), 3, objective=loss)
    assert released.is_set()


def test_an_error_on_one_process_ends_those_that_wait_for_its_shards():
    model = network()

    def program(workers):
        def loss(model, x, y):
            if workers.rank == 1:
                raise ValueError("only here")
            return objective(model, x, y)

        return step(model, workers, deterministic=True, objective=loss)

    other, own = together(2, program)
    assert isinstance(own, ValueError)
    assert isinstance(other, cr.WorkerError)
    assert "worker 1 failed: ValueError: only here" in str(other)


def test_shards_that_take_different_paths_are_told_so():
    def loss(model, x, y):
        return objective(model if float(x[0, 0]) != X[0, 0] else model.eval(), x, y)

    with pytest.raises(cr.ArgumentError, match="all shards must come to the same layers with sync=True"):
        step(network(), 2, objective=loss)


def test_processes_that_take_different_paths_are_told_so():
    model = network()

    def program(workers):
        def loss(model, x, y):
            return objective(model if workers.rank else model.eval(), x, y)

        return step(model, workers, objective=loss)

    assert ["come to different points" in str(error) for error in together(2, program)] == [True, True]
