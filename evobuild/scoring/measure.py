"""Measure instructions or answers by a judge, as params.yaml declares it.

Source of read: expected: DEITA (Liu et al. 2024, arXiv:2312.15685), whose scorers give the mean of a scale's
tokens, weighted by their probabilities.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject
from evobuild.models.client import Model
from evobuild.scoring.params import DeclaredMeasure
from evobuild.scoring.reply_values import read_choice, read_number, read_phrases

PROBABLE = 20
"""Tokens whose probability is asked for: as many as servers give."""
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
}


class Measured(NamedTuple):
    """A row's value: a number, a word, or a list of phrases."""

    id: str
    value: Any


class Judging:
    """How one declared measure is asked for and read.

    Its template is rendered with measure (its name), history, instruction, input, answer ('' if the
    instruction is judged), rubric (a list of {value, meaning}), least and most.
    """

    def __init__(self, name: str, measure: DeclaredMeasure, seed: int) -> None:
        self._name, self._measure, self._seed = name, measure, seed
        self._keys = (name.replace("_", " "), "score", "rating", "answer", "verdict", "choice")

    @property
    def calls_per_row(self) -> int:
        return self._measure.samples

    def prompt(self, row: Instruction) -> str:
        """Render what the judge is asked of a row."""
        measure = self._measure
        least, most = measure.bounds if measure.read in ("number", "expected") else (0, 0)
        return render_prompt(
            measure.template,
            measure=self._name.replace("_", " "),
            history=[{"role": role, "content": content} for role, content in row.history],
            instruction=row.instruction,
            input=row.input,
            answer=row.output if measure.of == "answer" else "",
            rubric=[{"value": value, "meaning": own} for value, own in (measure.rubric or {}).items()],
            least=f"{least:g}",
            most=f"{most:g}",
        )

    def requests(self, row: Instruction) -> Iterator[Request]:
        """Give the requests of a row, one for each sample."""
        measure = self._measure
        messages = (Message("text" if measure.raw else "user", self.prompt(row)),)
        for number in range(measure.samples):
            sampling = measure.sampling(self._seed + number)
            if measure.read == "expected":
                sampling = Sampling(0.0, 1.0, 1, seed=self._seed, logprobs=PROBABLE, token_texts=True)
            yield Request(
                f"{row.id}/{number}", "measure", messages, sampling, plausible=self._plausible_replies()
            )

    def _plausible_replies(self) -> tuple[str, ...]:
        """Give replies that can be read, for the simulated judge to choose from."""
        measure = self._measure
        if measure.read == "choice":
            return measure.words
        if measure.read == "list":
            return tuple(f'["{self._name} {number}"]' for number in range(8))
        least, most = measure.bounds
        numbers = range(math.ceil(least), math.floor(most) + 1)
        form = "{}" if measure.read == "expected" else "Score: {}"
        return tuple(form.format(number) for number in numbers)

    def value(self, key: str, replies: Sequence[Reply]) -> Measured | Reject:
        """Read the replies of a row: one value of all that can be read, or a reject if none can."""
        failed = [
            failures.find_reply_failure(reply) if self._reads_text else _error(reply) for reply in replies
        ]
        values = [
            None if why else self.read(reply.choices[0]) for reply, why in zip(replies, failed, strict=True)
        ]
        known = [value for value in values if value is not None]
        if not known:
            first = replies[0]
            return Reject(key, failed[0] or "unread", self._name, first.error or first.kept)
        if self._measure.read == "choice":
            (word, most), *others = Counter(known).most_common(2)
            if others and others[0][1] == most:
                return Reject(key, "tied", f"{word}, {others[0][0]}", "")
            return Measured(key, word)
        if self._measure.read == "list":
            return Measured(key, known[0])
        return Measured(key, _AGGREGATES[self._measure.aggregate or "mean"](known))

    @property
    def _reads_text(self) -> bool:
        """Whether a reply must be whole; of expected values one token is wanted."""
        return self._measure.read != "expected"

    def read(self, choice: Choice) -> Any:
        """Read the value of one reply; None if it gives none."""
        measure = self._measure
        if measure.read == "choice":
            return read_choice(choice.text, measure.words, self._keys)
        if measure.read == "list":
            return read_phrases(choice.text, self._name.removesuffix("s"))
        least, most = measure.bounds
        if measure.read == "number":
            return read_number(choice.text, least, most, self._keys)
        return expected_value(choice, range(int(least), int(most) + 1))


def _error(reply: Reply) -> str | None:
    return "model error" if reply.error is not None else None


def expected_value(choice: Choice, scale: Iterable[int]) -> float | None:
    """Compute the mean of a scale, weighted by the probabilities of its numbers as the first token.

    Probabilities are normalized over the numbers that are among the told tokens; None if none is.
    """
    if not choice.logprobs or not choice.token_texts:
        return None
    known = {str(number): float(number) for number in scale}
    weights: dict[float, float] = {}
    # The chosen token comes first, and again among the most probable ones.
    for logprob, text in zip(choice.logprobs[0], choice.token_texts[0], strict=True):
        if (number := known.get(text.strip())) is not None:
            weights[number] = max(weights.get(number, 0.0), math.exp(logprob))
    total = sum(weights.values())
    return sum(number * weight for number, weight in weights.items()) / total if total else None


def measure_rows(rows: Iterable[Instruction], model: Model, judging: Judging) -> Iterator[Measured | Reject]:
    """Measure each row; every row gives one value or one reject, in any order."""
    waiting: dict[str, list[Reply]] = {}
    requests = (request for row in rows for request in judging.requests(row))
    for reply in model.generate(requests):
        key = reply.key.rpartition("/")[0]
        replies = waiting.setdefault(key, [])
        replies.append(reply)
        if len(replies) == judging.calls_per_row:
            del waiting[key]
            yield judging.value(key, sorted(replies, key=lambda each: int(each.key.rpartition("/")[2])))
