"""Settings in YAML: plain files are read; all else is refused quickly, in one line with its location."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from evobuild.core.errors import BadParams
from evobuild.core.yaml_files import read_yaml, read_yaml_or_nothing

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
)
BAD: dict[str, tuple[str | bytes, str]] = {
    "an object": (
        "a: 1\nb: !!python/object/apply:os.system [x]\n",
        "a.yaml:2: not YAML of settings: the tag",
    ),
    "a date by its tag": ("a: !!timestamp 2024-99-99\n", "the tag"),
    "binary junk": ("a: !!binary ___\n", "the tag"),
    "a set": ("a: !!set {b}\n", "the tag"),
    "an integer that is none": ("a: !!int abc\n", "the tag"),
    "a key twice": ("a:\n  b: 1\n  b: 2\n", "a.yaml:3: the key 'b' is given twice"),
    "a key twice in a flow": ("a: {b: 1, b: 2}\n", "a.yaml:1: the key 'b' is given twice"),
    "deep": (f"a: 1\nb: {'[' * 3000}{']' * 3000}\n", "a.yaml:2: not YAML of settings: nested more than"),
    "deep and unclosed": ("a: " + "{a: " * 100_000, "nested more than"),
    "deep dashes": ("- " * 3000, "nested more than"),
    "a billion laughs": (LAUGHS, "a.yaml:6: not YAML of settings: more than 200,000 values"),
    "many values": (f"a: [{'1,' * 500_000}1]", "more than 200,000 values"),
    "itself": ("a: &x [*x]\n", "the alias *x stands for nothing"),
    "an unknown alias": ("a: *x\n", "the alias *x stands for nothing"),
    "an alias as a key": ("a: &x b\n*x : 1\n", "an alias as a key"),
    "a NUL byte": (b"a: 1\nb: 2\0\n", "a.yaml:2: a NUL byte"),
    "an escaped NUL": ('a: "\\0"\n', "U+0000"),
    "an escape": ('a: "\\e[31m"\n', "U+001B"),
    "an escape in a key": ('"\\e[31m": 1\n', "U+001B"),
    "a control character": ("a: 1\nb: \x07\n", "a.yaml:2: not YAML: control characters"),
    "half a character": ('a: "\\ud800"\n', "a.yaml:1: not YAML"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "UTF-16"),
    "latin-1": ("a: 1\nb: é\n".encode("latin-1"), "a.yaml:2: byte 0xe9, not UTF-8"),
    "a tab": ("a:\n\tb: 1\n", "a.yaml:2: not YAML: the line begins with a tab; indent"),
    "two documents": ("a: 1\n---\nb: 2\n", "a.yaml:2: not YAML"),
    "a number as a key": ("1.5: 2\n", "the key '1.5' is no text"),
    "a boolean as a key": ("a: {true: 2}\n", "the key 'true' is no text"),
    "a list as a key": ("? [a]\n: 1\n", "a list or a mapping as a key"),
    "a merge of a word": ("<<: word\n", "a.yaml:1: not YAML"),
    "a list": ("- a\n", "found list"),
    "huge": ("a: 1 # " + "x" * 3_000_000, "has more than 2 MiB"),
    "empty": (" \n", "is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_plain_mapping_is_said_in_a_line(tmp_path: Path, case: str) -> None:
    content, message = BAD[case]
    path = tmp_path / "a.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    began = time.process_time()
    with pytest.raises(BadParams) as caught:
        read_yaml(path)
    assert message in str(caught.value)
    assert "a.yaml" in str(caught.value) and "\n" not in str(caught.value)
    # Expanding any of the large ones takes minutes or all of the memory.
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-99-99", "2024-99-99"),
        ("2024-01-01", "2024-01-01"),
        ("190:20:30", "190:20:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x_", "0x_"),
        ("0x1f", 31),
        ("-3", -3),
        ("1" * 3000, "1" * 3000),
        ("1e-05", 1e-05),
        (".5", 0.5),
        ("off", False),
        ("True", True),
        ("~", None),
        ("''", ""),
        ("[1, a, null]", [1, "a", None]),
    ],
)
def test_a_scalar_is_what_it_plainly_is_or_text(tmp_path: Path, text: str, value: object) -> None:
    (tmp_path / "a.yaml").write_text(f"\ufeffa: {text}\n", encoding="utf-8")
    found = read_yaml(tmp_path / "a.yaml")["a"]
    assert (found, type(found)) == (value, type(value))


def test_a_word_for_yes_or_no_is_text_as_a_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("on: off\nno: {Y: yes}\n")
    assert read_yaml(tmp_path / "a.yaml") == {"on": False, "no": {"Y": True}}


def test_anchors_and_merge_keys_are_taken_and_own_keys_win(tmp_path: Path) -> None:
    text = "a: &x {k: 1, l: 1}\nb: &y {<<: *x, k: 2}\nc: {<<: *y, m: 3}\nd: *x\n"
    (tmp_path / "a.yaml").write_text(text)
    one = {"k": 1, "l": 1}
    assert read_yaml(tmp_path / "a.yaml") == {
        "a": one, "b": {"k": 2, "l": 1}, "c": {"k": 2, "l": 1, "m": 3}, "d": one,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "null\n"])
def test_a_file_may_say_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert read_yaml_or_nothing(tmp_path / "a.yaml") is None


@pytest.mark.parametrize("kind", ["pipe", "device", "system"])
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"device": "/dev/zero", "system": "/proc/self/status"}[kind])
    with pytest.raises(BadParams, match=f"is a {kind}|a file of the {kind}"):
        read_yaml(path)
