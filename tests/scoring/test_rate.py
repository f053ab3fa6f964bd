"""How a judge's words become a level and a score, and when they do not."""

from __future__ import annotations

import pytest
from fakes import reply

from evobuild.core.chat import Sampling
from evobuild.core.tables import Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from evobuild.scoring import rate


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Difficulty: very hard", "very hard"),
        ("Difficulty: Medium.", "medium"),
        ("**Difficulty:** hard", "hard"),
        ("**Difficulty: very easy**", "very easy"),
        ("Difficulty: **easy**", "easy"),
        ('{"difficulty": "very_hard"}', "very hard"),
        ('{"Difficulty": "Hard", "reason": "Not at the level: easy."}', "hard"),
        ('{"reason": "a }{ in a text, difficulty: easy", "level": "very-easy"}', "very easy"),
        ('```json\n{\n  "intent": "to learn",\n  "difficulty": "very hard"\n}\n```', "very hard"),
        ('My verdict:\n{"difficulty_level": "medium"}\nThat is all.', "medium"),
        ('{"difficulty": "easy"}\nNo, rather:\n{"difficulty": "hard"}', "hard"),
        ('{"difficulty": "medium to hard"}', None),
        ('{"difficulty": "medium/hard"}', None),
        ('{"difficulty": null}', None),
        ('{"difficulty": 70}', None),
        ("{'difficulty': 'hard'}", "hard"),
        ("**Hard**", "hard"),
        ("HARD", "hard"),
        ("DIFFICULTY: VERY HARD", "very hard"),
        ("Difficulty: <hard>", "hard"),
        ("Difficulty:\n\nmedium", "medium"),
        ("Difficulty - hard", "hard"),
        ("Difficulty：hard", "hard"),
        ("difficulty = VERY-EASY", "very easy"),
        ("The difficulty is hard.", "hard"),
        ("Easy to read, yet it needs proofs. Difficulty level: very hard", "very hard"),
        ("It looks easy at first.\nLevel: hard", "hard"),
        ("It wants a list, which is easy.\nIt needs no knowledge.\n\nDifficulty: medium", "medium"),
        ("Difficulty: easy\nOn reflection,\nDifficulty: hard", "hard"),
        ("easy", "easy"),
        ("Very hard.", "very hard"),
        ("I find this hard, really hard.", "hard"),
        ("I'd say it's between easy and hard", None),
        ("Difficulty: medium to hard", None),
        ("Difficulty: easy/medium", None),
        ("Difficulty: medium-hard", None),
        ("This is not easy.", None),
        ("It isn't very hard.", None),
        ("Harder than it looks, hardly easier.", None),
        ("Difficulty: extreme", None),
        ("难度：中等", None),
        ("7/10", None),
        ("", None),
    ],
)
def test_a_level_is_the_last_labelled_else_the_only_one_named(text, level):
    assert rate.read_level(text) == level


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Score: 70", 70),
        ("**Score:** 70/100", 70),
        ("**Score: 70**", 70),
        ('{"score": 70}', 70),
        ('{"SCORE": 70.5, "reason": "Score: 10 would be low"}', 70.5),
        ('```json\n{"difficulty_score": 70}\n```', 70),
        ('```\n{"intent": "3 steps", "score": "70/100"}\n```\nScore: 20', 70),
        ('{"difficulty": 70}', 70),
        ('{"score": "70"}', 70),
        ('{"score": "Score: 70"}', 70),
        ('{"score": 70}\n{"score": 80}', 80),
        ('{"score": "60-70"}', None),
        ('{"score": 105}', None),
        ('{"score": -5}', None),
        ('{"score": true}', None),
        ('{"score": null}', None),
        ('{"score": [60, 70]}', None),
        ('{"score": 1e2}', 100),
        ('{"score": NaN}', None),
        ('{"level": "hard"}', None),
        ("SCORE: 70", 70),
        ("score = 70.5", 70.5),
        ("The score is 70.", 70),
        ("I give a score of **70**.", 70),
        ("Score: 70/100", 70),
        ("Score: 70 out of 100", 70),
        ("Score: <70>", 70),
        ("Score (0-100): 70", 70),
        ("Score:\n\n70", 70),
        ("Score - 70", 70),
        ("Score：70", 70),
        ("Score: 70%", 70),
        ("Score: 70\n- 5 notions are needed", 70),
        ("Score: 70, as 3-4 steps are needed", 70),
        ("It needs 3 steps.\nScore: 40\nRather:\nScore: 70", 70),
        ("Score: 0", 0),
        ("Score: 100", 100),
        ("70", 70),
        ("**70/100**", 70),
        ("70%", 70),
        ("Rating: 70", 70),
        ("I would give this 70/100, as it is long.", 70),
        ("It needs 3 steps: 70 out of 100.", 70),
        ("Score: 60-70", None),
        ("Score: 60 – 70", None),
        ("Score: 60 to 70", None),
        ("Score: 60 or 70", None),
        ("somewhere from 60 to 70", None),
        ("60/100 or 70/100", None),
        ("score is 105", None),
        ("Score: 1000", None),
        ("Score: 1,000", None),
        ("Score: -5", None),
        ("Score: 7/10", None),
        ("Score: 7 out of 10", None),
        ("Score: seventy", None),
        ("Score: NaN", None),
        ("It needs 3 steps.", None),
        ("underscore 5", None),
        ("", None),
    ],
)
def test_a_score_is_the_last_labelled_else_the_only_one_of_100(text, score):
    assert rate.read_score(text) == score


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Score: 8", 8),
        ("It serves it.\n\nScore: 8/10", 8),
        ("**7.5/10**", 7.5),
        ("10", 10),
        ("Score: 80", None),
        ("Score: 80/100", None),
        ("80/100", None),
        ("Score: 11", None),
        ("Score: 7-8", None),
        ("Score: <n>", None),
    ],
)
def test_a_score_may_be_of_another_scale(text, score):
    assert rate.read_score(text, most=10) == score


def judged(row, engine, level, score, measures=("level", "score")):
    engine(lambda asked: level if asked.purpose == "rate_level" else score)
    with Model(ChatModel("simulated", "judge")) as model:
        return list(rate.rate_rows([row()], model, Sampling(), measures))


def test_a_rating_joins_both_replies(row, engine):
    assert judged(row, engine, "Difficulty: hard", "Score: 70") == [rate.Rating(row().id, "hard", 70.0)]


@pytest.mark.parametrize(("measures", "values"), [(["level"], ("hard", None)), (["score"], (None, 70.0))])
def test_only_what_is_wanted_is_asked_for(row, engine, measures, values):
    fake = engine(lambda asked: "Difficulty: hard" if asked.purpose == "rate_level" else "Score: 70")
    with Model(ChatModel("simulated", "judge")) as model:
        found = list(rate.rate_rows([row()], model, Sampling(), measures))
    assert [request.purpose for request in fake.asked] == [f"rate_{name}" for name in measures]
    assert found == [rate.Rating(row().id, *values)]


@pytest.mark.parametrize(
    ("level", "score", "reason"),
    [
        ("?", "Score: 70", "unparsed level"),
        ("Difficulty: hard", "Score: 60-70", "unparsed score"),
        (reply("", "Difficulty: hard", "length"), "Score: 70", "truncated"),
        ("Difficulty: hard", " ", "empty"),
    ],
)
def test_a_rating_that_cannot_be_read_is_one_reject(row, engine, level, score, reason):
    def with_key(asked):
        answer = level if asked.purpose == "rate_level" else score
        return answer if isinstance(answer, str) else reply(asked.key, answer.text, answer.finish)

    engine(with_key)
    with Model(ChatModel("simulated", "judge")) as model:
        (rejected,) = rate.rate_rows([row()], model, Sampling(), ("level", "score"))
    assert isinstance(rejected, Reject)
    assert (rejected.id, rejected.reason) == (row().id, reason)
