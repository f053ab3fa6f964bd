"""The same losses and gradients for any budget, and any number of processes; rows do not see each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch
import tunings

from evobuild.training.running.job import UNLABELLED


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def reference() -> list[tuple[float, float]]:
    """Loss and gradient norm of each step by hand: row by row, over all answer tokens of a batch."""
    from evobuild.core.uri import Weights
    from evobuild.training.examples import labelling, templates
    from evobuild.training.running import batches
    from evobuild.weights import checkpoints

    base = Weights(str(tiny.folder()))
    tokenizer = templates.training_tokenizer(base, "own")
    found, _ = labelling.labelled_examples(tokenizer, tunings.ROWS, tunings.settings(), 128)
    names = [batches.example_identity(each["input_ids"], each["labels"]) for each in found]
    model = checkpoints.load_causal_lm(base).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    steps = []
    plan = batches.global_batches(names, 4, 2, 7)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / len(plan))).item())
    )
    for places in plan:
        rows = [
            (torch.tensor([found[place]["input_ids"]]), torch.tensor(found[place]["labels"]))
            for place in places
        ]
        count = sum(int((labels != UNLABELLED).sum()) for _, labels in rows)
        total = 0.0
        for ids, labels in rows:
            log_probs = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
            kept = labels[1:] != UNLABELLED
            loss = -log_probs[kept].gather(1, labels[1:][kept][:, None]).sum() / count
            loss.backward()
            total += loss.item()
        norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        steps.append((total, norm))
    return steps


@pytest.fixture(scope="module")
def by_hand() -> list[tuple[float, float]]:
    return reference()


@pytest.mark.parametrize(
    "machine",
    [{}, {"micro_batch": 1}, {"micro_batch": 40}, {"gradient_checkpointing": True}, {"processes": 2},
     {"processes": 2, "micro_batch": 40}],
)  # fmt: skip
def test_losses_and_gradients_are_those_of_rows_one_by_one(root: Path, by_hand, machine) -> None:
    tunings.with_machine(root, **machine)
    tuned = tunings.tune(root / "tuned", epochs=2)
    found = list(zip(tunings.losses(tuned), tunings.losses(tuned, "grad_norm"), strict=True))
    assert len(found) == len(by_hand) == 6
    for (loss, norm), (expected, expected_norm) in zip(found, by_hand, strict=True):
        assert loss == pytest.approx(expected, rel=2e-6)
        assert norm == pytest.approx(expected_norm, rel=2e-6)


def test_a_model_whose_attention_cannot_be_told_of_rows_reads_them_one_by_one(
    root: Path, by_hand, monkeypatch
) -> None:
    from evobuild.training.running import trainer

    monkeypatch.setattr(trainer, "can_pack", lambda model: False)
    tuned = tunings.tune(root / "tuned", epochs=2)
    assert tunings.losses(tuned) == pytest.approx([loss for loss, _ in by_hand], rel=2e-6)


def test_a_row_does_not_see_those_before_it(root: Path) -> None:
    """A row's share of the loss is the same whatever stands before it in its micro-batch."""
    alone = [
        tunings.losses(tunings.tune(root / f"one{n}", [row], batch=2))
        for n, row in enumerate(tunings.ROWS[3:5])
    ]
    both = tunings.losses(tunings.tune(root / "both", tunings.ROWS[3:5], batch=2))
    from evobuild.core.uri import Weights
    from evobuild.training.examples import labelling, templates

    tokenizer = templates.training_tokenizer(Weights(str(tiny.folder())), "own")
    found, _ = labelling.labelled_examples(tokenizer, tunings.ROWS[3:5], tunings.settings(), 128)
    counts = [sum(label != UNLABELLED for label in each["labels"]) for each in found]
    expected = sum(loss[0] * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
    assert both[0] == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("machine", [{"micro_batch": 1}, {"processes": 2}])
def test_noise_on_embeddings_is_that_of_each_row(root: Path, machine) -> None:
    whole = tunings.tune(root / "whole", neftune=5.0)
    tunings.with_machine(root, **machine)
    parted = tunings.tune(root / "parted", neftune=5.0)
    assert tunings.losses(whole) == pytest.approx(tunings.losses(parted), rel=2e-6)
    plain = tunings.tune(root / "plain")
    assert tunings.losses(whole) != pytest.approx(tunings.losses(plain), rel=1e-3)


@pytest.mark.parametrize("machine", [{"micro_batch": 1}, {"processes": 2}])
def test_the_held_out_loss_is_the_same_for_any_budget(root: Path, machine) -> None:
    rows = tunings.ROWS[:7]
    whole = tunings.losses(tunings.tune(root / "whole", rows, tunings.ROWS[7:]), "eval_loss")
    tunings.with_machine(root, **machine)
    parted = tunings.losses(tunings.tune(root / "parted", rows, tunings.ROWS[7:]), "eval_loss")
    assert len(whole) == 2 and whole == pytest.approx(parted, rel=2e-6)


def test_only_labelled_tokens_are_scored(root: Path, monkeypatch) -> None:
    """TRL would score those of prompts, too, where there is no Triton."""
    from types import SimpleNamespace

    from trl.trainer import utils

    scored = []
    own = utils._ChunkedLogProbFunction

    def apply(hidden, *others):
        scored.append(len(hidden))
        return own.apply(hidden, *others)

    from evobuild.core.uri import Weights
    from evobuild.training.examples import labelling, templates

    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", SimpleNamespace(apply=apply))
    tunings.tune(root / "tuned")
    tokenizer = templates.training_tokenizer(Weights(str(tiny.folder())), "own")
    found, _ = labelling.labelled_examples(tokenizer, tunings.ROWS, tunings.settings(), 128)
    assert sum(scored) == sum(label != UNLABELLED for each in found for label in each["labels"])
