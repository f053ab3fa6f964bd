"""What the simulated models make of a constraint that they do not know: it is about one of its words.

Real models, too, write a function for what none can check, such as a tone.
"""

from __future__ import annotations

from evobuild.simulation.constraints.family import Edges, Family


def _mentioned(_: int, word: str) -> Edges:
    return (f"This is about {word}.", f"{word.capitalize()} comes with rain."), ("It rains.", "No item.")


def _enough(number: int, _: str) -> Edges:
    return ("rain " * number, "It rains. " * number), ("rain " * (number - 1), "Rain.")


def _ended(_: int, __: str) -> Edges:
    return ("It rains.", "Is it late?\n"), ("It rains", "So, the item,")


def _kept(answer: str, _: int, __: str) -> str:
    return answer


FAMILIES = (
    Family(
        "mentioned",
        ("Mention the word '$w'.",),
        "Do not mention the word '$w'.",
        (
            "return $w in response.lower()",
            "keywords = [$w]\nreturn any(word in response.lower() for word in keywords)",
        ),
        ("keywords = [$w]\nreturn all(word in response for word in keywords)",),
        _mentioned,
        _kept,
    ),
    Family(
        "enough",
        ("Say something in $n words or more.",),
        "Say less than $n words.",
        ("if not response.strip():\n    return False\nreturn len(response.split()) >= $n",),
        ("if not response.strip():\n    return False\nreturn len(response.split()) > $n",),
        _enough,
        _kept,
    ),
    Family(
        "ended",
        ("End with a mark that closes a sentence.",),
        "End in the middle of a sentence.",
        ('return response.strip().endswith((".", "!", "?"))',),
        ('return response.endswith((".", "!", "?"))',),
        _ended,
        _kept,
    ),
)
