"""Build the arguments of TRL, PEFT and accelerate for a training."""

from __future__ import annotations

import os
from typing import Any

from evobuild.core.errors import UserError, require
from evobuild.core.machine import Training
from evobuild.training.params import Finetune
from evobuild.training.running.job import Job
from evobuild.training.tracking.trackers import tracker_arguments

OPTIMIZERS = {"adamw": "adamw_torch", "adamw_8bit": "adamw_bnb_8bit", "adafactor": "adafactor"}


def trainer_arguments(task: Job) -> Any:
    """Make TRL's arguments of a training.

    Batches, checkpoints and evaluations are left out: `GlobalBatches` and `callbacks` see to them.

    Raises MissingExtra if it needs a package that is not installed, UserError if it needs a GPU.
    """
    settings, machine = task.settings, task.machine
    trl, torch = require("trl", "train"), require("torch", "train")
    cuda = torch.cuda.is_available()
    kind: Any = trl.DPOConfig if settings.method == "dpo" else trl.SFTConfig
    own = _dpo_arguments(settings) if settings.method == "dpo" else _sft_arguments()
    checkpointing = cuda if machine.gradient_checkpointing is None else machine.gradient_checkpointing
    return kind(
        output_dir=str(task.folder),
        num_train_epochs=1,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule if settings.schedule != "constant" else "constant_with_warmup",
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        optim=_optimizer(settings, cuda),
        max_length=None,
        seed=task.seed,
        data_seed=task.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        disable_tqdm=True,
        use_cpu=not cuda,
        bf16=cuda,
        gradient_checkpointing=checkpointing and machine.strategy != "fsdp",
        torch_compile=machine.compile,
        dataset_num_proc=None,
        remove_unused_columns=False,
        # Said to one process alone it would look for others.
        ddp_backend="gloo" if not cuda and "RANK" in os.environ else None,
        ddp_find_unused_parameters=False,
        ddp_timeout=3600,
        **tracker_arguments(machine.trackers, task.name),
        **own,
        **_spread(machine, settings, checkpointing),
    )


def _sft_arguments() -> dict[str, Any]:
    return {
        "packing": False,
        "eos_token": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "average_tokens_across_devices": True,
        # The experts' own loss is of a micro-batch: their number would decide what is learnt.
        "router_aux_loss_coef": 0.0,
    }


def _dpo_arguments(settings: Finetune) -> dict[str, Any]:
    return {"beta": settings.dpo.beta, "router_aux_loss_coef": 0.0}


def _optimizer(settings: Finetune, cuda: bool) -> str:
    if settings.optimizer == "adamw_8bit":
        require("bitsandbytes", "quantized")
        if not cuda:
            raise UserError("finetune.optimizer is 'adamw_8bit', which needs a GPU; expected adamw here")
    return "adamw_torch_fused" if settings.optimizer == "adamw" and cuda else OPTIMIZERS[settings.optimizer]


def _spread(machine: Training, settings: Finetune, checkpointing: bool) -> dict[str, Any]:
    """Return how weights and optimizer are distributed over devices. An accelerate config decides by
    itself.
    """
    if machine.accelerate or machine.strategy == "ddp":
        return {}
    if machine.strategy == "fsdp":
        # One process of a node reads the weights, and the others get their parts of it.
        os.environ["ACCELERATE_USE_FSDP"] = "true"
        return {
            "fsdp": True,
            "fsdp_config": {
                "version": 2,
                "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
                "cpu_ram_efficient_loading": True,
                "state_dict_type": "FULL_STATE_DICT",
                "activation_checkpointing": checkpointing,
                "cpu_offload": machine.offload,
            },
        }
    require("deepspeed", "deepspeed")
    return {"deepspeed": _zero(machine, settings)}


def _zero(machine: Training, settings: Finetune) -> dict[str, Any]:
    """Build DeepSpeed's configuration; "auto" copies the other arguments."""
    stage = {"zero2": 2, "zero3": 3}[machine.strategy]
    zero: dict[str, Any] = {"stage": stage, "overlap_comm": True, "contiguous_gradients": True}
    if machine.offload:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if stage == 3:
        zero |= {"stage3_gather_16bit_weights_on_model_save": True}
        zero |= {"offload_param": {"device": "cpu"}} if machine.offload else {}
    return {
        "zero_optimization": zero,
        "bf16": {"enabled": "auto"},
        "gradient_clipping": settings.clip,
        "gradient_accumulation_steps": 1,
        "train_micro_batch_size_per_gpu": 1,
        "zero_allow_untested_optimizer": True,
    }


def adapter_config(settings: Finetune) -> Any:
    """Build PEFT's configuration of an adapter; None without one."""
    if not settings.lora.rank:
        return None
    return require("peft", "train").LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules=settings.lora.targets,
        task_type="CAUSAL_LM",
    )


def quantization_config(settings: Finetune) -> Any:
    """Build the quantization of the weights below an adapter, by QLoRA (arXiv:2305.14314); None without it.

    Raises UserError without a GPU, MissingExtra without bitsandbytes.
    """
    if not settings.lora.quantize:
        return None
    transformers, torch = require("transformers", "train"), require("torch", "train")
    require("bitsandbytes", "quantized")
    if not torch.cuda.is_available():
        raise UserError("finetune.lora.quantize is 4, which needs a GPU; expected null here")
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
