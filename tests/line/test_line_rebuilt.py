"""The small line, changed, extended, shared and built again."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

import closures
import patience
import polars as pl
import pytest
import workspace
import yaml
from cold_line import copy_line
from polars.testing import assert_frame_equal

from evobuild.core.params import declared_values
from evobuild.core.table_parts import part_files


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which `dvc repro` has run, and its lock and metrics are committed."""
    return copy_line(tmp_path_factory, tmp_path_factory.mktemp("clone") / "line")


def ran(output: str) -> set[str]:
    """The stages that a repro ran."""
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


ALONE = (
    *("seed", "optimize", "evolve@r1", "keywords", "crosscheck@autoif", "quality@autoif", "rate@r1"),
    *("select", "validate", "gather", "finetune@toy", "evaluate@base", "compare", "summarize"),
)
"""Stages that are run with what they declare and nothing else: a witness of the declarations."""


@pytest.mark.parametrize("address", ALONE)
def test_a_stage_gives_the_same_from_nothing_but_what_it_declares(
    clone: Path, tmp_path: Path, address: str
) -> None:
    """No other file, no other key of params.yaml, and no other module, but for `evobuild/process`."""
    entry = yaml.safe_load((clone / "dvc.lock").read_text())["stages"][address]
    values = declared_values(workspace.params(clone), entry["params"]["params.yaml"])
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    for name in {*(dep["path"] for dep in entry["deps"]), *closures.files(address.partition("@")[0])}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (clone / name).is_dir():
            shutil.copytree(clone / name, tmp_path / name, dirs_exist_ok=True)
        else:
            shutil.copy(clone / name, tmp_path / name)
    environment = workspace.environment() | {"EVOBUILD_STORE": str(clone / ".evobuild/replies.sqlite")}
    words = [sys.executable, *shlex.split(entry["cmd"])[2:]]
    done = patience.run(words, workspace.SECONDS, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    for out in (out["path"] for out in entry["outs"]):
        assert contents(tmp_path / out) == contents(clone / out), out


def contents(path: Path) -> dict[str, bytes]:
    """The files of an out."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def test_a_clone_elsewhere_gives_the_same_bytes(clone: Path, tmp_path: Path) -> None:
    other = workspace.make(tmp_path)
    workspace.run(other, "dvc", "repro")
    assert workspace.hashes(other) == workspace.hashes(clone)
    # Again, all replies from the store: what was called and paid differs, and no out says so.
    workspace.run(other, "dvc", "repro", "--force", "--no-run-cache", "rate@r1", "summarize")
    assert workspace.hashes(other) == workspace.hashes(clone)
    total, last = workspace.run(other, "python", "-m", "evobuild", "usage").split("\n\n")
    assert int(column(total, "rate-r1")) > 0 == int(column(last, "rate-r1"))


def test_large_tables_are_folders_with_the_same_rows(clone: Path, tmp_path: Path) -> None:
    other = workspace.make(tmp_path, workspace.SMALL | {"tables": {"rows_per_file": 5}})
    workspace.run(other, "dvc", "repro")
    assert (other / "data/rounds/r1.parquet").is_dir() and (other / "data/dataset.parquet").is_dir()
    for path in (clone / "data").rglob("*.parquet"):
        table = other / path.relative_to(clone)
        if "datasets" not in table.parts:
            assert_frame_equal(pl.read_parquet(part_files(table)), pl.read_parquet(path))
    for path in (clone / "metrics").rglob("*.json"):
        assert (other / path.relative_to(clone)).read_text() == path.read_text(), path
    assert "up to date" in workspace.run(other, "dvc", "repro")
    workspace.change_params(other, {"tables": {"rows_per_file": 1_000_000}})
    workspace.run(other, "dvc", "repro", "select")
    for path in (clone / "data/rounds").iterdir():
        assert (other / "data/rounds" / path.name).read_bytes() == path.read_bytes()


def column(table: str, task: str) -> str:
    """The calls of a task, as a table of usage has them."""
    return next(line for line in table.splitlines() if line.startswith(task)).split()[2].replace(",", "")


def push_everything(clone: Path, remote: Path) -> None:
    """Push to a folder, the intermediate tables too."""
    workspace.run(clone, "dvc", "remote", "add", "--local", "-d", "-f", "shared", str(remote))
    pipeline = clone / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("push: false", "push: true"))
    workspace.run(clone, "dvc", "push", "-q")
    workspace.run(clone, "git", "checkout", "-q", "dvc.yaml")


def test_pushed_data_is_pulled_and_nothing_reruns(clone: Path, tmp_path: Path) -> None:
    push_everything(clone, tmp_path / "remote")
    workspace.run(tmp_path, "git", "clone", "-q", str(clone), "second")
    second = tmp_path / "second"
    workspace.run(second, "dvc", "remote", "add", "--local", "-d", "shared", str(tmp_path / "remote"))
    workspace.run(second, "dvc", "pull")
    assert (second / "data/export/messages.jsonl").read_bytes() == (
        clone / "data/export/messages.jsonl"
    ).read_bytes()
    assert "up to date" in workspace.run(second, "dvc", "repro")


def test_an_experiment_reruns_what_is_stale_and_reuses_the_store(clone: Path) -> None:
    change = ("dvc", "exp", "run", "-S", "evolve.temperature=0.9")
    assert ran(workspace.run(clone, *change, "respond@r1")) == {"check", "evolve@r1", "respond@r1"}
    asked = workspace.stored(clone)
    workspace.run(clone, "git", "checkout", "-q", ".")
    # In a copy of the repository, without DVC's run cache: only the store can answer.
    workspace.run(clone, "dvc", "exp", "remove", "-A")
    for cached in (clone / ".dvc/cache/runs").glob("*"):
        cached.rename(clone / ".dvc/cache" / f"aside-{cached.name}")
    output = workspace.run(clone, *change, "--temp", "respond@r1")
    assert {"evolve@r1", "respond@r1"} <= ran(output)
    assert workspace.stored(clone) == asked


def test_planned_calls_are_the_calls_made(clone: Path) -> None:
    workspace.run(clone, "git", "checkout", "-q", ".")
    workspace.run(clone, "dvc", "checkout", "-q")
    change = ("-S", "evolve.temperature=0.6", "-S", "optimize.temperature=0.7")
    before = (clone / "params.yaml").read_bytes()
    lines = workspace.run(clone, "python", "-m", "evobuild", "plan", *change, "--json").splitlines()
    planned = {each["stage"]: each for each in map(json.loads, lines)}
    few = workspace.run(clone, "python", "-m", "evobuild", "plan", *change, "--json", "evolve@r1")
    stages = [json.loads(line)["stage"] for line in few.splitlines()]
    assert stages == ["check", "optimize", "evolve@r1"]
    assert (clone / "params.yaml").read_bytes() == before
    assert planned["optimize"]["exact"] and not planned["evolve@r1"]["exact"]
    workspace.run(clone, "dvc", "exp", "run", *change, "evolve@r2")
    made = {name: calls_made(clone, name) for name in ("optimize", "evolve-r1", "evolve-r2")}
    assert planned["optimize"]["calls"] == made["optimize"] > 0
    assert planned["evolve@r1"]["most"]["calls"] >= made["evolve-r1"]
    assert planned["evolve@r1"]["calls"] / 2 <= made["evolve-r1"] <= 2 * planned["evolve@r1"]["calls"]
    # Now that r1 stands, r2 alone can be counted.
    change = ("-S", "evolve.temperature=0.6", "-S", "optimize.temperature=0.7", "-S", "rate.max_tokens=500")
    lines = workspace.run(clone, "python", "-m", "evobuild", "plan", *change, "--json").splitlines()
    planned = {each["stage"]: each for each in map(json.loads, lines)}
    workspace.run(clone, "dvc", "exp", "run", *change, "rate@r1")
    assert planned["rate@r1"]["exact"]
    assert planned["rate@r1"]["calls"] == calls_made(clone, "rate-r1") > 0


def calls_made(root: Path, task: str) -> int:
    """Calls of a stage's last run, as its files of progress tell them."""
    files = (root / ".evobuild/progress").glob(f"{task}-*.json")
    taken = [json.loads(file.read_text()) for file in files]
    return sum(counts["calls"] for each in taken for counts in each["purposes"].values())


def test_a_round_is_added_and_removed(clone: Path) -> None:
    workspace.run(clone, "git", "checkout", "-q", ".")
    workspace.run(clone, "dvc", "checkout", "-q")
    added = ("-S", "+rounds.r3={parent: r2}", "-S", "+pools.r3={}")
    output = workspace.run(clone, "dvc", "exp", "run", *added, "select")
    every_pool = {"score", "diversity", "reward", "tag", "decontaminate@held_out", "select"}
    assert ran(output) == {"check", "evolve@r3", "respond@r3", "rate@r3", *every_pool}
    with_r3 = (clone / "data/dataset.parquet").read_bytes()
    own = clone / "data/rounds/notes.parquet"
    own.write_text("the user's")
    output = workspace.run(clone, "dvc", "exp", "run", "-S", "~rounds.r3", "-S", "~pools.r3", "select")
    assert ran(output) <= {"check", *every_pool}
    assert list((clone / "data").rglob("*r3*")) == [], "folders that stages depend on hold nothing else"
    assert "data/rounds/notes.parquet; move" in output and own.read_text() == "the user's"
    own.unlink()
    assert (clone / "data/dataset.parquet").read_bytes() != with_r3


def test_a_base_is_added_and_removed(clone: Path) -> None:
    workspace.run(clone, "git", "checkout", "-q", ".")
    workspace.run(clone, "dvc", "checkout", "-q")
    bases = workspace.params(clone)["bases"]
    small = {"model": "models/scratch", "finetune": {"epochs": 2}}
    workspace.change_params(clone, {"bases": bases | {"small": small}})
    output = workspace.run(clone, "dvc", "repro", "finetune")
    assert ran(output) == {"check", "scratch", "finetune@small"}
    curves = [(clone / f"metrics/training/{name}.csv").read_text().splitlines() for name in ("toy", "small")]
    assert len(curves[1]) - 1 == 2 * (len(curves[0]) - 1)
    workspace.run(clone, "git", "add", "metrics")
    workspace.change_params(clone, {"bases": bases})
    assert ran(workspace.run(clone, "dvc", "repro", "finetune")) <= {"check", "scratch"}
    left = [path for folder in ("data", "metrics") for path in (clone / folder).rglob("*small*")]
    assert left == [], "folders that stages depend on hold nothing else"
    workspace.run(clone, "git", "reset", "-q", "--hard")


def test_who_pulls_after_a_round_was_removed_has_nothing_to_run(clone: Path, tmp_path: Path) -> None:
    workspace.run(clone, "git", "checkout", "-q", ".")
    workspace.run(clone, "dvc", "checkout", "-q")
    added = ("-S", "+rounds.r3={parent: r2}", "-S", "+pools.r3={}")
    workspace.run(clone, "dvc", "exp", "run", *added, "select")
    workspace.run(clone, "git", "checkout", "-q", "params.yaml")
    workspace.run(clone, "dvc", "repro")
    assert "up to date" in workspace.run(clone, "dvc", "status")
    workspace.run(clone, "git", "commit", "-q", "-a", "--allow-empty", "-m", "Remove r3")
    push_everything(clone, tmp_path / "remote")
    workspace.run(tmp_path, "git", "clone", "-q", str(clone), "third")
    third = tmp_path / "third"
    workspace.run(third, "dvc", "remote", "add", "--local", "-d", "shared", str(tmp_path / "remote"))
    workspace.run(third, "dvc", "pull", "-q")
    assert "up to date" in workspace.run(third, "dvc", "status")


def test_weights_of_ones_own_train_no_toy(clone: Path, tmp_path: Path) -> None:
    workspace.run(clone, "git", "checkout", "-q", ".")
    workspace.run(clone, "dvc", "checkout", "-q")
    mine = tmp_path / "mine"
    workspace.run(clone, "cp", "-r", str(clone / "models/scratch"), str(mine))
    change = ("-S", f"bases.toy.model={mine}", "-S", f"models.scorer={mine}")
    change += ("-S", f"evaluate.models.base=transformers:{mine}")
    workspace.run(clone, "dvc", "exp", "run", *change, "score")
    assert not (clone / "models/scratch/config.json").exists()
