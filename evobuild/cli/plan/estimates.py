"""What one stale stage would ask of its models: calls, tokens, seconds, cost, counted or bounded.

A stage whose inputs are current is run with its calls only counted, so its figures are exact, but for
tokens that a model has yet to write. A stage behind a stale one gets a bound: rows never grow from
round to round.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import itertools
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, redirect_stderr, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from evobuild.cli.check.params import PARAMS, Params
from evobuild.core import machine
from evobuild.core.errors import BadInput
from evobuild.core.params import load_params
from evobuild.core.stage import Out, argument_kinds, params_schema, stage_arguments
from evobuild.core.stages import ASKED, LAST_OF_BRANCH, OF_BRANCHES
from evobuild.core.tables import SEED_ROUND
from evobuild.evolution import optimization_calls
from evobuild.evolution.keywords import MOST_METHODS
from evobuild.models import planning, progress, usage_journal
from evobuild.models.usage import Usage
from evobuild.seeds import formats

if TYPE_CHECKING:
    from dvc.stage import Stage

GUESSED_COMPLETION = 300
"""Tokens of a reply, where none has been measured yet."""
GUESSED_PROMPT = 400

_ASKING_STEPS = frozenset(step.name for step in OF_BRANCHES if step.asks)


@dataclass(frozen=True)
class Estimate:
    """What one stale stage would ask. calls and stored are None where nothing is asked of a chat model.

    exact: calls are counted, not bounded. measured: tokens come from earlier replies, not a guess.
    seconds: None where no earlier run tells; cost: None where no price is known.
    """

    stage: str
    calls: int | None = None
    stored: int | None = None
    exact: bool = True
    tokens: int | None = None
    measured: bool = True
    seconds: float | None = None
    cost: float | None = None


class Estimator:
    """Knows the params, what earlier replies were like, and how many rows a stage may get."""

    def __init__(
        self, values: Params, settings: machine.Machine, stale: set[str], params: Path = PARAMS
    ) -> None:
        self._params = values
        self._file = params
        self._machine = settings
        self._averages = average_replies(usage_journal.read_runs(progress.FOLDER))
        self._stale = stale

    def estimate(self, stage: Stage, fresh: bool) -> Estimate:
        """Estimate one stale stage."""
        name, _, key = str(stage.addressing).partition("@")
        if name not in ASKED:
            return Estimate(stage.addressing)
        model = getattr(self._params.models, ASKED[name])
        if fresh:
            usages = count_calls(name, stage.cmd, self._file)
            # What a real model would reply is not known, nor then what would be asked next.
            if not self._asks_by_replies(name) or all(use.model.startswith("simulated:") for use in usages):
                return self._priced(Estimate(stage.addressing, *_sums(usages)), usages)
        calls = self._bound(name, key)
        bound = Estimate(stage.addressing, calls, None, exact=False)
        return self._priced(bound, [Usage(str(model), ASKED[name])])

    def _asks_by_replies(self, name: str) -> bool:
        """Whether a stage decides by one reply what it asks next."""
        evolve = self._params.evolve
        return (
            name == "optimize"
            or (name == "augment" and self._params.autoif.augment.examples != "seeds")
            or (name == "evolve" and (evolve.on_failure == "retry" or evolve.failures.equal))
        )

    def _bound(self, name: str, key: str) -> int | None:
        """Calls of a stage at most."""
        if name in _ASKING_STEPS:
            return self._branched(name, key)
        bounds: dict[str, Callable[[], int]] = {
            "optimize": self._optimized,
            "evolve": lambda: self._evolved(key),
            "keywords": lambda: MOST_METHODS * self._params.keywords.rows * len(self._params.rounds),
            "tag": self._tagged,
            "rate": lambda: len(self._params.rate.measures) * self._rows(key),
            "respond": lambda: self._answered(key),
        }
        return bounds[name]()

    def _optimized(self) -> int:
        evolve = self._params.evolve
        if (evolve.strategy, evolve.method) != ("auto", "optimized"):
            return 0
        return optimization_calls.most_optimization_calls(self._params.optimize, evolve.failures.equal)

    def _evolved(self, round_: str) -> int:
        evolve = self._params.evolve
        attempts = 1 + (evolve.retries if evolve.on_failure == "retry" else 0)
        return self._rows(self._params.rounds[round_].parent) * attempts * (1 + evolve.failures.equal)

    def _answered(self, pool: str) -> int:
        """Rows that respond asks about: none of a branch that has sampled answers itself."""
        sampled = pool in self._params.branches and self._params.autoif.sample.count
        return 0 if sampled else self._rows(pool)

    def _branched(self, step: str, branch: str) -> int:
        """Calls of a step of a branch at most: every step before it may let all through."""
        given = self._params.autoif
        if step == "augment":
            return given.augment.rounds
        if step == "verifiers":
            return given.verifiers.count * self._constraints(branch)
        if step == "backtranslate":
            return given.backtranslate.functions * self._checked(branch)
        if step == "quality" and given.quality.score is None:
            return 0
        return given.sample.count * self._composed(branch)

    def _constraints(self, branch: str) -> int:
        """Constraints to write verifiers for: as many as there are, or as are given and asked for."""
        if f"augment@{branch}" not in self._stale:
            return _height(f"data/{branch}/constraints.parquet")
        # Bytes: whether it is text is for the stage to say.
        seeds = Path(self._params.autoif.seeds).read_bytes().splitlines()
        given = self._params.autoif.augment
        return len(seeds) + given.rounds * given.count

    def _checked(self, branch: str) -> int:
        """Constraints that cross-checking leaves."""
        if f"crosscheck@{branch}" not in self._stale:
            return _height(f"data/{branch}/checked.parquet")
        drawn = self._params.autoif.crosscheck.constraints
        return min(drawn or sys.maxsize, self._constraints(branch))

    def _composed(self, branch: str) -> int:
        """Rows of constraints and queries."""
        if f"compose@{branch}" not in self._stale:
            return _height(f"data/{branch}/rows.parquet")
        given = self._params.autoif.compose
        there = _records(Path(given.file)) if given.queries == "file" else self._rows(SEED_ROUND)
        rows = min(given.count, given.count if there is None else there) * self._checked(branch)
        return min(rows, given.rows or rows)

    def _tagged(self) -> int:
        """Rows of all pools that a tagger is asked about; none without one."""
        sizes = [self._rows(pool) for pool in self._params.pools] if self._params.models.tagger else []
        drawn = self._params.tag.rows
        return sum(size if drawn is None else min(size, drawn) for size in sizes)

    def _rows(self, round_: str) -> int:
        """Rows that a round can have at most: as many as its nearest current parent, or the seed file."""
        if round_ in self._params.branches and f"{LAST_OF_BRANCH}@{round_}" in self._stale:
            return self._composed(round_)
        while round_ in self._params.rounds and f"evolve@{round_}" in self._stale:
            round_ = self._params.rounds[round_].parent
        if round_ != SEED_ROUND or "seed" not in self._stale:
            return _height(f"data/rounds/{round_}.parquet")
        given = self._params.seed
        there = _records(Path(given.source), given.format)
        return (given.rows or 0) if there is None else min(given.rows or there, there)

    def _priced(self, found: Estimate, usages: Sequence[Usage]) -> Estimate:
        """Add tokens, seconds and cost to counted or bounded calls, from what replies were like so far."""
        calls = found.calls or 0
        model = usages[0].model if usages else ""
        known = self._averages.get(usages[0].role) if usages else None
        prompt, completion, seconds = known or (GUESSED_PROMPT, GUESSED_COMPLETION, None)
        prompts = sum(usage.total("prompt_tokens") for usage in usages) or round(calls * prompt)
        completions = round(calls * completion)
        price = self._machine.price(model)
        cost = None if price is None else (price.prompt * prompts + price.completion * completions) / 1e6
        return replace(
            found,
            tokens=prompts + completions,
            measured=known is not None,
            seconds=None if seconds is None else calls * seconds,
            cost=cost,
        )


def _records(source: Path, format: formats.Format = "auto") -> int | None:
    """Rows of a file of the user's; None if it has yet to be fetched."""
    return sum(1 for _ in formats.read_seed_rows(source, format)) if source.exists() else None


def _height(table: str) -> int:
    return int(pl.scan_parquet(table).select(pl.len()).collect().item())


def _sums(usages: Iterable[Usage]) -> tuple[int, int]:
    found = list(usages)
    return sum(usage.total("calls") for usage in found), sum(usage.total("cached") for usage in found)


def count_calls(name: str, command: str, params: Path = PARAMS) -> list[Usage]:
    """Run a stage's main with its calls only counted and its outs thrown away."""
    main = importlib.import_module(f"stages.{name}").main
    words = shlex.split(command)
    options = {word.removeprefix("--").replace("-", "_"): value for word, value in itertools.pairwise(words)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        read = load_params(params, params_schema(main))
        arguments = stage_arguments(main, options, read)
        outs = {field: folder / field for field, kind in argument_kinds(main).items() if kind is Out}
        usages = stack.enter_context(planning.counting_calls())
        # Without replies nothing is left of the rows; the calls are counted all the same.
        with suppress(BadInput), redirect_stderr(io.StringIO()):
            main(read, dataclasses.replace(arguments, **outs))
    return usages


def average_replies(
    runs: Iterable[usage_journal.Record],
) -> dict[str, tuple[float, float, float | None]]:
    """Mean prompt and completion tokens of each role's replies, and seconds per call really made."""
    totals: dict[str, list[float]] = {}
    for usage in runs:
        sums: list[Any] = totals.setdefault(usage["role"], [0, 0, 0, 0, 0.0])
        for counts in usage["purposes"].values():
            sums[0] += counts["calls"]
            sums[1] += counts["calls"] + counts["cached"]
            sums[2] += counts["prompt_tokens"] + counts["cached_prompt_tokens"]
            sums[3] += counts["completion_tokens"] + counts["cached_completion_tokens"]
        sums[4] += usage["seconds"]
    return {
        role: (prompt / replies, completion / replies, seconds / calls if calls else None)
        for role, (calls, replies, prompt, completion, seconds) in totals.items()
        if replies
    }
