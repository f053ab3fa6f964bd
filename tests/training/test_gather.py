"""What is trained on: the data set, a pool or a branch's pairs, as `finetune.data` says."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import tiny
from polars.testing import assert_frame_equal

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES, PreferencePair, preference_pairs
from stages import gather as stage

CHOSEN = [tiny.row(instruction=f"Name {number} birds.", output="Red.") for number in range(3)]
SEED = [tiny.row(instruction=f"Name {number} fish.", output="Cod.") for number in range(2)]
TALK = (("user", "Hello."), ("assistant", "Hi."))
PAIRS = [PreferencePair(tiny.row(history=TALK, output="In capitals: RED."), "red")]


@pytest.fixture
def args(tmp_path: Path) -> stage.Arguments:
    """What the stage reads, with two pools and two branches, one of them without pairs."""
    for name in ("responses", "preferences"):
        (tmp_path / name).mkdir()
    tables.write(tmp_path / "dataset.parquet", tables.frame(INSTRUCTIONS, CHOSEN))
    tables.write(tmp_path / "responses/r0.parquet", tables.frame(INSTRUCTIONS, SEED))
    tables.write(tmp_path / "responses/r1.parquet", tables.frame(INSTRUCTIONS, []))
    tables.write(
        tmp_path / "preferences/autoif.parquet",
        tables.frame(PREFERENCES, ((*pair.row, pair.rejected) for pair in PAIRS)),
    )
    tables.write(tmp_path / "preferences/r0.parquet", PREFERENCES.to_frame())
    names = ("responses", "preferences", "counts")
    paths = {name: tmp_path / name for name in names}
    dataset, training = tmp_path / "dataset.parquet", tmp_path / "training.parquet"
    return stage.Arguments(dataset=dataset, training=training, about=tmp_path / "data.json", **paths)


def gathered(args: stage.Arguments, data: str, method: str = "sft") -> pl.DataFrame:
    params = {"finetune": {"data": data, "method": method}, "tables": {"rows_per_file": 1000}}
    stage.main(stage.Params.model_validate(params), args)
    return pl.read_parquet(args.training)


@pytest.mark.parametrize(("data", "rows"), [("dataset", CHOSEN), ("r0", SEED)])
def test_sft_takes_the_data_set_or_a_pool_as_it_is(args: stage.Arguments, data: str, rows: list) -> None:
    assert_frame_equal(gathered(args, data), tables.frame(INSTRUCTIONS, rows).sort("id"))
    assert json.loads(args.counts.read_text()) == {"in": len(rows), "out": len(rows), "rejects": {}}


def test_dpo_takes_the_pairs_of_a_branch(args: stage.Arguments) -> None:
    found = gathered(args, "autoif", "dpo")
    assert found.schema == PREFERENCES
    assert list(preference_pairs(found)) == PAIRS


@pytest.mark.parametrize(
    ("data", "method", "message"),
    [
        ("r9", "sft", r"data is 'r9', and .*r9\.parquet does not exist; expected 'dataset' or one of pools"),
        ("r9", "dpo", r"data is 'r9', and .*r9\.parquet does not exist; expected one of branches"),
        ("dataset", "dpo", "expected one of branches"),
        ("r1", "sft", r"r1\.parquet holds no row$"),
        ("r0", "dpo", r"holds no row with an answer that keeps its constraint and one that breaks it$"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(
    args: stage.Arguments, data: str, method: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        gathered(args, data, method)
    assert "\n" not in str(caught.value)
    assert not args.training.exists()
