"""Tag instructions of all pools by a tagger (InsTag): complexity and diversity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    rounds: Path,
    tags: Out,
    rejects: Out,
    counts: Out,
    metrics: Out,
    histogram: Out,
    usage: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.core.chat import Sampling
    from evobuild.core.pools import AllPools
    from evobuild.models.client import Model
    from evobuild.scoring import tag as measures

    tagger, given, seed = params.models.tagger, params.tag, params.random_seed
    results, used = AllPools(tables.TAGS, tags), []
    if tagger is None:
        for pool in params.pools:
            results.leave(pool)
    else:
        sampling = Sampling(given.temperature, given.top_p, given.max_tokens, seed=seed)
        found, sizes = {}, {}
        with Model(tagger, "tagger", "tag") as model:
            for pool in params.pools:
                rows = tables.read(rounds / f"{pool}.parquet", tables.INSTRUCTIONS)
                drawn = measures.draw_rows_to_tag(rows["id"], given.rows, pool, seed)
                sizes[pool] = len(drawn), rows.height - len(drawn)
                own = (row for row in tables.instructions(rows) if row.id in drawn)
                found[pool] = list(measures.tag_rows(own, model, sampling))
            used = [model.usage.as_dict()]
        for pool, (taken, left) in sizes.items():
            results.take(pool, found[pool], taken, not_drawn=left)
    results.write(rejects, counts)
    pools = params.pools if tagger else []
    measured = {pool: tables.read(tags / f"{pool}.parquet", tables.TAGS) for pool in pools}
    tables.write_json(metrics, measures.tag_figures(measured, str(tagger) if tagger else None))
    measures.count_tags(measured).write_csv(histogram)
    tables.write_json(usage, used)


if __name__ == "__main__":
    run(main, reads=("random_seed", "pools", "tag", "models.tagger"))
