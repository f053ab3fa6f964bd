"""`evobuild explain` of rows and constraints of the AutoIF branch, on tables made by hand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.autoif import records
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import REJECTS
from evobuild.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
DATA = Path("data")
HOSTILE = "return True\x1b[2J\nlost by crosscheck: nothing {{ 7*7 }}"
CASES = [{"input": "Yes, no.", "expected": False}, {"input": "Yes.", "expected": True}]
SEED = {"id": "5eed", "seed_id": "5eed", "round": "r0", "domain": "chat", "instruction": "Name a bird."}


def row(key, constraint, **fields):
    made = {"id": key, "seed_id": "5eed", "parent_id": "5eed", "round": "autoif", "domain": "chat"}
    text = f"Constraint {constraint}."
    made |= {"instruction": text, "input": "Name a bird.", "output": ""}
    return made | {"strategy": "autoif", "operation": f"autoif-{constraint}"} | fields


def put(path, schema, *rows):
    """Write a table; texts that are not given are empty, other values null."""
    blank = {name: "" if kind == pl.String else None for name, kind in schema.items()}
    blank |= {"history": []} if "history" in schema else {}
    (DATA / path).parent.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame([blank | each for each in rows], schema=schema)
    tables.write(DATA / f"{path}.parquet", frame)


def reject(key, reason, detail="", reply=""):
    return {"id": key, "reason": reason, "detail": detail, "reply": reply}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Constraint c0de has three functions, of which the last two are not kept or no functions; row b1ad is
    answered well, b2ad is lost; constraint dead is lost."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVOBUILD_STORE", str(tmp_path / "replies.sqlite"))
    shutil.copytree(ROOT / "prompts", "prompts")
    content = read_yaml(SHIPPED_PARAMS)
    content |= {"rounds": {}, "branches": {"autoif": {}}, "pools": {"r0": {}, "autoif": {}}}
    content["select"]["pools"] = ["autoif"]
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    Path("dvc.yaml").touch()
    put("rounds/r0", INSTRUCTIONS, SEED)
    put("rounds/autoif", INSTRUCTIONS, row("b1ad", "c0de", output="Robin", responder="simulated:large"))
    put("autoif/rows", INSTRUCTIONS, row("b1ad", "c0de"), row("b2ad", "c0de"))
    write_constraints()
    write_answers()
    for name in ("responses/r0", "responses/autoif"):
        put(name, INSTRUCTIONS)


def write_constraints():
    put(
        "autoif/constraints", records.CONSTRAINTS,
        {"id": "c0de", "constraint": "Use no comma.", "origin": "round-2", "model": "simulated:small"},
        {"id": "dead", "constraint": "Use no letter.", "origin": "seed"},
    )  # fmt: skip
    put(
        "autoif/verifiers", records.VERIFIERS,
        *({"id": f"c0de-{number}", "constraint_id": "c0de", "number": number, "code": code, "cases": CASES}
          for number, code in enumerate(["return 'x'", "return ',' not in response", HOSTILE])),
        {"id": "dead-0", "constraint_id": "dead", "number": 0, "code": "return 1", "cases": []},
    )  # fmt: skip
    put(
        "autoif/function_verdicts", records.FUNCTION_VERDICTS,
        {"id": "c0de-0", "constraint_id": "c0de", "number": 0, "accuracy": 0.75, "kept": True},
        {"id": "c0de-1", "constraint_id": "c0de", "number": 1, "accuracy": 1.0, "kept": True},
        {"id": "c0de-2", "constraint_id": "c0de", "number": 2, "error": "time", "kept": False},
    )  # fmt: skip
    put(
        "autoif/case_verdicts", records.CASE_VERDICTS,
        *({"id": str(place), "constraint_id": "c0de", "agreement": agreement, "kept": place < 1} | case
          for place, (agreement, case) in enumerate(zip([1.0, 0.5], CASES, strict=True))),
    )  # fmt: skip
    said = {"constraint_id": "c0de", "number": 0, "text": "The answer holds no comma."}
    put("autoif/backtranslations", records.BACKTRANSLATIONS, {"id": "said"} | said)
    put("rejects/verifiers-autoif", REJECTS, reject("c0de-3", "no JSON", "", "I would rather not."))
    put("rejects/crosscheck-autoif", REJECTS, reject("dead", "no function left", "0.25 at best"))
    put("rejects/entailment-autoif", REJECTS)


def write_answers():
    answer = {number: records.answer_id("b1ad", number) for number in range(4)}
    put(
        "autoif/answers", records.ANSWERS,
        {"id": answer[0], "row": "b1ad", "number": 0, "answer": "Robin, say"},
        {"id": answer[2], "row": "b1ad", "number": 2, "answer": "Robin"},
        {"id": answer[3], "row": "b1ad", "number": 3, "answer": "Wren"},
        {"id": "fa11", "row": "b2ad", "number": 0, "answer": "Wren, or not"},
    )  # fmt: skip
    put(
        "autoif/checks", records.CHECKS,
        {"id": answer[0], "row": "b1ad", "accuracy": 0.0, "verdicts": ["false", "time"]},
        {"id": answer[2], "row": "b1ad", "accuracy": 1.0, "verdicts": ["true", "true"]},
        {"id": answer[3], "row": "b1ad", "accuracy": 1.0, "verdicts": ["true", "true"]},
        {"id": "fa11", "row": "b2ad", "accuracy": 0.0, "verdicts": ["false", "false"]},
    )  # fmt: skip
    put(
        "autoif/qualities", records.QUALITIES,
        {"id": answer[2], "row": "b1ad", "score": 9.0}, {"id": answer[3], "row": "b1ad"},
    )  # fmt: skip
    put("rejects/sample-autoif", REJECTS, reject(answer[1], "truncated", "", "Robin and"))
    lost = reject("b2ad", "no answer kept the constraint", "1 answers, the best accuracy 0")
    put("rejects/quality-autoif", REJECTS, lost)


def explain(capsys, key):
    assert command.main(["explain", key]) == 0
    return capsys.readouterr().out


def in_order(said, *lines):
    """Whether texts stand one after the other."""
    place = 0
    for line in lines:
        place = said.find(line, place)
        assert place >= 0, line
        place += len(line)


def test_a_row_is_told_from_its_seed_row_and_its_constraint_on(project, capsys):
    in_order(
        explain(capsys, "b1ad"),
        "b1ad: ", "round autoif, domain chat\n",
        "\nr0  5eed\n", "  │ Name a bird.\n",
        "\nautoif  b1ad\n  composed of 5eed and a constraint\n",
        "  constraint c0de, invented by simulated:small in round-2\n  │ Use no comma.\n",
        "  instruction, the constraint\n  │ Constraint c0de.\n",
        "  input, the query\n  │ Name a bird.\n",
    )  # fmt: skip


def test_functions_stand_as_verdicts_number_them_then_those_that_judge_nothing(project, capsys):
    in_order(
        explain(capsys, "b1ad"),
        "  verifier 4 was lost: no JSON\n  the reply\n  │ I would rather not.\n",
        "  verifier 2, function 1, right on 100% of the kept cases\n  │ return ',' not in response\n",
        "  what function 1 checks, in words\n  │ The answer holds no comma.\n",
        "  verifier 1, function 2, right on 75% of the kept cases\n  │ return 'x'\n",
        "  verifier 3, judges no answer, no verdict: time\n  │ return True␛[2J\n",
        "  case that breaks the constraint, kept: 100% of the functions agree\n  │ Yes, no.\n",
        "  case that keeps the constraint, not kept: 50% of the functions agree\n  │ Yes.\n",
    )  # fmt: skip


def test_every_answer_has_its_verdicts_and_its_quality_or_why_it_was_lost(project, capsys):
    said = explain(capsys, "b1ad")
    in_order(
        said,
        "  answer 1\n  │ Robin, say\n  the constraint is kept by 0% of the functions: "
        "function 1 false, function 2 time\n",
        "  answer 2 was lost: truncated\n  the reply\n  │ Robin and\n",
        "  answer 3, which was taken\n  │ Robin\n  the constraint is kept by 100% of the functions: "
        "function 1 true, function 2 true\n  quality: 9 of 10\n",
        "  answer 4\n  │ Wren\n", "  quality: the judge gave no score\n",
    )  # fmt: skip
    assert "fa11" not in said and "Wren, or not" not in said


def test_a_row_without_an_answer_that_will_do_is_told_too(project, capsys):
    said = explain(capsys, "b2ad")
    assert said.startswith("b2ad: quality: no answer kept the constraint\n")
    assert "  lost by quality: no answer kept the constraint (1 answers, the best accuracy 0)\n" in said
    assert "which was taken" not in said


def test_an_answer_leads_to_its_row_and_a_verifier_to_its_constraint(project, capsys):
    assert explain(capsys, "fa11") == explain(capsys, "b2ad")
    assert explain(capsys, "c0de-2") == explain(capsys, "c0de")


def test_a_lost_constraint_says_where_and_why(project, capsys):
    said = explain(capsys, "dead")
    assert said.startswith("dead: a constraint, crosscheck: no function left\n")
    in_order(
        said,
        "constraint dead, as the seed has it\n  │ Use no letter.\n",
        "  verifier 1, equal to an earlier one\n  │ return 1\n",
        "  lost by crosscheck: no function left (0.25 at best)\n",
    )


@pytest.mark.parametrize("key", ["b1ad", "dead"])
def test_what_it_came_from_are_the_settings_of_the_branch(project, capsys, key):
    end = explain(capsys, key).partition("What it came from: there is no dvc.lock")[2]
    assert "autoif:\n" in end and "evolve:\n" not in end


def test_a_seed_row_says_what_became_of_it_in_the_branch(project, capsys):
    assert "In autoif it became b1ad, b2ad\n" in explain(capsys, "5eed")


def test_code_of_a_model_neither_steers_the_terminal_nor_passes_for_what_is_said(project, capsys):
    said = explain(capsys, "b1ad")
    assert not re.search("[\0-\x08\x0b-\x1f]", said) and "{{ 7*7 }}" in said
    assert not re.search("^ *lost by crosscheck", said, re.MULTILINE)


@pytest.mark.parametrize(
    "path",
    [f"autoif/{name}" for name in ("constraints", "verifiers", "checks", "qualities", "answers")]
    + [f"rejects/{name}-autoif" for name in ("verifiers", "crosscheck", "sample", "quality")],
)
def test_a_table_that_is_not_here_is_named_and_left_out(project, capsys, path):
    (DATA / f"{path}.parquet").unlink()
    said = explain(capsys, "b1ad")
    listed = re.search(r"^Missing, so left out: (.*) \(get pushed", said, re.MULTILINE)[1]
    assert f"data/{path}.parquet" in listed.split(", ")
    assert "composed of 5eed and a constraint" in said


def test_a_row_with_a_query_of_a_file_has_no_seed_row_above_it(project, capsys):
    alone = row("b3ad", "c0de", seed_id="b3ad", parent_id="")
    put("autoif/rows", INSTRUCTIONS, row("b1ad", "c0de"), row("b2ad", "c0de"), alone)
    said = explain(capsys, "b3ad")
    in_order(
        said,
        "round autoif, domain chat\n\nautoif  b3ad\n",
        "  composed of a query of data/raw/sample.jsonl and a constraint\n",
        "  input, the query\n  │ Name a bird.\n",
    )
    assert "5eed" not in said and "a seed row" not in said


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_responders_prompt_is_shown_as_it_was_asked(project, capsys, wrapped):
    if wrapped:
        content = read_yaml(Path("params.yaml"))
        content["respond"]["prompt"] = "paper"
        Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    said = explain(capsys, "b1ad")
    if not wrapped:
        assert "the responder's prompt" not in said
        return
    in_order(
        said,
        "  input, the query\n  │ Name a bird.\n",
        "  the responder's prompt, rendered from prompts/respond/paper.jinja\n",
        "  │ [instruction] Constraint c0de.\n  │ [Query] Name a bird.\n",
        "  answer 1\n",
    )
