"""Values that the program has freed: computed again where that is the truth, bit by bit, and else said to be unknown, with the reason."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases
from chainrule.graph.graph import GONE, RECOMPUTED
from chainrule.graph.recompute import WAITING

OURS = {p.name: p for p in REGISTRY.values() if p.vjp and p.module.startswith("chainrule.") and p.name not in WAITING}


@pytest.fixture
def forgetful(monkeypatch):
    """The tape keeps no small results either."""
    monkeypatch.setattr("chainrule.autograd.call.SMALL", -1)


def weighted(x):
    """(loss, tensors to hold) with upstream gradients that differ."""
    weights = cr.tensor(np.random.default_rng(1).normal(size=x.shape).astype(x.dtype))
    return (x * weights).sum(), weights


def notes(loss, names=None):
    """{label: note} of the nodes that have one."""
    return {n.label: n.note for n in cr.trace(loss, names or {}).nodes if n.note}


@pytest.mark.parametrize("p", OURS.values(), ids=OURS)
def test_every_operation_gives_the_bits_that_were_freed(p, forgetful):
    case = cases(p)[0]
    drawn = case.draw(np.random.default_rng(0))
    names = [f"x{i}" for i in range(len(drawn))] if p.variadic else p.inputs
    real = [p.variadic or name in p.vjp for name in names]
    args = [cr.tensor(a, dtype="float32" if r else None, requires_grad=r) for a, r in zip(drawn, real, strict=True)]
    out = p.call(*args, **case.options)
    loss, weights = weighted(out)
    given = dict(zip(names, args, strict=True)) | {"weights": weights, "loss": loss}
    held = cr.trace(loss, given | {"out": out}).node("out")
    del out
    loss.backward()
    graph = cr.trace(loss, given)
    again = graph.nodes[held.id]
    assert (held.note, again.note) == ("", RECOMPUTED)
    assert (again.value, again.total) == (held.value, held.total)
    assert all(e.contribution is not None for e in graph.edges if e.flows)


@pytest.fixture
def network():
    """A ReLU net of 1 layer, with 2 of 8 units that no example turns on; inputs and targets."""
    cr.random.seed(1)
    model, x = (
        cr.nn.MLP([2, 8, 1], activation="relu"),
        cr.tensor(np.random.default_rng(0).normal(size=(16, 2)), "float32"),
    )
    model.layers[0].bias.assign([0, 0, 0, -50, 0, 0, -50, 0])
    return model, x, cr.zeros((16, 1))


def test_the_pre_activation_of_a_layer_is_recomputed(network):
    model, x, y = network
    graph = cr.trace(cr.nn.mse(model(x), y), {})
    (hidden,) = (n for n in graph.nodes if n.operation == "affine" and n.shape == (16, 8))
    expected = x.numpy() @ model.layers[0].weight.numpy() + model.layers[0].bias.numpy()
    assert (hidden.note, hidden.value.summary["min"]) == (RECOMPUTED, expected.min())


def test_after_backward_all_is_known_and_what_it_was(network):
    model, x, y = network
    loss = cr.nn.mse(model(x), y)
    before = cr.trace(loss, {})
    loss.backward()
    after = cr.trace(loss, {})
    assert [(n.value, n.total, n.badges) for n in after.nodes] == [(n.value, n.total, n.badges) for n in before.nodes]
    assert [(e.local, e.contribution, e.why) for e in after.edges] == [
        (e.local, e.contribution, e.why) for e in before.edges
    ]


def test_dead_units_are_counted_after_backward(network):
    model, x, y = network
    loss = cr.nn.mse(model(x), y)
    loss.backward()
    assert "dead: 2 of 8 units" in [badge for n in cr.trace(loss).nodes for badge in n.badges]


def test_a_chain_is_recovered_from_its_beginning():
    x = cr.ones((10, 10), requires_grad=True)
    y = x + 1
    for _ in range(5):
        y = y + 1
    graph = cr.trace(y.sum(), {"x": x})
    assert [n.value.summary["mean"] for n in graph.nodes if n.note] == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_what_was_changed_since_is_not_recomputed(network):
    model, x, y = network
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    loss = cr.nn.mse(model(x), y)
    loss.backward()
    optimizer.step()
    freed = [n for n in cr.trace(loss, {}).nodes if n.note]
    assert [n.value for n in freed] == [None] * len(freed)
    assert len(freed) == 2
    assert all("changed" in n.note for n in freed)


def test_a_change_that_no_guard_sees_is_noticed_by_what_follows(network):
    model, x, y = network
    model(x)  # the first layer keeps its inputs alone
    loss = cr.nn.mse(model(x), y)
    model.layers[0].weight.assign(model.layers[0].weight.numpy() * 2)
    (first, *_) = notes(loss).values()
    assert first == f"{GONE}, and what it was computed from may have changed since"


def test_a_leaf_that_was_changed_before_the_call_is_no_hindrance(network):
    model, x, y = network
    model.layers[0].weight.assign(model.layers[0].weight.numpy() * 2)
    assert set(notes(cr.nn.mse(model(x), y)).values()) == {RECOMPUTED}


def test_a_changed_array_of_the_caller_is_noticed():
    w, x = cr.ones((40, 40), requires_grad=True), cr.ones(40)
    loss = ((w + x) + 1).sum()
    x[0] = 5.0
    assert "may have changed" in notes(loss, {"w": w, "x": x})["v1"]


def test_what_was_drawn_is_not_drawn_again():
    x, dropout = cr.ones((20, 20), requires_grad=True), cr.nn.Dropout(0.5, generator=cr.random.Generator(3))
    h = dropout(x)
    loss = h.exp().sum()
    held, state = cr.trace(loss, {"x": x, "h": h}).node("h").value, dropout.generator.get_state()
    del h
    loss.backward()
    again = cr.trace(loss, {"x": x})
    assert [n.value for n in again.nodes if n.operation == "multiply"] == [held]
    assert dropout.generator.get_state() == state


def test_what_needs_an_array_that_is_gone_stays_unknown():
    x = cr.ones((10, 10), requires_grad=True)
    loss = (x * np.full((10, 10), 2.0, "float32")).exp().sum()
    loss.backward()
    assert notes(loss, {"x": x})["v2"] == f"{GONE}, and what is needed to compute it again"


@pytest.fixture
def odd():
    """A primitive of the user's that gives something else, or nothing, when it is called again."""

    @cr.primitive(samples=[], jvp=ELEMENTWISE, vjp=dict(x=lambda g: g))
    def drawing(xp, x, *, calls: list):
        if len(calls) == 2:
            raise ValueError("no more")
        calls.append(1)
        return x + len(calls)

    yield drawing
    del REGISTRY["drawing"]


def test_an_operation_of_the_users_that_gives_something_else_is_not_believed(odd):
    x = cr.ones((10, 10), requires_grad=True)
    loss = (odd(x, calls=[]) + 1).sum()
    assert notes(loss)["v2"] == f"{GONE}, and what it was computed from may have changed since"


def test_an_operation_that_raises_when_it_is_called_again_says_so(odd):
    x = cr.ones((10, 10), requires_grad=True)
    loss = (odd(x, calls=[1]) + 1).sum()
    assert notes(loss)["v2"] == f"{GONE}, and computing it again raised ValueError: no more"


def test_what_would_take_too_much_memory_says_so(monkeypatch):
    monkeypatch.setattr("chainrule.graph.recompute.ROOM", 300 * 2**10)
    x = cr.ones((256, 256), requires_grad=True)
    first, second = (x + 1, x + 2)
    loss = (first + second).sum()
    del first, second
    values = list(notes(loss, {"x": x}).values())
    assert values[:2] == [RECOMPUTED, f"{GONE}, and with 0.2 MiB it is too large to be computed again"]


def test_it_is_computed_where_it_was(device):
    x = cr.ones((10, 10), device=device, requires_grad=True)
    graph = cr.trace(((x + 1) * 2).sum(), {"x": x})
    assert [(n.device, n.note) for n in graph.nodes if n.shape and n.kind == "operation"] == [
        (graph.nodes[0].device, RECOMPUTED)
    ] * 2


def test_explain_marks_it():
    x = cr.ones((10, 10), requires_grad=True)
    assert "= all 2 (10, 10) float32 [recomputed]" in " ".join(cr.trace((x + 1).sum(), {"x": x}).explain().split())


def test_the_hint_of_its_box_says_so():
    x = cr.ones((10, 10), requires_grad=True)
    assert RECOMPUTED in cr.trace((x + 1).sum(), {"x": x}).to_svg()
