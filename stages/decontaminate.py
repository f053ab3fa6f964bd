"""Find the answered rows that share text with one evaluation set; selecting drops or keeps them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.contamination.params import Ngrams, SetColumns, Sets
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.errors import BadParams
from evobuild.core.params import Pools, Share, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.process.terminal import log
from evobuild.weights.params import LIBRARIES, WeightsRole

if TYPE_CHECKING:
    from evobuild.scoring.embeddings import Embedder


class Decontaminate(StageParams):
    ngrams: Ngrams
    sets: Sets
    columns: SetColumns
    embedding: Share | None


class Models(StageParams):
    embedder: WeightsRole | None


class Params(WritesTables):
    pools: Pools
    decontaminate: Decontaminate
    models: Models


@dataclass(frozen=True, kw_only=True)
class Arguments:
    name: str
    evaluation: Path = Path("${decontaminate.sets.{name}}")
    responses: Path = Path("data/responses")
    contamination: Out = out("data/contamination/{name}.parquet", push=False)
    counts: Out = out("data/counts/decontaminate-{name}.json", push=False)


def _embedder(params: Params, models: ExitStack) -> Embedder | None:
    if params.decontaminate.embedding is None:
        return None
    if params.models.embedder is None:
        raise BadParams("params.yaml: decontaminate.embedding is given, but models.embedder is null")
    from evobuild.scoring.embeddings import Embedder

    return models.enter_context(Embedder(params.models.embedder))


STAGE = Stage(
    desc="Find the answered rows that share text with the evaluation set ${key}.",
    after="tag",
    per="decontaminate.sets",
    keyed=("decontaminate.sets",),
    libraries=(*LIBRARIES, "sentence-transformers"),
    locked=("packages.embedder",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.contamination import evaluation_sets, hits, question_file
    from evobuild.contamination.decontaminate import NgramIndex
    from evobuild.contamination.embedding_overlap import EmbeddingIndex
    from evobuild.core.evaluation_tables import CONTAMINATION
    from evobuild.core.json_files import write_json
    from evobuild.core.table_writer import TableWriter

    given, name = params.decontaminate, args.name
    read = evaluation_sets.stream_evaluation_set(args.evaluation, given.columns.get(name, ()))
    table = TableWriter(args.contamination, CONTAMINATION)
    found = {}
    with question_file.open_question_file(read) as questions, ExitStack() as stack:
        by_ngrams, by_embedding = NgramIndex({name: questions}, given.ngrams), None
        embedder = _embedder(params, stack)
        if embedder is not None and given.embedding is not None:
            by_embedding = stack.enter_context(EmbeddingIndex(name, questions, embedder, given.embedding))
        for pool in params.pools:
            rows = hits.build_row_reader(args.responses / f"{pool}.parquet")
            keep = partial(hits.keep_hit, table, pool)
            found[pool] = by_ngrams.search(rows, keep)
            if by_embedding is not None:
                found[pool] = found[pool].together(by_embedding.search(rows, keep))
        write_json(args.counts, hits.count_hits(found, len(questions)))
    table.write()
    hit = sum(int(each.is_hit.sum()) for each in found.values())
    log(f"{hit} of {sum(len(each.is_hit) for each in found.values())} rows share text with {name}")


if __name__ == "__main__":
    run_stage(main)
