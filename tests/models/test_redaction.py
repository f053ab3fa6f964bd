"""No run of 8 characters of a secret is left in a text, however it is written, and other words stay."""

from __future__ import annotations

import base64
import random
import string
import time
from urllib.parse import quote

import pytest
from faults import KEY

from evobuild.models.redaction import Redaction

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
