"""From an exported row, or a file, back to its sources: what `evobuild lineage` says.

A row's line is told from data/lineage.parquet and the exports, a file's from dvc.lock, and both end with the
commit and the params that made them. So it works in a clone that has only pulled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evobuild.cli.explain.lines import in_line
from evobuild.cli.explain.provenance import locked_stages, md5
from evobuild.cli.lineage import commits, files, rows, told
from evobuild.cli.lineage.commits import Commit
from evobuild.cli.lineage.files import Written
from evobuild.core.json_lines import Record


class Origin(NamedTuple):
    """What made a file. commit: None if it is not committed yet. params: that are not the shipped ones.

    changed: the file, if it is another here than dvc.lock has; unlike: params.yaml or prompts/ of the commit
    that are not what the run read.
    """

    file: Written
    commit: Commit | None
    params: dict[str, Any]
    changed: bool
    unlike: tuple[str, ...]


def lineage(target: str, *, prompts: bool = False, as_json: bool = False) -> str:
    """Tell where a row, by as much of its id as no other has, or a file came from.

    prompts: whole, not their hashes alone. Raises UserError if neither is known.
    """
    if "/" in target or (target and Path(target).exists()):
        return _of_file(target, as_json)
    return _of_row(target, prompts, as_json)


def _of_row(beginning: str, prompts: bool, as_json: bool) -> str:
    found = rows.find_rows(beginning)
    stages = locked_stages()
    out = files.out_of(str(rows.DATASET), stages)
    commit = commits.commit_of(out.md5)
    with commits.files_of(commit, found.method) as folder:
        line = rows.read_line(found, folder)
        origin = _origin(out, commit, folder)
        source = commits.param(commits.read_params(folder), "seed.source")
    if as_json:
        return _json({"row": _record(line), "made": _made_record(origin)})
    lines = [*told.line_lines(line, str(source), prompts), "", *_made(origin)]
    return "\n".join(lines) + "\n"


def _of_file(target: str, as_json: bool) -> str:
    stages = locked_stages()
    out = files.out_of(target, stages)
    tree = files.tree_of(out, stages)
    commit = commits.commit_of(out.md5)
    with commits.files_of(commit, "") as folder:
        origin = _origin(out, commit, folder)
    if as_json:
        return _json({"file": files.tree_record(tree), "made": _made_record(origin)})
    return "\n".join([*files.tree_lines(tree), "", *_made(origin)]) + "\n"


def _origin(out: Written, commit: Commit | None, folder: Path) -> Origin:
    here = md5(Path(out.path))
    values = commits.changed_params(commits.read_params(folder))
    unlike = tuple(commits.not_as_run(folder))
    return Origin(out, commit, values, here not in ("", out.md5), unlike)


def _made(origin: Origin) -> Iterator[str]:
    """Tell the commit and the params, and how to build it again."""
    out, commit = origin.file, origin.commit
    yield f"made by {', '.join(out.stages)}: {in_line(out.path)}  md5 {out.md5}"
    if commit:
        yield in_line(f"commit {commit.hash} of {commit.date}: {commit.subject}")
    else:
        yield "not committed yet: params and prompts are those that are here"
    if origin.changed:
        yield in_line(f"{out.path} is another here: it was changed since")
    for path in origin.unlike:
        yield f"{path} of it is not what that run read, by its dvc.lock"
    if origin.params:
        yield "params that differ from the shipped params.yaml"
        for line in yaml.safe_dump(origin.params, sort_keys=False, allow_unicode=True).splitlines():
            yield f"  {in_line(line)}"
    else:
        yield "no param differs from the shipped params.yaml"
    if commit:
        yield f"to build it again: git checkout {commit.hash[:10]} && evobuild repro"


def _record(line: rows.Line) -> Record:
    """A line as JSON has it."""
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


def _made_record(origin: Origin) -> Record:
    commit = origin.commit and origin.commit._asdict()
    return {**origin._asdict(), "file": origin.file._asdict(), "commit": commit}


def _json(record: Record) -> str:
    return json.dumps(record, indent=2) + "\n"
