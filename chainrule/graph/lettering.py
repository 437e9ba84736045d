"""Text that comes from the user, made safe to show, and how wide it will be."""

import unicodedata

# widths in ems, of a sans-serif typeface that runs rather wide, so that text fits whatever the system has
_NARROW, _SLIM, _WIDE = set("ijl.,:;'|!` "), set('frtI()[]{}/\\-"'), set("mwMW@%—…→")


def readable(content, limit=48):
    """Text of at most `limit` characters, in one line, without characters that cannot be shown.

    Example:
        >>> readable("two\\nlines")
        'two lines'
        >>> readable("0123456789", limit=6)
        '012…89'
    """
    if not content.isprintable():
        content = "".join(c if c.isprintable() or c == "\u200d" else " " if c.isspace() else "\ufffd" for c in content)
    return content if len(content) <= limit else f"{content[: limit // 2]}…{content[1 - limit // 2 :]}"


def width(content, size):
    """How wide a line of text is at most, in the unit of the font's `size`: an estimate, as no font is at hand.

    Example:
        >>> width("loss", 10) < width("LOSS", 10) < width("損失関数", 10)
        True
    """
    return size * sum(map(_em, content))


def _em(character):
    if character in _NARROW:
        return 0.34
    if character in _SLIM:
        return 0.45
    if character in _WIDE:
        return 1.0
    if character.isascii():
        return 0.74 if character.isupper() else 0.64
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):  # drawn onto the character before, or not at all
        return 0.0
    if unicodedata.category(character) == "So" or unicodedata.east_asian_width(character) in "WF":
        return 1.3
    return 0.75
