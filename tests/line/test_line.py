"""The whole line as a user runs it, small: what it leaves."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
import workspace
from cold_line import copy_line

from evobuild.cli.publish.build_origin import Origin
from evobuild.cli.publish.contents import collect_dataset
from evobuild.cli.publish.hub_files import HubFile
from evobuild.cli.publish.leaks import find_leaks
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.metrics import DRY_RUN
from evobuild.core.stages import LAST_OF_BRANCH, OF_ALL_POOLS, OF_BRANCHES
from evobuild.reporting.funnel import read_funnels

PIECE = 30
"""Characters of a held-out text that tell that it is one."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which `dvc repro` has run, and its lock and metrics are committed."""
    return copy_line(tmp_path_factory, tmp_path_factory.mktemp("clone") / "line")


def test_a_second_repro_does_nothing(clone: Path) -> None:
    assert "up to date" in workspace.run(clone, "dvc", "repro")


def test_git_sees_no_data(clone: Path) -> None:
    tracked = workspace.run(clone, "git", "ls-files", "data", "models").split()
    own = [path for path in tracked if not path.startswith("data/raw/benchmarks/")]
    assert own == ["data/evaluation/.gitkeep", "data/raw/constraints.txt", "data/raw/sample.jsonl"]
    assert workspace.run(clone, "git", "status", "--short") == ""


def test_rows_in_are_rows_out_and_rejects(clone: Path) -> None:
    found = {path.stem: json.loads(path.read_text()) for path in (clone / "data").glob("**/counts/*.json")}
    assert "questions" in found.pop("decontaminate-held_out"), "it loses no row"
    # seed and experience, rounds, keywords, the branch, respond and rate of pools, what takes all, evaluation
    # of two models and their comparison, the rest
    asked = found.pop("optimize")["asked"]
    assert [each["role"] for each in asked] == ["evolver", "optimizer"], "it makes no rows"
    assert len(found) == 2 + 2 + 1 + len(OF_BRANCHES) + 2 * 3 + len(OF_ALL_POOLS) + 3 + 4
    ledgers = [
        each
        for ledger in found.values()
        for each in ([ledger] if "in" in ledger else ledger.values())
        if isinstance(each, dict)
    ]
    assert len(ledgers) == 2 + 2 + 1 + len(OF_BRANCHES) + 2 * 3 + 3 * len(OF_ALL_POOLS) + 3 + 4
    for ledger in [*ledgers, found["compose-autoif"]["rows"]]:
        assert ledger["in"] == ledger["out"] + sum(ledger["rejects"].values())


def test_rows_of_a_branch_are_rows_like_any_other(clone: Path) -> None:
    (funnel,) = read_funnels(clone / "data/counts", ["autoif"]).values()
    (pool,) = [step.rows_out for step in funnel if step.name == LAST_OF_BRANCH]
    assert json.loads((clone / "metrics/rows.json").read_text())[DRY_RUN]["rows"]["autoif"] == pool > 0
    own = workspace.ids(clone / "data/rounds/autoif.parquet")
    assert len(own) == pool
    assert workspace.ids(clone / "data/measures/ratings/autoif.parquet") <= own
    assert workspace.ids(clone / "data/dataset.parquet") & own


def test_report_and_every_figure_say_that_nothing_is_a_result(clone: Path) -> None:
    assert "DRY RUN" in (clone / "data/report.html").read_text()
    files = list((clone / "metrics").rglob("*.json"))
    assert len(files) == 14
    assert [path.name for path in files if list(json.loads(path.read_text())) != [DRY_RUN]] == []
    columns = workspace.run(clone, "dvc", "exp", "show", "--csv").splitlines()[0].split(",")
    assert "DRY RUN.seeds" in columns and "seeds" not in columns


def test_no_held_out_row_is_in_what_is_published(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    own = Path("data/held_out.parquet")
    held = tables.read(own, INSTRUCTIONS).to_dicts()
    texts = {f"{row['id']} {name}": row[name] for row in held for name in ("instruction", "output")}
    pieces = {
        f"{what} {start}": text[start : start + PIECE]
        for what, text in texts.items()
        for start in range(0, max(1, len(text) - PIECE + 1), PIECE // 3)
    }
    assert len(pieces) > 4 * len(held) > 0
    found = find_leaks([HubFile(own.name, own)], pieces, {})
    assert {leak.what for leak in found} == set(pieces), "the search finds them where they are"
    files = collect_dataset(tmp_path, Origin("data/dataset.parquet", "", "")).files
    assert {"README.md", "report.html", "validation.html", "rejects/train.parquet"} <= {
        file.path for file in files
    }
    assert find_leaks(files, pieces, {}) == []
    card = next(file.source for file in files if file.path == "README.md")
    card.write_text(card.read_text() + html.escape(texts[f"{held[0]['id']} instruction"]))
    assert {leak.file for leak in find_leaks(files, pieces, {})} == {"README.md"}


def test_metrics_plots_and_params_are_readable(clone: Path) -> None:
    metrics = json.loads(workspace.run(clone, "dvc", "metrics", "show", "--json"))
    assert list(metrics[""]["data"]) == ["metrics/headline.json"]
    columns = workspace.run(clone, "dvc", "exp", "show", "--csv").splitlines()[0].split(",")
    assert len([name for name in columns if name.startswith(DRY_RUN)]) == 13
    asked = json.loads(workspace.run(clone, "dvc", "metrics", "show", "metrics/rows.json", "--json"))
    assert asked[""]["data"]["metrics/rows.json"]["data"][DRY_RUN]["rows"]["r0"] > 0
    assert "file://" in workspace.run(clone, "dvc", "plots", "show")
    assert workspace.run(clone, "dvc", "params", "diff") == ""
