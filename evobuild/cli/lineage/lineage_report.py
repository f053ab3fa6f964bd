"""Trace an exported row or a file to its sources, for `evobuild lineage`.

A row is traced in data/lineage.parquet and the exports, a file in dvc.lock. Both end with the commit and the
params that made them. So it works in a clone that has only pulled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evobuild.cli.explain.lock_sources import compute_dvc_md5, read_locked_stages
from evobuild.cli.explain.quoting import to_one_line
from evobuild.cli.lineage import commits, file_lineage, lineage_text, row_lineage
from evobuild.cli.lineage.commits import Commit
from evobuild.cli.lineage.file_lineage import Written
from evobuild.core.json_files import Record


class Origin(NamedTuple):
    """What made a file. commit: None if it is not committed yet. params: those that differ from the shipped
    ones.

    changed: whether the file differs from dvc.lock. unlike: params.yaml or prompts of the commit that differ
    from what the run read.
    """

    file: Written
    commit: Commit | None
    params: dict[str, Any]
    changed: bool
    unlike: tuple[str, ...]


def trace_lineage(target: str, *, prompts: bool = False, as_json: bool = False) -> str:
    """Trace a row or a file and return the result as text.

    Args:
        target: a path, or a unique prefix of a row's id.
        prompts: include whole prompts, not only their hashes.
        as_json: return one JSON object.

    Raises UserError if the target is unknown.
    """
    if "/" in target or (target and Path(target).exists()):
        return _trace_file(target, as_json)
    return _trace_row(target, prompts, as_json)


def _trace_row(beginning: str, prompts: bool, as_json: bool) -> str:
    found = row_lineage.find_rows(beginning)
    stages = read_locked_stages()
    out = file_lineage.find_out(str(row_lineage.DATASET), stages)
    commit = commits.find_commit(out.md5)
    with commits.extract_files(commit, found.method) as folder:
        line = row_lineage.read_line(found, folder)
        origin = _read_origin(out, commit, folder)
        source = commits.find_param(commits.read_params(folder), "seed.source")
    if as_json:
        return _format_json({"row": _build_line_record(line), "made": _build_origin_record(origin)})
    lines = [*lineage_text.format_lineage(line, str(source), prompts), "", *_format_origin(origin)]
    return "\n".join(lines) + "\n"


def _trace_file(target: str, as_json: bool) -> str:
    stages = read_locked_stages()
    out = file_lineage.find_out(target, stages)
    tree = file_lineage.build_tree(out, stages)
    commit = commits.find_commit(out.md5)
    with commits.extract_files(commit, "") as folder:
        origin = _read_origin(out, commit, folder)
    if as_json:
        return _format_json(
            {"file": file_lineage.build_tree_record(tree), "made": _build_origin_record(origin)}
        )
    return "\n".join([*file_lineage.format_tree(tree), "", *_format_origin(origin)]) + "\n"


def _read_origin(out: Written, commit: Commit | None, folder: Path) -> Origin:
    here = compute_dvc_md5(Path(out.path))
    values = commits.find_changed_params(commits.read_params(folder))
    unlike = tuple(commits.find_changed_files(folder))
    return Origin(out, commit, values, here not in ("", out.md5), unlike)


def _format_origin(origin: Origin) -> Iterator[str]:
    """Format the commit and the params, and how to build it again."""
    out, commit = origin.file, origin.commit
    yield f"made by {', '.join(out.stages)}: {to_one_line(out.path)}  md5 {out.md5}"
    if commit:
        yield to_one_line(f"commit {commit.hash} of {commit.date}: {commit.subject}")
    else:
        yield "not committed yet: params and prompts are the current ones"
    if origin.changed:
        yield to_one_line(f"{out.path} has changed since")
    for path in origin.unlike:
        yield f"{path} of it is not what that run read, by its dvc.lock"
    if origin.params:
        yield "params that differ from the shipped params.yaml"
        for line in yaml.safe_dump(origin.params, sort_keys=False, allow_unicode=True).splitlines():
            yield f"  {to_one_line(line)}"
    else:
        yield "no param differs from the shipped params.yaml"
    if commit:
        yield f"to build it again: git checkout {commit.hash[:10]} && evobuild repro"


def _build_line_record(line: row_lineage.Line) -> Record:
    """Build the JSON form of a row's lineage."""
    answer = line.answer and {
        **line.answer.outcome._asdict(),
        "asked": line.answer.asked and line.answer.asked._asdict(),
        "rated": [each._asdict() for each in line.answer.rated],
    }
    steps = [
        {
            **step._asdict(),
            "row": step.row._asdict(),
            "prompt": step.prompt and step.prompt._asdict(),
            "failed": [each._asdict() for each in step.failed],
        }
        for step in line.steps
    ]
    return {"id": line.id, "steps": steps, "answer": answer, "verifiers": line.verifiers}


def _build_origin_record(origin: Origin) -> Record:
    commit = origin.commit and origin.commit._asdict()
    return {**origin._asdict(), "file": origin.file._asdict(), "commit": commit}


def _format_json(record: Record) -> str:
    return json.dumps(record, indent=2) + "\n"
