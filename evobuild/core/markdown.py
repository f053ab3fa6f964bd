"""Names and files that others wrote, shown in Markdown as text and nothing else (CommonMark 0.31.2)."""

from __future__ import annotations

import re

from evobuild.core.control_characters import on_page


def one_line(text: str) -> str:
    """A text on one line, whatever a page would obey made visible."""
    return on_page(" ".join(text.split()))


def code(text: str) -> str:
    """A text as a code span, which may stand in a table."""
    return "`" + one_line(text).replace("`", "'").replace("|", "\\|") + "`"


def fenced(language: str, text: str) -> str:
    """A text as a block of code, which no backtick in it ends."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}{language}\n{on_page(text).strip(chr(10))}\n{fence}\n"
