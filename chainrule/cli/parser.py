"""The parser of a command's arguments."""

import argparse

from ..autograd.errors import ArgumentError


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is an ArgumentError like any other, options are written out, and help keeps its lines."""

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
