"""Training steps in float32, by cr.jit and eagerly, against the fastest of PyTorch, torch.compile of the whole step, and JAX's
jit of the whole step with donated buffers. All start from the same weights, and every step ends with the loss read on the host."""

from . import steps
from .measure import Row, contest

CONTESTANTS = {
    "jit, C": (steps.ours, dict(lowering="c")),
    "jit, NumPy": (steps.ours, dict(lowering="numpy")),
    "eager": (steps.ours, {}),
    "PyTorch": (steps.pytorch, dict(fused=True)),
    "JAX": (steps.jax, {}),
    "torch.compile": (steps.pytorch, dict(compiled=True)),
}
PEERS = ["PyTorch", "JAX", "torch.compile"]
NETS = [  # net, what is not ReLU and Adam, goals: C / fastest, NumPy and eager / PyTorch, turns, calls in each
    ((2, 16, 16, 1), 32, {}, (0.12, 0.25, 0.50), 10, 100),
    ((64, 128, 64, 10), 64, {}, (0.45, 0.50, 0.55), 10, 100),
    ((784, 512, 256, 10), 128, {}, (0.75, None, 1.0), 10, 20),
    (*steps.LARGEST, {}, (0.92, None, 0.95), 3, 1),
    ((8, 32, 32, 2), 40, dict(activation="tanh", optimizer="SGD"), (0.15, None, None), 10, 100),
    ((20, 48, 24, 5), 50, dict(activation="gelu", norm="layer", optimizer="AdamW"), (0.30, None, None), 10, 100),
    (
        (20, 48, 24, 5),
        50,
        dict(activation="gelu", norm="layer", dropout=0.2, optimizer="AdamW"),
        (0.60, None, None),
        10,
        100,
    ),
]
LIMIT_S = 12  # that torch.compile may take longer than all others to get ready


def contestant(name, net, kind):
    """The step of a contestant, which returns its loss as a number."""
    maker, options = CONTESTANTS[name]
    step = maker(*net, **kind, **options)
    for _ in range(3):  # cr.jit records two of them
        step().item()
    lowering = options.get("lowering")
    if lowering and step.func.lowering != lowering:
        raise AssertionError(f"the program was to run by {lowering}, it runs by {step.func.lowering}")
    if kind.get("dropout"):  # each draws its own numbers, so that losses differ
        return lambda: step().item() and None
    return lambda: step().item()


def rows():
    for sizes, batch, kind, goals, turns, size in NETS:
        makers = [(contestant, name, (sizes, batch), kind) for name in CONTESTANTS]
        found = dict(zip(CONTESTANTS, contest(makers, turns, size, warmup=1, limit=LIMIT_S, of=min), strict=True))
        us = {name: 1e6 * seconds for name, seconds in found.items() if isinstance(seconds, float)}
        said = {
            name: f"{name} {us[name]:,.1f} µs" if name in us else f"{name}: {str(found[name])[:80]}" for name in found
        }
        net = f"{'-'.join(map(str, sizes))} ({batch})"
        yield f"step {', '.join([net, *map(str, kind.values())])}: " + " · ".join(said[name] for name in PEERS)
        fastest = min((name for name in PEERS if name in us), key=us.get, default="PyTorch")
        for name, peer, goal in zip(
            ("jit, C", "jit, NumPy", "eager"), (fastest, "PyTorch", "PyTorch"), goals, strict=True
        ):
            if name in us and peer in us:
                yield Row(
                    f"step {net}{', dropout' * ('dropout' in kind)}, {name}", "µs", us[name], peer, us[peer], goal
                )
            else:
                yield f"step {net}, {said[name]}, {said[peer]}"
