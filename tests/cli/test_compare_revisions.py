"""`evobuild compare` over revisions: answers as they were stored, seen by a judge in both orders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import workspace
import yaml
from evaluated import replied
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.cli.stored_answers import Side, read_side
from evobuild.core import metrics, tables
from evobuild.core.evaluation_tables import EVALUATION

ITEMS = [str(number) for number in range(6)]


def answer(model: str, text: str) -> None:
    rows = [
        replied(model, "prompts", item, None, reply=text.replace("#", item), prompt=f"Name {item} rivers.")
        for item in ITEMS
    ]
    Path("data/evaluation").mkdir(parents=True, exist_ok=True)
    tables.write(Path(f"data/evaluation/{model}.parquet"), tables.frame(EVALUATION, rows))


def set_params(models: dict[str, str], **compare: Any) -> None:
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())
    params["evaluate"] |= {"models": models, "benchmarks": {"prompts": {"items": "items.jsonl"}}}
    params["compare"] |= {"pairs": [], "benchmarks": []} | compare
    params["prompts"] = str(workspace.ROOT / "prompts")
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> Path:
    """A repository at whose tag v1 another model answered; here it is no more."""
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"id": item, "prompt": f"Name {item} rivers."}) for item in ITEMS]
    Path("items.jsonl").write_text("\n".join(lines))
    set_params({"first": "openai:x"})
    answer("first", "# rivers: the Nile and others.")
    metrics.write_label(Path("data/label.txt"), metrics.TOY)
    workspace.run(tmp_path, "git", "init", "-q", "-b", "main")
    workspace.run(tmp_path, "dvc", "init", "-q")
    workspace.run(tmp_path, "git", "add", "-A")
    workspace.run(tmp_path, "git", "commit", "-q", "-m", "Begin")
    workspace.run(tmp_path, "git", "tag", "v1")
    Path("data/evaluation/first.parquet").unlink()
    answer("second", "Could you please provide them?")
    metrics.write_label(Path("data/label.txt"), "")
    set_params({"second": "openai:x"}, benchmarks=["prompts"], prompt="criteria")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert command.main(["compare", *words]) == code
    found = capsys.readouterr()
    return found.err if code else found.out


def test_a_side_is_a_model_here_or_at_a_revision() -> None:
    assert read_side("tuned") == Side("", "tuned")
    assert read_side("main:tuned") == Side("main", "tuned") and str(read_side("main:tuned")) == "main:tuned"


def test_stored_answers_of_two_revisions_are_judged_and_nothing_is_answered(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("v1:first", "second", "--judge", "simulated:large")
    found = json.loads(said(capsys, *given, "--json"))
    (judged,) = found["judged"]
    assert sum(judged[name] for name in ("win", "tie", "lose", "unread")) == len(ITEMS)
    assert judged["win"] > judged["lose"], "who asks back loses"
    assert found["label"] == "TOY, DRY RUN" and found["differences"] == []
    mirrored = json.loads(said(capsys, "second", "v1:first", *given[2:], "--json"))["judged"][0]
    assert (mirrored["win"], mirrored["lose"]) == (judged["lose"], judged["win"])
    assert "prompts" in said(capsys, *given) and "wins and half the ties" in said(capsys, *given)


def test_without_a_judge_what_no_figure_stands_for_is_not_compared(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "v1:first", "second", code=1)
    assert "v1:first and second cannot be compared: prompts: no score of v1:first and second" in text


@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("v1:second", "v1: unknown model of evaluate.models 'second'; choose from: first"),
        ("v9:first", "v9: params.yaml cannot be read"),
        ("first", "unknown model of evaluate.models 'first'; choose from: second"),
    ],
)
def test_a_side_that_is_not_there_is_named(
    project: Path, capsys: pytest.CaptureFixture[str], side: str, message: str
) -> None:
    text = said(capsys, side, "second", code=1)
    assert message in text and len(text.splitlines()) == 1
