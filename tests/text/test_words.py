"""Words: each rule by which a text is cut, where the rules differ, and how many words there are."""

from __future__ import annotations

import unicodedata

import pytest

from evobuild.text import words

MARKS = "\u0301\u0327\u0345"
MIXED = "It's snake_case, 3.5 你好ไทย हिन्दी"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("one two  three\nfour", 4),
        ("Zwölf Boxkämpfer jagen Viktor", 4),
        ("写一首关于大海的诗。", 5),
        ("请用 Python 写", 3),
        ("你好！", 1),
        ("เขียนบทกวี", 5),
    ],
)
def test_words_are_counted_also_where_no_spaces_are(text, count):
    assert words.count_words(text) == count


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (words.split_at_blanks, "It's|snake_case,|3.5|你好ไทย|हिन्दी"),
        (words.split_words, "It|s|snake_case|3|5|你|好|ไ|ท|ย|ह|न|द"),
        (words.split_words_and_signs, "It|'|s|snake_case|,|3|.|5|你|好|ไ|ท|ย|ह|ि|न|्|द|ी"),
        (words.split_word_runs, "It|s|snake_case|3|5|你好ไทย|ह|न|द"),
        (words.split_alphanumerics, "It|s|snake|case|3|5|你好ไทย|ह|न|द"),
        (words.split_letter_runs, "It|snake|case|你好ไทย"),
        (words.split_marked_words, "It|s|snake|case|3|5|你好ไทย|हिन्दी"),
        (words.split_normalised_words, "it|s|snake_case|3|5|你|好|ไ|ท|ย|हिन्दी"),
        (words.split_keeping_spaces, "It's |snake_case, |3.5 |你|好|ไทย |हिन्दी"),
    ],
)
def test_each_rule_cuts_one_text_in_its_own_way(split, expected):
    assert split(MIXED) == expected.split("|")


@pytest.mark.parametrize("text", ["", " ", "\n a  b\tc ", MIXED, "，你 好\n", "\ud800 \u2028x"])
def test_words_with_their_spaces_join_to_the_text(text):
    assert "".join(words.split_keeping_spaces(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A cat's 3.5 snake_case", ["a", "cat", "s", "3", "5", "snake_case"]),
        ("ＦＵＬＬ ﬁne STRASSE straße", ["full", "fine", "strasse", "strasse"]),
        ("你好，world。", ["你", "好", "world"]),
        ("カタ ｶﾀ", ["カ", "タ", "カ", "タ"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("Café cafe\u0301", ["café", "café"]),
        ("--- !? \u2028", []),
    ],
)
def test_normalised_words_are_what_is_left_of_layout_case_and_width(text, expected):
    assert words.split_normalised_words(text) == expected
    normalised = words.normalise(text)
    assert [normalised[start:end] for start, end in words.locate_normalised_words(normalised)] == expected


@pytest.mark.parametrize(
    "text", ["", "plain", MIXED, "ﬁ ½ ﷺ ガ Å A\u030a", f"e{MARKS * 9}x", "“…”" * 40, "\ud800"]
)
def test_composed_text_is_that_of_unicode(text):
    assert words.compose(text) == unicodedata.normalize("NFKC", text)


def test_more_marks_than_any_letter_has_are_put_in_order_by_thirty():
    text = f"e{MARKS * 30_000}!"
    assert len(words.compose(text)) == len(text) - 1
    assert words.compose(text).endswith("!")
    assert len(words.compose("ﷺ" * 30_000)) == 30_000
