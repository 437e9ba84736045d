"""Handwritten digits: a multi-layer perceptron learns to read scikit-learn's 1,797 real 8×8 images.

Run it with `make run`, or `python examples/10_digits.py`. DEVICE=cuda runs the same on the GPU. It writes the trained
weights, the history, the learning curves and a picture of the network's graph into runs/digits/.
"""

import os
import sys
from pathlib import Path
from time import perf_counter

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import chainrule as cr

OUT = Path("runs/digits")
EPOCHS = 100


def data(device):
    """(x, y) to train on and (x, y) held out: pixels in [0, 1], a fifth of each digit for the test."""
    digits = load_digits()
    x = (digits.data / 16).astype(np.float32)
    parts = train_test_split(x, digits.target, test_size=0.2, stratify=digits.target, random_state=0)
    x_train, x_test, y_train, y_test = (cr.tensor(part, device=device) for part in parts)
    return (x_train, y_train), (x_test, y_test)


def main():
    device = os.environ.get("DEVICE", "cpu")
    try:
        cr.backends.get(device)
    except cr.DeviceError as error:
        sys.exit(f"DEVICE={device}: {error}")
    if device == "scalar":
        sys.exit("DEVICE=scalar: device 'scalar' holds single numbers, not arrays; use DEVICE=cpu or DEVICE=cuda")
    cr.random.seed(0)
    train, test = data(device)
    model = cr.nn.MLP([64, 128, 64, 10], activation="relu", dropout=0.2).to(device)
    optimizer = cr.optim.Adam(model.parameters(), lr=1e-3)
    batches = cr.optim.Batches(*train, batch_size=64, seed=0)
    print(f"{model}\n{sum(p.size for p in model.parameters()):,} parameters on {device!r}; "
          f"{len(train[0])} images to learn from, {len(test[0])} to be tested on")  # fmt: skip

    start = perf_counter()
    with threadpool_limits(1):  # these products are too small to share: a second thread would only be waited for
        history = cr.optim.fit(
            model,
            cr.nn.cross_entropy,
            optimizer,
            batches,
            EPOCHS,
            validation=test,
            metrics={"accuracy": cr.optim.accuracy},
        )
    seconds = perf_counter() - start

    model.eval()
    with cr.no_grad():
        predicted = model(test[0]).argmax(axis=-1).numpy()
    truth = test[1].numpy()
    print("\nEach digit on the test set:\n" + classification_report(truth, predicted, digits=3))
    print("Confusion matrix (rows: truth, columns: prediction):")
    print(confusion_matrix(truth, predicted))
    write(model, history, test)
    accuracy = (predicted == truth).mean()
    print(f"\ntest accuracy {accuracy:.2%} after {len(history)} epochs in {seconds:.1f} s; see {OUT}/")
    assert accuracy >= 0.97 or len(history) < EPOCHS, f"expected at least 97 % test accuracy, reached {accuracy:.2%}"


def write(model, history, test):
    """Weights, history, learning curves and graph, into OUT."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    OUT.mkdir(parents=True, exist_ok=True)
    cr.save(model.state_dict(), OUT / "weights.safetensors")
    history.to_csv(OUT / "history.csv")
    if history:
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
        left.plot(history["epoch"], history["loss"], label="training (with dropout)")
        left.plot(history["epoch"], history["val_loss"], label="test")
        left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title="Loss")
        left.legend()
        right.plot(history["epoch"], history["val_accuracy"], color="C1")
        right.set(xlabel="epoch", ylabel="accuracy", ylim=(0.8, 1.0), title="Accuracy on the test set")
        figure.savefig(OUT / "learning_curves.png", dpi=120)
        plt.close(figure)
    x, y = test
    model.zero_grad()
    loss = cr.nn.cross_entropy(model(x[:8]), y[:8])
    loss.backward()
    picture = cr.draw(loss, names={**dict(model.named_parameters()), "loss": loss})
    try:
        picture.save(OUT / "graph.svg")
    except cr.ChainruleError as error:
        picture.save(OUT / "graph.dot")
        print(f"graph.dot was written instead of graph.svg: {error}")


if __name__ == "__main__":
    main()
