"""Scores: one row gives one score or one reject, is measured once, and agrees with what was published."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import foreign
import numpy as np
import polars as pl
import pytest
import tiny
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params
from evobuild.core import prompts, tables
from evobuild.core.errors import UserError
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.measures import measure_of
from evobuild.core.rejects import Reject
from evobuild.core.uri import Weights
from evobuild.core.yaml_files import read_yaml
from evobuild.scoring import score
from evobuild.scoring.params import Score as ScoreParams
from evobuild.scoring.score import Score, Scorer
from evobuild.seeds import formats
from evobuild.weights import checkpoints, losses
from evobuild.weights.layouts import question_text
from evobuild.weights.losses import Pair
from evobuild.weights.tokenized_pairs import tokenize_pairs
from stages import score as stage

ROOT = Path(__file__).parents[2]
REAL_DATA = os.environ.get("EVOBUILD_REAL_DATA")


@pytest.fixture(autouse=True)
def _own_store(store) -> None:
    """Nothing is measured before a test begins."""


def settings(**fields) -> ScoreParams:
    plain = {"template": "plain", "dtype": "float32", "max_length": 64}
    return ScoreParams.model_validate(plain | fields)


def scores(rows, model: Weights | None = None, **fields) -> dict[str, Score | Reject]:
    with Scorer(model or Weights(str(tiny.folder())), settings(**fields)) as scorer:
        found = list(scorer.score_rows(rows))
    assert len({each.id for each in found}) == len(found)
    return {each.id: each for each in found}


ROWS = [
    tiny.row(instruction="Name a fish."),
    tiny.row(instruction="Name a bird.", output=""),
    tiny.row(instruction="Name a tree. " * 40),
    tiny.row(instruction="Name a stone.", output="Flint. " * 40),
]


def test_every_row_gives_one_score_or_one_reject() -> None:
    found = scores(ROWS)
    assert [type(found[row.id]) for row in ROWS] == [Score, Reject, Reject, Score]
    assert [found[row.id].reason for row in ROWS[1:3]] == ["empty answer", "no room for the answer"]
    assert [found[ROWS[0].id].truncated, found[ROWS[3].id].truncated] == [False, True]


def test_no_rows_give_no_scores() -> None:
    assert scores([]) == {}


@pytest.mark.parametrize("window", [1, 2, 99])
def test_rows_are_the_same_in_any_window(monkeypatch: pytest.MonkeyPatch, store, window: int) -> None:
    wanted = scores(ROWS)
    monkeypatch.setenv("EVOBUILD_STORE", str(store.parent / "other/replies.sqlite"))
    monkeypatch.setattr(score, "WINDOW", window)
    found = scores(ROWS[::-1])
    assert found.keys() == wanted.keys()
    for row in (ROWS[0], ROWS[3]):
        assert found[row.id] == wanted[row.id]


def test_ratios_are_those_of_the_rows_own_losses() -> None:
    row = tiny.row()
    found = scores([row])[row.id]
    assert isinstance(found, Score)
    assert found.ifd == pytest.approx(found.loss_a_given_q / found.loss_a)
    assert found.ifd_ppl == pytest.approx(math.exp(found.loss_a_given_q) / math.exp(found.loss_a))
    assert found.ic_ifd == pytest.approx(found.ifd / found.loss_q)


def test_a_row_is_cut_to_the_models_context(monkeypatch: pytest.MonkeyPatch) -> None:
    row = tiny.row(output="Flint. " * 40)
    monkeypatch.setattr(checkpoints, "read_context_length", lambda _: 50)
    found = scores([row], max_length=2048)[row.id]
    assert isinstance(found, Score)
    assert found.truncated
    # The start token and the newline before the answer are in no mean.
    assert 2 + found.question_tokens + found.answer_tokens == 50


@pytest.mark.parametrize(
    ("asked", "given", "alone", "reason"),
    [
        (0.0, 1.0, 1.0, "zero loss"),
        (1.0, 1.0, 0.0, "zero loss"),
        (1.0, math.nan, 1.0, "loss not finite"),
        (math.inf, 1.0, 1.0, "loss not finite"),
    ],
)
def test_losses_without_ratios_are_rejects(monkeypatch, asked, given, alone, reason: str) -> None:
    row = tiny.row()
    measured = losses.Losses(row.id, 3, 3, False, asked, given, alone)
    monkeypatch.setattr(losses, "pair_losses", lambda *_: iter([measured]))
    found = scores([row])[row.id]
    assert isinstance(found, Reject)
    assert found.reason == reason


def test_what_was_measured_once_needs_no_model_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = scores(ROWS)
    monkeypatch.setattr(score, "load_scorer", lambda *_: pytest.fail("the model was loaded"))
    assert scores(ROWS[::-1]) == before
    # Another round of the same content: another id, the same losses.
    again = ROWS[0]._replace(id="other", round="r1")
    assert scores([again])["other"][1:] == before[ROWS[0].id][1:]


@pytest.mark.parametrize("value", [*foreign.GARBAGE, b"M" + b"\0" * 40, b"M" + b"\x7e" * 33])
def test_a_kept_value_of_another_program_is_measured_again(value: bytes) -> None:
    before = scores(ROWS)
    assert foreign.overwrite_measurements(value)
    assert scores(ROWS) == before


@pytest.mark.parametrize(
    "change",
    [
        {"max_length": 60},
        {"dtype": "bfloat16"},
        *({"template": name} for name in ("chat", "alpaca", "authors")),
    ],
)
def test_whatever_changes_a_loss_is_measured_anew(monkeypatch, change: dict) -> None:
    scores(ROWS[:1])
    monkeypatch.setattr(score, "load_scorer", lambda *_: pytest.fail("measured"))
    scores(ROWS[:1])
    with pytest.raises(pytest.fail.Exception, match="measured"):
        scores(ROWS[:1], **change)


@pytest.mark.parametrize(("template", "anew"), [("chat", True), ("plain", False), ("alpaca", False)])
def test_an_edit_of_the_prompt_changes_what_chat_scores_and_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, template: str, anew: bool
) -> None:
    row = ROWS[0]
    before = scores([row], template=template, max_length=512)[row.id]
    (tmp_path / "respond").mkdir()
    (tmp_path / "respond/answer.jinja").write_text("Please: {{ instruction }} {{ input }}")
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    after = scores([row], template=template, max_length=512)[row.id]
    assert isinstance(before, Score) and isinstance(after, Score)
    assert (after.loss_a_given_q != before.loss_a_given_q) is anew
    assert after.question_tokens == before.question_tokens


def test_what_came_before_a_crash_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [tiny.row(instruction=f"Name {number} fish.") for number in range(9)]
    measure = losses.pair_losses

    def dies(reader, pairs):
        for number, each in enumerate(measure(reader, pairs)):
            if number == 5:
                raise ZeroDivisionError
            yield each

    monkeypatch.setattr(losses, "pair_losses", dies)
    with pytest.raises(ZeroDivisionError):
        scores(rows)
    asked = []
    monkeypatch.setattr(
        losses, "pair_losses", lambda reader, pairs: asked.extend(pairs) or measure(reader, pairs)
    )
    assert len(scores(rows)) == 9 and len(asked) == 4


def test_a_stage_that_finds_all_kept_never_imports_torch(store, tmp_path: Path) -> None:
    scores(ROWS)
    tables.write(tmp_path / "r0.parquet", tables.frame(INSTRUCTIONS, ROWS))
    code = (
        "import sys; from pathlib import Path; from evobuild.core.instructions import stream_instructions; "
        "from evobuild.scoring.params import Score; from evobuild.core.uri import Weights; "
        "from evobuild.scoring.score import Scorer\n"
        f"given = Score.model_validate({settings().model_dump()!r})\n"
        f"height, rows = stream_instructions(Path({str(tmp_path / 'r0.parquet')!r}))\n"
        f"with Scorer(Weights({str(tiny.folder())!r}), given) as scorer:\n"
        "    found = list(scorer.score_rows(rows))\n"
        "print(height, len(found), sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout == "4 4 []\n"


def adapter(folder: Path) -> Path:
    """A LoRA folder for the tiny model that changes what it says."""
    import torch
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        checkpoints.load_causal_lm(Weights(str(tiny.folder()))),
        LoraConfig(r=2, target_modules=["q_proj", "v_proj"]),
    )
    torch.manual_seed(0)
    for name, values in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(values, std=0.5)
    model.save_pretrained(folder)
    return folder


def test_an_adapter_changes_scores_and_is_never_taken_for_its_base(tmp_path: Path) -> None:
    base = Weights(str(tiny.folder()))
    adapted = Weights(base.name, adapter=str(adapter(tmp_path / "lora")))
    rows = ROWS[:1]
    found, plain = scores(rows, adapted)[rows[0].id], scores(rows, base)[rows[0].id]
    assert isinstance(found, Score) and isinstance(plain, Score)
    assert abs(found.loss_a - plain.loss_a) > 1e-4
    assert scores(rows, adapted)[rows[0].id] == found
    with pytest.raises(UserError, match="holds no adapter_config"):
        scores(rows, Weights(base.name, adapter=str(tmp_path)))


def run_stage(tmp_path: Path, **models) -> None:
    content = read_yaml(SHIPPED_PARAMS)
    content |= {"pools": {"r0": {}, "r1": {}}, "models": content["models"] | models}
    for name, rows in (("r0", ROWS[:2]), ("r1", [ROWS[0]._replace(id="x"), ROWS[3]._replace(id="y")])):
        (tmp_path / "in").mkdir(exist_ok=True)
        tables.write(tmp_path / f"in/{name}.parquet", tables.frame(INSTRUCTIONS, rows))
    paths = {name: tmp_path / name for name in ("scratch", "scores", "rejects", "counts")}
    stage.main(Params.model_validate(content), stage.Arguments(responses=tmp_path / "in", **paths))


def test_one_stage_scores_all_pools(tmp_path: Path) -> None:
    run_stage(tmp_path, scorer=str(tiny.folder()))
    r0, r1 = (
        tables.read(tmp_path / f"scores/{name}.parquet", measure_of("score").schema) for name in ("r0", "r1")
    )
    assert r0["id"].to_list() == [ROWS[0].id] and r1["id"].to_list() == ["x", "y"]
    assert pl.read_parquet(tmp_path / "rejects")["reason"].to_list() == ["empty answer"]
    counts = json.loads((tmp_path / "counts").read_text())
    [loaded] = counts.pop("loaded")
    assert loaded["role"] == "scorer" and loaded["identity"].startswith(f"{tiny.folder()}#")
    assert counts == {
        "r0": {"in": 2, "out": 1, "rejects": {"empty answer": 1}},
        "r1": {"in": 2, "out": 2, "rejects": {}},
    }


def test_without_a_scorer_tables_are_empty_and_ledgers_say_so(tmp_path: Path) -> None:
    run_stage(tmp_path, scorer=None)
    assert tables.read(tmp_path / "scores/r1.parquet", measure_of("score").schema).is_empty()
    assert json.loads((tmp_path / "counts").read_text())["r0"]["off"] is True


real_data = pytest.mark.skipif(REAL_DATA is None, reason="EVOBUILD_REAL_DATA names no folder of public data")


def alpaca(count: int) -> list[Instruction]:
    sources = formats.read_seed_rows(Path(REAL_DATA or "") / "alpaca/alpaca_data.json")
    return [
        tiny.row(id=str(number), instruction=each.instruction, input=each.input, output=each.output)
        for number, each in zip(range(count), sources, strict=False)
    ]


def by_published(template: str, count: int) -> dict[str, Score | Reject]:
    scorer = Weights(f"{REAL_DATA}/models/stories260K")
    return scores(alpaca(count), scorer, template=template, max_length=512)


@real_data
def test_the_authors_script_is_reproduced_on_every_row_that_it_could_score() -> None:
    file = Path(REAL_DATA or "") / "ifd/authors_script_stories260K_alpaca_0_299.json"
    theirs = [each for each in json.loads(file.read_text()) if math.isfinite(each.get("ifd", math.nan))]
    ours = by_published("authors", 300)
    assert len(theirs) == 287
    for each in theirs:
        found = ours[str(each["row"])]
        assert isinstance(found, Score)
        names = ("L_q", "L_a_given_q", "L_a", "ifd", "ic_ifd")
        mine = (found.loss_q, found.loss_a_given_q, found.loss_a, found.ifd, found.ic_ifd)
        assert mine == pytest.approx([each[name] for name in names], rel=1e-4)


@real_data
def test_superfilterings_script_is_reproduced_on_every_row() -> None:
    file = Path(REAL_DATA or "") / "ifd/superfiltering_stories260K_alpaca_0_499.jsonl"
    theirs = [json.loads(line) for line in file.read_text().splitlines()]
    ours = by_published("superfiltering", 500)
    assert sum(not each for each in theirs) == 1
    for number, each in enumerate(theirs):
        found = ours[str(number)]
        if not each:
            assert isinstance(found, Reject) and found.reason == "empty answer"
            continue
        assert isinstance(found, Score)
        mine = (found.loss_a, found.loss_a_given_q, math.exp(found.loss_a), math.exp(found.loss_a_given_q))
        assert mine == pytest.approx([*each["loss"][1::2], *each["ppl"][1::2]], rel=1e-4)


@real_data
def test_plain_scores_rank_nearly_as_the_published_ones() -> None:
    file = Path(REAL_DATA or "") / "ifd/authors_script_stories260K_alpaca_0_299.json"
    ours = by_published("plain", 60)
    rows = [each for each in json.loads(file.read_text())[:60] if each.get("ifd") is not None]
    both = np.array([(ours[str(each["row"])].ic_ifd, each["ic_ifd"]) for each in rows])  # type: ignore[union-attr]
    ranks = both.argsort(0).argsort(0)
    # Theirs counts the newline in A|Q and not in A: much in a short answer.
    assert np.corrcoef(ranks.T)[0, 1] > 0.8


@real_data
@pytest.mark.parametrize(("model", "least"), [("stories260K", 1.0), ("TinyStories-656K-np", 0.5)])
def test_real_tokenizers_give_answers_the_ids_of_the_joint_text(model: str, least: float) -> None:
    """The second has tokens of a newline and a word: such an answer is tokenized by itself."""
    tokenizer = checkpoints.load_tokenizer(Weights(f"{REAL_DATA}/models/{model}"))

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]

    rows = [row for row in alpaca(120) if row.output]
    joint = 0
    for row, pair in zip(rows, tokenize_pairs(tokenizer, "plain", rows, 9999), strict=True):
        assert isinstance(pair, Pair)
        answer, whole = pair.both[pair.answer_start :], ids(question_text(row) + row.output)
        assert pair.alone[pair.alone_start :] == answer
        assert pair.both[1:] == whole or answer == ids(row.output)
        joint += pair.both[1:] == whole
    assert joint >= least * len(rows)
