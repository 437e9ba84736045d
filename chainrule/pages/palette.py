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


def custom_properties(theme):
    """The palette as CSS declarations; `theme` is "light" or "dark"."""
    column = ("light", "dark").index(theme)
    return "".join(f"--cr-{name}:{pair[column]};" for name, pair in COLOURS.items())
