"""Quality: the best answer of each row by code and by the judge, the pool, and what is exported beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from branch_rows import changed, constraint, of_branch, write_constraints, write_rows
from fakes import reply

from evobuild.autoif import candidates as candidates_of_rows
from evobuild.autoif import quality as qualities
from evobuild.autoif.candidates import Candidate
from evobuild.autoif.exports import LLAMA_FACTORY
from evobuild.autoif.quality import Bounds
from evobuild.autoif.records import ANSWERS, CHECKS, QUALITIES, Answer
from evobuild.core import table_parts, tables
from evobuild.core.instructions import (
    INSTRUCTIONS,
    PREFERENCES,
    PreferencePair,
    iterate_instructions,
    preference_pairs,
)
from evobuild.core.rejects import REJECTS, Reject
from evobuild.core.uri import ChatModel
from evobuild.scoring import rate
from stages import quality as stage

REAL_DATA = os.environ.get("EVOBUILD_REAL_DATA")
RESPONDER = ChatModel("simulated", "r")
BOUNDS = Bounds("above:0.5", "from:8")


def candidates(*known):
    """Candidates by accuracy and score; the answer to each is its number."""
    return [
        Candidate(Answer(f"a{number}", "row", number, str(number)), accuracy, score, refused=False)
        for number, (accuracy, score) in enumerate(known)
    ]


@pytest.mark.parametrize(
    ("known", "score", "chosen"),
    [
        ([(0.75, 10), (1.0, 8)], "from:8", "1"),
        ([(1.0, 8), (1.0, 9), (1.0, 9)], "from:8", "1"),
        ([(1.0, 7.5), (0.75, 8)], "from:8", "1"),
        ([(1.0, 8), (0.75, 9)], "above:8", "1"),
        ([(1.0, None), (0.75, 9)], "from:0", "1"),
        ([(0.75, None), (1.0, None)], None, "1"),
        ([(1.0, 7), (0.75, None)], "from:8", "no answer of quality"),
        ([(0.5, None), (0.0, None)], "from:8", "no answer kept the constraint"),
        ([], None, "no answer"),
    ],
)
def test_the_best_answer_is_by_accuracy_then_score_then_number(row, known, score, chosen):
    found = qualities.choose_answer(row(), candidates(*known), Bounds("above:0.5", score), RESPONDER)
    if isinstance(found, Reject):
        assert found.reason == chosen and found.id == row().id
    else:
        assert found == row()._replace(output=chosen, responder="simulated:r")


def test_the_details_of_a_reject_have_the_figures(row):
    def detail(*known):
        return qualities.choose_answer(row(), candidates(*known), BOUNDS, RESPONDER).detail

    assert detail((0.5, None), (0.25, None)) == "2 answers, the best accuracy 0.5"
    assert detail((1.0, 7), (0.75, None), (0, None)) == "2 of 3 answers kept it; scores 7, none"


def test_an_answer_that_every_function_failed_on_is_no_worse_one(row):
    own, known = row(output="2"), candidates((0.0, None), (0.0, None), (1.0, 9))
    assert qualities.find_preference_pair(own, known) is None
    known[1] = known[1]._replace(refused=True)
    assert qualities.find_preference_pair(own, known) == PreferencePair(own, "1")


def test_a_row_nobody_answered_stays_as_it_is(row):
    assert qualities.choose_answer(row(), [], BOUNDS, None) == row()


def test_the_best_answer_comes_with_its_thoughts(row):
    answer = Answer("a0", row().id, 0, "The Nile.", "Which?")
    found = qualities.choose_answer(row(), [Candidate(answer, 1.0, 9, refused=False)], BOUNDS, RESPONDER)
    assert (found.output, found.reasoning) == ("The Nile.", "Which?")


@pytest.fixture
def tree(tmp_path, row):
    """Tables as the stages before leave them: what is given for each of some rows."""

    def write(*given, into=tmp_path):
        rows = [of_branch(row(f"Question {place}?", input="In Asia."), "c1") for place, _ in enumerate(given)]
        answers, known = [], []
        for own, each in zip(rows, given, strict=True):
            for number, (text, accuracy) in enumerate(each):
                answer = Answer(f"{own.id}{9 - number}", own.id, number, text)
                answers.append(answer)
                known.append((answer.id, own.id, accuracy, ["true" if accuracy else "false"]))
        write_constraints(into / "verified", constraint("c1", "Use no comma."), constraint("c2"))
        write_rows(into / "rows", *rows)
        tables.write(into / "answers", tables.frame(ANSWERS, answers))
        tables.write(into / "checks", tables.frame(CHECKS, known))
        return rows

    return write


def run(tmp_path, count=2, score="from:8"):
    given = changed("sample", count=count)
    given = changed("verify", given, accuracy="above:0.5")
    given = changed("quality", given, score=score)
    names = ("verified", "rows", "answers", "checks")
    names += ("qualities", "pool", "preferences", "exports", "rejects", "counts")
    paths = {name: tmp_path / name for name in names}
    stage.main(given, stage.Arguments(branch="autoif", **paths))
    return json.loads(paths["counts"].read_text())


def judge(asked):
    """Gives 9 to what is good, 3 to what is bad, and nothing to the rest."""
    answer = asked.messages[0].content.rpartition("#Answer#:\n")[2]
    scores = {"Good": "It answers.\n\nScore: 9", "Bad": "It does not.\n\nScore: 3/10"}
    if answer == "Cut":
        return reply(asked.key, "It", "length")
    return scores.get(answer.partition(" ")[0], "I cannot say.")


def test_the_pool_has_the_best_of_each_row_and_every_loss_its_reason(tmp_path, tree, engine):
    fake = engine(judge)
    rows = tree(
        [("Good 1", 1.0), ("Good 2", 0.75), ("Worse", 0.0), ("Worst", 0.0)],
        [("Bad 3", 1.0), ("Good 4", 0.75)],
        [("Bad 5", 1.0), ("Hm", 1.0), ("Cut", 1.0)],
        [("Good 6", 0.5)],
        [],
    )
    counts = run(tmp_path)
    pool = {each.id: each for each in iterate_instructions(tables.read(tmp_path / "pool", INSTRUCTIONS))}
    assert {key: each.output for key, each in pool.items()} == {rows[0].id: "Good 1", rows[1].id: "Good 4"}
    assert {each.responder for each in pool.values()} == {"simulated:large"}
    assert pool[rows[0].id]._replace(output="", responder="") == rows[0]
    lost = tables.read(tmp_path / "rejects", REJECTS)
    assert dict(lost.select("id", "reason").rows()) == {
        rows[2].id: "no answer of quality",
        rows[3].id: "no answer kept the constraint",
        rows[4].id: "no answer",
    }
    reasons = {"no answer": 1, "no answer kept the constraint": 1, "no answer of quality": 1}
    unread = {"truncated": 1, "unparsed score": 1}
    (asked,) = counts.pop("asked")
    assert (asked["role"], asked["purposes"]["quality"]["requests"]) == ("judge", 7)
    assert counts == {
        "in": 5,
        "out": 2,
        "rejects": reasons,
        "judged": 7,
        "unread": unread,
        "pairs": 1,
        "no_pair": 1,
    }
    # Nothing is asked about answers that code has already refused.
    assert len(fake.asked) == 7 and {each.purpose for each in fake.asked} == {"quality"}
    judged = tables.read(tmp_path / "qualities", QUALITIES)
    assert sorted(judged["score"].drop_nulls()) == [3, 3, 9, 9, 9]
    assert set(judged.filter(judged["score"].is_null()).select("reason", "reply").rows()) == {
        ("unparsed score", "I cannot say."),
        ("truncated", "It"),
    }


def test_the_exports_have_verifiers_of_the_pool_and_a_pair_of_each_row_that_has_one(tmp_path, tree, engine):
    engine(judge)
    first, second = tree([("Worse", 0.0), ("Good 1", 1.0), ("Worst", 0.0)], [("Good 2", 1.0), ("Half", 0.5)])
    run(tmp_path)
    lines = (tmp_path / "exports/verifiers.jsonl").read_text().splitlines()
    verifiers = {each["id"]: each for each in map(json.loads, lines)}
    assert list(verifiers) == sorted([first.id, second.id])
    given = constraint("c1")
    assert verifiers[first.id] == {
        "id": first.id,
        "instruction": first.instruction,
        "input": "In Asia.",
        "constraint": "Use no comma.",
        "functions": [{"code": each.code, "accuracy": each.accuracy} for each in given.functions],
        "cases": [{"input": "Yes.", "expected": True}],
    }
    (line,) = (tmp_path / "exports/preferences.jsonl").read_text().splitlines()
    pair = json.loads(line)
    assert list(pair) == ["id", "prompt", "chosen", "rejected"] and pair["id"] == first.id
    assert [turn["role"] for turn in pair["prompt"]] == ["user"] and "In Asia." in pair["prompt"][0][
        "content"
    ]
    assert pair["chosen"] == [{"role": "assistant", "content": "Good 1"}]
    assert pair["rejected"] == [{"role": "assistant", "content": "Worse"}]
    (kept,) = preference_pairs(tables.read(tmp_path / "preferences", PREFERENCES))
    assert (kept.row.id, kept.row.output, kept.rejected) == (first.id, "Good 1", "Worse")


def test_llama_factory_finds_what_it_wants(tmp_path, tree, engine):
    engine(judge)
    tree([("Good 1", 1.0), ("Worse", 0.0)])
    run(tmp_path)
    described = json.loads((tmp_path / "exports/dataset_info.json").read_text())["evobuild_preferences"]
    assert described == LLAMA_FACTORY["preferences"] and described["ranking"] is True
    (found,) = json.loads((tmp_path / "exports" / described["file_name"]).read_text())
    columns = described["columns"]
    # Its converter takes chosen and rejected as one turn, and an odd number of turns before.
    assert found[columns["chosen"]] == {"from": "gpt", "value": "Good 1"}
    assert found[columns["rejected"]] == {"from": "gpt", "value": "Worse"}
    assert [turn["from"] for turn in found[columns["messages"]]] == ["human"]


def test_without_pairs_the_files_are_empty_and_whole(tmp_path, tree, engine):
    engine(judge)
    tree([("Good 1", 1.0)])
    assert run(tmp_path)["no_pair"] == 1
    assert tables.read(tmp_path / "preferences", PREFERENCES).is_empty()
    assert (tmp_path / "exports/preferences.jsonl").read_text() == ""
    assert json.loads((tmp_path / "exports/preferences_sharegpt.json").read_text()) == []
    assert "**DRY RUN**" in (tmp_path / "exports/README.md").read_text()


def test_without_a_score_nothing_is_judged(tmp_path, tree, engine):
    fake = engine(judge)
    tree([("Bad 1", 0.75), ("Bad 2", 1.0)])
    counts = run(tmp_path, score=None)
    assert counts["judged"] == 0 and not fake.asked
    assert tables.read(tmp_path / "pool", INSTRUCTIONS)["output"].to_list() == ["Bad 2"]
    assert counts["asked"] == []


def test_without_answers_the_rows_pass_unanswered(tmp_path, tree, engine):
    fake = engine(judge)
    rows = tree([], [])
    counts = run(tmp_path, count=0)
    assert counts["off"]
    assert (counts["in"], counts["out"], counts["pairs"]) == (2, 2, 0) and not fake.asked
    found = list(iterate_instructions(tables.read(tmp_path / "pool", INSTRUCTIONS)))
    assert found == sorted(rows)
    assert len((tmp_path / "exports/verifiers.jsonl").read_text().splitlines()) == 2


def test_if_no_row_is_left_the_stage_says_so(tmp_path, tree, engine, capfd):
    engine(judge)
    tree([("Bad 1", 1.0)])
    run(tmp_path)
    assert "1 rows came in and none is left; the commonest reasons: no answer of" in capfd.readouterr().err


def test_large_tables_read_some_rows_at_a_time_give_the_same(tmp_path, tree, engine, monkeypatch):
    engine(judge)
    answers = [("Good 1", 1.0), ("Worse", 0.0)], [("Bad 2", 1.0), ("Good 3", 0.75)], [("Worst", 0.0)], []
    given = [[(f"{text} {place}", accuracy) for text, accuracy in answers[place % 4]] for place in range(12)]
    tree(*given)
    whole = run(tmp_path)
    monkeypatch.setattr(candidates_of_rows, "ROWS", 5)
    large = tmp_path / "large"
    large.mkdir()
    with table_parts.rows_per_file(2):
        tree(*given, into=large)
        assert run(large) == whole
    assert all((large / name).is_dir() for name in ("rows", "answers", "qualities", "pool", "preferences"))
    for name, schema in (
        ("qualities", QUALITIES),
        ("pool", INSTRUCTIONS),
        ("preferences", PREFERENCES),
        ("rejects", REJECTS),
    ):
        assert tables.read(large / name, schema).equals(tables.read(tmp_path / name, schema))
    for file in (tmp_path / "exports").iterdir():
        assert (large / "exports" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.skipif(REAL_DATA is None, reason="EVOBUILD_REAL_DATA names no folder of public data")
@pytest.mark.parametrize(("name", "rows"), [("query_rft_score.jsonl", 20), ("query_score_filter.jsonl", 16)])
def test_the_scores_of_the_authors_judge_are_read(name, rows):
    lines = (Path(REAL_DATA) / "autoif" / name).read_text().splitlines()
    replies = [text for line in lines for text in json.loads(line)["gen"]]
    found = [rate.read_score(text, qualities.MOST) for text in replies]
    last = [float(text.strip().splitlines()[-1].removeprefix("Score:")) for text in replies]
    assert len(found) == rows and found == last
    # What the authors keep has more than 8.
    if name == "query_score_filter.jsonl":
        assert min(found) > 8
