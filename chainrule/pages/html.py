"""What the pages have in common: each is one HTML file with its style, script and data inside, and loads nothing."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from math import isfinite

from .palette import custom_properties
from .words import catalogue, language

SCRIPTS = "words.js", "numbers.js", "svg.js"  # those that all pages use
HEAD = """<!doctype html>
<html lang="@language@">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="@policy@">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>@title@</title>
<link rel="icon" href="data:,">
<style>
@style@
</style>
</head>
"""


def asset(package, *names):
    """The text of files in a package's folder assets/, one after the other; that of scripts and styles without indentation, and
    scripts without comments on lines of their own."""
    return "\n".join(_brief((files(package) / "assets" / name).read_text(encoding="utf-8"), name) for name in names)


def _brief(text, name):
    if name.endswith(".js"):
        text = re.sub(r"^ *(//[^\n]*|/\*\*.*?\*/)\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return text if name.endswith(".html") else re.sub(r"^ +", "", text, flags=re.MULTILINE)


def assembled(template, style, script, data, inside=(), **parts):
    """A page as text: the head that all pages share, and `template`, its body, with what belongs there in place of each @name@.

    Texts in [[double brackets]] become those of the language of now, see words.py, which the page carries for its script, too.
    @title@ is among `parts`; @style@ is `style` behind the palette's colours and the rules that all pages share; @script@ is `script` behind the
    shared scripts, and @policy@ lets this script run and no other, and nothing be loaded; @data@ is `data` as JSON; all
    others are `parts`, which are HTML. A page that shows pages such as those `inside` in frames lets their script run too, since
    frames obey the page around them, and may ask its own server.
    """
    style = _palette() + asset(__package__, "base.css") + style
    script = f"{asset(__package__, *SCRIPTS)}\n{script}"
    script = f'\n"use strict";\n{words_of(script)}{script}'
    hashes = (hashed for page in inside for hashed in re.findall(r"'sha256-[^']+'", page.partition("<title>")[0]))
    inner = "".join(f" {hashed}" for hashed in dict.fromkeys(hashes))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'{inner}; base-uri 'none'; form-action 'none'"
        + "; connect-src 'self'; frame-src 'self'"
        * bool(inside)
    )
    parts |= {"style": style, "script": script, "policy": policy, "data": embedded(data), "language": language()}
    template = re.sub(r"\[\[(.*?)\]\]", lambda text: _said(" ".join(text[1].split())), HEAD + template, flags=re.DOTALL)
    page = re.sub(r"@(\w+)@", lambda slot: parts[slot[1]], template)
    return page.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written


def _said(text):
    return catalogue(language()).get(text, text)


def words_of(script):
    """What a script with words.js needs before it, as JavaScript: of the catalogue of the language of now what it may ask for."""
    asked = lambda text: all(piece in script for piece in re.split(r"\{\d\}", text))
    found = {text: other for text, other in catalogue(language()).items() if asked(text)}
    return f"const WORDS = {embedded(found)};\n"


def embedded(data):
    """JSON that is safe inside a <script> element, whatever the names in it; nan and infinities are words.

    Example:
        >>> embedded({"</script>": [1.5, float("inf")]})
        '{"\\\\u003c/script\\\\u003e":[1.5,"inf"]}'
    """
    text = json.dumps(_in_words(data), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text = re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair becomes \udxxx, as JSON writes it


def _in_words(data):
    """The data with words for the numbers that JSON does not have."""
    if isinstance(data, float):
        return data if isfinite(data) else str(data)
    if isinstance(data, dict):
        return {name: _in_words(value) for name, value in data.items()}
    return [_in_words(value) for value in data] if isinstance(data, (list, tuple)) else data


def _palette():
    """The colours of light and dark, the same as the pictures'."""
    light, dark = custom_properties("light"), custom_properties("dark")
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
