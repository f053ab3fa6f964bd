"""What ends a training is said in a line or two, and leaves nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import tiny
import torch
import tunings

from evobuild.core.errors import UserError
from evobuild.core.machine import Training
from evobuild.training.running import launch, trainer
from evobuild.weights import checkpoints


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def refusal(root: Path, **fields) -> str:
    with pytest.raises(UserError) as error:
        tunings.tune(root / "tuned", **fields)
    said = str(error.value)
    assert len(said.splitlines()) <= 2 and len(said) < 600
    return said


def raising(error: BaseException):
    def learn(self, model, batch, labelled):
        raise error

    return learn


def test_a_loss_that_is_no_number_names_its_step(root: Path, monkeypatch) -> None:
    def learn(self, model, batch, labelled):
        return torch.tensor(float("nan") if self.state.global_step == 2 else 1.0)

    monkeypatch.setattr(trainer.PackedSFTTrainer, "learn", learn)
    assert "the loss of step 3 is nan: the training diverged; lower finetune.learning_rate" in refusal(root)


def test_a_learning_rate_beyond_all_bounds_is_named(root: Path) -> None:
    said = refusal(root, learning_rate=1.0, clip=0.0, epochs=60, schedule="constant", weight_decay=10)
    assert "lower finetune.learning_rate" in said


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_full_memory_says_what_to_lower(root: Path, monkeypatch, error) -> None:
    monkeypatch.setattr(trainer.PackedSFTTrainer, "learn", raising(error))
    said = refusal(root)
    assert "memory" in said and "training.micro_batch" in said and "finetune.lora.rank" in said


@pytest.mark.parametrize("said", ["CUDA error: unspecified launch failure", "NCCL communicator was aborted"])
def test_a_lost_device_says_that_it_goes_on(root: Path, monkeypatch, said: str) -> None:
    monkeypatch.setattr(trainer.PackedSFTTrainer, "learn", raising(RuntimeError(said)))
    assert "is gone" in (text := refusal(root)) and "run again: it goes on from the last checkpoint" in text


def test_another_error_is_a_bug_and_keeps_its_traceback(root: Path, monkeypatch) -> None:
    monkeypatch.setattr(trainer.PackedSFTTrainer, "learn", raising(RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        tunings.tune(root / "tuned")


def test_a_target_that_does_not_exist_is_named(root: Path) -> None:
    lora = tunings.LORA.model_copy(update={"targets": ["query"]})
    said = refusal(root, lora=lora)
    assert "finetune.lora.targets" in said and "'query'" in said and "all-linear" in said


def test_quantizing_without_a_gpu_or_its_package_is_refused(root: Path) -> None:
    lora = tunings.LORA.model_copy(update={"quantize": 4})
    assert "bitsandbytes" in refusal(root, lora=lora)


def test_a_base_of_two_directions_is_refused(root: Path) -> None:
    shutil.copytree(tiny.folder(), root / "base")
    config = {
        "model_type": "bert",
        "architectures": ["BertForMaskedLM"],
        "hidden_size": 32,
        "num_hidden_layers": 1,
    }
    (root / "base/config.json").write_text(json.dumps(config))
    assert "reads texts from both sides; expected a causal language model" in refusal(
        root, base=root / "base"
    )


def test_a_base_that_is_no_language_model_is_refused(root: Path) -> None:
    shutil.copytree(tiny.folder(), root / "base")
    (root / "base/config.json").write_text(json.dumps({"model_type": "t5", "architectures": ["T5Model"]}))
    assert "cannot be loaded as AutoModelForCausalLM" in refusal(root, base=root / "base")


def test_a_data_set_of_one_row_is_learnt(root: Path) -> None:
    tuned = tunings.tune(root / "tuned", tunings.ROWS[:1], batch=64, epochs=2)
    assert tuned.steps == 2 and len(tunings.losses(tuned)) == 2


def test_more_processes_than_gpus_are_refused(root: Path, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    tunings.with_machine(root, processes=4)
    assert "training.processes is 4, and this machine shows 2 GPUs" in refusal(root)


def test_of_several_gpus_none_is_taken_by_dataparallel(monkeypatch) -> None:
    """Where several are seen, processes are started apart, each with one; by default one for each."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert launch.process_count(Training()) == 4
    assert not launch.is_alone(Training(processes=1))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert launch.is_alone(Training())
    assert not launch.is_alone(Training(nodes=2)) and not launch.is_alone(Training(strategy="fsdp"))


@pytest.mark.parametrize("given", ["", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"])
def test_the_allocator_grows_its_blocks_unless_it_is_told_otherwise(
    tmp_path, monkeypatch, given: str
) -> None:
    for name in launch.ALLOCATOR:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    if given:
        monkeypatch.setenv(given, "backend:native")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(launch.worker, "train", lambda folder: seen.update(os.environ))
    seen: dict[str, str] = {}
    launch.run_job(tmp_path, Training())
    found = {name: seen[name] for name in launch.ALLOCATOR if name in seen}
    own = {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
    assert found == ({given: "backend:native"} if given else own)


def test_the_tuned_model_stops_where_it_has_learnt_to(root: Path) -> None:
    tunings.tune(root / "tuned")
    stops = json.loads((root / "tuned/generation_config.json").read_text())["eos_token_id"]
    assert tiny.tokenizer().eos_token_id in ([stops] if isinstance(stops, int) else stops)
    from evobuild.core.uri import Weights

    assert checkpoints.load_causal_lm(Weights(str(root / "tuned"))).generation_config.eos_token_id == stops
