"""The options `reasoning` and `speculative` of a role in params.yaml, and machine.yaml's of a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core.errors import BadParams
from evobuild.core.machine import Machine, Vllm
from evobuild.core.params import validated
from evobuild.core.uri import ChatModel
from evobuild.models.vllm_engine import VllmEngine


def judge(tmp_path: Path, role: str) -> ChatModel:
    """The judge of params.yaml, written so."""
    text = SHIPPED_PARAMS.read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("  judge: simulated:large", f"  judge: {role}"), encoding="utf-8")
    return load_all_params(path).models.judge


@pytest.mark.parametrize("engine", ["vllm", "transformers", "openai"])
@pytest.mark.parametrize(
    ("written", "reasoning"),
    [
        ("none", "off"),
        ("Low", "low"),
        ("minimal", "minimal"),
        ("XHIGH", "xhigh"),
        ("off", "off"),
        ("on", "on"),
        ("'off'", "off"),
        ("low", "low"),
        ("high", "high"),
        ("null", ""),
    ],
)
def test_every_engine_with_a_model_can_be_told_how_much_to_think(tmp_path, engine, written, reasoning):
    found = judge(tmp_path, f'{{uri: "{engine}:m", reasoning: {written}}}')
    assert found == ChatModel(engine, "m", reasoning=reasoning)


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        (
            '{uri: "openai:m", reasoning: much}',
            "reasoning: unknown value 'much'; choose from: off, on, minimal, low, medium",
        ),
        ('{uri: "simulated:large", reasoning: off}', "expected no reasoning beside simulated:"),
        ('{uri: "openai:m", speculative: "ngram:4"}', "expected no speculative beside openai:"),
        ('{uri: "vllm:m", speculative: "ngram"}', "expected ngram:<tokens> or <a small model>:<tokens>"),
        ('{uri: "vllm:m", speculative: "ngram:65"}', "expected ngram:<tokens> or <a small model>:<tokens>"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, role, wanted):
    with pytest.raises(BadParams) as caught:
        judge(tmp_path, role)
    assert wanted in str(caught.value)


@pytest.mark.parametrize("drafter", ["ngram:4", "someone/small@abc:3"])
def test_what_drafts_is_part_of_a_models_name_and_identity(tmp_path, drafter):
    found = judge(tmp_path, f'{{uri: "vllm:someone/large@abc", speculative: "{drafter}"}}')
    assert str(found) == f"vllm:someone/large@abc[speculative={drafter}]"
    plain = ChatModel("vllm", "someone/large", "abc")
    assert VllmEngine.identity(plain) == "vllm:someone/large@abc[,,,]"
    assert VllmEngine.identity(found) == f"vllm:someone/large@abc[,,,,speculative={drafter}]"


def test_where_a_model_runs_is_said_for_all_and_for_some_by_name():
    vllm = Vllm.model_validate(
        {
            "max_num_seqs": 64,
            "models": {
                "vllm:a": {"gpu_memory_utilization": 0.6},
                "vllm:a[dtype=float32]": {"max_num_seqs": 8},
            },
        }
    )
    found = {name: vllm.of(name) for name in ("vllm:a[max_length=9]", "vllm:a[dtype=float32]", "vllm:b")}
    assert [(each.gpu_memory_utilization, each.max_num_seqs) for each in found.values()] == [
        (0.6, 64),
        (0.9, 8),
        (0.9, 64),
    ]


def test_data_parallel_is_rays_to_say():
    with pytest.raises(BadParams, match=r"the key 'vllm\.data_parallel_size' is now ray\.replicas"):
        validated(Path("machine.yaml"), {"vllm": {"data_parallel_size": 2}}, Machine)


@pytest.mark.parametrize(
    ("ray", "wanted"),
    [
        ({"address": "head"}, "ray.address is 'head'"),
        ({"engines": ["openai"]}, "ray.engines.0: unknown value 'openai'"),
        ({"replicas": 0}, "ray.replicas is 0"),
        ({"nodes": 2}, "unknown key 'ray.nodes'"),
    ],
)
def test_a_wrong_place_is_said(ray, wanted):
    with pytest.raises(BadParams) as caught:
        validated(Path("machine.yaml"), {"ray": ray}, Machine)
    assert wanted in str(caught.value)
