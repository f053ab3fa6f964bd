"""GSM8K: numbers as people write them, three readings of a reply, prompts, and published verdicts."""

from __future__ import annotations

import gzip
import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from given import answered, benchmark, rows_of, value

from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmarks.gsm8k import check_numbers
from evobuild.text.final_answers import (
    find_last_boxed,
    read_boxed_number,
    read_hash_number,
    read_last_number,
)

REAL = os.environ.get("EVOBUILD_REAL_DATA")
OWN = "data/raw/benchmarks/gsm8k.jsonl"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It is 18.", 18),
        ("She earns $1,450,000 a year", 1_450_000),
        ("That makes 18.00", 18),
        ("so 12.5% of them", Fraction(25, 2)),
        ("it is -3 degrees", -3),
        ("a loss of -$5.50", Fraction(-11, 2)),
        ("a loss of $-5", -5),
        ("minus as typeset: −7", -7),
        ("twenty-four, 24-5", 5),
        ("20 - 4 = 16", 16),
        ("x=-4", -4),
        (".5 kg", Fraction(1, 2)),
        ("3/4 of it", Fraction(3, 4)),
        (r"\frac{3}{4}", Fraction(3, 4)),
        (r"$2{,}125$ and \$2\,125", 2125),
        ("1, 2, 3", 3),
        ("1,2,3", 3),
        ("12,3456", 3456),
        ("7/0", 7),
        ("**18**", 18),
        ("18 dollars/day", 18),
        ("none", None),
        ("", None),
        ("9" * 5000, None),
    ],
)
def test_the_last_number_is_read_as_it_is_written(text, number):
    assert read_last_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("16 - 3 = 13 eggs\n#### 13", 13),
        ("#### 1,300.", 1300),
        ("#### 125,96", 12596),
        ("#### -3", -3),
        ("#### .5", Fraction(1, 2)),
        ("####5", None),
        ("#### $5", None),
        ("#### **5**", None),
        ("#### 12\nWait.\n#### 13", 12),
        ("#### 1.2.3", None),
        ("#### ,", None),
        ("#### " + "9" * 5000, None),
        ("#### The result is 5", None),
        ("### 5", None),
        ("5", None),
    ],
)
def test_the_number_after_hashes_is_read_by_the_official_expression(text, number):
    assert read_hash_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (r"So \boxed{18}.", 18),
        (r"\boxed{5}, no: \boxed{6}", 6),
        (r"\boxed{x = 18}", 18),
        (r"\boxed{3 \times 6 = 18}", 18),
        (r"\boxed{18\text{ m}^2}", 18),
        (r"\boxed{\$18.50}", Fraction(37, 2)),
        (r"\boxed{\dfrac{1}{2}}", Fraction(1, 2)),
        (r"\boxed {7}", 7),
        (r"\boxed{\text{none}}", None),
        (r"\boxed{18", None),
        ("18", None),
    ],
)
def test_the_number_in_the_last_box(text, number):
    assert read_boxed_number(text) == number


def test_a_box_holds_braces_within_braces():
    assert find_last_boxed(r"\boxed{1} and \boxed{\frac{a}{b^{2}}} }") == r"\frac{a}{b^{2}}"
    assert find_last_boxed("no box") is None


def test_each_reading_is_a_figure_and_where_they_differ_is_one():
    found = benchmark("gsm8k", items=OWN)
    replies = ["#### 19\nin 3 weeks", "84", r"#### 84 or \boxed{83}", "#### 36.0", "none", "#### -3"]
    rows = rows_of(found, answered(found, replies))
    figures = found.compute_metrics(rows)
    assert {name: value(figure) for name, figure in figures.items()} == {
        "accuracy": pytest.approx(4 / 6),
        "boxed": 0.0,
        # As the authors compare, 36.0 is not 36.
        "hash": pytest.approx(3 / 6),
        "last_number": pytest.approx(3 / 6),
        "disagree": pytest.approx(2 / 6),
    }
    assert next(iter(figures)) == found.headline == "accuracy"
    assert rows.sort("item")["score"].to_list() == [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("answer", "right"), [("auto", 1.0), ("boxed", 1.0), ("hash", 0.0), ("last_number", 0.0)]
)
def test_the_score_is_by_the_chosen_reading(answer, right):
    found = benchmark("gsm8k", items=OWN, answer=answer)
    (row,) = found.score_items(
        answered(found, [r"\boxed{19}, of 24 pens.\n#### 18\nThe box holds 24."]), None
    )
    assert row.score == right


@pytest.mark.parametrize(
    ("reply", "accuracy"),
    [
        (r"\boxed{18} #### 17 or 16", 1.0),
        (r"\boxed{\text{none}} #### 18 or 16", 1.0),
        ("#### $17, so 18", 1.0),
        ("#### 18.0 or 16", 1.0),
        ("", 0.0),
    ],
)
def test_auto_takes_the_first_reading_that_finds_a_number(reply, accuracy):
    assert check_numbers(reply, "#### 18")[0] == ("accuracy", accuracy)


def test_a_chat_has_no_examples_unless_it_is_told_to():
    found = benchmark("gsm8k", items=OWN)
    (ask,) = found.next_requests(found.read_items()[0], ())
    assert [message.role for message in ask.messages] == ["user"]
    assert ask.messages[0].content.endswith("How many pens are left?")
    assert (found.files, ask.sampling.stop, ask.sampling.temperature) == ((OWN,), (), 0.0)
    shown = benchmark("gsm8k", items=OWN, shots=2)
    (ask,) = shown.next_requests(shown.read_items()[0], ())
    assert [message.role for message in ask.messages] == ["user", "assistant"] * 2 + ["user"]
    assert ask.messages[1].content.endswith("#### 15")


def test_a_completion_goes_on_after_eight_examples_and_ends_at_the_next_question():
    found = benchmark("gsm8k", items=OWN, prompt="completion")
    (ask,) = found.next_requests(found.read_items()[0], ())
    (message,) = ask.messages
    assert message.role == "text"
    assert message.content.count("Question:") == 9
    assert message.content.count("\n#### ") == 8
    assert message.content.endswith("How many pens are left?\nAnswer:")
    assert ask.sampling.stop == ("\nQuestion:",)
    assert found.files == (OWN, "data/raw/benchmarks/examples/gsm8k.jsonl")
    (answer, *_) = answered(found, ["#### 19\n\nQuestion: 5 and 6?\nAnswer: #### 11"])
    assert next(found.score_items([answer], None)).score == 1.0


def test_examples_may_be_items_of_another_file():
    found = benchmark("gsm8k", items=OWN, prompt="completion", shots=1, examples=OWN)
    assert (
        "24 - 5 = 19 are left.\n#### 19\n\nQuestion: Mia"
        in found.next_requests(found.read_items()[0], ())[0].messages[0].content
    )


def test_more_shots_than_examples_are_refused():
    found = benchmark("gsm8k", items=OWN, shots=9)
    with pytest.raises(BadInput, match=r"holds 8 examples, and shots of gsm8k is 9"):
        found.next_requests(found.read_items()[0], ())


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"question": "1 + 1?"}, "items.jsonl:1: 'answer' is missing"),
        ({"question": " ", "answer": "#### 2"}, "items.jsonl:1: 'question' is empty"),
        ({"question": "1 + 1?", "answer": "It is 2."}, "items.jsonl:1: 'answer' has no number after '####'"),
    ],
)
def test_what_is_no_item_is_said_to_be_none(tmp_path, record, message):
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(record))
    with pytest.raises(BadInput, match=message):
        benchmark("gsm8k", items=str(path)).read_items()


def test_an_item_is_known_by_its_id_else_by_its_place(tmp_path):
    path = tmp_path / "items.jsonl"
    rows = [{"id": 7, "question": "?", "answer": "#### 1"}, {"question": "?", "answer": "#### 1"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert [item.id for item in benchmark("gsm8k", items=str(path)).read_items()] == ["7", "1"]


@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
@pytest.mark.parametrize(
    ("file", "reply", "verdict", "right"),
    [
        ("openai_6b_finetuning", "solution", "is_correct", 286),
        ("openai_175b_verification", "solution", "is_correct", 742),
        ("abel_7b", "response", "result", 788),
    ],
)
def test_every_published_verdict(file, reply, verdict, right):
    with gzip.open(Path(REAL) / f"oracles/gsm8k/{file}.jsonl.gz", "rt") as lines:
        published = [json.loads(line) for line in lines]
    found = benchmark("gsm8k", items=f"{REAL}/gsm8k/test.jsonl")
    rows = list(found.score_items(answered(found, [row[reply] or "" for row in published]), None))
    assert [row.score == 1 for row in rows] == [bool(row[verdict]) for row in published]
    assert sum(row.score for row in rows) == right
