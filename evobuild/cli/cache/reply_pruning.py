"""Prune the reply cache: remove the replies of some models, or those that only made rejects.

A broken server may give useless replies that are no errors, such as empty ones. They are cached like any
other, and would make the same rejects in every run. Each reject has the reply that caused it: with these
removed, the next run calls the models again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import polars as pl

from evobuild.cli.cache.reply_archive import MoveCounts, model_numbers, open_existing_reply_cache
from evobuild.core import tables
from evobuild.core.cache_file import delete_rows
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


def read_reject_replies(address: str) -> frozenset[str]:
    """Read the replies of a stage's rejects, failed attempts included.

    address: the stage's name in DVC, "respond@r0". Raises UserError if it calls no model or wrote no rejects.
    """
    stage, _, name = address.partition("@")
    if stage not in ASKED:
        raise UserError(f"--rejected: {address!r} calls no model; choose from: {', '.join(ASKED)}")
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


def read_chat_identities(params: Path) -> frozenset[str]:
    """List the identities of the models of a params file's chat roles.

    Raises UserError if one of the models cannot be found, and so has no identity.
    """
    models = load_params(params, RoleParams).models
    return frozenset(registry.engine_identity(model) for model in chat_models(models).values())


def prune_replies(
    file: Path, models: Callable[[str], bool], drops: Callable[[bytes], bool] = lambda stored: True
) -> MoveCounts:
    """Remove stored replies that `drops` accepts, of models whose identity `models` accepts; shrink the file.

    Returns how many were removed, and how many are left.
    """
    with open_existing_reply_cache(file) as connection:
        # A model's own row stays: a process that has the cache open knows it by its number.
        removed = delete_rows(connection, reply_cache.KIND, model_numbers(connection, models), drops)
        left = connection.execute(f"SELECT count(*) FROM {reply_cache.KIND.table}").fetchone()[0]
    return MoveCounts(removed, left)


def says_only(stored: bytes, texts: Collection[str]) -> bool:
    """Whether each choice of a stored reply is one of some texts, thoughts aside."""
    try:
        reply = with_answer_alone(reply_cache.decode_reply(stored))
    except ValueError:
        return False
    return all((choice.text or choice.reasoning) in texts for choice in reply.choices)
