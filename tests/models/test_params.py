"""The option `reasoning` of a role in params.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.params import load_all_params
from evobuild.core.errors import BadParams
from evobuild.core.uri import ChatModel


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
            "reasoning is 'much'; expected 'off', 'on', 'minimal', 'low', 'medium'",
        ),
        ('{uri: "simulated:large", reasoning: off}', "expected no reasoning beside simulated:"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, role, wanted):
    with pytest.raises(BadParams) as caught:
        judge(tmp_path, role)
    assert wanted in str(caught.value)
