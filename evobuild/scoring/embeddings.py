"""Embed instructions by a model of sentence-transformers, one vector each.

The text of a row is its instruction and input with earlier turns, or the instruction alone; rows may share an
instruction and differ in their input. Source: Hui et al. 2024, arXiv:2412.11231, whose script embeds
instruction, newline and input.

Embeddings are cached by text, so each text is embedded once for all rows and pools. Texts of equal length in
tokens form batches of a fixed size, without padding: so a vector has the same bits whatever shares its batch.
A text beyond the model's maximum length is truncated at its end, by the model's own rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError
from types import TracebackType
from typing import Any, Self

import numpy as np
import polars as pl

from evobuild.core import tables
from evobuild.core.errors import UserError, require
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions
from evobuild.core.measures import EMBEDDING
from evobuild.core.sqlite_cache import MEASUREMENT_KIND, Measurements
from evobuild.core.table_writer import TableWriter
from evobuild.core.uri import Weights
from evobuild.models.workers import Measure, Task, Workers
from evobuild.process.progress import metered
from evobuild.scoring.clusters import Vectors
from evobuild.scoring.params import Embedded
from evobuild.weights import checkpoints, identities, sources
from evobuild.weights.equal_lengths import equal_lengths

EXTRA = "diversity"
DEFINITION = "embedding 3"
"""Part of the cache key; change it when batches change, so that older embeddings are not used."""
WINDOW = 1 << 16
"""Texts sorted by length together: more of them fill the batches better."""


def text_to_embed(row: Instruction, text: Embedded) -> str:
    """Return the text of a row to embed: all of it, or its instruction alone if it has one."""
    if text == "instruction" and row.instruction.strip():
        return row.instruction
    return join_texts((row.instruction, row.input), [content for _, content in row.history])


def texts_to_embed(table: Path, text: Embedded) -> Iterator[tuple[pl.Series, list[str]]]:
    """Yield ids of an instruction table, ascending, and the text of each row, in batches.

    Raises BadInput if the table cannot be read.
    """
    for rows in tables.batches(table, INSTRUCTIONS):
        yield rows["id"], [text_to_embed(row, text) for row in iterate_instructions(rows)]


def join_texts(asked: Sequence[str], history: Sequence[str]) -> str:
    """Join the texts of a conversation by newlines: the current ones first, then earlier turns.

    The latest turn comes first, because models truncate at the end: so they drop the beginning of a long
    conversation. Example: "Summarise.
    Rivers are long.
    Here are two.
    Name two rivers." Empty texts are left out.
    """
    return "\n".join(part for part in (*asked, *reversed(history)) if part.strip())


class Embedder:
    """A model behind cached embeddings; it is loaded at the first text that is not cached.

    Raises UserError if the model cannot be found or loaded, or its cache cannot be used.
    """

    def __init__(self, model: Weights) -> None:
        self._weights = model
        identity = partial(identities.measuring_identity, model)
        self._kept = Measurements(f"{DEFINITION} {identity()}")
        task = Task(f"the embedder '{model}'", partial(load_embedder, model), identity, len)
        self._workers: Workers[str, tuple[str, Vectors]] = Workers(task)

    def cache_embeddings(self, texts: Iterable[str]) -> None:
        """Embed texts that are not cached yet, and cache them, in batches."""
        left = iter(texts)
        while some := list(islice(left, WINDOW)):
            self._cache_batch(some)

    def _cache_batch(self, texts: list[str]) -> None:
        wanted = {self._kept.key(text): text for text in texts}
        found = self._kept.get_decoded(_decode_vector, list(wanted))
        fresh = {text: key for key, text in wanted.items() if key not in found}
        made = self._workers.measure(list(fresh))
        for text, vector in metered(made, "embed", "texts", len(fresh), kept=len(found)):
            self._kept.put(fresh[text], vector.tobytes())
        self._kept.flush()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts, one row each, in their order; without texts the result has no row."""
        self.cache_embeddings(texts)
        if not texts:
            return np.empty((0, 1), np.float32)
        keys = [self._kept.key(text) for text in texts]
        found = self._kept.get_decoded(_decode_vector, list(set(keys)))
        if len({vector.size for vector in found.values()}) > 1:
            raise UserError(
                f"{self._kept.file}: holds embeddings of several sizes by '{self._weights}'; "
                f"{MEASUREMENT_KIND.mend}"
            )
        return np.stack([found[key] for key in keys])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)
        self._kept.__exit__(kind, error, trace)


def embed_pool(
    embedder: Embedder, table: Path, text: Embedded, kept: TableWriter
) -> Iterator[tuple[pl.Series, Vectors]]:
    """Yield ids of an instruction table, ascending, with embeddings, in batches; also write them.

    kept: the table to write embeddings to. Raises BadInput if the instruction table cannot be read.
    """
    for ids, texts in texts_to_embed(table, text):
        vectors = embedder.embed(texts)
        kept.extend(embedding_table(ids, vectors))
        yield ids, vectors


def embedding_table(ids: pl.Series, vectors: Vectors) -> pl.DataFrame:
    """Build a table of embeddings."""
    return pl.DataFrame({"id": ids, "embedding": vectors}).cast(EMBEDDING.schema)


def load_embedder(weights: Weights) -> Measure[str, tuple[str, Vectors]]:
    """Load a model; return a function that yields texts with embeddings. Raises UserError if it fails."""
    model = _sentence_transformer(weights)

    def measure(texts: list[str]) -> Iterator[tuple[str, Vectors]]:
        lengths = [
            len(model.tokenizer(text, truncation=True, max_length=model.max_seq_length)["input_ids"])
            for text in texts
        ]
        for own, places in equal_lengths(lengths, getattr(model, "device", "cpu")):
            batch = [texts[place] for place in places]
            vectors = model.encode(batch, batch_size=len(batch), show_progress_bar=False).astype("<f4")
            yield from zip((texts[place] for place in own), vectors, strict=False)

    return measure


def _sentence_transformer(weights: Weights) -> Any:
    torch, library = require("torch", EXTRA), require("sentence_transformers", EXTRA)
    checkpoints.import_transformers()
    name, revision = sources.weights_source(weights)
    try:
        return library.SentenceTransformer(
            name,
            revision=revision,
            device="cuda" if torch.cuda.is_available() else "cpu",
            trust_remote_code=False,
            model_kwargs={"use_safetensors": checkpoints.safetensors_option(weights)},
        )
    except (OSError, ValueError, KeyError, RuntimeError, UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the embedder '{weights}' cannot be loaded: {reason}") from error


def _decode_vector(value: bytes) -> Vectors:
    """Decode a cached embedding. Raises ValueError if it is empty."""
    vector = np.frombuffer(value, "<f4")
    if not vector.size:
        raise ValueError("no numbers")
    return vector
