"""A stage that its server leaves writes nothing, keeps every reply, and ends well at the next run."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml
from faults import FaultServer, failing, good
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.errors import UserError
from evobuild.core.stage import call_stage
from evobuild.models import rate_limit
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
    tables.write(Path("rows.parquet"), tables.frame(tables.INSTRUCTIONS, rows))
    outs = {"responses": "out.parquet", "rejects": "rejects.parquet", "counts": "counts.json"}

    def run(plan, **options):
        with FaultServer(plan) as server:
            given = {"base_url": server.url, "timeout": 2.0, "retries": 1, "concurrency": 16} | options
            Path("machine.yaml").write_text(yaml.safe_dump({"openai": given}))
            try:
                call_stage(respond.main, Path("params.yaml"), {"pool": "r0", "rows": "rows.parquet"} | outs)
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
