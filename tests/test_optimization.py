"""The loop of Auto Evol-Instruct, with an engine whose methods fail as often as their text says."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from conftest import reply

from evobuild import methods, optimization
from evobuild.errors import BadInput
from evobuild.models.door import Model
from evobuild.params import Optimize
from evobuild.uri import ChatModel

PARAMS = Optimize(
    pool=20,
    development=4,
    batch=3,
    trajectory_rounds=1,
    candidates=2,
    steps=3,
    temperature=0.6,
    top_p=0.95,
    max_tokens=99,
)


def method(failing, words=""):
    """A method that makes unparsable evolutions of the development rows below a number."""
    return methods.with_slot(f"fails={failing} {words}".strip())


def answering(proposals):
    """Answer as both models; proposals: per step what the optimizer replies to its runs, by seed."""
    steps = iter(proposals)
    current = {}

    def answer(asked):
        prompt = asked.messages[-1].content
        if asked.purpose == "evolve":
            failing, number = re.search(r"fails=(\d+)", prompt), int(re.search(r"row (\d+)", prompt)[1])
            return (
                "no label"
                if number < int(failing[1])
                else f"#Final Rewritten Instruction#: row {number} harder"
            )
        if asked.purpose == "analyse":
            return f"feedback {asked.sampling.seed}"
        if asked.purpose == "improve":
            if asked.sampling.seed not in current:
                current.update(dict(enumerate(next(steps), start=7)))
            text = current.pop(asked.sampling.seed)
            return text if isinstance(text, str) else reply(asked.key, *text)
        return "Sure, which?" if prompt == "row 3 harder" else "An answer."

    return answer


def fenced(*given):
    return f"```Optimized Method\n{method(*given)}\n```"


def run(row, params=PARAMS, start=2):
    development = [row(f"row {number}") for number in range(4)]
    pool = [row(f"row {number}") for number in range(10, 20)]
    with (
        Model(ChatModel("simulated", "small")) as evolver,
        Model(ChatModel("simulated", "large")) as optimizer,
    ):
        loop = optimization.Optimizer(evolver, optimizer, params, pool, development, seed=7)
        return loop.run(method(start)), evolver, optimizer


def rates(history):
    return [(each.step, each.candidate, each.failure_rate, each.chosen) for each in history]


def test_the_rate_counts_unusable_evolutions_and_failed_responses_over_all_development_rows(row, engine):
    engine(answering([]))
    history, _, _ = run(row, PARAMS.model_copy(update={"steps": 0}))
    assert rates(history) == [(0, 0, 3 / 4, True)]
    assert history[0].failures == "unparsable 2, insufficient qualification 1"


def test_a_method_that_breaks_every_reply_fails_wholly(row, engine):
    engine(answering([]))
    history, _, _ = run(row, PARAMS.model_copy(update={"steps": 0}), start=4)
    assert history[0].failure_rate == 1.0


def test_the_candidate_that_fails_least_wins_and_the_loop_stops_when_none_fails_less(row, engine):
    engine(answering([[fenced(2, "a"), fenced(1)], [fenced(0), fenced(3)], [fenced(0, "x"), fenced(1, "y")]]))
    history, _, _ = run(row)
    assert rates(history) == [
        (0, 0, 0.75, True),
        (1, 0, 0.75, False),
        (1, 1, 0.5, True),
        (2, 0, 0.25, True),
        (2, 1, 1.0, False),
        (3, 0, 0.25, False),
        (3, 1, 0.5, False),
    ]
    assert optimization.best_of(history).method == method(0)


def test_the_loop_ends_with_the_first_step_that_does_not_improve(row, engine):
    fake = engine(answering([[fenced(2, "a"), fenced(3)]]))
    history, _, _ = run(row)
    assert [each.step for each in history] == [0, 1, 1]
    assert optimization.best_of(history).method == method(2)
    assert Counter(asked.purpose for asked in fake.asked)["improve"] == 2


@pytest.mark.parametrize(
    ("proposals", "winner"),
    [([(1, "two words"), (1, "one")], 1), ([(1, "one"), (1, "two words")], 0), ([(1, "one"), (1, "eno")], 0)],
)
def test_ties_go_to_the_shorter_method_and_then_to_the_first(row, engine, proposals, winner):
    engine(answering([[fenced(*each) for each in proposals]]))
    history, _, _ = run(row, PARAMS.model_copy(update={"steps": 1}))
    assert [each.chosen for each in history[1:]] == [number == winner for number in range(2)]


@pytest.mark.parametrize("broken", ["I cannot.", (fenced(0), "length"), ("", "stop", "prompt too long")])
def test_a_candidate_without_a_whole_method_is_kept_without_a_rate(row, engine, broken):
    engine(answering([[broken, fenced(1)]]))
    history, _, _ = run(row, PARAMS.model_copy(update={"steps": 1}))
    assert rates(history)[1:] == [(1, 0, None, False), (1, 1, 0.5, True)]
    assert history[1].failures == "no method in the reply"


def test_a_step_without_any_method_ends_the_loop(row, engine):
    engine(answering([["no", "none"]]))
    history, _, _ = run(row)
    assert optimization.best_of(history).step == 0
    assert len(history) == 3


def test_each_run_analyses_and_improves_once_with_its_own_seed(row, engine):
    fake = engine(answering([[fenced(1), fenced(1, "b")]]))
    history, _, _ = run(row, PARAMS.model_copy(update={"steps": 1}))
    for purpose in ("analyse", "improve"):
        asked = [request for request in fake.asked if request.purpose == purpose]
        assert sorted(request.sampling.seed for request in asked) == [7, 8]
        assert {request.sampling.temperature for request in asked} == {0.6}
    assert [each.feedback for each in history] == ["", "feedback 7", "feedback 8"]
    assert all(each.sampling.temperature == 0 for each in fake.asked if each.purpose in ("evolve", "respond"))


def test_a_group_of_calls_goes_through_the_door_at_once(row, engine, monkeypatch):
    groups = []
    generate = Model.generate

    def counted(model, requests):
        requests = list(requests)
        groups.append((requests[0].purpose, len(requests)))
        return generate(model, requests)

    monkeypatch.setattr(Model, "generate", counted)
    engine(answering([[fenced(1), fenced(0, "b")]]))
    run(row, PARAMS.model_copy(update={"steps": 1}))
    # Step 0: 4 rows, 2 of them parsable; then 3 trajectories, 2 runs, 2 x 4 rows, of which 3 + 4.
    assert groups == [
        ("evolve", 4),
        ("respond", 2),
        ("evolve", 3),
        ("analyse", 2),
        ("improve", 2),
        ("evolve", 8),
        ("respond", 7),
    ]


def test_a_trajectory_shows_every_stage_to_the_optimizer(row, engine):
    fake = engine(answering([[fenced(1), fenced(1, "b")]]))
    run(row, PARAMS.model_copy(update={"steps": 1, "trajectory_rounds": 2}))
    prompt = next(asked.messages[0].content for asked in fake.asked if asked.purpose == "analyse")
    assert len(re.findall(r"^#Case \d#:", prompt, re.MULTILINE)) == 3
    assert len(re.findall(r"^#Stage [012]#:", prompt, re.MULTILINE)) == 9


def test_after_a_crash_nothing_stored_is_asked_again(row, engine):
    proposals = [[fenced(1), fenced(1, "b")]]
    params = PARAMS.model_copy(update={"steps": 1})
    usual = answering(proposals)

    def crashing(asked):
        if asked.purpose == "improve":
            raise KeyboardInterrupt
        return usual(asked)

    before = engine(crashing)
    with pytest.raises(KeyboardInterrupt):
        run(row, params)
    after = engine(answering(proposals))
    history, _, _ = run(row, params)
    answered = {(each.messages, each.sampling) for each in before.asked if each.purpose != "improve"}
    assert answered and not answered & {(each.messages, each.sampling) for each in after.asked}
    again = engine(answering([]))
    assert run(row, params)[0] == history
    assert not again.asked


@pytest.mark.parametrize(
    ("rows", "pool", "development", "sizes"),
    [
        (5000, 2000, 50, (1950, 50)),
        (4000, 2000, 50, (1950, 50)),
        (100, 2000, 50, (34, 16)),
        (20, 2000, 2, (8, 2)),
        (6, 2000, 50, (2, 1)),
        (100, 10, 5, (7, 3)),
    ],
)
def test_pool_and_development_are_drawn_disjoint(row, rows, pool, development, sizes):
    table = [row(f"row {number}") for number in range(rows)]
    params = PARAMS.model_copy(update={"pool": pool, "development": development})
    drawn, judged = optimization.draw_rows(table, params, 7)
    assert (len(drawn), len(judged)) == sizes
    assert len({each.id for each in drawn + judged}) == sum(sizes)
    assert optimization.draw_rows(table, params, 7) == (drawn, judged)
    if rows > 6:
        assert optimization.draw_rows(table, params, 8) != (drawn, judged)


@pytest.mark.parametrize(("rows", "pool"), [(0, 20), (5, 20), (500, 2)])
def test_too_few_rows_to_judge_methods_are_the_users_to_mend(row, rows, pool):
    table = [row(f"row {number}") for number in range(rows)]
    with pytest.raises(BadInput, match=rf"{rows} rows in r0 .*optimize.pool = {pool}"):
        optimization.draw_rows(table, PARAMS.model_copy(update={"pool": pool}), 7)
