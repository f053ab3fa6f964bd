"""Parse the instructions of an item from its record: each kind with its arguments.

An unknown kind, or an argument that is missing or out of bounds, is an error of the items. The official code
samples such an argument at random, and so checks something that the prompt does not request. One case follows
the official code, because official items have it: a `letter` outside a to z.
"""

from __future__ import annotations

import inspect
import random
import string
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evobuild.core.errors import BadInput
from evobuild.core.suggestions import unknown_name
from evobuild.evaluation.benchmarks.ifeval.checks import CHECKS, RELATIONS
from evobuild.evaluation.benchmarks.ifeval.language import list_languages
from evobuild.seeds.fields import Record, json_kind

MOST = 10**9
"""Maximum of any count."""
PUNKT_KINDS = frozenset({"length_constraints:number_sentences", "change_case:capital_word_frequency"})
"""Kinds that need Punkt's model."""
LANGUAGE_KINDS = frozenset(
    {"language:response_language", "change_case:english_capital", "change_case:english_lowercase"}
)
"""Kinds that need langdetect."""


class Instruction(NamedTuple):
    """One instruction of a prompt. kind: its official name. asked: arguments of the check, by name."""

    kind: str
    asked: Mapping[str, Any]

    def holds(self, text: str) -> bool:
        """Return whether a non-blank text follows it."""
        return CHECKS[self.kind](text, **self.asked)


def read_instructions(record: Record, place: str) -> tuple[Instruction, ...]:
    """Parse `instruction_id_list` and `kwargs`; nulls and arguments of other kinds are ignored.

    Raises BadInput with location, kind and name of an invalid argument.
    """
    kinds, given = record.get("instruction_id_list"), record.get("kwargs")
    if not isinstance(kinds, list) or not kinds:
        raise BadInput(f"{place}: 'instruction_id_list' is {_kind(kinds)}; expected kinds of instructions")
    given = [None] * len(kinds) if given is None else given
    if not isinstance(given, list) or len(given) != len(kinds):
        found = f"a list of {len(given)}" if isinstance(given, list) else json_kind(given)
        raise BadInput(f"{place}: 'kwargs' is {found}; expected a list of {len(kinds)}, one for each kind")
    return tuple(
        _instruction(kind, asked, record.get("key"), place) for kind, asked in zip(kinds, given, strict=True)
    )


def _instruction(kind: object, asked: object, key: object, place: str) -> Instruction:
    if not isinstance(kind, str) or kind not in CHECKS:
        raise BadInput(f"{place}: {unknown_name('kind of instruction', kind, CHECKS)}")
    if asked is None:
        asked = {}
    if not isinstance(asked, dict):
        raise BadInput(f"{place}: 'kwargs' of {kind} is {json_kind(asked)}; expected an object")
    found = {name: _argument(kind, name, asked.get(name), place) for name in parameters_of(kind)}
    if (
        kind == "length_constraints:nth_paragraph_first_word"
        and found["nth_paragraph"] > found["num_paragraphs"]
    ):
        raise BadInput(f"{place}: 'nth_paragraph' of {kind} is above 'num_paragraphs'")
    if "letter" in found:
        found["letter"] = _letter(found["letter"], key)
    return Instruction(kind, found)


def parameters_of(kind: str) -> list[str]:
    """Return the names of a check's arguments besides the text."""
    return list(inspect.signature(CHECKS[kind]).parameters)[1:]


def _argument(kind: str, name: str, value: object, place: str) -> Any:
    read, wanted = _READERS.get(name, (_number, f"a whole number from 0 to {MOST:,}"))
    found = read(value)
    if found is None:
        raise BadInput(f"{place}: '{name}' of {kind} is {_kind(value)}; expected {wanted}")
    return found


def _kind(value: object) -> str:
    """Format a value for a message; a short text or a number as it is."""
    if value is None:
        return "missing"
    return repr(value) if isinstance(value, str | int | float) and len(str(value)) <= 40 else json_kind(value)


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
        return None
    return int(value) if value == int(value) else None


def _place_number(value: object) -> int | None:
    return _number(value) or None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _texts(value: object) -> list[str] | None:
    whole = isinstance(value, list) and value and all(_text(each) is not None for each in value)
    return list(value) if whole else None  # type: ignore[call-overload]


def _relation(value: object) -> str | None:
    return value if isinstance(value, str) and value in RELATIONS else None


def _language(value: object) -> str | None:
    return value if isinstance(value, str) and value in list_languages() else None


def _letter(value: str, key: object) -> str:
    """Return a letter from a to z; for anything else sample one by the item's key, as the official code does.

    Items 1122 and 1129 request a number of `#` and `!`; published verdicts count a random letter.
    """
    if len(value) == 1 and value.lower() in string.ascii_lowercase:
        return value.lower()
    return random.Random(key if isinstance(key, int) else str(key)).choice(string.ascii_letters).lower()


_A_TEXT, _A_RELATION = "some text", " or ".join(map(repr, RELATIONS))
_READERS: dict[str, tuple[Callable[[object], Any], str]] = {
    "relation": (_relation, _A_RELATION),
    "let_relation": (_relation, _A_RELATION),
    "capital_relation": (_relation, _A_RELATION),
    "keywords": (_texts, "a list of texts"),
    "forbidden_words": (_texts, "a list of texts"),
    "keyword": (_text, _A_TEXT),
    "letter": (_text, "a letter"),
    "language": (_language, "the code of a language that langdetect knows, such as en"),
    "first_word": (_text, _A_TEXT),
    "nth_paragraph": (_place_number, "a whole number from 1"),
    "postscript_marker": (_text, _A_TEXT),
    "section_spliter": (_text, _A_TEXT),
    "prompt_to_repeat": (_text, _A_TEXT),
    "end_phrase": (_text, _A_TEXT),
}
"""Parser of each argument, which returns None for an invalid value, and the expected form; others are
counts.
"""
