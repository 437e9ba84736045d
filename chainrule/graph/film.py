"""The steps of a graph as a film: each frame is the picture with what is known then, its step below. For slides and chats."""

import copy
import io
import re
from html import escape

from ..autograd.errors import ArgumentError, GraphError
from ..pages.palette import COLOURS
from .lettering import readable, width
from .picture.raster import TRIED, render
from .text.story import steps

MOST = 300  # frames; a film of more is better stepped through
SHOW, END = 1200, 4000  # milliseconds for a step, and for the last
SIZE, LINE = 13, 34  # of the letters of a step's text, and the height of its line
FLOW = COLOURS["flow"][0]


def film(graph, depth=None, lr=0.1):
    """An animated GIF as bytes: a frame for each step of forward, seed, backward and update.

    Raises: ArgumentError if there are more than MOST steps; GraphError if what draws it is not installed.
    """
    told = steps(graph, lr)
    if len(told) > MOST:
        raise ArgumentError(f"graph: a .gif of {len(told):,} steps has too many frames, at most {MOST}: save as .html")
    try:
        from PIL import Image
    except ImportError as error:
        raise GraphError(f"graph: writing a .gif needs the package Pillow: {TRIED} ({error})") from error
    frames = [Image.open(io.BytesIO(render(svg, "png"))).convert("RGB") for svg in frames_of(graph, told, depth)]
    colours = frames[-1].quantize(128)  # the last shows everything; with its colours for all, no frame flickers
    first, *others = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    made, times = io.BytesIO(), [SHOW] * len(others) + [END]
    first.save(made, "GIF", save_all=True, append_images=others, duration=times, loop=0)
    return made.getvalue()


def frames_of(graph, told, depth=None):
    """The picture at each step, as SVG."""
    shown = copy.copy(graph)
    shown.nodes = [copy.copy(node) for node in graph.nodes]
    for node in shown.nodes:
        node.grad = node.total  # as it is after the pass; hidden until then
    svg = shown.to_svg(depth, "built-in")
    wide, high = (float(n) for n in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    words = [readable(step.text.partition(" [")[0], 140) for step in told]
    whole = max(wide, 24 + max(width(line, SIZE) for line in words))
    svg = re.sub(
        r'width="\d+" height="\d+" viewBox="[^"]+"', f'viewBox="0 0 {whole:.1f} {high + LINE:.1f}"', svg, count=1
    )
    svg = re.sub(
        r'(<rect class="ground") width="[\d.]+" height="[\d.]+"',
        rf'\1 width="{whole:.1f}" height="{high + LINE:.1f}"',
        svg,
    )
    computed = {step.node for step in told if step.phase == "forward"}
    # a box, and the copies of it that stand beside its uses
    part = lambda i, kind: f'#n{i} .{kind},[data-of="{i}"] .{kind}'
    hidden = {*(part(i, "value") for i in computed), *(part(n.id, "grad") for n in graph.nodes)}
    hidden |= {f"#e{i} .flow" for i in graph.order}
    for step, line in zip(told, words, strict=True):
        if step.phase == "forward":
            hidden.discard(part(step.node, "value"))
        if step.phase == "seed" or (step.phase == "backward" and step.arrived == step.expected):
            hidden.discard(part(step.node, "grad"))
        now = f"#n{step.node} .edging{{stroke:{FLOW};stroke-width:3}}"
        if step.edge is not None:
            hidden.discard(f"#e{step.edge} .flow")
            now += f"#e{step.edge} path{{stroke:{FLOW};stroke-width:3}}#e{step.edge} .tip{{fill:{FLOW}}}#e{step.edge} text{{display:inline}}"
        style = f"{','.join(sorted(hidden))}{{visibility:hidden}}" * bool(hidden) + now
        text = f'<text x="16" y="{high + LINE / 2:.1f}" style="font-size:{SIZE}px">{escape(line, quote=False)}</text>'
        yield svg.replace("</style>", f"{style}</style>", 1).replace("</svg>", f"{text}</svg>")
