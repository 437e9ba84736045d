"""The gradient of a batch in shards: what it equals, for any number of workers."""

from copy import deepcopy

import numpy as np
import pytest
from local_workers import together

import chainrule as cr
from chainrule import nn
from chainrule.parallel import DataParallel
from chainrule.parallel.replica import Replica

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(37, 5)), RNG.integers(0, 3, 37)


def network(dtype="float64", norm=False, dropout=0.3, seed=1):
    cr.random.seed(seed)
    layers = [nn.Linear(5, 16), *([nn.BatchNorm(16)] if norm else []), nn.tanh, nn.Dropout(dropout), nn.Linear(16, 3)]
    return nn.Sequential(*layers).to(dtype)


def objective(model, x, y):
    return nn.cross_entropy(model(x), y)


def steps(workers, deterministic=False, n=3, norm=False, dtype="float64", rows=37, **options):
    """(losses, all tensors of the model, state of the random numbers) after some steps; without workers a plain loop."""
    model = network(dtype, norm)
    optimizer, losses = cr.optim.Adam(model.parameters(), lr=0.01), []
    parallel = workers and DataParallel(model, optimizer, workers, deterministic, **options)
    x, y = cr.tensor(X[:rows], dtype=dtype), cr.tensor(Y[:rows])
    for _ in range(n):
        optimizer.zero_grad()
        if parallel:
            loss = parallel.backward(objective, x, y)
        else:
            loss = objective(model, x, y)
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, np.concatenate([t.numpy().ravel() for _, t in model.named_tensors()]), cr.random.get_state()


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_shards_with_dropout_give_the_gradient_of_the_whole_batch(workers):
    plain, sharded = steps(None), steps(workers)
    np.testing.assert_allclose(sharded[0], plain[0], rtol=1e-13)
    np.testing.assert_allclose(sharded[1], plain[1], rtol=1e-11, atol=1e-14)
    assert sharded[2] == plain[2]  # the random numbers go on where they would


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_deterministic_run_has_the_same_bits_for_any_number_of_threads(dtype, norm):
    one = steps(1, True, dtype=dtype, norm=norm)
    for workers in (2, 3, 4, 8):
        other = steps(workers, True, dtype=dtype, norm=norm)
        assert one[0] == other[0]
        assert one[1].tobytes() == other[1].tobytes()


def own_random_numbers(dropout=0.3):
    """A model that draws from a generator of its own, so that ranks which are threads of one process do not share it."""
    cr.random.seed(0)
    return nn.Sequential(nn.Linear(5, 16), nn.Dropout(dropout, cr.random.Generator(4)), nn.Linear(16, 3))


def trained(workers, model, n=2, batch=slice(None), deterministic=True, objective=objective, **options):
    """The model's parameters as bytes after n steps of a copy of it."""
    model = deepcopy(model)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    parallel = DataParallel(model, optimizer, workers, deterministic)
    for _ in range(n):
        optimizer.zero_grad()
        parallel.backward(objective, cr.tensor(X[batch], dtype="float32"), cr.tensor(Y[batch]), **options)
        optimizer.step()
    parallel.check()
    return b"".join(p.numpy().tobytes() for p in model.parameters())


@pytest.mark.parametrize("size", [2, 3, 5])
def test_processes_have_the_bits_of_threads(size):
    model = own_random_numbers()
    assert together(size, lambda workers: trained(workers, model)) == [trained(2, model)] * size


def test_other_workers_start_from_the_model_of_worker_0():
    models = [
        own_random_numbers(),
        nn.Sequential(nn.Linear(5, 16), nn.Dropout(0.3, cr.random.Generator(9)), nn.Linear(16, 3)),
    ]
    assert together(2, lambda workers: trained(workers, models[workers.rank])) == [trained(2, models[0])] * 2


@pytest.mark.parametrize("examples", [1, 3, 5])
def test_a_batch_of_fewer_examples_than_shards_leaves_some_without(examples):
    model, batch = own_random_numbers(), slice(examples)
    alone = trained(1, model, batch=batch)
    assert together(4, lambda workers: trained(workers, model, batch=batch)) == [alone] * 4


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_sum_over_examples_is_added_up_and_a_mean_weighted(deterministic):
    model = own_random_numbers(dropout=0)
    for reduction, loss in (("mean", nn.cross_entropy), ("sum", lambda p, y: nn.cross_entropy(p, y, reduction="sum"))):
        plain = deepcopy(model)
        loss(plain(cr.tensor(X, dtype="float32")), cr.tensor(Y)).backward()
        sharded = deepcopy(model)
        parallel = DataParallel(sharded, cr.optim.SGD(sharded.parameters(), lr=0.1), 3, deterministic)
        parallel.backward(
            lambda m, x, y, loss=loss: loss(m(x), y), cr.tensor(X, dtype="float32"), cr.tensor(Y), reduction=reduction
        )
        for p, q in zip(plain.parameters(), sharded.parameters(), strict=True):
            np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), rtol=2e-5, atol=1e-6)


def test_gradients_are_added_to_those_that_are_there():
    model = network()
    parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 2)
    fixed = lambda m, x, y: nn.cross_entropy(m.eval()(x), y)
    x, y = cr.tensor(X), cr.tensor(Y)
    parallel.backward(fixed, x, y)
    once = [p.grad.numpy().copy() for p in model.parameters()]
    parallel.backward(fixed, x, y)
    for p, g in zip(model.parameters(), once, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), 2 * g, rtol=1e-15)


def test_a_parameter_that_no_shard_reaches_has_no_gradient():
    class Half(nn.Module):
        def __init__(self):
            self.used, self.unused = nn.Linear(5, 3), nn.Linear(5, 3)

        def forward(self, x):
            return self.used(x)

    model = Half()
    parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 2)
    parallel.backward(objective, cr.tensor(X, dtype="float32"), cr.tensor(Y))
    assert [p.grad is None for p in model.parameters()] == [False, False, True, True]


def test_a_frozen_parameter_stays_without_gradient():
    model = own_random_numbers()
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    parallel = DataParallel(model, optimizer, 2)
    frozen = model.parameters()[0]
    frozen.requires_grad = False
    before = frozen.numpy().copy()
    parallel.backward(objective, cr.tensor(X, dtype="float32"), cr.tensor(Y))
    optimizer.step()
    assert (frozen.numpy() == before).all()


def test_parameters_of_several_dtypes_are_added_up_in_their_own():
    class Mixed(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(5, 4), nn.Linear(4, 3).to("float64")

        def forward(self, x):
            return self.b(self.a(x))

    plain = Mixed()
    sharded = deepcopy(plain)
    objective(plain, cr.tensor(X, dtype="float32"), cr.tensor(Y)).backward()
    parallel = DataParallel(sharded, cr.optim.SGD(sharded.parameters(), lr=0.1), 3)
    parallel.backward(objective, cr.tensor(X, dtype="float32"), cr.tensor(Y))
    for p, q in zip(plain.parameters(), sharded.parameters(), strict=True):
        assert p.grad.dtype == q.grad.dtype
        np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_a_gradient_that_backward_shares_or_spreads_is_added_up_for_each_parameter_alone():
    class Sum(nn.Module):
        def __init__(self):
            self.a, self.b, self.c = (nn.Parameter(np.zeros(40_000, "f")) for _ in range(3))  # each in a flat buffer

        def forward(self, x):
            return (self.a + self.b) * x + cr.broadcast_to(self.c, (len(x), 40_000))

    model = Sum()
    parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 2, deterministic=True)
    parallel.backward(lambda m, x: m(x).sum(), np.ones((8, 1), "f"), reduction="sum")
    assert [set(p.grad.tolist()) for p in model.parameters()] == [{8.0}] * 3


# ---- what layers keep


def test_running_statistics_become_the_mean_over_all_examples():
    model = nn.Sequential(nn.BatchNorm(5), nn.Linear(5, 3)).to("float64")
    layer = model.layers[0]
    parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 3, shards=3)
    parallel.backward(objective, cr.tensor(X), cr.tensor(Y))
    parts = np.split(X, [13, 25])  # 13, 12 and 12 of 37 examples
    mean = sum(len(p) * p.mean(axis=0) for p in parts) / 37
    var = sum(len(p) * p.var(axis=0, ddof=1) for p in parts) / 37
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * var, rtol=1e-13)


def test_a_tensor_that_no_shard_changes_keeps_its_bits():
    class Shifted(nn.Linear):
        def __init__(self):
            super().__init__(5, 3)
            self.shift = cr.random.normal(size=5)

        def forward(self, x):
            return super().forward(x + self.shift)

    model = Shifted()
    before = model.shift.numpy().tobytes()
    DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 7).backward(
        objective, cr.tensor(X, dtype="float32"), cr.tensor(Y)
    )
    assert model.shift.numpy().tobytes() == before


@pytest.mark.parametrize("examples", [1, 37])
def test_a_whole_number_that_a_layer_counts_is_counted_once_on_all_workers(examples):
    class Counting(nn.Linear):
        def __init__(self):
            super().__init__(5, 3)
            self.calls = cr.tensor(0)

        def forward(self, x):
            self.calls.assign(self.calls + 1)
            return super().forward(x)

    def program(workers):
        model = Counting()
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers)
        parallel.backward(objective, cr.tensor(X[:examples], dtype="float32"), cr.tensor(Y[:examples]))
        return model.calls.item()

    assert program(4) == 1
    assert together(2, program) == [1, 1]


def test_whole_numbers_that_depend_on_the_examples_are_those_of_the_first_shard():
    class Counting(nn.Linear):
        def __init__(self):
            super().__init__(5, 3)
            self.seen = cr.tensor(0)

        def forward(self, x):
            self.seen.assign(self.seen + len(x))
            return super().forward(x)

    def program(workers):
        model = Counting()
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers)
        parallel.backward(objective, cr.tensor(X, dtype="float32"), cr.tensor(Y))
        parallel.check()
        return model.seen.item()

    assert together(2, program) == [program(2)] * 2 == [19, 19]


def test_a_replica_shares_parameters_and_nothing_that_layers_write_to():
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm(4))
    model.parts = {"again": model.layers[1], "pair": (model.layers[1], [cr.zeros(2)])}
    other = Replica(model).model
    assert [a is b for a, b in zip(model.parameters(), other.parameters(), strict=True)] == [True] * 4
    assert other.layers[1] is not model.layers[1]
    assert other.parts["again"] is other.parts["pair"][0] is other.layers[1]
    assert other.parts["pair"][1][0] is not model.parts["pair"][1][0]
    assert [name for name, _ in other.named_tensors()] == [name for name, _ in model.named_tensors()]


# ---- what is refused


def refused(kind, match, call):
    with pytest.raises(kind, match=match):
        call()


def test_bad_arguments_are_refused():
    model = own_random_numbers()
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    make = lambda *args, **options: lambda: DataParallel(model, optimizer, *args, **options)
    refused(cr.ArgumentError, "workers must be a number of threads", make("4"))
    refused(cr.ArgumentError, "shards", make(2, shards=0))
    refused(cr.ArgumentError, "4 workers need at least as many shards, not 3; give shards=4", make(4, shards=3))
    parallel = make(2)()
    refused(cr.ArgumentError, "the batch is empty", lambda: parallel.backward(objective, X[:0], Y[:0]))
    refused(cr.ArgumentError, "must return a Tensor, not float", lambda: parallel.backward(lambda m, x, y: 1.0, X, Y))
    each = lambda m, x, y: nn.cross_entropy(m(x), y, reduction="none")
    refused(cr.ShapeError, r"must return one number, .* not shape \(19,\)", lambda: parallel.backward(each, X, Y))
    refused(cr.ShapeError, r"given lengths \[30, 37\]", lambda: parallel.backward(objective, X[:30], Y))
    refused(cr.ArgumentError, "reduction", lambda: parallel.backward(objective, X, Y, reduction="median"))


def test_examples_of_other_shards_are_refused():
    model = own_random_numbers()

    def program(workers):  # of 8 shards, 3 workers compute 4, 2 and 2: these are no thirds
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers, deterministic=True)
        x, y = next(iter(cr.data.Batches(X, Y, batch_size=24, shard=(workers.rank, 3))))
        parallel.backward(objective, x.to("float32"), y, total=24)

    first, *_ = together(3, program)
    assert isinstance(first, cr.ArgumentError)
    assert "of a batch of 24 examples, worker 0 computes 12, those of shards 0 to 3 of 8, but was given 8" in str(first)


def test_a_model_of_plain_floats_is_refused():
    with cr.backends.use("scalar"):
        weight = nn.Parameter(1.0)

    class Single(nn.Module):
        def __init__(self):
            self.weight = weight

    refused(
        cr.DeviceError, "needs a model of arrays", lambda: DataParallel(Single(), cr.optim.SGD([weight], lr=0.1), 2)
    )


def test_an_error_in_a_shard_changes_no_gradient():
    model = own_random_numbers()
    parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 2)

    def broken(model, x, y):
        if y[0].item() == Y[19]:
            raise ValueError("in one shard")
        return objective(model, x, y)

    state = [g.get_state() for g in parallel._generators]
    refused(ValueError, "in one shard", lambda: parallel.backward(broken, cr.tensor(X, dtype="float32"), cr.tensor(Y)))
    assert all(p.grad is None for p in model.parameters())
    assert [g.get_state() for g in parallel._generators] == state


def test_an_error_on_one_worker_is_raised_on_all():
    model = own_random_numbers()

    def broken(rank):
        def loss(m, x, y):
            if rank == 1:
                raise ValueError("here")
            return objective(m, x, y)

        return loss

    first, second, third = together(3, lambda workers: trained(workers, model, objective=broken(workers.rank)))
    assert isinstance(second, ValueError)
    for error in (first, third):
        assert isinstance(error, cr.WorkerError)
        assert str(error) == "parallel: stopped, for worker 1 failed: ValueError: here"


def test_a_bad_batch_on_one_worker_is_refused_on_all():
    model = own_random_numbers()
    first, second = together(2, lambda workers: trained(workers, model, batch=slice(30 * workers.rank)))
    assert isinstance(first, cr.ArgumentError)
    assert "worker 0 failed: ArgumentError: DataParallel: the batch is empty" in str(second)


def test_a_prediction_that_fails_on_one_worker_is_told_to_all():
    def program(workers):
        model = nn.Linear(5, 3)
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers)
        return parallel.predict(lambda model, x: 1 / workers.rank * model(x), cr.tensor(X, dtype="float32"))

    first, second = together(2, program)
    assert isinstance(first, ZeroDivisionError)
    assert "worker 0 failed: ZeroDivisionError" in str(second)


def test_optimisers_that_differ_are_named():
    def program(workers):
        model = nn.Linear(5, 3)
        DataParallel(model, (cr.optim.SGD, cr.optim.Adam)[workers.rank](model.parameters(), lr=0.1), workers)

    for error in together(2, program):
        assert isinstance(error, cr.WorkerError)
        assert "worker 0 has ('optimiser', 'SGD'), and worker 1 has ('optimiser', 'Adam')" in str(error)


def test_models_that_differ_are_named():
    models = [nn.Linear(5, 3), nn.Linear(5, 4)]
    for error in together(2, lambda workers: trained(workers, models[workers.rank])):
        assert isinstance(error, cr.WorkerError)
        assert "('weight', (5, 3), 'float32', 'cpu'), and worker 1 has ('weight', (5, 4), 'float32', 'cpu')" in str(
            error
        )


def test_the_first_parameter_that_differs_is_named():
    def program(workers):
        model = nn.Linear(5, 3)
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers)
        if workers.rank == 1:
            model.bias.assign(cr.ones(3))
        parallel.check()

    for error in together(2, program):
        assert isinstance(error, cr.WorkerError)
        assert "parameter bias of worker" in str(error)


def test_a_running_statistic_that_differs_is_named():
    def program(workers):
        model = nn.BatchNorm(5)
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers)
        model.running_mean.assign(cr.full((5,), workers.rank))
        parallel.check()

    for error in together(2, program):
        assert "the same model, but running_mean of worker" in str(error)


def test_workers_at_different_points_of_the_program_say_where():
    def program(workers):
        model = nn.Linear(5, 3)
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers)
        x = cr.tensor(X, dtype="float32")
        return (
            parallel.predict(lambda model, x: model(x), x)
            if workers.rank
            else parallel.backward(objective, x, cr.tensor(Y))
        )

    for error in together(2, program):
        assert isinstance(error, cr.WorkerError)
        assert "worker 0 at 'a step of 37 examples', worker 1 at 'predict'" in str(error)


def test_a_zero_has_the_same_sign_however_many_workers_have_no_examples():
    class Product(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([1.0])

        def forward(self, x):
            return x * self.weight

    def program(workers):
        model = Product()
        parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers, deterministic=True)
        parallel.backward(lambda model, x: model(x).sum(), cr.tensor([-0.0]))
        return model.weight.grad.numpy().tobytes()

    assert together(3, program) == [program(1)] * 3


def test_batches_of_different_lengths_are_refused():
    model = own_random_numbers()
    for error in together(2, lambda workers: trained(workers, model, batch=slice(30 + workers.rank))):
        assert isinstance(error, cr.WorkerError)
        assert "worker 0 at 'a step of 30 examples', worker 1 at 'a step of 31 examples'" in str(error)
