"""Rewards: of an evolved instruction as the answer to its parent's evolving prompt, by a model made here."""

from __future__ import annotations

import json
import math
from pathlib import Path

import foreign
import polars as pl
import pytest
import tiny
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core import table_parts, tables
from evobuild.core.errors import UserError
from evobuild.core.instructions import INSTRUCTIONS, row_id
from evobuild.core.measures import measure_of
from evobuild.core.params import Round
from evobuild.core.rejects import OFF, Reject
from evobuild.core.uri import Weights
from evobuild.scoring import reward
from evobuild.scoring.params import Reward as RewardParams
from evobuild.scoring.reward import EvolverTurns, Reward
from evobuild.weights import checkpoints
from stages import reward as stage

SETTINGS = RewardParams(dtype="float32", max_length=64)
LONG = SETTINGS.model_copy(update={"max_length": 2048})


def child(parent, text, **fields):
    made = {"parent_id": parent.id, "seed_id": parent.id, "round": "r1", "strategy": "evol"}
    given = made | {"operation": "deepening"} | fields
    own = row_id("r1", parent.id, text)
    return parent._replace(id=own, instruction=text, **given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A classifier of one output, as a folder; and in others ones that cannot be used."""
    import transformers

    base = tmp_path_factory.mktemp("reward")
    sizes = {"vocab_size": 300, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "max_position_embeddings": 128, "num_key_value_heads": 2}
    for name, labels in (("one", 1), ("two", 2)):
        transformers.set_seed(1)
        model = transformers.LlamaForSequenceClassification(
            transformers.LlamaConfig(**sizes, num_labels=labels)
        )
        model.save_pretrained(base / name)
        tiny.tokenizer().save_pretrained(base / name)
    return base


@pytest.fixture
def measured(store, folder):
    def measure(given, settings=SETTINGS, name="one"):
        with reward.Rewarder(Weights(str(folder / name)), settings) as rewarder:
            return {each.id: each for each in rewarder.score_turns(given)}

    return measure


TURNS = [
    EvolverTurns("a", "Harder: hi", "Hello."),
    EvolverTurns("b", "Harder: yo", "Hello!"),
    EvolverTurns("c", "Now", "Longer one."),
]


def test_rewards_are_what_the_model_gives_one_by_one(measured, folder):
    import torch

    found = measured(TURNS)
    model = checkpoints.load_classifier(Weights(str(folder / "one")), "float32")
    for each in TURNS:
        messages = [{"role": "user", "content": each.prompt}, {"role": "assistant", "content": each.answer}]
        ids = tiny.tokenizer().apply_chat_template(messages, tokenize=True, return_dict=False)
        with torch.inference_mode():
            alone = model(input_ids=torch.tensor([ids])).logits.item()
        assert found[each.id].reward == pytest.approx(alone, abs=1e-6)
    assert len({each.reward for each in found.values()}) == 3


def test_a_reward_is_scaled_by_the_tokens_of_its_instruction_and_the_mean_of_the_pool(measured):
    found = measured([*TURNS, EvolverTurns("d", "word " * 90, "too long"), EvolverTurns("e", "Now", "")])
    lengths = [len(tiny.tokenizer()(each.answer, add_special_tokens=False)["input_ids"]) for each in TURNS]
    assert [found[key].tokens for key in "abce"] == [*lengths, 0]
    mean = sum(lengths) / 4
    for each, length in zip(TURNS, lengths, strict=True):
        assert found[each.id].scaled == pytest.approx(found[each.id].reward / length * mean)
    assert found["e"].scaled is None


def test_a_few_conversations_at_a_time_get_what_all_at_once_get(measured, monkeypatch, tmp_path):
    lost = Reject("z", "no parent", "", "")
    given = [*TURNS, lost, TURNS[0]._replace(id="again"), EvolverTurns("d", "word " * 90, "x")]
    whole = measured(given)
    monkeypatch.setattr(reward, "WINDOW", 2)
    monkeypatch.setenv("EVOBUILD_STORE", str(tmp_path / "another.sqlite"))
    assert measured(given) == whole
    assert whole["again"] == whole["a"]._replace(id="again") and whole["d"].reason == "too long"


def test_rejects_pass_and_what_is_too_long_is_one(measured):
    lost = Reject("z", "no parent", "", "")
    found = measured(
        [lost, TURNS[0], EvolverTurns("d", "word " * 90, "x"), EvolverTurns("e", "word " * 400, "x")], LONG
    )
    assert found["z"] == lost and isinstance(found["a"], Reward)
    # The model takes 128 tokens, whatever params allow.
    assert [found[key].reason for key in "de"] == ["too long", "too long"]


def test_what_was_too_long_is_measured_once_it_may_be(measured):
    turns = [EvolverTurns("a", "Harder: " + "hi " * 10, "Hello.")]
    short = SETTINGS.model_copy(update={"max_length": 20})
    assert measured(turns, short)["a"].reason == "too long"
    assert isinstance(measured(turns)["a"], Reward)
    assert measured(turns, short)["a"].reason == "too long"


def test_a_full_hit_loads_nothing(measured, monkeypatch):
    first = measured(TURNS)
    monkeypatch.setattr(checkpoints, "load_classifier", None)
    monkeypatch.setattr(checkpoints, "load_tokenizer", None)
    assert measured(TURNS) == first


@pytest.mark.parametrize("value", foreign.GARBAGE[:6])
def test_a_kept_value_of_another_program_is_measured_again(measured, value):
    first = measured(TURNS)
    assert foreign.overwrite_measurements(value) == len(TURNS)
    if len(value) != 16:  # which any reward has
        assert measured(TURNS) == first


def test_a_reward_that_is_no_number_is_a_reject(measured, monkeypatch):
    model = checkpoints.load_classifier

    def broken(*given):
        network = model(*given)
        network.score.weight.data[:] = math.nan
        return network

    monkeypatch.setattr(checkpoints, "load_classifier", broken)
    assert measured(TURNS)["a"] == Reject("a", "reward not finite", "", "")


def test_a_model_with_two_outputs_is_refused(measured):
    with pytest.raises(UserError, match="has 2 outputs; expected 1"):
        measured(TURNS, name="two")


def test_a_language_model_gets_no_output_at_random(store):
    wanted = "is no sequence classifier: it has no weights for score"
    with (
        reward.Rewarder(Weights(str(tiny.folder())), SETTINGS) as rewarder,
        pytest.raises(UserError, match=wanted),
    ):
        list(rewarder.score_turns(TURNS))


def run(tmp_path, row, label, model):
    parent = row("Name a river.")
    rows = {
        "r0": [parent],
        "r1": [child(parent, "Name a long river."), child(parent, "Kept", operation="kept")],
    }
    (tmp_path / "rounds").mkdir(parents=True)
    for name, own in rows.items():
        tables.write(tmp_path / f"rounds/{name}.parquet", tables.frame(INSTRUCTIONS, own))
    given = load_all_params(SHIPPED_PARAMS)
    update = {
        "models": given.models.model_copy(update={"reward": model}),
        "pools": {name: given.pools["r0"] for name in rows},
        "rounds": {"r1": Round(parent="r0")},
        "reward": LONG,
    }
    names = ("rounds", "method", "rewards", "rejects", "counts", "metrics", "histogram")
    paths = {name: tmp_path / name for name in names}
    stage.main(given.model_copy(update=update), stage.Arguments(label=label, **paths))
    return json.loads((tmp_path / "counts").read_text()), json.loads((tmp_path / "metrics").read_text())


def test_the_stage_rewards_evolved_rows_and_counts_the_others(
    tmp_path, row, label, store, folder, monkeypatch
):
    monkeypatch.setattr(reward.checkpoints, "read_context_length", lambda model: 4096)
    counts, metrics = run(tmp_path, row, label, Weights(str(folder / "one")))
    assert counts["r0"] == {"in": 0, "out": 0, "rejects": {}, "not_evolved": 1}
    assert counts["r1"] == {"in": 1, "out": 1, "rejects": {}, "not_evolved": 1}
    assert pl.read_parquet(tmp_path / "rewards/r1.parquet").schema == measure_of("reward").schema
    assert metrics["rows"] == {"r0": 0, "r1": 1} and metrics["mean"]["r0"] is None


def test_large_tables_get_the_same_rewards(tmp_path, row, label, store, folder, monkeypatch):
    monkeypatch.setattr(reward.checkpoints, "read_context_length", lambda model: 4096)
    model = Weights(str(folder / "one"))
    small = run(tmp_path / "small", row, label, model)
    with table_parts.rows_per_file(1):
        assert run(tmp_path / "large", row, label, model) == small
    paths = [tmp_path / name / "rewards/r1.parquet" for name in ("small", "large")]
    assert paths[0].read_bytes() == paths[1].read_bytes() and (tmp_path / "large/rounds/r1.parquet").is_dir()


def test_without_a_reward_model_nothing_is_measured(tmp_path, row, label):
    counts, metrics = run(tmp_path, row, label, None)
    assert counts == {"r0": OFF, "r1": OFF, "loaded": []} and metrics["model"] is None
    assert pl.read_parquet(tmp_path / "rewards/r1.parquet").is_empty()
