"""Names and files that others wrote, shown in Markdown as text and nothing else (CommonMark 0.31.2).

A card is also read by programs that take it for HTML, so no tag of others stands outside of blocks of code.
"""

from __future__ import annotations

import html
import re

from evobuild.core.control_characters import on_page

_MARK = re.compile(r"[\\`*_\[\]#|!~$]")


def one_line(text: str) -> str:
    """A text on one line, whatever a page would obey made visible."""
    return on_page(" ".join(text.split()))


def plain(text: str) -> str:
    """A text on one line in which nothing is markup, neither in Markdown nor in HTML."""
    return _MARK.sub(r"\\\g<0>", html.escape(one_line(text), quote=False))


def code(text: str) -> str:
    """A text as a code span, which may stand in a table; as HTML if it has `<`, which a span would keep."""
    if "<" in (shown := one_line(text)):
        return f"<code>{plain(shown)}</code>"
    return "`" + shown.replace("`", "'").replace("|", "\\|") + "`"


def fenced(language: str, text: str) -> str:
    """A text as a block of code, which no backtick in it ends."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}{language}\n{on_page(text).strip(chr(10))}\n{fence}\n"
