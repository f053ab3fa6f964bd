"""Measure how far each instruction is from the nearest other one of its pool, in all pools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    rounds: Path,
    embeddings: Out,
    diversity: Out,
    rejects: Out,
    counts: Out,
    metrics: Out,
    histogram: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.core.pools import AllPools
    from evobuild.scoring import distributions
    from evobuild.scoring import diversity as measures
    from evobuild.scoring.embeddings import Embedder, embedded_text

    model, given = params.models.embedder, params.diversity
    vectors, results = AllPools(tables.EMBEDDINGS, embeddings), AllPools(tables.DIVERSITY, diversity)
    if model is None:
        for pool in params.pools:
            vectors.leave(pool)
            results.leave(pool)
    else:
        texts: dict[str, dict[str, str]] = {}
        for pool in params.pools:
            rows = tables.read(rounds / f"{pool}.parquet", tables.INSTRUCTIONS).sort("id")
            texts[pool] = {row.id: embedded_text(row) for row in tables.instructions(rows)}
        with Embedder(model) as embedder:
            # All at once: more of them have as many tokens as each other.
            embedder.keep(text for own in texts.values() for text in own.values())
            for pool, own in texts.items():
                ids, found = list(own), embedder.embed(list(own.values()))
                tables.write(embeddings / f"{pool}.parquet", measures.embedding_table(ids, found))
                results.take(pool, measures.measure_diversity(ids, found, given), len(ids), may_be_empty=True)
    results.write(rejects, counts)
    pools = params.pools if model else []
    measured = {pool: tables.read(diversity / f"{pool}.parquet", tables.DIVERSITY) for pool in pools}
    far = {pool: rows["distance"] for pool, rows in measured.items()}
    tables.write_json(metrics, measures.diversity_figures(measured, str(model) if model else None, given))
    distributions.pool_histogram(far, "distance", 0.0).write_csv(histogram)


if __name__ == "__main__":
    run(main, reads=("pools", "diversity", "models.embedder"))
