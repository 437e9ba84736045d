"""A small network learns to tell two moons apart, and leaves a page on which to watch it: python -m chainrule demo moons."""

import argparse
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.replay import page_path

EPOCHS = 100
NOISE = 0.15


def moons(n, seed):
    """Two half circles that reach into each other, with noise: points (n, 2) and their class (n, 1).

    Example:
        >>> x, y = moons(4, seed=0)
        >>> x.shape, y.reshape(-1).tolist()
        ((4, 2), [0.0, 1.0, 0.0, 1.0])
    """
    rng = np.random.default_rng(seed)
    angle, y = rng.uniform(0, np.pi, n), np.arange(n) % 2
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.where(y[:, None], [1.0, 0.5] - upper, upper) + rng.normal(0, NOISE, (n, 2))
    return cr.tensor(x, dtype="float32"), cr.tensor(y[:, None], dtype="float32")


def learn_moons(seed=0, epochs=EPOCHS, verbose=0):
    """Train 2 → 8 → 8 → 1 on 200 points, recorded: the History. Validation is on 200 others."""
    cr.random.seed(seed)
    model = cr.nn.MLP([2, 8, 8, 1], activation="tanh")
    return cr.optim.fit(
        model,
        cr.nn.bce_with_logits,
        cr.optim.Adam(model.named_parameters(), lr=0.03),
        moons(200, seed),
        epochs,
        validation=moons(200, seed + 1),
        metrics={"accuracy": lambda logit, y: cr.metrics.accuracy(logit, y, threshold=0)},
        batch_size=50,
        callbacks=cr.optim.Replay(),
        verbose=verbose,
    )


def main(argv):
    """What `python -m chainrule demo` does with the words after it. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m chainrule demo", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("data", choices=["moons"], help="what to learn")
    parser.add_argument("-o", "--output", type=Path, default=Path("moons.html"), help="the page (default: moons.html)")
    parser.add_argument("--seed", type=int, default=0, help="of the points and the first weights (default: 0)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"(default: {EPOCHS})")
    options = parser.parse_args(argv)
    try:
        page_path("demo", options.output)  # before the training, not after it
        history = learn_moons(options.seed, options.epochs, verbose=max(1, options.epochs // 10))
        path = history.save(options.output, title="Two moons: a network learns")
    except (cr.ChainruleError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    print(f"{history[-1]['val_accuracy']:.1%} of 200 new points are on the right side of the boundary.")
    print(f"Wrote {path}. Open it in a browser: it needs no network.")
    return 0
