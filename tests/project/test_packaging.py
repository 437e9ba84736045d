"""The wheel that users install: that everything is in it, under the names that imports use."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import chainrule as cr

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"chainrule": "chainrule", **{f: f"chainrule/{f}" for f in ("autograd", "backends", "nn", "optim")}}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The folder that a source distribution unpacks to, built from a copy of the checkout with its links."""
    pytest.importorskip("setuptools", minversion="77", reason="building a wheel needs setuptools 77")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("sdist")
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=ignored)
    shutil.copytree(ROOT / "docs" / "lessons", source / "docs" / "lessons")
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    built("sdist", source, out)
    (archive,) = out.glob("*.tar.gz")
    shutil.unpack_archive(archive, out, filter="data")
    return out / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """A wheel built from the source distribution, opened."""
    out = tmp_path_factory.mktemp("wheel")
    built("wheel", sdist, out)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as opened:
        yield opened


def built(kind, source, out):
    build = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_source_distribution_needs_no_links(sdist):
    assert [path for path in sdist.rglob("*") if path.is_symlink()] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_wheel_has_every_module_of(folder, wheel):
    modules = {f"{FOLDERS[folder]}/{f.relative_to(ROOT / folder).as_posix()}" for f in (ROOT / folder).rglob("*.py")}
    assert modules - set(wheel.namelist()) == set()


def test_the_wheel_installs_one_name_only(wheel):
    assert {name.split("/")[0].removesuffix(f"-{cr.__version__}.dist-info") for name in wheel.namelist()} == {
        "chainrule"
    }


def test_the_wheel_says_that_it_is_typed(wheel):
    assert {"chainrule/py.typed", "chainrule/autograd/operations.pyi"} <= set(wheel.namelist())


def test_the_wheel_has_the_lessons(wheel):
    pages = {f"chainrule/lessons/{page.name}" for page in (ROOT / "docs" / "lessons").glob("*.md")}
    assert len(pages) > 12
    assert pages <= set(wheel.namelist())


def test_the_wheel_has_the_texts_of_pages_in_each_language(wheel):
    texts = {f"chainrule/pages/texts/{file.name}" for file in (ROOT / "chainrule" / "pages" / "texts").glob("*.json")}
    assert texts
    assert texts <= set(wheel.namelist())


def test_the_wheel_has_a_command(wheel):
    entry = wheel.read(f"chainrule-{cr.__version__}.dist-info/entry_points.txt").decode()
    assert "[console_scripts]\nchainrule = chainrule.__main__:run" in entry


def test_the_wheel_has_the_licence(wheel):
    assert f"chainrule-{cr.__version__}.dist-info/licenses/LICENSE" in wheel.namelist()


def test_the_wheel_has_the_version_of_the_package(wheel):
    metadata = wheel.read(f"chainrule-{cr.__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {cr.__version__}\n" in metadata


def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = (
        "import chainrule as cr; x = cr.Value(3.0); (x * x).backward(); print(cr.__file__, x.grad);"
        "from chainrule.cli import main; main(['lesson', '4'])"
    )
    paths = [p for p in os.environ["PYTHONPATH"].split(os.pathsep) if not Path(p).resolve().is_relative_to(ROOT)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[:2] == [str(tmp_path / "chainrule" / "__init__.py"), "6.0"], done.stderr
    assert "4 · Forgot zero_grad" in done.stdout


def test_the_installed_version_is_the_one_in_the_code():
    try:
        installed = importlib.metadata.version("chainrule")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("chainrule is not installed, only checked out")
    assert installed == cr.__version__


def test_the_core_needs_no_extra_to_be_imported():
    extras = {"cupy", "matplotlib", "sklearn", "torch", "numba", "scipy"}
    code = f"import sys, chainrule; print(*({extras!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
