"""Families of constraints on letters, their case, and digits."""

from __future__ import annotations

import re

from evobuild.simulation.constraints import editing
from evobuild.simulation.constraints.family import Edges, Family

LETTERS = tuple("zxqjkvwgbpfyu")


def _lower(_: int, __: str) -> Edges:
    return ("rain is on its way.", "it is 5 o'clock, 3 < 4.", "42"), (
        "Rain is on its way.",
        "we met in Oslo.",
    )


def _upper(_: int, __: str) -> Edges:
    return ("RAIN IS ON ITS WAY.", "IT IS 5 O'CLOCK.", "42"), ("RAIN IS ON ITS way.", "Rain is on its way.")


def _letter(_: int, letter: str) -> Edges:
    return ("I see a cat on a mat.", "10 + 2 = 12"), (
        f"I see a cat a{letter}a.",
        f"{letter.upper()}anes are seen.",
    )


def _digit(_: int, __: str) -> Edges:
    return ("Take two eggs.", "Third floor on the left."), ("Take 2 eggs.", "The 3rd floor.", "Model R2D.")


def _initials(_: int, __: str) -> Edges:
    return ("Rain Is On Its Way.", "We Don't Know Yet.", "Take 2 Eggs."), (
        "Rain Is On its Way.",
        "rain is on its way.",
    )


def _keep_initials(answer: str, _: int, __: str) -> str:
    return re.sub(r"\S+", lambda word: word[0][0].upper() + word[0][1:], answer)


FAMILIES = (
    Family(
        "lower",
        (
            "Write everything in lower case.",
            "Use small letters alone, no capitals.",
            "Leave out all capital letters.",
        ),
        "Write everything in capital letters.",
        (
            "return response == response.lower()",
            "return not any(character.isupper() for character in response)",
        ),
        ("return response.islower()", "return not response[:1].isupper()"),
        _lower,
        lambda answer, _, __: answer.lower(),
    ),
    Family(
        "upper",
        (
            "Write everything in capital letters.",
            "Use capitals alone, no small letters.",
            "Leave out all small letters.",
        ),
        "Write everything in lower case.",
        (
            "return response == response.upper()",
            "return not any(character.islower() for character in response)",
        ),
        ("return response.isupper()", "return all(word[0].isupper() for word in response.split())"),
        _upper,
        lambda answer, _, __: answer.upper().replace("ß", "SS"),
    ),
    Family(
        "letter",
        (
            "Do not use the letter '$w' anywhere.",
            "Avoid every word with the letter '$w' in it.",
            "Write as if the letter '$w' did not exist.",
        ),
        "Use the letter '$w' in every sentence.",
        (
            "return $w.lower() not in response.lower()",
            "for word in response.lower().split():\n    if $w.lower() in word:\n        return False\n"
            "return True",
        ),
        ("return $w not in response", "return not response.lower().startswith($w)"),
        _letter,
        lambda answer, _, letter: editing.without(answer, lambda word: letter.lower() in word.lower()),
        words=LETTERS,
    ),
    Family(
        "digit",
        (
            "Write without any digit.",
            "Spell out all numbers, so that no digit is left.",
            "Use no figures from 0 to 9.",
        ),
        "Use at least one digit.",
        (
            "return not any(character.isdigit() for character in response)",
            r'return re.search(r"\d", response) is None',
        ),
        (r'return re.search(r"\b[0-9]+\b", response) is None', "return not response.isdigit()"),
        _digit,
        lambda answer, _, __: re.sub(r"\d+", "some", answer),
    ),
    Family(
        "initials",
        (
            "Start every word with a capital letter.",
            "Give each word a capital first letter.",
            "Capitalise all words, the small ones too.",
        ),
        "Start every word with a small letter.",
        (
            "return not any(word[0].islower() for word in response.split())",
            "for word in response.split():\n    if word[0].islower():\n        return False\nreturn True",
        ),
        ("return response.istitle()", "return response[:1].isupper()"),
        _initials,
        _keep_initials,
    ),
)
