"""Killing a process at any moment while a model runs in it: little is asked again, and no reply changes."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest import mock

import pytest

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models import transformers_engine, vllm_engine
from evobuild.models.client import Model

ROWS = 640
KILLS = 20
KILLED_AFTER = (0, 32)
"""Replies stored since the start; at 0 it is killed while it starts."""

SEQUENCES = 4
MACHINE = f"vllm: {{max_num_seqs: {SEQUENCES}, enforce_eager: true}}\ntransformers: {{batch: {SEQUENCES}}}\n"
PRELOADED = ["vllm.v1.engine.llm_engine", "vllm.v1.worker.cpu_worker", "transformers", "datasets"]
"""Imported once, in the process that all others are forked from: most of what a start takes."""

UNCOMMITTED = 3 * SEQUENCES
"""Replies that may have ended since the cache's last commit, 0.02 s before: each of 8 steps or more."""

IN_FLIGHT = {"vllm": vllm_engine.QUEUE * SEQUENCES, "transformers": transformers_engine.AHEAD * SEQUENCES}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """At this size several threads only wait for each other, on a busy machine for seconds."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "nobind")


def questions() -> Iterator[Request]:
    """Distinct questions, of different lengths and half of them sampled."""
    for number in range(ROWS):
        text = f"Question {number}. " + "Name three colours. " * (number % 5)
        sampling = Sampling(temperature=0.8 * (number % 2), max_tokens=8 + number % 9, seed=number)
        yield Request(f"q{number:04}", "respond", (Message("user", text),), sampling)


def ask(model: ChatModel, folder: Path, table: Path) -> None:
    """Ask all questions and write the replies sorted by key, and every cache key that goes to the engine."""
    os.environ |= {"DVC_ROOT": str(folder), "EVOBUILD_STORE": str(folder / "store.sqlite")}
    submit, log_file = Model._submit, os.open(folder / "asked", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def log(client: Model, key: bytes, request: Request) -> None:
        os.write(log_file, f"{key.hex()}\n".encode())
        submit(client, key, request)

    with mock.patch.object(Model, "_submit", log), Model(model) as client:
        found = sorted((each.key, each.text, each.error) for each in client.generate(questions()))
    table.write_text(json.dumps(found))


def started(model: ChatModel, folder: Path, table: Path) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=ask, args=(model, folder, table), daemon=True)
    process.start()
    return process


def stored(folder: Path) -> set[str]:
    """Keys of the replies in the cache."""
    try:
        connection = sqlite3.connect(f"file:{folder / 'store.sqlite'}?mode=ro", uri=True, timeout=10)
        found = {key.hex() for (key,) in connection.execute("SELECT key FROM replies")}
    except sqlite3.OperationalError:  # not there yet
        return set()
    connection.close()
    return found


def asked(folder: Path) -> Counter[str]:
    """How often each key was asked."""
    file = folder / "asked"
    return Counter(file.read_text().split() if file.exists() else [])


def prepared(folder: Path) -> Path:
    folder.mkdir()
    (folder / "machine.yaml").write_text(MACHINE)
    return folder


@pytest.mark.parametrize("engine", IN_FLIGHT)
def test_kills_ask_little_more_than_what_was_in_flight_again_and_change_no_reply(
    folder: Path, tmp_path: Path, engine: str
) -> None:
    model = ChatModel(engine, str(folder), dtype="float32")
    quiet, root = prepared(tmp_path / "undisturbed"), prepared(tmp_path / "killed")
    undisturbed = started(model, quiet, tmp_path / "one")
    undisturbed.join()
    assert asked(quiet).total() == ROWS
    draw = random.Random(5)
    for _ in range(KILLS):
        kept, before = stored(root), asked(root)
        moment = len(kept) + draw.randint(*KILLED_AFTER)
        process = started(model, root, tmp_path / "other")
        while len(stored(root)) < moment and process.is_alive():
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.05))
        process.kill()
        process.join()
        assert process.exitcode == -9, "it ended before it was killed"
        now = asked(root) - before
        assert not now.keys() & kept, "a stored reply was asked again"
        assert len(now.keys() - stored(root)) <= IN_FLIGHT[engine] + UNCOMMITTED
    last = started(model, root, tmp_path / "other")
    last.join()
    assert len(stored(root)) == len(asked(root)) == ROWS
    assert (tmp_path / "other").read_bytes() == (tmp_path / "one").read_bytes()
