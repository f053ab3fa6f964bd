"""The experienced scorer: which rows it is tuned on, by hand, and that the same rows give the same model."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from workspace import SHIPPED_PARAMS

from evobuild.core import table_parts, tables
from evobuild.core.draws import draw_rows
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.params import load_params, read_yaml
from evobuild.core.rejects import REJECTS
from evobuild.core.uri import EXPERIENCED, Weights
from evobuild.training import experience, finetune
from evobuild.training.examples.labelling import label_pair
from evobuild.training.params import Experience
from evobuild.training.running.job import UNLABELLED, Example
from evobuild.weights import checkpoints
from evobuild.weights.losses import Pair
from evobuild.weights.mean_states import read_mean_states
from evobuild.weights.tokenized_pairs import tokenize_pairs
from stages import experience as stage

ROOT = Path(__file__).parents[2]
SMALL = {"clusters": 2, "rows": 3, "batch": 4, "learning_rate": 0.01, "warmup": 0.0, "max_length": 128}
FISH = [f"Name {number} fish." for number in range(8)]
SUMS = [f"Add {number} and {number * 7} and say what comes of it, in words." for number in range(8)]
ROWS = [
    tiny.row(instruction=text, output=f"It is {place}.", seed_place=place)
    for place, text in enumerate(FISH + SUMS)
]


def params(**fields) -> Experience:
    return Experience(**(read_yaml(SHIPPED_PARAMS)["experience"] | SMALL | fields))


@pytest.mark.parametrize(
    ("losses", "rows", "drawn"),
    [
        (range(1, 13), 3, [3, 5, 7]),  # between 3.75 and 9.25 lie 4 … 9, every second of them
        (range(12, 0, -1), 3, [3, 5, 7]),  # 9 … 4: in the order of the rows, not of the losses
        ([9, 1, 8, 2, 7, 3, 6, 4, 5], 2, [4, 6]),  # 7 3 6 4 5: both quantiles are losses of rows, and in it
        (range(1, 13), 6, [3, 4, 5, 6, 7, 8]),  # as many as there are
        (range(1, 13), 7, [3, 4, 5, 6, 7, 8]),  # the middle has fewer: all of it
        (range(1, 13), 12, [3, 4, 5, 6, 7, 8]),  # the cluster has just as many: its middle
        (range(1, 13), 13, list(range(12))),  # the cluster has fewer: all of it
        ([5.0] * 9, 4, [0, 2, 4, 6]),  # all alike are all in the middle
    ],
)
def test_rows_of_middling_loss_are_drawn_evenly(losses, rows, drawn) -> None:
    one = np.zeros(len(losses), int)
    assert experience.draw_middle(np.array(losses, float), one, params(rows=rows)).tolist() == drawn


def test_each_cluster_is_drawn_from_by_itself() -> None:
    losses = np.array([1.0, 100, 2, 101, 3, 102, 4, 103, 50])
    clusters = np.array([0, 1, 0, 1, 0, 1, 0, 1, 2])
    # Between 1.75 and 3.25, between 100.75 and 102.25, and a row of its own.
    assert experience.draw_middle(losses, clusters, params(rows=2)).tolist() == [2, 3, 4, 5, 8]


def test_the_middle_is_where_params_say() -> None:
    losses, one = np.arange(1.0, 12), np.zeros(11, int)
    drawn = experience.draw_middle(losses, one, params(rows=9, middle=[0.0, 0.5])).tolist()
    assert drawn == [0, 1, 2, 3, 4, 5]


def test_vectors_that_lie_together_are_a_cluster() -> None:
    near = np.array([[0, 0], [0, 1], [9, 9], [9, 8], [1, 0], [-9, 9]], np.float32)
    found = experience.cluster(near, 3, seed=1)
    assert len({found[0], found[2], found[5]}) == 3
    assert found[0] == found[1] == found[4] and found[2] == found[3]


def test_fewer_rows_than_clusters_are_refused() -> None:
    with pytest.raises(BadInput, match=r"r0 has 3 rows .* experience\.clusters is 4; expected no more"):
        experience.cluster(np.zeros((3, 2), np.float32), 4, seed=1)


@pytest.mark.parametrize("middle", [[0.75, 0.25], [0.5, 0.5], [-0.1, 0.5], [0.5, 1.1], [0.5]])
def test_a_middle_that_is_none_is_refused(middle: list[float]) -> None:
    with pytest.raises(ValueError, match="expected two shares, the lower first"):
        params(middle=middle)


def test_states_and_losses_are_those_of_each_text_by_itself() -> None:
    draw = np.random.default_rng(0)
    lengths = [7, 2, 7, 30, 2, *[7] * 200]
    documents = [draw.integers(0, 99, length).tolist() for length in lengths]
    losses, states = read_mean_states(tiny.model(), documents)
    for place in (0, 1, 2, 3, 4, len(documents) - 1):
        ids = torch.tensor([documents[place]])
        with torch.inference_mode():
            loss = tiny.model()(input_ids=ids, labels=ids).loss
            last = tiny.model().base_model(input_ids=ids).last_hidden_state[0]
        assert losses[place] == pytest.approx(float(loss), rel=1e-5)
        assert states[place] == pytest.approx(last.mean(0).numpy(), rel=1e-4, abs=1e-5)


def test_a_text_of_one_token_has_no_loss() -> None:
    losses, states = read_mean_states(tiny.model(), [[5], [5, 6]])
    assert np.isnan(losses).tolist() == [True, False]
    assert np.isfinite(states).all()


@pytest.mark.parametrize(("room", "learnt"), [(9, "%%%<|end|>"), (3, "%%%"), (1, "%")])
def test_the_answer_and_its_end_are_learnt_and_cut(room: int, learnt: str) -> None:
    row = tiny.row(output="%%%")
    (pair,) = tokenize_pairs(tiny.tokenizer(), "plain", [row], 128)
    assert isinstance(pair, Pair)
    example = label_pair(pair, [tiny.tokenizer().eos_token_id], pair.answer_start + room)
    ids, labels = example["input_ids"], example["labels"]
    assert labels == [UNLABELLED] * pair.answer_start + ids[pair.answer_start :]
    assert tiny.tokenizer().decode(ids) == f"<|begin|>{row.instruction}\n{learnt}"


def tune(folder: Path, rows=ROWS, template="plain", **fields):
    base = experience.Base(Weights(str(tiny.folder())), template, "float32")
    return experience.train_experienced_model(rows, base, params(**fields), 7, folder)


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = tune(tmp_path / "one"), tune(tmp_path / "other", ROWS[::-1])
    assert one == other
    assert digest(tmp_path / "one") == digest(tmp_path / "other") != digest(tiny.folder())
    tuned = Weights(str(tmp_path / "one"))
    assert checkpoints.load_causal_lm(tuned).config.vocab_size == tiny.model().config.vocab_size
    assert checkpoints.load_tokenizer(tuned).chat_template


def test_the_rows_drawn_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    assert tune(tmp_path / "one", batch=1) == tune(tmp_path / "other", batch=3)
    assert digest(tmp_path / "one") != digest(tmp_path / "other")


@pytest.mark.parametrize("template", ["alpaca", "chat", "authors", "superfiltering"])
def test_the_base_is_read_and_tuned_as_score_reads_it(tmp_path: Path, monkeypatch, template: str) -> None:
    given: list[Example] = []
    monkeypatch.setattr(finetune, "tune", lambda learnt, *_: given.extend(learnt.examples))
    _, lost = tune(tmp_path / "none", template=template, max_length=512)
    left = [row for row in ROWS if row.id not in {each.id for each in lost}]
    pairs = list(tokenize_pairs(tiny.tokenizer(), template, left, 512))
    assert [each["input_ids"][:-1] for each in given] == [pair.both for pair in pairs]


def test_questions_are_read_without_their_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noted(model, documents):
        seen.extend(map(tiny.tokenizer().decode, documents))
        return read_mean_states(model, documents)

    monkeypatch.setattr(experience, "read_mean_states", noted)
    monkeypatch.setattr(finetune, "tune", lambda *_: [])
    tune(tmp_path / "none")
    assert seen == [f"<|begin|>{row.instruction}\n" for row in ROWS]


def test_what_cannot_be_learnt_from_is_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Example] = []
    monkeypatch.setattr(finetune, "tune", lambda learnt, *_: given.extend(learnt.examples))
    mute = tiny.row(instruction="Say nothing.", output="", seed_place=90)
    long = tiny.row(instruction="% " * 200, output="Yes.", seed_place=91)
    clusters, lost = tune(tmp_path / "none", [*ROWS, mute, long])
    reasons = {each.id: each.reason for each in lost}
    assert clusters == 2
    assert reasons[mute.id] == "empty answer" and reasons[long.id] == "no room for the answer"
    assert set(reasons.values()) == {"empty answer", "no room for the answer", "not drawn"}
    learnt = [tiny.tokenizer().decode(each["input_ids"]) for each in given]
    left = [row for row in ROWS if row.id not in reasons]
    assert learnt == [f"<|begin|>{row.instruction}\n{row.output}<|end|>" for row in left]


def test_a_loss_that_is_no_number_keeps_a_row_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model, documents):
        losses, states = read_mean_states(model, documents)
        losses[3] = np.nan
        states[5, 0] = np.inf
        return losses, states

    monkeypatch.setattr(experience, "read_mean_states", broken)
    monkeypatch.setattr(finetune, "tune", lambda *_: [])
    _, lost = tune(tmp_path / "none")
    assert {each.id for each in lost if each.reason == "loss not finite"} == {ROWS[3].id, ROWS[5].id}


def run_stage(tmp_path: Path, scorer: str | None) -> stage.Arguments:
    content = read_yaml(SHIPPED_PARAMS)
    content["experience"] |= SMALL | {"base": str(tiny.folder())}
    content["models"] |= {"scorer": scorer}
    tables.write(tmp_path / "r0.parquet", tables.frame(INSTRUCTIONS, ROWS))
    names = ("scratch", "model", "rejects", "counts")
    args = stage.Arguments(r0=tmp_path / "r0.parquet", **{name: tmp_path / name for name in names})
    stage.main(stage.Params.model_validate(content), args)
    return args


def test_the_stage_counts_what_it_drew(tmp_path: Path) -> None:
    args = run_stage(tmp_path, EXPERIENCED)
    counts = json.loads(args.counts.read_text())
    assert counts["in"] == len(ROWS) == counts["out"] + counts["rejects"]["not drawn"]
    assert counts["clusters"] == 2 and 2 <= counts["out"] <= 6
    assert tables.read(args.rejects, REJECTS).height == counts["rejects"]["not drawn"]
    assert checkpoints.load_causal_lm(Weights(str(args.model)))


def test_of_more_rows_than_are_read_so_many_are_drawn_and_the_others_are_rejects(tmp_path, monkeypatch):
    monkeypatch.setattr(experience, "MOST_ROWS", 9)
    with table_parts.rows_per_file(1):
        args = run_stage(tmp_path, EXPERIENCED)
    counts = json.loads(args.counts.read_text())
    lost = set(tables.read(args.rejects, REJECTS)["id"])
    drawn = {
        row.id
        for row in draw_rows(ROWS, 9, load_params(SHIPPED_PARAMS, stage.Params).random_seed, "experience")
    }
    assert counts["in"] == len(ROWS) == counts["out"] + counts["rejects"]["not drawn"]
    assert len(lost) == counts["rejects"]["not drawn"] and {row.id for row in ROWS} - lost < drawn


@pytest.mark.parametrize("scorer", [None, "models/scratch"])
def test_with_another_scorer_nothing_is_tuned_or_imported(tmp_path: Path, monkeypatch, scorer) -> None:
    monkeypatch.setitem(sys.modules, "evobuild.training.experience", None)
    args = run_stage(tmp_path, scorer)
    assert [file.name for file in args.model.iterdir()] == ["README.md"]
    assert json.loads(args.counts.read_text())["off"] is True
    assert tables.read(args.rejects, REJECTS).is_empty()


def test_the_shipped_params_are_the_papers() -> None:
    given = load_params(SHIPPED_PARAMS, stage.Params).experience
    assert (given.clusters, given.rows, given.middle, given.epochs) == (100, 10, [0.25, 0.75], 1)
    assert (given.batch, given.learning_rate, given.max_length) == (128, 2e-5, 512)
