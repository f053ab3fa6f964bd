"""Answers of the branch: several of each row, each on its own; the same answers are kept later on."""

from __future__ import annotations

import json

import pytest
from branch_rows import changed, of_branch, write_rows
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.autoif.records import ANSWERS
from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import OFF, REJECTS
from stages import respond
from stages import sample as stage


def run(tmp_path, count, *rows):
    given = write_rows(tmp_path / "rows", *rows)
    outs = {name: tmp_path / name for name in ("answers", "rejects", "counts")}
    stage.main(changed("sample", count=count), stage.Arguments(branch="autoif", rows=given, **outs))
    found, lost = tables.read(outs["answers"], ANSWERS), tables.read(outs["rejects"], REJECTS)
    return found, lost, json.loads(outs["counts"].read_text())


def test_each_row_is_asked_so_often_each_time_with_the_next_seed(tmp_path, row, engine):
    fake = engine(lambda asked: f" {asked.messages[0].content} {asked.sampling.seed} ")
    rows = [of_branch(row("A river?", input="In Asia.")), of_branch(row("A lake?"))]
    found, _, counts = run(tmp_path, 3, *rows)
    (asked,) = counts.pop("asked")
    assert (asked["role"], asked["purposes"]["respond"]["requests"]) == ("responder", 6)
    assert counts == {"in": 6, "out": 6, "rejects": {}}
    assert found["id"].n_unique() == 6 and set(found["row"]) == {each.id for each in rows}
    texts = dict(found.filter(found["row"] == rows[0].id).select("number", "answer").rows())
    assert sorted(texts) == [0, 1, 2]
    assert [texts[number][-2:] for number in range(3)] == ["42", "43", "44"]
    assert all("In Asia." in text for text in texts.values())
    assert {request.purpose for request in fake.asked} == {"respond"}


def test_thoughts_stand_beside_the_answers(tmp_path, row, engine):
    engine(lambda asked: "<think>Which?</think>The Nile.")
    found, _, _ = run(tmp_path, 1, of_branch(row()))
    assert found.select("answer", "reasoning").rows() == [("The Nile.", "Which?")]


def test_one_failed_sample_harms_no_other(tmp_path, row, engine):
    answers = {42: "The Nile.", 43: "Sorry, no.", 44: "cut", 45: ""}
    engine(
        lambda asked: (
            reply(asked.key, answers[asked.sampling.seed], "length")
            if asked.sampling.seed == 44
            else answers[asked.sampling.seed]
        )
    )
    found, lost, counts = run(tmp_path, 4, of_branch(row()))
    assert found.select("number", "answer").rows() == [(0, "The Nile.")]
    assert (counts["in"], counts["out"]) == (4, 1)
    assert counts["rejects"] == {"empty": 1, "sorry": 1, "truncated": 1}
    assert "Sorry, no." in set(lost["reply"])


def test_a_count_of_0_asks_nothing(tmp_path, row, engine):
    fake = engine(lambda asked: "The Nile.")
    found, lost, counts = run(tmp_path, 0, of_branch(row()))
    assert found.is_empty() and lost.is_empty() and counts == OFF and not fake.asked


@pytest.mark.parametrize("seed_answers", ["keep", "replace"])
def test_the_answer_that_was_chosen_is_kept(tmp_path, row, engine, seed_answers):
    engine(lambda asked: "The Nile.")
    given = load_all_params(SHIPPED_PARAMS)
    chosen = of_branch(row("A river?"))._replace(output="The Ganges", responder="simulated:chosen")
    pool = write_rows(
        tmp_path / "autoif.parquet", chosen, of_branch(row("Another?")), row("A lake?", output="A")
    )
    outs = {name: tmp_path / name for name in ("responses", "candidates", "rejects", "counts")}
    own = given.respond.model_copy(update={"seed_answers": seed_answers})
    arguments = respond.Arguments(pool="autoif", rows=pool, **outs)
    respond.main(given.model_copy(update={"respond": own}), arguments)
    found = dict(tables.read(outs["responses"], INSTRUCTIONS).select("instruction", "output").rows())
    seed = "A" if seed_answers == "keep" else "The Nile."
    assert found == {"A river?": "The Ganges", "Another?": "The Nile.", "A lake?": seed}
