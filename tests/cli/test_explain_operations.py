"""`evobuild explain` of rows by operations with steps, several children, or the answer of the parent."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest
import yaml
from workspace import ROOT, SHIPPED_PARAMS

from evobuild.cli.explain.explain_params import ExplainParams
from evobuild.cli.explain.row_history import read_history
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, iterate_instructions, stream_instructions
from evobuild.core.params import load_params
from evobuild.core.prompts import use_folder
from evobuild.core.stage import call_stage
from evobuild.reporting.calls import CallParams, CallReader
from evobuild.reporting.outcomes import RowOutcome, Tables

DECLARED = {
    "shows": "{# needs_answer: true #}#Answer#:\n{{ answer }}\n\n#Instruction#:\n{{ instruction }}",
    "two_tagged": "{# steps: [tag_compress]; children: 2 #}Use: {{ tag_compress }}\n\n"
    "#Instruction#:\n{{ instruction }}",
}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> dict[str, list[str]]:
    """A seed, its answers, and a round of three operations; ids of the round's rows by operation."""
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    for name, text in DECLARED.items():
        (tmp_path / f"prompts/evolve/{name}.jinja").write_text(text)
    (tmp_path / "data/raw").mkdir(parents=True)
    shutil.copy(ROOT / "data/raw/sample.jsonl", tmp_path / "data/raw")
    content = yaml.safe_load(SHIPPED_PARAMS.read_text())
    content["seed"]["rows"] = 30
    content["rounds"], content["pools"] = {"r1": {"parent": "r0"}}, {"r0": {}, "r1": {}}
    content["respond"]["seed_answers"] = "replace"
    content["evolve"] |= {"strategy": "evol", "operations": {"default": ["tag_rebuild", *DECLARED]}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    for name, given in (
        ("seed", {}),
        ("respond", {"pool": "r0"}),
        ("evolve", {"round": "r1", "parent": "r0"}),
    ):
        call_stage(importlib.import_module(f"stages.{name}").main, Path("params.yaml"), given)
    found: dict[str, list[str]] = {}
    for row in iterate_instructions(tables.read(Path("data/rounds/r1.parquet"), INSTRUCTIONS)):
        found.setdefault(row.operation, []).append(row.id)
    return found


def test_the_last_prompt_is_shown_with_what_it_was_given(built: dict[str, list[str]]) -> None:
    params = load_params(Path("params.yaml"), ExplainParams)
    responses = tables.read(Path("data/responses/r0.parquet"), INSTRUCTIONS)
    answers = {row.id: row.output for row in iterate_instructions(responses)}
    assert set(built) == {"tag_rebuild", *DECLARED}
    with use_folder(Path("prompts")):
        for operation, ids in built.items():
            for key in ids:
                _, (row, origin, *_) = read_history(key, params).chapters
                assert origin and origin.reply and row.instruction in origin.reply
                shown = {
                    "tag_rebuild": "#Further Tags#:\n",
                    "shows": f"#Answer#:\n{answers[row.parent_id]}\n",
                    "two_tagged": "Use: ",
                }[operation]
                assert shown in origin.prompt and "{{" not in origin.prompt
                assert origin.source == f"prompts/evolve/{operation}.jinja"


def test_the_report_shows_the_answer_that_the_evolver_got(built: dict[str, list[str]]) -> None:
    params = load_params(Path("params.yaml"), CallParams)
    rounds = {
        name: {row.id: row for row in stream_instructions(Path(f"data/{name}.parquet"))[1]}
        for name in ("rounds/r0", "rounds/r1", "responses/r0")
    }
    params = params.model_copy(update={"rate": params.rate.model_copy(update={"measures": []})})
    outcome = RowOutcome(None, "", {}, None, False, ())
    with use_folder(Path("prompts")):
        reader = CallReader(params, Tables(), built["shows"])
        for key in built["shows"]:
            row = rounds["rounds/r1"][key]
            call = next(reader.of_row(row, rounds["rounds/r0"][row.parent_id], outcome))
            assert f"#Answer#:\n{rounds['responses/r0'][row.parent_id].output}\n" in call.prompt
            assert call.reply and row.instruction in call.reply
