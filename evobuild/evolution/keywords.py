"""Keywords: the methods that an evolver lists in its replies, each summed up by a judge in a phrase.

How many distinct phrases there are shows how varied an evolver's ideas are (Hui et al. 2024,
arXiv:2412.11231). The judge is asked once about each method, and every method gives one keyword or one
reject. The authors keep each reply as it comes, but for the space around it; ours are phrases in a normal
form, singular and plural as one. Both are counted. The replies to fixed operations list no methods.
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
from evobuild.evolution.replies import scan_evolver_replies
from evobuild.models.client import Model
from evobuild.text.words import compose, split_marked_words

LONGEST = 60
"""Characters of a phrase; what is longer is an explanation."""
MOST_READ = 10 * LONGEST
"""Characters of a line that are read as a phrase."""
READ = ("two phrases", "long phrase")
"""Reasons of replies that said something, which its authors would have counted."""
MOST_METHODS = 20
"""Methods that are read of a reply; one that lists more repeats itself."""
MOST_LABELS = 8
"""Labels of a list in one reply, so that a reply of labels costs little."""

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
    """An evolver's reply: the id of its child, and the methods that it lists, perhaps none."""

    id: str
    round: str
    evolver: str
    methods: tuple[str, ...]


class Keyword(NamedTuple):
    """A method and the phrase for it, and the reply that it was read from.

    id: of the row, the child, and the method's number.
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


def listed_methods(reply: str) -> tuple[str, ...]:
    """Take the numbered or bulleted methods that stand below the label `#Methods List#`; () if none do.

    The list ends at the next step or label, or after MOST_METHODS. Lines and sub-items below a method
    belong to it; a remark before or after the list does not.
    """
    for label in islice(_LIST.finditer(reply), MOST_LABELS):
        if items := _items(reply[label.end() :].splitlines()):
            return items[:MOST_METHODS]
    return ()


def _items(lines: Iterable[str]) -> tuple[str, ...]:
    """Take the items of a list, each with the lines and the sub-items that belong to it."""
    items: list[list[str]] = []
    first: re.Match[str] | None = None
    is_open = False
    for line in takewhile(lambda line: not _END.match(line), lines):
        item = _ITEM.match(line)
        if _RULE.fullmatch(line):
            is_open = False
        elif item and (first is None or _same_level(item, first)):
            first = first or item
            items.append([item["text"]])
            is_open = True
        elif items and (item or is_open or line[0] in " \t"):
            items[-1].append(item["text"] if item else line)
    return tuple(text for parts in items if (text := _plain_text(" ".join(parts))))


def _plain_text(text: str) -> str:
    return " ".join(re.sub(r"\*\*|__|`", "", text).split())


def _same_level(item: re.Match[str], first: re.Match[str]) -> bool:
    numbered = (item["number"] is None) == (first["number"] is None)
    return numbered and len(item["indent"]) <= len(first["indent"]) + 1


def draw_method_lists(
    names: Sequence[str], *, replies: Path, rounds: Path, count: int, seed: int
) -> list[MethodList]:
    """Draw at most so many replies of each round, and read the methods that they list.

    names: of the rounds. replies, rounds: folders with a table of each.

    Raises BadInput if a table is missing or not as it should be.
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
            MethodList(id, name, evolver, listed_methods(reply)) for id, evolver, reply in own.iter_rows()
        ]
    return drawn


def summarise_methods(
    drawn: Iterable[MethodList], model: Model, sampling: Sampling
) -> Iterator[Keyword | Reject]:
    """Ask a judge for a phrase for each method; it gives one keyword or one reject, in any order."""
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
    """Read the phrase of a reply, in its normal form, and why it is none: it is one line, and short."""
    if unusable := failures.reply_failure(reply):
        return "", unusable
    said = (normal_phrase(line) for line in reply.text.splitlines() if line.strip())
    lines = list(islice(filter(None, said), 2))
    if not lines:
        return "", "no phrase"
    if len(lines) > 1:
        return "", "two phrases"
    return lines[0], "long phrase" if len(lines[0]) > LONGEST else None


def normal_phrase(phrase: str) -> str:
    """Bring a phrase to its normal form: small letters and digits, without articles and punctuation.

    Instance: '**Add a Real-World Example.**' -> 'add real world example'.
    """
    text = re.sub(r"['’]", "", compose(phrase[:MOST_READ])).casefold()
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
    drawn: Sequence[MethodList], results: Sequence[Keyword | Reject], names: Sequence[str]
) -> dict[str, Any]:
    """Count the replies drawn, those that list methods, the methods, and the distinct phrases.

    results: keywords and rejects. names: of the rounds; distinct phrases are counted in all, by round, be
    it 0, and by evolver, and as the authors do: distinct replies of the judge, whatever they say.
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
    """Count the methods behind each phrase by evolver, the commonest first, ties by alphabet."""
    counted = Counter((each.evolver, each.keyword) for each in keywords)
    rows = sorted(
        ((*key, count) for key, count in counted.items()), key=lambda row: (row[0], -row[2], row[1])
    )
    return pl.DataFrame(rows, schema=KEYWORD_COUNTS, orient="row")
