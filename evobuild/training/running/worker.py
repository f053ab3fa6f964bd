"""One process of a training: it loads the model, trains, and leaves weights, history and errors."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from evobuild.core.errors import UserError, require
from evobuild.core.json_files import write_json
from evobuild.core.yaml_files import read_yaml
from evobuild.process.supervision import die_with_parent
from evobuild.training.divergence import refuse_diverged
from evobuild.training.running import arguments, checkpointing, job
from evobuild.training.running.batches import global_batches
from evobuild.training.running.failures import explained
from evobuild.training.running.job import Job
from evobuild.training.running.micro_batch import choose_budget
from evobuild.weights import checkpoints, threads

KINDS = {"ddp": {"MULTI_GPU", "MULTI_CPU"}, "fsdp": {"FSDP"}, "zero2": {"DEEPSPEED"}, "zero3": {"DEEPSPEED"}}
"""What accelerate calls the ways to spread a model over devices."""


def main() -> None:
    """Do one process's part of the job whose folder the command line names."""
    die_with_parent()
    folder = Path(sys.argv[1])
    report = sys.excepthook

    def note(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # The first one says why; what the others then see is that it is gone.
        said = str(error) if isinstance(error, UserError) else f"{kind.__name__}: {error}"
        with (folder / job.FAILURE).open("a", encoding="utf-8") as file:
            file.write(f"{said}\n\n")
        if not isinstance(error, UserError):
            report(kind, error, trace)

    sys.excepthook = note
    train(folder)


def train(folder: Path) -> None:
    """Train a job, from its newest checkpoint on, and save weights and result.

    Raises UserError at what the user can mend: memory, a loss that is no number, a target that is not there.
    """
    task = Job.load(folder)
    with explained(task):
        _use_device()
        trainer = _trainer(task)
        _check_spread(trainer, task)
        _learn(trainer, task)


def _use_device() -> None:
    """Take the GPU of this process, or its part of the CPU's threads."""
    torch = require("torch", "train")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    else:
        threads.pin_threads(int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _trainer(task: Job) -> Any:
    from evobuild.training.running.callbacks import Control, progress
    from evobuild.training.running.trainer import PackedSFTTrainer, PaddedDPOTrainer

    transformers = checkpoints.import_transformers()
    # Before the model: with ZeRO-3 it decides how that is loaded.
    given = arguments.trainer_arguments(task)
    options: dict[str, Any] = {}
    kind: Any = PackedSFTTrainer
    if task.settings.method == "dpo":
        kind = PaddedDPOTrainer
        if task.settings.dpo.reference and not task.settings.lora.rank:
            options["ref_model"] = _model(task)
    examples = job.load_examples(task.folder / job.EXAMPLES)
    trainer = kind(
        model=_model(task),
        args=given,
        train_dataset=examples,
        processing_class=transformers.AutoTokenizer.from_pretrained(task.folder / job.TOKENIZER),
        peft_config=arguments.adapter_config(task.settings),
        **options,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    _plan(trainer, task, examples)
    # What is logged is shown before it may end the training.
    trainer.add_callback(progress(trainer, task))
    trainer.add_callback(Control(trainer, task))
    return trainer


def _model(task: Job) -> Any:
    """Load the base for tuning: weights in float32, unless params say bfloat16 or keep."""
    torch = require("torch", "train")
    quantized = arguments.quantization_config(task.settings)
    frozen = task.settings.lora.rank or task.settings.precision == "bfloat16"
    dtype = "bfloat16" if torch.cuda.is_available() and frozen else "float32"
    options = {"quantization_config": quantized} if quantized else {}
    return checkpoints.read_causal_lm(task.base, dtype, **options)


def _plan(trainer: Any, task: Job, examples: Any) -> None:
    from evobuild.training.running.trainer import Plan

    settings = task.settings
    steps = global_batches(job.identities(examples), settings.batch, settings.epochs, task.seed)
    sizes = job.example_sizes(examples)
    trainer.prepare(Plan(steps, sizes, 0), settings)
    budget = choose_budget(trainer, task, sizes.lengths)
    trainer.plan = trainer.plan._replace(budget=budget)
    if (task.folder / job.HELD_OUT).exists():
        held_out = job.load_examples(task.folder / job.HELD_OUT)
        steps = global_batches(job.identities(held_out), len(held_out), 1, task.seed)
        trainer.held_out = (held_out, Plan(steps, job.example_sizes(held_out), budget))


def _check_spread(trainer: Any, task: Job) -> None:
    """Raise UserError if the model is spread over devices in another way than asked for."""
    found = trainer.accelerator.distributed_type.value
    if task.machine.accelerate:
        config = read_yaml(Path(task.machine.accelerate))
        asked, wanted = task.machine.accelerate, {str(config.get("distributed_type", "NO"))}
    else:
        asked, wanted = task.machine.strategy, KINDS[task.machine.strategy]
        if trainer.accelerator.num_processes == 1 and task.machine.strategy == "ddp":
            wanted = {"NO", *wanted}
    if found not in wanted:
        raise UserError(
            f"machine.yaml: training asks for '{asked}', and accelerate made {found} of it, in "
            f"{trainer.accelerator.num_processes} processes; expected {' or '.join(sorted(wanted))}; unset "
            "$ACCELERATE_* variables, or give training.processes and training.strategy"
        )


def _learn(trainer: Any, task: Job) -> None:
    resumed = checkpointing.newest_checkpoint(task.folder)
    _check_disk(trainer, task)
    trainer.args.eval_on_start = bool(trainer.held_out and not resumed)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    refuse_diverged((), trainer.model, "finetune.learning_rate")
    _save(trainer, task)


def _check_disk(trainer: Any, task: Job) -> None:
    size = checkpointing.checkpoint_bytes(trainer.model)
    # The old one stays until the new one is whole.
    count = min(2, (len(trainer.plan.steps) - 1) // task.settings.save_steps)
    weights = sum(each.numel() * each.element_size() for each in trainer.model.parameters())
    if trainer.accelerator.is_main_process:
        checkpointing.check_disk([(task.folder, count * size), (task.out.parent, weights)])


def _save(trainer: Any, task: Job) -> None:
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.generation_config.eos_token_id = task.stops
    base = checkpoints.causal_config(task.base)
    if not task.settings.lora.rank:
        trainer.saved_dtype = getattr(require("torch", "train"), checkpoints.read_stored_dtype(base))
    trainer.save_model(str(task.out))
    if task.settings.lora.rank and trainer.accelerator.is_main_process:
        # So that who loads the adapter stops where it has learnt to.
        model.generation_config.save_pretrained(task.out)
    if not trainer.accelerator.is_main_process:
        return
    if not task.settings.lora.rank:
        _restore_config(task.out / "config.json", base)
    # It holds paths of this machine.
    (task.out / "training_args.bin").unlink(missing_ok=True)
    result = {"history": _history(trainer), "micro_batch": trainer.plan.budget}
    result |= {"processes": trainer.accelerator.num_processes, "steps": len(trainer.plan.steps)}
    write_json(task.folder / job.RESULT, result)


def _history(trainer: Any) -> list[dict[str, float]]:
    """Return the log of steps and held-out rows, without token counts, which restart after a resume."""
    found = [entry for entry in trainer.state.log_history if entry.keys() & {"loss", "eval_loss"}]
    return [{key: value for key, value in entry.items() if key != "num_tokens"} for entry in found]


def _restore_config(file: Path, base: Any) -> None:
    """Have a config say of dtype, cache and experts what the base's does: training has others."""
    own = {"dtype": checkpoints.read_stored_dtype(base), "use_cache": getattr(base, "use_cache", True)}
    experts = ("output_router_logits", "router_aux_loss_coef")
    own |= {name: getattr(base, name) for name in experts if hasattr(base, name)}
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(config | own, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
