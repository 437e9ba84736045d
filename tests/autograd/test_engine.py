"""The engine: what backward adds up, what it keeps and frees, how deep it goes, and which dtypes come out."""

import gc
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import chainrule as cr

MB = 2**20


def leaf(values, dtype="float64"):
    return cr.tensor(values, dtype=dtype, requires_grad=True)


# ---- what backward adds up


def test_a_shared_input_adds_its_contributions():
    x = leaf([1.0, 2.0])
    (cr.sin(x) + x * 3 + x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos([1.0, 2.0]) + 4)


def test_x_times_x_counts_both_operands():
    x = leaf([3.0])
    (x * x).backward()
    assert x.grad.tolist() == [6.0]


def test_x_minus_x_has_gradient_zero():
    x = leaf([3.0])
    (x - x).backward()
    assert x.grad.tolist() == [0.0]


def test_a_diamond_adds_both_paths():
    x = leaf(0.7)
    left, right = cr.exp(x), cr.sin(x)
    (left * right).backward()
    assert x.grad.item() == pytest.approx(np.exp(0.7) * (np.sin(0.7) + np.cos(0.7)), rel=1e-14)


def test_one_array_in_several_places_of_one_call_adds_up():
    x = leaf([1.0, 2.0])
    (cr.concatenate([x, x, x]) * np.arange(6.0)).sum().backward()
    assert x.grad.tolist() == [0 + 2 + 4, 1 + 3 + 5]


def test_each_node_is_pulled_once_in_a_ladder_of_diamonds():
    pulls = []

    def counted(g):
        pulls.append(1)
        return g

    @cr.primitive(jvp=cr.LINEAR, samples=[], vjp=dict(x=counted))
    def test_engine_counted_identity(xp, x):
        return x * 1

    x = y = leaf(1.0)
    for _ in range(60):
        y = test_engine_counted_identity(y) * 0.5 + y * 0.5
    y.backward()
    assert (len(pulls), x.grad.item()) == (60, 1.0)


def test_an_unused_input_keeps_grad_none():
    x, unused = leaf([1.0]), leaf([1.0])
    (x * 2).backward()
    assert unused.grad is None


def test_an_unused_branch_contributes_nothing():
    x = leaf([2.0])
    unused = x * 100  # noqa: F841  recorded, but no part of the loss
    (x * 3).backward()
    assert x.grad.tolist() == [3.0]


def test_a_constant_operand_gets_no_gradient():
    x, c = leaf([2.0]), cr.tensor([5.0])
    (x * c).backward()
    assert c.grad is None


def test_grad_accumulates_over_backward_calls():
    x = leaf([2.0])
    (x * 3).backward()
    (x * 4).backward()
    assert x.grad.tolist() == [7.0]


def test_backward_of_a_leaf_is_one():
    x = leaf(5.0)
    x.backward()
    assert x.grad.item() == 1.0


def test_backward_of_an_array_with_one_element_needs_no_gradient():
    x = leaf([[2.0]])
    (x * 3).backward()
    assert x.grad.tolist() == [[3.0]]


@pytest.mark.parametrize("kind", [list, np.asarray, cr.tensor], ids=["list", "numpy", "tensor"])
def test_a_given_gradient_weighs_the_elements(kind):
    x = leaf([1.0, 2.0, 3.0])
    (x * x).backward(kind([1.0, 10.0, 100.0]))
    assert x.grad.tolist() == [2.0, 40.0, 600.0]


def test_gradients_flow_through_empty_arrays():
    x = leaf(np.zeros((0, 3)))
    (cr.exp(x).sum() + 1).backward()
    assert x.grad.shape == (0, 3)


def test_a_broadcast_operand_gets_the_summed_gradient_in_its_own_shape():
    row, column = leaf([1.0, 2.0, 3.0]), leaf([[1.0], [2.0]])
    (row * column).sum().backward()
    assert (row.grad.tolist(), column.grad.tolist()) == ([3.0, 3.0, 3.0], [[6.0], [6.0]])


# ---- intermediates


def test_a_result_still_held_gets_its_gradient():
    x = leaf([1.0, 2.0])
    y = x * 2
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 8.0]


def test_a_large_result_gets_its_gradient_where_it_was_asked_for():
    x = leaf(np.ones(1000))
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    np.testing.assert_array_equal(y.grad.numpy(), np.full(1000, 4.0))


def test_a_large_result_that_did_not_ask_gets_no_gradient():
    x = leaf(np.ones(1000))
    y = x * 2
    (y * y).sum().backward()
    assert y.grad is None


def test_the_gradient_of_a_result_accumulates_too():
    x = leaf([1.0, 2.0])
    y = x * 2
    loss = (y * y).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert y.grad.tolist() == [8.0, 16.0]


def test_a_result_dropped_after_retain_grad_costs_nothing():
    x = leaf(np.ones(1000))
    y = x * 2
    y.retain_grad()
    loss = (y * y).sum()
    del y
    loss.backward()
    assert x.grad.tolist() == [8.0] * 1000


def test_retain_grad_needs_a_history():
    with pytest.raises(cr.GraphError, match="does not require grad"):
        cr.tensor([1.0]).retain_grad()


def test_the_output_itself_gets_gradient_one():
    loss = leaf([1.0, 2.0]).sum()
    loss.backward()
    assert loss.grad.item() == 1.0


# ---- backward without an answer


def test_backward_of_many_elements_asks_for_a_gradient():
    with pytest.raises(cr.ShapeError, match=r"shape \(2, 3\).*mean\(\)\.backward\(\).*gradient="):
        (leaf(np.ones((2, 3))) * 2).backward()


def test_a_gradient_of_another_shape_is_refused_with_both_shapes():
    with pytest.raises(cr.ShapeError, match=r"\(3,\).*\(2,\)"):
        (leaf([1.0, 2.0, 3.0]) * 2).backward([1.0, 2.0])


def test_backward_without_history_says_what_is_missing():
    with pytest.raises(cr.GraphError, match=r"no history.*requires_grad=True.*no_grad"):
        cr.tensor([1.0]).sum().backward()


def test_a_second_backward_explains_and_names_the_way_out():
    x = leaf([2.0])
    y = x * x
    y.backward()
    with pytest.raises(cr.GraphError, match=r"already used and freed.*retain_graph=True"):
        y.backward()


def test_a_second_backward_names_the_forward_line():
    x = leaf([2.0])
    y = x * x
    y.backward()
    with pytest.raises(cr.GraphError, match=r"test_engine\.py:\d+, in test_a_second_backward_names_the_forward_line"):
        y.backward()


def test_a_failed_second_backward_leaves_grad_as_it_was():
    x = leaf([2.0])
    y = x * x
    y.backward()
    with pytest.raises(cr.GraphError):
        y.backward()
    assert x.grad.tolist() == [4.0]


def test_a_backward_that_fails_half_way_leaves_the_leaves_as_they_were():
    def broken(g):
        raise ZeroDivisionError("in the rule")

    @cr.primitive(jvp=cr.LINEAR, samples=[], vjp=dict(x=broken))
    def test_engine_broken_rule(xp, x):
        return x * 1

    x, y = leaf([2.0]), leaf([3.0])
    with pytest.raises(ZeroDivisionError):
        (y * 3 + test_engine_broken_rule(x * 2)).backward()
    assert (x.grad, y.grad) == (None, None)


def test_two_losses_over_one_freed_part_raise():
    x = leaf([2.0])
    shared = x * x
    (shared * 2).backward()
    with pytest.raises(cr.GraphError, match="retain_graph"):
        (shared * 3).backward()


# ---- retain_graph and create_graph


def test_retain_graph_lets_backward_run_again_and_accumulates():
    x = leaf([3.0])
    y = x * x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [54.0]


def test_after_retain_graph_the_last_backward_frees():
    x = leaf([3.0])
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(cr.GraphError, match="retain_graph"):
        y.backward()


def test_create_graph_gives_gradients_of_any_order():
    x = leaf(2.0)
    y = x**4
    orders = []
    for _ in range(5):
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
        orders.append(y.item())
    assert orders == [32.0, 48.0, 48.0, 24.0, 0.0]


def test_without_create_graph_a_gradient_has_no_history():
    x = leaf(2.0)
    (x**3).backward()
    assert not x.grad.requires_grad


def test_a_gradient_penalty_trains_through_grad():
    x, w = leaf([1.0, 2.0]), leaf([0.5, -0.3])
    (cr.tanh(x * w)).sum().backward(create_graph=True)
    penalty = (x.grad * x.grad).sum()
    w.grad = None
    penalty.backward()

    def by_hand(w):
        x = np.array([1.0, 2.0])
        return (((1 - np.tanh(x * w) ** 2) * w) ** 2).sum()

    step = 1e-6
    slopes = [(by_hand(np.array([0.5, -0.3]) + d) - by_hand(np.array([0.5, -0.3]) - d)) / (2 * step)
              for d in np.eye(2) * step]  # fmt: skip
    np.testing.assert_allclose(w.grad.numpy(), slopes, rtol=1e-8)


def test_create_graph_accumulates_onto_a_gradient_with_history():
    x = leaf(3.0)
    y = x**2
    y.backward(create_graph=True)
    y.backward(create_graph=True)
    total = x.grad  # 2 · 2x
    x.grad = None
    total.backward()
    assert (total.item(), x.grad.item()) == (12.0, 4.0)


# ---- depth


LINKS = 100_000  # a hundred times the recursion limit


def test_a_long_chain_of_values_runs_backward():
    x = y = cr.Value(1.0)
    for _ in range(LINKS):
        y = y + 1.0
    y.backward()
    assert (y.data, x.grad) == (LINKS + 1.0, 1.0)


def test_a_long_chain_of_arrays_runs_backward():
    x = y = leaf([1.0, 2.0])
    for _ in range(LINKS):
        y = y + x
    y.sum().backward()
    assert x.grad.tolist() == [LINKS + 1.0] * 2


def test_a_long_chain_is_dropped_without_recursion():
    x = y = cr.Value(1.0)
    for _ in range(LINKS):
        y = -y
    del y  # a recursive release would overflow the C stack here
    gc.collect()
    assert x.grad == 0


def test_a_long_chain_pushes_forward_without_recursion():
    def chain(x):
        for _ in range(20_000):
            x = x + 1.0
        return x

    assert cr.jvp(chain, (0.0,), (3.0,))[1].item() == 3.0


# ---- memory


@contextmanager
def traced():
    """Calls of the yielded function give (bytes allocated now, peak so far), counted from here on."""
    gc.collect()
    tracemalloc.start()
    start = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: tuple(n - start for n in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()


def large():
    return cr.tensor(np.full((512, 256), 0.5), requires_grad=True)  # float64: 1 MB


def deep(x, n=60):
    for _ in range(n // 2):
        x = cr.sqrt(cr.exp(-x))
    return x.sum()


def test_the_forward_pass_keeps_what_the_rules_ask_for():
    x = large()
    with traced() as memory:
        loss = deep(x)
        kept, _ = memory()
    assert 60 * MB < kept < 64 * MB, loss.shape


def test_backward_peaks_a_few_arrays_above_the_forward_level():
    x = large()
    with traced() as memory:
        loss = deep(x)
        kept, _ = memory()
        tracemalloc.reset_peak()
        loss.backward()
        _, peak = memory()
    assert peak < kept + 5 * MB


def test_backward_frees_the_graph_although_the_loss_is_held():
    x = large()
    with traced() as memory:
        loss = deep(x)
        loss.backward()
        left, _ = memory()
    assert left < 2 * MB, loss.shape  # x.grad, and change


def test_retain_graph_keeps_the_arrays():
    x = large()
    with traced() as memory:
        loss = deep(x)
        loss.backward(retain_graph=True)
        left, _ = memory()
    assert left > 60 * MB, loss.shape


def test_dropping_the_loss_frees_the_graph_without_backward_or_garbage_collection():
    x = large()
    gc.disable()
    try:
        with traced() as memory:
            loss = deep(x)
            del loss
            left, _ = memory()
    finally:
        gc.enable()
    assert left < MB


def test_addition_keeps_no_arrays():
    x = large()
    with traced() as memory:
        y = x
        for _ in range(20):
            y = y + 1.0
        kept, _ = memory()
    assert kept < 2 * MB  # y itself


def test_a_sum_keeps_no_arrays():
    x = large()
    with traced() as memory:
        total = (x + 1.0).sum()
        kept, _ = memory()
    assert kept < 0.5 * MB, total.shape


def test_multiplying_by_a_number_keeps_only_the_result():
    x = large()
    with traced() as memory:
        y = x
        for _ in range(20):
            y = y * 1.5
        kept, _ = memory()
    assert kept < 2 * MB


def test_no_grad_keeps_no_arrays():
    x = large()
    with traced() as memory:
        with cr.no_grad():
            loss = deep(x)
        kept, peak = memory()
    assert kept < 0.5 * MB, loss.shape
    assert peak < 4 * MB


# ---- recording state


def test_no_grad_records_nothing():
    x = leaf([1.0])
    with cr.no_grad():
        y = x * 2
    assert not y.requires_grad


def test_no_grad_ends_with_its_block():
    x = leaf([1.0])
    with cr.no_grad():
        pass
    assert (x * 2).requires_grad


def test_no_grad_ends_when_its_block_raises():
    x = leaf([1.0])
    with pytest.raises(ZeroDivisionError), cr.no_grad():
        1 / 0  # noqa: B018
    assert (x * 2).requires_grad


def test_no_grad_decorates_functions():
    @cr.no_grad()
    def f(x):
        return x * 2

    assert not f(leaf([1.0])).requires_grad


def test_a_decorated_function_may_call_itself():
    x = leaf([1.0])

    @cr.no_grad()
    def f(n):
        return (x * 2).requires_grad or (n > 0 and f(n - 1))

    assert not f(3)
    assert (x * 2).requires_grad


def test_enable_grad_records_inside_no_grad():
    x = leaf([1.0])
    with cr.no_grad(), cr.enable_grad():
        y = x * 2
    assert y.requires_grad


def test_recording_states_nest():
    x, seen = leaf([1.0]), []
    with cr.no_grad():
        with cr.enable_grad():
            with cr.no_grad():
                seen.append((x * 2).requires_grad)
            seen.append((x * 2).requires_grad)
        seen.append((x * 2).requires_grad)
    assert seen == [False, True, False]


def test_one_no_grad_object_can_be_entered_twice():
    x, state = leaf([1.0]), cr.no_grad()
    with state, state:
        pass
    assert (x * 2).requires_grad


def test_a_leaf_made_under_no_grad_still_requires_grad():
    with cr.no_grad():
        x = leaf([1.0])
    (x * 2).backward()
    assert x.grad.tolist() == [2.0]


def in_thread(function):
    """The result of function() in a thread of its own."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(30)
    return results[0]


def test_no_grad_in_one_thread_does_not_reach_another():
    x = leaf([1.0])
    with cr.no_grad():
        recorded_elsewhere = in_thread(lambda: (x * 2).requires_grad)
    assert recorded_elsewhere


def test_no_grad_in_another_thread_does_not_reach_this_one():
    x, inside, leave = leaf([1.0]), threading.Event(), threading.Event()

    def other():
        with cr.no_grad():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(30)
    recorded_here = (x * 2).requires_grad
    leave.set()
    thread.join(30)
    assert recorded_here


def test_threads_run_backward_on_graphs_of_their_own():
    start = threading.Barrier(4, timeout=30)

    def work(k, results):
        x = leaf([float(k)])
        start.wait()
        for _ in range(200):
            x.grad = None
            y = x
            for _ in range(10):
                y = cr.sin(y)
            y.backward()
        results[k] = x.grad.item()

    results = {}
    threads = [threading.Thread(target=work, args=(k, results)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    def by_hand(k):
        slope, value = 1.0, float(k)
        for _ in range(10):
            slope *= np.cos(value)
            value = np.sin(value)
        return slope

    assert results == pytest.approx({k: by_hand(k) for k in range(4)}, rel=1e-12)


def test_a_graph_can_be_recorded_in_one_thread_and_walked_in_another():
    x = leaf([3.0])
    y = in_thread(lambda: x * x)
    y.backward()
    assert x.grad.tolist() == [6.0]


# ---- dtypes: promotion follows NumPy 2


DTYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("second", DTYPES)
@pytest.mark.parametrize("first", DTYPES)
def test_tensors_promote_as_numpy_arrays_do(first, second):
    a, b = np.ones(2, first), np.ones(2, second)
    assert (cr.tensor(a) + cr.tensor(b)).dtype == (a + b).dtype


@pytest.mark.parametrize("operation", [np.add, np.multiply, np.divide, np.power, np.maximum, np.arctan2, np.logaddexp])
@pytest.mark.parametrize("first", ["int64", "float16", "float32", "float64"])
def test_each_operation_promotes_as_numpys(first, operation):
    a, b = np.ones(2, first), np.ones(2, "float32")
    ours = getattr(cr, operation.__name__)
    assert ours(cr.tensor(a), cr.tensor(b)).dtype == operation(a, b).dtype


NUMBERS = [True, 2, 1.5, np.float64(1.5), np.float32(1.5), np.float16(1.5), np.int64(2), np.int8(2), np.bool_(True)]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__}")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_number_promotes_as_in_numpy(dtype, number):
    a = np.ones(2, dtype)
    assert ((cr.tensor(a) * number).dtype, (number * cr.tensor(a)).dtype) == ((a * number).dtype, (number * a).dtype)


@pytest.mark.parametrize("number", [2, 1.5, np.float64(1.5), np.float32(1.5)], ids=lambda n: type(n).__name__)
@pytest.mark.parametrize("dtype", ["int64", "float16", "float32", "float64"])
def test_a_tensor_without_axes_promotes_as_an_array_not_as_a_number(dtype, number):
    zero_d, vector = np.asarray(2, dtype), np.ones(2, "float32")
    assert (cr.tensor(zero_d) * number).dtype == (zero_d * number).dtype
    assert (cr.tensor(zero_d) * cr.tensor(vector)).dtype == (zero_d * vector).dtype


@pytest.mark.parametrize("second", ["int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("first", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "power", "maximum", "where", "matmul"])
def test_a_gradient_has_the_dtype_of_its_input(name, first, second):
    x, y = cr.tensor(np.full((2, 2), 2, first), requires_grad=True), cr.tensor(np.full((2, 2), 2, second))
    y.requires_grad = second != "int64"
    result = cr.where(np.eye(2) > 0, x, y) if name == "where" else getattr(cr, name)(x, y)
    result.sum().backward()
    assert x.grad.dtype == first
    assert y.grad is None if second == "int64" else y.grad.dtype == second


UNARY = "exp log sqrt sin tanh sigmoid relu softplus erf absolute square expm1 log1p arctan softmax log_softmax".split()
REDUCING = "sum mean prod max min var std norm logsumexp cumsum".split()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", UNARY + REDUCING)
def test_a_floating_dtype_stays_through_forward_and_backward(name, dtype):
    x = cr.tensor([[0.5, 1.5], [2.5, 3.5]], dtype=dtype, requires_grad=True)
    y = getattr(cr, name)(x)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (dtype, dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_second_order_keeps_the_dtype(dtype):
    x = cr.tensor([0.5, 1.5], dtype=dtype, requires_grad=True)
    cr.tanh(x).sum().backward(create_graph=True)
    g, x.grad = x.grad, None
    g.sum().backward()
    assert (g.dtype, x.grad.dtype) == (dtype, dtype)


@pytest.mark.parametrize("name", ["exp", "sin", "sqrt", "mean", "var", "sigmoid"])
def test_functions_of_integers_give_numpys_float(name):
    numpy = {"sigmoid": np.exp}.get(name) or getattr(np, name)
    data = np.arange(1, 4)
    assert getattr(cr, name)(cr.tensor(data)).dtype == numpy(data).dtype


def test_a_conversion_gives_the_gradient_back_in_the_first_dtype():
    x = cr.tensor([1.5, 2.5], requires_grad=True)
    (x.to("float64") ** 2).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (np.float32, [3.0, 5.0])


@pytest.mark.parametrize("passes", [1, 2])
def test_the_gradient_of_a_single_number_is_an_array_that_can_be_assigned(passes):
    x = cr.tensor(2.0, requires_grad=True)
    for _ in range(passes):
        (x * x).backward()
    assert isinstance(x.grad.data, np.ndarray)
    assert x.grad.assign(5.0).item() == 5


def test_the_gradient_of_a_result_of_shape_nothing_is_an_array_too():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y = x.sum()
    (y * 3 + y).backward()
    assert isinstance(y.grad.data, np.ndarray)


def test_a_function_under_no_grad_runs_in_several_threads_at_once():
    count = 3
    x, started = cr.tensor([1.0], requires_grad=True), threading.Barrier(count)

    @cr.no_grad()
    def recorded():
        started.wait(10)
        inside = (x * 2).requires_grad
        started.wait(10)
        return inside

    with ThreadPoolExecutor(count) as pool:
        found = [f.result() for f in [pool.submit(lambda: (recorded(), (x * 2).requires_grad)) for _ in range(count)]]
    assert found == [(False, True)] * count
