"""Saving and loading: whole or not at all."""

import os

import numpy as np
import pytest

import chainrule as cr

ARRAYS = {
    "half": np.array([1.5, -2.0], np.float16),
    "single": np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3),
    "double": np.array(3.25),
    "whole": np.array([[1, -2]], np.int64),
    "truth": np.array([True, False]),
    "empty": np.zeros((0, 3), np.float32),
    "turned": np.arange(6.0).reshape(2, 3).T,
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_tensor_comes_back_as_it_was(name, tmp_path):
    cr.save({"x": cr.tensor(ARRAYS[name])}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(cr.load(tmp_path / "x.safetensors")["x"].numpy(), ARRAYS[name], strict=True)


def test_a_transposed_array_is_not_scrambled(tmp_path):
    cr.save({"x": ARRAYS["turned"]}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(cr.load(tmp_path / "x.safetensors")["x"].numpy(), ARRAYS["turned"])


def test_a_model_comes_back(tmp_path):
    first, second = cr.nn.MLP([2, 3, 1]), cr.nn.MLP([2, 3, 1])
    cr.save(first.state_dict(), tmp_path / "m.safetensors")
    second.load_state_dict(cr.load(tmp_path / "m.safetensors"))
    assert (first(cr.ones((1, 2))) == second(cr.ones((1, 2)))).all()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(step, tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    cr.save({"x": cr.ones(2)}, path)

    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(cr.CheckpointError, match="no space"):
        cr.save({"x": cr.zeros(2)}, path)
    assert (cr.load(path)["x"].tolist(), os.listdir(tmp_path)) == ([1.0, 1.0], ["x.safetensors"])


def test_the_file_has_the_usual_permissions(tmp_path):
    old = os.umask(0o022)
    try:
        cr.save({"x": cr.ones(2)}, tmp_path / "x.safetensors")
    finally:
        os.umask(old)
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o644


def write(path, data):
    path.write_bytes(data)
    return path


def whole(folder):
    cr.save({"x": cr.ones(20)}, folder / "whole.safetensors")
    return (folder / "whole.safetensors").read_bytes()


BAD_FILES = {
    "missing": (lambda folder: folder / "nothing", "there is no file"),
    "empty": (lambda folder: write(folder / "x", b""), "not a whole safetensors file"),
    "text": (lambda folder: write(folder / "x", b"hello, this is some text"), "not a whole safetensors file"),
    "picture": (lambda folder: write(folder / "x", b"\x89PNG\r\n\x1a\n" + b"0" * 50), "not a whole safetensors file"),
    "truncated": (lambda folder: write(folder / "x", whole(folder)[:-7]), "not a whole safetensors file"),
    "header only": (lambda folder: write(folder / "x", whole(folder)[:12]), "not a whole safetensors file"),
    "folder": (lambda folder: folder, "cannot be read"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_a_checkpoint_error_with_its_path(name, tmp_path):
    make, message = BAD_FILES[name]
    path = make(tmp_path)
    with pytest.raises(cr.CheckpointError, match=message) as caught:
        cr.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("state", "message"), [
    ([1], "needs a dict"), ({"x": "text"}, "'x' is str"), ({1: np.ones(1)}, "1 is ndarray"),
])  # fmt: skip
def test_what_is_no_dict_of_tensors_is_refused(state, message, tmp_path):
    with pytest.raises(cr.CheckpointError, match=message):
        cr.save(state, tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(cr.CheckpointError, match=r"nowhere does not exist"):
        cr.save({"x": cr.ones(1)}, tmp_path / "nowhere" / "x")
