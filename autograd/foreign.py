"""Names and arguments that other libraries have: the error for one that does not exist here says what it is called.

Nothing of this runs where a name exists, and the tables (elsewhere/) are read at the first that does not.
"""

import inspect
import sys
from collections.abc import Callable
from dis import opname
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from .arguments import meant
from .elsewhere.names import NAMES

Function = TypeVar("Function", bound=Callable[..., Any])

PLACES: dict[str, Any] = {}  # the public modules, by the name that users write


def _said_of(what, *asked):
    """What the tables say of an attribute or an argument; they are read now."""
    from .elsewhere import rows

    return getattr(rows, what)(*asked)


def no_such(place, name):
    """The error for a name that a public module does not have, for whom its __getattr__ was called: an AttributeError, and where
    `from module import name` asks, which would drop its text, an ImportError."""
    module, asking = PLACES[place], sys._getframe(2)
    imports = opname[asking.f_code.co_code[asking.f_lasti]] == "IMPORT_FROM"
    message = f"module {module.__name__!r} has no attribute {name!r}"
    if imports:
        message = f"cannot import name {name!r} from {module.__name__!r}"
    if not name.startswith("_"):  # Python itself asks for those
        ours = next(
            (f"it is {other}.{name}" for other, m in PLACES.items() if name in _public(m) and m is not module), ""
        )
        advice = ours or _said_of("attribute", "", name) or meant(name, _public(module))
        message += f"; {advice}" if advice else ""
    return ImportError(message, name=name, path=module.__file__) if imports else AttributeError(message)


def _public(module):
    """The names that a module offers."""
    own = [
        name for name, x in vars(module).items() if getattr(x, "__module__", None) == module.__name__ and name[0] != "_"
    ]
    return getattr(module, "__all__", own)


def answering(place, module):
    """Let a public module say what a name of another library is called here."""
    PLACES[place] = module
    if not hasattr(module, "__getattr__"):
        module.__getattr__ = partial(_refuse, place)


def _refuse(place, name):
    raise no_such(place, name)


class Elsewhere:
    """Stands in a class for a method or attribute of another library's. (A __getattr__ would slow down all others.)"""

    def __init__(self, instance, name):
        self.instance, self.name = instance, name

    def __get__(self, owner, kind):
        advice = _said_of("attribute", self.instance, self.name)
        raise AttributeError(f"{kind.__name__!r} object has no attribute {self.name!r}; {advice}")


def answering_instances(kind, instance):
    """Let the instances of a class, which the tables call `instance`, say what an attribute is called here."""
    names = {name for name in NAMES[instance] if not hasattr(kind, name)}
    for name in names:
        setattr(kind, name, Elsewhere(instance, name))
    listed = kind.__dir__
    kind.__dir__ = lambda self: [name for name in listed(self) if name not in names]


# ---- arguments


def unknown_argument(function, unknown, known):
    """The TypeError for arguments that a function does not have, the first of which the message explains."""
    name = next(iter(unknown))
    advice = _said_of("argument", function, name, known) or meant(name, known)
    advice += " " * advice.endswith("?") or ". " * bool(advice)
    return TypeError(f"{function}: has no argument {name!r}; {advice}it takes {', '.join(known) or 'none'}")


def explain_arguments(function, given):
    """After a TypeError: raise a better one, if one of the arguments given by name is none of the function's."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # made in C
        return
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = [p.name for p in parameters if p.kind in named and p.name != "self"]
    unknown = [name for name in given if name not in known]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise unknown_argument(function.__name__, unknown, known) from None


def explaining(function: Function) -> Function:
    """Let a function answer an argument that it does not have with what it is called here."""

    @wraps(function)
    def call(*args, **options):
        try:
            return function(*args, **options)
        except TypeError:
            explain_arguments(function, options)
            raise

    return call  # type: ignore[return-value]


class Explaining:
    """The base of classes that answer an argument that they do not have with what it is called here."""

    __slots__ = ()

    if not TYPE_CHECKING:  # which would then no longer look at __init__

        def __new__(cls, *args, **options):
            if options:
                code = getattr(cls.__init__, "__code__", None)
                if code and not options.keys() <= {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}:
                    explain_arguments(cls, options)
            new = super().__new__
            return new(cls) if new is object.__new__ else new(cls, *args, **options)
