"""Estimate what a `dvc repro` would cost: every stale stage with its calls.

DVC decides which stages are stale; `stage_estimates` estimates each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evobuild.cli.check.all_params import PARAMS, load_all_params
from evobuild.cli.check.consistency import check_tables
from evobuild.cli.overrides import overridden_params
from evobuild.cli.pipeline.pipeline import derive_files
from evobuild.cli.plan.number_text import format_number
from evobuild.cli.plan.overlay import overlaid_repo
from evobuild.cli.plan.speeds import GPU_SOURCE
from evobuild.cli.plan.stage_estimates import OFF, STARTING, Estimate, Estimator, Most
from evobuild.cli.plan.training_text import format_trainings
from evobuild.core import machine
from evobuild.core.errors import UserError
from evobuild.core.prompts import use_folder
from evobuild.core.scratch import ScratchFolder
from evobuild.process.dvc_state import damaged_rwlock
from evobuild.process.terminal import duration

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage


AT_MOST = "at most"
HEADER = ("stage", "calls", AT_MOST, "stored", "tokens", AT_MOST, "time", AT_MOST, "cost", AT_MOST)


_SUMMED = ("calls", "tokens", "cost")


class Plan(NamedTuple):
    """stages: stale and enabled, in the order of the run. off: stale but disabled."""

    stages: list[Estimate]
    off: tuple[str, ...] = ()


def plan_stages(overrides: Sequence[str] = (), targets: Sequence[str] = ()) -> Plan:
    """Plan the stale stages.

        Args:
        overrides: changes of params, as for `dvc exp run -S`; params.yaml itself is never written.
        targets: stages, as for `dvc repro`; (): all.

    Raises UserError if DVC cannot tell (it may be running a stage), or if no stage produces a round or pool.
    """
    with overridden_params(overrides) as params:
        values = load_all_params(params)
        check_tables(values)
        stale = _list_stale(targets, {PARAMS: params}) if overrides else _list_stale_renewed(targets)
        names = {stage.addressing for stage, _ in stale}
        with use_folder(Path(values.prompts)):
            estimator = Estimator(values, machine.load_machine(), names, params)
            estimator.read_items()
            on = [(stage, fresh) for stage, fresh in stale if estimator.is_on(stage)]
            off = tuple(str(stage.addressing) for stage, _ in stale if not estimator.is_on(stage))
            return Plan([estimator.estimate(stage, fresh) for stage, fresh in on], off)


def _list_stale_renewed(targets: Sequence[str]) -> list[tuple[Stage, bool]]:
    """`_stale` with dvc.yaml and evobuild.lock renewed, as `evobuild repro` does first."""
    with ScratchFolder() as folder:
        instead = {}
        for path, text in derive_files().items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                instead[path] = folder / path.name
                instead[path].write_text(text, encoding="utf-8")
        return _list_stale(targets, instead)


def _list_stale(targets: Sequence[str], instead: Mapping[Path, Path]) -> list[tuple[Stage, bool]]:
    """List the stale stages that targets need, in order, each with whether all its inputs are current.

    instead: maps files to others with the content that they would have.
    """
    from dvc.exceptions import DvcException

    try:
        with overlaid_repo(instead) as repo, repo.lock:
            return list(_iterate_stale(repo, targets))
    except (DvcException, UnicodeDecodeError) as error:
        reason = damaged_rwlock() or " ".join(str(error).split())[:200]
        hint = "; put it under git: git init" if "not a git repository" in reason else ""
        raise UserError(f"DVC cannot tell what is stale: {reason}{hint}") from error


def _iterate_stale(repo: Repo, targets: Sequence[str]) -> Iterator[tuple[Stage, bool]]:
    import networkx

    stale: set[Stage] = set()
    # DVC's edges run from a stage to what it needs.
    order = list(reversed(list(networkx.topological_sort(repo.index.graph))))
    rank = {stage.addressing: place for place, stage in enumerate(repo.index.stages)}
    wanted = {stage for target in targets for stage in repo.stage.collect(target)} or set(order)
    wanted |= {other for stage in wanted for other in networkx.descendants(repo.index.graph, stage)}
    for stage in sorted(wanted, key=lambda stage: rank[stage.addressing]):
        needed = networkx.descendants(repo.index.graph, stage)
        fresh = not any(other in stale for other in needed)
        if not fresh or stage.changed():
            # check.txt is constant, and label.txt changes only from a dry run to a real one, which asks
            # nothing new: after check only what itself reads a changed param is stale.
            if stage.addressing != "check":
                stale.add(stage)
            yield stage, fresh


def format_plan(planned: Plan) -> list[tuple[str, ...]]:
    """Build the table of a plan, header first, total last; ~ marks expected numbers, ≤ bounds."""
    rows = [_format_row(each) for each in planned.stages]
    return [HEADER, *rows, _format_row(sum_estimates(planned))] if len(rows) > 1 else [HEADER, *rows]


def format_notes(planned: Plan) -> list[str]:
    """List the notes below a plan: the meaning of its marks, unknowns, and trainings."""
    if not planned.stages and not planned.off:
        return ["Nothing is stale."]
    return [*_iterate_notes(planned), *format_trainings(planned.stages)]


def sum_estimates(planned: Plan) -> Estimate:
    """Sum the known numbers of all stages, and the start times of disabled ones."""

    def added(values: Iterable[Any], also: float = 0) -> Any:
        known = [value for value in values if value]
        return sum(known) + also if known or also else None

    stages, starts = planned.stages, len(planned.off) * (STARTING + OFF)
    most = {name: added(getattr(each.most, name) for each in stages) for name in _SUMMED}
    return Estimate(
        "total",
        **{name: added(getattr(each, name) for each in stages) for name in ("stored", *_SUMMED)},
        seconds=added((each.seconds for each in stages), starts),
        most=Most(**most, seconds=added((each.most.seconds for each in stages), starts)),
        exact=all(each.exact for each in stages if each.calls),
    )


def _format_row(each: Estimate) -> tuple[str, ...]:
    asking = ("-" if each.calls is None else "0", *["-"] * 4)
    if each.calls or each.most.calls or each.stored:
        asking = (
            format_number(each.calls, "" if each.exact else "~ "),
            format_number(each.most.calls, "≤ "),
            format_number(each.stored),
            format_number(each.tokens, "~ "),
            format_number(each.most.tokens, "≤ "),
        )
    return (
        each.stage,
        *asking,
        _format_time(each.seconds, "~ "),
        _format_time(each.most.seconds, "≤ "),
        format_number(each.cost, "~ ", 4),
        format_number(each.most.cost, "≤ ", 4),
    )


def _format_time(seconds: float | None, mark: str) -> str:
    return "-" if seconds is None else f"{mark}{duration(seconds)}"


def _iterate_notes(planned: Plan) -> Iterator[str]:
    """Yield the notes that apply: marks, assumptions, disabled stages, unknown times, prices and items."""
    stages = planned.stages
    asking = [each for each in stages if each.calls]
    yield "~ expected, by replies, rows and runs here so far; ≤ at most, with replies as long as they may be"
    if assumed := _join_stages(each for each in asking if not each.measured):
        yield f"assumed lengths and speeds, as the model has not replied in this stage yet: {assumed}"
    if planned.off:
        on = {_stage_name(each.stage) for each in stages}
        off = ", ".join(
            dict.fromkeys(each if _stage_name(each) in on else _stage_name(each) for each in planned.off)
        )
        yield f"{len(planned.off)} stages are disabled; the total includes the time to start them: {off}"
    yield from format_gpu_notes(stages)
    if untimed := _join_stages(each for each in stages if each.seconds is None):
        yield f"no time is known yet, nor is it in the total: {untimed}"
    unpriced = [each for each in asking if each.cost is None]
    if 0 < len(unpriced) < len(asking):
        yield f"no price is known, nor is it in the total: {_join_stages(unpriced)}"
    unknown: dict[tuple[str, ...], list[str]] = {}
    for each in stages:
        if each.unknown:
            unknown.setdefault(each.unknown, []).append(each.stage)
    for benchmarks, those in unknown.items():
        yield f"{', '.join(those)}: without {', '.join(benchmarks)}, whose items are not there yet"


def format_gpu_notes(stages: Iterable[Estimate]) -> Iterator[str]:
    """Yield the GPU hours of models that run in stages, and the source of the speeds."""
    hours: dict[str, float] = {}
    for each in stages:
        for model, own in each.gpu_hours.items():
            hours[model] = hours.get(model, 0.0) + own
    for model, own in hours.items():
        yield f"{model}: ~ {own:,.2g} GPU hours" if own < 10 else f"{model}: ~ {own:,.0f} GPU hours"
    if hours:
        yield f"GPU hours: {GPU_SOURCE}"


def _join_stages(stages: Iterable[Estimate]) -> str:
    """Join the names of stages; one that runs for several rounds or pools is listed once."""
    return ", ".join(dict.fromkeys(_stage_name(each.stage) for each in stages))


def _stage_name(address: str) -> str:
    """Return the stage of DVC's address, such as "evolve" of "evolve@r1"."""
    return address.partition("@")[0]
