"""Rewards: how good a reward model finds an evolved instruction as the answer to what its evolver was asked.

The user turn is the evolving prompt of the row's parent, the assistant turn the evolved instruction. Only
what an evolver made of its parent has a reward. Source: Hui et al. 2024, arXiv:2412.11231.

Texts of as many tokens go through the model together, without padding, so that no reward depends on
the batch. Rewards are kept by prompt and answer. A text that is too long is rejected, not cut.
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import TemplateError

from evobuild.core.errors import BadInput, require
from evobuild.core.measurement_cache import Measurements
from evobuild.core.tables import Reject
from evobuild.core.uri import Weights
from evobuild.scoring.params import Reward as RewardParams
from evobuild.weights import checkpoints, identities

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_VALUE = struct.Struct("<dI")
"""A reward, NaN of a text that was too long, and the text's tokens."""


class Reward(NamedTuple):
    """What a reward model gives an evolved instruction; no unit, and no scale that models share."""

    id: str
    reward: float


class EvolverTurns(NamedTuple):
    """The conversation behind the row with this id: what its evolver was asked, and what it made."""

    id: str
    prompt: str
    answer: str


def measure_rewards(
    given: Iterable[EvolverTurns | Reject], model: Weights, params: RewardParams
) -> Iterator[Reward | Reject]:
    """Give each conversation its reward, in any order; rejects pass through.

    Raises UserError if the model cannot be loaded, or refuses a conversation.
    """
    asked: list[EvolverTurns] = []
    for each in given:
        if isinstance(each, Reject):
            yield each
        else:
            asked.append(each)
    with Measurements(f"reward {identities.weights_identity(model)} {params.dtype}") as kept:
        keys = {each.id: kept.key(repr((each.prompt, each.answer))) for each in asked}
        stored = kept.get(list(set(keys.values())))
        found: dict[bytes, tuple[float, int]] = {key: _VALUE.unpack(value) for key, value in stored.items()}
        known = {key for key, (reward, tokens) in found.items() if _is_settled(reward, tokens, params)}
        fresh = {keys[each.id]: each for each in asked if keys[each.id] not in known}
        for key, reward, tokens in _measured(fresh, model, params) if fresh else ():
            found[key] = reward, tokens
            kept.put(key, _VALUE.pack(reward, tokens))
    for each in asked:
        reward, tokens = found[keys[each.id]]
        yield _result(each, reward, tokens, params)


def _is_settled(reward: float, tokens: int, params: RewardParams) -> bool:
    """Whether a kept reward tells; what was too long once may be short enough now."""
    return not math.isnan(reward) or tokens > params.max_length


def _result(each: EvolverTurns, reward: float, tokens: int, params: RewardParams) -> Reward | Reject:
    if math.isnan(reward) or tokens > params.max_length:
        return Reject(each.id, "too long", f"{tokens} tokens", "")
    if math.isinf(reward):
        return Reject(each.id, "reward not finite", "", "")
    return Reward(each.id, reward)


def _measured(
    fresh: Mapping[bytes, EvolverTurns], model: Weights, params: RewardParams
) -> Iterator[tuple[bytes, float, int]]:
    """Rewards by key, and tokens: NaN of what is too long for params or model, infinite if not a number."""
    torch: Any = require("torch", "train")
    tokenizer = checkpoints.load_tokenizer(model)
    limit = min(params.max_length, checkpoints.context_length(model))
    by_length: defaultdict[int, list[tuple[bytes, list[int]]]] = defaultdict(list)
    for key, each in fresh.items():
        ids = _ids(tokenizer, each)
        if len(ids) > limit:
            yield key, math.nan, len(ids)
        else:
            by_length[len(ids)].append((key, ids))
    network: Any = checkpoints.load_classifier(model, params.dtype) if by_length else None
    if network and network.config.pad_token_id is None:
        # Some refuse two texts at once without one; here nothing is padded, so it is no token.
        network.config.pad_token_id = -1
    for length, group in sorted(by_length.items()):
        size = max(1, params.batch_tokens // length)
        for batch in (group[start : start + size] for start in range(0, len(group), size)):
            ids_B_T = torch.tensor([ids for _, ids in batch], device=network.device)
            with torch.inference_mode():
                logits_B_1 = network(input_ids=ids_B_T, attention_mask=torch.ones_like(ids_B_T)).logits
            for (key, _), (reward,) in zip(batch, logits_B_1.float().tolist(), strict=True):
                yield key, reward if math.isfinite(reward) else math.inf, length


def _ids(tokenizer: PreTrainedTokenizerBase, each: EvolverTurns) -> list[int]:
    """Token ids of a conversation by the model's chat template, else of its two texts as a pair."""
    if not tokenizer.chat_template:
        pair: list[int] = tokenizer(each.prompt, each.answer)["input_ids"]
        return pair
    messages = [{"role": "user", "content": each.prompt}, {"role": "assistant", "content": each.answer}]
    try:
        ids: list[int] = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    except TemplateError as error:
        raise BadInput(f"row {each.id}: the reward model's chat template refuses it: {error}") from error
    return ids
