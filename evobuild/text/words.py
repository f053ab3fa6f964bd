"""Words: how many a text has, and the English ones that say nothing by themselves."""

from __future__ import annotations

import re

_WIDE = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_WIDE_STOP = re.compile(r"[\u3000-\u303f\uff01-\uff0f\uff1a-\uff1f]")
# "Yes" and "no" are left out: they may be all that was asked for.
_STOP_WORDS_TEXT = """
a about after again all also am an and any are as at be because been before being but by can could did do does
doing don down each few for from had has have having he her here hers him his how i if in into is it its just
ll m me more most my nor not now of off on once only or other our ours out over own re s same she should so
some such t than that the their theirs them then there these they this those through to too under until up ve
very was we were what when where which while who whom why will with would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())


def count(text: str) -> int:
    """Count the words of a text; where no spaces set them apart, as in Chinese, two characters are one."""
    if text.isascii():
        return len(text.split())
    rest, wide = _WIDE.subn(" ", text)
    return len(_WIDE_STOP.sub(" ", rest).split()) + (wide + 1) // 2
