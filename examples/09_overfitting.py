"""Overfitting: a network that memorises its examples.

Sick or healthy? 30 measurements of each of 569 tumours, and a network with more weights than it has numbers to learn from.
Left alone it drives its training loss to zero, while the loss on other patients rises: it grows sure of its mistakes.
Early stopping, weight decay and dropout hold it back; cross-validation tells what such a network is worth.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/09_overfitting")
LOSS, LARGE = cr.nn.bce_with_logits, [30, 128, 128, 1]
DROPOUT = {"dropout": 0.5, "input_dropout": 0.2}
CURES = {  # options of the network, weight decay, patience of early stopping
    "no cure": ({}, 0.0, None),
    "early stopping": ({}, 0.0, 15),
    "weight decay": ({}, 3.0, None),
    "dropout": (DROPOUT, 0.0, None),
    "all three": (DROPOUT, 3.0, 15),
}


def data():
    """The measurements of all tumours, (569, 30), and 1 for malignant, 0 for benign, (569, 1)."""
    x, y = load_breast_cancer(return_X_y=True)
    return x, np.asarray(y == 0, np.float32)[:, None]


def standardized(x_train, x_other):
    """Both in units of the training part: the others stand for patients yet to come, they must have no say in it."""
    standardizer = cr.data.Standardizer().fit(x_train)
    return [cr.tensor(standardizer.transform(x), dtype="float32") for x in (x_train, x_other)]


def accuracy(prediction, target):
    return cr.metrics.accuracy(prediction, target, threshold=0)  # the model gives logits: malignant begins at 0


def sure_and_wrong(prediction, target):
    """How many answers are wrong, though they give themselves more than 99 %."""
    return (abs(cr.sigmoid(prediction) - target) > 0.99).sum()


def learn(cure, train, val):
    """The history of a large network with one of the cures, and its row of the weights that the network has in the end."""
    options, decay, patience = CURES[cure]
    cr.random.seed(0)
    model = cr.nn.MLP(LARGE, **options)
    optimizer = cr.optim.AdamW(model.parameters(), lr=0.003, weight_decay=decay)
    parts, metrics = {"training": train, "val": val}, {"accuracy": accuracy, "sure_and_wrong": sure_and_wrong}
    history = cr.fit(model, LOSS, optimizer, train, 60, parts, metrics, early_stopping=patience, verbose=0)
    return history, history[history.best_epoch - 1 if patience else -1]


def overfit():
    """The large network with each cure: numbers and learning curves."""
    x, y = data()
    (x_train, y_train), (x_val, y_val) = cr.data.split(x, y, parts=(0.5, 0.5), stratify=y, seed=0)
    x_train, x_val = standardized(x_train, x_val)
    train, val = (x_train, cr.tensor(y_train)), (x_val, cr.tensor(y_val))
    weights = sum(p.size for p in cr.nn.MLP(LARGE).parameters())
    print(f"{weights:,} weights, {x_train.size:,} numbers to learn from, {len(x_val)} other tumours to validate with\n")
    print("                weights of   training  validation      lowest  accuracy   wrong, yet")
    print("                     epoch       loss        loss  on the way            99 % sure")
    figure, places = plt.subplots(2, 3, figsize=(13, 7), layout="constrained")
    histories, final = {}, {}
    for ax, cure in zip(places.flat, CURES, strict=False):
        history, row = histories[cure], final[cure] = learn(cure, train, val)
        losses = f"{row['training_loss']:11.4f}{row['val_loss']:12.3f}{min(history['val_loss']):12.3f}"
        print(f"{cure:16}{row['epoch']:10}{losses}{row['val_accuracy']:10.1%}{row['val_sure_and_wrong']:14.0f}")
        cr.plot.learning_curves(history, ax=ax, columns=["training_loss", "val_loss"], log=True)
        ax.set(title=cure, xlim=(0, 61), ylim=(4e-5, 1))
    last = style.dress(places.flat[-1], "loss", title="validation loss in the end")
    last.barh(list(final), [row["val_loss"] for row in final.values()], color=style.COLORS["vermillion"])
    last.grid(visible=False, axis="y")
    last.invert_yaxis()
    figure.savefig(OUT / "curves.png", dpi=120)

    sick = final["no cure"]
    assert sick["training_loss"] < 1e-3, "without a cure, the training loss should go to 0"
    assert sick["val_loss"] > 1.3 * min(histories["no cure"]["val_loss"]), "and the validation loss should rise"
    for cure, row in list(final.items())[1:]:
        assert row["val_loss"] < 0.85 * sick["val_loss"], f"{cure} should help"
    print("Without a cure the network memorises its examples, and the loss on others rises from epoch to epoch.")
    print("Its accuracy hardly falls: it is as often wrong as before, but ever surer. Each cure keeps that loss down.")


def cross_validate(seed, folds=5):
    """The accuracy on each fold of a small network that learned from the other folds, with dropout and weight decay."""
    x, y = data()
    parts, scores = cr.data.split(x, y, parts=(1 / folds,) * folds, stratify=y, seed=seed), []
    for i, (x_test, y_test) in enumerate(parts):
        x_train, y_train = (np.concatenate(arrays) for arrays in zip(*parts[:i], *parts[i + 1 :], strict=True))
        x_train, x_test = standardized(x_train, x_test)
        cr.random.seed(seed)
        model = cr.nn.MLP([30, 64, 1], activation="tanh", dropout=0.5, input_dropout=0.1)
        batches, epochs = cr.data.Batches(x_train, cr.tensor(y_train)), 15
        lr = cr.optim.schedule.cosine(0.01, epochs * len(batches))
        optimizer = cr.optim.AdamW(model.parameters(), lr=lr, weight_decay=3.0)
        cr.fit(model, LOSS, optimizer, batches, epochs, verbose=0)
        scores.append(accuracy(model.eval()(x_test), y_test))
    return scores


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):  # the products are too small to share
        overfit()
        print("\nEarly stopping has seen the validation part, so its numbers flatter. In cross-validation each fifth")
        print("is predicted by a small network, with dropout and weight decay, that learned from the others only.\n")
        print("shuffle    accuracy on each fifth                mean")
        means = []
        for seed in range(3):
            scores = cross_validate(seed)
            means.append(np.mean(scores))
            print(f"{seed:7}  ", *(f"{score:6.1%}" for score in scores), f"{means[-1]:7.2%}")
            assert means[-1] >= 0.97, f"expected at least 97 % in cross-validation, reached {means[-1]:.2%}"
    print(f"So it tells about {np.mean(means):.1%} of new tumours right; a little less, perhaps, as its size, dropout")
    print("and weight decay were chosen by trying some twenty combinations on the same tumours.")


if __name__ == "__main__":
    main()
