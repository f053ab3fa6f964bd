"""The toy base model: which texts it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from workspace import SHIPPED_PARAMS

from evobuild.core import table_parts, tables
from evobuild.core.draws import draw_rows
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.params import load_params
from evobuild.training import scratch
from stages import scratch as stage

ROWS = [tiny.row(instruction=f"Name river {place}.", seed_place=place) for place in range(20)]


@pytest.mark.parametrize(("most", "read"), [(20, 20), (7, 7)])
def test_the_stage_learns_from_all_rows_by_id_or_from_so_many_that_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, read: int
):
    with table_parts.rows_per_file(5):
        tables.write(tmp_path / "r0.parquet", tables.frame(INSTRUCTIONS, ROWS))
    given: list[str] = []
    monkeypatch.setattr(scratch, "MOST_TEXTS", most)
    monkeypatch.setattr(scratch, "train_scratch_model", lambda texts, *_: given.extend(texts))
    params = load_params(SHIPPED_PARAMS, stage.Params)
    stage.main(params, stage.Arguments(r0=tmp_path / "r0.parquet", model=tmp_path / "model"))
    drawn = sorted(draw_rows(ROWS, read, params.random_seed, "scratch"), key=lambda row: row.id)
    assert given == [row.instruction for row in drawn]


def test_texts_are_tokenized_some_at_a_time_to_the_same_stream(monkeypatch: pytest.MonkeyPatch):
    texts = [row.instruction for row in ROWS]
    whole = scratch._stream(tiny.tokenizer(), texts)
    monkeypatch.setattr(scratch, "BATCH", 3)
    assert scratch._stream(tiny.tokenizer(), texts).equal(whole)
    assert tiny.tokenizer().decode(whole[:40]).startswith(f"<|begin|>{texts[0]}<|end|><|begin|>{texts[1]}")
