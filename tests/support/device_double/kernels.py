"""Kernels from CUDA text. One call is one launch.

A kernel runs as its NumPy form, where `FORMS` has one of its name: results are then those of the CPU to the bit. Inside
`compiled()`, and where there is no NumPy form, its text runs: put together as CuPy does, compiled by a C++ compiler with
cuda_cpu_shim.h, one thread after the other.
"""

from contextlib import contextmanager
from functools import partial

import numpy as np

from chainrule.autograd.ops.sums import total
from chainrule.backends.kernel import WRITTEN

from . import compiler
from .array import ndarray
from .crossing import host, is_on_device, quiet, refuse_host_arrays
from .events import note


def _class_entropy(logits, index, loss, ok, rows, k):
    from chainrule.nn.losses import class_entropy

    known = (index >= 0) & (index < k)
    loss[...] = np.where(known, class_entropy(logits, index * known), np.nan)
    ok[...] &= known.all()


def _class_entropy_slope(g, apart, logits, index, slope, rows, k):
    from chainrule.nn.losses import _softmax_less_truth

    known = (index >= 0) & (index < k)
    slope[...] = np.where(known[..., None], _softmax_less_truth(g[..., None], logits, index * known), np.nan)


def _smooth_target(index, smoothing, target, ok, size, k):
    known = (index >= 0) & (index < k)
    truth = (index[..., None] == np.arange(k)).astype(target.dtype)
    target[...] = np.where(known[..., None], truth * (1 - smoothing) + smoothing / k, np.nan)
    ok[...] &= known.all()


def _moments(x, over, mean, variance):
    from chainrule.nn.norm import moments

    found = moments(x, over)
    factor = 1 if found.factor is None else found.factor
    mean[...], variance[...] = found.centre / factor, found.variance / factor / factor


def _over(by_row):
    return "features" if by_row else "examples"


def _norm_output(x, weight, bias, eps, by_row, mean, variance, y, rows, k):
    from chainrule.nn.norm import normalize

    y[...] = normalize.primitive.fn(np, x, weight, bias, over=_over(by_row), eps=eps)


def _norm_slope(g, x, weight, eps, slope, over):
    from chainrule.nn.norm import _to_x

    slope[...] = _to_x(g, x, weight, over, eps, None)


def _norm_slope_sums(g, x, eps, by_row, mean, variance, parts, rows, k):
    from chainrule.nn.norm import _to_weight

    parts[...] = 0
    parts[0, 1] = _to_weight(g, x, _over(by_row), eps, None)


def _norm_weight_slope(parts, blocks, slope, k):
    slope[...] = parts[:, 1].sum(axis=0)


def _softmax(function, *given):
    """The last three of a kernel's arguments are its result and two sizes; the others are given to the code for arrays."""
    from chainrule.autograd.ops import softmax
    from chainrule.nn import losses

    *given, out, _, _ = given
    out[...] = function(softmax, losses, *given)


def _positions(index, place, ok, n, size):
    signed = index.astype(object)  # so that no large number wraps around
    inside = (signed >= -n) & (signed < n)
    place[...] = np.where(inside, signed % n, 0)
    ok[...] &= bool(inside.all())


def _add_in_order(values, place, order, out, rows, width):
    sums = out.reshape(-1, width).astype(np.float64)
    np.add.at(sums, place, values.reshape(rows, width))
    out[...] = sums.reshape(out.shape)


FORMS = {  # by a kernel's name: a function of its inputs that gives its outputs, as an array or several; or writes to them
    "positions": _positions,
    "add_in_order": _add_in_order,
    "class_entropy": _class_entropy,
    "class_entropy_slope": _class_entropy_slope,
    "smooth_target": _smooth_target,
    "norm_row_moments": lambda x, mean, variance, *sizes: _moments(x, "features", mean, variance),
    "norm_column_sums": lambda *arguments: None,
    "norm_column_moments": lambda x, parts, blocks, mean, variance, *sizes: _moments(x, "examples", mean, variance),
    "norm_output": _norm_output,
    "norm_row_slope": lambda g, x, weight, eps, mean, variance, slope, *sizes: _norm_slope(
        g, x, weight, eps, slope, "features"
    ),
    "norm_column_slope": lambda g, x, weight, eps, mean, variance, parts, blocks, slope, *sizes: _norm_slope(
        g, x, weight, eps, slope, "examples"
    ),
    "norm_slope_sums": _norm_slope_sums,
    "norm_weight_slope": _norm_weight_slope,
    "softmax_output": partial(_softmax, lambda softmax, _, z: softmax.softmax.primitive.fn(np, z)),
    "softmax_slope": partial(_softmax, lambda softmax, _, g, p: softmax._softmax_slope(g, p, -1)),
    "log_softmax_output": partial(_softmax, lambda softmax, _, z: softmax.log_softmax.primitive.fn(np, z)),
    "log_softmax_slope": partial(_softmax, lambda softmax, _, g, z: softmax._log_softmax_slope(g, z, -1)),
    "soft_entropy": partial(_softmax, lambda _, losses, z, y: losses.soft_entropy.primitive.fn(np, z, y)),
    "soft_entropy_slope": partial(_softmax, lambda _, losses, g, apart, z, y: losses._of_probabilities(g, z, y)),
    "chainrule_sum": lambda x, axis: total(x, axis),  # with the digits of the CPU
    "chainrule_squares": lambda x, axis: np.square(x.astype(np.float64)).sum(),
}

_always_compiled = [False]


@contextmanager
def compiled():
    """Inside the with-block, kernels run as compiled from their text, also where they have a NumPy form."""
    _always_compiled.append(True)
    try:
        yield
    finally:
        _always_compiled.pop()


def _form(name):
    """The NumPy form to run, or None where the text runs."""
    form = FORMS.get(name) or (WRITTEN[name].run if name in WRITTEN else None)
    if form is None and not compiler.found():
        raise NotImplementedError(f"the kernel {name!r} has no NumPy form in FORMS, and there is no C++ compiler")
    return None if _always_compiled[-1] and compiler.found() else form


class _Parameter:
    """A parameter as CuPy declares it: "raw float32 x"."""

    def __init__(self, text):
        words = text.split()
        self.raw = words[0] == "raw"
        kind, self.name = words[-2:]
        self.dtype, self.letter = (None, kind) if len(kind) == 1 else (np.dtype(kind), None)

    def settle(self, value, letters):
        """Find out the dtype behind a letter, and refuse an array of another dtype than declared."""
        if not isinstance(value, np.ndarray):
            return
        expected = letters.setdefault(self.letter, value.dtype) if self.letter else self.dtype
        if expected != value.dtype:
            raise TypeError(f"Type is mismatched. {self.name} {expected} {value.dtype}")


def _parameters(text):
    return [_Parameter(part) for part in text.split(",") if part.strip()]


class ElementwiseKernel:
    def __init__(self, in_params, out_params, operation, name="kernel", reduce_dims=True, preamble="", no_return=False,
                 return_tuple=False, **options):  # fmt: skip
        if not name.isidentifier():
            raise ValueError(f'Invalid kernel name: "{name}"')
        self.inputs, self.outputs = _parameters(in_params), _parameters(out_params)
        if "i" in [p.name for p in self.inputs + self.outputs]:
            raise ValueError("Can not use 'i' as a parameter name")
        self.name, self.operation, self.preamble = name, operation, preamble
        self.no_return, self.return_tuple = no_return, return_tuple

    def __call__(self, *args, size=-1, block_size=128, stream=None):
        refuse_host_arrays(args)
        if len(args) not in (len(self.inputs), len(self.inputs) + len(self.outputs)):
            raise TypeError(f"Wrong number of arguments for {self.name!r}, given {len(args)}")
        inside, given = host(args)[: len(self.inputs)], args[len(self.inputs) :]
        if not all(map(is_on_device, given)):
            raise TypeError("Output arguments type must be cupy.ndarray")
        shape = self._shape(host(args), size)
        outs = self._outputs(inside, [host(out) for out in given], shape, size)
        if np.prod(shape, dtype=int):
            note("launches", self.name)
            self._run(inside, outs, shape, {} if size == -1 else {"size": size})
        results = tuple(given) if given else tuple(map(ndarray.of, outs))
        return None if self.no_return else results[0] if len(results) == 1 and not self.return_tuple else results

    def _shape(self, values, size):
        """The shape that the kernel runs over."""
        ranging = [v.shape for v, p in zip(values, self.inputs + self.outputs, strict=False)
                   if isinstance(v, np.ndarray) and not p.raw]  # fmt: skip
        if size != -1:
            if ranging:
                raise ValueError("Specified 'size' can be used only if all of the ndarray are 'raw'.")
            return (size,)
        if not ranging:
            raise ValueError("Loop size is undecided.")
        return np.broadcast_shapes(*ranging)

    def _outputs(self, inside, given, shape, size):
        """The arrays that results are written to: those given, or new ones."""
        letters = {}
        for p, value in zip(self.inputs + self.outputs, [*inside, *given], strict=False):
            p.settle(value, letters)
        for p, value in zip(self.inputs, inside, strict=True):
            if p.letter and p.letter not in letters:
                letters[p.letter] = np.asarray(value).dtype
        self.letters = letters
        for p, out in zip(self.outputs, given, strict=False):
            if not p.raw and out.shape != shape:
                raise ValueError("Out shape is mismatched")
        if not given and size == -1 and any(p.raw for p in self.outputs):
            raise ValueError("Output array size is Undecided")
        return given or [np.empty(shape, p.dtype or letters[p.letter]) for p in self.outputs]

    def _run(self, inside, outs, shape, size):
        if form := _form(self.name):
            values = [v if isinstance(v, np.ndarray) else (p.dtype or self.letters[p.letter]).type(v)
                      for p, v in zip(self.inputs, inside, strict=True)]  # fmt: skip
            results = quiet(form, *values, **size)
            for out, result in zip(outs, results if isinstance(results, (list, tuple)) else [results], strict=True):
                np.copyto(out, result, casting="unsafe")
        else:
            compiler.elementwise(self, inside, outs, shape)


class ReductionKernel:
    def __init__(self, in_params, out_params, map_expr, reduce_expr, post_map_expr, identity, name="reduce_kernel",
                 reduce_type=None, reduce_dims=True, preamble="", options=()):  # fmt: skip
        self.inputs, self.outputs = _parameters(in_params), _parameters(out_params)
        self.map, self.reduce, self.post, self.identity = map_expr, reduce_expr, post_map_expr, identity
        self.name, self.preamble, self.reduce_type = name, preamble, reduce_type

    def __call__(self, *args, out=None, axis=None, keepdims=False, stream=None):
        refuse_host_arrays(args)
        inside, letters = host(args), {}
        for p, value in zip(self.inputs, inside, strict=True):
            p.settle(value, letters)
        self.letters = letters
        arrays = np.broadcast_arrays(*inside)
        axes = range(arrays[0].ndim) if axis is None else [a % arrays[0].ndim for a in np.atleast_1d(axis)]
        shape = tuple(n for i, n in enumerate(arrays[0].shape) if i not in axes)
        (p,) = self.outputs
        result = np.empty(shape, p.dtype or letters[p.letter]) if out is None else host(out)
        note("launches", self.name)
        if form := _form(self.name):
            result[...] = quiet(form, *inside, axis=tuple(axes))
        else:
            compiler.reduction(self, arrays, axes, result)
        if keepdims:
            result = result.reshape([1 if i in axes else n for i, n in enumerate(arrays[0].shape)])
        return ndarray.of(result) if out is None else out


class RawKernel:
    def __init__(self, code, name, options=(), backend="nvrtc", **others):
        self.code, self.name = code, name

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        refuse_host_arrays(args)
        note("launches", self.name)
        if form := _form(self.name):
            quiet(form, *host(args))  # it writes to its arguments
        else:
            compiler.raw(self, grid, block, host(args))


class RawModule:
    def __init__(self, *, code=None, path=None, options=(), name_expressions=None, **others):
        self.code = code

    def get_function(self, name):
        return RawKernel(self.code, name)
