"""The texts of pages: all that the code marks is in each catalogue, and nothing is left unmarked."""

import json
import re
import runpy
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.play.server import Server
from chainrule.pages.html import assembled
from chainrule.pages.words import catalogue, english, languages, speaking, t, translated

ROOT = Path(__file__).resolve().parents[2]
TEXTS = runpy.run_path(str(ROOT / "docs" / "texts.py"))
ASSETS = sorted((ROOT / "chainrule").rglob("assets/*"))
OTHERS = sorted(languages() - {"en"})
PLACES, TAGS = r"\{\d\}", r"<[^>]*>|\[[^\]]*\]|`[^`]*`"

# strings that look like texts and are none: keys, fonts, selectors, kinds, what Python prints, a name in the storage
NO_TEXTS = re.compile(
    r"Enter|Escape|Home|End|Arrow\w+|True|False|.*sans-serif|color-mix.*|born gradient|by activation|and the sum"
    r"|chainrule (tour|lessons)|`python -m chainrule play`|[.#]\w+ [\w=\[\]]+|use strict"
)


def texts(language):
    return json.loads((TEXTS["CATALOGUES"] / f"{language}.json").read_text(encoding="utf-8"))


def test_german_is_among_the_languages():
    assert "de" in OTHERS


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_exactly_what_the_code_says(language):
    assert texts(language) == TEXTS["renewed"](texts(language)), "run `make texts`, and fill in what is empty"


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language):
    assert [text for part in texts(language).values() for text, other in part.items() if not other] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_places_and_the_tags_of_its_text(language):
    inside = lambda text: (sorted(set(re.findall(PLACES, text))), sorted(re.findall(TAGS, text)))
    assert [(text, other) for text, other in catalogue(language).items() if inside(text) != inside(other)] == []


@pytest.mark.parametrize(
    "path", [p for p in (*ASSETS, *TEXTS["LESSONS"]) if p.suffix == ".js"], ids=lambda path: path.name
)
def test_a_script_has_no_unmarked_text(path):
    strings = TEXTS["Script"](path.read_text(encoding="utf-8")).strings
    strings = [text for before, text in strings if not re.search(r"\bclass(Name)?\b[^,;(]*$", before)]
    likely = [s for s in strings if re.search(r"[A-Za-z]{2,} [a-z]{2,}|^[A-Z][a-z]{2,}", re.sub(PLACES, " ", s))]
    assert [text for text in likely if not NO_TEXTS.fullmatch(text)] == []


@pytest.mark.parametrize("path", [p for p in ASSETS if p.suffix == ".html"], ids=lambda path: path.name)
def test_a_page_has_no_unmarked_text(path):
    html = re.sub(
        r"\[\[.*?\]\]|@\w+@|<(kbd|code|style)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    shown = re.sub(r"<[^>]*>", " ", html) + " ".join(re.findall(r'(?:aria-label|title|alt)="([^"]*)"', html))
    assert set(re.findall(r"[A-Za-z_]\w+", shown)) <= {"zero_grad", "L1", "L2"}


def test_the_reader_of_scripts_knows_templates_in_templates_and_escapes():
    script = TEXTS["Script"]('f(t`a ${b ? t`c ${"d"}` : `e`} g`, /`"/.test(x)); // t`no`\n h = "i\\"j" + t`k\\`l`;')
    assert [text for _, text in script.marked] == ["c {0}", "a {0} g", "k`l"]
    assert [text for _, text in script.strings] == ["d", "e", 'i"j']


def test_a_text_of_code_must_be_written_out():
    with pytest.raises(SyntaxError, match=r"line 1: .* must be written out, not name"):
        TEXTS["of_python"]("t(name)")


def test_a_text_is_in_the_language_of_the_block():
    with speaking("de"):
        assert t("{0} of {1}", 1, 2) == "1 von 2"
    assert t("{0} of {1}", 1, 2) == "1 of 2"


def test_a_text_without_translation_stays_english():
    with speaking("de"):
        assert t("{0} is not in it", "This") == "This is not in it"


def test_a_kept_text_is_translated_with_what_stands_in_it():
    kept = english("summed over {0}: {1} → {2}", english("axes {0}", "0, 1"), "(4, 3)", "(3,)")
    assert kept == "summed over axes 0, 1: (4, 3) → (3,)"
    with speaking("de"):
        assert translated(kept) == "summiert über Achsen 0, 1: (4, 3) → (3,)"


def test_a_name_is_not_translated_though_it_is_a_text_of_ours():
    with speaking("de"):
        assert translated(english("1 because {0} is above 0", "off")) == "1, weil off über 0 liegt"


def test_an_unknown_language_is_refused_with_those_that_exist(tmp_path):
    x = cr.Value(2.0, "x")
    with pytest.raises(cr.ArgumentError, match="unknown language 'xx': choose one of 'de', 'en'"):
        cr.trace(x * x).save(tmp_path / "graph.html", language="xx")
    assert list(tmp_path.iterdir()) == []


def test_the_command_explain_speaks_german(capsys):
    assert main(["explain", "x*x", "x=3", "--derivation", "x", "--language", "de"]) == 0
    told = capsys.readouterr().out
    assert "rückwärts\n" in told
    assert "2 Pfade führen von x nach v1; was auf ihnen kommt, addiert sich" in told


def test_the_command_play_refuses_a_language_that_is_not_there(tmp_path, capsys):
    assert main(["play", "--language", "xx", "-o", str(tmp_path / "play.html")]) == 2
    assert "unknown language 'xx': choose one of 'de', 'en'" in capsys.readouterr().err


def test_a_server_of_the_playground_answers_in_its_language():
    with Server(language="de") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = HTTPConnection(*server.server_address)
        posted = json.dumps({"formula": "a ^ 2", "values": {}})
        connection.request("POST", f"/graph?token={server.token}", posted)
        assert "Potenzen schreibt man mit **" in connection.getresponse().read().decode()
        connection.close()
        server.shutdown()


def test_a_page_says_its_language_and_carries_only_texts_of_its_script():
    parts = dict(
        template='<body title="[[Close]]">[[No such\n text]]<script>@script@</script>',
        style="",
        script="t`Link copied.`",
        data={},
        title="x",
    )
    with speaking("de"):
        page = assembled(**parts)
    assert '<html lang="de">' in page
    assert '<body title="Schließen">No such text' in page
    assert "Link kopiert." in page
    assert "Programm kopiert." not in page
    assert '<html lang="en">' in assembled(**parts)
    assert "Link kopiert." not in assembled(**parts)
