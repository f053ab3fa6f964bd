"""Families of constraints on which words stand where."""

from __future__ import annotations

import re

from evobuild.simulation.constraints import editing
from evobuild.simulation.constraints.family import Edges, Family

_NOUNS_TEXT = """
river garden winter market window letter bridge kitchen music harbour lantern neighbour morning copper journey
paper
"""
NOUNS = tuple(_NOUNS_TEXT.split())
OPENINGS = (
    "In short",
    "Let me see",
    "Good question",
    "To begin with",
    "Frankly",
    "On reflection",
    "Dear reader",
    "As far as I know",
    "Step by step",
)
CLOSINGS = (
    "That is all",
    "So much for that",
    "Now it is your turn",
    "Thank you for asking",
    "Make of it what you will",
    "The rest is practice",
    "Ask me again tomorrow",
)


def _repeated(number: int, word: str) -> Edges:
    rest = "It rains late."
    return (f"The {word}. " * number + rest, f"{word.capitalize()}, " + f"a {word}; " * number + rest), (
        f"The {word}. " * (number - 1) + rest,
        f"The {word}ish way. " * number + rest,
        rest,
    )


def _counted(number: int, word: str) -> Edges:
    rest = "It rains late."
    return (f"The {word}. " * number + rest, f"{word.capitalize()}! " * number + rest), (
        f"The {word}. " * (number + 1) + rest,
        f"A {word}like thing and " + f"a {word}, " * (number - 1) + rest,
    )


def _banned(_: int, word: str) -> Edges:
    return ("Nothing of the kind.", f"A {word}less day."), (f"I saw a {word}.", f"{word.capitalize()}: none.")


def _begins(_: int, phrase: str) -> Edges:
    return (f"{phrase}, it depends.", f"\n{phrase}: rain is on its way."), (
        f"It depends. {phrase}.",
        "It depends.",
        phrase[1:],
    )


def _ends(_: int, phrase: str) -> Edges:
    return (f"It depends. {phrase}.", f"Rain is on its way.\n\n{phrase}.\n"), (
        f"{phrase}. It depends.",
        "It depends.",
        f"It depends. {phrase}. Or so.",
    )


def _framed(_: int, __: str) -> Edges:
    return ("Rain comes after rain.", "Go where they go!"), (
        "Rain comes after snow.",
        "Alone",
        "Go on and on",
    )


def _unrepeated(_: int, __: str) -> Edges:
    return ("Rain falls on green hills.", "Yes."), ("Rain comes after rain.", "The cat saw the dog.")


def _keep_banned(answer: str, _: int, word: str) -> str:
    return re.sub(rf"\b{re.escape(word)}\b", "thing", answer, flags=re.IGNORECASE)


def _keep_counted(answer: str, number: int, word: str) -> str:
    return editing.below(_keep_banned(answer, 0, word), f"A {word}. " * number).rstrip()


def _keep_unrepeated(answer: str, _: int, __: str) -> str:
    seen, kept = set[str](), list[str]()
    for word in re.findall(r"\w+", " ".join(editing.sentences(answer))):
        if word.lower() not in seen:
            seen.add(word.lower())
            kept.append(word)
    return " ".join(kept) + "."


FAMILIES = (
    Family(
        "repeated",
        (
            "Use the word '$w' at least $n times.",
            "Bring in the word '$w' $n times or more.",
            "Let the word '$w' turn up no fewer than $n times.",
        ),
        "Never use the word '$w' in $n sentences or more.",
        (
            r'return len(re.findall(r"\b" + $w + r"\b", response.lower())) >= $n',
            r'words = re.findall(r"[^\W\d_]+", response.lower())'
            "\nreturn words.count($w) >= $n",
        ),
        (
            "return response.count($w) >= $n",
            r'return len(re.findall(r"\b" + $w + r"\b", response.lower())) > $n',
        ),
        _repeated,
        lambda answer, number, word: editing.below(answer, f"A {word}. " * number).rstrip(),
        numbers=range(2, 6),
        words=NOUNS,
    ),
    Family(
        "counted",
        (
            "Let the word '$w' occur exactly $n times.",
            "Use the word '$w' $n times, no more and no fewer.",
            "Say the word '$w' just $n times.",
        ),
        "Use the word '$w' more than $n times.",
        (
            r'return len(re.findall(r"\b" + $w + r"\b", response.lower())) == $n',
            r'words = re.findall(r"[^\W\d_]+", response.lower())'
            "\nreturn words.count($w) == $n",
        ),
        ("return response.count($w) == $n", "return response.split().count($w) == $n"),
        _counted,
        _keep_counted,
        numbers=range(2, 6),
        words=NOUNS,
    ),
    Family(
        "banned",
        ("Avoid the word '$w'.", "Never say the word '$w'.", "Make do without the word '$w'."),
        "Use the word '$w'.",
        (
            r'return re.search(r"\b" + $w + r"\b", response.lower()) is None',
            r'return $w not in re.findall(r"[^\W\d_]+", response.lower())',
        ),
        ("return $w not in response", "return $w not in response.split()"),
        _banned,
        _keep_banned,
        words=("very", "and", "the", "also", "really", "matter", "order", *NOUNS),
    ),
    Family(
        "begins",
        (
            "Begin the answer with the words '$w'.",
            "Let '$w' be the first words of the answer.",
            "Open with the words '$w'.",
        ),
        "Do not begin with the words '$w'.",
        ("return response.strip().startswith($w)", "text = response.lstrip()\nreturn text[: len($w)] == $w"),
        ('return response.startswith($w + ",")', "return $w in response"),
        _begins,
        lambda answer, _, phrase: f"{phrase}, {answer[:1].lower()}{answer[1:]}",
        words=OPENINGS,
    ),
    Family(
        "ends",
        (
            "Close with the sentence '$w' and a full stop.",
            "Let the last sentence be '$w' and end it with a full stop.",
            "Finish by saying '$w' with a full stop behind it.",
        ),
        "Do not let '$w' be the last sentence.",
        (
            'return response.strip().endswith($w + ".")',
            'text = response.rstrip()\nwanted = $w + "."\nreturn text[-len(wanted) :] == wanted',
        ),
        ('return response.endswith($w + ".")', "return $w in response"),
        _ends,
        lambda answer, _, phrase: editing.below(answer, f"{phrase}."),
        words=CLOSINGS,
    ),
    Family(
        "framed",
        (
            "Begin and end with the same word.",
            "Let the last word be the first one again.",
            "Make the first word of the answer its last word too.",
        ),
        "Begin and end with different words.",
        (
            r'words = re.findall(r"\w+", response.lower())'
            "\nreturn len(words) > 1 and words[0] == words[-1]",
            "words = [word.strip('.,;:!?*').lower() for word in response.split()]\n"
            "return len(words) > 1 and words[0] == words[-1]",
        ),
        (
            "words = response.split()\nreturn len(words) > 1 and words[0] == words[-1]",
            "return response[:1].lower() == response.strip()[-1:].lower()",
        ),
        _framed,
        lambda answer, _, __: f"Again: {answer.rstrip()} And again.",
    ),
    Family(
        "unrepeated",
        (
            "Use no word twice.",
            "Let each word occur once only.",
            "Never repeat a word, whatever its case.",
        ),
        "Use every word twice.",
        (
            r'words = re.findall(r"\w+", response.lower())'
            "\nreturn len(words) == len(set(words))",
            r'counts = collections.Counter(re.findall(r"\w+", response.lower()))'
            "\nreturn max(counts.values(), default=0) <= 1",
        ),
        (
            "words = response.split()\nreturn len(words) == len(set(words))",
            "words = response.lower().split()\n"
            "return all(one != other for one, other in zip(words, words[1:]))",
        ),
        _unrepeated,
        _keep_unrepeated,
    ),
)
