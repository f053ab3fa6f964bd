"""`score-replies --verdict`: published replies and their verdicts, compared with ours, by benchmark."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from punkt import only_nltk_data

from evobuild.__main__ import main
from evobuild.sandbox import choice

REAL = os.environ.get("EVOBUILD_REAL_DATA")
FOLDER = Path("data/raw/benchmarks")
isolated = pytest.mark.skipif(not choice.usable_isolations(), reason="this machine offers no isolation")
published = pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")


@pytest.fixture
def compare(tmp_path, capsys):
    """Compare made records with our verdicts; give the exit code, output and errors."""

    def run(benchmark, records, *words, judgments=None, json_out=True):
        path = tmp_path / "published.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        given = ["--items", str(FOLDER / f"{benchmark}.jsonl"), "--replies", str(path), *words]
        if judgments is not None:
            said = tmp_path / "judgments.jsonl"
            rows = ({"id": key, "reply": text} for key, text in judgments.items())
            said.write_text("".join(json.dumps(row) + "\n" for row in rows))
            given += ["--judgments", str(said)]
        code = main(["score-replies", benchmark, *given, *["--json"] * json_out])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


CHOICES = ["-S", "mode=generative", "-S", "shots=1", "--verdict", "correct"]
VOWELS = "def without_vowels(word):\n    return ''.join(letter for letter in word if letter not in 'aeiou')"
CASES = {
    "gsm8k": (
        [
            {"id": 0, "solution": r"\boxed{19} of 24", "is_correct": True},
            {"id": 1, "solution": "#### 84", "is_correct": "False"},
            {"id": 2, "solution": None, "is_correct": 0},
        ],
        ["--reply", "solution", "--verdict", "is_correct"],
        {"1"},
    ),
    "math": (
        [
            {"unique_id": "own/prealgebra/1", "reply": r"\boxed{\frac{5}{6}}", "judge": "correct"},
            {"unique_id": "own/algebra/1", "reply": r"\boxed{(x-3)(x+3)}", "judge": "wrong"},
        ],
        ["--verdict", "judge"],
        {"own/algebra/1"},
    ),
    "ifeval": (
        [
            {"key": 1, "response": "Mint and chives", "follow_instruction_list": [True]},
            {"key": 2, "response": "Ships see its stripes.", "follow_instruction_list": [True, False]},
        ],
        ["--reply", "response", "--verdict", "follow_instruction_list", "--check", "strict"],
        {"2"},
    ),
    "mmlu": (
        [{"id": f"astronomy/{number}", "reply": "A", "correct": None} for number in range(3)],
        CHOICES,
        {"astronomy/0", "astronomy/1", "astronomy/2"},
    ),
    "ceval": (
        [
            {"id": "high_school_geography/0", "reply": "B", "correct": 1},
            {"id": "high_school_geography/1", "reply": "B", "correct": 1.0},
        ],
        CHOICES,
        {"high_school_geography/1"},
    ),
}
JUDGED = {
    "mt_bench": (
        [{"question_id": 1, "reply": ["Drops.", "Drips."], "score": [8, -1]}],
        ["--verdict", "score"],
        {"1/1": "Rating: [[8]]", "1/2": "Rating: [[7]]"},
        {"1"},
    ),
    "followbench": (
        [
            {"id": "mixed/1/1", "reply": "Closed.", "steps": [True]},
            {"id": "mixed/1/2", "reply": "Closed.", "steps": [True, True]},
        ],
        ["--verdict", "steps", "--check", "constraint"],
        {"mixed/1/1": "YES", "mixed/1/2": "['YES', 'NO']"},
        {"mixed/1/2"},
    ),
    "alpaca_eval": (
        [
            {"instruction": "Name two birds that cannot fly.", "output": "A swan.", "preference": 3},
            {
                "instruction": "Write a polite note to a neighbour about a barking dog.",
                # The reference's own answer: a draw.
                "output": "Dear neighbour, your dog barks a lot at night. "
                "Could you keep it inside after ten? Thank you!",
                "preference": 1.5,
            },
        ],
        [
            *("-S", "weighted=false", "-S", "length_controlled=false", "--id", "instruction"),
            *("--reply", "output", "--verdict", "preference"),
        ],
        {"990eee349136cc68ba1d": "m"},
        {"990eee349136cc68ba1d"},
    ),
}


def differing(out):
    found = json.loads(out)["verdicts"]
    assert found["differ"] == len(found["differences"])
    return found["items"], {each["item"] for each in found["differences"]}


@pytest.mark.parametrize("benchmark", CASES)
def test_each_benchmark_s_replies_are_compared_with_their_verdicts(compare, benchmark):
    records, words, wanted = CASES[benchmark]
    code, out, err = compare(benchmark, records, *words)
    assert (code, err) == (0, "")
    assert differing(out) == (len(records), wanted)


@pytest.mark.parametrize("benchmark", JUDGED)
def test_so_are_those_that_a_judge_scored(compare, benchmark):
    records, words, judgments, wanted = JUDGED[benchmark]
    code, out, _ = compare(benchmark, records, *words, judgments=judgments)
    assert code == 0
    assert differing(out) == (len(records), wanted)


@isolated
def test_so_are_programs_sample_by_sample(compare):
    records = [{"task_id": 11, "completion": [VOWELS, "no program"], "passed": [True, True]}]
    words = ["-S", "samples=2", "-S", "ks=[1]", "-S", "variant=full", "--seconds", "60"]
    code, out, _ = compare("mbpp", records, *words, "--reply", "completion", "--verdict", "passed")
    assert code == 0
    assert json.loads(out)["verdicts"]["differences"] == [
        {"item": "11", "published": [1.0, 1.0], "ours": [1.0, 0.0], "reply": VOWELS}
    ]


def test_the_first_ten_differences_stand_side_by_side(compare, monkeypatch):
    monkeypatch.setattr("evobuild.evaluation.published_verdicts.SHOWN", 1)
    records = [
        {"id": 0, "reply": "#### 19", "right": True},
        {"id": 1, "reply": "It is\n84", "right": False},
        {"id": 2, "reply": "none", "right": True},
    ]
    code, out, _ = compare("gsm8k", records, "--verdict", "right", json_out=False)
    assert code == 0
    assert out.splitlines()[-3:] == [
        "3 items compared with their published verdicts: 2 differ",
        "item  published  ours  reply",
        "1     0          1     It is 84",
    ]


@pytest.mark.parametrize(
    ("verdict", "words", "message"),
    [
        ("maybe", [], "published.jsonl:1: the verdict is 'maybe'; expected a number or true or false"),
        ({}, [], "published.jsonl:1: the verdict is"),
        ("nan", [], "published.jsonl:1: the verdict is"),
        ([1, 0], [], "published.jsonl:1: 2 verdicts on the item '0', which has 1 of ours"),
        (1, ["--check", "box"], "--check box: unknown check; choose from: accuracy, boxed, disagree"),
        (1, ["--verdict", "right"], "published.jsonl:1: 'right' is missing; expected a verdict"),
        (1, ["--verdict", "", "--check", "boxed"], "--check names what --verdict is compared with"),
    ],
)
def test_what_is_no_verdict_is_told_in_a_line(compare, verdict, words, message):
    code, out, err = compare("gsm8k", [{"id": 0, "reply": "19", "v": verdict}], "--verdict", "v", *words)
    assert (code, out, err.count("\n") <= 2) == (1, "", True)
    assert message in err


@published
@pytest.mark.parametrize(
    ("benchmark", "items", "file", "words"),
    [
        (
            "gsm8k",
            "gsm8k/test.jsonl",
            "oracles/gsm8k/openai_*",
            ["--id", "question", "--reply", "solution", "--verdict", "is_correct"],
        ),
        (
            "gsm8k",
            "gsm8k/test.jsonl",
            "oracles/gsm8k/abel_7b*",
            ["--reply", "response", "--verdict", "result"],
        ),
    ],
)
def test_published_files_have_their_published_verdicts(capsys, benchmark, items, file, words):
    for path in sorted(Path(str(REAL)).glob(file)):
        given = ["--items", f"{REAL}/{items}", "--replies", str(path)]
        assert main(["score-replies", benchmark, *given, *words, "--json"]) == 0
        with gzip.open(path, "rt") as lines:
            assert differing(capsys.readouterr().out) == (sum(1 for _ in lines), set())


@published
def test_published_verdicts_on_instructions_differ_where_the_official_checker_does(
    capsys, tmp_path, monkeypatch
):
    only_nltk_data(Path(str(REAL)) / "nltk_data", monkeypatch)
    with gzip.open(Path(str(REAL)) / "ifeval/published_verdicts.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    unsure = {(row["model"], str(row["key"])) for row in rows if row["rerun_disagrees"]}
    for model in {row["model"] for row in rows}:
        path = tmp_path / "one.jsonl"
        own = [row for row in rows if row["model"] == model]
        path.write_text("".join(json.dumps(row) + "\n" for row in own))
        given = ["--items", f"{REAL}/ifeval/input_data.jsonl", "--replies", str(path), "--reply", "response"]
        words = ["--verdict", "strict", "--check", "strict", "--json"]
        assert main(["score-replies", "ifeval", *given, *words]) == 0
        items, different = differing(capsys.readouterr().out)
        assert items == len(own)
        assert {(model, item) for item in different} <= unsure
