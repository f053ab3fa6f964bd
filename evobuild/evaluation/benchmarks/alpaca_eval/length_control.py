"""Compute AlpacaEval's length-controlled win rate: the win rate if all answers were as long as the
reference's.

A logistic regression of the preference on three features: tanh of the difference in length, in standard
deviations; the instruction's difficulty; and 1. The length-controlled preference is its prediction without
the first feature. Two answers of the reference model, prompted to be long and to be brief, are fitted too,
with a tenth of the weight, so that the fit does not attribute quality to length. The L1 penalty is one of
ten, chosen by cross-validation over five folds. Source: Dubois et al. 2024, arXiv:2404.04475, and
alpaca_eval's glm_winrate.py.

difficulties.json has the numbers that alpaca_eval downloads from the hub, with the source of each.
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
"""Weight of a row of the two answers that differ in length alone."""
FOLDS = 5
STRENGTHS = tuple(float(each) for each in np.logspace(-4, 4, 10))
"""Candidates for C, the inverse of the penalty: scikit-learn's default."""
MOST_STEPS, MOST_SWEEPS = 100, 200
LONGEST_STEP = 2.0
CLOSE = 1e-11


class JudgedAnswer(NamedTuple):
    """A judged answer. preference: from 0, the reference's, to 1. length, reference_length: characters."""

    instruction: str
    preference: float
    length: float
    reference_length: float


class PublishedData(NamedTuple):
    """Published data of the 805 instructions, by a hash, and of the gamed answers, two per instruction.

    difficulties, folds: of instructions. gamed: features of the answers, (1610, 3). gamed_folds: their folds.
    gamed_sums: sums over each fold of weight, preference and features, (5, 3).
    """

    difficulties: dict[str, float]
    folds: dict[str, int]
    gamed: np.ndarray
    gamed_folds: np.ndarray
    gamed_sums: np.ndarray


class FitSample(NamedTuple):
    """Data of a fit. rows, gamed: features of N rows and G gamed answers, (N, 3) and (G, 3).

    preferences: of the rows. sums: of weight, preference and features of the gamed answers, (3,).
    """

    rows: np.ndarray
    preferences: np.ndarray
    gamed: np.ndarray
    sums: np.ndarray


def instruction_key(instruction: str) -> str:
    """Hash an instruction to its key in difficulties.json."""
    return blake2b(instruction.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def is_known(instruction: str) -> bool:
    """Return whether an instruction is AlpacaEval's, so that its difficulty is known."""
    return instruction_key(instruction) in load_published().difficulties


def predict_length_controlled(rows: Sequence[JudgedAnswer], strength: float | None = None) -> np.ndarray:
    """Predict the preference for each answer, 0 to 1, as if it were as long as the reference's.

    Args:
        strength: C of the fit; None chooses it by cross-validation.

    Raises:
        KeyError: an instruction is unknown.
    """
    known = load_published()
    keys = [instruction_key(row.instruction) for row in rows]
    differences = np.array([row.reference_length - row.length for row in rows])
    difficulties = np.array([known.difficulties[key] for key in keys])
    features = np.column_stack([length_feature(differences), difficulties, np.ones(len(rows))])
    preferences = np.array([row.preference for row in rows])
    sample = FitSample(features, preferences, known.gamed, known.gamed_sums.sum(0))
    if strength is None:
        strength = choose_strength(sample, np.array([known.folds[key] for key in keys]))
    weights = fit_weights(sample, strength, np.zeros(3))
    found: np.ndarray = _logistic(features[:, 1:] @ weights[1:])
    return found


def length_feature(differences: np.ndarray) -> np.ndarray:
    """Squash differences in length, in units of their standard deviation; 0 if they are equal."""
    spread = differences.std(ddof=1) if len(differences) > 1 else 0.0
    return np.tanh(differences / spread) if spread else np.zeros(len(differences))


def choose_strength(sample: FitSample, folds: np.ndarray) -> float:
    """Choose C by the mean loss on each fold of a fit to the others; the smallest of equals."""
    losses = np.zeros(len(STRENGTHS))
    for fold in range(FOLDS):
        rest, held = _split(sample, folds, fold)
        weights = np.zeros(3)
        rows = len(held.rows) + len(held.gamed)
        for place, strength in enumerate(STRENGTHS):
            weights = fit_weights(rest, strength, weights)
            losses[place] += _loss(held, weights) / rows
    return STRENGTHS[int(losses.argmin())]


def _split(sample: FitSample, folds: np.ndarray, fold: int) -> tuple[FitSample, FitSample]:
    """Split the sample into the other folds and one fold."""
    known = load_published()
    own, others = folds == fold, known.gamed_folds == fold
    sums = known.gamed_sums[fold]
    rows, preferences, gamed = sample.rows, sample.preferences, sample.gamed
    return (
        FitSample(rows[~own], preferences[~own], gamed[~others], sample.sums - sums),
        FitSample(rows[own], preferences[own], gamed[others], sums),
    )


def fit_weights(sample: FitSample, strength: float, start: np.ndarray) -> np.ndarray:
    """Minimize loss + |weights| / C over the three weights, by Newton steps from a start."""
    weights, penalty = start, 1.0 / strength
    for _ in range(MOST_STEPS):
        slope, curvature = _slopes(sample, weights)
        step = _minimise_step(weights, slope, curvature, penalty)
        weights = weights + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        if np.abs(step).max() < CLOSE:
            break
    return weights


def _minimise_step(
    weights: np.ndarray, slope: np.ndarray, curvature: np.ndarray, penalty: float
) -> np.ndarray:
    """Minimize the quadratic model of the loss plus the penalty by coordinate descent."""
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


def _loss(sample: FitSample, weights: np.ndarray) -> float:
    """Compute the cross-entropy of rows and gamed answers, in nats."""
    own, gamed = sample.rows @ weights, sample.gamed @ weights
    loss = (np.logaddexp(0, own) - sample.preferences * own).sum()
    return float(loss + GAMED_WEIGHT * np.logaddexp(0, gamed).sum() - sample.sums @ weights)


def _slopes(sample: FitSample, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute gradient and Hessian of the loss."""
    rows, gamed = sample.rows, sample.gamed
    own, other = _logistic(rows @ weights), _logistic(gamed @ weights)
    slope = rows.T @ (own - sample.preferences) + GAMED_WEIGHT * gamed.T @ other - sample.sums
    bend = (rows.T * (own * (1 - own))) @ rows + GAMED_WEIGHT * (gamed.T * (other * (1 - other))) @ gamed
    # Without rows, the third weight has no curvature: keep the division defined.
    return slope, bend + 1e-12 * np.eye(3)


def _logistic(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.exp(-np.logaddexp(0, -x))
    return found


@cache
def load_published() -> PublishedData:
    """Read difficulties.json."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    rows = content["instructions"]
    difficulties, baseline, verbose, concise, *folds = np.array(list(rows.values()), dtype=float).T
    own_folds, *gamed_folds = (each.astype(int) for each in folds)
    gamed = [
        np.column_stack([length_feature(baseline - lengths), difficulties, np.zeros(len(rows))])
        for lengths in (verbose, concise)
    ]
    return PublishedData(
        dict(zip(rows, difficulties.tolist(), strict=True)),
        dict(zip(rows, own_folds.tolist(), strict=True)),
        np.concatenate(gamed),
        np.concatenate(gamed_folds),
        np.array([[*sums, 0.0] for sums in content["gamed_sums"]]),
    )
