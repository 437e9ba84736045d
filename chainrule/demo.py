"""A small network that learns to tell two moons apart: what `python -m chainrule demo moons` trains."""

import numpy as np

import chainrule as cr

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
