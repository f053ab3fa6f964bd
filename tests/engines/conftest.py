"""One engine at a time, started once, behind the chat client of every test that asks for a peer."""

from __future__ import annotations

import os

import peers
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before the hub's client is imported
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
# vLLM loads Ray, which reads these once.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

from evobuild.models import placement
from evobuild.training import scratch
from evobuild.training.params import Scratch
from evobuild.weights import threads

threads.THREADS = 1  # at this size two threads only wait for each other

TEXTS = (
    "Name three colours.\nRed, green and blue.",
    "Add two and five.\nTwo and five make seven.",
    "Write a line about the sea.\nThe sea is wide, and grey in the morning.",
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A Llama of two layers with a chat template, trained just enough not to repeat one token."""
    path = tmp_path_factory.mktemp("model") / "tiny"
    scratch.train_scratch_model(
        TEXTS, Scratch(vocabulary=300, steps=40, batch=4, length=48, learning_rate=0.003), 1, path
    )
    return path


@pytest.fixture(scope="session", autouse=True)
def machine(tmp_path_factory):
    """machine.yaml of all engines here: small batches, no compilation."""
    root = tmp_path_factory.mktemp("machine")
    (root / "machine.yaml").write_text("vllm: {max_num_seqs: 64, enforce_eager: true}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        yield root


@pytest.fixture(scope="session", params=peers.ALL)
def running(request, folder):
    with peers.started(request.param, folder) as peer:
        yield peer


@pytest.fixture
def peer(running, store, monkeypatch):
    """A running engine with a reply cache of the test's own."""
    running.engine.asked.clear()
    monkeypatch.setattr(placement, "start_engine", lambda model: running.engine)
    yield running
    assert running.engine.in_flight == 0
