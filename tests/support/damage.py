"""Damaged copies of files: none may be read as something else, unless it is said."""

import random
import warnings

import chainrule as cr

LONGEST = 64  # bytes of a run that is deleted, inserted, overwritten or moved


def damaged(data, count, seed=0):
    """Yield `count` pairs (what was done, the bytes) that differ from `data`: damage of every kind, at places all over."""
    draw = random.Random(seed)
    kinds = [_flipped, _flipped, _overwritten, _zeroed, _truncated, _deleted, _inserted, _repeated, _swapped]
    made = 0
    while made < count:
        kind, place = kinds[made % len(kinds)], draw.randrange(len(data))
        length = draw.choice([1, 1, 2, 4, 8, draw.randint(1, LONGEST)])
        result = kind(data, place, length, draw)
        if result != data:
            made += 1
            yield f"{kind.__name__[1:]} at {place}, {length} bytes", result


def _flipped(data, place, length, draw):
    return data[:place] + bytes([data[place] ^ (1 << draw.randrange(8))]) + data[place + 1 :]


def _overwritten(data, place, length, draw):
    return (data[:place] + draw.randbytes(length) + data[place + length :])[: len(data)]


def _zeroed(data, place, length, draw):
    return (data[:place] + bytes(length) + data[place + length :])[: len(data)]


def _truncated(data, place, length, draw):
    return data[:place]


def _deleted(data, place, length, draw):
    return data[:place] + data[place + length :]


def _inserted(data, place, length, draw):
    return data[:place] + draw.choice([draw.randbytes(length), bytes(length), b" " * length]) + data[place:]


def _repeated(data, place, length, draw):
    return data[: place + length] + data[place:]


def _swapped(data, place, length, draw):
    a, b = sorted((place, draw.randrange(len(data))))
    length = min(length, b - a, len(data) - b)
    return data[:a] + data[b : b + length] + data[a + length : b] + data[a : a + length] + data[b + length :]


def silent(path, count, seed=0):
    """Damage the checkpoint at `path`, `count` times: what was done where `load` then gave other content, in words.

    Shape: (those that loaded silently with other content or failed other than by a CheckpointError, a list; how many
        were refused; how many gave the same content, such as a blank more in the header).
    """
    data, faults, refused, same = path.read_bytes(), [], 0, 0
    whole = plain(cr.load(path))
    copy = path.with_name(f"damaged-{path.name}")
    for what, content in damaged(data, count, seed):
        copy.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there are no checksums is no excuse for other content
                found = plain(cr.load(copy))
        except cr.CheckpointError:
            refused += 1
        except Exception as error:
            faults.append(f"{what}: {error!r}")
        else:
            same += found == whole
            faults += [f"{what}: loaded with other content"] * (found != whole)
    copy.unlink(missing_ok=True)
    return faults, refused, same


def plain(state):
    """A loaded state in a form in which equal means equal to the bit; the order of names does not count."""
    if isinstance(state, dict):
        return {name: plain(value) for name, value in state.items()}
    if isinstance(state, list):
        return [plain(value) for value in state]
    if isinstance(state, cr.Tensor):
        return "tensor", str(state.dtype), state.shape, state.numpy().tobytes()
    return type(state).__name__, repr(state)
