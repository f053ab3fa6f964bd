"""What a training is said to take: held against published figures, PyTorch's own count, and TRL."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import tiny
import torch
import transformers
from peft import LoraConfig, get_peft_model
from published import QWEN, write_config
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.weak import WeakIdKeyDictionary
from trl.trainer import utils as trl_utils

from evobuild.core.errors import UserError
from evobuild.core.machine import Training
from evobuild.training import scratch
from evobuild.training.params import Finetune
from evobuild.training.planning import activations, estimates, flops, shapes

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 176,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 320,
    "tie_word_embeddings": False,
}


def tuned(**changes) -> Finetune:
    """Settings of a tuning of single rows; `lora_rank=8` is a key of a section of it."""
    values = Finetune(epochs=1, batch=1).model_dump()
    for key, value in changes.items():
        section, _, name = key.partition("_")
        if section in ("lora", "dpo"):
            values[section][name] = value
        else:
            values[key] = value
    return Finetune.model_validate(values)


def load(strategy="ddp", devices=1, **changes) -> estimates.Load:
    return estimates.Load(tuned(**changes), strategy, devices, False, 1024, True, True)


def small() -> shapes.Shape:
    return shapes.llama_shape(**SMALL)


def huge(parameters: float) -> shapes.Shape:
    """A model of so many parameters of which nothing is in embeddings, and next to nothing in one layer."""
    count = round(parameters)
    one = shapes.llama_shape(**SMALL | {"vocab_size": 1, "num_hidden_layers": 1})
    return replace(one, parameters=count, active=count, layers=10**6, embedding=0, vocabulary=0, linears=())


# Parameters.


@pytest.mark.parametrize("name", QWEN)
def test_parameters_are_those_that_qwen_publishes(tmp_path, name):
    config = transformers.AutoConfig.from_pretrained(write_config(tmp_path, QWEN[name]))
    assert shapes.model_shape(config).parameters == QWEN[name].parameters


def test_the_toy_is_computed_as_it_is_counted():
    config = transformers.AutoConfig.from_pretrained(tiny.folder())
    assert shapes.llama_shape(vocab_size=config.vocab_size, **scratch.SIZES) == shapes.model_shape(config)
    assert shapes.model_shape(transformers.LlamaConfig(**SMALL)) == small()


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"], ["mlp.down_proj"]])
def test_adapters_have_as_many_parameters_as_peft_makes(targets):
    model = transformers.AutoModelForCausalLM.from_config(transformers.LlamaConfig(**SMALL))
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM"))
    made = sum(each.numel() for each in adapted.parameters() if each.requires_grad)
    assert shapes.adapter_parameters(small(), 4, targets) == made > 0


def test_of_experts_a_token_meets_those_chosen_for_it():
    config = transformers.MixtralConfig(**SMALL, num_local_experts=8, num_experts_per_tok=2)
    shape, expert = shapes.model_shape(config), 3 * 64 * 176
    assert shape.parameters - shape.active == 3 * 6 * expert
    assert shape.intermediate == 2 * 176


def test_a_model_that_is_no_causal_one_is_said():
    with pytest.raises(UserError, match="'t5' gives no causal language model"):
        shapes.model_shape(transformers.T5Config())


# Operations.


@pytest.mark.parametrize("name", QWEN)
def test_operations_are_those_that_trl_counts(tmp_path, name):
    config = transformers.AutoConfig.from_pretrained(write_config(tmp_path, QWEN[name]))
    ours = flops.training_flops_per_token(shapes.model_shape(config), 2048)
    assert ours == pytest.approx(trl_utils.compute_flops_per_token(config, 2048), rel=1e-3)


def counted(model, length: int) -> float:
    """Operations of a token that PyTorch counts in a forward and a backward pass."""
    ids = torch.zeros(1, length, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids).loss.backward()
    return counter.get_total_flops() / length


def deep(**changes):
    """A Llama deep enough that what its first layer is spared does not tell."""
    sizes = SMALL | {"num_hidden_layers": 8, "attn_implementation": "eager"} | changes
    return transformers.AutoModelForCausalLM.from_config(transformers.LlamaConfig(**sizes))


def test_operations_are_those_that_pytorch_does():
    model = deep()
    ours = flops.training_flops_per_token(shapes.model_shape(model.config), 128)
    assert counted(model, 128) == pytest.approx(ours, rel=0.01)


def test_frozen_weights_need_no_gradient_of_their_own():
    model = deep()
    shape = shapes.model_shape(model.config)
    adapters = shapes.adapter_parameters(shape, 4)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    ours = flops.training_flops_per_token(shape, 128, adapters=adapters)
    assert counted(adapted, 128) == pytest.approx(ours, rel=0.03)


def test_a_reference_adds_a_forward_pass():
    plain = flops.training_flops_per_token(small(), 128)
    assert flops.training_flops_per_token(small(), 128, reference=True) == pytest.approx(plain * 4 / 3)


def test_tokens_stand_among_those_of_their_own_row():
    assert flops.mean_attended_length([100, 300]) == (100 * 100 + 300 * 300) / 400
    assert flops.mean_attended_length([]) == 0


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 NVL", 835e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A100 80GB PCIe", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L40", 181e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("NVIDIA GeForce RTX 3090", 71e12),
        ("Tesla V100-SXM2-32GB", 125e12),
        ("NVIDIA B200", 2250e12),
        ("AMD Instinct MI300X", 1307e12),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("Some GPU 100", None),
        ("", None),
    ],
)
def test_a_gpu_is_known_by_its_name(name, peak):
    assert flops.peak_flops(name) == peak


def test_peaks_agree_with_those_of_trl():
    differ = {"A10G", "MI300X", "MI325X"}  # by the data sheets 70, and 1,307
    known = {
        name: by_type["bfloat16"]
        for name, by_type in trl_utils._PEAK_FLOPS_BY_DEVICE
        if "bfloat16" in by_type
    }
    ours = {name: flops.peak_flops(f"NVIDIA {name}") for name in known}
    missing = [name for name, peak in ours.items() if peak is None]
    assert missing == ["A6000"]  # it is called RTX A6000
    assert {name for name in ours if name not in missing and ours[name] != known[name]} == differ


# Memory.


def test_zero_takes_what_its_paper_says():
    """Figure 1 of arXiv:1910.02054: 7.5B parameters, 64 devices, in GB."""
    model = huge(7.5e9)
    held = {
        strategy: estimates.device_memory(model, load(strategy, 64))
        for strategy in ("zero2", "zero3", "fsdp")
    }
    state = {name: (each.weights + each.gradients + each.optimizer) / 1e9 for name, each in held.items()}
    assert state == pytest.approx({"zero2": 16.6, "zero3": 1.9, "fsdp": 1.9}, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "weights", "gradients", "optimizer"),
    [
        ({}, 4 + 2, 4, 8),
        ({"precision": "bfloat16"}, 2, 2, 4),
        ({"optimizer": "adamw_8bit"}, 4 + 2, 4, 2 + 2 / 64),
        ({"optimizer": "adafactor"}, 4 + 2, 4, 0),
        ({"lora_rank": 8}, 2, 0, 0),
    ],
)
def test_bytes_of_a_parameter(changes, weights, gradients, optimizer):
    found = estimates.device_memory(huge(1e9), load(**changes))
    bytes_each = [getattr(found, name) / 1e9 for name in ("weights", "gradients", "optimizer")]
    assert bytes_each == pytest.approx([weights, gradients, optimizer], abs=1e-3)


def test_a_65b_model_of_4_bits_fits_into_48_gb():
    """As in QLoRA, arXiv:2305.14314, table 6: 41 GB of a 65B Llama are weights and what is tuned of it."""
    llama = shapes.llama_shape(
        vocab_size=32000,
        hidden_size=8192,
        intermediate_size=22016,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=64,
        tie_word_embeddings=False,
    )
    settings = tuned(lora_rank=64, lora_quantize=4, optimizer="adamw_8bit")
    found = estimates.device_memory(llama, estimates.Load(settings, "ddp", 1, False, 512, True, True))
    assert llama.parameters == 65_285_660_672
    assert 36e9 < found.weights < 46e9
    assert found.total < 48 * 2**30


def test_a_reference_is_a_second_model_but_with_adapters():
    given = {"method": "dpo", "data": "autoif"}
    assert estimates.device_memory(huge(1e9), load(**given)).reference == 4e9
    assert estimates.device_memory(huge(1e9), load(**given, dpo_reference=False)).reference == 0
    assert estimates.device_memory(huge(1e9), load(**given, lora_rank=8)).reference == 0


def test_what_is_offloaded_is_in_the_memory_of_the_cpu():
    kept = load("fsdp", 8)
    moved = replace(kept, offload=True)
    before, after = (estimates.device_memory(huge(8e9), each) for each in (kept, moved))
    assert before.total - after.total == 16e9
    assert estimates.host_bytes(huge(8e9), moved) == 8 * 16e9
    assert (after.gradients, after.optimizer) == (0, 0)


def test_a_checkpoint_holds_what_is_tuned_and_its_optimizer():
    assert estimates.checkpoint_bytes(huge(1e9), tuned(), True) == 12e9
    assert estimates.checkpoint_bytes(small(), tuned(lora_rank=4), True) == 12 * shapes.adapter_parameters(
        small(), 4
    )


@pytest.mark.parametrize(
    ("machine", "cuda", "tokens"),
    [
        ({"micro_batch": 100}, True, 1024),
        ({"micro_batch": 5000}, True, 5000),
        ({}, True, 1024),
        ({"strategy": "fsdp"}, True, 8192),
        ({}, False, 2048),
    ],
)
def test_a_micro_batch_is_as_the_trainer_takes_it(machine, cuda, tokens):
    found = estimates.plan_load(tuned(max_length=1024), Training.model_validate(machine), 8, cuda)
    assert (found.tokens, found.devices, found.checkpointing) == (tokens, 8, cuda)


def test_a_micro_batch_holds_both_answers_of_a_pair():
    given = tuned(method="dpo", data="autoif", max_length=1024)
    assert estimates.plan_load(given, Training(nodes=2), 8, cuda=True).tokens == 2048


# Activations.


class Alive(TorchDispatchMode):
    """Sums up the storages that were made within it and are still there."""

    def __init__(self, model):
        super().__init__()
        self._made = WeakIdKeyDictionary()
        self._weights = {each.untyped_storage()._cdata for each in model.parameters()}

    def __torch_dispatch__(self, function, types, given=(), options=None):
        result = function(*given, **(options or {}))
        for each in tree_leaves(result):
            if isinstance(each, torch.Tensor) and each.untyped_storage()._cdata not in self._weights:
                self._made[each.untyped_storage()] = each.untyped_storage().nbytes()
        return result

    def bytes(self) -> int:
        return sum(self._made.values())


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(("dtype", "autocast"), [("float32", False), ("bfloat16", False), ("float32", True)])
def test_a_layer_keeps_what_autograd_saves(dtype, autocast, checkpointing):
    tokens = 256
    kept = []
    for layers in (2, 6):
        config = transformers.LlamaConfig(**SMALL | {"num_hidden_layers": layers}, use_cache=False)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        ids = torch.zeros(1, tokens, dtype=torch.long)
        # What autocast casts of weights is counted with them.
        casts = torch.autocast("cpu", dtype=torch.bfloat16) if autocast else nullcontext()
        with casts, Alive(model) as alive:
            output = model.model(input_ids=ids).last_hidden_state
        weights = 2 * shapes.model_shape(config).linear if autocast and not checkpointing else 0
        kept.append(alive.bytes() - weights)
        del output
    width = 2 if "bfloat16" in dtype or autocast else 4
    stream = 4 if dtype == "float32" else 2
    shape = small()
    expected = stream * 64 if checkpointing else activations.layer_bytes(shape, width, stream)
    assert (kept[1] - kept[0]) / 4 / tokens == pytest.approx(expected, rel=0.02)
