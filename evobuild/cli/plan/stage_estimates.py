"""Estimate calls, tokens, seconds and cost of one stale stage, as expected and at most.

A stage whose inputs are current is run with its calls only counted, so its calls are exact. Behind a stale
stage, calls are estimated from params, rows and the shares kept so far (`stage_costs`), with an upper bound.
Lengths of replies are those of the same model in the same stage so far, else `assumptions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.cli.check.all_params import PARAMS, Params
from evobuild.cli.plan.amounts import NONE, Amount
from evobuild.cli.plan.call_costs import CallEstimator, CountedCalls, sum_costs
from evobuild.cli.plan.call_counting import count_calls
from evobuild.cli.plan.earlier_replies import EarlierReplies
from evobuild.cli.plan.evaluation_calls import EvaluationCalls
from evobuild.cli.plan.planned_calls import PlannedCalls
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.cli.plan.speeds import Speeds, Time
from evobuild.cli.plan.stage_costs import COSTS
from evobuild.cli.plan.training_estimates import TrainingEstimate, Trainings
from evobuild.core import machine
from evobuild.core.stages import ASKED
from evobuild.models import progress, usage_journal
from evobuild.models.usage import Usage
from evobuild.process import run_journal

if TYPE_CHECKING:
    from dvc.stage import Stage

STARTING = 0.7
"""Seconds that DVC and Python need to start a stage, enabled or not; MEASURED as in `assumptions`."""
OFF = 0.3
"""Seconds of a disabled stage after its start; MEASURED likewise."""


@dataclass(frozen=True)
class Most:
    """Upper bounds: calls, tokens of prompts and replies, tokens of replies alone, seconds, cost.

    Prompts are as long as expected, replies as long as they may be, time and cost grow with tokens.
    """

    calls: int | None = None
    tokens: int | None = None
    written: int | None = None
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Estimate:
    """Expected calls, tokens, seconds and cost of one stale stage; `most` has the bounds.

    calls and stored are None where no chat model is asked, stored where it is not known. exact: calls are
    counted. tokens: of prompts and replies. measured: they come from replies of the same model in the same
    stage, not from an assumption. seconds: from its start to its end. cost: None where no price is known.
    gpu_hours: of each model that runs in the stage and has not replied yet. training: of finetune.
    unknown: benchmarks that are not counted, for their items are not there yet.
    """

    stage: str
    calls: int | None = None
    stored: int | None = None
    exact: bool = True
    tokens: int | None = None
    measured: bool = True
    seconds: float | None = None
    cost: float | None = None
    most: Most = field(default_factory=Most)
    gpu_hours: Mapping[str, float] = field(default_factory=dict)
    training: TrainingEstimate | None = None
    unknown: tuple[str, ...] = ()


class Estimator:
    """Estimates stages from params, earlier replies and runs, and planned rows."""

    def __init__(
        self, values: Params, settings: machine.Machine, stale: set[str], params: Path = PARAMS
    ) -> None:
        self._params = values
        self._file = params
        replies = EarlierReplies(usage_journal.read_runs(progress.FOLDER))
        self._runs = {run.stage: run for run in run_journal.read_runs()}
        self._stale = stale
        self._rows = PlannedRows(values, stale, self._runs)
        self._speeds = Speeds(settings)
        self._calls = CallEstimator(settings, replies, self._rows)
        self._evaluation = EvaluationCalls(values, self._rows.held_out_rows if "seed" in stale else None)
        self._trainings = Trainings(values, settings, stale, self._rows)

    def read_items(self) -> None:
        """Read the items of stale benchmarks, so that malformed items are reported before anything else."""
        if any(stage.startswith("evaluate@") for stage in self._stale):
            _ = self._evaluation.benchmarks

    def is_on(self, stage: Stage) -> bool:
        """Whether params enable a stage."""
        name, _, key = str(stage.addressing).partition("@")
        return name not in COSTS or COSTS[name].is_on(self._rows, key)

    def estimate(self, stage: Stage, fresh: bool) -> Estimate:
        """Estimate one stale stage."""
        name, _, key = str(stage.addressing).partition("@")
        if name == "finetune":
            return self._estimate_training(stage.addressing, key)
        if name not in ASKED or (name == "compare" and not self._params.compare.pairs):
            return self._add_time(Estimate(stage.addressing), name, key, Time(0), 1.0)
        unknown = self._evaluation.benchmarks.unknown if name in ("evaluate", "compare") else ()
        if fresh and not unknown and (found := self._count_exactly(name, stage)):
            return self._add_costs(*found, name, key)
        asked = [CountedCalls(each, 0, 0) for each in self._plan_calls(name, key)]
        return self._add_costs(Estimate(stage.addressing, exact=False, unknown=unknown), asked, name, key)

    def _count_exactly(self, name: str, stage: Stage) -> tuple[Estimate, list[CountedCalls]] | None:
        """Count the calls of a stage whose inputs are current; None if they depend on replies."""
        usages = count_calls(name, stage.cmd, self._file)
        # A real model's replies are unknown, and with them the calls that follow.
        simulated = all(use.model.startswith("simulated:") for use in usages)
        calls, stored = _sum_calls(usages)
        if self._depends_on_replies(name) and not simulated and calls:
            return None
        known = {each.role: each for each in self._plan_calls(name, str(stage.addressing).partition("@")[2])}
        counted = []
        for use in usages:
            own = use.total("calls")
            typical = known.get(
                use.role, PlannedCalls(use.model, use.role, NONE, 0, use.written, use.written)
            )
            asking = typical._replace(model=use.model, calls=Amount(own, own))
            counted.append(CountedCalls(asking, use.total("prompt_tokens"), use.written))
        return Estimate(stage.addressing, stored=stored), counted

    def _depends_on_replies(self, name: str) -> bool:
        """Whether a stage's later calls depend on its replies."""
        evolve = self._params.evolve
        return (
            name in ("optimize", "compare")
            or (name == "evaluate" and self._evaluation.benchmarks.by_replies)
            or (name == "augment" and self._params.autoif.augment.examples != "seeds")
            or (name == "evolve" and (evolve.on_failure == "retry" or evolve.failures.equal))
        )

    def _plan_calls(self, name: str, key: str) -> Sequence[PlannedCalls]:
        """Plan the calls of a stage to each model."""
        if name == "evaluate":
            return self._evaluation.plan_evaluation(key)
        if name == "compare":
            return self._evaluation.plan_comparison()
        asks = COSTS[name].asks
        return asks(self._rows, key) if asks and COSTS[name].is_on(self._rows, key) else []

    def _add_costs(self, found: Estimate, asked: Sequence[CountedCalls], name: str, key: str) -> Estimate:
        """Add tokens, seconds and cost of calls to an estimate."""
        taken = [self._calls.estimate_cost(each, name) for each in asked]
        calling = [each for each in taken if each.calls.most]
        tokens, most_tokens = sum(each.tokens for each in taken), sum(each.most_tokens for each in taken)
        cost, most_cost = sum_costs(calling)
        calls = Amount(sum(each.calls.expected for each in taken), sum(each.calls.most for each in taken))
        most = Most(
            calls=calls.most,
            tokens=round(most_tokens),
            written=sum(each.written for each in taken),
            cost=most_cost,
        )
        found = replace(
            found,
            calls=round(calls.expected),
            tokens=round(tokens),
            measured=all(each.measured for each in calling),
            cost=cost,
            most=most,
            gpu_hours={each.model: each.time.gpu / 3600 for each in taken if each.time.gpu},
        )
        time = Time(sum(each.time.seconds for each in taken))
        return self._add_time(found, name, key, time, most_tokens / tokens if tokens else 1.0)

    def _add_time(self, found: Estimate, name: str, key: str, calls: Time, longer: float) -> Estimate:
        """Add a stage's seconds: those of its last run, scaled by rows, else those of its `StageCost`.

        longer: ratio of the most tokens to the expected ones.
        """
        run = self._runs.get(found.stage)
        if (cost := COSTS.get(name)) is None:
            # A stage that the project added: only its last run is known.
            return replace(found, seconds=run.seconds if run else None)
        rows = cost.rows(self._rows, key)
        work = None
        if cost.operations and cost.is_on(self._rows, key):
            work = cost.operations(self._rows, key)
        expected = cost.fixed + cost.row * rows.expected
        most = cost.fixed + cost.row * rows.most
        if work:
            expected += self._speeds.estimate_seconds(work.expected, work.parameters)
            most += self._speeds.estimate_seconds(work.most, work.parameters)
        if run and not run.off and not found.calls:
            scale = rows.expected / run.rows_in if run.rows_in else 1.0
            measured = min(run.seconds, cost.fixed) + max(0.0, run.seconds - cost.fixed) * scale
            expected, most = measured, measured * most / expected
        seconds = STARTING + expected + calls.seconds
        bound = replace(found.most, seconds=STARTING + most + calls.seconds * longer)
        return replace(found, seconds=seconds, most=bound)

    def _estimate_training(self, stage: str, base: str) -> Estimate:
        """Estimate the stage `finetune` of one base."""
        training = self._trainings.estimate(base)
        start = STARTING + COSTS["finetune"].fixed
        if training.usual_hours is None or training.most_hours is None:
            return Estimate(stage, training=training)
        seconds = start + 3600 * training.usual_hours
        return Estimate(
            stage,
            seconds=seconds,
            most=Most(seconds=start + 3600 * training.most_hours),
            training=training,
        )


def _sum_calls(usages: Iterable[Usage]) -> tuple[int, int]:
    found = list(usages)
    return sum(usage.total("calls") for usage in found), sum(usage.total("cached") for usage in found)
