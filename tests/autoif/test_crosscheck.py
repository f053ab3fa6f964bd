"""Functions against cases: counted by hand, and run in the sandbox only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import patience
import pytest
from workspace import SHIPPED_PARAMS

from evobuild import sandbox
from evobuild.autoif import booleans, crosscheck, function_verdicts, records
from evobuild.autoif.booleans import NO_BOOLEAN
from evobuild.autoif.function_verdicts import FunctionVerdicts
from evobuild.autoif.records import Case
from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.params import meets_bound
from evobuild.core.rejects import Reject
from evobuild.sandbox import Answer, Outcome, choice
from stages import crosscheck as stage

GIVEN = load_all_params(SHIPPED_PARAMS)
PAPER = GIVEN.autoif.crosscheck.model_copy(
    update={
        "case": "above:0.5",
        "function": "above:0.5",
        "min_functions": 1,
        "min_cases": 1,
        "contradicted": "drop",
        "constraints": None,
    }
)
AUTHORS = PAPER.model_copy(update={"case": "above:0", "function": "from:0.8"})
isolated = pytest.mark.skipif(not choice.usable_isolations(), reason="this machine offers no isolation")


@pytest.mark.parametrize(
    ("bound", "value", "met"),
    [
        ("above:0.5", 0.5, False),
        ("above:0.5", 2 / 3, True),
        ("above:0", 0.0, False),
        ("above:0", 1 / 8, True),
        ("from:0.8", 4 / 5, True),
        ("from:0.8", 8 / 10, True),
        ("from:0.8", 7 / 9, False),
    ],
)
def test_a_bound_is_met_above_or_from_its_number(bound, value, met):
    assert meets_bound(bound, value) is met


def tables_of(written, constraint="c"):
    """Tables of one constraint. written: code and cases of each verifier."""
    rows = [
        (f"{constraint}-{number}", constraint, number, code, [Case(*case)._asdict() for case in cases])
        for number, (code, cases) in enumerate(written)
    ]
    given = [(constraint, "Use no comma.", "seed", "")]
    return tables.frame(records.CONSTRAINTS, given), tables.frame(records.VERIFIERS, rows)


def verifiers_of(written):
    (found,) = function_verdicts.gather_verifiers(*tables_of(written))
    return found


def test_equal_functions_and_cases_count_once():
    found = verifiers_of(
        [
            ("A", [("x", True), ("y", True), ("z", False)]),
            ("B\n", [("x", True), ("y", False)]),
            ("B", [("w", True)]),
            ("A", []),
        ]
    )
    assert [(each.id, each.code) for each in found.functions] == [("c-0", "A"), ("c-1", "B\n")]
    assert found.cases == (("x", True), ("y", True), ("z", False), ("y", False), ("w", True))
    assert (found.functions_written, found.cases_written) == (4, 6)


def test_the_order_of_samples_is_that_of_their_numbers():
    found = verifiers_of([(f"f{number}", [(f"case {number}", True)]) for number in range(12)])
    assert [each.number for each in found.functions] == list(range(12))
    assert [case.input for case in found.cases] == [f"case {number}" for number in range(12)]


def verdicts_of(table):
    """The verdicts of functions: a letter a case, T, F or - for no verdict; an error, if all are -."""
    meant = {"T": True, "F": False, "-": None}
    return {
        f"c-{number}": FunctionVerdicts(
            tuple(meant[letter] for letter in row), ("time",) if "-" in row else (), True
        )
        for number, row in enumerate(table)
    }


def crosschecked(expected, table, settings):
    cases = [(f"case {number}", letter == "T") for number, letter in enumerate(expected)]
    found = verifiers_of([(f"function {number}", cases) for number in range(len(table))])
    return crosscheck.crosscheck_constraint(found, verdicts_of(table), settings)


@pytest.mark.parametrize(
    ("expected", "table", "settings", "agreement", "kept", "accuracy", "good"),
    [
        # All agree.
        ("TF", ["TF", "TF"], PAPER, [1, 1], [0, 1], [1, 1], [0, 1]),
        # Half is not above a half; for the authors one function is enough.
        ("TF", ["TT", "TF"], PAPER, [1, 0.5], [0], [1, 1], [0, 1]),
        ("TF", ["TT", "TF"], AUTHORS, [1, 0.5], [0, 1], [0.5, 1], [1]),
        # 2 of 3 agree with the first three cases, none with the last.
        ("TTTT", ["FTTF", "TFTF", "TTFF"], PAPER, [2 / 3] * 3 + [0], [0, 1, 2], [2 / 3] * 3, [0, 1, 2]),
        ("TTTT", ["FTTF", "TFTF", "TTFF"], AUTHORS, [2 / 3] * 3 + [0], [0, 1, 2], [2 / 3] * 3, []),
        # The best first, ties by number. 4 of 5 meet 0.8.
        ("T" * 5, ["FTTTT", "T" * 5, "TTTTF"], AUTHORS,
         [2 / 3, 1, 1, 1, 2 / 3], [0, 1, 2, 3, 4], [0.8, 1, 0.8], [1, 0, 2]),
        # No verdict on a case is wrong there; no verdict at all is no function: 1 of 2, 1 of 1.
        ("TF", ["-F", "TF"], PAPER, [0.5, 1], [1], [1, 1], [0, 1]),
        ("TF", ["--", "TF"], PAPER, [1, 1], [0, 1], [None, 1], [1]),
        # Nothing agrees, nothing runs.
        ("TF", ["FT"], AUTHORS, [0, 0], [], [None], []),
        ("TF", ["--"], AUTHORS, [None, None], [], [None], []),
    ],
)  # fmt: skip
def test_cases_stay_by_agreement_and_functions_by_accuracy(
    expected, table, settings, agreement, kept, accuracy, good
):
    found = crosschecked(expected, table, settings)
    assert found.agreement == tuple(agreement)
    assert found.kept == tuple(kept)
    assert found.accuracy == tuple(accuracy)
    assert found.good == tuple(good)


@pytest.mark.parametrize(
    ("expected", "table", "changes", "reason"),
    [
        ("T", [], {}, "no verifier"),
        ("", ["", ""], {}, "no case"),
        ("TF", ["--", "--"], {}, "no function ran"),
        ("TF", ["TF", "TF", "--"], {"min_functions": 3}, "too few functions"),
        ("TF", ["TF"], {"min_cases": 3}, "too few cases"),
        ("TF", ["FT"], {}, "no case left"),
        ("TTTT", ["FTTF", "TFTF", "TTFF"], {"function": "from:0.8"}, "no function left"),
        # As in the authors' code, what is dropped later counts as there.
        ("TF", ["TF", "TF", "FT"], {"min_functions": 3, "min_cases": 2}, None),
    ],
)
def test_why_a_constraint_is_lost_is_named(expected, table, changes, reason):
    settings = PAPER.model_copy(update=changes)
    found = crosschecked(expected, table, settings)
    (result,) = crosscheck.keep_verified_constraints([found], settings, 1)
    assert (result.reason if isinstance(result, Reject) else None) == reason
    assert result[0] == "c"


def test_a_row_has_the_best_function_first_and_the_cases_that_are_left():
    # Of the fourth case one function of three says what it expects.
    found = crosschecked("TTTF", ["FTTT", "TTTT", "TTFF"], PAPER)
    assert crosscheck.build_verified_row(found) == (
        "c",
        "Use no comma.",
        "",
        [
            {"code": "function 1", "accuracy": 1.0},
            {"code": "function 0", "accuracy": 2 / 3},
            {"code": "function 2", "accuracy": 2 / 3},
        ],
        [{"input": f"case {place}", "expected": True} for place in range(3)],
    )


def test_so_many_constraints_are_drawn_by_seed_whatever_their_order():
    every = []
    for number in range(20):
        (found,) = function_verdicts.gather_verifiers(*tables_of([("f", [("x", True)])], f"k{number:02}"))
        every.append(
            crosscheck.crosscheck_constraint(
                found, {f"k{number:02}-0": FunctionVerdicts((True,), (), True)}, PAPER
            )
        )
    settings = PAPER.model_copy(update={"constraints": 5})

    def drawn(given, seed):
        results = crosscheck.keep_verified_constraints(given, settings, seed)
        assert len(results) == 20
        assert {each.reason for each in results if isinstance(each, Reject)} == {"not drawn"}
        return {each[0] for each in results if not isinstance(each, Reject)}

    assert len(drawn(every, 1)) == 5 and drawn(every, 1) == drawn(every[::-1], 1) != drawn(every, 2)


@pytest.mark.parametrize(
    ("answers", "verdicts", "error"),
    [
        ([Answer(True), Answer("False"), Answer("true"), Answer(0)], (True, False, True, False), ""),
        ([Answer(None), Answer(True)], (None, True), NO_BOOLEAN),
        (
            [Answer("maybe"), Answer([True]), Answer(error="raised", detail="KeyError")],
            (None,) * 3,
            NO_BOOLEAN,
        ),
        ([Answer(True), Answer(error="time"), *[Answer(error="unreached")] * 5], (True, *[None] * 6), "time"),
        ([Answer(error="raised", detail="KeyError")] * 2 + [Answer()], (None,) * 3, "raised: KeyError"),
        ([Answer(error="raised", detail="B"), Answer(error="raised", detail="A")], (None, None), "raised: A"),
    ],
)
def test_what_reads_as_a_boolean_is_a_verdict_and_else_there_is_a_reason(answers, verdicts, error):
    read = function_verdicts.read_function_verdicts(Outcome("f", tuple(answers), None, "", "bubblewrap"))
    assert (read.verdicts, read.error, read.isolated) == (verdicts, error, True)
    assert read.ran is any(verdict is not None for verdict in verdicts)


def check(code):
    return f"def evaluate(response):\n    {code}"


NO_COMMA = check("return ',' not in response")
TWICE = [("a b", True), ("a, b", False)]


@pytest.fixture
def ran(tmp_path):
    """Run the stage on what was written for one constraint, and give the folder of its outs."""

    def run(written, settings=PAPER, limits=GIVEN.sandbox):
        given, verifiers = tables_of(written)
        tables.write(tmp_path / "constraints", given)
        tables.write(tmp_path / "verifiers", verifiers)
        update = {
            "autoif": GIVEN.autoif.model_copy(update={"crosscheck": settings}),
            "sandbox": limits,
        }
        names = ("constraints", "verifiers", "checked", "functions", "cases", "rejects", "counts")
        paths = {name: tmp_path / name for name in names}
        stage.main(GIVEN.model_copy(update=update), stage.Arguments(branch="autoif", **paths))
        return tmp_path

    return run


@isolated
def test_a_hostile_function_runs_nowhere_but_in_the_sandbox(ran, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("untouched")
    touch = f"open({str(canary)!r}, 'w').write('touched')"
    kill = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"
    hostile = [
        (f"{touch}\n{NO_COMMA}", TWICE),
        (check(f"{touch}; return ',' not in response"), []),
        (f"{kill}\n{check('return True')}", []),
        (check("import sys; sys.modules['json'].loads = None; print('[\"value\", true]'); os._exit(0)"), []),
        (check("while True: pass"), []),
        (check("class B(str): __eq__ = lambda self, other: True\n    return B('x')"), []),
        (check("return True"), []),
    ]
    limits = GIVEN.sandbox.model_copy(update={"seconds": patience.scaled(0.2)})
    out = ran([(NO_COMMA, []), *hostile], AUTHORS, limits)
    assert canary.read_text() == "untouched"
    found = tables.read(out / "functions", records.FUNCTION_VERDICTS)
    assert [error.split(":")[0] if error else "" for error in found["error"][1:3]] == ["raised", "raised"]
    assert found["kept"].to_list() == [True] + [False] * 7
    assert found["error"][5:7].to_list() == ["time", NO_BOOLEAN]
    # The last says True to all: it is right on one case of two.
    assert found["accuracy"].to_list() == [1.0, *[None] * 6, 0.5]


@isolated
def test_the_stage_keeps_what_agrees_and_counts_the_rest(ran):
    written = [
        (NO_COMMA, TWICE),
        (check("return str(',' not in response).lower()"), [*TWICE, ("x", True)]),
        (NO_COMMA, [("x", False)]),
        (check("return 1 if ',' not in response else 0"), [("c,", True)]),
        (check("return ',' in response"), []),
        (check("return response.missing"), []),
    ]
    out = ran(written)
    (row,) = tables.read(out / "checked", records.VERIFIED).rows(named=True)
    assert [each["accuracy"] for each in row["functions"]] == [1.0, 1.0, 1.0]
    assert [each["code"] for each in row["functions"]] == [written[place][0] for place in (0, 1, 3)]
    assert row["cases"] == [
        {"input": "a b", "expected": True},
        {"input": "a, b", "expected": False},
        {"input": "x", "expected": True},
    ]
    assert json.loads((out / "counts").read_text()) == {
        "in": 1,
        "out": 1,
        "rejects": {},
        "functions": {"written": 6, "distinct": 5, "ran": 4, "kept": 3},
        "cases": {"written": 7, "distinct": 5, "contradicted": 0, "kept": 3},
        "errors": {"raised": 1},
    }
    cases = tables.read(out / "cases", records.CASE_VERDICTS).sort("input", "expected")
    assert cases.select("input", "expected", "agreement", "kept", "contradicted").rows() == [
        ("a b", True, 0.75, True, False),
        ("a, b", False, 0.75, True, False),
        ("c,", True, 0.25, False, False),
        ("x", False, 0.25, False, False),
        ("x", True, 0.75, True, False),
    ]


@isolated
def test_the_same_tables_come_out_however_the_functions_end(ran, monkeypatch):
    written = [(check(f"return len(response) > {number}"), [(f"{number:>5}", True)]) for number in range(4)]
    out = ran(written)
    names = ("checked", "functions", "cases", "rejects", "counts")
    before = [(out / name).read_bytes() for name in names]
    run = sandbox.run_jobs
    monkeypatch.setattr(sandbox, "run_jobs", lambda jobs, limits: reversed(list(run(jobs, limits))))
    ran(written)
    assert [(out / name).read_bytes() for name in names] == before


def test_weaker_isolation_is_recorded(ran, monkeypatch):
    def run(jobs, limits):
        for job in jobs:
            yield Outcome(job.key, tuple(Answer("," not in case) for (case,) in job.cases), None, "", "none")

    monkeypatch.setattr(sandbox, "run_jobs", run)
    counts = json.loads((ran([(NO_COMMA, TWICE)]) / "counts").read_text())
    assert counts["weaker_isolation"] is True


def test_if_no_constraint_is_left_the_stage_says_why(ran, capfd):
    assert tables.read(ran([(NO_COMMA, [])]) / "checked", records.VERIFIED).is_empty()
    assert (
        "1 constraints came in and none is left; the commonest reasons: no case (" in capfd.readouterr().err
    )


def test_of_two_cases_that_contradict_each_other_the_one_that_enough_agree_with_stays():
    cases = [("a", True), ("a", False), ("b", True)]
    found = verifiers_of([(f"function {number}", cases) for number in range(3)])
    verdicts = verdicts_of(["TTT", "TTT", "FFT"])
    paper = crosscheck.crosscheck_constraint(found, verdicts, PAPER)
    assert (paper.kept, paper.contradicted) == ((0, 2), ())
    # Any function agrees with either: neither tells.
    authors = crosscheck.crosscheck_constraint(found, verdicts, AUTHORS)
    assert (authors.kept, authors.contradicted) == ((2,), (0, 1))
    # As their script has it, which looks for no contradiction.
    keeping = AUTHORS.model_copy(update={"contradicted": "keep"})
    assert crosscheck.crosscheck_constraint(found, verdicts, keeping).kept == (0, 1, 2)


REAL_DATA = os.environ.get("EVOBUILD_REAL_DATA")
real_data = pytest.mark.skipif(REAL_DATA is None, reason="EVOBUILD_REAL_DATA names no folder of public data")


def published(name):
    """The distinct functions of each constraint with their recorded accuracy, and its cases."""
    rows = [json.loads(line) for line in (Path(REAL_DATA) / "autoif" / name).read_text().splitlines()]
    distinct = {json.dumps([row["eval_func"], row.get("cases")]): row for row in rows}
    return [(row.get("instruction"), row["eval_func"], row.get("cases", [])) for row in distinct.values()]


def measured(functions, cases):
    """The accuracy of functions over cases, by their place, as the project reads and runs them."""
    read = [Case(text, booleans.read_boolean(expected)) for text, expected in cases]
    found = verifiers_of([(code, read if place == 0 else []) for place, (code, _) in enumerate(functions)])
    checked = crosscheck.crosscheck_constraint(
        found, dict(function_verdicts.run_functions([found], GIVEN.sandbox)), AUTHORS
    )
    assert len(found.functions) == len(functions)
    return checked


@isolated
@real_data
def test_functions_of_the_authors_reach_the_accuracy_that_they_record():
    every = published("back_trans.jsonl")
    assert [len(functions) for _, functions, _ in every] == [4, 7, 3, 4, 4]
    for _, functions, cases in every:
        found = measured(functions, cases)
        assert found.accuracy == tuple(recorded for _, recorded in functions)
        assert len(found.kept) == len(cases)


@isolated
@real_data
def test_the_accuracy_of_nought_that_they_record_is_of_cases_whose_verdict_is_text():
    boolean, text = published("query_rft.jsonl")
    found = measured(*boolean[1:])
    assert found.accuracy == (1.0, 1.0) == tuple(recorded for _, recorded in boolean[1])
    assert [recorded for _, recorded in text[1]] == [0.0] * 3
    assert all(isinstance(expected, str) for _, expected in text[2])
    # Read as booleans, two of the eight agree with all three functions, and six with none.
    found = measured(*text[1:])
    assert found.agreement == (0, 0, 0, 1, 1, 0, 0, 0) and found.accuracy == (1.0,) * 3


@isolated
@real_data
def test_a_function_of_theirs_that_returns_text_gives_verdicts():
    # Its recorded accuracies, 13 / 19 and 13 / 17, are of cases that are not published.
    (code, recorded), (same, other) = (
        functions[0] for _, functions, _ in published("dpo_query_w_funcs.jsonl")
    )
    assert code == same and (recorded, other) == (13 / 19, 13 / 17)
    found = verifiers_of([(code, [("2, 3, 5", True), ("2, 4", False), ("seven", False)])])
    ((_, verdicts),) = function_verdicts.run_functions([found], GIVEN.sandbox)
    assert verdicts == FunctionVerdicts((True, False, None), ("raised: ValueError",), True)
