"""Count the calls of the loop, and the rows that each method evolves with halving."""

from __future__ import annotations

from collections.abc import Iterator

from evobuild.evolution.params import Optimize


def halving_rungs(rows: int, methods: int, factor: int | None) -> Iterator[tuple[int, int]]:
    """Yield the rungs of successive halving: cumulative rows per method, and number of surviving methods.

    Each rung has about `factor` times the rows of the one before, for 1/factor of the methods; the last has
    all rows, for one method. Without a factor there is one rung, for all methods.

    Example: 50 rows, 5 methods, factor 2 -> (7, 3), (13, 2), (25, 1), (50, 1).
    """
    if factor is None:
        yield rows, methods
        return
    last = next(rung for rung in range(methods + 1) if factor**rung >= methods)
    for rung in range(last + 1):
        yield -(-rows // factor ** (last - rung)), -(-methods // factor ** (rung + 1))


def count_optimization_calls(params: Optimize, equal: bool, *, steps: int, rows: int | None = None) -> int:
    """Count the calls of some steps of the loop, without retries.

    equal: whether the judge checks equality. rows: of r0, of which at most half are used; None if there are
    enough.
    """
    drawn = params.pool if rows is None else min(params.pool, rows // 2)
    development, holdout = (min(wanted, drawn // 3) for wanted in (params.development, params.holdout))
    evolved = 1 + equal
    evaluated = evolved + 1
    # The judge rates each child and its parent.
    rated = evaluated + 2 * (params.difficulty_weight > 0)
    tried, left, done = 0, params.candidates, 0
    for until, kept in halving_rungs(development, params.candidates, params.halving):
        tried, left, done = tried + left * (until - done), kept, until
    begun = rated * development + evaluated * holdout
    batch = min(params.batch, max(0, drawn - development - holdout))
    cases = evolved * batch * params.trajectory_rounds
    step = cases + 2 * params.candidates + rated * tried + evaluated * holdout
    return begun + steps * step
