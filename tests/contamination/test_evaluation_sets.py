"""Evaluation sets are read whatever their columns are called, or it is said which they have."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import polars as pl
import pytest
import tiny

from evobuild.contamination import evaluation_sets
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS


def one(tmp_path: Path, record: dict, columns=()):
    (tmp_path / "set.jsonl").write_text(json.dumps(record), encoding="utf-8")
    return evaluation_sets.read_evaluation_set(tmp_path / "set.jsonl", columns)[0]


@pytest.mark.parametrize(
    ("record", "asked", "answers"),
    [
        ({"question": "Q", "answer": "A #### 3"}, ("Q",), ("A #### 3",)),
        ({"problem": "P", "solution": "S", "answer": 3, "level": 2}, ("P",), ("3", "S")),
        ({"task_id": "0", "prompt": "P", "canonical_solution": "S", "test": "t"}, ("P",), ("S",)),
        ({"text": "T", "code": "C", "test_list": ["t"]}, ("T",), ("C",)),
        ({"prompt": "P", "kwargs": [{}]}, ("P",), ()),
        ({"question_id": 1, "turns": ["one", "two"], "reference": ["a", None]}, ("one", "two"), ("a",)),
        ({"instruction": "I", "output": "O", "generator": "g"}, ("I",), ("O",)),
        ({"instruction": "I", "input": "N", "output": "O"}, ("I", "N"), ("O",)),
        ({"instruction": "I", "target": "T", "answer": None}, ("I",), ("T",)),
        ({"messages": [{"role": "user", "content": "U"}]}, ("U",), ()),
        ({"conversations": [{"from": "human", "value": "U"}]}, ("U",), ()),
        ({"question": None, "prompt": "P"}, ("P",), ()),
    ],
)
def test_columns_are_known_by_name(tmp_path: Path, record, asked, answers) -> None:
    assert one(tmp_path, record)[1:] == (asked, answers, ())


def test_a_table_of_held_out_rows_may_have_none(tmp_path: Path) -> None:
    tables.write(tmp_path / "held.parquet", INSTRUCTIONS.to_frame())
    assert evaluation_sets.read_evaluation_set(tmp_path / "held.parquet") == []
    pl.DataFrame({"question": pl.Series([], dtype=pl.String)}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(BadInput, match="holds no records"):
        evaluation_sets.read_evaluation_set(tmp_path / "other.parquet")


def test_columns_can_be_named_the_question_first(tmp_path: Path) -> None:
    found = one(tmp_path, {"question": "no", "task": "T", "why": "W", "key": "K"}, ["task", "key"])
    assert found == ("set.jsonl:1", ("T",), ("K",), ())


@pytest.mark.parametrize(
    ("record", "columns", "message"),
    [
        ({"win": 1, "mode": "x"}, (), "no column of questions is known; .* its columns are 'win', 'mode'"),
        ({"task": "T"}, ["task", "key"], "has no column 'key'; its columns are 'task'"),
        ({"prompt": {"a": 1}}, (), "'prompt' is an object; expected text"),
        ({"turns": ["a", {"b": 1}]}, (), r"'turns'\[1\] is an object; expected text"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, record, columns, message) -> None:
    with pytest.raises(BadInput, match=rf"set\.jsonl:1: {message}"):
        one(tmp_path, record, columns)


def test_a_set_without_any_text_is_refused_and_rows_without_are_passed_over(tmp_path: Path) -> None:
    lines = [{"prompt": " "}, {"prompt": "Q"}, {"prompt": ""}]
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert [question.place for question in evaluation_sets.read_evaluation_set(tmp_path / "set.jsonl")] == [
        "set.jsonl:2"
    ]
    (tmp_path / "none.jsonl").write_text(json.dumps(lines[0]))
    with pytest.raises(BadInput, match="no row has text"):
        evaluation_sets.read_evaluation_set(tmp_path / "none.jsonl")


def test_files_of_every_kind_give_the_same_questions(tmp_path: Path) -> None:
    rows = [{"question": "Wie viele Äpfel?", "answer": "3"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(rows[0]).encode(), mtime=0))
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    found = [evaluation_sets.read_evaluation_set(path)[0] for path in tmp_path.iterdir()]
    assert len(found) == 4
    assert {question[1:] for question in found} == {(("Wie viele Äpfel?",), ("3",), ())}


def test_the_held_out_rows_are_a_set(tmp_path: Path) -> None:
    row = tiny.row(history=(("user", "Hi."), ("assistant", "Yes?")), instruction="Add.", input="1, 2")
    tables.write(tmp_path / "held_out.parquet", tables.frame(INSTRUCTIONS, [row]))
    found = evaluation_sets.read_evaluation_set(tmp_path / "held_out.parquet")
    assert found == [("held_out.parquet[0]", ("Add.", "1, 2"), (row.output,), ("Hi.", "Yes?"))]
    assert found[0].text == f"Hi.\nYes?\nAdd.\n1, 2\n{row.output}"


REAL = {
    "gsm8k/test.jsonl": 1319, "math/math500_full.jsonl": 500, "humaneval/HumanEval.jsonl.gz": 164,
    "mbpp/mbpp.jsonl": 974, "mbpp/sanitized-mbpp.json": 427, "ifeval/input_data.jsonl": 541,
    "mt_bench/question.jsonl": 80, "mt_bench/vicuna_question.jsonl": 80,
    "alpaca_eval/text_davinci_003.json": 805, "alpaca_eval/gpt4_1106_preview.json": 805,
    "followbench/content_constraints.json": 133, "followbench/example_constraints.json": 200,
    "followbench/format_constraints.json": 180, "followbench/mixed_constraints.json": 102,
    "followbench/situation_constraints.json": 132, "followbench/style_constraints.json": 180,
}  # fmt: skip
"""Rows with text; of FollowBench's content constraints 17 of 150 have none."""


@pytest.mark.skipif("EVOBUILD_REAL_DATA" not in os.environ, reason="EVOBUILD_REAL_DATA is not set")
@pytest.mark.parametrize("name", REAL)
def test_the_published_sets_are_read(name: str) -> None:
    found = evaluation_sets.read_evaluation_set(Path(os.environ["EVOBUILD_REAL_DATA"]) / name)
    assert len(found) == REAL[name]
    assert all(any(text.strip() for text in question.asked) for question in found)
