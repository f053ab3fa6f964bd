"""Scores: one row gives one score or one reject."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import tiny

from evobuild import formats, losses, scoring, weights
from evobuild.frame.params import Score as ScoreParams
from evobuild.frame.tables import Instruction, Reject
from evobuild.frame.uri import Weights
from evobuild.losses import Pair
from evobuild.scoring import Score

REAL_DATA = os.environ.get("EVOBUILD_REAL_DATA")


def scores(rows, max_length: int = 64) -> dict[str, Score | Reject]:
    params = ScoreParams(max_length=max_length, batch_tokens=256)
    found = list(scoring.score(rows, Weights(str(tiny.folder())), params))
    assert len({each.id for each in found}) == len(found)
    return {each.id: each for each in found}


def test_every_row_gives_one_score_or_one_reject() -> None:
    rows = [
        tiny.row(instruction="Name a fish."),
        tiny.row(instruction="Name a bird.", output=""),
        tiny.row(instruction="Name a tree. " * 40),
        tiny.row(instruction="Name a stone.", output="Flint. " * 40),
    ]
    found = scores(rows)
    assert [type(found[row.id]) for row in rows] == [Score, Reject, Reject, Score]
    assert [found[row.id].reason for row in rows[1:3]] == ["empty answer", "no room for the answer"]
    assert [found[rows[0].id].truncated, found[rows[3].id].truncated] == [False, True]


def test_no_rows_give_no_scores() -> None:
    assert scores([]) == {}


def test_ratios_are_those_of_the_rows_own_losses() -> None:
    row = tiny.row()
    found = scores([row])[row.id]
    assert isinstance(found, Score)
    assert found.ifd == pytest.approx(found.loss_a_given_q / found.loss_a)
    assert found.ifd_ppl == pytest.approx(math.exp(found.loss_a_given_q) / math.exp(found.loss_a))
    assert found.ic_ifd == pytest.approx(found.ifd / found.loss_q)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"instruction": "Sum up."}, "Sum up.\n"),
        ({"instruction": "Sum up.", "input": "A tale."}, "Sum up.\nA tale.\n"),
        (
            {"instruction": "Go on.", "history": (("user", "Hello."), ("assistant", "Hi."))},
            "Hello.\nHi.\nGo on.\n",
        ),
    ],
)
def test_the_question_is_history_instruction_and_input(fields: dict, text: str) -> None:
    assert scoring.question(tiny.row(**fields)) == text


def test_a_row_is_cut_to_the_models_context(monkeypatch: pytest.MonkeyPatch) -> None:
    row = tiny.row(output="Flint. " * 40)
    monkeypatch.setattr(weights, "context", lambda _: 50)
    found = scores([row], max_length=2048)[row.id]
    assert isinstance(found, Score)
    assert found.truncated
    assert 1 + found.question_tokens + found.answer_tokens == 50


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
    monkeypatch.setattr(losses, "measure", lambda *_: iter([measured]))
    found = scores([row])[row.id]
    assert isinstance(found, Reject)
    assert found.reason == reason


def ranks(values) -> np.ndarray:
    return np.argsort(np.argsort(values))


def published() -> list[tuple[Instruction, dict[str, float]]]:
    """Alpaca rows 0 to 39 and what the authors' script makes of them; rows over 512 tokens have nothing."""
    data = Path(REAL_DATA or "")
    sources = formats.read(data / "alpaca/alpaca_data.json")
    measured = json.loads((data / "ifd/authors_script_stories260K_alpaca_0_299.json").read_text())[:40]
    rows = [
        tiny.row(
            id=str(each["row"]), instruction=source.instruction, input=source.input, output=source.output
        )
        for each, source in zip(measured, sources, strict=False)
    ]
    return [(row, each) for row, each in zip(rows, measured, strict=True) if each.get("ifd") is not None]


real_data = pytest.mark.skipif(REAL_DATA is None, reason="EVOBUILD_REAL_DATA names no folder of public data")


@real_data
def test_losses_over_the_authors_seam_are_the_published_ones() -> None:
    scorer = Weights(f"{REAL_DATA}/models/stories260K")
    tokenizer, model = weights.tokenizer(scorer), weights.causal_lm(scorer)
    for row, theirs in published():
        asked = scoring.question(row).rstrip("\n")
        # They tokenize question and answer as one text, and count off the tokens of the question alone.
        whole, seam = losses.plain(tokenizer, f"{asked}\n{row.output}"), int(theirs["n_q"])
        alone = Pair("alone", losses.plain(tokenizer, asked), losses.plain(tokenizer, row.output)[1:], False)
        (given,) = losses.measure(model, [Pair("given", whole[:seam], whole[seam:], False)], 1)
        (apart,) = losses.measure(model, [alone], 1)
        ours = (apart.loss_q, apart.loss_a, given.loss_a_given_q)
        assert ours == pytest.approx((theirs["L_q"], theirs["L_a"], theirs["L_a_given_q"]), rel=1e-4)


@real_data
def test_ifd_over_our_seam_stays_near_the_published_one() -> None:
    rows = published()
    params = ScoreParams(max_length=512, batch_tokens=4096)
    found = scoring.score([row for row, _ in rows], Weights(f"{REAL_DATA}/models/stories260K"), params)
    ours = {each.id: each.ifd for each in found if isinstance(each, Score)}
    both = np.array([(ours[row.id], theirs["ifd"]) for row, theirs in rows])
    assert len(both) >= 30
    # This tokenizer begins every text with a space: one token of the answer differs, much in a short answer.
    assert np.corrcoef(ranks(both[:, 0]), ranks(both[:, 1]))[0, 1] > 0.8
    assert np.mean(np.abs(both[:, 0] / both[:, 1] - 1)) < 0.04
