"""The judge of benchmarks: questions in, readings out; what cannot be read is asked for again, then unknown.

A call that fails is not asked again: the engine has tried it often enough, and the next run asks the same.

A reply that cannot be read is never a score, a tie or a -1: it stays unknown, and is counted. If more than
`evaluate.unparsed` of the judge's replies are so, the run stops with the commonest of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from evobuild.core.chat import ChatBackend, Message, Reply, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.models.planning import PLANNED

V = TypeVar("V")

RETRY_TEMPERATURE = 0.7
"""Of what is asked again: greedily, the judge would say the same."""
SHOWN = 3
"""Of the commonest unreadable replies."""
SHOWN_CHARACTERS = 100


class Question(NamedTuple):
    """One question to the judge. key: unique in its benchmark.

    logprobs: of so many tokens at each position, and their texts.
    """

    key: str
    messages: tuple[Message, ...]
    logprobs: int = 0


class Judgment(NamedTuple, Generic[V]):
    """What a judge said. value: as it was read; None if it could not be. text: its last reply."""

    value: V | None
    text: str


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How the judge is asked. sampling: the first time. retries: times more. unparsed: share allowed."""

    sampling: Sampling
    retries: int
    unparsed: float


class Judge:
    """The model that judges, behind its chat client. asked, unread: questions so far, by benchmark."""

    def __init__(self, model: ChatBackend, settings: JudgeSettings) -> None:
        self._model, self._settings = model, settings
        self.asked, self.unread = Counter[str](), Counter[str]()

    def judge(
        self, benchmark: str, questions: Iterable[Question], read: Callable[[Reply], V | None]
    ) -> Mapping[str, Judgment[V]]:
        """Ask every question and read the replies, by key. read: gives None for a reply that it cannot read.

        Raises UserError if more than the allowed share stays unread.
        """
        waiting = {question.key: question for question in questions}
        total = len(waiting)
        found: dict[str, Judgment[V]] = {}
        for attempt in range(1 + self._settings.retries):
            if not waiting:
                break
            unread: dict[str, Question] = {}
            for reply in self._model.generate(self._request(each, attempt) for each in waiting.values()):
                value = None if reply.error else read(reply)
                found[reply.key] = Judgment(value, reply.error or reply.kept)
                if value is None and not reply.error:
                    unread[reply.key] = waiting[reply.key]
            waiting = unread
        # What a plan only counts has no reply yet, and is no reply that cannot be read.
        unknown = [each.text for each in found.values() if each.value is None and each.text != PLANNED]
        self.asked[benchmark] += total
        self.unread[benchmark] += len(unknown)
        self._hold(benchmark, unknown, total)
        return found

    def _request(self, question: Question, attempt: int) -> Request:
        wanted = question.logprobs
        sampling = replace(self._settings.sampling, logprobs=wanted, token_texts=wanted > 0)
        if attempt:
            temperature = max(sampling.temperature, RETRY_TEMPERATURE)
            sampling = replace(sampling, temperature=temperature, seed=sampling.seed + attempt)
        return Request(question.key, "judge", question.messages, sampling)

    def _hold(self, benchmark: str, unread: list[str], total: int) -> None:
        if total and len(unread) / total > self._settings.unparsed:
            common = Counter(re.sub(r"\s+", " ", text).strip()[:SHOWN_CHARACTERS] for text in unread)
            said = "; ".join(f"{text!r} ({count})" for text, count in common.most_common(SHOWN))
            raise UserError(
                f"{benchmark}: {len(unread)} of {total} replies of the judge cannot be read, more than "
                f"evaluate.unparsed {self._settings.unparsed:g} allows; the commonest: {said}"
            )
