"""Every number of the simulated engine, in one place.

They are assumptions, not evidence: chosen so that a dry run meets each kind of failure, that a better method
pays, and that `small` evolves further than `large`, as arXiv:2412.11231 reports. Nothing computed from them
says anything about a real model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

KINDS = (
    "unparsable",  # the label is missing, or chatter stands around the new instruction
    "unchanged",  # the parent comes back as it was
    "empty",  # nothing comes back
    "truncated",  # the reply breaks off, finish 'length'
    "echoed",  # a label of the prompt stands inside the new instruction
    "answered",  # the reply answers the parent
    "lost",  # points to facts that are not there: the response says "please provide"
    "stagnant",  # a vague remark: the response begins with "Understood" or the like and asks back
    "unqualified",  # a request without its conditions: the response begins with "Sure" and asks back
    "translated",  # another language than the parent's
    "swollen",  # far more is added than was asked for
    "dropped",  # code, tables and figures of the parent are gone; nothing else shows it
)
"""The ways an evolution fails; lost, stagnant and unqualified show only in the response to it."""


class Traits(NamedTuple):
    """What tells the simulated models apart.

    failures: rate of each kind under a method without a single good clause.
    additions: cumulated probability of 1, 2 and, beyond the last, 3 added requirements.
    invents: probability that a method it lists is about the instruction's own subject.
    stray: per response to a sound instruction, the rate of each of ask back, agree, sure and refuse.
    misses: share of the failed cases that an analysis overlooks.
    repairs: probability that an improvement acts on a reason named in the feedback.
    padding: probability that it adds a paragraph of no use. slip: that it forgets the slot.
    unrated: share of ratings and verdicts without the line asked for. noise: spread of a score, in points.
    misjudged: share of verdicts that are wrong.
    keeps: share of answers that set out to keep a constraint on their form.
    muddled, muddled_unknown: share of constraints that it does not understand, of its own and of others.
    certainty: typical probability of the most likely token.
    """

    failures: Mapping[str, float]
    additions: tuple[float, ...]
    invents: float
    stray: float
    misses: float
    repairs: float
    padding: float
    slip: float
    unrated: float
    noise: float
    misjudged: float
    keeps: float
    muddled: float
    muddled_unknown: float
    certainty: float


_SMALL_FAILURES = {
    "unparsable": 0.10,
    "unchanged": 0.07,
    "empty": 0.010,
    "truncated": 0.012,
    "echoed": 0.035,
    "answered": 0.04,
    "lost": 0.16,
    "stagnant": 0.11,
    "unqualified": 0.06,
    "translated": 0.02,
    "swollen": 0.02,
    "dropped": 0.04,
}

TRAITS: Mapping[str, Traits] = {
    "small": Traits(
        failures=_SMALL_FAILURES,
        additions=(0.05, 0.55),
        invents=0.2,
        stray=0.003,
        misses=0.20,
        repairs=0.60,
        padding=0.45,
        slip=0.12,
        unrated=0.02,
        noise=6.0,
        misjudged=0.03,
        keeps=0.5,
        muddled=0.33,
        muddled_unknown=0.55,
        certainty=0.72,
    ),
    "large": Traits(
        failures={kind: rate / 2 for kind, rate in _SMALL_FAILURES.items()},
        additions=(0.70, 1.0),
        invents=0.1,
        stray=0.001,
        misses=0.08,
        repairs=0.80,
        padding=0.30,
        slip=0.06,
        unrated=0.005,
        noise=4.0,
        misjudged=0.01,
        keeps=0.65,
        muddled=0.20,
        muddled_unknown=0.4,
        certainty=0.86,
    ),
}

CLAUSE_FACTORS: Mapping[str, Mapping[str, float]] = {
    "keep": {"lost": 0.3, "dropped": 0.2},
    "self_contained": {"lost": 0.4, "unqualified": 0.5},
    "format": {"unparsable": 0.22, "echoed": 0.6, "empty": 0.5},
    "harder": {"unchanged": 0.22, "stagnant": 0.7},
    "language": {"answered": 0.8, "unqualified": 0.8, "translated": 0.15},
    "brief": {"swollen": 0.15},
    "no_answer": {"answered": 0.2},
    "concrete": {"stagnant": 0.3, "unqualified": 0.4},
    "review": {
        "unchanged": 0.7,
        "echoed": 0.7,
        "lost": 0.7,
        "stagnant": 0.7,
        "unqualified": 0.7,
        "swollen": 0.7,
    },
}
"""What each good clause of a method leaves of the failures it is against."""

METHOD_WORDS = 700
"""Length, in words, from which on a method is too long to be followed well."""

OVERLENGTH_RATES = {"unparsable": 0.16, "truncated": 0.08, "lost": 0.08}
"""Failures added at twice METHOD_WORDS, rising in proportion."""

SWOLLEN_WORDS = 260
"""Words that a swollen evolution adds, at least, as far as there are phrases."""

ANSWER_LIMIT = 8
"""Requirements of an instruction that an answer takes up."""
