"""Hold the data set, and every table that it is made of, to the expectations in `expectations/`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from evobuild.contracts.line_params import ValidateParams
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.stage import run_stage


@dataclass(frozen=True, kw_only=True)
class Arguments:
    expectations: Path = Path("expectations")
    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    measures: Path = Path("data/measures")
    contamination: Path = Path("data/contamination")
    preferences: Path = Path("data/preferences")
    dataset: Path = Path("data/dataset.parquet")
    counts: Path = Path("data/counts")
    rejects: Path = Path("data/rejects")
    validation: Out = out("data/validation/tables.json")


STAGE = Stage(
    desc="Hold the data set, and every table that it is made of, to expectations/.",
    after="select",
    libraries=("great_expectations", "py3langid"),
    locked=("revisions",),
)


def main(params: ValidateParams, args: Arguments) -> None:
    from evobuild.contracts.earlier import earlier_dataset
    from evobuild.contracts.line import line_tables
    from evobuild.contracts.pool_tables import Sources
    from evobuild.contracts.validate import finish, validate_tables

    sources = Sources(
        rounds=args.rounds,
        responses=args.responses,
        measures=args.measures,
        contamination=args.contamination,
        preferences=args.preferences,
        dataset=args.dataset,
        counts=args.counts,
        rejects=args.rejects,
    )
    against = params.contracts.against
    with earlier_dataset(against) if against else nullcontext() as earlier:
        tables, parameters = line_tables(params, sources, earlier)
    finish(validate_tables(tables, args.expectations, parameters), "validate", args.validation)


if __name__ == "__main__":
    run_stage(main)
