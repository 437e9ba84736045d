"""python -m chainrule demo: train a small network, and write a page that replays the training."""

import os
from pathlib import Path
from tempfile import TemporaryFile

from ..autograd import random
from ..autograd.arguments import choose
from ..autograd.errors import ArgumentError
from ..data import moons
from ..metrics import accuracy
from ..nn import MLP, bce_with_logits
from ..optim import Adam
from ..replay.recorder import Replay
from ..train.fit import fit
from .parser import Parser

DATA = {"moons": "two interleaved half circles, with noise"}
_LISTED = "\n".join(f"  {name}  {what}" for name, what in DATA.items())
_DESCRIPTION = f"""\
Train a small network to tell two kinds of points apart, and write a page that replays the training.

data:
{_LISTED}"""


EPOCHS, RATE = 100, 0.03
OTHERS = {"learning rate × 1/3": RATE / 3, "learning rate × 3": RATE * 3, "learning rate × 30": RATE * 30}


def learn_moons(seed=0, epochs=EPOCHS, verbose=0, rate=RATE, callbacks=None):
    """Train 2 → 8 → 8 → 1 on 200 points, recorded unless there are other `callbacks`: the History. Validation is on 200 others."""
    random.seed(seed)
    model = MLP([2, 8, 8, 1], activation="tanh")
    return fit(
        model,
        bce_with_logits,
        Adam(model.named_parameters(), lr=rate),
        moons(200, seed),
        epochs,
        validation=moons(200, seed + 1),
        metrics={"accuracy": lambda logit, y: accuracy(logit, y, threshold=0)},
        batch_size=50,
        callbacks=Replay() if callbacks is None else callbacks,
        verbose=verbose,
    )


def run(argv):
    """Train on the data named in `argv` and write the page; returns the exit status.

    Raises: ArgumentError, before the training, if an argument is wrong or the page cannot be written.
    """
    parser = Parser("demo", _DESCRIPTION, "%(prog)s DATA [-o FILE] [--seed SEED] [--epochs EPOCHS]")
    parser.add_argument("data", metavar="DATA", nargs="?", help="one of these names")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="the page (DATA.html)")
    parser.add_argument("--seed", type=int, default=0, help="of the points and the first weights (0)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"passes over the points ({EPOCHS})")
    options = parser.parse_args(argv)
    if options.data is None:
        raise ArgumentError(f"name the data to learn, as in python -m chainrule demo moons. There is:\n{_LISTED}")
    choose("data", options.data, DATA)
    path = _writable(options.output or Path(f"{options.data}.html"))
    history = learn_moons(options.seed, options.epochs, verbose=max(1, options.epochs // 10))
    if not history and not history.snapshots:
        raise KeyboardInterrupt  # the user's, which fit has caught: there is nothing to show yet
    others = {}
    if len(history) == options.epochs:  # else the user wants to wait no longer
        others = {
            name: learn_moons(options.seed, options.epochs, rate=rate, callbacks=()) for name, rate in OTHERS.items()
        }
    history.save(path, title="Two moons: a network learns", others=others)
    if history:
        print(f"{history[-1]['val_accuracy']:.1%} of 200 new points are on the right side of the boundary.")
    else:  # Ctrl-C came in the first epoch
        print("No epoch was finished, so the page shows the network as it began.")
    print(f"Wrote {path}. Open it in a browser: it needs no network.")
    return 0


def _writable(path):
    """`path`, if a page can be written there: after the training it would be too late to find out."""
    if path.suffix.lower() != ".html":
        raise ArgumentError(f"the name of the page must end in .html, as moons.html does; {str(path)!r} does not")
    if path.exists() and not path.is_file():
        raise ArgumentError(f"cannot write {path}: there is a folder or a device of that name")
    try:
        TemporaryFile(dir=os.path.dirname(os.path.realpath(path))).close()
    except OSError as error:
        raise ArgumentError(f"cannot write {path}: {error.strerror} (in the folder {path.parent})") from None
    return path
