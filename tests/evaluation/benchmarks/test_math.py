"""MATH: equal and unequal expressions, what cannot be compared in time, groups, prompts, published pairs."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from given import answered, benchmark, rows_of, value

from evobuild.core.errors import BadInput, MissingExtra
from evobuild.evaluation import symbolic
from evobuild.evaluation.benchmarks.math import math_readings
from evobuild.evaluation.symbolic import Comparer, MathPair, compare_math

REAL = os.environ.get("EVOBUILD_REAL_DATA")
OWN = "data/raw/benchmarks/math.jsonl"
TOWER = r"\boxed{9^{9^{9^{9^{9}}}}}"


@pytest.fixture(scope="module")
def comparer():
    with Comparer(30.0) as started:
        yield started


@pytest.mark.parametrize(
    ("reference", "reply", "equal"),
    [
        (r"\frac{1}{2}", r"It is $\frac{2}{4}$.", True),
        (r"\frac{1}{2}", r"\boxed{0.5}", True),
        (r"\frac{1}{2}", r"\boxed{\frac{1}{3}}", False),
        ("(x-3)(x+3)", "so $x^2 - 9$", True),
        ("(x-3)(x+3)", "so $x^2 + 9$", False),
        (r"\frac{\pi}{4}", r"First $3$, then \boxed{\pi/4}.", True),
        (r"\left( 3, \frac{\pi}{2} \right)", r"\boxed{(3, \pi/2)}", True),
        (r"\left( 3, \frac{\pi}{2} \right)", r"\boxed{(\pi/2, 3)}", False),
        (r"\{1, 2\}", r"$\{2, 1\}$", True),
        (r"\text{Evelyn}", r"\boxed{\text{Evelyn}}", True),
        (r"\text{Evelyn}", r"\boxed{\text{Carla}}", False),
        (r"\$18.90", r"\boxed{18.90}", True),
        ("1,22", "1.22", True),
        ("1,22", r"\boxed{1, 22}", True),
        ("$9$", "The answer is 9", True),
        ("5", "", False),
        ("5", "\ud800", False),
        ("5", "\\boxed{\0}", False),
    ],
)
def test_what_equals_a_reference(comparer, reference, reply, equal):
    assert comparer.compare(MathPair(math_readings(reference), reply)) is equal


@pytest.mark.parametrize(
    "reply",
    [
        r"\boxed{" * 15_000,
        "$" * 100_000,
        "9" * 100_000,
        "1/" * 2000 + "3",
        "answer " * 15_000,
    ],
)
def test_a_hostile_reply_is_wrong_and_harms_nothing(comparer, reply):
    assert not comparer.compare(MathPair((r"\boxed{5}",), reply))
    assert comparer.compare(MathPair((r"\boxed{5}",), "5")) is True


@pytest.mark.parametrize("reply", [TOWER, "$" + "(" * 4000 + "x" + ")" * 4000 + "$"])
def test_what_takes_too_long_is_given_up_and_the_next_is_compared(reply):
    with Comparer(0.7) as comparer:
        assert not comparer.compare(MathPair((r"\boxed{5}",), reply))
        assert comparer.compare(MathPair((r"\boxed{5}",), "5")) is True


def test_only_time_of_computing_counts():
    """A process that has to wait for its turn gives up nothing."""
    with Comparer(0.7) as comparer:
        assert comparer.compare(MathPair((r"\boxed{5}",), "6")) is False
        process = comparer._process
        process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(1.0, process.send_signal, [signal.SIGCONT])
        timer.start()
        assert comparer.compare(MathPair((r"\boxed{5}",), "5")) is True
        timer.join()
        assert comparer._process is process


def test_a_step_of_the_library_is_bounded_by_time_of_computing_too():
    """Its own alarm, of the clock, would go off in a process that has to wait."""
    code = (
        "import signal, evobuild.evaluation.symbolic as s; equal = s._build_comparison(); "
        "signal.alarm = lambda seconds: exit('an alarm by the clock'); "
        "print(equal(['$1$'], '1'), equal(['$1$'], '2'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True False\n", 0)


def test_what_was_given_up_is_tried_once_more_alone_and_counted(monkeypatch, capsys):
    seen, running = [], []

    class Busy(Comparer):
        """Gives up 1 for ever, and 2 the first time."""

        def __enter__(self):
            running.append(self)
            return self

        def __exit__(self, *_):
            running.remove(self)

        def compare(self, pair):
            seen.append((pair.reply, len(running)))
            tries = [reply for reply, _ in seen].count(pair.reply)
            return None if pair.reply == "1" or (pair.reply == "2" and tries == 1) else pair.reply == "3"

    monkeypatch.setattr(symbolic, "Comparer", Busy)
    assert compare_math([MathPair(("3",), reply) for reply in "1234"], 1.0) == [None, False, True, False]
    assert seen[4:] == [("1", 1), ("2", 1)]
    assert capsys.readouterr().err == (
        "math-verify: 2 of 4 comparisons took too long or crashed; retried alone; 1 failed again and "
        "count as wrong\n"
    )


def test_a_process_that_dies_gives_up_its_comparison_alone(comparer):
    assert comparer.compare(MathPair((r"\boxed{5}",), "5")) is True
    comparer._process.kill()
    comparer._process.wait()
    assert comparer.compare(MathPair((r"\boxed{5}",), "5")) is None
    assert comparer.compare(MathPair((r"\boxed{5}",), "5")) is True


def test_no_process_is_left(monkeypatch):
    started = []

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    popen = subprocess.Popen
    monkeypatch.setattr(symbolic.subprocess, "Popen", start)
    assert compare_math([MathPair(("$1$",), "1"), MathPair(("$1$",), "2")], 30.0) == [True, False]
    assert [each.poll() is not None for each in started] == [True]


def test_without_its_library_it_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "math_verify", None)
    with pytest.raises(MissingExtra, match=r"pip install 'evobuild\[eval\]'"):
        compare_math([MathPair(("$1$",), "1")], 30.0)


def test_figures_are_of_all_of_levels_and_of_subjects(monkeypatch):
    monkeypatch.setattr(symbolic, "MOST_CHARACTERS", 100)
    found = benchmark("math", items=OWN)
    replies = [r"\boxed{\frac{10}{12}}", "$(x+3)(x-3)$", r"$\pi$", "x" * 1000 + " 32"]
    rows = rows_of(found, answered(found, replies))
    assert {name: value(figure) for name, figure in found.compute_metrics(rows).items()} == {
        "accuracy": 0.75,
        "accuracy/level1": 1.0,
        "accuracy/level2": 0.5,
        "accuracy/level3": 1.0,
        "accuracy/Algebra": 1.0,
        "accuracy/Counting & Probability": 1.0,
        "accuracy/Prealgebra": 1.0,
        "accuracy/Precalculus": 0.0,
        "timeout": 0.0,
    }


def test_what_was_given_up_counts_as_wrong_and_is_a_check(monkeypatch):
    monkeypatch.setattr("evobuild.evaluation.benchmarks.math.compare_math", lambda *_: [None, True])
    found = benchmark("math", items=OWN)
    first, second = found.score_items(answered(found, ["5", "6"]), None)
    assert (first.score, first.checks[0]) == (0.0, ("timeout", 1.0))
    assert (second.score, second.checks[0]) == (1.0, ("timeout", 0.0))


@pytest.mark.parametrize(
    ("record", "answer", "level", "group"),
    [
        ({"answer": "5", "level": 3, "subject": "Algebra"}, "5", 3, "Algebra"),
        ({"solution": r"\boxed{1} \boxed{x}", "level": "Level 5", "type": "Geometry"}, "x", 5, "Geometry"),
        ({"answer": 5, "level": "Level ?"}, "5", None, ""),
    ],
)
def test_the_columns_of_both_data_sets_are_known(tmp_path, record, answer, level, group):
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"problem": "?", "unique_id": "test/1.json"} | record))
    (item,) = benchmark("math", items=str(path)).read_items()
    assert (item.id, item.group, item.content["answer"], item.content["level"]) == (
        "test/1.json",
        group,
        answer,
        level,
    )


def test_an_item_without_an_answer_is_refused(tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"problem": "?", "solution": "It is 5."}))
    with pytest.raises(BadInput, match=r"items.jsonl:1: neither an 'answer' nor a \\boxed"):
        benchmark("math", items=str(path)).read_items()


def test_prompts_are_a_chat_or_four_solutions_to_go_on_from():
    item = benchmark("math", items=OWN).read_items()[0]
    (ask,) = benchmark("math", items=OWN).next_requests(item, ())
    assert ask.messages[0].content.endswith(r"What is $\frac{1}{2} + \frac{1}{3}$?")
    (ask,) = benchmark("math", items=OWN, prompt="completion").next_requests(item, ())
    assert ask.messages[0].content.count("Problem:") == 5
    assert ask.messages[0].content.count(r"\boxed{") == 4
    assert ask.sampling.stop == ("\nProblem:",)


@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
def test_published_pairs_and_references():
    with gzip.open(Path(REAL) / "oracles/math/math_verify_pairs.jsonl.gz", "rt") as lines:
        published = [json.loads(line) for line in lines]
    found = compare_math([MathPair(math_readings(row["gold"]), row["pred"]) for row in published], 30.0)
    assert found == [row["math_verify"] for row in published]
    assert sum(verdict == bool(row["expected"]) for verdict, row in zip(found, published, strict=True)) == 184


@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
def test_references_of_math_500_equal_themselves_and_no_changed_one():
    items = benchmark("math", items=f"{REAL}/math/math500_full.jsonl").read_items()[::5]
    answers = [item.content["answer"] for item in items]
    same = [MathPair(math_readings(answer), rf"\boxed{{{answer}}}") for answer in answers]
    changed = [MathPair(math_readings(answer), rf"\boxed{{{answer}+1}}") for answer in answers]
    assert compare_math([*same, *changed], 30.0) == [True] * 100 + [False] * 100
