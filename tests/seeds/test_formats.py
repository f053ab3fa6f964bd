"""What users bring becomes uniform rows, whatever its container and format."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars
import pytest

from evobuild.seeds import records
from evobuild.seeds.formats import Format, SourceRow, read_seed_rows

ASK = {"from": "human", "value": "Q1"}
ANSWER = {"from": "gpt", "value": "A1"}
CALL = {"from": "function_call", "value": '{"name": "f"}'}
RESULT = {"from": "observation", "value": '{"n": 1}'}
AGAIN = {"from": "human", "value": "Q2"}

REAL = os.environ.get("EVOBUILD_REAL_DATA")


def rows(tmp_path: Path, name: str, data: object, format: Format = "auto") -> list[SourceRow]:
    """Write bytes, text or JSON under a name and read it."""
    text = data if isinstance(data, bytes | str) else json.dumps(data)
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_seed_rows(tmp_path / name, format))


def parquet(records: Sequence[Mapping[str, object]]) -> bytes:
    """Give records as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    polars.DataFrame(list(records)).write_parquet(buffer)
    return buffer.getvalue()


FULL = {"instruction": "I", "input": "N", "output": "O", "domain": "code"}
LINES = b'{"instruction": "I", "input": "N", "output": "O", "domain": "code"}\n'


@pytest.mark.parametrize(
    ("name", "data", "place"),
    [
        ("a.json", json.dumps([FULL]), "a.json[0]"),
        ("a.json", b"\xef\xbb\xbf" + json.dumps([FULL], indent=1).encode(), "a.json[0]"),
        ("a.json", LINES + LINES, "a.json:1"),
        ("a.jsonl", LINES, "a.jsonl:1"),
        ("a.jsonl", b"\xef\xbb\xbf" + LINES.strip(), "a.jsonl:1"),
        ("a.jsonl", b"\n \r\n" + LINES.replace(b"\n", b"\r\n"), "a.jsonl:3"),
        ("A.JSONL", LINES, "A.JSONL:1"),
        ("a.v2.jsonl.gz", gzip.compress(LINES, mtime=0), "a.v2.jsonl.gz:1"),
        ("a.json.gz", gzip.compress(json.dumps([FULL]).encode(), mtime=0), "a.json.gz[0]"),
        ("a.csv", "instruction,input,output,domain\nI,N,O,code\n", "a.csv:2"),
        ("a.csv", b'\xef\xbb\xbf,instruction, input ,output,domain\r\n0,"I",N,O,code\r\n', "a.csv:2"),
        ("a[1].parquet", parquet([FULL]), "a[1].parquet[0]"),
    ],
)
def test_every_container_gives_the_same_row(tmp_path: Path, name: str, data: bytes, place: str) -> None:
    assert rows(tmp_path, name, data)[0][:7] == (place, 0, (), "I", "N", "O", "code")


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"instruction": "I"}, [("", "")]),
        ({"instruction": "I", "input": None, "output": None}, [("", "")]),
        ({"instruction": "I", "context": "C", "response": "R", "category": "x"}, [("C", "R")]),
        ({"instruction": "I", "input": "N", "output": "O", "response": "R"}, [("N", "O")]),
        ({"instruction": "I", "chosen": "C", "rejected": "J"}, [("", "C")]),
        ({"prompt": "I", "completion": "C"}, [("", "C")]),
        ({"question": "I", "answer": "72 #### 72"}, [("", "72 #### 72")]),
        ({"problem": "I", "solution": "S", "answer": "4"}, [("", "S")]),
        (
            {"instruction": "I", "instances": [{"input": "1", "output": "2"}, {"output": "3"}]},
            [("1", "2"), ("", "3")],
        ),
    ],
)
def test_flat_records_are_read_under_their_usual_names(
    tmp_path: Path, record: object, wanted: list[tuple[str, str]]
) -> None:
    found = rows(tmp_path, "a.json", [record])
    assert [(row.input, row.output) for row in found] == wanted
    assert {(row.instruction, row.history, row.domain, row.conversation) for row in found} == {
        ("I", (), None, 0)
    }


def test_alpaca_history_follows_the_system_prompt(tmp_path: Path) -> None:
    record = {"instruction": "I", "system": "S", "history": [["Q", "A"]], "tools": '[{"name": "f"}]'}
    system = 'S\n\nAvailable tools:\n[{"name": "f"}]'
    assert rows(tmp_path, "a.json", [record])[0].history == (
        ("system", system),
        ("user", "Q"),
        ("assistant", "A"),
    )


@pytest.mark.parametrize("record", [{"instruction": ""}, {"instruction": None}, {"instruction": " "}])
def test_empty_instructions_are_rows(tmp_path: Path, record: object) -> None:
    found = rows(tmp_path, "a.json", [record, {"instruction": "I"}])
    assert [(row.instruction.strip(), row.conversation) for row in found] == [("", 0), ("I", 1)]


@pytest.mark.parametrize("domain", [None, "", 3, ["math"]])
def test_a_domain_that_is_no_text_is_none(tmp_path: Path, domain: object) -> None:
    assert rows(tmp_path, "a.json", [{"instruction": "I", "domain": domain}])[0].domain is None


U1, A1, C1, R1 = ("user", "Q1"), ("assistant", "A1"), ("assistant", CALL["value"]), ("user", RESULT["value"])


@pytest.mark.parametrize(
    ("turns", "wanted"),
    [
        ([ASK], [((), "Q1", "")]),
        ([ASK, ANSWER, AGAIN], [((), "Q1", "A1"), ((U1, A1), "Q2", "")]),
        ([ASK, AGAIN, ANSWER], [((), "Q1", ""), ((U1,), "Q2", "A1")]),
        ([{"from": "system", "value": "S"}, ASK, ANSWER], [((("system", "S"),), "Q1", "A1")]),
        ([ANSWER, AGAIN], [((A1,), "Q2", "")]),
        ([ASK, ANSWER, CALL], [((), "Q1", "A1\n\n" + CALL["value"])]),
        ([ASK, CALL, RESULT, ANSWER], [((), "Q1", CALL["value"])]),
        ([ASK, CALL, RESULT, ANSWER, AGAIN], [((), "Q1", CALL["value"]), ((U1, C1, R1, A1), "Q2", "")]),
        ([], [((), "", "")]),
        ([ANSWER], [((A1,), "", "")]),
    ],
)
def test_a_conversation_gives_a_row_per_user_turn(
    tmp_path: Path, turns: list[object], wanted: list[object]
) -> None:
    found = rows(tmp_path, "a.json", [{"conversations": turns}])
    assert [(row.history, row.instruction, row.output) for row in found] == wanted
    assert {(row.place, row.conversation, row.input) for row in found} == {("a.json[0]", 0, "")}


def test_messages_may_have_parts_tool_calls_and_a_developer(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Q"}, {"type": "text", "value": "1"}]
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "é"}]}
    turns = [{"role": "developer", "content": "S"}, {"role": "user", "content": parts}, call]
    turns += [{"role": "tool", "content": "R"}, {"role": "user", "content": "Q2"}]
    first, second = rows(tmp_path, "a.jsonl", {"messages": turns, "tools": []})
    assert (first.history, first.instruction, first.output) == ((("system", "S"),), "Q1", '[{"id": "é"}]')
    assert second.history == (*first.history, U1, ("assistant", '[{"id": "é"}]'), ("user", "R"))


@pytest.mark.parametrize(
    "chosen", ["C", {"from": "gpt", "value": "C"}, [ASK, {"role": "assistant", "content": "C"}]]
)
def test_the_chosen_reply_answers_the_last_user_turn(tmp_path: Path, chosen: object) -> None:
    record = {"conversations": [ASK, ANSWER, AGAIN], "chosen": chosen, "rejected": ANSWER}
    assert [row.output for row in rows(tmp_path, "a.json", [record])] == ["A1", "C"]


def test_a_table_of_several_parts_is_read_some_rows_at_a_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(records, "ROWS_PER_SLICE", 3)
    texts = [f"Text {number}" for number in range(20)]
    table = polars.DataFrame({"instruction": texts})
    folder = tmp_path / "a.parquet"
    folder.mkdir()
    for name, part in (("00", table[:11]), ("ff", table[11:])):
        part.write_parquet(folder / f"{name}.parquet", row_group_size=4)
    found = list(read_seed_rows(folder))
    assert [row.instruction for row in found] == texts
    assert [row.place for row in found[9:13]] == [
        "00.parquet[9]",
        "00.parquet[10]",
        "ff.parquet[0]",
        "ff.parquet[1]",
    ]
    assert next(read_seed_rows(folder)).instruction == "Text 0"


def test_parquet_conversations_are_read_in_spite_of_null_fields(tmp_path: Path) -> None:
    turns = [
        {**ASK, "role": None, "content": None},
        {"from": None, "value": None, "role": "assistant", "content": "A"},
    ]
    data = parquet([{"instruction": None, "conversations": turns}])
    [row] = rows(tmp_path, "a.parquet", data)
    assert row[:7] == ("a.parquet[0]", 0, (), "Q1", "", "A", None)


def test_a_named_format_wins_over_the_guess(tmp_path: Path) -> None:
    record = {
        "instruction": "I",
        "question": "Q",
        "answer": "A",
        "messages": [{"role": "user", "content": "M"}],
    }
    named: list[Format] = ["auto", "alpaca", "gsm8k", "messages"]
    assert [rows(tmp_path, "a.json", [record], each)[0].instruction for each in named] == ["M", "I", "Q", "M"]


def test_escaped_pairs_of_surrogates_are_characters(tmp_path: Path) -> None:
    data = rb'[{"instruction": "\ud83d\ude00", "output": "\\ud83d"}]'
    assert rows(tmp_path, "a.json", data)[0][3:6] == ("\U0001f600", "", "\\ud83d")


@pytest.mark.skipif(REAL is None, reason="EVOBUILD_REAL_DATA is not set: no real files to read")
@pytest.mark.parametrize(
    ("name", "count", "records", "answered"),
    [
        ("alpaca/alpaca_data.json", 52_002, 52_002, 51_974),
        ("alpaca/cherry_alpaca_5_percent.json", 3_111, 3_111, 3_111),
        ("alpaca/seed_tasks.jsonl", 175, 175, 175),
        ("gsm8k/train.jsonl", 7_473, 7_473, 7_473),
        ("gsm8k/test.jsonl", 1_319, 1_319, 1_319),
        ("formats/alpaca_zh_demo.json", 1_000, 1_000, 1_000),
        ("formats/dpo_en_demo.json", 563, 300, 563),
        ("formats/fastchat_dummy_conversation.json", 1_000, 500, 1_000),
        ("formats/glaive_toolcall_en_demo.json", 746, 300, 746),
        ("formats/v1_sft_demo.jsonl", 500, 500, 500),
    ],
)
def test_real_files_are_read_whole(name: str, count: int, records: int, answered: int) -> None:
    found = list(read_seed_rows(Path(REAL or "") / name))
    assert len(found) == count
    assert len({row.conversation for row in found}) == records
    assert sum(bool(row.output) for row in found) == answered
