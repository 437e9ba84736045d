"""The data sets of the playground's networks: points in the plane, their class or their height. The programs show this text."""

import numpy as np


def moons(n, noise, seed):
    """Two interleaved half circles."""
    rng = np.random.default_rng(seed)
    angle, y = rng.uniform(0, np.pi, n), np.arange(n) % 2
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = 0.8 * (np.where(y[:, None], [1.0, 0.5] - upper, upper) - [0.5, 0.25])
    return x + rng.normal(0, noise, (n, 2)), y[:, None]


def circles(n, noise, seed):
    """A disc, and a ring around it."""
    rng = np.random.default_rng(seed)
    angle, y = rng.uniform(0, 2 * np.pi, n), np.arange(n) % 2
    radius = np.where(y, rng.uniform(0.9, 1.3, n), rng.uniform(0, 0.6, n))
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + rng.normal(0, noise, (n, 2)), y[:, None]


def spiral(n, noise, seed):
    """Two arms that wind around each other."""
    rng = np.random.default_rng(seed)
    turn, y = np.sqrt(rng.uniform(0.01, 1, n)), np.arange(n) % 2
    angle = 3 * np.pi * turn + np.pi * y
    x = 1.3 * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + rng.normal(0, noise, (n, 2)), y[:, None]


def xor(n, noise, seed):
    """Exclusive or: two quadrants against the other two."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.2, 1.2, (n, 2))
    y = (x[:, 0] * x[:, 1] < 0).astype(int)
    return x + rng.normal(0, noise, (n, 2)), y[:, None]


def regression(n, noise, seed):
    """The height of a surface with a hill and a hollow."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.4, 1.4, (n, 2))
    y = 2 * x[:, 0] * np.exp(-(x**2).sum(axis=1))
    return x, (y + rng.normal(0, noise, n))[:, None]


DATA = {f.__name__: f for f in (moons, circles, spiral, xor, regression)}
