"""Ask a number of questions through the chat client and write all replies, sorted by key: what tests kill.

python tests/support/asker.py ROWS TABLE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models import rate_limit
from evobuild.models.client import Model

NAME = ChatModel("openai", "tiny")


def questions(count: int) -> Iterator[Request]:
    """Distinct questions, sampled so that the seed matters."""
    for number in range(count):
        yield Request(
            f"q{number:06}",
            "respond",
            (Message("user", f"Question {number}"),),
            Sampling(temperature=0.7, seed=number),
        )


def main() -> None:
    """Ask, with short pauses between tries."""
    rate_limit.FIRST_WAIT = 0.01
    with Model(NAME) as model:
        found = sorted(
            (each.key, each.text, each.error) for each in model.generate(questions(int(sys.argv[1])))
        )
    Path(sys.argv[2]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
