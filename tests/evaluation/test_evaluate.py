"""Evaluation: figures by hand, and both models on the same answer tokens."""

from __future__ import annotations

import math

import pytest
import tiny
import torch

from evobuild.core import tables
from evobuild.core.errors import BadInput, UserError
from evobuild.core.uri import Weights
from evobuild.evaluation import evaluate
from evobuild.evaluation.params import Evaluate
from evobuild.weights import losses

PARAMS = Evaluate(max_length=128, batch_tokens=512)
ROWS = [tiny.row(instruction=f"Name {number} fish.", output="Cod. " * number) for number in (1, 2, 3)]


def compare(rows, params: Evaluate = PARAMS):
    return evaluate.compare_models(rows, Weights(str(tiny.folder())), tiny.folder(), params)


def test_figures_weigh_rows_by_their_answer_tokens() -> None:
    # Base: (1 * 2 + 3 * 4) / 4 = 3.5; tuned: (1 * 1 + 3 * 3) / 4 = 2.5.
    table = tables.frame(tables.EVALUATION, [("a", 1, 2.0, 1.0), ("b", 3, 4.0, 3.0)])
    rejects = tables.frame(tables.REJECTS, [("c", "empty answer", "", "")])
    assert evaluate.evaluation_metrics(table, rejects) == {
        "held_out": {"measured": 2, "rejected": 1},
        "loss": {"base": 3.5, "tuned": 2.5},
        "perplexity": {"base": 33.1155, "tuned": 12.1825},
    }


def test_a_model_equals_itself() -> None:
    table, rejects = compare(ROWS)
    assert table["loss_base"].to_list() == table["loss_tuned"].to_list()
    assert (sorted(table["id"]), rejects.height) == (sorted(row.id for row in ROWS), 0)


def test_the_loss_is_of_the_answer_after_the_chat_prompt() -> None:
    row = ROWS[1]
    table, _ = compare([row])
    prompt = tiny.tokenizer()(
        f"<|begin|><|user|>\n{row.instruction}\n<|assistant|>\n", add_special_tokens=False
    )["input_ids"]
    answer = tiny.tokenizer()(row.output, add_special_tokens=False)["input_ids"]
    assert prompt.count(tiny.tokenizer().bos_token_id) == 1
    labels = torch.tensor([[-100] * len(prompt) + answer])
    with torch.inference_mode():
        loss = tiny.model()(input_ids=torch.tensor([prompt + answer]), labels=labels).loss.item()
    assert table.row(0)[1:3] == (len(answer), pytest.approx(loss, abs=1e-5))


def test_every_row_is_measured_or_rejected() -> None:
    rows = [ROWS[0], tiny.row(output=" "), tiny.row(instruction="%" * 200)]
    table, rejects = compare(rows)
    assert table["id"].to_list() == [ROWS[0].id]
    assert dict(zip(rejects["id"], rejects["reason"], strict=True)) == {
        rows[1].id: "empty answer",
        rows[2].id: "no room for the answer",
    }


def test_rows_of_which_none_can_be_measured_are_refused() -> None:
    with pytest.raises(BadInput, match="none of 1 held-out rows can be measured"):
        compare([tiny.row(output="")])


def test_without_held_out_rows_there_is_no_figure() -> None:
    table, rejects = compare([])
    found = evaluate.evaluation_metrics(table, rejects)
    assert found["held_out"] == {"measured": 0, "rejected": 0}
    assert found["loss"] == found["perplexity"] == {"base": None, "tuned": None}


def test_a_spoilt_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "answer_losses", lambda *_: iter([(ROWS[0].id, math.nan)]))
    with pytest.raises(UserError, match=r"has a loss of nan .* lower finetune\.learning_rate"):
        compare(ROWS[:1])
