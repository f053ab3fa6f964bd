"""Values are written into params.yaml, and all else of it stays."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
from workspace import ROOT, SHIPPED_PARAMS

from evobuild.cli.preset import read_preset
from evobuild.cli.project.params_file import set_params
from evobuild.core.errors import BadParams
from evobuild.core.yaml_files import read_yaml

SHIPPED = SHIPPED_PARAMS.read_text()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED)
    return path


def changed(path: Path) -> list[str]:
    lines = difflib.ndiff(SHIPPED.splitlines(), path.read_text().splitlines())
    return [line for line in lines if line.startswith(("+ ", "- "))]


def value(path: Path, key: str) -> Any:
    found: Any = read_yaml(path)
    for name in key.split("."):
        found = found[name]
    return found


def test_a_value_changes_its_line_alone_and_keeps_the_comment(file: Path) -> None:
    set_params(file, {"random_seed": 7})
    old, new = changed(file)
    assert (old.split("#")[1], value(file, "random_seed")) == (new.split("#")[1], 7)


@pytest.mark.parametrize(
    ("key", "new"),
    [
        ("seed.columns", {"instruction": "question text", "output": "reply"}),
        ("seed.columns", {"instruction": "a: b", "output": "'\"{x}#"}),
        ("seed.source", "/data/ü ber.jsonl"),
        ("seed.rows", None),
        ("select.filters.max_ifd", 1),
        ("rounds", {"r1": {"parent": "r0"}}),
        ("models.evolver", {"uri": "openai:gpt-4o", "reasoning": "off"}),
        ("finetune.learning_rate", 0.00002),
    ],
)
def test_what_is_written_is_read_again(file: Path, key: str, new: Any) -> None:
    set_params(file, {key: new})
    assert value(file, key) == new


def test_null_stays_null(file: Path) -> None:
    set_params(file, {"random_seed": 7})
    assert file.read_text().count(": null ") == SHIPPED.count(": null ")


def test_a_key_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(BadParams, match=r"params.yaml: unknown key select.buy"):
        set_params(file, {"select.buy": 1})
    assert file.read_text() == SHIPPED


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "presets").glob("*.yaml")))
def test_every_preset_is_written_whole(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    preset = read_preset(name)
    set_params(file, preset)
    assert {key: value(file, key) for key in preset} == preset
