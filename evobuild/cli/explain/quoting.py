"""Quote texts of rows for a terminal: each of their lines begins with a bar.

Control characters are escaped, since the texts are untrusted.
"""

from __future__ import annotations

from collections.abc import Iterator

from evobuild.core.escaping import on_terminal


def join_reason(reason: str, detail: str) -> str:
    """Join a reason with its detail, which may be ''."""
    return f"{reason} ({detail})" if detail else reason


def to_one_line(text: str) -> str:
    """Put a text of rows on one line, with control characters escaped."""
    return on_terminal(" ".join(text.split("\n")))


def quote_text(title: str, content: str) -> Iterator[str]:
    """Yield a title, then the lines of a text of rows, each behind a bar."""
    yield f"  {to_one_line(title)}"
    for line in content.split("\n"):
        yield f"  │ {on_terminal(line)}".rstrip()
