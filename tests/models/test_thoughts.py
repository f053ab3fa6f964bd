"""A line whose models think before every reply: what comes of it is what comes of models that do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import workspace
import yaml

from evobuild.core import metrics
from evobuild.core.chat import Reply
from evobuild.core.stage import call_stage
from evobuild.models import placement
from evobuild.models.simulated_engine import SimulatedEngine
from stages import evolve, keywords, optimize, rate, respond, seed, tag

THOUGHT = """Understood, so please provide it. What is asked for?

#Finally Rewritten Instruction#:
Write a thought.

```optimized_method
Think of {instruction}
```

Not Equal. Difficulty: very easy. Score: 30. {"score": 30, "level": "very easy"} ["thought"]"""
MARKS = {"own tags": "<think>\n{}\n</think>\n\n", "closed alone": "{}\n</think>\n\n", "beside": ""}
"""How a thought comes: all of it marked, its beginning in the prompt, or in a field of its own."""
SMALL = {
    "seed": {"rows": 30},
    "models": {"tagger": "simulated:large"},
    "optimize": {"steps": 1, "batch": 4, "difficulty_weight": 0.5},
    "rounds": {"r1": {"parent": "r0"}},
    "pools": {"r0": {}, "r1": {}},
    "evolve": {"on_failure": "retry"},
    "tag": {"rows": 5},
    "keywords": {"rows": 5},
}


def thinking(mark: str) -> type[SimulatedEngine]:
    """An engine that thinks before each reply."""

    class Thinking(SimulatedEngine):
        def collect(self) -> list[Reply]:
            return [
                replace(each, choices=tuple(map(self.thought, each.choices))) for each in super().collect()
            ]

        def thought(self, choice: Any) -> Any:
            if not mark:
                return replace(choice, reasoning=THOUGHT)
            return replace(choice, text=mark.format(THOUGHT) + choice.text)

    return Thinking


def built(root: Path, monkeypatch: pytest.MonkeyPatch, engine: type[SimulatedEngine]) -> Path:
    """Run the stages that ask models, in a folder of their own."""
    root.mkdir()
    workspace.lay_out(root)
    workspace.change_params(root, SMALL)
    content = yaml.safe_load((root / "params.yaml").read_text())
    content["evolve"]["failures"]["equal"] = True
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(root)
    metrics.write_label(Path("data/label.txt"), "")
    monkeypatch.setattr(placement, "start_engine", engine)
    monkeypatch.setenv("EVOBUILD_STORE", str(root / "replies.sqlite"))
    for stage, given in (
        (seed, {"source": "data/raw/sample.jsonl"}),
        (optimize, {}),
        (evolve, {"round": "r1", "parent": "r0"}),
        (keywords, {}),
        (respond, {"pool": "r1"}),
        (rate, {"pool": "r1"}),
        (tag, {}),
    ):
        call_stage(stage.main, Path("params.yaml"), given)
    return root


def tables_of(root: Path) -> dict[str, pl.DataFrame]:
    return {
        path.relative_to(root).as_posix(): pl.read_parquet(path)
        for path in sorted(root.glob("data/**/*.parquet"))
    }


def texts_of(root: Path) -> dict[str, str]:
    found = [*root.glob("data/counts/*.json"), *root.glob("metrics/*.json"), root / "data/method.txt"]
    return {path.relative_to(root).as_posix(): path.read_text() for path in found}


@pytest.mark.parametrize("mark", MARKS)
def test_thoughts_change_nothing_but_their_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    plain = built(tmp_path / "plain", monkeypatch, SimulatedEngine)
    thoughtful = built(tmp_path / "thoughtful", monkeypatch, thinking(MARKS[mark]))
    assert texts_of(thoughtful) == texts_of(plain)
    wanted, found = tables_of(plain), tables_of(thoughtful)
    assert wanted.keys() == found.keys()
    for name, table in found.items():
        others = [column for column in table.columns if column != "reasoning"]
        assert table.select(others).equals(wanted[name].select(others)), name
    for name in ("data/replies/r1.parquet", "data/responses/r1.parquet"):
        assert set(found[name]["reasoning"]) == {THOUGHT}
        assert set(wanted[name]["reasoning"]) == {""}
    assert set(found["data/rounds/r1.parquet"]["reasoning"]) == {""}
