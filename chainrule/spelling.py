"""What may have been meant by a name that does not exist."""

from difflib import get_close_matches


def meant(name, known):
    """A question that names those of `known` that are spelt much like `name`, at most two; "" if none is.

    Example:
        >>> meant("thanh", ["exp", "tanh"])
        "did you mean 'tanh'?"
    """
    close = get_close_matches(name, known, 2) if isinstance(name, str) else []
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""
