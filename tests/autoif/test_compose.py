"""Rows of the branch: which seed rows are queries, and what each constraint is put to."""

from __future__ import annotations

import json

import pytest
from branch_rows import changed, constraint, write_constraints, write_rows

from evobuild.autoif import compose
from evobuild.autoif.records import VERIFIED
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.tables import Reject
from stages import compose as stage

BOUNDS = {"min_characters": 5, "max_characters": 8, "domains": []}


def settings(**values):
    return changed("compose", **BOUNDS | values).autoif.compose


@pytest.mark.parametrize(
    ("fields", "domains", "reason"),
    [
        ({"instruction": "x" * 4}, [], "too short"),
        ({"instruction": "x" * 5}, [], None),
        ({"instruction": "x" * 8}, [], None),
        ({"instruction": "x" * 9}, [], "too long"),
        ({"instruction": "x" * 5, "input": "y" * 400}, [], None),
        ({"instruction": "河" * 8}, [], None),
        ({"instruction": "x" * 5, "domain": "math"}, ["chat", "code"], "other domain"),
        ({"instruction": "x" * 5, "domain": "code"}, ["chat", "code"], None),
        ({"instruction": "x" * 5, "history": (("user", "Hi."), ("assistant", "Hm."))}, [], "earlier turns"),
    ],
)
def test_which_seed_rows_are_queries(row, fields, domains, reason):
    given = row(**fields)
    (found,) = compose.sift_queries([given], settings(domains=domains))
    assert (found.reason if isinstance(found, Reject) else None) == reason
    assert found.id == given.id


def composed(seeds, constraints, count=2, seed=42):
    return list(compose.compose_rows(seeds, constraints, "autoif", count, seed))


def test_a_row_is_the_seeds_instruction_and_the_constraint(row):
    seed = row("Name a {{ river }}.", input="In Asia.", output="The Ganges.", domain="geo")
    (found,) = composed([seed], [constraint("c1", "Use no comma.", model="simulated:small")])
    assert found.instruction == "Name a {{ river }}.\n\nUse no comma."
    assert (found.seed_id, found.parent_id) == (seed.id, seed.id)
    assert (found.round, found.strategy, found.operation) == ("autoif", "autoif", "autoif-c1")
    assert (found.evolver, found.responder) == ("simulated:small", "")
    assert (found.domain, found.history, found.input, found.output) == ("geo", (), "In Asia.", "")
    assert found.content_id == tables.content_id((), found.instruction, "In Asia.")


def test_every_row_has_an_id_of_its_own(row):
    seeds = [row(f"Name river {number}.") for number in range(4)]
    found = composed(seeds, [constraint("c1", "Sing."), constraint("c2", "Sing."), constraint("c3")], 4)
    assert len({each.id for each in found}) == 12


def test_queries_are_drawn_for_each_constraint_alone_whatever_the_order(row):
    seeds = [row(f"Name river {number}.") for number in range(30)]
    given = [constraint(own) for own in ("c1", "c2", "c3")]
    first = composed(seeds, given, 3)
    assert [each.operation for each in first] == ["autoif-c1"] * 3 + ["autoif-c2"] * 3 + ["autoif-c3"] * 3
    assert composed(seeds[::-1], given, 3) == first
    # One constraint fewer changes nothing of the others.
    assert composed(seeds, given[1:], 3) == first[3:]
    assert {each.parent_id for each in first[:3]} != {each.parent_id for each in first[3:6]}
    assert {each.id for each in composed(seeds, given, 3, seed=43)} != {each.id for each in first}


def run(tmp_path, seeds, constraints, **values):
    r0 = write_rows(tmp_path / "r0.parquet", *seeds)
    verified = write_constraints(tmp_path / "verified.parquet", *constraints)
    outs = {name: tmp_path / name for name in ("rows", "rejects", "counts")}
    stage.main(
        changed("compose", **values), stage.Arguments(branch="autoif", r0=r0, verified=verified, **outs)
    )
    found, lost = tables.read(outs["rows"], tables.INSTRUCTIONS), tables.read(outs["rejects"], tables.REJECTS)
    return found, lost, json.loads(outs["counts"].read_text())


def test_the_ledger_counts_seed_rows(tmp_path, row):
    seeds = [row("Name some river."), row("Name another river."), row("Hm?")]
    found, lost, counts = run(
        tmp_path, seeds, [constraint("c1"), constraint("c2")], queries=5, min_characters=10
    )
    assert counts == {"in": 3, "out": 2, "rejects": {"too short": 1}, "constraints": 2, "rows": 4}
    assert found.height == 4 and set(found["round"]) == {"autoif"}
    assert lost["id"].to_list() == [seeds[2].id]


def test_without_a_query_or_a_constraint_it_says_so(tmp_path, row):
    with pytest.raises(BadInput, match=r"1 seed rows came in .*autoif\.compose.* too short \(1\)"):
        run(tmp_path, [row("Hm?")], [constraint()], min_characters=10)
    with pytest.raises(BadInput, match=r"verified\.parquet: holds no constraint"):
        run(tmp_path, [row("Name some river.")], [])
    assert tables.read(tmp_path / "verified.parquet", VERIFIED).is_empty()
