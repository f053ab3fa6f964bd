"""TRL's trainers, given a global batch at a time: each step is a list of micro-batches without padding.

A step's loss is over all that is labelled in its global batch, on whatever device, so that neither their
number nor the token budget of a micro-batch changes what is learnt. Devices share gradients once a step.
Importing this module imports TRL: `worker` alone does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cached_property
from typing import Any, NamedTuple

import torch
from accelerate.utils import DistributedType
from torch.utils.data import DataLoader, Dataset
from trl import DPOTrainer, SFTTrainer
from trl.trainer import utils as trl_utils

from evobuild.process.terminal import log
from evobuild.training.params import Finetune
from evobuild.training.running.batches import micro_batches, split_padded_micro_batches
from evobuild.training.running.job import UNLABELLED, Sizes
from evobuild.training.running.neftune import Noise
from evobuild.training.running.reading import (
    Micro,
    Reading,
    attention_of,
    inner,
    lay_out_rows,
    probe_reading,
    token_log_probs,
)

# TRL leaves tokens that are not labelled out of the head's work where it has Triton; let it do so on a CPU.
trl_utils._use_triton = lambda device: True


class Plan(NamedTuple):
    """What is learnt from. steps: the places of each one's examples. budget: tokens of a micro-batch."""

    steps: Sequence[Sequence[int]]
    sizes: Sizes
    budget: int


class Share(NamedTuple):
    """What a process does in a step. micro: batches, as `learn` takes them. labelled: in the global batch."""

    micro: list[Any]
    labelled: int


class Shares(Dataset[Share]):  # type: ignore[misc]
    """The shares of one process, step by step, made when they are asked for."""

    def __init__(self, trainer: GlobalBatches, plan: Plan) -> None:
        self._trainer, self._plan = trainer, plan

    def __len__(self) -> int:
        return len(self._plan.steps)

    def __getitem__(self, step: int) -> Share:
        return self._trainer.share(self._plan, self._plan.steps[step])


class GlobalBatches:
    """The common base of both trainers; precedes one of TRL's among the bases of a class.

    plan: of the training. held_out: rows whose loss is measured, as one step of a plan.
    """

    # Of transformers' Trainer.
    accelerator: Any
    args: Any
    callback_handler: Any
    compute_loss_context_manager: Any
    control: Any
    log: Any
    model: Any
    model_wrapped: Any
    state: Any
    train_dataset: Any
    _prepare_inputs: Any

    plan: Plan
    settings: Finetune
    held_out: tuple[Any, Plan] | None = None
    saved_dtype: torch.dtype | None = None
    """What weights are cast to where they are saved; None leaves them."""

    def prepare(self, plan: Plan, settings: Finetune) -> None:
        """Say what is learnt from. Before `train`."""
        self.plan, self.settings = plan, settings
        self.noise = Noise(settings.neftune) if settings.neftune else None
        if self.args.gradient_checkpointing and not inner(self.model).supports_gradient_checkpointing:
            self.args.gradient_checkpointing = False
            log("the base has no gradient checkpointing: it is trained without")
        if settings.method == "sft":
            # Entropy and accuracy, which TRL has computed and compared between devices, are not shown.
            trl_utils.add_fused_lm_head(inner(self.model), outputs=("log_probs",))

    @cached_property
    def reading(self) -> Reading:
        """Return how the model reads rows, probed once on the training device."""
        device, dtype = self.args.device, inner(self.model).dtype
        with self.accelerator.autocast():
            is_rough = torch.is_autocast_enabled(device.type) or dtype != torch.float32
            found = probe_reading(self.model, device, is_rough)
        if self.accelerator.is_main_process:
            log(found.line())
        return found

    # What transformers calls.

    def get_train_dataloader(self) -> DataLoader[Share]:
        """Give a process's shares, in the order of the steps."""
        return DataLoader(Shares(self, self.plan), batch_size=1, collate_fn=lambda shares: shares[0])

    def get_batch_samples(
        self, epoch_iterator: Iterator[Share], num_batches: int, device: Any
    ) -> tuple[list[Share], None]:
        """Give the one share of a step."""
        return [next(epoch_iterator)], None

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: `estimates` counts operations."""
        return 0

    def _track_num_input_tokens(self, inputs: Any) -> None:
        """Do nothing: tokens are counted elsewhere."""

    def training_step(self, model: Any, inputs: Share, num_items_in_batch: Any = None) -> torch.Tensor:
        """Learn from a share; gives its part of the loss, times the number of processes."""
        total: Any = 0.0
        state: Any = self.accelerator.gradient_state
        for number, batch in enumerate(inputs.micro, start=1):
            is_last = number == len(inputs.micro)
            state._set_sync_gradients(is_last)
            with self._skip_gradient_sync(model) if not is_last else nullcontext():
                total += self.learn(model, batch, inputs.labelled)
        return total

    def _skip_gradient_sync(self, model: Any) -> AbstractContextManager[Any]:
        """Keep gradients to this process for now, where each has all of them."""
        accelerator: Any = self.accelerator
        replicated = (DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
        return accelerator.no_sync(model) if accelerator.distributed_type in replicated else nullcontext()

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if self.saved_dtype is not None:
            model: Any = self.accelerator.unwrap_model(self.model)
            state_dict = _cast(state_dict or model.state_dict(), self.saved_dtype)
        super()._save(output_dir, state_dict)  # type: ignore[misc]

    def share(self, plan: Plan, places: Sequence[int]) -> Share:
        """Make this process's share of a step."""
        raise NotImplementedError

    def learn(self, model: Any, batch: Any, labelled: int) -> torch.Tensor:
        """Go forward and backward through a micro-batch."""
        raise NotImplementedError

    def _own(self, shares: list[list[list[int]]]) -> list[list[int]]:
        rank: int = self.accelerator.process_index
        return shares[rank]

    @property
    def _processes(self) -> int:
        count: int = self.accelerator.num_processes
        return count

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure the loss on the held-out rows, in nats per labelled token, and log it."""
        assert self.held_out is not None, "evaluation is asked for where rows are held out"
        examples, plan = self.held_out
        found = {"eval_loss": self._loss_on(examples, plan)}
        self.log(found)
        handler: Any = self.callback_handler
        self.control = handler.on_evaluate(self.args, self.state, self.control, found)
        return found

    def _loss_on(self, examples: Any, plan: Plan) -> float:
        model: Any = self.model_wrapped
        device = self.args.device
        total = torch.zeros((), dtype=torch.float64, device=device)
        model.eval()
        with torch.no_grad(), self.attention():
            for batch in self._lay_out_share(examples, plan, plan.steps[0]):
                inputs: Any = self._prepare_inputs(batch.inputs)
                with self.compute_loss_context_manager():
                    log_probs = token_log_probs(model, inputs, self.reading.is_fused)
                total -= log_probs.double().sum()
        model.train()
        summed: Any = self.accelerator.reduce(total, "sum")
        return float(summed) / max(1, sum(plan.sizes.labelled[place] for place in plan.steps[0]))

    def _lay_out_share(self, examples: Any, plan: Plan, places: Sequence[int]) -> list[Micro]:
        """This process's micro-batches of a step."""
        layout = self.reading.layout
        parted = split_padded_micro_batches if layout == "padded" else micro_batches
        budget = 1 if layout == "alone" else plan.budget
        own = self._own(parted(plan.sizes.lengths, places, budget, self._processes))
        rows = ([examples[place] for place in part] or [_nothing(examples)] for part in own)
        return [lay_out_rows(each, layout) for each in rows]

    def attention(self) -> AbstractContextManager[Any]:
        """Have the model attend within rows alone, inside."""
        return attention_of(self.model, self.reading.layout)


class PackedSFTTrainer(GlobalBatches, SFTTrainer):  # type: ignore[misc]
    """Supervised fine-tuning. A micro-batch is one row of several examples, where the base reads such."""

    def share(self, plan: Plan, places: Sequence[int]) -> Share:
        """Make this process's share of a step."""
        labelled = sum(plan.sizes.labelled[place] for place in places)
        return Share(self._lay_out_share(self.train_dataset, plan, places), labelled)

    def trial(self, place: int, rows: int) -> Micro:
        """Lay out copies of an example, to measure its memory."""
        return lay_out_rows([self.train_dataset[place]] * rows, self.reading.layout)

    def learn(self, model: Any, batch: Micro, labelled: int) -> torch.Tensor:
        """Go forward and backward through a micro-batch."""
        with ExitStack() as stack:
            stack.enter_context(self.attention())
            if self.noise:
                seed = self.args.seed, self.state.global_step
                ids = batch.inputs["input_ids"]
                stack.enter_context(self.noise.on(inner(self.model), ids, batch.lengths, seed))
            loss: torch.Tensor = SFTTrainer.training_step(self, model, batch.inputs, labelled)
        return loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Give a micro-batch's part of the loss over the whole global batch, in nats per labelled token."""
        log_probs = token_log_probs(model, inputs, self.reading.is_fused)
        return -log_probs.sum() / max(1, num_items_in_batch) * self._processes


class PaddedDPOTrainer(GlobalBatches, DPOTrainer):  # type: ignore[misc]
    """Direct preference optimization. A micro-batch is pairs of like length, padded; a loss is over pairs."""

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        """Pairs come as token ids."""
        return dataset

    def share(self, plan: Plan, places: Sequence[int]) -> Share:
        """Make this process's share of a step."""
        own = self._own(split_padded_micro_batches(plan.sizes.lengths, places, plan.budget, self._processes))
        # Who has no pair left reads one again, which then counts nothing.
        micro = [
            {"pairs": self._collate(part or places[:1]), "weight": len(part) / len(places)} for part in own
        ]
        return Share(micro, len(places))

    def _collate(self, places: Sequence[int]) -> dict[str, Any]:
        rows = [{name: ids.tolist() for name, ids in self.train_dataset[place].items()} for place in places]
        found: dict[str, Any] = self.data_collator(rows)
        if not self.settings.dpo.reference:
            self.precompute_ref_logps = True
            nothing = torch.zeros(len(rows))
            found |= {"ref_chosen_logps": nothing, "ref_rejected_logps": nothing}
        return found

    def learn(self, model: Any, batch: dict[str, Any], labelled: int) -> torch.Tensor:
        """Go forward and backward through a micro-batch."""
        self._weight = batch["weight"] * self._processes
        loss: torch.Tensor = DPOTrainer.training_step(self, model, batch["pairs"])
        return loss

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Give a micro-batch's part of the loss over all pairs of the global batch."""
        return super().compute_loss(model, inputs, *args, **kwargs) * self._weight


def _cast(state: Mapping[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Weights in another dtype; those that are one and the same under two names stay so."""
    found: dict[int, torch.Tensor] = {}
    for each in state.values():
        if each.data_ptr() not in found:
            found[each.data_ptr()] = each.to(dtype) if each.is_floating_point() else each
    return {name: found[each.data_ptr()].view_as(each) for name, each in state.items()}


def _nothing(examples: Any) -> dict[str, torch.Tensor]:
    """Build the input of a process without a share: one unlabelled token, because all processes have to run
    forward equally often.
    """
    ids = examples[0]["input_ids"][:1]
    return {"input_ids": ids, "labels": torch.full_like(ids, UNLABELLED)}
