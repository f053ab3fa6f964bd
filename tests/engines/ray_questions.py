"""Questions for a model in Ray's workers and in one process, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model


def questions(number: int) -> Iterator[Request]:
    """Distinct questions, half of them sampled."""
    for each in range(number):
        sampling = Sampling(temperature=0.8 * (each % 2), max_tokens=12, seed=each)
        yield Request(f"q{each:04}", "respond", (Message("user", f"Question {each}."),), sampling)


def asked(root: Path, model: ChatModel, settings: str, number: int) -> list[tuple[str, str, str | None]]:
    """Ask with some machine.yaml and an empty reply cache, `store.sqlite`: key, text and error of each."""
    (root / "machine.yaml").write_text(settings)
    for file in root.glob("store.sqlite*"):
        file.unlink()
    with Model(model) as client:
        return sorted((each.key, each.text, each.error) for each in client.generate(questions(number)))
