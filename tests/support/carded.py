"""What a card is rendered from, small and made up: a table, counts, contracts and provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import tiny
from workspace import SHIPPED_PARAMS

from evobuild.cards import card
from evobuild.cards.card import Described, Sources
from evobuild.cards.provenance import Provenance
from evobuild.contracts.result import Outcome, TableOutcomes, Validation, combine_results
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.rejects import OFF, REJECTS
from evobuild.core.table_writer import TableWriter
from evobuild.core.yaml_files import read_yaml
from evobuild.export.export import export_dataset
from evobuild.export.params import Export

ALL = ["alpaca", "sharegpt", "messages", "trl", "datasets"]
TALK = (("user", "Hello."), ("assistant", "Hi."))
ROWS = [
    tiny.row(instruction="Name a river and say where it flows.", output="The Nile."),
    tiny.row(instruction="Nombra tres ríos de España y di dónde nacen.", output="Ebro, Tajo, Duero."),
    tiny.row(instruction="Write a line on rivers.", output="x" * 100, history=TALK, round="r1"),
]
SEEDS = "data/raw/own.jsonl"
HOSTILE = "<script>alert(1)</script>|`x`\n# {{ 7 * 7 }}"
ASKED = {"role": "evolver", "model": "vllm:Qwen/Qwen2.5-7B-Instruct", "purposes": {}}
COMMIT = "a09a35458c70" + "0" * 28


def provenance(**changes: Any) -> Provenance:
    """Of a line with a pinned and an unpinned model, and a server."""
    shipped = read_yaml(SHIPPED_PARAMS)
    models = {
        "evolver": "vllm:Qwen/Qwen2.5-7B-Instruct",
        "responder": "openai:gpt-4o",
        "scorer": "my/scorer@1234567",
    }
    params = {
        name: shipped[name] for name in ("rounds", "pools", "evolve", "select", "autoif", "decontaminate")
    }
    params |= {"prompts": "prompts", "seed": shipped["seed"] | {"source": SEEDS}, "models": models}
    made = Provenance(
        stages=["seed", "evolve-r1", "score", "decontaminate-gsm8k", "select"],
        params=params,
        changed={"select.share": {"value": 0.1, "default": 0.25}},
        prompts={"prompts/evolve/e0.jinja": "0cc1"},
        files={SEEDS: "77aa"},
        libraries={"torch": "2.13.0"},
        weights={},
    )
    return made._replace(**changes)


def counts() -> dict[str, Any]:
    """Five of nine rows lost on the way, and one row that shares text with an evaluation set."""
    hit = {"13-gram": {"rows": 1, "questions": 1}}
    pools = {
        "r0": {"rows": 4, "hit": hit},
        "r1": {"rows": 3, "hit": {"13-gram": {"rows": 0, "questions": 0}}},
    }
    identity = f"vllm:Qwen/Qwen2.5-7B-Instruct@{COMMIT}[,,,]"
    loaded = {"role": "scorer", "model": "my/scorer", "identity": "my/scorer@1234567"}
    return {
        "seed": {"in": 9, "out": 8, "rejects": {"exact duplicate": 1}, "held_out": 2},
        "evolve-r1": {
            "in": 6,
            "out": 4,
            "rejects": {"unchanged": 2},
            "asked": [ASKED | {"identity": identity}],
        },
        "score": {
            "r0": {"in": 4, "out": 3, "rejects": {"zero loss": 1}},
            "r1": {"in": 3, "out": 2, "rejects": {"zero loss": 1}},
            "autoif": OFF,
            "loaded": [loaded],
        },
        "decontaminate-gsm8k": {"in": 7, "out": 7, "rejects": {}, "questions": 1319, "pools": pools},
        "select": {"in": 5, "out": 3, "rejects": {"below the cut": 2}},
    }


def validation() -> Validation:
    """One expectation met, one not, and a table that is switched off."""
    met = Outcome(
        "expect_column_values_to_be_unique", "id", {"column": "id"}, "critical", True, 3, 0, 0.0, None, [], ""
    )
    missed = Outcome(
        "expect_column_values_to_be_between", "difficulty", {"column": "difficulty", "max_value": 50},
        "warning", False, 3, 1, 1 / 3, None, ["a"], "why",
    )  # fmt: skip
    return combine_results(
        [TableOutcomes("dataset", 3, "", [met, missed]), TableOutcomes("rewards", 0, "models.reward", [])]
    )


def sources(
    root: Path,
    rows: list[Instruction] = ROWS,
    made: Provenance | None = None,
    label: str = "",
    **export: Any,
) -> Sources:
    """Write the table; give what a card is rendered from. export: keys of the section."""
    table = tables.frame(INSTRUCTIONS, rows).with_columns(difficulty=pl.lit(40.0), ifd=pl.lit(0.5))
    tables.write(root / "dataset.parquet", table)
    params = Export.model_validate({"formats": ALL, "licence": None, "licences": {}} | export)
    return Sources(root / "dataset.parquet", made or provenance(), counts(), validation(), params, label, 1)


def write_card(folder: Path, sources: Sources) -> Described:
    """Export the data set that a card describes, with its card."""
    rejects = TableWriter(folder.with_name("rejects.parquet"), REJECTS)
    export_dataset(sources.dataset, sources.params.formats, folder, rejects)
    described = card.describe(sources)
    card.write_card(folder, described)
    return described
