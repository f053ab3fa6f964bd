"""`evobuild serve`: gives the report, the explorer and how far the build is, to this machine, and no more."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import patience
import pytest
import tiny
from workspace import ROOT, SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.cli.serve import server as serving
from evobuild.cli.serve.server import Server
from evobuild.cli.serve.status import build_status
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.table_parts import rows_per_file
from evobuild.process import run_journal, running
from evobuild.process.run_journal import StageRun

SECONDS = 20


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    shutil.copy(SHIPPED_PARAMS, tmp_path / "params.yaml")
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data/explorer/texts").mkdir(parents=True)
    (tmp_path / "data/explorer/index.html").write_text("explored")
    (tmp_path / "data/explorer/texts/000.js").write_text("take()")
    (tmp_path / "data/explorer/.hidden.js").write_text("hidden")
    (tmp_path / "data/explorer/notes.txt").write_text("notes")
    (tmp_path / "data/label.html").write_text("label")
    return tmp_path


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join(patience.scaled(SECONDS))


def ask(
    server: Server, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=patience.scaled(SECONDS))
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def status(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(server, "/status.json")[1])
    return found


def test_it_listens_on_this_machine_alone(server: Server):
    assert server.server_address[0] == "127.0.0.1" and server.url.startswith("http://127.0.0.1:")


def test_any_row_is_told_by_its_id_or_the_beginning_of_it(server: Server, project: Path):
    hostile = "<script>alert(1)</script>"
    rows = [tiny.row(instruction=f"Name {number} rivers. {hostile}") for number in range(30)]
    (project / "data/rounds").mkdir()
    with rows_per_file(9):
        tables.write(project / "data/rounds/r0.parquet", tables.frame(INSTRUCTIONS, rows))
    for beginning in (rows[3].id, rows[3].id[:12]):
        response, text = ask(server, f"/row/{beginning}")
        assert response.status == 200 and f"Name 3 rivers. {hostile}" in text
        assert response.headers["Content-Type"].startswith("text/plain")
    response, text = ask(server, "/row/0000000000")
    assert response.status == 404 and "unknown row '0000000000'" in text
    assert ask(server, "/row/../params.yaml")[0].status == 404


def test_of_large_tables_only_the_files_are_opened_that_a_row_stands_in(server: Server, project: Path):
    rows = [
        tiny.row(instruction=f"Name {number} rivers.", output=f"{number} of them.") for number in range(30)
    ]
    for name in ("rounds", "responses"):
        (project / "data" / name).mkdir()
        with rows_per_file(9):
            tables.write(project / f"data/{name}/r0.parquet", tables.frame(INSTRUCTIONS, rows))
        for file in (project / f"data/{name}/r0.parquet").iterdir():
            if file.stem != rows[3].id[:2]:
                file.write_text("no table")
    for beginning in (rows[3].id, rows[3].id[:12]):
        response, text = ask(server, f"/row/{beginning}")
        assert response.status == 200 and "Name 3 rivers." in text and "3 of them." in text
    assert ask(server, f"/row/{rows[3].id[:2]}{'0' * 18}")[0].status == 404


def test_the_report_is_given_once_there_is_one(server: Server, project: Path):
    assert ask(server, "/")[0].headers["Location"] == "/live.html"
    assert ask(server, "/report.html")[0].status == 404 and status(server)["report"] is None
    (project / "data/report.html").write_text("reported")
    assert ask(server, "/")[0].headers["Location"] == "/report.html"
    response, text = ask(server, "/report.html?x=1")
    assert (response.status, text) == (200, "reported") and status(server)["report"]
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert ask(server, "/report.html", "HEAD")[1] == ""


@pytest.mark.parametrize(("path", "text"), [("index.html", "explored"), ("texts/000.js", "take()")])
def test_the_explorer_is_given(server: Server, path: str, text: str):
    response, found = ask(server, f"/explorer/{path}")
    assert (response.status, found) == (200, text)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_page_of_expectations_is_given(server: Server, project: Path):
    assert ask(server, "/validation.html")[0].status == 404
    (project / "data/validation.html").write_text("held")
    assert ask(server, "/validation.html")[1] == "held"


@pytest.mark.parametrize(
    "path",
    [
        "/explorer/", "/explorer", "/explorer/texts", "/explorer/texts/", "/data/", "/params.yaml",
        "/label.html",
        "/explorer/../label.html", "/explorer/%2e%2e/label.html", "/explorer/..%2flabel.html",
        "/explorer/texts/../../label.html", "/explorer/%5c..%5clabel.html", "/explorer//index.html",
        "/explorer/.hidden.js", "/explorer/notes.txt", "/explorer/index.html%00", "//etc/passwd",
        "/explorer/\x7f", "http://127.0.0.1/params.yaml", "/data/explorer/index.html", "/.git/config",
    ],
)  # fmt: skip
def test_nothing_else_is_given(server: Server, path: str):
    with socket.create_connection(("127.0.0.1", server.server_port), patience.scaled(SECONDS)) as raw:
        raw.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split(b" ", 2)[1] in (b"404", b"400")
    assert b"label" not in answer.partition(b"\r\n\r\n")[2] and b"explored" not in answer


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""])
def test_who_asks_under_another_name_is_refused(server: Server, host: str):
    response, text = ask(server, "/status.json", Host=host)
    assert response.status == 403 and "stages" not in text


def test_both_names_of_this_machine_do(server: Server):
    for name in ("127.0.0.1", "localhost"):
        assert ask(server, "/status.json", Host=f"{name}:{server.server_port}")[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(server: Server, method: str):
    assert ask(server, "/report.html", method)[0].status == 501


def test_stages_are_told_in_order_with_what_they_made(server: Server):
    run_journal.append(StageRun("evolve@r1", "2026-01-01T00:00:00+00:00", 2.5, rows_in=9, rows_out=7))
    stages = {each["stage"]: each for each in status(server)["stages"]}
    assert stages["seed"] == {"stage": "seed", "off": False}
    assert stages["tag"] == {"stage": "tag", "off": True}, "models.tagger is null"
    assert stages["evolve@r1"]["rows_out"] == 7 and stages["evolve@r1"]["seconds"] == 2.5
    assert list(stages).index("seed") < list(stages).index("evolve@r1") < list(stages).index("report")
    assert '"evolve@r1"' in ask(server, "/run.js")[1]


def test_a_stage_that_runs_is_told_with_its_replies(server: Server, project: Path):
    assert status(server)["busy"] is False
    folder = project / ".evobuild/progress"
    folder.mkdir(parents=True)
    content = {"task": "evolve-r1", "state": "running", "done": 40, "total": 120}
    (folder / "evolve-r1-evolver.json").write_text(json.dumps(content))
    (folder / "evolve-r1-judge.json").write_text("{")
    with running.mark_running("evolve@r1"):
        found = status(server)
    [now] = found["running"]
    assert (now["stage"], now["done"], now["total"]) == ("evolve@r1", 40, 120) and found["busy"] is True
    assert status(server)["running"] == []


def progress_of(task: str, **fields: object) -> dict[str, object]:
    """A file of progress: 40 of 120 replies in 30 s, 10 of them from the cache."""
    counts = {"calls": 30, "cached": 10, "failed": 0, "prompt_tokens": 600, "completion_tokens": 300}
    known = {"done": 40, "total": 120, "kept": 10, "elapsed": 30.0, "role": "evolver", "model": "openai:m"}
    spent = {"cost": 0.5, "purposes": {"evolve": counts}}
    return {"task": task, "state": "running", **known, **spent, **fields}


def test_tokens_cost_time_and_the_newest_replies_of_a_run_are_told(server: Server, project: Path):
    before, after = "2026-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"
    run_journal.append(StageRun("evolve@r1", before, 500.0, calls=9, cost=9.0))
    run_journal.append(StageRun("seed", before, 2.0))
    run_journal.append(StageRun("score", before, 20.0, calls=1, prompt_tokens=5, cost=0.25))
    run_journal.append(StageRun("keywords", after, 7.0))
    run_journal.append(StageRun("augment@autoif", before, 0.1, off=True))
    shown = [
        {"row": f"row-{number}", "purpose": "evolve", "prompt": f"<b>{number}", "reply": "x"}
        for number in (1, 2)
    ]
    folder = project / ".evobuild/progress"
    folder.mkdir(parents=True)
    (folder / "evolve-r1-evolver.json").write_text(json.dumps(progress_of("evolve-r1", newest=shown)))
    with running.mark_running("evolve@r1"):
        found = status(server)
    # 80 replies are left, and 30 new ones took 30 s; score ran before and runs again, keywords ran since.
    assert found["left"]["seconds"] == 80.0 + 20.0
    unknown = found["left"]["unknown"]
    assert "evolve@r2" in unknown
    assert not {"seed", "score", "tag", "augment@autoif", "verify@autoif", "fetch"} & set(unknown)
    assert "keywords" not in unknown
    assert found["taken"] == {"seconds": 59.1, "calls": 31, "stored": 10, "tokens": 905, "cost": 0.75}
    assert [each["row"] for each in found["newest"]] == ["row-2", "row-1"]
    assert found["newest"][0]["prompt"] == "<b>2" and found["newest"][0]["stage"] == "evolve-r1"
    assert status(server)["left"] is None and status(server)["newest"] == []


@pytest.mark.parametrize(("year", "left"), [(1970, 20.0), (2999, 0.0)])
def test_a_clock_that_was_set_makes_no_time_left_that_nobody_has_seen(project: Path, year: int, left: float):
    """The last run took 20 s."""
    run_journal.append(StageRun("report", "2026-01-01T00:00:00+00:00", 20.0))
    with running.mark_running("report"):
        found = build_status(datetime(year, 1, 1, tzinfo=UTC))
    assert found["left"]["seconds"] == left


def test_params_that_are_wrong_are_said_and_the_rest_is_told(server: Server, project: Path):
    run_journal.append(StageRun("seed"))
    (project / "params.yaml").write_text("rounds: 3\n")
    found = status(server)
    assert "params.yaml" in str(found["problem"]) and [each["stage"] for each in found["stages"]] == ["seed"]


def test_too_many_at_once_are_turned_away(server: Server, monkeypatch: pytest.MonkeyPatch):
    address = ("127.0.0.1", server.server_port)
    waiting = [socket.create_connection(address, patience.scaled(SECONDS)) for _ in range(serving.AT_ONCE)]
    with socket.create_connection(address, patience.scaled(SECONDS)) as one_more:
        assert one_more.recv(1) == b""
    for each in waiting:
        each.close()


def serve(project: Path, *words: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "evobuild", "serve", *words]
    return subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_command_says_where_and_ends_at_ctrl_c(project: Path):
    with serve(project) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:") and "Ctrl-C" in line
        process.send_signal(signal.SIGINT)
        out, err = patience.communicate(process)
    assert (process.returncode, out, err) == (0, "ended\n", "")


def test_a_port_that_is_taken_is_said(project: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with serve(project, "--port", port) as process:
            _, err = patience.communicate(process)
    assert (
        process.returncode == 1 and f"--port {port}: Address already in use" in err and "Traceback" not in err
    )


def test_elsewhere_than_in_a_project_it_refuses(tmp_path: Path):
    with serve(tmp_path) as process:
        _, err = patience.communicate(process)
    assert process.returncode == 1 and "dvc.yaml: no such file" in err


@pytest.mark.parametrize("port", ["65536", "-1", "x", "0000065536", "8" * 5000])
def test_a_port_that_there_is_not_is_refused_in_a_line(port, capsys):
    with pytest.raises(SystemExit):
        command.main(["serve", f"--port={port}"])
    said = capsys.readouterr().err
    assert "expected a number from 0 to 65535" in said and said.count("\n") == 1 and len(said) < 200
