"""A backward pass that is watched, and gradients of leaves that are delivered elsewhere."""

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.deliver import delivering
from chainrule.autograd.samples import reals
from chainrule.autograd.watch import Watch, watching


class Diary(Watch):
    """Writes down all that it is told."""

    def __init__(self):
        self.parts, self.gradients = [], {}

    def contribution(self, node, slot, part, total):
        self.parts.append((node.label, slot, np.copy(part), np.copy(total)))

    def gradient(self, node, g):
        assert node not in self.gradients
        self.gradients[node] = np.copy(g)


@pytest.fixture
def graph():
    """(leaf a, leaf b, hidden h, loss) of loss = Σ (a·b + a)²."""
    a = cr.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    b = cr.tensor([3.0, -1.0], dtype="float64", requires_grad=True)
    h = a * b + a
    return a, b, h, (h * h).sum()


def test_every_contribution_is_told_with_the_sum_so_far(graph):
    *_, loss = graph
    with watching(Diary()) as diary:
        loss.backward()
    told = [(label, slot, part.tolist(), total.tolist()) for label, slot, part, total in diary.parts]
    assert told[1:] == [
        ("*", 0, [4, 0], [4, 0]),
        ("*", 1, [4, 0], [8, 0]),
        ("+", 0, [8, 0], [8, 0]),
        ("+", 1, [8, 0], [8, 0]),
        ("*", 0, [24, 0], [32, 0]),
        ("*", 1, [8, 0], [8, 0]),
    ]


def test_every_complete_gradient_is_told_once_and_those_of_leaves_come_last(graph):
    a, b, h, loss = graph
    with watching(Diary()) as diary:
        loss.backward()
    assert list(diary.gradients)[-2:] == [a._node, b._node]
    assert diary.gradients[h._node].tolist() == [8, 0]
    assert diary.gradients[a._node].tolist() == a.grad.tolist() == [32, 0]


def test_a_watched_pass_leaves_the_gradients_of_one_that_is_not(graph):
    a, b, _, loss = graph
    loss.backward(retain_graph=True)
    plain = a.grad.numpy().tobytes(), b.grad.numpy().tobytes()
    a.grad = b.grad = None
    with watching(Diary()):
        loss.backward()
    assert (a.grad.numpy().tobytes(), b.grad.numpy().tobytes()) == plain


def test_transforms_are_watched_too():
    with watching(Diary()) as diary:
        cr.grad(lambda x: x * x)(3.0)
    assert [label for label, *_ in diary.parts] == ["*", "*"]


def test_a_transform_tells_complete_gradients_only():
    class Leaves(Watch):
        told = []

        def gradient(self, node, g):
            self.told += [g.tolist()] if node.plan is None else []

    w = cr.tensor([1.0, 2.0], requires_grad=True)
    with watching(Leaves()) as leaves:
        cr.grad(lambda x: (x * w).sum())(cr.tensor([3.0, 4.0]))
    assert leaves.told == [[1, 2]]  # that of x; of w, which was not asked for, none


def test_after_the_block_and_in_other_threads_nobody_watches(graph):
    *_, loss = graph
    with watching(Diary()) as diary:
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
    cr.grad(lambda x: x * x)(3.0)
    assert diary.parts == []


def test_a_rule_that_raises_is_told_and_the_pass_goes_on_where_the_watch_says_so():
    def broken(g):
        raise KeyError("broken")

    @cr.primitive(vjp=dict(x=broken), jvp=cr.ELEMENTWISE, samples=reals)
    def fragile(xp, x):
        """x"""
        return x + 0

    class Tolerant(Diary):
        def failed(self, node, slot, error):
            self.failure = node.label, slot, error.args
            return True

    x = cr.tensor([1.0, 2.0], requires_grad=True)
    with watching(Tolerant()) as diary:
        (fragile(x) + 3 * x).sum().backward()
    assert diary.failure == ("fragile", 0, ("broken",))
    assert x.grad.tolist() == [3, 3]


# ---- delivery


def test_gradients_of_leaves_are_delivered_to_the_function_of_the_context(graph):
    a, b, _, loss = graph
    collected = {}
    with delivering(lambda gradients, seed: collected.update({leaf: g.tolist() for leaf, g in gradients.items()})):
        loss.backward()
    assert collected == {a._node: [32, 0], b._node: [8, 0]}
    assert a.grad is b.grad is None


def test_leaves_that_get_one_array_have_a_copy_each():
    a, b = (cr.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    (a + b).sum().backward()
    assert not np.shares_memory(a.grad.data, b.grad.data)


def test_a_pass_that_raises_delivers_nothing(graph):
    a, _, h, loss = graph
    loss.backward()
    before, delivered = a.grad.tolist(), []
    with delivering(lambda *args: delivered.append(args)), pytest.raises(cr.GraphError, match="already used and freed"):
        (h.sum() + a.sum()).backward()
    assert (delivered, a.grad.tolist()) == ([], before)


def test_threads_that_run_backward_into_one_leaf_lose_nothing():
    w = cr.tensor(np.zeros(1000), requires_grad=True)

    def many():
        for _ in range(50):
            (w * 1.0).sum().backward()

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.grad.tolist() == [200.0] * 1000
