"""The film of a graph's steps: what each frame shows, and what cannot be filmed."""

import html
import io
import re
import sys

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule.graph import film
from chainrule.graph.picture.raster import render
from chainrule.graph.text.story import steps
from chainrule.pages.palette import COLOURS


@pytest.fixture(scope="module")
def graph():
    a, b = cr.Value(2.0, "a"), cr.Value(-3.0, "b")
    return cr.trace(a * b + a, names={"a": a, "b": b})


@pytest.fixture(scope="module")
def blocks():
    """A recurrent net, whose picture has copies of values beside their uses."""
    w, h = cr.Value(0.5, "w"), cr.Value(0.3, "h0")
    for _ in range(6):
        h = cr.tanh(w * h + w)
    return cr.trace(h, names={"w": w})


def hidden(svg):
    """The selectors that a frame hides."""
    rule = svg.partition("</style>")[0].rpartition("{visibility:hidden}")[0].rpartition("}")[2]
    return set(filter(None, rule.split(",")))


def gradients_drawn(svg):
    """How many pixels of a frame have the colour of gradients, without the mark of the current step."""
    plain = re.sub(r"#[ne]\d+ (\.edging|path|\.tip)\{[^}]*\}", "", svg)
    pixels = np.asarray(Image.open(io.BytesIO(render(plain, "png"))).convert("RGB"))
    ink = [int(COLOURS["grad"][0][i : i + 2], 16) for i in (1, 3, 5)]
    return int((pixels == ink).all(axis=-1).sum())


def test_there_is_a_frame_for_each_step(graph, tmp_path):
    saved = Image.open(io.BytesIO(graph.save(tmp_path / "walk.gif").read_bytes()))
    assert (saved.format, saved.n_frames) == ("GIF", len(steps(graph)))
    assert saved.info["loop"] == 0


def test_frames_differ(graph, tmp_path):
    saved = Image.open(graph.save(tmp_path / "walk.gif"))
    seen = set()
    for i in range(saved.n_frames):
        saved.seek(i)
        seen.add(saved.convert("RGB").tobytes())
    assert len(seen) == saved.n_frames


def test_a_value_is_hidden_until_it_is_computed_and_a_gradient_until_all_of_it_has_arrived(graph):
    told = steps(graph)
    frames = list(film.frames_of(graph, told))
    for i in range(len(told)):
        later = {f"#n{s.node} .value" for s in told[i + 1 :] if s.phase == "forward"}
        assert {h for h in hidden(frames[i]) if h.startswith("#n") and h.endswith(".value")} == later
        whole = {
            s.node for s in told[: i + 1] if s.phase == "seed" or (s.phase == "backward" and s.arrived == s.expected)
        }
        assert {h for h in hidden(frames[i]) if h.startswith("#n") and h.endswith(".grad")} == {
            f"#n{n.id} .grad" for n in graph.nodes if n.id not in whole
        }


def test_a_copy_is_hidden_as_long_as_its_value_is(blocks):
    for svg in film.frames_of(blocks, steps(blocks)):
        copies = set(re.findall(r'data-of="(\d+)" class="copy', svg))
        assert copies
        for i in copies:
            for kind in "value", "grad":
                assert (f'[data-of="{i}"] .{kind}' in hidden(svg)) == (f"#n{i} .{kind}" in hidden(svg))


def test_no_gradient_is_drawn_before_the_backward_pass(blocks):
    told = steps(blocks)
    frames = list(film.frames_of(blocks, told))
    assert gradients_drawn(frames[0]) == 0
    assert gradients_drawn(frames[-1]) > 0


def test_the_text_of_the_step_is_below(graph):
    told = steps(graph)
    assert all(
        html.escape(step.text.partition(" [")[0], quote=False) in f
        for step, f in zip(told, film.frames_of(graph, told), strict=True)
    )


def test_too_many_steps_are_refused_and_no_file_is_left(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(film, "MOST", 3)
    with pytest.raises(cr.ArgumentError, match=r"too many frames, at most 3: save as \.html"):
        graph.save(tmp_path / "walk.gif")
    assert list(tmp_path.iterdir()) == []


def test_without_pillow_the_error_says_what_to_install(graph, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(cr.GraphError, match=r"needs the package Pillow.*pip install"):
        graph.save(tmp_path / "walk.gif")
