"""What one stale stage would ask of its models: calls, tokens, seconds, cost, counted or bounded.

A stage whose inputs are current is run with its calls only counted, so its figures are exact, but for
tokens that a model has yet to write. A stage behind a stale one gets a bound: rows never grow from
round to round. Of stages that ask nothing, time is that of their last run here, by the row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from evobuild.cli.check.params import PARAMS, Params
from evobuild.cli.plan.benchmarks import MostCalls, most_calls
from evobuild.cli.plan.counting import count_calls
from evobuild.cli.plan.replies import DEFAULT_TOKENS, EarlierReplies, allowed_tokens
from evobuild.cli.plan.training import TrainingEstimate, Trainings
from evobuild.core import machine, run_journal
from evobuild.core.stages import ASKED, EVALUATED, LAST_OF_BRANCH, OF_ALL_POOLS, OF_BRANCHES
from evobuild.core.table_parts import part_files
from evobuild.core.tables import SEED_ROUND
from evobuild.core.uri import ChatModel
from evobuild.evaluation.params import made_benchmarks, models_to_evaluate
from evobuild.evolution import optimization_calls
from evobuild.evolution.keywords import MOST_METHODS
from evobuild.models import progress, usage_journal
from evobuild.models.usage import Usage
from evobuild.seeds import formats
from evobuild.seeds.columns import Columns

if TYPE_CHECKING:
    from dvc.stage import Stage

REPLY_SETTINGS = {
    "optimize": ("optimize", "evolve", "respond", "rate"),
    "evolve": ("evolve", "rate"),
}
"""Sections that say how long a reply may be, of stages that have several in use."""

_ASKING_STEPS = frozenset(step.name for step in OF_BRANCHES if step.asks)


@dataclass(frozen=True)
class Estimate:
    """What one stale stage would ask. calls and stored are None where nothing is asked of a chat model.

    exact: calls are counted, not bounded. tokens: of prompts and replies, by what replies were like so far.
    written: tokens of replies at most, as many of each as it may have. measured: tokens come from replies of
    the same model in the same role, not a guess. seconds: None where no earlier run tells; cost: None where
    no price is known. training: of finetune. unknown: benchmarks that are not counted, for their items are
    not there yet.
    """

    stage: str
    calls: int | None = None
    stored: int | None = None
    exact: bool = True
    tokens: int | None = None
    written: int | None = None
    measured: bool = True
    seconds: float | None = None
    cost: float | None = None
    training: TrainingEstimate | None = None
    unknown: tuple[str, ...] = ()


class Asked(NamedTuple):
    """Calls of one role's model.

    written: tokens of all replies at most. prompt_tokens: of all prompts, 0 where that is not known.
    """

    model: str
    role: str
    calls: int
    written: int
    prompt_tokens: int = 0


class Estimator:
    """Knows the params, what earlier replies were like, and how many rows a stage may get."""

    def __init__(
        self, values: Params, settings: machine.Machine, stale: set[str], params: Path = PARAMS
    ) -> None:
        self._params = values
        self._file = params
        self._machine = settings
        self._replies = EarlierReplies(usage_journal.read_runs(progress.FOLDER))
        self._runs = {run.stage: run for run in run_journal.read_runs()}
        self._stale = stale
        self._trainings = Trainings(values, settings, stale, self._rows)

    def estimate(self, stage: Stage, fresh: bool) -> Estimate:
        """Estimate one stale stage."""
        name, _, key = str(stage.addressing).partition("@")
        if name == "finetune":
            training = self._trainings.estimate(key)
            hours = training.hours
            seconds = self._last_seconds(stage.addressing) if hours is None else 3600 * hours
            return Estimate(stage.addressing, seconds=seconds, training=training)
        if name not in ASKED:
            return Estimate(stage.addressing, seconds=self._last_seconds(stage.addressing))
        unknown = self._most_calls.unknown if name in ("evaluate", "compare") else ()
        if fresh and not unknown:
            usages = count_calls(name, stage.cmd, self._file)
            # What a real model would reply is not known, nor then what would be asked next.
            simulated = all(use.model.startswith("simulated:") for use in usages)
            if not self._asks_by_replies(name) or simulated or not _sums(usages)[0]:
                counted = [
                    Asked(use.model, use.role, use.total("calls"), use.written, use.total("prompt_tokens"))
                    for use in usages
                ]
                return self._priced(Estimate(stage.addressing, *_sums(usages)), counted)
        asked = self._bounds(name, key)
        calls = sum(each.calls for each in asked)
        bound = Estimate(stage.addressing, calls, None, exact=False, unknown=unknown)
        return self._priced(bound, asked)

    def _asks_by_replies(self, name: str) -> bool:
        """Whether a stage decides by one reply what it asks next."""
        evolve = self._params.evolve
        return (
            name in ("optimize", "compare")
            or (name == "evaluate" and self._most_calls.by_replies)
            or (name == "augment" and self._params.autoif.augment.examples != "seeds")
            or (name == "evolve" and (evolve.on_failure == "retry" or evolve.failures.equal))
        )

    def _bounds(self, name: str, key: str) -> list[Asked]:
        """Calls of a stage at most, of the model that it asks most first."""
        judge = str(self._params.models.judge)
        retried = 1 + self._params.evaluate.judge.retries
        if name == "evaluate":
            most = self._most_calls
            models = models_to_evaluate(self._params.evaluate.models, self._params.bases)
            own = Asked(str(models[key]), EVALUATED, most.calls, most.calls * self._reply_tokens(name))
            return [own, self._judged(judge, most.questions * retried)]
        if name == "compare":
            return [self._judged(judge, self._compared() * 2 * retried)]
        model: ChatModel = getattr(self._params.models, ASKED[name])
        calls = self._bound(name, key)
        return [Asked(str(model), ASKED[name], calls, calls * self._reply_tokens(name))]

    def _judged(self, judge: str, calls: int) -> Asked:
        return Asked(judge, "judge", calls, calls * self._params.evaluate.judge.max_tokens)

    def _reply_tokens(self, name: str) -> int:
        """Tokens of a reply of a stage at most: the most that any setting that it may read allows."""
        if name == "evaluate":
            made = made_benchmarks(self._params.evaluate.benchmarks, self._params.random_seed)
            return max((each.settings.max_tokens for each in made), default=DEFAULT_TOKENS)
        found = self._params.model_dump(include=set(REPLY_SETTINGS.get(name, (name,))))
        if name in _ASKING_STEPS:
            found = self._params.autoif.model_dump(include={name})
        return max(allowed_tokens(found), default=DEFAULT_TOKENS)

    def _last_seconds(self, stage: str) -> float | None:
        """Seconds of a stage's last run here; of as many rows as it may get now where these are known."""
        if not (run := self._runs.get(stage)) or run.off:
            return None
        if stage not in OF_ALL_POOLS or not run.rows_in:
            return run.seconds
        return run.seconds * sum(self._rows(pool) for pool in self._params.pools) / run.rows_in

    @cached_property
    def _most_calls(self) -> MostCalls:
        """What all benchmarks ask one model."""
        given = self._params.evaluate.benchmarks
        held_out = self._rows(SEED_ROUND) if "seed" in self._stale else None
        return most_calls(made_benchmarks(given, self._params.random_seed), held_out)

    def _compared(self) -> int:
        """Pairs of replies that a judge sees at most: every model answers every item in all its turns."""
        given = self._params.compare
        named = {name: self._params.evaluate.benchmarks[name] for name in given.benchmarks}
        return len(given.pairs) * most_calls(made_benchmarks(named, self._params.random_seed)).calls

    def _bound(self, name: str, key: str) -> int:
        """Calls of a stage at most that asks one model."""
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
        if not given.on:
            return 0
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
        if not self._params.autoif.on:
            return 0
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
        there = _records(Path(given.source), given.format, given.columns)
        return (given.rows or 0) if there is None else min(given.rows or there, there)

    def _priced(self, found: Estimate, asked: Sequence[Asked]) -> Estimate:
        """Add tokens, seconds and cost to counted or bounded calls, from what replies were like so far."""
        tokens, written, measured = 0, 0, True
        seconds: float | None = 0.0
        cost: float | None = 0.0
        for each in [each for each in asked if each.calls] or asked[:1]:
            average, known = self._replies.expected(each.model, each.role)
            took = average.seconds if each.calls else 0.0
            prompts = each.prompt_tokens or round(each.calls * average.prompt)
            completions = min(round(each.calls * average.completion), each.written)
            tokens, written = tokens + prompts + completions, written + each.written
            measured = measured and (known or not each.calls)
            seconds = None if seconds is None or took is None else seconds + each.calls * took
            price = self._machine.price(each.model)
            if not each.calls:
                continue
            if price is None or cost is None:
                cost = None
            else:
                cost += (price.prompt * prompts + price.completion * completions) / 1e6
        if not asked:
            seconds = cost = None
        return replace(found, tokens=tokens, written=written, measured=measured, seconds=seconds, cost=cost)


def _records(source: Path, format: formats.Format = "auto", columns: Columns | None = None) -> int | None:
    """Rows of a file of the user's; None if it has yet to be fetched."""
    return sum(1 for _ in formats.read_seed_rows(source, format, columns)) if source.exists() else None


def _height(table: str) -> int:
    return int(pl.scan_parquet(part_files(Path(table))).select(pl.len()).collect().item())


def _sums(usages: Iterable[Usage]) -> tuple[int, int]:
    found = list(usages)
    return sum(usage.total("calls") for usage in found), sum(usage.total("cached") for usage in found)
