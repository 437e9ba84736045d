"""One GPT, four times: what do numbers, arrays, a recorded program and a GPU have in common?

A tiny GPT guesses the next letter of a poem: letters and places become vectors, attention mixes those of the letters so far, a
small network bends each of them, and what comes out scores every letter. It is written down twice: on single numbers, where each
is a Value, and on arrays. The arrays are trained three times: as they are, recorded by cr.jit, and on a GPU where there is one.
All start equal and see the same letters, and so all have the same loss, to nine digits; only the time differs.

The poem is Lewis Carroll's "Jabberwocky" (1871), which is in the public domain.
"""

from pathlib import Path
from time import perf_counter
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/14_one_gpt_four_times")
TEXT = Path(__file__).with_name("jabberwocky.txt").read_text(encoding="utf-8")
LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(letter) for letter in TEXT])
WIDTH, LENGTH, HIDDEN = 12, 8, 24  # of a letter's vector, of what is read at once, of the small network
RATE, STEPS, MORE = 0.03, 6, 12_000


def start():
    """The first weights by name: the same for all."""
    rng = np.random.default_rng(0)
    shapes = {
        "letters": (len(LETTERS), WIDTH),
        "places": (LENGTH, WIDTH),
        "up": (WIDTH, HIDDEN),
        "down": (HIDDEN, WIDTH),
    }
    shapes |= dict.fromkeys(("query", "key", "value", "mix"), (WIDTH, WIDTH)) | {"score": (WIDTH, len(LETTERS))}
    return {name: rng.normal(size=shape) * 0.3 for name, shape in shapes.items()}


def excerpts(steps):
    """For each step LENGTH letters, as codes, and those that follow each of them."""
    for place in np.random.default_rng(1).integers(0, len(CODES) - LENGTH - 1, steps):
        yield CODES[place : place + LENGTH], CODES[place + 1 : place + LENGTH + 1]


# ---- on arrays

# a letter looks at itself and at those before it: the weights of the others are e^-1e9, which is 0
LATER = np.triu(np.full((LENGTH, LENGTH), -1e9), k=1)


def norm(x):
    """Each row with elements of about 1, so that no layer makes the next one's input larger or smaller."""
    return x / ((x * x).mean(axis=-1, keepdims=True) + 1e-5) ** 0.5


def scores(w, letters, later):
    """For each letter, how well each letter of the alphabet would follow it: (LENGTH, letters)."""
    x = w["letters"][letters] + w["places"]
    h = norm(x)
    attention = (h @ w["query"]) @ (h @ w["key"]).T * WIDTH**-0.5 + later
    x = x + cr.softmax(attention, axis=-1) @ (h @ w["value"]) @ w["mix"]
    x = x + cr.relu(norm(x) @ w["up"]) @ w["down"]
    return norm(x) @ w["score"]


def on_arrays(device="cpu", jit=False):
    """(the weights, a function that takes a step and returns the loss)."""
    w = {name: cr.tensor(a, "float64", device=device, requires_grad=True) for name, a in start().items()}
    later = cr.tensor(LATER, "float64", device=device)
    optimizer = cr.optim.SGD(w.values(), lr=RATE)

    def step(letters, following):
        optimizer.zero_grad()
        loss = cr.nn.cross_entropy(scores(w, letters, later), following)
        loss.backward()
        optimizer.step()
        return loss

    run = cr.jit(step) if jit else step
    place = lambda codes: cr.tensor(codes, device=device)
    return w, lambda letters, following: run(place(letters), place(following)).item()


# ---- on single numbers


def dot(a, b):
    return sum((x * y for x, y in zip(a, b, strict=True)), 0.0)


def times(x, matrix):
    """A row times a matrix, which is a list of rows."""
    return [dot(x, column) for column in zip(*matrix, strict=True)]


def norm_of_numbers(x):
    size = (dot(x, x) * (1 / len(x)) + 1e-5) ** 0.5
    return [a / size for a in x]


def softmax_of_numbers(x):
    powers = [cr.exp(a) for a in x]
    total = sum(powers)
    return [p / total for p in powers]


def loss_of_numbers(w, letters, following) -> Any:
    keys, values, losses = [], [], []
    for letter, place, next_letter in zip(letters, w["places"], following, strict=True):
        x = [a + b for a, b in zip(w["letters"][letter], place, strict=True)]
        h = norm_of_numbers(x)
        keys.append(times(h, w["key"]))
        values.append(times(h, w["value"]))
        query = times(h, w["query"])
        attention = softmax_of_numbers([dot(query, key) * WIDTH**-0.5 for key in keys])
        mixed = times(times(attention, values), w["mix"])
        x = [a + b for a, b in zip(x, mixed, strict=True)]
        bent = [cr.relu(a) for a in times(norm_of_numbers(x), w["up"])]
        x = [a + b for a, b in zip(x, times(bent, w["down"]), strict=True)]
        losses.append(-cr.log(softmax_of_numbers(times(norm_of_numbers(x), w["score"]))[next_letter]))
    return sum(losses) * (1 / len(losses))


def on_numbers():
    """As on_arrays, with a Value for each weight."""
    w = {name: [[cr.Value(number) for number in row] for row in a.tolist()] for name, a in start().items()}
    weights = [number for matrix in w.values() for row in matrix for number in row]

    def step(letters, following):
        loss = loss_of_numbers(w, letters, following)
        loss.backward()
        for weight in weights:
            weight.data -= RATE * weight.grad
            weight.grad = None
        return loss.data

    return w, step


# ---- all of them


def train(step, texts):
    """The losses of the steps, and the seconds that the fastest of them took."""
    losses, seconds = [], []
    for letters, following in texts:
        begin = perf_counter()
        losses.append(step(letters, following))
        seconds.append(perf_counter() - begin)
    return losses, min(seconds)


def write(w, letters=200):
    """What the GPT goes on with, letter by letter, drawn by the odds that it gives them."""
    w, rng, text = {name: matrix.numpy() for name, matrix in w.items()}, np.random.default_rng(2), TEXT[:LENGTH]
    for _ in range(letters):
        codes = np.array([LETTERS.index(letter) for letter in text[-LENGTH:]])
        text += rng.choice(
            LETTERS, p=cr.softmax(scores(w, codes, LATER)[-1] * 1.5)
        )  # 1.5: a little bolder than the odds
    return text


def draw(times, losses):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    style.dress(left, "microseconds for a step, logarithmic", None, "The same step, in one way and another")
    left.barh(list(times), [1e6 * t for t in times.values()], color=style.COLORS["blue"])
    left.set_xscale("log")
    left.invert_yaxis()
    for i, t in enumerate(times.values()):
        left.text(1e6 * t, i, f" {1e6 * t:,.0f}", va="center")
    left.set_xlim(right=1e6 * max(times.values()) * 6)
    style.dress(right, "step", "loss, mean of 100 steps", "What the recorded one learned in the end")
    right.plot(
        np.arange(50, len(losses) - 49),
        np.convolve(losses, np.ones(100) / 100, "valid"),
        color=style.COLORS["vermillion"],
    )
    figure.savefig(OUT / "times.png", dpi=120)
    plt.close(figure)


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    ways = {"single numbers": on_numbers(), "arrays": on_arrays(), "arrays, cr.jit": on_arrays(jit=True)}
    if "cuda" in cr.backends.available():
        ways["arrays, GPU"] = on_arrays("cuda")
    texts = list(excerpts(STEPS))
    found = {name: train(step, texts) for name, (_, step) in ways.items()}
    size = sum(a.size for a in start().values())
    print(f"A GPT of {size:,} weights reads {LENGTH} letters of a poem and guesses the next, {STEPS} times:\n")
    print("                  first loss       last loss   microseconds for the fastest step")
    for name, (losses, seconds) in found.items():
        print(f"{name:15}{losses[0]:13.9f}{losses[-1]:16.9f}{1e6 * seconds:36,.0f}")
        gap = max(abs(a - b) for a, b in zip(losses, found["arrays"][0], strict=True))
        assert gap < 1e-9, f"{name}: the losses should be those of the arrays, and are {gap:.0e} away"
    if "arrays, GPU" not in ways:
        print("No GPU is usable here, so it was left out.")

    w, step = ways["arrays, cr.jit"]
    begin = perf_counter()
    losses = found["arrays, cr.jit"][0] + train(step, excerpts(MORE))[0]
    print(
        f"\n{MORE:,} steps more of the recorded one took {perf_counter() - begin:.1f} s. Given the first {LENGTH} letters, it writes:\n"
    )
    text = write(w)
    print(text)
    assert np.mean(losses[-300:]) < np.mean(losses[:100]) - 0.5, "it should have learned something of the poem"
    draw({name: seconds for name, (_, seconds) in found.items()}, losses)


if __name__ == "__main__":
    main()
