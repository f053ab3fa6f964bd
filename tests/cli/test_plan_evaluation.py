"""What a plan says of evaluation: calls counted where nothing hangs on a reply, else bounded by the items."""

from __future__ import annotations

import types
from pathlib import Path

import pytest
import yaml
from plans import plan_table
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.plan import stage_estimates
from evobuild.cli.plan.assumptions import EVALUATED_REPLY, LENGTHS
from evobuild.cli.plan.benchmark_calls import count_benchmark_calls
from evobuild.core import machine
from evobuild.core.chat import Message
from evobuild.evaluation import judge as judging
from evobuild.evaluation import params as evaluation
from evobuild.evaluation.benchmark import Answer, Benchmark, Item, ModelRequest, Scored, Settings, user_chat
from evobuild.evaluation.judge import Question

ROOT = Path(__file__).parents[2]


class Once(Benchmark[Settings]):
    """Items that are lines of a file; each is asked once and is right."""

    def read_items(self):
        return [Item(line, "", {}) for line in Path(self.items_file).read_text().split()]

    def next_requests(self, item, replies):
        return (
            () if replies else (ModelRequest(user_chat(f"{self.name} {item.id}"), self.settings.sampling(1)),)
        )

    def score_items(self, answers, tools):
        for answer in answers:
            yield Scored(answer.item, "", answer.replies[0].text, 1.0)


class Twice(Once):
    """A second turn after a reply to the first."""

    def next_requests(self, item, replies):
        return super().next_requests(item, ()) if len(replies) < 2 else ()

    def max_requests(self, item):
        return 2


class Judged(Once):
    """Scored by the judge."""

    needs = frozenset({"judge"})

    def score_items(self, answers: list[Answer], tools):
        questions = [
            Question(answer.item.id, (Message("user", f"judge {answer.item.id}"),)) for answer in answers
        ]
        found = tools.judge.judge(self.name, questions, lambda reply: 1.0)
        for answer in answers:
            yield Scored(
                answer.item, "", "", found[answer.item.id].value, judgment=found[answer.item.id].text
            )


KINDS = {"once": Once, "twice": Twice, "judged": Judged}


@pytest.fixture
def here(tmp_path, monkeypatch, store):
    """A folder with params of one model and items of three benchmarks; the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluation, "benchmark_class", lambda name: KINDS.get(name, Once))
    for name in ("prompts", "data/raw"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")
    (tmp_path / "data/raw").mkdir()
    (tmp_path / "items").write_text("a b c")

    def write(model="openai:m", pairs=(), compared=(), **entries):
        params = yaml.safe_load(SHIPPED_PARAMS.read_text())
        given = {name: {"items": "items"} | entry for name, entry in entries.items()}
        params["models"] |= {"judge": "openai:j"}
        params["evaluate"] |= {"models": {"m": model, "n": model}, "benchmarks": given}
        params["compare"] |= {"pairs": list(pairs), "benchmarks": list(compared)}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))

    return write


def estimate(stage="evaluate@m", fresh=True, stale=(), cmd="exec python -m stages.evaluate --model m"):
    estimator = stage_estimates.Estimator(load_all_params(), machine.Machine(), set(stale))
    return estimator.estimate(types.SimpleNamespace(addressing=stage, cmd=cmd), fresh)


def test_what_asks_once_and_needs_no_judge_is_counted(here, engine):
    engine(lambda request: "word")
    here(once={}, more={"limit": 2})
    found = estimate()
    assert (found.calls, found.stored, found.exact) == (5, 0, True)
    assert not found.measured


def test_what_is_stored_is_counted_and_then_all_is_exact(here, engine):
    from evobuild.core.chat import Request
    from evobuild.core.uri import ChatModel
    from evobuild.models.client import Model

    engine(lambda request: "word")
    here(judged={})
    asks = [
        ("evaluate", f"judged {item}", Once("judged", Settings(), 1).settings.sampling(1)) for item in "abc"
    ]
    with Model(ChatModel("openai", "m")) as model:
        list(model.generate(Request(text, kind, user_chat(text), sampling) for kind, text, sampling in asks))
    # The model's replies are there, the judge's are not: these are bounded, and none is taken for unreadable.
    found = estimate()
    assert (found.calls, found.most.calls, found.exact) == (3 + 3, 3 + 3 * 3, False)


@pytest.mark.parametrize(
    ("entries", "calls"),
    [
        ({"once": {}}, 3),
        ({"twice": {}}, 6),
        ({"twice": {"limit": 2}}, 4),
        ({"judged": {}}, 3 + 3 * 3),
        ({"once": {}, "twice": {}, "judged": {"limit": 1}}, 3 + 6 + 1 + 3),
        ({}, 0),
    ],
)
def test_behind_what_is_stale_there_is_a_bound(here, entries, calls):
    here(**entries)
    found = estimate(fresh=False)
    assert (found.most.calls, found.stored, found.exact, found.unknown) == (calls, None, False, ())


def test_turns_of_a_model_that_is_not_simulated_are_bounded(here, engine):
    engine(lambda request: "word")
    here(twice={})
    assert (estimate().calls, estimate().exact) == (6, False)


def test_turns_of_a_simulated_model_are_counted(here):
    here("simulated:small", twice={})
    found = estimate()
    assert (found.calls, found.exact) == (6, True)


def test_items_that_are_not_there_yet_are_said(here):
    here(once={}, twice={"items": "none.jsonl"})
    found = estimate()
    assert (found.calls, found.exact, found.unknown) == (3, False, ("twice",))
    text = plan_table([found, estimate("evaluate@n")])
    assert "evaluate@m, evaluate@n: without twice, whose items are not there yet" in text


def test_rows_that_will_be_held_out_anew_are_at_most_those_of_the_seed(here):
    here(once={"items": "data/held_out.parquet"}, more={})
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["seed"] |= {"source": "none.jsonl", "rows": 40}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    found = estimate(fresh=False, stale={"seed"})
    assert (found.calls, found.most.calls) == (4 + 3, 40 + 3)
    params["evaluate"]["benchmarks"]["once"]["limit"] = 7
    Path("params.yaml").write_text(yaml.safe_dump(params))
    found = estimate(fresh=False, stale={"seed"})
    assert (found.calls, found.most.calls) == (4 + 3, 7 + 3)
    params["seed"]["held_out"] = 0
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert estimate(fresh=False, stale={"seed"}).most.calls == 3


def test_pairs_are_judged_in_both_orders_turn_by_turn(here):
    here(once={}, twice={}, pairs=[["m", "n"]], compared=["twice"])
    found = estimate("compare", fresh=False)
    assert (found.calls, found.most.calls, found.exact) == (1 * 3 * 2 * 2, 1 * 3 * 2 * 2 * 3, False)
    here(once={}, pairs=[], compared=["once"])
    assert estimate("compare", fresh=False).calls is None


def test_the_judge_and_the_model_each_have_their_price(here, monkeypatch):
    here(judged={})
    prices = {
        "openai:m": machine.Price(prompt=1.0, completion=1.0),
        "openai:j": machine.Price(prompt=0.0, completion=10.0),
    }
    estimator = stage_estimates.Estimator(load_all_params(), machine.Machine(prices=prices), set())
    found = estimator.estimate(types.SimpleNamespace(addressing="evaluate@m", cmd=""), fresh=False)
    # Of each item the prompt is known, "judged a"; what a reply and a question have is assumed.
    prompts, reply, lengths = 3 * (len("judged a") // 4), EVALUATED_REPLY, LENGTHS["judge"]
    assert found.cost == pytest.approx((prompts + 3 * reply + 3 * 10 * lengths.reply.fixed) / 1e6)
    assert found.tokens == prompts + 3 * (reply + lengths.prompt.fixed + lengths.reply.fixed)
    assert found.most.cost == pytest.approx((prompts + 3 * 2048 + 9 * 10 * 2048) / 1e6)


def test_a_question_that_is_only_counted_is_not_asked_again(here):
    from evobuild.core.chat import Sampling
    from evobuild.core.uri import ChatModel
    from evobuild.models import planning
    from evobuild.models.client import Model

    with planning.counting_calls() as usages, Model(ChatModel("openai", "j"), "judge") as model:
        settings = judging.JudgeSettings(Sampling(), retries=2, unparsed=0.0)
        judge = judging.Judge(model, settings)
        found = judge.judge("b", [Question("1", user_chat("Which?"))], lambda reply: None)
    assert found["1"].value is None and usages[0].total("calls") == 1


def test_most_calls_are_of_the_items_that_are_drawn(here):
    here(twice={"limit": 2}, judged={})
    given = load_all_params().evaluate.benchmarks
    found = count_benchmark_calls(evaluation.build_benchmarks(given, 1))
    assert (found.calls.most, found.questions, found.asked) == (4 + 3, 3, 2 + 3)
    assert (found.by_replies, found.unknown) == (True, ())
