"""Constraints: read from a file, invented in rounds, and what of a reply is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.autoif import augment
from evobuild.autoif.augment import (
    Constraint,
    KnownConstraints,
    clean_list_item,
    find_constraint_fault,
    invent_constraints,
    read_seed_constraints,
)
from evobuild.cli.check.all_params import load_all_params
from evobuild.core.draws import draw_lowest
from evobuild.core.errors import BadInput
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from stages import augment as stage

GIVEN = load_all_params(SHIPPED_PARAMS)
SETTINGS = GIVEN.autoif.augment.model_copy(update={"rounds": 1, "count": 5, "examples": 3})


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("- Use no comma.", "Use no comma."),
        ("* Use no comma.", "Use no comma."),
        ("  12) Use no comma. ", "Use no comma."),
        ("(3) Use no comma.", "Use no comma."),
        ("**4.** Use no comma.", "Use no comma."),
        ("- 1. Use no comma.", "Use no comma."),
        ('• "Use no comma."', "Use no comma."),
        ("- “Use  no\tcomma.”", "Use no comma."),
        ("1. **Commas:** Use none of them.", "Use none of them."),
        ("1. **Commas**: Use none of them.", "Use none of them."),
        ("- **Use no comma.**", "Use no comma."),
        ("- Use **no** comma.", "Use **no** comma."),
        (
            '- "Yes" opens the answer, "no" ends it, as in "Yes, no"',
            '"Yes" opens the answer, "no" ends it, as in "Yes, no"',
        ),
        (
            "- Answer with words that begin with the letter 'B'",
            "Answer with words that begin with the letter 'B'",
        ),
        ("- 3 sentences begin with 'A'.", "3 sentences begin with 'A'."),
        ("-5 is in the answer.", "-5 is in the answer."),
        ("- 逗号不得出现。", "逗号不得出现。"),
    ],
)
def test_a_line_is_rid_of_what_makes_it_an_item(line, text):
    assert clean_list_item(line) == text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("- Use no comma.", None),
        ("- Emojis only.", None),
        ("- The following words appear: sun, moon.", None),
        ("- Below each heading is one sentence.", None),
        ("- Each paragraph ends with a question.", None),
        ("- They, them and their are avoided.", None),
        ("- Sure-fire words such as 'always' are avoided.", None),
        ("- 逗号不得出现。", None),
        ("- **Use no comma.**", None),
        ("Use no comma.", "no list item"),
        ("Here are five new constraints:", "no list item"),
        ("```", "no list item"),
        ("---", "no list item"),
        ("- Sure! Here are five of them.", "chatter"),
        ("- Here are five new constraints.", "chatter"),
        ("- Let me know if you need more.", "chatter"),
        ("- I’ve kept them short.", "chatter"),
        ("- These constraints can all be checked.", "chatter"),
        ("- I'm sorry, but I cannot help with that.", "chatter"),
        ("- Would you like some more of them?", "chatter"),
        ("- Length constraints:", "heading"),
        ("- ## Length", "heading"),
        ("1. **Length constraints**", "heading"),
        ("- Emojis", "too short"),
        (f"- Use {'very ' * 60}long words.", "too long"),
    ],
)
def test_what_is_no_constraint_is_named(line, reason):
    found = find_constraint_fault(line, clean_list_item(line))
    assert (found and found[0]) == reason


@pytest.mark.parametrize(
    ("first", "second", "like"),
    [
        ("Use no comma.", "use  no comma", "equal"),
        ("Begin with the letter 'B'", 'Begin with the letter "B".', "equal"),
        # 9 pairs each, 8 of them shared: 8 / 10.
        ("Write the whole answer in exactly three sentences of prose.",) * 2 + ("equal",),
        (
            "Write your whole answer in exactly three sentences of prose.",
            "Write the whole answer in exactly three sentences of prose.",
            None,  # 7 shared of 11: 0.64
        ),
        (
            "Write the whole answer in exactly three sentences of prose.",
            "Write the whole answer in exactly three sentences of rhyme.",
            "near",  # 8 shared of 10: 0.8
        ),
        ("Do not use '!'.", "Do not use '?'.", None),
        ("Use 3 words.", "Use 4 words.", None),
        ("逗号不得出现在回答中。", "逗号不得出现在答案中。", None),
    ],
)
def test_of_alike_constraints_one_is_known(first, second, like):
    known = KnownConstraints(0.7)
    known.add(first)
    assert (known.equal(second) == first) is (like == "equal")
    assert (known.near(second) == first) is (like is not None)


def test_without_a_threshold_only_equal_ones_are_alike():
    known = KnownConstraints(None)
    known.add("Use at most 50 words in the answer.")
    assert known.near("Use at most 50 words in the answer!") is None
    assert known.equal("use at most 50 words  in the answer!")
    assert known.equal("Use at most 51 words in the answer.") is None


def test_what_is_near_two_is_told_the_earlier():
    known = KnownConstraints(0.5)
    for text in ("a b c d e", "x y", "a b c d f"):
        known.add(text)
    assert known.near("a b c d g") == "a b c d e"


def seeds(tmp_path, content):
    path = tmp_path / "own.txt"
    path.write_bytes(content)
    known = KnownConstraints(0.7)
    return list(read_seed_constraints(path, known)), known


def test_every_line_of_the_seeds_is_a_constraint_or_a_reject_with_its_place(tmp_path):
    found, known = seeds(tmp_path, "\ufeffUse no comma.\r\n\r\n Emojis\r\nuse no comma\r\n".encode())
    assert known.texts == ["Use no comma.", "Emojis"]
    assert [each.constraint for each in found if isinstance(each, Constraint)] == known.texts
    assert [(each.reason, each.detail, each.reply) for each in found if isinstance(each, Reject)] == [
        ("empty", "own.txt:2", ""),
        ("exact duplicate", "own.txt:4 repeats: Use no comma.", "use no comma"),
    ]
    assert {each.origin for each in found if isinstance(each, Constraint)} == {"seed"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "own.txt: has no constraint"),
        (b"\n \n", "has no constraint"),
        (b"\xff\xfe\x00", "own.txt:1: is UTF-16"),
    ],
)
def test_a_file_without_constraints_is_refused(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        seeds(tmp_path, content)


def augmented(answer, engine, seeds=("Use no comma.",), near=0.7, **changes):
    fake = engine(answer)
    known = KnownConstraints(near)
    for text in seeds:
        known.add(text)
    with Model(ChatModel("simulated", "evolver")) as model:
        results = list(invent_constraints(known, SETTINGS.model_copy(update=changes), model, 42))
    return results, fake, known


def test_a_reply_gives_a_constraint_or_a_reject_for_every_line(engine):
    said = "Sure, here are some:\n\n- Use no colon.\n- use no COMMA\n2. Let me know!\n- Use no colon\n"
    results, _, known = augmented(lambda asked: said, engine)
    assert [(each.reason, each.reply) for each in results if isinstance(each, Reject)] == [
        ("no list item", "Sure, here are some:"),
        ("exact duplicate", "- use no COMMA"),
        ("chatter", "2. Let me know!"),
        ("exact duplicate", "- Use no colon"),
    ]
    (kept,) = (each for each in results if isinstance(each, Constraint))
    assert kept[1:] == ("Use no colon.", "round-1", "simulated:evolver")
    assert known.texts == ["Use no comma.", "Use no colon."]
    assert len({each.id for each in results}) == len(results)


@pytest.mark.parametrize(
    ("text", "finish", "kept", "reasons"),
    [
        ("- Use no colon.\n- Write ten wor", "length", ["Use no colon."], ["truncated"]),
        ("- Use no colon.\n- Write ten words.\n", "stop", ["Use no colon.", "Write ten words."], []),
        ("- Use no col", "length", [], ["truncated"]),
        (" ", "stop", [], ["empty"]),
        (" \n", "length", [], ["truncated"]),
        ("- Use no colon.", "content_filter", [], ["content filter"]),
    ],
)
def test_a_cut_reply_loses_its_last_line_and_a_useless_one_is_one_reject(engine, text, finish, kept, reasons):
    results, _, _ = augmented(lambda asked: reply(asked.key, text, finish), engine)
    assert [each.constraint for each in results if isinstance(each, Constraint)] == kept
    assert [each.reason for each in results if isinstance(each, Reject)] == reasons


def test_no_round_gives_more_constraints_than_it_asks_for(engine):
    said = "- Use no colon.\n- Use no comma\n- Write ten words.\n- End with a rhyme.\n- Let me know!"
    results, _, known = augmented(lambda asked: said, engine, count=2)
    assert known.texts == ["Use no comma.", "Use no colon.", "Write ten words."]
    assert [(each.reason, each.reply) for each in results if isinstance(each, Reject)] == [
        ("exact duplicate", "- Use no comma"),
        ("more than asked for", "- End with a rhyme."),
        ("chatter", "- Let me know!"),
    ]


def test_each_round_shows_some_of_all_so_far_drawn_by_seed(engine):
    texts = ["Use no b.", "Use no a.", "Use no d.", "Use no c."]
    asked_of = []

    def answer(asked):
        asked_of.append(asked)
        return f"- End with the word number {len(asked_of)}."

    _, fake, _ = augmented(answer, engine, texts, rounds=2)
    assert [asked.sampling.seed for asked in fake.asked] == [43, 44]
    first = draw_lowest(texts, 3, 42, "augment 1", by=str)
    second = draw_lowest([*texts, "End with the word number 1."], 3, 42, "augment 2", by=str)
    assert [asked.messages[0].content for asked in fake.asked] == [
        render_prompt("autoif/augment.jinja", examples=drawn, count=5) for drawn in (first, second)
    ]


def test_all_seeds_can_be_shown_each_time_and_then_no_round_waits(engine):
    texts = ["Use no b.", "Use no a.", "Use no d."]
    results, fake, _ = augmented(
        lambda asked: f"- End with {asked.sampling.seed} in full.\n- Use no e.",
        engine, texts, near=None, rounds=12, examples="seeds",
    )  # fmt: skip
    prompt = render_prompt("autoif/augment.jinja", examples=texts, count=5)
    assert {asked.messages[0].content for asked in fake.asked} == {prompt}
    # The fake answers the last first; the rounds are read in their order.
    kept = [(each.constraint, each.origin) for each in results if isinstance(each, Constraint)]
    first, *rest = [(f"End with {42 + number} in full.", f"round-{number}") for number in range(1, 13)]
    assert kept == [first, ("Use no e.", "round-1"), *rest]
    assert [each.reason for each in results if isinstance(each, Reject)] == ["exact duplicate"] * 11


def test_an_invented_constraint_is_never_a_template(engine):
    results, fake, _ = augmented(lambda asked: "- Use {{ 7 * 7 }} words.", engine, rounds=2, examples=9)
    assert "Use {{ 7 * 7 }} words." in fake.asked[1].messages[0].content
    assert len(results) == 2


@pytest.fixture
def ran(tmp_path, store):
    """Run the stage and give the folder of its outs."""
    seed = tmp_path / "own.txt"
    seed.write_text("Use no comma.\n\nUse no colon.\n")

    def run(rounds):
        own = {"seeds": str(seed), "augment": SETTINGS.model_copy(update={"rounds": rounds})}
        update = {"autoif": GIVEN.autoif.model_copy(update=own)}
        outs = {name: tmp_path / name for name in ("constraints", "rejects", "counts")}
        stage.main(GIVEN.model_copy(update=update), stage.Arguments(branch="autoif", **outs))
        return tmp_path

    return run


def test_the_stage_asks_once_a_round_and_resumes_from_the_store(ran, engine):
    fake = engine(lambda asked: "- Use no hyphen at all.\nBye")
    out = ran(2)
    counts = json.loads((out / "counts").read_text())
    (asked,) = counts.pop("asked")
    assert (asked["role"], asked["purposes"]["augment"]["requests"]) == ("evolver", 2)
    assert counts == {
        "in": 7,
        "out": 3,
        "rejects": {"no list item": 2, "empty": 1, "exact duplicate": 1},
        "origins": {"seed": 2, "round-1": 1},
    }
    assert pl.read_parquet(out / "constraints").height == 3 and pl.read_parquet(out / "rejects").height == 4
    before = [(out / name).read_bytes() for name in ("constraints", "rejects", "counts")]
    assert len(fake.asked) == 2
    ran(2)
    assert len(fake.asked) == 2
    assert [(out / name).read_bytes() for name in ("constraints", "rejects", "counts")] == before


def test_rounds_that_give_nothing_are_said_to(ran, engine, capfd):
    engine(lambda asked: reply(asked.key, "", error="out of order"))
    assert pl.read_parquet(ran(2) / "constraints").height == 2
    assert "2 rounds gave no constraint" in capfd.readouterr().err


def test_without_rounds_the_seeds_are_all_there_is(ran, engine):
    fake = engine(lambda asked: "")
    assert pl.read_parquet(ran(0) / "constraints")["origin"].to_list() == ["seed"] * 2
    assert not fake.asked


@pytest.mark.skipif(
    "EVOBUILD_REAL_DATA" not in os.environ, reason="EVOBUILD_REAL_DATA names no folder of data"
)
def test_all_seeds_of_the_authors_are_constraints_and_none_is_taken_for_chatter():
    path = Path(os.environ["EVOBUILD_REAL_DATA"]) / "autoif/seed_instruction.txt"
    found = list(read_seed_constraints(path, KnownConstraints(0.7)))
    assert len(found) == 36 and all(isinstance(each, Constraint) for each in found)
    texts = [each.constraint for each in found]
    assert [find_constraint_fault(f"- {text}", clean_list_item(f"- {text}")) for text in texts] == [None] * 36
    assert [clean_list_item(f"- {text}") for text in texts] == texts
    known = KnownConstraints(0.7)
    for text in texts:
        assert known.near(text) is None
        known.add(text)
    assert augment.count_origins(found) == {"seed": 36}
