"""How well text can be read: the contrast of two colours as WCAG 2 defines it."""


def contrast(one, other):
    """The contrast ratio, from 1 to 21, of two colours given as "#rrggbb" or as red, green and blue from 0 to 1."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    """How bright a colour is, from 0 to 1."""
    if isinstance(colour, str):
        colour = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
