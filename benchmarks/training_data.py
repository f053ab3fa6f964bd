"""Rows, and bases of random weights, that trainings are timed on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evobuild.core.instructions import SEED_ROUND, Instruction, content_id, row_id
from evobuild.seeds import formats

ALPACA = Path("alpaca") / "alpaca_data.json"
SYLLABLES = ("ri", "mo", "sta", "ple", "ver", "ll", "ne", "sh", "tu", "dra", "co", "in")
VOCABULARY = 8192

Shape = Mapping[str, int]
"""What a Llama's config is given."""
SMOL: Shape = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
}
"""SmolLM2-135M's."""
SMALL: Shape = {
    "vocab_size": VOCABULARY,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}
LEAST: Shape = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
}
"""Of a model whose passes cost next to nothing."""


def read_answered_rows(count: int) -> list[Instruction]:
    """Rows of Alpaca, of all its parts, or made ones where $EVOBUILD_REAL_DATA is not set."""
    folder = os.environ.get("EVOBUILD_REAL_DATA")
    if folder is None:
        return _make_rows(count)
    found = [row for row in formats.read_seed_rows(Path(folder) / ALPACA) if row.output.strip()]
    return [_row(row.instruction, row.input, row.output) for row in found[:: len(found) // count][:count]]


def _make_rows(count: int) -> list[Instruction]:
    """Rows of made words, about as long as Alpaca's: most are short, and a few ten times as long."""
    draw = np.random.default_rng(0)
    words = [first + last for first in SYLLABLES for last in SYLLABLES]

    def text(median: float, spread: float) -> str:
        length = int(np.clip(median * np.exp(spread * draw.standard_normal()), 1, 400))
        return " ".join(draw.choice(words, length))

    return [
        _row(text(11, 0.4), text(9, 0.8) if draw.random() < 0.4 else "", text(27, 0.95)) for _ in range(count)
    ]


def _row(instruction: str, given: str, output: str) -> Instruction:
    content = content_id((), instruction, given)
    own = row_id(SEED_ROUND, "", content)
    return Instruction(own, content, own, "", SEED_ROUND, "chat", (), instruction, given, output)


def random_base(
    folder: Path, shape: Shape, rows: Sequence[Instruction], kind: str = "llama", dtype: str = "float32"
) -> None:
    """Save a model of random weights, with a tokenizer made of the rows. kind: as transformers calls it."""
    import torch

    from evobuild.training.params import Scratch
    from evobuild.training.scratch import CONTEXT, train_scratch_model
    from evobuild.weights import checkpoints

    transformers = checkpoints.import_transformers()
    texts = [f"{row.instruction}\n{row.input}\n{row.output}" for row in rows]
    toy = Scratch(vocabulary=VOCABULARY, steps=1, batch=1, length=8, learning_rate=0.001)
    train_scratch_model(texts, toy, 0, folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.AutoConfig.for_model(
        kind,
        **shape,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    model.save_pretrained(folder)


def default_settings(**changes: Any) -> dict[str, Any]:
    """The section `finetune` of params.yaml, for one epoch, and with some keys changed."""
    from evobuild.core.yaml_files import read_yaml

    given: dict[str, Any] = read_yaml(Path(__file__).parent.parent / "params.yaml")["finetune"]
    return given | {"epochs": 1} | changes


def write_task(folder: Path, rows: Sequence[Instruction], settings: Mapping[str, Any]) -> Path:
    """Write what one training is given, for `training_runs` and `training_trl`."""
    from evobuild.core.conversation import chat_messages

    found = [
        {"row": row._asdict(), "asked": [message._asdict() for message in chat_messages(row)]} for row in rows
    ]
    task = folder / "task.json"
    task.write_text(json.dumps({"base": str(folder), "rows": found, "settings": dict(settings)}))
    return task
