"""Every field of a checkpoint, missing or of a wrong kind: a CheckpointError, and nothing has changed."""

import pytest
from damage import plain, silent
from resumable import pairs, validated
from training import bits
from wrong_fields import WRONG, changed, fields

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import schedule
from chainrule.train.run import Run


class Own(cr.Callback):
    """A user's callback that checks nothing, and changes what it has in place before it fails."""

    def __init__(self):
        self.numbers, self.average, self.text, self.loads = [], {"w": cr.zeros(2)}, "", 0

    def on_step(self, run):
        self.numbers.append(run.step)
        self.average["w"].assign(self.average["w"] + 1)
        self.text = "so far"

    def state_dict(self):
        return {
            "numbers": [*self.numbers],
            "average": {k: v.detach() for k, v in self.average.items()},
            "text": self.text,
        }

    def load_state_dict(self, state):
        self.loads += 1
        self.numbers[:] = state["numbers"]
        for name, value in self.average.items():
            value.assign(state["average"][name])
        self.text = state["text"].strip()


def a_plateau(model):
    """Two groups, one with a schedule that remembers; tensors that are no parameters; callbacks."""
    rates = [schedule.warmup(schedule.ReduceOnPlateau(0.1, patience=0), 2), 0.05]
    groups = [{"params": layer.parameters(), "lr": lr} for layer, lr in zip((model[0], model[3]), rates, strict=True)]
    return optim.Adam(groups, amsgrad=True)


RUNS = {
    "many parts": (a_plateau, lambda: [cr.EarlyStopping(5), cr.Replay(max_snapshots=2, grid=2), Own()]),
    "L-BFGS": (lambda model: optim.LBFGS(model.parameters(), max_iter=2), lambda: [cr.EarlyStopping(5)]),
    "momentum": (lambda model: optim.SGD(model.parameters(), 0.1, momentum=0.9), lambda: []),
}


def started(kind):
    """A run of that kind that has gone one epoch and a step: a Run, as fit makes it."""
    cr.random.seed(0)
    make, callbacks = RUNS[kind]
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm(3), cr.tanh, nn.Linear(3, 2))
    batches = pairs(None if kind == "L-BFGS" else 16, seed=1)
    x, y = validated()["validation"]
    parts = {"val": (cr.tensor(x, dtype="float32"), cr.tensor(y))}
    run = Run(model, nn.cross_entropy, make(model), batches, parts, {"accuracy": cr.metrics.accuracy}, callbacks())
    for callback in run.callbacks:
        callback.on_start(run)
    return run


def trained(run):
    """After an epoch, and a step of the next where there is one."""
    for last in (None, 1):
        for i, (x, y) in enumerate(run.remaining_batches()):
            if i == last:
                return run
            run.record_step(run.optimizer.step(lambda x=x, y=y: closure(run, x, y)), len(x))
        run.finish_epoch()
    return run


def closure(run, x, y):
    run.optimizer.zero_grad()
    value = run.loss(run.model(x), y)
    value.backward()
    return value


def everything(run):
    """All that a checkpoint could change, in a form in which equal means equal to the bit."""
    return (
        bits(run.model),
        plain(run.optimizer.state_dict()),
        run.random_state(),
        [(plain(c.state_dict()), sorted(vars(c)), getattr(c, "loads", 0)) for c in run.callbacks],
        (run.epoch, run.step, run.stop_reason, dict(run.sums), run.order, list(run.history)),
    )


def free(path):
    """Whether anything may stand there: it is the user's, or a picture of what a Replay saw."""
    own = path[:1] == ("callbacks",) and path[1:3] == (2, "state") and len(path) > 3
    seen = path[3:4] == ("snapshots",) and len(path) > 5 and path[5] not in ("epoch", "step", "steps")
    return own or seen


def optional(path):
    """Whether a checkpoint without it is as good: columns and callbacks may be new in a run that is taken up."""
    if path[:2] == ("optimizer", "moves") and len(path) == 3:
        return True  # L-BFGS has as many as were made so far
    column = path[:1] == ("history",) and str(path[-1]).startswith("val_")
    entry = len(path) == 2 and path[0] == "callbacks"
    return column or entry or (path[3:4] == ("snapshots",) and len(path) == 5)


@pytest.mark.parametrize("kind", RUNS)
def test_every_field_that_is_missing_or_of_a_wrong_kind_is_refused_and_changes_nothing(kind, tmp_path):
    cr.save(trained(started(kind)).state_dict(), tmp_path / "run.safetensors")
    state = cr.load(tmp_path / "run.safetensors")
    run = started(kind)
    before, accepted, count = everything(run), [], 0
    for path, value in fields(state):
        if free(path):
            continue
        wrong = [w for w in WRONG[type(value)] if path[-1:] != ("best",) or w is not None]  # before its first epoch
        cases = [(repr(w)[:40], changed(state, path, w)) for w in wrong]
        cases += [("deleted", changed(state, path, delete=True))] if path and not optional(path) else []
        for what, case in cases:
            count += 1
            try:
                run.load_state_dict(case)
            except cr.CheckpointError:
                continue
            except Exception as error:
                accepted.append(f"{path} = {what}: {error!r}")
            else:
                accepted.append(f"{path} = {what}")
            run = started(kind)
            before = everything(run)
        if everything(run) != before:
            accepted.append(f"{path}: something has changed")
            run = started(kind)
            before = everything(run)
    assert not accepted, "\n".join(accepted)
    assert count > 500
    run.load_state_dict(state)
    assert plain(run.state_dict()["model"]) == plain(state["model"])


@pytest.mark.parametrize("name", ["numbers", "average", "text"])
@pytest.mark.parametrize("wrong", [None, 1, "deleted"])
def test_a_callback_that_fails_while_it_loads_is_as_before_and_so_is_all_else(name, wrong):
    state = trained(started("many parts")).state_dict()
    own = ("callbacks", 2, "state", name)
    run = started("many parts")
    run.callbacks[2].numbers.append(7)
    run.callbacks[2].average["w"].assign([7.0, 7.0])
    before = everything(run)
    with pytest.raises(cr.CheckpointError, match="fit: the checkpoint's state of Own does not fit: "):
        run.load_state_dict(changed(state, own, wrong, delete=wrong == "deleted"))
    assert everything(run) == before


def test_the_damage_of_a_checkpoint_of_a_run_is_noticed(tmp_path):
    cr.save(trained(started("many parts")).state_dict(), tmp_path / "run.safetensors")
    faults, refused, same = silent(tmp_path / "run.safetensors", 200)
    assert (faults, refused + same) == ([], 200)
