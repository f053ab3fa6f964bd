"""What only the vLLM engine can get wrong: its options, its errors, the chat template."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import drafting
import patience
import pytest
from peers import ask

from evobuild.core.chat import Message, Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.client import Model
from evobuild.models.engine import Engine
from evobuild.models.registry import ENGINES
from evobuild.models.sharing import Engines
from evobuild.models.vllm_engine import VllmEngine
from evobuild.weights import checkpoints

LLAMA_3 = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n\n"
    "{{ message.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n\n{% endif %}"
)
"""Begins with the BOS, as Llama 3's does, while its tokenizer adds one of its own to plain text."""

REAL = pytest.mark.skipif(not os.environ.get("EVOBUILD_REAL_DATA"), reason="EVOBUILD_REAL_DATA is not set")


def model(folder: Path, **options: Any) -> ChatModel:
    return ChatModel("vllm", str(folder), **({"dtype": "float32"} | options))


@contextmanager
def started(model: ChatModel) -> Iterator[Engine]:
    engine = ENGINES[model.engine]()(model)
    try:
        yield engine
    finally:
        engine.close()


def answer(engine: Engine, *requests: Request) -> list[Reply]:
    for request in requests:
        engine.submit(request)
    replies: dict[str, Reply] = {}
    while len(replies) < len(requests):
        replies |= {reply.key: reply for reply in engine.collect()}
    return [replies[request.key] for request in requests]


def copied(folder: Path, to: Path, **config: Any) -> Path:
    """A copy of a model with other settings of its tokenizer."""
    shutil.copytree(folder, to)
    path = to / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return to


def lora(folder: Path, to: Path) -> Path:
    """A LoRA of rank 4 that is strong enough to be seen."""
    import peft
    import torch

    torch.manual_seed(3)
    config = peft.LoraConfig(r=4, lora_alpha=64, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(checkpoints.load_causal_lm(Weights(str(folder))), config).save_pretrained(to)
    return to


def test_greedy_agrees_with_transformers_under_a_template_that_begins_with_the_bos(
    folder: Path, tmp_path: Path
) -> None:
    with_bos = copied(folder, tmp_path / "bos", chat_template=LLAMA_3, add_bos_token=True)
    (with_bos / "chat_template.jinja").write_text(LLAMA_3)
    asked = [
        ask(f"Name {number} colours and write a line about {number}.", max_tokens=24) for number in range(12)
    ]
    asked += [ask("Name a fish.", "n", n=2, max_tokens=9, logprobs=2), ask("Two é 漢字", max_tokens=30)]
    with started(model(with_bos)) as engine:
        ours = answer(engine, *asked)
    with started(ChatModel("transformers", str(with_bos))) as engine:
        others = answer(engine, *asked)
    tokenizer = checkpoints.load_tokenizer(Weights(str(with_bos)))
    for request, our, other in zip(asked, ours, others, strict=True):
        text = "<|begin|><|user|>\n\n" + request.messages[0].content + "<|end|><|assistant|>\n\n"
        assert our.prompt_tokens == len(tokenizer(text, add_special_tokens=False)["input_ids"])
        assert [(each.text, each.finish, each.tokens) for each in our.choices] == [
            (each.text, each.finish, each.tokens) for each in other.choices
        ]
        for one, two in zip(our.choices[0].logprobs or (), other.choices[0].logprobs or (), strict=True):
            assert one == pytest.approx(two, abs=1e-3)


def test_sampling_of_the_models_own_generation_config_does_not_leak_in(folder: Path, tmp_path: Path) -> None:
    leaky = tmp_path / "leaky"
    shutil.copytree(folder, leaky)
    path = leaky / "generation_config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"top_k": 1, "temperature": 0.1, "do_sample": True})
    )
    with started(model(leaky, max_length=64)) as engine:
        drawn = answer(engine, ask("Name a fish.", n=4, temperature=1.0, max_tokens=20))[0]
        long = answer(engine, ask("Name a fish. " * 30, "long"))[0]
    assert len({choice.text for choice in drawn.choices}) == 4
    assert long.error is not None
    assert long.error.startswith("prompt too long:")
    assert long.error.endswith("tokens of a context of 64")


def test_an_adapter_changes_the_replies_and_the_models_name(folder: Path, tmp_path: Path) -> None:
    adapted = model(folder, adapter=str(lora(folder, tmp_path / "lora")))
    asked = [ask(f"Name {number} colours.", max_tokens=16) for number in range(4)]
    with started(adapted) as engine:
        changed = [reply.text for reply in answer(engine, *asked)]
    with started(model(folder)) as engine:
        plain = [reply.text for reply in answer(engine, *asked)]
    assert changed != plain
    name = VllmEngine.identity(adapted)
    file = Path(adapted.adapter) / "adapter_config.json"
    file.write_text(file.read_text() + "\n")
    assert len({name, VllmEngine.identity(adapted), VllmEngine.identity(model(folder))}) == 3


@pytest.mark.parametrize("drafter", ["ngram", "the model itself"])
def test_drafted_tokens_change_no_greedy_reply(folder: Path, drafter: str) -> None:
    speculative = f"{folder if drafter != 'ngram' else drafter}:3"
    command = [sys.executable, drafting.__file__, str(folder), speculative]
    said = patience.run(command, 180, check=True).stdout
    tokens, drafted = json.loads(said.splitlines()[-1])
    assert (0, drafted) == drafting.greedy("", str(folder)) and tokens == 3
    assert VllmEngine.identity(model(folder, speculative=speculative)) != VllmEngine.identity(model(folder))


def test_two_models_run_side_by_side_in_one_process(folder: Path) -> None:
    """As evolver and optimizer do in one stage."""
    short = model(folder, max_length=64)
    asked = [ask(f"Name {number} colours.", max_tokens=16) for number in range(4)]
    with started(model(folder)) as one, started(short) as other:
        alone = [reply.text for reply in answer(one, *asked)]
        assert [reply.text for reply in answer(other, *asked)] == alone
        assert [reply.text for reply in answer(one, *asked)] == alone


def test_each_option_that_changes_replies_is_in_the_models_name(folder: Path) -> None:
    options: list[dict[str, Any]] = [{}, {"dtype": "bfloat16"}, {"quantization": "fp8"}, {"max_length": 64}]
    options += [{"reasoning": "off"}, {"reasoning": "low"}]
    assert len({VllmEngine.identity(model(folder, **each)) for each in options}) == len(options)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"dtype": "float7"}, "float7"),
        ({"quantization": "magic"}, "magic"),
        ({"max_length": 1 << 20}, "max"),
        ({"adapter": "nowhere"}, "adapter_config.json"),
    ],
)
def test_an_option_that_cannot_be_is_the_users_to_mend(
    folder: Path, options: dict[str, Any], part: str
) -> None:
    with pytest.raises(UserError, match=part) as caught:
        VllmEngine(model(folder, **options))
    assert str(caught.value).count("\n") <= 1


def test_too_little_memory_is_said_with_what_to_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "100000")
    with pytest.raises(UserError, match=r"machine\.yaml"):
        VllmEngine(model(folder))


def test_a_model_without_a_chat_template_takes_raw_prompts_alone(folder: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(folder, plain, ignore=shutil.ignore_patterns("chat_template*"))
    raw = replace(ask("Hi"), messages=(Message("text", "Hi"),))
    with started(model(plain)) as engine:
        (reply,) = answer(engine, raw)
        assert reply.error is None
        with pytest.raises(UserError, match="no chat template"):
            answer(engine, ask("Hi"))


@REAL
def test_a_model_that_vllm_cannot_run_is_said_in_two_lines(tmp_path: Path) -> None:
    """Its attention heads are of a size that vLLM's CPU kernels do not take."""
    source = Path(os.environ["EVOBUILD_REAL_DATA"]) / "models" / "stories260K"
    given = copied(source, tmp_path / "stories", chat_template="{{ messages[0].content }}")
    with pytest.raises(UserError, match="vLLM cannot run") as caught, started(model(given)) as engine:
        answer(engine, ask("Once upon a time"))
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize(("share", "both"), [(0.3, True), (0.6, False)])
def test_two_models_of_one_stage_share_a_device_or_take_turns(
    folder: Path, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, share: float, both: bool
) -> None:
    (tmp_path / "machine.yaml").write_text(
        f"vllm: {{max_num_seqs: 8, enforce_eager: true, gpu_memory_utilization: {share}}}\n"
    )
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    engines, names = Engines(), [f"Name {number} colours." for number in range(40)]
    shutil.copytree(folder, tmp_path / "other")
    evolver, judge = model(folder), model(tmp_path / "other")
    with Model(evolver, engines=engines) as one:
        with Model(judge, engines=engines) as other:
            children = (ask(reply.key) for reply in one.generate(map(ask, names)))
            found = {reply.key: reply.text for reply in other.generate(children)}
            assert all(each.is_loaded for each in engines._running.values()) == both
        # The other has gone, and takes nothing with it that this one needs.
        (last,) = one.generate([ask("Name a fish.")])
    assert found.keys() == set(names)
    assert last.error is None
