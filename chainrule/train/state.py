"""A training run as plain data, and back."""

from contextlib import suppress
from zlib import crc32

from ..autograd.errors import CheckpointError
from ..optim.schedule import Schedule

INTERRUPT = "Ctrl-C"  # the reason to stop of a run that was interrupted
VERSION = 1  # of the checkpoint's contents
ENTRIES = set("model optimizer epoch step data finished sums history random callbacks lowering".split())
EAGER = "eager"
LOWERINGS = EAGER, "numpy", "c"  # what steps may have run on
SUMS = {"loss": 0.0, "examples": 0, "grad_norm": 0.0, "seconds": 0.0}  # of a run that begins
COLUMNS = "epoch", "loss", "lr", "grad_norm", "seconds"  # those that every row of a history has


def saved(run):
    """All that is needed to resume, as nested dicts and lists that chainrule.save can write."""
    return {
        "version": VERSION,
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "epoch": run.epoch,
        "step": run.step,
        "data": fingerprint(run.batches),
        "finished": len(run.history) == run.epoch,
        "sums": {k: v if k == "examples" else float(v) for k, v in run.sums.items()},
        "history": list(run.history),
        "lowering": run.history.lowering.partition(":")[0],
        "random": {"now": run.random_state(), "order": run.order},
        "callbacks": [{"kind": type(c).__name__, "state": s} for c in run.callbacks if (s := c.state_dict())],
    }


def load(run, state):
    """Give a run a state that `check` has passed; nothing changes if a callback refuses its part.

    Raises: CheckpointError that names the callback.
    """
    pairs = _matched(run, state["callbacks"])
    model, optimizer, random = run.model.state_dict(), run.optimizer.state_dict(), run.random_state()
    before = [(callback, dict(vars(callback)), callback.state_dict()) for callback, _ in pairs]
    try:
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.set_random_state(state["random"]["now"])
        for callback, part in pairs:
            _attempt(callback, callback.load_state_dict, part)
    except BaseException:
        run.model.load_state_dict(model)
        run.optimizer.load_state_dict(optimizer)
        run.set_random_state(random)
        for callback, attributes, old in before:
            vars(callback).update(attributes)
            if old:  # what it had changed in place
                with suppress(Exception):
                    callback.load_state_dict(old)
            vars(callback).clear()
            vars(callback).update(attributes)
        raise
    run.order, run.sums = state["random"]["order"], dict(state["sums"])
    run.history[:] = state["history"]
    run.epoch, run.step = state["epoch"], state["step"]


def check(run, state):
    """Raise a CheckpointError that says what of a state does not fit the run; nothing changes."""
    whole = isinstance(state, dict) and type(state.get("version")) is int and state.keys() >= ENTRIES
    if not whole or state["version"] != VERSION:
        raise CheckpointError("fit: the checkpoint is not one of a training run of this version of chainrule")
    if repr(state["data"]) != repr(fingerprint(run.batches)):
        raise CheckpointError(
            f"fit: the checkpoint is of a run on other data: {state['data']!s:.200} there, {fingerprint(run.batches)} here; "
            "resume with the data and the batch size of the interrupted run"
        )
    run.model.check_state_dict(state["model"])
    _check_rates(run, state["optimizer"])
    run.optimizer.check_state_dict(state["optimizer"])
    _check_position(run, state)
    _check_history(run, state)
    _check_random(run, state)
    require(state["lowering"] in LOWERINGS, f"lowering must be one of {', '.join(LOWERINGS)}", state["lowering"])
    for callback, part in _matched(run, state["callbacks"]):
        _attempt(callback, callback.check_state_dict, run, part)


def require(fits, what, value):
    """Raise a CheckpointError unless `fits`; `what` says what `value` must be."""
    if not fits:
        raise CheckpointError(f"fit: the checkpoint does not fit: {what}, not {value!r:.80}")


def is_count(value, least=0):
    """Whether it is a plain whole number from `least` on."""
    return type(value) is int and least <= value < 2**63


def is_number(value):
    """Whether it is a plain number: nan and the infinities, too, but no whole number that a float cannot hold."""
    return type(value) is float or (type(value) is int and abs(value) < 2**1023)


def _check_rates(run, state):
    groups = state.get("groups") if isinstance(state, dict) else None
    if not isinstance(groups, list):
        return  # the optimiser says so
    for saved_group, group in zip(groups, run.optimizer.groups, strict=False):
        old, new = saved_group.get("lr") if isinstance(saved_group, dict) else None, group["lr"]
        if isinstance(new, Schedule) and (not isinstance(old, str) or old != repr(new)):
            raise CheckpointError(
                f"fit: the checkpoint is of a run with the learning rate {old!s:.200}, this one has {new!r}"
            )


def _check_position(run, state):
    epoch, step, finished, sums = (state[name] for name in ("epoch", "step", "finished", "sums"))
    most = len(run.batches) if hasattr(run.batches, "__len__") else 2**63
    require(is_count(epoch), "epoch must be a count", epoch)
    require(is_count(step) and step <= most, f"step must be a count up to {most}", step)
    require(type(finished) is bool, "finished must be true or false", finished)
    fits = isinstance(sums, dict) and sums.keys() == SUMS.keys() and all(map(is_number, sums.values()))
    require(fits and is_count(sums["examples"]), f"sums must hold the numbers {', '.join(SUMS)}", sums)


def _check_history(run, state):
    rows = state["history"]
    require(isinstance(rows, list), "history must be a list", rows)
    for i, row in enumerate(rows):
        fits = isinstance(row, dict) and all(name in row for name in COLUMNS) and is_count(row["epoch"])
        require(fits, f"history[{i}] must be a dict with {', '.join(COLUMNS)}", row)
        for name in run.columns:
            require(name not in row or is_number(row[name]), f"history[{i}][{name!r}] must be a number", row.get(name))
    if len(rows) != state["epoch"] - (not state["finished"]):
        raise CheckpointError(
            f"fit: the checkpoint does not fit: its history has {len(rows)} epochs, and it is said to be "
            f"{'at the end' if state['finished'] else 'in the middle'} of epoch {state['epoch']}"
        )


def _check_random(run, state):
    parts = state["random"]
    require(isinstance(parts, dict) and parts.keys() == {"now", "order"}, "random must hold now and order", parts)
    if parts["order"] is None and not state["epoch"]:
        parts = {"now": parts["now"]}
    for name, part in parts.items():
        require(isinstance(part, dict), f"random.{name} must be a dict", part)
        if part.keys() != run.random_state().keys():
            raise CheckpointError("fit: the checkpoint is of a run with other random generators in data or model")
        for words in part.values():
            fits = isinstance(words, (list, tuple)) and len(words) == 2
            fits = fits and all(type(w) is int and 0 <= w < 2**64 for w in words)
            require(fits, f"random.{name} must hold two whole numbers for each generator", words)


def _matched(run, parts):
    """(callback, its saved state), matched by kind and order; callbacks that are new in this run start from scratch."""
    require(isinstance(parts, list), "callbacks must be a list", parts)
    waiting, pairs = list(run.callbacks), []
    for entry in parts:
        fits = isinstance(entry, dict) and entry.keys() == {"kind", "state"} and isinstance(entry["kind"], str)
        require(fits, "each of callbacks must hold kind and state", entry)
        callback = next((c for c in waiting if type(c).__name__ == entry["kind"]), None)
        if callback is None:
            raise CheckpointError(f"fit: the checkpoint is of a run with a callback {entry['kind']}, which is missing")
        waiting.remove(callback)
        pairs.append((callback, entry["state"]))
    return pairs


def _attempt(callback, method, *arguments):
    """Call a method of a callback, which may be the user's; whatever it raises becomes a CheckpointError."""
    try:
        method(*arguments)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"fit: the checkpoint's state of {type(callback).__name__} does not fit: {error!r}"
        ) from error


def fingerprint(batches):
    """A cheap fingerprint of the data: the number of batches, dtypes, shapes, and a checksum of the first rows."""
    length = len(batches) if hasattr(batches, "__len__") else None
    return {"batches": length, "arrays": checksums(getattr(batches, "arrays", []))}


def checksums(arrays):
    """For each array its dtype, its shape and a checksum of the first rows."""
    return [f"{a.dtype}{list(a.shape)} {crc32(a[:16].numpy().tobytes()):08x}" for a in arrays]
