"""What lint returns: findings, each with the user's line and the remedy."""

from __future__ import annotations

import linecache
from typing import Any, NamedTuple

from ..autograd.callsite import line_of


class Finding(NamedTuple):
    """One mistake.

    Fields:
        kind: its name, such as "no zero_grad".
        file, line, function: the user's line that made it; "" and 0 where there is none.
        seen: what was found, in words.
        remedy: what to do.
    """

    kind: str
    file: str
    line: int
    function: str
    seen: str
    remedy: str

    @property
    def text(self) -> str:
        """What stands on the line."""
        return linecache.getline(self.file, self.line).strip() if self.file else ""

    def __str__(self):
        where = f"{self.file}:{self.line}, in {self.function}\n    {self.text}\n" if self.file else ""
        return f"{self.kind}: {where}  {self.seen}.\n  To mend it: {self.remedy}."


class Lint(list[Finding]):
    """The findings of lint, as a list that reads as text.

    Fields:
        ran: what the step did, in words.
    """

    ran: str

    def __init__(self, findings: Any = (), ran: str = ""):
        super().__init__(findings)
        self.ran = ran

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self

    def __repr__(self):
        return "\n\n".join(map(str, self)) or f"nothing found: {self.ran}"


def finding(kind, place, seen, remedy):
    """A Finding at a place: (code, instruction), or None."""
    code, instruction = place or (None, 0)
    if code is None:
        return Finding(kind, "", 0, "", seen, remedy)
    return Finding(kind, code.co_filename, line_of(code, instruction), code.co_name, seen, remedy)
