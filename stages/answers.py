"""Answer each row of the branch several times; code checks the answers afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, rows: Path, answers: Out, rejects: Out, counts: Out, usage: Out) -> None:
    from evobuild.answering.respond import sample_responses
    from evobuild.autoif.answers import numbered_answer
    from evobuild.autoif.records import ANSWERS
    from evobuild.core import pools, tables
    from evobuild.core.chat import Sampling
    from evobuild.models.client import Model

    given = params.autoif.answers
    if not given.count:
        pools.leave(ANSWERS, answers, rejects, counts)
        tables.write_json(usage, [])
        return
    sampling = Sampling(given.temperature, given.top_p, given.max_tokens, seed=params.random_seed)
    table, results = tables.read(rows, tables.INSTRUCTIONS), tables.Results(ANSWERS)
    asked = table.height * given.count
    with Model(params.models.responder, "responder", f"answers-{answers.parent.name}", asked) as model:
        own = tables.instructions(table)
        responses = sample_responses(own, given.count, model, sampling, params.respond.rules)
        results.take(map(numbered_answer, responses))
    results.write(answers, rejects, counts, asked)
    tables.write_json(usage, [model.usage.as_dict()])


if __name__ == "__main__":
    run(main, reads=("random_seed", "autoif.answers", "respond.rules", "models.responder"))
