"""Answer every instruction of one pool; the seed's own answers are kept unless params say otherwise.

Answers that a branch has chosen are kept in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.answering.params import Respond
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole


class Models(StageParams):
    responder: ChatRole


class Params(WritesTables):
    random_seed: RandomSeed
    respond: Respond
    models: Models

    def templates(self) -> tuple[str, ...]:
        from evobuild.answering.response_prompt import response_template

        return (response_template(self.respond.prompt),)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    pool: str
    rows: Path = Path("data/rounds/{pool}.parquet")
    responses: Out = out("data/responses/{pool}.parquet", push=False)
    candidates: Out = out("data/candidates/{pool}.parquet", push=False)
    rejects: Out = out("data/rejects/respond-{pool}.parquet", push=False)
    counts: Out = out("data/counts/respond-{pool}.json", push=False)


STAGE = Stage(
    desc="Answer every instruction of ${key}.",
    after="quality",
    per="pools",
    asks="responder",
    prompts=("respond",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.answering.choice import CANDIDATES, choose_answers
    from evobuild.answering.respond import Asking, answer_rows, has_answer
    from evobuild.answering.response_prompt import response_template
    from evobuild.core import tables
    from evobuild.core.instructions import INSTRUCTIONS, iterate_instructions
    from evobuild.core.results import Results
    from evobuild.core.table_writer import TableWriter
    from evobuild.models.client import Model

    given = params.respond
    kept = has_answer(given.seed_answers)
    results = Results(INSTRUCTIONS, out=args.responses, rejects=args.rejects)
    rows = unanswered = 0
    for some in tables.batches(args.rows, INSTRUCTIONS):
        own = some.filter(kept)
        results.extend(own)
        rows, unanswered = rows + some.height, unanswered + some.height - own.height
    asked, candidates = [], TableWriter(args.candidates, CANDIDATES)
    if unanswered:
        parts = tables.batches(args.rows, INSTRUCTIONS)
        asking = Asking(response_template(given.prompt), given.sampling(params.random_seed), given.rules)
        calls = unanswered * given.samples
        with Model(params.models.responder, "responder", f"respond-{args.pool}", calls) as model:
            open_ = (row for some in parts for row in iterate_instructions(some.filter(~kept)))
            if given.samples == 1 and given.choose == "first":
                results.add(answer_rows(open_, model, asking))
            else:
                for chosen in choose_answers(open_, model, asking, given):
                    results.add([chosen.result])
                    for candidate in chosen.candidates:
                        candidates.append(candidate)
            asked = [model.usage.asked()]
    candidates.write()
    results.write(rows, args.counts, asked=asked)


if __name__ == "__main__":
    run_stage(main)
