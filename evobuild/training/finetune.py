"""Fine-tuning: rows in, tuned weights and a training curve out.

Examples are made here, once; `worker` trains on them, in this process or in one for each device. A training
that was killed goes on from its last checkpoint, to the same weights, byte by byte, on the same machine.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evobuild.core.errors import BadInput
from evobuild.core.instructions import Instruction, PreferencePair
from evobuild.core.json_files import write_json
from evobuild.core.machine import load_machine
from evobuild.core.rejects import Reject
from evobuild.core.uri import Weights
from evobuild.training.card.card import MERGED
from evobuild.training.examples import labelling, templates
from evobuild.training.params import Finetune
from evobuild.training.running import checkpointing, job, kept, launch
from evobuild.training.running.job import Example, Job
from evobuild.training.tracking.trackers import tracker_arguments
from evobuild.weights import checkpoints

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ADAPTER = "adapter_config.json"


class Tuning(NamedTuple):
    """A base, and how it is tuned. name: of the base, in params.yaml."""

    name: str
    base: Weights
    settings: Finetune
    seed: int


class Learnt(NamedTuple):
    """What a training learns from: examples, and those that are held out, with the tokenizer of both."""

    examples: Sequence[Example]
    held_out: Sequence[Example]
    tokenizer: PreTrainedTokenizerBase


class Tuned(NamedTuple):
    """The result of a training. history: the log, in transformers' form.

    examples: learnt from. tokens: of all of them, once.
    """

    history: list[dict[str, Any]]
    steps: int
    examples: int
    tokens: int


def finetune_model(
    rows: Sequence[Instruction], held_out: Sequence[Instruction], tuning: Tuning, folder: Path
) -> tuple[Tuned, list[Reject]]:
    """Fine-tune a base on answered rows and save it with its tokenizer.

    held_out: rows whose loss is measured on the way; they may all be unreadable. Returns the result of
    it, and the rows that it was not tuned on, with the reason.

    Raises BadInput if no row can be learnt from, UserError if the training fails.
    """
    tokenizer, limit = _tokenizer(tuning)
    found, rejects = labelling.label_examples(tokenizer, rows, tuning.settings, limit)
    labelling.check_examples(tokenizer, found, rows, limit)
    measured: list[Example] = []
    # Of no use are held-out rows that are all too long; that is no reason not to train.
    with suppress(BadInput):
        measured, _ = labelling.label_examples(tokenizer, held_out, tuning.settings, limit)
    return tune(Learnt(found, measured, tokenizer), tuning, folder), rejects


def prefer_answers(
    pairs: Sequence[PreferencePair], tuning: Tuning, folder: Path
) -> tuple[Tuned, list[Reject]]:
    """Tune a base to prefer one answer of each pair, by DPO (arXiv:2305.18290); else as `finetune_model`."""
    tokenizer, limit = _tokenizer(tuning)
    found, rejects = labelling.preference_examples(tokenizer, pairs, tuning.settings, limit)
    return tune(Learnt(found, [], tokenizer), tuning, folder), rejects


def _tokenizer(tuning: Tuning) -> tuple[PreTrainedTokenizerBase, int]:
    """Load the base's tokenizer with its template, and return the maximum tokens of an example."""
    tokenizer = templates.training_tokenizer(tuning.base, tuning.settings.template)
    return tokenizer, min(tuning.settings.max_length, checkpoints.read_context_length(tuning.base))


def tune(learnt: Learnt, tuning: Tuning, folder: Path) -> Tuned:
    """Tune a base on token ids, and save it with its tokenizer.

    Raises UserError if memory or disk is too small, or the training diverges.
    """
    machine = load_machine().training
    # Report a missing package before loading anything.
    tracker_arguments(machine.trackers, tuning.name)
    # What runs is the same, however it is asked for.
    machine = machine.model_copy(update={"processes": launch.process_count(machine)})
    given = [learnt.examples, learnt.held_out]
    key = job.job_key(given, tuning.base, tuning.settings, tuning.seed, machine)
    task = Job(
        tuning.name,
        checkpointing.checkpoints_folder(tuning.name, key),
        folder,
        tuning.base,
        tuning.settings,
        tuning.seed,
        templates.stop_tokens(learnt.tokenizer, checkpoints.stop_token_ids(tuning.base)),
        machine,
    )
    whole_key = job.result_key(task, key)
    result = kept.restore(tuning.name, whole_key, folder)
    if result is None:
        _hand_over(task, learnt)
        launch.run_job(task.folder, machine)
        if task.settings.lora.rank:
            _finish_adapter(task)
        result = json.loads((task.folder / job.RESULT).read_text(encoding="utf-8"))
        kept.keep(tuning.name, whole_key, folder, result)
    learnt.tokenizer.save_pretrained(folder)
    shutil.rmtree(task.folder)
    lengths = [len(ids) for each in learnt.examples for name, ids in each.items() if name != "labels"]
    return Tuned(result["history"], result["steps"], len(learnt.examples), sum(lengths))


def _hand_over(task: Job, learnt: Learnt) -> None:
    """Write what the processes need into the job's folder; existing checkpoints stay."""
    for name in (job.EXAMPLES, job.HELD_OUT, job.TOKENIZER):
        shutil.rmtree(task.folder / name, ignore_errors=True)
    job.save_examples(task.folder / job.EXAMPLES, learnt.examples)
    if learnt.held_out:
        job.save_examples(task.folder / job.HELD_OUT, learnt.held_out)
    learnt.tokenizer.save_pretrained(task.folder / job.TOKENIZER)
    task.save()


def _finish_adapter(task: Job) -> None:
    """Name the adapter's base as params do, and merge it into that if it is to be; it stays beside it."""
    adapter = task.out
    config = json.loads((adapter / ADAPTER).read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": task.base.name, "revision": task.base.revision or None}
    write_json(adapter / ADAPTER, config)
    # PEFT's card names paths of this machine.
    (adapter / "README.md").unlink(missing_ok=True)
    if not task.settings.merge:
        return
    adapter = task.folder / MERGED
    shutil.rmtree(adapter, ignore_errors=True)
    shutil.copytree(task.out, adapter)
    for left in task.out.iterdir():
        left.unlink() if left.is_file() else shutil.rmtree(left)
    dtype = checkpoints.read_stored_dtype(checkpoints.causal_config(task.base))
    merged = checkpoints.merge_adapter(checkpoints.read_causal_lm(task.base, dtype), str(adapter))
    merged.generation_config.eos_token_id = task.stops
    merged.save_pretrained(task.out)
    shutil.copytree(adapter, task.out / MERGED)
