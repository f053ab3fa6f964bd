"""Rows of the branch: which rows are queries, what each constraint is put to, and which rows are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from branch_rows import changed, constraint, write_constraints, write_rows

from evobuild.autoif import compose
from evobuild.core import draws, table_parts, tables
from evobuild.core.draws import draw_lowest
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS, content_id
from evobuild.core.rejects import REJECTS, Reject
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
def test_which_rows_are_queries(row, fields, domains, reason):
    given = row(**fields)
    (found,) = compose.filter_queries([given], settings(domains=domains))
    assert (found.reason if isinstance(found, Reject) else None) == reason
    assert found.id == given.id


@pytest.fixture
def composed(tmp_path):
    """Rows of some constraints and queries, by constraint."""

    def compose_rows(queries, constraints, count=2, seed=42):
        table = write_rows(tmp_path / "queries.parquet", *queries)
        drawn = compose.sample_queries(queries, constraints, count, seed)
        rows = compose.ComposedRows(table, drawn, constraints, "autoif")
        assert list(rows) == list(rows) and len(rows) == drawn.height
        return sorted(rows, key=lambda each: each.operation)

    return compose_rows


def test_a_row_is_a_constraint_and_a_query(row, composed):
    seed = row("Name a {{ river }}.", input="In Asia.", output="The Ganges.", domain="geo", seed_place=7)
    (found,) = composed([seed], [constraint("c1", "Use no comma.", model="simulated:small")])
    assert (found.instruction, found.input) == ("Use no comma.", "Name a {{ river }}.\n\nIn Asia.")
    assert (found.seed_id, found.parent_id, found.seed_place) == (seed.id, seed.id, 7)
    assert (found.round, found.strategy, found.operation) == ("autoif", "autoif", "autoif-c1")
    assert (found.evolver, found.responder) == ("simulated:small", "")
    assert (found.domain, found.history, found.output) == ("geo", (), "")
    assert found.content_id == content_id((), found.instruction, found.input)


def test_a_query_that_is_no_seed_row_has_no_row_above_it(row, composed):
    query = row("Name a river.")._replace(round="")
    found = composed([query], [constraint("c1"), constraint("c2")])
    assert [(each.seed_id, each.parent_id) for each in found] == [(each.id, "") for each in found]
    assert len({each.id for each in found}) == 2


def test_every_row_has_an_id_of_its_own(row, composed):
    seeds = [row(f"Name river {number}.") for number in range(4)]
    found = composed(seeds, [constraint("c1", "Sing."), constraint("c2", "Sing."), constraint("c3")], 4)
    assert len({each.id for each in found}) == 12


def test_queries_are_drawn_for_each_constraint_alone_whatever_the_order(row, composed):
    seeds = [row(f"Name river {number}.") for number in range(30)]
    given = [constraint(own) for own in ("c1", "c2", "c3")]
    first = composed(seeds, given, 3)
    assert [each.operation for each in first] == ["autoif-c1"] * 3 + ["autoif-c2"] * 3 + ["autoif-c3"] * 3
    assert composed(seeds[::-1], given, 3) == first
    # One constraint fewer changes nothing of the others.
    assert composed(seeds, given[1:], 3) == first[3:]
    assert {each.parent_id for each in first[:3]} != {each.parent_id for each in first[3:6]}
    assert {each.id for each in composed(seeds, given, 3, seed=43)} != {each.id for each in first}


def cut(rows, most, seed):
    """The ids of the rows that are drawn, and the rejects."""
    found = sorted(compose.limit_rows(rows, most, seed))
    lost = [each for each in found if isinstance(each, Reject)]
    return [each.id for each in found if not isinstance(each, Reject)], lost


def test_rows_are_drawn_by_their_ids_alone(row, composed):
    seeds = [row(f"Name river {number}.") for number in range(20)]
    rows = composed(seeds, [constraint("c1")], 20)
    ids = sorted(each.id for each in rows)
    drawn, lost = cut(rows, 8, 42)
    assert drawn == sorted(draw_lowest(ids, 8, 42, "compose", by=str))
    assert sorted([*drawn, *(each.id for each in lost)]) == ids
    assert {(each.reason, each.detail) for each in lost} == {("not drawn", "autoif-c1")}
    assert cut(rows[::-1], 8, 42) == (drawn, lost)
    # One row more takes the place of one at most.
    fewer, _ = cut(rows[1:], 8, 42)
    assert len(set(drawn) - set(fewer)) <= 1
    assert cut(rows, 8, 43)[0] != drawn
    for most in (None, 20, 99):
        assert cut(rows, most, 42) == (ids, [])


def run(tmp_path, seeds, constraints, file=Path("data/raw/sample.jsonl"), **values):
    r0 = write_rows(tmp_path / "r0.parquet", *seeds)
    verified = write_constraints(tmp_path / "verified.parquet", *constraints)
    outs = {name: tmp_path / name for name in ("rows", "rejects", "counts")}
    given = changed("compose", file=str(file), **values)
    stage.main(given, stage.Arguments(branch="autoif", r0=r0, verified=verified, **outs))
    found, lost = tables.read(outs["rows"], INSTRUCTIONS), tables.read(outs["rejects"], REJECTS)
    return found, lost, json.loads(outs["counts"].read_text())


def test_the_ledger_counts_what_was_to_be_a_query_and_then_rows(tmp_path, row):
    seeds = [row("Name some river."), row("Name another river."), row("Hm?")]
    own = [constraint("c1"), constraint("c2")]
    found, lost, counts = run(tmp_path, seeds, own, count=5, min_characters=10)
    rows = counts.pop("rows")
    assert counts == {"in": 3, "out": 2, "rejects": {"too short": 1}, "constraints": 2}
    assert rows == {"in": 4, "out": 4, "rejects": {}}
    assert found.height == 4 and set(found["round"]) == {"autoif"}
    assert lost["id"].to_list() == [seeds[2].id]


def test_rows_that_are_not_drawn_are_rejects(tmp_path, row):
    seeds = [row("Name some river."), row("Name another river."), row("Hm?")]
    own = [constraint("c1"), constraint("c2")]
    found, lost, counts = run(tmp_path, seeds, own, count=5, min_characters=10, rows=3)
    assert counts["rows"] == {"in": 4, "out": 3, "rejects": {"not drawn": 1}}
    assert counts["rejects"] == {"too short": 1}
    assert sorted(lost["reason"]) == ["not drawn", "too short"] and found.height == 3


def test_large_tables_read_some_rows_at_a_time_give_the_same(tmp_path, row, monkeypatch):
    seeds = [row(f"Name river {number}, or {'no' * (number % 3)}.") for number in range(40)]
    own = [constraint(f"c{number}") for number in range(3)]
    given = {"count": 9, "rows": 20, "min_characters": 20, "max_characters": 22}
    whole = run(tmp_path, seeds, own, **given)
    monkeypatch.setattr(draws, "BATCH", 5)
    (tmp_path / "large").mkdir()
    with table_parts.rows_per_file(3):
        found, lost, counts = run(tmp_path / "large", seeds, own, **given)
    assert (tmp_path / "large/r0.parquet").is_dir() and (tmp_path / "large/rows").is_dir()
    assert counts == whole[2] and counts["rejects"] and counts["rows"]["rejects"]
    assert (found.equals(whole[0]), lost.equals(whole[1])) == (True, True)


def test_queries_of_a_file_are_its_first_turns(tmp_path, row):
    file = tmp_path / "chats.jsonl"
    turns = [("human", "Name some river."), ("gpt", "The Nile."), ("human", "Name another river.")]
    chats = [
        {"conversations": [{"from": who, "value": text} for who, text in turns]},
        {"conversations": [{"from": "human", "value": "Name some river."}], "domain": "geo"},
        {"conversations": [{"from": "human", "value": "Name some lake."}], "domain": "geo"},
        {"conversations": [{"from": "gpt", "value": "Hello."}]},
    ]
    file.write_text("".join(f"{json.dumps(each)}\n" for each in chats))
    own = [constraint("c1", "Use no comma."), constraint("c2", "Use no dot.")]
    found, _, counts = run(tmp_path, [row("Name a seed row.")], own, file, queries="file", min_characters=10)
    # A turn without a user's, one that stands there twice, and one with earlier turns.
    lost = {"empty instruction": 1, "exact duplicate": 1, "earlier turns": 1}
    assert (counts["in"], counts["out"], counts["rejects"]) == (5, 2, lost)
    assert set(found.select("instruction", "input", "domain").rows()) == {
        (given.constraint, *query)
        for given in own
        for query in (("Name some river.", "chat"), ("Name some lake.", "geo"))
    }
    assert found["parent_id"].to_list() == [""] * 4 and found["seed_id"].to_list() == found["id"].to_list()


def test_without_a_query_it_says_so(tmp_path, row):
    with pytest.raises(BadInput, match=r"r0\.parquet: 1 rows came in as queries of .* too short \(1\)"):
        run(tmp_path, [row("Hm?")], [constraint()], min_characters=10)
    file = tmp_path / "own.jsonl"
    file.write_text('{"instruction": "Hm?"}')
    with pytest.raises(BadInput, match=r"own\.jsonl: 1 rows came in as queries of autoif\.compose"):
        run(tmp_path, [row("Name some river.")], [constraint()], file, queries="file", min_characters=10)
