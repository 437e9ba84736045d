"""What may cross between NumPy, which computes here, and the device arrays outside."""

import numpy as np

from .streams import current_device


def is_on_device(value):
    """Whether it is a device array."""
    return hasattr(value, "_host")


def host(value):
    """The arrays inside the device arrays of an argument, for NumPy to work on.

    Raises: CuPy's ValueError for an array of another device than the current one.
    """
    if is_on_device(value):
        if value.device.id != current_device():
            raise ValueError(
                f"The device where the array resides ({value.device.id}) is different from the current device "
                f"({current_device()}). Peer access is unavailable between these devices."
            )
        return value._host
    if isinstance(value, (tuple, list)):
        return type(value)(map(host, value))
    return value


def refuse_host_arrays(value):
    """CuPy's TypeError if an argument is, or holds, a NumPy array."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        for item in value:
            refuse_host_arrays(item)


def quiet(function, *args, **kwargs):
    """Call a NumPy function as a GPU computes: without warnings about nan and inf."""
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)
