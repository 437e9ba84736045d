"""Python text that is made for a program, and what its names stand for."""

from __future__ import annotations

from typing import Any


class Names:
    """Gives the objects in a text their names.

    Fields:
        objects: what the names stand for; they are held, so that none gets the id of another.
    """

    def __init__(self):
        self.objects: dict[str, Any] = {}
        self._of: dict[int, str] = {}

    def __call__(self, x):
        self.objects[name := self._of.setdefault(id(x), f"k{len(self._of)}")] = x
        return name

    def compiled(self, text, name):
        """The function of that name in a text."""
        exec(compile(text, __file__, "exec"), self.objects)
        return self.objects.pop(name)
