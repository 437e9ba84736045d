"""The GPU: CuPy arrays. Imported only when first asked for, and importable without a GPU."""

import warnings
from functools import cached_property
from importlib import import_module
from itertools import accumulate

import numpy as np

from . import is_deterministic
from .base import Backend, DeviceError
from .entropy import Entropy
from .indexing import LARGEST, Indexing
from .kernel import HALF, INTEGERS, LANES, PREAMBLE, REALS, WRITTEN, holding, joining, trace, write
from .norm import Norm
from .softmax import Softmax
from .words import PHILOX, drawing

JOINED = 32  # how many arrays one kernel takes
OURS = __name__.partition(".")[0] + "."
ROOM = 1024  # how many rules, kernels and constants are remembered
FEW = 8  # so many kernels of a rule have the numbers beside its arrays as parts
OPTIONS = ("--fmad=false",)  # so that a kernel gives the bits of its calls one by one; memory is slower than both


class Cuda(Backend):
    """CuPy on the current CUDA device: number 0, or inside `backends.use("cuda:1")` that one.

    `cupy` is the module, or a stand-in that behaves like it.
    """

    name = "cuda"
    fuses = True

    def __init__(self, cupy):
        self.xp = cupy
        self.array_type = cupy.ndarray
        self.types = (cupy.ndarray,)
        self._entropy = {}  # by the dtypes of scores and indices
        self._indexing = Indexing(cupy)
        self._constants = {}  # small arrays of the host, by device and what they hold
        self._others = {}  # by number
        self._kernels = {}  # by what they compute
        self._broken = set()  # kernels that do not compile
        self._conditions = {}  # by the code and the dtype
        self._rules = {}  # by the function: a kernel, or None where one call of CuPy's does it
        self._met = {}  # with how many numbers, by the function

    def to_numpy(self, array):
        return self.xp.asnumpy(array)

    def random_bits(self, key, counter, n):
        return self.drawn(lambda words: words, key, counter, n)

    def drawn(self, function, key, counter, n):
        try:
            found, results = trace(function, (np.dtype("uint64"),))
        except Exception:  # as in `fused`
            return super().drawn(function, key, counter, n)
        raw = isinstance(counter, self.xp.ndarray)  # then nobody on the host knows it, as in a captured graph
        kernel = self._kernel(function, found, results, None, words=raw)
        plain = lambda: self.fused(function, super(Cuda, self).random_bits(key, counter, n))
        return self._called(kernel, (key, counter, *found.scalars), plain, size=n)

    def joined(self, arrays):
        out, first = self.xp.empty(sum(a.size for a in arrays), arrays[0].dtype), 0
        for i in range(0, len(arrays), JOINED):
            group = [self.xp.ascontiguousarray(a).reshape(-1) for a in arrays[i : i + JOINED]]
            *ends, last = accumulate(a.size for a in group)
            if (key := (out.dtype, len(group))) not in self._kernels:
                self._kernels[key] = self._element(joining(*key))
            part = out[first : first + last]
            self._called(
                self._kernels[key],
                (*group, *ends, part),
                lambda group=group, part=part: self.xp.concatenate(group, out=part),
            )
            first += last
        return out

    @cached_property
    def squares(self):
        return self.xp.ReductionKernel(  # in double, which holds the squares of every float32
            "T x", "float64 y", "(double)x * (double)x", "a + b", "y = a", "0", "chainrule_squares"
        )

    @cached_property
    def sum(self):
        """The sum of float32 and of float16, added up in double."""
        return self.xp.ReductionKernel(
            "T x", "T y", "(double)(float)x", "a + b", "y = (T)(float)a", "0", "chainrule_sum", reduce_type="double"
        )

    def entropy(self, logits, index):
        """The kernels of cross-entropy for these dtypes; None if there are none."""
        kinds = logits.dtype.char, index.dtype.char
        if kinds[0] not in REALS or kinds[1] not in INTEGERS:
            return None
        if kinds not in self._entropy:
            self._entropy[kinds] = Entropy(self.xp, *kinds)
        return self._entropy[kinds]

    @cached_property
    def norm(self):
        """The kernels of normalisation, for float32."""
        return Norm(self.xp)

    @cached_property
    def softmax(self):
        """The kernels of softmax along the last axis, for float32."""
        return Softmax(self.xp)

    @cached_property
    def nccl(self):
        """CuPy's module for NCCL, which it does not import by itself."""
        return import_module(f"{self.xp.cuda.__name__}.nccl")

    def positions(self, index, n, error):
        """An array of integers as positions in an axis of length n, from 0 on: others are noted as a check, and are 0.

        CuPy takes what is out of range modulo n.
        """
        if n == 0 and index.size:
            raise IndexError("there are no elements along an axis of length 0")
        return self._indexing.positions(index, n, self.flag(error)) if index.dtype.char in INTEGERS else index

    def add_at(self, out, index, values):
        """Add `values` to `out` at an index, whose positions are all from 0 on: at repeated ones in no particular order,
        inside `deterministic` in theirs."""
        if is_deterministic() and out.dtype.char in REALS:  # of integers, every order gives the same
            self._indexing.add_in_order(out, index, values)
        else:
            self.xp.add.at(out, index, values)

    def constant(self, array):
        """What a NumPy array holds, for reading only; a small one is uploaded once."""
        if array.nbytes > LARGEST:
            return self.xp.asarray(array)
        key = self.place(), array.dtype.char, array.shape, array.tobytes()
        if (known := self._constants.get(key)) is None:
            if len(self._constants) >= ROOM:
                self._constants.clear()
            known = self._constants[key] = self.xp.asarray(array)
        return known

    def fused(self, function, *arrays, out=None):
        try:
            found, results = trace(function, tuple([a.dtype for a in arrays]))
        except Exception:  # it does more than arithmetic on each element
            return super().fused(function, *arrays, out=out)
        if not found.steps and out is None:
            return super().fused(function, *arrays)
        kernel = self._kernel(function, found, results, out)
        plain = lambda: super(Cuda, self).fused(function, *arrays, out=out)
        return self._called(kernel, (*arrays, *found.scalars, *(out or ())), plain)

    def all(self, condition, array):
        if condition.__closure__:  # what it knows may change
            return super().all(condition, array)
        key = condition.__code__, array.dtype
        if key not in self._conditions:
            found, results = trace(condition, (array.dtype,))
            made = holding(write(found, results, (found.dtype(results[0]),), True, "condition"), found)
            WRITTEN[made.name] = made
            self._conditions[key] = self.xp.ReductionKernel(
                made.inputs, made.outputs, f"{made.name.removesuffix('_all')}_of(x0)", "a && b", "y0 = a", "true", made.name,
                preamble=PREAMBLE + made.body,
            )  # fmt: skip
        return self._called(self._conditions[key], [array], lambda: super(Cuda, self).all(condition, array))

    def rule(self, function, arguments, code=False):
        """function(*arguments), a rule of an elementwise operation, in one kernel. With `code` it is an operation's code instead,
        which takes `xp` first.

        Our own depend on their arguments alone, so their kernels are made once, and what is no array, such as an exponent, is a
        part of them. Those of users may look at numbers that change, so they are run each time.
        """

        def alone(*given):
            rest = iter(given)
            xp = self.xp if isinstance(given[0], self.array_type) else LANES.xp
            return function(*[xp][:code], *[next(rest) if isinstance(a, self.array_type) else a for a in arguments])

        arrays = [a for a in arguments if isinstance(a, self.array_type)]
        if not function.__module__.startswith(OURS):
            return self.fused(alone, *arrays)
        kinds = function, *[a.dtype if isinstance(a, self.array_type) else type(a) for a in arguments]
        numbers = [_exact(a) for a in arguments if not isinstance(a, self.array_type)]
        try:
            kernel = self._rules.get(key := (*kinds, *numbers), self)
        except TypeError:  # an argument that is no key
            kernel = None
        if kernel is self:
            if self._met.get(kinds, 0) >= FEW:  # numbers that change, such as an exponent that grows
                return self.fused(alone, *arrays)
            if len(self._rules) >= ROOM:
                self._rules.clear()
            self._met[kinds] = self._met.get(kinds, 0) + 1
            kernel = self._rules[key] = self._ruled(alone, tuple([a.dtype for a in arrays]))
        plain = lambda: function(*[self.xp][:code], *arguments)
        return self._called(kernel, arrays, plain) if kernel else plain()

    def _called(self, kernel, arguments, plain, **options):
        """kernel(*arguments), or what is slower and does the same, where the kernel does not compile."""
        if kernel not in self._broken:
            try:
                return kernel(*arguments, **options)
            except Exception as error:
                if type(error).__name__ != "CompileException":
                    raise
                self._broken.add(kernel)
                warnings.warn(
                    f"device {self.name!r}: the kernel {kernel.name} does not compile, so its calls are made one by one; please "
                    f"report this: {error}",
                    stacklevel=2,
                )
        return plain()

    def _ruled(self, function, dtypes):
        try:
            found, results = trace(function, dtypes)
        except Exception:
            return None
        return self._kernel(function, found, results, None, baked=True) if len(found.steps) > 1 else None

    def _kernel(self, function, found, results, out, baked=False, words=None):
        """The kernel of a trace, made when it is first met; as `drawing` changes it, unless `words`, its `raw`, is None."""
        dtypes = tuple(a.dtype for a in out) if out else tuple(found.dtype(place) for place in results)
        numbers = tuple(map(_exact, found.scalars)) if baked else None
        key = found.dtypes, tuple(found.steps), results, dtypes, words, numbers
        if key not in self._kernels:
            if len(self._kernels) >= ROOM:
                self._kernels.clear()
            title = getattr(function, "__name__", "")
            made = write(found, results, dtypes, baked, title)
            self._kernels[key] = self._element(made if words is None else drawing(made, words))
        return self._kernels[key]

    def _element(self, kernel):
        WRITTEN[kernel.name] = kernel
        return self.xp.ElementwiseKernel(
            kernel.inputs,
            kernel.outputs,
            kernel.body,
            kernel.name,
            preamble=PREAMBLE + HALF * ("float16" in kernel.body) + PHILOX * ("philox" in kernel.body),
            options=OPTIONS,
        )

    def synchronize(self):
        self.xp.cuda.get_current_stream().synchronize()

    def place(self, array=None):
        number = self.xp.cuda.runtime.getDevice() if array is None else array.device.id
        return f"{self.name}:{number}" if number else self.name

    def numbered(self, number):
        number = number or "0"
        count = self.xp.cuda.runtime.getDeviceCount()
        if not number.isdecimal() or int(number) >= count:
            raise DeviceError(f"device '{self.name}:{number}': there are {count}, numbered from 0")
        if int(number) == self.xp.cuda.runtime.getDevice() == 0:
            return self
        return self._others.setdefault(int(number), OtherDevice(self, int(number)))

    def active(self):
        return self.xp.cuda.Device(0)

    def current(self):
        return [self.xp.cuda.Device(), self.xp.cuda.get_current_stream()] if self.available() else []

    def memory(self):
        pool = self.xp.get_default_memory_pool()
        return {"used": pool.used_bytes(), "reserved": pool.total_bytes()}

    def room(self):
        return self.xp.cuda.runtime.memGetInfo()[0] + self.xp.get_default_memory_pool().free_bytes()

    def available(self):
        return self.xp.cuda.is_available()


def _exact(x):
    """What tells a number from others, -0.0 from 0.0 too."""
    return float(x).hex() if isinstance(x, float) else x


class OtherDevice(Backend):
    """A CUDA device that is not the current one, or not number 0: what is done here is done with it as the current one.

    Its arrays are those of `Cuda`, and know where they are; operations on them run inside `backends.use`.
    """

    def __init__(self, cuda, number):
        self.cuda, self.number, self.name = cuda, number, f"{cuda.name}:{number}" if number else cuda.name
        self.array_type, self.xp = cuda.array_type, OtherNamespace(self)

    def active(self):
        return self.cuda.xp.cuda.Device(self.number)


class OtherNamespace:
    """`xp` of an OtherDevice: functions run with it as the current one."""

    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        found = getattr(self._backend.cuda.xp, name)
        return found if isinstance(found, type) or not callable(found) else _there(found, self._backend)


def _there(function, backend):
    def call(*args, **options):
        with backend.active():
            return function(*args, **options)

    return call


def _method(name):
    return lambda self, *args, **options: _there(getattr(self.cuda, name), self)(*args, **options)


for _name in [n for n, f in vars(Backend).items() if callable(f) and n[0] != "_" and n not in vars(OtherDevice)]:
    setattr(OtherDevice, _name, _method(_name))


def load():
    """The CuPy backend; ImportError where CuPy is not installed."""
    import cupy

    return Cuda(cupy)
