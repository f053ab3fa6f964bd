"""What a newcomer does wrong first is said with where, what was found, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command

JSONL = "mine.jsonl"


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the params that are shipped."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["modles"], 2, "unknown command 'modles'; did you mean 'models'? usage: "),
        (["frobnicate"], 2, "unknown command 'frobnicate'; choose from: init, upgrade, pipeline, repro"),
        (["preview", "--rowz", "3"], 2, "unknown option '--rowz'; did you mean '--rows'? usage: "),
        (["models", "extra"], 2, "unexpected argument 'extra'; usage: "),
        (["cache", "exprot"], 2, "unknown command 'exprot'; did you mean 'export'?"),
        (["publish", "a/b", "--allow", "dryrun"], 2, "--allow 'dryrun'; did you mean 'dry-run'?"),
        (["usage"], 1, "this folder is not a project; run in one, or create one: evobuild init"),
        (["preset"], 1, "presets/ has no preset here\nthis folder is not a project; run in one"),
        (["plan"], 1, "params.yaml: no such file; run in its folder, or begin one: evobuild init\n"),
        (["inspect", "nowhere.csv"], 1, "nowhere.csv: no such file; expected a data file that can be read\n"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_or_folder_is_said(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    try:
        assert command.main(words) == code
    except SystemExit as end:
        assert end.code == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("table.xlsx", b"PK", "unknown suffix '.xlsx'; choose from: .json, .jsonl,"),
        ("table.xlsx", b"PK", "; save the sheet as CSV in UTF-8"),
        ("a.csv", b"instruction,output\na,b,c\n", "not CSV: 3 cells, and the header row has 2; put"),
        ("a.csv", "Frage;Antwort\nWer grüßt?;Ich\n".encode("latin-1"), "a.csv:2: byte 0xfc, not UTF-8"),
        (JSONL, b'{"conversations": [{"from": "asistant", "value": "x"}]}', "did you mean 'assistant'?"),
        (JSONL, b'{"conversations": [{"value": "x"}]}', "has no role, its fields are 'value'; expected"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_said(
    empty: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str
) -> None:
    (empty / name).write_bytes(content)
    assert command.main(["inspect", name]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  source: ", "\tsource: ", "not YAML: the line begins with a tab; indent it with blanks"),
        ("random_seed: 42", "random_seed: [42", "while parsing a flow sequence that begins in line 3"),
        ("random_seed: 42", "", "the key 'random_seed' is missing; add it as a new project has it"),
        ("\nselect:", "\nselekt:", "evobuild: params.yaml: unknown key 'selekt'; did you mean 'select'?\n"),
    ],
)  # fmt: skip
def test_a_slip_in_params_is_said(
    empty: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    (empty / "dvc.yaml").touch()
    text = SHIPPED_PARAMS.read_text(encoding="utf-8")
    (empty / "params.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    assert command.main(["repro"]) == 1
    assert said in capsys.readouterr().err


def test_in_a_folder_of_a_project_its_root_is_named(
    empty: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty / "dvc.yaml").touch()
    (empty / "data").mkdir()
    monkeypatch.chdir("data")
    assert command.main(["plan"]) == 1
    assert f"the project is in {empty}; run there: cd " in capsys.readouterr().err


def test_without_words_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main([])
    assert "inspect" in capsys.readouterr().out
