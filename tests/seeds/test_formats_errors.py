"""Whatever is wrong with what users bring is said in two lines at most, with its place."""

from __future__ import annotations

import gzip
import io
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars
import pytest

from evobuild.core.errors import BadInput
from evobuild.seeds.formats import Format, SourceRow, read_seed_rows

ASK = {"from": "human", "value": "Q1"}
DEEP = '{"instruction": ' + "[" * 100_000 + "]" * 100_000 + "}"


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

BAD: list[tuple[str, object, str]] = [
    ("a.txt", "x", "unknown suffix '.txt'; choose from: .json, .jsonl"),
    ("a", "x", "unknown suffix ''"),
    ("a.txt.gz", "x", "unknown suffix '.txt.gz'"),
    ("a.json", "", "is empty"),
    ("a.json", b"\xef\xbb\xbf \n", "is empty"),
    ("a.jsonl", "", "is empty"),
    ("a.csv", "", "is empty"),
    ("a.json", [], "holds no records"),
    ("a.jsonl", "\n\n", "holds no records"),
    ("a.csv", "instruction,output\n", "holds no records"),
    ("a.jsonl", LINES + b'{"instruction": "\0"}', "a.jsonl:2: a NUL byte at offset 85"),
    ("a.json", '[{"instruction": "é"}]'.encode("utf-16"), "is UTF-16"),
    ("a.json", '[{"instruction": "é"}]'.encode("utf-16-le"), "a NUL byte at offset 1"),
    (
        "a.jsonl",
        LINES + '{"instruction": "é"}'.encode("latin-1"),
        "a.jsonl:2: byte 0xe9, not UTF-8, at offset 85",
    ),
    ("a.csv", "instruction\né\n".encode("latin-1"), "a.csv:2: byte 0xe9, not UTF-8, at offset 12"),
    ("a.jsonl", LINES * 16 + b'{"instruction": "x" "y"}', "a.jsonl:17: not JSON at column 21"),
    ("a.json", '[\n{"instruction": "x"},\n{"instruction" "y"}]', "a.json:3: not JSON at column 16"),
    ("a.json", '[{"instruction": "x"}, {"instr', "the JSON array is cut short"),
    ("a.json", '[{"instruction": "x"},', "expected a closing ']'"),
    (
        "a.json",
        {"data": [], "version": 1},
        "holds an object with the fields 'data', 'version'; expected an array",
    ),
    ("a.json", "42", "holds a number; expected an array"),
    ("a.json", [{"instruction": "x"}, "y"], "a.json[1]: the record is text; expected an object"),
    ("a.jsonl", '{"instruction": "x"}\n[1]', "a.jsonl:2: the record is a list"),
    ("a.json", [{"instruction": 3}], "a.json[0]: 'instruction' is a number; expected text"),
    ("a.json", [{"instruction": ["x"]}], "'instruction' is a list"),
    ("a.json", [{"instruction": "x", "input": {}}], "'input' is an object"),
    ("a.json", '[{"instruction": "x", "output": NaN}]', "'output' is NaN; expected text"),
    ("a.json", [{"instruction": "x", "output": False}], "'output' is false"),
    ("a.json", [{"text": "x", "b\n": 1}], r"no format recognised; expected one of alpaca (instruction"),
    ("a.json", [{"text": "x", "b\n": 1}], r"its fields are 'text', 'b\n'"),
    ("a.json", [{str(n): "x" for n in range(99)}], "and 87 more"),
    ("a.json", [{}], "its fields are none"),
    ("a.json", [{"prompt": "x", "note": "y"}], "no format recognised"),
    (
        "a.json",
        [FULL] * 5 + [{"question": "x"}],
        "a.json[5]: lacks 'instruction', which the first record has",
    ),
    ("a.json", [{"messages": [ASK]}, FULL], "a.json[1]: lacks 'messages'; expected a list of turns"),
    ("a.json", [{"conversations": "x"}], "'conversations' is text; expected a list of turns"),
    ("a.json", [{"conversations": ["x"]}], "a.json[0]: conversations[0] is text; expected a turn"),
    (
        "a.json",
        [{"conversations": [ASK, {"from": "cat", "value": "x"}]}],
        "conversations[1]: unknown role 'cat'",
    ),
    ("a.json", [{"conversations": [{"value": "x"}]}], "has no role, its fields are 'value'"),
    ("a.json", [{"messages": [{"role": 1, "content": "x"}]}], "messages[0]: 'role' is a number"),
    ("a.json", [{"messages": [{"role": "user"}]}], "messages[0] has no text"),
    ("a.json", [{"messages": [{"role": "user", "content": 1}]}], "the content is a number"),
    (
        "a.json",
        [{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}],
        "of type 'image_url'; only",
    ),
    ("a.json", [{"messages": [{"role": "user", "content": ["x"]}]}], "a content part is text"),
    (
        "a.json",
        [{"messages": [{"role": "user", "content": [{"type": "text"}]}]}],
        "a content part has no text",
    ),
    ("a.json", [{"conversations": [ASK], "chosen": ASK}], "'chosen' is a turn of the user"),
    ("a.json", [{"conversations": [ASK], "chosen": []}], "'chosen' is a list; expected a turn"),
    ("a.json", [{"instruction": "x", "history": [["a"]]}], "'history' is not a list of pairs"),
    ("a.json", [{"instruction": "x", "system": 1}], "'system' is a number"),
    ("a.json", rb'[{"instruction": "\ud83d!"}]', "'instruction' holds the lone surrogate U+D83D"),
    (
        "a.jsonl",
        rb'{"instruction": "x", "output": "\uDE00"}',
        "a.jsonl:1: 'output' holds the lone surrogate U+DE00",
    ),
    ("a.json", "[" + DEEP + "]", "a.json:1: nested too deeply"),
    ("a.jsonl", DEEP, "a.jsonl:1: nested too deeply"),
    ("a.json", '[{"n": ' + "1" * 5000 + "}]", "a number of too many digits"),
    ("a.parquet", b"PAR1 and nothing", "not Parquet"),
    ("a.parquet", parquet([FULL])[:-30], "not Parquet"),
    ("a.parquet", parquet([{"instruction": 1}]), "a.parquet[0]: 'instruction' is a number"),
    ("a.csv", 'instruction,output\na,b\nx,"y\nz,w\n', "a.csv:3: not CSV: a quote is never closed"),
    ("a.csv", 'instruction,output\n"a\nb",c\n"x"y,z\n', "a.csv:4: not CSV: "),
    (
        "a.csv",
        'instruction,output\n"a\n\nb",c\n\nx,y,z\n',
        "a.csv:6: not CSV: 3 cells, and the header row has 2",
    ),
    ("a.csv", ",".join(["c"] * 100_000) + "\n1\n", "a.csv: the header row has 'c' twice or more"),
    ("a.csv", "instruction\n" + "1," * 100_000 + "\n", "a.csv:2: not CSV: 100,001 cells"),
    (
        "a.jsonl",
        LINES + b'{"instruction": "a", "instruction": "b"}',
        "a.jsonl:2: the field 'instruction' is given twice",
    ),
    (
        "a.json",
        '[{"instruction": "x"},\n\n{"instruction": "y",\n"a": {"b": 1, "b": 2}}]',
        "a.json:3: the field 'b' is",
    ),
    ("a.csv", ",,\nx,y,z\n", "has no column names"),
    ("a.csv", "instruction,output,output\nx,y,z\n", "has 'output' twice or more"),
    ("a.csv", "instruction|output\nx|y\n", "its fields are 'instruction|output'"),
    ("a.csv", "instruction;output\nx;y;z\n", "a.csv:2: not CSV: 3 cells, and the header row has 2"),
    ("a.jsonl.gz", LINES, "is no whole gzip file"),
    ("a.jsonl.gz", gzip.compress(LINES * 99)[:-9], "is no whole gzip file"),
]


@pytest.mark.parametrize(("name", "data", "fragment"), BAD, ids=[f"{name} {said}" for name, _, said in BAD])
def test_bad_input_is_said_in_two_lines(tmp_path: Path, name: str, data: object, fragment: str) -> None:
    with pytest.raises(BadInput) as caught:
        rows(tmp_path, name, data)
    assert fragment in str(caught.value)
    assert name in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    ("format", "wanted"),
    [
        ("alpaca", "expected the field 'instruction' or 'prompt' or .*"),
        ("gsm8k", "'question' or 'problem'"),
        ("sharegpt", "'conversations'"),
        ("messages", "'messages'"),
    ],
)
def test_a_named_format_must_fit(tmp_path: Path, format: Format, wanted: str) -> None:
    with pytest.raises(BadInput, match=f"not the format {format}; .*{wanted}; its fields are 'text'"):
        rows(tmp_path, "a.json", [{"text": "x"}], format)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    for name, fragment in [
        ("none.json", "no such file"),
        ("folder.json", "is a folder"),
        ("none", "no such file"),
    ]:
        with pytest.raises(BadInput, match=fragment):
            list(read_seed_rows(tmp_path / name))


def test_a_csv_file_of_100000_columns_is_read(tmp_path: Path) -> None:
    names = ["instruction", *(f"c{number}" for number in range(100_000))]
    began = time.process_time()
    found = rows(tmp_path, "a.csv", ",".join(names) + "\n" + "x," * 100_000 + "x\n")
    assert [each.instruction for each in found] == ["x"]
    # It took hours when each name was looked for among all.
    assert time.process_time() - began < 5


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.parquet", "a.json.gz"])
def test_what_may_never_end_is_not_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(BadInput, match="is a pipe; expected a data file"):
        list(read_seed_rows(tmp_path / name))
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(BadInput, match="is a device; expected a data file"):
        list(read_seed_rows(tmp_path / name))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch(mode=0o000)
    with pytest.raises(BadInput, match="permission denied"):
        list(read_seed_rows(tmp_path / "a.json"))
