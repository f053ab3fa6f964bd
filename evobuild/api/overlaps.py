"""Text that rows share with evaluation sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from evobuild.api.result import Rows, given_rows
from evobuild.api.settings import Folder, ModelName, section, surroundings, weights
from evobuild.contamination import evaluation_sets
from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.embedding_overlap import EmbeddingIndex
from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import Hit, hit_row
from evobuild.contamination.params import Decontaminate
from evobuild.core.tables import CONTAMINATION, frame
from evobuild.seeds.fields import Record


def find_contamination(
    rows: Rows,
    sets: Mapping[str, str | Path | Rows],
    *,
    ngrams: Sequence[int] = (13, 8),
    columns: Mapping[str, Sequence[str]] | None = None,
    embedder: ModelName | None = None,
    embedding: float = 0.9,
    cache: Folder = None,
) -> pl.DataFrame:
    """Find the rows that share text with evaluation sets, as the stage `decontaminate` does.

    sets: files by name, of any kind that `read_seeds` takes, or their rows. ngrams: so many adjacent words in
    common are a hit. columns: of a set whose columns are not known by name, the question first, then answers.
    embedder: a sentence embedder, by whose vectors questions whose cosine reaches `embedding` are alike, too.

    Gives a hit a row: `row`, the id; `set` and `place` of the question; `measure`, such as "13-gram";
    `overlap`, what is shared, normalised; `evaluation`, the question's text. `select` takes this table, and
    leaves the rows out. A common phrase is a hit as well: look at what is shared.

    Raises UserError naming the place where a set cannot be read. Source: Zeng et al. 2024, arXiv:2406.00770.

    >>> hits = find_contamination(
    ...     ["Say what the smallest prime number above one hundred is."],
    ...     {"mine": [{"question": "What is the smallest prime number above one hundred?"}]},
    ...     ngrams=[6],
    ... )
    >>> hits.select("set", "place", "measure", "overlap").row(0)
    ('mine', 'mine[0]', '6-gram', 'the smallest prime number above one hundred')
    """
    own = {name: list(names) for name, names in (columns or {}).items()}
    files = {name: str(given) if isinstance(given, str | Path) else "" for name, given in sets.items()}
    fixed = {"ngrams": list(ngrams), "embedding": embedding if embedder else None}
    params = section("decontaminate", Decontaminate, fixed | {"columns": own, "sets": files})
    found = given_rows(rows).rows
    kept: list[Hit] = []
    with surroundings(cache), ExitStack() as stack:
        model = None
        if embedder is not None:
            from evobuild.scoring.embeddings import Embedder

            model = stack.enter_context(Embedder(weights("embedder", embedder)))
        for name, given in sets.items():
            questions = _questions(name, given, own.get(name, ()))
            NgramIndex({name: questions}, params.ngrams).search(lambda: found, kept.append)
            if model is not None and params.embedding is not None:
                with EmbeddingIndex(name, questions, model, params.embedding) as index:
                    index.search(lambda: found, kept.append)
    return frame(CONTAMINATION, (hit_row("rows", hit) for hit in kept))


def _questions(name: str, given: str | Path | Rows, columns: Sequence[str]) -> list[Question]:
    if isinstance(given, str | Path):
        return evaluation_sets.read_evaluation_set(Path(given), columns)
    rows = given.to_dicts() if isinstance(given, pl.DataFrame) else given
    records: Iterable[Record] = ({"question": row} if isinstance(row, str) else dict(row) for row in rows)
    placed = ((f"{name}[{place}]", record) for place, record in enumerate(records))
    return list(evaluation_sets.questions_of(placed, columns))
