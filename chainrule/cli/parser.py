"""The parser of a command's arguments."""

import argparse
import sys
from pathlib import Path

from ..autograd.errors import ArgumentError
from ..pages.words import ENGLISH, languages

MODULE = "python -m chainrule"
PROGRAM = "chainrule" if Path(sys.argv[0]).stem == "chainrule" else MODULE  # as it was called


def as_called(text):
    """A text for users, with the program's name as they wrote it."""
    return text.replace(MODULE, PROGRAM)


class Parser(argparse.ArgumentParser):
    """argparse, but its errors are ArgumentErrors, options cannot be abbreviated, and help keeps its line breaks."""

    def __init__(self, command, description, usage=None):
        super().__init__(
            f"{PROGRAM} {command}",
            usage and as_called(usage),
            as_called(description),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def add_language(self):
        """An option for the language of pages and texts."""
        known = ", ".join(sorted(languages()))
        self.add_argument("--language", metavar="LANGUAGE", default=ENGLISH, help=f"of the texts: one of {known} (en)")

    def error(self, message):
        raise ArgumentError(f"{message}; see {self.prog} --help")
