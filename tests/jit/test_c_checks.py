"""What must not go unnoticed in C: checks, indices out of range, overflows, nan; and what is in the way of C."""

import numpy as np
import pytest
from jit_c import needs_compiler
from jit_steps import SGD, data, model_of, state_of, training_step

import chainrule as cr
from chainrule import nn, optim

pytestmark = needs_compiler
X, Y, _ = data(5, 3)


def in_c(function, *calls):
    """The function under jit, after calls, the last of which ran in C."""
    step = cr.jit(function, lowering="c")
    for args in calls:
        step(*args)
    assert step.lowering == "c"
    assert step.cache.replayed
    return step


def trained(make_optimizer=SGD):
    model = model_of(lambda: nn.relu)
    optimizer = make_optimizer(model.parameters())
    return in_c(training_step(model, optimizer, nn.cross_entropy), *[(X, Y)] * 4), lambda: state_of(model, optimizer)


def test_a_target_that_is_no_class():
    step, state = trained()
    kept = lambda: {name: x for name, x in state().items() if "grad" not in name}
    before = kept()
    with pytest.raises(cr.ChainruleError, match="class"):
        step(X, Y + 3)
    assert kept() == before


def test_an_index_out_of_range():
    take = in_c(lambda x, i: x[i] * 2, *[(cr.ones(4), cr.tensor([1, -4]))] * 3)
    assert take(cr.tensor([1.0, 2.0, 3.0, 4.0]), cr.tensor([3, -4])).tolist() == [8.0, 2.0]
    for wrong in (4, -5, 2**40):
        with pytest.raises(cr.ShapeError, match="inside the array"):
            take(cr.ones(4), cr.tensor([1, wrong]))


@pytest.mark.parametrize("n", [3, 300_000])  # kept aside, and computed twice
@pytest.mark.parametrize("make", [optim.Adam, lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9), optim.Adagrad])
def test_an_overflow_in_the_update(n, make):
    w = cr.ones(n, requires_grad=True)
    optimizer = make([w], lr=0.1)

    def update(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    step = in_c(update, *[(cr.ones(n),)] * 3)
    before = w.numpy().copy(), [s.copy() for _, flat in optimizer.buffers for s in flat.state.values()]
    x = np.ones(n, "f4")
    x[-1] = 1.2e19
    optimizer.groups[0]["lr"] = 3e38
    with pytest.raises(cr.GraphError, match="overflows.*nothing was changed"):
        step(cr.tensor(x))
    after = w.numpy(), [s for _, flat in optimizer.buffers for s in flat.state.values()]
    assert (after[0] == before[0]).all()
    assert all((a == b).all() for a, b in zip(after[1], before[1], strict=True))


def test_nan_comes_through():
    both = in_c(lambda x: (x.max(), x.min(axis=0), cr.relu(x), cr.maximum(x, 0.5)), *[(cr.ones((40, 3)),)] * 3)
    x = np.ones((40, 3), "f4")
    x[17, 1] = np.nan
    largest, least, positive, above = both(cr.tensor(x))
    assert np.isnan(largest.item())
    assert np.isnan(least.numpy()).tolist() == [False, True, False]
    assert np.isnan(positive.numpy()).sum() == np.isnan(above.numpy()).sum() == 1


def test_minus_zero_is_no_neutral_element_of_a_difference():
    x = cr.tensor([0.0, -0.0])
    f = in_c(lambda x: x - (-0.0), *[(x,)] * 3)
    assert np.signbit(f(x).numpy()).tolist() == [False, False]


def test_a_sum_of_many_keeps_its_digits():
    x = np.random.default_rng(0).random(3_000_000, "f4")
    total = in_c(lambda x: x.sum(), *[(cr.tensor(x),)] * 3)(cr.tensor(x)).item()
    assert abs(total - x.astype("f8").sum()) < 1e-6 * total


def test_an_argument_in_another_order():
    x = cr.tensor(np.arange(12.0).reshape(3, 4))
    f = in_c(lambda x: x.T @ x + x.T.sum(), *[(x,)] * 3)
    assert (f(x).numpy() == (x.T @ x + x.sum()).numpy()).all()


def test_a_constant_that_somebody_writes_to():
    weights = np.array([1.0, 2.0])
    held = cr.tensor(weights)
    f = in_c(lambda x: x * held, *[(cr.ones(2),)] * 3)
    with cr.no_grad():
        held.assign(cr.tensor([3.0, 4.0]))
    assert f(cr.ones(2)).tolist() == [3.0, 4.0]


def test_why_there_is_no_c():
    f = cr.jit(lambda x: cr.sort(x), lowering="c")
    for _ in range(3):
        f(cr.tensor([2.0, 1.0]))
    assert f.lowering == "numpy: sort"


def test_an_unknown_lowering_is_refused():
    with pytest.raises(cr.ArgumentError, match="'c', 'numpy' or None, not 'fortran'"):
        cr.jit(lambda x: x, lowering="fortran")


def test_the_text_is_readable():
    f = in_c(lambda x: cr.tanh(x * 2).sum(), *[(cr.ones((3, 4)),)] * 3)
    text = f.text
    assert "int run(" in text
    assert "tanh(" in text
    assert "for (int64_t i0 = 0; i0 < 3; i0++)" in text
