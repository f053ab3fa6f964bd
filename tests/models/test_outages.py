"""A stage that its server leaves writes nothing, keeps every reply, and ends well at the next run."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml
from faults import Answer, FaultServer, content, failing, good
from workspace import SHIPPED_PARAMS

from evobuild.cli.cache import reply_pruning
from evobuild.core import sqlite_cache, tables
from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.core.errors import NothingLeft, UserError
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.stage import call_stage
from evobuild.models import rate_limit
from evobuild.models.reply_cache import ReplyCache
from stages import respond

ROWS = 300
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch, row, store):
    """A folder with rows to answer, where a server's plan is followed; gives a way to run `respond`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rate_limit, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())
    params["models"]["responder"] = "openai:tiny"
    Path("params.yaml").write_text(yaml.safe_dump(params))
    rows = (row(f"Name river {number}.") for number in range(ROWS))
    tables.write(Path("rows.parquet"), tables.frame(INSTRUCTIONS, rows))
    outs = {"responses": "out.parquet", "rejects": "rejects.parquet", "counts": "counts.json"}

    def run(plan, given=None, **options):
        words = {"pool": "r0", "rows": "rows.parquet"} | outs | (given or {})
        with FaultServer(plan) as server:
            openai = {"base_url": server.url, "timeout": 2.0, "retries": 1, "concurrency": 16} | options
            Path("machine.yaml").write_text(yaml.safe_dump({"openai": openai}))
            try:
                call_stage(respond.main, Path("params.yaml"), words)
            finally:
                run.asked, run.written = server.asked.total(), [Path(out).exists() for out in outs.values()]

    return run


def test_a_server_that_goes_away_near_the_end_costs_no_row(project):
    answered = 0

    def leaving(body, attempt):
        nonlocal answered
        answered += 1
        return good(body) if answered <= ROWS - 9 else failing(503)

    with pytest.raises(UserError, match="no reply came to 9 requests, mostly: 503 no") as caught:
        project(leaving)
    assert str(caught.value).count("\n") == 1
    assert project.written == [False] * 3
    project(good)
    assert (project.asked, project.written) == (9, [True] * 3)
    assert pl.read_parquet("out.parquet").height == ROWS


def test_a_server_that_is_gone_is_not_asked_for_every_row(project):
    answered = 0

    def gone(body, attempt):
        nonlocal answered
        answered += 1
        return good(body) if answered <= 50 else failing(503)

    with pytest.raises(
        UserError, match=r"none of the last 64 requests was answered \(of purpose 'respond'\): 503 no"
    ):
        project(gone)
    assert project.asked <= 50 + 16 + 64 + 32
    assert project.written == [False] * 3
    project(good)
    assert project.asked == ROWS - 50


def test_a_prompt_that_breaks_its_server_each_time_can_be_lost(project):
    def breaking(body, attempt):
        return failing(500) if body["messages"][-1]["content"].count("river 7.") else good(body)

    for _ in range(2):
        with pytest.raises(UserError, match=r"openai\.unanswered: reject"):
            project(breaking)
    assert project.written == [False] * 3
    project(breaking, unanswered="reject")
    assert pl.read_parquet("out.parquet").height == ROWS - 1
    assert pl.read_parquet("rejects.parquet")["reason"].to_list() == ["model error"]


def test_what_will_never_be_answered_is_a_reject(project):
    def refusing(body, attempt):
        return failing(400, "odd") if body["messages"][-1]["content"].count("river 7.") else good(body)

    project(refusing)
    assert pl.read_parquet("rejects.parquet")["detail"].to_list() == ["bad request: 400 odd"]


def said(text):
    """A plan whose replies say this."""

    def plan(body, attempt):
        whole = content(body)
        whole["choices"][0]["message"]["content"] = text
        return Answer(json.dumps(whole).encode())

    return plan


def test_a_stage_that_loses_all_its_rows_leaves_the_rejects_and_says_why_and_how_to_ask_anew(project):
    outs = {"rows": "few.parquet", "rejects": "data/rejects/respond-r0.parquet"}
    tables.write(Path("few.parquet"), tables.read(Path("rows.parquet"), INSTRUCTIONS).head(40))
    Path("data/rejects").mkdir(parents=True)
    with pytest.raises(NothingLeft) as caught:
        project(said("Sure, what is it that you want?"), given=outs)
    assert str(caught.value).splitlines()[0] == (
        "40 rows came in and none is left; the commonest reasons: insufficient qualification (40)"
    )
    assert "evobuild cache prune --rejected respond@r0" in str(caught.value)
    assert [Path(out).exists() for out in ("out.parquet", outs["rejects"], "counts.json")] == [0, 1, 0]
    with pytest.raises(NothingLeft):
        project(good, given=outs)
    assert project.asked == 0
    texts = reply_pruning.read_reject_replies("respond@r0")
    assert prune_rejected(sqlite_cache.replies_file(), texts) == (40, 0)
    project(good, given=outs)
    assert project.asked == 40
    assert pl.read_parquet("out.parquet").height == 40


def test_the_commonest_details_are_said(project):
    def refusing(body, attempt):
        number = len(body["messages"][-1]["content"])
        return failing(400, f"odd {number % 2}") if number % 3 else failing(400, "no river")

    tables.write(Path("few.parquet"), tables.read(Path("rows.parquet"), INSTRUCTIONS).head(40))
    with pytest.raises(NothingLeft) as caught:
        project(refusing, given={"rows": "few.parquet"})
    first, second = str(caught.value).split("\n")
    assert first.endswith("model error (40)")
    assert second.startswith("mostly: bad request: 400 ")
    assert second.endswith("; all rejects: rejects.parquet")
    assert pl.read_parquet("rejects.parquet").height == 40


@pytest.mark.parametrize(
    ("stage", "fragment"),
    [("select", "calls no model; choose from: optimize, evolve"), ("respond@r7", "there are rejects of: ")],
)
def test_rejects_that_are_not_there_are_said(project, stage, fragment):
    with pytest.raises(UserError, match=fragment):
        reply_pruning.read_reject_replies(stage)


def test_a_reply_that_a_model_of_no_chat_role_or_in_other_words_gave_stays(store):
    for name in ("openai:tiny", "openai:other"):
        with ReplyCache(store, name) as cache:
            for text in ("", "   ", "fine", "bad"):
                asked = Request(text, "respond", (Message("user", text),), Sampling())
                cache.put_reply(cache.key(asked), Reply("", (Choice(text, "stop", 1),), 1))
    assert prune_rejected(store, {"", "bad"}) == (2, 6)
    with pytest.raises(UserError, match="there is no reply cache"):
        prune_rejected(store.with_name("none"), {""})


def prune_rejected(file, texts):
    """Remove the replies of one model that say one of some texts."""
    return reply_pruning.prune_replies(
        file,
        lambda identity: identity == "openai:tiny",
        lambda stored: reply_pruning.says_only(stored, texts),
    )
