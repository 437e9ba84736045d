"""Saved states with one field that is missing or of a wrong kind."""

import copy

import numpy as np

import chainrule as cr

WRONG = {  # what is no value of a field that has a value of this kind
    bool: [None, 0, 1.0, "true", [], {}, cr.ones(2)],
    int: [None, True, 1.5, -1, 10**400, "1", [], {}, cr.ones(2)],
    float: [None, True, 10**400, "1.0", [], {}, cr.ones(2), np.nan * 1j],
    str: [None, True, 1, 1.5, [], {}, cr.ones(2)],
    type(None): ["none", [1], {"a": 1}, cr.ones(2)],
    list: [None, True, 1, "text", {}, cr.ones(2)],
    dict: [None, True, 1, "text", [], cr.ones(2), {"a": 1}],
    cr.Tensor: [None, True, 1.5, "text", {}, [], [[1.0], [1.0, 2.0]], cr.ones((7, 7)), [None], [{}]],
}


def fields(value, path=()):
    """(path, value) of all that a state holds, itself first."""
    yield path, value
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from fields(inner, (*path, key))


def changed(state, path, value=None, delete=False):
    """The state with another value at `path`, or without it; what is not on the way there is shared."""
    if not path:
        return value
    result, (key, *rest) = copy.copy(state), path
    if delete and not rest:
        del result[key]
    else:
        result[key] = changed(state[key], rest, value, delete)
    return result
