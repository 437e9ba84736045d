"""python -m chainrule play: formulas, their values and their graphs to touch, in the browser."""

import sys
import webbrowser
from pathlib import Path

from ...autograd.errors import ArgumentError
from ...autograd.files import write_atomically
from ...pages.words import speaking
from ..parser import Parser

_DESCRIPTION = """\
A page to play with: type a formula, drag its numbers, step through its backpropagation, train it.

  python -m chainrule play
  python -m chainrule play -o playground.html

Only this machine can reach it, at the address that is printed. -o writes the examples as one file that needs no
server and no network, to be sent or hosted."""


def run(argv):
    """Serve the playground until Ctrl-C, or write it to a file; returns the exit status.

    Raises: ArgumentError if an option is wrong, or the port is taken.
    """
    parser = Parser("play", _DESCRIPTION, "%(prog)s [--port PORT] [--no-browser] [--language LANGUAGE] [-o FILE]")
    parser.add_argument("--port", type=int, default=0, help="of the address (a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and do not open it")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write the examples as one HTML file, and end"
    )
    parser.add_language()
    options = parser.parse_args(argv)
    with speaking(options.language):
        return _played(options)


def _played(options):
    if options.output:
        from .page import shell

        write_atomically(options.output, shell(static=True))
        print(f"saved as {options.output}")
        return 0
    if not 0 <= options.port <= 65535:
        raise ArgumentError(f"--port must be from 0, a free one, to 65535, not {options.port}")
    from .server import HOST, Server  # here, because other commands need no server

    try:
        server = Server(options.port, options.language)
    except OSError as error:
        reason = error.strerror or error
        raise ArgumentError(f"cannot use port {options.port} of {HOST}: {reason}. Leave out --port") from error
    print(f"{server.address}\nCtrl-C ends it.", flush=True)
    if not options.no_browser and not webbrowser.open(server.address):
        print("No browser was found here: open the address yourself.", file=sys.stderr)
    with server:
        server.serve_forever()
    return 0
