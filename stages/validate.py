"""Hold the data set, and every table that it is made of, to the expectations in `expectations/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.contracts.params import ValidateParams
from evobuild.core.stage import Out, out, run


@dataclass(frozen=True, kw_only=True)
class Arguments:
    expectations: Path = Path("expectations")
    dataset: Path = Path("data/dataset.parquet")
    validation: Out = out("data/validation/tables.json")


def main(params: ValidateParams, args: Arguments) -> None:
    from evobuild.contracts.expectations import Table
    from evobuild.contracts.params import parameters
    from evobuild.contracts.validate import finish, validate_tables
    from evobuild.core import tables

    given = [Table("dataset", tables.scan(args.dataset, tables.INSTRUCTIONS))]
    found = validate_tables(given, args.expectations, parameters(params.contracts))
    finish(found, "validate", args.validation)


if __name__ == "__main__":
    run(main)
