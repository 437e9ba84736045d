"""Kernels of ours, compiled as on a GPU: the compiler needs none, and CuPy itself completes their text."""

import re
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pytest
from device_double import kernels
from device_double.array import ndarray
from elementwise import parameters

from chainrule.backends.gpu import OPTIONS
from chainrule.backends.kernel import HALF, PREAMBLE


class Compiled(NamedTuple):
    """What the compiler says of a kernel: registers for each thread, and bytes for which there was no register."""

    registers: int
    spilled: int


class Call(NamedTuple):
    """A call of a kernel that the device double has seen: its class, what it was made from, the dtypes of its arguments."""

    kind: str
    made: tuple
    options: tuple
    dtypes: tuple  # of arrays; None for a number


@contextmanager
def noticed():
    """Inside the with-block, the list of the kernels that are called on the device double, each once."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("ElementwiseKernel", "ReductionKernel", "RawKernel"):
            _notice(patch, kind, getattr(kernels, kind), found)
        yield found


def _notice(patch, kind, double, found):
    init, call = double.__init__, double.__call__

    def __init__(self, *args, **options):
        init(self, *args, **options)
        self.made = args, tuple(sorted(options.items()))

    def __call__(self, *args, **options):
        given = args[2] if kind == "RawKernel" else args
        dtypes = tuple(x.dtype if isinstance(x, ndarray) else None for x in given)
        found[Call(kind, *self.made, dtypes)] = None
        return call(self, *args, **options)

    patch.setattr(double, "__init__", __init__)
    patch.setattr(double, "__call__", __call__)


# ---- text


ARRAY, INDEXER, NUMBER = 1, 2, 3  # CuPy's kinds of arguments


class Program(NamedTuple):
    """CUDA text with the kernels of these names; `headers`: CuPy's stand before it."""

    text: str
    options: tuple
    names: list
    headers: bool


def programs(calls):
    """The kernels of these calls as CuPy hands them to NVRTC, in few Programs: its headers take longest to compile."""
    raw, alone, together = {}, [], {}
    for i, call in enumerate(calls):
        cupy = pytest.importorskip(
            "cupy", reason="CuPy, which completes kernels, is not installed", exc_type=ImportError
        )
        kernel = getattr(cupy, call.kind)(*call.made, **dict(call.options))
        name = f"{kernel.name}_{i}"  # one name may have several dtypes
        if call.kind == "RawKernel":
            raw.setdefault((kernel.code, kernel.options), []).append(kernel.name)
        elif call.kind == "ReductionKernel":  # it defines macros
            alone.append(Program(kernel.preamble + reduction(kernel, call, name), kernel.options, [name], True))
        else:
            text, options = elementwise(kernel, call, name)
            preambles, texts, names = together.setdefault(options, ({}, [], []))
            preambles[kernel.preamble] = None
            texts.append(f"namespace part_{i} {{\n{text}\n}}\n")
            names.append(name)
    return [
        *(Program(code, options, names, False) for (code, options), names in raw.items()),
        *alone,
        *(
            Program("".join([*preambles, *texts]), options, names, True)
            for options, (preambles, texts, names) in together.items()
        ),
    ]


def of_kernels(kernels, name, half):
    """The Program of these elementwise Kernels, for arrays that are contiguous; `half`: with float16 among them."""
    texts, names = [PREAMBLE + HALF * half], [f"{name}_{i}" for i in range(len(kernels))]
    for made, called in zip(kernels, names, strict=True):
        typed = list(parameters(made))
        taken = ", ".join(f"{kind}* p{x}" for kind, x in typed)
        declared = " ".join(f"{kind} &{x} = p{x}[i];" for kind, x in typed)
        here = "long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; if (i >= n) return;"
        texts.append(f'extern "C" __global__ void {called}({taken}, long long n) {{ {here} {declared} {made.body} }}')
    return Program("\n".join(texts), OPTIONS, names, headers=half)


def elementwise(kernel, call, name):
    """(the text of an ElementwiseKernel without its preamble, options)"""
    from cupy._core import _kernel

    infos, letters = _arguments(kernel, call)
    rest = dict(kernel.kwargs)
    options = rest.pop("options", ())
    types = _kernel._TypeMap(tuple(sorted(letters.items())))
    code = _kernel._get_elementwise_kernel_code
    return code((*infos, _indexer()), types, kernel.params, kernel.operation, name, "", **rest), options


def reduction(kernel, call, name):
    """The text of a ReductionKernel without its preamble."""
    from cupy._core import _kernel, _reduction

    infos, letters = _arguments(kernel, call)
    types = _kernel._TypeMap((*sorted(letters.items()), ("IndexT", np.dtype(np.int32))))
    return _reduction._ReductionKernel_get_cached_function_code(
        kernel.nin, kernel.nout, kernel._params, (*infos, _indexer(), _indexer(), _number(np.dtype(np.int32))), types,
        name, 512, kernel.reduce_type, kernel.identity, kernel.map_expr, kernel.reduce_expr, kernel.post_map_expr, "",
        kernel.options,
    )  # fmt: skip


def _arguments(kernel, call):
    """What CuPy knows of each argument, contiguous arrays of one axis all, and the dtypes behind letters."""
    from cupy import ndarray
    from cupy._core._kernel import _ArgInfo

    parameters = kernel.in_params + kernel.out_params
    numbers = [dtype is None for dtype in call.dtypes] + [False] * (len(parameters) - len(call.dtypes))
    dtypes = call.dtypes + (None,) * (len(parameters) - len(call.dtypes))  # outputs that the kernel makes
    letters = {p.ctype: dtype for p, dtype in zip(parameters, dtypes, strict=True) if p.dtype is None and dtype}
    infos = []
    for p, dtype, number in zip(parameters, dtypes, numbers, strict=True):
        dtype = dtype or p.dtype or letters[p.ctype]
        infos.append(_number(dtype) if number else _ArgInfo(ARRAY, ndarray, dtype, 1, True, True))
    return infos, letters


def _number(dtype):
    from cupy._core._kernel import _ArgInfo
    from cupy._core._scalar import CScalar

    return _ArgInfo(NUMBER, CScalar, dtype, 0, True, True)


def _indexer():
    from cupy._core._carray import Indexer
    from cupy._core._kernel import _ArgInfo

    return _ArgInfo(INDEXER, Indexer, None, 1, True, True)


# ---- compiling


def compiled(program, architecture):
    """{name: Compiled} of the kernels in a Program. One that does not compile fails the test with the messages."""
    from cupy._core import core
    from cupy.cuda import nvrtc

    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"the CUDA compiler NVRTC is not installed: {error}")
    text, options = (
        program.text,
        [f"--gpu-architecture={architecture}", "--ptxas-options=-v", "-ftz=true", *program.options],
    )
    if program.headers:
        text = "".join(f"#include <{name}>\n" for name in core._cupy_header_list) + text
        options += core.assemble_cupy_compiler_options(())
    made = nvrtc.createProgram(text, "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(made, tuple(options))
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(made), pytrace=False)
    found = told(nvrtc.getProgramLog(made))
    return {name: found[name] for name in program.names}


def told(log):
    """{kernel: Compiled} in what the compiler says with -v."""
    parts = re.split(r"Compiling entry function '(\w+)'", log)[1:]
    found = {}
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        spilled = sum(map(int, re.findall(r"(\d+) bytes (?:spill stores|spill loads)", part)))
        found[name] = Compiled(int(re.search(r"Used (\d+) registers", part)[1]), spilled)
    return found
