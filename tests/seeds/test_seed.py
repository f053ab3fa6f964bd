"""The split of source rows: r0, held out and rejects, by whole groups."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from typing import NamedTuple

import pytest

from evobuild.core.errors import BadInput
from evobuild.core.instructions import Instruction, iterate_instructions
from evobuild.core.rejects import Reject
from evobuild.seeds import seed as seeds
from evobuild.seeds import spilled_rows
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.params import Seed
from evobuild.text import minhash


def source(place: int, instruction: str, **fields) -> SourceRow:
    row = SourceRow(f"seeds.jsonl:{place}", place, (), instruction, "", "An answer.", None)
    return row._replace(**fields)


def unlike(count: int) -> list[SourceRow]:
    """Rows that share no pair of words: the third is 'amber3 birch3 cedar3 dune3'."""
    words = ("amber", "birch", "cedar", "dune")
    return [source(place, " ".join(f"{word}{place}" for word in words)) for place in range(1, count + 1)]


def params(**fields) -> Seed:
    given = {
        "columns": {},
        "domain": None,
        "extra": "all",
        "turns": "all",
        "min_words": 1,
        "languages": [],
        "rows": None,
        "deduplicate": True,
        "held_out": 0.2,
        "near_duplicate": 0.7,
    } | fields
    return Seed(source="s", format="auto", **given)


class Split(NamedTuple):
    r0: list[Instruction]
    held_out: list[Instruction]
    rejects: list[Reject]


def split(sources: list[SourceRow], seed: int = 1, **fields) -> Split:
    """Split rows; every source row must be in exactly one of the three."""
    tables = seeds.split_seed_rows(sources, params(**fields), seed)
    r0, held_out = (list(iterate_instructions(table)) for table in (tables.r0, tables.held_out))
    found = Split(r0, held_out, list(map(Reject._make, tables.rejects.iter_rows())))
    ids = [each.id for part in found for each in part]
    assert len(ids) == len(set(ids)) == len(sources)
    return found


def texts(part) -> set[str]:
    return {row.instruction for row in part}


def test_exact_duplicates_and_empty_instructions_are_rejects_with_their_place() -> None:
    rows = [*unlike(3), source(8, "  "), source(9, f" {unlike(1)[0].instruction}\n"), source(10, "")]
    found = split(rows)
    assert [(each.reason, each.detail) for each in found.rejects] == [
        ("empty instruction", "seeds.jsonl:8"),
        ("exact duplicate", "seeds.jsonl:9 repeats seeds.jsonl:1"),
        ("empty instruction", "seeds.jsonl:10"),
    ]


def test_equal_rows_stay_if_params_say_so_each_under_an_id_of_its_own() -> None:
    rows = unlike(5)
    found = split([*rows, rows[0]._replace(place="seeds.jsonl:9", conversation=9)], deduplicate=False)
    assert found.rejects == []
    same = [row for row in (*found.r0, *found.held_out) if row.instruction == rows[0].instruction]
    assert len({row.id for row in same}) == len({row.seed_place for row in same}) == 2
    assert all(row.seed_id == row.id for row in same)


def test_equal_rows_keep_their_ids_whatever_is_put_in_between() -> None:
    rows = unlike(5)
    twice = [row._replace(conversation=10 + row.conversation) for row in rows]
    other = source(99, "Something else entirely.")
    before, after = (
        split(given, deduplicate=False)
        for given in ([*rows, *twice], [other, *rows, other._replace(conversation=98), *twice])
    )
    ids = [{row.id for part in found[:2] for row in part} for found in (before, after)]
    assert len(ids[0]) == 10 and len(ids[1]) == 12 and ids[0] < ids[1]


def test_the_place_of_a_row_counts_all_before_it_whatever_became_of_them() -> None:
    rows = [source(0, ""), *unlike(6), unlike(1)[0]]
    found = split(rows, rows=3)
    places = {row.instruction: row.seed_place for row in (*found.r0, *found.held_out)}
    assert places == {
        row.instruction: place for place, row in enumerate(rows[:7]) if row.instruction in places
    }
    assert len(places) >= 4


def test_nothing_is_held_out_at_a_share_of_0() -> None:
    found = split([source(place, f"amber {place}") for place in range(4)], held_out=0, near_duplicate=0.1)
    assert (len(found.r0), found.held_out, found.rejects) == (4, [], [])


@pytest.mark.parametrize(
    "other", [{"input": "other"}, {"history": (("user", "Hello."), ("assistant", "Hi."))}]
)
def test_the_same_instruction_of_another_input_or_history_is_another_row(other: dict) -> None:
    rows = unlike(5)
    found = split([*rows, rows[0]._replace(place="seeds.jsonl:9", conversation=9, **other)])
    assert found.rejects == []


def test_ids_depend_on_content_alone() -> None:
    rows = unlike(12)
    elsewhere = [
        row._replace(place=f"other.json[{row.conversation}]", output="Else.") for row in reversed(rows)
    ]
    one, other = split(rows), split(elsewhere)
    assert {row.id: row.instruction for row in one.r0} == {row.id: row.instruction for row in other.r0}
    assert {row.id for row in one.held_out} == {row.id for row in other.held_out}


def test_an_r0_row_descends_from_itself() -> None:
    for row in split(unlike(5)).r0:
        assert (row.seed_id, row.parent_id, row.round, row.output) == (row.id, "", "r0", "An answer.")


def test_a_domain_is_a_safe_name_and_a_change_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["</script><script>alert(1)</script>", "=cmd|' /C calc'!A0", "\x1b[2J", "code"]
    rows = [row._replace(domain=domain) for row, domain in zip(unlike(4), own, strict=True)]
    called = {"script_script_alert_1_/script", "cmd_ /C calc_A0", "2J", "code"}
    assert {row.domain for row in split(rows, held_out=0.0).r0} == called
    assert "3 domains are no names" in capsys.readouterr().err


def test_of_many_domains_that_are_renamed_some_are_shown_and_all_are_counted(capsys) -> None:
    rows = [row._replace(domain=f"={place % 5}") for place, row in enumerate(unlike(10))]
    split(rows, held_out=0.0)
    said = capsys.readouterr().err
    assert "5 domains are no names" in said and "'=2' is '2'" in said and "'=3'" not in said


@pytest.mark.parametrize(
    ("param", "own", "domain"), [(None, None, "chat"), (None, "math", "math"), ("code", "math", "code")]
)
def test_the_domain_is_the_params_else_the_rows_own(param, own, domain: str) -> None:
    rows = [row._replace(domain=own) for row in unlike(4)]
    assert {row.domain for row in split(rows, domain=param).r0} == {domain}


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_stay_on_one_side(seed: int) -> None:
    rows = [
        row._replace(
            place=f"{row.place}{end}",
            conversation=10 * row.conversation + number,
            instruction=row.instruction + end,
        )
        for row in unlike(12)
        for number, end in enumerate(("", "!", "?"))
    ]
    found = split(rows, seed, held_out=0.3)
    everything = [*found.r0, *found.held_out]
    groups = minhash.group_near_duplicates([row.instruction for row in everything], 0.7, seed).tolist()
    assert len(set(groups)) == 12
    assert set(groups[: len(found.r0)]).isdisjoint(groups[len(found.r0) :])
    assert found.r0 and found.held_out


@pytest.mark.parametrize("seed", range(5))
def test_turns_of_one_conversation_stay_on_one_side(seed: int) -> None:
    rows = [row._replace(conversation=place // 3) for place, row in enumerate(unlike(18))]
    found = split(rows, seed)
    conversation = {row.instruction: row.conversation for row in rows}
    sides = [{conversation[text] for text in texts(part)} for part in (found.r0, found.held_out)]
    assert sides[0].isdisjoint(sides[1]) and all(sides)


def test_conversations_that_share_a_near_duplicate_stay_on_one_side() -> None:
    rows = [row._replace(conversation=place // 2) for place, row in enumerate(unlike(8))]
    rows[2] = rows[2]._replace(instruction=rows[1].instruction + "!")  # joins conversations 0 and 1
    rows[4] = rows[4]._replace(instruction=rows[3].instruction + "?")  # and 2 to them
    alone = {rows[6].instruction, rows[7].instruction}
    sides = [{*texts(split(rows, seed, held_out=0.3).held_out)} for seed in range(20)]
    assert alone in sides
    assert all(side in (alone, {row.instruction for row in rows[:6]}) for side in sides)


@pytest.mark.parametrize(("rows", "held_out", "held"), [(50, 0.2, 10), (100, 0.5, 50), (9, 0.01, 1)])
def test_as_many_rows_are_drawn_and_held_out_as_asked(rows: int, held_out: float, held: int) -> None:
    found = split(unlike(200), rows=rows, held_out=held_out)
    counts = Counter(reject.reason for reject in found.rejects)
    assert (len(found.r0), len(found.held_out)) == (rows, held)
    assert counts == {"not drawn": 200 - rows - held}


@pytest.mark.parametrize("held_out", [0.05, 0.1, 0.5])
def test_of_all_rows_about_the_share_is_held_out(held_out: float) -> None:
    found = [len(split(unlike(400), seed, held_out=held_out).held_out) for seed in range(10)]
    assert sum(found) / 4000 == pytest.approx(held_out, rel=0.15)


def grown(rows: list[SourceRow], more: list[SourceRow], where: str) -> list[SourceRow]:
    """Rows and more of them, at the end, at the front, or anywhere."""
    found = [*rows, *more] if where == "end" else [*more, *rows]
    if where == "anywhere":
        random.Random(1).shuffle(found)
    return [row._replace(conversation=place) for place, row in enumerate(found)]


@pytest.mark.parametrize("where", ["end", "front", "anywhere"])
@pytest.mark.parametrize("rows", [None, 60, 150])
def test_added_rows_bring_no_held_out_row_into_r0(rows: int | None, where: str) -> None:
    old, new = unlike(220)[:200], unlike(220)[200:]
    new[:6] = [row._replace(instruction=f"{row.instruction}!") for row in old[:6]]
    # What joins two groups of which one may be held out.
    new[6:12] = [
        row._replace(instruction=f"{a.instruction} {row.instruction}")
        for row, a in zip(old[6:12], old[12:18], strict=True)
    ]
    for seed in range(10):
        before = split(old, seed, rows=rows, near_duplicate=0.4)
        after = split(grown(old, new, where), seed, rows=rows, near_duplicate=0.4)
        assert not texts(before.held_out) & texts(after.r0)
        if rows is None:
            assert texts(before.held_out) <= texts(after.held_out)
            # No new row takes more than those along that it is like.
            assert len(texts(before.r0) - texts(after.r0)) <= 12


def test_rows_added_at_the_end_change_no_draw_of_so_many() -> None:
    rows = unlike(202)
    before, after = (split(rows[:count], rows=50) for count in (200, 202))
    assert (before.r0, before.held_out) == (after.r0, after.held_out)


def test_a_conversation_is_drawn_once_and_not_by_the_turn() -> None:
    rows = [row._replace(conversation=place // 8) for place, row in enumerate(unlike(800))]
    found = [len(split(rows, seed, held_out=0.1).held_out) for seed in range(10)]
    assert sum(found) / 8000 == pytest.approx(0.1, rel=0.25)


def test_of_large_groups_some_are_held_out_and_not_nearly_all() -> None:
    rows = [
        row._replace(conversation=100 * row.conversation + number, instruction=f"{row.instruction} {number}")
        for row in unlike(40)
        for number in range(20)
    ]
    found = [len(split(rows, seed, held_out=0.1, near_duplicate=0.3).held_out) for seed in range(10)]
    assert sum(found) / 8000 == pytest.approx(1 - 0.9**3, rel=0.25)


def test_the_split_is_decided_by_the_seed() -> None:
    rows = unlike(20)
    assert split(rows, rows=8) == split(rows, rows=8)
    assert texts(split(rows, 2, rows=8).r0) != texts(split(rows, 1, rows=8).r0)
    assert {texts(split(rows, seed).held_out).pop() for seed in range(8)} > {
        texts(split(rows).held_out).pop()
    }


@pytest.mark.parametrize(
    ("count", "held_out", "held"), [(2, 0.01, 1), (2, 0.99, 1), (3, 0.99, 2), (20, 0.01, 1)]
)
def test_at_least_one_row_and_never_all_are_held_out(count: int, held_out: float, held: int) -> None:
    found = split(unlike(count), held_out=held_out)
    assert (len(found.held_out), len(found.r0)) == (held, count - held)


@pytest.mark.parametrize("count", [1, 4])
def test_one_group_alone_is_refused(count: int) -> None:
    rows = [row._replace(conversation=0) for row in unlike(count)]
    with pytest.raises(BadInput, match=f"nothing can be held out: all {count} distinct rows"):
        split(rows)


def mixed(count: int) -> list[SourceRow]:
    """Rows of conversations of up to three turns, among them equal ones, short ones and empty ones."""
    draw = random.Random(2)
    rows = [*unlike(count // 2), source(0, "Thanks!"), source(0, " ")]
    found = [
        draw.choice(rows)._replace(place=f"a:{place}", conversation=place // draw.choice((2, 3)))
        for place in range(count)
    ]
    return sorted(found, key=lambda row: row.conversation)


@pytest.mark.parametrize(
    "fields",
    [{}, {"deduplicate": False, "turns": "first"}, {"rows": 30}, {"held_out": 0.0, "turns": "last"}],
)
def test_what_goes_to_disk_is_split_like_what_stays_in_memory(fields: dict, monkeypatch) -> None:
    rows = mixed(300)
    wanted = split(rows, **fields)
    assert len(list(seeds.split_batches(rows, params(**fields), 1))) == 1
    monkeypatch.setattr(spilled_rows, "ROWS_A_CHUNK", 7)
    monkeypatch.setattr(spilled_rows, "SPILL_BYTES", 1)
    assert len(list(seeds.split_batches(rows, params(**fields), 1))) == 300 // 7 + 1
    assert split(rows, **fields) == wanted


def test_source_rows_do_not_gather_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilled_rows, "ROWS_A_CHUNK", 50)
    sources = (source(place, f"{place} amber " * 200) for place in range(4000))
    tracemalloc.start()
    try:
        for _ in seeds.split_batches(sources, params(held_out=0), 1):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 << 20  # of Python's objects; the texts alone have 8 MB


def test_no_usable_row_is_left_to_the_stage_to_refuse() -> None:
    assert split([source(1, "")])[:2] == ([], [])
