"""Shared text is found wherever it stands and however it is written, and nothing else is."""

from __future__ import annotations

import json
import random
import weakref
from pathlib import Path

import pytest
import tiny
from workspace import SHIPPED_PARAMS

from evobuild.__main__ import main
from evobuild.contamination import decontaminate as contamination
from evobuild.contamination import ngrams, portion
from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import Found, Hit, format_hits
from evobuild.core import table_parts, tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.stage import call_stage
from evobuild.text.words import split_normalised_words
from stages import decontaminate

LONG = "a bat can drink eleven full glasses hourly in june keeping lively minds"
"""Thirteen words."""


def ask(*asked: str, answers=(), place="q:1") -> Question:
    return Question(place, asked, answers)


def searched(index: NgramIndex, rows: list) -> tuple[Found, list[Hit]]:
    """What is found, and the hits."""
    hits: list[Hit] = []
    found = index.search(lambda: rows, hits.append)
    assert len(found.is_hit) == len(rows)
    return found, hits


def hits(row, *questions: Question, lengths=(13, 8)):
    """Measures and overlaps of one row held against one set."""
    _, hits = searched(NgramIndex({"set": questions}, lengths), [row])
    return [(hit.measure, hit.overlap) for hit in hits]


def test_a_shared_run_of_n_words_is_a_hit_and_one_of_fewer_is_none() -> None:
    question = ask(f"Before. {LONG}! After that, more.")
    assert hits(tiny.row(instruction=f"We know {LONG}, or so."), question) == [
        ("13-gram", LONG),
        ("8-gram", LONG),
    ]
    eight = " ".join(LONG.split()[:8])
    assert hits(tiny.row(instruction=f"We know {eight}, or so."), question) == [("8-gram", eight)]
    assert hits(tiny.row(instruction=f"We know {eight.rpartition(' ')[0]}, or so."), question) == []


@pytest.mark.parametrize("field", ["instruction", "input", "output", "history"])
def test_every_part_of_a_row_counts_against_questions_and_answers(field) -> None:
    given = {field: (("user", LONG),) if field == "history" else LONG}
    for question in (ask(LONG), ask("Say something.", answers=(LONG,))):
        assert ("13-gram", LONG) in hits(tiny.row(**given), question)


def test_text_that_one_side_parts_and_the_other_does_not_is_found() -> None:
    first, last = LONG.split()[:6], LONG.split()[6:]
    row = tiny.row(instruction=" ".join(first) + ":", input=" ".join(last))
    assert hits(row, ask(LONG))[0] == ("13-gram", f"{' '.join(first)}:\n{' '.join(last)}")


def test_layout_case_and_width_hide_nothing() -> None:
    row = tiny.row(
        output="A  BAT—can\u2028drink\n\neleven *full* glasses hourly ｉｎ June; keeping 'lively' minds"
    )
    assert [kind for kind, _ in hits(row, ask(LONG))] == ["13-gram", "8-gram"]


def test_scripts_without_spaces_count_by_character() -> None:
    text = "小明有三个苹果和五个橘子"
    assert hits(tiny.row(instruction=f"请看：{text}。"), ask(f"{text}，一共多少？")) == [("8-gram", text)]


def test_words_of_two_evaluation_rows_make_no_hit() -> None:
    first, last = " ".join(LONG.split()[:6]), " ".join(LONG.split()[6:])
    assert hits(tiny.row(instruction=LONG), ask(first), ask(last), lengths=(8,)) == []


def test_the_longest_overlap_is_told_and_of_equal_ones_the_first() -> None:
    short = " ".join(LONG.split()[:9])
    questions = [ask(f"x {short}", place="1"), ask(f"y {LONG}", place="2"), ask(LONG, place="3")]
    found, hits = searched(NgramIndex({"set": questions}, [8]), [tiny.row(instruction=LONG)])
    assert [(hit.place, hit.overlap) for hit in hits] == [("2", LONG)]
    assert found.touched == {("set", "8-gram"): 3}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"instruction": "NAME a river!"}, ["13-gram", "8-gram"]),
        ({"instruction": "Name a", "input": "river."}, ["13-gram", "8-gram"]),
        ({"instruction": "Name a river.", "history": (("user", "Hi."),)}, ["13-gram", "8-gram"]),
        ({"instruction": "Name a river in France."}, []),
        ({"instruction": "Say it.", "output": "Name a river."}, []),
        ({"instruction": "Name a"}, []),
    ],
)
def test_a_question_shorter_than_n_is_hit_only_by_a_row_that_asks_just_this(row, expected) -> None:
    found = hits(
        tiny.row(**row), ask("Name a river.", answers=("The Rhine, which flows through six states.",))
    )
    assert [kind for kind, _ in found] == expected


def test_a_question_as_long_as_n_needs_no_rule_of_its_own() -> None:
    eight = " ".join(LONG.split()[:8])
    assert hits(tiny.row(instruction=eight), ask(eight)) == [("13-gram", eight), ("8-gram", eight)]
    assert hits(tiny.row(instruction=eight), ask(f"{eight} and so on")) == [("8-gram", eight)]


def naive(row, questions, n) -> bool:
    """Whether the row shares n adjacent words with a question, looked up one by one."""
    own = split_normalised_words(contamination.row_text(row))
    grams = {tuple(own[at : at + n]) for at in range(len(own) - n + 1)}
    for question in questions:
        text, asked = split_normalised_words(question.text), split_normalised_words("\n".join(question.asked))
        if any(tuple(text[at : at + n]) in grams for at in range(len(text) - n + 1)):
            return True
        if len(asked) < n and asked == split_normalised_words(f"{row.instruction}\n{row.input}"):
            return True
    return False


def test_what_is_found_is_what_looking_up_one_by_one_finds(monkeypatch) -> None:
    monkeypatch.setattr(contamination, "BATCH", 7)
    chance = random.Random(5)

    def text(most):
        return " ".join(chance.choices("abc", k=chance.randint(0, most)))

    questions = [ask(text(7), answers=(text(5),), place=str(at)) for at in range(12)]
    rows = [
        tiny.row(instruction=f"x{at} {text(9)}" if at % 2 else text(4), input=text(3), output=text(9))
        for at in range(60)
    ]
    lengths = (2, 5, 7, 9)
    found, hits = searched(NgramIndex({"set": questions}, lengths), rows)
    expected = {(row.id, f"{n}-gram") for row in rows for n in lengths if naive(row, questions, n)}
    assert {(hit.row, hit.measure) for hit in hits} == expected
    assert 60 < len(expected) < 240
    for n in lengths:
        touched = sum(any(naive(row, [question], n) for row in rows) for question in questions)
        assert found.touched["set", f"{n}-gram"] == touched
    for hit in hits:
        assert " ".join(split_normalised_words(hit.overlap)) in " ".join(
            split_normalised_words(hit.evaluation)
        )


def test_portions_of_questions_find_what_all_questions_at_once_find(monkeypatch) -> None:
    chance = random.Random(8)

    def text(most):
        return " ".join(chance.choices("abcd", k=chance.randint(0, most)))

    sets = {
        name: [ask(text(9), answers=(text(6),), place=f"{name}:{at}") for at in range(count)]
        for name, count in (("one", 30), ("none", 0), ("two", 25))
    }
    rows = [tiny.row(instruction=text(6), input=text(3), output=f"{at} {text(15)}") for at in range(90)]
    lengths = (7, 3)
    at_once, all_hits = searched(NgramIndex(sets, lengths), rows)
    monkeypatch.setattr(contamination, "BATCH", 11)
    monkeypatch.setattr(portion, "MOST_GRAMS", 60)
    monkeypatch.setattr(ngrams, "PAIRS", 40)
    monkeypatch.setattr(ngrams, "HASHED", 5)
    index = NgramIndex(sets, lengths)
    for _ in range(2):
        found, hits = searched(index, rows)
        assert sorted(hits) == sorted(all_hits)
        assert (found.hit, found.touched) == (at_once.hit, at_once.touched)
        assert found.is_hit.tolist() == at_once.is_hit.tolist()
    assert {hit.set for hit in hits} == {"one", "two"} and 0 < found.is_hit.sum() < len(rows)
    assert all(0 < count < len(sets[name]) for (name, _), count in found.touched.items() if sets[name])


def test_one_portion_is_made_once_and_of_several_one_at_a_time_is_in_memory(monkeypatch) -> None:
    made: list[weakref.ref] = []

    class Counted(portion.Portion):
        def __init__(self, *given) -> None:
            assert not any(each() for each in made)
            super().__init__(*given)
            made.append(weakref.ref(self))

    monkeypatch.setattr(contamination, "Portion", Counted)
    rows, sets = [tiny.row(instruction=LONG)], {"set": [ask(LONG, place=str(at)) for at in range(3)]}
    index = NgramIndex(sets, [8])
    assert searched(index, rows)[1] == searched(index, rows)[1] != []
    assert len(made) == 1
    del index
    monkeypatch.setattr(portion, "MOST_GRAMS", 1)
    found, hits = searched(NgramIndex(sets, [8]), rows)
    assert (len(made), found.touched, [hit.place for hit in hits]) == (4, {("set", "8-gram"): 3}, ["0"])


def test_sets_are_told_apart() -> None:
    sets = {
        "one": [ask(LONG, place="1")],
        "none": [ask("other words")],
        "two": [ask(f"so {LONG}", place="2")],
    }
    found, hits = searched(NgramIndex(sets, [8]), [tiny.row(instruction=LONG)])
    assert [(hit.set, hit.place) for hit in hits] == [("one", "1"), ("two", "2")]
    assert found.touched == {("one", "8-gram"): 1, ("none", "8-gram"): 0, ("two", "8-gram"): 1}


def test_nothing_is_found_in_no_rows() -> None:
    found, hits = searched(NgramIndex({"set": [ask(LONG)]}, [8]), [])
    assert (found.touched, found.hit, hits) == ({("set", "8-gram"): 0}, {("set", "8-gram"): 0}, [])


def test_the_stage_writes_hits_and_a_ledger_of_every_pool(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "params.yaml").write_text(SHIPPED_PARAMS.read_text())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "responses").mkdir()
    leaked, plain = tiny.row(instruction=LONG), tiny.row()
    for pool, rows in {"r0": [leaked, plain], "r1": [plain], "r2": [], "r3": [], "autoif": []}.items():
        tables.write(tmp_path / f"responses/{pool}.parquet", tables.frame(INSTRUCTIONS, rows))
    (tmp_path / "test.jsonl").write_text(f'{{"question": "{LONG}", "answer": "no"}}')
    given = {
        "name": "gsm8k",
        "responses": "responses",
        "evaluation": "test.jsonl",
        "contamination": "out/gsm8k.parquet",
        "counts": "out/counts.json",
    }
    call_stage(decontaminate.main, Path("params.yaml"), given)
    found = tables.read(Path("out/gsm8k.parquet"), CONTAMINATION)
    assert found.drop("id", "overlap", "evaluation").rows() == [
        (leaked.id, "r0", "gsm8k", "test.jsonl:1", kind) for kind in ("13-gram", "8-gram")
    ]
    (ledger,) = [format_hits("gsm8k", json.loads(Path("out/counts.json").read_text()), ["r0", "r1"])]
    assert [line["pools"]["r0"] for line in ledger] == [{"rows": 1, "questions": 1, "of": 2}] * 2
    assert [line["pools"]["r1"]["rows"] for line in ledger] == [0, 0]


def test_the_stage_finds_in_large_tables_what_it_finds_in_small_ones(tmp_path: Path, monkeypatch) -> None:
    # A process of its own weighs each part that is read: tests/seeds/test_bombs.py.
    monkeypatch.setattr("evobuild.seeds.records.check_table_size", lambda path: None)
    monkeypatch.chdir(tmp_path)
    params = SHIPPED_PARAMS.read_text()
    words = LONG.split()
    told = [" ".join(words[at % 5 :]) for at in range(40)]
    questions = [tiny.row(instruction=f"{at} {text}", round="r9") for at, text in enumerate(told)]
    pools = {
        "r0": [tiny.row(instruction=f"{text}, {at}") for at, text in enumerate(told)],
        "r1": [tiny.row()],
    }
    found = []
    for name, most, grams in (("small", 1_000_000, 1 << 20), ("large", 15, 200)):
        monkeypatch.setattr(portion, "MOST_GRAMS", grams)
        (tmp_path / name / "responses").mkdir(parents=True)
        given = params.replace("rows_per_file: 1000000", f"rows_per_file: {most}")
        assert name == "small" or given != params
        (tmp_path / name / "params.yaml").write_text(given)
        with table_parts.rows_per_file(most):
            tables.write(Path(name, "held_out.parquet"), tables.frame(INSTRUCTIONS, questions))
            for pool in ("r0", "r1", "r2", "r3", "autoif"):
                rows = tables.frame(INSTRUCTIONS, pools.get(pool, []))
                tables.write(Path(name, f"responses/{pool}.parquet"), rows)
        own = {"responses": "responses", "evaluation": "held_out.parquet"}
        outs = {"contamination": "hits.parquet", "counts": "counts.json"}
        paths = {key: f"{name}/{file}" for key, file in (own | outs).items()}
        call_stage(decontaminate.main, Path(name, "params.yaml"), {"name": "held_out"} | paths)
        hits = tables.read(Path(name, "hits.parquet"), CONTAMINATION)
        found.append((hits.drop("place").rows(), Path(name, "counts.json").read_text()))
        assert Path(name, "hits.parquet").is_dir() == (name == "large")
    assert found[0] == found[1] and len(found[0][0]) > 40


def test_the_command_counts_and_shows_what_is_shared(tmp_path: Path, capsys) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"instruction": "{LONG}", "output": "\\u001b[1mbold"}}\n')
    (tmp_path / "test.jsonl").write_text(f'{{"task": "So {LONG}."}}\n{{"task": "else"}}\n')
    command = [
        "contamination",
        "--rows",
        str(tmp_path / "rows.jsonl"),
        "--set",
        f"own={tmp_path / 'test.jsonl'}",
    ]
    assert main([*command, "--columns", "own=task", "--ngrams", "13", "--show", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["rows.jsonl", "(1)", "own", "2", "13-gram", "1", "100.000%", "1"]
    assert lines[2:] == [f"  rows.jsonl:1 | own test.jsonl:1 | 13 words: {LONG}"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "own"], "'own' is not NAME=…"),
        (["--set", "own={file}"], "no column of questions is known"),
        (["--set", "a={file}", "--set", "a={file}"], "--set a=… is given twice"),
        (["--set", "a={file}", "--columns", "b=task"], "--columns: unknown set 'b'; choose from: a"),
        (["--set", "a={file}", "--columns", "a=task", "--ngrams", "0"], "expected lengths from 1"),
        (["--set", "a=none.jsonl"], "no such file"),
    ],
)
def test_a_mistaken_command_is_said_in_a_line(tmp_path: Path, capsys, options, message) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"instruction": "x", "task": "y"}\n'.replace("instruction", "title"))
    given = [option.replace("{file}", str(file)) for option in options]
    assert main(["contamination", "--rows", str(file), *given]) == 1
    assert message in capsys.readouterr().err
