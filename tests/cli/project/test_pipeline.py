"""A project's dvc.yaml says by evobuild.lock what the shipped one says of the library, and the rest alike."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from workspace import ROOT

from evobuild.cli.project.pipeline import project_pipeline

TEXT = (ROOT / "dvc.yaml").read_text()
SHIPPED, OWN = yaml.safe_load(TEXT), yaml.safe_load(project_pipeline(TEXT))


def body(pipeline: dict[str, Any], name: str) -> dict[str, Any]:
    entry: dict[str, Any] = pipeline["stages"][name]
    found: dict[str, Any] = entry.get("do", entry)
    return found


def of_library(dep: str) -> bool:
    return dep.startswith("evobuild") or dep == "requirements.lock"


@pytest.mark.parametrize("name", SHIPPED["stages"])
def test_a_stage_depends_on_the_folders_it_reaches_by_their_digests(name: str) -> None:
    shipped, own = body(SHIPPED, name), body(OWN, name)
    folders = [dep.removeprefix("evobuild/") for dep in shipped["deps"] if dep.startswith("evobuild/")]
    folders += ["libraries"] * ("requirements.lock" in shipped["deps"])
    if "evobuild" in shipped["deps"]:
        assert "evobuild.lock" in own["deps"], "any change of it counts"
    elif not folders:
        assert any("data/settings/" in dep for dep in own["deps"]), "its settings name them"
    else:
        assert own["params"][0] == {"evobuild.lock": folders}
    assert [dep for dep in own["deps"] if not of_library(dep)] == [
        dep for dep in shipped["deps"] if not of_library(dep)
    ]


@pytest.mark.parametrize("name", SHIPPED["stages"])
def test_nothing_else_of_a_stage_changes(name: str) -> None:
    def rest(pipeline: dict[str, Any]) -> dict[str, Any]:
        stage = body(pipeline, name)
        params = [each for each in stage.get("params", []) if "evobuild.lock" not in each]
        return {key: value for key, value in stage.items() if key != "deps"} | {"params": params}

    assert rest(OWN) == rest(SHIPPED) | {"params": body(SHIPPED, name).get("params", [])}
    foreach = [pipeline["stages"][name].get("foreach") for pipeline in (OWN, SHIPPED)]
    assert foreach[0] == foreach[1]


def test_plots_and_order_stay() -> None:
    assert list(OWN["stages"]) == list(SHIPPED["stages"])
    assert OWN["plots"] == SHIPPED["plots"]


def test_a_stage_without_params_gets_some() -> None:
    text = "stages:\n  one:\n    deps:\n      - stages/one.py\n      - evobuild/core\n    outs: [a]\n"
    own = yaml.safe_load(project_pipeline(text))["stages"]["one"]
    assert own == {
        "deps": ["stages/one.py"],
        "params": [{"evobuild.lock": ["core"]}],
        "outs": ["a"],
    }
