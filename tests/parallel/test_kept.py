"""What forward leaves in a model, when each shard has a copy of it."""

import numpy as np
import pytest
from local_workers import together

import chainrule as cr
from chainrule import nn
from chainrule.parallel import DataParallel

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)).astype("float32"), RNG.normal(size=(24, 2)).astype("float32")


class Keeps(nn.Linear):
    """A layer that calls `keep` in forward, while training."""

    def __init__(self, keep, **attributes):
        super().__init__(4, 2)
        vars(self).update(attributes)
        self.keep = keep

    def forward(self, x):
        if self.training:
            with cr.no_grad():
                self.keep(self, x)
        return super().forward(x)


def step(model, workers, examples=24, **options):
    """The model after a step without workers, or with them."""
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    objective = lambda model, x, y: nn.mse(model(x), y)
    x, y = cr.tensor(X[:examples]), cr.tensor(Y[:examples])
    if workers is None:
        objective(model, x, y).backward()
    else:
        DataParallel(model, optimizer, workers, **options).backward(objective, x, y)
    optimizer.step()
    return model


def refused(match, keep, **attributes):
    with pytest.raises(cr.ArgumentError, match=match):
        step(Keeps(keep, **attributes), 2)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_tensor_that_forward_replaces_becomes_the_mean_over_all_examples(workers):
    def keep(layer, x):
        layer.mean = 0.9 * layer.mean + 0.1 * x.mean(axis=0)

    plain, shared = (step(Keeps(keep, mean=cr.ones(4)), w) for w in (None, workers))
    np.testing.assert_allclose(shared.mean.numpy(), plain.mean.numpy(), rtol=1e-5)


@pytest.mark.parametrize(("workers", "examples"), [(None, 24), (1, 24), (2, 24), (4, 3)])
def test_a_number_that_forward_counts_is_counted_once(workers, examples):
    def keep(layer, x):
        layer.calls += 1

    assert step(Keeps(keep, calls=0), workers, examples).calls == 1


@pytest.mark.parametrize("examples", [1, 24])
def test_a_number_that_forward_counts_is_counted_once_on_all_processes(examples):
    def keep(layer, x):
        layer.calls += 1

    assert together(2, lambda workers: step(Keeps(keep, calls=0), workers, examples).calls) == [1, 1]


def test_a_number_that_differs_from_shard_to_shard_is_refused():
    def keep(layer, x):
        layer.top = float(x.max())

    refused("forward sets Keeps.top to .* for one shard, and to .* for another", keep, top=0.0)


def test_a_number_that_differs_from_process_to_process_is_refused():
    def keep(layer, x):
        layer.top = float(x.max())

    for error in together(2, lambda workers: step(Keeps(keep, top=0.0), workers)):
        assert isinstance(error, cr.WorkerError)
        assert "a step of 24 examples that sets Keeps.top = " in str(error)


def test_a_result_with_its_history_is_refused_for_the_loss_would_not_see_it():
    class Auxiliary(nn.Linear):
        def forward(self, x):
            self.size = (self.weight**2).sum()
            return super().forward(x)

    with pytest.raises(
        cr.ArgumentError, match="forward sets Auxiliary.size to a result with its history.*return it from forward"
    ):
        step(Auxiliary(4, 2), 2)


def test_a_copy_of_a_result_may_be_kept_for_later_in_forward():
    def keep(layer, x):
        layer.seen = x.detach()

    step(Keeps(keep), 2)


def test_lists_that_forward_changes_are_refused():
    refused("forward changes a list of the model", lambda layer, x: layer.log.append(len(x)), log=[])
    refused("forward changes a dict of the model", lambda layer, x: layer.log.update(n=len(x)), log={})


def test_arrays_of_numpy_that_forward_changes_are_refused():
    def replace(layer, x):
        layer.mean = 0.9 * layer.mean + 0.1 * x.numpy().mean(axis=0)

    def write(layer, x):
        layer.mean += 1

    refused("forward changes Keeps.mean, an array of NumPy", replace, mean=np.zeros(4))
    with pytest.raises(ValueError, match="read-only") as raised:
        step(Keeps(write, mean=np.zeros(4)), 2)
    assert "keep what forward changes as tensors" in raised.value.__notes__[0]


def test_a_tensor_of_another_shape_is_refused():
    def keep(layer, x):
        layer.mean = cr.zeros(3)

    refused(r"forward replaces the tensor mean \(4,\) of the model", keep, mean=cr.zeros(4))


def test_a_parameter_that_forward_writes_to_is_refused():
    refused("bias of the model was changed while shards were computed", lambda layer, x: layer.bias.assign(cr.zeros(2)))


def test_an_objective_that_uses_the_model_itself_is_refused_where_that_changes_it():
    model = nn.Sequential(nn.BatchNorm(4), nn.Linear(4, 2))
    parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 2)
    with pytest.raises(cr.ArgumentError, match="the objective must use the model that it is given"):
        parallel.backward(lambda _, x, y: nn.mse(model(x), y), cr.tensor(X), cr.tensor(Y))


def test_a_bound_method_is_that_of_the_copy():
    def count(self):
        self.calls += 1

    layer = Keeps(lambda layer, x: layer.count(), calls=0)
    layer.count = count.__get__(layer)
    assert step(layer, 2).calls == 1


def test_a_module_that_passes_on_what_it_lacks_can_be_copied():
    class Wraps(nn.Module):
        def __init__(self, inner):
            self.inner = inner

        def forward(self, x):
            return self.inner(x)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    step(Wraps(nn.Linear(4, 2)), 2)


def test_threads_predict_with_a_model_of_their_own():
    class Remembers(nn.Linear):
        def forward(self, x):
            self.skip = x
            y = super().forward(x)
            return y + self.skip.sum(axis=1, keepdims=True)

    x = RNG.normal(size=(4000, 4)).astype("float32")
    y = RNG.normal(size=(4000, 2)).astype("float32")
    cr.random.seed(0)
    model = Remembers(4, 2)
    optimizer = cr.optim.SGD(model.parameters(), lr=1e-9)
    model.skip = None
    plain = cr.evaluate(model, nn.mse, x, y)["val_loss"]
    del model.skip
    parallel = DataParallel(model, optimizer, 4)
    for _ in range(3):
        out = parallel.predict(lambda m, part: m(part).detach(), cr.tensor(x))
        assert nn.mse(out, cr.tensor(y)).item() == pytest.approx(plain, rel=1e-5)


def test_a_backward_inside_the_objective_counts_too():
    model = nn.Linear(4, 2)
    parallel = DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), 2)

    def objective(model, x, y):
        nn.mse(model(x), y).backward(cr.tensor(0.5))
        return nn.mse(model(x), y)

    parallel.backward(objective, cr.tensor(X), cr.tensor(Y))
    both = model.weight.grad.numpy().copy()
    model.zero_grad()
    parallel.backward(lambda model, x, y: nn.mse(model(x), y), cr.tensor(X), cr.tensor(Y))
    np.testing.assert_allclose(both, 2 * model.weight.grad.numpy(), rtol=1e-5)
