"""Supervised fine-tuning with TRL: conversations in, tuned weights and a training curve out.

Only the answer's tokens, and the end token after it, are in the loss. Threads and seeds are fixed:
the same rows and base give the same weights on the same kind of machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.core.errors import BadInput, require
from evobuild.core.tables import Instruction, Reject
from evobuild.core.uri import Weights
from evobuild.training.divergence import refuse_diverged
from evobuild.training.params import Finetune
from evobuild.weights import checkpoints, threads, tokenized_pairs
from evobuild.weights.losses import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNLABELLED = -100
"""The label of a token that is not in the loss, as torch has it."""

Example = dict[str, list[int]]
"""A conversation to learn from: input_ids, and labels, as many."""


def finetune_model(
    rows: Sequence[Instruction], base: Weights, params: Finetune, seed: int, folder: Path
) -> tuple[list[dict[str, float]], list[Reject]]:
    """Fine-tune a base model on answered rows, asked in its chat template, and save it with its tokenizer.

    Returns the training curve of `tune`, and as rejects the rows that have no answer, or whose prompt
    leaves no room for one.

    Raises BadInput if no row is left.
    """
    limit = min(params.max_length, checkpoints.context_length(base))
    examples, rejects = labelled_examples(checkpoints.load_chat_tokenizer(base), rows, limit)
    return tune(examples, base, params, seed, folder), rejects


def tune(
    examples: Sequence[Example], base: Weights, params: Finetune, seed: int, folder: Path
) -> list[dict[str, float]]:
    """Tune a base model on ids and labels, and save it with its tokenizer.

    Returns the training curve: step, loss in nats per answer token, learning_rate.

    Raises UserError if the training diverges.
    """
    datasets, trl = require("datasets", "data"), require("trl", "train")
    torch, transformers = require("torch", "train"), checkpoints.transformers_library()
    cuda = torch.cuda.is_available()
    if not cuda:
        threads.pin_threads()
    datasets.disable_progress_bars()
    tokenizer = checkpoints.load_chat_tokenizer(base)
    trainer = trl.SFTTrainer(
        # All weights are trained in fp32: in bf16 an update of 1e-5 would be rounded away.
        model=checkpoints.load_causal_lm(base)
        if params.lora_rank
        else checkpoints.load_causal_lm(base).float(),
        args=_arguments(trl, params, seed, folder, cuda),
        train_dataset=datasets.Dataset.from_list(list(examples)),
        processing_class=tokenizer,
        peft_config=_adapter(params),
    )
    # The curve is an out; the log need not repeat it.
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    entries = [entry for entry in trainer.state.log_history if "loss" in entry]
    refuse_diverged((entry["loss"] for entry in entries), trainer.model, "the learning_rate")
    if params.lora_rank:
        trainer.model = trainer.model.merge_and_unload()
    trainer.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return [{name: entry[name] for name in ("step", "loss", "learning_rate")} for entry in entries]


def labelled_examples(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Instruction], max_length: int
) -> tuple[list[Example], list[Reject]]:
    """Ids and labels of each row that has an answer and room for it; the others as rejects.

    Ids are those of scoring and evaluation.
    """
    examples, rejects = [], []
    for found in tokenized_pairs.tokenize_pairs(tokenizer, "chat", rows, max_length):
        if isinstance(found, Reject):
            rejects.append(found)
            continue
        examples.append(labelled_pair(found, tokenizer.eos_token_id, max_length))
    if not examples:
        raise BadInput(
            f"none of {len(rows)} rows has an answer that begins within {max_length} tokens; "
            "raise finetune.max_length, or choose a base with a longer context; "
            f"the first is lost to '{''.join(reject.reason for reject in rejects[:1])}'"
        )
    return examples, rejects


def labelled_pair(pair: Pair, end: int, max_length: int) -> Example:
    """Ids and labels of a question and its answer; only the answer and the end token are labelled."""
    ids = [*pair.both, end][:max_length]
    start = pair.answer_start
    return {"input_ids": ids, "labels": [UNLABELLED] * start + ids[start:]}


def _arguments(trl: Any, params: Finetune, seed: int, folder: Path, cuda: bool) -> Any:
    os.environ.setdefault("WANDB_DISABLED", "true")
    return trl.SFTConfig(
        output_dir=str(folder),
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch,
        learning_rate=params.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=params.warmup,
        max_length=params.max_length,
        packing=False,
        seed=seed,
        data_seed=seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not cuda,
        bf16=cuda,
        gradient_checkpointing=cuda,
        dataset_num_proc=None,
        eos_token=None,
    )


def _adapter(params: Finetune) -> Any:
    if not params.lora_rank:
        return None
    peft = require("peft", "train")
    return peft.LoraConfig(
        r=params.lora_rank,
        lora_alpha=params.lora_rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
