"""Files: written whole or not at all, and JSON read only where nothing of it would be lost."""

import errno
import json
import os
import re
import stat
from contextlib import suppress
from functools import partial
from math import isinf
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove a file that another process has open
    fcntl = None  # type: ignore[assignment]


def write_atomically(path, data):
    """Write bytes or text beside `path`, then rename: a reader finds the old file or the new one, never a part.

    A link stays one, and what it leads to is replaced. The new file has the mode and the owner of the old one. What a
    killed process left of an earlier try is removed.

    Raises: OSError, naming `path`, if it cannot be written, or if a folder, a device or a pipe has that name.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "backslashreplace")  # half a surrogate pair, which UTF-8 has not, as \ud83d
    temporary = None
    try:
        old, target = _regular(path), Path(os.path.realpath(path))
        prefix = f".{target.name[:40]}."  # names have at most 255 bytes
        _remove_leftovers(target.parent, prefix)
        mode = 0o666 if old is None else stat.S_IMODE(old.st_mode)
        file, temporary = _open_beside(target.parent, prefix, mode)
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if old is not None:
                if hasattr(os, "chown"):
                    with suppress(OSError):  # only root may give files away
                        os.chown(temporary, old.st_uid, old.st_gid)
                os.chmod(temporary, mode)
            if fcntl is None:
                file.close()  # Windows renames no open file
            os.replace(temporary, target)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)  # Ctrl-C may come right after the renaming
        if isinstance(error, OSError) and error.errno:  # the user has not asked for the temporary file
            raise type(error)(error.errno, error.strerror, str(path)) from None
        raise


def _regular(path):
    """What os.stat says of a file, None if there is none; an OSError if it is no plain file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a device, a pipe or a socket, not a file", str(path))
    return found


def _open_beside(folder, prefix, mode):
    """(a new file of the given mode, its name): it is locked while it is open, which says that somebody works on it."""
    while True:
        name = folder / f"{prefix}{os.urandom(8).hex()}.tmp"
        file = open(name, "xb", opener=partial(os.open, mode=mode & 0o777))  # noqa: SIM115  # the caller closes it
        _lock(file, wait=True)
        if os.fstat(file.fileno()).st_nlink:  # else another process has found it before it was locked
            return file, name
        file.close()


def _remove_leftovers(folder, prefix):
    """Remove temporary files with that prefix that no process has open."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if not name.startswith(prefix) or not re.fullmatch(r"[0-9a-f]{16}\.tmp", name[len(prefix) :]):
                continue
            with suppress(OSError):
                if fcntl is None:
                    os.unlink(folder / name)
                else:
                    with open(folder / name, "rb+") as file:
                        if _lock(file, wait=False):
                            os.unlink(folder / name)


def _lock(file, wait):
    """Whether this process alone has the file locked now; the system unlocks it when it is closed, also by a kill."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another has it, or the file system has no locks
        return False
    return True


def refuse_device(path):
    """Raise an OSError if `path` is a device: reading one may never end."""
    mode = os.stat(path).st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "it is a device, not a file", str(path))


def parse_json(text, constant=None):
    """What JSON in text or bytes says; `constant` is called with the words NaN, Infinity and -Infinity if given.

    Raises: ValueError if it is no JSON, or if something would be lost: an object that has two entries of one name, a
        number too large for a float, lists and objects nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=constant)
    except RecursionError:
        raise ValueError("lists or objects are nested too deeply") from None


def _object(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has two entries {next(n for n in names if names.count(n) > 1)!r:.80}")
    return found


def _float(word):
    value = float(word)
    if isinf(value):
        raise ValueError(f"{word:.40} is too large for a float")
    return value
