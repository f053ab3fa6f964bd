"""The same losses and gradients for any budget, and any number of processes; rows do not see each other."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import strict_varlen
import tiny
import torch
import trl
import tunings
from transformers import Gemma2Config, Gemma2ForCausalLM, MixtralConfig, MixtralForCausalLM

from evobuild.training.running import micro_batch, reading, trainer, worker
from evobuild.training.running.job import UNLABELLED


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def reference(folder: Path | None = None) -> list[tuple[float, float]]:
    """Loss and gradient norm of each step by hand: row by row, over all answer tokens of a batch."""
    from evobuild.core.uri import Weights
    from evobuild.training.examples import labelling, templates
    from evobuild.training.running import batches
    from evobuild.weights import checkpoints

    base = Weights(str(folder or tiny.folder()))
    tokenizer = templates.training_tokenizer(base, "own")
    found, _ = labelling.label_examples(tokenizer, tunings.ROWS, tunings.settings(), 128)
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


PROCESSES = {"processes": 2}


@pytest.mark.parametrize(
    "machine",
    [
        *({}, {"micro_batch": 1}, {"micro_batch": 40}, {"gradient_checkpointing": True}),
        *(pytest.param(PROCESSES | more, marks=pytest.mark.processes) for more in ({}, {"micro_batch": 40})),
    ],
)
def test_losses_and_gradients_are_those_of_rows_one_by_one(root: Path, by_hand, machine) -> None:
    tunings.with_machine(root, **machine)
    tuned = tunings.tune(root / "tuned", epochs=2)
    found = list(zip(tunings.losses(tuned), tunings.losses(tuned, "grad_norm"), strict=True))
    assert len(found) == len(by_hand) == 6
    for (loss, norm), (expected, expected_norm) in zip(found, by_hand, strict=True):
        assert loss == pytest.approx(expected, rel=2e-6)
        assert norm == pytest.approx(expected_norm, rel=2e-6)


def allow_layouts(monkeypatch: pytest.MonkeyPatch, *allowed: str) -> None:
    """Have no other layouts be tried in this process."""
    own = reading.choose_layout
    monkeypatch.setattr(reading, "choose_layout", lambda read, _, *others: own(read, allowed, *others))


@pytest.mark.parametrize(("allowed", "said"), [(["padded"], "padded, one a row"), ([], "one by one")])
def test_losses_and_gradients_are_the_same_in_any_layout(
    root: Path, by_hand, monkeypatch, capfd, allowed: list[str], said: str
) -> None:
    allow_layouts(monkeypatch, *allowed)
    tuned = tunings.tune(root / "tuned", epochs=2)
    found = zip(tunings.losses(tuned), tunings.losses(tuned, "grad_norm"), strict=True)
    for step, expected in zip(found, by_hand, strict=True):
        assert step == pytest.approx(expected, rel=2e-6)
    assert f"the base reads texts {said}" in capfd.readouterr().err


def test_a_base_with_capped_scores_and_logits_is_trained_padded(root: Path, capfd) -> None:
    """Gemma-2: neither is any of packed attention."""
    base = root / "base"
    shutil.copytree(tiny.folder(), base)
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=300, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, bos_token_id=0, eos_token_id=1, pad_token_id=0,
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0,
    )  # fmt: skip
    Gemma2ForCausalLM(config).save_pretrained(base)
    expected = reference(base)
    tunings.with_machine(root, micro_batch=200)
    tuned = tunings.tune(root / "tuned", base=base, epochs=2)
    assert tunings.losses(tuned) == pytest.approx([loss for loss, _ in expected], rel=2e-6)
    said = capfd.readouterr().err
    assert said.count("texts padded, one a row: packed it is refused (masks, capped scores and sinks") == 1


def test_experts_are_trained_by_the_loss_of_answers_alone(root: Path) -> None:
    """Their own loss is of a micro-batch: how many of these there are would decide what is learnt."""
    base = root / "base"
    shutil.copytree(tiny.folder(), base)
    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=300, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, num_local_experts=4, bos_token_id=0, eos_token_id=1, router_aux_loss_coef=0.5,
    )  # fmt: skip
    MixtralForCausalLM(config).save_pretrained(base)
    tunings.with_machine(root, micro_batch=60)
    tuned = tunings.tune(root / "tuned", base=base, epochs=2)
    assert tunings.losses(tuned) == pytest.approx([loss for loss, _ in reference(base)], rel=2e-6)
    assert MixtralConfig.from_pretrained(root / "tuned").router_aux_loss_coef == 0.5


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
    found, _ = labelling.label_examples(tokenizer, tunings.ROWS[3:5], tunings.settings(), 128)
    counts = [sum(label != UNLABELLED for label in each["labels"]) for each in found]
    expected = sum(loss[0] * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
    assert both[0] == pytest.approx(expected, rel=2e-6)


def test_noise_on_padded_rows_is_that_of_packed_ones(root: Path, monkeypatch) -> None:
    packed = tunings.tune(root / "packed", neftune=5.0)
    allow_layouts(monkeypatch, "padded")
    padded = tunings.tune(root / "padded", neftune=5.0)
    assert tunings.losses(packed) == pytest.approx(tunings.losses(padded), rel=2e-6)


@pytest.mark.parametrize(
    "machine", [{"micro_batch": 1}, pytest.param(PROCESSES, marks=pytest.mark.processes)]
)
def test_noise_on_embeddings_is_that_of_each_row(root: Path, machine) -> None:
    whole = tunings.tune(root / "whole", neftune=5.0)
    tunings.with_machine(root, **machine)
    parted = tunings.tune(root / "parted", neftune=5.0)
    assert tunings.losses(whole) == pytest.approx(tunings.losses(parted), rel=2e-6)
    plain = tunings.tune(root / "plain")
    assert tunings.losses(whole) != pytest.approx(tunings.losses(plain), rel=1e-3)


@pytest.mark.parametrize(
    "machine", [{"micro_batch": 1}, pytest.param(PROCESSES, marks=pytest.mark.processes)]
)
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
        if hidden.requires_grad:  # what the layouts are tried on is not learnt from
            scored.append(len(hidden))
        return own.apply(hidden, *others)

    from evobuild.core.uri import Weights
    from evobuild.training.examples import labelling, templates

    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", SimpleNamespace(apply=apply))
    tunings.tune(root / "tuned")
    tokenizer = templates.training_tokenizer(Weights(str(tiny.folder())), "own")
    found, _ = labelling.label_examples(tokenizer, tunings.ROWS, tunings.settings(), 128)
    assert sum(scored) == sum(label != UNLABELLED for each in found for label in each["labels"])


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """A training as on a GPU: bf16 passes on fp32 weights, attention by the stand-in of its kernel."""
    own = trl.SFTConfig
    monkeypatch.setattr(trl, "SFTConfig", lambda **given: own(**given | {"bf16": True}))
    return strict_varlen.install(monkeypatch)


def test_the_path_of_a_gpu_learns_as_a_cpu_does(root: Path, by_hand, on_gpu) -> None:
    tunings.with_machine(root, gradient_checkpointing=True)
    tuned = tunings.tune(root / "tuned", tunings.ROWS, tunings.ROWS[:3], epochs=2)
    assert on_gpu, "the kernel was not asked"
    found = zip(tunings.losses(tuned), tunings.losses(tuned, "grad_norm"), strict=True)
    for (loss, norm), (expected, expected_norm) in zip(found, by_hand, strict=True):
        assert loss == pytest.approx(expected, rel=2e-2)
        assert norm == pytest.approx(expected_norm, rel=0.1)


def test_the_micro_batch_is_measured_as_it_will_be_learnt_from(root: Path, monkeypatch, on_gpu) -> None:
    seen, sizes = set(), []
    learn = trainer.PackedSFTTrainer.learn

    def watched(self, model, batch, labelled):
        seen.add((model.is_gradient_checkpointing, torch.is_autocast_enabled("cpu")))
        sizes.append(sum(batch.lengths))
        found = learn(self, model, batch, labelled)
        assert model.training
        return found

    def choose(own, task, lengths):
        for name in ("reset_peak_memory_stats", "empty_cache"):
            monkeypatch.setattr(torch.cuda, name, lambda: None)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: sizes[-1])
        weights = sum(each.numel() for each in own.model.parameters())
        total = (5 * max(lengths) + 8 * weights) / micro_batch.ROOM
        properties = SimpleNamespace(total_memory=total)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
        before = [each.clone() for each in own.model.parameters()]
        found = micro_batch.largest_budget(own, lengths)
        assert all(map(torch.equal, before, own.model.parameters()))
        assert all(each.grad is None for each in own.model.parameters())
        assert sizes == [rows * max(lengths) for rows in (1, 2, 4, 8)]
        assert found == 4 * max(lengths)
        return found

    monkeypatch.setattr(trainer.PackedSFTTrainer, "learn", watched)
    monkeypatch.setattr(worker, "choose_budget", choose)
    tunings.with_machine(root, gradient_checkpointing=True)
    tunings.tune(root / "tuned")
    # In training accelerate puts autocast around the model itself.
    assert seen == {(True, True), (True, False)} and on_gpu
