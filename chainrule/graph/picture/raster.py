"""The picture as PNG or PDF: drawn from its SVG, so that all formats show the same at any size."""

import re
from importlib.util import find_spec
from pathlib import Path

from ...autograd.errors import GraphError

ZOOM = 2.0  # pixels of a PNG in a unit of the SVG
TRIED = (
    "install them with `pip install resvg-py cairosvg pillow matplotlib`, or save as .svg or .html, which need nothing"
)


def render(svg, form):
    """The picture as bytes of the format `form`, "png" or "pdf", in the light colours.

    Raises: GraphError if what draws it is not installed, or fails.
    """
    svg = _plain(svg)
    try:
        if form == "png":
            import resvg_py

            # the typeface that matplotlib brings along gives the same pixels on all machines
            fonts = [str(Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf")]
            return bytes(
                resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, font_dirs=fonts, sans_serif_family="DejaVu Sans")
            )
        import cairosvg

        return cairosvg.svg2pdf(bytestring=svg.encode())
    except (
        ImportError,
        AttributeError,
        OSError,
    ) as error:  # OSError: CairoSVG looks for the cairo library of the system
        needed = (
            "the packages resvg-py and matplotlib" if form == "png" else "the package CairoSVG and the library cairo"
        )
        raise GraphError(f"graph: writing a .{form} needs {needed}: {TRIED} ({error})") from error
    except Exception as error:  # what the libraries raise for a picture that they cannot draw is not theirs to name
        raise GraphError(f"graph: this picture could not be drawn as .{form}: {error}. Save it as .svg") from error


def _plain(svg):
    """The SVG in what every reader knows: no themes or variables, no text that is painted with its outline behind it."""
    svg = re.sub(r"@media[^{]*\{[^{}]*\{[^{}]*\}\}", "", svg)
    svg = re.sub(r";[\w-]+:var\(--[\w-]+\)", "", svg)
    return re.sub(
        r'(<text class="(?:flow|count)[^>]*)>(.*?</text>)', r'\1>\2\1 style="stroke:none">\2', svg, flags=re.DOTALL
    )
