"""In a clone that has only pulled, an exported row is followed to the seed, and kept replies ask nothing."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import workspace
import yaml

from evobuild.cli.lineage.lineage_report import trace_lineage
from evobuild.evolution.methods import SLOT

CHANGES = workspace.SMALL | {
    "models": {"embedder": None, "scorer": None},
    "select": {"pools": "all", "share": 0.5, "by": "difficulty"},
    "branches": {},
    "pools": {"r1": {}, "r2": {}},
    "bases": {},
    "compare": {"pairs": []},
}
PULLED = ("data/dataset.parquet", "data/lineage.parquet", "data/export")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that has built and pushed its exports and its replies, all committed."""
    root = tmp_path_factory.mktemp("first")
    workspace.lay_out(root)
    workspace.change_params(root, CHANGES)
    untrained = workspace.params(root)
    untrained["evaluate"]["models"] = {}
    (root / "params.yaml").write_text(yaml.safe_dump(untrained, sort_keys=False))
    workspace.commit(root)
    workspace.run(root, "dvc", "repro", "export")
    workspace.run(
        root, "dvc", "remote", "add", "-q", "-d", "shared", str(root.parent / f"{root.name}-remote")
    )
    workspace.run(root, "dvc", "push", "-q", *PULLED)
    workspace.run(root, "python", "-m", "evobuild", "cache", "export", "replies.parquet")
    workspace.run(root, "dvc", "add", "-q", "replies.parquet")
    workspace.run(root, "dvc", "push", "-q", "replies.parquet.dvc")
    workspace.run(root, "git", "add", "-A")
    workspace.run(root, "git", "commit", "-q", "-m", "Build")
    return root


@pytest.fixture(scope="module")
def pulled(first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second clone with nothing but the exports, whose prompts and params are others since."""
    root = tmp_path_factory.mktemp("second") / "clone"
    workspace.run(root.parent, "git", "clone", "-q", str(first), str(root))
    workspace.run(root, "dvc", "pull", "-q", *PULLED)
    for prompt in (root / "prompts").rglob("*.jinja"):
        prompt.write_text("Another prompt.\n")
    workspace.change_params(root, {"seed": {"source": "data/raw/constraints.txt"}})
    workspace.run(root, "git", "commit", "-q", "-a", "-m", "Change prompts and params")
    return root


@pytest.fixture
def here(pulled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(pulled)
    return pulled


def told(target: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(trace_lineage(target, as_json=True))
    return found


def exported_ids(root: Path) -> list[str]:
    """The ids of all exported rows."""
    return sorted(pl.read_parquet(root / "data/export/datasets/data/train.parquet")["id"])


def tables_of(root: Path, folder: str) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in sorted((root / "data" / folder).glob("*.parquet")))


def test_every_exported_row_is_followed_to_the_seed_with_every_reply(first: Path, here: Path) -> None:
    parents = dict(tables_of(first, "rounds").select("id", "parent_id").iter_rows())
    replies = dict(tables_of(first, "replies").select("id", "reply").iter_rows())
    assert not (here / "data/rounds").exists() and not (here / "data/replies").exists()
    evolved = 0
    for key in exported_ids(here):
        steps = told(key)["row"]["steps"]
        ids = [step["row"]["id"] for step in steps]
        assert ids[-1] == key and parents[ids[0]] == ""
        assert [parents[each] for each in ids[1:]] == ids[:-1]
        for above, step in itertools.pairwise(steps):
            if step["prompt"]:
                evolved += 1
                assert step["reply"] == replies.get(step["row"]["id"])
                assert above["row"]["instruction"] in step["prompt"]["text"]
    assert evolved > 5


def test_prompts_and_params_are_those_of_the_commit_that_made_it(first: Path, here: Path) -> None:
    commit = workspace.run(first, "git", "rev-parse", "HEAD").strip()
    (key,) = (
        tables_of(first, "rounds")
        .filter(round="r2")
        .join(pl.read_parquet("data/dataset.parquet"), on="id", how="semi")["id"]
        .head(1)
    )
    found = told(key)
    assert found["made"]["commit"]["hash"] == commit
    assert found["made"]["params"]["models.scorer"] is None
    (last,) = found["row"]["steps"][-1:]
    method = (first / "data/method.txt").read_bytes()
    assert last["prompt"]["md5"] == hashlib.md5(method).hexdigest()
    assert last["prompt"]["text"].startswith(method.decode().split(SLOT)[0].strip()[:40])
    assert "data/raw/sample.jsonl" in trace_lineage(key)
    text = trace_lineage(key, prompts=True)
    assert f"commit {commit} of " in text and text.count("  the evolver was asked by data/method.txt") == 2
    asked = [line for line in last["prompt"]["text"].splitlines() if line]
    assert all(f"  │ {line}".rstrip() in text for line in asked)
    assert f"  │ {asked[0]}" not in trace_lineage(key)


def test_a_file_is_followed_to_what_git_holds(first: Path, here: Path) -> None:
    found = told("data/export/alpaca.json")
    assert found["file"]["path"] == "data/export" and found["file"]["stages"] == ["export"]
    locked = yaml.safe_load((here / "dvc.lock").read_text())["stages"]
    assert found["file"]["md5"] in [
        out["md5"] for out in locked["export"]["outs"] if out["path"] == "data/export"
    ]
    text = trace_lineage("data/export/alpaca.json")
    assert "    data/raw/sample.jsonl  md5 8971f1ade5a1dcd0f85ddc07e7204d4b" in text
    assert " evolve@r1," in text and "and, of stages above, " in text
    assert f"commit {workspace.run(first, 'git', 'rev-parse', 'HEAD').strip()} of " in text


def test_what_no_commit_holds_is_not_committed_yet(here: Path) -> None:
    lock = here / "dvc.lock"
    before = lock.read_text()
    made = told(exported_ids(here)[0])["made"]["file"]["md5"]
    lock.write_text(before.replace(made, "0" * 32))
    try:
        text = trace_lineage(exported_ids(here)[0])
    finally:
        lock.write_text(before)
    assert "not committed yet: params and prompts are the current ones" in text
    assert "data/dataset.parquet has changed since" in text


def test_who_pulls_the_replies_asks_nothing(first: Path, tmp_path: Path) -> None:
    third = tmp_path / "third"
    workspace.run(tmp_path, "git", "clone", "-q", str(first), str(third))
    assert workspace.stored(third) == 0
    workspace.run(third, "dvc", "pull", "-q", "replies.parquet.dvc")
    workspace.run(third, "python", "-m", "evobuild", "cache", "import", "replies.parquet")
    assert workspace.stored(third) == workspace.stored(first) > 0
    workspace.run(third, "dvc", "repro", "respond@r1")
    assert calls(third) == 0 < calls(first)
    assert workspace.ids(third / "data/responses/r1.parquet") == workspace.ids(
        first / "data/responses/r1.parquet"
    )


def calls(root: Path) -> int:
    """Calls that models were really asked, by all stages together."""
    files = [json.loads(file.read_text()) for file in (root / ".evobuild/progress").glob("*.json")]
    return sum(counts["calls"] for each in files for counts in each["purposes"].values())
