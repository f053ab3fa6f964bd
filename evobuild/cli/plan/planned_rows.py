"""Plan how many rows each stage will get: counted if its inputs are current, else expected and at most.

Rows are counted where a table is current. Behind a stale stage they are expected by the share that the stage
kept in its last run here, else by `assumptions.KEPT`; at most all are kept. Rows grow from round to round
only by operations with several children.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cached_property
from pathlib import Path

from evobuild.cli.check.all_params import Params
from evobuild.cli.plan import assumptions
from evobuild.cli.plan.amounts import NONE, Amount, exact_amount, sum_amounts
from evobuild.cli.plan.seed_source import (
    SeedSource,
    count_source_rows,
    count_table_rows,
    read_source,
    read_table,
)
from evobuild.core.instructions import SEED_ROUND
from evobuild.core.stages import LAST_OF_BRANCH
from evobuild.evolution.strategies import count_per_row
from evobuild.process.run_journal import StageRun

R0 = Path(f"data/rounds/{SEED_ROUND}.parquet")
FEWEST = 20
"""Rows of an earlier run from which its kept share is taken."""


class PlannedRows:
    """Plans rows from params, stale stages, and the share that each stage kept in its last run."""

    def __init__(self, params: Params, stale: Set[str], runs: Mapping[str, StageRun]) -> None:
        self.params = params
        self._stale = stale
        self._runs = runs

    def expect_kept_share(self, stage: str, name: str = "") -> float:
        """Return the share of its rows that a stage is expected to keep."""
        run = self._runs.get(f"{stage}@{name}" if name else stage)
        if run and not run.off and run.rows_in is not None and run.rows_in >= FEWEST:
            return (run.rows_out or 0) / run.rows_in
        return assumptions.KEPT[stage]

    # Rounds and pools.

    @cached_property
    def _source(self) -> SeedSource:
        """Read r0 if it is current, else the seed data."""
        return read_table(R0) if self._has_seed else read_source(self.params.seed)

    @property
    def _has_seed(self) -> bool:
        return "seed" not in self._stale and R0.exists()

    @cached_property
    def _seed(self) -> Amount:
        there, drawn = self._source.rows, self.params.seed.rows
        if self._has_seed:
            return exact_amount(there or 0)
        if there is None:
            return exact_amount(drawn or 0)
        return exact_amount(there).scale_expected(1 - self.params.seed.held_out).limit_to(drawn)

    @property
    def held_out_rows(self) -> Amount:
        """Rows that the stage `seed` will hold out."""
        share = self.params.seed.held_out
        there, drawn = self._source.rows, self.params.seed.rows
        # Near duplicates stay on one side of the split, so more than the share may be held out.
        most = exact_amount(min(each for each in (there, drawn) if each) if there or drawn else 0)
        return most.scale_expected(share) if share else NONE

    def rows(self, pool: str) -> Amount:
        """Rows of a pool."""
        if pool == SEED_ROUND:
            return self._seed
        is_branch = pool in self.params.branches
        stage = f"{LAST_OF_BRANCH}@{pool}" if is_branch else f"evolve@{pool}"
        if there := self._count_current(stage, f"data/rounds/{pool}.parquet"):
            return there
        if is_branch:
            return self.count_composed(pool).scale_expected(self.expect_kept_share("quality", pool))
        expected, most = count_per_row(self.params.evolve, lambda operation: operation.traits.children)
        parents = self.rows(self.params.rounds[pool].parent)
        tried = Amount(parents.expected * expected, parents.most * most)
        return tried.scale_expected(self._estimate_child_share(pool))

    def _count_current(self, stage: str, table: str) -> Amount | None:
        """Count the rows of a table whose stage is current; None if it is stale or was not pulled."""
        is_there = stage not in self._stale and Path(table).exists()
        return exact_amount(count_table_rows(Path(table))) if is_there else None

    def _estimate_child_share(self, round_: str) -> float:
        """Estimate the share of parents that get a child."""
        given, kept = self.params.evolve, self.expect_kept_share("evolve", round_)
        if given.on_failure == "keep_parent":
            return 1.0
        return 1 - (1 - kept) ** (1 + given.retries) if given.on_failure == "retry" else kept

    def count_all(self) -> Amount:
        """Sum the rows of all pools."""
        return sum_amounts([self.rows(pool) for pool in self.params.pools])

    def text(self, pool: str) -> float:
        """Estimate the tokens of a pool's instructions, inputs included."""
        depth = 0
        while pool in self.params.rounds:
            depth, pool = depth + 1, self.params.rounds[pool].parent
        return self._source.text + assumptions.GROWTH * depth

    @property
    def unanswered_rows(self) -> Amount:
        """Rows of r0 that the responder answers."""
        rows = self.rows(SEED_ROUND)
        if self.params.respond.seed_answers != "keep":
            return rows
        share = self._source.unanswered
        return rows.scale_expected(share) if share or self._source.rows is None else NONE

    def count_selected(self) -> Amount:
        """Estimate the rows that `select` keeps: its share or count of rows with an answer."""
        given = self.params.select
        pools = given.list_pools(self.params.pools)
        there = sum_amounts([self._estimate_answered(pool) for pool in pools])
        seeds = self.rows(SEED_ROUND) if given.keep_seeds else NONE
        taken = there if given.share is None else there.times(given.share)
        most = -(-there.most * (given.share or 1) // 1)
        taken = Amount(taken.expected, int(most)).limit_to(given.count).plus(seeds)
        return Amount(min(taken.expected, there.expected), min(taken.most, there.most))

    def _estimate_answered(self, pool: str) -> Amount:
        """Estimate the rows with a usable answer."""
        keeps = pool == SEED_ROUND and self.params.respond.seed_answers == "keep"
        return self.rows(pool).scale_expected(
            1.0 if keeps or self.is_sampled(pool) else self.expect_kept_share("respond", pool)
        )

    # Branches.

    def is_sampled(self, pool: str) -> bool:
        """Whether a branch has sampled the answers of a pool itself."""
        return pool in self.params.branches and bool(self.params.autoif.sample.count)

    def count_constraints(self, branch: str) -> Amount:
        """Estimate the constraints that get verifiers: counted, else the seed's plus those to be invented."""
        if there := self._count_current(f"augment@{branch}", f"data/{branch}/constraints.parquet"):
            return there
        # Read bytes: the stage checks that it is valid text.
        seeds = len(Path(self.params.autoif.seeds).read_bytes().splitlines())
        given = self.params.autoif.augment
        return (
            exact_amount(given.rounds * given.count)
            .scale_expected(assumptions.KEPT["augment"])
            .plus(exact_amount(seeds))
        )

    def count_checked(self, branch: str) -> Amount:
        """Estimate the constraints that cross-checking keeps."""
        if there := self._count_current(f"crosscheck@{branch}", f"data/{branch}/checked.parquet"):
            return there
        drawn = self.params.autoif.crosscheck.constraints
        return self.count_constraints(branch).scale_expected(assumptions.KEPT["crosscheck"]).limit_to(drawn)

    def count_composed(self, branch: str) -> Amount:
        """Estimate the rows composed of constraints and queries."""
        if there := self._count_current(f"compose@{branch}", f"data/{branch}/rows.parquet"):
            return there
        given = self.params.autoif.compose
        asked = count_source_rows(Path(given.file)) if given.queries == "file" else self.rows(SEED_ROUND).most
        queries = min(given.count, given.count if asked is None else asked)
        return self.count_checked(branch).times(queries).limit_to(given.rows)

    def count_samples(self, branch: str) -> Amount:
        """Estimate the answers sampled for the rows of a branch."""
        return self.count_composed(branch).times(self.params.autoif.sample.count)
