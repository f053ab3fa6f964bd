"""The openai engine against servers on this machine: speed, overhead, memory, faults and kills.

    python benchmarks/engines.py openai

The server (tests/support/faults.py) runs in a process of its own. Takes some four minutes, most of them in
the run with faults, whose slow replies take 20 s each.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import memory
import yaml
from figures import Figures

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.machine import Machine, OpenAI
from evobuild.core.uri import ChatModel
from evobuild.models import client
from evobuild.models.openai_engine import OpenAIEngine

SUPPORT = Path(__file__).parent.parent / "tests/support"
NAME = ChatModel("openai", "tiny")
ROWS = 5000
IN_FLIGHT = 64
LATENCY = 0.2
PROMPT = "word " * 100
KILLS = 20


@contextmanager
def server(**options: float) -> Iterator[str]:
    """Run the fault server and give its base URL."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [sys.executable, SUPPORT / "faults.py", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


@contextmanager
def machine(folder: Path, url: str, **options: float | str) -> Iterator[Path]:
    """Make `folder` the repository of what runs inside: a machine.yaml and an empty reply cache."""
    folder.mkdir()
    (folder / "machine.yaml").write_text(yaml.safe_dump({"openai": {"base_url": url} | options}))
    os.environ["DVC_ROOT"] = str(folder)
    yield folder / ".evobuild" / "replies.sqlite"
    del os.environ["DVC_ROOT"]


def questions(count: int) -> Iterator[Request]:
    """Distinct questions of some 100 words."""
    for number in range(count):
        yield Request(
            f"q{number}", "respond", (Message("user", f"{number} {PROMPT}"),), Sampling(temperature=1.0)
        )


def time_engine(url: str, rows: int) -> float:
    """Measure the seconds of `count` requests through the engine alone."""
    engine = OpenAIEngine(NAME, Machine(openai=OpenAI(base_url=url, concurrency=IN_FLIGHT)))
    began = time.monotonic()
    left = 0
    for request in questions(rows):
        if left == engine.capacity:
            left -= len(engine.collect())
        engine.submit(request)
        left += 1
    while left:
        left -= len(engine.collect())
    seconds = time.monotonic() - began
    engine.close()
    return seconds


def time_client(rows: int) -> float:
    """Measure the seconds of `count` requests through the chat client, every reply cached."""
    with client.Model(NAME) as model:
        began = time.monotonic()
        failed = sum(reply.error is not None for reply in model.generate(questions(rows)))
        seconds = time.monotonic() - began
    assert not failed
    return seconds


def bare(url: str, rows: int) -> float:
    """Measure the seconds of `count` posts by the client library alone, equally many in flight."""

    async def ask_all() -> float:
        left = iter(range(rows))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def ask_some() -> None:
                for number in left:
                    content = [{"role": "user", "content": f"{number} {PROMPT}"}]
                    body = {"model": "tiny", "messages": content, "temperature": 1.0, "seed": 0}
                    async with session.post(f"{url}/chat/completions", json=body) as response:
                        json.loads(await response.read())

            began = time.monotonic()
            await asyncio.gather(*(ask_some() for _ in range(IN_FLIGHT)))
            return time.monotonic() - began

    return asyncio.run(ask_all())


def speed(figures: Figures, folder: Path) -> None:
    """Time over the ideal at a fixed latency, and requests per second at none."""
    ideal = ROWS / IN_FLIGHT * LATENCY
    with server(latency=LATENCY) as url, machine(folder / "latency", url, concurrency=IN_FLIGHT):
        figures.at_most(
            "openai: time over the ideal at a latency of 0.2 s", time_client(ROWS) / ideal, 1.10, "x"
        )
    with server() as url, machine(folder / "none", url, concurrency=IN_FLIGHT):
        print(f"bare loop of aiohttp: {ROWS / bare(url, ROWS):,.0f} requests/s")
        print(f"through the client and the reply cache: {ROWS / time_client(ROWS):,.0f} requests/s")
        figures.at_least(
            "openai: requests to a server that answers at once", ROWS / time_engine(url, ROWS), 1500, "/s"
        )


def growth(figures: Figures, folder: Path) -> None:
    """What 50,000 further requests add to the memory of 5,000; nothing may grow with their number."""
    with server() as url, machine(folder / "memory", url, concurrency=IN_FLIGHT):
        time_engine(url, ROWS)
        before = memory.now()
        time_engine(url, 50_000)
        figures.at_most("openai: memory added by 50,000 requests", memory.peak() - before, 20, "MB")


def asker(rows: int, table: Path) -> subprocess.Popen[bytes]:
    """A process that asks and writes a table of all replies."""
    return subprocess.Popen([sys.executable, SUPPORT / "asker.py", str(rows), table])


def stored(path: Path) -> int:
    """Replies in a reply cache."""
    connection = sqlite3.connect(path)
    count: int = connection.execute("SELECT count(*) FROM replies").fetchone()[0]
    connection.close()
    return count


def counts(url: str) -> dict[str, int]:
    """What the server was asked, and how many good replies it gave."""
    with urllib.request.urlopen(f"{url}/counts") as response:
        found: dict[str, int] = json.load(response)
    return found


def faults(figures: Figures, folder: Path) -> None:
    """5,000 requests of which 30 % of calls meet a fault, slow replies of 20 s among them."""
    options = {"timeout": 30, "retries": 6, "unanswered": "reject"}
    with server(share=0.3, tail=20) as url, machine(folder / "faults", url, **options) as store:
        began = time.monotonic()
        assert asker(ROWS, folder / "faulty").wait() == 0
        print(f"run with faults: {time.monotonic() - began:.0f} s, {counts(url)}")
        rows = json.loads((folder / "faulty").read_text())
        rejected = [error for _, _, error in rows if error]
        print(f"rejected: {len(rejected)} {sorted(set(rejected))[:5]}")
        figures.at_most("openai: rows lost to faults", ROWS - len({key for key, _, _ in rows}), 0, "rows")
        figures.at_most(
            "openai: rows that came twice", len(rows) - len({key for key, _, _ in rows}), 0, "rows"
        )
        figures.at_most(
            "openai: replies stored over answered", stored(store) / (ROWS - len(rejected)), 1, "x"
        )


def kills(figures: Figures, folder: Path) -> None:
    """`kill -9` at seeded moments: replies asked again per kill, and whether the table is the same."""
    draw = random.Random(0)
    options = {"concurrency": IN_FLIGHT, "timeout": 5, "retries": 20}
    with server(share=0.1, tail=1, latency=LATENCY) as url:
        with machine(folder / "undisturbed", url, **options):
            assert asker(ROWS, folder / "whole").wait() == 0
        before = counts(url)["answered"]
        with machine(folder / "killed", url, **options):
            for _ in range(KILLS):
                process = asker(ROWS, folder / "table")
                began = counts(url)["answered"]
                while counts(url)["answered"] == began:
                    time.sleep(0.01)
                time.sleep(draw.uniform(0, 0.8))
                process.send_signal(signal.SIGKILL)
                assert process.wait() != 0, "it ended before it was killed"
            assert asker(ROWS, folder / "table").wait() == 0
        again = counts(url)["answered"] - before - ROWS
    figures.at_most("openai: replies asked again per kill", again / KILLS, IN_FLIGHT, "replies")
    differ = (folder / "table").read_bytes() != (folder / "whole").read_bytes()
    figures.at_most(f"openai: tables that differ after {KILLS} kills", differ, 0, "tables")


def run(figures: Figures) -> None:
    """Take all figures."""
    os.environ["NO_PROXY"] = "127.0.0.1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed(figures, folder)
        growth(figures, folder)
        kills(figures, folder)
        faults(figures, folder)
