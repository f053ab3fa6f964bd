"""Families of constraints on marks: punctuation, brackets, quotes, bold print."""

from __future__ import annotations

import re

from evobuild.simulation.constraints import editing
from evobuild.simulation.constraints.family import Edges, Family

SYMBOLS = ("★", "→", "•", "◆", "✓", "~")


def _comma(_: int, __: str) -> Edges:
    return ("Rain is on its way; take a coat.", "Yes."), (
        "Rain, snow and wind.",
        "It costs 1,200 crowns.",
        "First,\nsecond",
    )


def _exclamations(number: int, _: str) -> Edges:
    return ("Go!" + " On!" * (number - 1), "We go" + "!" * number), ("We go.", "Go!" * (number + 1))


def _brackets(number: int, _: str) -> Edges:
    return ("Rain " + "(some) " * number, "Wind " + "(much of it) " * (number + 1)), (
        "Rain " + "(some) " * (number - 1),
        "Rain ()" + " ()" * number,
        "No brackets.",
    )


def _full_stop(_: int, __: str) -> Edges:
    return ("Rain is on its way!", "Rain; then wind"), (
        "Rain is on its way.",
        "It takes 2.5 hours!",
        "Well... no",
    )


def _symbol(_: int, symbol: str) -> Edges:
    return (
        f"Rain {symbol}\nWind {symbol}",
        f"Rain is on its way.{symbol}",
        f"Rain {symbol} \n\nWind {symbol}",
    ), (
        f"Rain {symbol}\nWind",
        f"{symbol} Rain",
        f"Rain\nWind {symbol}",
    )


def _bold(number: int, _: str) -> Edges:
    return ("So " + "**rain** falls " * number,), (
        "So " + "**rain** falls " * (number - 1),
        "So " + "**rain** falls " * (number + 1),
        "b",
    )


def _quotes(_: int, __: str) -> Edges:
    return ('"Rain is on its way."', ' "Take a coat, he said."\n'), (
        '"Rain" is on its way.',
        "Rain is on its way.",
        '"',
    )


def _questions(_: int, __: str) -> Edges:
    return ("Is it late? Do we go?", "Who knows?"), ("Is it late? We go.", "We go.", "Is it late? Go! Now?")


def _keep_bold(answer: str, number: int, _: str) -> str:
    parts = editing.exactly(answer, number + 1)
    return editing.prose([re.sub(r"^\S+", r"**\g<0>**", part) for part in parts[:number]] + parts[number:])


def _keep_exclamations(answer: str, number: int, _: str) -> str:
    return answer.replace("!", ".").rstrip(".?") + "!" * number


FAMILIES = (
    Family(
        "comma",
        ("Leave out all commas.", "Get by without any comma.", "Use no comma, not even in numbers."),
        "Use at least one comma in every sentence.",
        ('return "," not in response', 'return response.count(",") == 0'),
        ('return ", " not in response', 'return response.count(",") <= 1'),
        _comma,
        lambda answer, _, __: answer.replace(",", ""),
    ),
    Family(
        "exclamations",
        (
            "Use exactly $n exclamation marks.",
            "Put $n exclamation marks into the answer, no more.",
            "Let there be $n exclamation marks in all.",
        ),
        "Use no exclamation mark at all.",
        (
            'return response.count("!") == $n',
            'return sum(character == "!" for character in response) == $n',
        ),
        ('return response.count("!") >= $n', 'return response.count("! ") == $n'),
        _exclamations,
        _keep_exclamations,
        numbers=range(2, 9),
    ),
    Family(
        "brackets",
        (
            "Include at least $n remarks in round brackets.",
            "Put $n or more asides into round brackets.",
            "Add no fewer than $n notes in parentheses.",
        ),
        "Use no brackets at all.",
        (
            r'return len(re.findall(r"\([^()]+\)", response)) >= $n',
            r'found = re.findall(r"\(([^()]+)\)", response)'
            "\nreturn len(found) >= $n",
        ),
        ('return response.count("(") >= $n', r'return len(re.findall(r"\([^()]+\)", response)) > $n'),
        _brackets,
        lambda answer, number, _: f"{answer} {' '.join(['(as said)'] * number)}",
        numbers=range(2, 8),
    ),
    Family(
        "full_stop",
        (
            "Do without full stops.",
            "Use no full stop anywhere.",
            "End no sentence with a full stop, and use none elsewhere.",
        ),
        "End every sentence with a full stop.",
        ('return "." not in response', 'return response.find(".") == -1'),
        ('return not response.endswith(".")', 'return ". " not in response'),
        _full_stop,
        lambda answer, _, __: answer.replace(".", "!"),
    ),
    Family(
        "symbol",
        (
            "End each line with the symbol '$w'.",
            "Put the symbol '$w' behind every line of text.",
            "Let all lines close with the symbol '$w'.",
        ),
        "Use the symbol '$w' nowhere.",
        (
            "lines = [line.strip() for line in response.splitlines() if line.strip()]\n"
            "return bool(lines) and all(line.endswith($w) for line in lines)",
            "for line in response.split(chr(10)):\n    if line.strip() and not line.rstrip().endswith($w):\n"
            "        return False\nreturn bool(response.strip())",
        ),
        (
            "return response.strip().endswith($w)",
            "return all(line.endswith($w) for line in response.splitlines())",
        ),
        _symbol,
        lambda answer, _, symbol: "\n".join(f"{line} {symbol}" for line in editing.lines(answer)),
        words=SYMBOLS,
    ),
    Family(
        "bold",
        (
            "Set exactly $n expressions in bold with two asterisks on either side.",
            "Mark $n expressions with ** before and after, no more and no fewer.",
            "Print $n expressions bold in Markdown.",
        ),
        "Set nothing in bold.",
        (
            r'return len(re.findall(r"\*\*[^*\n]+\*\*", response)) == $n',
            'pieces = response.split("**")\n'
            "return len(pieces) == 2 * $n + 1 and all(piece.strip() for piece in pieces[1::2])",
        ),
        ('return response.count("**") == $n', r'return len(re.findall(r"\*\*[^*\n]+\*\*", response)) >= $n'),
        _bold,
        _keep_bold,
        numbers=range(2, 8),
    ),
    Family(
        "quotes",
        (
            "Put the whole answer in double quotation marks.",
            "Let the answer begin and end with a double quotation mark.",
            "Enclose everything you say in double quotation marks.",
        ),
        "Use no quotation marks.",
        (
            "text = response.strip()\nreturn len(text) > 1 and text.startswith('\"') and text.endswith('\"')",
            "text = response.strip()\nreturn len(text) >= 2 and text[0] == text[-1] == '\"'",
        ),
        ("return response.count('\"') == 2", "return response.startswith('\"') and response.endswith('\"')"),
        _quotes,
        lambda answer, _, __: '"' + answer.replace('"', "'").strip() + '"',
    ),
    Family(
        "questions",
        (
            "Use questions only.",
            "Let every sentence be a question.",
            "Answer in questions, without a single statement.",
        ),
        "Ask no question.",
        (
            'text = response.strip()\nreturn text.endswith("?") and "." not in text and "!" not in text',
            r'parts = re.findall(r"[^.!?]+[.!?]*", response.strip())'
            '\nreturn bool(parts) and all(part.endswith("?") for part in parts)',
        ),
        ('return "?" in response', 'return response.endswith("?")'),
        _questions,
        lambda answer, _, __: editing.prose(
            [f"Is it so that {part}" for part in editing.sentences(answer)], "?"
        ),
    ),
)
