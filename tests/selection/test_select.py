"""The selection: every row is in exactly one of the data set and the rejects, with the first reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
import tiny
from candidate_rows import rows
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import EMBEDDING, measure_of
from evobuild.core.rejects import REJECTS
from evobuild.core.results import Results
from evobuild.core.yaml_files import read_yaml
from evobuild.selection import ranks
from evobuild.selection import select as selection
from evobuild.selection.candidate_rows import Sources, dataset_schema
from evobuild.selection.params import Select

SHIPPED = load_all_params(SHIPPED_PARAMS)
SELECT = SHIPPED.select.model_dump() | {"pools": ["r0", "r1"], "per_pool": False, "by": "ifd", "share": 0.5}


def select(**changes: Any) -> Select:
    return Select.model_validate(SELECT | changes)


def kept(
    table: pl.DataFrame, vectors: Any = None, **changes: Any
) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """Ids kept by the cut, and why the others are not; each row is in one of the two."""
    given = select(**changes)
    ordered = ranks.order_by_worth(ranks.add_worth(table, given.by, 1))
    if vectors is not None:
        vectors = np.array([vectors[key] for key in ordered["id"]], float)
    rejects: list[pl.DataFrame] = []
    keep = selection.select_by_mixture(ordered, given, rejects.append, vectors)
    none = pl.DataFrame(schema=dict.fromkeys(("id", "reason", "detail"), pl.String))
    lost = pl.concat([none, *rejects])
    assert sorted([*keep["id"], *lost["id"]]) == sorted(table["id"])
    return sorted(keep["id"]), {key: (reason, detail) for key, reason, detail in lost.iter_rows()}


def test_rows_below_the_cut_tell_their_value_and_the_bound() -> None:
    assert kept(rows(ifd=[0.25, 0.75, 0.5, 1.0])) == (
        ["b", "d"],
        {
            "a": ("below the cut", "0.25, the last kept has 0.75"),
            "c": ("below the cut", "0.5, the last kept has 0.75"),
        },
    )


def test_the_cut_is_the_same_whatever_the_order_of_ties() -> None:
    table = rows(ifd=[0.5] * 6)
    assert kept(table)[0] == kept(table.reverse())[0] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "efgh"),
        ({"share": None, "count": 3}, "fgh"),
        ({"share": None, "count": 30}, "abcdefgh"),
        ({"weights": {"r1": 3, "r2": 1}}, "bcdh"),
        ({"per_domain": True}, "cfgh"),
        ({"per_pool": True}, "cdgh"),
        ({"per_pool": True, "share": None, "count": 3}, "cdh"),
        ({"per_pool": True, "weights": {"r1": 1, "r2": 3}}, "dfgh"),
        ({"by": {"ifd": 1, "difficulty": 3}}, "abcd"),
    ],
)
def test_the_mixture_says_how_many_of_each(changes: dict[str, Any], expected: str) -> None:
    table = rows(
        ifd=list(range(8)), difficulty=list(range(8, 0, -1)), round=["r1"] * 4 + ["r2"] * 4,
        domain=["math"] * 3 + ["chat"] * 5,
    )  # fmt: skip
    assert "".join(kept(table, **changes)[0]) == expected


def test_seeds_are_kept_uncut_and_do_not_count() -> None:
    table = rows(ifd=[0.1, None, 0.3, 0.4, 0.5, 0.6], uncut=[True, True, False, False, False, False])
    assert kept(table)[0] == ["a", "b", "e", "f"]


def test_the_diversity_filter_skips_what_is_near_and_goes_on() -> None:
    table = rows(ifd=[0.9, 0.8, 0.7, 0.6])
    vectors = {"a": [1, 0, 0], "b": [1, 0.01, 0], "c": [0, 1, 0], "d": [0, 0, 1]}
    keep, lost = kept(table, vectors, diversity_filter=0.1)
    assert keep == ["a", "c"]
    assert lost["b"] == ("near a better row", "a, cosine similarity 0.9999")
    assert lost["d"] == ("below the cut", "0.6, the last kept has 0.7")


def test_none_that_can_be_chosen_keeps_none() -> None:
    assert kept(rows(ifd=[1.0]).clear()) == ([], {})


RIVERS, ADD, RIOS, POEM, NO = (
    "Name three rivers of Europe.", "Add two and five, then explain.",
    "Nombra tres ríos de España y di dónde nacen.", "Write a long poem about the cold sea in winter.",
    "Say no.",
)  # fmt: skip
ROUNDS = {"r0": (RIVERS, ADD, RIOS, POEM, NO), "r1": (RIVERS, RIVERS, ADD, RIOS, POEM, NO)}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Rows of r0 and r1. Of each round NO was not answered, and POEM has no score; IFD rises by 1/8 a row."""
    for name in ("rounds", "responses", "measures/scores", "measures/ratings", "embeddings", "contamination"):
        (tmp_path / name).mkdir(parents=True)
    for pool, texts in ROUNDS.items():
        made = [
            tiny.row(instruction=text, round=pool, parent_id="" if pool == "r0" else str(place))
            for place, text in enumerate(texts)
        ]
        scored = [(row.id, 9, 7, False, 2.0, 1.5, 3.0, at / 8, 0.2, 0.2) for at, row in enumerate(made[:-2])]
        axes = [(row.id, [float(at == axis) for axis in range(6)]) for at, row in enumerate(made)]
        found = {
            "rounds": (INSTRUCTIONS, [row._replace(output="") for row in made]),
            "responses": (INSTRUCTIONS, made[:-1]),
            "measures/scores": (measure_of("score").schema, scored),
            "measures/ratings": (measure_of("rate").schema, [(row.id, "hard", 70.0) for row in made]),
            "embeddings": (EMBEDDING.schema, axes),
        }
        for name, (schema, lines) in found.items():
            tables.write(tmp_path / name / f"{pool}.parquet", tables.frame(schema, lines))
    (tmp_path / "rounds" / "r2.parquet").write_text("of a removed round")
    for name in ("held_out", "gsm8k"):
        tables.write(tmp_path / "contamination" / f"{name}.parquet", tables.frame(CONTAMINATION, []))
    return Sources(*(tmp_path / name for name in Sources._fields))


class Found(NamedTuple):
    """The data set, its rejects, and what `select_rows` says besides."""

    kept: pl.DataFrame
    rejects: pl.DataFrame
    rows_in: int
    reversed: list[str]
    dominant: list[str]
    unknown: list[str]


def chosen(sources: Sources, **changes: Any) -> tuple[Found, Counter[str]]:
    """What select makes of all, and its reasons; rows in are rows out and rejects."""
    content = read_yaml(SHIPPED_PARAMS) | {
        "pools": {"r0": {}, "r1": {}}, "select": SELECT | {"share": 1.0} | changes,
        "decontaminate": {
            "ngrams": [13, 8], "embedding": None, "sets": {"held_out": "", "gsm8k": ""}, "columns": {}
        },
    }  # fmt: skip
    folder = sources.rounds.parent
    out, rejects = folder / "dataset.parquet", folder / "rejects.parquet"
    results = Results(dataset_schema(), out=out, rejects=rejects, is_needed=False)
    said = selection.select_rows(Params.model_validate(content), sources, results)
    results.write(said.rows_in, folder / "counts.json")
    found = Found(tables.read(out, dataset_schema()), tables.read(rejects, REJECTS), *said)
    everyone = [*found.kept["id"], *found.rejects["id"]]
    assert len(everyone) == len(set(everyone)) == found.rows_in
    assert found.rejects.schema == REJECTS
    return found, Counter(found.rejects["reason"])


def test_each_reason_is_counted_within_and_across_rounds(sources: Sources) -> None:
    found, reasons = chosen(sources)
    assert found.rows_in == 5 + 6
    # Of 3 + 4 scored rows 4 repeat: three contents of r1 that r0 has, and one twice in r1.
    assert reasons == {"not answered": 2, "no ifd": 2, "exact duplicate": 4}
    assert found.kept.columns[: len(INSTRUCTIONS)] == list(INSTRUCTIONS)
    assert sorted(found.kept["instruction"]) == sorted([RIVERS, ADD, RIOS])
    assert found.kept["output"].to_list() == ["Red, green and blue."] * 3
    assert found.kept["difficulty"].to_list() == [70.0] * 3


def test_of_equal_rows_the_better_stays_unless_a_seed_is_to_be_kept(sources: Sources) -> None:
    path = sources.measures / "scores" / "r1.parquet"
    tables.write(path, pl.read_parquet(path).with_columns(pl.col("ifd") + 0.5))
    assert set(chosen(sources)[0].kept["round"]) == {"r1"}
    seeded = chosen(sources, keep_seeds=True)[0].kept
    assert Counter(seeded["round"]) == {"r0": 4}


def test_kept_seeds_pass_the_filters_but_not_the_cut(sources: Sources) -> None:
    found, reasons = chosen(
        sources,
        pools=["r1"],
        keep_seeds=True,
        share=None,
        count=1,
        filters=SELECT["filters"] | {"min_words": 5},
    )
    assert reasons["words too low"] == 0 and reasons["exact duplicate"] == 4
    assert Counter(found.kept["round"]) == {"r0": 4}


def test_contaminated_rows_are_lost_before_anything_else_unless_they_are_to_be_kept(sources: Sources) -> None:
    add, rios = (tiny.row(instruction=text).id for text in (ADD, RIOS))
    hits = {
        "held_out": [("1", add, "r0", "held_out", "row 3", "8-gram", "two and five", "?")],
        "gsm8k": [
            ("2", add, "r0", "gsm8k", "test.jsonl:7", "13-gram", "add two and five", "?"),
            ("3", rios, "r0", "gsm8k", "test.jsonl:9", "8-gram", "tres ríos", "?"),
        ],
    }
    for name, lines in hits.items():
        path = sources.contamination / f"{name}.parquet"  # type: ignore[operator]
        tables.write(path, tables.frame(CONTAMINATION, lines))
    both = ["13-gram", "8-gram"]
    found, reasons = chosen(sources, contamination=both, filters=SELECT["filters"] | {"languages": ["en"]})
    said = dict(found.rejects.filter(reason="contaminated").select("id", "detail").iter_rows())
    assert said == {add: "gsm8k, test.jsonl:7, 13-gram, and 1 more", rios: "gsm8k, test.jsonl:9, 8-gram"}
    assert reasons["other language"] == 1
    found, reasons = chosen(sources)
    said = dict(found.rejects.filter(reason="contaminated").select("id", "detail").iter_rows())
    assert said == {add: "gsm8k, test.jsonl:7, 13-gram"}, "8 words are often a common phrase"
    assert chosen(sources, contamination=[])[1]["contaminated"] == 0


@pytest.mark.parametrize(
    ("given", "reason", "count"),
    [
        ({"max_ifd": 0.25}, "IFD too high", 3),
        ({"min_words": 6}, "words too low", 3),
        ({"languages": ["en"]}, "other language", 2),
        ({"ranges": {"ifd": [0.25, None]}}, "ifd too low", 4),
    ],
)
def test_a_filter_loses_what_is_beyond_it(
    sources: Sources, given: dict[str, Any], reason: str, count: int
) -> None:
    assert chosen(sources, filters=SELECT["filters"] | given)[1][reason] == count


def test_equal_rows_stay_if_params_say_so(sources: Sources) -> None:
    found, reasons = chosen(sources, deduplicate={"exact": False, "near": None, "embedding": None})
    assert reasons == {"not answered": 2, "no ifd": 2}
    assert found.kept.height == 7


def test_near_rows_are_lost_by_words_and_by_embedding(sources: Sources) -> None:
    assert (
        chosen(sources, deduplicate={"exact": True, "near": None, "embedding": 0.99})[1][
            "duplicate by embedding"
        ]
        == 0
    )
    same = pl.read_parquet(sources.embeddings / "r0.parquet").with_columns(  # type: ignore[operator]
        embedding=pl.lit([1.0] * 6, pl.List(pl.Float32))
    )
    tables.write(sources.embeddings / "r0.parquet", same)  # type: ignore[operator]
    _, reasons = chosen(sources, pools=["r0"], deduplicate={"exact": True, "near": None, "embedding": 0.99})
    assert reasons["duplicate by embedding"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by": "reward"}, "select.by needs reward, but no row of r0, r1 has one; see models.reward"),
        ({"by": {"ifd": 1, "tags": 1}}, "select.by needs tags"),
        (
            {"filters": SELECT["filters"] | {"ranges": {"diversity": [0, None]}}},
            "select.filters needs diversity",
        ),
    ],
)
def test_what_was_measured_of_no_row_is_said_at_once(
    sources: Sources, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        chosen(sources, **changes)


def test_the_diversity_filter_needs_embeddings(sources: Sources) -> None:
    with pytest.raises(BadInput, match=r"set models\.embedder"):
        chosen(sources._replace(embeddings=None), diversity_filter=0.1)
    assert chosen(sources, diversity_filter=0.1)[0].kept.height == 3


def test_the_same_rows_give_the_same_choice_in_any_order_of_pools(sources: Sources) -> None:
    first, again = (chosen(sources, pools=pools)[0] for pools in (["r0", "r1"], ["r1", "r0"]))
    assert first.kept.sort("id").equals(again.kept.sort("id"))
    assert first.rejects.sort("id").equals(again.rejects.sort("id"))


def test_all_pools_are_every_round_and_branch_and_the_seed_where_it_is_alone() -> None:
    every = ["r0", "r1", "autoif"]
    assert select(pools="all").list_pools(every) == ["r1", "autoif"]
    assert select(pools="all", keep_seeds=True).list_pools(every) == every
    assert select(pools="all").list_pools(["r0"]) == ["r0"]
    assert select(pools=["r0", "r1"]).list_pools(every) == ["r0", "r1"]


def test_a_round_more_reaches_the_data_set() -> None:
    """One that is worth less than all others, as later rounds are by some metrics."""
    table = rows(ifd=[9, 8, 7, 6, 1, 1, 1, 1], round=["r1"] * 4 + ["r4"] * 4)
    assert kept(table)[0] == ["a", "b", "c", "d"]
    assert kept(table, per_pool=True)[0] == ["a", "b", "e", "f"]


def test_rows_that_a_person_marked_are_left_out(sources: Sources, tmp_path: Path) -> None:
    marked, file = tiny.row(instruction=ADD).id, tmp_path / "marked.txt"
    file.write_text(f"# of the explorer\n{marked}\n\n{'0' * 20}\n{marked}\n")
    found, reasons = chosen(sources, exclude=str(file))
    assert reasons["excluded by hand"] == 1 and found.unknown == ["0" * 20]
    assert found.rejects.filter(id=marked)["reason"].item() == "excluded by hand"
    assert chosen(sources)[0].unknown == []


@pytest.mark.parametrize("line", ["r1-0001", "0" * 19, "0" * 21, "G" * 20, "0" * 20 + " 1"])
def test_a_line_that_is_no_id_is_named(sources: Sources, tmp_path: Path, line: str) -> None:
    file = tmp_path / "marked.txt"
    file.write_text(f"{'0' * 20}\n{line}\n")
    with pytest.raises(BadInput, match=r"marked\.txt:2: .* is not a row id; expected one per line"):
        chosen(sources, exclude=str(file))
