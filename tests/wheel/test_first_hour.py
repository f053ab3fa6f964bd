"""docs/first-hour.md as a newcomer follows it: every command runs, and prints what the page shows.

A server of the tests stands in for the model, and a small one for the base that is tuned.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import chat_server
import patience
import pytest
import tiny
from install_lines import clean_environment
from workspace import ROOT

PAGE = ROOT / "docs/first-hour.md"
SERVER = "http://127.0.0.1:8000/v1"
MODEL = "Qwen/Qwen2.5-7B-Instruct"
BASE = "Qwen/Qwen2.5-0.5B"
SECONDS = 900
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d[\d,.:]*")
_ID = re.compile(r"\b[0-9a-f]{12,20}\b")


class Step(NamedTuple):
    """A block of commands, and what the page says they print: the lines before and after each `…`."""

    commands: str
    shown: list[str]


def steps(page: str) -> list[Step]:
    """The blocks of commands, each with the text that follows it; a block in a language is for elsewhere."""
    found: list[Step] = []
    for kind, content in _BLOCK.findall(page):
        if kind == "text":
            found[-1] = found[-1]._replace(shown=content.splitlines())
        elif not kind:
            found.append(Step(content, []))
    return found


def masked(line: str) -> str:
    """A line without what differs from run to run: ids, numbers, and how wide a table is."""
    return " ".join(_NUMBER.sub("#", _ID.sub("#", line)).replace("─", "").split())


@pytest.fixture(scope="module")
def printed(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Step, str]]]:
    """Each step of the page with what its commands printed, one after the other in one shell."""
    home = tmp_path_factory.mktemp("hour")
    found = steps(PAGE.read_text(encoding="utf-8"))
    shutil.copytree(tiny.folder(), home / "base")
    with chat_server.chat_server([MODEL]) as server:
        said = [f"echo '=== {number}'\n{step.commands}" for number, step in enumerate(found)]
        script = "\n".join(["set -e", "exec 2>&1", *said])
        script = script.replace(SERVER, server.url).replace(BASE, str(home / "base"))
        done = patience.run(
            ["bash", "-c", script], SECONDS, cwd=home,
            env=clean_environment(installed, home) | {
                "DVC_SITE_CACHE_DIR": f"{home}/dvc", "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "1",
            },
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    outputs = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert len(outputs) == len(found)
    yield list(zip(found, outputs, strict=True))


def test_the_commands_print_what_the_page_shows(printed: list[tuple[Step, str]]) -> None:
    missing = []
    for step, output in printed:
        lines = [masked(line) for line in output.splitlines()]
        missing += [line for line in step.shown if line.strip("… ") and masked(line) not in lines]
    assert not missing, [output for _, output in printed]
    assert sum(bool(step.shown) for step, _ in printed) >= 5


def test_the_second_run_finds_nothing_to_do(printed: list[tuple[Step, str]]) -> None:
    [run] = [output for step, output in printed if step.commands.count("evobuild repro\n") == 2]
    assert run.rstrip().endswith("Data and pipelines are up to date.")
