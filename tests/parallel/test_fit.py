"""fit(workers=...): the run of one worker, whoever computes it."""

from copy import deepcopy

import numpy as np
import pytest
from jit_c import needs_compiler
from local_workers import together

import chainrule as cr
from chainrule import nn
from chainrule.train.together import reduction_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(106, 8)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)


def penalty(model):
    return 0.1 * cr.optim.l2_penalty(model.parameters())


def trained(workers=None, model=None, loss=nn.cross_entropy, epochs=3, data=None, **options):
    """(History, the model's bits) of a run with dropout and validation."""
    cr.random.seed(1)
    model = nn.MLP([8, 16, 3], dropout=0.2) if model is None else deepcopy(model)
    optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
    options = {"validation": (X[:40], Y[:40]), "metrics": "accuracy", "batch_size": 32, "verbose": 0} | options
    history = cr.fit(model, loss, optimizer, (X, Y) if data is None else data, epochs, workers=workers, **options)
    return history, b"".join(t.numpy().tobytes() for _, t in model.named_tensors())


def without_seconds(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def alone():
    """A model that draws from its own generator, for workers that are threads of this process."""
    cr.random.seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.2, cr.random.Generator(4)), nn.Linear(16, 3))


def seeded(**options):
    return cr.data.Batches(X, Y, batch_size=32, seed=3, **options)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_train_as_one_does(workers):
    plain, shared = trained(), trained(workers)
    for a, b in zip(without_seconds(plain[0]), without_seconds(shared[0]), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.5}, {"penalty": penalty}, {"early_stopping": 1}])
def test_a_deterministic_run_has_the_same_bits_and_history_for_any_number_of_workers(options):
    one = trained(1, deterministic=True, **options)
    for workers in (2, 4):
        other = trained(workers, deterministic=True, **options)
        assert one[1] == other[1]
        assert without_seconds(one[0]) == without_seconds(other[0])


def test_processes_have_the_bits_of_threads():
    model = alone()
    run = lambda workers: trained(workers, model, data=seeded(), deterministic=True)
    history, bits = run(2)
    for other, same in together(3, run):
        assert same == bits
        assert without_seconds(other) == without_seconds(history)


def test_processes_read_only_their_examples():
    read = [set(), set()]

    class Watched(nn.Linear):
        def forward(self, x):
            if self.training:
                read[self.rank] |= {row.tobytes() for row in x.numpy()}
            return super().forward(x)

    def program(workers):
        model = Watched(8, 3)
        model.rank = workers.rank
        batches = seeded(shuffle=False)
        return cr.fit(
            model, nn.cross_entropy, cr.optim.SGD(model.parameters(), lr=0.1), batches, 1, workers=workers, verbose=0
        )

    together(2, program)
    assert len(read[0]) == len(read[1]) == 53
    assert not read[0] & read[1]


# ---- the loss


def test_a_loss_that_is_a_sum_is_recognised():
    summed = lambda p, y: nn.cross_entropy(p, y, reduction="sum")
    plain, shared = trained(loss=summed), trained(3, loss=summed)
    assert shared[0]["loss"] == pytest.approx(plain[0]["loss"], rel=1e-4)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_is_recognised_by_one_example(reduction):
    model, loss = alone(), lambda p, y: nn.cross_entropy(p, y, reduction=reduction)
    run = lambda workers: trained(workers, model, loss, 1, cr.data.Batches(X, Y, batch_size=2, seed=3))[0]["loss"]
    assert together(2, run) == [run(2)] * 2


def test_a_loss_is_recognised_where_it_first_is_0():
    target = np.zeros((40, 1), "f")
    target[31] = 1  # of 32 examples in the first batch

    def run(workers):
        model = nn.Linear(8, 1, init="zeros")
        optimizer = cr.optim.SGD(model.parameters(), lr=0.01)
        data = cr.data.Batches(X[:40], target, batch_size=32, shuffle=False)
        loss = lambda p, y: ((p - y) ** 2).sum()
        cr.fit(model, loss, optimizer, data, 1, workers=workers, verbose=0)
        return model.weight.numpy()

    for found in (run(2), *together(2, run)):
        np.testing.assert_allclose(found, run(None), rtol=1e-5)


@pytest.mark.parametrize("name", ["mean", "sum"])
def test_a_loss_is_recognised_where_a_few_examples_do_not_tell(name):
    sums, means = [0.5] * 2 + [-0.5] * 5 + [1.0] * 3, [1.0] * 2 + [-2.5] * 5 + [1.0] * 3
    x = cr.tensor(sums if name == "sum" else means).reshape(10, 1)
    assert reduction_of(lambda p, y: getattr(y, name)(), nn.Linear(1, 1), x, x) == name
    assert reduction_of(lambda p, y: getattr(y, name)(), nn.Linear(1, 1), x[:7], x[:7]) is None


def test_a_loss_that_is_nan_is_named_as_without_workers():
    with pytest.raises(cr.GraphError, match="every gradient must be finite"):
        trained(2, loss=lambda p, y: nn.cross_entropy(p, y) * float("nan"))


def test_a_penalty_counts_once_beside_a_sum():
    summed = lambda p, y: nn.cross_entropy(p, y, reduction="sum")
    options = {"loss": summed, "penalty": penalty}
    assert trained(3, **options)[0]["loss"] == pytest.approx(trained(**options)[0]["loss"], rel=1e-4)


def test_a_loss_that_is_neither_mean_nor_sum_is_refused():
    with pytest.raises(cr.ArgumentError, match="must be the mean or the sum over its examples"):
        trained(2, loss=lambda p, y: nn.cross_entropy(p, y) * len(y) ** 2)


# ---- callbacks


class Counting(cr.Callback):
    def __init__(self, everywhere=False):
        self.steps, self.on_every_worker = 0, everywhere

    def on_step(self, run):
        self.steps += 1


@pytest.mark.parametrize("everywhere", [False, True])
def test_callbacks_are_called_on_worker_0_unless_they_ask_for_all(everywhere):
    model = alone()

    def program(workers):
        callback = Counting(everywhere)
        trained(workers, model, data=seeded(), callbacks=callback, epochs=1)
        return callback.steps

    assert together(2, program) == [4, 4 if everywhere else 0]


def test_only_worker_0_prints(capsys):
    model = alone()
    together(2, lambda workers: trained(workers, model, data=seeded(), verbose=1))
    assert capsys.readouterr().out.count("epoch 1/3") == 1


@pytest.mark.parametrize("rank", [0, 1])
def test_a_reason_to_stop_on_one_worker_stops_all_after_the_same_step(rank):
    model = alone()

    def program(workers):
        class Enough(Counting):
            on_every_worker = True

            def on_step(self, run):
                self.steps += 1
                if self.steps == 6 and workers.rank == rank:
                    run.stop_reason = f"worker {rank} has enough"

        callback = Enough(True)
        history, bits = trained(workers, model, data=seeded(), callbacks=callback)
        return history.stop_reason, callback.steps, bits

    found = together(2, program)
    assert found[0] == found[1]
    assert found[0][:2] == (f"worker {rank} has enough", 6)


def test_a_change_of_the_model_on_one_worker_only_is_found_at_the_end_of_the_epoch():
    model = alone()

    def program(workers):
        def change(run):
            run.model.parameters()[1].assign(run.model.parameters()[1].detach() + 1)

        return trained(workers, model, data=seeded(), callbacks=change)

    for error in together(2, program):
        assert isinstance(error, cr.WorkerError)
        assert "parameter layers.0.bias of worker" in str(error)


# ---- checkpoints


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 2)])
def test_a_run_goes_on_exactly_with_another_number_of_workers(tmp_path, before, after):
    model, path = alone(), tmp_path / "run"
    run = lambda epochs, **options: (
        lambda workers: trained(
            workers, model, data=seeded(), epochs=epochs, deterministic=True, checkpoint=path, **options
        )
    )
    whole = trained(1, model, data=seeded(), deterministic=True)
    together(before, run(1))
    for history, bits in together(after, run(3, resume=True)):
        assert bits == whole[1]
        assert without_seconds(history) == without_seconds(whole[0])


def test_an_error_on_one_worker_leaves_a_checkpoint_of_the_last_step(tmp_path):
    model, path = alone(), tmp_path / "run"

    def program(workers):
        steps = Counting(True)

        def loss(p, y):
            if steps.steps == 6 and workers.rank == 1:
                raise ValueError("broken")
            return nn.cross_entropy(p, y)

        return trained(workers, model, loss, data=seeded(), callbacks=steps, checkpoint=path, deterministic=True)

    first, second = together(2, program)
    assert isinstance(first, cr.WorkerError)
    assert isinstance(second, ValueError)
    assert len(first.history) == 1
    whole = trained(1, model, data=seeded(), deterministic=True, callbacks=Counting())
    assert (
        trained(2, model, data=seeded(), deterministic=True, checkpoint=path, resume=True, callbacks=Counting())[1]
        == whole[1]
    )


def test_a_checkpoint_that_worker_0_cannot_read_stops_all(tmp_path):
    path = tmp_path / "run"
    path.write_bytes(b"no checkpoint")
    model = alone()
    first, second = together(2, lambda w: trained(w, model, data=seeded(), checkpoint=path, resume=True))
    assert isinstance(first, cr.CheckpointError)
    assert isinstance(second, cr.WorkerError)


# ---- what is refused


def test_shards_without_workers_are_refused():
    with pytest.raises(cr.ArgumentError, match="shards are for workers"):
        trained(shards=4)


@pytest.mark.parametrize("workers", [0, True, "two", 1.5])
def test_workers_are_a_number_or_workers(workers):
    with pytest.raises(cr.ArgumentError, match="workers must be|n must be"):
        trained(workers)


def test_a_batch_smaller_than_the_shards_is_refused():
    with pytest.raises(cr.ArgumentError, match="a batch of 32 examples cannot be cut into 40 shards"):
        trained(2, shards=40)


def test_batch_norm_needs_two_examples_in_each_shard():
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm(4), nn.Linear(4, 3))
    with pytest.raises(cr.ArgumentError, match="cannot be cut into 32 shards of at least 2"):
        trained(2, model, shards=32)
    with pytest.raises(cr.ArgumentError, match="the last batch has 10 examples, of which a shard would have 1"):
        trained(2, model, shards=8)


def test_workers_on_other_data_are_named():
    model = alone()

    def program(workers):
        return trained(workers, model, data=cr.data.Batches(X + workers.rank, Y, batch_size=32, seed=3))

    for error in together(2, program):
        assert isinstance(error, cr.WorkerError)
        assert "must have the same data and callbacks" in str(error)


def test_workers_whose_data_ends_earlier_are_named():
    model = alone()

    def program(workers):
        pairs = [(cr.tensor(X[i : i + 16]), cr.tensor(Y[i : i + 16])) for i in range(0, 96, 16)]

        class Pairs:
            def __iter__(self):
                return iter(pairs[: 6 - workers.rank])

        return trained(workers, model, data=Pairs())

    for error in together(2, program):
        assert isinstance(error, cr.WorkerError)
        assert "worker 0 at 'a step of 16 examples', worker 1 at 'predict'" in str(error)


def test_the_order_of_the_data_is_that_of_worker_0():
    model = alone()

    def program(workers):
        return trained(
            workers, model, data=cr.data.Batches(X, Y, batch_size=32, seed=3 + workers.rank), deterministic=True
        )[1]

    assert together(2, program) == [trained(2, model, data=seeded(), deterministic=True)[1]] * 2


def test_workers_with_other_options_are_named():
    model = alone()
    for error in together(2, lambda workers: trained(workers, model, data=seeded(), deterministic=workers.rank == 0)):
        assert isinstance(error, cr.WorkerError)
        assert "worker 0 has ('shards', 8), and worker 1 has ('shards', 2)" in str(error)


def test_workers_with_other_validation_data_are_named():
    model = alone()
    for error in together(2, lambda w: trained(w, model, data=seeded(), validation=(X[:40] + w.rank, Y[:40]))):
        assert isinstance(error, cr.WorkerError)
        assert "validation data 'val'" in str(error)


def test_a_model_that_draws_in_eval_mode_draws_the_same_for_any_number_of_workers():
    class Noisy(nn.Linear):
        def __init__(self):
            super().__init__(8, 3)
            self.noise = cr.random.Generator(5)

        def forward(self, x):
            return super().forward(x + 0.1 * self.noise.normal(size=x.shape))

    cr.random.seed(0)
    model = Noisy()
    run = lambda workers: trained(workers, model, data=seeded(), deterministic=True)
    history, bits = run(1)
    for other, same in [run(4), *together(3, run)]:
        assert same == bits
        assert without_seconds(other) == without_seconds(history)


def test_an_error_when_a_callback_starts_is_told_to_all():
    model = alone()

    def program(workers):
        class Bad(cr.Callback):
            on_every_worker = True

            def on_start(self, run):
                if workers.rank == 1:
                    raise ValueError("bad option")

        return trained(workers, model, data=seeded(), callbacks=Bad())

    first, second = together(2, program)
    assert isinstance(first, cr.WorkerError)
    assert isinstance(second, ValueError)


def test_parameters_that_only_the_optimiser_has_start_as_those_of_worker_0():
    def program(workers):
        model, extra = nn.Linear(8, 3), nn.Parameter([1.0 + workers.rank])
        cr.parallel.DataParallel(model, cr.optim.SGD([*model.parameters(), extra], lr=0.1), workers)
        return extra.item()

    assert together(2, program) == [1.0, 1.0]


# ---- as programs


NETS = {
    "dropout and a penalty": (lambda: nn.MLP([8, 16, 3], dropout=0.2), {"penalty": penalty, "clip_norm": 0.5}),
    "BatchNorm": (lambda: nn.MLP([8, 16, 3], norm="batch"), {}),
    "a sum, a generator of its own": (
        alone,
        {"loss": lambda p, y: nn.cross_entropy(p, y) * len(p), "penalty": penalty},
    ),
}


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("net", NETS)
def test_shards_that_are_recorded_have_the_bits_of_eager_ones(net, deterministic):
    make, options = NETS[net]
    model, options = make(), options | {"epochs": 4, "deterministic": deterministic}
    runs = [trained(2, model, jit=jit, data=seeded(drop_last=True), **options) for jit in (False, True)]
    assert [history.lowering for history, _ in runs] == ["eager", "numpy"]
    assert runs[0][1] == runs[1][1]
    assert without_seconds(runs[0][0]) == without_seconds(runs[1][0])


def test_processes_record_their_shards():
    model = alone()
    run = lambda workers, jit=True: trained(workers, model, data=seeded(), deterministic=True, jit=jit)
    _, bits = run(2, False)
    assert [(history.lowering, same == bits) for history, same in together(2, run)] == [("numpy", True)] * 2


@needs_compiler
def test_shards_in_c_are_close_to_eager_ones():
    (eager, _), (fast, _) = (trained(2, jit=jit) for jit in (False, "c"))
    assert fast.lowering == "c"
    assert fast["loss"] == pytest.approx(eager["loss"], rel=1e-4)


def test_a_recording_of_a_shard_that_fails_falls_back(capsys):
    def loss(p, y):
        return nn.cross_entropy(p, y) * (1 if nn.cross_entropy(p, y).item() > 0 else 2)

    runs = [trained(2, loss=loss, epochs=60, jit=jit, verbose=1) for jit in (None, False)]
    assert "the code reads a value" in runs[0][0].why_eager
    assert capsys.readouterr().out.count("steps run eagerly: recording: the code reads a value") == 1
    assert runs[0][1] == runs[1][1]


def test_layers_that_look_at_all_examples_are_not_recorded():
    model = nn.Sequential(nn.Linear(8, 3), nn.BatchNorm(3, sync=True))
    with pytest.raises(cr.ArgumentError, match="jit=True, but a layer looks at all examples that workers share"):
        trained(2, model, jit=True)
