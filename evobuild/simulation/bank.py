"""The phrases that the simulated engine has of a language other than English.

A bank is small on purpose: enough for three rounds of evolution without a repetition. The failure rules of
arXiv:2406.00770 are English, so that an ask-back in another language escapes them, as it
does with real models.
"""

from __future__ import annotations

from typing import NamedTuple


class Bank(NamedTuple):
    """Phrases of one language; {k} is a small number, {t} a topic.

    glue: stands between two sentences. additions: requirements. lost, vague: additions of failing evolutions.
    tasks, topics: brand-new instructions. answers: sentences of a response.
    ask_back: a response that asks for what is missing.
    """

    glue: str
    additions: tuple[str, ...]
    lost: str
    vague: str
    tasks: tuple[str, ...]
    topics: tuple[str, ...]
    answers: tuple[str, ...]
    ask_back: str
