"""Judge the answers that keep their constraint, and give the pool with the best of each row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import BranchModels, Quality, Sample, Verify
from evobuild.core.conversation import PLAIN
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.core.uri import ChatModel


class AutoIF(StageParams):
    sample: Sample
    verify: Verify
    quality: Quality


class Params(WritesTables):
    random_seed: RandomSeed
    autoif: AutoIF
    models: BranchModels

    def templates(self) -> tuple[str, ...]:
        return (PLAIN, "judge/quality.jinja") if _is_judged(self.autoif) else (PLAIN,)


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
    qualities: Out = out("data/{branch}/qualities.parquet", push=False)
    pool: Out = out("data/rounds/{branch}.parquet", push=False)
    preferences: Out = out("data/preferences/{branch}.parquet", push=False)
    exports: Out = out("data/export_{branch}")
    rejects: Out = out("data/rejects/quality-{branch}.parquet", push=False)
    counts: Out = out("data/counts/quality-{branch}.json", push=False)


STAGE = Stage(
    desc="Judge the answers that keep their constraint, and give the pool with the best of each row.",
    after="verify",
    per="branches",
    asks="judge",
    prompts=("judge/quality.jinja", "respond/answer.jinja"),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif.candidates import Branch
    from evobuild.autoif.exports import export_branch
    from evobuild.autoif.quality import Bounds, Judging, judge_branch, make_pool
    from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES
    from evobuild.core.results import Results
    from evobuild.core.scratch import ScratchFolder
    from evobuild.core.table_writer import TableWriter

    responder = params.models.responder if params.autoif.sample.count else None
    bounds = Bounds(params.autoif.verify.accuracy, params.autoif.quality.score)
    judging = None
    if _is_judged(params.autoif):
        sampling = params.autoif.quality.sampling(params.random_seed)
        judging = Judging(params.models.judge, sampling, f"quality-{args.branch}")
    pool = Results(INSTRUCTIONS, out=args.pool, rejects=args.rejects, is_needed=False)
    pairs = TableWriter(args.preferences, PREFERENCES)
    with ScratchFolder() as folder:
        branch = Branch(args.rows, args.answers, args.checks, folder)
        judged, asked = judge_branch(branch, bounds.accuracy, judging, args.qualities)
        paired = make_pool(branch.iterate_rows(), bounds, responder, pool, pairs)
    off = {} if responder else {"off": True}
    pool.write(branch.height, args.counts, **judged, **paired, **off, asked=asked)
    pairs.write()
    export_branch(args.exports, args.pool, args.preferences, args.verified, _roles(params))


if __name__ == "__main__":
    run_stage(main)
