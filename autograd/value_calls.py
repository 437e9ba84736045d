"""Calls of elementwise operations on tracked Values and numbers, which make a graph of Values as fast as one of the barest class
that could be written. All other calls go the way of every Tensor (call.py).
"""

import operator
from sys import _getframe

from ..backends import NUMBERS
from ..backends.scalar import xp as floats
from .call import FOR_VALUES
from .callsite import INSIDE
from .grad_mode import recording, scope
from .primitive import ELEMENTWISE
from .value import FREE, Value
from .watch import OBSERVERS

# one more Python call for each operation would cost a third of everything, so the code of each is written out
_CALL = """
def {name}({parameters}):
    if OBSERVERS or not recording():
        return general({operands}){cases}
    else:
        return unusual({operands})
    v._data = out
    v._parents = ({operands},)
    v._grad = v._flow = None
    v._scope = scope()
    frame = _getframe(1)
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    v._code, v._instruction = frame.f_code, frame.f_lasti
    return v
"""
_CASE = """
    elif {when}:
        {before}{out}
        v = new(Value)
        v._plan, v._kept = {plan}, ({kept})"""
_CHECKED = """try:
            out = {out}
        except (ValueError, TypeError, ArithmeticError):
            return general({operands})
        if type(out) is not float:
            return general({operands})"""
_SIGNS = {operator.add: "{} + {}", operator.sub: "{} - {}", operator.mul: "{} * {}", operator.neg: "-{}"}
_PLAIN = "type({0}) is float or type({0}) is int"
_TRACKED = "type({0}) is Value and {0}._plan"
_KEYS, _WANTED = (
    dict(one=3, both=7, first=5, second=6),
    dict(one=[True], both=[True, True], first=[True, False], second=[False, True]),
)


def written(p, reflected=False):
    """The call of an operation without options, for Values; `reflected` takes its operands in the other order."""
    if p.jvp != ELEMENTWISE:
        return p.general
    names = p.plain.__code__.co_names
    sign = _SIGNS.get(getattr(floats, names[0], None) if len(names) == 1 else None)
    known = dict(
        OBSERVERS=OBSERVERS, recording=recording, scope=scope, general=p.general, Value=Value, new=Value.__new__, INSIDE=INSIDE,
        _getframe=_getframe, xp=floats, f=p.plain,
    )  # fmt: skip
    operands = ", ".join(p.inputs)

    def case(when, plan, *data, before=""):
        """One choice of tracked operands; `data` are the names of the numbers."""
        made = known[plan] = p.plans.get(_KEYS[plan]) or p.plan(_KEYS[plan], _WANTED[plan])
        if not made.tracked:
            return ""
        kept = "".join(f"{'out' if link == 'out' else data[link]}, " for link in made.links)
        checked = _CHECKED.format(out=f"f(xp, {', '.join(data)})", operands=operands)
        out = "out = " + sign.format(*data) if sign else checked
        return _CASE.format(when=when, before=before, out=out, plan=plan, kept=kept.strip())

    if len(p.inputs) == 1:
        cases = case("type(x) is Value and x._plan", "one", "x._data")
    else:
        x, y = _TRACKED.format("x"), _TRACKED.format("y")
        cases = case(f"{x} and {y}", "both", "x._data", "y._data")
        cases += case(f"({_PLAIN.format('y')}) and {x}", "first", "x._data", "y", before="y = float(y)\n        ")
        cases += case(f"({_PLAIN.format('x')}) and {y}", "second", "x", "y._data", before="x = float(x)\n        ")
    if not cases:
        return p.general
    parameters = ", ".join(p.inputs[::-1] if reflected else p.inputs)
    known["unusual"] = lambda *given: _unusual(known[p.name], p.general, dict(zip(p.inputs, given, strict=True)))
    exec(
        compile(_CALL.format(name=p.name, parameters=parameters, operands=operands, cases=cases), __file__, "exec"),
        known,
    )
    return known[p.name]


FOR_VALUES.append(written)


def _unusual(call, general, given):
    """Operands of other kinds: beside a tracked Value, one without gradient is a number, as is an array scalar of NumPy's."""
    plain = {}
    for name, x in given.items():
        if type(x) is Value and x._plan is FREE:
            plain[name] = x._data
        else:
            plain[name] = float(x) if type(x) in NUMBERS else x
    if any(type(x) is Value and x._plan for x in plain.values()) and any(plain[n] is not x for n, x in given.items()):
        return call(**plain)
    return general(*given.values())
