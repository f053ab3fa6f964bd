"""Fine-tune one base model on what was gathered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.conversation import PLAIN
from evobuild.core.declaration import Out, Stage, out, plot
from evobuild.core.params import RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.training.params import TRAINING, Bases, Finetune, settings_of_base, template_files
from evobuild.weights.params import LIBRARIES


class Params(StageParams):
    random_seed: RandomSeed
    bases: Bases
    finetune: Finetune

    def templates(self) -> tuple[str, ...]:
        return (PLAIN,)

    def named_files(self) -> tuple[str, ...]:
        return template_files(self.bases, self.finetune)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    base: str
    training: Path = Path("data/training.parquet")
    held_out: Path = Path("data/held_out.parquet")
    scratch: Path = Path("models/scratch")
    label: Path = Path("data/label.txt")
    tuned: Out = out("models/tuned/{base}")
    rejects: Out = out("data/downstream/rejects/finetune-{base}.parquet", push=False)
    counts: Out = out("data/downstream/counts/finetune-{base}.json", push=False)
    curve: Out = plot(
        "metrics/training/{base}.csv", x="step", y="loss", title="Loss of ${key} (nats per token)"
    )


STAGE = Stage(
    desc="Fine-tune the base ${key}.",
    after="gather",
    per="bases",
    keyed=("bases",),
    plots={
        "metrics/training": {
            "x": "step",
            "y": ["loss", "held_out_loss"],
            "y_label": "nats per labelled token",
            "title": "Loss (DRY RUN where models.responder is simulated)",
        },
        "dvclive/plots/metrics": {"x": "step"},
    },
    artifacts={
        "model": {
            "path": "models/tuned",
            "type": "model",
            "desc": "What each of `bases` was tuned to on the data set, a folder each.",
            "labels": ["instruction-tuning", "text-generation"],
        }
    },
    prompts=("respond/answer.jinja",),
    libraries=(*LIBRARIES, *TRAINING),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, tables
    from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES, iterate_instructions, preference_pairs
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import REJECTS, ledger
    from evobuild.training import finetune
    from evobuild.training.card.card import CardFacts, write_card
    from evobuild.training.running import kept
    from evobuild.training.tracking.curve import training_curve
    from evobuild.weights.identities import weights_identity

    settings = settings_of_base(params.bases, args.base, params.finetune)
    tuning = finetune.Tuning(args.base, params.bases[args.base].model, settings, params.random_seed)
    with kept.used():
        if settings.method == "dpo":
            pairs = list(preference_pairs(tables.read(args.training, PREFERENCES)))
            tuned, lost = finetune.prefer_answers(pairs, tuning, args.tuned)
        else:
            rows = list(iterate_instructions(tables.read(args.training, INSTRUCTIONS)))
            held_out = list(iterate_instructions(tables.read(args.held_out, INSTRUCTIONS)))
            tuned, lost = finetune.finetune_model(rows, held_out, tuning, args.tuned)
    table = tables.frame(REJECTS, lost)
    tables.write(args.rejects, table)
    counts = ledger(tuned.examples + len(lost), tuned.examples, table)
    write_json(args.counts, counts)
    csv_files.write_csv(args.curve, curve := training_curve(tuned.history))
    facts = CardFacts(
        name=args.base,
        base=tuning.base,
        identity=weights_identity(tuning.base),
        params=settings,
        random_seed=params.random_seed,
        data=args.training,
        rows=tuned.examples,
        rejects=counts["rejects"],
        tokens=tuned.tokens,
        curve=curve,
        label=args.label,
    )
    write_card(args.tuned, facts)


if __name__ == "__main__":
    run_stage(main)
