"""Read the lineage of an exported row, from the seed row on, from files that a pulled clone has.

Rows and replies come from data/lineage.parquet, answers and measurements from the dataset. Prompts are
rendered again from the params and templates of the commit that made the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.answering.response_prompt import response_template
from evobuild.cli.explain.lock_sources import compute_dvc_md5
from evobuild.cli.explain.row_history import Attempt
from evobuild.cli.lineage.commits import METHOD as METHOD_FILE
from evobuild.cli.lineage.commits import find_param, find_prompt_folder, list_own_methods, read_params
from evobuild.core import prompts, tables
from evobuild.core.conversation import chat_messages
from evobuild.core.errors import BadInput, UserError
from evobuild.core.instructions import (
    AUTOIF,
    INSTRUCTIONS,
    KEPT,
    SEED_ROUND,
    Instruction,
    iterate_instructions,
)
from evobuild.core.json_files import read_json_lines
from evobuild.evolution import prompts_sent
from evobuild.export.lineage import LINEAGE, METHOD
from evobuild.reporting.outcomes import RowOutcome
from evobuild.scoring import rating_prompts

TABLE = Path("data/lineage.parquet")
DATASET = Path("data/dataset.parquet")
SHOWN = 5
"""Ids listed for an ambiguous prefix."""


class Prompt(NamedTuple):
    """A prompt. role: of the model; source: the template or method, with its MD5.

    text: '' if unknown; source then says why.
    """

    role: str
    source: str
    md5: str
    text: str


class Step(NamedTuple):
    """A row of the lineage. prompt: None if no evolver made it. attempt: of the reply, from 0.

    thoughts: the evolver's reasoning before its reply, '' if none.
    """

    row: Instruction
    prompt: Prompt | None
    failed: tuple[Attempt, ...]
    attempt: int | None
    reply: str | None
    thoughts: str


class Answer(NamedTuple):
    """The row's answer and measurements; rated: the judge's prompts about its difficulty."""

    outcome: RowOutcome
    asked: Prompt | None
    rated: tuple[Prompt, ...]


class Line(NamedTuple):
    """A row with its ancestors, the seed row first. answer: None if the row itself is not exported.

    verifiers: of a branch's row its constraint's functions and cases, as exported; None if they are not here.
    """

    id: str
    steps: tuple[Step, ...]
    answer: Answer | None
    verifiers: dict[str, Any] | None


class Found(NamedTuple):
    """The rows of a lineage as LINEAGE, the seed row first, and the evolving method."""

    rows: list[dict[str, Any]]
    method: str


def find_rows(beginning: str) -> Found:
    """Find the row whose id has this prefix, and its ancestors.

    Raises UserError if the prefix matches no id or several, or if the table is missing.
    """
    if not TABLE.exists():
        raise UserError(f"{TABLE} is not here; run: dvc pull {TABLE}, or evobuild repro export")
    rows = tables.scan(TABLE, LINEAGE)
    ids = tables.collect(TABLE, rows.filter(pl.col("id").str.starts_with(beginning)).select("id"))["id"]
    if ids.len() != 1:
        shown = beginning[:40]
        if ids.len():
            some = ", ".join(ids.head(SHOWN)) + (" …" if ids.len() > SHOWN else "")
            raise UserError(f"'{shown}' begins {ids.len()} ids, expected one: {some}")
        raise UserError(
            f"unknown row '{shown}' in {TABLE}: it has exported rows and those they descend from; "
            f"evobuild explain tells of all others"
        )
    line: list[dict[str, Any]] = []
    wanted = ids[0]
    while wanted and wanted not in (each["id"] for each in line):
        found = tables.collect(TABLE, rows.filter(pl.col("id") == wanted)).to_dicts()
        if not found:
            raise BadInput(f"{TABLE}: has no row '{wanted}', the parent of {line[-1]['id']}; run: dvc pull")
        line.append(found[0])
        wanted = found[0]["parent_id"]
    return Found(line[::-1], pl.read_parquet_metadata(TABLE).get(METHOD, ""))


def read_line(found: Found, folder: Path) -> Line:
    """Build a lineage with its prompts. folder: has params.yaml and prompts of the run.

    Raises BadInput if a prompt or a table is malformed.
    """
    own = next(iterate_instructions(pl.DataFrame(found.rows[-1:], schema=LINEAGE)))
    answered = _read_answer(own)
    verifiers = _read_verifiers(own)
    shown = find_prompt_folder(folder)
    with chdir(folder), prompts.use_folder(folder / shown, shown):
        params = read_params(Path())
        steps = tuple(_build_steps(found.rows, params))
        answer = _build_answer(answered, params) if answered else None
    return Line(own.id, steps, answer, verifiers)


def _build_steps(rows: list[dict[str, Any]], params: dict[str, Any]) -> Iterator[Step]:
    files = METHOD_FILE, *map(Path, list_own_methods(params))
    known = prompts_sent.collect_plans(prompts_sent.collect_methods(*files))
    parent: Instruction | None = None
    table = pl.DataFrame(rows, schema=LINEAGE)
    for row, told in zip(iterate_instructions(table), rows, strict=True):
        failed = told["failed"] or []
        operation = failed[0]["operation"] if row.operation == KEPT and failed else row.operation
        prompt = None
        if parent and row.strategy not in ("", AUTOIF):
            step, place = prompts_sent.render_step(operation, parent, known)
            prompt = _build_prompt("evolver", place, step.prompt if step else "")
        attempts = (
            Attempt(each["attempt"], each["reason"], each["detail"], each["reply"]) for each in failed
        )
        yield Step(row, prompt, tuple(attempts), told["attempt"], told["reply"], told["thoughts"] or "")
        parent = row


def _build_prompt(role: str, source: str, text: str) -> Prompt:
    return Prompt(role, source, compute_dvc_md5(Path(source)) if text else "", text)


def _read_answer(row: Instruction) -> tuple[Instruction, RowOutcome] | None:
    """Read the exported row with its answer and measurements; None without an exported answer."""
    if DATASET.exists():
        table = tables.collect(DATASET, tables.scan(DATASET, INSTRUCTIONS).filter(pl.col("id") == row.id))
        if table.height:
            own = next(iterate_instructions(table))
            measured = {
                name: table[name][0] for name in table.columns if name not in (*INSTRUCTIONS, "metric")
            }
            measured = {name: _to_plain(value) for name, value in measured.items()}
            return own, RowOutcome(own.output, own.responder, measured, None, True, (), own.reasoning)
    if row.strategy == AUTOIF and row.output:
        return row, RowOutcome(row.output, row.responder, {}, None, False, (), row.reasoning)
    return None


def _to_plain(value: Any) -> Any:
    return value.to_list() if isinstance(value, pl.Series) else value


def _build_answer(answered: tuple[Instruction, RowOutcome], params: dict[str, Any]) -> Answer:
    row, outcome = answered
    template = response_template(str(find_param(params, "respond.prompt") or "plain"))
    text = chat_messages(row, template)[-1].content
    asked = (
        _build_prompt("responder", str(prompts.prompt_file(template)), text) if outcome.responder else None
    )
    measures = [name for name in find_param(params, "rate.measures") or () if name in rating_prompts.KINDS]
    alone = find_param(params, "rate.score_prompt") == "alone"
    is_rated = any(outcome.measured.get(name) is not None for name in ("level", "difficulty"))
    rated = (
        rating_prompts.render_rating_prompts(row, measures, "alone" if alone else "reasoned")
        if is_rated
        else ()
    )
    judged = (_build_prompt("judge", str(prompts.prompt_file(name)), text) for _, name, text in rated)
    return Answer(outcome, asked, tuple(judged))


def _read_verifiers(row: Instruction) -> dict[str, Any] | None:
    """Read the exported functions and cases of a branch's row; None if they are missing."""
    path = Path(f"data/export_{row.round}/verifiers.jsonl")
    if row.strategy != AUTOIF or row.round == SEED_ROUND or not path.exists():
        return None
    for _, record in read_json_lines(path):
        if isinstance(record, dict) and record.get("id") == row.id:
            return record
    return None
