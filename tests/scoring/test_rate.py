"""How a judge's words become a level and a score, and when they do not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import measure_of
from evobuild.core.rejects import OFF, REJECTS, Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from evobuild.scoring import rate
from stages import rate as stage


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


def test_a_score_is_asked_for_after_reasons_or_alone(row, engine):
    prompts = {}
    for how in ("reasoned", "alone"):
        fake = engine(lambda asked: "70")
        with Model(ChatModel("simulated", "judge")) as model:
            (found,) = rate.rate_rows([row()], model, Sampling(), ["score"], how)
        assert found == rate.Rating(row().id, None, 70.0)
        prompts[how] = fake.asked[0].messages[0].content
    assert "Score: <n>" in prompts["reasoned"] and "Score: <n>" not in prompts["alone"]
    assert all(text.endswith("#Instruction#:\nName a river.") for text in prompts.values())


LOST = {"cut": reply("", "Difficulty: hard", "length"), "failed": reply("", "", error="no answer")}


def rated(row, engine, level, score, measures=("level", "score")):
    """The one result of a row whose two replies are these texts, or what LOST has under them."""

    def answer(asked):
        said = level if asked.purpose == "rate_level" else score
        return replace(LOST[said], key=asked.key) if said in LOST else said

    engine(answer)
    with Model(ChatModel("simulated", "judge")) as model:
        (found,) = rate.rate_rows([row()], model, Sampling(), measures)
    return found


@pytest.mark.parametrize(
    ("level", "score", "known", "unread"),
    [
        ("?", "Score: 70", (None, 70.0), ("unparsed level", "level", "?")),
        ("Difficulty: hard", "Score: 60-70", ("hard", None), ("unparsed score", "score", "Score: 60-70")),
        ("cut", "Score: 70", (None, 70.0), ("truncated", "level", "Difficulty: hard")),
        ("Difficulty: hard", "failed", ("hard", None), ("model error", "score", "no answer")),
        ("Difficulty: hard", " ", ("hard", None), ("empty", "score", " ")),
        ("Difficulty: hard", "<think>Score: 3", ("hard", None), ("truncated", "score", "Score: 3")),
    ],
)
def test_what_can_be_read_of_a_row_is_not_lost_with_what_cannot(row, engine, level, score, known, unread):
    found = rated(row, engine, level, score)
    assert found == rate.Rating(row().id, *known, Reject(row().id, *unread))


@pytest.mark.parametrize(
    ("level", "score", "measures", "reject"),
    [
        (
            "?",
            "!",
            ("level", "score"),
            ("unparsed level", "level: unparsed level, score: unparsed score", "?\n\n!"),
        ),
        (
            "cut",
            " ",
            ("level", "score"),
            ("truncated", "level: truncated, score: empty", "Difficulty: hard\n\n "),
        ),
        (
            "failed",
            "!",
            ("level", "score"),
            ("model error", "level: model error, score: unparsed score", "no answer\n\n!"),
        ),
        ("?", "Score: 70", ("level",), ("unparsed level", "level: unparsed level", "?")),
        ("Difficulty: hard", "!", ("score",), ("unparsed score", "score: unparsed score", "!")),
    ],
)
def test_a_row_of_which_nothing_can_be_read_is_one_reject(row, engine, level, score, measures, reject):
    assert rated(row, engine, level, score, measures) == Reject(row().id, *reject)


PARAMS = load_all_params(SHIPPED_PARAMS)


def ran(folder, rows, measures=("level", "score")):
    """Run the stage; its tables, and its counts without what was asked."""
    folder.mkdir(exist_ok=True)
    tables.write(folder / "rows", tables.frame(INSTRUCTIONS, rows))
    outs = {name: folder / name for name in ("ratings", "unread", "rejects", "counts")}
    section = PARAMS.rate.model_copy(update={"measures": list(measures)})
    stage.main(
        PARAMS.model_copy(update={"rate": section}),
        stage.Arguments(pool="r0", rows=folder / "rows", **outs),
    )
    counts = json.loads(outs["counts"].read_text())
    counts.pop("asked", None)
    found = [tables.read(outs["ratings"], measure_of("rate").schema)]
    return *found, *(tables.read(outs[name], REJECTS) for name in ("unread", "rejects")), counts


def test_rows_in_are_rows_out_and_rejects_and_each_measure_has_its_denominator(row, engine, tmp_path):
    def answer(asked):
        unread = {
            "No level.": ("rate_level",),
            "No score.": ("rate_score",),
            "None.": ("rate_level", "rate_score"),
        }
        words = asked.messages[0].content
        if any(text in words and asked.purpose in kinds for text, kinds in unread.items()):
            return "?"
        return "Difficulty: hard" if asked.purpose == "rate_level" else "Score: 70"

    engine(answer)
    rows = [row("Both."), row("All."), row("No level."), row("No score."), row("None.")]
    ratings, unread, rejects, counts = ran(tmp_path / "a", rows)
    assert counts == {
        "in": 5,
        "out": 4,
        "rejects": {"unparsed level": 1},
        "unread": {"level": 2, "score": 2},
    }
    assert (ratings["level"].count(), ratings["score"].count()) == (5 - 2, 5 - 2)
    assert dict(unread.select("id", "reason").rows()) == {
        rows[2].id: "unparsed level",
        rows[3].id: "unparsed score",
    }
    assert set(unread["reply"]) == {"?"}
    assert rejects["id"].to_list() == [rows[4].id]


def test_a_pool_that_is_not_rated_has_empty_tables(row, engine, tmp_path):
    engine(lambda asked: pytest.fail("asked"))
    *found, counts = ran(tmp_path / "a", [row()], ())
    assert [each.height for each in found] == [0, 0, 0]
    assert counts == OFF
