"""Measure how far each instruction is from the nearest other one of its pool, in all pools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.params import Part, Pools, WritesTables
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.scoring.params import Diversity
from evobuild.weights.params import WeightsRole


class Models(Part):
    embedder: WeightsRole | None


class Params(WritesTables):
    pools: Pools
    diversity: Diversity
    models: Models

    def reads(self, given: Given) -> Reads:
        if self.models.embedder is None:
            return Reads(only=("pools", "models.embedder"))
        return Reads(libraries=("faiss-cpu", "sentence-transformers"))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rounds: Path = Path("data/rounds")
    label: Path = Path("data/label.txt")
    embeddings: Out = out("data/embeddings")
    diversity: Out = out("data/diversity")
    rejects: Out = out("data/rejects/diversity.parquet")
    counts: Out = out("data/counts/diversity.json")
    metrics: Out = out("metrics/diversity.json")
    histogram: Out = out("metrics/diversity.csv")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, metrics, tables
    from evobuild.core.measures import measure_of
    from evobuild.core.pools import AllPools
    from evobuild.scoring import distributions, diversity
    from evobuild.scoring.embeddings import Embedder, embedded_text
    from evobuild.weights.identities import weights_loaded

    model, schema = params.models.embedder, measure_of("diversity").schema
    given = params.diversity if model else None
    args.embeddings.mkdir()
    results = AllPools(schema, args.diversity, args.rejects)
    if model is None or given is None:
        for pool in params.pools:
            tables.write(args.embeddings / f"{pool}.parquet", tables.EMBEDDINGS.to_frame())
            results.leave(pool)
    else:
        texts: dict[str, dict[str, str]] = {}
        for pool in params.pools:
            rows = tables.read(args.rounds / f"{pool}.parquet", tables.INSTRUCTIONS).sort("id")
            texts[pool] = {row.id: embedded_text(row, given.text) for row in tables.instructions(rows)}
        with Embedder(model) as embedder:
            # All at once: more of them have as many tokens as each other.
            embedder.keep(text for own in texts.values() for text in own.values())
            for pool, own in texts.items():
                ids, found = list(own), embedder.embed(list(own.values()))
                tables.write(args.embeddings / f"{pool}.parquet", diversity.embedding_table(ids, found))
                results.take(pool, diversity.measure_diversity(ids, found, given), len(ids))
    results.write(args.counts, loaded=weights_loaded("embedder", model))
    pools = params.pools if model else []
    measured = {pool: tables.read(args.diversity / f"{pool}.parquet", schema) for pool in pools}
    far = {pool: rows["distance"] for pool, rows in measured.items()}
    figures = diversity.diversity_figures(measured, str(model) if model else None, given)
    metrics.write_metrics(args.metrics, figures, args.label)
    csv_files.write_csv(args.histogram, distributions.pool_histogram(far, "distance", 0.0))


if __name__ == "__main__":
    run(main)
