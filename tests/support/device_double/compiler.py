"""The text of kernels as programs of the CPU: each is put together as CuPy does, compiled once, and called by ctypes."""

import atexit
import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np

SHIM = Path(__file__).parents[1] / "cuda_cpu_shim.h"
TYPES = {
    "?": "bool", "b": "signed char", "B": "unsigned char", "h": "short", "H": "unsigned short", "i": "int",
    "I": "unsigned int", "l": "long long", "L": "unsigned long long", "q": "long long", "Q": "unsigned long long",
    "e": "float16", "f": "float", "d": "double",
}  # fmt: skip
_numbers = count()  # of files: threads may compile at the same time
_TOGETHER = re.compile(r"__sync|__shfl|__shared__")  # threads that wait for each other


@cache
def found():
    """The command of a C++ compiler, or None."""
    return os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def elementwise(kernel, inputs, outputs, shape):
    """Run an ElementwiseKernel: inputs are arrays and numbers, outputs arrays of this shape, or raw ones."""
    parameters, values = kernel.inputs + kernel.outputs, [*inputs, *outputs]
    flat, back = [], []
    for p, value in zip(parameters, values, strict=True):
        dtype = p.dtype or kernel.letters[p.letter]
        if not isinstance(value, np.ndarray):
            flat.append(np.asarray(value).astype(dtype))
            continue
        wide = value if p.raw or value.ndim == 0 and shape == () else np.broadcast_to(value, shape)
        # the memory itself, where it is contiguous: out may be an input
        flat.append(np.ascontiguousarray(wide).reshape(-1))
        if p in kernel.outputs and not np.shares_memory(flat[-1], value):
            back.append((value, flat[-1]))
    declared = []
    for i, (p, value) in enumerate(zip(parameters, values, strict=True)):
        kind = TYPES[(p.dtype or kernel.letters[p.letter]).char]
        memory = f"(({kind}*)memory[{i}])"
        if p.raw:
            declared.append(f"Raw<{kind}> {p.name}{{{memory}, sizes[{i}]}};")
        else:
            declared.append(f"{kind} &{p.name} = {memory}[{'i' if isinstance(value, np.ndarray) else '0'}];")
    run = function(f"""
        {_aliases(kernel)}
        {kernel.preamble}
        extern "C" void run(void** memory, const int64_t* sizes, int64_t n) {{
            for (int64_t i = 0; i < n; ++i) {{
                {" ".join(declared)}
                {kernel.operation};
            }}
        }}""")
    run(
        _pointers(flat),
        (ctypes.c_int64 * len(flat))(*[f.size for f in flat]),
        ctypes.c_int64(int(np.prod(shape, dtype=int))),
    )
    for value, result in back:
        value[...] = result.reshape(value.shape)


def reduction(kernel, arrays, axes, out):
    """Run a ReductionKernel over these axes of arrays of one shape, into `out`."""
    kept = [i for i in range(arrays[0].ndim) if i not in axes]
    flat = [np.ascontiguousarray(a.transpose(*kept, *axes)).reshape(-1) for a in arrays]
    result = np.empty(out.size, out.dtype)
    kinds = [TYPES[a.dtype.char] for a in arrays]
    declared = [
        f"{k} &{p.name} = (({k}*)memory[{j}])[i];" for j, (p, k) in enumerate(zip(kernel.inputs, kinds, strict=True))
    ]
    (p,) = kernel.outputs
    kind = TYPES[out.dtype.char]
    between = kernel.reduce_type or kind
    run = function(f"""
        {_aliases(kernel)}
        {kernel.preamble}
        extern "C" void run(void** memory, int64_t outputs, int64_t each) {{
            for (int64_t o = 0; o < outputs; ++o) {{
                typedef {between} type_reduce;
                type_reduce total = (type_reduce)({kernel.identity});
                for (int64_t i = o * each; i < (o + 1) * each; ++i) {{
                    {" ".join(declared)}
                    type_reduce a = total, b = (type_reduce)({kernel.map});
                    total = (type_reduce)({kernel.reduce});
                }}
                type_reduce a = total;
                {kind} &{p.name} = (({kind}*)memory[{len(arrays)}])[o];
                {kernel.post};
            }}
        }}""")
    each = arrays[0].size // out.size if out.size else 0
    run(_pointers([*flat, result]), ctypes.c_int64(out.size), ctypes.c_int64(each))
    out[...] = result.reshape(out.shape)


def raw(kernel, grid, block, args):
    """Run a RawKernel; its arguments are arrays, which it may write to, and numbers of the declared size."""
    declared = re.search(rf"__global__\s+void\s+{kernel.name}\s*\(([^)]*)\)", kernel.code)
    if not declared:
        raise ValueError(f"the text has no __global__ function {kernel.name}")
    types = [re.sub(r"\b__restrict__\b", "", p).rsplit(None, 1) for p in declared[1].split(",")]
    types = [t + "*" * name.count("*") for t, name in types]
    if len(types) != len(args):
        raise TypeError(f"{kernel.name} takes {len(types)} arguments, was given {len(args)}")
    held = []
    for value in args:
        if isinstance(value, np.ndarray):
            held.append(np.array(value.ctypes.data, np.uint64))
        else:
            held.append(np.asarray(value))  # an int is of 64 bits, a float a double, as CuPy passes them
            if (held[-1].dtype.kind == "f") != (types[len(held) - 1].split()[-1] in ("float", "double", "float16")):
                raise TypeError(
                    f"{kernel.name} reads its argument {len(held) - 1} as {types[len(held) - 1].strip()}, given {value!r}"
                )
    passed = ", ".join(f"*({t}*)arguments[{i}]" for i, t in enumerate(types))
    sizes = " ".join(
        f'static_assert(sizeof({t}) == {h.itemsize}, "argument {i}");'
        for i, (t, h) in enumerate(zip(types, held, strict=True))
    )
    run = function(f"""
        {kernel.code}
        static void call(void** arguments) {{ {sizes} {kernel.name}({passed}); }}
        extern "C" void run(void** arguments, const unsigned* grid, const unsigned* block) {{
            launch(grid, block, {str(bool(_TOGETHER.search(kernel.code))).lower()}, call, arguments);
        }}""")
    run(_pointers(held), *[(ctypes.c_uint * 3)(*n, *[1] * (3 - len(n))) for n in (tuple(grid), tuple(block))])


def _aliases(kernel):
    """What CuPy calls types: those behind letters, and NumPy's names."""
    letters = "".join(f"typedef {TYPES[d.char]} {letter};\n" for letter, d in kernel.letters.items())
    named = {np.dtype(char).name: kind for char, kind in TYPES.items() if char not in "eq"}
    return letters + "".join(f"typedef {kind} {name};\n" for name, kind in named.items() if name != "bool")


def _pointers(arrays):
    return (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays])


@cache
def _folder():
    """A folder for what is compiled. GCC reads the compiled header in it; its text would take longer than a kernel."""
    folder = Path(tempfile.mkdtemp(prefix="chainrule-kernels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    header = shutil.copy(SHIM, folder)
    _compile("-o", f"{header}.gch", "-x", "c++-header", header)
    return folder


def _compile(*options_and_file):
    """Run the compiler. Raises: RuntimeError with its message."""
    command = [*found().split(), "-std=c++14", "-O1", "-w", "-fPIC", "-ffp-contract=off", *options_and_file]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the kernel does not compile:\n{done.stderr[:3000]}\n{Path(command[-1]).read_text()}")


@cache
def function(text):
    """The function `run` of a C++ text."""
    name = _folder() / f"kernel{next(_numbers)}"
    name.with_suffix(".cpp").write_text(f'#include "{SHIM.name}"\n{text}')
    _compile("-shared", "-o", f"{name}.so", f"{name}.cpp")
    run = ctypes.PyDLL(f"{name}.so").run  # which keeps the lock: the shim has one set of globals
    run.restype = None
    return run
