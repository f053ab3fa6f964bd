"""Ids as numbers, by which tables of ten million rows are held against each other in little memory."""

from __future__ import annotations

import polars as pl


def hashed(*columns: str) -> pl.Expr:
    """A number of 64 bits for the ids in some columns together.

    An id that is not among ten millions is taken for one of them with a chance of one in 10^12.
    """
    return pl.concat_str(columns).hash()
