"""Handwritten digits: everything together reads 1,797 real images.

A network with two hidden layers learns scikit-learn's 8×8 images of digits. What the other examples introduced works
together here: mini-batches, dropout, Adam with decoupled weight decay, a learning rate that falls along a cosine, and
images that are moved a little each time they are seen, so that the network cannot memorise them.

A tenth of the images watches over the training; the test images are looked at once, at the end. DEVICE=cuda runs the
same on a GPU.
"""

import os
import sys
from pathlib import Path
from time import perf_counter

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import chainrule as cr

OUT = Path("runs/10_digits")
EPOCHS = 150
REACH = 0.7  # pixels by which an image is moved at most


def data(device):
    """(x, y) to train on, to watch the training by, and to test on: pixels in [0, 1], each digit in its share."""
    pixels, digits = load_digits(return_X_y=True)
    x = cr.tensor(pixels / 16, dtype="float32", device=device)
    y = cr.tensor(digits, device=device)
    return cr.data.split(x, y, parts=(0.7, 0.1, 0.2), stratify=digits, seed=0)


class Moved:
    """Mini-batches whose images are moved by a random part of a pixel, down or up and to a side, anew in each epoch."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for x, y in self.batches:
            images = x.reshape(-1, 8, 8)
            images = moved(images)  # along the columns
            images = moved(images.swapaxes(1, 2)).swapaxes(1, 2)
            yield images.reshape(-1, 64), y


def moved(images):
    """Each image moved along its first axis; between two pixels the values are mixed in proportion."""
    by = cr.random.uniform(-REACH, REACH, size=(len(images), 1, 1), device=images.device)
    wide = cr.pad(images, pad_width=((0, 0), (1, 1), (0, 0)))
    return images * (1 - abs(by)) + wide[:, :-2] * cr.maximum(by, 0) + wide[:, 2:] * cr.maximum(-by, 0)


def main():
    device = os.environ.get("DEVICE", "cpu")
    try:
        cr.backends.get(device)
    except cr.DeviceError as error:
        sys.exit(f"DEVICE={device}: {error}")
    if device == "scalar":
        sys.exit("DEVICE=scalar: device 'scalar' holds single numbers, not arrays; use DEVICE=cpu or DEVICE=cuda")
    cr.random.seed(0)
    train, watch, test = data(device)
    batches = cr.data.Batches(*train, batch_size=64)
    model = cr.nn.MLP([64, 128, 64, 10], activation="relu", dropout=0.1).to(device)
    rate = cr.optim.schedule.cosine(3e-3, EPOCHS * len(batches))
    optimizer = cr.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    print(cr.nn.summary(model, 64))
    learn, look, judge = (len(x) for x, _ in (train, watch, test))
    print(f"\n{learn} images to learn from, {look} to watch by, {judge} to be tested on; {device!r}")

    start = perf_counter()
    with threadpool_limits(1):  # these products are too small to share: a second thread would only be waited for
        history = cr.fit(
            model, cr.nn.cross_entropy, optimizer, Moved(batches), EPOCHS,
            validation=watch, metrics=["accuracy"], verbose=10,
        )  # fmt: skip
    seconds = perf_counter() - start

    scores = cr.predict(model, test[0])
    report(scores, test[1])
    write(model, history, scores, test)
    accuracy = cr.metrics.accuracy(scores, test[1])
    print(f"\ntest accuracy {accuracy:.2%} after {len(history)} epochs in {seconds:.1f} s; see {OUT}/")
    assert accuracy >= 0.98 or len(history) < EPOCHS, f"expected at least 98 % test accuracy, reached {accuracy:.2%}"


def report(scores, truth):
    """How well each digit is read, and what is taken for what."""
    columns = [getattr(cr.metrics, name)(scores, truth, average=None) for name in ("precision", "recall", "f1")]
    counts = np.bincount(truth.numpy())
    print("\ndigit  precision  recall     f1  images")
    for digit, (precision, recall, f1) in enumerate(zip(*columns, strict=True)):
        print(f"{digit:>5}  {precision:>9.3f}  {recall:>6.3f}  {f1:>5.3f}  {counts[digit]:>6}")
    print("\nConfusion matrix (rows: truth, columns: prediction):")
    print(cr.metrics.confusion_matrix(scores, truth))


def write(model, history, scores, test):
    """Weights, history, pictures, into OUT."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    OUT.mkdir(parents=True, exist_ok=True)
    cr.save(model.state_dict(), OUT / "weights.safetensors")
    history.to_csv(OUT / "history.csv")
    if history:
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        history.plot(ax=left, log=True)
        history.plot(ax=right, columns=["val_accuracy"])
        figure.savefig(OUT / "learning_curves.png", dpi=120)
        plt.close(figure)
    cr.plot.confusion_matrix(scores, test[1])
    plt.savefig(OUT / "confusion_matrix.png", dpi=120)
    plt.close()
    images, digits = test[0][:8], test[1][:8]
    model.eval().zero_grad()
    scores = model(images)
    loss = cr.nn.cross_entropy(scores, digits)
    # before any backward(), which would free the values that the picture shows
    picture = cr.draw(loss, names={"images": images, "digits": digits, "scores": scores, "loss": loss})
    try:
        picture.save(OUT / "graph.svg")
    except cr.ChainruleError as error:
        picture.save(OUT / "graph.dot")
        print(f"graph.dot was written instead of graph.svg: {error}")


if __name__ == "__main__":
    main()
