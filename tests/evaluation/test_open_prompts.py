"""Open prompts: every way to ask, replies without a score, and two models side by side."""

from __future__ import annotations

import json

import pytest
from judges import answered, fake_judge, scored_rows

from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import Settings
from evobuild.evaluation.benchmarks.open_prompts import OpenPrompts
from evobuild.evaluation.model_comparison import judge_model_pairs

OURS = "data/raw/benchmarks/prompts.jsonl"


def bench(items=OURS):
    return OpenPrompts("prompts", Settings(items=items), 1)


def of_records(folder, *records):
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, records)))
    return bench(str(folder / "prompts.jsonl")).read_items()


def test_prompts_instructions_and_conversations_are_asked():
    items = answered(bench(), lambda _: "Yes.")
    said = [[message.content for message in each.asks[0].messages] for each in items]
    assert [len(each) for each in said] == [1, 1, 1, 3]
    assert said[2][0].endswith("five words.\n\nThe bakery was sold out by nine, so we went home with apples.")
    assert said[3][1:] == ["Seven.", "Say something true of it."]


def test_replies_are_kept_without_a_score_or_a_figure():
    rows = scored_rows(bench(), answered(bench(), lambda _: "Yes."), None)
    assert rows["score"].null_count() == rows.height == 4 and set(rows["reply"]) == {"Yes."}
    assert bench().compute_metrics(rows) == {}


def test_two_models_replies_meet_before_a_judge():
    one, other = (
        scored_rows(bench(), answered(bench(), lambda _, words=words: words), None)
        for words in ("Yes.", "No.")
    )
    judge, _ = fake_judge(lambda prompt: "[[A]]" if prompt.index("Yes.") < prompt.index("No.") else "[[B]]")
    found = judge_model_pairs([bench()], {"a": one, "b": other}, [("a", "b")], judge)
    assert found["verdict"].to_list() == ["win"] * 4


def test_an_item_keeps_its_id_whatever_stands_around_it(tmp_path):
    alone = of_records(tmp_path, {"prompt": "Name a tea."})
    assert (
        of_records(tmp_path, {"prompt": "Name a fish."}, {"instruction": "Name a tea."})[1].id == alone[0].id
    )
    named = of_records(tmp_path, {"id": 7, "prompt": "Name a tea."}, {"id": "x", "prompt": "Name a tea."})
    assert [item.id for item in named] == ["7", "x"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "a"}, "no prompt, only the fields 'text'; expected text in 'prompt'"),
        ({"prompt": " "}, "no prompt"),
        ({"prompt": 7}, "'prompt' is a number; expected text"),
        ({"messages": []}, "no prompt"),
        ({"messages": "a"}, "'messages' is text; expected a list of turns"),
        ({"prompt": "a", "id": [1]}, "'id' is a list; expected a number or text"),
        ({"prompt": "a", "id": 1.5}, "'id' is a number; expected a number or text"),
    ],
)
def test_what_asks_nothing_is_said_with_its_place(tmp_path, record, message):
    with pytest.raises(BadInput, match=rf"prompts\.jsonl:1: .*{message}"):
        of_records(tmp_path, record)


def test_a_prompt_that_stands_twice_is_said(tmp_path):
    with pytest.raises(BadInput, match="duplicate item"):
        of_records(tmp_path, {"prompt": "a"}, {"prompt": "a"})
