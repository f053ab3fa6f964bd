"""The metrics side by side: overlaps, correlations and examples by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.cli.check.all_params import Params
from evobuild.core import table_parts, tables
from evobuild.core.errors import UserError
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import measure_of
from evobuild.core.rejects import REJECTS
from evobuild.core.yaml_files import read_yaml
from evobuild.selection import compared_rows, selection_metrics
from evobuild.selection.candidate_rows import Sources
from evobuild.selection.selection_metrics import MetricComparison

# Words of an instruction, its tokens, IC-IFD, IFD and difficulty; the last row was lost before the cut.
ROWS = [
    (1, 2, 0.8, 0.1, 10),
    (2, 3, 0.6, 0.4, 20),
    (4, 6, 0.4, 0.3, None),
    (8, 9, 0.2, 0.2, 5),
    (16, 20, 0.9, 0.9, 99),
]
HOSTILE = "\x1b[31mred\u202e <b>"


def write(root: Path, rows: list[tuple[Any, ...]] = ROWS) -> list[str]:
    """Tables of one pool; the first two rows were kept. Gives the ids in the order of ROWS."""
    made = [
        tiny.row(instruction=" ".join([HOSTILE.split()[0], *["word"] * (row[0] - 1)]), round="r1")
        for row in rows
    ]
    both = list(zip(made, rows, strict=True))
    scores = [
        (row.id, tokens, 7, False, 2.0, 1.5, 3.0, ifd, 0.2, ic_ifd)
        for row, (_, tokens, ic_ifd, ifd, _) in both
    ]
    found = {
        "rounds/r1": (INSTRUCTIONS, made),
        "responses/r1": (INSTRUCTIONS, made),
        "measures/scores/r1": (measure_of("score").schema, scores),
        "measures/ratings/r1": (
            measure_of("rate").schema,
            [(row.id, "hard", float(each[4])) for row, each in both if each[4] is not None],
        ),
        "dataset": (INSTRUCTIONS, made[:2]),
        "rejects/select": (
            REJECTS,
            [
                *((row.id, "below the cut", "", "") for row in made[2:3]),
                *((row.id, "near a better row", "", "") for row in made[3:4]),
                *((row.id, "IFD too high", "", "") for row in made[4:]),
            ],
        ),
    }
    for name, (schema, lines) in found.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        tables.write(root / f"{name}.parquet", tables.frame(schema, lines))
    return [row.id for row in made]


def compared(root: Path, between: tuple[Any, ...] = (), **changes: Any) -> MetricComparison:
    content = read_yaml(SHIPPED_PARAMS)
    select = content["select"] | {"pools": ["r1"], "share": 0.5} | changes
    given = Params.model_validate(content | {"select": select})
    sources = Sources(root / "rounds", root / "responses", root / "measures")
    return selection_metrics.compare_selection_metrics(
        given,
        sources,
        dataset=root / "dataset.parquet",
        rejects=root / "rejects/select.parquet",
        examples=selection_metrics.Examples(1, between),
    )


def test_all_metrics_cut_the_rows_that_got_as_far_as_the_cut(tmp_path) -> None:
    write(tmp_path)
    found = compared(tmp_path)
    assert (found.rows, found.kept) == (4, 2)
    assert found.metrics == ["ic_ifd", "ifd", "ifd_ppl", "difficulty", "perplexity", "length"]


def test_overlaps_are_of_what_each_would_choose(tmp_path) -> None:
    write(tmp_path)
    overlaps = compared(tmp_path).overlaps
    # Of four rows IC-IFD takes the first two, IFD the second and third, the shortest are the first two;
    # of the three with a difficulty, half, rounded, is the first two.
    assert overlaps["ic_ifd", "ifd"] == (1, 1 / 3, 0.5)
    assert overlaps["ic_ifd", "length"] == overlaps["ic_ifd", "ic_ifd"] == (2, 1.0, 1.0)
    assert overlaps["difficulty", "ifd"] == overlaps["ifd", "difficulty"]


def test_the_bias_is_the_rank_correlation_with_length(tmp_path) -> None:
    write(tmp_path)
    biases = compared(tmp_path).biases
    assert biases["ic_ifd"] == pytest.approx((-1.0, -1.0))
    assert biases["length"] == pytest.approx((1.0, 1.0))
    # Ranks 1 4 3 2 against 1 2 3 4: 1 - 6 (0 + 4 + 0 + 4) / 60; ranks 2 3 1 against 1 2 3: 1 - 6 * 6 / 24.
    assert biases["ifd"] == pytest.approx((0.2, 0.2))
    assert biases["difficulty"] == pytest.approx((-0.5, -0.5))
    assert biases["ifd_ppl"] == (None, None)


def test_examples_stand_at_both_ends_and_where_two_disagree(tmp_path) -> None:
    ids = write(tmp_path)
    found = {group.title: [each.id for each in group.examples] for group in compared(tmp_path).groups}
    assert found["ic_ifd: chosen first"] == [ids[0]]
    assert found["ic_ifd: chosen last"] == [ids[3]]
    assert found["length: chosen first"] == [ids[0]]
    between = compared(tmp_path, ("ic_ifd", "ifd")).groups
    assert [each.id for each in between[-2].examples] == [ids[0]]
    assert between[-2].title == "ic_ifd would choose, ifd would not"
    assert between[-2].examples[0].places["ic_ifd"] == (0.8, 1)
    assert between[-2].examples[0].places["ifd"] == (0.1, 4)
    # The others are each one place better by IFD: the tie goes by id.
    assert [each.id for each in between[-1].examples] == [min(ids[1:4])]


def test_by_itself_the_metric_in_use_meets_the_one_it_shares_least_with(tmp_path) -> None:
    write(tmp_path)
    titles = [group.title for group in compared(tmp_path, by="length").groups[-2:]]
    assert titles == ["length would choose, ifd would not", "ifd would choose, length would not"]


def test_what_was_not_measured_cannot_be_compared(tmp_path) -> None:
    write(tmp_path)
    with pytest.raises(UserError, match="unknown measured metric 'reward'; choose from: ic_ifd, ifd"):
        compared(tmp_path, ("ic_ifd", "reward"))


def test_rows_without_any_score_are_no_comparison(tmp_path) -> None:
    write(tmp_path)
    for name, schema in (("scores", measure_of("score").schema), ("ratings", measure_of("rate").schema)):
        tables.write(tmp_path / "measures" / name / "r1.parquet", tables.frame(schema, []))
    found = compared(tmp_path)
    assert (found.metrics, found.groups, found.overlaps) == ([], [], {})


def test_the_command_prints_all_of_it_with_nothing_that_a_terminal_would_obey(
    tmp_path, monkeypatch, capsys
) -> None:
    shipped = SHIPPED_PARAMS.read_text().replace("  pools: all\n", "  pools: [r1]\n")
    ids = write(tmp_path / "data")
    for name, schema in (
        ("diversity", measure_of("diversity").schema),
        ("rewards", measure_of("reward").schema),
        ("tags", measure_of("tag").schema),
    ):
        (tmp_path / "data/measures" / name).mkdir()
        tables.write(tmp_path / f"data/measures/{name}/r1.parquet", tables.frame(schema, []))
    (tmp_path / "params.yaml").write_text(shipped)
    monkeypatch.chdir(tmp_path)
    assert command.main(["compare-selections", "--examples", "1", "--between", "ic_ifd", "ifd"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("4 rows were ranked, 2 were kept.\n")
    assert "ic_ifd          -1.000     -1.000\n" in said
    assert f"ic_ifd would choose, ifd would not\n  {ids[0]}  ␛[31mred<U+202E>\n" in said
    assert "\x1b" not in said and "\u202e" not in said
    assert command.main(["compare-selections", "--examples", "0"]) == 0
    assert "chosen first" not in capsys.readouterr().out
    assert command.main(["compare-selections", "--examples", "-1"]) == 1


@pytest.mark.parametrize("most", [1, 1000])
def test_of_many_rows_the_first_by_id_stand_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
):
    # In parts as in whole tables; the four rows that got to the cut are compared at most.
    rows = [(words, words + 1, words / 100, 1 / words, words) for words in range(1, 40)]
    with table_parts.rows_per_file(most):
        ids = write(tmp_path, rows)
        lost = [(key, "below the cut", "", "") for key in ids[2:]]
        tables.write(tmp_path / "rejects/more.parquet", tables.frame(REJECTS, lost))
    (tmp_path / "rejects/select.parquet").rename(tmp_path / "rejects/few")
    (tmp_path / "rejects/more.parquet").rename(tmp_path / "rejects/select.parquet")
    every = compared(tmp_path, count=20)
    assert every.every == every.rows == 39
    monkeypatch.setattr(compared_rows, "COMPARED", 10)
    some = compared(tmp_path, count=20)
    assert (some.every, some.rows) == (39, 10)
    assert some.table["id"].to_list() == sorted(ids)[:10]
    assert some.table.equals(every.table.head(10))
    # As the 20 are of all, 5 are of the 10; IFD falls where IC-IFD rises.
    assert some.overlaps["ic_ifd", "ic_ifd"].shared == 5 and some.overlaps["ic_ifd", "ifd"].shared == 0
