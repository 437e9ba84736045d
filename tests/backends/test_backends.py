"""Devices: which there are, how arrays get there and back, and what happens when they meet."""

import ast
import subprocess
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule.backends.base import philox
from chainrule.backends.cpu import Cpu
from chainrule.backends.gpu import Cuda
from chainrule.nn.linear import affine

# ---- which devices there are


def test_the_cpu_and_numbers_are_always_available():
    assert {"cpu", "scalar"} <= set(cr.backends.available())


def test_an_unknown_device_is_refused_with_those_that_exist():
    with pytest.raises(cr.DeviceError, match="unknown device 'tpu': choose one of 'scalar', 'cpu', 'cuda'"):
        cr.backends.get("tpu")


@pytest.mark.parametrize("name", [3, ("cpu",)])
def test_a_device_must_be_given_by_name(name):
    with pytest.raises(cr.DeviceError, match="device must be a name such as 'cpu'"):
        cr.backends.get(name)


@pytest.mark.parametrize("use", [
    lambda: cr.tensor([1.0], device="tpu"), lambda: cr.zeros(2, device="tpu"),
    lambda: cr.random.uniform(device="tpu"), lambda: cr.backends.use("tpu").__enter__(),
])  # fmt: skip
def test_whatever_takes_a_device_refuses_an_unknown_one(use):
    with pytest.raises(cr.DeviceError, match="unknown device 'tpu'"):
        use()


@pytest.fixture
def without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(cr.backends._BACKENDS, "cuda", raising=False)


@pytest.mark.usefixtures("without_cupy")
def test_without_cupy_the_error_says_how_to_install_it():
    with pytest.raises(
        cr.DeviceError, match=r"'cuda' .* CuPy failed \(.*cupy.*\)\. .*: pip install 'cupy-cuda13x\[ctk\]'"
    ):
        cr.zeros(2, device="cuda")


@pytest.mark.usefixtures("without_cupy")
def test_without_cupy_the_gpu_is_known_but_not_available():
    assert "cuda" in cr.backends.registered()
    assert "cuda" not in cr.backends.available()


@pytest.fixture
def broken():
    """A backend whose library is there, but not its device."""

    class Broken(cr.backends.Backend):
        def available(self):
            return False

    cr.backends.register("broken", Broken())
    yield "broken"
    cr.backends.unregister("broken")


def test_a_device_that_is_not_there_says_so(broken):
    with pytest.raises(cr.DeviceError, match="'broken': the library is installed but no usable device was found"):
        cr.zeros(2, device=broken)


def test_a_device_that_is_not_there_is_not_available(broken):
    assert broken not in cr.backends.available()


def test_importing_chainrule_does_not_import_cupy():
    code = "import sys, chainrule; sys.exit('cupy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- the default device


def test_use_sets_the_device_of_what_is_made(strict):
    with cr.backends.use(strict):
        made = [cr.tensor([1.0]), cr.zeros(2), cr.arange(3), cr.random.normal(size=2), cr.tensor(1.0)]
    assert [x.device for x in made] == [strict] * len(made)


def test_use_ends_with_its_block_also_on_an_error(strict):
    with pytest.raises(KeyError), cr.backends.use(strict), cr.backends.use("scalar"):
        raise KeyError
    assert cr.zeros(2).device == "cpu"


# ---- adding and removing devices


class Shelf(cr.backends.Backend):
    """A complete backend of another maker: NumPy arrays of a type of its own."""

    class Array(np.ndarray):
        pass

    class Namespace:
        def __getattr__(self, name):
            function = getattr(np, name)
            if isinstance(function, (type, np.ufunc)) or not callable(function):
                return function
            return lambda *args, **kwargs: shelved(function(*args, **kwargs))

    xp = Namespace()
    array_type = Array
    types = (Array,)

    def asarray(self, data, dtype=None, copy=False):
        return np.array(data, dtype=dtype, copy=copy or None).view(self.Array)

    def to_numpy(self, array):
        return np.array(array)


def shelved(result):
    return result.view(Shelf.Array) if type(result) is np.ndarray else result


@pytest.fixture
def shelf():
    cr.backends.register("shelf", Shelf())
    yield "shelf"
    cr.backends.unregister("shelf")


def network(device):
    """The loss of a small network and its gradients, computed on a device."""
    rng = np.random.default_rng(0)
    x, *weights = (cr.tensor(rng.normal(size=s), device=device) for s in [(5, 3), (3, 4), (4,), (4, 2)])
    for w in weights:
        w.requires_grad = True
    hidden = cr.tanh(affine(x, *weights[:2]))
    loss = (
        cr.logsumexp(hidden @ weights[2], axis=-1).mean() + hidden[[0, 2, 2]].max() + cr.sort(hidden, axis=0)[0].sum()
    )
    loss.backward()
    return loss, [w.grad for w in weights]


def test_another_makers_backend_computes_and_differentiates(shelf):
    loss, gradients = network(shelf)
    expected, expected_gradients = network("cpu")
    assert loss.item() == pytest.approx(expected.item(), rel=1e-14)
    for g, e in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(g.numpy(), e.numpy(), rtol=1e-13)


def test_results_on_another_makers_backend_stay_there(shelf):
    loss, gradients = network(shelf)
    assert [x.device for x in (loss, *gradients)] == [shelf] * 4
    assert {type(x.data) for x in (loss, *gradients)} == {Shelf.Array}


def test_another_makers_backend_draws_the_same_random_numbers(shelf):
    x = cr.random.Generator(4).normal(size=9, device=shelf)
    assert x.device == shelf
    assert x.tolist() == cr.random.Generator(4).normal(size=9).tolist()


def test_plain_arrays_of_another_maker_take_part(shelf):
    x = cr.tensor([1.0, 2.0], device=shelf)
    assert (x * np.array([2.0, 3.0]).view(Shelf.Array)).tolist() == [2.0, 6.0]


class Entry:
    """An installed package's entry point for a backend."""

    name = "shelf"

    def load(self):
        return Shelf


@pytest.fixture
def plugin(monkeypatch):
    found = lambda group: [Entry()] if group == "chainrule.backends" else []
    monkeypatch.setattr("importlib.metadata.entry_points", found)
    yield "shelf"
    if "shelf" in cr.backends._BACKENDS:
        cr.backends.unregister("shelf")


def test_an_installed_plugin_is_known(plugin):
    assert plugin in cr.backends.registered()


def test_an_installed_plugin_is_loaded_when_first_asked_for(plugin):
    assert plugin not in cr.backends._BACKENDS
    assert cr.zeros(2, device=plugin).device == plugin


def test_subclasses_of_a_removed_backends_arrays_are_forgotten_too():
    class Special(Shelf.Array):
        pass

    cr.backends.register("shelf", Shelf())
    special = np.zeros(2).view(Special)
    assert cr.backends.owner(special).name == "shelf"
    cr.backends.unregister("shelf")
    assert cr.backends.owner(special).name == "cpu"


def test_a_new_backend_takes_over_arrays_that_were_another_ones_as_subclasses():
    class Special(Shelf.Array):
        pass

    arrays = [np.zeros(2).view(kind) for kind in (Shelf.Array, Special)]
    assert [cr.backends.owner(a).name for a in arrays] == ["cpu", "cpu"]
    cr.backends.register("shelf", Shelf())
    assert [cr.backends.owner(a).name for a in arrays] == ["shelf", "shelf"]
    cr.backends.unregister("shelf")


@pytest.mark.parametrize(("name", "backend", "complaint"), [
    ("shelf", Shelf, "must be an instance of chainrule.backends.Backend"),
    ("shelf", None, "must be an instance of chainrule.backends.Backend, not None"),
    ("cpu", Shelf(), "the device name 'cpu' is taken"),
    ("cuda", Shelf(), "the device name 'cuda' is taken"),
    ("double", Shelf(), "'double' is the name of a dtype, so x.to.'double'. would be unclear"),
    ("second", Cpu(), "ndarray arrays already belong to device 'cpu'"),
])  # fmt: skip
def test_a_backend_that_would_be_ambiguous_is_refused(name, backend, complaint):
    with pytest.raises(cr.DeviceError, match=complaint):
        cr.backends.register(name, backend)


# ---- who owns an array


def test_a_subclass_of_an_array_belongs_to_the_same_device():
    class Labelled(np.ndarray):
        pass

    assert cr.backends.owner(np.zeros(2).view(Labelled)).name == "cpu"


@pytest.mark.parametrize("value", ["text", None, {}, object()])
def test_what_is_no_array_has_no_owner(value):
    with pytest.raises(cr.DeviceError, match="no backend owns values of type builtins"):
        cr.backends.owner(value)


# ---- devices meet

MEETINGS = {
    "add": lambda x, y: x + y,
    "matmul": lambda x, y: x @ y,
    "where": lambda x, y: cr.where(x > 0, x, y),
    "concatenate": lambda x, y: cr.concatenate([x, y]),
    "affine": lambda x, y: affine(x, y, y[0]),
}


@pytest.mark.parametrize("operation", MEETINGS)
def test_arrays_of_two_devices_do_not_mix_and_the_error_names_both(operation, strict):
    x, y = cr.ones((2, 2)), cr.ones((2, 2), device=strict)
    with pytest.raises(
        cr.DeviceError, match=rf"^{operation}: all inputs .* on 'cpu' and \w+ on 'strict'; .*to\('cpu'\)"
    ):
        MEETINGS[operation](x, y)


def test_a_plain_array_of_another_device_does_not_mix_either(strict):
    with pytest.raises(cr.DeviceError, match="x on 'strict' and y on 'cpu'"):
        cr.ones(2, device=strict) + np.ones(2)


def test_a_value_and_an_array_do_not_mix():
    with pytest.raises(cr.DeviceError, match="x on 'scalar' and y on 'cpu'"):
        cr.Value(1.0) * cr.ones(2)


NUMBERS = [3, 3.0, True, np.float32(3), np.int64(3)]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: type(n).__name__)
def test_numbers_mix_with_the_arrays_of_every_device(number, device):
    x = cr.tensor([1.0, 2.0], device=device)
    assert (x * number).tolist() == [float(number), 2 * float(number)]
    assert (number - x).tolist() == [float(number) - 1, float(number) - 2]
    assert cr.maximum(x, number).device == device


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: type(n).__name__)
def test_numbers_mix_with_values(number):
    x = cr.Value(2.0)
    (number * x + number).backward()
    assert x.grad == float(number)


# ---- moving


def test_moving_keeps_the_graph_and_brings_the_gradient_home(device):
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 3).to(device)
    assert y.device == device
    (y * y).sum().backward()
    assert x.grad.device == "cpu"
    assert x.grad.tolist() == [18.0, 36.0]


def test_moving_there_and_back_changes_nothing(device):
    x = cr.random.normal(size=(3, 4))
    assert (x.to(device).to("cpu").numpy() == x.numpy()).all()


def test_moving_to_the_same_device_is_nothing(device):
    x = cr.zeros(2, device=device)
    assert x.to(device) is x


def test_what_was_moved_shares_no_memory(strict):
    x = cr.zeros(3)
    y = x.to(strict)
    x[0] = 1.0
    assert y.tolist() == [0.0, 0.0, 0.0]


def test_a_number_moves_to_the_scalar_device_and_back():
    x = cr.tensor(2.0, requires_grad=True)
    y = x.to("scalar")
    assert type(y) is cr.Value
    (y * y).to("cpu").backward()
    assert x.grad.tolist() == 4.0


def test_second_derivatives_cross_devices(strict):
    assert cr.grad(cr.grad(lambda x: (x.to(strict) ** 3).to("cpu")))(cr.tensor(2.0)).item() == 12.0


def test_an_array_does_not_fit_on_the_scalar_device():
    with pytest.raises(cr.DtypeError, match="the scalar backend holds one number, not an array of shape"):
        cr.tensor([1.0, 2.0], device="scalar")


@pytest.mark.parametrize("make", [
    lambda: cr.tensor(1.0, dtype="float32", device="scalar"), lambda: cr.zeros((), dtype="float32", device="scalar"),
    lambda: cr.asarray(1, dtype="int64", device="scalar"),
])  # fmt: skip
def test_the_scalar_device_holds_float64_only(make):
    with pytest.raises(cr.DtypeError, match="device 'scalar' holds float64 numbers only, not "):
        make()


# ---- the contract of a backend


@pytest.fixture
def backend(device):
    return cr.backends.get(device)


def test_a_copy_shares_no_memory(backend):
    array = backend.from_numpy(np.zeros(3))
    copy = backend.copy(array)
    backend.assign(array, 1.0)
    assert backend.to_numpy(copy).tolist() == [0, 0, 0]


def test_from_numpy_shares_no_memory(backend):
    host = np.zeros(3)
    array = backend.from_numpy(host)
    host[0] = 1
    assert backend.to_numpy(array).tolist() == [0, 0, 0]


def test_to_numpy_shares_no_memory(backend):
    array = backend.from_numpy(np.zeros(3))
    host = backend.to_numpy(array)
    host[0] = 1
    assert backend.to_numpy(array).tolist() == [0, 0, 0]


def test_assign_writes_into_the_array_it_is_given(backend):
    array = backend.from_numpy(np.zeros(3))
    assert backend.assign(array, backend.from_numpy(np.arange(3.0))) is array
    assert backend.to_numpy(array).tolist() == [0, 1, 2]


def test_a_frozen_array_gives_no_way_to_change_the_original(backend):
    array = backend.from_numpy(np.zeros(3))
    frozen = backend.frozen(array)
    try:
        frozen[0] = 1
    except ValueError as error:
        assert "read-only" in str(error)  # noqa: PT017  a copy may be written to, a view may not
    assert backend.to_numpy(array).tolist() == [0, 0, 0]


def test_asarray_keeps_an_array_and_copies_when_asked(backend):
    array = backend.from_numpy(np.zeros(3))
    assert backend.asarray(array) is array
    assert backend.asarray(array, copy=True) is not array


def test_asarray_converts_to_a_dtype(backend):
    assert backend.asarray(backend.from_numpy(np.zeros(3)), dtype="float32").dtype == "float32"


def test_words_are_64_random_bits(backend):
    words = backend.random_bits(5, 2, 7)
    assert type(words) is backend.array_type
    assert words.dtype == np.uint64
    assert (backend.to_numpy(words) == philox(5, 2, 7)).all()


def test_no_words_are_an_empty_array(backend):
    assert backend.random_bits(5, 2, 0).shape == (0,)


def test_memory_is_told_in_bytes(backend):
    backend.synchronize()
    assert all(isinstance(size, int) and size >= 0 for size in backend.memory().values())


def test_the_memory_of_this_process_is_more_than_a_megabyte():
    memory = cr.backends.get("cpu").memory()
    assert memory == {} or memory["resident"] > 1e6


def test_a_backend_must_say_how_it_is_read():
    with pytest.raises(NotImplementedError, match="backend 'bare' must define to_numpy"):
        type("Bare", (cr.backends.Backend,), {"name": "bare"})().to_numpy(None)


def test_a_backend_shows_its_name():
    assert repr(cr.backends.get("cpu")) == "<backend cpu>"


# ---- learning on another device

LOSSES = {
    "mse": lambda z, labels: cr.nn.mse(z, cr.ones_like(z)),
    "huber": lambda z, labels: cr.nn.huber(z, cr.ones_like(z)),
    "bce_with_logits": lambda z, labels: cr.nn.bce_with_logits(z, cr.ones_like(z)),
    "cross_entropy": cr.nn.cross_entropy,
}


def learn(device, loss, optimizer, watch=nullcontext):
    """The weights of a small network after two steps of learning with float16, and the losses on the way."""
    cr.random.seed(1)
    model = cr.nn.MLP([4, 8, 3], activation="gelu").to("float16").to(device)
    x = cr.random.normal(size=(6, 4), dtype="float16", device=device)
    labels = cr.random.integers(3, size=6, device=device)
    optimizer = optimizer(model.parameters(), lr=0.1)
    values = []
    with watch():
        for _ in range(2):
            values.append(LOSSES[loss](model(x), labels))
            optimizer.zero_grad()
            values[-1].backward()
            optimizer.step()
    return [t.numpy() for t in (*model.parameters(), *values)]


@pytest.mark.parametrize("optimizer", [cr.optim.SGD, cr.optim.Adam])
@pytest.mark.parametrize("loss", LOSSES)
def test_learning_on_the_device_double_gives_the_same_bits(loss, optimizer, strict):
    for there, here in zip(learn(strict, loss, optimizer), learn("cpu", loss, optimizer), strict=True):
        assert there.dtype == here.dtype
        assert (there == here).all()


@pytest.mark.parametrize("optimizer", [cr.optim.SGD, cr.optim.Adam])
@pytest.mark.parametrize("loss", LOSSES)
def test_learning_never_makes_the_host_wait(loss, optimizer, strict):
    learn(strict, loss, optimizer, watch=lambda: device_double.forbid("waits"))


# ---- what the code for the GPU asks of CuPy


def sources():
    """The files that call array functions on whatever device there is."""
    folders = [Path(import_module(f"chainrule.{name}").__file__).parent for name in ("autograd", "nn", "optim")]
    yield Path(import_module("chainrule.backends.gpu").__file__)
    for folder in folders:
        yield from folder.rglob("*.py")


def asked_of_cupy(text):
    """The dotted names that a source text looks up in `xp`, but for those it first asks for with hasattr."""
    nodes = list(ast.walk(ast.parse(text)))
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    optional = {
        ast.literal_eval(n.args[1])
        for n in calls
        if ast.unparse(n.func) == "hasattr" and "xp" in ast.unparse(n.args[0])
    }
    made = {
        ast.literal_eval(n.args[0])
        for n in calls
        if ast.unparse(n.func) == "_made" and isinstance(n.args[0], ast.Constant)
    }
    names = {name for n in nodes if isinstance(n, ast.Attribute) if (name := after_xp(n))}
    return (names | made) - optional


def after_xp(node):
    """`add.at` for the expression xp.add.at or backend.xp.add.at; None for any other."""
    before, found, after = ast.unparse(node).rpartition("xp.")
    whole = found and (before == "" or before.endswith(".")) and all(part.isidentifier() for part in after.split("."))
    return after if whole else None


def test_names_asked_of_cupy_are_found_in_the_source():
    text = (
        "xp.add.at(a); backend.xp.zeros(2); xp.exp(x).T; np.sin(x); exp.x; _made('eye'); hasattr(xp, 'f') and xp.f(x)"
    )
    assert asked_of_cupy(text) == {"add", "add.at", "zeros", "exp", "eye"}


def test_every_name_asked_of_cupy_exists_there():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed to compare with", exc_type=ImportError)
    names = set().union(*(asked_of_cupy(path.read_text()) for path in sources()))
    assert {"where", "add.at", "linspace", "cuda.is_available"} <= names
    assert [name for name in sorted(names) if not exists(cupy, name)] == []


def exists(module, name):
    for part in name.split("."):
        if not hasattr(module, part):
            return False
        module = getattr(module, part)
    return True


def test_arrays_that_do_not_say_whose_memory_they_use_take_part():
    class Box:
        """An array with a shape and a dtype, and without NumPy's `base`."""

        def __init__(self, inside):
            self.inside, self.shape, self.dtype, self.size = inside, inside.shape, inside.dtype, inside.size

    class Boxes(cr.backends.Backend):
        xp = SimpleNamespace(exp=lambda b: Box(np.exp(b.inside)), add=lambda a, b: Box(a.inside + b.inside))
        array_type, types = Box, (Box,)

        def to_numpy(self, array):
            return array.inside.copy()

    cr.backends.register("boxes", Boxes())
    try:
        x = cr.Tensor(Box(np.array([0.0, 1.0])))
        assert cr.exp(x).tolist() == [1.0, np.e]
        assert (x + x).tolist() == [0.0, 2.0]
    finally:
        cr.backends.unregister("boxes")


# ---- checks of values, and counters, that nobody waits for


def negative(given):
    return cr.ArgumentError(f"no number below 0{given}")


def test_a_check_on_the_host_raises_at_once_with_what_was_given():
    with pytest.raises(cr.ArgumentError, match="no number below 0, given -1"):
        cr.backends.check(np.min([2, -1]) >= 0, negative, lambda: ", given -1")


def test_a_check_says_whether_it_is_known_to_hold(strict):
    assert cr.backends.check(True, negative)
    assert not cr.backends.check(cr.ones((), device=strict).data > 0, negative)


def test_a_failed_check_on_a_device_raises_once_whatever_is_read_next(strict):
    x, other = cr.tensor([2.0, -1.0], device=strict), cr.ones(2, device=strict)
    with device_double.forbid("waits"):
        cr.backends.check((x.data >= 0).all(), negative)
        cr.backends.check((other.data >= 0).all(), negative)  # a later check of the same kind hides nothing
    with pytest.raises(cr.ArgumentError, match="no number below 0; found when device 'strict' was next read"):
        other.tolist()
    assert other.tolist() == [1, 1]


def test_checks_that_say_the_same_do_not_pile_up(strict):
    for _ in range(5):
        cr.backends.check(cr.ones((), device=strict).data > 0, negative)
    assert len(cr.backends.get(strict)._checks[strict]) == 1


def test_random_words_come_from_a_counter_on_the_device_too(device):
    backend = cr.backends.get(device)
    for counter in (0, 5, 2**32 + 1):
        array = backend.asarray(np.array(counter, np.uint64))
        words = backend.to_numpy(backend.random_bits(7, array, 9))
        assert words.tolist() == philox(7, counter, 9).tolist()


def test_the_kernel_is_made_once(monkeypatch):
    made = []
    original = device_double.cupy.ElementwiseKernel
    namespace = SimpleNamespace(ndarray=object, ElementwiseKernel=lambda *a, **k: made.append(a) or original(*a, **k))
    backend = Cuda(namespace)
    backend.random_bits(1, 0, 4)
    backend.random_bits(1, 4, 4)
    assert len(made) == 1


@pytest.mark.parametrize("parts", [[1.0, 2.0], [[1.0], [2.0]]])
def test_stack_of_numbers_and_lists_follows_the_default_device(parts, strict):
    with cr.backends.use("strict"):
        assert cr.stack(parts).device == "strict"


def test_stack_of_tensors_stays_where_they_are(strict):
    parts = [cr.ones(2, device="cpu"), cr.zeros(2, device="cpu")]
    with cr.backends.use("strict"):
        assert cr.stack(parts).device == "cpu"


class Plain(cr.backends.Backend):
    """A backend that is asked for kernels and has none of its own."""

    xp, array_type, types, fuses = device_double.cupy, device_double.cupy.ndarray, (device_double.cupy.ndarray,), True

    def to_numpy(self, array):
        return self.xp.asnumpy(array)


def test_a_backend_without_kernels_of_its_own_learns_as_the_cpu_does():
    def trained(device):
        cr.random.seed(0)
        model = cr.nn.MLP([3, 4, 2], activation="gelu", norm="layer").to(device)
        optimizer = cr.optim.Adam(model.parameters())
        x, y = cr.ones((5, 3), device=device), cr.zeros(5, dtype="int64", device=device)
        for _ in range(3):
            optimizer.zero_grad()
            (cr.nn.cross_entropy(model(x), y) + cr.softmax(model(x))[[0, 0]].sum()).backward()
            optimizer.step()
        return [p.numpy() for p in model.parameters()]

    cr.backends.register("plain", Plain())
    try:
        for there, here in zip(trained("plain"), trained("cpu"), strict=True):
            np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-7)
    finally:
        cr.backends.unregister("plain")
