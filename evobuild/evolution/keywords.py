"""Keywords: the methods that an evolver lists in its replies, each summed up by a judge in a phrase.

How many distinct phrases there are shows how varied an evolver's ideas are (Hui et al. 2024,
arXiv:2412.11231). Every method that is read gives one keyword or one reject. The replies to fixed
operations list no methods.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.answering import failures
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.prompts import render
from evobuild.core.tables import Reject
from evobuild.evolution.replies import scan_evolver_replies
from evobuild.models.client import Model
from evobuild.text.words import split_marked_words

LONGEST = 60
"""Characters of a phrase; what is longer is an explanation."""

_MARKS = r"[ \t>*_`#]*"
# The label begins its line, perhaps after its step's number; within a line it needs its hashes, and ends it.
_LIST = re.compile(
    rf"^{_MARKS}(?:step[ \t]*\d+[ \t>*_`#.:)–—-]*)?methods?[ _]list"
    r"(?:[ \t*_`]*[#:：][#*_`:： \t]*|[ \t*_`]*$)"
    r"|^[^\n#]*#[ \t]*methods?[ _]list[ \t]*#[*_`:： \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# A step, a label or a heading ends the list; an item that speaks of one does not, as its number comes first.
_END = re.compile(
    rf"{_MARKS}step[ \t]*\d+\b|[ \t>*_`]*#+[^#\n]{{2,60}}#|#+[ \t]+(?!method[ \t]+\d)[^\W\d]", re.IGNORECASE
)
_ITEM = re.compile(
    r"(?P<indent>[ \t>]*)"
    r"(?:(?:#+[ \t]+)?[*_]{0,2}\(?(?:method[ \t]+)?(?P<number>\d{1,3})[.):：、](?!\d)|[-*•+–](?=[ \t]))"
    r"[*_]{0,2}[ \t]*(?P<text>.*)",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*(?:```\w*|[-*_=]{3,})?\s*")
_PHRASE = re.compile(
    r"[ \t>#*_`]*\(?(?:method[ \t]+)?(\d{1,3})(?:[.):：、]|[ \t]+[-–—])(?!\d)(.*)", re.IGNORECASE
)
_BULLET = re.compile(r"[ \t>]*[-*•+–][ \t]+(.*)")
_ARTICLES = {"a", "an", "the"}
_PLURAL = re.compile(r"(?<=\w\w)(?:(ies)|(?<!s)s)\b")


class MethodList(NamedTuple):
    """An evolver's reply: the id of its child, and the methods that it lists, perhaps none."""

    id: str
    round: str
    evolver: str
    methods: tuple[str, ...]


class Keyword(NamedTuple):
    """A method and the phrase for it. id: of the row, the child, and the method's number."""

    id: str
    row: str
    round: str
    evolver: str
    method: str
    keyword: str


KEYWORDS = pl.Schema(dict.fromkeys(Keyword._fields, pl.String))
KEYWORD_COUNTS = pl.Schema({"evolver": pl.String, "keyword": pl.String, "count": pl.Int64})


def listed_methods(reply: str) -> tuple[str, ...]:
    """Take the numbered or bulleted methods that stand below the label `#Methods List#`; () if none do.

    The list ends at the next step or label. Lines and sub-items below a method belong to it; a
    remark before or after the list does not.
    """
    for label in _LIST.finditer(reply):
        if items := _items(reply[label.end() :].splitlines()):
            return items
    return ()


def _items(lines: Iterable[str]) -> tuple[str, ...]:
    """Take the items of a list, each with the lines and the sub-items that belong to it."""
    items: list[str] = []
    first: re.Match[str] | None = None
    is_open = False
    for line in takewhile(lambda line: not _END.match(line), lines):
        item = _ITEM.match(line)
        if _RULE.fullmatch(line):
            is_open = False
        elif item and (first is None or _same_level(item, first)):
            first = first or item
            items.append(item["text"])
            is_open = True
        elif items and (item or is_open or line[0] in " \t"):
            items[-1] += f" {item['text'] if item else line}"
    return tuple(filter(None, map(_plain_text, items)))


def _plain_text(text: str) -> str:
    return " ".join(re.sub(r"\*\*|__|`", "", text).split())


def _same_level(item: re.Match[str], first: re.Match[str]) -> bool:
    numbered = (item["number"] is None) == (first["number"] is None)
    return numbered and len(item["indent"]) <= len(first["indent"]) + 1


def draw_method_lists(
    names: Sequence[str], *, replies: Path, rounds: Path, count: int, seed: int
) -> list[MethodList]:
    """Draw at most so many replies of each round, by seed, and read the methods that they list.

    names: of the rounds. replies, rounds: folders with a table of each.

    Raises BadInput if a table is missing or not as it should be.
    """
    drawn: list[MethodList] = []
    for name in names if count else ():
        table = scan_evolver_replies(name, replies=replies, rounds=rounds)
        ids = sorted(table.select("id").collect()["id"])
        chosen = random.Random(f"{seed} keywords {name}").sample(ids, min(count, len(ids)))
        own = table.filter(pl.col("id").is_in(chosen)).select("id", "evolver", "reply").collect().sort("id")
        drawn += [
            MethodList(id, name, evolver, listed_methods(reply)) for id, evolver, reply in own.iter_rows()
        ]
    return drawn


def summarise_methods(
    drawn: Iterable[MethodList], model: Model, sampling: Sampling
) -> Iterator[Keyword | Reject]:
    """Ask a judge for phrases, once a reply; every method gives one keyword or one reject, in any order."""
    asked: dict[str, MethodList] = {}

    def requests() -> Iterator[Request]:
        for each in drawn:
            if each.methods:
                asked[each.id] = each
                text = render("judge/method_keyword.jinja", methods=each.methods)
                yield Request(each.id, "keywords", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        yield from _read(asked.pop(reply.key), reply)


def _read(listed: MethodList, reply: Reply) -> Iterator[Keyword | Reject]:
    unusable = failures.reply_failure(reply)
    phrases = {} if unusable else read_keyword_phrases(reply.text, len(listed.methods))
    for number, method in enumerate(listed.methods, start=1):
        id = f"{listed.id}-{number:03}"
        given = [normal_phrase(phrase) for phrase in phrases.get(number, [])]
        if reason := unusable or _failure(given):
            yield Reject(id, reason, method, reply.error or reply.kept)
        else:
            yield Keyword(id, listed.id, listed.round, listed.evolver, method, given[0])


def _failure(given: Sequence[str]) -> str | None:
    """Name why a method has no keyword: it needs one phrase of letters or digits that is short."""
    if not any(given):
        return "no phrase"
    if len(given) > 1:
        return "two phrases"
    return "long phrase" if len(given[0]) > LONGEST else None


def read_keyword_phrases(text: str, count: int) -> dict[int, list[str]]:
    """Read the phrases of so many methods, by the method's number from 1.

    Bullets in place of numbers are read in order if there are just as many. A reply that numbers
    more methods than there are gives nothing: none of its numbers can be relied on.
    """
    lines = text.splitlines()
    found = [(int(line[1]), line[2]) for line in map(_PHRASE.match, lines) if line]
    bullets = [line[1] for line in map(_BULLET.match, lines) if line]
    if not found and len(bullets) == count:
        found = list(enumerate(bullets, start=1))
    phrases: dict[int, list[str]] = {}
    for number, phrase in found:
        phrases.setdefault(number, []).append(phrase)
    return phrases if all(1 <= number <= count for number in phrases) else {}


def normal_phrase(phrase: str) -> str:
    """Bring a phrase to its normal form: small letters and digits, without articles and punctuation.

    Instance: '**Add a Real-World Example.**' -> 'add real world example'.
    """
    text = re.sub(r"['’]", "", unicodedata.normalize("NFKC", phrase)).casefold()
    return " ".join(word for word in split_marked_words(text) if word not in _ARTICLES)


def merge_plural_phrases(keywords: Iterable[Keyword]) -> list[Keyword]:
    """Give phrases that differ only in singular and plural one form: the commonest, ties by alphabet."""
    found = list(keywords)
    forms: dict[str, Counter[str]] = {}
    for each in found:
        forms.setdefault(_singular(each.keyword), Counter())[each.keyword] += 1
    chosen = {key: min(counts, key=lambda form: (-counts[form], form)) for key, counts in forms.items()}
    return [each._replace(keyword=chosen[_singular(each.keyword)]) for each in found]


def _singular(phrase: str) -> str:
    return _PLURAL.sub(lambda ending: "y" if ending[1] else "", phrase)


def keyword_figures(
    drawn: Sequence[MethodList], keywords: Sequence[Keyword], names: Sequence[str]
) -> dict[str, Any]:
    """Count the replies drawn, those that list methods, the methods, and the distinct phrases.

    names: of the rounds; distinct phrases are counted in all, by round, be it 0, and by evolver.
    """
    groups = [*names, *sorted({each.evolver for each in drawn})]
    distinct = {
        name: len({each.keyword for each in keywords if name in (each.round, each.evolver)})
        for name in groups
    }
    return {
        "keywords": {
            "replies": len(drawn),
            "lists": sum(bool(each.methods) for each in drawn),
            "methods": sum(len(each.methods) for each in drawn),
            "distinct": {"all": len({each.keyword for each in keywords}), **distinct},
        }
    }


def count_keywords(keywords: Iterable[Keyword]) -> pl.DataFrame:
    """Count the methods behind each phrase by evolver, the commonest first, ties by alphabet."""
    counted = Counter((each.evolver, each.keyword) for each in keywords)
    rows = sorted(
        ((*key, count) for key, count in counted.items()), key=lambda row: (row[0], -row[2], row[1])
    )
    return pl.DataFrame(rows, schema=KEYWORD_COUNTS, orient="row")
