"""Whatever the compiler or its cache does, a program runs: by NumPy, where there is no C."""

import os
import stat

import pytest
from jit_c import needs_compiler
from jit_steps import SGD, data, model_of, training_step

import chainrule as cr
from chainrule import nn
from chainrule.backends import c_call, c_library, compiler

X, Y, _ = data(5, 3)
CACHED = compiler.compilers, compiler.version, compiler.folder, c_library.library, c_call._library


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache, and nothing loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiler, "_loaded", {})
    for function in CACHED:
        function.cache_clear()
    yield tmp_path / "chainrule" / "jit"
    for function in CACHED:
        function.cache_clear()


def ran():
    """What ran a training step."""
    model = model_of()
    step = cr.jit(training_step(model, SGD(model.parameters()), nn.cross_entropy), lowering="c")
    for _ in range(4):
        step(X, Y)
    assert step.cache.replayed == 2
    return step.lowering


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@needs_compiler
def test_a_cache_of_ones_own(fresh):
    assert ran() == "c"
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
    assert len(list(fresh.glob("*.so"))) == 3, "the library, the calls of Python, and the program"
    assert not list(fresh.glob("*.part"))


@needs_compiler
def test_the_cache_is_used(fresh, monkeypatch):
    assert ran() == "c"
    monkeypatch.setattr(compiler, "_loaded", {})
    monkeypatch.setattr(compiler, "_compile", lambda *_: pytest.fail("compiled again"))
    assert ran() == "c"


@needs_compiler
def test_what_is_broken_in_the_cache_is_made_again(fresh, monkeypatch):
    compiler.load("int f(void) { return 7; }")
    (made,) = fresh.glob("*.so")
    made.unlink()  # the file itself is in use
    made.write_bytes(b"not an object")
    monkeypatch.setattr(compiler, "_loaded", {})
    assert compiler.load("int f(void) { return 7; }").f() == 7


@needs_compiler
def test_a_cache_that_cannot_be_written(fresh):
    fresh.parent.write_text("a file where the folder would be")
    assert compiler.folder() is None
    assert ran() == "c"


def test_no_compiler(fresh, monkeypatch):
    monkeypatch.setenv("CC", "")
    assert ran() == "numpy: no C compiler: there is none"


def test_a_compiler_that_is_missing(fresh, monkeypatch):
    monkeypatch.setenv("CC", "/nowhere/cc")
    assert ran() == "numpy: no C compiler: /nowhere/cc does not run"


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
@pytest.mark.parametrize("text", ["exit 1", "kill -9 $$", "exit 0"], ids=["fails", "is killed", "makes nothing"])
def test_a_compiler_that_is_broken(fresh, tmp_path, monkeypatch, text):
    version = '[ "$1" = --version ] && echo 1 && exit 0'
    monkeypatch.setenv("CC", script(tmp_path / "broken-cc", f"{version}\n{text}"))
    assert ran().startswith("numpy: no C compiler: ")


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_a_compiler_that_makes_no_object(fresh, tmp_path, monkeypatch):
    text = '[ "$1" = --version ] && exit 0\nfor a; do [ "$last" = -o ] && echo no > "$a"; last="$a"; done'
    monkeypatch.setenv("CC", script(tmp_path / "odd-cc", "echo 1\n" + text))
    assert ran().startswith("numpy: no C compiler: ")


@needs_compiler
def test_another_text_is_another_object(fresh):
    assert compiler.load("int f(void) { return 1; }").f() == 1
    assert compiler.load("int f(void) { return 2; }").f() == 2


@needs_compiler
def test_the_cache_stays_small(fresh, monkeypatch):
    monkeypatch.setattr(compiler, "KEPT", 2)
    for i in range(4):
        assert compiler.load(f"int f(void) {{ return {i}; }}").f() == i
    assert len(list(fresh.glob("*.so"))) == 2
