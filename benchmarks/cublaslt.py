"""Matrix products by cuBLASLt on a handle of our own, called through ctypes: CuPy refuses its cuBLAS while a stream is captured.

Only what a captured product needs: float32, an epilogue, an algorithm chosen beforehand. The numbers are those of cublasLt.h.
"""

import ctypes
from ctypes import (
    POINTER,
    addressof,
    byref,
    c_char_p,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)

FLOAT32, COMPUTE_FLOAT32 = 0, 68
EPILOGUES = {"": 1, "bias": 4, "relu + bias": 6}
EPILOGUE, BIAS_POINTER = 7, 8  # attributes of a product
MAX_WORKSPACE_BYTES = 1  # attribute of a preference

PROTOTYPES = {
    "cublasLtCreate": [POINTER(c_void_p)],
    "cublasLtMatmulDescCreate": [POINTER(c_void_p), c_int, c_int],
    "cublasLtMatmulDescSetAttribute": [c_void_p, c_int, c_void_p, c_size_t],
    "cublasLtMatrixLayoutCreate": [POINTER(c_void_p), c_int, c_uint64, c_uint64, c_int64],
    "cublasLtMatmulPreferenceCreate": [POINTER(c_void_p)],
    "cublasLtMatmulPreferenceSetAttribute": [c_void_p, c_int, c_void_p, c_size_t],
    "cublasLtMatmulAlgoGetHeuristic": [c_void_p] * 7 + [c_int, c_void_p, POINTER(c_int)],
    "cublasLtMatmul": [c_void_p] * 14 + [c_size_t, c_void_p],
}


class Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t: an algorithm and what it needs."""

    _fields_ = [
        ("algorithm", c_uint64 * 8), ("workspace", c_size_t), ("state", c_int), ("waves", c_float), ("reserved", c_int * 4),
    ]  # fmt: skip


class Library:
    """The functions of cuBLASLt, checked: a status that is not success raises a RuntimeError that names the function."""

    def __init__(self):
        from cuda.pathfinder import load_nvidia_dynamic_lib

        self.library = ctypes.CDLL(load_nvidia_dynamic_lib("cublasLt").abs_path)
        self.library.cublasLtGetStatusName.restype = c_char_p
        for name, types in PROTOTYPES.items():
            getattr(self.library, name).argtypes = types
        self.handle = self.made("cublasLtCreate")

    def __call__(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name}: {self.library.cublasLtGetStatusName(status).decode()}")

    def made(self, name, *arguments):
        """The object that a function with `Create` in its name makes."""
        found = c_void_p()
        self(name, byref(found), *arguments)
        return found


class Product:
    """out[m, n] = epilogue(x[m, k] @ w[k, n] + bias[n]), float32 and row-major; arrays are device addresses.

    cuBLASLt's matrices are column-major, so it is told to compute outᵀ = wᵀ xᵀ: the same memory, and its bias runs along n.
    """

    def __init__(self, library, m, n, k, epilogue="", bias=None, compute=COMPUTE_FLOAT32):
        self.library = library
        self.product = library.made("cublasLtMatmulDescCreate", compute, FLOAT32)
        self._set(EPILOGUE, c_uint32(EPILOGUES[epilogue]))
        if bias is not None:
            self._set(BIAS_POINTER, c_void_p(bias))
        layout = lambda rows, columns: library.made("cublasLtMatrixLayoutCreate", FLOAT32, rows, columns, rows)
        self.w, self.x, self.out = layout(n, k), layout(k, m), layout(n, m)
        self.algorithm = None

    def _set(self, attribute, value):
        self.library("cublasLtMatmulDescSetAttribute", self.product, attribute, byref(value), ctypes.sizeof(value))

    def choose(self, workspace_bytes, wanted=8):
        """Take the algorithm that cuBLASLt thinks fastest; how many it knows. Before a capture: it refuses within one."""
        preference = self.library.made("cublasLtMatmulPreferenceCreate")
        limit = c_uint64(workspace_bytes)
        self.library("cublasLtMatmulPreferenceSetAttribute", preference, MAX_WORKSPACE_BYTES, byref(limit), 8)
        found, count = (Heuristic * wanted)(), c_int()
        self.library(
            "cublasLtMatmulAlgoGetHeuristic", self.library.handle, self.product, self.w, self.x, self.out, self.out,
            preference, wanted, found, byref(count),
        )  # fmt: skip
        if not count.value:
            raise RuntimeError("cublasLtMatmulAlgoGetHeuristic: no algorithm computes this product")
        self.algorithm = found[0]
        return count.value

    def __call__(self, x, w, out, workspace, workspace_bytes, stream):
        one, zero = c_float(1), c_float(0)  # read by the call, so a captured product keeps them
        self.library(
            "cublasLtMatmul", self.library.handle, self.product, addressof(one), w, self.w, x, self.x, addressof(zero),
            out, self.out, out, self.out, addressof(self.algorithm), workspace, workspace_bytes, stream,
        )  # fmt: skip
