"""The whole engine in a hundred lines: how does a program differentiate itself?

Each result remembers what it was computed from and, for each of these operands, a rule: from the gradient of the result to what
the operand gets. Backward walks from the result to its leaves, and adds up what arrives. A number is an array of shape ().
chainrule is this idea with every operation, on every device, checked and made fast; below, both learn exclusive or side by side.
"""

import numpy as np

import chainrule as cr


class Tensor:
    """An array that remembers how it was computed. `grad` is the gradient of what backward() was called on."""

    def __init__(self, data, *operands):
        self.data, self.grad = np.asarray(data, "float64"), 0.0
        self.operands = operands  # (Tensor, rule) for each

    def backward(self):
        """Add the gradient of this value to the `grad` of each value that it was computed from, itself included."""
        order, seen, stack = [], set(), [(self, False)]
        while stack:  # in `order`, each value comes after its operands
            value, done = stack.pop()
            if done:
                order.append(value)
            elif value not in seen:
                seen.add(value)
                stack += [(value, True), *((operand, False) for operand, _ in value.operands)]
        arrived = dict.fromkeys(order, 0.0) | {self: np.ones_like(self.data)}
        for value in reversed(order):  # so a value passes on its gradient when all of it has arrived
            g = arrived.pop(value)
            value.grad = value.grad + g
            for operand, rule in value.operands:
                arrived[operand] = arrived[operand] + like(operand, rule(g))

    def __add__(self, other):
        other = tensor(other)
        return Tensor(self.data + other.data, (self, lambda g: g), (other, lambda g: g))

    def __mul__(self, other):
        other = tensor(other)
        return Tensor(self.data * other.data, (self, lambda g: g * other.data), (other, lambda g: g * self.data))

    def __matmul__(self, other):
        return Tensor(self.data @ other.data, (self, lambda g: g @ other.data.T), (other, lambda g: self.data.T @ g))

    def __pow__(self, n):
        return Tensor(self.data**n, (self, lambda g: g * n * self.data ** (n - 1)))

    def __sub__(self, other):
        return self + tensor(other) * -1.0

    def exp(self):
        out = np.exp(self.data)
        return Tensor(out, (self, lambda g: g * out))

    def log(self):
        return Tensor(np.log(self.data), (self, lambda g: g / self.data))

    def tanh(self):
        out = np.tanh(self.data)
        return Tensor(out, (self, lambda g: g * (1 - out**2)))

    def relu(self):
        return Tensor(np.maximum(self.data, 0), (self, lambda g: g * (self.data > 0)))

    def sum(self):
        return Tensor(self.data.sum(), (self, lambda g: np.broadcast_to(g, self.data.shape)))


def tensor(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def like(operand, g):
    """`g` in the operand's shape: where NumPy has repeated the operand, its copies' gradients are added up."""
    g = g.sum(axis=tuple(range(g.ndim - operand.data.ndim)))
    return g.sum(axis=tuple(i for i, n in enumerate(operand.data.shape) if n == 1), keepdims=True)


def main():
    rng = np.random.default_rng(0)
    arrays = [np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])]  # exclusive or
    arrays += [rng.normal(size=shape) for shape in ((2, 8), (8,), (8, 1), (1,))]
    for step in range(101):
        ours, losses = [Tensor(a) for a in arrays], []
        real = [cr.tensor(a, "float64", requires_grad=True) for a in arrays]
        for x, y, w1, b1, w2, b2 in (ours, real):
            losses.append((((x @ w1 + b1).tanh() @ w2 + b2 - y) ** 2).sum())  # pyright: ignore[reportOperatorIssue]
            losses[-1].backward()
        gap = max(abs(a.grad - b.grad.numpy()).max() for a, b in zip(ours, real, strict=True))
        if step % 10 == 0:
            print(f"step {step:3}: loss {losses[0].data:.6f} and {losses[1].item():.6f}, gradients {gap:.0e} apart")
        assert gap < 1e-12, f"step {step}: both should have the same gradients"
        arrays[2:] = [a.data - 0.05 * a.grad for a in ours[2:]]


if __name__ == "__main__":
    main()
