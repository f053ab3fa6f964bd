"""A plan against what then happens, on three engines: neither more calls nor longer replies than it says."""

from __future__ import annotations

import importlib
import shutil
import types
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import tiny
import workspace
from chat_server import chat_server

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.plan import speeds
from evobuild.cli.plan.stage_costs import COSTS
from evobuild.cli.plan.stage_estimates import STARTING, Estimate, Estimator
from evobuild.core import machine, metrics, tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.stage import call_stage
from evobuild.models import usage_journal

LINE = {
    "optimize": ("exec python -m stages.optimize", {}),
    "evolve@r1": ("exec python -m stages.evolve --round r1 --parent r0", {"round": "r1", "parent": "r0"}),
    "respond@r0": ("exec python -m stages.respond --pool r0", {"pool": "r0"}),
    "rate@r0": ("exec python -m stages.rate --pool r0", {"pool": "r0"}),
}
ROLES = ("evolver", "optimizer", "responder", "judge")
TASKS = [
    "Name three rivers.",
    "Add 2 and 3.",
    "Write a haiku.",
    "What is rain?",
    "Count to ten.",
    "Say hello.",
]


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A chat model of the engine that is asked for."""
    if request.param == "openai":
        with chat_server(["small"]) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            yield "openai:small"
    elif request.param == "transformers":
        folder = tmp_path / "tiny"
        shutil.copytree(tiny.folder(), folder)
        (folder / "chat_template.jinja").write_text(
            "{% for each in messages %}{{ each.content }} {% endfor %}"
        )
        yield f"transformers:{folder}"
    else:
        yield "simulated:small"


@pytest.fixture
def here(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with a few rows of r0 and params that name the model; the current folder."""
    root = tmp_path / "line"
    root.mkdir()
    workspace.lay_out(root)
    changes = {
        "models": dict.fromkeys(ROLES, engine),
        "optimize": {"steps": 1, "batch": 2, "development": 3, "max_tokens": 256},
        "evolve": {"max_tokens": 96},
        "respond": {"max_tokens": 24, "seed_answers": "replace"},
        "rate": {"max_tokens": 64},
    }
    workspace.change_params(root, changes)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("EVOBUILD_STORE", str(root / "replies.sqlite"))
    metrics.write_label(Path("data/label.txt"), "")
    Path("data/rounds").mkdir(exist_ok=True)
    rows = [tiny.row(instruction=task, output="An answer.") for task in TASKS]
    tables.write(Path("data/rounds/r0.parquet"), tables.frame(INSTRUCTIONS, rows))
    return engine


def planned(stage: str, fresh: bool) -> Estimate:
    estimator = Estimator(load_all_params(), machine.Machine(), set())
    return estimator.estimate(types.SimpleNamespace(addressing=stage, cmd=LINE[stage][0]), fresh)


def taken(stage: str) -> dict[str, int]:
    """What the stage has really asked, of all roles."""
    with suppress(BadInput):
        name = stage.partition("@")[0]
        call_stage(importlib.import_module(f"stages.{name}").main, Path("params.yaml"), LINE[stage][1])
    runs = [each for each in usage_journal.read_runs(Path("none")) if each["task"] == stage.replace("@", "-")]
    purposes = [counts for run in runs for counts in run["purposes"].values()]
    return {name: sum(each[name] for each in purposes) for name in ("calls", "completion_tokens")}


@pytest.mark.parametrize(
    ("engine", "stages"),
    [("simulated", [*LINE]), ("openai", [*LINE]), ("transformers", ["respond@r0"])],
    indirect=["engine"],
)
def test_no_stage_asks_more_than_was_planned(here: str, stages: list[str]) -> None:
    for stage in stages:
        bound, plan = planned(stage, fresh=False), planned(stage, fresh=True)
        found = taken(stage)
        assert 0 < found["calls"] <= plan.most.calls <= bound.most.calls, stage
        assert found["completion_tokens"] <= plan.most.written <= bound.most.written, stage
        assert plan.calls <= plan.most.calls and plan.tokens <= plan.most.tokens, stage
        assert not plan.exact or found["calls"] == plan.calls, stage
        # A second plan knows what this model's replies were like, and has them all.
        again = planned(stage, fresh=True)
        assert again.measured or again.calls == 0, stage


@pytest.mark.parametrize("engine", ["openai"], indirect=True)
def test_of_another_model_lengths_and_speed_are_assumed(here: str) -> None:
    taken("respond@r0")
    workspace.change_params(Path(), {"models": {"responder": "openai:large"}})
    plan = planned("respond@r0", fresh=True)
    assert (plan.calls, plan.measured) == (len(TASKS), False)
    # Each of six calls in flight writes as many tokens as it may at the assumed speed.
    calls = len(TASKS) * 24 / speeds.STREAM / len(TASKS)
    assert plan.seconds == pytest.approx(STARTING + COSTS["respond"].fixed + calls)
    assert plan.most.written == len(TASKS) * 24
