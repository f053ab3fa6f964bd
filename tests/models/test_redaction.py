"""No run of 8 characters of a secret is left in a text, however it is written, and other words stay."""

from __future__ import annotations

import base64
import html
import json
import random
import re
import string
import time
import unicodedata
from urllib.parse import quote

import pytest
from faults import KEY

from evobuild.models.redaction import Redaction, Search

WRITTEN = {
    "as it is": str,
    "in capitals": str.upper,
    "in percent escapes": lambda text: "".join(f"%{ord(each):02X}" for each in text),
    "in percent escapes of percent escapes": lambda text: "".join(f"%25{ord(each):02x}" for each in text),
    "in JSON escapes": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "in JSON escapes of JSON escapes": lambda text: "".join(f"\\\\u{ord(each):04X}" for each in text),
    "in braces": lambda text: "".join(f"\\u{{{ord(each):x}}}" for each in text),
    "in Python escapes": lambda text: "".join(f"\\x{ord(each):02x}" for each in text),
    "in HTML escapes": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "in hexadecimal HTML escapes": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "every second one escaped": lambda text: "".join(
        f"%{ord(each):02x}" if place % 2 else each for place, each in enumerate(text)
    ),
    "backslashes": lambda text: "".join(each if each.isalnum() else f"\\{each}" for each in text),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 behind others": lambda text: base64.b64encode(f"Bearer {text} ".encode()).decode(),
    "in base64 for addresses": lambda text: base64.urlsafe_b64encode(f"a{text}".encode()).decode(),
    "in escaped base64": lambda text: quote(base64.b64encode(f"ab{text}".encode()).decode(), safe=""),
    "backwards": lambda text: text[::-1],
    "in hexadecimal": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_every_part_of_a_secret_is_hidden(written):
    draw = random.Random(written)
    letters = string.ascii_letters + string.digits + "-_"
    for length in (8, 9, 22, 51, 164):
        secret = "".join(draw.choices(letters, k=length))
        redaction = Redaction([secret])
        for _ in range(20):
            start = draw.randint(0, length - 8)
            piece = WRITTEN[written](secret[start : start + draw.randint(8, length)])
            hidden = redaction.hidden(f"before {piece}, after")
            assert hidden.startswith("before ")
            assert hidden.endswith(", after")
            assert "***" in hidden
            assert piece not in hidden
            assert len(hidden) < len(piece) * 0.45 + 30


APART = {
    "spaces": " ".join,
    "line ends": "\r\n".join,
    "signs": "·".join,
    "signs, backwards": lambda text: "_".join(text[::-1]),
    "lines of base64": lambda text: "\n".join(
        re.findall(".{1,10}", base64.b64encode(f"x{text}".encode()).decode())
    ),
    "pairs of digits": lambda text: text.encode().hex(" "),
    "escaped signs": lambda text: "%20".join(text),
}
"""Ways to put something between the characters of a secret."""


@pytest.mark.parametrize("written", APART)
@pytest.mark.parametrize("secret", [KEY, "sk-0a1B2c3D4e5F6g7H8", "hf_" + "QwErTyUiOpAsDf" * 3])
def test_a_secret_with_something_in_between_is_hidden_and_found(secret, written):
    piece = APART[written](secret)
    hidden = Redaction([secret]).hidden(f"before: {piece}; after")
    assert hidden.startswith("before: ") and hidden.endswith("; after")
    assert "***" in hidden and len(hidden) < 40 + len(piece) * 0.3
    assert Search({"it": secret}).found_in(f"before: {piece}; after") == {"it"}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_whole_secret_is_found_however_it_is_written(written):
    search = Search({"key": "sk-0a1B2c3D4e5F6g7H8", "other": "another-secret-0123456789"})
    assert search.found_in(f"before {WRITTEN[written]('sk-0a1B2c3D4e5F6g7H8')}, after") == {"key"}
    assert search.found_in(f"before {WRITTEN[written]('sk-0a1B2c3D4e5F')}, after") == set()


BEYOND_ASCII = "pässwörd-Größe-密码-\U0001f511-éclair"


@pytest.mark.parametrize(
    "written",
    [
        str,
        quote,
        lambda text: quote(quote(text)),
        lambda text: json.dumps({"key": text}),
        lambda text: json.dumps(json.dumps(text)),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: quote(unicodedata.normalize("NFD", text)),
        lambda text: base64.b64encode(f"ab{text}".encode()).decode(),
        lambda text: text.encode().hex(),
        lambda text: text[::-1],
        lambda text: " ".join(text),
        html.escape,
        lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    ],
)
@pytest.mark.parametrize("kept", ["NFC", "NFD"])
def test_letters_beyond_ascii_are_hidden_and_found(written, kept):
    secret = unicodedata.normalize(kept, BEYOND_ASCII)
    text = f"before {written(BEYOND_ASCII)} after"
    hidden = Redaction([secret]).hidden(text)
    assert "***" in hidden and len(hidden) < len(text) * 0.6
    assert Search({"it": secret}).found_in(text) == {"it"}


def test_words_that_are_no_part_of_a_secret_stay():
    redaction = Redaction([KEY, "another-secret-0123456789"])
    for text in ("", "sk-secr", "%41\\u0042 100 % \\n &amp; done", "a" * 9999, "c2stc2Vj", "\ud800 half"):
        assert redaction.hidden(text) == text


@pytest.mark.parametrize(
    ("secret", "shortest", "hidden"), [("EMPTY", 8, False), ("EMPTY", 4, True), ("", 0, False)]
)
def test_a_short_secret_is_a_word_like_others_unless_it_is_wanted(secret, shortest, hidden):
    text = Redaction(filter(None, [secret]), shortest).hidden("The list is EMPTY.")
    assert text == ("The list is ***." if hidden else "The list is EMPTY.")


def test_what_is_shown_is_one_line_that_no_terminal_obeys():
    said = Redaction([KEY]).shown(f"a\x1b[2J\r\n\u202e{KEY}\ud800\x9b")
    assert said == "a [2J   ***  "


@pytest.mark.parametrize(
    "text",
    [
        "word " * 20_000,
        KEY * 4545,
        KEY[:7] * 14_000,
        "%25" * 33_000,
        "\\u0073" * 16_000,
        "&#115;" * 16_000,
        "%" * 99_999,
    ],
    ids=["words", "whole keys", "parts", "percent", "escapes", "HTML", "signs"],
)
def test_the_time_grows_with_the_text(text):
    redaction = Redaction([KEY])
    began = time.thread_time()
    redaction.hidden(text)
    assert time.thread_time() - began < 2
