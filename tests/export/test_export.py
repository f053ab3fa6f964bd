"""Every export is read back by the library that it is for, and holds what the rows hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import llama_factory
import polars as pl
import pytest
import tiny

from evobuild.core import conversation, json_files, tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.rejects import REJECTS
from evobuild.core.table_writer import TableWriter
from evobuild.core.uri import Weights
from evobuild.export import export as exports
from evobuild.export import formats as export_formats
from evobuild.seeds import formats
from evobuild.weights import checkpoints

ALL = ["alpaca", "sharegpt", "messages", "trl", "datasets"]
TALK = (("user", "Hello."), ("assistant", "Hi."))
HISTORIES = {
    "none": (),
    "system": (("system", "Be brief."),),
    "pair": TALK,
    "system and pairs": (("system", "Be brief."), *TALK, *TALK),
}
TEXTS = {
    "plain": "Name three colours.",
    "unicode": "«Größe» 你好 😀 e\u0301",
    "line ends": "one\u2028two\u2029three\x85four\r\nfive\x0bsix\x1eseven",
    "json": '{"messages": [{"role": "system"}]}\n]\n',
    "html": "<script>alert(1)</script>{{ 7 * 7 }}",
    "quotes": "\\u2028 \\ \" ' \x00\x1b[0m",
}
UNPAIRED = {
    "two users": (("user", "One."), ("user", "Two."), ("assistant", "Yes.")),
    "a greeting": (("assistant", "Welcome."),),
    "a late system turn": (*TALK, ("system", "Be brief.")),
    "an open question": (("user", "Hello."),),
}

ROWS = [tiny.row(instruction=f"{name}: what?", history=turns) for name, turns in HISTORIES.items()] + [
    tiny.row(instruction=text, input=given, output=text, history=(("user", text), ("assistant", text)))
    for text in TEXTS.values()
    for given in ("", text)
]
LOST = [tiny.row(instruction=name, history=turns) for name, turns in UNPAIRED.items()]


def export(folder: Path, rows: list[Instruction], names: list[str] = ALL) -> pl.DataFrame:
    table = tables.frame(INSTRUCTIONS, rows).with_columns(ifd=pl.lit(0.5))
    dataset = folder.with_name(f"{folder.name}.parquet")
    tables.write(dataset, table)
    lost = TableWriter(folder.with_name(f"{folder.name}-rejects.parquet"), REJECTS)
    exports.export_dataset(dataset, names, folder, lost)
    lost.write()
    return tables.read(lost.path, REJECTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "export"
    lost = export(path, [*ROWS, *LOST])
    assert sorted(lost["id"]) == sorted(row.id for row in LOST)
    assert set(lost["reason"]) == {"turns not in pairs"}
    assert set(lost["detail"]) == {"alpaca, sharegpt"}
    return path


PAIRED = sorted(ROWS, key=lambda row: row.id)
EVERY = sorted([*ROWS, *LOST], key=lambda row: row.id)


def turns(row: Instruction) -> list[tuple[str, str]]:
    """What a consumer must get: the conversation as the responder and the tuned model see it."""
    return [
        *((turn.role, turn.content) for turn in conversation.chat_messages(row)),
        ("assistant", row.output),
    ]


def load(path: Path, cache: Path) -> list[dict[str, Any]]:
    """Read a file as `datasets` does, and so LLaMA-Factory and TRL."""
    import datasets

    datasets.disable_progress_bars()
    return list(datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(cache)))


def named_by_llama_factory(folder: Path, name: str, cache: Path) -> Iterator[dict[str, Any]]:
    """Rows of a data set of dataset_info.json, under the names that LLaMA-Factory has for its columns."""
    info = json.loads((folder / "dataset_info.json").read_text())[name]
    for row in load(folder / info["file_name"], cache):
        yield {known: row[column] for known, column in info["columns"].items()}


def test_llama_factory_gets_alpaca_by_the_columns_it_is_told(folder: Path, tmp_path: Path) -> None:
    found = list(named_by_llama_factory(folder, "evobuild_alpaca", tmp_path))
    for row, given in zip(PAIRED, found, strict=True):
        told = [("system", given["system"])] if given["system"] else []
        for user, assistant in given["history"]:
            told += [("user", user), ("assistant", assistant)]
        assert tuple(told) == row.history
        assert (given["prompt"], given["query"], given["response"]) == (
            row.instruction,
            row.input,
            row.output,
        )


def test_llama_factory_gets_sharegpt_by_the_tags_it_is_told(folder: Path, tmp_path: Path) -> None:
    tags = json.loads((folder / "dataset_info.json").read_text())["evobuild_sharegpt"]["tags"]
    roles = {tags[f"{role}_tag"]: role for role in ("system", "user", "assistant")}
    found = list(named_by_llama_factory(folder, "evobuild_sharegpt", tmp_path))
    for row, given in zip(PAIRED, found, strict=True):
        told = [(roles[turn[tags["role_tag"]]], turn[tags["content_tag"]]) for turn in given["messages"]]
        assert told == turns(row)


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Any:
    """LLaMA-Factory's own."""
    return llama_factory.load(monkeypatch, "llamafactory.data.loader")


@pytest.mark.parametrize("name", ["alpaca", "sharegpt"])
def test_llama_factory_itself_reads_it(folder: Path, tmp_path: Path, name: str, loader: Any) -> None:
    """Its own parser, loader and converter."""
    (attributes,) = loader.get_dataset_list([f"evobuild_{name}"], str(folder))
    data = SimpleNamespace(
        dataset_dir=str(folder),
        media_dir=str(folder),
        preprocessing_num_workers=None,
        streaming=False,
        overwrite_cache=True,
        max_samples=None,
        data_shared_file_system=False,
    )
    model = SimpleNamespace(cache_dir=str(tmp_path), hf_hub_token=None)
    found = list(loader._load_single_dataset(attributes, model, data, SimpleNamespace(local_process_index=0)))
    for row, given in zip(PAIRED, found, strict=True):
        told = [("system", given["_system"])] if given["_system"] else []
        told += [(turn["role"], turn["content"]) for turn in given["_prompt"] + given["_response"]]
        expected = turns(row)
        if name == "alpaca":
            expected[-2] = ("user", "\n".join(text for text in (row.instruction, row.input) if text))
        assert told == expected


def test_openai_gets_messages_and_nothing_else(folder: Path) -> None:
    """The checks of its cookbook (Data preparation and analysis for chat model fine-tuning); its API refuses
    other fields of a line, too."""
    lines = (folder / "messages.jsonl").read_bytes().decode("utf-8").split("\n")
    assert lines.pop() == ""
    for row, line in zip(EVERY, lines, strict=True):
        found = json.loads(line)
        assert set(found) == {"messages"}
        for turn in found["messages"]:
            assert set(turn) == {"role", "content"} and isinstance(turn["content"], str) and turn["content"]
            assert turn["role"] in ("system", "user", "assistant")
        assert [(turn["role"], turn["content"]) for turn in found["messages"]] == turns(row)
        assert found["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize(
    "name", ["alpaca.json", "sharegpt.json", "messages.jsonl", "prompt_completion.jsonl"]
)
def test_readers_that_split_at_any_line_end_read_it_too(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert text.splitlines() == text.rstrip("\n").split("\n")
    assert not text.startswith("\ufeff") and "你好" in text


def test_trl_renders_prompt_and_completion_as_the_tuned_model_sees_them(folder: Path, tmp_path: Path) -> None:
    from trl import data_utils

    tokenizer = checkpoints.load_chat_tokenizer(Weights(str(tiny.folder())))
    found = load(folder / "prompt_completion.jsonl", tmp_path)
    for row, given in zip(EVERY, found, strict=True):
        assert data_utils.is_conversational(given)
        both = given["prompt"] + given["completion"]
        assert [(turn["role"], turn["content"]) for turn in both] == turns(row)
        rendered = data_utils.maybe_apply_chat_template(given, tokenizer)
        asked = [turn._asdict() for turn in conversation.chat_messages(row)]
        assert rendered["prompt"] == tokenizer.apply_chat_template(
            asked, add_generation_prompt=True, tokenize=False
        )
        assert rendered["completion"].startswith(row.output)


def test_trl_takes_the_messages_too(folder: Path, tmp_path: Path) -> None:
    from trl import data_utils

    tokenizer = checkpoints.load_chat_tokenizer(Weights(str(tiny.folder())))
    found = load(folder / "messages.jsonl", tmp_path)
    for row, given in zip(EVERY, found, strict=True):
        assert data_utils.is_conversational(given)
        assert row.output in data_utils.apply_chat_template(given, tokenizer)["text"]


def test_load_dataset_opens_the_folder_with_all_columns(folder: Path, tmp_path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    opened = datasets.load_dataset(str(folder / "datasets"), cache_dir=str(tmp_path))
    assert list(opened) == ["train"]
    assert opened["train"].column_names == [*INSTRUCTIONS, "ifd"]
    found = list(opened["train"])
    assert [given["id"] for given in found] == [row.id for row in EVERY]
    for row, given in zip(EVERY, found, strict=True):
        assert tuple((turn["role"], turn["content"]) for turn in given["history"]) == row.history
        assert (given["instruction"], given["output"]) == (row.instruction, row.output)


@pytest.mark.parametrize("name", ["alpaca.json", "sharegpt.json", "messages.jsonl"])
def test_a_seed_of_it_is_what_it_was(folder: Path, name: str) -> None:
    last = {row.conversation: row for row in formats.read_seed_rows(folder / name)}
    rows = EVERY if name == "messages.jsonl" else PAIRED
    for row, found in zip(rows, last.values(), strict=True):
        asked = (found.instruction, found.input)
        expected = (row.instruction, row.input)
        assert asked == (
            expected if name == "alpaca.json" else (conversation.chat_messages(row)[-1].content, "")
        )
        assert found.output == row.output
        if row not in LOST:
            assert found.history == row.history


def test_other_columns_of_the_source_are_in_every_format_that_may_have_more(tmp_path: Path) -> None:
    from datasets import load_dataset

    given = [tiny.row(instruction="One?", extra='{"gold": 1}'), tiny.row(instruction="Two?")]
    export(tmp_path / "out", given)
    for name in ("alpaca", "sharegpt", "trl"):
        file = str(tmp_path / "out" / export_formats.FORMATS[name].file)
        rows = load_dataset("json", data_files=file, split="train", cache_dir=str(tmp_path / "cache"))
        assert sorted(rows["extra"]) == ["", '{"gold": 1}'], name
    table = pl.read_parquet(tmp_path / "out/datasets/data/train.parquet")
    assert sorted(table["extra"]) == ["", '{"gold": 1}']
    assert '"extra"' not in (tmp_path / "out/messages.jsonl").read_text()


@pytest.mark.parametrize("name", ["alpaca", "sharegpt", "trl"])
def test_every_record_has_the_id_of_its_row(folder: Path, tmp_path: Path, name: str) -> None:
    rows = EVERY if name == "trl" else PAIRED
    found = load(folder / export_formats.FORMATS[name].file, tmp_path)
    assert [given["id"] for given in found] == [row.id for row in rows]


def test_the_ids_of_openais_lines_stand_beside_them(folder: Path) -> None:
    assert (folder / export_formats.IDS).read_text().split("\n")[:-1] == [row.id for row in EVERY]


def test_without_other_columns_no_record_speaks_of_them(folder: Path) -> None:
    for each in export_formats.FORMATS.values():
        assert '"extra"' not in (folder / each.file).read_text()


def test_half_a_character_is_an_error_that_names_the_row(tmp_path: Path) -> None:
    row = tiny.row(output="broken \ud800")
    with pytest.raises(BadInput, match=rf"row {row.id}: its text holds the lone surrogate U\+D800"):
        json_files.json_line(row.id, export_formats.messages_record(row))
    # No table can bring it so far: polars takes whole characters only.
    with pytest.raises(UnicodeEncodeError):
        export(tmp_path / "export", [row])


@pytest.mark.parametrize(
    ("names", "files"),
    [
        ([], []),
        (["messages"], ["messages.ids.txt", "messages.jsonl"]),
        (["sharegpt", "trl"], ["dataset_info.json", "prompt_completion.jsonl", "sharegpt.json"]),
        (["datasets"], ["datasets"]),
    ],
)
def test_only_what_is_asked_for_is_written_and_named(tmp_path: Path, names, files) -> None:
    lost = export(tmp_path / "export", [*ROWS, *LOST], names)
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == files
    assert lost.height == (len(LOST) if "sharegpt" in names else 0)
    if "dataset_info.json" in files:
        assert list(json.loads((tmp_path / "export/dataset_info.json").read_text())) == ["evobuild_sharegpt"]


def test_no_row_in_pairs_makes_an_empty_array(tmp_path: Path) -> None:
    export(tmp_path / "export", LOST, ["alpaca"])
    assert json.loads((tmp_path / "export/alpaca.json").read_text()) == []


def test_same_rows_give_the_same_bytes_in_any_order(folder: Path, tmp_path: Path) -> None:
    export(tmp_path / "export", [*ROWS, *LOST][::-1])
    for path in folder.rglob("*"):
        if path.is_file():
            assert (tmp_path / "export" / path.relative_to(folder)).read_bytes() == path.read_bytes()
