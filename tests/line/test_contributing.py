"""CONTRIBUTING.md, followed to the letter in a clone that is built: its examples work, in so few files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import workspace

GUIDE = (workspace.ROOT / "CONTRIBUTING.md").read_text()
BLOCK = re.compile(
    r"`((?:\w+/)+\w+\.py|dvc\.yaml|params\.yaml)`[^`\n]*(?:`[^`\n]+`[^`\n]*)*(?:\n[^\n]+)*:\n\n```(python|diff)\n(.*?)```",
    re.DOTALL,
)
"""A file's name in a paragraph that ends with a colon, then what is in it, or what changes."""
CHANGES = {
    "seed": {"rows": 16},
    "models": {"embedder": None, "scorer": None},
    "scratch": {"steps": 2, "vocabulary": 400, "batch": 2},
    "rounds": {"r1": {"parent": "r0"}},
    "branches": {},
    "pools": {"r0": {}, "r1": {}},
    "evolve": {"strategy": "draft", "method": "e0"},
    "keywords": {"rows": 0},
    "rate": {"measures": []},
    "select": {"pools": "all", "by": "word_length", "share": 0.5},
    "finetune": {"epochs": 1, "max_length": 256},
    "report": {"examples": 2},
}


def section(title: str) -> list[tuple[str, str, str]]:
    """The files of an example: name, kind of block and text."""
    text = next(part for part in GUIDE.split("\n## … ") if part.startswith(title))
    return [found.groups() for found in BLOCK.finditer(text)]  # type: ignore[misc]


def follow(root: Path, title: str) -> set[str]:
    """Do what an example says; give the files that were touched."""
    for name, kind, text in section(title):
        path = root / name
        if kind == "python":
            assert not path.exists(), f"{name}: an example that is there already"
            path.write_text(text)
        else:
            path.write_text(patched(name, path.read_text(), text))
    return {name for name, _, _ in section(title)}


def patched(name: str, before: str, diff: str) -> str:
    """Apply a diff without line numbers: each context line is the next one that reads so.

    What is added goes behind the line before it, or, where a diff begins with it, before the line after it.
    """
    lines, changes = before.splitlines(), [(line[:1] or " ", line[1:]) for line in diff.splitlines()]
    first = next(text for sign, text in changes if sign != "+")
    assert first in lines, f"{name}: no line {first!r}"
    at = lines.index(first)
    for sign, text in changes:
        if sign == "+":
            lines.insert(at, text)
            at += 1
            continue
        assert text in lines[at:], f"{name}: no line {text!r} from line {at + 1} on"
        at = lines.index(text, at)
        if sign == "-":
            del lines[at]
        else:
            at += 1
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, set[str]]]]:
    """A clone with a measure and a strategy more, built; and the files that each took."""
    root = tmp_path_factory.mktemp("contributor")
    workspace.lay_out(root)
    touched = {title: follow(root, title) for title in ("measure", "strategy")}
    workspace.run(root, "python", "-m", "evobuild", "pipeline")
    workspace.change_params(root, CHANGES)
    workspace.commit(root)
    workspace.run(root, "dvc", "repro")
    yield root, touched


def test_a_measure_and_a_strategy_take_two_files(clone: tuple[Path, dict[str, set[str]]]) -> None:
    _, touched = clone
    assert {title: len(files) for title, files in touched.items()} == {"measure": 2, "strategy": 2}


def test_the_measure_is_chosen_by_counted_and_shown(clone: tuple[Path, dict[str, set[str]]]) -> None:
    root, _ = clone
    measured = pl.read_parquet(root / "data/measures/word_lengths/r1.parquet")
    dataset = pl.read_parquet(root / "data/dataset.parquet")
    assert dataset["metric"].equals(dataset["word_length"], check_dtypes=True)
    below = pl.read_parquet(root / "data/rejects/select.parquet").filter(reason="below the cut")
    values = dict(measured.iter_rows())
    cut = [values[key] for key in below["id"] if key in values]
    assert cut and max(cut) <= dataset["word_length"].min()  # type: ignore[operator]
    means = json.loads((root / "metrics/measures.json").read_text())["DRY RUN"]["mean"]["word_length"]
    assert means["r1"] == pytest.approx(measured["word_length"].mean(), abs=1e-4)
    page = (root / "data/report.html").read_text()
    assert "Word_length" in page and "Measured by <bdi></bdi>" not in page
    assert '"word_length": "word_length"' in (root / "data/explorer/rows.js").read_text().replace(
        '":"', '": "'
    )
    told = workspace.run(root, "python", "-m", "evobuild", "explain", dataset["id"][0])
    assert f"words: {dataset['word_length'][0]:.3g} characters each" in told


def test_the_strategy_gives_two_children_one_of_them_of_a_draft(
    clone: tuple[Path, dict[str, set[str]]],
) -> None:
    root, _ = clone
    children = pl.read_parquet(root / "data/rounds/r1.parquet")
    assert set(children["strategy"]) == {"draft"}
    assert set(children["operation"]) == {"deepening", "reasoning", "constraints"} - {"constraints"}
    counts = json.loads((root / "data/counts/evolve-r1.json").read_text())
    parents = pl.read_parquet(root / "data/rounds/r0.parquet").height
    assert counts["in"] == 2 * parents
    assert counts["in"] == counts["out"] + sum(counts["rejects"].values())


def test_a_plan_lists_the_new_stage_and_a_repro_takes_its_name(
    clone: tuple[Path, dict[str, set[str]]],
) -> None:
    root, _ = clone
    lines = workspace.run(root, "python", "-m", "evobuild", "plan", "-S", "seed.rows=15", "--json")
    assert "word_length" in {json.loads(line)["stage"] for line in lines.splitlines()}
    assert "up to date" in workspace.run(root, "python", "-m", "evobuild", "repro", "word_length")
