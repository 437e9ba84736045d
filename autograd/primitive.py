"""A primitive: one declaration from which come the public function, its node, its gradients and its tests.

`@primitive` checks the declaration when it is read, and makes the function that users call (call.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from string import Formatter
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import numpy as np

from ..backends.kernel import one_pass
from .arguments import simple_types, whole_options
from .call import public
from .call_errors import array_of
from .convert import refuse_masked
from .dtypes import settling
from .errors import RuleError, ShapeError
from .foreign import explain_arguments, explaining, unknown_argument
from .plan import Plan, asked
from .tensor import Tensor

# each output element depends on the matching input elements: forward mode is the rule itself
ELEMENTWISE = "elementwise"
LINEAR = "linear"  # jointly linear in its arrays: forward mode is the primitive itself, on the tangents
MULTILINEAR = "multilinear"  # linear in each array separately: the product rule

ROOM, LONG = 4096, 1024  # of how many operands in all an operation keeps plans, and of how many in one

Arguments = ParamSpec("Arguments")
Function = TypeVar("Function", bound=Callable[..., Any])

REGISTRY: dict[str, Primitive] = {}
COMPOSED: dict[str, object] = {}  # the other public functions: made of primitives, or making tensors


class Primitive:
    """One operation: its code, its rules, and what follows from them.

    Fields:
        fn: the array code, `fn(xp, *arrays, **options)`; plain: as it was declared, where `fn` makes one kernel of it on a device.
        call: the function that users call; single, general: the same for Values (value_calls.py), and for all that is unusual (call.py).
        inputs: the names of the arrays; one name and `variadic` for any number of them.
        options: the keyword-only arguments with their defaults (inspect.Parameter.empty: required).
        vjp: for each differentiable input, the rule that turns the gradient g of the output into its contribution.
        jvp: ELEMENTWISE, LINEAR, MULTILINEAR, or for each input the rule that turns its tangent t into the output's.
        symbol: the label in pictures, and the operator it is bound to.
        samples: where gradients can be checked (samples.py).
        needs: what must hold of the inputs, in words, for error messages.
        words: for an input whose rule has no readable formula, a description: "{g}, repeated along the summed axes".
        internal: True keeps it from being a function of `chainrule` and a method of Tensor.
        floats, accumulates: in what dtype it works (dtypes.py).
        kink: True where its slope jumps and its rules add what that takes to be differentiated again (ops/kink.py).
        means: the textbook's formula of the same, for code that goes a longer way to keep its digits: formulas show this instead.
    """

    def __init__(
        self,
        fn,
        *,
        vjp,
        jvp,
        symbol,
        samples,
        needs,
        words,
        internal,
        floats,
        accumulates,
        means,
        kink,
    ):
        self.fn, self.vjp, self.jvp, self.symbol, self.samples, self.needs = fn, vjp, jvp, symbol, samples, needs
        self.words, self.internal, self.means, self.kink = words or {}, internal, means, kink
        self.name = fn.__name__.rstrip("_")
        self.module = fn.__module__
        first, *rest = inspect.signature(fn).parameters.values()
        if first.name != "xp":
            raise RuleError(f"primitive {self.name}: the first argument must be xp, not {first.name}")
        self.inputs = [p.name for p in rest if p.kind is not p.KEYWORD_ONLY]
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in rest)
        self.options = {p.name: p.default for p in rest if p.kind is p.KEYWORD_ONLY}
        self.whole, self.simple = whole_options(self.name, rest), simple_types(rest[len(self.inputs) :])
        self.defaults = {k: v for k, v in self.options.items() if v is not inspect.Parameter.empty}
        self.floats = bool(vjp) and _floating(self.name) if floats is None else floats
        self.accumulates = accumulates
        self.plans, self.room, self.plain = {}, ROOM, fn
        self._check()
        in_rules = internal and self.name.endswith("_slope")  # there, it is a part of their kernels
        if jvp == ELEMENTWISE and not (in_rules or self.options or _single(fn.__code__.co_names)):
            self.fn = one_pass(fn)

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
        for x, said in self.words.items():
            if x not in self.vjp:
                raise RuleError(f"primitive {self.name}: words are for inputs that have a rule; {x!r} has none")
            unknown = {field for _, field, _, _ in Formatter().parse(said) if field is not None} - {"g", *self.inputs}
            if unknown:
                raise RuleError(
                    f"primitive {self.name}: the words of {x!r} name {sorted(unknown)}; they can name "
                    f"{sorted({'g', *self.inputs})}, as in '{{g}} shifted back'"
                )
        known = {*self.inputs, *(f"{x}_shape" for x in self.inputs), *self.options, "out", "position"}
        for kind, first, rules in (
            ("vjp", "g", self.vjp),
            ("jvp", "t", self.jvp if isinstance(self.jvp, dict) else {}),
        ):
            for x, rule in rules.items():
                if x not in self.inputs:
                    raise RuleError(f"primitive {self.name}: {kind} has a rule for {x!r}; its inputs are {self.inputs}")
                unknown = {*asked(rule)} - known - {first}
                if unknown:
                    raise RuleError(
                        f"primitive {self.name}: the {kind} rule of {x!r} asks for {sorted(unknown)}; "
                        f"it can ask for {sorted(known | {first})}"
                    )
                extra = ({*asked(rule)} & {*self.inputs, "out"}).difference(asked(self.vjp.get(x, lambda: 0)))
                if kind == "jvp" and extra:
                    raise RuleError(
                        f"primitive {self.name}: the jvp rule of {x!r} asks for {sorted(extra)}, which vjp does not keep"
                    )

    def plan(self, key, wanted):
        """What to keep, and which rules to run, when the inputs that `wanted` says want gradients; found again by `key`.

        Lists have any number of lengths and choices: those of so many operands in all are kept, then it begins anew.
        """
        plan = Plan(self, wanted)
        if len(wanted) <= LONG:
            self.room -= len(wanted)
            if self.room < 0:
                self.plans.clear()
                self.room = ROOM
            self.plans[key] = plan
        return plan

    def bind(self, args, options):
        """Positional extras become options in their order, as NumPy's callers expect: cr.sum(x, 0)."""
        unknown = [name for name in options if name not in self.options and name not in self.inputs[len(args) :]]
        if unknown:
            raise unknown_argument(self.name, unknown, [*self.inputs, *self.options])
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
        missing = self.options.keys() - self.defaults.keys() - options.keys()
        if missing:
            raise TypeError(f"{self.name}() needs {', '.join(sorted(missing))}")
        return args, {**self.defaults, **options}

    def __repr__(self):
        return f"<primitive {self.name}({', '.join([*self.inputs, *self.options])})>"


def _floating(name):
    """Whether NumPy's function of that name gives floating results only."""
    function = getattr(np, name, None)
    return isinstance(function, np.ufunc) and not any(form[-1] in "?bhilqBHILQ" for form in function.types)


def _single(names):
    """Whether code that uses these names is one call of NumPy's."""
    return len(names) == 1 and hasattr(np, names[0])


def primitive(
    *,
    vjp: dict[str, Callable[..., Any]],
    samples: Any,
    jvp: str | dict[str, Callable[..., Any]] | None = None,
    symbol: str | None = None,
    needs: str | None = None,
    words: dict[str, str] | None = None,
    internal: bool = False,
    floats: bool | None = None,
    accumulates: bool = False,
    means: Callable[..., Any] | None = None,
    kink: bool = False,
) -> Callable[[Callable[Concatenate[Any, Arguments], Any]], Callable[Arguments, Tensor]]:
    """Declare an operation in one block; docs/adding-an-op.md shows an example.

    The public function takes the arguments of the declared one without its `xp`. `floats` says that its result is floating
    by nature (None: as NumPy's function of its name), `accumulates` that it adds up many numbers: dtypes.py.

    Raises: RuleError, at once, if the declaration does not hold together.
    """

    def declare(fn):
        p = Primitive(
            fn, vjp=vjp, jvp=jvp, symbol=symbol, samples=samples, needs=needs, words=words, internal=internal,
            floats=floats, accumulates=accumulates, means=means, kink=kink,
        )  # fmt: skip
        if p.name in REGISTRY and REGISTRY[p.name].module != p.module:
            raise RuleError(f"primitive {p.name}: the name is taken by {REGISTRY[p.name].module}")
        REGISTRY[p.name] = p
        p.call = public(p)
        return p.call

    return declare


def _as_it_is(value):
    return value


@overload
def composed(fn: Function) -> Function: ...
@overload
def composed(*, numbers: bool = ..., floats: bool = ..., accumulates: bool = ...) -> Callable[[Function], Function]: ...
def composed(fn=None, *, numbers=False, floats=False, accumulates=False):
    """Make a function public that is no primitive: one made of primitives, or one that makes tensors.

    Its parameters without annotation are arrays: lists become NumPy arrays, and so do single numbers, unless it takes
    `numbers` as they are. `floats` and `accumulates` as for a primitive.
    """
    if fn is None:
        return lambda fn: composed(fn, numbers=numbers, floats=floats, accumulates=accumulates)
    name, parameters = fn.__name__.rstrip("_"), inspect.signature(fn).parameters.values()
    kinds = (list, tuple) if numbers else (list, tuple, bool, int, float)

    def array(a):
        if not isinstance(a, kinds):
            if isinstance(a, np.ndarray):
                refuse_masked(name, a)
            return a
        return array_of(fn, a, None)[0] if isinstance(a, (list, tuple)) else np.asarray(a)

    arrays = {q.name: array for q in parameters if q.annotation is q.empty and q.kind is q.POSITIONAL_OR_KEYWORD}
    prepared = arrays | whole_options(name, parameters)
    in_order = [prepared.get(q.name, _as_it_is) for q in parameters]
    body = settling(list(arrays), floats, accumulates)(fn) if floats or accumulates else fn

    @wraps(fn)
    def call(*args, **kwargs):
        if len(args) == 1 and not kwargs and isinstance(args[0], Tensor):  # there is nothing to prepare
            return body(args[0])
        given = [prepare(a) for prepare, a in zip(in_order, args, strict=False)]
        try:
            return body(*given, *args[len(given) :], **{k: prepared.get(k, _as_it_is)(a) for k, a in kwargs.items()})
        except TypeError:
            explain_arguments(fn, kwargs)
            raise

    COMPOSED[name] = call = call if prepared else explaining(fn)
    return call
