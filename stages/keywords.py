"""Name the methods that the evolver lists in its replies by short phrases, and count those."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out, plot
from evobuild.core.params import RandomSeed, Rounds, StageParams
from evobuild.core.stage import run_stage
from evobuild.evolution.params import Keywords
from evobuild.models.params import ChatRole
from evobuild.process.terminal import log


class Models(StageParams):
    judge: ChatRole


class Params(StageParams):
    random_seed: RandomSeed
    keywords: Keywords
    rounds: Rounds
    models: Models

    def templates(self) -> tuple[str, ...]:
        return ("judge/method_keyword.jinja",) if self.keywords.rows else ()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    replies: Path = Path("data/replies")
    rounds: Path = Path("data/rounds")
    label: Path = Path("data/label.txt")
    keywords: Out = out("data/keywords.parquet", push=False)
    rejects: Out = out("data/rejects/keywords.parquet", push=False)
    counts: Out = out("data/counts/keywords.json", push=False)
    metrics: Out = out("metrics/keywords.json", cache=False)
    frequencies: Out = plot("metrics/keywords.csv")


STAGE = Stage(
    desc="Name the methods in the evolver's replies by short phrases, and count those.",
    after="evolve",
    asks="judge",
    plots={
        "metrics/keywords.csv": {
            "template": "bar_horizontal_sorted",
            "x": "count",
            "y": "keyword",
            "title": "Methods behind each keyword",
        }
    },
    prompts=("judge/method_keyword.jinja",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, metrics, tables
    from evobuild.core.json_files import write_json
    from evobuild.core.reasons import commonest_reasons
    from evobuild.core.rejects import REJECTS, Reject, ledger
    from evobuild.evolution.keywords import (
        KEYWORDS,
        Keyword,
        count_keywords,
        keyword_metrics,
        merge_plural_phrases,
        sample_method_lists,
        summarise_methods,
    )
    from evobuild.models.client import Model

    settings, names = params.keywords, list(params.rounds)
    drawn = []
    if settings.rows:
        drawn = sample_method_lists(
            names, replies=args.replies, rounds=args.rounds, count=settings.rows, seed=params.random_seed
        )
    lists = [each for each in drawn if each.methods]
    results: list[Keyword | Reject] = []
    used: list[dict[str, object]] = []
    if lists:
        total = sum(len(each.methods) for each in lists)
        with Model(params.models.judge, "judge", "keywords", total) as model:
            results = list(summarise_methods(lists, model, settings.sampling(params.random_seed)))
            used = [model.usage.asked()]
    else:
        log(f"none of {len(drawn)} replies lists methods: nothing to name")
    found = merge_plural_phrases(each for each in results if isinstance(each, Keyword))
    rejects = [each for each in results if isinstance(each, Reject)]
    lost = tables.frame(REJECTS, rejects)
    balance = ledger(sum(len(each.methods) for each in lists), len(found), lost)
    if lists and not found:
        # A figure to read beside the data set: it does not stop the line.
        log(f"none of {balance['in']} methods could be named: {commonest_reasons(balance['rejects'])}")
    tables.write(args.keywords, tables.frame(KEYWORDS, found))
    tables.write(args.rejects, lost)
    write_json(args.counts, balance | {"asked": used})
    metrics.write_metrics(args.metrics, keyword_metrics(drawn, [*found, *rejects], names), args.label)
    csv_files.write_csv(args.frequencies, count_keywords(found))


if __name__ == "__main__":
    run_stage(main)
