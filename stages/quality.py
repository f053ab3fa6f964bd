"""Judge the answers that keep their constraint, and give the pool with the best of each row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.autoif.params import BranchModels, Quality, Sample, Verify
from evobuild.core.params import Part, RandomSeed
from evobuild.core.stage import Out, out, run

if TYPE_CHECKING:
    from evobuild.autoif import quality
    from evobuild.autoif.records import Answer
    from evobuild.core.tables import Instruction


class AutoIF(Part):
    sample: Sample
    verify: Verify
    quality: Quality


class Params(Part):
    random_seed: RandomSeed
    autoif: AutoIF
    models: BranchModels


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    verified: Path = Path("data/{branch}/verified.parquet")
    rows: Path = Path("data/{branch}/rows.parquet")
    answers: Path = Path("data/{branch}/answers.parquet")
    checks: Path = Path("data/{branch}/checks.parquet")
    qualities: Out = out("data/{branch}/qualities.parquet")
    pool: Out = out("data/rounds/{branch}.parquet")
    exports: Out = out("data/export_{branch}")
    rejects: Out = out("data/rejects/quality-{branch}.parquet")
    counts: Out = out("data/counts/quality-{branch}.json")
    usage: Out = out("data/usage/quality-{branch}.json")


def _judged(
    params: Params, kept: list[Answer], rows: dict[str, Instruction], task: str
) -> tuple[list[quality.Quality], list[dict[str, Any]]]:
    """The quality of each answer, and what it took; nothing if none is wanted."""
    from evobuild.autoif import quality
    from evobuild.models.client import Model

    given = params.autoif.quality
    if given.score is None or not kept:
        return [], []
    with Model(params.models.judge, "judge", task, len(kept)) as model:
        judged = quality.judge(kept, rows, model, given.sampling(params.random_seed))
        return sorted(judged), [model.usage.as_dict()]


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif import exports, quality, verified
    from evobuild.autoif.records import ANSWERS, CHECKS, QUALITIES, VERIFIED, Answer, meets
    from evobuild.core import tables

    bounds = params.autoif.verify.accuracy, params.autoif.quality.score
    own = {row.id: row for row in tables.instructions(tables.read(args.rows, tables.INSTRUCTIONS))}
    answers = tables.read(args.answers, ANSWERS)
    given = [Answer._make(row) for row in answers.select(Answer._fields).iter_rows()]
    checked = tables.read(args.checks, CHECKS)
    accuracies = dict(checked.select("id", "accuracy").iter_rows())
    kept = [answer for answer in given if meets(bounds[0], accuracies[answer.id])]
    judged, used = _judged(params, kept, own, f"quality-{args.branch}")
    candidates = quality.candidates(given, accuracies, judged)
    responder = params.models.responder if params.autoif.sample.count else None
    found = [quality.result(row, candidates.get(row.id, []), *bounds, responder) for row in own.values()]
    left = [each for each in found if isinstance(each, tables.Instruction)]
    lost = tables.frame(tables.REJECTS, (each for each in found if isinstance(each, tables.Reject)))
    ledger = tables.ledger(len(own), len(left), lost)
    tables.refuse_empty(f"{len(own)} rows came in", ledger)
    refused = checked.filter(checked["verdicts"].list.contains("false"))["id"]
    pairs = quality.pairs(left, candidates, set(refused))
    by_constraint = {each.id: each for each in verified.of_table(tables.read(args.verified, VERIFIED))}
    exports.export(args.exports, left, by_constraint, pairs, params.models)
    tables.write(args.qualities, tables.frame(QUALITIES, judged))
    tables.write(args.pool, tables.frame(tables.INSTRUCTIONS, left))
    tables.write(args.rejects, lost)
    unread = tables.count_reasons(each.reason for each in judged if each.reason)
    beside = {"judged": len(judged), "unread": unread, "pairs": len(pairs), "no_pair": len(left) - len(pairs)}
    off = {} if responder else {"off": True}
    tables.write_json(args.counts, ledger | beside | off)
    tables.write_json(args.usage, used)


if __name__ == "__main__":
    run(main)
