"""Options to start vLLM with, from a role's options and machine.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from evobuild.core import machine
from evobuild.core.errors import require
from evobuild.core.json_files import read_json_file
from evobuild.core.uri import ChatModel, Weights, parse_weights
from evobuild.process.terminal import log
from evobuild.weights import identities, sources


def model_weights(model: ChatModel) -> Weights:
    """Name the weights of a chat model."""
    return Weights(model.name, model.revision)


def _read_speculative(speculative: str) -> tuple[Weights | None, int]:
    """Parse a role's `speculative`: draft model (None: n-grams of the prompt) and number of tokens."""
    name, _, tokens = speculative.rpartition(":")
    return None if name == "ngram" else parse_weights(name), int(tokens)


def drafter_identity(speculative: str) -> str:
    """Name the draft model by its content: the tokens that it proposes decide what is sampled."""
    weights, tokens = _read_speculative(speculative)
    return f"{identities.weights_identity(weights) if weights else 'ngram'}:{tokens}"


def _speculative_config(speculative: str) -> dict[str, Any]:
    weights, tokens = _read_speculative(speculative)
    if weights is None:
        return {"method": "ngram", "num_speculative_tokens": tokens, "prompt_lookup_max": 4}
    name, revision = sources.weights_source(weights)
    return {"method": "draft_model", "num_speculative_tokens": tokens, "model": name, "revision": revision}


def engine_options(model: ChatModel, given: machine.VllmOptions) -> dict[str, Any]:
    """Build the options to start vLLM with. given: the model's settings in machine.yaml."""
    name, revision = sources.weights_source(model_weights(model))
    options: dict[str, Any] = given.model_dump(exclude_none=True) | {
        "model": name,
        "revision": revision,
        "dtype": model.dtype or "auto",
        "quantization": model.quantization or None,
        # Some quantizations have a format of their own, which vLLM chooses.
        "load_format": "auto" if model.quantization else "safetensors",
        "max_model_len": model.max_length or None,
        "generation_config": "vllm",
        "speculative_config": _speculative_config(model.speculative) if model.speculative else None,
        "max_logprobs": -1,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
    }
    if require("vllm.platforms", "vllm").current_platform.is_cpu():
        # A prompt in two steps would rewind its seed's generator, which no CPU generator can: vLLM
        # 0.32 dies of it (RuntimeError, "CPU Generator does not use offset").
        options["enable_chunked_prefill"] = False
    if model.adapter:
        identities.check_adapter(model.adapter)
        rank = read_json_file(Path(model.adapter) / "adapter_config.json")["r"]
        ranks = get_args(require("vllm.config.lora", "vllm").MaxLoRARanks)
        options |= {"enable_lora": True, "max_lora_rank": min(each for each in ranks if each >= rank)}
    return options


def log_idle_gpus(model: ChatModel, given: machine.VllmOptions) -> None:
    """Log if a model leaves GPUs of this machine idle."""
    torch = require("torch", "vllm")
    there, used = torch.cuda.device_count(), given.tensor_parallel_size * given.pipeline_parallel_size
    if used < there:
        log(
            f"'{model}' runs on {used} of {there} GPUs; to use all of them, machine.yaml may have "
            f"ray: {{replicas: {there // used}}}, or several servers in openai.base_url; "
            "vllm.tensor_parallel_size spreads a model that one GPU does not hold"
        )
