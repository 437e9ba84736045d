"""The optimisers' update rules, recorded and written down, against the updates as they run."""

import formulas
import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.autograd.formula import expanded, of
from chainrule.autograd.formula_text import write
from chainrule.backends.program import Symbol
from chainrule.backends.record import Number, Recorded

CASES = [  # (optimiser, options that differ from the defaults)
    (optim.SGD, dict(lr=0.1)),
    (optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    (optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    (optim.Adagrad, dict(lr_decay=0.1)),
    (optim.Adadelta, dict(weight_decay=0.01)),
    (optim.RMSprop, {}),
    (optim.RMSprop, dict(centered=True, momentum=0.9)),
    (optim.Adam, {}),
    (optim.Adam, dict(amsgrad=True, weight_decay=0.01)),
    (optim.AdamW, {}),
    (optim.Adamax, {}),
    (optim.NAdam, {}),
    (optim.RAdam, {}),
    (optim.Lion, dict(weight_decay=0.1)),
]


def recorded(kind, t, **options):
    """(the formulas of the new parameter and state, {leaf: number or array}) for update number t."""
    made = kind([cr.zeros(1, requires_grad=True)], **options)
    wanted = kind.update.__code__.co_varnames[kind.update.__code__.co_argcount :][
        : kind.update.__code__.co_kwonlyargcount
    ]
    plain = {k: t if k == "t" else made.groups[0][k] for k in wanted}
    named, numbers = {}, {}
    for k, v in plain.items():
        if type(v) is tuple:
            named[k] = tuple(Number(item, f"{k}{i + 1}") for i, item in enumerate(v))
            numbers |= {item.name: float(item) for item in named[k]}
        else:
            named[k] = v if isinstance(v, bool) else Number(v, k)
            numbers[k] = float(v)
    states = kind.state(**made.groups[0])
    rng = np.random.default_rng(t)
    arrays = {"p": rng.normal(size=5), "g": rng.normal(size=5)} | {k: rng.uniform(0.1, 0.5, 5) for k in states}
    trees = of(kind.update(*(Recorded(Symbol(k)) for k in arrays), **named))
    return trees, arrays, numbers, kind.update(*arrays.values(), **plain)


@pytest.mark.parametrize("t", [1, 7])
@pytest.mark.parametrize(("kind", "options"), CASES, ids=lambda v: getattr(v, "__name__", str(v)))
def test_an_update_is_what_its_formula_says(kind, options, t):
    trees, arrays, numbers, ran = recorded(kind, t, **options)
    for tree, result in zip(trees, ran, strict=True):
        text = write(expanded(tree))
        said = [formulas.value(text, **numbers, **{k: float(a[i]) for k, a in arrays.items()}) for i in range(5)]
        np.testing.assert_allclose(said, result, rtol=1e-13)


def test_every_optimiser_with_a_rule_is_held_to_its_formula():
    with_rule = {o for o in vars(optim).values() if isinstance(o, type) and issubclass(o, optim.Optimizer)}
    assert {kind for kind, _ in CASES} == {o for o in with_rule if o.update is not optim.Optimizer.update}


def test_numbers_stand_apart_from_arrays():
    (p, m, v), *_ = recorded(optim.Adam, 3)
    assert (
        write(p)
        == "p − (lr · (1 − betas2^t)^0.5 / (1 − betas1^t)) · (betas1 · m + (1 − betas1) · g) / (√(betas2 · v + (1 − betas2) · g²) + eps · (1 − betas2^t)^0.5)"
    )
    assert isinstance(p.operands[1].operands[0].operands[0], Number)
