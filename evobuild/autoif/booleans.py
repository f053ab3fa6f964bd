"""Booleans as models write them, in cases and as what their functions return.

Of the 111 cases that the authors of AutoIF publish 15 are text, which equals no bool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evobuild.sandbox import Answer

NO_BOOLEAN = "no boolean"
"""Why a function gives no verdict although it returns."""

_SPELLINGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_AROUND = " \t\r\n\"'`."


def read_boolean(value: object) -> bool | None:
    """Parse a boolean in any of its spellings; None for anything else.

    Examples: True, 1, "True", " yes." -> True; "false ", 0 -> False; "maybe", 2, [], None -> None.
    """
    if isinstance(value, str):
        return _SPELLINGS.get(value.strip(_AROUND).casefold())
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    return None


def read_case_verdict(answer: Answer) -> bool | str:
    """Read what a function says of a case, or why it says nothing."""
    if answer.error:
        return f"{answer.error}: {answer.detail}" if answer.detail else answer.error
    value = read_boolean(answer.value)
    return NO_BOOLEAN if value is None else value
