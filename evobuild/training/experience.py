"""The experienced scorer: the base, tuned briefly on a few rows of each kind, to score the others with.

The questions are clustered by what the base makes of them, the mean of its last hidden states. From each
cluster those rows are drawn whose question it finds neither easy nor hard among its like, evenly in
the order of their source. They are laid out for the tuning as they are for scoring.

Source: Cherry LLM, Li et al. 2023, arXiv:2308.12032, and its repository tianyi-lab/Cherry_LLM. It parts
a cluster by perplexity, exp(loss), which parts it alike.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evobuild.core.errors import BadInput, require
from evobuild.core.instructions import Instruction
from evobuild.core.reasons import NOT_DRAWN
from evobuild.core.rejects import Reject
from evobuild.core.uri import Weights
from evobuild.training import finetune
from evobuild.training.examples.labelling import label_pair
from evobuild.training.params import Experience
from evobuild.weights import checkpoints
from evobuild.weights.losses import Pair
from evobuild.weights.mean_states import read_mean_states
from evobuild.weights.tokenized_pairs import Template, tokenize_pairs

MOST_ROWS = 100_000
"""Maximum rows to read; of more rows, a sample is used: of a model with 4,096 states each takes 16 kB, and
twice as much
while they are clustered. The paper's are 52,002."""
STARTS = 10
"""Of k-means, of which the best counts: scikit-learn's default when the paper came out."""
NOT_FINITE = "loss not finite"


class Base(NamedTuple):
    """The model that is tuned, and how it is read: template and dtype as the stage `score` has them."""

    weights: Weights
    template: Template
    dtype: str


def train_experienced_model(
    rows: Sequence[Instruction], base: Base, params: Experience, seed: int, folder: Path
) -> tuple[int, list[Reject]]:
    """Tune a base on rows drawn from clusters, and save it with its tokenizer.

    Returns how many clusters there are, and the rows that it was not tuned on, with the reason.

    Raises BadInput if fewer rows than clusters can be read.
    """
    tokenizer = checkpoints.load_chat_tokenizer(base.weights)
    limit = min(params.max_length, checkpoints.read_context_length(base.weights))
    kept: list[Instruction] = []
    questions: list[array[int]] = []
    rejects: list[Reject] = []
    in_order = sorted(rows, key=lambda row: (row.seed_place, row.id))
    for row, found in zip(in_order, tokenize_pairs(tokenizer, base.template, in_order, limit), strict=True):
        if isinstance(found, Reject):
            rejects.append(found)
        else:
            kept.append(row)
            questions.append(array("i", found.both[: found.answer_start]))
    losses_N, states_N_H = _read_questions(questions, base)
    is_read_N = np.isfinite(losses_N) & np.isfinite(states_N_H).all(1)
    read = np.flatnonzero(is_read_N)
    # One copy at a time: these take the most memory.
    states_N_H = states_N_H[read]
    clusters_N = cluster(states_N_H, params.clusters, seed)
    drawn = read[draw_middle(losses_N[read], clusters_N, params)].tolist()
    pairs = tokenize_pairs(tokenizer, base.template, [kept[place] for place in drawn], limit)
    examples = [label_pair(pair, [tokenizer.eos_token_id], limit) for pair in pairs if isinstance(pair, Pair)]
    tuning = finetune.Tuning("experienced", base.weights, params.tuning(), seed)
    finetune.tune(finetune.Learnt(examples, [], tokenizer), tuning, folder)
    lost = {place: NOT_DRAWN if is_read_N[place] else NOT_FINITE for place in range(len(kept))}
    for place in drawn:
        del lost[place]
    rejects += [Reject(kept[place].id, reason, "", "") for place, reason in lost.items()]
    return len(np.unique(clusters_N)), rejects


def _read_questions(questions: Sequence[Sequence[int]], base: Base) -> tuple[np.ndarray, np.ndarray]:
    """Loss and mean state of each question. The model is let go of before another is tuned."""
    return read_mean_states(checkpoints.load_causal_lm(base.weights, base.dtype), questions)


def cluster(vectors_N_H: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Part vectors by k-means: the number of each one's cluster. Raises BadInput if they are fewer."""
    if len(vectors_N_H) < count:
        raise BadInput(
            f"r0 has {len(vectors_N_H)} rows that can be read, and experience.clusters is {count}; "
            "expected no more clusters than rows"
        )
    library, threads = require("sklearn.cluster", "train"), require("threadpoolctl", "train")
    # Several threads would add up in the order in which they finish.
    with threads.threadpool_limits(1):
        found = library.KMeans(count, n_init=STARTS, random_state=seed).fit(vectors_N_H)
    clusters_N: np.ndarray = found.labels_
    return clusters_N


def draw_middle(losses_N: np.ndarray, clusters_N: np.ndarray, params: Experience) -> np.ndarray:
    """Draw rows of middling loss from each cluster, evenly: their places, in order.

    All of a cluster that has fewer than params.rows; all of the middle of one whose middle has.
    Instance: losses 1 … 12 in one cluster, 3 rows, middle [0.25, 0.75] -> losses 4, 6, 8 of 4 … 9.
    """
    drawn = []
    for number in np.unique(clusters_N):
        places = np.flatnonzero(clusters_N == number)
        if len(places) >= params.rows:
            least, most = np.quantile(losses_N[places], params.middle)
            inside = places[(losses_N[places] >= least) & (losses_N[places] <= most)]
            places = inside[:: max(1, len(inside) // params.rows)][: params.rows]
        drawn.append(places)
    return np.sort(np.concatenate(drawn))
