"""AlpacaEval's length-controlled win rate: what it would be were all answers as long as the reference's.

A logistic regression of the preference on three features: tanh of the difference in length, in standard
deviations; the instruction's difficulty; and 1. Its prediction without the first is the length-controlled
preference. Two answers of the reference model itself, one told to be long and one to be brief, are fitted
along, with a tenth of the weight, so that length is not blamed for quality. The L1 penalty is one of ten,
chosen by cross-validation over five folds. Source: Dubois et al. 2024, arXiv:2404.04475, and alpaca_eval's
glm_winrate.py.

What alpaca_eval takes from the hub is here in difficulties.json, which says where each number is from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np

FILE = Path(__file__).with_name("difficulties.json")
GAMED_WEIGHT = 0.1
"""Of a row of the two answers that differ in length alone."""
FOLDS = 5
STRENGTHS = tuple(float(each) for each in np.logspace(-4, 4, 10))
"""What C may be, the inverse of the penalty: scikit-learn's default."""
MOST_STEPS, MOST_SWEEPS = 100, 200
LONGEST_STEP = 2.0
CLOSE = 1e-11


class Row(NamedTuple):
    """A judged answer. preference: 0 for the reference's to 1. length, reference_length: characters."""

    instruction: str
    preference: float
    length: float
    reference_length: float


class Published(NamedTuple):
    """What is known of the 805 instructions, by a hash, and of the gamed answers, two to each.

    difficulties, folds: of instructions. gamed: features of the answers, (1610, 3). gamed_folds: their folds.
    gamed_sums: over each fold the sum of weight, preference and features, (5, 3).
    """

    difficulties: dict[str, float]
    folds: dict[str, int]
    gamed: np.ndarray
    gamed_folds: np.ndarray
    gamed_sums: np.ndarray


class Sample(NamedTuple):
    """What a fit is of. rows, gamed: features of N rows and G gamed answers, (N, 3) and (G, 3).

    preferences: of the rows. sums: of weight, preference and features of the gamed answers, (3,).
    """

    rows: np.ndarray
    preferences: np.ndarray
    gamed: np.ndarray
    sums: np.ndarray


def instruction_key(instruction: str) -> str:
    """Name an instruction as difficulties.json does."""
    return blake2b(instruction.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def is_known(instruction: str) -> bool:
    """Whether an instruction is AlpacaEval's, so that its difficulty is known."""
    return instruction_key(instruction) in published().difficulties


def length_controlled(rows: Sequence[Row], strength: float | None = None) -> np.ndarray:
    """Predict the preference for each answer as if it were as long as the reference's; 0 to 1.

    strength: C of the fit; None chooses it by cross-validation. Raises KeyError for an instruction that is
    not known.
    """
    known = published()
    keys = [instruction_key(row.instruction) for row in rows]
    differences = np.array([row.reference_length - row.length for row in rows])
    difficulties = np.array([known.difficulties[key] for key in keys])
    features = np.column_stack([length_feature(differences), difficulties, np.ones(len(rows))])
    preferences = np.array([row.preference for row in rows])
    sample = Sample(features, preferences, known.gamed, known.gamed_sums.sum(0))
    if strength is None:
        strength = chosen_strength(sample, np.array([known.folds[key] for key in keys]))
    weights = fitted(sample, strength, np.zeros(3))
    found: np.ndarray = _logistic(features[:, 1:] @ weights[1:])
    return found


def length_feature(differences: np.ndarray) -> np.ndarray:
    """Squash differences in length, in their standard deviations; 0 where they do not differ."""
    spread = differences.std(ddof=1) if len(differences) > 1 else 0.0
    return np.tanh(differences / spread) if spread else np.zeros(len(differences))


def chosen_strength(sample: Sample, folds: np.ndarray) -> float:
    """Choose C by the mean loss on each fold of a fit to the others; the smallest of equals."""
    losses = np.zeros(len(STRENGTHS))
    for fold in range(FOLDS):
        rest, held = _split(sample, folds, fold)
        weights = np.zeros(3)
        rows = len(held.rows) + len(held.gamed)
        for place, strength in enumerate(STRENGTHS):
            weights = fitted(rest, strength, weights)
            losses[place] += _loss(held, weights) / rows
    return STRENGTHS[int(losses.argmin())]


def _split(sample: Sample, folds: np.ndarray, fold: int) -> tuple[Sample, Sample]:
    """The sample without a fold, and that fold."""
    known = published()
    own, others = folds == fold, known.gamed_folds == fold
    sums = known.gamed_sums[fold]
    rows, preferences, gamed = sample.rows, sample.preferences, sample.gamed
    return (
        Sample(rows[~own], preferences[~own], gamed[~others], sample.sums - sums),
        Sample(rows[own], preferences[own], gamed[others], sums),
    )


def fitted(sample: Sample, strength: float, start: np.ndarray) -> np.ndarray:
    """Find the three weights of least loss + |weights| / C, by Newton steps from a start."""
    weights, penalty = start, 1.0 / strength
    for _ in range(MOST_STEPS):
        slope, curvature = _slopes(sample, weights)
        step = _penalised_step(weights, slope, curvature, penalty)
        weights = weights + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        if np.abs(step).max() < CLOSE:
            break
    return weights


def _penalised_step(
    weights: np.ndarray, slope: np.ndarray, curvature: np.ndarray, penalty: float
) -> np.ndarray:
    """Minimise the loss's parabola and the penalty, one weight after the other."""
    step = np.zeros(3)
    for _ in range(MOST_SWEEPS):
        before = step.copy()
        for place in range(3):
            bend = curvature[place, place]
            pull = slope[place] + curvature[place] @ step - bend * step[place]
            target = weights[place] - pull / bend
            kept = max(abs(target) - penalty / bend, 0.0)
            step[place] = np.sign(target) * kept - weights[place]
        if np.abs(step - before).max() < CLOSE / 10:
            break
    return step


def _loss(sample: Sample, weights: np.ndarray) -> float:
    """Cross-entropy of rows and gamed answers, in nats."""
    own, gamed = sample.rows @ weights, sample.gamed @ weights
    loss = (np.logaddexp(0, own) - sample.preferences * own).sum()
    return float(loss + GAMED_WEIGHT * np.logaddexp(0, gamed).sum() - sample.sums @ weights)


def _slopes(sample: Sample, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives of the loss."""
    rows, gamed = sample.rows, sample.gamed
    own, other = _logistic(rows @ weights), _logistic(gamed @ weights)
    slope = rows.T @ (own - sample.preferences) + GAMED_WEIGHT * gamed.T @ other - sample.sums
    bend = (rows.T * (own * (1 - own))) @ rows + GAMED_WEIGHT * (gamed.T * (other * (1 - other))) @ gamed
    # Of no row at all the third weight would have no curvature.
    return slope, bend + 1e-12 * np.eye(3)


def _logistic(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.exp(-np.logaddexp(0, -x))
    return found


@cache
def published() -> Published:
    """Read difficulties.json."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    rows = content["instructions"]
    difficulties, baseline, verbose, concise, *folds = np.array(list(rows.values()), dtype=float).T
    own_folds, *gamed_folds = (each.astype(int) for each in folds)
    gamed = [
        np.column_stack([length_feature(baseline - lengths), difficulties, np.zeros(len(rows))])
        for lengths in (verbose, concise)
    ]
    return Published(
        dict(zip(rows, difficulties.tolist(), strict=True)),
        dict(zip(rows, own_folds.tolist(), strict=True)),
        np.concatenate(gamed),
        np.concatenate(gamed_folds),
        np.array([[*sums, 0.0] for sums in content["gamed_sums"]]),
    )
