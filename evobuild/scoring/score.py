"""Score answered instructions by a causal language model: one score or reject per row.

Losses are cached by content, so that nothing is measured twice; if all are cached, no model is loaded. Memory
holds one window of rows with their token ids, however many rows there are.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from evobuild.core.conversation import chat_messages
from evobuild.core.instructions import Instruction
from evobuild.core.reasons import reason_meanings
from evobuild.core.rejects import Reject
from evobuild.core.sqlite_cache import Measurements
from evobuild.core.uri import Weights
from evobuild.models.workers import Measure, Task, Workers
from evobuild.process.progress import Meter
from evobuild.scoring.params import Score as ScoreParams
from evobuild.weights import checkpoints, identities, losses, tokenized_pairs
from evobuild.weights.losses import Losses, Pair

if TYPE_CHECKING:
    from evobuild.core.cache_file import Key

WINDOW = 8192
"""Rows sorted by length together."""
DEFINITION = "4"
"""Part of the cache key of losses; change it when tokens, contexts or passes change."""
MOST_NATS = 700.0
"""Upper bound of a mean loss per token: its exponential is about the largest float."""
_VALUES = struct.Struct("<II?ddd")
"""Binary form of losses without the id, after _MEASURED; after _LOST follow a reject's reason and detail."""
_MEASURED, _LOST = b"M", b"L"
_REASONS = reason_meanings().keys()


class Score(NamedTuple):
    """Losses in nats per token, and their ratios; see `losses`."""

    id: str
    question_tokens: int
    answer_tokens: int
    truncated: bool
    loss_q: float
    loss_a_given_q: float
    loss_a: float
    ifd: float
    ifd_ppl: float
    ic_ifd: float


class Scorer:
    """A causal language model that scores rows; it is loaded at the first row that is not cached.

    Raises UserError if it cannot be found or loaded, or lacks what the template needs.
    """

    def __init__(self, model: Weights, params: ScoreParams) -> None:
        self._weights, self._params = model, params
        identity = partial(identities.measuring_identity, model)
        names = [DEFINITION, identity(), params.dtype, params.template]
        names.append(str(params.max_length))
        if model.adapter:
            names.append(identities.adapter_identity(model.adapter))
        self._kept = Measurements("losses " + " ".join(names))
        load = partial(load_scorer, model, params)
        self._workers = Workers(Task(f"the scorer '{model}'", load, identity, _count_characters))

    def __enter__(self) -> Self:
        self._kept.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)
        self._kept.__exit__(kind, error, trace)

    def score_rows(self, rows: Iterable[Instruction], meter: Meter | None = None) -> Iterator[Score | Reject]:
        """Score each row; yield one score or reject per row, in any order. meter: counts rows."""
        stream = iter(rows)
        while window := list(islice(stream, WINDOW)):
            yield from self._window(window, meter)

    def _window(self, rows: list[Instruction], meter: Meter | None) -> Iterator[Score | Reject]:
        keys = {row.id: self._kept.key(_cache_content(row, self._params.template)) for row in rows}
        kept = self._kept.get_decoded(_check_cached, list(keys.values()))
        first: dict[Key, str] = {}
        for row in rows:
            if keys[row.id] not in kept:
                first.setdefault(keys[row.id], row.id)
        missing = [row for row in rows if first.get(keys[row.id]) == row.id]
        if meter and len(missing) < len(rows):
            meter.step(kept=True, count=len(rows) - len(missing))
        for key, value in self._workers.measure(missing):
            if meter:
                meter.step()
            self._kept.put(keys[key], value)
            kept[keys[key]] = value
        for row in rows:
            yield _build_score(row, kept[keys[row.id]])


def load_scorer(model: Weights, params: ScoreParams) -> Measure[Instruction, tuple[str, bytes]]:
    """Load a model; return a function that yields row ids with cache values. Raises UserError if it fails."""
    from evobuild.weights.likelihood import Reader

    tokenizer = checkpoints.load_tokenizer(model)
    reader = Reader(checkpoints.load_causal_lm(model, params.dtype, model.adapter))
    limit = min(params.max_length, checkpoints.read_context_length(model))

    def measure(rows: list[Instruction]) -> Iterator[tuple[str, bytes]]:
        pairs: list[Pair] = []
        for found in tokenized_pairs.tokenize_pairs(tokenizer, params.template, rows, limit):
            if isinstance(found, Reject):
                yield found.id, _LOST + json.dumps([found.reason, found.detail]).encode()
            else:
                pairs.append(found)
        for measured in losses.pair_losses(reader, pairs):
            yield measured.id, _MEASURED + _VALUES.pack(*measured[1:])

    return measure


def _count_characters(row: Instruction) -> int:
    return len(row.instruction) + len(row.input) + 2 * len(row.output)


def _cache_content(row: Instruction, template: str) -> bytes:
    """Return the content that determines a row's losses: its texts, and the prompt that `chat` renders."""
    prompt = (chat_messages(row)[-1].content,) if template == "chat" else ()
    words = (row.history, row.instruction, row.input, row.output, *prompt)
    return repr(words).encode("utf-8", "surrogatepass")


def _check_cached(kept: bytes) -> bytes:
    """Return a valid cached value. Raises ValueError or struct.error for an invalid one."""
    if kept.startswith(_MEASURED):
        *_, asked, given, alone = _VALUES.unpack(kept[1:])
        if all(0 <= loss <= MOST_NATS for loss in (asked, given, alone) if math.isfinite(loss)):
            return kept
    elif kept.startswith(_LOST):
        found = json.loads(kept[1:])
        if isinstance(found, list) and len(found) == 2 and found[0] in _REASONS and isinstance(found[1], str):
            return kept
    raise ValueError("no losses and no reject")


def _build_score(row: Instruction, kept: bytes) -> Score | Reject:
    if kept.startswith(_LOST):
        reason, detail = json.loads(kept[1:])
        return Reject(row.id, reason, detail, row.output)
    measured = Losses(row.id, *_VALUES.unpack(kept[1:]))
    asked, given, alone = measured.loss_q, measured.loss_a_given_q, measured.loss_a
    detail = f"L(Q) {asked}, L(A|Q) {given}, L(A) {alone}"
    if not math.isfinite(asked + given + alone):
        return Reject(row.id, "loss not finite", detail, row.output)
    if asked == 0 or alone == 0:
        return Reject(row.id, "zero loss", detail, row.output)
    return Score(
        *measured,
        losses.ifd(given, alone),
        losses.ifd_ppl(given, alone),
        losses.ic_ifd(asked, given, alone),
    )
