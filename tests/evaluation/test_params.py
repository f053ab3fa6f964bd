"""Params of evaluation: benchmarks with their settings, and bases named by their entry."""

from __future__ import annotations

import pytest
import yaml
from variants import DEFAULT, changed

from evobuild.cli.check.all_params import Params
from evobuild.core.errors import BadParams
from evobuild.core.params import validated
from evobuild.core.uri import ChatModel
from evobuild.evaluation.params import resolve_models


def loaded(tmp_path, **changes):
    path = tmp_path / "params.yaml"
    content = changed(DEFAULT, {key.replace("__", "."): value for key, value in changes.items()})
    path.write_text(yaml.safe_dump(content))
    return validated(path, content, Params)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ifevall": {}}, "unknown benchmark 'ifevall'; did you mean 'ifeval' or"),
        ({"own": {"benchmark": "glue"}}, "unknown benchmark 'glue'; choose from: held_out"),
        ({"gsm8k": None}, "expected gsm8k: {}, or with settings"),
        ({"gsm8k": {"shot": 3}}, "expected settings of gsm8k: unknown key 'shot'; did you mean 'shots'?"),
        ({"gsm8k": {"shots": -1}}, "shots is -1"),
        ({"gsm8k": {"limit": 0}}, "limit is 0"),
        ([], "benchmarks is []"),
    ],
)
def test_a_wrong_benchmark_is_said_in_a_line(tmp_path, given, said):
    with pytest.raises(BadParams) as error:
        loaded(tmp_path, evaluate__benchmarks=given)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_one_benchmark_may_stand_there_twice(tmp_path):
    entries = {"gsm8k": {"shots": 0}, "gsm8k_cot": {"benchmark": "gsm8k", "shots": 8}}
    found = loaded(tmp_path, evaluate__benchmarks=entries).evaluate.benchmarks
    assert type(found["gsm8k"]) is type(found["gsm8k_cot"])
    assert found["gsm8k_cot"].shots == 8


def test_a_base_that_is_evaluated_is_the_model_of_its_entry(tmp_path):
    bases = {"small": {"model": "Qwen/Qwen2.5-0.5B@060db64", "finetune": {"epochs": 1}}}
    params = loaded(tmp_path, bases=bases, evaluate__models={"base": "vllm:bases/small"})
    found = resolve_models(params.evaluate.models, params.bases)
    assert found == {"base": ChatModel("vllm", "Qwen/Qwen2.5-0.5B", "060db64")}


@pytest.mark.parametrize("uri", ["transformers:bases/gone", "openai:bases/toy", "vllm:bases/toy@12fd25f"])
def test_a_base_that_is_not_there_is_refused(tmp_path, uri):
    params = loaded(tmp_path, evaluate__models={"base": uri})
    with pytest.raises(
        BadParams, match=r"evaluate\.models\.base is '.*'; expected transformers:bases/toy, vllm:"
    ):
        resolve_models(params.evaluate.models, params.bases)
