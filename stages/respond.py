"""Answer every instruction of one pool; the seed's own answers are kept unless params say otherwise.

Answers that a branch has chosen are kept in any case.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, pool: Path, responses: Out, rejects: Out, counts: Out, usage: Out) -> None:
    from evobuild.answering.respond import answer_rows
    from evobuild.core import tables
    from evobuild.core.chat import Sampling
    from evobuild.models.client import Model

    sampling = Sampling(
        params.respond.temperature, params.respond.top_p, params.respond.max_tokens, seed=params.random_seed
    )
    rows = tables.read(pool, tables.INSTRUCTIONS)
    of_responder = rows["responder"] != ""
    kept = (rows["output"] != "") & (of_responder | (params.respond.seed_answers == "keep"))
    unanswered = rows.filter(~kept)
    results = tables.Results(tables.INSTRUCTIONS)
    results.take(tables.instructions(rows.filter(kept)))
    with Model(params.models.responder, "responder", f"respond-{pool.stem}", unanswered.height) as model:
        results.take(answer_rows(tables.instructions(unanswered), model, sampling, params.respond.rules))
    results.write(responses, rejects, counts, rows.height)
    tables.write_json(usage, [model.usage.as_dict()])


if __name__ == "__main__":
    run(main, reads=("random_seed", "respond", "models.responder"))
