"""The C compiler: which is found, how it is called, and where what it makes is kept.

Nothing here raises but NoCompiler: whoever asks has another way.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

# No -ffast-math, and no contraction to fused multiply-adds where the text does not ask for one: a value that is computed in
# two places must come out the same in both
FLAGS = "-O3 -std=gnu11 -fPIC -shared -w -fwrapv -fno-strict-aliasing -fno-math-errno -fno-trapping-math -ffp-contract=off".split()
LEAST = "-O2 -std=gnu11 -fPIC -shared -w -fwrapv -fno-strict-aliasing -ffp-contract=off".split()
TIMEOUT = 120  # seconds
KEPT = 1000  # objects in the cache


class NoCompiler(Exception):
    """No C compiler could make the program: the message says why."""


@cache
def compilers() -> tuple[tuple[str, ...], ...]:
    """The commands that may be C compilers, the likeliest first. The environment variable CC stands before all; empty, it means none."""
    named = os.environ.get("CC")
    if named is not None:
        return (tuple(named.split()),) if named.strip() else ()
    found: list[tuple[str, ...]] = [(path,) for name in ("cc", "clang", "gcc") if (path := shutil.which(name))]
    if find_spec("ziglang") is not None:
        found.append((sys.executable, "-m", "ziglang", "cc"))
    return tuple(found)


@cache
def version(command: tuple[str, ...]) -> str:
    """What a compiler says of itself; "" if it does not run."""
    try:
        return subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=TIMEOUT, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


@cache
def processor() -> str:
    """What tells this machine's instructions from another's."""
    import platform

    said = platform.machine() + platform.processor() + sys.platform
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read().split("\n\n")[0].splitlines()
        said += "".join(
            line
            for line in lines
            if line.startswith(("model name", "flags", "Features", "CPU part", "CPU implementer"))
        )
    except OSError:
        pass
    return said


@cache
def folder() -> Path | None:
    """The folder, this user's alone, in which shared objects are kept; None where there can be none."""
    base = os.environ.get("XDG_CACHE_HOME")
    if not base:
        base = {"darwin": "~/Library/Caches", "win32": "~/AppData/Local"}.get(sys.platform, "~/.cache")
    try:
        path = Path(base).expanduser() / "chainrule" / "jit"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = path.stat()
        mine = not hasattr(os, "getuid") or seen.st_uid == os.getuid()
        if not mine:
            return None  # what others may write is not run
        if stat.S_IMODE(seen.st_mode) & 0o077:
            path.chmod(0o700)
        return path if os.access(path, os.W_OK) else None
    except (OSError, RuntimeError):
        return None


@cache
def _scratch() -> Path:
    """A folder for this process, where there is no other."""
    import atexit

    path = tempfile.mkdtemp(prefix="chainrule-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


_loaded: dict[str, ctypes.CDLL] = {}


def load(text: str, extra: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The C text as a loaded shared object, compiled unless the cache has it.

    Raises: NoCompiler.
    """
    key = blake2b(repr((text, extra, compilers(), FLAGS, processor())).encode(), digest_size=16).hexdigest()
    if key in _loaded:
        return _loaded[key]
    kept, reason = folder(), "there is none"
    for command in compilers():
        if not (said := version(command)):
            reason = f"{command[0]} does not run"
            continue
        name = f"{key}-{blake2b(said.encode(), digest_size=8).hexdigest()}.so"
        for place in (kept, None):
            try:
                path = (place or _scratch()) / name
                if not path.exists():
                    _compile(command, text, extra, path)
                _loaded[key] = library = ctypes.CDLL(str(path))
                return library
            except (OSError, subprocess.SubprocessError, NoCompiler) as error:
                reason = str(error)
    raise NoCompiler(f"no C compiler: {reason}")


def _compile(command, text, extra, path):
    """Compile to a file that is there whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="chainrule-", ignore_cleanup_errors=True) as work:
        source, made = Path(work) / "program.c", Path(work) / "program.so"
        source.write_text(text)
        said = ""
        for flags in ([*FLAGS, "-march=native", "-fopenmp-simd"], [*FLAGS, "-mcpu=native"], [*FLAGS], LEAST):
            done = subprocess.run(
                [*command, *flags, *extra, "-o", str(made), str(source), "-lm"],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT,
                cwd=work,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
            if done.returncode == 0 and made.exists():
                break
            said = said or done.stderr.strip()
        else:
            raise NoCompiler(f"{command[0]}: {said[:200] or 'failed'}")
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        try:
            shutil.copyfile(made, temporary)
            os.chmod(temporary, 0o700)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    _forget(path.parent)


def _forget(place):
    """Remove the objects that were made first, where there are more than KEPT."""
    made = sorted(place.glob("*.so"), key=os.path.getmtime)
    for path in made[: max(0, len(made) - KEPT)]:
        path.unlink(missing_ok=True)
