"""Views that a judge makes of two experiments' answers, and the published counts that stand beside them."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest
import workspace
import yaml
from evaluated import replied
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.core.measures import LEVELS
from experiments import difficulty, selected_shares
from experiments.recipe.measures import ALL
from experiments.recipe.outs import Outs
from experiments.recipe.views import Finished

ITEMS = ("1", "2", "3")
ANSWERS = {"ic_ifd 5": "# rivers: the Nile.", "ifd 5": "Please provide them?", ALL: "# rivers: the Po."}


class Folder(Outs):
    """Outs that lie in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("none")
        self.folder = folder

    def fetch_file(self, name: str) -> Path:
        return self.folder / name


def experiment(root: Path, cut: str, models: dict[str, str]) -> Finished:
    """An experiment whose models answered each prompt alike."""
    folder = root / cut.replace(" ", "-")
    items = root / "items.jsonl"
    items.write_text("".join(f'{{"id": "{item}", "prompt": "Name {item} rivers."}}\n' for item in ITEMS))
    params: dict[str, Any] = yaml.safe_load(SHIPPED_PARAMS.read_text())
    params["evaluate"] |= {"models": models, "benchmarks": {"prompts": {"items": str(items)}}}
    params["compare"] |= {"prompt": "criteria"}
    params["prompts"] = str(workspace.ROOT / "prompts")
    (folder / "data/evaluation").mkdir(parents=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    for model in models:
        rows = [
            replied(model, "prompts", item, None, reply=ANSWERS[cut], prompt=f"Name {item} rivers.")
            for item in ITEMS
        ]
        table = folder / f"data/evaluation/{model}.parquet"
        tables.write(table, tables.frame(EVALUATION, rows))
    return Finished(MappingProxyType({"data": "alpaca", "cut": cut}), Folder(folder))


@pytest.fixture
def judged(tmp_path: Path, store: Path) -> pl.DataFrame:
    models = {"llama_3_8b": "simulated:small", "llama_3_2_3b": "simulated:small"}
    finished = [experiment(tmp_path, cut, models) for cut in (ALL, "ifd 5", "ic_ifd 5")]
    return selected_shares.VERDICTS.gather(finished)


def test_each_student_of_the_best_rows_is_set_beside_the_same_of_others(judged: pl.DataFrame) -> None:
    assert judged.height == len(ITEMS) * 2 * 2
    assert set(judged["cut"]) == {"ic_ifd 5"} and set(judged["beside"]) == {"ifd 5", ALL}
    read = judged.filter(beside="ifd 5").drop_nulls("verdict")
    assert (read["verdict"] == "win").sum() > read.height / 2, "who asks back loses"


def test_without_the_other_experiment_nothing_is_judged(tmp_path: Path) -> None:
    alone = [experiment(tmp_path, "ic_ifd 5", {"llama_3_8b": "simulated:small"})]
    assert selected_shares.VERDICTS.gather(alone).is_empty()


def test_win_tie_and_lose_stand_beside_the_published_counts(judged: pl.DataFrame, tmp_path: Path) -> None:
    table, bars = selected_shares.RECIPE.views
    text = table.markdown(judged, tmp_path / "unused.svg", dry=False)
    (line,) = [each for each in text.splitlines() if each.startswith("| Llama-3-8B | 5 | IFD |")]
    assert [f"(paper {count})" in line for count in (421, 57, 327)] == [True] * 3
    (line,) = [each for each in text.splitlines() if each.startswith(f"| Llama-3-8B | 5 | {ALL} |")]
    assert "paper" not in line
    assert "paper" not in table.markdown(judged, tmp_path / "unused.svg", dry=True)
    assert bars.markdown(judged, tmp_path / "bars.svg", dry=False) and (tmp_path / "bars.svg").exists()


def test_published_counts_are_of_all_prompts_and_rows() -> None:
    assert {sum(counts) for counts in selected_shares.FIGURE_6.values()} == {805}
    rows = {labels: sum(counts) for labels, counts in difficulty.FIGURE_2.items()}
    one_fewer = {("r1", "LLM", "gsm8k"): 7_472}
    assert rows == {labels: difficulty.DATA[labels[-1]] for labels in rows} | one_fewer


def test_shares_of_levels_stand_beside_the_published_ones(tmp_path: Path) -> None:
    levels = ["easy", "easy", "medium", None]
    frame = pl.DataFrame({"id": range(4), "level": levels, "score": [1.0] * 4, "reason": [None] * 4})
    frame = frame.with_columns(data=pl.lit("gsm8k"), round=pl.lit("r1"), evolver=pl.lit("SLM"))
    lines = difficulty.LEVELS_TABLE.markdown(frame, tmp_path / "unused.svg", dry=False).splitlines()[2:]
    assert [line.split("|")[3].strip() for line in lines] == list(LEVELS)
    assert [line.split("|")[4].split()[0] for line in lines] == ["0.0", "66.7", "33.3", "0.0", "0.0"]
    assert "(paper 29.5)" in lines[1], "2,201 of 7,473"
