"""A primitive: one declaration from which come the public function, its node, its gradients and its tests.

`@primitive` checks the declaration when it is read, and makes the function that users call. That function is the call
path: find the backend that owns the inputs, run plain array code there, and leave a Node if an input wants a gradient.
"""

import inspect
from functools import wraps
from sys import _getframe
from weakref import ref

import numpy as np

from ..backends import OWNERS, owner
from .errors import ChainruleError, DeviceError, DtypeError, GraphError, RuleError, ShapeError
from .plan import Plan, asked
from .tape import INSIDE, SMALL, Node, recording, scope
from .tensor import KEPT, UNMASK, Tensor, Value, masked

ELEMENTWISE = (
    "elementwise"  # each output element depends on the matching input elements: forward mode is the rule itself
)
LINEAR = "linear"  # jointly linear in its arrays: forward mode is the primitive itself, on the tangents
MULTILINEAR = "multilinear"  # linear in each array separately: the product rule

REGISTRY: dict[str, "Primitive"] = {}
COMPOSED: dict[str, object] = {}  # the public functions made of primitives

# numbers take part on every device; an array scalar of NumPy's is a number too
_NUMBERS = {
    bool,
    int,
    float,
    *(t for t in OWNERS if issubclass(t, np.generic) and not issubclass(t, np.complexfloating)),
}


class Primitive:
    """One operation: its code, its rules, and what follows from them.

    Fields:
        fn: the array code, `fn(xp, *arrays, **options)`.
        inputs: the names of the arrays; one name and `variadic` for any number of them.
        options: the keyword-only arguments with their defaults (inspect.Parameter.empty: required).
        vjp: for each differentiable input, the rule that turns the output's gradient g into its share.
        jvp: ELEMENTWISE, LINEAR, MULTILINEAR, or for each input the rule that turns its tangent t into the output's.
        symbol: the label in pictures, and the operator it is bound to.
        samples: where gradients can be checked (samples.py).
        needs: what must hold of the inputs, in words, for error messages.
    """

    def __init__(self, fn, vjp, jvp, symbol, samples, needs):
        self.fn, self.vjp, self.jvp, self.symbol, self.samples, self.needs = fn, vjp, jvp, symbol, samples, needs
        self.name = fn.__name__.rstrip("_")
        self.module = fn.__module__
        first, *rest = inspect.signature(fn).parameters.values()
        if first.name != "xp":
            raise RuleError(f"primitive {self.name}: the first argument must be xp, not {first.name}")
        self.inputs = [p.name for p in rest if p.kind is not p.KEYWORD_ONLY]
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in rest)
        self.options = {p.name: p.default for p in rest if p.kind is p.KEYWORD_ONLY}
        self.defaults = {k: v for k, v in self.options.items() if v is not inspect.Parameter.empty}
        self.plans = {}
        self._check()

    def _check(self):
        """Refuse a wrong declaration now, by name, rather than at some later call."""
        if self.samples is None:
            raise RuleError(f"primitive {self.name}: say where it can be tested, e.g. samples=reals")
        if self.vjp and self.jvp is None:
            raise RuleError(
                f"primitive {self.name}: say its forward mode: jvp=ELEMENTWISE, LINEAR, MULTILINEAR or a dict"
            )
        if isinstance(self.jvp, str) and self.jvp not in (ELEMENTWISE, LINEAR, MULTILINEAR):
            raise RuleError(
                f"primitive {self.name}: jvp is {self.jvp!r}; choose ELEMENTWISE, LINEAR, MULTILINEAR or a dict"
            )
        known = {*self.inputs, *(f"{x}_shape" for x in self.inputs), *self.options, "out", "position"}
        for kind, first, rules in (
            ("vjp", "g", self.vjp),
            ("jvp", "t", self.jvp if isinstance(self.jvp, dict) else {}),
        ):
            for x, rule in rules.items():
                if x not in self.inputs:
                    raise RuleError(f"primitive {self.name}: {kind} has a rule for {x!r}; its inputs are {self.inputs}")
                unknown = asked(rule) - known - {first}
                if unknown:
                    raise RuleError(
                        f"primitive {self.name}: the {kind} rule of {x!r} asks for {sorted(unknown)}; "
                        f"it can ask for {sorted(known | {first})}"
                    )
                extra = (asked(rule) & {*self.inputs, "out"}) - asked(self.vjp.get(x, lambda: 0))
                if kind == "jvp" and extra:
                    raise RuleError(
                        f"primitive {self.name}: the jvp rule of {x!r} asks for {sorted(extra)}, which vjp does not keep"
                    )

    def plan(self, count, bit, mask):
        """What to keep, and which rules to run, when the inputs in `mask` (of `count`) want gradients."""
        plan = self.plans[bit + mask] = Plan(self, count, mask)
        return plan

    def bind(self, args, options):
        """Positional extras become options in their order, as NumPy's callers expect: cr.sum(x, 0)."""
        if self.variadic:
            if args and isinstance(args[0], (list, tuple)):
                options = {**dict(zip(self.options, args[1:], strict=False)), **options}
                args = args[0]
            if not args:
                raise ShapeError(f"{self.name}: needs at least one array, was given none")
        elif len(args) < len(self.inputs):
            args = list(args)
            for x in self.inputs[len(args) :]:
                if x not in options:
                    raise TypeError(f"{self.name}() needs {', '.join(self.inputs)}; {x} is missing")
                args.append(options.pop(x))
        elif len(args) > len(self.inputs):
            extra, args = args[len(self.inputs) :], args[: len(self.inputs)]
            if len(extra) > len(self.options):
                raise TypeError(f"{self.name}() takes {', '.join([*self.inputs, *self.options])}; too many were given")
            options = {**dict(zip(self.options, extra, strict=False)), **options}
        if options.keys() - self.options.keys():
            unknown = ", ".join(options.keys() - self.options.keys())
            raise TypeError(f"{self.name}() has no option {unknown}; it takes {', '.join(self.options) or 'none'}")
        missing = self.options.keys() - self.defaults.keys() - options.keys()
        if missing:
            raise TypeError(f"{self.name}() needs {', '.join(sorted(missing))}")
        return args, {**self.defaults, **options}

    def __repr__(self):
        return f"<primitive {self.name}({', '.join([*self.inputs, *self.options])})>"


def primitive(*, vjp, samples, jvp=None, symbol=None, needs=None):
    """Declare an operation in one block; docs/adding-an-op.md shows an example.

    Raises: RuleError, at once, if the declaration does not hold together.
    """

    def declare(fn):
        p = Primitive(fn, vjp, jvp, symbol, samples, needs)
        if p.name in REGISTRY and REGISTRY[p.name].module != p.module:
            raise RuleError(f"primitive {p.name}: the name is taken by {REGISTRY[p.name].module}")
        REGISTRY[p.name] = p
        p.call = _public(p)
        return p.call

    return declare


def composed(fn):
    """Enter a function made of primitives into the list of public functions."""
    if fn.__code__.co_varnames[:1] == ("x",):
        fn = _taking_lists(fn)
    COMPOSED[fn.__name__.rstrip("_")] = fn
    return fn


def _taking_lists(fn):
    """`fn(x, ...)` with lists as NumPy arrays, and a clear refusal of numbers where an array is needed."""

    @wraps(fn)
    def call(x, *args, **kwargs):
        if isinstance(x, (list, tuple)):
            x = array_of(fn, x, None)[0]
        try:
            return fn(x, *args, **kwargs)
        except AttributeError as error:
            plain = [a for a in (x, *args) if isinstance(a, (int, float, list, tuple))]
            if not plain:
                raise
            raise DtypeError(
                f"{fn.__name__}: needs tensors or arrays, was given {plain[0]!r}; try chainrule.tensor(...)"
            ) from error

    return call


def _public(p):
    """The function that users call: dispatch, run, record."""
    fn, arity, plans = p.fn, None if p.variadic else len(p.inputs), p.plans
    names, complete = p.options.keys(), p.defaults.keys() == p.options.keys()  # complete: callable with arrays alone

    def call(*args, **options):
        if len(args) != arity or (options.keys() != names if options else not complete):
            args, options = p.bind(args, options)
        elif not options:
            options = p.defaults
        backend = tensor = None
        arrays, parents, mask, bit, raws = [], [], 0, 1, False
        for a in args:
            if isinstance(a, Tensor):
                tensor, node, a = a, a._node, a._data
                parents.append(node)
                if node is not None:
                    mask |= bit
                home = OWNERS[type(a)]
                if home is not backend:
                    if backend is not None:
                        raise mixed(p, args)
                    backend = home
            else:
                parents.append(None)
                if type(a) not in _NUMBERS:
                    home = OWNERS.get(type(a))
                    if home is None:
                        a, home = array_of(p, a, backend)
                    raws = True
                    if home is not backend:
                        if backend is not None:
                            raise mixed(p, args)
                        backend = home
            arrays.append(a)
            bit <<= 1
        if backend is None:  # numbers only
            backend = OWNERS[np.ndarray if any(isinstance(a, np.generic) for a in arrays) else float]
        if tensor is not None:
            if raws:
                refuse_odd_dtypes(p, arrays)
            if backend.array_type is float:
                arrays = [a if type(a) in (float, bool) else float(a) for a in arrays]
        try:
            out = fn(backend.xp, *arrays, **options)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            raise explain(p, backend, arrays, options, error) from error
        if tensor is None:
            return out
        if type(out) is not backend.array_type:
            if type(out) is bool:  # a comparison of Values
                return out
            out, backend = settle(out, backend)
        if (getattr(out, "base", None) is not None or any(out is a for a in arrays)) and may_change(arrays, parents):
            out = backend.copy(out)
        result = _new_value(Value) if type(out) is float else _new_tensor(Tensor)
        result._data = out
        result._node = result._version = result._access = None
        if mask and recording():
            plan = plans.get(bit + mask) or p.plan(len(args), bit, mask)
            if plan.tracked:
                options = {name: own(value) for name, value in options.items()}
                result._node = record(p, plan, args, arrays, parents, out, options)
        return result

    # the unrolled calls have these names, and trust our own elementwise code to return new arrays
    if p.inputs in (["x"], ["x", "y"]) and not p.options and p.jvp != LINEAR and p.module.startswith("chainrule."):
        call = (_unary if arity == 1 else _binary)(p, call)
    call.__name__ = call.__qualname__ = p.name
    call.__doc__, call.__module__, call.primitive = fn.__doc__, fn.__module__, p
    signature = inspect.signature(fn)
    call.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
    return call


def _unary(p, general):
    """The call path unrolled for one Tensor: half the time of `general`, which does everything else."""
    fn, plans, options = p.fn, p.plans, p.options

    def call(x):
        if not isinstance(x, Tensor):
            return general(x)
        array, node = x._data, x._node
        kind = type(array)
        try:
            out = fn(OWNERS[kind].xp, array)
        except (ValueError, TypeError, IndexError, AttributeError):
            return general(x)
        if type(out) is not kind or out is array:
            return general(x)
        result = _new_value(Value) if kind is float else _new_tensor(Tensor)
        result._data = out
        result._node = result._version = result._access = None
        if node is not None and recording():
            plan = plans.get(3) or p.plan(1, 2, 1)
            if plan.tracked:
                guards = ()
                if node.plan is None and plan.arrays:
                    array, guards = protect(x, array, guards)
                result._node = stamp(Node(), p, plan, (node,), (array, out), guards, options)
        return result

    return call


def _binary(p, general):
    """The call path unrolled for two Tensors of one device, or a Tensor and a number."""
    fn, plans, options = p.fn, p.plans, p.options

    def call(x, y):
        first = second = None
        if isinstance(x, Tensor):
            a, first = x._data, x._node
            kind = type(a)
            if isinstance(y, Tensor):
                b, second = y._data, y._node
                if type(b) is not kind:
                    return general(x, y)
            elif type(y) in _NUMBERS:
                b = y
            else:
                return general(x, y)
        elif isinstance(y, Tensor) and type(x) in _NUMBERS:
            a, b, second = x, y._data, y._node
            kind = type(b)
        else:
            return general(x, y)
        if kind is float:
            a, b = float(a), float(b)
        try:
            out = fn(OWNERS[kind].xp, a, b)
        except (ValueError, TypeError, IndexError, AttributeError):
            return general(x, y)
        if type(out) is not kind:
            return general(x, y)
        result = _new_value(Value) if kind is float else _new_tensor(Tensor)
        result._data = out
        result._node = result._version = result._access = None
        if (first is not None or second is not None) and recording():
            mask = (first is not None) + 2 * (second is not None)
            plan = plans.get(4 + mask) or p.plan(2, 4, mask)
            if plan.tracked:
                guards = ()
                for i in plan.arrays:  # what is no result of ours can change while this node waits
                    if i and (second is None or second.plan is None):
                        b, guards = protect(y, b, guards)
                    elif not i and (first is None or first.plan is None):
                        a, guards = protect(x, a, guards)
                if first is None:
                    first = operand(a)
                elif second is None:
                    second = operand(b)
                result._node = stamp(Node(), p, plan, (first, second), (a, b, out), guards, options)
        return result

    return call


def settle(out, backend):
    """A result that is not an array of `backend`: an array scalar is made one, a moved array has a new home."""
    home = OWNERS.get(type(out), backend)
    if home is not backend and type(out) is home.array_type:
        return out, home
    return backend.asarray(out), backend


_new_tensor = Tensor.__new__
_new_value = Value.__new__


def record(p, plan, args, arrays, parents, out, options):
    """The Node of one call: where its inputs came from, and what its rules asked to keep."""
    guards = ()
    for i in plan.arrays:
        if parents[i] is None or parents[i].plan is None:  # no result of ours: it can change while this node waits
            arrays[i], guards = protect(args[i], arrays[i], guards)
    parents = [operand(a) if parent is None else parent for parent, a in zip(parents, arrays, strict=True)]
    return stamp(Node(), p, plan, parents, (*arrays, out), guards, options)


def stamp(node, p, plan, parents, arrays, guards, options):
    """Fill in a Node; `arrays` are the inputs and the output."""
    frame = _getframe(2)
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.instruction, node.scope = frame.f_code, frame.f_lasti, scope()
    node.primitive, node.plan, node.parents, node.guards, node.options = p, plan, parents, guards, options
    node.saved = plan.fast(arrays) if plan.fast else plan.save(arrays[:-1], arrays[-1], options)
    node.grad, out = None, arrays[-1]
    if type(out) is float:
        node.shape, node.dtype, node.result = (), None, out
    else:
        node.shape, node.dtype, node.result = out.shape, out.dtype, out if out.size <= SMALL else None
    return node


def operand(a):
    """What a picture needs of an operand without gradient: its value if small, else its form and a weak reference."""
    return a if type(a) in _NUMBERS or a.size <= SMALL else (a.shape, a.dtype, ref(a))


def protect(argument, array, guards):
    """An array that others can change, made safe to keep: watched if changes are noticed, else copied."""
    if type(argument) in _NUMBERS or type(array) is float:
        return array, guards
    if isinstance(argument, Tensor) and (argument._access is None or argument._access is KEPT):
        argument._access = KEPT
        return array, (*guards, (argument, argument._version))
    return owner(array).copy(array), guards


def array_of(p, data, backend):
    """A plain argument of an unusual type as (array, backend): a list becomes a NumPy array, the rest must be known."""
    label = getattr(p, "symbol", None) or getattr(p, "name", None) or p.__name__
    if isinstance(data, (bool, int, float)):
        return data, backend
    if isinstance(data, (list, tuple)):
        if any(isinstance(x, Tensor) and x.requires_grad for x in data):
            raise GraphError(
                f"{label}: a list of tensors that require grad would lose its gradient; use chainrule.stack(...)"
            )
        data = np.asarray([x.numpy() if isinstance(x, Tensor) else x for x in data])
        data = data.astype(np.float32) if data.dtype == np.float64 else data
    if not hasattr(data, "dtype"):
        raise DtypeError(
            f"{p.symbol or p.name}: needs tensors, arrays or numbers, was given {type(data).__name__} {data!r}"
        )
    return data, owner(data)


def may_change(arrays, parents):
    """Whether one of the operands is no recorded result of ours, so that sharing its memory would not be safe."""
    return any(type(a) not in _NUMBERS and (n is None or n.plan is None) for a, n in zip(arrays, parents, strict=True))


def refuse_odd_dtypes(p, arrays):
    """A DtypeError for plain arrays of text, objects or complex numbers."""
    for a in arrays:
        if masked(a):
            raise DtypeError(f"{p.name}: {UNMASK}")
        if getattr(a, "dtype", _BOOL).kind not in "biuf":
            raise DtypeError(f"{p.name}: needs real numbers, was given an array of {a.dtype}")


_BOOL = np.dtype(bool)


def own(value):
    """An option as the tape may keep it: the caller's lists and arrays are copied, since nobody tells when they change."""
    if isinstance(value, (list, tuple)):
        return type(value)(own(v) for v in value)
    if type(value) in _NUMBERS or type(value) not in OWNERS:
        return value
    return OWNERS[type(value)].copy(value)


def mixed(p, args):
    """The DeviceError for inputs of several devices."""
    homes = {}
    for x, a in zip(p.inputs * len(args) if p.variadic else p.inputs, args, strict=False):
        if type(a) not in _NUMBERS:
            homes.setdefault(owner(a._data if isinstance(a, Tensor) else a).name, x)
    places = " and ".join(f"{x} on {device!r}" for device, x in homes.items())
    target = next((d for d in homes if d != "scalar"), "cpu")
    return DeviceError(f"{p.name}: all inputs must be on one device, given {places}; move one, e.g. x.to({target!r})")


def explain(p, backend, arrays, options, error):
    """The error a failed call raises: operation, what must hold, what was given."""
    if isinstance(error, ChainruleError):
        return error
    given = ", ".join(
        f"{x}: {a.dtype}{a.shape}" if hasattr(a, "shape") else f"{x}: {a!r}"
        for x, a in zip(p.inputs * len(arrays) if p.variadic else p.inputs, arrays, strict=False)
    )
    given += "".join(f", {k}={v!r}" for k, v in options.items() if v is not None)
    if backend.name == "scalar" and isinstance(error, (AttributeError, TypeError)):
        return DtypeError(
            f"{p.name}: not an operation on single numbers; use chainrule.tensor(...) for arrays ({given})"
        )
    needs = p.needs or ("shapes that broadcast" if len(arrays) > 1 else "an input that fits its options")
    wrong_kind = isinstance(error, TypeError) or "integer" in str(
        error
    )  # NumPy: "arrays used as indices must be of integer"
    kind = DtypeError if wrong_kind else ShapeError
    return kind(f"{p.name}: needs {needs}; given {given} ({error})")
