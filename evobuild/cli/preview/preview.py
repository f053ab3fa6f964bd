"""Run a few rows through the pipeline: seed, method, every round, the answer, and optionally the rating.

Rows, prompts and sampling are those of the stages, so that a run finds the replies in the store and asks none
of them again. Nothing else stays: no table, no progress, no line in the journal of usage. Branches are left
out, and so is the optimization of the method: without an optimized one the rows are evolved by the method
that it begins with, and the preview says so.

Failure: a source or a model that cannot be used raises UserError; a request without a reply is a failed row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from evobuild.answering.respond import Asking, Response, has_answer, sample_responses
from evobuild.answering.response_prompt import response_template
from evobuild.cli.check.all_params import Params
from evobuild.core import tables
from evobuild.core.draws import draw_lowest
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND, Instruction, iterate_instructions
from evobuild.core.rejects import Reject, count_reasons
from evobuild.core.uri import ChatModel
from evobuild.evolution.attempts import Attempt
from evobuild.evolution.evolve import Round
from evobuild.evolution.params import DEFAULT
from evobuild.evolution.round_tables import RoundTables
from evobuild.evolution.step import Plan, RoundSource
from evobuild.evolution.strategies import plan_round, reads_answers, reads_optimized
from evobuild.models.client import Model, interactive
from evobuild.models.roles import chat_models
from evobuild.models.sharing import Engines
from evobuild.models.usage import Usage
from evobuild.process.terminal import log
from evobuild.scoring.rate import Rating, rate_rows
from evobuild.seeds.formats import read_seed_rows
from evobuild.seeds.seed import split_seed_rows

OPTIMIZED = Path("data/method.txt")


@dataclass(frozen=True)
class PoolPreview:
    """The previewed rows of one pool.

    attempts: [] for r0. responses: [] if the seed's answers are kept. ratings: by row id, the judge's rating,
    or the reject.
    """

    name: str
    parent: str
    rows: list[Instruction]
    attempts: list[Attempt] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    ratings: dict[str, Rating | Reject] = field(default_factory=dict)

    def answered_rows(self) -> list[Instruction]:
        """Give the rows with the answers that were asked for; each whose answer failed, without one."""
        asked = {each.row.id: "" if each.failure else each.answer for each in self.responses}
        return [row._replace(output=asked.get(row.id, row.output)) for row in self.rows]


@dataclass(frozen=True)
class Preview:
    """Some seed rows and their previews in each pool.

    total: rows of r0. simulated: roles with a simulated model. notes: differences from a run.
    """

    seeds: list[Instruction]
    total: int
    pools: list[PoolPreview]
    usages: list[Usage]
    simulated: list[str]
    notes: list[str]


def preview_rows(params: Params, count: int, rated: bool = False) -> Preview:
    """Preview `count` rows of r0. Raises UserError if the source or a model cannot be used."""
    r0 = _read_seed_rows(params)
    seeds = draw_lowest(r0, count, params.random_seed, "preview", by=lambda row: row.id)
    seeds.sort(key=lambda row: row.seed_place)
    with interactive(), ExitStack() as stack:
        line = _PreviewModels(params, stack)
        pools = [line.answer_pool(PoolPreview(SEED_ROUND, "", seeds), rated)]
        for name, parent in _order_rounds(params):
            above = next(pool for pool in pools if pool.name == parent)
            pools.append(line.answer_pool(line.evolve_pool(name, above), rated))
    simulated = [role for role, model in chat_models(params.models).items() if model.simulated]
    return Preview(seeds, len(r0), pools, line.usages, simulated, [*line.notes, *_list_skipped(params)])


def _read_seed_rows(params: Params) -> list[Instruction]:
    """Read the rows of r0, as the stage `seed` makes them."""
    given = params.seed
    sources = read_seed_rows(Path(given.source), given.format, given.columns or {})
    split = split_seed_rows(sources, given, params.random_seed)
    if not split.r0.height:
        reasons = count_reasons(split.rejects["reason"])
        raise BadInput(f"{given.source}: no row is left for r0; lost: {reasons}")
    return list(iterate_instructions(split.r0))


def _order_rounds(params: Params) -> Iterator[tuple[str, str]]:
    """Yield rounds and their parents, parents first."""
    known, waiting = {SEED_ROUND}, {name: round.parent for name, round in params.rounds.items()}
    while ready := [name for name, parent in waiting.items() if parent in known]:
        for name in ready:
            known.add(name)
            yield name, waiting.pop(name)


def _list_skipped(params: Params) -> Iterator[str]:
    for name in params.branches:
        yield f"the branch {name} is not previewed"


class _PreviewModels:
    """The models of the pipeline, each opened once, and the steps of a pool."""

    def __init__(self, params: Params, stack: ExitStack) -> None:
        self._params = params
        self._stack = stack
        self._engines = Engines()
        self._models: dict[str, Model] = {}
        self.notes: list[str] = []

    @property
    def usages(self) -> list[Usage]:
        """Usage of each role's model."""
        return [model.usage for model in self._models.values()]

    def evolve_pool(self, name: str, above: PoolPreview) -> PoolPreview:
        """Evolve the rows of a pool, as the stage `evolve` does."""
        if not above.rows:
            return PoolPreview(name, above.name, [])
        given = self._params.evolve
        judge = self._open_model("judge") if given.failures.equal else None
        log(f"preview: {name}, evolving {len(above.rows)} rows")
        plan = self._choose_plan(name)
        seed, gold = self._params.random_seed, self._params.seed.gold
        round = Round(name, plan, given, seed, self._open_model("evolver"), judge, gold)
        made = RoundTables(name, keep=given.on_failure == "keep_parent")
        parents = above.answered_rows() if reads_answers(given) else above.rows
        attempts = list(round.evolve(lambda: parents))
        made.add(attempts)
        children = made.frame("child")
        return PoolPreview(name, above.name, list(iterate_instructions(children)), attempts)

    def answer_pool(self, pool: PoolPreview, rated: bool) -> PoolPreview:
        """Answer the rows of a pool as the stage `respond` does, and rate them if wanted."""
        params, given = self._params, self._params.respond
        if pool.name not in params.pools or not pool.rows:
            return pool
        table = tables.frame(INSTRUCTIONS, pool.rows)
        asked = list(iterate_instructions(table.filter(~has_answer(given.seed_answers))))
        if asked:
            log(f"preview: {pool.name}, answering {len(asked)} rows")
            asking = Asking(response_template(given.prompt), given.sampling(params.random_seed), given.rules)
            pool.responses.extend(sample_responses(asked, 1, self._open_model("responder"), asking))
        if rated and params.rate.measures:
            log(f"preview: {pool.name}, rating {len(pool.rows)} rows")
            rate, sampling = params.rate, params.rate.sampling(params.random_seed)
            judge = self._open_model("judge")
            found = rate_rows(pool.rows, judge, sampling, rate.measures, rate.score_prompt)
            pool.ratings.update((each.id, each) for each in found)
        return pool

    def _open_model(self, role: str) -> Model:
        if role not in self._models:
            named: ChatModel = getattr(self._params.models, role)
            model = Model(named, role, engines=self._engines)
            self._models[role] = self._stack.enter_context(model)
        return self._models[role]

    def _choose_plan(self, round: str) -> Plan:
        """Choose how rows are evolved; without an optimized method, by the initial one."""
        given = self._params.evolve
        source = RoundSource(round, self._params.random_seed, OPTIMIZED)
        if not reads_optimized(given):
            return plan_round(given, source)
        if OPTIMIZED.exists() and OPTIMIZED.read_text(encoding="utf-8").strip():
            self._add_note(f"evolved by the optimized method in {OPTIMIZED}")
            return plan_round(given, source)
        initial = self._params.optimize.initial
        self._add_note(
            f"evolved by the initial method ({initial}), since {OPTIMIZED} has no optimized one yet: a run "
            "optimizes the method first, then evolves and answers rows with the better one"
        )
        named = {DEFAULT: given.method} | given.methods
        instead = {domain: initial if name == "optimized" else name for domain, name in named.items()}
        return plan_round(given.model_copy(update={"methods": instead}), source)

    def _add_note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def has_answers(found: Preview) -> bool:
    """Whether at least one request for an answer succeeded, or none was made."""
    responses = [response for pool in found.pools for response in pool.responses]
    return not responses or any(not response.failure for response in responses)
