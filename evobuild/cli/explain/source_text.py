"""Format the params and files from which a row's lineage was built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from evobuild.answering.response_prompt import OWN, response_template
from evobuild.cli.explain.explain_params import ExplainParams
from evobuild.cli.explain.lock_sources import Source, compute_dvc_md5, read_sources
from evobuild.cli.explain.quoting import to_one_line
from evobuild.cli.explain.row_history import RowHistory
from evobuild.core.prompts import prompt_file
from evobuild.core.stages import branch_addresses, pool_addresses
from evobuild.evolution.strategies import reads_optimized

CHOSEN_FROM = {"evolve": "evolve", "respond": OWN, "sample": OWN}
"""Subfolders of prompts/ from which a stage reads only the files that params name."""


def format_sources(life: RowHistory, params: ExplainParams) -> Iterator[str]:
    """Format the inputs of a lineage by stage; without dvc.lock, the current params and files."""
    used = {chapter.origin.source for chapter in life.chapters if chapter.origin}
    asked = str(prompt_file(response_template(params.respond.prompt)))
    known = read_sources(_list_stages(life, params))
    if known:
        yield "What it came from, as dvc.lock has it"
        for source in known:
            yield from _format_source(source, {*used, asked})
    else:
        yield "What it came from: there is no dvc.lock, so this is what is here now"
        yield from _format_current_sources(life, params, used)


def _format_source(source: Source, used: set[str]) -> Iterator[str]:
    """Format the inputs of one stage; of a folder of prompts only those that the lineage used."""
    yield f"  {', '.join(source.stages)}"
    folder = CHOSEN_FROM.get(source.stages[0].partition("@")[0])
    for file in source.files:
        if folder and prompt_file(folder) in Path(file.path).parents and file.path not in used:
            continue
        yield to_one_line(f"    {file.path}  md5 {file.md5}{f', {file.change}' if file.change else ''}")
    for file in source.changed:
        yield to_one_line(f"    {file.path} is not what this stage wrote, md5 {file.md5}: {file.change}")
    yield from _format_yaml(source.params)


def _format_current_sources(life: RowHistory, params: ExplainParams, used: set[str]) -> Iterator[str]:
    for path in sorted(path for path in used if Path(path).is_file()):
        yield f"  {path}  md5 {compute_dvc_md5(Path(path))}"
    branched = life.constraint or life.chapters[-1].verification
    sections = {"autoif", "sandbox"} if branched else {"evolve"}
    values = params.model_dump(include={"random_seed", "seed", "respond", "select", *sections})
    yield from _format_yaml(
        values | {"models": {role: model and str(model) for role, model in params.models}}
    )


def _list_stages(life: RowHistory, params: ExplainParams) -> list[str]:
    """List the stages that the lineage went through, in order."""
    if life.constraint:
        return branch_addresses(params.branches)
    line = [chapter.row.round for chapter in life.chapters]
    sets = [f"decontaminate@{name}" for name in params.decontaminate.sets]
    return [
        "seed",
        *_list_evolving_stages([name for name in line[1:] if name not in params.branches], params),
        *branch_addresses([name for name in line if name in params.branches]),
        *pool_addresses([name for name in line if name in params.pools]),
        *sets,
        "select",
    ]


def _list_evolving_stages(rounds: list[str], params: ExplainParams) -> list[str]:
    optimized = reads_optimized(params.evolve)
    return [*(["optimize"] if optimized and rounds else []), *(f"evolve@{name}" for name in rounds)]


def _format_yaml(values: dict[str, object]) -> Iterator[str]:
    for line in yaml.safe_dump(values, sort_keys=False, allow_unicode=True).splitlines():
        yield f"    {to_one_line(line)}"
