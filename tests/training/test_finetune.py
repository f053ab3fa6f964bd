"""Fine-tuning: what is in the loss, what is written, and the same bytes again."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import tiny
import torch
import trl

from evobuild.core.errors import BadInput
from evobuild.core.tables import Instruction
from evobuild.core.uri import Weights
from evobuild.training import finetune
from evobuild.training.params import Finetune
from evobuild.weights import checkpoints, tokenized_pairs

ROWS = [tiny.row(instruction=f"Name {number} fish.", output=f"Cod, {number} times.") for number in range(8)]


def params(**fields) -> Finetune:
    plain = {"epochs": 1, "batch": 4, "learning_rate": 0.01, "warmup": 0.0, "max_length": 128, "lora_rank": 0}
    return Finetune(**(plain | fields))


def tune(folder: Path, rows: list[Instruction] = ROWS, base: Path | None = None, **fields) -> list[dict]:
    return finetune.finetune_model(rows, Weights(str(base or tiny.folder())), params(**fields), 7, folder)


def labelled(row: Instruction, max_length: int = 128) -> tuple[str, str]:
    """The text that is not in the loss, and the text that is."""
    tokenizer = tiny.tokenizer()
    (example,), _ = finetune.labelled_examples(tokenizer, [row], max_length)
    pairs = list(zip(example["input_ids"], example["labels"], strict=True))
    assert all(label in (token, finetune.UNLABELLED) for token, label in pairs)
    learnt = [label != finetune.UNLABELLED for _, label in pairs]
    assert learnt == sorted(learnt)
    return (
        tokenizer.decode([token for token, label in pairs if label == finetune.UNLABELLED]),
        tokenizer.decode([token for token, label in pairs if label != finetune.UNLABELLED]),
    )


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_only_the_answer_and_its_end_are_in_the_loss() -> None:
    prompt, learnt = labelled(tiny.row(output="Red and blue."))
    assert learnt == "Red and blue.<|end|>"
    assert prompt.count("<|begin|>") == 1
    assert prompt.endswith("<|assistant|>\n")


def test_earlier_answers_are_not_in_the_loss() -> None:
    history = (("user", "Hello."), ("assistant", "Hi."))
    prompt, learnt = labelled(tiny.row(history=history, output="Red."))
    assert "Hi." in prompt
    assert learnt == "Red.<|end|>"


@pytest.mark.parametrize(("room", "learnt"), [(6, "%%%%%<|end|>"), (5, "%%%%%"), (1, "%")])
def test_a_longer_answer_is_cut_at_its_end(room: int, learnt: str) -> None:
    row = tiny.row(output="%%%%%")
    (pair,) = tokenized_pairs.tokenize_pairs(tiny.tokenizer(), "chat", [row], 128)
    length = pair.answer_start + room  # type: ignore[union-attr]
    assert labelled(row, length)[1] == learnt


def test_training_batches_hold_those_labels_and_no_padding_is_learnt(monkeypatch, tmp_path: Path) -> None:
    batches: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(trl.SFTTrainer, "train", lambda self: batches.extend(self.get_train_dataloader()))
    rows = [tiny.row(output="Red."), tiny.row(instruction="Name a fish and a bird.", output="Cod and crow.")]
    tune(tmp_path / "tuned", rows)
    (batch,) = batches
    learnt_B_T = batch["labels"] >= 0
    assert learnt_B_T.shape[0] == 2
    assert torch.equal(batch["labels"][learnt_B_T], batch["input_ids"][learnt_B_T])
    found = [tiny.tokenizer().decode(labels_T[labels_T >= 0]) for labels_T in batch["labels"]]
    assert sorted(found) == ["Cod and crow.<|end|>", "Red.<|end|>"]


def test_weights_tokenizer_and_a_falling_curve_come_out(tmp_path: Path) -> None:
    curve, rejects = tune(tmp_path / "tuned", epochs=4)
    assert rejects == []
    assert [entry["step"] for entry in curve] == list(range(1, 9))
    assert curve[0]["loss"] > curve[-1]["loss"] > 0
    assert curve[0]["learning_rate"] == 0.01
    tuned = Weights(str(tmp_path / "tuned"))
    assert checkpoints.load_tokenizer(tuned).chat_template == tiny.tokenizer().chat_template
    assert checkpoints.load_causal_lm(tuned).config.vocab_size == tiny.model().config.vocab_size


@pytest.mark.parametrize("rank", [0, 4])
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, rank: int) -> None:
    for name in ("one", "other"):
        tune(tmp_path / name, lora_rank=rank)
    assert digest(tmp_path / "one") == digest(tmp_path / "other") != digest(tiny.folder())


def test_adapters_are_merged_into_a_plain_model(tmp_path: Path) -> None:
    tune(tmp_path / "tuned", lora_rank=4)
    tuned = checkpoints.load_causal_lm(Weights(str(tmp_path / "tuned")))
    assert tuned.state_dict().keys() == tiny.model().state_dict().keys()
    assert not list((tmp_path / "tuned").glob("adapter*"))


def test_a_base_without_a_chat_template_can_be_tuned(tmp_path: Path) -> None:
    shutil.copytree(tiny.folder(), tmp_path / "base", ignore=shutil.ignore_patterns("chat_template*"))
    tune(tmp_path / "tuned", base=tmp_path / "base")
    assert (
        checkpoints.load_tokenizer(Weights(str(tmp_path / "tuned"))).chat_template
        == checkpoints.CHAT_TEMPLATE
    )


def test_no_room_for_any_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"of 8 rows .* 8 tokens; raise finetune\.max_length.* 'no room for"):
        tune(tmp_path / "tuned", max_length=8)


def test_rows_without_an_answer_or_room_for_one_are_left_out() -> None:
    rows = [tiny.row(), tiny.row(instruction="%" * 200), tiny.row(output=" \n")]
    examples, rejects = finetune.labelled_examples(tiny.tokenizer(), rows, 128)
    assert len(examples) == 1
    assert [(each.id, each.reason) for each in rejects] == [
        (rows[1].id, "no room for the answer"), (rows[2].id, "empty answer")
    ]  # fmt: skip


def test_ids_are_those_of_scoring_and_an_end_in_the_answer_is_not_the_end() -> None:
    row = tiny.row(output="Red.<|end|>")
    (pair,) = tokenized_pairs.tokenize_pairs(tiny.tokenizer(), "chat", [row], 128)
    ((example,), _) = finetune.labelled_examples(tiny.tokenizer(), [row], 128)
    end = tiny.tokenizer().eos_token_id
    assert example["input_ids"] == [*pair.both, end]  # type: ignore[union-attr]
    assert example["labels"].count(end) == 1
