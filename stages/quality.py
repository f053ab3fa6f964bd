"""Judge the answers that keep their constraint, and give the pool with the best of each row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.autoif.quality import Quality
    from evobuild.autoif.records import Answer
    from evobuild.core.params import Params
    from evobuild.core.tables import Instruction


def _judged(
    params: Params, kept: list[Answer], rows: dict[str, Instruction], task: str
) -> tuple[list[Quality], list[dict[str, Any]]]:
    """The quality of each answer, and what it took; nothing if none is wanted."""
    from evobuild.autoif.quality import judge
    from evobuild.core.chat import Sampling
    from evobuild.models.client import Model

    given = params.autoif.quality
    if given.score is None or not kept:
        return [], []
    sampling = Sampling(given.temperature, given.top_p, given.max_tokens, seed=params.random_seed)
    with Model(params.models.judge, "judge", task, len(kept)) as model:
        return sorted(judge(kept, rows, model, sampling)), [model.usage.as_dict()]


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
    from evobuild.autoif import exports as formats
    from evobuild.autoif import quality as measures
    from evobuild.autoif import verified as constraints
    from evobuild.autoif.records import ANSWERS, CHECKS, QUALITIES, VERIFIED, Answer, meets
    from evobuild.core import tables

    bounds = params.autoif.answers.accuracy, params.autoif.quality.score
    own = {row.id: row for row in tables.instructions(tables.read(rows, tables.INSTRUCTIONS))}
    given = [Answer._make(row) for row in tables.read(answers, ANSWERS).select(Answer._fields).iter_rows()]
    checked = tables.read(checks, CHECKS)
    accuracies = dict(checked.select("id", "accuracy").iter_rows())
    kept = [answer for answer in given if meets(bounds[0], accuracies[answer.id])]
    judged, used = _judged(params, kept, own, f"quality-{qualities.parent.name}")
    candidates = measures.candidates(given, accuracies, judged)
    responder = params.models.responder if params.autoif.answers.count else None
    found = [measures.result(row, candidates.get(row.id, []), *bounds, responder) for row in own.values()]
    left = [each for each in found if isinstance(each, tables.Instruction)]
    lost = tables.frame(tables.REJECTS, (each for each in found if isinstance(each, tables.Reject)))
    ledger = tables.ledger(len(own), len(left), lost)
    tables.refuse_empty(f"{len(own)} rows came in", ledger)
    refused = checked.filter(checked["verdicts"].list.contains("false"))["id"]
    pairs = measures.pairs(left, candidates, set(refused))
    by = constraints.of_table(tables.read(verified, VERIFIED))
    formats.export(exports, left, by, pairs, params.models)
    tables.write(qualities, tables.frame(QUALITIES, judged))
    tables.write(pool, tables.frame(tables.INSTRUCTIONS, left))
    tables.write(rejects, lost)
    unread = tables.count_reasons(each.reason for each in judged if each.reason)
    beside = {"judged": len(judged), "unread": unread, "pairs": len(pairs), "no_pair": len(left) - len(pairs)}
    off = {} if responder else {"off": True}
    tables.write_json(counts, ledger | beside | off)
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
