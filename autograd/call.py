"""The call path: find the backend that owns the inputs, run plain array code there, leave a Node if one wants a gradient.

There are three forms: the general one, and two unrolled for one and two operands, which take half the time and hand
everything unusual to the general one, and Values to code of their own (value_calls.py).
"""

import inspect
from collections.abc import Callable
from functools import partial
from sys import _getframe
from weakref import ref

import numpy as np

from ..backends import NUMBERS, OWNERS, SINGLES, owner
from .call_errors import array_of, check_dtypes, failed, together
from .callsite import INSIDE
from .convert import KEPT
from .dtypes import SETTLED, settled
from .errors import ChainruleError
from .grad_mode import recording, scope
from .node import SMALL, Node
from .tensor import Tensor
from .value import Value

FOR_VALUES: list[Callable] = []  # `written` of value_calls.py, which needs all that is here
REFUSALS = ValueError, TypeError, IndexError, AttributeError, OverflowError  # by which array code says no


def public(p):
    """The function that users call: dispatch, run, record."""
    fn, arity, plans = p.fn, None if p.variadic else len(p.inputs), p.plans
    converts, types = p.floats or p.accumulates, p.simple
    plain = types.issuperset(map(type, p.defaults.values()))
    first_bit = 1 if arity else 0  # of any number of operands, the plan is looked up by a tuple
    names = p.options.keys()
    fixed = arity if p.defaults.keys() == names else None  # callable with arrays alone

    def call(*args, **options):
        if options or len(args) != fixed:
            if len(args) != arity or options.keys() != names:
                args, options = p.bind(args, options)
            if not (simple := types.issuperset(map(type, options.values()))):
                options = {k: p.whole[k](v) if k in p.whole else v for k, v in options.items()}
        else:
            options, simple = p.defaults, plain
        backend = tensor = kind = None
        arrays, parents, mask, bit, raws = [], [], 0, first_bit, False
        for a in args:
            node = None
            if isinstance(a, Tensor):
                tensor, node, a = a, a._node, a._data
                if node is not None:
                    mask |= bit
            elif type(a) in NUMBERS:
                arrays.append(a)
                parents.append(None)
                bit <<= 1
                continue
            else:
                raws = True
            if type(a) is not kind:
                owning = OWNERS.get(type(a))
                if owning is None:
                    a, owning = array_of(p, a, backend)
                else:
                    kind = type(a)
                if owning is not backend:
                    if backend is not None:
                        return call(*together(p, args), **options)
                    backend = owning
            arrays.append(a)
            parents.append(node)
            bit <<= 1
        if backend is None:  # numbers only
            backend = OWNERS[np.ndarray if any(isinstance(a, np.generic) for a in arrays) else float]
        if tensor is not None:
            if raws:
                check_dtypes(p, arrays)
            if backend.array_type is float:
                arrays = [a if type(a) in (float, bool) else float(a) for a in arrays]
        if converts:
            dtype = getattr(arrays[0], "dtype", None)
            if dtype is None and len(arrays) > 1:  # a Python number
                dtype = getattr(arrays[1], "dtype", None)
            if dtype is not None and dtype.char not in SETTLED:  # beside a settled array, NumPy's promotion is the rule
                given = [x if isinstance(x, Tensor) else a for x, a in zip(args, arrays, strict=True)]
                converted = settled(call, given, options, numeric(p, given), p.floats, p.accumulates)
                if converted is not None:
                    return converted
        try:
            out = fn(backend.xp, *arrays, **options)
        except ChainruleError:
            raise
        except REFUSALS as error:
            raise failed(p, backend, arrays, options, error) from error
        if tensor is None:
            return out
        if type(out) is not backend.array_type:
            if type(out) is bool:  # a comparison of Values
                return out
            out, backend = settle(out, backend)
        plan, shared = None, getattr(out, "base", None) is not None
        if (mask or (not bit and any(parents))) and recording():
            key = bit + mask if bit else tuple([n is not None for n in parents])
            plan = plans.get(key) or p.plan(key, [n is not None for n in parents])
        tracked = plan is not None and plan.tracked
        for a in arrays:
            shared |= a is out
        if shared and (not tracked or may_change(arrays, parents)):
            out = backend.copy(out)
        result = _new_value(Value) if type(out) in SINGLES else _new_tensor(Tensor)
        result._data = out
        result._node = result._version = result._access = None
        if tracked:
            if not simple:
                options = {name: own(value) for name, value in options.items()}
            result._node = record(p, plan, args, arrays, parents, out, options)
        return result

    p.general = p.single = call
    if p.inputs in (["x"], ["x", "y"]) and not p.options:  # the unrolled calls have these names
        p.single = partial(_single, p)
        call = (_unary if arity == 1 else _binary)(p, call)
    call.__name__ = call.__qualname__ = p.name
    call.__doc__, call.__module__, call.primitive = fn.__doc__, fn.__module__, p
    signature = inspect.signature(fn)
    call.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
    return call


def _single(p, *operands):
    """The first call with a Value."""
    p.single = FOR_VALUES[0](p)
    return p.single(*operands)


def _unary(p, general):
    """The call path unrolled for one Tensor or array: half the time of `general`, which does everything else."""
    fn, plans, options, converts = p.fn, p.plans, p.options, p.floats or p.accumulates

    def call(x):
        if not isinstance(x, Tensor):  # an array, or a float
            kind = type(x)
            owning = OWNERS.get(kind)
            if owning is None or owning.array_type is not kind:
                return general(x)
            if converts and kind is not float and x.dtype.char not in SETTLED:
                return general(x)
            try:
                return fn(owning.xp, x)
            except REFUSALS:
                return general(x)
        array = x._data
        kind = type(array)
        if kind in SINGLES:
            return p.single(x)
        node = x._node
        if converts and node is None and array.dtype.char not in SETTLED:
            return general(x)
        try:
            out = fn(OWNERS[kind].xp, array)
        except REFUSALS:
            return general(x)
        if type(out) is not kind or out is array or getattr(out, "base", None) is not None:
            return general(x)
        result = _new_tensor(Tensor)
        result._data = out
        result._node = result._version = result._access = None
        if node is not None and recording():
            plan = plans.get(3) or p.plan(3, [True])
            if plan.tracked:
                guards = ()
                if node.plan is None and plan.arrays:
                    array, guards = protect(x, array, guards)
                result._node = stamp(Node(), p, plan, (node,), (array, out), guards, options)
        return result

    return call


def _binary(p, general):
    """The call path unrolled for two Tensors of one device, or a Tensor and a number."""
    fn, plans, options, converts = p.fn, p.plans, p.options, p.floats or p.accumulates

    def call(x, y):
        first = second = None
        if isinstance(x, Tensor):
            a = x._data
            kind = type(a)
            if kind in SINGLES:
                return p.single(x, y)
            first = x._node
            if isinstance(y, Tensor):
                b = y._data
                if type(b) is not kind:
                    return general(x, y)
                second = y._node
            elif type(y) in NUMBERS:
                b = y
            else:
                return general(x, y)
        elif isinstance(y, Tensor) and type(x) in NUMBERS:
            a, b = x, y._data
            kind = type(b)
            if kind in SINGLES:
                return p.single(x, y)
            second = y._node
        else:
            kind = type(x)
            owning = OWNERS.get(kind)
            if kind is not type(y) or owning is None or owning.array_type is not kind:
                return general(x, y)
            if converts and kind is not float and x.dtype.char not in SETTLED:
                return general(x, y)
            try:
                return fn(owning.xp, x, y)
            except REFUSALS:
                return general(x, y)
        if converts and (b if type(a) in NUMBERS else a).dtype.char not in SETTLED:
            return general(x, y)
        try:
            out = fn(OWNERS[kind].xp, a, b)
        except REFUSALS:
            return general(x, y)
        if type(out) is not kind or out is a or out is b or getattr(out, "base", None) is not None:
            return general(x, y)
        result = _new_tensor(Tensor)
        result._data = out
        result._node = result._version = result._access = None
        if (first is not None or second is not None) and recording():
            mask = (first is not None) + 2 * (second is not None)
            plan = plans.get(4 + mask) or p.plan(4 + mask, [first is not None, second is not None])
            if plan.tracked:
                guards = ()
                for i in plan.arrays:  # what is no result of ours can change while this node waits
                    if i and (second is None or second.plan is None):
                        if second is None and 1 in plan.numbers:
                            b = promoted(b, out)
                        b, guards = protect(y, b, guards)
                    elif not i and (first is None or first.plan is None):
                        if first is None and 0 in plan.numbers:
                            a = promoted(a, out)
                        a, guards = protect(x, a, guards)
                if first is None:
                    first = operand(a)
                elif second is None:
                    second = operand(b)
                result._node = stamp(Node(), p, plan, (first, second), (a, b, out), guards, options)
        return result

    return call


def settle(out, backend):
    """A result that is not an array of `backend`: an array scalar is made one, a moved array has another backend."""
    owning = OWNERS.get(type(out), backend)
    if owning is not backend and type(out) is owning.array_type:
        return out, owning
    return backend.asarray(out), backend


_new_tensor = Tensor.__new__
_new_value = Value.__new__


def record(p, plan, args, arrays, parents, out, options):
    """The Node of one call: where its inputs came from, and what its rules asked to keep."""
    guards = ()
    for i in plan.arrays:
        if parents[i] is None or parents[i].plan is None:  # no result of ours: it can change while this node waits
            if parents[i] is None and i in plan.numbers:
                arrays[i] = promoted(arrays[i], out)
            arrays[i], guards = protect(args[i], arrays[i], guards)
    if None in parents:
        parents = [operand(a) if parent is None else parent for parent, a in zip(parents, arrays, strict=True)]
    return stamp(Node(), p, plan, parents, (*arrays, out), guards, options)


def stamp(node, p, plan, parents, arrays, guards, options):
    """Fill in a Node; `arrays` are the inputs and the output."""
    frame = _getframe(2)  # user_line(), written out: a call here costs more than the loop
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.instruction, node.scope = frame.f_code, frame.f_lasti, scope()
    node.primitive, node.plan, node.parents, node.guards, node.options = p, plan, parents, guards, options
    node.saved = plan.fast(arrays) if plan.fast else plan.save(arrays[:-1], arrays[-1], options)
    node.grad, out = None, arrays[-1]
    if type(out) in SINGLES:
        node.shape, node.dtype, node.result = (), None, out
    else:
        node.shape, node.dtype, node.result = out.shape, out.dtype, out if out.size <= SMALL else None
    return node


def operand(a):
    """What a picture needs of an operand without gradient: its value if small, else its form and a weak reference."""
    return a if type(a) in NUMBERS or a.size <= SMALL else (a.shape, a.dtype, ref(a))


def promoted(a, out):
    """Integers beside floats in the dtype of the result, for the rules, which compute with them."""
    return a.astype(out.dtype) if hasattr(a, "dtype") and a.dtype.kind in "biu" else a


def protect(argument, array, guards):
    """An array that others can change, made safe to keep: watched if changes are noticed, else copied."""
    if type(argument) in NUMBERS or type(array) in SINGLES:
        return array, guards
    if isinstance(argument, Tensor) and (argument._access is None or argument._access is KEPT):
        argument._access = KEPT
        return array, (*guards, (argument, argument._version))
    return owner(array).copy(array), guards


def numeric(p, args):
    """Those of the arguments that are quantities, and not indices or conditions."""
    return args if p.variadic else [a for name, a in zip(p.inputs, args, strict=True) if name in p.vjp]


def may_change(arrays, parents):
    """Whether one of the operands is no recorded result of ours, so that sharing its memory would not be safe."""
    return any(type(a) not in NUMBERS and (n is None or n.plan is None) for a, n in zip(arrays, parents, strict=True))


class Owned(tuple):
    """A tuple of which nobody else has the arrays, so that the tape can keep it as it is."""

    __slots__ = ()


def own(value):
    """An option as the tape may keep it: the caller's lists and arrays are copied, since nobody tells when they change."""
    if isinstance(value, (list, tuple)):
        return value if type(value) is Owned else type(value)(own(v) for v in value)
    if type(value) in NUMBERS or type(value) not in OWNERS:
        return value
    return OWNERS[type(value)].copy(value)
