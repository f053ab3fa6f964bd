"""Make marks that fence model texts in a judge's prompt, so that no text can end its own section.

A mark is a hash of the texts: a text that contained its mark would change it. Equal texts have equal marks,
so that the reply cache answers a repeated request.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import count


def make_fence_mark(texts: Iterable[str]) -> str:
    """Return eight hexadecimal digits that occur in none of the texts, e.g. '5f03ac1e'. Order counts."""
    parts = list(texts)
    whole = "\0".join(parts).encode("utf-8", "surrogatepass")
    marks = (blake2b(whole, digest_size=4, salt=number.to_bytes(8, "big")).hexdigest() for number in count())
    return next(mark for mark in marks if not any(mark in part for part in parts))
