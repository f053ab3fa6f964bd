"""The loop of Auto Evol-Instruct, with an engine whose methods fail as often as their text says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fakes import reply
from rules import RULES

from evobuild.core import table_parts, tables
from evobuild.core.chat import Sampling
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.uri import ChatModel
from evobuild.evolution import methods, optimization_calls, optimize
from evobuild.evolution.method_evaluation import MethodEvaluator
from evobuild.evolution.optimize import OptimizationRows
from evobuild.evolution.params import Optimize
from evobuild.models.client import Model

PARAMS = Optimize(
    initial="e0",
    pool=20,
    development=4,
    holdout=0,
    batch=3,
    trajectory_rounds=1,
    candidates=2,
    steps=3,
    incumbent=True,
    patience=1,
    ties="shorter",
    halving=None,
    difficulty_weight=0.0,
    truncated_fails=False,
    evolver_temperature=0.0,
    temperature=0.6,
    top_p=0.95,
    max_tokens=99,
)
SEED = 7


def changed(**values):
    return PARAMS.model_copy(update=values)


def method(failing, words="", holdout=0, gain=0):
    """A method that fails on the development rows below a number, and on so many rows of the holdout."""
    return methods.normalise_slot(f"fails={failing} holdout={holdout} gain={gain} {words}".strip())


def fenced(*given, **more):
    return f"```Optimized Method\n{method(*given, **more)}\n```"


def answering(proposals=()):
    """Answer as all models; proposals: per step what the optimizer replies to its runs, in their order.

    Development rows are 0 to 49, pool rows from 100, holdout rows from 200.
    """

    def answer(asked):
        prompt = asked.messages[-1].content
        if asked.purpose == "analyse":
            return f"feedback {asked.sampling.seed}"
        if asked.purpose == "improve":
            step, run = divmod(asked.sampling.seed - SEED, len(proposals[0]))
            given = proposals[step][run]
            return given if isinstance(given, str) else reply(asked.key, *given)
        instruction, number = re.search(r"(row (\d+)[^\n]*)", prompt).groups()
        number = int(number)
        if asked.purpose == "evolve":
            failing, holdout, gain = map(int, re.search(r"=(\d+) holdout=(\d+) gain=(\d+)", prompt).groups())
            fails = number < failing or 200 <= number < 200 + holdout
            return "no label" if fails else f"#Final Rewritten Instruction#: {instruction} harder by {gain}"
        if asked.purpose == "rate_score":
            gained = re.search(r"harder by (\d+)", prompt)
            return f"Score: {20 + int(gained[1] if gained else 0)}"
        return "An answer."

    return answer


def loop(row, params=PARAMS, start=None, development=4, holdout=0):
    numbers = range(100, 110), range(development), range(200, 200 + holdout)
    rows = OptimizationRows(*([row(f"row {number}") for number in each] for each in numbers))
    with (
        Model(ChatModel("simulated", "small"), "evolver") as evolver,
        Model(ChatModel("simulated", "large"), "optimizer") as optimizer,
        Model(ChatModel("simulated", "large"), "judge") as judge,
    ):
        evaluator = MethodEvaluator(evolver, judge, Sampling(max_tokens=99), RULES)
        return optimize.Optimizer(evaluator, optimizer, params, rows, SEED).improve(start or method(2))


def rates(history):
    return [
        (each.step, each.number, each.evaluation.failure_rate, each.chosen) for each in history.candidates
    ]


def chosen(history):
    """Step and λ of e0 and of each method that was chosen."""
    return [(step, rate) for step, _, rate, is_chosen in rates(history) if is_chosen]


def test_the_candidate_that_fails_least_wins_and_the_loop_stops_when_none_fails_less(row, engine):
    engine(answering([[fenced(2, "a"), fenced(1)], [fenced(4), fenced(1, "b")], [fenced(0), fenced(0)]]))
    history = loop(row)
    assert rates(history) == [
        (0, 0, 0.5, True),
        (1, 0, 0.5, False),
        (1, 1, 0.25, True),
        (2, 0, 1.0, False),
        (2, 1, 0.25, False),
    ]
    assert history.best.method == method(1)


def test_the_next_step_starts_from_the_method_that_was_chosen(row, engine):
    fake = engine(answering([[fenced(3), fenced(1)], [fenced(1, "b"), fenced(2, "c")]]))
    loop(row)
    improved = [asked.messages[0].content for asked in fake.asked if asked.purpose == "improve"]
    assert [prompt.endswith(method(1)) for prompt in improved] == [False, False, True, True]
    evolved = [asked.messages[0].content for asked in fake.asked if "row 10" in asked.messages[0].content]
    assert Counter(prompt.split(" holdout")[0] for prompt in evolved if "#Case" not in prompt) == {
        "fails=2": 3,
        "fails=1": 3,
    }


@pytest.mark.parametrize(
    ("incumbent", "patience", "expected", "best"),
    [
        (True, 1, [(0, 0.5)], 0),
        (True, 2, [(0, 0.5)], 0),
        (True, 3, [(0, 0.5), (3, 0.25)], 3),
        (False, 1, [(0, 0.5), (1, 0.75)], 0),
        (False, 2, [(0, 0.5), (1, 0.75), (2, 0.5)], 0),
        (False, 3, [(0, 0.5), (1, 0.75), (2, 0.5), (3, 0.25), (4, 0.5), (5, 0.75), (6, 0.25)], 3),
    ],
)
def test_who_follows_and_how_long_a_better_one_is_waited_for(
    row, engine, incumbent, patience, expected, best
):
    rounds = [(3, 4), (2, 3), (4, 1), (2, 4), (3, 3), (1, 4), (0, 0)]
    engine(answering([[fenced(a, f"{step}"), fenced(b, f"{step}")] for step, (a, b) in enumerate(rounds)]))
    history = loop(row, changed(incumbent=incumbent, patience=patience, steps=7))
    assert chosen(history) == expected
    assert (history.best.step, history.best.evaluation.failure_rate) == (best, dict(expected)[best])


def test_the_loop_makes_no_more_steps_than_it_may(row, engine):
    engine(answering([[fenced(1), fenced(1)], [fenced(0), fenced(0)]]))
    assert chosen(loop(row, changed(steps=1))) == [(0, 0.5), (1, 0.25)]
    assert chosen(loop(row, changed(steps=0))) == [(0, 0.5)]


@pytest.mark.parametrize(
    ("params", "steps"),
    [(changed(), 1), (changed(incumbent=False), 2), (changed(difficulty_weight=0.1), 2)],
    ids=["nothing can fail less", "it will be followed anyway", "it can still gain"],
)
def test_where_nothing_fails_the_loop_stops_unless_something_can_still_change(row, engine, params, steps):
    engine(answering([[fenced(0), fenced(1)], [fenced(0, "b"), fenced(1)]]))
    assert max(each.step for each in loop(row, params).candidates) == steps


@pytest.mark.parametrize(
    ("ties", "proposals", "winner"),
    [
        ("shorter", [(1, "two words"), (1, "one")], 1),
        ("shorter", [(1, "one"), (1, "two words")], 0),
        ("shorter", [(1, "one"), (1, "eno")], 0),
        ("first", [(1, "two words"), (1, "one")], 0),
        ("first", [(2, "one"), (1, "two words")], 1),
    ],
)
def test_ties_go_to_the_shorter_method_or_to_the_first(row, engine, ties, proposals, winner):
    engine(answering([[fenced(*each) for each in proposals]]))
    history = loop(row, changed(steps=1, ties=ties))
    assert [each.chosen for each in history.candidates[1:]] == [number == winner for number in range(2)]


def test_an_equal_candidate_does_not_replace_the_incumbent_even_if_it_is_shorter(row, engine):
    engine(answering([[fenced(2), fenced(2)]]))
    assert loop(row, start=method(2, "and many more words")).best.step == 0


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("I cannot.", "no fence"),
        ("```Optimized Method\n```", "empty"),
        ((fenced(0), "length"), "truncated"),
        (("", "stop", "prompt too long"), "model error: prompt too long"),
    ],
)
def test_a_candidate_without_a_whole_method_says_why_and_has_no_rate(row, engine, broken, reason):
    engine(answering([[broken, fenced(1)]]))
    history = loop(row, changed(steps=1))
    assert rates(history)[1:] == [(1, 0, None, False), (1, 1, 0.25, True)]
    assert reason in history.candidates[1].reason and not history.candidates[2].reason
    assert history.candidates[1].feedback == "feedback 7"


def test_a_run_whose_analysis_failed_improves_nothing(row, engine):
    usual = answering([[fenced(0), fenced(1)]])

    def answer(asked):
        if asked.purpose == "analyse" and asked.sampling.seed == SEED:
            return reply(asked.key, "Case 1 is", "length")
        return usual(asked)

    fake = engine(answer)
    history = loop(row, changed(steps=1))
    assert sum(asked.purpose == "improve" for asked in fake.asked) == 1
    assert [each.reason for each in history.candidates] == ["", "no analysis: truncated", ""]
    assert history.best.number == 1


@pytest.mark.parametrize("incumbent", [True, False])
def test_a_step_without_any_method_is_a_step_without_a_better_one(row, engine, incumbent):
    engine(answering([["no", "none"], [fenced(1), "none"]]))
    assert chosen(loop(row, changed(incumbent=incumbent))) == [(0, 0.5)]
    assert chosen(loop(row, changed(incumbent=incumbent, patience=2, steps=2))) == [(0, 0.5), (2, 0.25)]


def test_a_method_that_lost_its_slot_gets_it_back_and_evolves_rows(row, engine):
    engine(answering([["```Optimized Method\nfails=1 holdout=0 gain=0\n```", fenced(4)]]))
    history = loop(row, changed(steps=1))
    assert chosen(history)[-1] == (1, 0.25)
    assert history.best.method.count(methods.SLOT) == 1


def test_a_method_keeps_its_lines_and_loses_what_only_blurs_a_difference(row, engine):
    text = "fails=1 holdout=0 gain=0  \r\nTwo.\t\r\n\r\n  Three.\n#Instruction#:\n{instruction}"
    engine(answering([[f"```Optimized Method\n{text}\n```", "none"]]))
    expected = "fails=1 holdout=0 gain=0\nTwo.\n\n  Three.\n#Instruction#:\n{instruction}"
    assert loop(row, changed(steps=1)).best.method == expected


def test_each_run_analyses_and_improves_once_with_a_seed_of_its_own(row, engine):
    proposals = [[fenced(1, "a"), fenced(1, "b")], [fenced(1, "c"), fenced(1, "d")]]
    fake = engine(answering(proposals))
    history = loop(row)
    for purpose in ("analyse", "improve"):
        asked = [request.sampling for request in fake.asked if request.purpose == purpose]
        assert sorted(sampling.seed for sampling in asked) == [7, 8, 9, 10]
        assert {(each.temperature, each.top_p, each.max_tokens) for each in asked} == {(0.6, 0.95, 99)}
    assert [each.feedback for each in history.candidates] == ["", *(f"feedback {n}" for n in range(7, 11))]


def test_a_group_of_calls_is_asked_at_once(row, engine, monkeypatch):
    groups = []
    generate = Model.generate

    def counted(model, requests):
        requests = list(requests)
        groups.append((requests[0].purpose if requests else "nothing", len(requests)))
        return generate(model, requests)

    monkeypatch.setattr(Model, "generate", counted)
    engine(answering([[fenced(number) for number in (1, 2, 3, 4, 4)]]))
    history = loop(row, changed(steps=1, candidates=5))
    asked = [group for group in groups if group[1]]
    # Step 0: 4 rows, 2 of them parsable; then 3 trajectories, 5 runs, 5 x 4 rows, of which 3 + 2 + 1.
    assert asked == [
        ("evolve", 4),
        ("respond", 2),
        ("evolve", 3),
        ("analyse", 5),
        ("improve", 5),
        ("evolve", 20),
        ("respond", 6),
    ]
    assert history.calls == sum(count for _, count in asked)


def test_the_optimizer_sees_every_stage_and_the_conversation_before(row, engine):
    fake = engine(answering([[fenced(1), fenced(1, "b")]]))
    talk = (("user", "Hello there"), ("assistant", "Good morning"))
    rows = OptimizationRows([row("row 100", history=talk)], [row("row 1")], [])
    with Model(ChatModel("simulated", "small")) as evolver, Model(ChatModel("simulated", "large")) as other:
        evaluator = MethodEvaluator(evolver, None, Sampling(), RULES)
        params = changed(steps=1, trajectory_rounds=2)
        history = optimize.Optimizer(evaluator, other, params, rows, SEED).improve(method(2))
    prompt = next(asked.messages[0].content for asked in fake.asked if asked.purpose == "analyse")
    assert "user: Hello there\nassistant: Good morning" in prompt
    assert re.findall(r"^#(?:Case|Stage) \d#:", prompt, re.MULTILINE) == [
        f"#{name}#:" for name in ("Case 1", "Stage 0", "Stage 1", "Stage 2")
    ]
    [case] = history.trajectories
    assert (case.step, case.stages) == (1, [f"row 100{' harder by 0' * round}" for round in range(3)])


def steps(count):
    """Proposals of which each step's best fails on one row less than the one before."""
    return [
        [fenced(count - step, gain=step), fenced(count - step, "longer", gain=step)]
        for step in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("purpose", "mark"),
    [("evolve", "gain=7"), ("analyse", "harder by 6"), ("improve", "gain=6"), ("respond", "harder by 7")],
)
def test_a_crash_at_step_7_resumes_there_and_asks_nothing_again(row, engine, store, purpose, mark):
    params = changed(steps=9)
    usual = answering(steps(9))

    def crashing(asked):
        if asked.purpose == purpose and mark in str(asked.messages):
            raise KeyboardInterrupt
        return usual(asked)

    undisturbed = engine(usual)
    expected = loop(row, params, method(9), development=9)
    store.unlink()
    before = engine(crashing)
    with pytest.raises(KeyboardInterrupt):
        loop(row, params, method(9), development=9)
    after = engine(usual)
    assert loop(row, params, method(9), development=9) == expected
    assert expected.best.step == 9
    asked = [{(each.messages, each.sampling) for each in fake.asked} for fake in (undisturbed, before, after)]
    assert len(asked[1]) > len(asked[0]) / 2, "step 7 is past the middle"
    assert asked[1] | asked[2] == asked[0]
    twice = asked[1] & asked[2]
    assert len(twice) <= before.capacity and all(mark in str(messages) for messages, _ in twice), "in flight"
    again = engine(answering())
    assert loop(row, params, method(9), development=9) == expected and not again.asked


@pytest.mark.parametrize(
    ("rows", "candidates", "factor", "expected"),
    [
        (50, 5, None, [(50, 5)]),
        (50, 5, 2, [(7, 3), (13, 2), (25, 1), (50, 1)]),
        (50, 5, 5, [(10, 1), (50, 1)]),
        (50, 4, 2, [(13, 2), (25, 1), (50, 1)]),
        (50, 9, 3, [(6, 3), (17, 1), (50, 1)]),
        (50, 1, 2, [(50, 1)]),
        (3, 5, 2, [(1, 3), (1, 2), (2, 1), (3, 1)]),
        (50, 0, 2, [(50, 0)]),
    ],
)
def test_halving_gives_more_rows_to_fewer_methods(rows, candidates, factor, expected):
    assert list(optimization_calls.halving_rungs(rows, candidates, factor)) == expected


def test_halving_tries_the_worse_candidates_on_fewer_rows_and_counts_what_it_saves(row, engine):
    engine(answering([[fenced(number) for number in (8, 1, 9, 0)]]))
    history = loop(row, changed(steps=1, candidates=4, halving=2), method(10), development=12)
    tried = {each.number: each.evaluation for each in history.candidates if each.step}
    assert {number: len(evaluation.given) for number, evaluation in tried.items()} == {
        0: 3,
        1: 6,
        2: 3,
        3: 12,
    }
    assert {number: len(evaluation.failed) for number, evaluation in tried.items()} == {
        0: 3,
        1: 1,
        2: 3,
        3: 0,
    }
    assert history.calls_saved == 2 * (9 + 6 + 9)
    assert [each.number for each in history.candidates if each.step and each.chosen] == [3]


def test_with_halving_no_method_wins_by_rows_that_it_was_not_tried_on(row, engine):
    # Candidate 0 fails on few of the first rows, and so stays in; on all rows it is no better than e0.
    engine(answering([[fenced(4), fenced(5)]]))
    history = loop(row, changed(steps=1, halving=2), method(4), development=4)
    assert chosen(history) == [(0, 1.0)]
    assert [each.objective for each in history.candidates] == [1.0, 1.0, float("inf")]


def test_halving_changes_nothing_where_the_first_rows_tell_the_best(row, engine):
    proposals = [[fenced(number) for number in (3, 1, 2)]]
    engine(answering(proposals))
    whole = loop(row, changed(steps=1, candidates=3), method(4))
    halved = loop(row, changed(steps=1, candidates=3, halving=3), method(4))
    assert whole.best.method == halved.best.method
    assert halved.calls < whole.calls and whole.calls_saved == 0


def silent(usual, purpose, text, rows, times):
    """Answer as usual, but fail so often at each request for these rows with a text in its prompt."""
    lost = Counter()

    def answer(asked):
        prompt = asked.messages[-1].content
        number = re.search(r"row (\d+)", prompt)
        if asked.purpose == purpose and text in prompt and number and int(number[1]) in rows:
            lost[prompt] += 1
            if lost[prompt] <= times:
                return reply(asked.key, "", error="timeout")
        return usual(asked)

    return answer


OUTAGE = [[fenced(1, "one good word"), fenced(2)], [fenced(0, "b"), fenced(2, "c")]]


@pytest.mark.parametrize(
    ("purpose", "text", "rows"),
    [("evolve", "fails=1", range(4)), ("respond", "row", range(4)), ("evolve", "fails=2", range(100, 110)),
     ("evolve", "fails=2", range(200, 202))],
    ids=["of a candidate", "of answers", "of a mini-batch", "of the holdout"],
)  # fmt: skip
def test_a_call_that_fails_is_made_again_and_leaves_no_trace(row, engine, store, purpose, text, rows):
    engine(answering(OUTAGE))
    expected = loop(row, changed(steps=2), holdout=2)
    store.unlink()
    engine(silent(answering(OUTAGE), purpose, text, rows, times=1))
    history = loop(row, changed(steps=2), holdout=2)
    assert history.calls > expected.calls
    assert (history.candidates, history.trajectories, history.best) == (
        expected.candidates, expected.trajectories, expected.best,
    )  # fmt: skip


@pytest.mark.parametrize("purpose", ["analyse", "improve"])
def test_an_optimizer_that_fails_is_asked_again(row, engine, purpose):
    usual, lost = answering([[fenced(1), fenced(2)]]), set()

    def answer(asked):
        if asked.purpose == purpose and asked.messages not in lost:
            lost.add(asked.messages)
            return reply(asked.key, "", error="timeout")
        return usual(asked)

    engine(answer)
    assert chosen(loop(row, changed(steps=1))) == [(0, 0.5), (1, 0.25)]


@pytest.mark.parametrize("lost", [(0,), (1,), (0, 1), (0, 1, 2), (0, 1, 2, 3), (3,)], ids=str)
def test_an_outage_on_one_candidate_s_rows_does_not_choose_it(row, engine, lost, capsys):
    engine(silent(answering(OUTAGE), "evolve", "fails=2 holdout=0 gain=0\n", lost, times=99))
    history = loop(row, changed(steps=1), start=method(2, "e0"))
    assert history.best.method == method(1, "one good word")
    given = history.candidates[2].evaluation
    assert len(given.judged) == 4 - len(lost)
    failed = len({0, 1} - set(lost))
    assert given.failure_rate == (failed / len(given.judged) if given.judged else None)
    told = f"step 1, candidate 1: judged on {4 - len(lost)} of 4 rows; no reply came for the others"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("lost", "best"), [((3,), 1), ((0, 3), 1), ((1, 2, 3), 0)], ids=str)
def test_a_candidate_that_is_better_on_the_rows_that_it_was_judged_on_is_chosen(row, engine, lost, best):
    proposals = [[fenced(3, "b"), fenced(0)]]
    engine(silent(answering(proposals), "evolve", "fails=0", lost, times=99))
    assert loop(row, changed(steps=1)).best.step == best


def test_what_is_no_outage_is_the_method_s_own_failure(row, engine):
    usual = answering([[fenced(1), fenced(2)]])

    def answer(asked):
        prompt = asked.messages[-1].content
        if asked.purpose == "evolve" and "fails=1" in prompt:
            return reply(asked.key, "", error="prompt too long: 9 tokens of a context of 8")
        return usual(asked)

    fake = engine(answer)
    history = loop(row, changed(steps=1))
    assert rates(history)[1] == (1, 0, 1.0, False)
    assert sum("fails=1" in str(asked.messages) for asked in fake.asked if asked.purpose == "evolve") == 4


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            range(1, 4),
            r"the initial method is judged on 1 of 4 rows; .*timeout; expected at least half .* run again",
        ),
        (range(100, 110), r"no reply came for any of the 3 rows of mini-batch 1; .*timeout.* run again"),
    ],
    ids=["the initial method", "a mini-batch"],
)
def test_an_outage_that_leaves_nothing_to_go_by_stops_the_loop(row, engine, rows, message):
    engine(silent(answering(OUTAGE), "evolve", "", rows, times=99))
    with pytest.raises(BadInput, match=message):
        loop(row)


def test_with_halving_an_outage_eliminates_no_method(row, engine):
    proposals = [[fenced(5), fenced(0, "the best of all")]]
    engine(silent(answering(proposals), "evolve", "fails=0", range(4), times=99))
    history = loop(row, changed(steps=1, halving=2), start=method(6), development=8)
    assert history.best.method == method(0, "the best of all")
    assert [len(each.evaluation.given) for each in history.candidates] == [8, 8, 8]


def test_a_judge_s_outage_decides_between_no_methods(row, engine):
    usual = answering([[fenced(1, gain=60), fenced(1, "and longer", gain=10)]])

    def answer(asked):
        lost = asked.purpose == "rate_score" and "harder by 60" in asked.messages[-1].content
        return reply(asked.key, "", error="timeout") if lost else usual(asked)

    fake = engine(answer)
    history = loop(row, changed(steps=1, difficulty_weight=1.0))
    assert history.best.method == method(1, gain=60)
    assert sum("harder by 60" in str(asked.messages) for asked in fake.asked) == 2 * 3 + 3


def test_a_row_without_a_verdict_of_the_judge_is_not_judged(row, engine):
    usual = answering()

    def answer(asked):
        if asked.purpose != "equal":
            return usual(asked)
        lost = "row 1 " in asked.messages[-1].content
        return reply(asked.key, "", error="timeout") if lost else "Not Equal"

    engine(answer)
    rows = [row(f"row {number}") for number in range(4)]
    with Model(ChatModel("simulated", "small"), "evolver") as one:
        rules = RULES.model_copy(update={"equal": True})
        found = MethodEvaluator(one, one, Sampling(max_tokens=99), rules).evaluate({0: method(0)}, rows)[0]
    assert found.failed == () and [each.row for each in found.unjudged] == [rows[1].id]


def test_an_outage_of_a_whole_step_is_no_step_without_a_better_method(row, engine):
    usual = answering(OUTAGE)

    def answer(asked):
        return reply(asked.key, "", error="timeout") if asked.purpose == "improve" else usual(asked)

    engine(answer)
    with pytest.raises(BadInput, match=r"no candidate of step 1 could be judged; .*timeout.* run again"):
        loop(row, changed(patience=1))


def test_a_method_that_was_not_judged_on_all_rows_is_not_settled(row, engine):
    engine(silent(answering([[fenced(1), fenced(2)]]), "evolve", "fails=0", (0,), times=99))
    history = loop(row, changed(steps=1), start=method(0))
    assert [each.step for each in history.candidates] == [0, 1, 1]


def test_a_row_without_a_reply_is_no_case_for_the_optimizer(row, engine):
    usual = answering(OUTAGE)
    fake = engine(usual)
    batch = [each.row.instruction for each in loop(row, changed(steps=1)).trajectories]
    number = int(batch[0].split()[1])
    fake.asked.clear()
    fake.answer = silent(usual, "evolve", "", [number], times=99)
    # The first round of it is kept from before.
    history = loop(row, changed(steps=1, trajectory_rounds=2))
    shown = next(asked.messages[0].content for asked in fake.asked if asked.purpose == "analyse")
    assert [text for text in batch if f"{text}\n" in shown] == batch[1:]
    assert [each.verdicts for each in history.trajectories] == [
        [None, "not judged"],
        [None, None],
        [None, None],
    ]


def test_the_objective_weighs_failures_against_the_gain_in_difficulty(row, engine):
    proposals = [[fenced(1, gain=10), fenced(2, gain=60)]]
    fake = engine(answering(proposals))
    plain = loop(row, changed(steps=1))
    assert plain.best.number == 0
    assert not any(asked.purpose == "rate_score" for asked in fake.asked)
    engine(answering(proposals))
    weighed = loop(row, changed(steps=1, difficulty_weight=1.0))
    assert [each.evaluation.difficulty_gain for each in weighed.candidates] == [0, 10, 60]
    assert [each.objective for each in weighed.candidates] == pytest.approx([0.5, 0.25 - 0.1, 0.5 - 0.6])
    assert weighed.best.number == 1
    assert loop(row, changed(steps=1, difficulty_weight=0.4)).best.number == 0


def test_a_gain_that_cannot_be_read_counts_as_none(row, engine):
    usual = answering([[fenced(1, gain=60), fenced(0, gain=5)]])
    engine(lambda asked: "Hard to say." if "harder by 60" in str(asked.messages) else usual(asked))
    history = loop(row, changed(steps=1, difficulty_weight=1.0))
    assert [each.objective for each in history.candidates] == pytest.approx([0.5, 0.25, -0.05])


def test_a_judge_whose_ratings_cannot_be_read_at_all_is_told_at_once(row, engine):
    usual = answering()
    fake = engine(lambda asked: "Hard." if asked.purpose == "rate_score" else usual(asked))
    with pytest.raises(BadInput, match=r"difficulty_weight .* no rating by models\.judge can be parsed"):
        loop(row, changed(difficulty_weight=1.0))
    assert not any(asked.purpose == "analyse" for asked in fake.asked)


def test_the_holdout_is_measured_for_what_is_chosen_and_changes_no_choice(row, engine):
    proposals = [[fenced(1, holdout=5), fenced(2, "b", holdout=0)], [fenced(0, holdout=2), fenced(4)]]
    fake = engine(answering(proposals))
    without = loop(row)
    assert not any("row 20" in str(asked.messages) for asked in fake.asked)
    history = loop(row, holdout=5)
    assert rates(history) == rates(without)
    measured = [each.holdout.failure_rate for each in history.candidates]
    assert measured == [0.0, 1.0, None, 0.4, None]
    assert [len(each.evaluation.given) for each in history.candidates] == [4] * 5


def test_the_mini_batches_are_drawn_from_the_pool_alone_each_step_anew(row, engine):
    engine(answering([[fenced(4 - step, f"{step}")] * 2 for step in range(3)]))
    history = loop(row, changed(incumbent=False, patience=3), start=method(4), holdout=4)
    batches = [
        [each.row.instruction for each in history.trajectories if each.step == step] for step in (1, 2, 3)
    ]
    assert all(len(set(batch)) == 3 for batch in batches) and len(set(map(tuple, batches))) == 3
    assert all(int(text.split()[1]) in range(100, 110) for batch in batches for text in batch)


def draw(rows, params, seed):
    """Write rows as a table, and draw from it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "r0.parquet")
        tables.write(path, tables.frame(INSTRUCTIONS, rows))
        return optimize.read_optimization_rows(path, params, seed)


@pytest.mark.parametrize(
    ("rows", "pool", "development", "holdout", "sizes"),
    [
        (5000, 2000, 50, 0, (1950, 50, 0)),
        (4000, 2000, 50, 200, (1750, 50, 200)),
        (100, 2000, 50, 0, (34, 16, 0)),
        (100, 2000, 50, 50, (18, 16, 16)),
        (20, 2000, 2, 1, (7, 2, 1)),
        (6, 2000, 50, 9, (1, 1, 1)),
        (100, 10, 5, 0, (7, 3, 0)),
    ],
)
def test_pool_development_and_holdout_are_drawn_disjoint(row, rows, pool, development, holdout, sizes):
    table = [row(f"row {number}") for number in range(rows)]
    params = changed(pool=pool, development=development, holdout=holdout)
    drawn = draw(table, params, 7)
    assert tuple(map(len, drawn)) == sizes
    assert len({each.id for part in drawn for each in part}) == sum(sizes)
    assert draw(table, params, 7) == drawn
    assert drawn.development == draw(table, changed(pool=pool, development=development), 7)[1]
    if rows > 6:
        assert draw(table, params, 8) != drawn


@pytest.mark.parametrize("most", [1, 1000])
def test_rows_are_drawn_of_parts_as_of_a_file_in_the_order_of_the_draw(row, tmp_path, most):
    rows = [row(f"row {number}", seed_place=number) for number in range(90)]
    path, params = tmp_path / "r0.parquet", changed(pool=30, development=8, holdout=6)
    with table_parts.rows_per_file(most):
        tables.write(path, tables.frame(INSTRUCTIONS, rows))
    drawn = optimize.read_optimization_rows(path, params, 7)
    assert drawn == draw(rows, params, 7)
    assert [row.id for row in drawn.development] != sorted(row.id for row in drawn.development)
    with pytest.raises(BadInput, match=r"90 rows in r0 .*optimize.pool = 2 "):
        optimize.read_optimization_rows(path, changed(pool=2), 7)


def test_rows_added_at_the_end_of_the_source_change_nothing_of_the_loop(row, engine):
    table = [row(f"row {number}", seed_place=number) for number in range(2020) if number % 10]
    fewer = [each for each in table if each.seed_place < 2000]
    before, after = (draw(rows, changed(pool=2000), 7) for rows in (fewer, table))
    assert before == after
    assert sum(map(len, before)) == 1728 // 2, "half of the stable rows"


def test_a_mini_batch_is_drawn_by_the_rows_own_ids(row, engine):
    engine(answering([[fenced(4 - step, f"{step}")] * 2 for step in range(3)]))
    params = changed(incumbent=False, patience=3)
    batches = []
    for pool in (range(100, 140), range(139, 99, -1), range(100, 141)):
        rows = OptimizationRows([row(f"row {number}") for number in pool], [row("row 0")], [])
        with (
            Model(ChatModel("simulated", "small")) as evolver,
            Model(ChatModel("simulated", "large")) as other,
        ):
            evaluator = MethodEvaluator(evolver, None, Sampling(max_tokens=99), RULES)
            history = optimize.Optimizer(evaluator, other, params, rows, SEED).improve(method(4))
        batches.append([each.row.id for each in history.trajectories])
    assert batches[0] == batches[1]
    assert len(set(batches[0]) - set(batches[2])) <= 1


@pytest.mark.parametrize(("rows", "pool"), [(0, 20), (5, 20), (500, 2)])
def test_too_few_rows_to_judge_methods_are_the_users_to_mend(row, rows, pool):
    table = [row(f"row {number}") for number in range(rows)]
    with pytest.raises(BadInput, match=rf"{rows} rows in r0 .*optimize.pool = {pool}"):
        draw(table, changed(pool=pool), 7)


@pytest.mark.parametrize(
    ("values", "judged", "expected"),
    [
        ({}, False, 8 + 3 * (3 + 4 + 16)),
        ({"steps": 0}, False, 8),
        ({"holdout": 5}, False, 18 + 3 * (3 + 4 + 16 + 10)),
        ({"difficulty_weight": 0.5, "trajectory_rounds": 2}, False, 16 + 3 * (6 + 4 + 32)),
        ({}, True, 12 + 3 * (6 + 4 + 24)),
        ({"halving": 2}, False, 8 + 3 * (3 + 4 + 2 * (2 * 2 + 2))),
    ],
)
def test_the_calls_of_the_loop_have_a_bound(row, engine, values, judged, expected):
    params = changed(incumbent=False, patience=3, **values)
    assert optimization_calls.count_optimization_calls(params, judged, steps=params.steps) == expected
    engine(answering([[fenced(0, f"{step}"), fenced(0, f"{step} again")] for step in range(3)]))
    history = loop(row, params, start=method(0), holdout=params.holdout)
    # Nothing fails here and each step has a new method: only the judge is asked less, of a parent just once.
    assert history.calls == expected if not (judged or params.difficulty_weight) else history.calls < expected
