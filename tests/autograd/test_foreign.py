"""Names and habits of other libraries: the error says what to write here."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.foreign import ELSEWHERE

PLACES = {"chainrule": cr, "chainrule.nn": cr.nn, "chainrule.optim": cr.optim, "Tensor": cr.ones(2)}


@pytest.mark.parametrize(("place", "name"), [(p, n) for p, names in ELSEWHERE.items() for n in names])
def test_a_name_of_another_library_is_answered_with_ours(place, name):
    with pytest.raises(AttributeError) as caught:
        getattr(PLACES[place], name)
    assert f"has no attribute {name!r}; use {ELSEWHERE[place][name]}" in str(caught.value)


def exists(place, ours):
    """Whether a name that the advice gives is there."""
    for start in (PLACES[place], cr):
        found = start
        for part in ours.removeprefix("chainrule.").split("."):
            found = getattr(found, part, None)
        if found is not None:
            return True
    return False


@pytest.mark.parametrize("place", ["chainrule", "chainrule.nn", "chainrule.optim"])
def test_the_names_that_are_advised_exist(place):
    plain = [ours for ours in ELSEWHERE[place].values() if ours.replace(".", "").replace("_", "").isalnum()]
    assert [ours for ours in plain if not exists(place, ours)] == []


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        cr.sofmax  # noqa: B018


def test_what_another_library_has_is_not_offered_for_completion():
    assert not set(ELSEWHERE["Tensor"]) & set(dir(cr.ones(2)))


MISTAKES = {
    "x and y apart": (
        lambda: cr.fit(cr.nn.Linear(2, 1), cr.nn.mse, None, np.ones((4, 2)), np.ones((4, 1))),
        r"x and y are one argument, a pair: fit\(model, loss, optimizer, \(x, y\), epochs\)",
    ),
    "a shape first": (lambda: cr.random.normal((2, 3)), r"loc must be a number, not \(2, 3\); for a shape write size=\(2, 3\)"),
    "a result": (lambda: cr.grad(cr.ones(2).sum(), cr.ones(2)), "grad: needs a function, was given Tensor; .*backward"),
    "a binary target of another rank": (
        lambda: cr.nn.bce_with_logits(cr.zeros((4, 1)), cr.zeros(4)), r"reshape one, e.g. target.reshape\(4, 1\)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_habit_from_elsewhere_is_answered_with_ours(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises((cr.ArgumentError, cr.ShapeError), match=message):
        call()


def test_an_optimiser_says_which_parameter_is_frozen():
    model = cr.nn.MLP([2, 3, 1])
    model.layers[0].weight.requires_grad = False
    with pytest.raises(cr.ArgumentError, match=r"Adam: parameter 'layers.0.weight' .* is frozen.*if p.requires_grad"):
        cr.optim.Adam(model.named_parameters())


def test_a_slice_of_a_sequential_is_one():
    model = cr.nn.Sequential(cr.nn.Linear(2, 3), cr.tanh, cr.nn.Linear(3, 1))
    assert model[:-1](cr.zeros((4, 2))).shape == (4, 3)
    assert model[:1][0] is model[0]
