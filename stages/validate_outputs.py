"""Hold what is made of the data set to `expectations/`: exports, replies to benchmarks, comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.contracts.output_params import OutputParams
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.stage import run_stage


@dataclass(frozen=True, kw_only=True)
class Arguments:
    expectations: Path = Path("expectations")
    evaluations: Path = Path("data/evaluation")
    comparisons: Path = Path("data/comparisons.parquet")
    exports: Path = Path("data/export")
    dataset: Path = Path("data/dataset.parquet")
    later: Path = Path("data/downstream")
    validation: Out = out("data/validation/outputs.json")


STAGE = Stage(
    desc="Hold exports, replies to benchmarks and comparisons to expectations/.",
    after="compare",
    libraries=("great_expectations",),
)


def main(params: OutputParams, args: Arguments) -> None:
    from evobuild.contracts.output_tables import Sources, output_tables
    from evobuild.contracts.validate import finish, validate_tables

    sources = Sources(args.evaluations, args.comparisons, args.exports, args.dataset, args.later)
    tables, parameters = output_tables(params, sources)
    found = validate_tables(tables, args.expectations, parameters)
    finish(found, "validate_outputs", args.validation)


if __name__ == "__main__":
    run_stage(main)
