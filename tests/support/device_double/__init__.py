"""A stand-in for CuPy on machines without a GPU: NumPy inside, CuPy's manners outside.

`cupy` is a namespace to hand to `chainrule.backends.gpu.Cuda` in place of the real module, so that the code for the GPU
runs in every test. It is strict where CuPy is:

- Nothing is converted implicitly: NumPy asking for a device array, or a device operation given a NumPy array, raises.
- Reductions and indices give arrays of shape (), never scalars, and such an array is neither an index nor a container.
- An index out of range in an array wraps around instead of being refused.
- CuPy's names only; and where the real CuPy is installed (it imports without a GPU) also its arguments and dtypes.

`counting` counts what is asked of the device: launches, uploads and waits (events.py); `forbid` refuses some of them.
Kernels made from CUDA text run, too (kernels.py). On a GPU, both also see waits and uploads of the real CuPy (gpu.py).

What CuPy does silently is not imitated: its rounding.
"""

from . import compiler, gpu, loops
from .array import LACKING as LACKING_ATTRIBUTES
from .events import ForbiddenError, Seen, counting, forbid, noticing
from .kernels import FORMS, compiled
from .namespace import LACKING, cupy, real
from .streams import by_stream

__all__ = [
    "FORMS", "LACKING", "LACKING_ATTRIBUTES", "ForbiddenError", "Seen", "by_stream", "compiled", "compiler", "counting", "cupy", "forbid",
    "gpu", "loops", "noticing", "real",
]  # fmt: skip
