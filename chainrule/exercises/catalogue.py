"""What there is to practise: an exercise for each operation, as the learner sees it."""

from inspect import signature

from ..autograd import samples
from ..autograd.methods import functions
from ..autograd.plan import asked
from ..autograd.primitive import COMPOSED, ELEMENTWISE, REGISTRY
from ..nn.activations import ACTIVATIONS
from .check import run_checks
from .task import Task

_COMPOSED = "elu leaky_relu"  # elementwise functions made of primitives
_ALONG = {  # operations along the last axis: (what is asked, level)
    "sum": ("The sum along the last axis: outᵢ = Σⱼ xᵢⱼ.", 4),
    "mean": ("The mean along the last axis of length n: outᵢ = Σⱼ xᵢⱼ / n.", 4),
    "max": ("The largest element along the last axis. No two elements are equal where gradients are checked.", 4),
    "min": ("The smallest element along the last axis. No two elements are equal where gradients are checked.", 4),
    "cumsum": ("The running sum along the last axis: outᵢⱼ = xᵢ₀ + … + xᵢⱼ.", 4),
    "logsumexp": ("outᵢ = log Σⱼ exp xᵢⱼ along the last axis, without overflow.", 5),
    "softmax": ("outᵢⱼ = exp xᵢⱼ / Σₖ exp xᵢₖ along the last axis, without overflow.", 5),
    "log_softmax": ("outᵢⱼ = xᵢⱼ - log Σₖ exp xᵢₖ along the last axis, without overflow.", 5),
}
_PRODUCT = "The matrix product out = x @ y of x (n, k) and y (k, m): outᵢⱼ = Σₖ xᵢₖ yₖⱼ."


class Exercise(Task):
    """A Task for a learner: `print` it to read what is asked, `check` your solution, read `solution`."""

    def check(self, forward=None, backward=None):
        """Try a solution; the Result is true if it is right, and its text shows the first case that fails.

        `forward(x)` (or `forward(x, y)`) takes NumPy arrays and returns out; `backward(g, x, out)` (or
        `(g, x, y, out)`) returns dx (or a tuple of one gradient for each operand). A class or an object that has both
        as functions will do, as the only argument. One of them alone is checked by itself, and the Result is about it.

        Never raises because of what the functions do; Ctrl-C stops them.
        """
        if backward is None and hasattr(forward, "forward") and hasattr(forward, "backward"):
            forward, backward = forward.forward, forward.backward
        return run_checks(self, forward, backward)

    def __str__(self):
        given, call = ", ".join(self.arguments("forward")), ", ".join(self.arguments("backward"))
        returned = ", ".join(self.gradients)
        also = f"({returned})" if len(self.wanted) > 1 else returned
        width = len(f"backward({call})")
        lines = [
            f"Exercise {self.name} (level {self.level})",
            "",
            f"  {self.title}",
            "",
            f"  {f'forward({given})':{width}}  returns out",
            f"  backward({call})  returns {also}: how the loss L changes with {' and '.join(self.wanted)}",
            "",
            f"  {given} and out are NumPy arrays of float64; a single number is an array of shape ().",
            "  g is the upstream gradient dL/dout, which has the shape of out. By the chain rule,",
            "  {0} = g · (how out changes with {1}), and it has the shape of {1}.".format(
                self.gradients[0], self.wanted[0]
            ),
        ]
        if self.elementwise and len(self.inputs) > 1:
            lines += [
                "  The operands broadcast: an element that was used several times gets the sum of its contributions;",
                f"  cr.unbroadcast({self.gradients[0]}, shape={self.wanted[0]}.shape) adds them up.",
            ]
        lines += [
            "",
            f"  ex.check(forward=lambda {given}: ..., backward=lambda {call}: ...)",
            "  ex.solution has the rule.",
        ]
        return "\n".join(lines)

    __repr__ = __str__


def exercises():
    """All exercises by name, from easy to hard."""
    known = [p for p in REGISTRY.values() if not p.internal or p.name in ACTIVATIONS]
    found = [_elementwise(p) for p in known if p.jvp == ELEMENTWISE and p.vjp and not p.options]
    found += [_composed(name) for name in _COMPOSED.split() if name in COMPOSED]
    public = functions()
    for name, (title, level) in _ALONG.items():
        domain = samples.distinct if name in ("max", "min") else samples.reals
        shapes = [((4,),), ((3, 4),), ((2, 2, 3),)]
        found.append(_exercise(name, title, level, ("x",), public[name], (domain,), shapes, {"axis": -1}))
    shapes = [((1, 1), (1, 1)), ((2, 3), (3, 2)), ((2, 3), (3, 4)), ((3, 3), (3, 3))]
    found.append(_exercise("matmul", _PRODUCT, 5, ("x", "y"), public["matmul"], (samples.reals,) * 2, shapes, {}))
    return {exercise.name: exercise for exercise in sorted(found, key=lambda exercise: exercise.level)}


def _exercise(name, title, level, inputs, function, domains, shapes, options):
    return Exercise(name, title, level, inputs, inputs, function, domains, shapes, options, False, {})


def _elementwise(p):
    constant = all(asked(rule) == ("g",) for rule in p.vjp.values())
    level = 3 if len(p.inputs) > 1 else 1 if constant else 2
    domains = p.samples if isinstance(p.samples, tuple) else (p.samples,) * len(p.inputs)
    wanted = tuple(x for x in p.inputs if x in p.vjp)
    title = _title(p.fn.__doc__, p.name)
    shapes = _shapes(len(p.inputs))
    return Exercise(p.name, title, level, tuple(p.inputs), wanted, p.call, domains, shapes, {}, True, p.vjp)


def _composed(name):
    function = COMPOSED[name]
    options = {p.name: p.default for p in signature(function).parameters.values() if p.default is not p.empty}
    title = _title(function.__doc__, name)
    if options:
        title += f" Here {', '.join(f'{k} = {v}' for k, v in options.items())}."
    return Exercise(name, title, 2, ("x",), ("x",), function, (samples.reals,), _shapes(1), {}, True, {})


def _shapes(count):
    """Shapes for `count` operands of an elementwise operation."""
    return [((),) * count, ((4,),) * count, ((2, 3),) * count]


def _title(doc, name):
    return (doc or name).strip().split("\n")[0]
