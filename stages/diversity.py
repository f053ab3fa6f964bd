"""Measure how far each instruction is from the nearest other one of its pool, in all pools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out, plot
from evobuild.core.params import Pools, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.scoring.params import Diversity
from evobuild.weights.params import LIBRARIES, WeightsRole


class Models(StageParams):
    embedder: WeightsRole | None


class Params(WritesTables):
    pools: Pools
    diversity: Diversity
    models: Models


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rounds: Path = Path("data/rounds")
    label: Path = Path("data/label.txt")
    embeddings: Out = out("data/embeddings", push=False)
    diversity: Out = out("data/measures/diversity", push=False)
    rejects: Out = out("data/rejects/diversity.parquet", push=False)
    counts: Out = out("data/counts/diversity.json", push=False)
    metrics: Out = out("metrics/diversity.json", cache=False)
    histogram: Out = plot("metrics/diversity.csv")


STAGE = Stage(
    desc="Measure how far each instruction is from the nearest other one of its pool.",
    after="score",
    plots={
        "metrics/diversity.csv": {
            "x": "distance",
            "y": "share",
            "title": "Rows by the distance of the nearest other instruction",
        }
    },
    libraries=(*LIBRARIES, "faiss-cpu", "sentence-transformers"),
    locked=("packages.embedder",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, metrics, tables
    from evobuild.core.instructions import INSTRUCTIONS
    from evobuild.core.measures import EMBEDDING, measure_of
    from evobuild.core.results import AllPools
    from evobuild.core.table_writer import TableWriter
    from evobuild.scoring import distributions, diversity
    from evobuild.scoring.embeddings import Embedder, embed_pool, texts_to_embed
    from evobuild.weights.identities import weights_loaded

    model, schema = params.models.embedder, measure_of("diversity").schema
    given = params.diversity if model else None
    args.embeddings.mkdir()
    results = AllPools(schema, args.diversity, args.rejects)
    if model is None or given is None:
        for pool in params.pools:
            tables.write(args.embeddings / f"{pool}.parquet", EMBEDDING.schema.to_frame())
            results.write_empty(pool)
    else:
        pools = {pool: args.rounds / f"{pool}.parquet" for pool in params.pools}
        with Embedder(model) as embedder:
            # All at once: more of them have as many tokens as each other.
            embedder.cache_embeddings(
                text
                for table in pools.values()
                for _, texts in texts_to_embed(table, given.text)
                for text in texts
            )
            for pool, table in pools.items():
                kept = TableWriter(args.embeddings / table.name, EMBEDDING.schema)
                embedded = embed_pool(embedder, table, given.text, kept)
                height = tables.height(table, INSTRUCTIONS)
                results.add(pool, diversity.measure_diversity(embedded, given), height)
                kept.write()
    results.write(args.counts, loaded=weights_loaded("embedder", model))
    measured = params.pools if model else []
    far = {
        pool: tables.read(args.diversity / f"{pool}.parquet", schema, ["distance"])["distance"]
        for pool in measured
    }
    figures = diversity.diversity_metrics(far, str(model) if model else None, given)
    metrics.write_metrics(args.metrics, figures, args.label)
    csv_files.write_csv(args.histogram, distributions.pool_histogram(far, "distance", 0.0))


if __name__ == "__main__":
    run_stage(main)
