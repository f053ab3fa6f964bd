"""IFEval on published replies: every verdict that the official checker itself gives again."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

import pytest
from punkt import only_nltk_data

from evobuild.evaluation.benchmark import Settings
from evobuild.evaluation.benchmarks.ifeval import IFEval, check_reply
from evobuild.evaluation.benchmarks.ifeval.instructions import read_instructions

REAL = os.environ.get("EVOBUILD_REAL_DATA")
pytestmark = pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")


@pytest.fixture(autouse=True)
def punkt(monkeypatch):
    only_nltk_data(Path(REAL or "") / "nltk_data", monkeypatch)


def published():
    with gzip.open(Path(REAL or "") / "ifeval/published_verdicts.jsonl.gz", "rt") as file:
        yield from map(json.loads, file)


def test_the_official_items_are_read():
    items = IFEval("ifeval", Settings(items=f"{REAL}/ifeval/input_data.jsonl"), 1).read_items()
    assert len(items) == 541
    assert sum(len(item.content["instructions"]) for item in items) == 834


def test_every_published_verdict_that_can_be_given_again_is():
    differ, count = [], 0
    for row in published():
        found = check_reply(read_instructions(row, "row"), row["response"] or "")
        for place, (verdict, strict, loose) in enumerate(
            zip(found, row["strict"], row["loose"], strict=True)
        ):
            count += 2
            if (verdict.strict, verdict.loose) != (strict, loose):
                differ.append((row["key"], place in row["rerun_disagrees"]))
    assert count
    # A letter drawn at random, and languages of short texts: in rows that are marked, and in no other.
    assert all(marked for _, marked in differ)


SIGNS = """*|**|***|******|* |- |[|]|[name]|<<|>>|<<a>>|{"a": 1}|```json|```|P.S.|P. P.s|SECTION 1
Section 2|Day 3|,|.|!|?|"|'|“|My answer is yes.|weekend|President|USA|can't|Cann't|e.g.|Dr. Smith|İ|ß|ΟΔΟΣ|ǅ
unfortunately|q|null|NaN|#|word|A|\t| |  |http://a.b/c"""
PIECES = [*SIGNS.replace("\n", "|").split("|"), "\n", "\n\n", "\r\n", "\x85", "\u2028"]


def test_odd_replies_get_the_verdicts_of_the_maintained_copy_of_the_official_code():
    langdetect, utils = (pytest.importorskip(name) for name in ("langdetect", "lm_eval.tasks.ifeval.utils"))
    langdetect.DetectorFactory.seed = 0
    rng = random.Random(0)
    rows = [json.loads(line) for line in Path(f"{REAL}/ifeval/input_data.jsonl").read_text().splitlines()]
    for row in rng.sample(rows, 300):
        for _ in range(3):
            text = "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 14)))
            example = utils.InputExample(row["key"], row["instruction_id_list"], row["prompt"], row["kwargs"])
            found = []
            for check in (utils.test_instruction_following_strict, utils.test_instruction_following_loose):
                random.seed(row["key"])
                found.append(list(map(bool, check(example, text).follow_instruction_list)))
            verdicts = check_reply(read_instructions(row, "row"), text)
            assert [list(mode) for mode in zip(*verdicts, strict=True)] == found, (row["key"], text)
