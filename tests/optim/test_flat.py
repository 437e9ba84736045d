"""The flat buffer: parameters, gradient and state as arrays, and the one way to write them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from optimizer_formulas import leaves

import chainrule as cr
from chainrule import optim
from chainrule.optim.flat import CHUNK, FlatBuffer, buffers


def made(state=(), dtype="float64"):
    """Parameters of shapes (2,) and (1, 2), and their buffer."""
    params = leaves([[1.0, 2.0], [[3.0, 4.0]]], dtype)
    return params, FlatBuffer(params, dict.fromkeys(state, 0.0))


def next_line():
    """Where the line after the caller's is, as messages name it."""
    return f"{Path(__file__).name}:{sys._getframe(1).f_lineno + 1}"


# ---- which parameters share a buffer


def test_the_data_of_parameters_are_parts_of_the_values():
    params, buffer = made()
    assert buffer.values.tolist() == [1, 2, 3, 4]
    assert buffer.spans == [(0, 2), (2, 4)]
    assert all(np.shares_memory(p.data, buffer.values) for p in params)


def test_parameters_of_one_device_and_dtype_share_a_buffer(strict):
    kinds = [("float32", "cpu"), ("float64", "cpu"), ("float32", strict)]
    params = [p for kind in kinds * 2 for p in leaves([[1.0]], *kind)]
    assert [b.params for b in buffers(params, {})] == [params[i::3] for i in range(3)]


def test_on_the_host_a_large_parameter_has_a_buffer_of_its_own():
    params = leaves([np.ones(n) for n in (3, 4, CHUNK + 1, 5)], "float32")
    assert [[p.size for p in b.params] for b in buffers(params, {})] == [[3, 4], [CHUNK + 1], [5]]


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_a_whole_buffer_and_one_on_a_device_hold_parameters_of_any_size(device, strict):
    params = leaves([np.ones(n) for n in (3, CHUNK + 1, 5)], "float32", strict if device == "strict" else device)
    assert [b.params for b in buffers(params, {}, whole=device == "cpu")] == [params]


# ---- gather and spread


def test_the_gathered_gradient_has_zeros_where_a_parameter_has_none():
    (_, b), buffer = made()
    b.grad = [[5.0, 6.0]]
    assert buffer.gather().tolist() == [0, 0, 5, 6]
    assert buffer.gradient.tolist() == [0, 0, 5, 6]
    assert buffer.due == [(1, 1, 2)]


def test_without_any_gradient_nothing_is_gathered():
    assert made()[1].gather() is None


def test_the_gradient_of_a_single_parameter_is_not_copied():
    (w,) = leaves([[[1.0, 2.0]]])
    w.grad = [[3.0, 4.0]]
    assert np.shares_memory(FlatBuffer([w], {}).gather(), w.grad.data)


def test_values_are_gathered_as_floats():
    values = [cr.Value(1.0), cr.Value(2.0)]
    buffer = FlatBuffer(values, {})
    (values[0] * values[1]).backward()
    assert buffer.gather().tolist() == [2, 1]


def test_a_gradient_that_was_spread_is_gathered_without_a_copy():
    (a, b), buffer = made()
    whole = np.arange(4.0)
    buffer.spread(whole)
    assert (a.grad.tolist(), b.grad.tolist()) == ([0, 1], [[2, 3]])
    assert buffer.gather() is whole


def test_after_another_gradient_what_was_spread_is_not_gathered():
    (a, _), buffer = made()
    buffer.spread(np.arange(4.0))
    a.grad = [8.0, 9.0]
    assert buffer.gather().tolist() == [8, 9, 2, 3]


@pytest.mark.parametrize("forget", [True, False])
def test_a_gradient_that_the_user_holds_is_not_overwritten_by_a_later_backward(forget):
    (a, b), buffer = made()
    buffer.spread(np.arange(4.0))
    held, view = a.grad, a.grad.data[:1]
    if forget:
        buffer.zero_grad()
    ((a * a).sum() + (b * b).sum()).backward()
    buffer.gather()
    assert held.tolist() == [0, 1]
    assert view.tolist() == [0]


def test_a_step_keeps_no_gradient():
    (w,) = leaves([[1.0]])
    optimizer = optim.Adam([w])
    w.grad = [1.0]
    optimizer.step()
    assert optimizer.buffers[0][1].gradient is None


# ---- store


def test_store_writes_parameters_and_state():
    (a, b), buffer = made(("m", "v"))
    buffer.store([5, 6, 7, 8], [1, 2, 3, 4], [0, 0, 0, 9])
    assert (a.tolist(), b.tolist()) == ([5, 6], [[7, 8]])
    assert {kind: s.tolist() for kind, s in buffer.state.items()} == {"m": [1, 2, 3, 4], "v": [0, 0, 0, 9]}


def test_store_writes_a_part():
    (a, b), buffer = made(("m",))
    buffer.store([6, 7], [1, 2], first=1, last=3)
    assert (a.tolist(), b.tolist(), buffer.state["m"].tolist()) == ([1, 6], [[7, 4]], [0, 1, 2, 0])


def test_store_writes_values():
    v = cr.Value(1.0)
    FlatBuffer([v], {}).store([2.0])
    assert type(v.data) is float
    assert v.data == 2


def test_a_backward_that_waits_for_what_was_stored_over_names_the_line():
    (a, _), buffer = made()
    loss = (a * a).sum()
    where = next_line()
    buffer.store([5, 6, 7, 8])
    with pytest.raises(cr.GraphError, match=f"changed at .*{where}"):
        loss.backward()


@pytest.mark.parametrize("change", ["a part that is another parameter's", "state"])
def test_what_was_not_stored_over_is_not_marked(change):
    (a, _), buffer = made(("m",))
    loss = (a * a).sum()
    if change == "state":
        buffer.store(None, [1, 2, 3, 4])
    else:
        buffer.store([7, 8], [0, 0], first=2, last=4)
    loss.backward()
    assert a.grad.tolist() == [2, 4]


@pytest.mark.filterwarnings("ignore:.*no gradient has reached")
def test_a_step_does_not_mark_a_parameter_without_gradient():
    a, b = leaves([[1.0, 2.0], [3.0]])
    optimizer, loss = optim.SGD([a, b], lr=1.0), (a * a).sum()
    b.grad = [1.0]
    optimizer.step()
    loss.backward()
    assert a.grad.tolist() == [2, 4]


class Interrupted:
    """An array of which one element is written before Ctrl-C comes."""

    def __init__(self, array):
        self.array, self.size = array, array.size

    def __setitem__(self, index, value):
        self.array[index.start] = value[0]
        raise KeyboardInterrupt


def test_a_store_that_is_interrupted_is_noticed_by_a_backward_that_waits():
    (a, _), buffer = made()
    loss = (a * a).sum()
    buffer.values = Interrupted(buffer.values)
    with pytest.raises(KeyboardInterrupt):
        buffer.store([5, 6, 7, 8])
    assert a.tolist() == [5, 2]
    with pytest.raises(cr.GraphError, match="changed at"):
        loss.backward()


def test_a_step_that_is_interrupted_is_noticed_by_a_backward_that_waits():
    class Fails(optim.Optimizer):
        @staticmethod
        def update(p, g):
            if p[0] > 1:
                raise KeyboardInterrupt
            return (p - g,)

    (w,) = leaves([[1.0] * CHUNK + [2.0]])
    optimizer, loss = Fails([w], lr=1.0), (w * w).sum()
    w.grad = np.ones(CHUNK + 1)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert w.tolist() == [0] * CHUNK + [2]
    with pytest.raises(cr.GraphError, match="changed at"):
        loss.backward()


# ---- how an update rule is run


@pytest.mark.parametrize(("device", "lengths"), [("cpu", [CHUNK, CHUNK, 1]), ("strict", [2 * CHUNK + 1])])
def test_a_rule_is_run_chunk_by_chunk_on_the_host_and_at_once_on_a_device(device, lengths, strict):
    met = []

    class Descent(optim.Optimizer):
        @staticmethod
        def update(p, g, *, lr):
            met.append(p.size)
            return (p - lr * g,)

    (w,) = leaves([np.ones(2 * CHUNK + 1)], "float32", strict if device == "strict" else device)
    optimizer = Descent([w], lr=1.0)
    w.grad = cr.ones(w.shape, device=w.device)
    optimizer.step()
    assert met == lengths
    assert not w.numpy().any()


def test_on_a_device_small_and_large_parameters_are_updated_at_once(strict):
    met = []

    class Descent(optim.Optimizer):
        @staticmethod
        def update(p, g, *, lr):
            met.append(p.size)
            return (p - lr * g,)

    params = leaves([np.ones(2), np.ones(CHUNK + 1), np.ones((2, 2))], "float32", strict)
    optimizer = Descent(params, lr=1.0)
    for p in params:
        p.grad = cr.ones(p.shape, device=strict)
    optimizer.step()
    assert met == [CHUNK + 7]
