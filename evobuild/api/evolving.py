"""Instructions evolved into harder ones, and the method by which they are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from evobuild.api.notebook import render_tables, render_text
from evobuild.api.result import Result, Rows, given_rows
from evobuild.api.settings import Folder, ModelName, opened_model, section, surroundings
from evobuild.core.errors import BadParams
from evobuild.core.tables import Instruction
from evobuild.evolution import methods, optimization_history
from evobuild.evolution.auto import plan_by_method
from evobuild.evolution.evolve import Round
from evobuild.evolution.method_improvement import asked_roles, improve_method
from evobuild.evolution.optimize import draw_optimization_rows
from evobuild.evolution.params import Evolve, Optimize
from evobuild.evolution.round_tables import RoundTables
from evobuild.evolution.step import Plan, RoundSource
from evobuild.evolution.strategies import plan_round
from evobuild.models.client import Model
from evobuild.models.sharing import Engines


def evolve(
    rows: Rows,
    evolver: ModelName,
    *,
    strategy: Literal["auto", "evol"] = "auto",
    method: str = "e0",
    round: int = 1,
    temperature: float = 0.7,
    on_failure: Literal["drop", "keep_parent", "retry"] = "drop",
    judge: ModelName | None = None,
    seed: int = 42,
    cache: Folder = None,
    **settings: Any,
) -> Result:
    """Evolve each instruction once, as the stage `evolve` does; children have no output yet.

    evolver: the chat model that rewrites. strategy: "auto", by a method; "evol", by the fixed operations of
    Evol-Instruct, in turn. method: "e0" or "weak", those that are shipped, or the text of one, with
    {instruction} where the instruction goes, as `optimize_method` gives it. round: its number; another
    operation is a row's turn in the next. on_failure: what becomes of a row that gives no child. judge: asked
    with failures={"equal": True} whether a child is equal to its parent. settings: other keys of the section
    `evolve` of params.yaml, such as operations, failures or max_tokens.

    Rejects have the parent's id, the reason of its last attempt, and the reply.

    Raises UserError where the model or a setting cannot be used. Source: Zeng et al. 2024, arXiv:2406.00770;
    Xu et al. 2023, arXiv:2304.12244.

    >>> made = evolve(["Name three rivers.", "Add 2 and 5."], "simulated:small")
    >>> made.rows.height + made.rejects.height
    2
    """
    fixed = {"strategy": strategy, "temperature": temperature, "on_failure": on_failure}
    params = section("evolve", Evolve, fixed | settings)
    given, name = given_rows(rows), f"r{round}"
    with surroundings(cache) as engines, ExitStack() as stack:
        asked = stack.enter_context(opened_model("evolver", evolver, engines))
        judging = None
        if params.failures.equal:
            judging = stack.enter_context(_judge(judge, "failures.equal", engines))
        made = RoundTables(name, keep=on_failure == "keep_parent")
        plan = _plan(params, method, RoundSource(name, seed, Path()))
        made.take(Round(name, plan, params, seed, asked, judging).evolve(lambda: given.rows))
    made.balance(len(given.rows))
    children, lost = made.frame("child"), made.frame("rejects")
    parents = pl.DataFrame({"parent_id": [row.id for row in given.rows]}, {"parent_id": pl.String})
    ordered = parents.join(children.sort("id"), on="parent_id", maintain_order="left_right")
    return Result(ordered.select(children.columns), lost.sort("id"))


def _plan(params: Evolve, method: str, source: RoundSource) -> Plan:
    return plan_by_method(_method(method)) if params.strategy == "auto" else plan_round(params, source)


def _method(method: str) -> str:
    """The text of a method. Raises BadParams if there is none in it."""
    if method in ("e0", "weak"):
        return methods.initial_method(method)
    if not method.strip():
        raise BadParams("method is empty; expected 'e0', 'weak', or the text of a method")
    return methods.with_instruction_slot(method)


def _judge(judge: ModelName | None, why: str, engines: Engines) -> Model:
    if judge is None:
        raise BadParams(f"judge is missing; {why} asks one")
    return opened_model("judge", judge, engines)


class OptimizedMethod(NamedTuple):
    """A method that was improved.

    method: its text, for `evolve`. before, after: the failure rates λ of the method to begin with and of this
    one on the development rows, 0 to 1. candidates: every method that was tried, with its λ and why rows
    failed. trajectories: what each round made of the mini-batches. failures: rows that candidates failed on.
    """

    method: str
    before: float
    after: float
    candidates: pl.DataFrame
    trajectories: pl.DataFrame
    failures: pl.DataFrame

    def _repr_html_(self) -> str:
        """Show as a text and tables in a notebook."""
        text = render_text(f"method, failure rate {self.after:.0%}, before {self.before:.0%}", self.method)
        return text + render_tables(candidates=self.candidates, failures=self.failures)


def optimize_method(
    rows: Rows,
    evolver: ModelName,
    optimizer: ModelName,
    *,
    initial: str = "e0",
    steps: int = 10,
    candidates: int = 5,
    batch: int = 10,
    development: int = 50,
    failures: dict[str, object] | None = None,
    judge: ModelName | None = None,
    seed: int = 42,
    cache: Folder = None,
    **settings: Any,
) -> OptimizedMethod:
    """Improve an evolving method from the cases in which it fails, as the stage `optimize` does.

    evolver: evolves rows and answers what came of them. optimizer: the chat model that analyses the cases and
    rewrites the method. initial: "e0", "weak", or the text of a method. steps: at most, of so many candidates
    each. batch: rows that are analysed in a step. development: rows that methods are judged on. failures:
    what is no evolution, as in the section `evolve` of params.yaml. judge: asked with difficulty_weight above
    0, or failures={"equal": True}. settings: other keys of the section `optimize`.

    Rows: 6 at least; of few, half are used at most, and a third of these for development.

    Raises UserError where a model or a setting cannot be used, or too few rows get a reply. Source: Zeng et
    al. 2024, arXiv:2406.00770, section 3.

    >>> trees = ("oak", "elm", "fir", "ash", "yew", "box", "fig", "may")
    >>> rows = [f"Say how tall the {tree} grows." for tree in trees]
    >>> found = optimize_method(rows, "simulated:small", "simulated:large", steps=1, candidates=2)
    >>> "{instruction}" in found.method, found.after <= found.before
    (True, True)
    """
    fixed = {"steps": steps, "candidates": candidates, "batch": batch, "development": development}
    params = section("optimize", Optimize, fixed | settings)
    rules = section("evolve", Evolve, {"failures": failures or {}}).failures
    found: list[Instruction] = given_rows(rows).rows
    with surroundings(cache) as engines, ExitStack() as stack:
        models = {
            "evolver": stack.enter_context(opened_model("evolver", evolver, engines)),
            "optimizer": stack.enter_context(opened_model("optimizer", optimizer, engines)),
        }
        if "judge" in asked_roles(params, rules):
            why = "difficulty_weight or failures.equal"
            models["judge"] = stack.enter_context(_judge(judge, why, engines))
        drawn = draw_optimization_rows(found, params, seed)
        history = improve_method(_method(initial), drawn, params, rules, models, seed)
    best, first = history.best, history.candidates[0]
    assert best, "the loop ends with a method"
    before, after = first.evaluation.failure_rate, best.evaluation.failure_rate
    assert before is not None and after is not None, "both were judged"
    return OptimizedMethod(
        best.method,
        before,
        after,
        optimization_history.candidate_table(history),
        optimization_history.trajectory_table(history),
        optimization_history.candidate_failure_table(history),
    )
