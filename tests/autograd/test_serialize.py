"""Checkpoints: what goes in comes out, all at once or not at all."""

import errno
import json
import math
import os
import stat
import struct
import zlib

import numpy as np
import pytest
from damage import silent
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as render

import chainrule as cr
import chainrule.autograd.serialize

DTYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
]


pytestmark = pytest.mark.filterwarnings("ignore:load. .* has no checksums")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def there_and_back(value, path):
    cr.save({"x": value}, path)
    loaded = cr.load(path)
    assert list(loaded) == ["x"]
    return loaded["x"]


# ---- round trips


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [cr.tensor, np.array], ids=["tensor", "array"])
def test_every_dtype_comes_back(make, dtype, path):
    data = np.array([[0, 1, 2], [3, 100, 5]]).astype(dtype)
    x = there_and_back(make(data), path)
    assert (type(x), x.dtype) == (cr.Tensor, dtype)
    np.testing.assert_array_equal(x.numpy(), data)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (3, 0, 2), (1, 1, 1), (2, 3, 4, 5)])
def test_every_shape_comes_back(shape, path):
    data = np.random.default_rng(0).normal(size=shape)
    x = there_and_back(cr.tensor(data), path)
    assert x.shape == shape
    np.testing.assert_array_equal(x.numpy(), data)


LAYOUTS = {
    "transposed": lambda a: a.T,
    "every other": lambda a: a[:, ::2],
    "backwards": lambda a: a[::-1],
    "broadcast": lambda a: np.broadcast_to(a[0], (4, 6)),
    "column by column": np.asfortranarray,
    "other byte order": lambda a: a.astype(">f8"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("make", [cr.asarray, np.asarray], ids=["tensor", "array"])
def test_every_memory_layout_comes_back(make, layout, path):
    data = LAYOUTS[layout](np.arange(24.0).reshape(4, 6))
    np.testing.assert_array_equal(there_and_back(make(data), path).numpy(), data)


def test_special_numbers_come_back_to_the_bit(path):
    data = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7e308])
    assert there_and_back(data, path).numpy().tobytes() == data.tobytes()


def test_a_value_comes_back_as_a_number(path):
    x = there_and_back(cr.Value(0.1), path)
    assert (x.shape, x.dtype, x.item()) == ((), "float64", 0.1)


def test_a_tensor_that_requires_grad_comes_back_without(path):
    assert not there_and_back(cr.ones(2, requires_grad=True), path).requires_grad


def test_the_result_of_a_recorded_call_can_be_saved(path):
    assert there_and_back(cr.ones(2, requires_grad=True) * 3, path).tolist() == [3, 3]


def test_an_empty_dict_comes_back(path):
    cr.save({}, path)
    assert cr.load(path) == {}


@pytest.mark.parametrize("name", ["", "layers.0.weight", "größe", "a b", "x" * 300, "\n", "🙂"])
def test_any_name_comes_back(name, path):
    cr.save({name: np.ones(1)}, path)
    assert list(cr.load(path)) == [name]


def test_what_was_loaded_can_be_changed(path):
    x = there_and_back(np.zeros(2), path)
    x.assign([1.0, 2.0])
    assert x.tolist() == [1, 2]


def test_saving_changes_nothing(path):
    x = cr.asarray(np.arange(6.0).reshape(2, 3).T)
    cr.save({"x": x}, path)
    assert x.tolist() == np.arange(6.0).reshape(2, 3).T.tolist()


def test_paths_may_be_text(path):
    cr.save({"x": np.ones(1)}, str(path))
    assert cr.load(str(path))["x"].tolist() == [1]


def test_the_file_is_a_safetensors_file(path):
    cr.save({"x": cr.tensor([1.5, 2.5])}, path)
    np.testing.assert_array_equal(parse(path.read_bytes())["x"], np.array([1.5, 2.5], dtype="f"))


def test_files_of_others_can_be_loaded_and_say_that_nobody_knows_whether_they_are_whole(path):
    path.write_bytes(render({"x": np.arange(3)}, metadata={"format": "pt"}))
    with pytest.warns(UserWarning, match="load: .*weights.safetensors has no checksums") as warned:
        assert cr.load(path)["x"].tolist() == [0, 1, 2]
    assert [w.filename for w in warned] == [__file__]


def test_tensors_are_loaded_onto_the_device_asked_for(strict, path):
    cr.save({"x": cr.tensor([1.0, 2.0], device=strict)}, path)
    x = cr.load(path, device=strict)["x"]
    assert (x.device, x.tolist()) == (strict, [1, 2])


def test_tensors_are_loaded_onto_the_cpu_if_no_device_is_asked_for(strict, path):
    cr.save({"x": cr.tensor([1.0, 2.0], device=strict)}, path)
    with cr.backends.use(strict):
        assert cr.load(path)["x"].device == "cpu"


def test_a_model_comes_back(path):
    model, other = (cr.nn.Sequential(cr.nn.MLP([3, 4, 2]), cr.nn.Perceptron(2)) for _ in range(2))
    cr.save(model.state_dict(), path)
    other.load_state_dict(cr.load(path))
    x = cr.ones((5, 3))
    assert other(x).tolist() == model(x).tolist()


def test_a_trained_model_comes_back(path):
    model = cr.nn.MLP([3, 4, 2])
    optimizer = cr.optim.Adam(model.parameters())  # parameters are now parts of one array
    model(cr.ones((1, 3))).sum().backward()
    optimizer.step()
    cr.save(model.state_dict(), path)
    for name, x in cr.load(path).items():
        np.testing.assert_array_equal(x.numpy(), dict(model.named_parameters())[name].numpy())


# ---- nested state


def same(a, b):
    """Equal in value and type, nan included; tensors to the bit."""
    if isinstance(a, cr.Tensor):
        return type(b) is cr.Tensor and (a.dtype, a.shape, a.tolist()) == (b.dtype, b.shape, b.tolist())
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return type(b) is list and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and math.isnan(a):
        return type(b) is float and math.isnan(b)
    return type(a) is type(b) and a == b


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**100,
        0.1,
        -0.0,
        5e-324,
        1.7976931348623157e308,
        math.nan,
        math.inf,
        -math.inf,
        "",
        "text",
        'größe 🙂\n\x00"\\',
        "$tensor",
        [],
        {},
        [[]],
        [{}, [None, {"a": []}]],
        {"": {"": {}}},
        {"b": 1, "a": 2},
        [0.1, 1, "1", True, None],
    ],
    ids=repr,
)
@pytest.mark.parametrize("with_tensor", [True, False])
def test_whatever_json_can_hold_comes_back(value, with_tensor, path):
    state = {"value": value} | ({"w": cr.ones(2)} if with_tensor else {})
    cr.save(state, path)
    assert same(state, cr.load(path))


def test_a_float_keeps_its_sign_and_every_bit(path):
    numbers = [-0.0, 0.1 + 0.2, 1 / 3, 2.0**-1074]
    cr.save({"numbers": numbers}, path)
    assert [x.hex() for x in cr.load(path)["numbers"]] == [x.hex() for x in numbers]


def test_tensors_come_back_wherever_they_lie(path):
    state = {
        "a": cr.tensor([1.0]),
        "b": {"a": cr.tensor([2.0]), "c": [cr.tensor([[3]]), {"d": cr.tensor(4.0, dtype="float64")}, 5]},
        "e": [],
        "f": [[cr.tensor([True, False])]],
    }
    cr.save(state, path)
    assert same(state, cr.load(path))


def test_tuples_come_back_as_lists(path):
    cr.save({"betas": (0.9, (0.999, cr.ones(1)))}, path)
    assert same(cr.load(path), {"betas": [0.9, [0.999, cr.ones(1)]]})


@pytest.mark.parametrize(
    ("number", "plain"),
    [(np.int64(3), 3), (np.float32(0.5), 0.5), (np.float64(0.1), 0.1), (np.bool_(True), True), (np.uint8(255), 255)],
    ids=repr,
)
def test_numbers_of_numpy_come_back_as_pythons(number, plain, path):
    cr.save({"number": number}, path)
    assert same(cr.load(path), {"number": plain})


@pytest.mark.parametrize(
    "state",
    [
        {"a.b": cr.zeros(1), "a": {"b": cr.ones(1)}},
        {"a": {"b": cr.ones(1)}, "a.b": cr.zeros(1)},
        {"a": [cr.ones(1)], "a.0": cr.zeros(1), "a.0'": cr.ones(2)},
        {"": {"a": cr.ones(1)}, "a": cr.zeros(1)},
        {"": [cr.ones(1)], ".0": cr.zeros(1), "0": cr.ones(2)},
        {"a": {"": cr.ones(1)}, "a.": cr.zeros(1)},
    ],
    ids=repr,
)
def test_names_that_look_like_paths_are_kept_apart(state, path):
    cr.save(state, path)
    assert same(state, cr.load(path))


def test_the_same_tensor_in_two_places_comes_back_in_both(path):
    w = cr.tensor([1.0, 2.0])
    cr.save({"a": w, "b": [w]}, path)
    assert same(cr.load(path), {"a": w, "b": [w]})


def test_the_tensors_of_a_nested_state_can_be_read_by_others(path):
    cr.save({"model": {"w": cr.tensor([1.5])}, "steps": 3}, path)
    assert {name: a.tolist() for name, a in parse(path.read_bytes()).items()} == {"model.w": [1.5]}


def header(path):
    data = path.read_bytes()
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])


def test_a_flat_state_has_no_metadata_but_checksums(path):
    cr.save({"w": cr.ones(1), "b": cr.zeros(1)}, path)
    assert all(name.startswith("chainrule.crc32") for name in header(path)["__metadata__"])


def test_the_checksum_of_a_tensor_is_that_of_its_dtype_shape_and_bytes(path):
    cr.save({"w": cr.tensor([[1.0, 2.0]]), "n": {"k": 1}}, path)
    metadata = header(path)["__metadata__"]
    assert int(metadata["chainrule.crc32:w"], 16) == zlib.crc32(b"float32[1, 2]" + struct.pack("<2f", 1, 2))
    assert int(metadata["chainrule.crc32"], 16) == zlib.crc32(metadata["chainrule"].encode())


def test_the_state_of_an_optimiser_comes_back(path):
    model = cr.nn.MLP([3, 4, 2])
    optimizer = cr.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.01)
    model(cr.ones((1, 3))).sum().backward()
    optimizer.step()
    cr.save(optimizer.state_dict(), path)
    other = cr.optim.Adam(cr.nn.MLP([3, 4, 2]).parameters())
    other.load_state_dict(cr.load(path))
    assert repr(other.state_dict()) == repr(optimizer.state_dict())
    assert (other.steps, other.lr) == (1, 0.1)


def test_nested_tensors_are_loaded_onto_the_device_asked_for(strict, path):
    cr.save({"a": [{"b": cr.ones(2, device=strict)}]}, path)
    assert cr.load(path, device=strict)["a"][0]["b"].device == strict
    assert cr.load(path)["a"][0]["b"].device == "cpu"


def test_ten_thousand_entries_are_saved_and_loaded(path):
    state = {"history": [{"epoch": i, "loss": 1 / i} for i in range(1, 10_001)]}
    cr.save(state, path)
    assert cr.load(path) == state


# ---- all at once or not at all


@pytest.mark.parametrize("fails", ["replace", "fsync", "chmod"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"]
)
def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(fails, error, path, monkeypatch):
    cr.save({"x": np.ones(1)}, path)

    def fail(*args):
        raise error

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else cr.CheckpointError):
        cr.save({"x": np.zeros(1)}, path)
    assert cr.load(path)["x"].tolist() == [1]
    assert os.listdir(path.parent) == [path.name]


def test_an_error_while_writing_is_named_with_the_file(path, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(cr.CheckpointError, match="save: .*weights.safetensors cannot be written: .*No space left"):
        cr.save({"x": np.zeros(1)}, path)


def test_the_data_is_on_the_disk_before_the_old_file_is_replaced(path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *args: calls.append("fsync") or fsync(*args))
    monkeypatch.setattr(os, "replace", lambda *args: calls.append("replace") or replace(*args))
    cr.save({"x": np.zeros(1)}, path)
    assert calls == ["fsync", "replace"]


def unwritable():
    """Things that no file can hold."""
    arrays = [
        np.ones(2, dtype=complex),
        np.array(["a"]),
        np.array([None]),
        np.datetime64("2000-01-01"),
        np.ones(1, "longdouble"),
        np.ma.masked_array([1.0, 2.0], [False, True]),
        np.ma.masked,
    ]
    return [*arrays, 1j, {1, 2}, b"bytes", object(), len, cr.nn.Linear, np.float64, range(3), iter([])]


@pytest.mark.parametrize("bad", unwritable(), ids=lambda bad: type(bad).__name__)
def test_an_entry_that_cannot_be_saved_is_named_and_leaves_the_old_file(bad, path):
    cr.save({"x": np.ones(1)}, path)
    with pytest.raises(cr.CheckpointError, match="'bad'"):
        cr.save({"x": np.zeros(1), "bad": bad}, path)
    assert cr.load(path)["x"].tolist() == [1]
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("nest", [lambda x: [1, x], lambda x: {"a": x}, lambda x: [{"b": (x,)}]])
def test_an_entry_that_cannot_be_saved_is_named_however_deep_it_lies(nest, path):
    with pytest.raises(cr.CheckpointError, match=r"save: 'bad\.[\w.]+' is of type object; a file can hold tensors"):
        cr.save({"x": np.zeros(1), "bad": nest(object())}, path)
    assert not path.exists()


@pytest.mark.parametrize("name", [3, None, ("a",), "$tensor"])
def test_a_name_in_a_nested_dict_that_cannot_be_saved_is_refused(name, path):
    with pytest.raises(cr.CheckpointError, match="save: every entry must have a name, not .* in bad.0"):
        cr.save({"bad": [{name: 1}]}, path)
    assert not path.exists()


@pytest.mark.parametrize("name", [3, None, ("a",), "__metadata__"])
def test_a_name_that_cannot_be_saved_is_refused(name, path):
    with pytest.raises(cr.CheckpointError, match="save: "):
        cr.save({name: np.zeros(1)}, path)
    assert not path.exists()


@pytest.mark.parametrize("state", [None, [np.ones(1)], np.ones(1), cr.nn.Linear])
def test_only_a_dict_can_be_saved(state, path):
    with pytest.raises(cr.CheckpointError, match="save: needs a dict of tensors such as model.state_dict"):
        cr.save(state, path)
    assert not path.exists()


def deep(levels):
    state = 1
    for _ in range(levels):
        state = [state]
    return state


def looped():
    state = {}
    state["self"] = state
    return state


BEYOND = {
    "a deep list": lambda: {"a": deep(5000)},
    "a dict that holds itself": looped,
    "a number of 5000 digits": lambda: {"a": 10**5000},
    "half a surrogate pair in a tensor's name": lambda: {"\ud800": cr.ones(1)},
}


@pytest.mark.parametrize("case", BEYOND)
def test_what_no_file_can_hold_is_refused_and_leaves_the_old_one(case, path):
    cr.save({"x": 1}, path)
    with pytest.raises(cr.CheckpointError, match="save: "):
        cr.save(BEYOND[case](), path)
    assert cr.load(path) == {"x": 1}


def test_a_state_that_can_be_saved_but_not_loaded_is_refused(path, monkeypatch):
    monkeypatch.setattr("chainrule.autograd.serialize._LONGEST_HEADER", 1000)
    cr.save({"x": "a" * 500}, path)
    with pytest.raises(cr.CheckpointError, match="take 1[0-9]{3} bytes, a file can hold 1000"):
        cr.save({"x": "a" * 1000}, path)


def test_the_longest_header_is_the_one_that_the_format_reads():
    limit = chainrule.autograd.serialize._LONGEST_HEADER
    for length, fault in ((limit, "invalid header length"), (limit + 1, "header too large")):
        with pytest.raises(SafetensorError, match=fault):
            parse(struct.pack("<Q", length) + b"{}")


def test_a_lone_surrogate_in_text_comes_back(path):
    state = {"\ud83d": ["\udc00", "🙂"]}
    cr.save(state, path)
    assert cr.load(path) == state


def test_numbers_with_their_bytes_in_another_order_come_back(path):
    x = there_and_back(np.arange(3, dtype=">f4"), path)
    assert (x.tolist(), x.dtype) == ([0, 1, 2], "float32")


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(cr.CheckpointError, match="save: the folder .*runs does not exist; make it first"):
        cr.save({"x": np.ones(1)}, tmp_path / "runs" / "x.safetensors")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a\0b", "a\ud800", "a" * 5000])
def test_a_name_that_no_file_can_have_is_refused(name, tmp_path):
    with pytest.raises(cr.CheckpointError, match="save: .* cannot be written"):
        cr.save({"x": 1}, tmp_path / name)
    with pytest.raises(cr.CheckpointError, match="load: "):
        cr.load(tmp_path / name)


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(cr.CheckpointError, match="save: .*folder cannot be written"):
        cr.save({"x": np.ones(1)}, tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_of_the_file_follows_the_umask(umask, mode, path):
    before = os.umask(umask)
    try:
        cr.save({"x": np.ones(1)}, path)
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_ctrl_c_right_after_the_old_file_was_replaced_is_still_ctrl_c(path, monkeypatch):
    replace = os.replace

    def press(*args):
        replace(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", press)
    with pytest.raises(KeyboardInterrupt):
        cr.save({"x": np.ones(1)}, path)
    assert cr.load(path)["x"].tolist() == [1]
    assert os.listdir(path.parent) == [path.name]


# ---- files that are none


def whole():
    return render({"w": np.arange(12.0).reshape(3, 4), "b": np.ones(4, dtype="f")})


def with_header(text, data=b""):
    return struct.pack("<Q", len(text)) + text + data


FOREIGN = {
    "nothing": b"",
    "a few bytes": b"abc",
    "text": b"epoch,loss\n1,0.5\n" * 10,
    "PNG": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(100),
    "NumPy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" + bytes(100),
    "zip": b"PK\x03\x04" + bytes(100),
    "zeros": bytes(1000),
    "a huge header": struct.pack("<Q", 2**63) + b"{}",
    "JSON that is no dict": with_header(b"[1, 2]"),
    "no JSON": with_header(b'{"w": '),
    "an unknown dtype": with_header(b'{"w":{"dtype":"F99","shape":[1],"data_offsets":[0,8]}}', bytes(8)),
    "offsets beyond the end": with_header(b'{"w":{"dtype":"F64","shape":[9],"data_offsets":[0,72]}}', bytes(8)),
    "a shape that does not fit": with_header(b'{"w":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "bytes too many": whole() + b"x",
    "header not in UTF-8": with_header(b'{"\xff\xfe":{}}'),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused_by_name(kind, path):
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(cr.CheckpointError, match="load: .*weights.safetensors is not a whole safetensors file"):
        cr.load(path)


def test_a_file_cut_off_anywhere_is_refused(path):
    data = whole()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(cr.CheckpointError, match="is not a whole safetensors file"):
            cr.load(path)


def test_a_file_with_a_damaged_header_is_refused_or_read_but_never_fails_otherwise(path):
    data = whole()
    header = 8 + struct.unpack("<Q", data[:8])[0]
    refused = 0
    for i in range(header):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x15]) + data[i + 1 :])
        try:
            cr.load(path)
        except cr.ChainruleError:
            refused += 1
    assert refused > header / 2


MALFORMED = {  # a header, and what is said of it
    "metadata is null": (b'{"__metadata__":null}', "__metadata__ must be an object of text, it is None"),
    "metadata is a list": (b'{"__metadata__":[]}', "invalid"),
    "a name twice": (b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
                     "two entries 'w'"),
    "an entry of the metadata twice": (b'{"__metadata__":{"a":"b","a":"c"}}', "two entries 'a'"),
    "deep": (b"[" * 100_000, "invalid"),
    "half a surrogate pair": (b'{"w\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', "invalid"),
    "a huge length": (b'{"w":{"dtype":"F32","shape":[1' + b"0" * 5000 + b'],"data_offsets":[0,4]}}', "invalid"),
    "a length that overflows": (b'{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}', "overflow"),
    "no dtype of NumPy's": (b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}', "BF16"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_header_is_refused_by_name(case, path):
    text, message = MALFORMED[case]
    path.write_bytes(with_header(text, bytes(4 * (b'"w' in text))))
    with pytest.raises(cr.CheckpointError, match=f"load: .*weights.safetensors is not a whole .*{message}"):
        cr.load(path)


def with_tree(tree):
    """A file with one tensor "w", whose nesting is described by some text."""
    return render({"w": np.ones(1)}, metadata={"chainrule": tree})


@pytest.mark.parametrize(
    "tree",
    ["", "{", "nan", '{"a": {"$tensor": "v"}}', '{"a": {"$tensor": 3}}', '{"a": {"$tensor": []}}', "[1, 2]", "3",
     '{"a": 1, "a": 2}', '{"a": {"$tensor": "w", "b": 1}}', '{"a": ' + "[" * 100_000, '{"a": 1' + "0" * 5000 + "}",
     '{"a": 1e999}'],
    ids=lambda tree: tree[:24],
)  # fmt: skip
def test_a_file_whose_nesting_is_damaged_is_refused_by_name(tree, path):
    path.write_bytes(with_tree(tree))
    with pytest.raises(cr.CheckpointError, match="load: .*weights.safetensors"):
        cr.load(path)


def test_a_nested_file_with_a_damaged_header_is_refused_or_read_but_never_fails_otherwise(path):
    cr.save({"a": [{"b": cr.ones(2)}, 0.5, None], "c": cr.zeros(3)}, path)
    data = path.read_bytes()
    header = 8 + struct.unpack("<Q", data[:8])[0]
    refused = 0
    for i in range(header):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x15]) + data[i + 1 :])
        try:
            cr.load(path)
        except cr.ChainruleError:
            refused += 1
    assert refused > header / 2


def test_numbers_that_tensors_cannot_hold_are_refused(path):
    path.write_bytes(render({"w": np.ones(2, dtype="complex64")}))
    with pytest.raises(cr.ChainruleError, match="complex64"):
        cr.load(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(cr.CheckpointError, match="load: there is no file .*weights.safetensors"):
        cr.load(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(cr.CheckpointError, match="load: .* cannot be read"):
        cr.load(tmp_path)


def test_a_path_through_a_file_is_no_path(path):
    path.write_bytes(whole())
    with pytest.raises(cr.CheckpointError, match="load: .* cannot be read"):
        cr.load(path / "more")


def test_an_unknown_device_names_those_that_exist(path):
    path.write_bytes(whole())
    with pytest.raises(cr.DeviceError, match="unknown device 'gpu'.*'cpu'"):
        cr.load(path, device="gpu")


@pytest.mark.parametrize("damage", ["truncated", "foreign", "missing", "of another model"])
def test_nothing_of_a_bad_file_gets_into_a_model(damage, path):
    model = cr.nn.Linear(3, 4)
    before = model.state_dict()
    if damage == "of another model":
        path.write_bytes(render({"weight": np.zeros((3, 4), "f"), "bias": np.zeros(5, "f")}))
    elif damage != "missing":
        path.write_bytes(
            render({"weight": np.zeros((3, 4), "f"), "bias": np.zeros(4, "f")})[:-1]
            if damage == "truncated"
            else b"text"
        )
    with pytest.raises(cr.CheckpointError):
        model.load_state_dict(cr.load(path))
    for name, x in model.state_dict().items():
        np.testing.assert_array_equal(x.numpy(), before[name].numpy())


# ---- damage


def small():
    return {"w": cr.tensor([[1.5, -2.5]]), "n": {"b": cr.tensor([3, 4]), "k": [1, "a", None]}, "e": cr.zeros(0)}


def test_a_flipped_bit_is_noticed_wherever_it_is(path):
    cr.save(small(), path)
    data = path.read_bytes()
    for i in range(0, 8 * len(data), 61):
        path.write_bytes(data[: i // 8] + bytes([data[i // 8] ^ 1 << i % 8]) + data[i // 8 + 1 :])
        with pytest.raises(cr.CheckpointError, match="load: .*weights.safetensors"):
            cr.load(path)


def test_damage_of_any_kind_is_noticed(path):
    cr.save(small(), path)
    faults, refused, same = silent(path, 300)
    assert (faults, refused + same) == ([], 300)


def test_the_damaged_tensor_is_named(path):
    cr.save(small(), path)
    data = path.read_bytes()
    place = data.index(struct.pack("<f", -2.5))
    path.write_bytes(data[:place] + struct.pack("<f", 2.5) + data[place + 4 :])
    with pytest.raises(cr.CheckpointError, match="is damaged: the checksum does not fit w; take another copy"):
        cr.load(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"F32","shape":[1,2]', b'"I32","shape":[1,2]'),
        (b'"F32","shape":[1,2]', b'"F32","shape":[2,1]'),
        (b"[1, ", b"[2, "),
    ],
    ids=["dtype", "shape", "nesting"],
)
def test_a_header_that_describes_something_else_is_noticed(old, new, path):
    cr.save(small(), path)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    with pytest.raises(cr.CheckpointError, match="is damaged: the checksum does not fit"):
        cr.load(path)


def test_two_tensors_that_changed_places_are_noticed(path):
    cr.save({"a": cr.ones(2), "b": cr.zeros(2)}, path)
    path.write_bytes(
        path.read_bytes().replace(b'"a":{', b'"c":{').replace(b'"b":{', b'"a":{').replace(b'"c":{', b'"b":{')
    )
    with pytest.raises(cr.CheckpointError, match="is damaged: the checksum does not fit a, b"):
        cr.load(path)


def test_a_missing_checksum_is_noticed(path):
    cr.save({"a": cr.ones(2)}, path)
    path.write_bytes(path.read_bytes().replace(b"chainrule.crc32:a", b"chainrule_crc32:a"))
    with pytest.raises(cr.CheckpointError, match="is damaged: the checksum does not fit a"):
        cr.load(path)


def test_saving_tells_what_a_device_has_found(path, strict):
    cr.one_hot(cr.tensor([0, 7], device="strict"), 3)
    with pytest.raises(cr.ArgumentError, match=r"one_hot: indices must lie in \[0, 3\); found when device"):
        cr.save({"x": cr.ones(2, device="strict")}, path)
    assert not path.exists()
