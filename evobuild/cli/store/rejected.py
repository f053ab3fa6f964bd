"""Replies that only made rejects, removed from the reply cache, so that a run asks for them anew.

A server that was broken may have given replies that are no errors and of no use, as empty ones. They are kept
like any other, and would make the same rejects in every further run. A reject has the reply that it was lost
by: those of the chat models that say just this are removed.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from evobuild.cli.store.archive import Moved, opened_reply_cache
from evobuild.core import tables
from evobuild.core.cache_segments import transaction
from evobuild.core.checksums import Key
from evobuild.core.errors import UserError
from evobuild.core.evolution_tables import FAILURES
from evobuild.core.params import load_params
from evobuild.core.rejects import REJECTS
from evobuild.core.stages import AFTER_SELECT, ASKED, file_stem
from evobuild.models import registry, reply_cache
from evobuild.models.params import RoleParams
from evobuild.models.reasoning import with_answer_alone
from evobuild.models.roles import chat_models

DATA = Path("data")
REMOVED = 10_000
"""Replies that one transaction removes: others need not wait for more."""


def rejected_texts(address: str) -> frozenset[str]:
    """The replies by which a stage lost rows, failed attempts at these included.

    address: what DVC calls it, "respond@r0". Raises UserError if it asks no model, or left no rejects.
    """
    stage, _, name = address.partition("@")
    if stage not in ASKED:
        raise UserError(f"--rejected: {address!r} asks no model; expected one of {', '.join(ASKED)}")
    folder = DATA / "downstream" / "rejects" if stage in AFTER_SELECT else DATA / "rejects"
    path = folder / f"{file_stem(stage, name)}.parquet"
    if not path.exists():
        known = sorted(each.stem.replace("-", "@", 1) for each in folder.glob(f"{stage}*.parquet"))
        here = ", ".join(known) or "no such stage"
        raise UserError(f"--rejected: {path} does not exist; there are rejects of: {here}")
    lost = tables.read(path, REJECTS, ["id", "reply"])
    texts = set(lost["reply"])
    failures = DATA / "failures" / f"{name}.parquet"
    if stage == "evolve" and failures.exists():
        of_lost = pl.col("row").is_in(lost["id"].implode())
        texts.update(tables.read(failures, FAILURES, ["reply"], where=of_lost)["reply"])
    return frozenset(texts)


def chat_identities(params: Path) -> frozenset[str]:
    """Name the models of the chat roles of a params file. Raises UserError if one cannot be found."""
    models = load_params(params, RoleParams).models
    return frozenset(registry.engine_identity(model) for model in chat_models(models).values())


def prune_rejected(file: Path, texts: Collection[str], models: Collection[str]) -> Moved:
    """Remove the replies of some models all of whose choices say one of some texts; give their space back.

    Returns how many were removed, and how many are left.
    """
    with opened_reply_cache(file) as connection:
        segments = reply_cache.KIND.segments(connection)
        marks = ",".join("?" * len(models))
        found: list[Key] = []
        for key, _, stored, _ in reply_cache.replies_by_key(
            connection, f"identity IN ({marks})", sorted(models)
        ):
            if _says_only(stored, texts):
                found.append(key)
        removed = 0
        for start in range(0, len(found), REMOVED):
            with transaction(connection, "BEGIN IMMEDIATE"):
                removed += segments.delete(found[start : start + REMOVED])
        if removed:
            segments.give_space_back()
        left = sum(each.values for each in segments.counts())
    return Moved(removed, left)


def _says_only(stored: bytes, texts: Collection[str]) -> bool:
    try:
        reply = with_answer_alone(reply_cache.decode_reply(stored))
    except ValueError:
        return False
    return all((choice.text or choice.reasoning) in texts for choice in reply.choices)
