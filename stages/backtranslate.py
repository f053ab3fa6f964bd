"""Say in words what the best functions of each constraint check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import Backtranslate
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole


class AutoIF(StageParams):
    backtranslate: Backtranslate


class Models(StageParams):
    evolver: ChatRole


class Params(StageParams):
    random_seed: RandomSeed
    autoif: AutoIF
    models: Models

    def templates(self) -> tuple[str, ...]:
        return ("autoif/backtranslate.jinja",) if self.autoif.backtranslate.functions else ()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    checked: Path = Path("data/{branch}/checked.parquet")
    backtranslations: Out = out("data/{branch}/backtranslations.parquet", push=False)
    rejects: Out = out("data/rejects/backtranslate-{branch}.parquet", push=False)
    counts: Out = out("data/counts/backtranslate-{branch}.json", push=False)


STAGE = Stage(
    desc="Say in words what each function checks.",
    after="crosscheck",
    per="branches",
    asks="evolver",
    counts="functions",
    prompts=("autoif/backtranslate.jinja",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif import backtranslate, verified
    from evobuild.autoif.records import BACKTRANSLATIONS, VERIFIED
    from evobuild.core import tables
    from evobuild.core.results import Results, leave_empty
    from evobuild.models.client import Model

    if not params.autoif.backtranslate.functions:
        leave_empty(BACKTRANSLATIONS, out=args.backtranslations, rejects=args.rejects, counts=args.counts)
        return
    given = params.autoif.backtranslate
    asked = backtranslate.functions_to_translate(
        verified.read_verified_constraints(tables.read(args.checked, VERIFIED)), given.functions
    )
    files = {"out": args.backtranslations, "rejects": args.rejects}
    results = Results(BACKTRANSLATIONS, **files, is_needed=False)
    with Model(params.models.evolver, "evolver", f"backtranslate-{args.branch}", len(asked)) as model:
        results.add(backtranslate.backtranslate_functions(asked, model, given.sampling(params.random_seed)))
    results.write(len(asked), args.counts, asked=[model.usage.asked()])


if __name__ == "__main__":
    run_stage(main)
