"""Find the answered rows that share text with one evaluation set; selecting drops or keeps them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.contamination.params import Ngrams, SetColumns, Sets
from evobuild.core.errors import BadParams
from evobuild.core.params import Part, Pools, Share, WritesTables
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.core.terminal import log
from evobuild.weights.params import WeightsRole

if TYPE_CHECKING:
    from evobuild.scoring.embeddings import Embedder


class Decontaminate(Part):
    ngrams: Ngrams
    sets: Sets
    columns: SetColumns
    embedding: Share | None


class Models(Part):
    embedder: WeightsRole | None


class Params(WritesTables):
    pools: Pools
    decontaminate: Decontaminate
    models: Models

    def reads(self, given: Given) -> Reads:
        own = self.decontaminate
        names = [f"columns.{name}" for name in own.columns if name != given.name]
        names += [f"sets.{name}" for name in own.sets if name != given.name]
        unused = [f"decontaminate.{name}" for name in names]
        if own.embedding is None:
            return Reads(unused=(*unused, "models.embedder"), libraries=("numpy",))
        return Reads(unused=tuple(unused), libraries=("sentence-transformers",))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    name: str
    evaluation: Path = Path("${decontaminate.sets.{name}}")
    responses: Path = Path("data/responses")
    contamination: Out = out("data/contamination/{name}.parquet")
    counts: Out = out("data/counts/decontaminate-{name}.json")


def _embedder(params: Params, models: ExitStack) -> Embedder | None:
    if params.decontaminate.embedding is None:
        return None
    if params.models.embedder is None:
        raise BadParams("params.yaml: decontaminate.embedding is given, but models.embedder is null")
    from evobuild.scoring.embeddings import Embedder

    return models.enter_context(Embedder(params.models.embedder))


def main(params: Params, args: Arguments) -> None:
    from evobuild.contamination import embedding_overlap, evaluation_sets, hits
    from evobuild.contamination.decontaminate import NgramIndex
    from evobuild.core import tables

    given, name = params.decontaminate, args.name
    questions = evaluation_sets.read_evaluation_set(args.evaluation, given.columns.get(name, ()))
    index = NgramIndex({name: questions}, given.ngrams)
    found = {}
    with ExitStack() as models:
        embedder = _embedder(params, models)
        for pool in params.pools:
            _, rows = tables.stream(args.responses / f"{pool}.parquet")
            found[pool] = index.search(rows)
            if embedder is not None and given.embedding is not None:
                _, again = tables.stream(args.responses / f"{pool}.parquet")
                alike = embedding_overlap.find_embedding_hits(
                    again, name, questions, embedder, given.embedding
                )
                found[pool] = found[pool].together(alike)
    tables.write(args.contamination, hits.hit_table(found))
    tables.write_json(args.counts, hits.count_hits(found, len(questions)))
    hit = len({hit.row for each in found.values() for hit in each.hits})
    log(f"{hit} of {sum(each.rows for each in found.values())} rows share text with {name}")


if __name__ == "__main__":
    run(main)
