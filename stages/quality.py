"""Judge the answers that keep their constraint, and give the pool with the best of each row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.autoif.params import OFF, SWITCH, BranchModels, Quality, Sample, Switch, Verify
from evobuild.core.conversation import PLAIN
from evobuild.core.params import RandomSeed, WritesTables
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run

if TYPE_CHECKING:
    from evobuild.autoif.quality import BranchTables
    from evobuild.autoif.quality import Quality as Judged
    from evobuild.core.uri import ChatModel


class AutoIF(Switch):
    sample: Sample
    verify: Verify
    quality: Quality


class Params(WritesTables):
    random_seed: RandomSeed
    autoif: AutoIF
    models: BranchModels

    def reads(self, given: Given) -> Reads:
        if not self.autoif.on:
            return OFF
        counts = ("autoif.sample.count", "autoif.verify", "autoif.quality.score")
        always = (SWITCH, "tables", *counts, "models.evolver")
        judging = ("random_seed", "autoif.quality", "models.judge") if _is_judged(self.autoif) else ()
        answering = ("models.responder",) if self.autoif.sample.count else ()
        prompts = (PLAIN, "judge/quality.jinja") if _is_judged(self.autoif) else (PLAIN,)
        return Reads(only=(*always, *answering, *judging), prompts=prompts)


def _is_judged(given: AutoIF) -> bool:
    """Whether answers are judged: there are some, and a score is wanted of them."""
    return bool(given.sample.count and given.quality.score is not None)


def _roles(params: Params) -> dict[str, ChatModel]:
    """The models that play in the branch."""
    playing = {"evolver": True, "responder": params.autoif.sample.count, "judge": _is_judged(params.autoif)}
    return {role: getattr(params.models, role) for role, plays in playing.items() if plays}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    verified: Path = Path("data/{branch}/verified.parquet")
    rows: Path = Path("data/{branch}/rows.parquet")
    answers: Path = Path("data/{branch}/answers.parquet")
    checks: Path = Path("data/{branch}/checks.parquet")
    qualities: Out = out("data/{branch}/qualities.parquet")
    pool: Out = out("data/rounds/{branch}.parquet")
    preferences: Out = out("data/preferences/{branch}.parquet")
    exports: Out = out("data/export_{branch}")
    rejects: Out = out("data/rejects/quality-{branch}.parquet")
    counts: Out = out("data/counts/quality-{branch}.json")


def _judged(params: Params, branch: BranchTables, task: str) -> tuple[list[Judged], list[dict[str, Any]]]:
    """The quality of each answer that keeps its constraint, and what it took; nothing if none is wanted."""
    from evobuild.autoif.quality import answers_that_keep, judge_answers
    from evobuild.core import tables
    from evobuild.models.client import Model

    given, kept = params.autoif.quality, answers_that_keep(branch, params.autoif.verify.accuracy)
    if not _is_judged(params.autoif) or not kept:
        return [], []
    rows = {row.id: row for row in tables.instructions(branch.rows)}
    with Model(params.models.judge, "judge", task, len(kept)) as model:
        judged = judge_answers(kept, rows, model, given.sampling(params.random_seed))
        return sorted(judged), [model.usage.asked()]


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif.exports import export_branch
    from evobuild.autoif.quality import Bounds, BranchTables, make_pool, quality_figures
    from evobuild.autoif.records import ANSWERS, CHECKS, QUALITIES, VERIFIED
    from evobuild.autoif.verified import read_verified_constraints
    from evobuild.core import tables

    if not params.autoif.on:
        tables.leave_empty(tables.INSTRUCTIONS, out=args.pool, rejects=args.rejects, counts=args.counts)
        tables.write(args.qualities, QUALITIES.to_frame())
        tables.write(args.preferences, tables.PREFERENCES.to_frame())
        export_branch(args.exports, [], [], [], {})
        return
    branch = BranchTables(
        tables.read(args.rows, tables.INSTRUCTIONS),
        tables.read(args.answers, ANSWERS),
        tables.read(args.checks, CHECKS),
    )
    judged, used = _judged(params, branch, f"quality-{args.branch}")
    responder = params.models.responder if params.autoif.sample.count else None
    bounds = Bounds(params.autoif.verify.accuracy, params.autoif.quality.score)
    found = make_pool(branch, judged, bounds, responder)
    ledger = tables.ledger(branch.rows.height, found.rows.height, found.rejects)
    tables.warn_of_loss_of_all(f"{branch.rows.height} rows came in", ledger)
    constraints = read_verified_constraints(tables.read(args.verified, VERIFIED))
    left = list(tables.instructions(found.rows))
    export_branch(args.exports, left, constraints, found.pairs, _roles(params))
    tables.write(args.qualities, tables.frame(QUALITIES, judged))
    tables.write(args.pool, found.rows)
    tables.write(args.preferences, tables.preference_table(found.pairs))
    tables.write(args.rejects, found.rejects)
    off = {} if responder else {"off": True}
    tables.write_json(args.counts, ledger | quality_figures(judged, found) | off | {"asked": used})


if __name__ == "__main__":
    run(main)
