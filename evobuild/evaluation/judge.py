"""Call the judge of benchmarks: questions in, parsed values out; an unparsable reply is retried, then
unknown.

A failed call is not retried here: the engine has retried it already, and the next run repeats the request.

An unparsed reply is never a score, a tie or a -1: it stays unknown and is counted. If the share of such
replies exceeds `evaluate.unparsed`, the run stops and shows the most common ones.
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
"""Minimum temperature of retries: a greedy judge would repeat its reply."""
SHOWN = 3
"""Number of common unparsed replies in the error."""
SHOWN_CHARACTERS = 100


class Question(NamedTuple):
    """One question to the judge. key: unique in its benchmark.

    logprobs: number of most probable tokens to return at each position, with their texts.
    """

    key: str
    messages: tuple[Message, ...]
    logprobs: int = 0


class Judgment(NamedTuple, Generic[V]):
    """The judge's reply. value: the parsed one; None if it could not be parsed. text: the last raw
    reply.
    """

    value: V | None
    text: str


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Settings of judge calls. sampling: of the first call. retries: further calls. unparsed: maximum
    share.
    """

    sampling: Sampling
    retries: int
    unparsed: float


class Judge:
    """Call the judging model through its chat client. asked, unread: questions and unparsed replies so far,
    by benchmark.
    """

    def __init__(self, model: ChatBackend, settings: JudgeSettings) -> None:
        self._model, self._settings = model, settings
        self.asked, self.unread = Counter[str](), Counter[str]()

    def judge(
        self, benchmark: str, questions: Iterable[Question], read: Callable[[Reply], V | None]
    ) -> Mapping[str, Judgment[V]]:
        """Ask every question and parse the replies, by key. read: returns None for a reply that it cannot
        parse.

        Raises UserError if more than the allowed share stays unparsed.
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
        # `plan` only counts calls: its placeholder replies are not unparsed ones.
        unknown = [each.text for each in found.values() if each.value is None and each.text != PLANNED]
        self.asked[benchmark] += total
        self.unread[benchmark] += len(unknown)
        self._check_unread_share(benchmark, unknown, total)
        return found

    def _request(self, question: Question, attempt: int) -> Request:
        wanted = question.logprobs
        sampling = replace(self._settings.sampling, logprobs=wanted, token_texts=wanted > 0)
        if attempt:
            temperature = max(sampling.temperature, RETRY_TEMPERATURE)
            sampling = replace(sampling, temperature=temperature, seed=sampling.seed + attempt)
        return Request(question.key, "judge", question.messages, sampling)

    def _check_unread_share(self, benchmark: str, unread: list[str], total: int) -> None:
        if total and len(unread) / total > self._settings.unparsed:
            common = Counter(re.sub(r"\s+", " ", text).strip()[:SHOWN_CHARACTERS] for text in unread)
            shown = "; ".join(f"{text!r} ({count})" for text, count in common.most_common(SHOWN))
            raise UserError(
                f"{benchmark}: {len(unread)} of {total} judge replies cannot be parsed, more than "
                f"evaluate.unparsed {self._settings.unparsed:g} allows; the most common: {shown}"
            )
