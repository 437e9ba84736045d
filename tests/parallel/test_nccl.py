"""Processes with a GPU each: what goes through NCCL, and a model that is trained so. The device double has an NCCL, too."""

import importlib.util
import inspect
import re
import threading
from pathlib import Path

import device_double
import numpy as np
import pytest
from device_double import nccl as double
from local_workers import Local, together

import chainrule as cr
from chainrule import nn
from chainrule.parallel import Alone, DataParallel, Nccl, Threads
from chainrule.parallel.nccl import library


@pytest.fixture(params=["strict", pytest.param("cuda", marks=pytest.mark.gpu)])
def gpu(request):
    """The name of a device with NCCL: the double, and a GPU."""
    if request.param == "strict":
        return request.getfixturevalue("strict")
    try:
        library("cuda")
    except cr.ArgumentError as error:
        pytest.skip(str(error))
    return "cuda"


def ranks(size, program, device="strict"):
    """What program(workers) returns for each of `size` processes with a GPU each, on which it runs."""

    def run(workers):
        nccl = Nccl(workers, device)
        with cr.backends.use(nccl.device):
            return program(nccl)

    return together(size, run)


def there(values, dtype="float32"):
    return cr.tensor(values, dtype=dtype).data


# ---- one process


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,)])
def test_one_process_gets_back_what_it_gave(gpu, shape, dtype):
    workers = Nccl(Alone(), gpu)
    assert (workers.rank, workers.size, workers.device, workers.threads) == (0, 1, gpu, 1)
    given = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    with cr.backends.use(gpu):
        array = there(given, dtype)
        with device_double.forbid("waits", "uploads"):
            found = [workers.tree(array), workers.allreduce(array), workers.allreduce(array, "max")]
        for result in found:
            np.testing.assert_array_equal(cr.tensor(result).numpy(), given)
            assert (result.shape, result.dtype) == (shape, dtype)


def test_a_sum_is_computed_in_place_by_one_launch(gpu):
    workers = Nccl(Alone(), gpu)
    with cr.backends.use(gpu):
        array = there([1.0, 2.0])
        with device_double.counting() as seen:
            result = workers.allreduce(array)
        assert result.data.ptr == array.data.ptr
    assert gpu == "cuda" or seen.launches == {"allReduce": 1}


@pytest.mark.parametrize("method", ["allreduce", "tree"])
def test_an_array_in_strides_is_sent_as_its_elements(gpu, method):
    workers, given = Nccl(Alone(), gpu), np.arange(12.0, dtype="f").reshape(3, 4)
    with cr.backends.use(gpu):
        result = getattr(workers, method)(there(given).T[1:])
        np.testing.assert_array_equal(cr.tensor(result).numpy(), given.T[1:])


def test_what_nccl_does_not_take_goes_the_way_of_the_others(gpu):
    workers, host = Nccl(Alone(), gpu), np.arange(3)
    assert workers.allreduce(host) is workers.tree(host) is host
    with cr.backends.use(gpu):
        mask = there([True, False], "bool")
        assert workers.allreduce(mask, "max") is mask
    assert (workers.gather("a"), workers.broadcast("b"), workers.barrier()) == (["a"], "b", None)


# ---- several


def test_two_processes_have_a_gpu_each_and_add_up_what_is_there(strict):
    def program(workers):
        array = lambda: there([workers.rank + 1.0, 10.0])
        sums = workers.allreduce(array()), workers.allreduce(array(), "max"), workers.tree(array())
        return workers.device, [sum.device.id for sum in sums], [sum.get().tolist() for sum in sums]

    expected = [[3.0, 20.0], [2.0, 10.0], [3.0, 20.0]]
    assert ranks(2, program) == [("strict", [0, 0, 0], expected), ("strict:1", [1, 1, 1], expected)]


def test_the_tree_of_sums_is_that_of_the_other_kinds(strict, monkeypatch):
    monkeypatch.setattr(device_double.cupy.cuda.Device, "count", 5)
    terms = (np.random.default_rng(0).normal(size=(5, 100)) * 1e3).astype("f")
    found = ranks(5, lambda workers: workers.tree(there(terms[workers.rank])).get().tobytes())
    assert found == together(5, lambda workers: workers.tree(terms[workers.rank]).tobytes())


def test_processes_of_several_machines_are_counted_on_each(strict, monkeypatch):
    machines, gpus = iter("abab"), iter(range(4))
    monkeypatch.setattr("chainrule.parallel.nccl.platform.node", lambda: next(machines))
    properties = lambda number: {"uuid": next(gpus)}
    monkeypatch.setattr(device_double.cupy.cuda.runtime, "getDeviceProperties", properties)
    monkeypatch.setattr(double, "REFUSES_DUPLICATES", False)  # the two machines are one
    monkeypatch.setattr(device_double.cupy.cuda.Device, "count", 4)
    assert sorted(ranks(4, lambda workers: workers.device)) == ["strict", "strict", "strict:1", "strict:1"]


def test_two_processes_on_one_gpu_are_refused_on_both(strict):
    found = ranks(3, lambda workers: workers.device)
    assert {str(error) for error in found} == {str(found[0])}
    assert re.match(
        r"Nccl: each process needs a GPU of its own, but processes \[0, 2\] share one; start no more", str(found[0])
    )


def test_a_process_may_name_its_gpu(strict):
    assert Nccl(Alone(), "strict:1").device == "strict:1"
    with pytest.raises(cr.DeviceError, match="'strict:7': there are 2"):
        Nccl(Alone(), "strict:7")


def test_without_nccl_it_says_what_to_install(strict, monkeypatch):
    monkeypatch.setattr(double, "available", False)
    with pytest.raises(
        cr.ArgumentError, match="CuPy does not find NCCL; install it with `pip install nvidia-nccl-cu13`"
    ):
        Nccl(Alone(), strict)


def test_arrays_of_others_than_cupy_are_refused():
    with pytest.raises(cr.DeviceError, match="arrays of CuPy's, not those of device 'cpu'; take Mpi"):
        Nccl(Alone(), "cpu")


# ---- init


@pytest.fixture
def anew(monkeypatch):
    monkeypatch.setattr("chainrule.parallel.launch._joined", {})


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("device", ["cpu", "strict", "strict:1"])
def test_one_process_computes_on_the_device_that_is_asked_for(strict, device):
    workers = cr.parallel.init(device)
    assert (repr(workers), workers.device) == ("Alone()", device)
    assert cr.parallel.init() is cr.parallel.init(device) is workers


@pytest.mark.usefixtures("anew")
def test_without_a_device_any_will_do():
    assert cr.parallel.init().device is None


@pytest.mark.usefixtures("anew")
def test_a_device_that_does_not_exist_is_refused(strict):
    with pytest.raises(cr.DeviceError, match="'strict:2': there are 2"):
        cr.parallel.init("strict:2")


def test_several_processes_name_the_device_in_the_first_call(monkeypatch):
    monkeypatch.setattr("chainrule.parallel.launch._joined", {None: Local(0, 2, ([], None))})
    with pytest.raises(cr.ArgumentError, match=r"has called init\(\) before, which does not go with 'cpu'; name the"):
        cr.parallel.init("cpu")


# ---- training

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 6)).astype("f"), RNG.integers(0, 3, 24)


ONE_AT_A_TIME = threading.Lock()  # draws random numbers: ranks that are threads share the generator


def network(norm=False):
    with ONE_AT_A_TIME:
        cr.random.seed(0)
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm(8) if norm else nn.relu, nn.Linear(8, 3))


def objective(model, x, y):
    return nn.cross_entropy(model(x), y)


class Training:
    """A model on the current device, and a step of it, of several workers or, without, a plain one."""

    def __init__(self, workers=None, deterministic=False, norm=False):
        self.model, self.x, self.y = network(norm), cr.tensor(X), cr.tensor(Y)
        self.optimizer = cr.optim.Adam(self.model.parameters(), lr=0.01)
        self.parallel = workers and DataParallel(self.model, self.optimizer, workers, deterministic)

    def step(self):
        self.optimizer.zero_grad()
        if self.parallel:
            self.parallel.backward(objective, self.x, self.y)
        else:
            objective(self.model, self.x, self.y).backward()
        self.optimizer.step()

    def bits(self):
        return b"".join(x.numpy().tobytes() for _, x in self.model.named_tensors())


@pytest.mark.parametrize("norm", [False, True])
def test_one_gpu_has_the_gradient_of_a_plain_backward(gpu, norm):
    with cr.backends.use(gpu):
        plain, one = Training(norm=norm), Training(Nccl(Alone(), gpu), norm=norm)
        plain.step(), one.step()
        for p, q in zip(plain.model.parameters(), one.model.parameters(), strict=True):
            np.testing.assert_array_equal(q.grad.numpy(), p.grad.numpy())


@pytest.mark.parametrize(
    ("norm", "more"), [(False, 4), (True, 4 + 2 * 4)]
)  # each running statistic: what it was, change, sum, end
def test_a_step_on_one_gpu_neither_waits_nor_uploads_and_costs_few_launches_more(strict, norm, more):
    counts = []
    with cr.backends.use(strict):
        for training in (Training(norm=norm), Training(Nccl(Alone(), strict), norm=norm)):
            training.step()
            with device_double.counting() as seen:
                training.step()
            counts.append(seen)
    assert counts[1].launches["allReduce"] == 1 + 2 * norm
    assert counts[1].launches.total() <= counts[0].launches.total() + more, counts
    assert (counts[1].waits, counts[1].uploads) == ({}, {})


def test_a_step_of_several_shards_neither_waits_nor_uploads(gpu):
    with cr.backends.use(gpu):
        training = Training(Nccl(Alone(), gpu), deterministic=True, norm=True)
        training.step()
        with device_double.forbid("waits", "uploads"):
            training.step()


def test_a_step_of_a_deterministic_run_is_computed_inside_deterministic():
    training, found = Training(Alone(), deterministic=True), []

    def asked(model, x, y):
        found.append(cr.backends.is_deterministic())
        return objective(model, x, y)

    training.parallel.backward(asked, training.x, training.y)
    assert found == [True] * 8


@pytest.mark.parametrize("norm", [False, True])
def test_two_gpus_have_the_bits_of_one_in_a_deterministic_run(strict, norm):
    def program(workers):
        training = Training(workers, deterministic=True, norm=norm)
        for _ in range(3):
            training.step()
        assert {p.device for p in training.model.parameters()} == {workers.device}
        training.parallel.check()
        return training.bits()

    assert ranks(2, program) == ranks(1, program) * 2


def test_all_start_from_the_model_of_the_first_process_which_is_sent_without_its_device(strict):
    sent = []

    class Watched(Nccl):
        def broadcast(self, value):
            sent.append(value)
            return super().broadcast(value)

    def program(workers):
        nccl = Watched(workers, strict)
        with cr.backends.use(nccl.device):
            training = Training()
            if nccl.rank:
                training.model.parameters()[0].data[...] = 0.0
            DataParallel(training.model, training.optimizer, nccl)
            return training.bits()

    first, second = together(2, program)
    assert first == second
    with cr.backends.use(strict):
        assert first == Training().bits()
    starts = [value for value in sent if isinstance(value, list)]
    assert {x.device for model, *_ in starts for x in model.values()} == {"cpu"}


def test_fit_on_one_gpu_ends_with_the_weights_of_a_plain_run_and_waits_as_often(strict):
    def run(epochs, workers=None):
        model = network()
        optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
        with device_double.counting() as seen:
            cr.fit(model, nn.cross_entropy, optimizer, (X, Y), epochs, batch_size=8, verbose=0, workers=workers)
        return [p.numpy().tobytes() for p in model.parameters()], seen.waits.total()

    with cr.backends.use(strict):
        plain, one = run(4), run(4, Nccl(Alone(), strict))
        assert plain[0] == one[0]
        assert one[1] - run(2, Nccl(Alone(), strict))[1] == plain[1] - run(2)[1]


def test_fit_on_two_gpus_ends_with_the_weights_of_one(strict):
    def program(workers):
        model = network()
        optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
        batches = cr.data.Batches(X, Y, batch_size=16, seed=1)
        history = cr.fit(
            model, nn.cross_entropy, optimizer, batches, 2, (X, Y), deterministic=True, verbose=0, workers=workers
        )
        return [p.numpy().tobytes() for p in model.parameters()], history["val_loss"]

    assert ranks(2, program) == ranks(1, program) * 2


def test_a_model_elsewhere_than_the_worker_computes_is_refused(strict):
    model = network()
    with pytest.raises(
        cr.DeviceError, match=r"computes on 'strict', but its model has parameters on 'cpu'; make model and"
    ):
        DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), Nccl(Alone(), strict))


# ---- threads


def test_threads_use_device_and_stream_of_their_caller(strict):
    stream = device_double.cupy.cuda.Stream()
    with cr.backends.use("strict:1"), stream:
        training = Training(Threads(3))
        with device_double.by_stream() as used, device_double.forbid("waits", "uploads"):
            training.step()
    assert {(device, used_stream) for device, used_stream, _ in used} == {(1, stream)}


def test_threads_have_the_bits_of_one_in_a_deterministic_run(gpu):
    def trained(workers):
        training = Training(workers, deterministic=True)
        for _ in range(3):
            training.step()
        return training.bits()

    with cr.backends.use(gpu):
        assert trained(3) == trained(1)


def test_kernels_run_on_several_threads(compiled):
    with cr.backends.use(compiled):
        work = lambda i: nn.gelu(cr.ones(1000) * (i - 4)).numpy().tolist()
        assert Threads(4).map(work, range(8)) == Threads(1).map(work, range(8))


# ---- the double


def test_the_double_has_the_signatures_of_cupys_nccl():
    spec = importlib.util.find_spec("cupy_backends.cuda.libs.nccl") if device_double.real else None
    if spec is None:
        pytest.skip("CuPy is not installed to compare with")
    text = Path(spec.origin).read_bytes().decode("latin1")  # needs no NCCL, which an import does
    ours = double.NcclCommunicator
    for name in [n for n in vars(ours) if not n.startswith("_")]:
        (theirs,) = set(re.findall(rf"NcclCommunicator\.{name}\(([^()]*)\)", text))
        assert [p.split()[-1] for p in theirs.split(", ")] == [*inspect.signature(getattr(ours, name)).parameters], name
    assert all(f"{name}\0" in text for name in vars(double) if name.startswith("NCCL_"))


def test_the_double_has_the_numbers_of_cupys_nccl():
    theirs = pytest.importorskip("cupy.cuda.nccl", reason="CuPy is not installed to compare with", exc_type=ImportError)
    if not theirs.available:
        pytest.skip("NCCL is not installed to compare with")
    numbers = lambda module: {name: value for name, value in vars(module).items() if name.startswith("NCCL_")}
    assert numbers(double) == numbers(theirs)
    assert (type(theirs.get_unique_id()), len(theirs.get_unique_id())) == (bytes, 128)


def test_the_double_refuses_two_members_on_one_device():
    def member(workers):
        key = workers.broadcast(double.get_unique_id() if workers.rank == 0 else None)
        double.NcclCommunicator(2, key, workers.rank)

    assert [type(error) for error in together(2, member)] == [double.NcclError] * 2


def test_the_double_takes_an_id_as_cupy_14_makes_it():
    with pytest.raises(TypeError, match="expected bytes"):
        double.NcclCommunicator(1, (0,) * 128, 0)
