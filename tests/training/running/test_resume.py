"""A training that is killed goes on from its last whole checkpoint, to the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import tunings

from evobuild.core.errors import UserError
from evobuild.training.running import checkpointing, trainer


@pytest.mark.parametrize("fields", [{}, {"lora": tunings.LORA, "neftune": 5.0, "merge": False}])
def test_what_an_error_ended_goes_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    own, name = trainer.PackedSFTTrainer.learn, "adapter_model.safetensors" if fields else "model.safetensors"
    whole = tunings.tune(tmp_path / "whole", epochs=2, save_steps=1, held_out=tunings.ROWS[:2], **fields)

    def learn(self, model, batch, labelled):
        if self.state.global_step == 4:
            raise RuntimeError("CUDA error: device lost")
        return own(self, model, batch, labelled)

    with monkeypatch.context() as patched:
        patched.setattr(trainer.PackedSFTTrainer, "learn", learn)
        with pytest.raises(UserError, match="run again: it goes on"):
            tunings.tune(tmp_path / "lost", epochs=2, save_steps=1, held_out=tunings.ROWS[:2], **fields)
    (left,) = tmp_path.glob(".evobuild/checkpoints/*/checkpoint-*")
    assert left.name == "checkpoint-4"
    again = tunings.tune(tmp_path / "again", epochs=2, save_steps=1, held_out=tunings.ROWS[:2], **fields)
    assert again == whole
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_half_written_checkpoint_is_not_taken(tmp_path: Path) -> None:
    for step, is_whole in ((2, True), (4, True), (10, True), (12, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if is_whole:
            (tmp_path / f"checkpoint-{step}" / checkpointing.COMPLETE).touch()
    found = checkpointing.newest_checkpoint(tmp_path)
    assert found is not None and found.name == "checkpoint-10"
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint-10"]
    assert checkpointing.newest_checkpoint(tmp_path / "none") is None


def test_checkpoints_lie_where_their_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another learning rate does not go on from a checkpoint of this one; another save_steps does."""
    from evobuild.core.machine import Training
    from evobuild.core.uri import Weights
    from evobuild.training.running.job import job_key

    base, examples = Weights(str(tiny.folder())), [[{"input_ids": [1, 2], "labels": [-100, 2]}], []]

    def key(machine: Training = Training(), seed: int = 7, examples=examples, **fields) -> str:  # noqa: B008
        return job_key(examples, base, tunings.settings(**fields), seed, machine)

    assert key() == key(save_steps=3) == key(machine=Training(mfu=0.5, offload=True))
    others = [
        key(seed=8), key(learning_rate=0.02), key(epochs=2), key(machine=Training(processes=2)),
        key(machine=Training(micro_batch=9)), key(examples=[examples[0] * 2, []]),
        key(examples=[[], examples[0] * 2]),
    ]  # fmt: skip
    assert len({key(), *others}) in (len(others), len(others) + 1)
    assert key() not in others[:-1]


def test_what_does_not_fit_on_the_disk_is_refused(tmp_path: Path) -> None:
    checkpointing.check_disk([(tmp_path, 1)])
    with pytest.raises(
        UserError, match=r"has [\d,.]+ GiB left, and weights and checkpoints take [\d,.]+ GiB; free"
    ):
        checkpointing.check_disk([(tmp_path, 2**59), (tmp_path, 2**59)])
