"""What a `dvc repro` would cost before it is run: every stale stage with what it would ask.

Which stages are stale is DVC's word; what one would ask is estimated by `estimates`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.cli.check.params import PARAMS, load_all_params
from evobuild.cli.overrides import overridden_params
from evobuild.cli.plan.estimates import Estimate, Estimator
from evobuild.cli.plan.layout import shown
from evobuild.cli.plan.overlay import overlaid_repo
from evobuild.cli.plan.training_lines import training_lines
from evobuild.cli.resolve import settings
from evobuild.cli.resolve.provenance import STEM
from evobuild.core import machine
from evobuild.core.dvc_state import damaged_rwlock
from evobuild.core.errors import UserError
from evobuild.core.json_files import read_json_file
from evobuild.core.stages import stage_address
from evobuild.core.terminal import duration
from evobuild.core.yaml_files import read_yaml

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage


SEED = Path("data/counts/seed.json")
HEADER = ("stage", "calls", "stored", "tokens", "replies at most", "time", "cost")


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
    # What the data set is made with stands on its card.
    stems |= {"export"} if STEM in stems else set()
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
    """Lay a plan out, the header first and the total last; ≤ marks a bound, ~ a guess."""
    rows = [_row(each) for each in planned]
    return [HEADER, *rows, _row(total(planned))] if len(rows) > 1 else [HEADER, *rows]


def plan_notes(planned: Sequence[Estimate]) -> list[str]:
    """What is said below a plan: what its marks mean, and what trainings take."""
    return [*_notes(planned), *training_lines(planned)] if planned else ["Nothing is stale."]


def total(planned: Sequence[Estimate]) -> Estimate:
    """Add stages up: what is known of each."""

    def added(name: str) -> Any:
        known = [value for each in planned if (value := getattr(each, name))]
        return sum(known) if known else None

    return Estimate(
        "total",
        **{name: added(name) for name in ("calls", "stored", "tokens", "written", "seconds", "cost")},
        exact=all(each.exact for each in planned if each.calls),
    )


def _row(each: Estimate) -> tuple[str, ...]:
    if each.calls == 0 and not each.stored:
        return (each.stage, "0", *["-"] * (len(HEADER) - 2))
    return (
        each.stage,
        shown(each.calls, "" if each.exact else "≤ "),
        shown(each.stored),
        shown(each.tokens, "~ "),
        shown(each.written, "≤ "),
        "-" if each.seconds is None else f"~ {duration(each.seconds)}",
        shown(each.cost, "~ ", 4),
    )


def _notes(planned: Sequence[Estimate]) -> Iterator[str]:
    """What the marks mean, and what is not known, each where it is so."""
    asking = [each for each in planned if each.calls]
    if not all(each.exact for each in asking):
        yield "≤ at most: depends on what stages before it leave"
    if any(each.tokens or each.seconds for each in planned):
        yield "~ about: as replies and runs here were so far, for as many calls as there may be"
    if guessed := _named(each for each in asking if not each.measured):
        yield f"tokens are a guess, as this model has not replied in this role yet: {guessed}"
    if untimed := _named(each for each in planned if each.seconds is None):
        yield f"no time is known yet, nor is it in the total: {untimed}"
    unpriced = [each for each in asking if each.cost is None]
    if 0 < len(unpriced) < len(asking):
        yield f"no price is known, nor is it in the total: {_named(unpriced)}"
    unknown: dict[tuple[str, ...], list[str]] = {}
    for each in planned:
        if each.unknown:
            unknown.setdefault(each.unknown, []).append(each.stage)
    for benchmarks, stages in unknown.items():
        yield f"{', '.join(stages)}: without {', '.join(benchmarks)}, whose items are not there yet"


def _named(stages: Iterable[Estimate]) -> str:
    """Name stages, those of several rounds or pools once."""
    return ", ".join(dict.fromkeys(each.stage.partition("@")[0] for each in stages))
