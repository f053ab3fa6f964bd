"""Estimate floating-point operations of models that stages run themselves: scorer, embedder, reward, the toy.

A forward pass takes 2 operations a parameter and token, a training step 6 (arXiv:2001.08361, section 2.1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evobuild.cli.plan.assumptions import LENGTHS
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.core.errors import UserError
from evobuild.core.instructions import SEED_ROUND
from evobuild.core.uri import Weights
from evobuild.training import scratch as toy
from evobuild.training.planning.shapes import llama_shape
from evobuild.weights.sources import weights_source

GUESSED_PARAMETERS = {"scorer": 1.0e9, "embedder": 1.1e8, "reward": 8.0e9, "entailment": 2.8e8}
"""Parameters of a model whose size is in neither its config nor its name: an assumption."""
GUESSED_CHAT = 8.0e9
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([BbMm])(?![A-Za-z0-9])")
_ACTIVE = re.compile(r"-A(\d+(?:\.\d+)?)B(?![A-Za-z0-9])")


class Operations(NamedTuple):
    """expected: of the rows that are expected; most: of as many as there may be. parameters: of the model."""

    expected: float
    most: float
    parameters: float


def read_size_in_name(name: str) -> float | None:
    """Read the number of parameters off a name: 7e9 for "Qwen2.5-7B-Instruct", 5.6e10 for "Mixtral-8x7B"."""
    found = _SIZE.search(name.rpartition("/")[2])
    if not found:
        return None
    return float(found[1] or 1) * float(found[2]) * (1e9 if found[3] in "bB" else 1e6)


def read_active_size(name: str) -> float | None:
    """Read the active parameters per token off a name: 3e9 for "Qwen3-30B-A3B"."""
    found = _ACTIVE.search(name)
    return float(found[1]) * 1e9 if found else read_size_in_name(name)


def estimate_folder_parameters(folder: Path) -> float | None:
    """Estimate the parameters of a model from the config in its folder; None if that is missing or
    incomplete.
    """
    try:
        config: Mapping[str, object] = json.loads((folder / "config.json").read_bytes())
        layers, hidden = (float(str(config[key])) for key in ("num_hidden_layers", "hidden_size"))
        inner = float(str(config.get("intermediate_size") or 4 * hidden))
        vocabulary = float(str(config["vocab_size"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # A gated MLP has three matrices; BERT and its like have two.
    matrices = 2 if "type_vocab_size" in config else 3
    return layers * (4 * hidden**2 + matrices * hidden * inner) + vocabulary * hidden


def count_toy_parameters(given: PlannedRows) -> float:
    """Count the parameters of the toy model."""
    return float(llama_shape(vocab_size=given.params.scratch.vocabulary, **toy.SIZES).parameters)


def find_parameters(given: PlannedRows, weights: Weights, role: str) -> float:
    """Find the parameters of a model that measures rows, by its config, its name, else a guess."""
    if weights.is_scratch:
        return count_toy_parameters(given)
    if weights.is_experienced:
        return find_parameters(given, given.params.experience.base, "scorer")
    found = None
    if weights.is_local:
        try:
            found = estimate_folder_parameters(Path(weights_source(weights)[0]))
        except UserError:
            found = None
    return found or read_active_size(weights.name) or GUESSED_PARAMETERS[role]


def _count_passes(given: PlannedRows, role: str, tokens: float) -> Operations:
    """Count the operations of forward passes over all pools. tokens: of a row, besides its instruction."""
    weights = getattr(given.params.models, role)
    size = find_parameters(given, weights, role)
    pools = [(given.rows(pool), given.text(pool) + tokens) for pool in given.params.pools]
    expected = sum(rows.expected * text for rows, text in pools)
    most = sum(rows.most * text for rows, text in pools)
    return Operations(2 * size * expected, 2 * size * most, size)


def count_score_flops(given: PlannedRows, _: str) -> Operations:
    """Score each row: question and answer, then the answer alone."""
    return _count_passes(given, "scorer", 2 * estimate_answer_tokens(given))


def estimate_answer_tokens(given: PlannedRows) -> float:
    """Estimate the tokens of the responder's answers."""
    model, lengths = given.params.models.responder, LENGTHS["respond"]
    return (lengths.simulated if model.simulated else lengths.reply).count_tokens(given.text(SEED_ROUND))


def count_diversity_flops(given: PlannedRows, _: str) -> Operations:
    """Embed each instruction."""
    return _count_passes(given, "embedder", 0)


def count_reward_flops(given: PlannedRows, _: str) -> Operations:
    """Read each evolving prompt and its child."""
    return _count_passes(given, "reward", LENGTHS["evolve"].prompt.count_tokens(given.text(SEED_ROUND)))


def count_decontaminate_flops(given: PlannedRows, _: str) -> Operations:
    """Embed each question where embeddings are compared."""
    own = given.params.decontaminate
    is_on = own.embedding is not None and given.params.models.embedder is not None
    return _count_passes(given, "embedder", 0) if is_on else Operations(0, 0, 0)


def count_entailment_flops(given: PlannedRows, branch: str) -> Operations:
    """Read each constraint beside each text about it."""
    weights = given.params.models.entailment
    assert weights is not None
    pairs = given.count_checked(branch).times(given.params.autoif.backtranslate.functions)
    size = find_parameters(given, weights, "entailment")
    each = 2 * size * 2 * LENGTHS["backtranslate"].reply.fixed
    return Operations(pairs.expected * each, pairs.most * each, size)


def has_scratch(given: PlannedRows, _: str) -> bool:
    """Whether a base or the scorer is the toy model."""
    scorer, bases = given.params.models.scorer, given.params.bases.values()
    named = [each.model for each in bases]
    named += [scorer] if scorer else []
    named += [given.params.experience.base] if scorer and scorer.is_experienced else []
    return any(each.is_scratch for each in named)


def count_scratch_flops(given: PlannedRows, _: str) -> Operations:
    """Train the toy model."""
    own = given.params.scratch
    size = count_toy_parameters(given)
    found = 6 * size * own.steps * own.batch * own.length
    return Operations(found, found, size)


def count_experience_flops(given: PlannedRows, _: str) -> Operations:
    """Tune the scorer on rows of each cluster."""
    own = given.params.experience
    rows = given.rows(SEED_ROUND).limit_to(own.clusters * own.rows)
    size = find_parameters(given, own.base, "scorer")
    each = 6 * size * own.epochs * min(own.max_length, given.text(SEED_ROUND) + estimate_answer_tokens(given))
    return Operations(each * rows.expected, each * rows.most, size)
