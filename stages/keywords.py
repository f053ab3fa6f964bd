"""Name the methods that the evolver lists in its replies by short phrases, and count those."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    replies: Path,
    rounds: Path,
    keywords: Out,
    rejects: Out,
    counts: Out,
    metrics: Out,
    frequencies: Out,
    usage: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.core.chat import Sampling
    from evobuild.evolution import keywords as phrases
    from evobuild.evolution.keywords import KEYWORDS, Keyword
    from evobuild.models.client import Model

    settings, names = params.keywords, list(params.rounds)
    drawn = phrases.draw_method_lists(
        names, replies=replies, rounds=rounds, count=settings.rows, seed=params.random_seed
    )
    lists = [each for each in drawn if each.methods]
    results: list[Keyword | tables.Reject] = []
    used: list[dict[str, object]] = []
    if lists:
        sampling = Sampling(
            settings.temperature, settings.top_p, settings.max_tokens, seed=params.random_seed
        )
        with Model(params.models.judge, "judge", "keywords", len(lists)) as model:
            results = list(phrases.summarise_methods(lists, model, sampling))
            used = [model.usage.as_dict()]
    else:
        log(f"none of {len(drawn)} replies lists methods: nothing to name")
    found = phrases.merge_plural_phrases(each for each in results if isinstance(each, Keyword))
    lost = tables.frame(tables.REJECTS, (each for each in results if isinstance(each, tables.Reject)))
    balance = tables.ledger(sum(len(each.methods) for each in lists), len(found), lost)
    if lists and not found:
        # A figure to read beside the data set: it does not stop the line.
        log(f"none of {balance['in']} methods could be named: {balance['rejects']}")
    tables.write(keywords, tables.frame(KEYWORDS, found))
    tables.write(rejects, lost)
    tables.write_json(counts, balance)
    tables.write_json(metrics, phrases.keyword_figures(drawn, found, names))
    phrases.count_keywords(found).write_csv(frequencies)
    tables.write_json(usage, used)


if __name__ == "__main__":
    run(main, reads=("random_seed", "keywords", "rounds", "models.judge"))
