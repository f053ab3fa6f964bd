"""Drop constraints that contradict what their functions check, by a model of natural language inference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.weights.params import LIBRARIES, WeightsRole


class Models(StageParams):
    entailment: WeightsRole | None


class Params(WritesTables):
    models: Models


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    checked: Path = Path("data/{branch}/checked.parquet")
    backtranslations: Path = Path("data/{branch}/backtranslations.parquet")
    verified: Out = out("data/{branch}/verified.parquet", push=False)
    rejects: Out = out("data/rejects/entailment-{branch}.parquet", push=False)
    counts: Out = out("data/counts/entailment-{branch}.json", push=False)


STAGE = Stage(
    desc="Drop constraints that contradict what their functions check.",
    after="backtranslate",
    per="branches",
    counts="constraints",
    libraries=(*LIBRARIES, "sentence-transformers"),
    locked=("packages.entailment",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif import entailment, verified
    from evobuild.autoif.records import BACKTRANSLATIONS, VERIFIED, BackTranslation
    from evobuild.core import tables
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import REJECTS, Reject, ledger, warn_if_all_rejected
    from evobuild.weights.identities import weights_loaded

    rows, lost = tables.read(args.checked, VERIFIED), tables.frame(REJECTS, [])
    texts = tables.read(args.backtranslations, BACKTRANSLATIONS)
    beside: dict[str, object] = {"off": True}
    if params.models.entailment is not None:
        given = map(BackTranslation._make, texts.select(BackTranslation._fields).iter_rows())
        found = entailment.drop_contradicted_constraints(
            verified.read_verified_constraints(rows), given, params.models.entailment
        )
        lost = tables.frame(REJECTS, (each for each in found if isinstance(each, Reject)))
        without = rows.filter(~rows["id"].is_in(texts["constraint_id"].implode()))
        loaded = weights_loaded("entailment", params.models.entailment)
        beside = {"not_compared": without.height, "loaded": loaded}
    left = rows.filter(~rows["id"].is_in(lost["id"].implode()))
    counts = ledger(rows.height, left.height, lost)
    warn_if_all_rejected(f"{rows.height} constraints came in", counts)
    tables.write(args.verified, left)
    tables.write(args.rejects, lost)
    write_json(args.counts, counts | beside)


if __name__ == "__main__":
    run_stage(main)
