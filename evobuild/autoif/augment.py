"""Constraints on the form of an answer: those that are given, and those that an evolver invents.

Self-instruct in rounds, of which each shows the evolver some constraints of all so far, or always those that
are given, as the authors' code and that of Hui et al. 2024, arXiv:2412.11231, do: then no round waits for
another. A reply is a list; what is no item of it, or says something about the list, is no constraint and
becomes a reject, as does one that there is already, one that is much like another if params say so, and one
more than was asked for. Of alike ones the earlier stays. Source: Dong et al. 2024 (AutoIF), arXiv:2406.13542,
whose code takes every line that begins with a hyphen, and equal ones as often as they come.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.autoif.params import Augment
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.draws import draw_lowest
from evobuild.core.errors import BadInput
from evobuild.core.instructions import row_id
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject
from evobuild.core.text_files import read_text
from evobuild.models.client import Model
from evobuild.text import assistant_phrases
from evobuild.text.words import split_word_runs, split_words_and_signs

LONGEST = 300
"""Characters of a constraint; what is longer is a task of its own."""
SHORTEST = 2
"""Words of a constraint; a single one is a topic."""
HEADING = 4
"""Words that a line in bold letters may have and still be a heading."""

_ITEM = re.compile(r"[ \t>]*(?:[-*•+–]|[*_]{0,2}\(?\d{1,3}[.):][*_]{0,2})[ \t]+(?=\S)")
_ITEMS = re.compile(rf"(?:{_ITEM.pattern})*+")
_LABEL = re.compile(r"(?:\*\*|__)[^*_\n]{1,60}?(?::(?:\*\*|__)|(?:\*\*|__)[ \t]*[:–—-])[ \t]*(?=\S)")
_BOLD = re.compile(r"(\*\*|__)([^\n]+)\1")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "`": "`"}
_QUOTE = re.compile('["“”‘’«»`]')
_OF_THE_LIST = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|great)\b[,.!]"
    r"|here(?:'s| are| is)\b|(?:below|the following|following) (?:are|is)\b"
    r"|(?:these|those|all|each|the)\b[^:.]{0,40}\bconstraints?\b[^:.]{0,20}\b(?:are|is|can|above)\b"
    r"|(?:these|they|those) (?:are|can|should)\b"
    r"|(?:please )?(?:let me know|feel free|note that|note:)"
    r"|i(?:'m| am|'ve| have| hope| can| could| will|'ll)\b"
    r"|hope (?:this|these|that)|as an ai\b|(?:i'm |i am )?sorry\b|unfortunately\b",
    re.IGNORECASE,
)


class Constraint(NamedTuple):
    """A row of the table CONSTRAINTS."""

    id: str
    constraint: str
    origin: str
    model: str


class KnownConstraints:
    """The constraints so far, for finding duplicates.

    threshold: near-duplicates have a Jaccard similarity of word bigrams >= this; None: disabled.
    """

    def __init__(self, threshold: float | None) -> None:
        self._threshold = threshold
        self._normalise: dict[str, str] = {}
        self._sizes: list[int] = []
        self._places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)

    @property
    def texts(self) -> list[str]:
        """Return all, in their order."""
        return list(self._normalise.values())

    def add(self, text: str) -> None:
        """Add a constraint that is no duplicate."""
        pairs = _word_bigrams(text)
        for pair in pairs:
            self._places[pair].append(len(self._sizes))
        self._sizes.append(len(pairs))
        self._normalise[_normalise(text)] = text

    def equal(self, text: str) -> str | None:
        """Return the constraint that equals a text except for case, blanks and the period."""
        return self._normalise.get(_normalise(text))

    def near(self, text: str) -> str | None:
        """Return the first near-duplicate of a text."""
        if self._threshold is None:
            return None
        pairs = _word_bigrams(text)
        shared = Counter(place for pair in pairs for place in self._places.get(pair, ()))
        found = (
            place
            for place, both in shared.items()
            if both >= self._threshold * (len(pairs) + self._sizes[place] - both)
        )
        place = min(found, default=None)
        return None if place is None else self.texts[place]


def _normalise(text: str) -> str:
    return _QUOTE.sub("'", " ".join(text.casefold().split())).rstrip(".!")


def _word_bigrams(text: str) -> set[tuple[str, ...]]:
    tokens = split_words_and_signs(_normalise(text))
    return set(pairwise(tokens)) or {tuple(tokens)}


def read_seed_constraints(path: Path, known: KnownConstraints) -> Iterator[Constraint | Reject]:
    """Read constraints from a text file, one a line; every line is one or a reject with its place.

    Raises BadInput if the file is no UTF-8 text or has no constraint.
    """
    lines = read_text(path).split("\n")
    placed = ((f"{path.name}:{number}", line) for number, line in enumerate(lines, 1))
    yield from check_constraints(placed if lines[-1] else islice(placed, len(lines) - 1), known)
    if not known.texts:
        raise BadInput(f"{path}: has no constraint; expected one a line, such as: Use no comma.")


def check_constraints(
    placed: Iterable[tuple[str, str]], known: KnownConstraints
) -> Iterator[Constraint | Reject]:
    """Yield texts, with locations, as constraints; reject empty and duplicate ones."""
    for number, (place, line) in enumerate(placed, 1):
        text, key = line.strip(), f"seed-{number:06}"
        if not text:
            yield Reject(key, "empty", place, "")
        elif earlier := known.equal(text):
            yield Reject(key, "exact duplicate", f"{place} repeats: {earlier}", line)
        else:
            known.add(text)
            yield Constraint(row_id("constraint", "", text), text, "seed", "")


def invent_constraints(
    known: KnownConstraints, params: Augment, model: Model, seed: int
) -> Iterator[Constraint | Reject]:
    """Ask for more in rounds; every line of a reply is a constraint or a reject, as is a reply of none.

    known: those that are given; what is invented is added to it.
    """
    numbers = range(1, params.rounds + 1)
    if params.examples == "seeds":
        requests = [_request(number, known.texts, params, seed) for number in numbers]
        replies = {reply.key: reply for reply in model.generate(requests)}
        for request in requests:
            yield from _read_constraints(replies[request.key], known, str(model.model), params.count)
        return
    for number in numbers:
        drawn = draw_lowest(known.texts, params.examples, seed, f"augment {number}", by=str)
        for reply in model.generate([_request(number, drawn, params, seed)]):
            yield from _read_constraints(reply, known, str(model.model), params.count)


def _request(number: int, examples: Sequence[str], params: Augment, seed: int) -> Request:
    prompt = render_prompt("autoif/augment.jinja", examples=examples, count=params.count)
    sampling = Sampling(params.temperature, params.top_p, params.max_tokens, seed=seed + number)
    return Request(f"round-{number}", "augment", (Message("user", prompt),), sampling)


def _read_constraints(
    reply: Reply, known: KnownConstraints, model: str, most: int
) -> Iterator[Constraint | Reject]:
    """Read at most `most` constraints of a reply; each of its other lines is a reject."""
    reason = failures.find_reply_failure(reply)
    # The lines above the one at which it was cut are whole.
    is_cut = reason == "truncated" and bool(reply.text.strip())
    if reason and not is_cut:
        yield Reject(reply.key, reason, "", reply.error or reply.kept)
        return
    lines = [line for line in reply.text.splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        key, text = f"{reply.key}-{number:04}", clean_list_item(line)
        if lost := _find_loss(line, text, known, is_cut and number == len(lines)):
            yield Reject(key, *lost, line)
        elif not most:
            yield Reject(key, "more than asked for", "", line)
        else:
            most -= 1
            known.add(text)
            yield Constraint(row_id("constraint", "", text), text, reply.key, model)


def _find_loss(line: str, text: str, known: KnownConstraints, is_cut: bool) -> tuple[str, str] | None:
    if is_cut:
        return "truncated", ""
    return find_constraint_fault(line, text) or _find_duplicate(text, known)


def _find_duplicate(text: str, known: KnownConstraints) -> tuple[str, str] | None:
    if earlier := known.equal(text):
        return "exact duplicate", earlier
    earlier = known.near(text)
    return ("near duplicate", earlier) if earlier else None


def clean_list_item(line: str) -> str:
    """Take the mark of its item, a label, bold letters and quotes off a line.

    Instance: '1. **Length:** "Use at most 50 words."' -> 'Use at most 50 words.'
    """
    marks = _ITEMS.match(line)
    text = _LABEL.sub("", line[marks.end() if marks else 0 :].strip(), count=1)
    if (bold := _BOLD.fullmatch(text)) and bold[1] not in bold[2]:
        text = bold[2].strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and not {text[0], text[-1]} & set(text[1:-1]):
        text = text[1:-1].strip()
    return " ".join(text.split())


def find_constraint_fault(line: str, text: str) -> tuple[str, str] | None:
    """Return why a line of a reply is not a constraint, with a detail; None if it is one.

    text: the line as `clean_list_item` gives it.
    """
    if not (mark := _ITEM.match(line)):
        return "no list item", ""
    if _is_heading(line[mark.end() :].strip(), text):
        return "heading", ""
    if talk := _find_talk(text):
        return "chatter", talk
    if len(text) > LONGEST:
        return "too long", f"{len(text)} characters; at most {LONGEST}"
    if len(split_word_runs(text)) < SHORTEST and not _has_characters_for_words(text):
        return "too short", f"fewer than {SHORTEST} words"
    return None


def _is_heading(item: str, text: str) -> bool:
    """Return whether an item is a heading: marked as one, or a few bold words that are not a sentence."""
    if text.endswith((":", "：")) or text.startswith("#"):
        return True
    is_short = len(split_word_runs(text)) <= HEADING and not text.endswith((".", "!"))
    return is_short and _BOLD.fullmatch(item) is not None


def _find_talk(text: str) -> str | None:
    """Return the words by which a text talks to the reader; None without any."""
    if text.endswith(("?", "？")):
        return "a question"
    return (
        assistant_phrases.find_answer_opening(text)
        or assistant_phrases.find_rewriting_opening(text)
        or _find_list_talk(text)
    )


def _find_list_talk(text: str) -> str | None:
    found = _OF_THE_LIST.match(text.replace("’", "'"))
    return found and found[0]


def _has_characters_for_words(text: str) -> bool:
    return len(split_words_and_signs(text)) >= 2 * SHORTEST and not text.isascii()


def count_origins(results: Sequence[Constraint | Reject]) -> dict[str, int]:
    """Count the constraints by where they come from: {"seed": 36, "round-1": 9}."""
    return dict(Counter(each.origin for each in results if isinstance(each, Constraint)))
