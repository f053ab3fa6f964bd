"""Drop constraints that contradict what their functions check, by a model of natural language inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params, checked: Path, backtranslations: Path, verified: Out, rejects: Out, counts: Out
) -> None:
    from evobuild.autoif import entailment
    from evobuild.autoif import verified as constraints
    from evobuild.autoif.records import BACKTRANSLATIONS, VERIFIED, BackTranslation
    from evobuild.core import tables

    rows, lost = tables.read(checked, VERIFIED), tables.frame(tables.REJECTS, [])
    texts = tables.read(backtranslations, BACKTRANSLATIONS)
    beside: dict[str, object] = {"off": True}
    if params.models.entailment is not None:
        given = map(BackTranslation._make, texts.select(BackTranslation._fields).iter_rows())
        found = entailment.drop_contradicted_constraints(
            constraints.read_verified_constraints(rows), given, params.models.entailment
        )
        lost = tables.frame(tables.REJECTS, (each for each in found if isinstance(each, tables.Reject)))
        without = rows.filter(~rows["id"].is_in(texts["constraint_id"].implode()))
        beside = {"not_compared": without.height}
    left = rows.filter(~rows["id"].is_in(lost["id"].implode()))
    ledger = tables.ledger(rows.height, left.height, lost)
    tables.refuse_empty(f"{rows.height} constraints came in", ledger)
    tables.write(verified, left)
    tables.write(rejects, lost)
    tables.write_json(counts, ledger | beside)


if __name__ == "__main__":
    run(main, reads=("models.entailment",))
