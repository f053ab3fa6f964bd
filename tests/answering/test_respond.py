"""Responses: what becomes of each row, and which rules lose it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.answering import respond
from evobuild.answering.choice import CANDIDATES
from evobuild.answering.respond import Asking
from evobuild.answering.response_prompt import response_template
from evobuild.cli.check.all_params import load_all_params
from evobuild.core import conversation, tables
from evobuild.core.chat import Sampling
from evobuild.core.conversation import PLAIN
from evobuild.core.errors import BadParams
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions
from evobuild.core.rejects import Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from stages import respond as stage

PARAMS = load_all_params(SHIPPED_PARAMS)


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    """Progress files of the test's own: an interrupted stage leaves its usage in them."""
    monkeypatch.setattr("evobuild.models.progress.FOLDER", tmp_path / "progress")


def answered(rows, *rules):
    with Model(ChatModel("simulated", "fake")) as model:
        return list(respond.answer_rows(rows, model, Asking(PLAIN, Sampling(), rules)))


def test_a_row_gets_its_answer_and_who_wrote_it(row, engine):
    fake = engine(lambda asked: " The Nile. ")
    parent = row(input="in Africa", history=(("user", "Hi."), ("assistant", "Hello.")), evolver="an evolver")
    (found,) = answered([parent], "auto_evol")
    assert found == parent._replace(output="The Nile.", responder="simulated:fake")
    assert [message.role for message in fake.asked[0].messages] == ["user", "assistant", "user"]
    assert "in Africa" in fake.asked[0].messages[-1].content


def test_what_was_thought_before_an_answer_is_no_part_of_it_and_stands_beside_it(row, engine):
    engine(lambda asked: "<think>\nPlease provide more, thank you?\n</think>\n\nThe Nile.")
    (found,) = answered([row()], "auto_evol", "wizardlm")
    assert (found.output, found.reasoning) == ("The Nile.", "Please provide more, thank you?")


def test_of_an_answer_that_never_came_the_thoughts_are_kept(row, engine):
    engine(lambda asked: "<think>\nA river, a river")
    (found,) = answered([row()])
    assert found == Reject(row().id, "truncated", "", "A river, a river")


@pytest.mark.parametrize(
    ("text", "rules", "reason"),
    [
        ("Sorry, I cannot.", ("auto_evol",), None),
        ("Sorry, I cannot.", ("auto_evol", "wizardlm"), "sorry"),
        ("Understood. Which one?", ("wizardlm",), None),
        ("Understood. Which one?", ("auto_evol",), "stagnant complexity"),
        ("Understood. Which one?", (), None),
        ("", (), "empty"),
    ],
)
def test_only_the_rules_that_are_named_lose_a_row(row, engine, text, rules, reason):
    engine(lambda asked: text)
    (found,) = answered([row()], *rules)
    assert (found.reason if isinstance(found, Reject) else None) == reason
    assert (found.reply if reason else found.output) == text


def test_one_failed_request_harms_no_other(row, engine):
    engine(
        lambda asked: reply(asked.key, "Yes.", "length" if "long" in asked.messages[0].content else "stop")
    )
    found = answered([row("A long one."), row("A short one.")])
    assert {type(each) for each in found} == {Instruction, Reject}
    assert next(each for each in found if isinstance(each, Reject)).reason == "truncated"


def test_each_row_has_so_many_responses_each_with_the_next_seed(row, engine):
    engine(lambda asked: "" if asked.sampling.seed == 8 else f" {asked.sampling.seed} ")
    rows = [row("Name a river."), row("Name a lake.")]
    with Model(ChatModel("simulated", "fake")) as model:
        found = list(respond.sample_responses(rows, 3, model, Asking(PLAIN, Sampling(seed=7), ())))
    told = {(each.row.instruction, each.number): each.failure or each.answer for each in found}
    said = enumerate(("7", "empty", "9"))
    assert told == {(each.instruction, number): text for number, text in said for each in rows}


@pytest.mark.parametrize(("keep", "asked"), [("keep", 1), ("replace", 2)])
def test_the_seeds_own_answers_are_no_ones_to_judge(row, engine, tmp_path, keep, asked):
    fake = engine(lambda request: "The Nile.")
    rows = [row("Name a river.", output="Sorry, I know none."), row("Name another.")]
    pool = tmp_path / "r0.parquet"
    tables.write(pool, tables.frame(INSTRUCTIONS, rows))
    before = pool.read_bytes()
    outs = {name: tmp_path / name for name in ("responses", "candidates", "rejects", "counts")}
    section = PARAMS.respond.model_copy(update={"seed_answers": keep, "rules": ["auto_evol", "wizardlm"]})
    given = PARAMS.model_copy(update={"respond": section})
    stage.main(given, stage.Arguments(pool="r0", rows=pool, **outs))
    assert len(fake.asked) == asked
    found = tables.read(outs["responses"], INSTRUCTIONS)
    assert set(found["output"]) == ({"Sorry, I know none.", "The Nile."} if keep == "keep" else {"The Nile."})
    assert pool.read_bytes() == before


def run(tmp_path, prompt, *rows):
    """Answer rows by the stage, asked as a prompt has it; give the responses."""
    pool = tmp_path / "pool.parquet"
    tables.write(pool, tables.frame(INSTRUCTIONS, rows))
    outs = {name: tmp_path / name for name in ("responses", "candidates", "rejects", "counts")}
    section = PARAMS.respond.model_copy(update={"prompt": prompt})
    given = PARAMS.model_copy(update={"respond": section})
    stage.main(given, stage.Arguments(pool="r1", rows=pool, **outs))
    return list(iterate_instructions(tables.read(outs["responses"], INSTRUCTIONS)))


def test_all_samples_are_kept_and_one_is_the_answer(row, engine, tmp_path):
    engine(lambda asked: f"It is {asked.sampling.seed // 2}.")
    pool = tmp_path / "pool.parquet"
    rows = [row("Add 1."), row("Add 2.", output="3", responder="m")]
    tables.write(pool, tables.frame(INSTRUCTIONS, rows))
    outs = {name: tmp_path / name for name in ("responses", "candidates", "rejects", "counts")}
    update = {"samples": 3, "choose": "agreement", "temperature": 1.0}
    given = {"respond": PARAMS.respond.model_copy(update=update), "random_seed": 4}
    stage.main(PARAMS.model_copy(update=given), stage.Arguments(pool="r1", rows=pool, **outs))
    assert set(tables.read(outs["responses"], INSTRUCTIONS)["output"]) == {"It is 2.", "3"}
    found = tables.read(outs["candidates"], CANDIDATES)
    assert found["final_answer"].to_list() == ["2", "2", "3"] and found["chosen"].sum() == 1
    assert json.loads(outs["counts"].read_text())["out"] == 2


def test_the_papers_prompt_wraps_the_last_turn_and_no_row(row, engine, tmp_path):
    fake = engine(lambda asked: "The Nile.")
    rows = [
        row(),
        row("Which is the longest?", input="Nile\nRhine", history=(("user", "Hi."), ("assistant", "Hm."))),
        row("Use no comma.", input="Name two {{ rivers }}.", strategy="autoif"),
    ]
    found = run(tmp_path, "paper", *rows)
    assert {each.id: each._replace(output="", responder="") for each in found} == {
        each.id: each for each in rows
    }
    asked = {request.messages[-1].content for request in fake.asked}
    plain, given, verified = sorted(asked, key=lambda text: ("[Query]" in text, "Input:" in text))
    wanted = {"comprehensive", "accurate", "following instruction"}
    assert all(word in plain and word in given for word in wanted)
    assert plain.endswith("\n\nInstruction: Name a river.\nResponse:") and "Input" not in plain
    assert given.endswith("\n\nInstruction: Which is the longest?\nInput: Nile\nRhine\nResponse:")
    assert verified.endswith("\n\n[instruction] Use no comma.\n[Query] Name two {{ rivers }}.")
    earlier = [request.messages[:-1] for request in fake.asked if len(request.messages) > 1]
    assert [[message.content for message in turns] for turns in earlier] == [["Hi.", "Hm."]]
    # What is trained on, exported and scored has no word of it.
    assert conversation.chat_messages(rows[1])[-1].content == "Which is the longest?\n\nNile\nRhine"


def test_a_template_of_ones_own_is_given_the_row(row, engine, tmp_path, monkeypatch):
    fake = engine(lambda asked: "The Nile.")
    own = tmp_path / "prompts/respond/own.jinja"
    own.parent.mkdir(parents=True)
    own.write_text("{{ strategy }}: {{ instruction }} ({{ input }})")
    monkeypatch.chdir(tmp_path)
    run(tmp_path, "./prompts/respond/own.jinja", row(input="{{ 7*7 }}", strategy="evol"))
    assert fake.asked[0].messages[-1].content == "evol: Name a river. ({{ 7*7 }})"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (
            "wrapped",
            "respond.prompt: unknown prompt 'wrapped'; choose from: plain, paper, or a template file in",
        ),
        (
            "prompts/respond/none.jinja",
            "unknown prompt 'prompts/respond/none.jinja'; choose from: plain, paper",
        ),
        ("prompts/evolve/e0.jinja", "unknown prompt 'prompts/evolve/e0.jinja'; choose from: plain, paper"),
        ("prompts/respond/../evolve/e0.jinja", "in prompts/respond/, which does not contain this file"),
        (
            str(Path("prompts/respond/paper.jinja").resolve()),
            "in prompts/respond/, which does not contain this file",
        ),
        ("prompts/respond", "in prompts/respond/, which does not contain this file"),
    ],
)
def test_a_template_elsewhere_is_refused(prompt, said):
    with pytest.raises(BadParams) as caught:
        response_template(prompt)
    assert said in str(caught.value)
