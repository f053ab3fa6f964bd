"""What others wrote stays within the code span or the block that it is put into."""

from __future__ import annotations

import html
import re

import pytest

from evobuild.core.escaping import code, fenced, one_line, plain


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "a\n---\n# b", "a|b", "\u2028x", "a & b", ""])
def test_a_code_span_is_one_line_between_two_backticks(text: str) -> None:
    found = code(text)
    assert found.count("`") == 2
    assert found[0] == found[-1] == "`"
    assert len(found.splitlines()) == 1
    assert found.count("|") == found.count("\\|")


@pytest.mark.parametrize(
    "text", ["<script>", "</code>`x`", "a|<b>", "*<b>*", "<!--", "[x](y)<", "\u202e", "&lt;"]
)
def test_tags_are_text_for_readers_of_markdown_and_of_html(text: str) -> None:
    for found in (code(text), plain(text)):
        inner = found.removeprefix("<code>").removesuffix("</code>")
        assert "<" not in inner and len(found.splitlines()) == 1
        assert not re.search(r"(?<!\\)[*_\[|#]", inner)
    assert html.unescape(re.sub(r"\\(?=[^\w\s])", "", plain(text))) == one_line(text)


@pytest.mark.parametrize("text", ["a: 1", "```", "a\n````\nb", "`" * 9, ""])
def test_a_block_ends_at_its_own_fence_alone(text: str) -> None:
    beginning, *lines, end = fenced("yaml", text).splitlines()
    assert beginning == f"{end}yaml"
    assert set(end) == {"`"}
    assert len(end) >= 3
    assert end not in "\n".join(lines)
    assert "\n".join(lines) == text


def test_what_a_page_would_obey_is_shown() -> None:
    assert one_line("a\t b\x1b\u202e") == "a b␛<U+202E>"
