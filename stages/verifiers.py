"""Have functions written that check each constraint, and cases to try them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import Verifiers
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole


class AutoIF(StageParams):
    verifiers: Verifiers


class Models(StageParams):
    evolver: ChatRole


class Params(StageParams):
    random_seed: RandomSeed
    autoif: AutoIF
    models: Models

    def templates(self) -> tuple[str, ...]:
        return ("autoif/verifier.jinja",)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    constraints: Path = Path("data/{branch}/constraints.parquet")
    verifiers: Out = out("data/{branch}/verifiers.parquet", push=False)
    rejects: Out = out("data/rejects/verifiers-{branch}.parquet", push=False)
    counts: Out = out("data/counts/verifiers-{branch}.json", push=False)


STAGE = Stage(
    desc="Write functions that check each constraint, and cases to try them on.",
    after="augment",
    per="branches",
    asks="evolver",
    counts="replies with a function",
    prompts=("autoif/verifier.jinja",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif.records import CONSTRAINTS, VERIFIERS
    from evobuild.autoif.verifiers import Verifier, request_verifiers, verifier_metrics
    from evobuild.core import tables
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import REJECTS, Reject, ledger, warn_if_all_rejected
    from evobuild.models.client import Model

    settings = params.autoif.verifiers
    texts = dict(tables.read(args.constraints, CONSTRAINTS).select("id", "constraint").iter_rows())
    asked = len(texts) * settings.count
    with Model(params.models.evolver, "evolver", f"verifiers-{args.branch}", asked) as model:
        results = list(request_verifiers(texts, model, settings, params.random_seed))
    made = [each.made for each in results]
    kept = tables.frame(VERIFIERS, (each for each in made if isinstance(each, Verifier)))
    lost = tables.frame(REJECTS, (each for each in made if isinstance(each, Reject)))
    balance = ledger(asked, kept.height, lost)
    warn_if_all_rejected(f"{asked} verifiers were asked for", balance)
    tables.write(args.verifiers, kept)
    tables.write(args.rejects, lost)
    asked_of = [model.usage.asked()]
    write_json(args.counts, balance | verifier_metrics(results) | {"asked": asked_of})


if __name__ == "__main__":
    run_stage(main)
