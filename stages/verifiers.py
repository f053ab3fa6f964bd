"""Have functions written that check each constraint, and cases to try them on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, constraints: Path, verifiers: Out, rejects: Out, counts: Out, usage: Out) -> None:
    from evobuild.autoif.records import CONSTRAINTS, VERIFIERS
    from evobuild.autoif.verifiers import Verifier, request_verifiers, verifier_figures
    from evobuild.core import tables
    from evobuild.models.client import Model

    settings = params.autoif.verifiers
    texts = dict(tables.read(constraints, CONSTRAINTS).select("id", "constraint").iter_rows())
    asked = len(texts) * settings.count
    with Model(params.models.evolver, "evolver", "verifiers", asked) as model:
        results = list(request_verifiers(texts, model, settings, params.random_seed))
    made = [each.made for each in results]
    kept = tables.frame(VERIFIERS, (each for each in made if isinstance(each, Verifier)))
    lost = tables.frame(tables.REJECTS, (each for each in made if isinstance(each, tables.Reject)))
    balance = tables.ledger(asked, kept.height, lost)
    tables.refuse_empty(f"{asked} verifiers were asked for", balance)
    tables.write(verifiers, kept)
    tables.write(rejects, lost)
    tables.write_json(counts, balance | verifier_figures(results))
    tables.write_json(usage, [model.usage.as_dict()])


if __name__ == "__main__":
    run(main, reads=("random_seed", "autoif.verifiers", "models.evolver"))
