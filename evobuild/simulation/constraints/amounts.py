"""Families of constraints on how much there is: words, sentences, lines, characters."""

from __future__ import annotations

from itertools import cycle, islice

from evobuild.simulation.constraints import editing
from evobuild.simulation.constraints.family import Edges, Family


def _words(number: int) -> str:
    """Make a text of so many words."""
    return " ".join(islice(cycle(" ".join(editing.FILLERS).split()), number)) + "."


def _most_words(number: int, _: str) -> Edges:
    return (_words(number), _words(3)), (_words(number + 1), _words(number * 2))


def _least_words(number: int, _: str) -> Edges:
    return (_words(number), _words(number + 9)), (_words(number - 1), "No.")


def _sentences(number: int, _: str) -> Edges:
    parts = editing.exactly("Bread needs time", number)
    decimal = [*parts[:-1], "It weighs 2.5 kilograms"]
    return (editing.prose(parts), editing.prose(decimal)), (
        editing.prose([*parts, "And one more"]),
        editing.prose(parts[:-1]),
    )


def _lines(number: int, _: str) -> Edges:
    parts = editing.exactly("Bread needs time", number)
    return ("\n".join(parts), "\n\n".join(parts)), ("\n".join([*parts, "And one more"]), " ".join(parts))


def _characters(number: int, _: str) -> Edges:
    return ("Rain is on its way.", "a" * (number - 1)), ("a" * number, "Rain. " * number)


def _long_words(number: int, _: str) -> Edges:
    return ("We go on.", "b" * number + "!"), (
        "a" * (number + 1) + " rain",
        "It is late in" + "a" * number + ".",
    )


def _paragraphs(number: int, _: str) -> Edges:
    parts = [f"{part}." for part in editing.exactly("Bread needs time", number)]
    return ("\n***\n".join(parts), "\n\n***\n\n".join(parts)), (
        "\n\n".join(parts),
        "\n***\n".join(parts[:-1]),
        "\n***\n".join([*parts[:-1], " "]),
    )


def _short_sentences(number: int, _: str) -> Edges:
    return (_words(number), f"{_words(number)} {_words(number - 1)}"), (
        _words(number + 1),
        f"{_words(2)} {_words(number + 3)}",
    )


def _keep_characters(answer: str, number: int, _: str) -> str:
    return answer if len(answer) < number else answer[: number - 2].rpartition(" ")[0].rstrip(" ,;:.") + "."


def _keep_short_sentences(answer: str, number: int, _: str) -> str:
    parts = (" ".join(part.split()[:number]) for part in editing.sentences(answer))
    return editing.prose([part for part in parts if part])


FAMILIES = (
    Family(
        "most_words",
        (
            "Use at most $n words.",
            "Keep the answer to no more than $n words.",
            "Do not go beyond $n words in total.",
        ),
        "Use more than $n words.",
        ("return len(response.split()) <= $n", "words = response.split()\nreturn not len(words) > $n"),
        ("return len(response.split()) < $n", "return len(response) <= $n"),
        _most_words,
        lambda answer, number, _: editing.shorter(answer, number),
        numbers=range(30, 160, 10),
    ),
    Family(
        "least_words",
        (
            "Write no fewer than $n words.",
            "Make the answer $n words long or longer.",
            "Fill at least $n words.",
        ),
        "Write fewer than $n words.",
        (
            "return len(response.split()) >= $n",
            "count = 0\nfor word in response.split():\n    count += 1\nreturn count >= $n",
        ),
        ("return len(response.split()) > $n", "return len(set(response.split())) >= $n"),
        _least_words,
        lambda answer, number, _: editing.longer(answer, lambda text: len(text.split()) >= number),
        numbers=range(40, 210, 10),
    ),
    Family(
        "sentences",
        (
            "Say it in exactly $n sentences.",
            "Let the answer be $n sentences long, no more and no fewer.",
            "Write $n sentences, not one more.",
        ),
        "Write any number of sentences but $n.",
        (
            r'return len(re.findall(r"[.!?]+(?=\s|\Z)", response)) == $n',
            r'parts = re.split(r"(?<=[.!?])\s+", response.strip())'
            "\nreturn len([part for part in parts if part]) == $n",
        ),
        ('return response.count(".") == $n', r'return len(re.split(r"[.!?]", response)) == $n'),
        _sentences,
        lambda answer, number, _: editing.prose(editing.exactly(answer, number)),
        numbers=range(2, 12),
    ),
    Family(
        "lines",
        (
            "Write exactly $n lines, empty ones not counted.",
            "Spread the answer over $n lines with text.",
            "Give $n lines of text.",
        ),
        "Write everything on a single line.",
        (
            "return len([line for line in response.splitlines() if line.strip()]) == $n",
            "count = 0\nfor line in response.splitlines():\n    if line.strip():\n        count += 1\n"
            "return count == $n",
        ),
        (
            r'return response.count("\n") == $n',
            "return len([line for line in response.splitlines() if line.strip()]) >= $n",
        ),
        _lines,
        lambda answer, number, _: "\n".join(f"{part}." for part in editing.exactly(answer, number)),
        numbers=range(3, 13),
    ),
    Family(
        "characters",
        (
            "Stay under $n characters.",
            "Make the whole answer shorter than $n characters.",
            "Fewer than $n characters have to do.",
        ),
        "Write $n characters or more.",
        ("return len(response) < $n", "length = len(response)\nreturn length <= $n - 1"),
        ("return len(response) <= $n", "return len(response.split()) < $n"),
        _characters,
        _keep_characters,
        numbers=range(200, 850, 50),
    ),
    Family(
        "long_words",
        (
            "Use no word of more than $n letters.",
            "Let no word be longer than $n letters.",
            "Do with words of up to $n letters.",
        ),
        "Use at least one word of more than $n letters.",
        (
            r'return all(len(word) <= $n for word in re.findall(r"[^\W\d_]+", response))',
            r'words = re.findall(r"[^\W\d_]+", response)'
            "\nreturn max((len(word) for word in words), default=0) <= $n",
        ),
        (
            "return all(len(word) <= $n for word in response.split())",
            r'return all(len(word) < $n for word in re.findall(r"[^\W\d_]+", response))',
        ),
        _long_words,
        lambda answer, number, _: editing.without(answer, lambda word: len(word) > number),
        numbers=range(6, 14),
    ),
    Family(
        "paragraphs",
        (
            "Split the answer into $n paragraphs with a line of three asterisks between them.",
            "Write $n paragraphs and part them by lines that hold *** alone.",
            "Divide the text by lines of *** into $n paragraphs.",
        ),
        "Write one paragraph without any line of asterisks.",
        (
            r'parts = re.split(r"\n\s*\*\*\*[ ]*\n", response)'
            "\nreturn len(parts) == $n and all(part.strip() for part in parts)",
            "parts = [[]]\nfor line in response.splitlines():\n"
            '    if line.strip() == "***":\n        parts.append([])\n'
            "    elif line.strip():\n        parts[-1].append(line)\n"
            "return len(parts) == $n and all(parts)",
        ),
        ('return response.count("***") == $n', 'return len(response.split("\\n\\n")) == $n'),
        _paragraphs,
        lambda answer, number, _: "\n\n***\n\n".join(f"{part}." for part in editing.exactly(answer, number)),
        numbers=range(2, 8),
    ),
    Family(
        "short_sentences",
        (
            "Let no sentence run over $n words.",
            "Write sentences of $n words at most.",
            "Put no more than $n words into any one sentence.",
        ),
        "Write one sentence of more than $n words.",
        (
            r'return all(len(part.split()) <= $n for part in re.split(r"[.!?]+(?:\s+|\Z)", response))',
            r'for part in re.split(r"(?<=[.!?])\s+", response):'
            "\n    if len(part.split()) > $n:\n        return False\nreturn True",
        ),
        (
            "return len(response.split()) <= $n",
            r'return all(len(part.split()) < $n for part in re.split(r"[.!?]+(?:\s+|\Z)", response))',
        ),
        _short_sentences,
        _keep_short_sentences,
        numbers=range(8, 21),
    ),
)
