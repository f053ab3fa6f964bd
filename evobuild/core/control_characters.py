"""Characters that a reader could not see, or that would steer a page or a terminal, made visible."""

from __future__ import annotations

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
