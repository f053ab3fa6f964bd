"""Fine-tuning: what is written, by each way to tune, and the same bytes again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import tiny
import tunings

from evobuild.core.errors import BadInput
from evobuild.core.instructions import PreferencePair
from evobuild.core.uri import Weights
from evobuild.training import finetune
from evobuild.weights import checkpoints

PAIRS = [PreferencePair(row, "I do not know. " * (place % 3 + 1)) for place, row in enumerate(tunings.ROWS)]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def prefer(folder: Path, pairs: Sequence[PreferencePair] = PAIRS, **fields) -> tuple[finetune.Tuned, list]:
    folder.mkdir()
    fields = {"method": "dpo", "data": "autoif", "learning_rate": 0.001} | fields
    return finetune.prefer_answers(pairs, tunings.tuning(**fields), folder)


def test_weights_tokenizer_and_a_falling_loss_come_out(root: Path) -> None:
    tuned = tunings.tune(root / "tuned", held_out=tunings.ROWS[:3], epochs=3)
    losses, held_out = tunings.losses(tuned), tunings.losses(tuned, "eval_loss")
    assert tuned.steps == len(losses) == 9 and tuned.examples == 10
    assert losses[0] > losses[-1] > 0
    # Before the first step, and after each epoch.
    assert len(held_out) == 4 and held_out[0] > held_out[-1]
    assert tunings.losses(tuned, "learning_rate")[0] == 0.01
    weights = Weights(str(root / "tuned"))
    assert checkpoints.load_tokenizer(weights).chat_template == tiny.tokenizer().chat_template
    # Nothing of the training stays in it: who asks it has a cache of keys and values.
    own, base = (
        json.loads((folder / "config.json").read_text()) for folder in (root / "tuned", tiny.folder())
    )
    assert own == base and checkpoints.load_causal_lm(weights).config.use_cache
    assert sorted(file.name for file in (root / "tuned").iterdir()) == [
        "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json",
    ]  # fmt: skip


def test_the_held_out_loss_is_measured_when_it_is_asked_for(root: Path) -> None:
    tuned = tunings.tune(root / "tuned", held_out=tunings.ROWS[:3], epochs=3, eval_steps=4)
    assert [entry["step"] for entry in tuned.history if "eval_loss" in entry] == [0, 4, 8, 9]


def test_held_out_rows_that_cannot_be_read_stop_nothing(root: Path) -> None:
    tuned = tunings.tune(root / "tuned", held_out=[tiny.row(output="")])
    assert tunings.losses(tuned, "eval_loss") == []


@pytest.mark.parametrize(
    "fields", [{}, {"lora": tunings.LORA}, {"lora": tunings.LORA, "merge": False}, {"neftune": 5.0}]
)
def test_the_same_rows_in_any_order_give_the_same_bytes(root: Path, fields) -> None:
    tunings.tune(root / "one", **fields)
    tunings.tune(root / "other", tunings.ROWS[::-1], **fields)
    files = sorted(file.relative_to(root / "one") for file in (root / "one").rglob("*") if file.is_file())
    assert len(files) > 4
    for file in files:
        assert (root / "one" / file).read_bytes() == (root / "other" / file).read_bytes(), file


def test_an_adapter_stays_beside_what_it_is_merged_into(root: Path) -> None:
    tunings.tune(root / "tuned", lora=tunings.LORA)
    merged = checkpoints.load_causal_lm(Weights(str(root / "tuned")))
    again = checkpoints.load_causal_lm(Weights(str(tiny.folder())), adapter=str(root / "tuned/adapter"))
    assert merged.state_dict().keys() == tiny.model().state_dict().keys()
    for name, weight in merged.state_dict().items():
        assert weight.equal(again.state_dict()[name])
    assert not (root / "tuned/adapter/README.md").exists()


def test_an_adapter_that_is_not_merged_names_its_base(root: Path) -> None:
    tunings.tune(root / "tuned", lora=tunings.LORA, merge=False)
    config = json.loads((root / "tuned/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny.folder())
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (4, 8, 0.0)
    assert not (root / "tuned/model.safetensors").exists()
    assert json.loads((root / "tuned/generation_config.json").read_text())["eos_token_id"]


def test_named_targets_alone_are_adapted(root: Path) -> None:
    lora = tunings.LORA.model_copy(update={"targets": ["q_proj", "v_proj"]})
    tunings.tune(root / "tuned", lora=lora, merge=False)
    config = json.loads((root / "tuned/adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == ["q_proj", "v_proj"]


@pytest.mark.parametrize("fields", [{}, {"dpo": {"beta": 0.1, "reference": False}}, {"lora": tunings.LORA}])
def test_the_better_answers_of_pairs_win(root: Path, fields) -> None:
    tuned, rejects = prefer(root / "tuned", epochs=3, **fields)
    losses = tunings.losses(tuned)
    assert not rejects and losses[-1] < losses[0]
    if not fields.get("dpo"):
        # Before anything is learnt the model is its own reference: log 2.
        assert losses[0] == pytest.approx(0.693147, abs=1e-5)
        assert tunings.losses(tuned, "rewards/accuracies")[-1] == 1.0


@pytest.mark.parametrize(
    "machine", [{"micro_batch": 40}, pytest.param({"processes": 2}, marks=pytest.mark.processes)]
)
def test_pairs_are_learnt_alike_for_any_budget_and_processes(root: Path, machine) -> None:
    one, _ = prefer(root / "one")
    tunings.with_machine(root, **machine)
    other, _ = prefer(root / "other")
    for name in ("loss", "grad_norm"):
        assert tunings.losses(one, name) == pytest.approx(tunings.losses(other, name), rel=2e-5)


def test_a_pair_counts_as_one_whatever_its_length(root: Path) -> None:
    """The loss of a batch is the mean over its pairs; the last batch is as short as it is."""
    pairs = PAIRS[:4]
    fields = {"batch": len(PAIRS), "dpo": {"beta": 0.1, "reference": False}}
    one, _ = prefer(root / "one", pairs, **fields)
    each = [
        loss
        for place, pair in enumerate(pairs)
        for loss in tunings.losses(prefer(root / f"pair{place}", [pair], **fields)[0])
    ]
    assert len(each) == len(pairs)
    assert tunings.losses(one)[0] == pytest.approx(sum(each) / len(each), rel=1e-5)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of what is learnt by the settings of `tunings`."""
    folder = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        tunings.tune(folder / "tuned", epochs=2)
    return tunings.digest(folder / "tuned")


@pytest.mark.parametrize(
    "fields",
    [{"schedule": "linear"}, {"schedule": "constant"}, {"warmup": 2}, {"weight_decay": 1.0}, {"clip": 0.01},
     {"optimizer": "adafactor"}, {"loss": "everything"}],
)  # fmt: skip
def test_each_setting_changes_what_is_learnt(plain: str, root: Path, fields) -> None:
    tunings.tune(root / "other", epochs=2, **fields)
    assert tunings.digest(root / "other") != plain


def test_warm_up_is_a_share_or_a_number_of_steps(root: Path) -> None:
    share = tunings.losses(
        tunings.tune(root / "share", epochs=2, warmup=0.5, schedule="constant"), "learning_rate"
    )
    steps = tunings.losses(
        tunings.tune(root / "steps", epochs=2, warmup=3, schedule="constant"), "learning_rate"
    )
    assert share == steps == pytest.approx([0, 0.01 / 3, 0.02 / 3, 0.01, 0.01, 0.01])


def test_a_template_of_ours_is_saved_with_the_model(root: Path) -> None:
    tunings.tune(root / "tuned", template="alpaca", max_length=512)
    template = checkpoints.load_tokenizer(Weights(str(root / "tuned"))).chat_template
    assert "### Response:" in template


def test_a_base_without_a_template_needs_one(root: Path) -> None:
    from evobuild.core.errors import UserError

    shutil.copytree(tiny.folder(), root / "base", ignore=shutil.ignore_patterns("chat_template*"))
    with pytest.raises(UserError, match=r"finetune\.template"):
        tunings.tune(root / "tuned", base=root / "base")


def test_no_room_for_any_answer_is_refused(root: Path) -> None:
    with pytest.raises(BadInput, match=r"of 10 rows .* 8 tokens; raise finetune\.max_length.* 'no room for"):
        tunings.tune(root / "tuned", max_length=8)
