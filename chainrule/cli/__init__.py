"""The commands of `python -m chainrule`: explain a formula, play with one, train a demo, read a lesson, show what is installed."""

import os
import sys

from .. import __version__
from ..autograd.arguments import choose
from ..autograd.errors import ChainruleError
from . import demo, explain, info, lesson, play
from .parser import as_called

HELP = """\
chainrule: see how gradients are computed

  python -m chainrule explain "(a*b + c) * f" a=2 b=-3 c=10 f=-2
      every step of backpropagation through a formula; -o graph.html makes a page of it

  python -m chainrule demo moons
      trains a small network, and makes a page that replays how it learned

  python -m chainrule play
      type a formula, drag its numbers and watch the gradients, in the browser

  python -m chainrule lesson 1
      twelve lessons on backpropagation, one screen or two each; without a number, the list

  python -m chainrule info
      versions, devices, BLAS, GPU: what to put into a bug report

Each says more with --help. In Python: cr.trace(loss) for a graph of your own, cr.exercise() to practise.
"""


def main(argv=None):
    """Run a command line (None: the program's own) and return its exit status.

    0 is success, 2 an error, with its message on stderr, and 130 Ctrl-C.

    Example:
        >>> main(["explain", "a*b", "a=2"])  # on stderr: b has no value: add b=…
        2
    """
    argv = sys.argv[1:] if argv is None else argv
    command, *rest = argv or ["--help"]
    label = command if command in COMMANDS else "chainrule"
    try:
        status = _run(_OPTIONS.get(command) or choose("command", command, COMMANDS), rest)
        sys.stdout.flush()  # here, where a closed pipe can be caught
        return status
    except ChainruleError as error:
        print(as_called(f"{label}: {error}"), file=sys.stderr)
    except BrokenPipeError:  # the reader has stopped, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes at exit
        return 0
    except OSError as error:  # of a file that cannot be written
        place = error.filename2 or error.filename  # the second is the target that a temporary file was to be renamed to
        reason = error.strerror or error
        print(f"{label}: cannot write {place}: {reason}" if place else f"{label}: {reason}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 2


def _run(command, argv):
    try:
        return command(argv)
    except SystemExit as end:  # argparse has shown its help, or said what is wrong
        return end.code


def _help(argv):
    print(as_called(HELP), end="")
    return 0


def _version(argv):
    print(f"chainrule {__version__}")
    return 0


COMMANDS = {"demo": demo.run, "explain": explain.run, "info": info.run, "lesson": lesson.run, "play": play.run}
_OPTIONS = {"-h": _help, "--help": _help, "--version": _version}
