"""One model on benchmarks: every item is a row or a reject, and the judge is read or unknown."""

from __future__ import annotations

from pathlib import Path

import fakes
import pytest
import tiny
import yaml
from sums import MODEL, Sums
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.errors import UserError
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.stage import call_stage
from evobuild.core.yaml_files import read_yaml
from evobuild.evaluation import evaluate
from evobuild.evaluation.benchmark import ModelRequest, Settings, Tools, user_chat
from evobuild.evaluation.evaluate import count_evaluation, evaluate_model
from evobuild.evaluation.judge import Judge, JudgeSettings, Question
from evobuild.models.client import Model
from stages import evaluate as stage

ROOT = Path(__file__).parents[2]


def doubled(request):
    name, turn = request.messages[-1].content.split()
    return str(int(name[1:]) * 2 * (2 if turn == "twice" else 1))


def evaluated(benchmarks, tools=None):
    with Model(MODEL, "evaluated") as model:
        return evaluate_model("m", benchmarks, model, tools or Tools(1))


def test_every_turn_is_a_row_and_every_item_counts_once(engine):
    engine(doubled)
    found = evaluated([Sums("sums", Settings(), 1)])
    assert found.rows["id"].to_list() == [f"sums/i{item}/{part}" for item in range(4) for part in (1, 2)]
    assert found.rows["score"].to_list() == [1.0] * 8
    assert found.rows["reply"].to_list() == ["0", "0", "2", "4", "4", "8", "6", "12"]
    assert set(found.rows["model"]) == {"m"}
    counts = count_evaluation(found, Tools(1))
    assert counts["benchmarks"] == {"sums": {"in": 4, "out": 4, "judged": 0, "unread": 0}}
    assert (counts["in"], counts["out"], counts["rejects"]) == (4, 4, {})
    assert found.rows.schema == EVALUATION


def test_a_failed_turn_loses_its_item_and_no_other(engine):
    def answer(request):
        text = request.messages[-1].content
        errors = {"i1 once": "prompt too long: 900 tokens of a context of 512", "i2 twice": "HTTP 500: no"}
        if text in errors:
            return fakes.reply(request.key, "", error=errors[text])
        return doubled(request)

    engine(answer)
    found = evaluated([Sums("sums", Settings(), 1)])
    assert sorted(set(found.rows["item"])) == ["i0", "i3"]
    rejects = dict(zip(found.rejects["id"], found.rejects["reason"], strict=True))
    assert rejects == {"sums/i1": "prompt too long", "sums/i2": "model error"}
    assert count_evaluation(found, Tools(1))["out"] == 2


def test_a_truncated_or_empty_reply_is_scored_as_it_is(engine):
    engine(lambda request: fakes.reply(request.key, "", "length"))
    found = evaluated([Sums("sums", Settings(), 1)])
    assert (found.rows.height, found.rejects.height, found.rows["score"].sum()) == (8, 0, 2.0 * 0)


def test_a_limit_draws_items_and_a_longer_one_keeps_them(engine):
    engine(doubled)

    def drawn(limit):
        found = evaluated([Sums("sums", Settings(limit=limit), 1)])
        return set(found.rows["item"])

    assert drawn(2) < drawn(3) < drawn(4) == {"i0", "i1", "i2", "i3"}


def test_rows_of_ours_are_asked_and_scored_some_at_a_time(engine, monkeypatch):
    scored = []

    class Rows(Sums):
        has_rows = True

        def score_items(self, answers, tools):
            scored.append(len(answers))
            return super().score_items(answers, tools)

    engine(lambda request: "" if request.messages[-1].content.startswith("i2") else doubled(request))
    given = [Sums("sums", Settings(), 1), Rows("rows", Settings(), 1)]
    whole = evaluated(given)
    monkeypatch.setattr(evaluate, "ROWS", 3)
    some = evaluated(given)
    assert scored == [4, 3, 1]
    assert some.rows.sort("id").equals(whole.rows.sort("id"))
    assert (some.rejects.rows(), some.items) == (whole.rejects.rows(), whole.items)


def test_two_benchmarks_may_have_items_of_one_name(engine):
    engine(doubled)
    found = evaluated([Sums("one", Settings(), 1), Sums("two", Settings(limit=1), 1)])
    assert found.items == {"one": 4, "two": 1}
    assert not found.rows["id"].is_duplicated().any()


def test_nothing_is_asked_twice_after_a_stop(engine):
    fake = engine(doubled)
    evaluated([Sums("sums", Settings(limit=2), 1)])
    before = len(fake.asked)
    evaluated([Sums("sums", Settings(), 1)])
    assert (before, len(fake.asked)) == (4, 8)


class Careless(Sums):
    def score_items(self, answers, tools):
        return list(super().score_items(answers, tools))[2:]


def test_a_benchmark_that_forgets_an_item_is_found_out(engine):
    engine(doubled)
    with pytest.raises(ValueError, match="sums gives no score for 1 items, such as i0"):
        evaluated([Careless("sums", Settings(), 1)])


class Endless(Sums):
    def next_requests(self, item, replies):
        return (ModelRequest(user_chat(f"{item.id} once"), Sampling(seed=len(replies))),)


def test_turns_have_an_end(engine):
    engine(doubled)
    with pytest.raises(AssertionError, match="more than 10 turns"):
        evaluated([Endless("sums", Settings(), 1)])


def judged(engine, answer, count=10, retries=2, unparsed=0.2):
    fake = engine(answer)
    with Model(MODEL, "judge") as model:
        judge = Judge(model, JudgeSettings(Sampling(max_tokens=8), retries, unparsed))
        questions = [Question(f"q{number}", user_chat(f"How good is {number}?")) for number in range(count)]
        return judge, judge.judge("chat", questions, read_number), fake


def read_number(reply):
    return float(reply.text) if reply.text.isdecimal() else None


def test_a_judge_is_asked_again_with_another_draw(engine):
    def answer(request):
        return "7" if request.sampling.temperature else "Good."

    judge, found, fake = judged(engine, answer)
    assert {key: each.value for key, each in found.items()} == {f"q{number}": 7.0 for number in range(10)}
    assert len(fake.asked) == 20
    assert (judge.asked["chat"], judge.unread["chat"]) == (10, 0)


def test_what_stays_unreadable_is_unknown_and_counted(engine):
    def answer(request):
        return "No idea." if request.messages[0].content.endswith("3?") else "7"

    judge, found, _ = judged(engine, answer)
    assert found["q3"] == (None, "No idea.")
    assert sum(each.value is None for each in found.values()) == 1
    assert (judge.asked["chat"], judge.unread["chat"]) == (10, 1)


def test_a_judge_is_not_asked_again_where_the_call_failed(engine):
    def answer(request):
        failed = request.messages[0].content.endswith("3?")
        return fakes.reply(request.key, "", error="HTTP 500: no") if failed else "7"

    judge, found, fake = judged(engine, answer)
    assert found["q3"] == (None, "HTTP 500: no")
    assert len(fake.asked) == 10
    assert judge.unread["chat"] == 1


def test_the_stage_reads_the_held_out_rows_that_it_is_given(tmp_path, store, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")
    monkeypatch.chdir(tmp_path)
    params = read_yaml(SHIPPED_PARAMS)
    params["evaluate"] |= {"models": {"own": f"transformers:{tiny.folder()}"}, "benchmarks": {"held_out": {}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    row = tiny.row()
    tables.write(Path("rows.parquet"), tables.frame(INSTRUCTIONS, [row]))
    Path("models/tuned").mkdir(parents=True)
    given = {"model": "own", "held_out": "rows.parquet", "scratch": "models", "tuned": "models/tuned"}
    outs = {"replies": "replies.parquet", "rejects": "rejects.parquet", "counts": "counts.json"}
    call_stage(stage.main, Path("params.yaml"), given | outs)
    found = tables.read(Path("replies.parquet"), EVALUATION)
    assert found["item"].to_list() == [row.id]


def test_a_judge_that_never_answers_in_form_stops_the_run(engine):
    with pytest.raises(UserError) as error:
        judged(engine, lambda _: "I like\nboth.")
    assert str(error.value) == (
        "chat: 10 of 10 judge replies cannot be parsed, more than evaluate.unparsed 0.2 allows; "
        "the most common: 'I like both.' (10)"
    )


def test_the_allowed_share_may_stay_unread(engine):
    def answer(request):
        return "?" if request.messages[0].content.endswith(("1?", "2?")) else "7"

    assert judged(engine, answer)[0].unread["chat"] == 2
    with pytest.raises(UserError, match="2 of 10 judge replies"):
        judged(engine, answer, unparsed=0.19)
