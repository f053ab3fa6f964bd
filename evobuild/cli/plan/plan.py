"""What a `dvc repro` would cost before it is run: every stale stage with what it would ask.

Which stages are stale is DVC's word; what one would ask is estimated by `estimates`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.cli.check.params import PARAMS, load_all_params
from evobuild.cli.overrides import overridden_params
from evobuild.cli.plan.estimates import Estimate, Estimator
from evobuild.cli.plan.layout import shown
from evobuild.cli.plan.overlay import overlaid_repo
from evobuild.cli.plan.training_lines import training_lines
from evobuild.cli.resolve import settings
from evobuild.core import machine
from evobuild.core.dvc_state import damaged_rwlock
from evobuild.core.errors import UserError
from evobuild.core.json_files import read_json_file
from evobuild.core.stages import stage_address
from evobuild.core.yaml_files import read_yaml

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage


SEED = Path("data/counts/seed.json")
HEADER = ("stage", "calls", "stored", "tokens", "seconds", "cost")


def plan(overrides: Sequence[str] = (), targets: Sequence[str] = ()) -> list[Estimate]:
    """Plan what is stale, in the order in which it would run.

    overrides: changes of params as `dvc exp run -S` takes them; params.yaml itself is never written.
    targets: stages as `dvc repro` takes them; without any, all.

    Raises UserError if DVC cannot tell, as while it runs a stage.
    """
    with overridden_params(overrides) as params:
        values = load_all_params(params)
        stale = _stale(targets, params, _changed_settings(params))
        names = {stage.addressing for stage, _ in stale}
        estimator = Estimator(values, machine.load_machine(), names, params)
        return [estimator.estimate(stage, fresh) for stage, fresh in stale]


def _changed_settings(params: Path) -> set[str]:
    """Stages whose settings would be others than those on disk, as DVC calls them."""
    if not SEED.exists() or not settings.FOLDER.is_dir():
        return set()
    found = settings.resolve_settings(params, read_json_file(SEED).get("unanswered"))
    stems = {stem for stem, own in found.items() if not settings.is_current(stem, own)}
    every = settings.stage_instances(read_yaml(params))
    return {stage_address(each.stage.name, each.name) for each in every if each.stem in stems}


def _stale(targets: Sequence[str], params: Path, resolved: Collection[str] = ()) -> list[tuple[Stage, bool]]:
    """Stale stages that targets need, in order; of each, whether all that it reads is current.

    params: what stands in the place of params.yaml. resolved: stages whose settings change.
    """
    from dvc.exceptions import DvcException

    try:
        with overlaid_repo({} if params == PARAMS else {PARAMS: params}) as repo, repo.lock:
            return list(_stale_in(repo, targets, resolved))
    except (DvcException, UnicodeDecodeError) as error:
        reason = damaged_rwlock() or " ".join(str(error).split())[:200]
        raise UserError(f"DVC cannot tell what is stale: {reason}") from error


def _stale_in(repo: Repo, targets: Sequence[str], resolved: Collection[str]) -> Iterator[tuple[Stage, bool]]:
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
        if not fresh or stage.addressing in resolved or stage.changed():
            # check.txt is constant, and label.txt changes only from a dry run to a real one, which asks
            # nothing new: after check and resolve only what itself reads a changed param is stale.
            if stage.addressing not in ("check", "resolve"):
                stale.add(stage)
            yield stage, fresh


def plan_rows(planned: Sequence[Estimate]) -> list[tuple[str, ...]]:
    """Lay a plan out, the header first; ≤ marks a bound, ~ an estimate."""
    return [HEADER, *map(_row, planned)]


def plan_notes(planned: Sequence[Estimate]) -> list[str]:
    """What is said below a plan: what its marks mean, and what trainings take."""
    return [*_notes(planned), *training_lines(planned)] if planned else ["Nothing is stale."]


def _row(each: Estimate) -> tuple[str, ...]:
    most = "" if each.exact else "≤ "
    about = "" if each.measured else "~ "
    return (
        each.stage,
        shown(each.calls, most),
        shown(each.stored),
        shown(each.tokens, most or about),
        shown(each.seconds, most, 1),
        shown(each.cost, most, 4),
    )


def _notes(planned: Sequence[Estimate]) -> Iterator[str]:
    """What the marks mean, of those that stand in the plan."""
    asked = [each for each in planned if each.calls is not None]
    if not all(each.exact for each in asked):
        yield "≤ at most: depends on what stages before it leave"
    if not all(each.measured for each in asked):
        yield "~ a guess: no reply of this role has been measured yet"
    unknown: dict[tuple[str, ...], list[str]] = {}
    for each in planned:
        if each.unknown:
            unknown.setdefault(each.unknown, []).append(each.stage)
    for benchmarks, stages in unknown.items():
        yield f"{', '.join(stages)}: without {', '.join(benchmarks)}, whose items are not there yet"
