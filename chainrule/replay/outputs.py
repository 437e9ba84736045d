"""What a model's outputs mean to a replay: probabilities of classes, or numbers."""

import numpy as np

from ..autograd.arguments import choose
from ..pages.words import english

EXPECTED = {"logits": True, "probabilities": False, "values": False}  # what a loss may expect, and whether it is logits
CLASSES = 128  # more, with their certainty, do not fit into a byte


class Reading:
    """What outputs mean, decided at the start of a run from those for some examples, their y, and what the loss expects.

    `expects` is that of the loss: "logits", "probabilities" or "values"; without it, outputs are taken for probabilities
    if they could be, else for logits.

    Shape: scores (n, …), y (n, …) as arrays.
    Fields:
        kind: "classes"; "regression", one number for each example; or None, neither.
        classes: of "classes" their number K, at most CLASSES; else None.
        truth: the class or the target of each example, (n,); None if kind is None.
        scale: for "regression" the [low, high] of the targets, with a margin; else None.
        label: what a curve over one input shows; None for more than two classes.
    """

    def __init__(self, scores, y, expects=None):
        scores, flat = scores.reshape(len(y), -1), y.reshape(len(y), -1)
        columns, targets = scores.shape[1], flat.shape[1]
        self.kind = self.classes = self.truth = self.scale = self.label = None
        self._signed = targets == 1 and bool(np.isin(flat, (-1, 1)).all() and (flat < 0).any())  # classes -1 and 1
        if expects is None:
            expects = "probabilities" if _probabilities(scores) else "logits"
        self._logits = choose("kind of outputs that a loss expects", expects, EXPECTED)
        if columns > targets == 1 and y.dtype.kind in "iub":
            self._classes(columns, flat[:, 0].astype(int))
        elif columns == targets > 1 and (flat >= 0).all() and np.allclose(flat.sum(axis=1), 1):
            self._classes(columns, flat.argmax(axis=1))
        elif columns == targets == 1 and (self._signed or np.isin(flat, (0, 1)).all()):
            self._classes(2, (flat[:, 0] > 0).astype(int))
        elif columns == targets == 1:
            self.kind, self.truth, self.scale = "regression", flat[:, 0], around(flat.min(), flat.max())
            self.label = english("prediction")
        raw = self._signed or expects == "values"
        if self.classes == 2:
            low = "−1" if self._signed else "0"
            self.label = english("probability of class 1")
            if raw:
                self.label = english("output, cut off at {0} (class 0) and 1 (class 1)", low)

    def _classes(self, count, truth):
        if count <= CLASSES:
            self.kind, self.classes, self.truth = "classes", count, truth

    def probabilities(self, scores):
        """(n, K) from the scores of n examples."""
        scores = scores.reshape(len(scores), -1).astype(np.float64)
        if scores.shape[1] == 1:
            p = (1 + scores) / 2 if self._signed else (1 + np.tanh(scores / 2)) / 2 if self._logits else scores
            p = p.clip(0, 1)
            return np.hstack([1 - p, p])
        if not self._logits:
            return scores
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def wrong(self, scores):
        """(n,) of bool: which examples of the sample another class was predicted for, where there are classes."""
        return self.probabilities(scores).argmax(axis=1) != self.truth

    def codes(self, scores):
        """(n,) of whole numbers, one for each point of a plane; the scores must be finite.

        Two classes, a byte: 127.5 · (1 ± √|2p - 1|) for the probability p of class 1, which is finest at the boundary. K
        classes, a byte: class + K · level, where the level, of ⌊256 / K⌋, is the root of the margin over the next class.
        Regression, two bytes: the place on the scale, see `places`.
        """
        if self.kind == "regression":
            return places(scores.reshape(-1), self.scale)
        p, k = self.probabilities(scores), self.classes
        if k == 2:
            margin = p[:, 1] - p[:, 0]
            return _byte(127.5 * (1 + np.copysign(np.sqrt(np.abs(margin)), margin)))
        second, first = np.sort(p, axis=1)[:, -2:].T
        return _byte(p.argmax(axis=1) + k * ((256 // k - 1) * np.sqrt(first - second)).round())


def _byte(numbers):
    return numbers.clip(0, 255).round().astype(np.uint8)


def places(numbers, scale):
    """Numbers as positions in [low, high], from 0 to 65535, as little-endian uint16."""
    low, high = scale
    return (65535 * ((numbers.astype(np.float64) - low) / (high - low)).clip(0, 1)).round().astype("<u2")


def _probabilities(scores):
    """Whether scores look like probabilities: in [0, 1], adding up to 1, and not all the same."""
    adds_up = scores.shape[1] == 1 or np.allclose(scores.sum(axis=1), 1, atol=1e-3)
    return bool(adds_up and (scores >= 0).all() and (scores <= 1).all() and (scores != scores[0]).any())


def around(low, high):
    """[low, high] with a margin, as floats."""
    margin = 0.08 * (high - low) or 0.5
    return [float(low - margin), float(high + margin)]
