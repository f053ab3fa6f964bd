"""docs/declare.md, followed to the letter in a new project: a declared operation and measure, no Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import workspace
import yaml

PAGE = (workspace.ROOT / "docs/declare.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```(?:yaml|jinja)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
SMALL = {
    "seed": {"rows": 60},
    "models": {"embedder": None, "scorer": None},
    "bases": {},
    "evaluate": {"models": {}},
    "compare": {"pairs": []},
}


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Params with some lines changed as a user would."""
    whole = ("rounds", "pools", "bases", "measures", "operations", "ranges", "models")
    return values | {
        key: merged(values[key], own) if isinstance(own, dict) and key not in whole else own
        for key, own in changes.items()
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the page's steps were done, with fewer rows and no models in this process."""
    root = tmp_path_factory.mktemp("declare")
    workspace.run(root, "python", "-m", "evobuild", "init", "mine")
    root /= "mine"
    template = "prompts/evolve/counterexample.jinja"
    (root / template).write_text(FILES[template], encoding="utf-8")
    params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    params = merged(params, yaml.safe_load(FILES["params.yaml"]))
    params = merged(params, SMALL | {"models": params["models"] | SMALL["models"]})
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    workspace.run(root, "python", "-m", "evobuild", "repro")
    return root


def test_the_page_names_two_files() -> None:
    assert set(FILES) == {"prompts/evolve/counterexample.jinja", "params.yaml"}


def test_the_operation_evolves_rows_and_the_measure_selects_them(project: Path) -> None:
    dataset = pl.read_parquet(project / "data/dataset.parquet")
    assert set(dataset["operation"]) == {"constraints", "counterexample"}
    assert dataset.height == 20 and dataset["usefulness"].min() >= 2
    assert dataset["metric"].equals(dataset["usefulness"], check_dtypes=True)
    rejects = pl.read_parquet(project / "data/rejects/select.parquet")
    answered = pl.read_parquet(project / "data/responses/r1.parquet")
    assert {"usefulness too low", "below the cut"} & set(rejects["reason"])
    assert dataset.height + rejects.height >= answered.height


def test_pages_and_commands_know_the_measure(project: Path) -> None:
    assert "Usefulness" in (project / "data/report.html").read_text(encoding="utf-8")
    row = pl.read_parquet(project / "data/dataset.parquet")["id"][0]
    assert "usefulness" in workspace.run(project, "python", "-m", "evobuild", "explain", row)
    assert "measure@usefulness" in (project / "dvc.lock").read_text(encoding="utf-8")


def test_two_samples_more_pay_two_calls_a_row(project: Path) -> None:
    plan = workspace.run(project, "python", "-m", "evobuild", "plan", "-S", "measures.usefulness.samples=5")
    line = next(line for line in plan.splitlines() if line.startswith("measure@usefulness"))
    calls, stored = int(line.split()[1].replace(",", "")), int(line.split()[4].replace(",", ""))
    assert stored * 2 == calls * 3
