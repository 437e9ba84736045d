"""How to draw inputs for an operation: domains, and the shapes they are drawn in.

A declaration says `samples=reals` (an elementwise operation: shapes that broadcast are made here), or a list of cases,
`samples=[on((3, 4), axis=0), on((3, 4))]`. Tests and gradcheck draw from them with a seeded generator.
"""

from dataclasses import dataclass, field

import numpy as np


def reals(rng, shape):
    """Numbers of size about one that keep away from the kinks at 0 and ±1, and from each other's ties."""
    x = rng.uniform(0.15, 0.85, shape) + rng.integers(0, 2, shape)
    return x * rng.choice([-1.0, 1.0], shape)


def above_zero(rng, shape):
    return rng.uniform(0.3, 2.5, shape)


def unit_open(rng, shape):
    """Inside (-1, 1), away from both ends and from 0."""
    return rng.uniform(0.1, 0.8, shape) * rng.choice([-1.0, 1.0], shape)


def unit(rng, shape):
    """Probabilities away from 0 and 1."""
    return rng.uniform(0.1, 0.9, shape)


def above_one(rng, shape):
    return rng.uniform(1.3, 3.0, shape)


def booleans(rng, shape):
    return rng.random(shape) < 0.5


def indices(rng, shape):
    """Class indices 0, 1 or 2."""
    return rng.integers(0, 3, shape)


def distinct(rng, shape):
    """No two elements closer than 0.1: for operations that depend on the order."""
    size = int(np.prod(shape))
    return (rng.permutation(size) * 0.25 - size * 0.1 + rng.uniform(0, 0.1, size)).reshape(shape)


@dataclass
class Case:
    """One way to call an operation: a domain and a shape for each array, and its options."""

    shapes: tuple
    domains: tuple
    options: dict = field(default_factory=dict)

    def draw(self, rng):
        return [domain(rng, shape) for domain, shape in zip(self.domains, self.shapes, strict=True)]


def on(*shapes, domain=reals, **options):
    """A case with one array of each shape; `domain` is one for all, or a tuple with one for each."""
    domains = domain if isinstance(domain, tuple) else (domain,) * len(shapes)
    return Case(shapes, domains, options)


_BROADCASTS = {
    1: [((3, 4),), ((),), ((0, 3),)],
    2: [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((1, 1, 2), (3, 1))],
    3: [((3, 4), (3, 4), (3, 4)), ((4,), (3, 1), (1, 4)), ((), (2,), ())],
}


def cases(primitive):
    """The cases at which a primitive is tested, from what its declaration says."""
    samples = primitive.samples
    if isinstance(samples, list):
        return samples
    domains = samples if isinstance(samples, tuple) else (samples,) * len(primitive.inputs)
    return [Case(shapes, domains) for shapes in _BROADCASTS[len(domains)]]
