"""What a `dvc repro` would cost before it is run: stages, calls, stored replies, tokens, time, cost.

Which stages are stale is DVC's word. A stage whose inputs are current is run with its calls only
counted, so its figures are exact, but for tokens that a model has yet to write. A stage behind a
stale one gets a bound: rows never grow from round to round.
"""

from __future__ import annotations

import importlib
import io
import itertools
import json
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from evobuild import formats, machine, optimization
from evobuild.frame import params
from evobuild.frame.errors import BadInput, BadParams, UserError
from evobuild.frame.stage import paths
from evobuild.frame.tables import SEED_ROUND
from evobuild.models import planning
from evobuild.models.usage import Usage

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage

PARAMS = Path("params.yaml")
GUESSED_COMPLETION = 300
"""Tokens of a reply, where none has been measured yet."""
GUESSED_PROMPT = 400

ROLES = {
    "optimize": "evolver",
    "evolve": "evolver",
    "keywords": "judge",
    "respond": "responder",
    "rate": "judge",
}
"""The stages that ask chat models, and whom they ask most."""


@dataclass(frozen=True)
class Planned:
    """One stale stage. calls and stored are None where nothing is asked of a chat model.

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


def plan(overrides: Sequence[str] = (), targets: Sequence[str] = ()) -> list[Planned]:
    """Plan what is stale, in the order in which it would run.

    overrides: changes of params as `dvc exp run -S` takes them; params.yaml is as it was afterwards.
    targets: stages as `dvc repro` takes them; without any, all.

    Raises UserError if DVC cannot tell, as while it runs a stage.
    """
    with _overridden(overrides):
        values = params.load(PARAMS)
        stale = _stale(targets)
        planner = _Planner(values, machine.load(), {stage.addressing for stage, _ in stale})
        return [planner.planned(stage, fresh) for stage, fresh in stale]


@contextmanager
def _overridden(overrides: Sequence[str]) -> Iterator[None]:
    if not overrides:
        yield
        return
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    before = PARAMS.read_bytes()
    try:
        try:
            apply_overrides(PARAMS, overrides)
        except (DvcException, ValueError, KeyError) as error:
            raise BadParams(
                f"-S {' '.join(overrides)}: {' '.join(str(error.__cause__ or error).split())[:200]}"
            ) from error
        yield
    finally:
        PARAMS.write_bytes(before)


def _stale(targets: Sequence[str]) -> list[tuple[Stage, bool]]:
    """Stale stages that targets need, in order; of each, whether all that it reads is current."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo, repo.lock:
            return list(_stale_in(repo, targets))
    except DvcException as error:
        raise UserError(f"DVC cannot tell what is stale: {' '.join(str(error).split())[:200]}") from error


def _stale_in(repo: Repo, targets: Sequence[str]) -> Iterator[tuple[Stage, bool]]:
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
            # The out of check is constant: after it only what itself reads a changed param is stale.
            if stage.addressing != "check":
                stale.add(stage)
            yield stage, fresh


class _Planner:
    """Knows the params, what earlier replies were like, and how many rows a stage may get."""

    def __init__(self, values: params.Params, settings: machine.Machine, stale: set[str]) -> None:
        self._params = values
        self._machine = settings
        self._averages = averages(Path("data/usage").glob("*.json"))
        self._stale = stale

    def planned(self, stage: Stage, fresh: bool) -> Planned:
        """Plan one stale stage."""
        name, _, key = str(stage.addressing).partition("@")
        if name not in ROLES:
            return Planned(stage.addressing)
        model = getattr(self._params.models, ROLES[name])
        if fresh:
            usages = counted(name, stage.cmd, self._params)
            # What a real model would reply is not known, nor then what would be asked next.
            if not self._asks_by_replies(name) or all(use.model.startswith("simulated:") for use in usages):
                return self._priced(Planned(stage.addressing, *_sums(usages)), usages)
        calls = self._bound(name, key)
        bound = Planned(stage.addressing, calls, None, exact=False)
        return self._priced(bound, [Usage(str(model), ROLES[name])])

    def _asks_by_replies(self, name: str) -> bool:
        """Whether a stage decides by one reply what it asks next."""
        evolve = self._params.evolve
        return name == "optimize" or (
            name == "evolve" and (evolve.on_failure == "retry" or evolve.failures.equal)
        )

    def _bound(self, name: str, key: str) -> int | None:
        evolve = self._params.evolve
        if name == "optimize":
            if (evolve.strategy, evolve.method) != ("auto", "optimized"):
                return 0
            return optimization.most_calls(self._params.optimize, evolve.failures.equal)
        if name == "keywords":
            return self._params.keywords.rows * len(self._params.rounds)
        rows = self._rows(self._params.rounds[key].parent if name == "evolve" else key)
        if name == "evolve":
            attempts = 1 + (evolve.retries if evolve.on_failure == "retry" else 0)
            return rows * attempts * (1 + evolve.failures.equal)
        return 2 * rows if name == "rate" else rows

    def _rows(self, round_: str) -> int:
        """Rows that a round can have at most: as many as its nearest current parent, or the seed file."""
        while round_ != SEED_ROUND and f"evolve@{round_}" in self._stale:
            round_ = self._params.rounds[round_].parent
        if round_ != SEED_ROUND or "seed" not in self._stale:
            table = pl.scan_parquet(f"data/rounds/{round_}.parquet")
            return int(table.select(pl.len()).collect().item())
        drawn = self._params.seed.rows
        source = Path(self._params.seed.source)
        if not source.exists():
            return drawn or 0
        there = sum(1 for _ in formats.read(source, self._params.seed.format))
        return min(drawn or there, there)

    def _priced(self, planned: Planned, usages: Sequence[Usage]) -> Planned:
        """Add tokens, seconds and cost to counted or bounded calls, from what replies were like so far."""
        calls = planned.calls or 0
        model = usages[0].model if usages else ""
        known = self._averages.get(usages[0].role) if usages else None
        prompt, completion, seconds = known or (GUESSED_PROMPT, GUESSED_COMPLETION, None)
        prompts = sum(usage.total("prompt_tokens") for usage in usages) or round(calls * prompt)
        completions = round(calls * completion)
        price = self._machine.prices.get(model)
        cost = None if price is None else (price.prompt * prompts + price.completion * completions) / 1e6
        return replace(
            planned,
            tokens=prompts + completions,
            measured=known is not None,
            seconds=None if seconds is None else calls * seconds,
            cost=cost,
        )


def _sums(usages: Iterable[Usage]) -> tuple[int, int]:
    found = list(usages)
    return sum(usage.total("calls") for usage in found), sum(usage.total("cached") for usage in found)


def counted(name: str, command: str, values: params.Params) -> list[Usage]:
    """Run a stage's main with its calls only counted and its outs thrown away."""
    main = importlib.import_module(f"stages.{name}").main
    words = shlex.split(command)
    options = dict(itertools.pairwise(words))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arguments: dict[str, Path] = {}
        for argument, kind in paths(main).items():
            path = Path(options[f"--{argument.replace('_', '-')}"])
            # A stage may take its round's name from the out's.
            arguments[argument] = folder / argument / path.name if kind == "Out" else path
            if kind == "Out":
                arguments[argument].parent.mkdir()
        usages = stack.enter_context(planning.counting())
        # Without replies nothing is left of the rows; the calls are counted all the same.
        with suppress(BadInput), redirect_stderr(io.StringIO()):
            main(values, **arguments)
    return usages


def averages(files: Iterable[Path]) -> dict[str, tuple[float, float, float | None]]:
    """Mean prompt and completion tokens of each role's replies, and seconds per call really made."""
    totals: dict[str, list[float]] = {}
    for file in sorted(files):
        for usage in json.loads(file.read_text(encoding="utf-8")):
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


def table(planned: Sequence[Planned]) -> str:
    """Lay a plan out as text; ≤ marks a bound, ~ an estimate."""
    if not planned:
        return "Nothing is stale."
    rows = [("stage", "calls", "stored", "tokens", "seconds", "cost")]
    for each in planned:
        most = "" if each.exact else "≤ "
        about = "" if each.measured else "~ "
        rows.append(
            (
                each.stage,
                _shown(each.calls, most),
                _shown(each.stored),
                _shown(each.tokens, most or about),
                _shown(each.seconds, most, 1),
                _shown(each.cost, most, 4),
            )
        )
    asked = [each for each in planned if each.calls is not None]
    if any(not each.exact for each in asked):
        rows.append(("≤ at most: depends on what stages before it leave", "", "", "", "", ""))
    if any(not each.measured for each in asked):
        rows.append(("~ a guess: no reply of this role has been measured yet", "", "", "", "", ""))
    widths = [max(len(row[column]) for row in rows if row[1]) for column in range(6)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()


def _shown(value: float | None, mark: str = "", digits: int = 0) -> str:
    return "-" if value is None else f"{mark}{value:,.{digits}f}"
