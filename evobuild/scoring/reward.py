"""Compute rewards: how good a reward model finds an evolved instruction as the answer to the evolver's
prompt.

The user turn is the prompt that evolved the row's parent, the assistant turn the evolved instruction. Only
rows that an evolver wrote have a reward. Source: Hui et al. 2024, arXiv:2412.11231.

The reward scaled by length follows Evol_Instruct/eval_reward.py of their repository
(HypherX/Evolution-Analysis) for sequence classifiers: divided by the tokens of the instruction, times the
mean tokens of the pool. Its branch for InternLM2 multiplies by the one and divides by the other.

Texts of equal length in tokens form batches of a fixed size, without padding, so that a reward has the same
bits whatever shares its batch. Rewards are cached by prompt and answer. A text that is too long is rejected,
not truncated.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from evobuild.core.errors import BadInput, require
from evobuild.core.measures import measure_of
from evobuild.core.rejects import Reject
from evobuild.core.sqlite_cache import Measurements
from evobuild.core.tables import Columns
from evobuild.core.uri import Weights
from evobuild.models.workers import Measure, Task, Workers
from evobuild.process.progress import Meter
from evobuild.scoring.params import Reward as RewardParams
from evobuild.weights import checkpoints, equal_lengths, identities
from evobuild.weights.chat_rendering import REFUSALS, render_chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFINITION = "reward and length 3"
"""Part of the cache key; change it when batches change, so that older rewards are not used."""
WINDOW = 1 << 14
"""Conversations in memory with their token ids: more of them fill the batches better."""
_VALUE = struct.Struct("<dII")
"""Binary form of MeasuredReward: reward, tokens and length."""


class MeasuredReward(NamedTuple):
    """A raw reward: NaN if the text is too long, infinity if the model returns no finite number.

    tokens: of the whole text. length: tokens of the answer in it.
    """

    reward: float
    tokens: int
    length: int


class Reward(NamedTuple):
    """The reward of an evolved instruction; no unit, and no scale that models share.

    tokens: of the instruction. scaled: reward / tokens · mean tokens of the pool; None without tokens.
    """

    id: str
    reward: float
    tokens: int
    scaled: float | None


class EvolverTurns(NamedTuple):
    """The conversation behind a row: the evolver's prompt and its answer."""

    id: str
    prompt: str
    answer: str


Keyed = tuple[bytes, EvolverTurns]
"""A conversation with its cache key."""


class Rewarder:
    """A reward model behind cached rewards; it is loaded at the first conversation that is not cached.

    Raises UserError if the model cannot be found or loaded, its cache cannot be used, or it refuses a
    conversation.
    """

    def __init__(self, model: Weights, params: RewardParams) -> None:
        self._params = params
        identity = partial(identities.measuring_identity, model)
        self._kept = Measurements(f"{DEFINITION} {identity()} {params.dtype}")
        load = partial(load_rewarder, model, params)
        self._workers = Workers(Task(f"the reward model '{model}'", load, identity, _count_characters))

    def __enter__(self) -> Self:
        self._kept.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)
        self._kept.__exit__(kind, error, trace)

    def score_turns(
        self, given: Iterable[EvolverTurns | Reject], meter: Meter | None = None
    ) -> Iterator[Reward | Reject]:
        """Compute the reward of each conversation of a pool, in any order; rejects pass through.

        Rewards come last, because they are scaled by the pool's mean; one window of conversations is in
        memory. meter: counts conversations.
        """
        left, rewarded = iter(given), Columns(measure_of("reward").schema)
        while some := list(islice(left, WINDOW)):
            yield from (each for each in some if isinstance(each, Reject))
            for result in self._window([each for each in some if not isinstance(each, Reject)], meter):
                if isinstance(result, Reject):
                    yield result
                else:
                    rewarded.append(result)
        found = rewarded.frame()
        mean = int(found["tokens"].sum()) / max(1, found.height)
        for result in map(Reward._make, found.iter_rows()):
            scaled = result.reward / result.tokens * mean if result.tokens else None
            yield result._replace(scaled=scaled)

    def _window(self, asked: list[EvolverTurns], meter: Meter | None) -> Iterator[Reward | Reject]:
        keys = {each.id: self._kept.key(repr((each.prompt, each.answer))) for each in asked}
        found = self._kept.get_decoded(_unpack, list(set(keys.values())))
        known = {key for key, measured in found.items() if _is_conclusive(measured, self._params)}
        fresh = {keys[each.id]: each for each in asked if keys[each.id] not in known}
        if meter and len(fresh) < len(asked):
            meter.step(kept=True, count=len(asked) - len(fresh))
        for key, measured in self._workers.measure(list(fresh.items())):
            if meter:
                meter.step()
            found[key] = measured
            self._kept.put(key, _VALUE.pack(*measured))
        yield from (_build_result(each.id, found[keys[each.id]], self._params) for each in asked)


def _unpack(value: bytes) -> MeasuredReward:
    """Decode a cached reward. Raises struct.error if it is invalid."""
    return MeasuredReward(*_VALUE.unpack(value))


def _is_conclusive(measured: MeasuredReward, params: RewardParams) -> bool:
    """Return whether a cached reward is final; a text that was too long may fit a larger maximum now."""
    return not math.isnan(measured.reward) or measured.tokens > params.max_length


def _build_result(row: str, measured: MeasuredReward, params: RewardParams) -> Reward | Reject:
    """Build the result of a row; its reward is not scaled yet."""
    if math.isnan(measured.reward) or measured.tokens > params.max_length:
        return Reject(row, "too long", f"{measured.tokens} tokens", "")
    if math.isinf(measured.reward):
        return Reject(row, "reward not finite", "", "")
    return Reward(row, measured.reward, measured.length, None)


def load_rewarder(model: Weights, params: RewardParams) -> Measure[Keyed, tuple[bytes, MeasuredReward]]:
    """Load a model; return a function that yields rewards by key. Raises UserError if it fails.

    A conversation that is too long never reaches the network, which is loaded at the first one that fits.
    """
    torch: Any = require("torch", "train")
    tokenizer = checkpoints.load_tokenizer(model)
    limit = min(params.max_length, checkpoints.read_context_length(model))
    network = cache(partial(_load_network, model, params))

    def measure(given: list[Keyed]) -> Iterator[tuple[bytes, MeasuredReward]]:
        lengths = {
            key: len(tokenizer(each.answer, add_special_tokens=False, verbose=False)["input_ids"])
            for key, each in given
        }
        asked: list[tuple[bytes, list[int]]] = []
        for key, each in given:
            ids = _tokenize(tokenizer, each)
            if len(ids) > limit:
                yield key, MeasuredReward(math.nan, len(ids), lengths[key])
            else:
                asked.append((key, ids))
        if not asked:
            return
        device = network().device
        for own, places in equal_lengths.equal_lengths([len(ids) for _, ids in asked], device):
            ids_B_T = torch.tensor([asked[place][1] for place in places], device=device)
            with torch.inference_mode():
                logits_B_1 = network()(input_ids=ids_B_T, attention_mask=torch.ones_like(ids_B_T)).logits
            for place, (reward,) in zip(own, logits_B_1.float().tolist(), strict=False):
                key, ids = asked[place]
                yield (
                    key,
                    MeasuredReward(reward if math.isfinite(reward) else math.inf, len(ids), lengths[key]),
                )

    return measure


def _load_network(model: Weights, params: RewardParams) -> Any:
    network: Any = checkpoints.load_classifier(model, params.dtype)
    if network.config.pad_token_id is None:
        # Some models refuse batches without a padding token. Nothing is padded here, so any unused id works.
        network.config.pad_token_id = -1
    return network


def _count_characters(given: Keyed) -> int:
    _, each = given
    return len(each.prompt) + len(each.answer)


def _tokenize(tokenizer: PreTrainedTokenizerBase, each: EvolverTurns) -> list[int]:
    """Tokenize a conversation by the model's chat template, else its two texts as a pair."""
    if not tokenizer.chat_template:
        pair: list[int] = tokenizer(each.prompt, each.answer)["input_ids"]
        return pair
    messages = [{"role": "user", "content": each.prompt}, {"role": "assistant", "content": each.answer}]
    try:
        text = render_chat(tokenizer, messages)
    except REFUSALS as error:
        raise BadInput(f"row {each.id}: the reward model's chat template refuses it: {error}") from error
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
