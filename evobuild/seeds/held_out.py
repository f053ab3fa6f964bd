"""Choose held-out rows: whole near-duplicate groups, so that no training row is similar to them.

The turns of a conversation belong to one group too. A group is reserved if the lowest hash among its first
DECIDING rows is below a fixed bound. So adding rows does not move a held-out row into r0: its group can only
grow, and take rows of r0 with it. (The exception: in a group of more than DECIDING rows, rows inserted before
the deciding one.)

Arrays are over the rows that are kept: K of them.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from evobuild.core.draws import draw_values
from evobuild.core.errors import BadInput
from evobuild.seeds.clean import CleanedRows
from evobuild.seeds.params import Seed
from evobuild.text import minhash

DECIDING = 3
"""Rows of a group, the first in the source, that decide whether it is held out. At a share of 0.1 so are 0.1
of the single rows, 0.19 of the pairs, and 0.27 of all larger groups."""


def reserve_rows(rows: CleanedRows, params: Seed, seed: int) -> np.ndarray:
    """Choose the rows that are not for r0, of those that are kept: one group at least, and never all.

    Of all rows `held_out`; where only some are drawn, the part that the held-out rows are of both.

    Gives whether each is reserved, of all rows. Raises BadInput if all that are kept are one group.
    """
    kept_K = np.flatnonzero(rows.is_kept_N)
    conversation_K = np.concatenate([some["conversation"].to_numpy() for some in rows.kept(["conversation"])])
    group_K = _join_conversations(_near_duplicates(rows, params, seed, len(kept_K)), conversation_K)
    groups = _group_values(group_K, conversation_K, rows.ids.gather(kept_K), seed)
    if groups.height == 1:
        raise BadInput(
            f"nothing can be held out: all {len(kept_K)} distinct rows are near-duplicates or turns of one "
            "conversation; bring other rows, raise seed.near_duplicate, or set seed.held_out to 0"
        )
    share = params.held_out if params.rows is None else params.held_out / (1 + params.held_out)
    below = int((groups["value"] < share).sum())
    chosen = groups["group"].head(min(max(below, 1), groups.height - 1))
    is_reserved_N = np.zeros(len(rows), bool)
    is_reserved_N[kept_K] = np.isin(group_K, chosen)
    return is_reserved_N


def _near_duplicates(rows: CleanedRows, params: Seed, seed: int, count: int) -> np.ndarray:
    texts = (
        f"{instruction}\n{given}"
        for some in rows.kept(["instruction", "input"])
        for instruction, given in some.iter_rows()
    )
    return minhash.group_near_duplicates(texts, params.near_duplicate, seed, count)


def _join_conversations(group_K: np.ndarray, conversation_K: np.ndarray) -> np.ndarray:
    """Join the groups of all turns of a conversation. Groups are named by their first row."""
    order_K = np.argsort(conversation_K, kind="stable")
    is_next_turn = np.diff(conversation_K[order_K]) == 0
    one_T, other_T = order_K[:-1][is_next_turn], order_K[1:][is_next_turn]
    while True:
        low_T = np.minimum(group_K[one_T], group_K[other_T])
        high_T = np.maximum(group_K[one_T], group_K[other_T])
        if np.array_equal(low_T, high_T):
            return group_K
        group_K = group_K.copy()
        np.minimum.at(group_K, high_T, low_T)
        while not np.array_equal(group_K, nearer_K := group_K[group_K]):
            group_K = nearer_K


def _group_values(group_K: np.ndarray, conversation_K: np.ndarray, ids: pl.Series, seed: int) -> pl.DataFrame:
    """The lowest draw among the first rows of each group; a conversation has one draw, that of its last turn.

    It can but fall when rows join a group or it joins another. Of all rows of a large group nearly always one
    is low, so that it would nearly always be held out.

    Columns: group and value, sorted by value.
    """
    rows = pl.LazyFrame({"group": group_K, "conversation": conversation_K}).with_row_index("row")
    turns = pl.first("group"), pl.min("row").alias("first"), pl.max("row").alias("last")
    drawn = rows.group_by("conversation").agg(turns).sort("group", "first").collect(engine="streaming")
    at, is_new = pl.int_range(pl.len()), pl.col("group").ne_missing(pl.col("group").shift())
    deciding = drawn.filter(at - pl.when(is_new).then(at).forward_fill() < DECIDING)
    values = draw_values(seed, "held out", ids.gather(deciding["last"]))
    groups = deciding.select("group", value=values).group_by("group").agg(pl.min("value"))
    return groups.sort("value", "group")
