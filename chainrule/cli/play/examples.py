"""The formulas that the playground opens with."""

from dataclasses import dataclass

from ...pages.words import english


@dataclass(frozen=True)
class Example:
    """A formula, its values, and what to try with it.

    Fields:
        title: a few words.
        formula: as `python -m chainrule explain` reads it.
        values: {name: number}.
        hint: a sentence: what to do, and what to see.
    """

    title: str
    formula: str
    values: dict[str, float]
    hint: str


EXAMPLES = [
    Example(
        english("Multiply and add"),
        "d = a*b + c; d * f",
        {"a": 2, "b": -3, "c": 10, "f": -2},
        english("Drag f: the gradient of d is f, and the gradient of f is d."),
    ),
    Example(
        english("A neuron"),
        "out = tanh(w1*x1 + w2*x2 + b); loss = (out - y)**2",
        {"x1": 2, "x2": 0, "w1": -0.3, "w2": 1, "b": 0.7, "y": 1},
        english("Why does w2 not learn? Drag x2 away from 0."),
    ),
    Example(
        english("A line through a point"),
        "p = w*x + b; loss = (p - y)**2",
        {"w": 0.5, "x": 2, "b": -1, "y": 3},
        english("Take steps until the loss is 0. Which learning rate needs one step?"),
    ),
    Example(
        english("Used twice"),
        "s = 3*x; p = s + 4; p * s",
        {"x": 1},
        english("Two contributions reach s. It hands on their sum, and only when both are there."),
    ),
    Example(
        english("x times x"),
        "y = x * x",
        {"x": 3},
        english("Two edges lead from x to y. Each brings x, together 2x."),
    ),
    Example(
        english("Logistic regression"),
        "z = w*x + b; p = sigmoid(z); loss = -(y*log(p) + (1 - y)*log(1 - p))",
        {"w": 0.5, "x": 2, "b": -2, "y": 1},
        english("The gradient of z is p − y, whatever the values are."),
    ),
    Example(
        english("A dead ReLU"),
        "h = relu(w*x + b); loss = (v*h - y)**2",
        {"w": 1, "x": 2, "b": -3, "v": 0.5, "y": 1},
        english("Nothing learns. Drag b up until the unit wakes."),
    ),
    Example(
        english("Vanishing through sigmoids"),
        "h1 = sigmoid(w1*x); h2 = sigmoid(w2*h1); h3 = sigmoid(w3*h2); loss = (h3 - y)**2",
        {"x": 1, "w1": 1, "w2": 1, "w3": 1, "y": 0},
        english("Compare the gradients of w1, w2 and w3. Would larger weights help?"),
    ),
    Example(
        english("A recurrent network"),
        "h1 = tanh(u*x1); h2 = tanh(w*h1 + u*x2); h3 = tanh(w*h2 + u*x3); loss = (h3 - y)**2",
        {"w": 0.8, "u": 0.5, "x1": 1, "x2": -1, "x3": 0.5, "y": 1},
        english("u is used in each time step, so it gets a contribution from each."),
    ),
    Example(
        english("Exclusive or, one example"),
        "h1 = tanh(a*x1 + b*x2); h2 = tanh(c*x1 + d*x2); p = sigmoid(e*h1 + f*h2); loss = (p - y)**2",
        {"x1": 1, "x2": 0, "y": 1, "a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5, "f": 0.5},
        english("All weights are equal, so both units learn the same. Drag one of them."),
    ),
    Example(
        english("The valley of Rosenbrock"),
        "(1 - x)**2 + 10*(y - x**2)**2",
        {"x": -1, "y": 1.5},
        english("Find the bottom, (1, 1). A rate that is a little too large jumps out of the valley."),
    ),
    Example(
        english("A learning rate too large"),
        "2*w**2",
        {"w": 1},
        english("The curvature is 4. What happens at the rates 0.1, 0.25, 0.4, 0.5 and 0.6?"),
    ),
]
