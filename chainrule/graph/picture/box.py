"""One box of a picture as SVG: how large it is, and what stands in it. Text is measured, so that it fits."""

from dataclasses import dataclass
from html import escape

from ...pages.words import english, t, translated
from ..badges import kind as kind_of
from ..lettering import readable, width
from ..values import NOT_COMPUTED, written
from .geometry import entry

ROUND = 7.0  # the corners
PAD = 9.0  # at both sides of the text
HEADER, LINE = 26.0, 17.0  # heights of the header and of each line below it
BOLD, NUMBER, SMALL = 13.0, 12.0, 10.5  # font sizes, as in style()
BOLDER = 1.06  # how much wider bold text is
APART = 11.0  # between columns of numbers, and between words of a line
ENTRY, NAMED = 15.0, 12  # the least distance between the entries of operands; more than so many have no names
PLAIN = frozenset("+*")  # the order of their operands does not matter, so these need no names


@dataclass(slots=True)
class Picture:
    """A box as SVG: its size, and its markup with the origin at the top left corner."""

    width: float
    height: float
    markup: str


def safe(content, limit=48):
    """Text for SVG: in one line, shortened, escaped."""
    return escape(readable(content, limit))


def picture_of(box, graph, operands):
    """The Picture of a view.Box of a graph; operands: for each node the edges that lead into it."""
    node = graph.nodes[box.members[0]]
    if box.stub:
        title = box.title or node.name or node.label
        return tag_picture(title, safe(title))
    if box.is_group:
        return group_picture(box, graph)
    return brief_picture(node) if box.copy else node_picture(node, operands[node.id])


def node_picture(node, edges):
    """The Picture of a Node; `edges` are those that lead into it, slot by slot."""
    if node.is_number:
        return tag_picture(node.label, _tooltip(node), "value")
    operation = node.kind == "operation"
    name = readable(node.name or node.label, 32)
    facts = [f"{node.shape} {node.dtype}"] if node.dtype else []
    facts += [readable(translated(option), 28) for option in node.options]
    named = 1 < len(edges) <= NAMED and node.symbol not in PLAIN
    return _picture(
        _tooltip(node),
        kind=node.kind,
        head=(readable(node.symbol, 16), name) if operation else ("", name),
        word="" if operation else translated(node.kind),
        facts=["  ".join(facts)] if facts else [],
        grids=_grids(node),
        badges=node_badges(node),
        slots=[readable(edge.input, 12) if named else "" for edge in edges],
    )


def brief_picture(node, name="", least=0.0):
    """The Picture of a Node in few lines, at least so wide: name, value and gradient; of an array the shape. So is a copy
    beside a use of it far from its own box, and an element of a matrix."""
    if node.is_number:
        return node_picture(node, ())
    name, grids = name or readable(node.name or node.label, 24), _grids(node)
    if node.shape:
        return _picture(_tooltip(node), node.kind, ("", name), facts=[str(node.shape)])
    (_, [[value]], _), *later = grids
    grads = [row[0] for _, *both in later for rows in both for row in rows]
    left = PAD + 3 * (node.kind == "leaf")
    right = left + max(
        width(name, BOLD) * BOLDER + APART + width(value, NUMBER),
        *(width("grad", SMALL) + APART + width(grad, NUMBER) for grad in grads),
        least - left - PAD,
    )
    high = HEADER + LINE * bool(grads)
    markup = [f"<title>{_tooltip(node)}</title>", _frame(node.kind, right + PAD, high, 0.0)]
    markup += [_text("name", left, 17.4, name), _text("value", right, 17.4, value, "end")]
    if grads:
        markup += [_text("word", left, HEADER + 11.5, "grad"), _text("grad", right, HEADER + 11.5, grads[0], "end")]
    return Picture(right + PAD, high, "".join(markup))


def _grids(node):
    """The value of a Node and, if it is no constant, its gradient, as _picture() takes them."""
    in_words = node.kind == "operation" or node.shape or not node.value
    rows = [[written(node.value.items)]] if not in_words else node.value.rows() if node.value else [[t("not recorded")]]
    grids = [("value", rows, [])]
    if node.kind != "constant":
        later = node.total.rows() if node.total else [[NOT_COMPUTED]]  # a page writes it there when backward comes by
        unknown = [[NOT_COMPUTED] * len(row) for row in later]
        grids.append(("grad", node.grad.rows() if node.grad else unknown, later))
    return grids


def node_badges(node):
    """The badges of a node, of which one says so if there is a nan or an infinity in it."""
    words = " ".join(node.badges).lower()
    broken = is_broken(node) and "nan" not in words and "inf" not in words
    return [*node.badges, *[english("nan or infinity")] * broken]


def is_broken(node):
    """Whether a nan or an infinity is in its value or gradient."""
    return any(values is not None and values.broken for values in (node.value, node.grad))


def group_picture(box, graph):
    """The Picture of a view.Box that stands for several nodes of a graph."""
    result = None if box.result is None else graph.nodes[box.result]
    facts = [*box.facts, t("gives {0}", result.name or result.label)] if result else box.facts
    return _picture(
        safe(box.title, 200),
        kind="group",
        head=("", readable(box.title, 40)),
        facts=[readable(fact, 60) for fact in facts],
        grids=_grids(result) if result else (),
        badges=box.badges,
    )


def tag_picture(content, tooltip, word="name"):
    """The Picture of a small box that holds one text only; `word` is its class."""
    wide, high = max(width(readable(content, 32), NUMBER) + 2 * PAD, 26.0), 24.0
    return Picture(
        wide,
        high,
        f'<title>{tooltip}</title><rect class="box" width="{wide:.1f}" height="{high:.1f}" rx="2"/>'
        f'<text class="{word}" x="{wide / 2:.1f}" y="16.2" text-anchor="middle">{safe(content, 32)}</text>',
    )


def _tooltip(node):
    """What a browser shows when the mouse rests on a box: the call, its line, its module."""
    parts = [f"{readable(node.name or node.label, 200)}: {node.operation}", *node.options]
    parts += [t("at {0}", readable(node.line, 200))] if node.line else []
    parts += [t("in module {0}", readable(node.module[-1], 200))] if node.module else []
    parts += [translated(node.note)] if node.note else []
    parts += [t("on {0}", node.device)] if node.device not in ("", "scalar", "cpu") else []
    return safe(", ".join(parts), 1000)


# ---- a box of header, facts, numbers and badges


def _picture(tooltip, kind, head, word="", facts=(), grids=(), badges=(), slots=()):
    """Measure everything, then write it.

    head: (symbol, name); word: stands at the right end of the header; facts: lines of small text.
    grids: (word, rows of cells, rows that may stand there later) of numbers, with room for both.
    slots: the name of each operand, which stands where it enters, or "".
    """
    symbol, name = head
    said = [translated(badge) for badge in badges]
    gutter = max((width(slot, SMALL) for slot in slots), default=0.0)
    left = PAD + (gutter + 8 if gutter else 0.0) + (3 if kind == "leaf" else 0.0)
    chip = max(width(symbol, BOLD) + 10, 20.0) if symbol else 0.0
    columns = _columns([rows for _, *both in grids for rows in both])
    words = {"value": t("value"), "grad": "grad"}
    label = max((width(words[text], SMALL) for text, *_ in grids), default=0.0) + APART
    header = chip + 7 * bool(symbol) + width(name, BOLD) * BOLDER + (APART + width(word, SMALL) if word else 0.0)
    inner = max(
        header,
        *(width(fact, SMALL) for fact in facts),
        *(label + _wide(columns, row) for _, *both in grids for rows in both for row in rows),
        *(width(badge, SMALL) + 14 for badge in said),
        0.0,
    )
    lines = len(facts) + sum(max(map(len, both)) for _, *both in grids) + 1.15 * len(badges)
    pitch = ENTRY if len(slots) <= NAMED else ENTRY / 2
    high = max(HEADER + lines * LINE + 6, pitch * len(slots))
    right = left + inner
    wide = right + PAD

    out = [f"<title>{tooltip}</title>", _frame(kind, wide, high, left - PAD if gutter else 0.0)]
    out += [_text("slot", 7, entry(0.0, high, k, len(slots)) + 3.4, slot) for k, slot in enumerate(slots) if slot]
    if symbol:
        out.append(f'<rect class="chip" x="{left - 3:.1f}" y="4.5" width="{chip:.1f}" height="17" rx="8.5"/>')
        out.append(_text("symbol", left - 3 + chip / 2, 17.4, symbol, "middle"))
    out.append(_text("name", left + (chip + 4 if symbol else 0.0), 17.4, name))
    if word:
        out.append(_text("word", right, 17.0, word, "end"))
    y = HEADER + 13
    for fact in facts:
        out.append(_text("facts", left, y, fact))
        y += LINE
    for text, now, later in grids:
        out.append(_text("word", left, y, words[text]))
        out.append(_grid(text, now, columns, right, y))
        y += LINE * max(len(now), len(later))
    for badge, text in zip(badges, said, strict=True):
        pill = width(text, SMALL) + 12
        about = f' data-kind="{kind_of(badge)}"' * bool(kind_of(badge))
        out.append(
            f'<g class="badge"{about}><rect x="{left - 2:.1f}" y="{y - 10.5:.1f}" width="{pill:.1f}" height="15.5" rx="7.7"/>'
            f"{_text('', left + 4, y + 0.8, text)}</g>"
        )
        y += 1.15 * LINE
    return Picture(wide, high, "".join(out))


def _frame(kind, wide, high, gutter):
    """The outline and the tinted grounds. Each kind has its shape: a leaf a thick left side, a constant square corners."""
    corner = 0.0 if kind == "constant" else ROUND
    box = f'<rect class="box" width="{wide:.1f}" height="{high:.1f}" rx="{corner:g}"/>'
    top = f"M{corner:g},0H{wide - corner:.1f}a{corner:g},{corner:g},0,0,1,{corner:g},{corner:g}V{HEADER:g}"
    head = f'<path class="head" d="{top}H0V{corner:g}a{corner:g},{corner:g},0,0,1,{corner:g},-{corner:g}z"/>'
    behind = ""
    if kind == "group":  # a second card looks out from behind
        behind = f'<rect class="behind" x="4" y="4" width="{wide:.1f}" height="{high:.1f}" rx="{corner:g}"/>'
    if kind == "leaf":
        turn = f"a{ROUND:g},{ROUND:g},0,0,0"
        down = f"{turn},-{ROUND:g},{ROUND:g}V{high - ROUND:.1f}{turn},{ROUND:g},{ROUND:g}z"
        head += f'<path class="side" d="M{ROUND:g},0{down}"/>'
    if gutter:
        head += f'<path class="rule" d="M{gutter:.1f},0V{high:.1f}"/>'
    return f'{behind}{box}{head}<rect class="edging" width="{wide:.1f}" height="{high:.1f}" rx="{corner:g}"/>'


def _columns(grids):
    """The widths of the columns in which the numbers of all grids of a box stand below one another."""
    count = max((len(row) for rows in grids for row in rows), default=0)
    full = [row for rows in grids for row in rows if len(row) == count]
    return [max(width(row[k], NUMBER) for row in full) for k in range(count)]


def _wide(columns, row):
    """How wide a row of cells is."""
    return width(row[0], NUMBER) if len(row) == 1 else sum(columns) + APART * (len(columns) - 1)


def _grid(word, rows, columns, right, y):
    """Rows of cells as one <text>, each cell ending where its column ends."""
    if len(rows) == 1 and len(rows[0]) == 1:
        return _text(word, right, y, rows[0][0], "end")
    ends = [right]
    for wide in reversed(columns[1:]):
        ends.insert(0, ends[0] - wide - APART)
    cells = "".join(
        f'<tspan x="{end:.1f}" y="{y + LINE * k:.1f}">{escape(cell)}</tspan>'
        for k, row in enumerate(rows)
        for end, cell in zip(ends[-len(row) :], row, strict=True)
    )
    return f'<text class="{word}" x="{right:.1f}" y="{y:.1f}" text-anchor="end">{cells}</text>'


def _text(word, x, y, content, anchor=""):
    """A <text> of class `word`."""
    kind = f' class="{word}"' if word else ""
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}"{anchored}>{safe(content, 80)}</text>'
