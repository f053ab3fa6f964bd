"""Bases: what each is tuned with, and the stage for one of them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import tiny
import transformers
import yaml
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.errors import BadParams
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Settings, Tools
from evobuild.evaluation.benchmarks.held_out import HeldOut
from evobuild.evaluation.evaluate import evaluate_model
from evobuild.models.client import Model
from evobuild.training.params import Base, Finetune, settings_of_base

ROOT = Path(__file__).parents[2]
SHARED = Finetune.model_validate(yaml.safe_load(SHIPPED_PARAMS.read_text())["finetune"])
ROWS = [tiny.row(instruction=f"Name {number} fish.", output="Cod.") for number in range(4)]


def bases(**own: Any) -> dict[str, Base]:
    return {"toy": Base.model_validate({"model": "models/scratch", "finetune": own})}


def test_a_base_without_keys_of_its_own_is_tuned_as_the_section_says() -> None:
    assert settings_of_base(bases(), "toy", SHARED) == SHARED


def test_a_key_of_its_own_is_its_own_and_no_more() -> None:
    found = settings_of_base(bases(epochs=1, lora={"rank": 8}), "toy", SHARED)
    lora = SHARED.lora.model_copy(update={"rank": 8})
    assert found == SHARED.model_copy(update={"epochs": 1, "lora": lora})


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"learning_rat": 0.1}, "unknown key 'learning_rat'; did you mean 'learning_rate'?"),
        ({"lora": {"rnak": 1}}, "unknown key 'lora.rnak'; did you mean 'rank'?"),
        ({"lora_rank": 8}, "the key 'lora_rank' is now finetune.lora.rank"),
        ({"epochs": 0}, "epochs is 0; expected a number from 1e-06 to 1,000"),
        ({"lora": 8}, "lora is 8; expected a mapping"),
        ({"lora": {"quantize": 4}}, "expected lora.rank above 0 with lora.quantize"),
    ],
)
def test_a_wrong_key_of_a_base_is_said_in_a_line(own: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParams) as caught:
        settings_of_base(bases(**own), "toy", SHARED)
    assert str(caught.value).startswith("params.yaml: bases.toy.finetune: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_base_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadParams, match=r"unknown base 'large'; choose from: toy$"):
        settings_of_base(bases(), "large", SHARED)


def laid_out(tmp_path: Path, **own: Any) -> tuple[dict[str, Any], dict[str, Path]]:
    """Params with the tiny model as the base, and the paths of the stages of training."""
    content = yaml.safe_load(SHIPPED_PARAMS.read_text())
    small = {"epochs": 1, "batch": 2, "max_length": 128}
    content |= {"bases": {"toy": {"model": str(tiny.folder()), "finetune": small | own}}}
    tables.write(tmp_path / "training.parquet", tables.frame(INSTRUCTIONS, ROWS))
    (tmp_path / "label").write_text("")
    paths = {"training": "training.parquet", "held_out": "training.parquet"}
    names = ("scratch", "tuned", "rejects", "counts", "curve", "label")
    return content, {name: tmp_path / paths.get(name, name) for name in (*paths, *names)}


def tune(content: dict[str, Any], paths: dict[str, Path]) -> None:
    """Run the stage for the base."""
    stage = importlib.import_module("stages.finetune")
    params = stage.Params.model_validate(content)
    own = {key: path for key, path in paths.items() if key in stage.Arguments.__annotations__}
    stage.main(params, stage.Arguments(base="toy", **own))


def loss(paths: dict[str, Path], folder: Path) -> float:
    """The loss of a model on the rows that it was tuned on, as the benchmark has it."""
    benchmark = HeldOut("held_out", Settings(items=str(paths["training"])), 1)
    with Model(ChatModel("transformers", str(folder)), "evaluated") as model:
        rows = evaluate_model("m", [benchmark], model, Tools(1)).rows
    assert rows.height == len(ROWS)
    figure = benchmark.compute_metrics(rows)["loss"]
    return float(figure["total"].sum() / figure["weight"].sum())


def test_a_base_is_tuned_with_its_own_settings_and_measured(tmp_path: Path, store: Path) -> None:
    content, paths = laid_out(tmp_path, learning_rate=0.01)
    tune(content, paths)
    curve = pl.read_csv(paths["curve"])
    assert curve["step"].to_list() == [1, 2]
    assert curve["learning_rate"].max() == 0.01
    assert json.loads(paths["counts"].read_text()) == {"in": 4, "out": 4, "rejects": {}}
    assert loss(paths, paths["tuned"]) < loss(paths, tiny.folder())


def test_an_adapter_that_is_not_merged_is_measured_over_its_base(tmp_path: Path, store: Path) -> None:
    lora = {"rank": 4}
    content, paths = laid_out(tmp_path, learning_rate=0.05, lora=lora, merge=False)
    tune(content, paths)
    assert not list(paths["tuned"].glob("model*.safetensors"))
    assert loss(paths, paths["tuned"]) < loss(paths, tiny.folder())


def test_a_tuned_model_is_asked_by_the_template_of_its_training(tmp_path: Path, store: Path) -> None:
    lora = {"rank": 4}
    content, paths = laid_out(tmp_path, lora=lora, merge=False)
    tune(content, paths)
    before = loss(paths, paths["tuned"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(paths["tuned"])
    tokenizer.chat_template = tokenizer.chat_template.replace("'|>\\n'", "'|> say\\n'")
    tokenizer.save_pretrained(paths["tuned"])
    assert loss(paths, paths["tuned"]) != before
