"""What params say of evaluation, held against itself and against what is there, before anything runs."""

from __future__ import annotations

import json

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.check import evaluation_checks
from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.cli.check.consistency import check_params
from evobuild.core.errors import BadParams
from evobuild.core.params import validated
from evobuild.core.yaml_files import read_yaml
from evobuild.models import roles

PARAMS = SHIPPED_PARAMS
SHIPPED = read_yaml(PARAMS)
REVISION = "0" * 40


def changed(compare: dict | None = None, **evaluate) -> Params:
    """The shipped params with another evaluation."""
    content = SHIPPED | {"evaluate": SHIPPED["evaluate"] | {"benchmarks": {"held_out": {}}} | evaluate}
    content["compare"] = SHIPPED["compare"] | {"pairs": [], "benchmarks": []} | (compare or {})
    return validated(PARAMS, content, Params)


def refused(**values) -> str:
    with pytest.raises(BadParams) as caught:
        check_params(changed(**values))
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 500
    return str(caught.value)


def test_the_shipped_evaluation_contradicts_nothing():
    shipped = load_all_params(PARAMS)
    check_params(shipped)
    assert list(evaluation_checks.list_evaluation_warnings(shipped)) == []


def test_nothing_need_be_asked():
    check_params(changed(benchmarks={}))


def test_no_model_may_be_evaluated_if_none_is_compared():
    assert "compare.pairs: unknown model of evaluate.models 'tuned'" in refused(
        models={}, compare={"pairs": [["tuned", "base"]]}
    )
    check_params(changed(models={}))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("transformers:models/tuned/other", "unknown base 'other'; choose from: toy"),
        ("vllm:models/tuned", "unknown base ''; choose from: toy"),
        ("transformers:./models//tuned/../tuned/x", "unknown base 'x'"),
        ("transformers:models/tuned/toy@abc", "a folder has no revision"),
        ("vllm:models/scratch@abc", "a folder has no revision"),
        ("transformers:models/none", "m names the folder 'models/none', which does not exist"),
        ("vllm:/none/at/all", "names the folder '/none/at/all'"),
        ("transformers:models/experienced", "which the stage experience makes to score rows with"),
        ({"uri": "vllm:a/b", "adapter": "models/none"}, "m.adapter is 'models/none', which holds no"),
        ({"uri": "vllm:a/b", "adapter": "models/tuned/no"}, "unknown base 'no'"),
    ],
)  # fmt: skip
def test_an_evaluated_model_is_where_it_is_said_to_be(model, message):
    assert message in refused(models={"m": model})


@pytest.mark.parametrize(
    "model",
    [
        "transformers:models/tuned/toy",
        "transformers:models/tuned/toy/",
        "vllm:models/scratch",
        "openai:gpt-4o",
        "openai:models/tuned/other",
        "simulated:small",
        "vllm:Qwen/Qwen2.5-7B-Instruct@a09a354",
        {"uri": "vllm:Qwen/Qwen2.5-7B", "adapter": "models/tuned/toy"},
    ],
)
def test_any_model_can_be_evaluated(model):
    check_params(changed(models={"m": model}))


def test_the_toy_is_there_only_if_something_has_it_trained():
    content = SHIPPED | {
        "bases": {"real": {"model": "a/b"}},
        "models": SHIPPED["models"] | {"scorer": None},
        "evaluate": SHIPPED["evaluate"] | {"models": {"m": "vllm:models/scratch"}},
        "select": SHIPPED["select"] | {"by": {"random": 1.0}},
        "compare": SHIPPED["compare"] | {"pairs": []},
    }
    params = validated(PARAMS, content, Params)
    with pytest.raises(BadParams, match="the toy that is trained only if a base or"):
        evaluation_checks.check_evaluation(params)


def test_an_adapter_without_its_base_is_refused_with_what_to_write(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    said = refused(models={"m": f"transformers:{tmp_path}"})
    assert f"expected {{uri: transformers:<base>, adapter: {tmp_path}}}" in said
    gone = {"base_model_name_or_path": "/none/at/all"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(gone))
    assert "an adapter of the base '/none/at/all', which is not there" in refused(
        models={"m": f"vllm:{tmp_path}"}
    )
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "a/b"}))
    check_params(changed(models={"m": f"transformers:{tmp_path}"}))


def test_an_unknown_benchmark_is_refused_with_those_that_there_are():
    said = refused(benchmarks={"gsm9k": {}})
    assert "unknown benchmark 'gsm9k'; did you mean 'gsm8k'?" in said
    said = refused(benchmarks={"mine": {"benchmark": "x" * 5000}})
    assert "gsm8k" in said


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"limits": 5}, "unknown key 'limits'; did you mean 'limit'?"),
        ({"limit": 0}, "limit is 0; expected a number from 1"),
        ({"temperature": float("nan")}, "temperature is nan; expected"),
        ([], "expected held_out: {}, or with settings such as {limit: 100}"),
        (None, "expected held_out: {}, or with settings"),
    ],
)
def test_settings_of_a_benchmark_are_held_against_its_own(entry, message):
    assert message in refused(benchmarks={"held_out": entry})


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("data/raw/none.jsonl", "mmlu.items 'data/raw/none.jsonl' does not exist"),
        ("../x.jsonl", "expected a path in the repository"),
        ("a'; rm -rf x; '", "expected a path without quotes"),
        ("", "expected its items, or fetch.mmlu, which gives data/raw/mmlu.parquet"),
    ],
)  # fmt: skip
def test_items_are_there_or_will_be_fetched(items, message):
    assert message in refused(benchmarks={"mmlu": {"items": items}})


def test_items_that_will_be_fetched_or_held_out_need_not_be_there_yet():
    fetched = {"mmlu": {"hub": "cais/mmlu", "config": "all", "revision": REVISION, "split": "test"}}
    given = changed(benchmarks={"mmlu": {}})
    fetch = validated(PARAMS, SHIPPED | {"fetch": fetched}, Params).fetch
    check_params(given.model_copy(update={"fetch": fetch}))
    check_params(changed(benchmarks={"held_out": {"items": "data/held_out.parquet"}}))


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        ({"pairs": [["tuned", "none"]]}, "unknown model of evaluate.models 'none'; choose from: "),
        ({"pairs": [["tuned", "base"], ["base", "tuned"]]}, "has tuned and base more than once"),
        ({"pairs": [["tuned", "tuned"]]}, "expected two different names of evaluate.models"),
        ({"pairs": [["tuned"]]}, "expected two different names"),
        ({"benchmarks": ["gsm8k"]}, "unknown benchmark of evaluate.benchmarks 'gsm8k'; choose from: "),
        ({"benchmarks": ["held_out"]}, "names held_out, which is scored by likelihoods"),
        ({"benchmarks": ["held_out", "held_out"]}, "names held_out more than once"),
        ({"resamples": 10}, "compare.resamples is 10; expected a number from 100"),
    ],
)  # fmt: skip
def test_what_is_compared_is_evaluated(compare, message):
    models = {"base": "simulated:small", "tuned": "simulated:large"}
    assert message in refused(models=models, compare=compare)


def test_what_may_not_be_meant_is_warned_of():
    models = {"a": "openai:gpt-4o", "b": "openai:gpt-4o"}
    found = list(evaluation_checks.list_evaluation_warnings(changed(models=models)))
    assert found[0] == "evaluate.models: a and b are the same model, 'openai:gpt-4o'"
    assert "evaluate.models.a is 'openai:gpt-4o'" in found[1]
    assert found[1].endswith("every item of held_out is rejected")
    check_params(changed(models=models))


def test_a_simulated_model_that_is_evaluated_makes_a_dry_run():
    real = dict.fromkeys(roles.CHAT_ROLES, "openai:gpt-4o")
    models = validated(PARAMS, SHIPPED | {"models": SHIPPED["models"] | real}, Params).models
    assert not roles.is_dry_run(models)
    simulated = changed(models={"m": "simulated:small"}).evaluate.models
    assert roles.is_dry_run(models, simulated.values())
