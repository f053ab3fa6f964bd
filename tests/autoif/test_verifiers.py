"""Verifiers: read from whatever models write around, in and instead of JSON."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.autoif import booleans, records, verifiers
from evobuild.autoif.verifiers import UnreadableVerifier, read_verifier_reply
from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.text import json_repairs
from stages import verifiers as stage

CODE = "def evaluate(response):\n    return ',' not in response"
SPLIT = "def evaluate(response):\n    return len(response.split('\\n')) == 2"

QUOTED = r"\'" * 20_000
COMMENTED = (
    "def evaluate(response):  # it's of 2 lines\n    \"\"\"Don't 'split'.\"\"\"\n    return '\\n' in response"
)


def replied(code=CODE, cases=(("a", True), ("a,", False))):
    return json.dumps(
        {"func": code, "cases": [{"input": text, "output": is_kept} for text, is_kept in cases]}
    )


PLAIN = replied()


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        *[
            (value, True)
            for value in (True, 1, 1.0, "true", "True", "TRUE ", " yes", "'True'", '"true"', "1", "True.")
        ],
        *[
            (value, False)
            for value in (False, 0, 0.0, "false", "False", "false ", "No", "`False`", "0", "\tFALSE\n")
        ],
        *[
            (value, None)
            for value in (None, 2, -1, 0.5, float("nan"), "", "maybe", "true or false", "T", [], {}, [True])
        ],
        *[(value, None) for value in (b"true", (1,), "none", "truе")],
    ],
    ids=repr,
)
def test_booleans_are_read_in_all_their_spellings(value, meant):
    assert booleans.read_boolean(value) is meant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (PLAIN, CODE),
        (f"```json\n{PLAIN}\n```", CODE),
        (f"Sure, here {{it}} is:\n```\n{PLAIN}\n```\nIt checks {{commas}}.", CODE),
        (f'{{"thought": "simple"}}\n{PLAIN}', CODE),
        (json.dumps([json.loads(PLAIN)]), CODE),
        (PLAIN.replace("\\n", "\n"), CODE),
        (PLAIN.replace("true", "True").replace("false", "False"), CODE),
        (PLAIN.replace("'", "\\'"), CODE),
        (replied(f"```python\n{CODE}\n```"), CODE),
        (replied(CODE.replace("\n", "\\n")), CODE),
        (replied(CODE.replace("\n", "\\n").replace("'", "\\'")), CODE),
        (replied(SPLIT), SPLIT),
        (replied(SPLIT.replace("\\", "\\\\").replace("\n", "\\n")), SPLIT),
        (replied(SPLIT.replace("\n", "\\n")), SPLIT),
        (replied(COMMENTED.replace("\n", "\\n")), COMMENTED),
        (PLAIN.replace("func", "Func").replace("cases", "CASES"), CODE),
        (
            r'{"func": "import re\ndef evaluate(response):\n    return re.match(\"\d\", response)"}',
            'import re\ndef evaluate(response):\n    return re.match("\\d", response)',
        ),
    ],
)
def test_a_function_is_read_through_the_slips_of_models(text, code):
    assert read_verifier_reply(text).code == code


def test_code_that_compiles_keeps_its_escapes():
    # Read once less, the two would be one line each and the string would be cut.
    for code in (SPLIT, "def evaluate(response): return '\\\\n' in response", CODE + " or '\\t' in response"):
        assert read_verifier_reply(replied(code)).code == code


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unparsed"),
        ("I cannot do this.", "unparsed"),
        (PLAIN[:-20], "unparsed"),
        (f"```python\n{CODE}\n```", "unparsed"),
        (PLAIN.replace('"cases"', "cases"), "unparsed"),
        ("{" * 3000, "unparsed"),
        ('{"a":' * 3000, "unparsed"),
        ('{"cases": [{"input": "a", "output": true}]}', "no function"),
        (replied(""), "no function"),
        (replied("def check(response): return True"), "no function"),
        (replied("if True:\n    def evaluate(response): return True"), "no function"),
        (replied("# None comes to mind."), "syntax"),
        (replied("def evaluate(response) return True"), "syntax"),
        (replied("def evaluate(response):\nreturn True"), "syntax"),
        (replied("def evaluate(response):\n    return '\ud800'"), "syntax"),
        (replied("def evaluate(response):\n    return '\0'"), "syntax"),
        (replied("def evaluate(response):\n    return " + "(" * 5000), "syntax"),
        (replied(f"{CODE}\n{CODE}"), "several functions"),
    ],
)
def test_what_holds_no_function_is_named(text, reason):
    with pytest.raises(UnreadableVerifier, match=f"^{reason}$"):
        read_verifier_reply(text)


def test_reading_a_reply_runs_none_of_it(tmp_path):
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r}, 'w').write('out')\n{CODE}"
    assert read_verifier_reply(replied(code)).code == code
    assert not canary.exists()


def test_cases_need_a_text_and_a_boolean_and_others_are_dropped_with_a_reason():
    cases = [
        ("a", "True"),
        ("b", "false "),
        ("c", 1),
        ("d", "no"),
        ("e", "maybe"),
        ("f", None),
        (["g"], True),
    ]
    text = replied(cases=[*cases, (None, True), ("\ud800", True)]).replace(
        '{"input": "a"', '7, {"Input": "a"'
    )
    found = read_verifier_reply(text)
    assert found.cases == [("a", True), ("b", False), ("c", True), ("d", False)]
    assert Counter(found.dropped) == {"no case": 1, "no boolean as output": 2, "no text as input": 3}


@pytest.mark.parametrize(
    "cases", ["", ', "cases": null', ', "cases": {}', ', "cases": "none"', ', "cases": []']
)
def test_a_function_without_a_case_is_one(cases):
    assert read_verifier_reply(f'{{"func": {json.dumps(CODE)}{cases}}}') == (CODE, [], [])


def test_answers_are_escaped_once_less_only_where_the_code_was_escaped_twice():
    cases = [("a\\nb", True)]
    for once in (SPLIT, "def evaluate(response): return '\\n' in response"):
        assert read_verifier_reply(replied(once, cases)).cases == cases
    twice = SPLIT.replace("\\", "\\\\").replace("\n", "\\n")
    assert read_verifier_reply(replied(twice, cases)).cases == [("a\nb", True)]


@pytest.mark.parametrize(
    ("slips", "value"),
    [("[" + "True, " * 20_000 + "None]", [True] * 20_000 + [None]), (rf'"{QUOTED}"', QUOTED)],
)
def test_any_number_of_slips_is_mended_at_once(slips, value):
    text = f'Of {{x}}: {{"a": {slips}, "b": "None\n"}} None'
    assert list(json_repairs.find_json_objects(text)) == [{"a": value, "b": "None\n"}]


DEEP = ("(" * 4000 + ")" * 4000, "-" * 9000 + "1", "f(" * 300 + ")" * 300, "1" * 9000, "[" * 150 + "\ud800")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        *((f"{CODE}\nx = {deep}", "syntax") for deep in DEEP),
        (f"{CODE}\0", "syntax"),
        (f"{CODE}\n" + "x = 1\n" * 100_000, "too long"),
    ],
)
def test_code_too_deep_or_too_long_for_a_parser_is_a_reject_with_a_reason(code, reason):
    made, dropped = verifiers._build_result(reply("c1-0", json.dumps({"func": code, "cases": []})))
    assert (made.reason, dropped) == (reason, [])


@pytest.fixture
def ran(tmp_path, store):
    """Run the stage on two constraints and give the folder of its outs."""
    given = load_all_params(SHIPPED_PARAMS)
    rows = [("c1", "Use no comma.", "seed", ""), ("c2", "Use no colon.", "seed", "")]
    tables.write(tmp_path / "constraints", tables.frame(records.CONSTRAINTS, rows))

    def run(count):
        update = {"verifiers": given.autoif.verifiers.model_copy(update={"count": count})}
        names = ("constraints", "verifiers", "rejects", "counts")
        paths = {name: tmp_path / name for name in names}
        changed = given.model_copy(update={"autoif": given.autoif.model_copy(update=update)})
        stage.main(changed, stage.Arguments(branch="autoif", **paths))
        return tmp_path

    return run


def test_every_reply_is_a_verifier_or_a_reject_and_cases_are_counted(ran, engine):
    def answer(asked):
        if asked.sampling.seed == 42:
            return replied(cases=[("a", "True"), ("b", "perhaps")])
        if "comma" in asked.messages[0].content.partition("#Constraint#")[2]:
            return reply(asked.key, PLAIN, "length")
        return replied(cases=[("a", "perhaps")])

    engine(answer)
    out = ran(2)
    counts = json.loads((out / "counts").read_text())
    (asked,) = counts.pop("asked")
    assert (asked["role"], asked["purposes"]["verifier"]["requests"]) == ("evolver", 4)
    assert counts == {
        "in": 4,
        "out": 3,
        "rejects": {"truncated": 1},
        "cases": 2,
        "dropped_cases": {"no boolean as output": 3},
        "without_cases": 1,
    }
    found = tables.read(out / "verifiers", records.VERIFIERS)
    assert found.select("id", "constraint_id", "number").rows() == [
        ("c1-0", "c1", 0),
        ("c2-0", "c2", 0),
        ("c2-1", "c2", 1),
    ]
    assert found["cases"].to_list() == [[{"input": "a", "expected": True}]] * 2 + [[]]
    assert pl.read_parquet(out / "rejects").rows() == [("c1-1", "truncated", "", PLAIN)]


def test_more_samples_ask_only_for_the_new_ones(ran, engine):
    fake = engine(lambda asked: PLAIN)
    ran(2)
    assert Counter(asked.sampling.seed for asked in fake.asked) == {42: 2, 43: 2}
    assert {asked.purpose for asked in fake.asked} == {"verifier"}
    ran(3)
    assert Counter(asked.sampling.seed for asked in fake.asked) == {42: 2, 43: 2, 44: 2}


@pytest.mark.skipif(
    "EVOBUILD_REAL_DATA" not in os.environ, reason="EVOBUILD_REAL_DATA names no folder of data"
)
def test_all_replies_that_the_authors_publish_can_be_read():
    path = Path(os.environ["EVOBUILD_REAL_DATA"]) / "autoif/eval_func_rft.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = [verifiers.read_verifier_reply(text) for line in lines for text in line["gpt-answer"]]
    assert len(found) == 40
    assert [(len(each.cases), each.dropped) for each in found] == [(3, [])] * 40


@pytest.mark.skipif(
    "EVOBUILD_REAL_DATA" not in os.environ, reason="EVOBUILD_REAL_DATA names no folder of data"
)
def test_json_alone_loses_three_of_them_and_15_of_the_111_cases_of_the_rest():
    path = Path(os.environ["EVOBUILD_REAL_DATA"]) / "autoif/eval_func_rft.jsonl"
    strict, lost = Counter(), 0
    for line in path.read_text().splitlines():
        for text in json.loads(line)["gpt-answer"]:
            try:
                cases = json.loads(text.removeprefix("```json").removesuffix("```"))["cases"]
            except ValueError:
                lost += 1
            else:
                strict.update(type(case["output"]) for case in cases)
    assert (lost, strict) == (3, {bool: 96, str: 15})
