"""What rendering a template may take, and how it fails; shared with the process that renders."""

from __future__ import annotations

from typing import NamedTuple

from jinja2 import TemplateError

REFUSALS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)
"""What a template raises: on purpose, or as the Python that it is made of."""


class Bounds(NamedTuple):
    """What rendering one template may take. seconds: of CPU time. memory: bytes. characters: of the text."""

    seconds: float
    memory: int
    characters: int


class TooMuch(Exception):
    """A template exceeds its bounds; the text says which one, as "takes more than 3 s"."""


class Refused(Exception):
    """What rendering raised. kind: name of the exception's class. line: of the template, 0 if unknown."""

    def __init__(self, kind: str, text: str, line: int) -> None:
        super().__init__(text)
        self.kind, self.text, self.line = kind, text, line
