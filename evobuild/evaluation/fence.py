"""The marks that fence texts of models off in a judge's prompt, so that no text ends its own part.

A mark follows from the texts themselves: whoever writes one of them would have to know the mark, and would
change it by writing it. The same texts have the same mark, so that a reply is found again in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import count


def mark_of(texts: Iterable[str]) -> str:
    """Give eight hexadecimal digits that stand in none of the texts, e.g. '5f03ac1e'. Order counts."""
    parts = list(texts)
    whole = "\0".join(parts).encode("utf-8", "surrogatepass")
    marks = (blake2b(whole, digest_size=4, salt=number.to_bytes(8, "big")).hexdigest() for number in count())
    return next(mark for mark in marks if not any(mark in part for part in parts))
