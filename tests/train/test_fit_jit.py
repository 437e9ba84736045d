"""fit(jit=): the steps run as recorded programs, and nothing else is different."""

import gc
import weakref

import numpy as np
import pytest
from jit_c import needs_compiler
from resumable import SCENARIOS, mlp, pairs, run
from training import At, bits, calls, data, press_ctrl_c, raises, rows, train

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd.node import Node
from chainrule.backends.compiler import NoCompiler
from chainrule.backends.lowering import pays
from chainrule.jit import Jit


@pytest.fixture
def jits(monkeypatch):
    """The Jits that runs make."""
    made, init = [], Jit.__init__
    monkeypatch.setattr(
        Jit, "__init__", lambda self, *args, **options: (init(self, *args, **options), made.append(self))[0]
    )
    return made


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_hundred_steps_have_the_same_bits(scenario, jits):
    epochs = 67  # of three steps
    eager, fast = (run(scenario, epochs=epochs, jit=jit) for jit in (False, True))
    assert (eager.history.lowering, fast.history.lowering) == ("eager", "numpy")
    for name, value in eager.all.items():
        assert fast.all[name] == value, name
    cache = jits[0].cache
    assert cache.eager == 0
    assert cache.recorded <= 6
    assert cache.recorded + cache.replayed == 3 * len(eager.history)


@pytest.mark.parametrize(
    "scenario", ["a schedule", "batch normalisation", "early stopping", "momentum", "a list of batches"]
)
@pytest.mark.parametrize("step", [4, 8])
def test_a_run_that_is_killed_and_taken_up_has_the_same_bits(scenario, step, tmp_path):
    options = {"jit": True, "epochs": 6, "checkpoint": cr.Checkpoint(tmp_path / "run.safetensors", every=1)}
    with pytest.raises(ZeroDivisionError):
        run(scenario, callback=At(raises(ZeroDivisionError()), step=step), **options)
    assert run(scenario, seed=1, resume=True, **options).all == run(scenario, epochs=6, jit=False).all


def test_a_run_that_is_taken_up_on_another_lowering_says_so(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    run("momentum", jit=True, epochs=2, checkpoint=path)
    done = run("momentum", jit=False, epochs=4, checkpoint=path, resume=True, verbose=1)
    assert "the steps of the checkpoint ran on 'numpy', these run on 'eager'" in capsys.readouterr().out
    assert done.all == run("momentum", epochs=4).all


def test_ctrl_c_ends_the_run_after_the_step():
    ended = [train(9, jit=jit, callbacks=At(press_ctrl_c, step=8)) for jit in (False, True)]
    assert ended[1][1].stop_reason == "Ctrl-C"
    assert bits(ended[0][0]) == bits(ended[1][0])
    assert rows(ended[0][1]) == rows(ended[1][1])


@pytest.mark.parametrize("where", ["input", "label"])
def test_a_loss_of_nan_raises_the_eager_error(where):
    def failing(jit):
        cr.random.seed(0)
        x, y = data()
        bad = (x * np.float32(np.nan), y) if where == "input" else (x, y + 2)
        model = nn.MLP([2, 8, 2], dropout=0.2)
        optimizer = optim.Adam(model.parameters())
        with pytest.raises(cr.ChainruleError) as caught:
            cr.fit(model, nn.cross_entropy, optimizer, [(x, y)] * 5 + [bad], 2, verbose=0, jit=jit)
        error = caught.value
        gradients = [p.grad.numpy().tobytes() for p in model.parameters()] if where == "input" else []
        return str(error), error.__notes__, bits(model), optimizer.steps, cr.random.get_state(), gradients

    assert failing(True) == failing(False)
    assert ("'layers.0.weight'" in failing(True)[0]) is (where == "input")


def changed_in_between(change, layers=lambda: [nn.Linear(2, 8), cr.tanh, nn.Linear(8, 2)]):
    """What a run under jit, and an eager one, give where a callback calls change(run) after step 7."""
    for jit in (False, True):
        cr.random.seed(0)
        model = nn.Sequential(*layers())

        class Change(cr.Callback):
            def on_step(self, run):
                if run.optimizer.steps == 7:
                    change(run)

        optimizer = optim.Adam(model.parameters(), lr=0.01)
        history = cr.fit(model, nn.cross_entropy, optimizer, pairs(), 6, callbacks=Change(), verbose=0, jit=jit)
        yield bits(model), rows(history), cr.random.get_state()


@pytest.mark.filterwarnings("ignore:Adam.step. no gradient has reached")
@pytest.mark.parametrize(
    "change",
    [
        lambda run: setattr(run.optimizer, "lr", 0.1),
        lambda run: run.model.layers.__setitem__(1, cr.relu),
        lambda run: run.model.layers.insert(1, nn.Dropout(0.5)),
        lambda run: setattr(run.model.layers[0], "bias", None),
        lambda run: setattr(run.model.parameters()[0], "requires_grad", False),
        lambda run: run.model.parameters()[1].assign(np.ones(8, "f")),
        lambda run: run.model.layers[0].eval(),
        lambda run: cr.random.normal(size=3),
        lambda run: cr.random.seed(4),
        lambda run: run.optimizer.zero_grad(),
    ],
    ids=["lr", "activation", "a layer more", "no bias", "frozen", "assigned", "eval", "drawn", "seed", "zero_grad"],
)
def test_what_a_callback_changes_is_noticed(change):
    eager, fast = changed_in_between(change)
    assert eager == fast


# ---- which runs are recorded unasked


def test_a_long_run_of_known_code_is_recorded_unasked(jits):
    history = cr.fit(
        model := mlp(), nn.cross_entropy, optim.Adam(model.parameters()), data(), 40, batch_size=8, verbose=0
    )
    assert (history.lowering, history.why_eager) == ("numpy", None)
    assert jits[0].cache.replayed == 198


def test_a_short_run_is_eager_and_says_nothing(capsys):
    history = train(2, verbose=1)[1]
    assert (history.lowering, history.why_eager) == ("eager", "fewer than 200 steps")
    assert "eager" not in capsys.readouterr().out


def test_code_that_may_do_more_than_compute_is_eager_and_that_is_said_once(capsys):
    loss = calls(nn.cross_entropy, lambda: None, 3)
    history = train(70, verbose=1, loss=loss)[1]
    assert history.lowering == "eager"
    assert capsys.readouterr().out.count("steps run eagerly: calls.<locals>.counted may do more than compute") == 1


def test_a_recording_that_fails_falls_back(capsys):
    seen = lambda p, y: nn.cross_entropy(p, y) * (1 if nn.cross_entropy(p, y).item() > 0 else 2)
    (model, history), (other, _) = (train(70, verbose=1, loss=seen, jit=jit) for jit in (None, False))
    assert "the code reads a value" in history.why_eager
    assert capsys.readouterr().out.count("steps run eagerly: recording: the code reads a value") == 1
    assert bits(model) == bits(other)


def test_batches_that_are_never_alike_run_eagerly_in_the_end():
    x, y = data(200)
    batches = [(x[:n], y[:n]) for n in range(1, 200)]

    def trained(jit):
        cr.random.seed(0)
        model = nn.MLP([2, 4, 2])
        return bits(model), cr.fit(
            model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), batches, 2, verbose=0, jit=jit
        )

    (fast, history), (eager, other) = trained(None), trained(False)
    assert history.why_eager == "most steps need a program of their own"
    assert (fast, rows(history)) == (eager, rows(other))


def test_a_run_in_which_numpy_is_to_raise_is_eager():
    with np.errstate(invalid="raise"):
        assert train(70)[1].why_eager == "NumPy is to raise where numbers are not finite"


def test_a_run_that_is_observed_is_eager():
    with cr.debug():
        assert train(70)[1].why_eager == "it is observed"


def test_another_word_for_jit_is_refused():
    with pytest.raises(cr.ArgumentError, match="jit must be True, False, 'c'"):
        train(2, jit="fast")


def test_lbfgs_cannot_be_recorded():
    model = mlp(0)
    optimizer = optim.LBFGS(model.parameters(), max_iter=2)
    options = {"batch_size": None, "verbose": 0}
    with pytest.raises(cr.ArgumentError, match="jit=True, but LBFGS reads the loss"):
        cr.fit(model, nn.cross_entropy, optimizer, data(), 2, jit=True, **options)
    assert cr.fit(model, nn.cross_entropy, optimizer, data(), 200, **options).why_eager == "LBFGS reads the loss"


def test_after_the_run_nothing_holds_its_programs(jits):
    model, _ = train(5, jit=True)
    jit = weakref.ref(jits.pop())
    gc.collect()
    assert jit() is None
    assert {type(p._node) for p in model.parameters()} == {Node}
    assert all(p.grad is not None for p in model.parameters())


# ---- in C


@pytest.fixture
def worth_compiling(monkeypatch):
    """C is taken to pay in all runs that are recorded unasked."""
    monkeypatch.setattr("chainrule.train.step.WORTH", 0)
    monkeypatch.setattr("chainrule.train.step.pays", lambda program, steps: True)


def plain_run(**options):
    return run("without shuffling", errors="ignore", **options)


@needs_compiler
def test_compiled_steps_are_close_to_eager_ones():
    eager, fast = (plain_run(epochs=20, jit=jit) for jit in (False, "c"))
    assert (eager.history.lowering, fast.history.lowering) == ("eager", "c")
    assert fast.history["loss"] == pytest.approx(eager.history["loss"], rel=1e-4)


def test_without_a_compiler_the_history_says_that_numpy_ran(monkeypatch, capsys):
    def none(*_):
        raise NoCompiler("no C compiler")

    monkeypatch.setattr("chainrule.backends.c_lowering.Lowered", none)
    history = plain_run(epochs=2, jit="c", verbose=1).history
    assert history.lowering == "numpy: no C compiler"
    assert capsys.readouterr().out.count("steps run on numpy: no C compiler") == 1


def test_compiled_steps_are_no_deterministic_ones():
    with pytest.raises(cr.ArgumentError, match="jit='c' computes with other last digits"):
        plain_run(epochs=2, jit="c", deterministic=True)


@needs_compiler
def test_a_run_in_which_c_pays_is_compiled_unasked(worth_compiling):
    done = plain_run()
    assert done.history.lowering == "c"
    assert done.all == plain_run(jit="c").all
    assert done.all == plain_run().all


def test_a_deterministic_run_has_the_bits_of_eager_steps(worth_compiling):
    done = plain_run(deterministic=True)
    assert done.history.lowering == "numpy"
    assert done.all == plain_run(jit=False).all


@needs_compiler
@pytest.mark.parametrize("step", [2, 4, 8])
def test_a_compiled_run_that_is_killed_and_taken_up_has_the_same_bits(step, tmp_path):
    options = {"jit": "c", "checkpoint": cr.Checkpoint(tmp_path / "run.safetensors", every=1)}
    with pytest.raises(ZeroDivisionError):
        plain_run(callback=At(raises(ZeroDivisionError()), step=step), **options)
    done = plain_run(seed=1, resume=True, **options | {"jit": None})
    assert done.history.lowering == "c"
    assert done.all == plain_run(jit="c").all


def test_a_run_goes_on_by_numpy_as_it_began(worth_compiling, tmp_path):
    options = {"checkpoint": tmp_path / "run.safetensors"}
    plain_run(epochs=1, jit=True, **options)
    done = plain_run(resume=True, **options)
    assert done.history.lowering == "numpy"
    assert done.all == plain_run(jit=False).all


def test_when_c_pays(jits, monkeypatch):
    train(2, jit=True)
    program = jits[0].program
    monkeypatch.setattr("chainrule.backends.compiler.compilers", lambda: (("cc",),))
    assert [pays(program, steps) for steps in (200, 100_000)] == [False, True]
    monkeypatch.setattr("chainrule.backends.compiler.compilers", tuple)
    assert not pays(program, 100_000)
