"""What a layout is about: boxes of given sizes, links and frames; and what it finds: where they stand and how links run."""

from dataclasses import dataclass

GAP = 22.0  # between boxes that stand above one another
PAD, TITLE = 12.0, 22.0  # inside a frame: at each side, and above for its title


@dataclass(slots=True)
class Link:
    """An edge from the right side of a box to the left side of another: to entry `slot` of `slots`, from the top.

    room: how far apart neighbouring columns must be for its label.
    """

    source: int
    target: int
    slot: int = 0
    slots: int = 1
    room: float = 0.0


@dataclass(slots=True)
class Frame:
    """A cluster: its boxes, those in the frames within it not included, and the place of the frame around it, if any."""

    members: list[int]
    parent: int | None = None
    title_width: float = 0.0


@dataclass(slots=True)
class Layout:
    """A finished layout, in the unit of the sizes; y grows downwards.

    Fields:
        width, height: of the whole, which begins at (0, 0).
        centres: (x, y) for each box.
        curves: for each link the points of its cubic Bézier curve: 1 + 3 for each piece.
        frames: (left, top, width, height) of each frame.
        parts: for each link the place in its curve from which on no other link of the same source runs there.
    """

    width: float
    height: float
    centres: list[tuple[float, float]]
    curves: list[list[tuple[float, float]]]
    frames: list[tuple[float, float, float, float]]
    parts: list[int]


def entry(top, height, slot, slots):
    """The height at which operand `slot` enters a box: the entries are spread evenly over its left side."""
    return top + height * (slot + 0.5) / slots
