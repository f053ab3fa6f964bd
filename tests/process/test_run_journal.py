"""What a run made and took: counted from its outs, kept whole and bounded, said in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from workspace import ROOT

from evobuild.process import run_journal
from evobuild.process.run_journal import (
    StageRun,
    append,
    closing_line,
    read_runs,
    with_calls,
    with_rows,
)
from evobuild.process.terminal import duration
from evobuild.process.version import __version__

COUNTS = dict.fromkeys(("calls", "cached", "failed", "prompt_tokens", "completion_tokens"), 0)


def taken(model: str, cost: float | None, **counts: int) -> run_journal.Calls:
    """What one role of a stage has taken."""
    return {"model": model, "cost": cost, "purposes": {"evolve": COUNTS | counts}}


def test_a_run_says_what_it_made_and_took_in_one_line(tmp_path):
    counts = tmp_path / "evolve-r1.json"
    counts.write_text(json.dumps({"in": 133, "out": 120, "rejects": {"unchanged": 8, "answered": 5}}))
    run = with_rows(StageRun("evolve@r1", seconds=14.21, table="data/rounds/r1.parquet"), counts)
    run = with_calls(
        run, [taken("openai:a", 1.25, calls=260, cached=3, failed=1), taken("simulated:b", None, calls=6)]
    )
    assert closing_line(run) == (
        "evolve@r1: 133 rows in, 120 out, 13 lost (8 unchanged, 5 answered); "
        "14.2 s, 266 calls (3 stored, 1 failed), cost 1.25; data/rounds/r1.parquet"
    )


def test_rows_of_all_pools_are_added_up_and_only_the_commonest_reasons_shown(tmp_path):
    counts = tmp_path / "score.json"
    first = {"in": 5, "out": 1, "rejects": {"a": 1, "b": 1, "c": 2}}
    counts.write_text(json.dumps({"r0": first, "r1": {"in": 4, "out": 1, "rejects": {"d": 3}}, "tokens": 7}))
    run = with_rows(StageRun("score"), counts)
    assert (run.rows_in, run.rows_out, run.lost) == (9, 2, {"d": 3, "c": 2, "a": 1, "b": 1})
    assert "9 rows in, 2 out, 7 lost (3 d, 2 c, 1 a, …)" in closing_line(run)


def test_what_is_switched_off_says_so_and_what_counts_no_rows_says_nothing_of_them(tmp_path):
    counts = tmp_path / "rate.json"
    counts.write_text(json.dumps({"in": 0, "out": 0, "rejects": {}, "off": True}))
    assert closing_line(with_rows(StageRun("rate@r1"), counts)) == "rate@r1: switched off; 0.0 s"
    assert closing_line(with_rows(StageRun("check", table="a.txt"), None)) == "check: 0.0 s; a.txt"


@pytest.mark.parametrize(
    ("model", "cost", "calls", "found"),
    [
        ("openai:a", None, 1, None),
        ("openai:a", None, 0, 0),
        ("openai:a", 2, 1, 2),
        ("simulated:a", None, 1, 0),
    ],
)
def test_a_call_to_a_server_without_a_price_is_of_unknown_cost(model, cost, calls, found):
    run = with_calls(StageRun("evolve@r1"), [taken(model, cost, calls=calls)])
    assert run.cost == found
    assert ("cost unknown" in closing_line(run)) == (found is None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (185, "3 min 05 s"), (7_799, "2 h 09 min")],
)
def test_a_time_is_shown_in_two_figures(seconds, text):
    assert duration(seconds) == text


def test_the_journal_gives_the_last_run_of_each_stage_and_skips_a_line_that_was_cut(tmp_path):
    for seconds in (1.0, 2.0):
        append(StageRun("seed", seconds=seconds))
        append(StageRun("score", seconds=seconds))
    with run_journal.journal_file().open("a") as handle:
        handle.write('[]\n{"stage": "seed", "of another version": 1}\n{"stage": "sel')
    assert [(run.stage, run.seconds) for run in read_runs()] == [("seed", 2.0), ("score", 2.0)]
    assert read_runs(tmp_path / "none.jsonl") == []
    assert run_journal.journal_file().stat().st_mode & 0o777 == 0o600


def test_the_journal_stays_bounded_and_keeps_the_last_run_of_every_stage(monkeypatch):
    monkeypatch.setattr(run_journal, "MOST_BYTES", 4_000)
    append(StageRun("seed"))
    for number in range(60):
        append(StageRun("score", seconds=number))
        assert run_journal.journal_file().stat().st_size <= 4_000
    assert [(run.stage, run.seconds) for run in read_runs()] == [("seed", 0.0), ("score", 59)]


def test_stages_that_end_together_lose_no_line():
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: append(StageRun(f"rate@p{number}")), range(64)))
    assert {run.stage for run in read_runs()} == {f"rate@p{number}" for number in range(64)}


SCRIPT = """
from dataclasses import dataclass
from evobuild.core.params import RandomSeed, StageParams
from evobuild.core.declaration import Out, out
from evobuild.core.stage import run_stage
from evobuild.core.json_files import write_json
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model

class Params(StageParams):
    random_seed: RandomSeed

@dataclass(frozen=True, kw_only=True)
class Arguments:
    round: str
    child: Out = out("data/{round}.txt")
    counts: Out = out("data/counts.json")

def main(params, args: Arguments) -> None:
    with Model(ChatModel("simulated", "evolver"), "evolver", "evolve-r1") as model:
        model.usage.meter("evolve").send()
    args.child.touch()
    write_json(args.counts, {"in": 2, "out": 1, "rejects": {"empty": 1}})

main.__annotations__["params"] = Params
run_stage(main)
"""


def test_a_stage_ends_with_its_line_and_leaves_its_run_in_the_journal(tmp_path):
    (tmp_path / "evolve.py").write_text(SCRIPT)
    (tmp_path / "params.yaml").write_text("random_seed: 1\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "evolve.py", "--round", "r1"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.startswith("evolve@r1: 2 rows in, 1 out, 1 lost (1 empty); ")
    assert done.stderr.endswith(" s, 1 call (0 stored); data/r1.txt\n")
    [run] = read_runs(Path(tmp_path / ".evobuild/runs.jsonl"))
    assert (run.stage, run.rows_in, run.calls, run.version) == ("evolve@r1", 2, 1, __version__)
    assert run.seconds > 0 and run.started.endswith("+00:00")


INTERRUPTED = SCRIPT.replace("args.child.touch()", "raise KeyboardInterrupt").replace(
    'model.usage.meter("evolve").send()', "model.usage.put = 12"
)


@pytest.mark.parametrize(
    ("stage", "command"),
    [({}, "python evolve.py --round r1"), ({"DVC_STAGE": "evolve@r1"}, "evobuild repro")],
)
def test_a_stage_that_is_interrupted_says_what_it_keeps_and_how_to_go_on(tmp_path, stage, command):
    (tmp_path / "evolve.py").write_text(INTERRUPTED)
    (tmp_path / "params.yaml").write_text("random_seed: 1\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(tmp_path)} | stage
    done = subprocess.run(
        [sys.executable, "evolve.py", "--round", "r1"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 130
    line = f"evolve: interrupted; 12 replies of this run are kept; to go on: {command}\n"
    assert done.stderr == line
