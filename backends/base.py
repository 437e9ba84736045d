"""What chainrule asks of the owner of arrays: the whole contract of a backend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from math import inf
from typing import Any

import numpy as np


class ChainruleError(Exception):
    """Base of every error that chainrule raises on purpose; the others stand in autograd/errors.py."""


class DeviceError(ChainruleError, ValueError):
    """Arrays of several devices were mixed, or a device is unknown or missing."""


class Backend:
    """One place where arrays live. Subclass it, fill in the fields, and `register` an instance.

    Fields:
        name: the device name that users write, such as "cpu".
        xp: the array namespace, with NumPy's names and meanings.
        array_type: the type of this backend's arrays; results of `xp` that are not of this type are wrapped.
        types: every type that dispatches here (the array type, and array scalars where the namespace makes them).
        on_host: whether Python can read values here without a transfer from a device.
        fuses: whether it is asked for kernels: `rule` and what stands below it.
        norm, softmax: with `fuses`, the kernels of normalisation and of softmax, as in norm.py and softmax.py; None for none.
    """

    name: str = ""
    xp: Any = None
    array_type: type = object
    types: tuple[type, ...] = ()
    on_host: bool = False
    fuses: bool = False
    norm: Any = None
    softmax: Any = None

    def asarray(self, data: Any, dtype: Any = None, copy: bool = False) -> Any:
        """An array of this backend holding `data`; shares memory where it can, unless `copy`."""
        if copy:
            return self.xp.array(data, dtype=dtype)
        return self.xp.asarray(data, dtype=dtype)

    def copy(self, array: Any) -> Any:
        """A private copy that nobody else can write to."""
        return array.copy()

    def frozen(self, array: Any) -> Any:
        """`array` in a form through which its memory cannot be changed: here a copy."""
        return self.copy(array)

    def to_numpy(self, array: Any) -> np.ndarray:
        """A NumPy copy on the host."""
        raise NotImplementedError(f"backend {self.name!r} must define to_numpy")

    def fits(self, squares: Any) -> bool:
        """Whether these sums of squares are known to have lost nothing: none overflowed, and in none did terms vanish.

        Where values are not at hand, or cannot tell, False: the squares are then those of numbers scaled by powers of two.
        """
        return False

    def joined(self, arrays: list[Any]) -> Any:
        """The elements of all these arrays of one dtype as one flat array, a new one."""
        return self.xp.concatenate([a.reshape(-1) for a in arrays])

    def squares(self, array: Any) -> Any:
        """Σ x² of a flat array in float64, as an array of shape ()."""
        wide = array.astype("float64")
        return self.xp.dot(wide, wide)

    def overflowed(self, result: Any) -> bool:
        """Whether some of a result is known to be inf or nan."""
        return False

    def check(self, ok: Any, error: Callable[[str], Exception], given: Callable[[], str] = str) -> bool:
        """Raise `error(text)` unless `ok`, an array of one truth value, is true. Returns whether it is known to be.

        `error` makes the exception; `given()` is called on the host alone, and adds to its text what was found there.
        Where values are not at hand, the host does not wait for them: the check is noted, and raises at the next `read`.
        """
        if self.on_host:
            if not ok:
                raise error(given())
            return True
        noted = self.flag(error)  # one for each message, so that repeated checks do not pile up
        self.fused(lambda noted, ok: noted & ok, noted, ok.reshape(()), out=[noted])
        return False

    def flag(self, error: Callable[..., Exception], *numbers: float) -> Any:
        """A truth value on this device that kernels may make false: then the next `read` raises, as for a check.

        With `numbers`, which the error takes after its text, a list: the truth value, and arrays that start from them.
        """
        noted = self.__dict__.setdefault("_checks", {}).setdefault(self.place(), {})
        text = str(error("", *numbers))
        if text not in noted:
            noted[text] = error, [self.xp.ones((), bool), *[self.xp.full((), n, "float64") for n in numbers]]
        return noted[text][1] if numbers else noted[text][1][0]

    def read(self, array: Any) -> np.ndarray:
        """A NumPy copy on the host; raises what earlier checks, of any thread, have found: the first, with the others as notes."""
        place = self.place(array)
        values, noted = self.to_numpy(array), [*self.__dict__.get("_checks", {}).pop(place, {}).values()]
        flags, found = [ok for _, (ok, *_) in noted], []
        if len(flags) > 1 and place == self.place():  # one wait for all; those of another device come one by one
            flags = self.to_numpy(self.joined(flags))
        for ok, (error, (_, *numbers)) in zip(flags, noted, strict=True):
            if not (ok if isinstance(ok, np.bool_) else self.to_numpy(ok)):
                text = f"; found when device {self.name!r} was next read, since checks do not wait for it"
                found.append(error(text, *[self.to_numpy(n).item() for n in numbers]))
        for other in found[1:]:
            found[0].add_note(str(other))
        if found:
            raise found[0]
        return values

    def fused(self, function: Callable[..., Any], *arrays: Any, out: list[Any] | None = None) -> Any:
        """What `function`, code that works on each element, makes of arrays: written into `out`, a list, if it is given.

        Numbers in it may differ from call to call. A backend whose calls are dear makes one kernel of it, see kernel.py.
        """
        results = function(*arrays)
        for place, result in zip(out or [], results if isinstance(results, tuple) else (results,), strict=False):
            self.assign(place, result)
        return results

    def all(self, condition: Callable[[Any], Any], array: Any) -> Any:
        """Whether `condition`, code that works on each element, holds for all of an array: an array of shape ()."""
        return condition(array).all()

    def from_numpy(self, array: np.ndarray) -> Any:
        """A copy of a NumPy array on this backend."""
        return self.asarray(array, copy=True)

    def assign(self, array: Any, value: Any) -> Any:
        """Write `value` into `array` in place and return the array that now holds it."""
        array[...] = value
        return array

    def counter(self, generator: Any, first: int, n: int) -> Any:
        """`first`, the number of the first of `n` words of a random generator's stream, as `random_bits` takes it."""
        return first

    def random_bits(self, key: int, counter: Any, n: int) -> Any:
        """`n` uint64 words of the Philox4x64-10 stream of `key`, from word `counter` on: a number, or an array of one.

        Every backend returns the same words. This one makes them on the host and moves them.
        """
        return self.from_numpy(philox(key, counter, n))

    def drawn(self, function: Callable[..., Any], key: int, counter: Any, n: int) -> Any:
        """What `function`, code that works on each element, makes of random_bits(key, counter, n)."""
        return self.fused(function, self.random_bits(key, counter, n))

    # ---- what a backend that `fuses` is asked besides

    def rule(self, function: Callable[..., Any], arguments: Any, code: bool = False) -> Any:
        """function(*arguments), a rule of an elementwise operation; with `code` its code, which takes `xp` first."""
        return function(*[self.xp][:code], *arguments)

    def sum(self, array: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum of float16 or float32, with its digits."""
        return array.sum(axis=axis, keepdims=keepdims)

    def entropy(self, logits: Any, index: Any) -> Any:
        """The kernels of cross-entropy, as in entropy.py, for these dtypes; None if there are none."""
        return None

    def positions(self, index: Any, n: int, error: Callable[[str], Exception]) -> Any:
        """An array of integers as positions in an axis of length n, from 0 on; those out of range are an `error`."""
        return index

    def add_at(self, out: Any, index: Any, values: Any) -> None:
        """Add `values` to `out` at an index in which positions may be repeated."""
        self.xp.add.at(out, index, values)

    def constant(self, array: np.ndarray) -> Any:
        """What a NumPy array holds, for reading only."""
        return self.xp.asarray(array)

    # ---- the device itself

    def synchronize(self) -> None:
        """Wait until all work handed to this backend is done."""

    def place(self, array: Any = None) -> str:
        """The device name of an array of this backend; without one, of what is made now."""
        return self.name

    def numbered(self, number: str | None) -> Backend:
        """The device "<name>:<number>", where there are several; of None the device "<name>"."""
        if number is None:
            return self
        raise DeviceError(f"device '{self.name}:{number}': {self.name!r} is one device; leave the number out")

    def active(self) -> Any:
        """A context in which this device is the current one."""
        return nullcontext()

    def current(self) -> list[Any]:
        """What is current in this thread here, such as a device and its stream, as contexts for another thread."""
        return []

    def memory(self) -> dict[str, int]:
        """Bytes in use, as a dict, or an empty one where the backend cannot tell."""
        return {}

    def room(self) -> float:
        """How many bytes arrays of this backend can still take up."""
        return inf

    def available(self) -> bool:
        """Whether arrays can be made here now."""
        return True

    def __repr__(self):
        return f"<backend {self.name}>"


def philox(key, counter, n):
    """`n` words of Philox4x64-10 from word `counter` on, as a NumPy uint64 array.

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. NumPy's own generator makes the
    words; it steps its counter before each block of four, hence the block number less one.
    """
    block, skip = divmod(int(counter), 4)
    bits = np.random.Philox(key=key, counter=(block - 1) % 2**256)
    return bits.random_raw(skip + n)[skip:]
