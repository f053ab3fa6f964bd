"""Judge the answers that keep their constraint, and give the pool with the best of each row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.autoif.quality import BranchTables, Quality
    from evobuild.core.params import Params


def _judged(params: Params, branch: BranchTables, task: str) -> tuple[list[Quality], list[dict[str, Any]]]:
    """The quality of each answer that keeps its constraint, and what it took; nothing if none is wanted."""
    from evobuild.autoif.quality import answers_that_keep, judge_answers
    from evobuild.core import tables
    from evobuild.core.chat import Sampling
    from evobuild.models.client import Model

    given, kept = params.autoif.quality, answers_that_keep(branch, params.autoif.answers.accuracy)
    if given.score is None or not kept:
        return [], []
    sampling = Sampling(given.temperature, given.top_p, given.max_tokens, seed=params.random_seed)
    rows = {row.id: row for row in tables.instructions(branch.rows)}
    with Model(params.models.judge, "judge", task, len(kept)) as model:
        return sorted(judge_answers(kept, rows, model, sampling)), [model.usage.as_dict()]


def main(
    params: Params,
    verified: Path,
    rows: Path,
    answers: Path,
    checks: Path,
    qualities: Out,
    pool: Out,
    exports: Out,
    rejects: Out,
    counts: Out,
    usage: Out,
) -> None:
    from evobuild.autoif.exports import export_branch
    from evobuild.autoif.quality import Bounds, BranchTables, make_pool, quality_figures
    from evobuild.autoif.records import ANSWERS, CHECKS, QUALITIES, VERIFIED
    from evobuild.autoif.verified import read_verified_constraints
    from evobuild.core import tables

    branch = BranchTables(
        tables.read(rows, tables.INSTRUCTIONS), tables.read(answers, ANSWERS), tables.read(checks, CHECKS)
    )
    judged, used = _judged(params, branch, f"quality-{qualities.parent.name}")
    responder = params.models.responder if params.autoif.answers.count else None
    bounds = Bounds(params.autoif.answers.accuracy, params.autoif.quality.score)
    found = make_pool(branch, judged, bounds, responder)
    ledger = tables.ledger(branch.rows.height, found.rows.height, found.rejects)
    tables.refuse_empty(f"{branch.rows.height} rows came in", ledger)
    constraints = {each.id: each for each in read_verified_constraints(tables.read(verified, VERIFIED))}
    left = list(tables.instructions(found.rows))
    export_branch(exports, left, constraints, found.pairs, params.models)
    tables.write(qualities, tables.frame(QUALITIES, judged))
    tables.write(pool, found.rows)
    tables.write(rejects, found.rejects)
    off = {} if responder else {"off": True}
    tables.write_json(counts, ledger | quality_figures(judged, found) | off)
    tables.write_json(usage, used)


if __name__ == "__main__":
    run(
        main,
        reads=(
            "random_seed",
            "autoif.answers",
            "autoif.quality",
            "models.evolver",
            "models.responder",
            "models.judge",
        ),
    )
