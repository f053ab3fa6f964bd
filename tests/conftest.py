"""What several tests share: a row of an instruction table, and a reply cache of one's own."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import pytest
from fakes import FakeEngine
from workspace import ROOT

from evobuild.core import metrics, prompts, sqlite_cache
from evobuild.core.instructions import Instruction, content_id, row_id

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
"""Threads of PyTorch that wait use no processor, which another worker of the tests could use."""

SLOWEST = ("test_line_rebuilt", "test_kill", "test_contributing", "test_trainings", "test_stale")
"""The slowest modules; each is a worker's as a whole, for it builds once."""


USERS_OWN = tuple(f"{ROOT}/{name}" for name in ("dvc.lock", "metrics/", "data/", "models/"))
"""What is its user's in a checkout: what a test finds there would depend on what was built last."""
SHIPPED = (f"{ROOT}/data/raw/", f"{ROOT}/data/evaluation/.gitkeep", f"{ROOT}/metrics/training/.gitkeep")


def _refuse_what_is_the_users(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail a test that opens what is the user's. An audit hook stays for good, in this process alone."""
    if event != "open" or not isinstance(arguments[0], str | bytes):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100 - a Path for each open file takes long
    if path.startswith(USERS_OWN) and not path.startswith(SHIPPED):
        raise AssertionError(f"{path} is the user's; tests build their own")


sys.addaudithook(_refuse_what_is_the_users)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest modules, so that the workers end together."""
    order = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    """Keep the files of progress out of the checkout."""
    monkeypatch.setattr("evobuild.training.tracking.live_files.FOLDER", tmp_path / "dvclive")
    monkeypatch.setattr("evobuild.models.progress.FOLDER", tmp_path / ".evobuild/progress")
    own = tmp_path / ".evobuild/usage.jsonl"
    monkeypatch.setattr("evobuild.models.usage_journal.usage_file", lambda: own)
    runs = tmp_path / ".evobuild/runs.jsonl"
    monkeypatch.setattr("evobuild.process.run_journal.journal_file", lambda: runs)


@pytest.fixture
def label(tmp_path):
    """The label of figures that are of no dry run: none."""
    path = tmp_path / "label"
    metrics.write_label(path, "")
    return path


@pytest.fixture
def row():
    """Make a seed row; its ids follow from what it is given."""

    def make(instruction="Name a river.", **fields):
        content = content_id(fields.get("history", ()), instruction, fields.get("input", ""))
        identity = row_id("r0", fields.get("parent_id", ""), content)
        empty = Instruction(identity, content, identity, "", "r0", "chat", (), instruction, "", "")
        return empty._replace(**fields)

    return make


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The path of an empty reply cache, which every model of the test uses."""
    path = tmp_path / "replies.sqlite"
    monkeypatch.setenv("EVOBUILD_STORE", str(path))
    assert sqlite_cache.replies_file() == path
    return path


@pytest.fixture
def engine(store, monkeypatch):
    """Put a fake engine behind every model of the test."""

    def install(answer, capacity=8):
        fake = FakeEngine(answer, capacity)
        monkeypatch.setattr("evobuild.models.placement.start_engine", lambda model: fake)
        monkeypatch.setattr("evobuild.models.registry.engine_identity", str)
        return fake

    return install


@pytest.fixture
def declare(tmp_path):
    """A folder of prompts with the shipped ones, and a way to add an operation or a step."""
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")

    def add(name: str, text: str) -> None:
        path = tmp_path / f"prompts/evolve/{name}.jinja"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    with prompts.use_folder(tmp_path / "prompts"):
        yield add
