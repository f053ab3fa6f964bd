"""HumanEval and MBPP: the estimator, the two formats, and verdicts on right, wrong and hostile programs."""

from __future__ import annotations

import gzip
import itertools
import json
import os
from pathlib import Path

import pytest

from evobuild import sandbox
from evobuild.__main__ import main
from evobuild.cli.pass_at_k import Sample, read_problems, read_samples, score_samples
from evobuild.core.errors import BadInput
from evobuild.evaluation.code_benchmarks import estimate_pass_at_k, examine_programs
from evobuild.sandbox import choice

REAL = os.environ.get("EVOBUILD_REAL_DATA")
LIMITS = sandbox.Limits(seconds=20.0, memory=512, output=2**20, modules=None, allow_weaker_isolation=False)
isolated = pytest.mark.skipif(not choice.usable_isolations(), reason="this machine offers no isolation")

HUMAN_EVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def half(x):\n    return x // 2\n\n\ndef twice(x):\n    """Double x."""\n',
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n    assert twice(half(8)) == 8\n",
    "entry_point": "twice",
}
MBPP = {
    "task_id": 7,
    "text": "Write a function to sum a chain.",
    "code": "class Node:\n    def __init__(self, n):\n        self.n, self.next = n, None\n\n"
    "def total(node):\n    return node.n + total(node.next) if node else 0\n",
    "test_setup_code": "root = Node(1)\nroot.next = Node(2)",
    "test_list": ["assert total(root) == 3", "assert total(root.next) == math.floor(2.5)"],
    "test_imports": ["import math"],
    "challenge_test_list": [],
}

RAISES = """
def raises(kind):
    try: answer()
    except kind: return True
"""


@pytest.mark.parametrize(
    ("samples", "passed", "k", "chance"),
    [(5, 0, 1, 0.0), (5, 5, 5, 1.0), (4, 1, 1, 0.25), (4, 1, 2, 0.5), (4, 2, 2, 5 / 6), (3, 1, 3, 1.0)],
)
def test_pass_at_k_by_hand(samples, passed, k, chance):
    assert estimate_pass_at_k(samples, passed, k) == pytest.approx(chance)


def test_pass_at_k_is_the_share_of_draws_that_hold_a_passing_sample():
    for samples, passed, k in itertools.product(range(1, 7), range(7), range(1, 7)):
        if passed <= samples >= k:
            draws = list(itertools.combinations([1] * passed + [0] * (samples - passed), k))
            assert estimate_pass_at_k(samples, passed, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("samples", "passed", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 4), (3, 1, 0)])
def test_pass_at_k_of_nothing_is_an_error(samples, passed, k):
    with pytest.raises(ValueError, match="undefined"):
        estimate_pass_at_k(samples, passed, k)


def test_a_score_is_the_mean_over_problems_not_over_samples():
    verdicts = [sandbox.Verdict(str(n), n == 0, None if n == 0 else "time", "", "") for n in range(5)]
    samples = [Sample(task, "") for task in "aabbb"]
    score = score_samples(samples, verdicts, [1, 2, 3])
    assert score == {
        "pass@1": 0.25,
        "pass@2": 0.5,
        "problems": 2,
        "samples": 5,
        "failed": {"time": 4},
        "isolation": "",
    }


@pytest.fixture
def problems(tmp_path):
    def make(*rows, name="problems.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read_problems(path)

    return make


def passed(problems, *completions):
    (problem,) = problems.values()
    exams = [problem.make_exam(str(place), problem.prompt + text) for place, text in enumerate(completions)]
    return [verdict.passed for verdict in examine_programs(exams, LIMITS)]


@isolated
def test_tests_see_the_prompt_and_call_the_program(problems):
    wrong = "    return x\n"
    # Its own `half` is not the one that the tests use.
    cheat = "    return 6 if x == 3 else x\ndef half(x):\n    return x\n"
    assert passed(problems(HUMAN_EVAL), HUMAN_EVAL["canonical_solution"], wrong, cheat, "(") == [
        True,
        False,
        False,
        False,
    ]


@isolated
def test_tests_may_make_and_hand_over_objects_of_the_program(problems):
    wrong = MBPP["code"].replace("else 0", "else 1")
    assert passed(problems(MBPP), MBPP["code"], wrong, "def total(node): return 3") == [True, False, False]


@isolated
@pytest.mark.parametrize(
    ("returned", "test"),
    [
        ("{1: (2, [3.5])}", "answer() == {1: (2, [3.5])}"),
        ("(n for n in 'ab')", "list(answer()) == ['a', 'b']"),
        ("range(3)", "answer() == range(3)"),
        ("re.match('b', 'ab')", "not answer()"),
        ("re.match('(a)', 'ab')", "answer() and answer().group(1) == 'a'"),
        ("collections.deque([1, 2])", "list(answer()) == [1, 2] and len(answer()) == 2 == answer()[1]"),
        ("collections.Counter('aab')", "answer() == {'a': 2, 'b': 1}"),
        ("[].pop()", "raises(IndexError)"),
    ],
)
def test_what_tests_can_do_with_an_answer(problems, returned, test):
    row = {**MBPP, "code": f"import re, collections\ndef answer():\n    return {returned}\n"}
    row |= {"test_setup_code": RAISES, "test_list": [f"assert {test}"]}
    assert passed(problems(row), row["code"], "def answer(): return 'another'") == [True, False]


@isolated
def test_a_program_that_is_called_as_a_module_is_examined_and_a_module_is_never_the_program_s(problems):
    tests = ["assert string(2) == 'aa'", "assert math.isclose(len(string(3)), 3)"]
    row = {**MBPP, "code": "def string(n): return 'a' * n", "test_setup_code": "", "test_list": tests}
    row["test_imports"] = []
    cheat = "class math:\n    isclose = lambda *a: True\ndef string(n): return 'aa'"
    assert passed(problems(row), row["code"], cheat) == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "problems.jsonl:1: not JSON"),
        ("[1]", "the record is a list"),
        ('{"task_id": 1}', "problems.jsonl:1: has neither 'entry_point' nor 'test_list'"),
        (json.dumps(MBPP) + "\n" + json.dumps(MBPP), "problems.jsonl:2: the task '7' is given twice"),
        (json.dumps({**MBPP, "code": "x = 1"}), "the tests call no function that 'code' defines"),
        (json.dumps({**MBPP, "code": "x = = " + "y" * 10**5}), "'code' does not compile"),
        (json.dumps({**MBPP, "code": "x = " + "-" * 10**5 + "1"}), "'code' does not compile"),
        (json.dumps({**MBPP, "code": "x" + "()" * 4000}), "'code' does not compile"),
        (json.dumps({**MBPP, "code": ["x"]}), "'code' is a list; expected text"),
        (json.dumps({**MBPP, "task_id": None}), "'task_id' is null"),
        (json.dumps({**MBPP, "test_list": [{}]}), "'test_list' is a list; expected a list of texts"),
        (json.dumps({"task_id": 1, "test_list": None}), "'test_list' is null; expected a list of texts"),
        (json.dumps({**MBPP, "test_list": ["assert ("]}), "'test_list' does not compile"),
        (json.dumps({**HUMAN_EVAL, "test": ""}), "'test' is empty; expected text"),
    ],
)
def test_a_file_that_holds_no_problems_is_said_to(tmp_path, text, message):
    path = tmp_path / "problems.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput, match=message) as raised:
        read_problems(path)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("row", "message"),
    [({"task_id": 9, "completion": ""}, "unknown problem '9'"), ({"task_id": 7}, "'completion' is null")],
)
def test_a_sample_of_another_problem_is_said_to_be(tmp_path, problems, row, message):
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(BadInput, match=message):
        read_samples(path, problems(MBPP))


@isolated
def test_the_command_scores_harmful_and_right_samples(tmp_path, capsys):
    completions = [
        "    return 2 * x",
        "    import os\n    os._exit(0)",
        "    return input()",
        "    return x + x",
    ]
    (tmp_path / "problems.jsonl.gz").write_bytes(gzip.compress(json.dumps(HUMAN_EVAL).encode()))
    rows = [{"task_id": "HumanEval/0", "completion": text} for text in completions]
    (tmp_path / "samples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    verdicts = tmp_path / "verdicts.jsonl"
    words = ["--problems", str(tmp_path / "problems.jsonl.gz"), "--samples", str(tmp_path / "samples.jsonl")]
    words += ["--k", "1", "2", "5", "--seconds", "20", "--verdicts", str(verdicts)]
    assert main(["pass-at-k", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.pop("isolation") in ("bubblewrap", "landlock")
    assert found == {
        "pass@1": 0.5,
        "pass@2": pytest.approx(5 / 6),
        "problems": 1,
        "samples": 4,
        "failed": {"exited": 1, "failed EOFError": 1},
    }
    assert [json.loads(line)["passed"] for line in verdicts.read_text().splitlines()] == [
        True,
        False,
        False,
        True,
    ]


@isolated
@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
@pytest.mark.parametrize(
    ("file", "every"),
    [("humaneval/HumanEval.jsonl.gz", 32), ("mbpp/mbpp.jsonl", 200), ("mbpp/sanitized-mbpp.json", 90)],
)
def test_known_solutions_pass(file, every):
    found = list(read_problems(Path(REAL) / file).values())[::every]
    exams = [each.make_exam(str(place), each.prompt + each.canonical) for place, each in enumerate(found)]
    assert all(verdict.passed for verdict in examine_programs(exams, LIMITS))
