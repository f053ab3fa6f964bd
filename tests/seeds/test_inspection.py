"""A file is looked at before anything runs: what it holds, what would be lost, and the params that fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.core.errors import BadInput
from evobuild.core.yaml_files import read_yaml
from evobuild.seeds import spilled_rows
from evobuild.seeds.inspection import inspect_file, render_inspection
from evobuild.seeds.params import Seed

SEED = Seed.model_validate(read_yaml(SHIPPED_PARAMS)["seed"])
OWN = [
    {"question_text": "How do I cook rice for six people?", "reply": "Rinse it.", "gold": 1},
    {"question_text": "Wie koche ich Reis, damit er locker wird?", "reply": "", "gold": None},
    {"question_text": " ", "reply": "Nothing."},
    {"question_text": "How do I cook rice for six people?", "reply": "Again."},
]


def inspected(tmp_path: Path, records: list[dict], **given):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    return inspect_file(path, SEED.model_copy(update=given))


def test_a_file_is_described_by_what_its_columns_seem_to_be(tmp_path):
    found = inspected(tmp_path, OWN)
    assert (found.format, found.columns, found.others) == (
        "alpaca",
        ("question_text", "reply", "gold"),
        ("gold",),
    )
    assert found.mapping == {"instruction": "question_text", "output": "reply"}
    assert (found.records, found.rows, found.kept, found.unanswered) == (4, 4, 2, 1)
    assert found.rejects == {"empty instruction": 1, "exact duplicate": 1}
    assert (found.languages, found.told, found.words) == ({"de": 1, "en": 1}, 2, (8, 8, 8))
    assert found.certain
    assert found.params == {
        "seed.source": str(tmp_path / "mine.jsonl"),
        "seed.columns": {"instruction": "question_text", "output": "reply"},
    }


def test_a_file_that_goes_to_disk_is_described_alike(tmp_path, monkeypatch):
    records = [{"question": f"{'word ' * (place % 7)}{place % 50}", "answer": ""} for place in range(80)]
    wanted = inspected(tmp_path, records, domain="math")
    monkeypatch.setattr(spilled_rows, "ROWS_A_CHUNK", 3)
    monkeypatch.setattr(spilled_rows, "SPILL_BYTES", 1)
    assert inspected(tmp_path, records, domain="math") == wanted
    assert wanted.words == (1, 4, 7)


def test_columns_without_telling_names_are_a_guess_to_look_at(tmp_path):
    found = inspected(tmp_path, [{"a": "one two three", "b": "four five"}])
    assert found.guessed == {"instruction": "a", "output": "b"} and not found.certain
    assert "look whether the mapping is right" in render_inspection(found)


def test_known_columns_need_no_mapping(tmp_path):
    found = inspected(tmp_path, [{"Instruction": "Add two numbers.", "Response": "3", "Category": "math"}])
    assert found.mapping == {"instruction": "Instruction", "output": "Response"}
    assert found.certain and list(found.params) == ["seed.source"]
    assert (
        "'Category' as domain; if it should be, set seed.columns: -S '+seed.columns={domain: Category}'"
        in render_inspection(found)
    )


def test_columns_that_params_name_are_no_guess(tmp_path):
    found = inspected(tmp_path, OWN, columns={"instruction": "reply"})
    assert found.mapping["instruction"] == "reply" and not found.guessed
    with pytest.raises(BadInput, match="'nope'"):
        inspected(tmp_path, OWN, columns={"instruction": "nope"})


def test_what_holds_no_text_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no format recognised"):
        inspected(tmp_path, [{"a": 1}])


def test_conversations_are_counted_by_their_turns(tmp_path):
    turns = [{"role": role, "content": f"{role} {n}"} for n in range(2) for role in ("user", "assistant")]
    found = inspected(tmp_path, [{"messages": turns, "id": 1}])
    assert (found.format, found.mapping) == ("messages", {"conversations": "messages"})
    assert (found.records, found.rows, found.later_turns, found.others) == (1, 2, 1, ("id",))


def test_the_command_prints_it_and_nothing_of_a_file_steers_the_terminal(tmp_path, monkeypatch, capsys):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text(SHIPPED_PARAMS.read_text())
    (tmp_path / "mine.jsonl").write_text(json.dumps({"question\x1b[2J": "How?", "reply\u202e": "So."}))
    monkeypatch.chdir(tmp_path)
    assert command.main(["inspect", "mine.jsonl"]) == 0
    said = capsys.readouterr().out
    assert "  instruction    'question" in said and "\x1b" not in said and "\u202e" not in said


def test_the_command_takes_changes_of_params(tmp_path, monkeypatch, capsys):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text(SHIPPED_PARAMS.read_text())
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, OWN)))
    monkeypatch.chdir(tmp_path)
    named = ["-S", "+seed.columns={instruction: reply}", "-S", "seed.min_words=2"]
    assert command.main(["inspect", "mine.jsonl", *named]) == 0
    assert "instruction    'reply'" in (said := capsys.readouterr().out) and "too short" in said
    assert command.main(["inspect", "mine.jsonl", "-S", "seed.nope=1"]) == 1


def test_the_command_works_where_no_project_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.jsonl").write_text('{"question_text": "Name a river.", "reply": "The Rhine."}\n')
    assert command.main(["inspect", "mine.jsonl"]) == 0
    assert "instruction    'question_text'" in capsys.readouterr().out
