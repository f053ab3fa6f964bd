"""Sample several answers to each row of the branch; code checks them afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.answering.params import Rules
from evobuild.autoif.params import Sample
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole


class AutoIF(StageParams):
    sample: Sample


class Respond(StageParams):
    prompt: str
    rules: Rules


class Models(StageParams):
    responder: ChatRole


class Params(WritesTables):
    random_seed: RandomSeed
    autoif: AutoIF
    respond: Respond
    models: Models

    def templates(self) -> tuple[str, ...]:
        from evobuild.answering.response_prompt import response_template

        return (response_template(self.respond.prompt),) if self.autoif.sample.count else ()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    rows: Path = Path("data/{branch}/rows.parquet")
    answers: Out = out("data/{branch}/answers.parquet", push=False)
    rejects: Out = out("data/rejects/sample-{branch}.parquet", push=False)
    counts: Out = out("data/counts/sample-{branch}.json", push=False)


STAGE = Stage(
    desc="Answer each row of the branch several times.",
    after="compose",
    per="branches",
    asks="responder",
    counts="replies",
    prompts=("respond",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.answering.respond import Asking, sample_responses
    from evobuild.answering.response_prompt import response_template
    from evobuild.autoif import sample
    from evobuild.autoif.records import ANSWERS
    from evobuild.core.instructions import stream_instructions
    from evobuild.core.results import Results, leave_empty
    from evobuild.models.client import Model

    if not params.autoif.sample.count:
        leave_empty(ANSWERS, out=args.answers, rejects=args.rejects, counts=args.counts)
        return
    given = params.autoif.sample
    template, rules = response_template(params.respond.prompt), params.respond.rules
    asking = Asking(template, given.sampling(params.random_seed), rules)
    height, rows = stream_instructions(args.rows)
    results = Results(ANSWERS, out=args.answers, rejects=args.rejects, is_needed=False)
    asked = height * given.count
    with Model(params.models.responder, "responder", f"sample-{args.branch}", asked) as model:
        responses = sample_responses(rows, given.count, model, asking)
        results.add(map(sample.build_answer, responses))
    results.write(asked, args.counts, asked=[model.usage.asked()])


if __name__ == "__main__":
    run_stage(main)
