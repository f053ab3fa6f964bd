"""Columns of any names are read: known in other spellings, named by the caller, or guessed for a hint."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from workspace import SHIPPED_PARAMS

from evobuild.core.errors import BadInput
from evobuild.core.yaml_files import read_yaml
from evobuild.seeds import columns
from evobuild.seeds.formats import UnknownLayout, read_seed_rows
from evobuild.seeds.params import Seed

OWN = {"question_text": "How many rivers?", "reply_text": "Three.", "topic": "geo"}


def rows(tmp_path: Path, name: str, data: object, **given):
    text = data if isinstance(data, str) else "\n".join(json.dumps(each) for each in data)
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    return [
        (row.instruction, row.input, row.output, row.domain)
        for row in read_seed_rows(tmp_path / name, **given)
    ]


def test_named_columns_are_read_and_take_the_place_of_fields_so_called(tmp_path):
    record = OWN | {"instruction": "Be brief.", "input": "N", "output": "old"}
    named = {"instruction": "question_text", "output": "reply_text", "domain": "topic"}
    assert rows(tmp_path, "a.jsonl", [record], columns=named) == [("How many rivers?", "N", "Three.", "geo")]
    assert rows(tmp_path, "a.jsonl", [record], columns={"output": "reply_text"}) == [
        ("Be brief.", "N", "Three.", None)
    ]


def test_turns_may_stand_in_a_column_of_any_name(tmp_path):
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    found = rows(tmp_path, "a.jsonl", [{"dialog": turns}], columns={"conversations": "dialog"})
    assert found == [("Q", "", "A", None)]


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"Instruction": "I", "Response": "R"}, ("I", "", "R", None)),
        ({"INSTRUCTION": "I", "Input": "N", "Output": "O", "Domain": "d"}, ("I", "N", "O", "d")),
        ({"instruction": "I", "Instruction": "J"}, ("I", "", "", None)),
        ({"prompt": "I", "response": "R"}, ("I", "", "R", None)),
        ({"query": "I", "answer": "R"}, ("I", "", "R", None)),
        ({"question": "I", "reply": "R", "context": "C"}, ("I", "C", "R", None)),
        ({"input": "I", "output": "R"}, ("I", "", "R", None)),
        ({"user": "I", "assistant": "R"}, ("I", "", "R", None)),
        ({"prompt": "I", "id": "7"}, ("I", "", "", None)),
    ],
)
def test_usual_names_are_known_in_any_case(tmp_path, record, wanted):
    assert rows(tmp_path, "a.jsonl", [record]) == [wanted]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'Instruction;Response;Note\n"Add 1,5; 2,5";4,0;"a,b"\n'),
        ("a.csv", 'Instruction,Response,Note\n"Add 1,5; 2,5","4,0",a;b\n'),
        ("a.tsv", "Instruction\tResponse\nAdd 1,5; 2,5\t4,0\n"),
    ],
)
def test_cells_are_parted_by_what_cuts_the_header_into_most(tmp_path, name, text):
    assert rows(tmp_path, name, text) == [("Add 1,5; 2,5", "", "4,0", None)]


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (OWN, {"instruction": "question_text", "output": "reply_text", "domain": "topic"}),
        (
            {"questionText": "x y", "modelAnswer": "z"},
            {"instruction": "questionText", "output": "modelAnswer"},
        ),
        ({"id": "1", "a b": "one two", 'c"d': "three four"}, {"instruction": "a b", "output": 'c"d'}),
        ({"n": 1, "dialog": [{"role": "user", "content": "Q"}]}, {"conversations": "dialog"}),
        ({"n": 1, "id": "7"}, {}),
    ],
)
def test_an_unknown_layout_is_refused_with_the_mapping_that_may_fit(tmp_path, record, wanted):
    assert columns.guess_columns([record]) == wanted
    with pytest.raises(UnknownLayout) as caught:
        rows(tmp_path, "a.jsonl", [record], columns={})
    said = str(caught.value)
    assert len(said.splitlines()) == 2 and all(repr(field) in said for field in record)
    if wanted:
        assert columns.columns_text(wanted) in said and columns.columns_option(wanted) in said


def test_without_columns_to_name_no_error_speaks_of_them(tmp_path):
    with pytest.raises(UnknownLayout) as caught:
        rows(tmp_path, "a.jsonl", [OWN])
    assert "columns" not in str(caught.value)


def test_the_mapping_of_the_error_is_what_yaml_and_dvc_read(tmp_path):
    given = {"instruction": "Frage: Text", "output": 'c"d', "domain": "topic"}
    assert yaml.safe_load(columns.columns_text(given)) == given
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED_PARAMS.read_text())
    flag, option = shlex.split(columns.columns_option(given))
    for _ in range(2):
        apply_overrides(str(path), [option])
    assert flag == "-S" and read_yaml(path)["seed"]["columns"] == given


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (
            {"instruction": "nope"},
            "seed.columns.instruction is 'nope', which is not one of its fields 'question",
        ),
        (
            {"instruction": "question_text", "output": "nope"},
            "seed.columns names 'nope', which no record has",
        ),
    ],
)
def test_a_named_column_that_is_not_there_is_said(tmp_path, named, said):
    with pytest.raises(BadInput, match=said):
        rows(tmp_path, "a.jsonl", [OWN, OWN], columns=named)


def test_a_later_record_without_the_named_column_is_said_by_its_name(tmp_path):
    with pytest.raises(BadInput, match=r"a\.jsonl:2: lacks 'question_text', which the first record has"):
        rows(tmp_path, "a.jsonl", [OWN, {"x": "y"}], columns={"instruction": "question_text"})


@pytest.mark.parametrize(
    "wrong",
    [{"instruction": "a", "output": "a"}, {"instruction": "a", "conversations": "b"}, {"answer": "a"}],
)
def test_wrong_mappings_are_refused(wrong):
    content = read_yaml(SHIPPED_PARAMS)["seed"] | {"columns": wrong}
    with pytest.raises(ValueError, match="columns"):
        Seed.model_validate(content)
