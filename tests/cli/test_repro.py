"""`evobuild repro`: mistakes of structure are said in our words, before DVC reads dvc.yaml."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import workspace
import yaml
from workspace import SHIPPED_PARAMS

import evobuild.__main__ as command
from evobuild.cli import repro
from evobuild.core.errors import UserError

ROOT = Path(__file__).parents[2]
PARAMS = SHIPPED_PARAMS.read_text()

MISTAKES: dict[str, tuple[str, Any, str]] = {
    "pools are a list": ("pools", ["r0", "r1"], "pools"),
    "pools are null": ("pools", None, "pools"),
    "pools are empty": ("pools", {}, "pools is empty"),
    "pools are a text": ("pools", "r0", "pools"),
    "a pool is null": ("pools", {"r0": None}, "pools.r0"),
    "a pool with a slash": ("pools", {"a/b": {}}, "a/b"),
    "a pool with a number for a name": ("pools", {1: {}}, "pools.1 is '1'; expected a name"),
    "rounds are a list": ("rounds", [{"parent": "r0"}], "rounds"),
    "rounds are null": ("rounds", None, "rounds"),
    "a round is null": ("rounds", {"r1": None}, "rounds.r1"),
    "a round without a parent": ("rounds", {"r1": {}}, "rounds.r1.parent"),
    "a round with a text": ("rounds", {"r1": "r0"}, "rounds.r1"),
    "a round with a colon": ("rounds", {"r1:b": {"parent": "r0"}}, "r1:b"),
    "a parent that is a list": ("rounds", {"r1": {"parent": ["r0"]}}, "rounds.r1.parent"),
    "branches are null": ("branches", None, "branches"),
    "an unknown branch": ("branches", {"other": {}}, "branches"),
    "branches are a list": ("branches", ["autoif"], "branches"),
    "no source": ("seed.source", "", "seed.source"),
    "a source that is null": ("seed.source", None, "seed.source"),
    "a source that is a list": ("seed.source", ["a", "b"], "seed.source"),
    "a source that is a folder": ("seed.source", "data", "seed.source"),
    "seed is null": ("seed", None, "seed"),
    "seed is a list": ("seed", [1], "seed"),
    "evolve is null": ("evolve", None, "evolve"),
    "no file of a method": ("evolve.file", "", "evolve.file"),
    "a file of a method that is null": ("evolve.file", None, "evolve.file"),
    "autoif is null": ("autoif", None, "autoif"),
    "no seeds of constraints": ("autoif.seeds", "", "autoif.seeds"),
    "compose is null": ("autoif.compose", None, "autoif.compose"),
    "no file of queries": ("autoif.compose.file", "", "autoif.compose.file"),
    "decontaminate is null": ("decontaminate", None, "decontaminate"),
    "sets are null": ("decontaminate.sets", None, "decontaminate.sets"),
    "sets are a list": ("decontaminate.sets", ["data/held_out.parquet"], "decontaminate.sets"),
    "a set without a file": ("decontaminate.sets", {"held_out": ""}, "decontaminate.sets.held_out"),
    "a set that is a mapping": ("decontaminate.sets", {"held_out": {"file": "x"}}, "decontaminate.sets"),
    "fetch is null": ("fetch", None, "fetch"),
    "fetch is a list": ("fetch", ["gsm8k"], "fetch"),
    "a fetch with a dot": ("fetch", {"a.b": {}}, "fetch"),
    "bases are null": ("bases", None, "bases"),
    "bases are empty": ("bases", {}, "bases"),
    "bases are a list": ("bases", ["models/scratch"], "bases"),
    "a base is a text": ("bases", {"toy": "models/scratch"}, "bases.toy"),
    "a base without a model": ("bases", {"toy": {"finetune": {}}}, "bases.toy.model"),
    "a base with a dot": ("bases", {"qwen2.5": {"model": "a/b"}}, "qwen2.5"),
    "a base whose keys are a list": ("bases.toy.finetune", ["epochs"], "bases.toy.finetune"),
    "a misspelt key of a base": ("bases.toy.finetune", {"epoch": 1}, "did you mean 'epochs'?"),
    "the old base": ("models.base", "a/b", "the key 'models.base' is now bases.<name>.model"),
    "the old rank": ("finetune.lora_rank", 8, "the key 'finetune.lora_rank' is now finetune.lora.rank"),
    "models is a text": ("models", "simulated:small", "models"),
}


@pytest.fixture
def here(tmp_path, known_modules, monkeypatch):
    """A folder with what the check of params looks at, and no DVC to be called."""
    workspace.lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execv", lambda file, words: pytest.fail(f"called {words}"))
    return tmp_path


def refused(here: Path, capsys: pytest.CaptureFixture[str], content: Any) -> str:
    """What is said of params that are not built."""
    (here / "params.yaml").write_text(yaml.safe_dump(content))
    assert command.main(["repro"]) == 1, content
    return capsys.readouterr().err


def test_a_mistake_of_structure_is_one_or_two_lines_of_ours(here, capsys):
    for case, (key, value, named) in MISTAKES.items():
        content = at = yaml.safe_load(PARAMS)
        *sections, last = key.split(".")
        for name in sections:
            at = at[name]
        at[last] = value
        said = refused(here, capsys, content)
        assert said.startswith("evobuild: params.yaml:") and named in said, f"{case}: {said}"
        assert 1 <= len(said.splitlines()) <= 2, f"{case}: {said}"


def test_a_section_that_is_missing_is_named(here, capsys):
    for section in yaml.safe_load(PARAMS):
        content = yaml.safe_load(PARAMS)
        del content[section]
        assert f"the key '{section}' is missing" in refused(here, capsys, content)


def test_what_follows_is_for_dvc(here, monkeypatch):
    called = []
    monkeypatch.setattr(os, "execv", lambda file, words: called.append(words))
    command.main(["repro", "-s", "--force", "evolve@r1"])
    assert called == [[sys.executable, "-m", "dvc", "repro", "-s", "--force", "evolve@r1"]]


def test_an_emptied_file_of_locks_is_explained(here):
    locks = here / ".dvc/tmp/rwlock"
    locks.parent.mkdir(parents=True)
    locks.write_text("")
    with pytest.raises(UserError, match=r"rwlock was left damaged by a DVC that was killed"):
        repro.run_repro([])


def test_the_lock_is_renewed_before_anything_is_built(here, monkeypatch):
    called = []
    monkeypatch.setattr(os, "execv", lambda file, words: called.append(words))
    command.main(["repro"])
    lock = yaml.safe_load(Path("evobuild.lock").read_text())
    monkeypatch.setattr(
        "evobuild.cli.pipeline.lock_text.weights_identity", lambda weights: f"{weights.name}#new"
    )
    command.main(["repro"])
    after = yaml.safe_load(Path("evobuild.lock").read_text())
    assert len(called) == 2
    assert after == lock | {"packages": lock["packages"] | {"embedder": "new"}}


def test_a_file_that_params_name_becomes_a_dep(here, monkeypatch):
    monkeypatch.setattr(os, "execv", lambda file, words: None)
    (here / "mine.jinja").write_text("{{ messages }}")
    workspace.change_params(here, {"finetune": {"template": "mine.jinja"}})
    command.main(["repro"])
    finetune = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]["finetune"]["do"]
    assert "mine.jinja" in finetune["deps"]


@pytest.mark.parametrize(
    ("only_pulled", "current", "options"),
    [(False, True, []), (True, True, ["--allow-missing"]), (True, False, [])],
    ids=["a clone that builds", "a reader's clone", "a reader's clone whose params were changed"],
)
def test_what_was_not_pushed_is_built_only_if_something_is_stale(monkeypatch, only_pulled, current, options):
    monkeypatch.setattr(repro.pull, "has_only_pulled", lambda: only_pulled)
    monkeypatch.setattr(repro.pull, "is_up_to_date", lambda: current)
    assert repro.missing_table_options() == options


def test_a_stage_that_is_none_is_said_before_anything_runs(here, capsys):
    for word, said in {
        "evolv": "unknown stage 'evolv'; did you mean 'evolve'",
        "evolve@r9": "unknown stage 'evolve@r9'; did you mean 'evolve@r",
        "evole@r1": "unknown stage 'evole'; did you mean 'evolve'",
    }.items():
        assert command.main(["repro", "-s", word]) == 1
        assert said in capsys.readouterr().err
