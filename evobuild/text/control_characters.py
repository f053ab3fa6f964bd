"""Characters that a reader could not see, or that would steer a page or a terminal, made visible."""

from __future__ import annotations

# Control characters as their pictures (NUL as ␀), and what is no character at all as �.
_PAGE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
_PAGE |= dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)
# A terminal also obeys a carriage return, and what turns the direction of writing reorders whole lines.
_TURNING = [0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_TERMINAL = _PAGE | {0x0D: 0x240D} | {code: f"<U+{code:04X}>" for code in _TURNING}


def on_page(text: str) -> str:
    """Make control characters visible, but for tabs and line ends; markup is the page's to escape."""
    return text.translate(_PAGE)


def on_terminal(text: str) -> str:
    """Make visible whatever a terminal would obey, but for tabs and line feeds."""
    return text.translate(_TERMINAL)
