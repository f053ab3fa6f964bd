"""`evobuild lineage` on tables of a few rows: branches, kept rows, hostile text, files, errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import workspace
import yaml

from evobuild import __main__ as command
from evobuild.cli.explain.lock_sources import compute_dvc_md5
from evobuild.core import tables
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import AUTOIF, EVOL, INSTRUCTIONS, KEPT, Instruction
from evobuild.export.lineage import Sources, write_lineage

ESCAPE = "\x1b]0;owned\x07"
OUTS = {
    "seed": ["data/rounds/r0.parquet"],
    "select": ["data/dataset.parquet"],
    "export": ["data/lineage.parquet"],
}
DEPS = {
    "seed": ["data/raw/sample.jsonl"],
    "select": ["data/rounds"],
    "export": ["data/dataset.parquet", "data/rounds"],
}


def row(key: str, round_: str, parent: str = "", **fields: Any) -> Instruction:
    return Instruction(key, key, "s1", parent, round_, "math", (), f"Text of {key}.", "", "")._replace(
        **fields
    )


ROWS = [
    row("s1", "r0", output="An old answer.", seed_place=3),
    row("kk1", "r1", "s1", strategy=EVOL, operation=KEPT, evolver="simulated:small"),
    row("bb1", "r2", "kk1", strategy=EVOL, operation="deepening", evolver="simulated:small"),
    row("c1", "autoif", "s1", strategy=AUTOIF, operation="autoif-9", input="Text of s1.", output="In verse.",
        responder="simulated:large"),
]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the tables of a reader, committed with its dvc.lock; its rounds are gone."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(workspace.ROOT / "prompts", root / "prompts")
    shutil.copy(workspace.SHIPPED_PARAMS, root / "params.yaml")
    data = root / "data"
    folders = Sources(data / "rounds", data / "replies", data / "failures", data / "method.txt")
    for folder in (data, *folders[:3], data / "export_autoif"):
        folder.mkdir()
    for name in ("r0", "r1", "r2", "autoif"):
        own = tables.frame(INSTRUCTIONS, [each for each in ROWS if each.round == name])
        tables.write(folders.rounds / f"{name}.parquet", own)
    write(folders.replies / "r2.parquet", REPLIES, {"id": "bb1", "attempt": 1, "reply": f"Said {ESCAPE}"})
    failed = {"operation": "breadth", "reason": "unchanged", "detail": "", "reply": "The same.", "attempt": 0}
    write(folders.failures / "r1.parquet", FAILURES, {"id": "f1", "row": "s1", **failed})
    selected = tables.frame(INSTRUCTIONS, [ROWS[2]._replace(output="Answered.", responder="simulated:large")])
    tables.write(
        data / "dataset.parquet", selected.with_columns(level=pl.lit("hard"), difficulty=pl.lit(70.0))
    )
    write_lineage(
        data / "lineage.parquet", data / "dataset.parquet", folders, {"r1": "r0", "r2": "r1"}, ["autoif"]
    )
    record = {"id": "c1", "functions": [{"code": "def check(): ...", "accuracy": 1.0}], "cases": []}
    (data / "export_autoif/verifiers.jsonl").write_text(json.dumps(record) + "\n")
    lock = {name: {"outs": files(root, OUTS[name]), "deps": files(root, DEPS[name])} for name in OUTS}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": lock}))
    (root / ".gitignore").write_text("data\n")
    workspace.commit(root)
    shutil.rmtree(folders.rounds)
    return root


def write(path: Path, schema: pl.Schema, record: dict[str, Any]) -> None:
    tables.write(path, pl.DataFrame([record], schema=schema))


def files(root: Path, paths: list[str]) -> list[dict[str, Any]]:
    return [{"path": path, "md5": compute_dvc_md5(root / path) or "0" * 32} for path in paths]


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command prints: on success to standard output, else to standard error."""
    assert command.main(["lineage", *words]) == code
    found = capsys.readouterr()
    return found.err if code else found.out


def test_a_kept_row_shows_what_failed_and_what_it_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "bb")
    assert text.startswith("bb1: in the data set; round r2, domain math\n")
    assert "  row 3 of data/raw/sample.jsonl, from 0\n" in text and "  │ An old answer.\n" in text
    assert "  kept as its parent s1 was" in text
    assert "asked by prompts/evolve/breadth.jinja, md5" in text
    assert "  attempt 1 failed: unchanged\n  its reply\n  │ The same.\n" in text
    assert "  by deepening, evol, with simulated:small, from kk1\n" in text
    assert "  rated: hard, difficulty 70 of 100\n" in text
    assert "the judge was asked by prompts/judge/difficulty_level.jinja" in text


def test_prompts_are_those_of_the_folder_that_the_commits_params_name(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
    monkeypatch.chdir(root)
    (root / "prompts").rename(root / "mine")
    workspace.change_params(root, {"prompts": "mine"})
    workspace.commit(root)
    shutil.rmtree(root / "mine")
    text = said(capsys, "bb")
    assert "asked by mine/evolve/breadth.jinja, md5" in text and "prompts/" not in text
    assert "the judge was asked by mine/judge/difficulty_level.jinja" in text


def test_what_a_terminal_would_obey_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["bb"], ["bb", "--json"], ["bb", "--prompts"]):
        assert "\x1b" not in said(capsys, *words)
    (*_, last) = json.loads(said(capsys, "bb", "--json"))["row"]["steps"]
    assert last["reply"] == f"Said {ESCAPE}" and last["attempt"] == 1


def test_a_row_of_a_branch_has_its_constraint_functions_and_query(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "c1")
    assert text.startswith("c1: in the exports of its branch alone; round autoif")
    assert "composed of the query s1 and a constraint, autoif-9, by the seed constraints" in text
    assert "  a function, right on 1.0 of its cases\n  │ def check(): ...\n" in text
    assert "answer, by simulated:large\n" in text and "  │ In verse.\n" in text


def test_an_ancestor_is_told_of_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "s1").startswith("s1: exported rows descend from it; round r0")


def test_a_file_is_followed_back_and_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "data/lineage.parquet")
    dataset = compute_dvc_md5(Path("data/dataset.parquet"))
    assert f"  data/dataset.parquet  md5 {dataset}  by select\n" in text
    assert f"      data/raw/sample.jsonl  md5 {'0' * 32}\n" in text
    assert text.count("sample.jsonl") == 1
    assert "\n  and, of stages above, data/rounds " in text


def test_commit_and_params_are_said_with_how_to_build_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    commit = workspace.run(Path(), "git", "rev-parse", "HEAD").strip()
    for target in ("bb", "data/dataset.parquet"):
        text = said(capsys, target)
        assert f"commit {commit} of 20" in text and text.endswith(
            f"git checkout {commit[:10]} && evobuild repro\n"
        )


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (
            "data/raw/sample.jsonl",
            "data/raw/sample.jsonl: no stage wrote it: it is a source that stages read",
        ),
        ("params.yaml", "params.yaml: no stage wrote it: dvc.lock does not know it"),
        ("../other/data.csv", "../other/data.csv: no stage wrote it"),
        ("zz", "unknown row 'zz' in data/lineage.parquet"),
        ("", "'' begins 4 ids, expected one: s1, kk1, bb1, c1"),
    ],
)
def test_what_is_not_known_is_said(target: str, wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert wanted in said(capsys, target, code=1)
