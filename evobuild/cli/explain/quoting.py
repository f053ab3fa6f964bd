"""Lines of what `explain` prints. Texts of rows are data: each line of one begins with a bar.

Whatever a terminal would obey is shown instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from evobuild.core.control_characters import on_terminal


def join_reason(reason: str, detail: str) -> str:
    """Put a reason and its detail, which may be '', together."""
    return f"{reason} ({detail})" if detail else reason


def to_one_line(text: str) -> str:
    """Make a text of rows fit within a line of ours."""
    return on_terminal(" ".join(text.split("\n")))


def quote_text(title: str, content: str) -> Iterator[str]:
    """Lay out a text of rows under a title."""
    yield f"  {to_one_line(title)}"
    for line in content.split("\n"):
        yield f"  │ {on_terminal(line)}".rstrip()
