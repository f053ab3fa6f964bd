"""Checks: what functions say of answers, in the sandbox; and what hostile ones cannot do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import patience
import pytest
from branch_rows import NO_COMMA, SHORT, changed, constraint, of_branch, write_constraints, write_rows

from evobuild.autoif import booleans, verify
from evobuild.autoif.answers_by_row import ByRow
from evobuild.autoif.records import ANSWERS, CHECKS, Answer
from evobuild.autoif.verified import Function
from evobuild.autoif.verify import AnsweredRow
from evobuild.core import table_parts, tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import row_id
from evobuild.core.rejects import OFF, REJECTS, count_reasons
from evobuild.sandbox import Isolation
from evobuild.sandbox.params import Limits
from stages import verify as stage

REAL_DATA = os.environ.get("EVOBUILD_REAL_DATA")
LIMITS = Limits(
    seconds=patience.scaled(0.5), memory=256, output=4096, modules=None, allow_weaker_isolation=False
)
SPELT = "def evaluate(response):\n    return {'a': 'True', 'b': ' no ', 'c': 1, 'd': None}[response]"
HANGS = "def evaluate(response):\n    while response == 'b': pass\n    return True"


def checked(codes, *texts):
    answers = [Answer(f"a{number}", "row", number, text) for number, text in enumerate(texts)]
    row = AnsweredRow("row", [Function(code, 1.0) for code in codes], answers)
    return [check for _, check in verify.check_answers([row], len(codes), LIMITS)]


def test_accuracy_is_the_share_of_functions_that_find_it_kept():
    found = checked([NO_COMMA, SHORT], "Yes.", "Yes, I do.", "Yes, and it is too long, too.")
    assert [(each.accuracy, each.verdicts) for each in found] == [
        (1.0, ("true", "true")),
        (0.5, ("false", "true")),
        (0.0, ("false", "false")),
    ]


def test_no_verdict_is_not_true_and_says_why():
    codes = [SPELT, "def evaluate(response) return", "def check(response): return True"]
    found = checked([*codes, "def evaluate(response):\n    return response.nothing"], *"abcde")
    first = [each.verdicts[0] for each in found]
    assert first == ["true", "false", "true", "no boolean", "raised: KeyError"]
    assert found[0].verdicts[1:] == ("syntax: SyntaxError", "missing", "raised: AttributeError")
    assert [each.accuracy for each in found] == [0.25, 0.0, 0.25, 0.0, 0.0]
    kinds = count_reasons(kind for each in found for kind in verify.list_missing_verdicts(each))
    assert kinds == {"raised": 6, "missing": 5, "syntax": 5, "no boolean": 1}


def test_one_that_hangs_costs_its_time_and_no_other_function_its_verdict():
    found = checked([HANGS, NO_COMMA], "a", "b", "c")
    assert [each.verdicts for each in found] == [("true", "true"), ("time", "true"), ("unreached", "true")]


def test_hostile_functions_touch_no_file_and_forge_no_verdict(tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("alive")
    codes = [
        f"def evaluate(response):\n    open({str(canary)!r}, 'w').write('dead')\n    return True",
        f"import os\ndef evaluate(response):\n    os.remove({str(canary)!r})\n    return True",
        f"import os, shutil\nshutil.rmtree({str(tmp_path)!r})\ndef evaluate(response):\n    return True",
        f"def evaluate(response):\n    return 'alive' == open({str(canary)!r}).read()",
        "import os\ndef evaluate(response):\n    print('true')\n    os._exit(0)",
        "import os\ndef evaluate(response):\n    os.kill(os.getppid(), 9)\n    return False",
    ]
    (found,) = checked(codes, "Yes.")
    assert canary.read_text() == "alive"
    assert found.accuracy == 0 and "true" not in found.verdicts


def write_answers(path: Path, *answers: Answer) -> Path:
    tables.write(path, tables.frame(ANSWERS, answers))
    return path


def run(tmp_path, rows, answers, constraints, count=4, accuracy="above:0.5"):
    given = {
        "verified": write_constraints(tmp_path / "verified", *constraints),
        "rows": write_rows(tmp_path / "rows", *rows),
        "answers": write_answers(tmp_path / "answers", *answers),
    }
    outs = {name: tmp_path / name for name in ("checks", "rejects", "counts")}
    params = changed("verify", changed("sample", count=count), accuracy=accuracy)
    stage.main(params, stage.Arguments(branch="autoif", **given, **outs))
    found, lost = tables.read(outs["checks"], CHECKS), tables.read(outs["rejects"], REJECTS)
    return found, lost, json.loads(outs["counts"].read_text())


def test_the_stage_keeps_all_checks_and_counts_what_falls_short(tmp_path, row):
    rows = [of_branch(row("A?"), "c1"), of_branch(row("B?"), "c2")]
    answers = [
        Answer("a0", rows[0].id, 0, "Yes."),
        Answer("a1", rows[0].id, 1, "Yes, I do."),
        Answer("a2", rows[1].id, 0, "Yes, and it is too long."),
        Answer("a3", rows[1].id, 3, "Yes."),
    ]
    given = constraint("c1"), constraint("c2", "Be short.", (SHORT,))
    found, lost, counts = run(tmp_path, rows, answers, given, accuracy="above:0.5")
    assert found["id"].to_list() == ["a0", "a1", "a2", "a3"]
    assert found["verdicts"].to_list() == [["true", "true"], ["false", "true"], ["false"], ["true"]]
    assert lost.rows() == [
        ("a1", "accuracy too low", "false, true", "Yes, I do."),
        ("a2", "accuracy 0", "false", "Yes, and it is too long."),
    ]
    rejects = {"accuracy 0": 1, "accuracy too low": 1}
    assert counts == {"in": 4, "out": 2, "rejects": rejects, "no_verdict": {}}
    # Same inputs, same bytes, in whatever order the sandboxes end.
    before = (tmp_path / "checks").read_bytes()
    run(tmp_path, rows, answers, given, accuracy="above:0.5")
    assert (tmp_path / "checks").read_bytes() == before
    _, _, counts = run(tmp_path, rows, answers, given, accuracy="from:0.5")
    assert counts["rejects"] == {"accuracy 0": 1}


def test_rows_are_taken_as_sandboxes_end():
    taken = []

    def rows():
        for number in range(20):
            taken.append(number)
            yield AnsweredRow(str(number), [Function(NO_COMMA, 1.0)], [Answer("a", str(number), 0, "Yes.")])

    found = verify.check_answers(rows(), 20, LIMITS)
    next(found)
    assert len(taken) <= 2 * len(os.sched_getaffinity(0))
    assert len(list(found)) == 19


def test_large_tables_read_some_rows_at_a_time_give_the_same(tmp_path, row, monkeypatch):
    rows = [of_branch(row(f"Question {number}?"), f"c{number % 2}") for number in range(12)]
    answers = [
        Answer(row_id("answer", own.id, str(number)), own.id, number, text)
        for own in rows[1:]
        for number, text in enumerate(("Yes.", "Yes, I do.", "Yes, and it is too long."))
    ]
    given = constraint("c0"), constraint("c1", "Be short.", (SHORT,))
    whole = run(tmp_path, rows, answers, given)
    monkeypatch.setattr(verify, "ROWS", 5)
    (tmp_path / "large").mkdir()
    with table_parts.rows_per_file(3):
        some = run(tmp_path / "large", rows, answers, given)
    assert (tmp_path / "large/answers").is_dir() and (tmp_path / "large/checks").is_dir()
    assert [found.rows() for found in some[:2]] == [found.rows() for found in whole[:2]]
    assert some[2] == whole[2]
    # What took disk meanwhile is gone.
    assert sorted(path.name for path in (tmp_path / "large").iterdir()) == sorted(
        ("verified", "rows", "answers", "checks", "rejects", "counts")
    )


def test_rows_come_with_their_answers_by_number_and_are_counted(tmp_path, row, monkeypatch):
    rows = sorted(of_branch(row(f"Question {number}?"), f"c{number % 2}") for number in range(4))
    functions = {"autoif-c0": (Function(NO_COMMA, 1.0),), "autoif-c1": (Function(NO_COMMA, 1.0),) * 2}
    answers = [
        Answer(f"{own.id}{9 - number}", own.id, number, "Yes.") for own in rows[1:] for number in range(3)
    ]
    table = write_rows(tmp_path / "rows", *rows)
    by_row = ByRow(write_answers(tmp_path / "answers", *answers), ANSWERS, ("number", "answer"), tmp_path)
    monkeypatch.setattr(verify, "ROWS", 2)
    found = list(verify.read_answered_rows(table, by_row, functions))
    assert [each.id for each in found] == [each.id for each in rows[1:]]
    assert [[answer.number for answer in each.answers] for each in found] == [[0, 1, 2]] * 3
    assert [each.functions for each in found] == [functions[each.operation] for each in rows[1:]]
    assert verify.count_runs(table, by_row, functions) == sum(len(each.functions) for each in found)


def test_weaker_isolation_is_recorded(tmp_path, row, monkeypatch):
    monkeypatch.setattr("evobuild.sandbox.choice.best_isolation", lambda limits: Isolation("none"))
    one = of_branch(row())
    _, _, counts = run(tmp_path, [one], [Answer("a", one.id, 0, "Yes.")], [constraint()])
    assert counts["weaker_isolation"] is True


def test_without_answers_it_is_off(tmp_path, row):
    found, lost, counts = run(tmp_path, [of_branch(row())], [], [constraint()], count=0)
    assert found.is_empty() and lost.is_empty() and counts == OFF


def test_a_row_whose_constraint_is_not_there_is_named(tmp_path, row):
    one = of_branch(row(), "c9")
    with pytest.raises(BadInput, match=rf"row {one.id}: .*'autoif-c9', is none of those verified"):
        run(tmp_path, [one], [Answer("a", one.id, 0, "Yes.")], [constraint()])


def test_if_no_answer_keeps_its_constraint_the_stage_says_so(tmp_path, row, capfd):
    one = of_branch(row())
    run(tmp_path, [one], [Answer("a", one.id, 0, "Yes, I do.")], [constraint()])
    assert "1 answers came in and none is left; the commonest reasons: accuracy too" in capfd.readouterr().err


def samples(name):
    """The authors' samples: a row each, with its functions and what the authors measured of them."""
    lines = (Path(REAL_DATA) / "autoif" / name).read_text().splitlines()
    return {f"{name}-{number}": json.loads(line) for number, line in enumerate(lines)}


def verdicts_on(rows, texts):
    """What all functions of a row say of its texts."""
    answered = [
        AnsweredRow(
            row,
            [Function(*each) for each in sample["eval_func"]],
            [Answer(f"{row}/{number}", row, number, text) for number, text in enumerate(texts(row))],
        )
        for row, sample in rows.items()
    ]
    runs = sum(len(each.functions) for each in answered)
    found = verify.check_answers(answered, runs, LIMITS.model_copy(update={"seconds": 10.0}))
    return {check.id: check.verdicts for _, check in found}


@pytest.mark.skipif(REAL_DATA is None, reason="EVOBUILD_REAL_DATA names no folder of public data")
def test_the_authors_functions_are_as_accurate_on_their_cases_as_they_say():
    rows = samples("query_rft.jsonl") | samples("back_trans.jsonl")
    found = verdicts_on(rows, lambda row: [text for text, _ in rows[row]["cases"]])
    for row, sample in rows.items():
        for place, (_, accuracy) in enumerate(sample["eval_func"]):
            said = [
                booleans.read_boolean(found[f"{row}/{number}"][place])
                for number in range(len(sample["cases"]))
            ]
            # As they compare: what they wrote as text is never equal to a boolean.
            right = [one is value for one, (_, value) in zip(said, sample["cases"], strict=True)]
            assert sum(right) / len(right) == pytest.approx(accuracy), (row, place)
    expected = [booleans.read_boolean(value) for _, value in rows["query_rft.jsonl-16"]["cases"]]
    said = [booleans.read_boolean(found[f"query_rft.jsonl-16/{number}"][0]) for number in range(8)]
    # Six are given as "True", two as "False", and none is military enough for the function.
    assert (sum(expected), sum(said)) == (6, 0)


@pytest.mark.skipif(REAL_DATA is None, reason="EVOBUILD_REAL_DATA names no folder of public data")
def test_none_of_the_authors_answers_keeps_its_constraint():
    rows = samples("query_rft.jsonl")
    found = verdicts_on(rows, lambda row: rows[row]["gpt-answer"])
    # Every one of them begins with words such as "Here's the answer", and none is of four syllables only.
    assert len(found) == 320 and {one for verdicts in found.values() for one in verdicts} == {"false"}
