"""Rewards: how good a reward model finds an evolved instruction as the answer to what its evolver was asked.

The user turn is the evolving prompt rendered for the parent, never for the evolved row; the assistant
turn is the evolved instruction, with its input if the evolver gave a new one. A row without a parent, one
that was kept as its parent is, and one of a branch has no reward. Source: Hui et al. 2024, arXiv:2412.11231.

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

from evobuild.autoif.records import constraint_of
from evobuild.cache.measurements import Measurements
from evobuild.core.errors import BadInput, require
from evobuild.core.params import Reward as RewardParams
from evobuild.core.tables import KEPT, Instruction, Reject
from evobuild.core.uri import Weights
from evobuild.evolution import prompts_sent
from evobuild.evolution.prompts_sent import Plans
from evobuild.weights import checkpoints, identities

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_VALUE = struct.Struct("<dI")
"""A reward, NaN of a text that was too long, and the text's tokens."""


class Reward(NamedTuple):
    """What a reward model gives an evolved instruction; no unit, and no scale that models share."""

    id: str
    reward: float


class Turns(NamedTuple):
    """A row's conversation: what the evolver was asked, and what came of it."""

    id: str
    prompt: str
    answer: str


def is_evolved(row: Instruction) -> bool:
    """Whether a row is what an evolver made of its parent."""
    return bool(row.parent_id) and row.operation != KEPT and not constraint_of(row)


def turns(row: Instruction, parent: Instruction | None, known: Plans) -> Turns | Reject:
    """Put a row's conversation together; a reject if its parent or its evolver's prompt is not here."""
    if parent is None:
        return Reject(row.id, "no parent", f"{row.parent_id} is not in its table", "")
    step, place = prompts_sent.step(row.operation, parent, known)
    if step is None:
        return Reject(row.id, "no prompt", place, "")
    new = f"\n\n#Input#:\n{row.input}" if row.input and row.input != parent.input else ""
    return Turns(row.id, step.prompt, row.instruction + new)


def measure(
    given: Iterable[Turns | Reject], model: Weights, params: RewardParams
) -> Iterator[Reward | Reject]:
    """Give each conversation its reward, in any order; rejects pass through.

    Raises UserError if the model cannot be loaded, or refuses a conversation.
    """
    asked: list[Turns] = []
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


def _result(each: Turns, reward: float, tokens: int, params: RewardParams) -> Reward | Reject:
    if math.isnan(reward) or tokens > params.max_length:
        return Reject(each.id, "too long", f"{tokens} tokens", "")
    if math.isinf(reward):
        return Reject(each.id, "reward not finite", "", "")
    return Reward(each.id, reward)


def _measured(
    fresh: Mapping[bytes, Turns], model: Weights, params: RewardParams
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


def _ids(tokenizer: PreTrainedTokenizerBase, each: Turns) -> list[int]:
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
