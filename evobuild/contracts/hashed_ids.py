"""Hash ids to numbers, so that tables of ten million rows can be compared in little memory."""

from __future__ import annotations

import polars as pl


def hash_columns(*columns: str) -> pl.Expr:
    """A number of 64 bits for the ids in some columns together.

    The chance that an id collides with one of ten million others is about 10^-12.
    """
    return pl.concat_str(columns).hash()
