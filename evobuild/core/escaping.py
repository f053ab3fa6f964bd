"""Show text that others wrote as text and nothing else: on pages, terminals, in Markdown and in names.

Characters that a reader could not see, or that would steer a page or a terminal, become visible. In Markdown
(CommonMark 0.31.2) nothing is markup; a card is also read by programs that take it for HTML, so no foreign
tag remains outside code blocks.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Control characters as their pictures (NUL as ␀), and what is no character at all as �.
_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
_CONTROL |= dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)
# What overrides or isolates the direction of writing makes a text look like another one: UAX #9, 2.1 to 2.4.
_TURNING = {code: f"<U+{code:04X}>" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_PAGE = _CONTROL | _TURNING
# A terminal also obeys a carriage return, and some end a line where Unicode does.
_TERMINAL = _PAGE | {0x0D: 0x240D, 0x2028: "<U+2028>", 0x2029: "<U+2029>"}


def on_page(text: str) -> str:
    """Make control characters and turns of direction visible, but for tabs and line ends.

    Markup is the page's to escape. explorer_tree.js does the same.
    """
    return text.translate(_PAGE)


def on_terminal(text: str) -> str:
    """Make visible whatever a terminal would obey, but for tabs and line feeds."""
    return text.translate(_TERMINAL)


_MARK = re.compile(r"[\\`*_\[\]#|!~$]")


def one_line(text: str) -> str:
    """Put a text on one line and make visible what a page would obey."""
    return on_page(" ".join(text.split()))


def plain(text: str) -> str:
    """Put a text on one line and escape all markup of Markdown and HTML."""
    return _MARK.sub(r"\\\g<0>", html.escape(one_line(text), quote=False))


def code(text: str) -> str:
    """Format a text as a code span that fits in a table; as HTML if it has `<`, which a span would keep."""
    if "<" in (shown := one_line(text)):
        return f"<code>{plain(shown)}</code>"
    return "`" + shown.replace("`", "'").replace("|", "\\|") + "`"


def fenced(language: str, text: str) -> str:
    """Format a text as a code block that no backtick in it can end."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}{language}\n{on_page(text).strip(chr(10))}\n{fence}\n"


LONGEST = 40
"""Characters of a name."""

_BETWEEN = " _/+.-"
"""Characters allowed between words, and so neither first nor last."""


def safe_name(text: str) -> str:
    """Give a name of letters, marks and digits of any script, and of blanks and `_ / + . -` between them.

    What else the text has becomes `_`, and of a long one the beginning stays; '' if nothing is left. A safe
    name stays as it is. Instances: 'code' -> 'code', '=cmd|calc' -> 'cmd_calc', '<b>Q&A' -> 'b_Q_A'.
    """
    # Enough to read a name from, however long the text is.
    plain = " ".join(unicodedata.normalize("NFKC", text[: 16 * LONGEST]).split())
    tame = "".join(
        each if each in _BETWEEN or unicodedata.category(each)[0] in "LMN" else "\0" for each in plain
    )
    return re.sub("\0+", "_", tame).strip(_BETWEEN)[:LONGEST].rstrip(_BETWEEN)
