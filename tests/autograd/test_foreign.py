"""Names and habits of other libraries: the error says what to write here, and the tables say the truth."""

import copy
import importlib
import inspect
import pickle
import re
import sys
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.elsewhere.rows import ALIKE, INSTANCES, path, rows
from chainrule.autograd.foreign import PLACES

PAIRS = [(row, theirs, ours) for row in rows() for theirs, ours in row.pairs()]
CODE = re.compile(r"`([^`]+)`")


def instances():
    """One of each kind that the tables name."""
    model = cr.nn.Linear(3, 2)
    made = {
        "x": cr.ones((2, 3)),
        "v": cr.Value(2.0),
        "model": model,
        "optimizer": cr.optim.SGD(model.parameters(), lr=0.1),
        "scheduler": cr.optim.schedule.cosine(0.1, 10),
        "history": cr.History(),
    }
    if importlib.util.find_spec("sklearn"):
        made["clf"] = cr.sklearn.MLPClassifier()
    return made


# ---- errors

HERE = instances()
ATTRIBUTES = sorted(
    {tuple(path(theirs)[:2]) for row, theirs, _ in PAIRS if path(theirs)[0] in HERE and row.section != ALIKE}
)


def answered(thing, name):
    """Whether a thing has the name, or says what it is called here."""
    try:
        return getattr(thing, name, None) is not None or bool(getattr(thing, name))
    except AttributeError as error:
        return re.search(rf"has no attribute '{name}'; (it is cr\..*{name}|.*\b{name}\b.*(:| is ).)", str(error))


def test_attributes_of_theirs_exist_here_or_are_answered():
    assert [a for a in ATTRIBUTES if len(a) == 2 and not answered(HERE[a[0]], a[1])] == []


NAMES = sorted({path(theirs)[-1] for row, theirs, _ in PAIRS if row.section != ALIKE
                and len(path(theirs)) > 1 and path(theirs)[0] not in INSTANCES})  # fmt: skip


@pytest.mark.parametrize("module", [cr, cr.nn, cr.optim, cr.data], ids=lambda m: m.__name__)
def test_names_of_other_libraries_are_answered_in_every_module(module):
    assert [name for name in NAMES if not answered(module, name)] == []


def functions():
    """{name: callables} of everything public that takes arguments by name, and is no elementwise operation."""
    found = {}
    for module in PLACES.values():
        for name in dir(module):
            thing = getattr(module, name)
            primitive = getattr(thing, "primitive", None)
            if not name.startswith("_") and (inspect.isclass(thing) or callable(thing)):
                if primitive and not primitive.options:
                    continue
                found.setdefault(name, []).append(thing)
    if "clf" in HERE:
        found["MLPClassifier"] = [cr.sklearn.MLPClassifier]
    found |= {"to": [cr.nn.Module.to], "zero_grad": [cr.optim.Optimizer.zero_grad]}
    return found


FUNCTIONS = functions()
ARGUMENTS = sorted({(theirs.rpartition("(")[0], theirs.rstrip("=)").rpartition("(")[2])
                    for _, theirs, _ in PAIRS if theirs.endswith(("=", "=)"))})  # fmt: skip


def test_arguments_of_other_libraries_are_answered():
    wrong = []
    for function, name in ARGUMENTS:
        spelt = f"{function}({name}=)" if function else f"{name}="
        ours = [o.rstrip("=)").rpartition("(")[2] for _, theirs, o in PAIRS if theirs == spelt]
        asked = FUNCTIONS.get(function, []) if function else [f for fs in FUNCTIONS.values() for f in fs]
        asked = [f for f in asked if _answers(f) and _knows(f, ours) and name not in _parameters(f)]
        wrong += [(spelt, ours)] * (not asked)
        for f in asked[:3]:
            try:
                f(**{name: 1})
            except TypeError as error:
                if not re.search(rf"has no argument '{name}'; {name}=( is |: )", str(error)):
                    wrong.append((spelt, f, str(error)))
    assert wrong == []


def _parameters(f):
    try:
        return inspect.signature(f).parameters
    except (TypeError, ValueError):
        return {}


def _answers(f):
    explains = inspect.isclass(f) and hasattr(f, "__slots__") or hasattr(f, "__wrapped__") or hasattr(f, "primitive")
    return explains and not any(p.kind is p.VAR_KEYWORD for p in _parameters(f).values())


def _knows(f, ours):
    return not any(ours) or any(name in _parameters(f) for name in ours)


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        cr.sofmax  # noqa: B018


def test_a_misspelt_argument_is_answered_with_the_nearest():
    with pytest.raises(
        TypeError, match="sum: has no argument 'keepdim'; keepdim= is keepdims= here. it takes x, axis, keepdims"
    ):
        cr.sum(cr.ones(2), keepdim=True)
    with pytest.raises(TypeError, match="Linear: has no argument 'bais'; did you mean 'bias'"):
        cr.nn.Linear(2, 3, bais=True)


def test_our_name_in_another_module_is_found():
    with pytest.raises(AttributeError, match="it is cr.nn.Linear"):
        cr.Linear  # noqa: B018
    with pytest.raises(AttributeError, match="it is cr.exp"):
        cr.nn.exp  # noqa: B018


def test_a_users_class_is_told_its_own_arguments():
    class Net(cr.nn.Module):
        def __init__(self, width):
            self.width = width

    assert Net(width=3).width == 3
    with pytest.raises(TypeError, match="Net: has no argument 'widht'; did you mean 'width'\\? it takes width"):
        Net(widht=3)


# ---- what must stay as it is


@pytest.mark.parametrize("kind", HERE)
def test_what_another_library_has_is_not_offered_for_completion(kind):
    theirs = {a[1] for a in ATTRIBUTES if a[0] == kind.replace("v", "x") and len(a) == 2}
    assert [name for name in theirs & {*dir(HERE[kind])} if not hasattr(HERE[kind], name)] == []


@pytest.mark.parametrize("kind", [k for k in HERE if k != "scheduler"])
def test_instances_are_copied_and_pickled_as_before(kind):
    twin = copy.copy(HERE[kind])
    assert type(twin) is type(HERE[kind])
    assert type(pickle.loads(pickle.dumps(HERE[kind]))) is type(HERE[kind])


def test_numpy_finds_no_protocol_that_is_not_there():
    x = cr.ones(2)
    assert not any(
        hasattr(x, name) for name in ("__array_interface__", "__array_struct__", "__dlpack__", "__array_wrap__")
    )
    assert np.asarray(x).tolist() == [1.0, 1.0]


def test_a_class_looks_the_same_to_inspect():
    assert list(inspect.signature(cr.nn.Linear).parameters) == ["n_in", "n_out", "bias", "init"]
    assert list(inspect.signature(cr.optim.SGD).parameters)[:2] == ["params", "lr"]
    assert list(inspect.signature(cr.fit).parameters)[:3] == ["model", "loss", "optimizer"]


# ---- the tables say the truth


def arrays(kind):
    """What the tables' expressions name, the same numbers for each library."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (2, 3)).astype(np.float32)
    floats = {"x": x, "y": rng.permutation(x.ravel()).reshape(2, 3), "a": rng.normal(size=(2, 3, 4)).astype(np.float32),
              "a2": rng.normal(size=(4, 2, 3)).astype(np.float32), "b": x[0], "b2": x[:, 0], "v": x[1], "p": x.round()}  # fmt: skip
    found = {name: kind(value) for name, value in floats.items()}
    return found | {
        "i": kind(np.array([[0, 2, 1], [1, 1, 0]])), "j": kind(np.array([2, 0])), "k": kind(np.array([2, 0])),
        "m": kind(x > 0.4), "n": x, "np": np, "cr": cr,
    }  # fmt: skip


def value(thing):
    """A result as NumPy's arrays, numbers and words, in lists."""
    if isinstance(thing, (tuple, list)) or type(thing).__module__ == "torch.return_types":
        return [value(t) for t in thing]
    if isinstance(thing, type) and issubclass(thing, np.generic):
        return thing.__name__
    if hasattr(thing, "detach") and hasattr(thing, "numpy"):
        return thing.detach().numpy()
    if hasattr(thing, "__array__") and not isinstance(thing, np.dtype):
        return np.asarray(thing)
    return thing if isinstance(thing, (bool, int, float, str, type(None))) else str(thing).removeprefix("torch.")


def same(theirs, ours):
    a, b = value(theirs), value(ours)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)


def runs(row, theirs, ours, known):
    """Whether both sides can be run: ours is given, and nothing is left open."""
    words = set(re.findall(r"(?<![\w.\"])([a-zA-Z_]\w*)(?![\w\"]*=)", theirs + " " + ours)) - {
        "lambda",
        "for",
        "in",
        "is",
        "if",
        "else",
    }
    return ours and "…" not in theirs and not theirs.endswith(("=", "=)", "= lr * w.grad")) and words <= known


def known_of(library):
    """The library's modules under the names that the tables have for them."""
    if library == "PyTorch":
        torch = pytest.importorskip("torch")
        return {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "optim": torch.optim}, torch.from_numpy
    return {"jax": pytest.importorskip("jax"), "jnp": np}, np.asarray  # NumPy's names, without compiling each


BUILTIN = {"isinstance", "bool", "len", "True", "False", "None"}
RUN = {
    library: [
        (theirs, ours, row.section == ALIKE)
        for row, theirs, ours in PAIRS
        if row.library == library and runs(row, theirs, ours, {*arrays(np.array), *modules, *BUILTIN})
    ]
    for library, modules in {"PyTorch": ["torch", "nn", "F", "optim"], "JAX": ["jax", "jnp"]}.items()
}


def test_most_of_the_tables_is_run():
    assert len(RUN["PyTorch"]) > 250
    assert len(RUN["JAX"]) > 90


def give_the_same(modules, kind, theirs, ours):
    """Whether two expressions have the same value; of layers, the same outputs; of a name, whether ours is there."""
    there, mine = eval(theirs, {**arrays(kind), **modules}), eval(ours, arrays(cr.tensor))
    if (
        inspect.ismodule(there)
        or inspect.isroutine(there)
        or inspect.isclass(there)
        and not issubclass(there, np.generic)
    ):
        return mine is not None
    if callable(there) and callable(mine):
        for layer in (there, mine):
            if hasattr(layer, "eval"):
                layer.eval()
        with cr.no_grad():
            return type(there).__name__.endswith("Loss") or same(there(arrays(kind)["x"]), mine(arrays(cr.tensor)["x"]))
    return same(there, mine)


@pytest.mark.parametrize("library", RUN)
@pytest.mark.filterwarnings("ignore")
def test_theirs_and_ours_give_the_same(library):
    modules, kind = known_of(library)
    assert [(theirs, ours) for theirs, ours, _ in RUN[library] if not give_the_same(modules, kind, theirs, ours)] == []


@pytest.mark.parametrize("library", RUN)
@pytest.mark.filterwarnings("ignore")
def test_what_is_spelt_alike_gives_something_else(library):
    modules, kind = known_of(library)
    for theirs in [theirs for theirs, _, alike in RUN[library] if alike]:
        spelt = re.sub(r"^(torch|F|jnp|nn)\.", lambda m: "cr.nn." if m[1] == "nn" else "cr.", theirs)
        there = eval(theirs, {**arrays(kind), **modules})
        with suppress(TypeError, cr.ChainruleError, AttributeError):  # an error is no wrong number
            assert not same(there, eval(spelt, arrays(cr.tensor))), theirs


@pytest.mark.parametrize("library", ["PyTorch", "JAX"])
def test_their_names_exist_there(library):
    modules, _ = known_of(library)
    if library == "JAX":
        known = {
            **modules,
            "jnp": modules["jax"].numpy,
            "x": SimpleNamespace(**dict.fromkeys((*dir(modules["jax"].numpy.ones(2)), *dir(np.ndarray)))),
        }
    else:
        known = {**modules, "x": modules["torch"].Tensor, "model": modules["nn"].Module}
    missing = []
    for row, theirs, _ in PAIRS:
        first, *rest = path(theirs)
        if row.library == library and known.get(first) is not None and rest:
            try:
                found = known[first]
                for name in rest:
                    found = (
                        getattr(found, name)
                        if hasattr(found, name)
                        else importlib.import_module(f"{found.__name__}.{name}")
                    )
            except (AttributeError, ImportError):
                missing.append(theirs)
    assert missing == []


def test_scikit_learns_parameters_are_all_decided():
    network = pytest.importorskip("sklearn.neural_network")
    theirs = {*inspect.signature(network.MLPClassifier).parameters, *inspect.signature(network.MLPRegressor).parameters}
    ours = {*inspect.signature(cr.sklearn.MLPClassifier).parameters, "loss"}
    decided = {name for function, name in ARGUMENTS if not function}
    assert theirs - ours - decided == set()


def test_every_piece_of_our_code_in_the_tables_names_what_exists():
    wrong = []
    for row in rows():
        for code in [*(o for o in row.ours if o.startswith("cr.")), *CODE.findall(row.remark)]:
            for names in re.findall(r"\bcr\.([A-Za-z_][\w.]*)", code):
                found = cr
                for name in names.rstrip(".").split("."):
                    found = getattr(found, name, None)
                if found is None:
                    wrong.append((row.library, code))
    assert wrong == []


MISTAKES = {
    "x and y apart": (
        lambda: cr.fit(cr.nn.Linear(2, 1), cr.nn.mse, None, np.ones((4, 2)), np.ones((4, 1))),
        r"x and y are one argument, a pair: fit\(model, loss, optimizer, \(x, y\), epochs\)",
    ),
    "a shape first": (lambda: cr.random.normal((2, 3)), r"loc must be a number, not \(2, 3\); for a shape write size=\(2, 3\)"),
    "a result": (lambda: cr.grad(cr.ones(2).sum(), cr.ones(2)), "grad: needs a function, was given Tensor; .*backward"),
    "a binary target of another rank": (
        lambda: cr.nn.bce_with_logits(cr.zeros((4, 1)), cr.zeros(4)), r"reshape one, e.g. target.reshape\(4, 1\)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_habit_from_elsewhere_is_answered_with_ours(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises((cr.ArgumentError, cr.ShapeError), match=message):
        call()


def test_an_optimiser_says_which_parameter_is_frozen():
    model = cr.nn.MLP([2, 3, 1])
    model.layers[0].weight.requires_grad = False
    with pytest.raises(cr.ArgumentError, match=r"Adam: parameter 'layers.0.weight' .* is frozen.*if p.requires_grad"):
        cr.optim.Adam(model.named_parameters())


def test_a_slice_of_a_sequential_is_one():
    model = cr.nn.Sequential(cr.nn.Linear(2, 3), cr.tanh, cr.nn.Linear(3, 1))
    assert model[:-1](cr.zeros((4, 2))).shape == (4, 3)
    assert model[:1][0] is model[0]


@pytest.mark.parametrize(
    ("place", "name", "said"),
    [
        ("chainrule", "cat", "cr.concatenate"),
        ("chainrule.nn", "ReLU", "relu"),
        ("chainrule.optim", "Adadelt", "Adadelta"),
    ],
)
def test_an_import_of_a_name_of_another_library_says_ours(place, name, said):
    with pytest.raises(ImportError, match=f"cannot import name '{name}' from '{place}'; .*{said}"):
        exec(f"from {place} import {name}")
    with pytest.raises(AttributeError, match=said):
        getattr(sys.modules[place], name)
    assert not hasattr(sys.modules[place], name)
