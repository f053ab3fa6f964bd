"""Every number of the simulated model, in one place: its traits, and a table of rates for each kind of reply.

They are assumptions, not evidence: chosen so that a dry run meets each kind of failure, that a better method
pays, and that `small` evolves further than `large`, as arXiv:2412.11231 reports. Nothing computed from them
says anything about a real model. A table gives the share of each kind; what is left is the sound kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

Rates = Mapping[str, float]

FAILURES: Rates = {
    "unparsable": 0.10,  # the label is missing, or chatter stands around the new instruction
    "unchanged": 0.07,  # the parent comes back as it was
    "empty": 0.010,  # nothing comes back
    "truncated": 0.012,  # the reply breaks off, finish 'length'
    "echoed": 0.035,  # a label of the prompt stands inside the new instruction
    "answered": 0.04,  # the reply answers the parent
    "lost": 0.16,  # points to facts that are not there: the response says "please provide"
    "stagnant": 0.11,  # a vague remark: the response begins with "Understood" or the like and asks back
    "unqualified": 0.06,  # a request without its conditions: the response begins with "Sure" and asks back
    "translated": 0.02,  # another language than the parent's
    "swollen": 0.02,  # far more is added than was asked for
    "dropped": 0.04,  # code, tables and figures of the parent are gone; nothing else shows it
}
"""Of evolutions by `small` under a method without a single good clause; half of it by `large`."""
CLAUSE_FACTORS: Mapping[str, Rates] = {
    "keep": {"lost": 0.3, "dropped": 0.2},
    "self_contained": {"lost": 0.4, "unqualified": 0.5},
    "format": {"unparsable": 0.22, "echoed": 0.6, "empty": 0.5},
    "harder": {"unchanged": 0.22, "stagnant": 0.7},
    "language": {"answered": 0.8, "unqualified": 0.8, "translated": 0.15},
    "brief": {"swollen": 0.15},
    "no_answer": {"answered": 0.2},
    "concrete": {"stagnant": 0.3, "unqualified": 0.4},
    "review": dict.fromkeys(("unchanged", "echoed", "lost", "stagnant", "unqualified", "swollen"), 0.7),
}
"""What each good clause of a method leaves of the failures it is against."""
METHOD_WORDS = 700  # from which on a method is too long to be followed well
OVERLENGTH: Rates = {"unparsable": 0.16, "truncated": 0.08, "lost": 0.08}
"""Failures added at twice METHOD_WORDS, rising in proportion to at most 0.25."""
_REQUIREMENTS: Rates = {"one": 0.05, "two": 0.50}  # of evolutions by `small`, how many they add; else three


class Traits(NamedTuple):
    """What tells the simulated models apart; the defaults are those of `small`."""

    name: str
    failures: Rates = FAILURES
    requirements: Rates = _REQUIREMENTS
    invents: float = 0.2  # share of the methods it lists that are about the instruction's own subject
    stray: float = 0.003  # per response to a sound instruction, of each kind of reply that is no answer
    misses: float = 0.20  # share of the failed cases that an analysis overlooks
    repairs: float = 0.60  # probability that an improvement acts on a problem named in the feedback
    padding: float = 0.45  # that it adds a paragraph of no use
    slip: float = 0.12  # that it forgets the slot
    unrated: float = 0.02  # share of ratings and verdicts without the line asked for
    noise: float = 6.0  # spread of a score, in points
    misjudged: float = 0.03  # share of verdicts that are wrong
    keeps: float = 0.5  # share of answers that set out to keep a constraint on their form
    misread: float = 0.33  # share of known constraints that it does not understand
    misread_unknown: float = 0.55  # the same of others
    certainty: float = 0.72  # typical probability of the most likely token


_LARGE = Traits(
    name="large",
    failures={kind: rate / 2 for kind, rate in FAILURES.items()},
    requirements={"one": 0.70, "two": 0.30},
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
    misread=0.20,
    misread_unknown=0.4,
    certainty=0.86,
)
TRAITS: Mapping[str, Traits] = {"small": Traits("small"), "large": _LARGE}

# Of improvements: without the fence, with nothing in it, as it was; those that change the last label.
IMPROVEMENTS: Rates = {"unfenced": 0.04, "bare": 0.01, "same": 0.04}
RELABELLED = 0.15
# Of replies that name a method: nothing; two phrases, the second in other words; a phrase in bold.
PHRASES: Rates = {"empty": 0.01, "two": 0.015, "bold": 0.08}
# Of replies with tags: nothing; talk without a list; a list that is never closed; an empty list.
TAGS: Rates = {"empty": 0.005, "chatter": 0.01, "broken": 0.01, "none": 0.002}
TAG_STYLES: Rates = {"fenced": 0.25, "strings": 0.1, "introduced": 0.1}
# Of scores of an answer that is about what was asked, else 5; points lost if it is not, and if it asks back.
SCORES: Rates = {"10": 0.22, "9": 0.36, "8": 0.25, "7": 0.09, "6": 0.05}
STRAYED, ASKED_BACK = 1, 6
SATISFIED = 0.7  # of single constraints, by an answer to a benchmark
# Of invented lines: one that was shown; the same with a word more; a demand that no function can measure;
# one that a function can, but the model cannot; a heading, a topic or a question.
INVENTED: Rates = {"repeated": 0.06, "nearly": 0.07, "subjective": 0.1, "odd": 0.05, "no constraint": 0.02}
INVENTED_FORMS: Rates = {"numbered": 0.08, "starred": 0.04, "bare": 0.01}
# Of whole replies: nothing; talk alone; the last line breaks off; a line too many; talk around the list.
INVENTIONS: Rates = {"empty": 0.005, "refused": 0.01, "cut": 0.03, "one more": 0.03, "framed": 0.15}

FUNCTIONS: Rates = {
    "wrong": 0.13,  # off by one, or looks at the beginning alone
    "foreign": 0.02,  # imports what is not in the standard library
    "raising": 0.015,
    "arguments": 0.01,  # takes a second one
    "unsuitable": 0.01,  # returns neither True nor False
    "syntax": 0.025,
    "misnamed": 0.015,
    "twofold": 0.005,  # stands there twice
    "hanging": 0.01,
    "hostile": 0.025,  # does what only an attack would; harmless if it came through
}
"""Of functions for a constraint that is understood; the rest is right."""
MISREAD_FUNCTIONS: Rates = {**FUNCTIONS, "wrong": 0.08, "foreign": 0.33, "raising": 0.25, "arguments": 0.17}
# Of replies with one: nothing; talk without JSON; JSON that breaks off; a function without cases.
VERIFIERS: Rates = {"empty": 0.003, "talk": 0.015, "cut": 0.012, "caseless": 0.01}
# In a fence; real line breaks in strings of the JSON; line breaks escaped twice; Python, not JSON.
VERIFIER_FORMS: Rates = {"fenced": 0.45, "raw": 0.08, "escaped": 0.06, "python": 0.02}
BOOLEANS: Rates = {"True": 0.1, "true": 0.05, "maybe": 0.01}  # of replies with such texts for them
WRONG_CASES = {False: 0.04, True: 0.15}  # by whether the constraint is misread
CONTRADICTIONS = 0.03  # of verifiers with two cases that do, and of functions said as their opposite
REMARKED, LED = 0.3, 0.06  # of functions with the constraint as a comment, and said in words after a lead-in


def evolution_failure_rates(name: str, clauses: Collection[str], words: int) -> dict[str, float]:
    """Rate of each kind of failure of a model under a method with these clauses and this length in words."""
    rates = dict(TRAITS[name].failures)
    for clause in sorted(clauses):
        for kind, factor in CLAUSE_FACTORS[clause].items():
            rates[kind] *= factor
    for kind, rate in OVERLENGTH.items():
        rates[kind] += min(rate * max(0.0, words / METHOD_WORDS - 1.0), 0.25)
    return rates
