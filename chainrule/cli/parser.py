"""The parser of a command's arguments."""

import argparse

from ..autograd.errors import ArgumentError


class Parser(argparse.ArgumentParser):
    """argparse, but its errors are ArgumentErrors, options cannot be abbreviated, and help keeps its line breaks."""

    def __init__(self, command, description, usage=None):
        super().__init__(
            f"python -m chainrule {command}",
            usage,
            description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message):
        raise ArgumentError(f"{message}; see {self.prog} --help")
