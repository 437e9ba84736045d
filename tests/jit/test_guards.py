"""A program is never stale: what it was recorded under is checked at each call, and what cannot be is refused by name."""

import ctypes

import numpy as np
import pytest
from jit_steps import alike, data, model_of, state_of, training_step

import chainrule as cr
from chainrule import nn, optim
from chainrule.backends.record import RecordingError
from chainrule.jit.undo import undraw

BATCHES = [(x, y) for x, y, _ in (data(5, 3, seed=i) for i in range(8))]


def with_change(change, at=4, layers=(), make_optimizer=lambda p: optim.Adam(p, lr=0.1)):
    """Steps between which `change(model, optimizer)` is made once: the same eagerly and under jit. Returns the Jit."""

    def make():
        model = model_of(*layers)
        optimizer = make_optimizer(model.parameters())
        inner, calls = training_step(model, optimizer, nn.cross_entropy), iter(range(100))

        def after():
            if next(calls) == at:
                change(model, optimizer)
            return state_of(model, optimizer)

        return inner, after

    return alike(make, BATCHES)


def test_a_learning_rate_that_is_set():
    step = with_change(lambda model, optimizer: setattr(optimizer, "lr", 0.01))
    assert step.cache.recorded == 2


def test_another_option():
    step = with_change(lambda model, optimizer: optimizer.groups[0].update({"weight_decay": 0.1}))
    assert step.cache.reasons["'weight_decay' has changed"] == 2


def test_values_that_are_assigned():
    step = with_change(lambda model, optimizer: model.parameters()[0].assign(np.ones((5, 6), "float32")))
    assert step.cache.recorded == 2


def test_values_that_are_written_through_a_kept_view():
    step = with_change(lambda model, optimizer: model.parameters()[0].data.__setitem__(0, 1))
    assert step.cache.recorded == 2


def test_training_and_evaluation():
    def change(model, optimizer):
        model.eval()

    step = with_change(change, layers=[lambda: nn.Dropout(0.5)])
    assert step.cache.reasons["training has changed"] == 2


def test_an_attribute_of_a_layer():
    def change(model, optimizer):
        next(m for _, m in model.named_modules() if isinstance(m, nn.Dropout)).p = 0.25

    with_change(change, layers=[lambda: nn.Dropout(0.5)])


def test_a_frozen_parameter():
    def change(model, optimizer):
        model.parameters()[0].requires_grad = False

    with_change(change)


def test_a_loaded_state():
    saved = {}

    def change(model, optimizer):
        saved.update(optimizer.state_dict())
        optimizer.load_state_dict(saved)

    assert with_change(change).cache.recorded == 2


def test_an_eager_step_in_between():
    def change(model, optimizer):
        training_step(model, optimizer, nn.cross_entropy)(*BATCHES[0])

    assert with_change(change).cache.recorded == 2


def test_the_seed_of_the_generator():
    with_change(lambda model, optimizer: cr.random.seed(5), layers=[lambda: nn.Dropout(0.5)])


def test_new_shapes_and_dtypes_are_recorded_anew():
    f = cr.jit(lambda x: x * 2 + 1)
    for x in (cr.ones(3), cr.ones((2, 3)), cr.ones(3, dtype="float64"), cr.ones(3)):
        assert f(x).numpy().tobytes() == (x * 2 + 1).numpy().tobytes()
    assert f.cache.signatures == 3


def test_grad_mode_is_a_part_of_the_signature():
    w = cr.ones(3, requires_grad=True)
    f = cr.jit(lambda: (w * 2).requires_grad)
    assert f() is True
    with cr.no_grad():
        assert f() is False


def test_a_variable_of_an_outer_function():
    factor = cr.tensor([2.0])

    def f(x):
        return x * factor

    fast = cr.jit(f)
    for _ in range(3):
        assert fast(cr.ones(1)).item() == 2
    factor = cr.tensor([3.0])
    assert fast(cr.ones(1)).item() == 3


def test_a_number_of_an_outer_function():
    factor = 2.0
    fast = cr.jit(lambda x: x * factor)
    for _ in range(3):
        assert fast(cr.ones(1)).item() == 2
    factor = 3.0
    assert fast(cr.ones(1)).item() == 3


def test_a_number_that_changes_in_each_call_is_reported_by_line():
    numbers = iter([0.5, 0.25])
    fast = cr.jit(lambda x: x * next(numbers))
    fast(cr.ones(1))
    with pytest.raises(
        RecordingError, match=r"a Python number changes .* 0.5 before, 0.25 now, in multiply at .*test_guards.py"
    ):
        fast(cr.ones(1))


def test_an_array_of_numpy_is_seen_as_it_is():
    mask = np.ones(3, "float32")
    fast = cr.jit(lambda x: x * mask)
    for _ in range(3):
        fast(cr.ones(3))
    mask[1] = 5
    assert fast(cr.ones(3)).tolist() == [1, 5, 1]


@pytest.mark.parametrize(
    "read",
    [
        lambda x: float(x.sum()),
        lambda x: x.sum().item(),
        lambda x: x.numpy(),
        lambda x: f"{x.sum():.2f}",
        lambda x: x.tolist(),
    ],
)
def test_reading_a_value_is_refused_by_line(read):
    with pytest.raises(RecordingError, match=r"reads a value.*test_guards.py.*return it from"):
        cr.jit(lambda x: (read(x), x + 1)[1])(cr.ones(3))


def test_a_comparison_of_values_is_refused():
    with pytest.raises(RecordingError, match="reads a value"):
        cr.jit(lambda x: x if (x > 0).all() else -x)(cr.ones(3))


def test_data_dependent_shapes_are_refused():
    with pytest.raises(RecordingError, match="the shape of x.condition. depends on values"):
        cr.jit(lambda x: x[x > 0])(cr.ones(3))


@pytest.mark.parametrize("kind", [lambda x: cr.tensor([float(x)]), lambda x: cr.Value(x)], ids=["tensors", "Values"])
def test_which_arguments_are_one_tensor(kind):
    a, b, c = kind(1), kind(5), kind(7)
    f = cr.jit(lambda x, y: x * 2 + y)
    assert [f(*xy).item() for xy in ((a, a), (a, a), (a, b), (a, b), (b, c), (a, a))] == [3, 3, 7, 7, 17, 3]
    g = cr.jit(lambda x: x * 2 + a)
    assert [g(x).item() for x in (a, a, b, b, c, a)] == [3, 3, 11, 11, 15, 3]
    assert (f.cache.recorded, g.cache.recorded) == (4, 4)


@pytest.mark.parametrize(
    "kind", [lambda x: cr.tensor([x], requires_grad=True), lambda x: cr.Value(x)], ids=["tensors", "Values"]
)
def test_a_gradient_of_arguments_that_become_one_tensor(kind):
    def step(x, y):
        loss = x * y * y
        (loss if isinstance(loss, cr.Value) else loss.sum()).backward()

    f = cr.jit(step)
    for _ in range(3):
        f(kind(2.0), kind(3.0))
    f(x := kind(2.0), x)
    assert x.grad == 12.0


def test_gradients_that_add_up_over_calls():
    w = cr.ones(3, requires_grad=True)
    fast = cr.jit(lambda: (w * w).sum().backward())
    for n in range(1, 8):
        fast()
        assert w.grad.tolist() == [2 * n] * 3
    w.grad = None
    fast()
    assert w.grad.tolist() == [2] * 3
    assert fast.cache.replayed == 4


def test_lbfgs_is_refused():
    model = model_of()
    optimizer = optim.LBFGS(model.parameters())

    def step(x, y):
        def closure():
            optimizer.zero_grad()
            loss = nn.cross_entropy(model(x), y)
            loss.backward()
            return loss

        return optimizer.step(closure)

    before = state_of(model, optimizer)
    with pytest.raises(RecordingError, match="reads a value"):
        cr.jit(step)(*BATCHES[0])
    assert state_of(model, optimizer) == before


def test_a_recording_that_fails_leaves_everything_as_it_was():
    model = model_of(lambda: nn.BatchNorm(6), lambda: nn.Dropout(0.5))
    optimizer = optim.Adam(model.parameters())
    inner = training_step(model, optimizer, nn.cross_entropy)
    inner(*BATCHES[0])
    before, drawn = state_of(model, optimizer), cr.random.get_state()
    with pytest.raises(ZeroDivisionError):
        cr.jit(lambda x, y: (inner(x, y), 1 / 0))(*BATCHES[1])
    assert (state_of(model, optimizer), cr.random.get_state()) == (before, drawn)


def failing(step, x, y, bad):
    """The error of a step on bad data, after some on good."""
    for _ in range(4):
        step(x, y)
    with pytest.raises(cr.ChainruleError) as error:
        step(*bad)
    return str(error.value)


@pytest.mark.parametrize("kind", ["index", "gradient"])
def test_checks_raise_the_eager_message_and_nothing_changes(kind):
    x, y = BATCHES[0]
    bad = (x, y + 2) if kind == "index" else (x * np.float32(np.nan), y)
    messages = []
    for wrap in (lambda f: f, cr.jit):
        model = model_of()
        optimizer = optim.Adam(model.parameters())
        step = wrap(training_step(model, optimizer, nn.cross_entropy))
        messages.append(failing(step, x, y, bad))
        messages.append({k: v for k, v in state_of(model, optimizer).items() if "grad" not in k})
    assert messages[:2] == messages[2:]


class Scale:
    def __init__(self, by):
        self.by = by


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f, i: f(cr.ones(i + 1)), r"argument 0 is \[16\], \[17\] …; make them of one shape"),
        (
            lambda f, i: f(cr.ones(2), by=0.5 * i),
            r"argument 'by' is 7.5, 8.0 …; a program keeps such values: pass a tensor",
        ),
        (lambda f, i: f(cr.ones(2), [{"by": i}]), r"argument 1\[0\]\['by'\] is 15, 16 …"),
        (lambda f, i: f(cr.ones(2), Scale(i)), "argument 1 is a new Scale in each; make it once"),
    ],
    ids=["shapes", "numbers", "inside", "objects"],
)
def test_the_cache_is_bounded_and_what_is_always_new_is_said_once(call, said):
    f = cr.jit(lambda x, how=None, by=1.0: x * by)
    with pytest.warns(RuntimeWarning, match=f"recorded again and again.*: {said}") as warned:
        [call(f, i) for i in range(40)]
    assert (f.cache.signatures, len(warned)) == (16, 1)


def test_what_changes_at_every_call_runs_eagerly_in_the_end():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return x + 1

    f = cr.jit(f)
    with pytest.warns(
        RuntimeWarning, match="a variable of an outer function has changed; from now on such calls run eagerly"
    ):
        assert [f(cr.ones(1)).item() for _ in range(20)] == [2] * 20
    assert f.cache.eager > 0


@pytest.mark.parametrize("verify", [True, 2])
def test_verify_runs_eagerly_beside(verify):
    model = model_of(lambda: nn.Dropout(0.5), lambda: nn.BatchNorm(6))
    optimizer = optim.Adam(model.parameters())
    plain, plain_optimizer = model_of(lambda: nn.Dropout(0.5), lambda: nn.BatchNorm(6)), None
    plain_optimizer = optim.Adam(plain.parameters())
    step = cr.jit(training_step(model, optimizer, nn.cross_entropy), verify=verify)
    other = training_step(plain, plain_optimizer, nn.cross_entropy)
    for f in (step, other):
        cr.random.seed(1)
        losses = [f(*batch).item() for batch in BATCHES]
    assert state_of(model, optimizer) == state_of(plain, plain_optimizer)
    assert losses


def test_verify_raises_where_they_differ():
    step = cr.jit(lambda x: x + 1, verify=True)
    for _ in range(3):
        step(cr.ones(2))
    step.function = lambda x: x + 2
    with pytest.raises(RecordingError, match=r"verify: .* in result 0, at element \(0,\): .*2.0.*, eagerly .*3.0"):
        step(cr.ones(2))


def test_a_leaf_that_cannot_be_found_is_refused():
    w = cr.ones(3, requires_grad=True)
    address = id(w)
    with pytest.raises(RecordingError, match=r"a gradient arrives at a leaf of shape \(3,\) that was not found"):
        cr.jit(lambda x: (hidden(address) * x).sum().backward())(cr.ones(3))
    assert w.grad is None


def hidden(address):
    """An object that no variable leads to."""
    return ctypes.cast(address, ctypes.py_object).value


# ---- errors that NumPy raises because of values


def negative_power(x, n):
    return x**n


def caught(errstate, call):
    def f(x, n):
        with np.errstate(**errstate):
            try:
                return call(x, n)
            except (cr.DtypeError, FloatingPointError):
                return x * 0

    return f


GOOD_AND_BAD = {  # function, values of n that are good, and of which one is bad
    "a power": (negative_power, [1, 2, 1], [1, -2, 1]),
    "a power that is caught": (caught({}, negative_power), [1, 2, 1], [1, -2, 1]),
    "an overflow that is caught": (caught({"over": "raise"}, lambda x, n: cr.exp(x * n)), [1.0, 2, 1], [1.0, 999, 1]),
    "a division that is caught": (caught({"divide": "raise"}, lambda x, n: x / n), [1.0, 2, 1], [1.0, 0, 1]),
}


def outcome(f, *args):
    try:
        return f(*args).numpy().tobytes()
    except cr.ChainruleError as error:
        return str(error)


@pytest.mark.parametrize("lowering", ["numpy", "c"])
@pytest.mark.parametrize("order", [(0, 0, 0, 1, 0, 1, 1, 1, 0), (1, 1, 1, 0, 1, 0)], ids=["good first", "bad first"])
@pytest.mark.parametrize("case", GOOD_AND_BAD)
def test_an_error_that_values_cause_is_the_eager_one_also_where_it_is_caught(case, order, lowering):
    f, *n = GOOD_AND_BAD[case]
    x, *n = (cr.tensor(np.array(a, np.array(n[0]).dtype)) for a in ([2, 3, 4], *n))
    fast = cr.jit(f, lowering=lowering)
    assert [outcome(fast, x, n[i]) for i in order] == [outcome(f, x, n[i]) for i in order]


def test_an_index_array_of_numpy_that_leaves_the_axis():
    def f(x, i):
        try:
            return cr.tensor(x.data[i.data])
        except IndexError:
            return x[:2]

    x, good, bad = cr.ones(3), cr.tensor([0, 2]), cr.tensor([0, 3])
    fast = cr.jit(f)
    for i in (good, good, good, bad, good, bad):
        assert fast(x, i).tolist() == f(x, i).tolist()


def test_an_array_that_was_not_computed_in_the_function_is_not_returned():
    outside = np.ones(2)
    with pytest.raises(RecordingError, match="returns a tensor that was not computed in it"):
        cr.jit(lambda x: (x + 1, outside))(cr.ones(2))


def test_gradients_of_float16_that_were_there_are_not_added_to():
    w = cr.ones(3, dtype="float16", requires_grad=True)
    f = cr.jit(lambda x: (w * x).sum().backward())
    (w * 2).sum().backward()
    with pytest.raises(RecordingError, match="adds to gradients of float16 that were there before it"):
        f(cr.ones(3, dtype="float16"))
    assert w.grad.tolist() == [2, 2, 2]


def test_words_that_another_has_drawn_since_are_not_given_back():
    generator = cr.random.Generator(1)
    generator.uniform(size=4)
    undraw(generator, 0, 3)
    assert generator.counter == 4
    undraw(generator, 1, 3)
    assert generator.counter == 1
