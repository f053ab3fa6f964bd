"""`score_items-replies`: figures of replies that were written elsewhere, and what is no reply to anything."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest
from judges import FakeModel

from evobuild.__main__ import main
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.evaluation import benchmarks
from evobuild.evaluation.benchmark import Benchmark, Item, ModelRequest, Scored, last_message, user_chat
from evobuild.evaluation.judge import Question
from evobuild.models import client
from evobuild.sandbox import choice

FOLDER = Path("data/raw/benchmarks")
RIGHT = ["#### 19", "#### 84", "#### 84", "#### 36", "#### 14,400", "#### -3"]
isolated = pytest.mark.skipif(not choice.usable_isolations(), reason="this machine offers no isolation")


@pytest.fixture
def command(tmp_path, capsys):
    """Run it with replies, a list of records; give its exit code, output and errors."""

    def run(benchmark, records, *words, items=None, name="replies.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        given = ["--items", str(items or FOLDER / f"{benchmark}.jsonl"), "--replies", str(path)]
        code = main(["score-replies", benchmark, *given, *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def of_gsm8k(*texts):
    return [{"id": str(place), "reply": text} for place, text in enumerate(texts)]


def test_figures_have_their_error_and_interval(command):
    code, out, err = command("gsm8k", of_gsm8k(*RIGHT[:3], "35", r"\boxed{14400}", "3"), "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert {key: found[key] for key in ("benchmark", "items", "answered")} == {
        "benchmark": "gsm8k",
        "items": 6,
        "answered": 6,
    }
    # Wilson's interval of 4 of 6; the error is that of a mean of zeros and ones.
    assert next(iter(found["figures"])) == "accuracy"
    assert found["figures"]["last_number"] == {
        "value": 0.666667,
        "standard_error": 0.210819,
        "low": 0.299993,
        "high": 0.903229,
        "units": 6,
    }
    assert found["figures"]["hash"]["value"] == 0.5


def test_the_table_says_what_has_no_reply(command):
    code, out, _ = command("gsm8k", of_gsm8k(*RIGHT[:4]))
    lines = out.splitlines()
    assert code == 0
    assert lines[:2] == ["gsm8k: 4 of 6 items answered", "2 items have no reply; they are in no figure."]
    assert lines[4].split() == ["accuracy", "1.0000", "0.0000", "0.5101", "…", "1.0000", "4"]


def test_rows_are_written(command, tmp_path):
    code, _, err = command("gsm8k", of_gsm8k(*RIGHT), "--out", str(tmp_path / "rows.parquet"))
    rows = pl.read_parquet(tmp_path / "rows.parquet")
    assert (code, err, rows.schema, rows["score"].to_list()) == (0, "", EVALUATION, [1.0] * 6)
    assert rows["model"].unique().to_list() == ["replies"]
    code, _, err = command("gsm8k", of_gsm8k(*RIGHT), "--out", str(tmp_path / "replies.jsonl"))
    assert code == 1 and "is read or written, too" in err


def test_items_may_be_named_by_another_field_and_replies_stand_in_one(command):
    questions = [json.loads(line)["question"] for line in (FOLDER / "gsm8k.jsonl").read_text().splitlines()]
    records = [{"question": each, "solution": text} for each, text in zip(questions, RIGHT, strict=True)]
    code, out, _ = command("gsm8k", records[::-1], "--id", "question", "--reply", "solution", "--json")
    assert (code, json.loads(out)["figures"]["last_number"]["value"]) == (0, 1.0)


def test_a_reply_that_is_null_is_wrong(command):
    code, out, err = command("gsm8k", of_gsm8k("#### 19", None, [None]), "--json")
    found = json.loads(out)
    assert (code, err, found["answered"]) == (0, "", 3)
    assert found["figures"]["accuracy"]["value"] == pytest.approx(1 / 3, abs=1e-6)


def test_thoughts_are_no_part_of_a_reply(command):
    code, out, _ = command("gsm8k", of_gsm8k("<think>\\boxed{20}?</think>\n#### 19"), "--json")
    assert (code, json.loads(out)["figures"]["disagree"]["value"]) == (0, 0.0)
    assert json.loads(out)["figures"]["last_number"]["value"] == 1.0


@isolated
def test_samples_are_a_list_and_the_id_is_the_benchmark_s_own(command):
    right, wrong = "    return 2 * numbers[-1] if numbers else 0", "    return 1"
    records = [{"task_id": "Own/0", "reply": [right, wrong]}]
    words = ["-S", "samples=2", "-S", "ks=[1, 2]", "--seconds", "30", "--json"]
    code, out, err = command("human_eval", records, *words)
    figures = json.loads(out)["figures"]
    assert (code, figures["pass@1"]["value"], figures["pass@2"]["value"]) == (0, 0.5, 1.0)
    # A process says once which sandbox it has, if a stronger one does not work here.
    assert all(line.startswith("sandbox: ") for line in err.splitlines())


@pytest.mark.parametrize(
    ("benchmark", "records", "words", "message"),
    [
        ("gsm8k", [{"id": "x", "reply": ""}], [], "replies.jsonl:1: unknown item 'x' of data/raw"),
        (
            "gsm8k",
            of_gsm8k("1") * 2,
            [],
            "replies.jsonl:2: the item '0' has a reply in replies.jsonl:1 already",
        ),
        ("gsm8k", [{"reply": "1"}], [], "replies.jsonl:1: no id in id or task_id"),
        ("gsm8k", [{"id": 0}], [], "replies.jsonl:1: 'reply' is missing; expected text, or a list of texts"),
        ("gsm8k", [{"id": 0, "reply": [1]}], [], "replies.jsonl:1: 'reply' is a list"),
        ("gsm8k", [{"id": 0, "reply": []}], [], "replies.jsonl:1: 'reply' is a list"),
        (
            "gsm8k",
            [{"id": 0, "reply": ["1", "2"]}],
            [],
            "2 replies to the item '0'; gsm8k asks for 1 with these",
        ),
        ("gsm8k", [[]], [], "replies.jsonl:1: the record is a list"),
        ("gsm8k", [], [], "is empty"),
        ("human_eval", [{"id": "Own/0", "reply": "1"}], ["-S", "samples=2"], "asks for 2 or more"),
        ("human_eval", [{"id": "Own/0", "reply": ["1", "2"]}], [], "for samples add -S samples=2"),
        ("human_eval", [{"id": "Own/0", "reply": "1"}], ["--memory", "1"], "--memory is 1"),
        ("gsm8k", of_gsm8k("1"), ["-S", "shot=1"], "-S: unknown key 'shot'; did you mean 'shots'?"),
        ("gsm8k", of_gsm8k("1"), ["-S", "shots"], "-S shots: expected KEY=VALUE"),
        ("gsm8k", of_gsm8k("1"), ["-S", "shots=many"], "-S: shots is 'many'"),
        ("gsm8k", of_gsm8k("1"), ["-S", "shots=[1"], "-S shots=[1: not YAML: did not find"),
        ("gsm8k", of_gsm8k("1"), ["--judge", "simulated"], "gsm8k is scored without a judge"),
        ("nonsense", [], [], "unknown benchmark 'nonsense'; choose from: held_out, ifeval"),
        ("held_out", of_gsm8k("1"), [], "held_out is scored by the likelihoods that a model gives"),
    ],
)
def test_what_cannot_be_scored_is_said_in_a_line(command, benchmark, records, words, message):
    code, out, err = command(benchmark, records, *words)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") <= 2


class TwoTurns(Benchmark):
    """Two items of two turns, of which a judge says a number."""

    needs = frozenset({"judge"})

    def read_items(self):
        return [Item("a", "", {}), Item("b", "", {})]

    def next_requests(self, item, replies):
        return (
            ()
            if len(replies) == 2
            else (ModelRequest(user_chat(f"{item.id}{len(replies)}"), self.settings.sampling(1)),)
        )

    def score_items(self, answers, tools):
        questions = [
            Question(f"{answer.item.id}/{turn}", user_chat(answer.replies[turn - 1].text))
            for answer in answers
            for turn in (1, 2)
        ]
        judged = tools.judge.judge(
            self.name, questions, lambda reply: float(reply.text) if reply.text.isdecimal() else None
        )
        for answer in answers:
            for turn, (ask, reply) in enumerate(zip(answer.asks, answer.replies, strict=True), 1):
                value, text = judged[f"{answer.item.id}/{turn}"]
                yield Scored(answer.item, last_message(ask), reply.text, value, part=turn, judgment=text)


@pytest.fixture
def judged(command, tmp_path, monkeypatch):
    """Score two turns of both items with some judgments."""
    monkeypatch.setattr(benchmarks, "benchmark_class", lambda name: TwoTurns)

    def run(judgments, *words):
        path = tmp_path / "judgments.jsonl"
        path.write_text("".join(json.dumps({"id": key, "reply": said}) + "\n" for key, said in judgments))
        records = [{"id": "a", "reply": ["x", "y"]}, {"id": "b", "reply": ["x", "z"]}]
        return command("talk", records, "--judgments", str(path), *words)

    return run


def test_judgments_may_be_given_and_what_cannot_be_read_is_unknown(judged, tmp_path):
    out = tmp_path / "rows.parquet"
    code, said, err = judged([("a/1", "8"), ("a/2", "no idea"), ("b/1", "2")], "--json", "--out", str(out))
    found = json.loads(said)
    assert (code, err, found["judged"], found["unread"]) == (0, "", 4, 2)
    assert found["figures"]["score"]["value"] == 5.0
    rows = pl.read_parquet(out).sort("id")
    assert rows["score"].to_list() == [8.0, None, 2.0, None]
    assert rows["judgment"].to_list() == ["8", "no idea", "2", "no reply was given"]
    assert rows["prompt"].to_list() == ["a0", "a1", "b0", "b1"]


@pytest.mark.parametrize(
    ("judgments", "message"),
    [
        ([("c/1", "8")], "judgments.jsonl:1: the judge was not asked 'c/1'; those asked are such as 'a/1'"),
        (
            [("a/1", "8"), ("a/1", "8")],
            "judgments.jsonl:2: the question 'a/1' is answered in judg",
        ),
    ],
)
def test_a_judgment_of_nothing_is_said_to_be(judged, judgments, message):
    code, _, err = judged(judgments)
    assert code == 1 and message in err


def test_a_turn_too_few_is_said(judged, command):
    code, _, err = command("talk", [{"id": "a", "reply": "x"}], "--judge", "simulated:small")
    assert code == 1 and "1 replies to the item 'a'; talk asks for 2 or more" in err
    code, _, err = command("talk", [{"id": "a", "reply": ["x", "y"]}])
    assert code == 1 and "talk is scored by a judge; pass its URI as --judge" in err
    code, _, err = command("talk", [{"id": "a", "reply": ["x", "y"]}], "--judge", "nonsense:1")
    assert code == 1 and "--judge nonsense:1: " in err


def test_a_judge_may_be_asked(judged, command, monkeypatch):
    answers = FakeModel(lambda prompt: "7" if prompt == "x" else "none")
    monkeypatch.setattr(client, "Model", lambda *given: nullcontext(answers))
    code, out, _ = command("talk", [{"id": "a", "reply": ["x", "y"]}], "--judge", "openai:some", "--json")
    found = json.loads(out)
    assert (code, found["judged"], found["unread"], found["figures"]["score"]["value"]) == (0, 2, 1, 7.0)
    assert len(answers.asked) == 4, "what cannot be read is asked for twice more"
