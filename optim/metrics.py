"""Temporary."""
from ..autograd.errors import choose
from ..autograd.ops.creation import asarray


def accuracy(prediction, target):
    return float((asarray(prediction).argmax(axis=-1) == asarray(target)).to("float64").mean())


METRICS = {f.__name__: f for f in (accuracy,)} | dict.fromkeys("top_k precision recall f1 roc_auc r2".split())


def metric(name):
    return choose("metric", name, METRICS)
