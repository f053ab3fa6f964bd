"""MMLU and C-Eval: the prompts and figures of their authors, from every form of file that they come in."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import tiny

from evobuild import __main__ as command
from evobuild.core import tables
from evobuild.core.chat import Choice, Message, Reply
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Answer, Tools
from evobuild.evaluation.benchmarks import ceval, mmlu
from evobuild.evaluation.benchmarks.ceval import CEval, CEvalSettings
from evobuild.evaluation.benchmarks.mmlu import MMLU
from evobuild.evaluation.benchmarks.multiple_choice import MultipleChoice, MultipleChoiceSettings
from evobuild.evaluation.benchmarks.question_files import read_questions
from evobuild.evaluation.evaluate import Evaluation, evaluate_model
from evobuild.evaluation.params import build_benchmarks
from evobuild.models.client import Model

REAL = os.environ.get("EVOBUILD_REAL_DATA")
ROOT = Path(__file__).parents[3]
OWN = {name: ROOT / f"data/raw/benchmarks/{name}.jsonl" for name in ("mmlu", "ceval")}
ROWS = [
    # subject, split, question, choices, answer
    ("anatomy", "dev", "Where is the \"heart\"?", ["Chest", "Head", "Foot", "Hand"], "A"),
    ("anatomy", "dev", "Which, of these,\nis a bone?", ["Skin", "Rib", "Hair", "Nail"], "B"),
    ("anatomy", "test", " How many lungs? ", ["1", "2", "3", "4"], "B"),
    ("virology", "dev", "What is a virus?", ["Dead", "Small", "Large", "Red"], "B"),
    ("virology", "dev", "What is flu?", ["A virus", "A plant", "A bone", "A dog"], "A"),
    ("virology", "test", "What spreads?", ["Flu", "Stone", "Iron", "Glass"], "A"),
    ("virology", "val", "Never asked?", ["a", "b", "c", "d"], "D"),
]  # fmt: skip


def made(items: Path, kind: type[MultipleChoice] = MMLU, **settings: Any) -> MultipleChoice:
    entry = kind.settings_type.model_validate({"items": str(items), "shots": 2} | settings)
    return kind("exam", entry, 1)


def as_csv(split: str, subject: str, header: bool = False) -> str:
    """The file of a subject and a split, as MMLU has it, or C-Eval, whose test has no answers."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    rows = [row for row in ROWS if row[:2] == (subject, split)]
    if header:
        names = ["id", "question", *"ABCD", "answer", "explanation"]
        writer.writerow(names[: {"dev": 8, "val": 7, "test": 6}[split]])
    for number, (_, _, question, choices, answer) in enumerate(rows):
        told = ["so"] if header and split == "dev" else []
        cells = [question, *choices, answer, *told]
        writer.writerow([number, *cells[: 5 if split == "test" else 7]] if header else cells)
    return text.getvalue()


def members(header: bool = False) -> dict[str, str]:
    return {
        f"{split}/{subject}_{split}.csv": as_csv(split, subject, header)
        for subject in ("anatomy", "virology")
        for split in ("dev", "val", "test")
    }


def in_folder(path: Path, inside: str = "") -> Path:
    for name, text in members().items():
        file = path / inside / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, newline="")
    return path


def in_zip(path: Path, inside: str = "", header: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members(header).items():
            archive.writestr(inside + name, text)
        archive.writestr(f"{inside}README.txt", "not questions")
    return path


def as_record(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(("subject", "split", "question", "choices", "answer"), row, strict=True))


def in_hub_form(path: Path) -> Path:
    rows = [as_record(row) | {"answer": "ABCD".index(row[-1])} for row in ROWS]
    pl.DataFrame(rows).write_parquet(path)
    return path


def in_configs(path: Path) -> Path:
    """As the stage fetch writes a data set of a config a subject."""
    names = {"val": "validation"}
    rows = [
        {"question": question, "config": subject, "split": names.get(split, split), "id": 7, "answer": answer}
        | dict(zip("ABCD", choices, strict=True))
        for subject, split, question, choices, answer in ROWS
        if split == "test"
    ] + [
        {"question": question, "config": subject, "split": split, "id": number, "answer": answer}
        | dict(zip("ABCD", choices, strict=True))
        for number, (subject, split, question, choices, answer) in enumerate(ROWS)
        if split == "dev"
    ]
    pl.DataFrame(rows).write_parquet(path)
    return path


FORMS = {
    "folder": lambda path: in_folder(path / "folder"),
    "folder of data": lambda path: in_folder(path / "folder", "data"),
    "zip": lambda path: in_zip(path / "a.zip"),
    "zip of data": lambda path: in_zip(path / "a.zip", "data/"),
    "hub": lambda path: in_hub_form(path / "a.parquet"),
    "configs": lambda path: in_configs(path / "a.parquet"),
}
PROMPT = (
    "The following are multiple choice questions (with answers) about anatomy.\n\n"
    'Where is the "heart"?\nA. Chest\nB. Head\nC. Foot\nD. Hand\nAnswer: A\n\n'
    "Which, of these,\nis a bone?\nA. Skin\nB. Rib\nC. Hair\nD. Nail\nAnswer: B\n\n"
    "How many lungs?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_makes_the_same_prompts(tmp_path: Path, form: str) -> None:
    benchmark = made(FORMS[form](tmp_path))
    first, second = benchmark.read_items()
    asks = benchmark.next_requests(first, ())
    assert [ask.messages for ask in asks] == [(Message("text", PROMPT),)] * 4
    assert [ask.continuation for ask in asks] == [" A", " B", " C", " D"]
    assert (first.group, second.group) == ("anatomy", "virology")
    assert second.content["question"].answer == "A"
    assert not benchmark.next_requests(first, (Reply("", (), 0),))
    assert all(Path(file).is_file() for file in benchmark.files)


def test_a_chat_has_each_example_as_turns(tmp_path: Path) -> None:
    (item, _), benchmark = (made(in_zip(tmp_path / "a.zip"), mode="generative").read_items(), None)
    benchmark = made(in_zip(tmp_path / "b.zip"), mode="generative")
    (ask,) = benchmark.next_requests(item, ())
    assert [message.role for message in ask.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert ask.messages[0].content.startswith("The following are multiple choice questions")
    assert [message.content for message in ask.messages[1::2]] == ["A", "B"]
    assert ask.messages[-1].content == "How many lungs?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"
    assert ask.continuation is None
    assert benchmark.needs == frozenset()
    assert made(tmp_path / "a.zip").needs == {"likelihoods"}


def test_the_header_of_ceval_names_the_subject_in_chinese() -> None:
    asked = {}
    for settings in ({}, {"header": False}, {"mode": "generative"}):
        benchmark = made(OWN["ceval"], CEval, **settings)
        asked[str(settings)] = benchmark.next_requests(benchmark.read_items()[0], ())[0].messages[0].content
    first = "地球上最大的洋是____\nA. 太平洋\nB. 大西洋\nC. 印度洋\nD. 北冰洋\n答案："
    likelihood, bare, chat = asked.values()
    assert likelihood.startswith(
        f"以下是中国关于高中地理的单项选择题，请选出其中的正确答案。\n\n{first} A\n\n"
    )
    assert bare.startswith(first)
    assert chat == f"以下是中国关于高中地理考试的单项选择题，请选出其中的正确答案。\n\n{first}"


def replies(benchmark: MultipleChoice, said: dict[str, Any]) -> list[Answer]:
    """Answers to items: the likelihoods of their letters, or a text."""
    answers = []
    for item in benchmark.read_items():
        asks = tuple(benchmark.next_requests(item, ()))
        given = said[item.id]
        choices = (
            [Choice(given, "stop", 1)]
            if isinstance(given, str)
            else [Choice("", "stop", 0, ((value, 0.0), (-1.0, 0.0))) for value in given]
        )
        answers.append(Answer(item, asks, tuple(Reply("", (choice,), 1) for choice in choices)))
    return answers


def rows_of(benchmark: MultipleChoice, said: dict[str, Any]) -> pl.DataFrame:
    scored = benchmark.score_items(replies(benchmark, said), Tools(1))
    rows = [
        ("", "m", "exam", each.item.id, each.item.group, each.part, each.prompt, each.reply, each.score,
         [{"name": check.name, "value": check.value} for check in each.checks], "")
        for each in scored
    ]  # fmt: skip
    return tables.frame(EVALUATION, rows)


def values(figures: dict[str, pl.DataFrame]) -> dict[str, float]:
    return {name: figure["total"].sum() / figure["weight"].sum() for name, figure in figures.items()}


def test_the_likeliest_letter_is_the_answer_over_all_its_tokens(tmp_path: Path) -> None:
    benchmark = made(in_zip(tmp_path / "a.zip"))
    rows = rows_of(benchmark, {"anatomy/0": (-3, -1, -2, -4), "virology/0": (-3, -1, -2, -4)})
    assert rows["reply"].to_list() == ["B", "B"]
    assert rows["score"].to_list() == [1.0, 0.0]
    checks = {check["name"]: check["value"] for check in rows["checks"][0]}
    assert checks == {"log A": -4.0, "log B": -2.0, "log C": -3.0, "log D": -5.0, "choice": 1.0}


def test_a_reply_without_a_letter_is_wrong_and_counted(tmp_path: Path) -> None:
    benchmark = made(in_zip(tmp_path / "a.zip"), mode="generative")
    rows = rows_of(benchmark, {"anatomy/0": "The answer is B.", "virology/0": "I cannot say."})
    assert rows["score"].to_list() == [1.0, 0.0]
    read = [{check["name"]: check["value"] for check in checks} for checks in rows["checks"]]
    assert read == [{"read": 1.0, "choice": 1.0}, {"read": 0.0, "choice": None}]


def test_mmlu_counts_items_and_ceval_subjects(tmp_path: Path) -> None:
    items = tmp_path / "exam.jsonl"
    lines = [("law", "A")] * 3 + [("logic", "B")]
    items.write_text(
        "".join(
            json.dumps({"subject": subject, "question": "?", "choices": ["x", "y"], "answer": answer}) + "\n"
            for subject, answer in lines
        )
    )
    said = {"law/0": (-1, -2), "law/1": (-1, -2), "law/2": (-2, -1), "logic/0": (-2, -1)}
    by_item, by_subject = made(items, shots=0), made(items, CEval, shots=0)
    rows = rows_of(by_item, said)
    assert values(by_item.compute_metrics(rows)) == {
        "accuracy": 0.75,
        "accuracy/law": pytest.approx(2 / 3),
        "accuracy/logic": 1.0,
    }
    found = values(by_subject.compute_metrics(rows))
    assert found["accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["accuracy/humanities"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["accuracy/law"] == pytest.approx(2 / 3)


def test_groups_are_those_of_the_authors() -> None:
    assert {name: len(own) for name, own in mmlu.GROUPS.items()} == {
        "stem": 18, "humanities": 13, "social_sciences": 12, "other": 14,
    }  # fmt: skip
    assert len({subject for own in mmlu.GROUPS.values() for subject in own}) == 57
    assert {name: len(own) for name, own in ceval.GROUPS.items()} == {
        "stem": 20, "social_science": 10, "humanities": 11, "other": 11, "hard": 8,
    }  # fmt: skip
    assert {subject for own in ceval.GROUPS.values() for subject in own} == set(ceval.SUBJECTS)
    assert set(ceval.GROUPS["hard"]) < set(ceval.GROUPS["stem"])
    assert "anatomy" in mmlu.GROUPS["other"]


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


GOOD = {"subject": "law", "question": "?", "choices": ["x", "y"], "answer": "A"}


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        (lines(GOOD | {"question": " "}), {}, "exam.jsonl:1: 'question' is empty; expected text"),
        (lines({"question": "?"}), {}, "exam.jsonl:1: 'config' is missing; expected text"),
        (lines(GOOD | {"choices": ["x"]}), {}, "exam.jsonl:1: 1 choices; expected"),
        (lines(GOOD | {"choices": ["x", 3]}), {}, "exam.jsonl:1: a choice is a number; expected text"),
        (lines(GOOD | {"choices": "xy"}), {}, "exam.jsonl:1: text; expected"),
        (lines(GOOD | {"answer": "C"}), {}, "exam.jsonl:1: 'answer' is 'C'; expected a letter of AB"),
        (lines(GOOD | {"answer": 2}), {}, "exam.jsonl:1: 'answer' is '2'; expected a letter of AB"),
        (lines(GOOD | {"split": "train"}), {}, "exam.jsonl:1: unknown split 'train'; choose from: dev, val"),
        (lines(GOOD, GOOD | {"id": "0"}), {}, "exam.jsonl:2: duplicate item 'law/0'"),
        (lines(GOOD), {"shots": 1}, "exam.jsonl:1: law has 0 examples in the split dev, and shots is 1"),
        (lines(GOOD | {"split": "dev"}), {}, "holds no question of the split test"),
        (lines(GOOD), {"subjects": ["logic"]}, "unknown subject 'logic' in the split test; choose from: law"),
    ],
)
def test_what_is_no_question_is_said_with_its_place(
    tmp_path: Path, text: str, settings: dict[str, Any], said: str
) -> None:
    (tmp_path / "exam.jsonl").write_text(text)
    with pytest.raises(BadInput) as caught:
        made(tmp_path / "exam.jsonl", **({"shots": 0} | settings)).read_items()
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.zip", b"PK no zip", "not a readable .zip"),
        ("a.zip", None, "holds no test/<subject>_test.csv"),
        ("missing.zip", ..., "no such file"),
    ],
)
def test_an_archive_without_questions_is_refused(tmp_path: Path, name: str, content: Any, said: str) -> None:
    if content is None:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("../test/evil_test.txt", "x")
    elif content is not ...:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=said):
        list(read_questions(tmp_path / name))


def test_an_archive_that_expands_without_end_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("test/law_test.csv", b"a" * (64 << 20))
    with pytest.raises(BadInput, match="expands to far more"):
        list(read_questions(tmp_path / "bomb.zip"))


def test_an_archive_is_read_where_it_is_and_nothing_of_it_is_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "read"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("../../dev/../test/law_test.csv", as_csv("test", "virology"))
        archive.writestr("test/virology_test.csv", as_csv("test", "virology"))
    assert [question.subject for question in read_questions(folder / "a.zip")] == ["law", "virology"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "read"]


@pytest.mark.parametrize("name", ["mmlu", "ceval"])
def test_the_items_of_our_own_can_be_asked(name: str, store: Path) -> None:
    kind = MMLU if name == "mmlu" else CEval
    for mode in ("likelihood", "generative"):
        benchmark = made(OWN[name], kind, mode=mode)
        with Model(ChatModel("simulated", "small")) as model:
            found = evaluate_model("small", [benchmark], model, Tools(1))
        assert 4 <= found.rows.height <= 8
        assert found.rejects.height == 0
        assert found.rows["score"].null_count() == 0
        assert "accuracy" in benchmark.compute_metrics(found.rows)


def submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Evaluation) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("data/evaluation").mkdir(parents=True)
    tables.write(Path("data/evaluation/small.parquet"), found.rows)
    assert command.main(["ceval-submission", "small", "--benchmark", "exam"]) == 0
    return json.loads(Path("submission.json").read_text())


def test_answers_to_the_test_split_are_a_submission_file(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = made(in_zip(tmp_path / "a.zip", header=True), CEval, split="test")
    with Model(ChatModel("simulated", "small")) as model:
        found = evaluate_model("small", [benchmark], model, Tools(1))
    assert found.rows["score"].null_count() == 2
    given = submission(tmp_path, monkeypatch, found)
    assert given == {row["group"]: {"0": row["reply"]} for row in found.rows.to_dicts()}
    assert set(given) == {"anatomy", "virology"}
    assert capsys.readouterr().out == "submission.json: 2 answers to 2 subjects\n"


def test_a_submission_of_a_model_that_was_not_asked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/evaluation").mkdir(parents=True)
    tables.write(Path("data/evaluation/small.parquet"), tables.frame(EVALUATION, []))
    assert command.main(["ceval-submission", "small"]) == 1
    assert "no answers to 'ceval'; run stage evaluate@small" in capsys.readouterr().err


def test_a_context_too_short_for_the_shots_is_a_reject_an_item(tmp_path: Path, store: Path) -> None:
    records = [as_record(row) for row in ROWS]
    for record in records:
        if (record["subject"], record["split"]) == ("anatomy", "dev"):
            record["question"] *= 400
    path = tmp_path / "exam.jsonl"
    path.write_text(lines(*records))
    with Model(ChatModel("transformers", str(tiny.folder()))) as model:
        found = evaluate_model("tiny", [made(path)], model, Tools(1))
        cut = evaluate_model("tiny", [made(path, overlong="cut")], model, Tools(1))
    assert found.rows["group"].to_list() == ["virology"]
    (reject,) = found.rejects.to_dicts()
    assert (reject["id"], reject["reason"]) == ("exam/anatomy/0", "prompt too long")
    assert cut.rows.height == 2


@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
def test_figures_on_a_tiny_model_are_those_of_lm_evaluation_harness(store: Path) -> None:
    assert REAL
    data = Path(REAL)
    with gzip.open(data / "oracles/multiple_choice/stories260K.json.gz", "rt", encoding="utf-8") as opened:
        known = json.load(opened)
    subjects = {
        name: [task.removeprefix(f"t_{name}_") for task in known if task.startswith(f"t_{name}_")]
        for name in ("mmlu", "ceval")
    }
    settings = {
        "mmlu": MultipleChoiceSettings(shots=0, overlong="cut", subjects=subjects["mmlu"]),
        "ceval": CEvalSettings(shots=0, overlong="cut", subjects=subjects["ceval"], header=False),
    }
    made_ = build_benchmarks(
        {
            name: own.model_copy(update={"items": str(data / f"oracles/{name}/{name}.zip")})
            for name, own in settings.items()
        },
        1,
    )
    with Model(ChatModel("transformers", str(data / "models/stories260K"))) as model:
        found = evaluate_model("tiny", made_, model, Tools(1))
    assert (found.rows.height, found.rejects.height) == (406, 0)
    for (name, subject), rows in found.rows.group_by("benchmark", "group"):
        task = known[f"t_{name}_{subject}"]
        assert rows["score"].mean() == pytest.approx(task["acc"])
        for row, wanted in zip(rows.to_dicts(), task["rows"], strict=True):
            assert row["prompt"] == wanted["prompt"]
            checks = {check["name"]: check["value"] for check in row["checks"]}
            assert [checks[f"log {letter}"] for letter in "ABCD"] == pytest.approx(wanted["ll"], abs=1e-4)


@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
@pytest.mark.parametrize(("name", "kind", "split", "count"), [
    ("mmlu", MMLU, "test", 14_042), ("ceval", CEval, "val", 1_346), ("ceval", CEval, "test", 12_342),
])  # fmt: skip
def test_the_published_files_are_read_whole(
    name: str, kind: type[MultipleChoice], split: str, count: int
) -> None:
    assert REAL
    benchmark = made(Path(REAL) / f"oracles/{name}/{name}.zip", kind, split=split, shots=5)
    items = benchmark.read_items()
    assert len(items) == count
    assert {item.group for item in items} == {subject for own in kind.groups.values() for subject in own}
    assert all(bool(item.content["question"].answer) == (split != "test" or name == "mmlu") for item in items)
