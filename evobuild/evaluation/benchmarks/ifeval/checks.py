"""Check the 25 kinds of instruction that code can verify: one function per kind, of the reply and the item's
arguments.

The parameters of a check have the names of the official items' `kwargs`. A check gets one form of a reply,
never an empty one, and takes linear time: a model's text cannot slow it down. Keywords and markers are plain
text here; the official code interprets them as regular expressions.

Source: Zhou et al. 2023, arXiv:2311.07911, table 4, and its code `instruction_following_eval`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import takewhile

from evobuild.evaluation.benchmarks.ifeval.language import (
    count_capital_words,
    detect_language,
    split_sentences,
)

AT_LEAST, LESS_THAN = "at least", "less than"
RELATIONS = (LESS_THAN, AT_LEAST)

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
"""Answers, one of which a constrained response has to contain."""
FIRST_WORD_ENDS = ".,?!'\""
"""Characters, besides blanks, that end the first word of a paragraph."""

_STAR_BULLET = re.compile(r"^[^\S\n]*\*[^*].*", re.MULTILINE)
_DASH_BULLET = re.compile(r"^[^\S\n]*-", re.MULTILINE)
_SINGLE_MARKS = re.compile(r"\*([^\n*]*)\*")
_DOUBLE_MARKS = re.compile(r"\*\*([^\n*]*)\*\*")
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
_OPENING_FENCES = ("```json", "```Json", "```JSON", "```")


def _compare(count: int, relation: str, bound: int) -> bool:
    return count < bound if relation == LESS_THAN else count >= bound


def _occurs(word: str, text: str) -> bool:
    return re.search(re.escape(word), text, re.IGNORECASE) is not None


def existence(text: str, *, keywords: Sequence[str]) -> bool:
    """Require every keyword, in any case, within words too."""
    return all(_occurs(keyword, text) for keyword in keywords)


def frequency(text: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """Compare the number of occurrences of the keyword, in any case, within words too."""
    return _compare(len(re.findall(re.escape(keyword.strip()), text, re.IGNORECASE)), relation, frequency)


def forbidden_words(text: str, *, forbidden_words: Sequence[str]) -> bool:
    """Require that none of the words occurs as a whole word."""
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(text: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """Compare the number of occurrences of a letter from a to z, in either case."""
    return _compare(text.lower().count(letter), let_relation, let_frequency)


def response_language(text: str, *, language: str) -> bool:
    """Require one language; a text too short to detect passes."""
    return detect_language(text) in (language, None)


def number_sentences(text: str, *, num_sentences: int, relation: str) -> bool:
    """Compare the number of sentences, as split by NLTK's Punkt."""
    return _compare(len(split_sentences(text)), relation, num_sentences)


def number_paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """Require exactly this number of paragraphs between dividers `***`, none of them empty."""
    filled = [bool(paragraph.strip()) for paragraph in text.split("***")]
    return all(filled[1:-1]) and sum(filled) == num_paragraphs


def number_words(text: str, *, num_words: int, relation: str) -> bool:
    r"""Compare the number of words, runs of `\w`."""
    return _compare(len(re.findall(r"\w+", text)), relation, num_words)


def nth_paragraph_first_word(text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Require this number of paragraphs between empty lines, and the first word of the n-th one.

    Empty paragraphs are not counted, but the n-th is taken of all paragraphs, as in the official code.
    """
    paragraphs = text.split("\n\n")
    count = sum(1 for paragraph in paragraphs if paragraph.strip())
    if nth_paragraph > count or not (words := paragraphs[nth_paragraph - 1].split(maxsplit=1)):
        return False
    letters = takewhile(lambda letter: letter not in FIRST_WORD_ENDS, words[0].lstrip("'").lstrip('"'))
    return count == num_paragraphs and "".join(map(str.lower, letters)) == first_word.lower()


def number_placeholders(text: str, *, num_placeholders: int) -> bool:
    """Require at least this number of placeholders such as [address], each within a line."""
    closed = (piece for line in text.split("\n") for piece in line.split("]")[:-1])
    return sum("[" in piece for piece in closed) >= num_placeholders


def postscript(text: str, *, postscript_marker: str) -> bool:
    """Require a postscript anywhere; `P.P.S` and `P.S.` may contain blanks."""
    pattern = _POSTSCRIPTS.get(postscript_marker.strip(), re.escape(postscript_marker.strip().lower()))
    return re.search(pattern, text.lower()) is not None


def number_bullet_lists(text: str, *, num_bullets: int) -> bool:
    """Require exactly this number of lines that begin with `*` or `-`; a lone `*` includes the next line."""
    return len(_STAR_BULLET.findall(text)) + len(_DASH_BULLET.findall(text)) == num_bullets


def constrained_response(text: str) -> bool:
    """Require one of the three answers."""
    return any(option in text for option in OPTIONS)


def number_highlighted_sections(text: str, *, num_highlights: int) -> bool:
    """Require at least this number of non-blank parts between `*` or `**`, each within a line."""
    marked = _SINGLE_MARKS.findall(text) + _DOUBLE_MARKS.findall(text)
    return sum(bool(section.strip()) for section in marked) >= num_highlights


def multiple_sections(text: str, *, section_spliter: str, num_sections: int) -> bool:
    """Require at least this number of headings: the marker and a number."""
    heading = rf"\s?{re.escape(section_spliter.strip())}\s?\d+\s?"
    return len(re.findall(heading, text)) >= num_sections


def json_format(text: str) -> bool:
    """Require that the whole reply is JSON, optionally in a code fence."""
    text = text.strip()
    for fence in _OPENING_FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(text: str) -> bool:
    """Require a title such as <<poem of joy>> within a line."""
    for line in text.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if 0 <= start < end - 2 and line[start : end + 2].lstrip("<").rstrip(">").strip():
            return True
    return False


def two_responses(text: str) -> bool:
    """Require two different answers, separated by six asterisks."""
    parts = [part.strip() for part in text.split("******")]
    filled = [part for part in parts if part]
    return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


def repeat_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    """Require that the reply begins with the request, word for word, in any case."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def end_checker(text: str, *, end_phrase: str) -> bool:
    """Require that the reply ends with the phrase, in any case; quotation marks after it are ignored."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def capital_word_frequency(text: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """Compare the number of words in capitals, as split by NLTK."""
    return _compare(count_capital_words(text), capital_relation, capital_frequency)


def english_capital(text: str) -> bool:
    """Require English in capitals; a text too short to detect passes as English."""
    return text.isupper() and detect_language(text) in ("en", None)


def english_lowercase(text: str) -> bool:
    """Require English in lower case."""
    return text.islower() and detect_language(text) in ("en", None)


def no_comma(text: str) -> bool:
    """Require that there is no comma."""
    return "," not in text


def quotation(text: str) -> bool:
    """Require that the whole reply is in double quotation marks."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


CHECKS: dict[str, Callable[..., bool]] = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_words": number_words,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:constrained_response": constrained_response,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_responses,
    "combination:repeat_prompt": repeat_prompt,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
    "change_case:capital_word_frequency": capital_word_frequency,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "punctuation:no_comma": no_comma,
}
"""Checks by the official name of their kind."""
