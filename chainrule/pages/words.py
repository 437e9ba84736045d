"""The words of pages in several languages. English stands in the code, where it is read; texts/ has a file for each other language."""

import json
import re
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache

from ..autograd.arguments import choose

ENGLISH = "en"
_language = ContextVar("language", default=ENGLISH)


def _texts():
    from importlib.resources import files  # here, because it takes milliseconds that `import chainrule` need not

    return files(__package__) / "texts"


@cache
def languages():
    """The languages that pages can be written in, by the two letters of ISO 639: {"en", "de", …}."""
    return {ENGLISH} | {file.name[:2] for file in _texts().iterdir() if file.name.endswith(".json")}


@contextmanager
def speaking(language):
    """Inside the with-block texts are in `language`.

    Raises: ArgumentError, naming those that exist, if there is no such language.
    """
    before = _language.set(choose("language", language, {name: name for name in languages()}))
    try:
        yield
    finally:
        _language.reset(before)


def language():
    """The language of now."""
    return _language.get()


@cache
def catalogue(name, *kinds):
    """{text in English: that text in another language}, both with {0}, {1} … where something is put in. `kinds`: "said" by t, "kept"
    by `english`, or all."""
    if name == ENGLISH:
        return {}
    texts = json.loads((_texts() / f"{name}.json").read_text(encoding="utf-8"))
    return {text: other for kind in kinds or texts for text, other in texts.get(kind, {}).items() if other}


def t(text, *given):
    """A text in the language of now, with `given` in the places {0}, {1} …

    Example:
        >>> t("{0} of {1}", 1, 2)
        '1 of 2'
    """
    text = catalogue(language()).get(text, text)
    return text.format(*given) if given else text


def english(text, *given):
    """A text that is kept in English, since it is compared or stored, and translated where it is shown."""
    return text.format(*given) if given else text


def translated(text):
    """What `english` made, in the language of now: the text is found in the catalogue, as it is or by its places.

    Example:
        >>> with speaking("de"):
        ...     translated("and 2 more")
        'und 2 weitere'
    """
    return text if language() == ENGLISH else _found(language(), text)


@cache
def _forms(name):
    """(a piece that a text must have, its pattern, its places, the translation) of kept texts with places, those with most words first."""
    found = []
    for text, other in catalogue(name, "kept").items():
        pieces = re.split(r"\{\d\}", text)
        if len(pieces) > 1:
            order = [int(place) for place in re.findall(r"\{(\d)\}", text)]
            pattern = re.compile("(.*?)".join(map(re.escape, pieces)), re.DOTALL)
            found.append((len("".join(pieces)), max(pieces, key=len), pattern, order, other))
    return [form[1:] for form in sorted(found, key=lambda form: -form[0])]


@lru_cache(maxsize=10_000)
def _found(name, text):
    known = catalogue(name, "kept")
    if text in known:
        return known[text]
    for piece, pattern, order, other in _forms(name):
        if piece in text and (match := pattern.fullmatch(text)):
            given = {
                place: _found(name, part) if " " in part else part
                for place, part in zip(order, match.groups(), strict=True)
            }
            return other.format(*map(given.get, sorted(given)))
    return text
