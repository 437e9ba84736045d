"""Regression: does a network beat a straight line?

Ten measurements of 442 patients, and how far their diabetes has progressed a year later. The targets are standardised, a
learning-rate finder picks the rate, a schedule raises and lowers it, early stopping ends the training. R² is the share of
the variance that a model explains; on patients whom neither model has seen, the network and the straight line are even.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/11_regression")
EPOCHS, SPLITS = 60, 8


class Patients:
    """A random split into 60 % to learn from, 20 % to stop by and 20 % to be judged by, in units of the first."""

    def __init__(self, seed):
        x, y = load_diabetes(return_X_y=True)
        train, val, test = cr.data.split(x, np.asarray(y)[:, None], parts=(0.6, 0.2, 0.2), seed=seed)
        self.x, self.y = cr.data.Standardizer().fit(train[0]), cr.data.Standardizer().fit(train[1])
        self.train, self.val = self.ready(*train), self.ready(*val)
        self.test_x, self.test_y = self.ready(*test)[0], test[1]

    def ready(self, x, y):
        return cr.tensor(self.x.transform(x), dtype="float32"), cr.tensor(self.y.transform(y), dtype="float32")

    def predicted(self, model):
        """What a model says of the test patients, in the units of the data."""
        return self.y.inverse(cr.predict(model, self.test_x).numpy())


def straight_line(patients):
    """The linear model with the least squared error; L-BFGS finds it."""
    model, (x, y) = cr.nn.Linear(10, 1), patients.train
    optimizer = cr.optim.LBFGS(model.parameters(), max_iter=100, line_search="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = cr.nn.mse(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


def new_network(lr):
    model = cr.nn.MLP([10, 32, 1], activation="tanh", dropout=0.2)
    return model, cr.optim.AdamW(model.parameters(), lr=lr, weight_decay=1.0)


def network(patients, max_lr):
    """A small network, its history, and the schedule of its learning rate."""
    batches = cr.data.Batches(*patients.train)
    lr = cr.optim.schedule.one_cycle(max_lr, EPOCHS * len(batches))
    model, optimizer = new_network(lr)
    history = cr.fit(model, cr.nn.mse, optimizer, batches, EPOCHS, patients.val, early_stopping=20, verbose=0)
    return model, history, lr


def draw(patients, found, lr, history, predictions):
    """The training of the network; its predictions and residuals beside those of the straight line."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    found.plot(ax=left)
    cr.plot.schedule(lr, EPOCHS * len(cr.data.Batches(*patients.train)), ax=middle)
    history.plot(ax=right)
    for ax, title in ((left, "1. find a rate"), (middle, "2. raise and lower it"), (right, "3. stop in time")):
        ax.set_title(title)
    figure.savefig(OUT / "training.png", dpi=120)

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    style.dress(left, "truth", "prediction", "Predictions: drawn towards the mean")
    style.dress(right, "prediction", "residual: truth - prediction", "Residuals: nearly the same for both")
    truth = patients.test_y
    for (name, p), color, marker in zip(predictions.items(), ("vermillion", "blue"), "so", strict=True):
        look = {"color": style.COLORS[color], "markersize": 5, "alpha": 0.7}
        left.plot(truth, p, marker, label=f"{name}: R² {cr.metrics.r2(p, truth):.2f}", **look)
        right.plot(p, truth - p, marker, **look)
    ends = [truth.min(), truth.max()]
    left.plot(ends, ends, color=style.MUTED, label="perfect")
    right.axhline(0, color=style.MUTED)
    style.legend(left)
    figure.savefig(OUT / "residuals.png", dpi=120)


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    cr.random.seed(0)
    patients, (model, optimizer) = Patients(seed=0), new_network(lr=1e-3)
    scores = {"the mean": [], "straight line": [], "network": []}
    with threadpool_limits(1):  # the products are too small to share
        found = cr.lr_find(model, cr.nn.mse, optimizer, patients.train, 1e-5, 1.0, batch_size=128)
        low, high, best = found.lrs[0], found.lrs[-1], found.suggestion
        print(f"The learning-rate finder tried {low:g} to {high:.2g}; the loss fell fastest at {best:.2g}.")
        print("That is the largest rate of the schedule. R² on the fifth of the patients that nobody has seen:\n")
        print("split  the mean  straight line  network  (stopped in epoch, weights of)")
        for seed in range(SPLITS):
            patients = Patients(seed)
            line, (net, history, lr) = straight_line(patients), network(patients, found.suggestion)
            predictions = {"straight line": patients.predicted(line), "network": patients.predicted(net)}
            constant = np.full_like(patients.test_y, patients.y.mean)
            for name, p in {"the mean": constant, **predictions}.items():
                scores[name].append(cr.metrics.r2(p, patients.test_y))
            last = [values[-1] for values in scores.values()]
            print(f"{seed:5}{last[0]:10.2f}{last[1]:15.2f}{last[2]:9.2f}{len(history):12}{history.best_epoch:5}")
            if seed == 0:
                draw(patients, found, lr, history, predictions)
                x, y = (a.numpy() for a in patients.train)
                exact = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)[0][:-1]
                assert np.abs(line.weight.numpy() - exact).max() < 0.01, "the line should be that of least squares"
    mean, straight, net = (np.mean(values) for values in scores.values())
    spread = np.std(scores["straight line"])
    print(f"mean {mean:11.2f}{straight:15.2f}{net:9.2f}\n")
    print(f"The straight line explains {straight:.0%} of the variance, the network {net:.0%}: even, as from split to")
    print(f"split both vary by ±{spread:.2f}. With {len(x)} noisy examples there is no bend to be found. Always try")
    print("the simple model first, and judge by data that was used for nothing else, more than once.")
    assert mean < 0.02, "the mean should explain nothing"
    assert min(straight, net) > 0.35, "both models should explain more than a third of the variance"
    assert abs(straight - net) < 0.06, "the network should be about as good as the straight line"


if __name__ == "__main__":
    main()
