"""A toy base model made from the seed instructions: a byte-level BPE tokenizer and a two-layer Llama.

It is there so that scoring, fine-tuning and evaluation run on a real network, offline, in seconds. It learns
next to nothing, and its scores mean nothing. It reads instructions without answers: answering is what
fine-tuning has to teach it. Steps are counted, never timed, and threads are fixed, so that the same rows
give the same weights on the same kind of CPU.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.core.errors import require
from evobuild.process.progress import metered
from evobuild.training.divergence import refuse_diverged
from evobuild.training.params import Scratch
from evobuild.weights import checkpoints, threads

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

OF_TEMPLATES = ("<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
"""Tokens of the templates in prompts/chat/, so that the toy can be tuned in each of them."""
CONTEXT = 2048
"""Positions, in tokens."""
MOST_TEXTS = 100_000
"""Maximum texts for a toy model: the stage samples this number of more."""
BATCH = 512
"""Texts that are tokenized together."""
SIZES: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 2,
    # 4 heads of 32: the smallest that vLLM's CPU attention takes too.
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "tie_word_embeddings": True,
}
"""Of the network, as its config calls them."""


def train_scratch_model(texts: Sequence[str], params: Scratch, seed: int, folder: Path) -> list[float]:
    """Train tokenizer and model on texts and save both; give the loss of each step in nats."""
    torch, transformers = require("torch", "train"), checkpoints.import_transformers()
    threads.pin_threads()
    torch.manual_seed(seed)
    tokenizer = _tokenizer(texts, params.vocabulary)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **SIZES,
    )
    model = transformers.LlamaForCausalLM(config)
    losses = _fit(model, _stream(tokenizer, texts), params, torch.Generator().manual_seed(seed))
    refuse_diverged(losses, model, "scratch.learning_rate")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return losses


def _tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    tokenizers, transformers = require("tokenizers", "train"), require("transformers", "train")
    own = ["<|begin|>", "<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>"]
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[*own, *OF_TEMPLATES],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer: PreTrainedTokenizerFast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        model_max_length=CONTEXT,
        chat_template=checkpoints.CHAT_TEMPLATE,
    )
    return tokenizer


def _stream(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Any:
    """Join all texts to one row of token ids, each with start and end; repeat it if shorter than a
    sequence.
    """
    torch = require("torch", "train")
    ids = array("q")
    for first in range(0, len(texts), BATCH):
        some = list(texts[first : first + BATCH])
        for text_ids in tokenizer(some, add_special_tokens=False)["input_ids"]:
            ids.extend([tokenizer.bos_token_id, *text_ids, tokenizer.eos_token_id])
    return torch.tensor(ids * (1 + CONTEXT // len(ids)))


def _fit(model: Any, stream_N: Any, params: Scratch, draw: Any) -> list[float]:
    torch = require("torch", "train")
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate)
    losses = []
    for step in metered(range(params.steps), "scratch", "steps", params.steps):
        # Falls linearly to a tenth; a toy needs no more.
        rate = params.learning_rate * (1 - 0.9 * step / params.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts_B = torch.randint(len(stream_N) - params.length, (params.batch,), generator=draw)
        ids_B_T = torch.stack([stream_N[start : start + params.length] for start in starts_B.tolist()])
        loss = model(input_ids=ids_B_T, labels=ids_B_T).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
