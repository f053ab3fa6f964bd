"""The branch never ends the main line: where all is lost, it warns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from workspace import change_params, lay_out

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.stage import call_stage
from evobuild.core.stages import OF_BRANCHES

AFTER = ("respond", "rate")
"""The stages of the pool itself."""


@pytest.fixture
def here(tmp_path: Path, row, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("data/rounds").mkdir()
    tables.write(
        Path("data/rounds/r0.parquet"), tables.frame(INSTRUCTIONS, [row("Name a river that is long.")])
    )
    return tmp_path


def run_branch() -> Iterator[tuple[str, dict[str, object]]]:
    """Run the steps and what takes the pool; give the counts of each."""
    for name in [*(step.name for step in OF_BRANCHES), *AFTER]:
        given = {"pool" if name in AFTER else "branch": "autoif"}
        call_stage(import_module(f"stages.{name}").main, Path("params.yaml"), given)
        yield name, json.loads(Path(f"data/counts/{name}-autoif.json").read_text())


def test_an_evolver_that_writes_no_function_gives_an_empty_pool_and_a_warning(
    here: Path, engine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine(lambda asked: "I cannot do that.")
    change_params(here, {"autoif": {"backtranslate": {"functions": 2}}})
    counts = dict(run_branch())
    assert counts["quality"]["in"] == counts["respond"]["in"] == counts["rate"]["in"] == 0
    warned = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [line.rsplit("; ", 1)[1] for line in warned] == ["the line goes on without them"] * 2
    assert "verifiers were asked for and none is left" in warned[0] and "no verifier (" in warned[1]
