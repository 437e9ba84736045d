"""Overfitting: a network that learns its examples by heart.

Sick or healthy? The measurements of 569 tumours, and a network with more weights than it has numbers to learn from. Left
alone it drives its training loss to zero, while the loss on other patients rises: it grows sure of its mistakes. Dropout,
weight decay and early stopping hold it back. What a model is worth, only patients tell whom it has never seen.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

import chainrule as cr

OUT = Path("runs/09_overfitting")
X, SICK = load_breast_cancer().data, (load_breast_cancer().target == 0).astype(np.float32)[:, None]
LARGE = [30, 128, 128, 1]
CURES = {  # options of the network, weight decay, early stopping
    "nothing": ({}, 0.0, None),
    "early stopping": ({}, 0.0, cr.optim.EarlyStopping(patience=15)),
    "weight decay": ({}, 3.0, None),
    "dropout": ({"dropout": 0.5, "input_dropout": 0.2}, 0.0, None),
    "all three": ({"dropout": 0.5, "input_dropout": 0.2}, 3.0, cr.optim.EarlyStopping(patience=15)),
}


def accuracy(prediction, target):
    return cr.metrics.accuracy(prediction, target, threshold=0)  # the model gives logits: sick begins at 0


def standardized(x_train, x_other):
    """Both in units of the training part: the other part must not have a say in how it is measured."""
    standardizer = cr.data.Standardizer().fit(x_train)
    return [cr.tensor(standardizer.transform(x), dtype="float32") for x in (x_train, x_other)]
