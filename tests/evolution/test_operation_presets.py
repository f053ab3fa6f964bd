"""Methods of other papers are presets and templates alone; and an operation more is one file."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
import variants
import yaml
from workspace import ROOT, SHIPPED_PARAMS

from evobuild.cli import preset
from evobuild.cli.check.all_params import Params
from evobuild.cli.check.consistency import check_params
from evobuild.cli.pipeline.declared_stages import import_declared_stages
from evobuild.cli.pipeline.dvc_yaml import build_pipeline_text
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.params import validated
from evobuild.core.rejects import Reject
from evobuild.core.stage import call_stage
from evobuild.core.uri import ChatModel
from evobuild.evolution.evolve import Round
from evobuild.evolution.step import RoundSource
from evobuild.evolution.strategies import plan_round
from evobuild.models.client import Model
from stages import check, evolve

CALLS = {
    "evol-instruct-distilabel": 1,
    "wizard-coder": 1,
    "wizard-math": 1,
    "tag-instruct": 3,
    "tacie": 3,
}
"""Presets of operations, and the calls that each of their children takes."""


@pytest.mark.parametrize("name", CALLS)
def test_a_preset_evolves_rows_by_each_of_its_operations(store, row, name):
    values = variants.changed(variants.DEFAULT, preset.read_preset(name))
    params = validated(SHIPPED_PARAMS, values, Params)
    check_params(params)
    texts = (
        "Write a function that sorts {} numbers.",
        "A train goes {} km. How far does it go in two hours?",
    )
    rows = [row(texts[number % 2].format(number + 3), seed_place=number) for number in range(80)]
    plan = plan_round(params.evolve, RoundSource("r1", 42, Path("none")))
    with Model(ChatModel("simulated", "large"), "evolver") as model:
        found = list(Round("r1", plan, params.evolve, 42, model).evolve(lambda: rows))
        calls = model.usage.requests
    children = Counter(each.step.operation for each in found if not isinstance(each.result, Reject))
    assert set(children) == set(params.evolve.operations["default"])
    assert sum(children.values()) > 60
    assert 80 * (CALLS[name] - 0.5) < calls <= 80 * CALLS[name]


TEMPLATE = """\
{# A bug has to be found. domains come below.

  domains: [chat, code]
#}
Hide a mistake in the task, and ask to find it.

#Instruction#:
{{ instruction }}
"""


def test_an_operation_more_is_one_file_and_its_name_in_params(tmp_path, monkeypatch, store, row):
    for name in ("stages", "data", "dvc.yaml", "evobuild.lock"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    values = yaml.safe_load(SHIPPED_PARAMS.read_text())
    pipeline = build_pipeline_text(import_declared_stages(), values)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts/evolve/bug_hunt.jinja").write_text(TEMPLATE)
    values["evolve"] |= {"strategy": "evol", "operations": {"default": ["deepening", "bug_hunt"]}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    assert build_pipeline_text(import_declared_stages(), values) == pipeline, "nothing else changes"
    made = {name: str(tmp_path / f"made/{name}") for name in ("checked", "label")}
    call_stage(check.main, Path("params.yaml"), made)
    rows = [
        row(f"Sort {number} numbers, {domain}.", domain=domain)
        for number in range(20)
        for domain in ("chat", "math")
    ]
    tables.write(tmp_path / "r0.parquet", tables.frame(INSTRUCTIONS, rows))
    outs = {
        name: str(tmp_path / f"made/{name}") for name in ("child", "rejects", "failures", "replies", "counts")
    }
    given = {"round": "r1", "parent": "r0", "parents": str(tmp_path / "r0.parquet")}
    call_stage(evolve.main, Path("params.yaml"), given | outs)
    found = Counter(tables.read(Path(outs["child"]), INSTRUCTIONS).select("domain", "operation").iter_rows())
    assert found["chat", "bug_hunt"] > 0 and found["math", "deepening"] > found["math", "bug_hunt"] == 0
