"""How much an instruction helps a language model with its answer: IFD and its relatives."""

from __future__ import annotations

from typing import Any, Literal

from evobuild.api.result import Result, Rows, given_rows
from evobuild.api.settings import Folder, ModelName, section, surroundings, weights
from evobuild.core import tables
from evobuild.core.measures import measure_of
from evobuild.core.tables import Reject
from evobuild.scoring.params import Score
from evobuild.scoring.score import Scorer


def score_ifd(
    rows: Rows,
    scorer: ModelName,
    *,
    template: Literal["plain", "chat", "alpaca", "authors", "superfiltering"] = "plain",
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    max_length: int = 2048,
    cache: Folder = None,
    **settings: Any,
) -> Result:
    """Score answered rows by a causal language model, as the stage `score` does.

    Rows get the mean losses `loss_q`, `loss_a_given_q` and `loss_a`, in nats per token of the question, of
    the answer after it and of the answer alone; `ifd`, L(A|Q) / L(A); `ifd_ppl`, the same of perplexities;
    `ic_ifd`, L(A|Q) / (L(Q) · L(A)); and the tokens that these are over.

    scorer: a hub id, a folder, or {"uri": …, "adapter": <LoRA folder>}; it is loaded in this process.
    template: what stands around question and answer. max_length: tokens of both; a longer answer is cut. Rows
    without an output are rejects, as are those whose question leaves no room. settings: other keys of the
    section `score` of params.yaml.

    Raises UserError if the model cannot be found or loaded. Source: Li et al. 2024, arXiv:2308.12032 (IFD);
    Hui et al. 2024, arXiv:2412.11231 (IC-IFD).

    >>> rows = [{"instruction": "Name a colour.", "output": "Blue."}, {"instruction": "Name a fish."}]
    >>> scored = score_ifd(rows, "HuggingFaceTB/SmolLM2-135M")
    >>> scored.rows["ifd"][0] > 0, scored.rejects["reason"].to_list()
    (True, ['empty answer'])
    """
    fixed = {"template": template, "dtype": dtype, "max_length": max_length}
    params, given = section("score", Score, fixed | settings), given_rows(rows)
    with surroundings(cache), Scorer(weights("scorer", scorer), params) as model:
        found = list(model.score(given.rows))
    measure = measure_of("score")
    scores = (each for each in found if not isinstance(each, Reject))
    columns = tables.frame(measure.schema, scores).rename(measure.renamed)
    return given.measured(columns, (each for each in found if isinstance(each, Reject)))
