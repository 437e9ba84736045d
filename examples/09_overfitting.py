"""Overfitting: a network that learns its examples by heart.

Sick or healthy? 30 measurements of each of 569 tumours, and a network with more weights than it has numbers to learn from.
Left alone it drives its training loss to zero, while the loss on other patients rises: it grows sure of its mistakes.
Early stopping, weight decay and dropout hold it back; cross-validation tells what the cured network is worth.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from threadpoolctl import threadpool_limits

import chainrule as cr

OUT = Path("runs/09_overfitting")
LARGE, SMALL = [30, 128, 128, 1], [30, 32, 1]
DROPOUT = {"dropout": 0.5, "input_dropout": 0.2}
CURES = {  # options of the network, weight decay, patience of early stopping
    "no cure": ({}, 0.0, None),
    "early stopping": ({}, 0.0, 15),
    "weight decay": ({}, 3.0, None),
    "dropout": (DROPOUT, 0.0, None),
    "all three": (DROPOUT, 3.0, 15),
}
LOSS = cr.nn.bce_with_logits


def data():
    """(measurements, 1 for malignant and 0 for benign) of all tumours."""
    tumours = load_breast_cancer()
    return tumours.data, (tumours.target == 0).astype(np.float32)[:, None]


def standardized(x_train, *others):
    """All in units of the training part: the others must have no say in it, as they stand for patients yet to come."""
    standardizer = cr.data.Standardizer().fit(x_train)
    return [cr.tensor(standardizer.transform(x), dtype="float32") for x in (x_train, *others)]


def accuracy(prediction, target):
    return cr.metrics.accuracy(prediction, target, threshold=0)  # the model gives logits: malignant begins at 0


def overfit(train, val):
    """A large network with each cure: what it came to, and its learning curves."""
    print("cure            epochs  best  training loss  validation loss  accuracy  sure and wrong")
    figure, places = plt.subplots(2, 3, figsize=(13, 7), layout="constrained", sharey=True)
    found = {}
    for ax, (cure, (options, decay, patience)) in zip(places.flat, CURES.items(), strict=False):
        cr.random.seed(0)
        model = cr.nn.MLP(LARGE, **options)
        optimizer = cr.optim.AdamW(model.parameters(), lr=0.003, weight_decay=decay)
        parts = {"train": train, "val": val}
        stopping = cr.optim.EarlyStopping(patience or 1000, monitor="val_loss")
        stopping = stopping if patience else None
        history = cr.optim.fit(model, LOSS, optimizer, train, 60, parts, early_stopping=stopping, verbose=0)
        print(history.best_epoch, len(history))
