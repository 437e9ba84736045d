"""What the tests of the replay share: short recorded runs, and what is in them."""

import base64

import numpy as np
from training import train

import chainrule as cr


def recorded(epochs=4, replay=None, **options):
    """A short run of three steps an epoch: (model, history)."""
    return train(epochs, callbacks=replay or cr.Replay(), **options)


def unpacked(text, dtype=np.uint8):
    """The numbers in a text of base64."""
    return np.frombuffer(base64.b64decode(text), dtype)


def steps(history):
    return [snapshot["steps"] for snapshot in history.snapshots]


class Each(cr.Callback):
    """Keeps what a function of the run gives before the first step, and after each one, under the step's number."""

    def __init__(self, look):
        self.look, self.seen = look, {}

    def on_start(self, run):
        self.seen[0] = self.look(run)

    def on_step(self, run):
        self.seen[run.optimizer.steps] = self.look(run)
