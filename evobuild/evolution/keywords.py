"""Summarise the methods that an evolver lists in its replies as keywords, one judge call per method.

The number of distinct keywords measures how varied an evolver's ideas are (Hui et al. 2024,
arXiv:2412.11231). Every method gives one keyword or one reject. The authors count raw replies, stripped of
space; we count phrases in a normal form, with singular and plural merged. Both counts are reported. Replies
to fixed operations list no methods.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.answering import failures
from evobuild.core import tables
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.draws import draw_table_rows
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject
from evobuild.evolution.evolver_replies import scan_evolver_replies
from evobuild.models.client import Model
from evobuild.text.words import compose, split_marked_words

LONGEST = 60
"""Maximum characters of a phrase; longer ones are explanations."""
MOST_READ = 10 * LONGEST
"""Maximum characters of a line to parse as a phrase."""
READ = ("two phrases", "long phrase")
"""Reject reasons of replies with text, which the authors would have counted."""
MOST_METHODS = 20
"""Maximum methods to read of a reply; one that lists more repeats itself."""
MOST_LABELS = 8
"""Maximum list labels to try in one reply, to bound the time of a reply of labels."""

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
_RULE = re.compile(r"\s*+(?:```\w*|[-*_=]{3,})?\s*")
_ARTICLES = {"a", "an", "the"}
_PLURAL = re.compile(r"(?<=\w\w)(?:(ies)|(?<!s)s)\b")


class MethodList(NamedTuple):
    """An evolver's reply: the id of its child, and the methods that it lists, possibly none."""

    id: str
    round: str
    evolver: str
    methods: tuple[str, ...]


class Keyword(NamedTuple):
    """A method with its keyword and the judge's reply.

    id: the child's id and the method's number.
    """

    id: str
    row: str
    round: str
    evolver: str
    method: str
    keyword: str
    reply: str


KEYWORDS = pl.Schema(dict.fromkeys(Keyword._fields, pl.String))
KEYWORD_COUNTS = pl.Schema({"evolver": pl.String, "keyword": pl.String, "count": pl.Int64})


def parse_method_list(reply: str) -> tuple[str, ...]:
    """Parse the numbered or bulleted methods below the label `#Methods List#`; () without any.

    The list ends at the next step or label, or after MOST_METHODS. Lines and sub-items below a method
    belong to it; a remark before or after the list does not.
    """
    for label in islice(_LIST.finditer(reply), MOST_LABELS):
        if items := _parse_items(reply[label.end() :].splitlines()):
            return items[:MOST_METHODS]
    return ()


def _parse_items(lines: Iterable[str]) -> tuple[str, ...]:
    """Parse the items of a list, each with its continuation lines and sub-items."""
    items: list[list[str]] = []
    first: re.Match[str] | None = None
    is_open = False
    for line in takewhile(lambda line: not _END.match(line), lines):
        item = _ITEM.match(line)
        if _RULE.fullmatch(line):
            is_open = False
        elif item and (first is None or _is_same_level(item, first)):
            first = first or item
            items.append([item["text"]])
            is_open = True
        elif items and (item or is_open or line[0] in " \t"):
            items[-1].append(item["text"] if item else line)
    return tuple(text for parts in items if (text := _strip_markup(" ".join(parts))))


def _strip_markup(text: str) -> str:
    return " ".join(re.sub(r"\*\*|__|`", "", text).split())


def _is_same_level(item: re.Match[str], first: re.Match[str]) -> bool:
    numbered = (item["number"] is None) == (first["number"] is None)
    return numbered and len(item["indent"]) <= len(first["indent"]) + 1


def sample_method_lists(
    names: Sequence[str], *, replies: Path, rounds: Path, count: int, seed: int
) -> list[MethodList]:
    """Sample up to `count` replies of each round, and parse the methods that they list.

    Args:
        names: of the rounds.
        replies, rounds: folders with one table per round.

    Raises:
        BadInput: a table is missing or invalid.
    """
    drawn: list[MethodList] = []
    for name in names if count else ():
        table = scan_evolver_replies(name, replies=replies, rounds=rounds)
        path = replies / f"{name}.parquet"
        children = tables.collect(path, table.select("id", "seed_place"))
        chosen = draw_table_rows(children, count, seed, f"keywords {name}")["id"]
        wanted = table.filter(pl.col("id").is_in(chosen.implode()))
        own = tables.collect(path, wanted.select("id", "evolver", "reply").sort("id"))
        drawn += [
            MethodList(id, name, evolver, parse_method_list(reply)) for id, evolver, reply in own.iter_rows()
        ]
    return drawn


def summarise_methods(
    drawn: Iterable[MethodList], model: Model, sampling: Sampling
) -> Iterator[Keyword | Reject]:
    """Ask a judge for a phrase for each method; yield one keyword or one reject per method, in any order."""
    asked: dict[str, tuple[MethodList, str]] = {}

    def requests() -> Iterator[Request]:
        for each in drawn:
            for number, method in enumerate(each.methods, start=1):
                key = f"{each.id}-{number:03}"
                asked[key] = each, method
                text = render_prompt("judge/method_keyword.jinja", method=method)
                yield Request(key, "keywords", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        listed, method = asked.pop(reply.key)
        phrase, reason = read_keyword(reply)
        if reason:
            yield Reject(reply.key, reason, method, reply.error or reply.kept)
        else:
            row, round, evolver = listed[:3]
            yield Keyword(reply.key, row, round, evolver, method, phrase, reply.text.strip())


def read_keyword(reply: Reply) -> tuple[str, str | None]:
    """Parse the phrase of a reply in its normal form, and the reject reason unless it is one short line."""
    if unusable := failures.find_reply_failure(reply):
        return "", unusable
    said = (normalise_phrase(line) for line in reply.text.splitlines() if line.strip())
    lines = list(islice(filter(None, said), 2))
    if not lines:
        return "", "no phrase"
    if len(lines) > 1:
        return "", "two phrases"
    return lines[0], "long phrase" if len(lines[0]) > LONGEST else None


def normalise_phrase(phrase: str) -> str:
    """Normalise a phrase: lower-case letters and digits, without articles and punctuation.

    Example: '**Add a Real-World Example.**' -> 'add real world example'.
    """
    text = re.sub(r"['’]", "", compose(phrase[:MOST_READ])).casefold()
    return " ".join(word for word in split_marked_words(text) if word not in _ARTICLES)


def merge_plural_phrases(keywords: Iterable[Keyword]) -> list[Keyword]:
    """Merge phrases that differ in singular and plural: the most common form wins, ties by alphabet."""
    found = list(keywords)
    forms: dict[str, Counter[str]] = {}
    for each in found:
        forms.setdefault(_singular(each.keyword), Counter())[each.keyword] += 1
    chosen = {key: min(counts, key=lambda form: (-counts[form], form)) for key, counts in forms.items()}
    return [each._replace(keyword=chosen[_singular(each.keyword)]) for each in found]


def _singular(phrase: str) -> str:
    return _PLURAL.sub(lambda ending: "y" if ending[1] else "", phrase)


def keyword_metrics(
    drawn: Sequence[MethodList], results: Sequence[Keyword | Reject], names: Sequence[str]
) -> dict[str, Any]:
    """Count the sampled replies, those that list methods, the methods, and the distinct phrases.

    results: keywords and rejects. names: of the rounds. Distinct phrases are counted in total, by round, even
    if 0, by evolver, and as the authors do: distinct judge replies, whatever their form.
    """
    keywords = [each for each in results if isinstance(each, Keyword)]
    groups = [*names, *sorted({each.evolver for each in drawn})]
    distinct = {
        name: len({each.keyword for each in keywords if name in (each.round, each.evolver)})
        for name in groups
    }
    read = (each for each in results if isinstance(each, Keyword) or each.reason in READ)
    said = {each.reply.strip() for each in read}
    return {
        "keywords": {
            "replies": len(drawn),
            "lists": sum(bool(each.methods) for each in drawn),
            "methods": sum(len(each.methods) for each in drawn),
            "distinct": {"all": len({each.keyword for each in keywords}), **distinct},
            "distinct_as_published": len(said),
        }
    }


def count_keywords(keywords: Iterable[Keyword]) -> pl.DataFrame:
    """Count methods by evolver and phrase, the most common first, ties by alphabet."""
    counted = Counter((each.evolver, each.keyword) for each in keywords)
    rows = sorted(
        ((*key, count) for key, count in counted.items()), key=lambda row: (row[0], -row[2], row[1])
    )
    return pl.DataFrame(rows, schema=KEYWORD_COUNTS, orient="row")
