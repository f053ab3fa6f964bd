"""Configs of published models by their published sizes, without weights: enough to plan with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class Published(NamedTuple):
    """A model's sizes, and the number of its parameters that its authors give."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    tied: bool
    parameters: int


QWEN = {
    "0.5B": Published(896, 24, 14, 2, 4864, 151936, True, 494_032_768),
    "7B": Published(3584, 28, 28, 4, 18944, 152064, False, 7_615_616_512),
    "72B": Published(8192, 80, 64, 8, 29568, 152064, False, 72_706_203_648),
}
"""Qwen2.5, arXiv:2412.15115."""


def write_config(folder: Path, model: Published) -> Path:
    """Write config.json of a Qwen2 into a folder, and give the folder."""
    content = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": model.hidden,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "intermediate_size": model.intermediate,
        "vocab_size": model.vocabulary,
        "tie_word_embeddings": model.tied,
        "max_position_embeddings": 32768,
        "torch_dtype": "bfloat16",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(content))
    return folder
