"""Check FollowBench's constraints by code: one rule per source of items, level by level.

A rule fits the official items only, word for word. Some rules are strict, such as an exact match including
blanks, or 'Newton Stewart' as one word: they follow the authors' `rule_based_evaluation.py`. Each rule takes
time linear in the reply.

Source: Jiang et al. 2023, arXiv:2310.20410, and its repository.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Mapping

from evobuild.core.errors import BadInput

Condition = Callable[[str], bool]
Match = Callable[[str, str], bool]
"""Predicate of a reply and the target that it has to meet."""

ANSWER = "{answer}"
"""Placeholder of the answer in an item's template."""

_SENTENCE_END = re.compile(r"[.!?]")
_CONTINUOUS = re.compile(r"\b(am|is|are)\s+\w+ing\b")
_PERFECT = re.compile(r"\b(has|have)\s+\w+")
_BLANK_AFTER_SENTENCE = re.compile(r"(?<!\w\.\w.)(?<![A-Z][a-z]\.)(?<=\.|\?)\s")
_KEYWORD_START = re.compile(r"\*\*\d")


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE_END.split(text) if sentence]


def _count(least: int, most: int) -> Condition:
    return lambda text: least <= len(_sentences(text)) <= most


def _fewer_words(bound: int) -> Condition:
    """Limit words as split by single blanks: two blanks in a row make an empty word."""
    return lambda text: len(text.split(" ")) < bound


def _contains(word: str) -> Condition:
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    return lambda text: pattern.search(text) is not None


def _lacks(word: str) -> Condition:
    contains = _contains(word)
    return lambda text: not contains(text)


def _check_sentence(number: int, condition: Condition) -> Condition:
    """Apply a condition to the sentence of this number, from 1; false if there are fewer."""

    def holds(text: str) -> bool:
        sentences = _sentences(text)
        return len(sentences) >= number and condition(sentences[number - 1])

    return holds


_LAVISH = _check_sentence(2, _contains("lavish"))
_NAMES = (
    _check_sentence(1, _contains("Potter")),
    _check_sentence(2, _contains("actor")),
    _check_sentence(3, _contains("films")),
)

CUMULATIVE: Mapping[str, tuple[Condition, ...]] = {
    "cnn_dailymail": (
        _count(3, 3),
        lambda text: all(len(sentence.split()) < 15 for sentence in _sentences(text)),
        lambda text: all(condition(text) for condition in _NAMES),
        lambda text: not _LAVISH(text),
        _check_sentence(3, lambda sentence: _PERFECT.search(sentence) is not None),
    ),
    "xsum": (
        _count(1, 1),
        _fewer_words(20),
        _lacks("Newton Stewart"),
        lambda text: _CONTINUOUS.search(text) is not None,
        _contains("operation"),
    ),
    "samsum": (
        _count(1, 1),
        _fewer_words(15),
        _contains("stuff"),
        lambda text: re.search("procrast", text, re.IGNORECASE) is None,
        lambda text: sum(sign in string.punctuation for sign in text) == 1,
    ),
    "gigaword": (
        lambda text: len(text.split(" ")) == 8,
        lambda text: not any(sign in string.punctuation for sign in text),
        str.islower,
        _lacks("bus"),
        _contains("in"),
    ),
    "arxiv": (
        _count(1, 1),
        _fewer_words(21),
        lambda text: text.startswith("We"),
        _contains("activations"),
        _lacks("transformer"),
    ),
}
"""Conditions by source: each level adds the next one."""


def _suggestions(text: str, level: int) -> bool:
    """Check format example 22: three paragraphs of long sentences.

    From level 4, paragraphs begin with a number and a full stop. The authors' rule counts that as a sentence
    of one word, while each sentence needs more than 20 words: no reply satisfies both.
    """
    paragraphs = text.split("\n\n")
    conditions: tuple[Callable[[], bool], ...] = (
        lambda: len(paragraphs) == 3,
        lambda: all(len(_sentences(paragraph)) < 3 for paragraph in paragraphs),
        lambda: all(len(sentence.split()) > 20 for sentence in _sentences(text)),
        lambda: False,
    )
    return all(condition() for condition in conditions[:level])


def _keyword_points(text: str, level: int) -> bool:
    """Check format example 30: five points, each a keyword in bold."""
    sentences = _BLANK_AFTER_SENTENCE.split(text)
    numbered = [each for each in sentences if any(f"{number}." in each for number in range(1, 6))]
    conditions: tuple[Callable[[], bool], ...] = (
        lambda: "**" in text,
        lambda: sum(map(_count_keywords, text.split("\n"))) == 5,
        lambda: all(len(each.split(".")) < 3 for each in numbered),
        lambda: all(10 <= len(each.split()) <= 15 for each in sentences),
        lambda: not any(word.endswith("-ly") for each in sentences for word in each.split()),
    )
    return all(condition() for condition in conditions[:level])


def _count_keywords(line: str) -> int:
    r"""Count the matches of `\*\*\d.+?:` in a line, in linear time: the regular expression itself is
    quadratic.
    """
    count, place = 0, 0
    while (start := _KEYWORD_START.search(line, place)) and (end := line.find(":", start.end() + 1)) >= 0:
        count, place = count + 1, end + 1
    return count


FORMATS: Mapping[str, Callable[[str, int], bool]] = {"22": _suggestions, "30": _keyword_points}
"""Rules of examples of the family `format`, by example id."""


def _last_match(pattern: str) -> Match:
    """Require that the last match of a pattern is the target."""

    def meets(text: str, target: str) -> bool:
        found: list[str] = re.findall(pattern, text)
        return bool(found) and found[-1] == target

    return meets


def _equal(text: str, target: str) -> bool:
    return text == target


def _lines_among(text: str, target: str) -> bool:
    return set(text.split("\n")) <= set(target.split("\n"))


def _among(text: str, target: str) -> bool:
    return text in parse_list(target)


def _contains_target(text: str, target: str) -> bool:
    return target in text


def fits_template(text: str, target: str) -> bool:
    """Return whether a reply is the template with one line, or nothing, in place of the answer."""
    template = target.replace("{instruction}\n", "").replace("{{", "{").replace("}}", "}")
    before, _, after = template.partition(ANSWER)
    middle = len(text) - len(before) - len(after)
    framed = middle >= 0 and text.startswith(before) and text.endswith(after)
    return framed and "\n" not in text[len(before) : len(before) + middle]


MATCHES: Mapping[str, Match] = {
    "E2E": _equal,
    "WIKIEVENTS": _lines_among,
    "CONLL2003": _among,
    "text_editing": _equal,
    "BBH_logical": _last_match(r"\([A-Z]\)"),
    "BBH_time": _last_match(r"\d{2}/\d{2}/\d{4}"),
    "self_made_space": _contains_target,
    "gsm_8k": _last_match(r"\$\d+"),
}
"""Rules by source, where a reply has to meet the target of its level."""


def parse_list(target: str) -> list[str]:
    """Parse a target that is a Python list of texts. Raises ValueError for anything else."""
    try:
        found = ast.literal_eval(target)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError("not a Python list") from error
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError("not a Python list of texts")
    return found


def find_rule(family: str, source: str, example: str) -> str:
    """Return the rule that judges an item: a source, `example` or `format/22`; '' if the judge does."""
    if family == "example":
        return family
    if source in CUMULATIVE or source in MATCHES:
        return source
    return f"format/{example}" if family == "format" and example in FORMATS else ""


def check_target(rule: str, target: str, place: str) -> None:
    """Raise BadInput if a rule cannot use an item's target."""
    if rule == "example" and target.count(ANSWER) != 1:
        raise BadInput(f"{place}: 'target' has {ANSWER} {target.count(ANSWER)} times; expected it once")
    if rule in MATCHES and not target:
        raise BadInput(f"{place}: 'target' is empty; expected what a reply of {rule} has to meet")
    if rule == "CONLL2003":
        try:
            parse_list(target)
        except ValueError as error:
            raise BadInput(f"{place}: 'target' is {error}; expected one such as ['Bonn', 'Paris']") from None


def satisfies(rule: str, reply: str, target: str, level: int) -> bool:
    """Return whether a reply satisfies all constraints of its level, 1 to 5."""
    if rule == "example":
        return fits_template(reply, target)
    if rule in MATCHES:
        return MATCHES[rule](reply, target)
    if rule in CUMULATIVE:
        return all(condition(reply) for condition in CUMULATIVE[rule][:level])
    return FORMATS[rule.removeprefix("format/")](reply, level)
