"""The colours of all views, for light and dark. Okabe and Ito's, which stay apart for every kind of colour vision.

Kinds also differ by shape and words, never by colour alone. What is text has a contrast of at least 4.5 : 1 on every
ground that it stands on.
"""

# name: (light, dark); in a picture `var(--cr-name)`
COLOURS = {
    "ground": ("#ffffff", "#14171c"),
    "paper": ("#ffffff", "#1e232b"),
    "ink": ("#1a1c1f", "#eceff3"),
    "soft": ("#5c626b", "#a8b0bc"),
    "line": ("#868d97", "#7d8794"),
    "operation": ("#e69f00", "#e69f00"),
    "chip-ink": ("#1a1c1f", "#1a1c1f"),
    "operation-ground": ("#fdf1d8", "#3a2f14"),
    "leaf": ("#0072b2", "#56b4e9"),
    "leaf-ground": ("#deedf7", "#14344a"),
    "constant": ("#868d97", "#7d8794"),
    "constant-ground": ("#f1f2f4", "#2a3039"),
    "group": ("#009e73", "#2cb892"),
    "group-ground": ("#e0f3ec", "#153a30"),
    "cluster-ground": ("#f7f8fa", "#191d23"),
    "cluster": ("#cdd2d9", "#3b434e"),
    "grad": ("#a33f00", "#ff9d66"),
    "flow": ("#a33f00", "#ff9d66"),
    "broken": ("#d55e00", "#ff7a1a"),
    "badge": ("#8a3300", "#ffbe99"),
    "badge-ground": ("#fce5d8", "#4a2511"),
}

# which inks stand on which grounds
TEXT = {
    "ink": ["ground", "paper", "operation-ground", "leaf-ground", "constant-ground", "group-ground", "cluster-ground"],
    "soft": ["ground", "paper", "operation-ground", "leaf-ground", "constant-ground", "group-ground", "cluster-ground"],
    "grad": ["paper"],
    "flow": ["ground", "cluster-ground"],
    "badge": ["badge-ground"],
    "chip-ink": ["operation"],
}


def contrast(one, other):
    """The contrast ratio of two colours as WCAG defines it, from 1 to 21.

    Example:
        >>> contrast("#000000", "#ffffff")
        21.0
    """
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    """How bright `#rrggbb` is, from 0 to 1."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def custom_properties(theme):
    """The palette as CSS declarations; `theme` is "light" or "dark"."""
    column = ("light", "dark").index(theme)
    return "".join(f"--cr-{name}:{pair[column]};" for name, pair in COLOURS.items())
