"""python -m chainrule, and the command chainrule."""

import sys
from io import TextIOWrapper

from .cli import main


def run():
    """Run the command line of the program, and exit with its status."""
    for stream in sys.stdout, sys.stderr:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks "−" shows "?", not a traceback
    sys.exit(main())


if __name__ == "__main__":
    run()
