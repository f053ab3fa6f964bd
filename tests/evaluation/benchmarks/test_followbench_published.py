"""FollowBench on published replies: the figures that the official scorer prints of scripted judgments."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from answers import answered, scored_rows, values
from fakes import reply

from evobuild.evaluation.benchmark import Settings
from evobuild.evaluation.benchmarks.followbench import FollowBench
from evobuild.evaluation.judge import Judgment

REAL = os.environ.get("EVOBUILD_REAL_DATA")
pytestmark = pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")


class Scripted:
    """A judge that says what a file has."""

    def __init__(self, said):
        self.said = said

    def judge(self, benchmark, questions, read):
        replies = [reply(each.key, self.said[each.key]) for each in questions]
        return {each.key: Judgment(read(each), each.text) for each in replies}


def by_item(oracle, field):
    return {
        f"{family}/{row['example_id']}/{row['level']}": row
        for family, own in oracle.items()
        for row in own.get(field, [])
    }


@pytest.mark.parametrize("unread", [0, 7])
def test_the_official_figures_are_those_of_the_official_scorer(unread):
    file = next(Path(f"{REAL}/oracles/followbench").glob("*.json.gz"))
    oracle = json.loads(gzip.decompress(file.read_bytes()))
    benchmark = FollowBench("followbench", Settings(items=f"{REAL}/followbench"), 1)
    items = benchmark.read_items()
    texts = {key: row["generation"] or "" for key, row in by_item(oracle, "outputs").items()}
    said = {key: row["reply"] for key, row in by_item(oracle, "judged").items()}
    assert {item.id for item in items} >= set(texts) > set()
    items = [item for item in items if item.id in texts]
    assert {item.id for item in items if not item.content["rule"]} == set(said)
    lost = [key for key in sorted(said) if said[key].endswith("'YES']")][:unread]
    rows = scored_rows(benchmark, answered(items, texts), Scripted(said | dict.fromkeys(lost, "Well.")))
    assert rows["score"].null_count() == unread
    found = values(benchmark.compute_metrics(rows))
    different = set()
    for family, own in oracle.items():
        rates = {"hsr" if name == "rule_based" else name: row for name, row in own["expected"].items()}
        for name in ("hsr", "ssr"):
            for level in range(1, 6):
                printed = f"{100 * found[f'official/{name}/{family}/{level}']:.2f}"
                if printed != rates.get(name, {}).get(f"level {level}", printed):
                    different.add(f"{family}/{level}")
        csl = round(found[f"official/csl/{family}"], 1)
        if not unread:
            assert str(csl) == rates["csl"]["CSL"]
    # What cannot be read shows where it is, and nowhere else.
    assert different <= {"{0}/{2}".format(*key.split("/")) for key in lost}
    assert bool(different) == bool(unread)
