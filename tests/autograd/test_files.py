"""Writing files: whole or not at all, through links, with the mode they had, and without leaving anything behind."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading

import pytest

import chainrule as cr
from chainrule.autograd.files import parse_json, write_atomically

posix = pytest.mark.skipif(os.name != "posix", reason="links, modes and devices as POSIX has them")


def writers():
    """{name: (suffix, function that writes something to a path)}: all that writes a file of the user's."""
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    graph, history = cr.trace((x * x).sum()), cr.History([{"epoch": 1, "loss": 0.5}])
    graphs = {f"graph.{form}": (f".{form}", graph.save) for form in ("svg", "html", "json", "dot")}
    return {
        "save": (".safetensors", lambda path: cr.save({"w": cr.ones(2)}, path)),
        "history.to_csv": (".csv", history.to_csv),
        "history.save": (".html", history.save),
        **graphs,
    }


WRITERS = writers()


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    """(path, function that writes something to it) for each thing that writes files."""
    suffix, write = WRITERS[request.param]
    return tmp_path / f"file{suffix}", write


@posix
def test_a_link_stays_and_what_it_leads_to_is_replaced(written, tmp_path):
    path, write = written
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    target.write_bytes(b"old")
    path.symlink_to(target)
    write(path)
    assert path.is_symlink()
    assert target.read_bytes() == path.read_bytes() != b"old"
    assert sorted(os.listdir(tmp_path)) == sorted(["elsewhere", path.name])
    assert os.listdir(target.parent) == ["target"]


@posix
def test_a_link_to_nothing_makes_the_file_that_it_leads_to(written, tmp_path):
    path, write = written
    path.symlink_to("target")
    write(path)
    assert path.is_symlink()
    assert (tmp_path / "target").read_bytes()


@posix
def test_links_in_a_circle_are_refused(written):
    path, write = written
    path.symlink_to(path.name)
    with pytest.raises((OSError, cr.CheckpointError), match="symbolic links"):
        write(path)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755, 0o666])
def test_the_mode_of_the_file_stays(mode, written):
    path, write = written
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_has_the_mode_that_the_umask_says(umask, written):
    path, write = written
    before = os.umask(umask)
    try:
        write(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_the_file_stays(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.chown(path, 12345, 54321)
    write_atomically(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid, path.read_bytes()) == (12345, 54321, b"new")


def test_nobody_can_read_a_private_file_while_it_is_written(tmp_path, monkeypatch):
    path, modes = tmp_path / "a", []
    path.write_bytes(b"old")
    path.chmod(0o600)
    monkeypatch.setattr(os, "fsync", lambda fd: modes.append(stat.S_IMODE(os.fstat(fd).st_mode)))
    write_atomically(path, b"new")
    assert modes == [0o600]


def folder(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # its name has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path.name)
    finally:
        os.chdir(here)


def device(path):
    path.symlink_to("/dev/null")


@posix
@pytest.mark.parametrize("make", [folder, pipe, unix_socket, device])
def test_what_is_no_file_is_refused_and_stays(make, written):
    path, write = written
    make(path)
    kind = stat.S_IFMT(path.stat().st_mode)
    with pytest.raises((OSError, cr.CheckpointError), match=r"it is a (folder|device).*file\.") as error:
        write(path)
    assert not isinstance(error.value, cr.CheckpointError) or "cannot be written" in str(error.value)
    assert stat.S_IFMT(path.stat().st_mode) == kind
    assert os.listdir(path.parent) == [path.name]


def test_an_error_names_the_file_of_the_user(written):
    path, write = written
    with pytest.raises((OSError, cr.CheckpointError)) as error:
        write(path.parent / "missing" / path.name)
    assert "missing" in str(error.value)
    assert ".tmp" not in str(error.value)


@pytest.mark.parametrize("length", [1, 100, 255])
@pytest.mark.parametrize("letter", ["a", "ü"])
def test_a_name_may_be_as_long_as_the_system_takes(length, letter, tmp_path):
    path = tmp_path / (letter * (length // len(letter.encode())) or "a")
    write_atomically(path, b"x")
    assert os.listdir(tmp_path) == [path.name]


def test_text_is_utf8_and_what_utf8_has_not_is_escaped(tmp_path):
    write_atomically(tmp_path / "a", "größe \ud83d")
    assert (tmp_path / "a").read_bytes() == "größe \\ud83d".encode()


def test_a_history_with_half_a_surrogate_pair_can_be_written(tmp_path):
    history = cr.History([{"epoch": 1, "loss": 0.5, "note \ud83d": "\udc00"}])
    history.to_csv(tmp_path / "a.csv")
    history.save(tmp_path / "a.html", title="\ud83d")
    assert r"note \ud83d" in (tmp_path / "a.csv").read_text()


# ---- what is left behind


KILLED = """
import os, signal, sys
from pathlib import Path
import chainrule as cr
moment, path = sys.argv[1:]
setattr(os, moment, lambda *args: os.kill(os.getpid(), signal.SIGKILL))
cr.save({"x": cr.ones(1000)}, path)
"""


@posix
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_what_a_killed_process_left_is_gone_after_the_next_save(moment, tmp_path):
    path = tmp_path / "weights.safetensors"
    for _ in range(2 if moment == "replace" else 1):
        subprocess.run([sys.executable, "-c", KILLED, moment, path], check=False)
    assert len(os.listdir(tmp_path)) == 1  # the second one has removed what the first one left
    cr.save({"x": 1}, path)
    assert os.listdir(tmp_path) == [path.name]
    assert cr.load(path) == {"x": 1}


@posix
def test_what_another_writer_is_writing_stays(tmp_path, monkeypatch):
    path, fsync, names = tmp_path / "a", os.fsync, []

    def write_another(*args):  # in the middle of the first
        monkeypatch.setattr(os, "fsync", fsync)
        names.extend(os.listdir(tmp_path))
        write_atomically(path, b"second")
        assert set(os.listdir(tmp_path)) == {*names, "a"}

    monkeypatch.setattr(os, "fsync", write_another)
    write_atomically(path, b"first")
    assert len(names) == 1
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_bytes() == b"first"


def test_files_that_only_look_alike_stay(tmp_path):
    others = [".a.tmp", ".a.0123.tmp", ".a.0123456789abcdef", ".ab.0123456789abcdef.tmp", "a.0123456789abcdef.tmp"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    write_atomically(tmp_path / "a", b"x")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "a"])


def test_threads_that_write_one_file_leave_one_of_their_versions(tmp_path):
    path, versions, errors = tmp_path / "a", [bytes([i]) * 1000 for i in range(8)], []

    def work(data):
        try:
            for _ in range(5):
                write_atomically(path, data)
        except BaseException as error:  # an exception in a thread fails no test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(data,)) for data in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, os.listdir(tmp_path)) == ([], ["a"])
    assert path.read_bytes() in versions


# ---- reading


@posix
@pytest.mark.parametrize("read", [cr.load, cr.data.read_idx, cr.data.read_csv], ids=lambda read: read.__name__)
def test_a_device_is_no_file_to_read(read):
    with pytest.raises(
        (cr.CheckpointError, cr.DataError), match="/dev/zero cannot be read: .*it is a device, not a file"
    ):
        read("/dev/zero")


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, "b", null, true]}', '"\\ud83d"', "[]", "1e308", "-0.0", "1" * 400])
def test_json_is_read_as_python_reads_it(text):
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "an object has two entries 'a'"),
        ('[{"": {"b": [], "b": 0}}]', "an object has two entries 'b'"),
        ("1e309", "1e309 is too large for a float"),
        ("[-1e999]", "-1e999 is too large for a float"),
        ("9" * 5000, "digits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("", "Expecting value"),
    ],
    ids=lambda text: text[:12],
)
def test_json_of_which_something_would_be_lost_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)
