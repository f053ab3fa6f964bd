"""Back-translations: the best functions of each constraint in words, from the code alone."""

from __future__ import annotations

import json

import pytest
from branch_rows import NO_COMMA, SHORT, changed, constraint, write_constraints

from evobuild.autoif import backtranslate
from evobuild.autoif.records import BACKTRANSLATIONS
from evobuild.core import tables
from evobuild.core.rejects import OFF, REJECTS
from stages import backtranslate as stage


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Use no comma.", "Use no comma."),
        (' "Use no comma." \n', "Use no comma."),
        ("Here is the constraint:\n\nUse no comma.", "Use no comma."),
        ("Use {{ no }} comma.", "Use {{ no }} comma."),
        ("Use no comma.\nUse no colon.", None),
        ("def evaluate(response):\n    return True", None),
        ('Say "yes".', 'Say "yes".'),
        ('End with "yes"', 'End with "yes"'),
        ('"A" comes before "b"', '"A" comes before "b"'),
        ("**Use no comma.**", "Use no comma."),
        ('""', None),
        ("", None),
    ],
)
def test_a_reply_is_one_line(reply, text):
    assert backtranslate.read_backtranslation(reply) == text


def run(tmp_path, functions, *constraints):
    checked = write_constraints(tmp_path / "checked", *constraints)
    outs = {name: tmp_path / name for name in ("backtranslations", "rejects", "counts")}
    arguments = stage.Arguments(branch="autoif", checked=checked, **outs)
    stage.main(changed("backtranslate", functions=functions), arguments)
    found = tables.read(outs["backtranslations"], BACKTRANSLATIONS)
    lost = tables.read(outs["rejects"], REJECTS)
    return found, lost, json.loads(outs["counts"].read_text())


def test_only_the_best_functions_are_asked_for_by_their_code_alone(tmp_path, engine):
    fake = engine(lambda asked: "Use no comma." if "','" in asked.messages[0].content else "Be short.")
    given = constraint("c1", "Avoid colons."), constraint("c2", "Sing.", (SHORT, NO_COMMA, "pass"))
    found, lost, counts = run(tmp_path, 2, *given)
    texts = {(each["constraint_id"], each["number"]): each["text"] for each in found.to_dicts()}
    assert texts == {
        ("c1", 0): "Use no comma.",
        ("c1", 1): "Be short.",
        ("c2", 0): "Be short.",
        ("c2", 1): "Use no comma.",
    }
    (of_evolver,) = counts.pop("asked")
    assert (of_evolver["role"], of_evolver["purposes"]["backtranslate"]["requests"]) == ("evolver", 4)
    assert counts == {"in": 4, "out": 4, "rejects": {}} and lost.is_empty()
    asked = [request.messages[0].content for request in fake.asked]
    assert {request.purpose for request in fake.asked} == {"backtranslate"}
    assert not any("Avoid colons" in text or "Sing" in text for text in asked)
    # The same code of two constraints is one question.
    assert len(asked) == 2


def test_what_cannot_be_read_is_a_reject(tmp_path, engine):
    engine(lambda asked: "One.\nTwo." if "len" in asked.messages[0].content else "Use no comma.")
    found, lost, counts = run(tmp_path, 2, constraint())
    assert found["number"].to_list() == [0]
    assert (counts["in"], counts["out"], counts["rejects"]) == (2, 1, {"not one line": 1})
    assert lost.select("reason", "reply").rows() == [("not one line", "One.\nTwo.")]


def test_if_none_can_be_read_the_stage_says_so(tmp_path, engine, capfd):
    engine(lambda asked: "")
    assert run(tmp_path, 2, constraint())[0].is_empty()
    assert "2 rows came in and none is left; the commonest reasons: empty (2)" in capfd.readouterr().err


def test_no_functions_is_off(tmp_path, engine):
    fake = engine(lambda asked: "Use no comma.")
    found, lost, counts = run(tmp_path, 0, constraint())
    assert found.is_empty() and lost.is_empty() and counts == OFF and not fake.asked
