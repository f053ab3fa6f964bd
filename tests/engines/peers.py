"""The engines under test, each with a model behind it, and what is known that one cannot do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp
import servers

from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models import placement
from evobuild.models.client import Model
from evobuild.models.engine import Engine
from evobuild.training.scratch import CONTEXT


class Shared:
    """A running engine lent to one test after another: counts what it is asked, outlives `close`."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.capacity = engine, engine.capacity
        self.asked: list[Request] = []
        self.in_flight = 0

    def submit(self, request: Request) -> None:
        assert self.in_flight < self.capacity
        self.engine.submit(request)
        self.asked.append(request)
        self.in_flight += 1

    def collect(self) -> list[Reply]:
        assert self.in_flight, "nothing to wait for"
        replies = self.engine.collect()
        assert replies, "collect waits until something has finished"
        self.in_flight -= len(replies)
        return replies

    def close(self) -> None:
        """Let what a test left in flight end, so that the next does not meet it."""
        while self.in_flight:
            self.collect()


@dataclass
class Peer:
    """An engine, its model and its limits; a limit is an expectation that a test states, no skip.

    context: tokens that it takes; None takes a prompt of any length. real: its replies are the
    network's, else made up. scored: gives the log-probability of every token, else of none that ends
    inside a character. counted: says how many tokens all n choices took, else the first.
    """

    model: ChatModel
    unknown: ChatModel
    context: int | None = CONTEXT
    real: bool = True
    scored: bool = True
    counted: bool = True
    engine: Shared = field(init=False)

    def ask(self, *requests: Request) -> dict[str, Reply]:
        """The replies by key."""
        with Model(self.model) as model:
            replies = list(model.generate(requests))
        assert len(replies) == len(requests)
        return {reply.key: reply for reply in replies}

    def one(self, text: str, **sampling: object) -> Reply:
        """The reply to one prompt."""
        (reply,) = self.ask(ask(text, **sampling)).values()
        return reply


def ask(text: str, key: str = "", **sampling: object) -> Request:
    """A request with a short reply; its key is its text unless given."""
    given = Sampling(**({"max_tokens": 12} | sampling))  # type: ignore[arg-type]
    return Request(key or text[:40], "respond", (Message("user", text),), given)


@contextmanager
def simulated(folder: Path) -> Iterator[Peer]:
    yield Peer(ChatModel("simulated", "small"), ChatModel("simulated", "huge"), context=None, real=False)


@contextmanager
def transformers(folder: Path) -> Iterator[Peer]:
    unknown = ChatModel("transformers", "nobody/nothing", "0" * 40)
    yield Peer(ChatModel("transformers", str(folder)), unknown)


@contextmanager
def vllm(folder: Path) -> Iterator[Peer]:
    unknown = ChatModel("vllm", "nobody/nothing", "0" * 40)
    yield Peer(ChatModel("vllm", str(folder), dtype="float32"), unknown)


@contextmanager
def openai_vllm(folder: Path) -> Iterator[Peer]:
    port = servers.free_port()
    with servers.running(servers.vllm(folder, port), port) as url, _openai(url):
        yield Peer(ChatModel("openai", "tiny"), ChatModel("openai", "nothing"))


@contextmanager
def openai_llama_cpp(folder: Path) -> Iterator[Peer]:
    port, file = servers.free_port(), folder.with_suffix(".gguf")
    llama_cpp.convert(folder, file)
    with servers.running(servers.llama_cpp(file, port), port) as url, _openai(url):
        yield Peer(ChatModel("openai", "tiny"), ChatModel("openai", "nothing"), scored=False, counted=False)


ALL = {
    "simulated": simulated,
    "transformers": transformers,
    "vllm": vllm,
    "openai: vLLM's server": openai_vllm,
    "openai: llama.cpp's server": openai_llama_cpp,
}


@contextmanager
def started(name: str, folder: Path) -> Iterator[Peer]:
    """One of ALL with its engine running, and stopped afterwards."""
    with ALL[name](folder) as peer:
        engine = placement.start_engine(peer.model)
        peer.engine = Shared(engine)
        try:
            yield peer
        finally:
            engine.close()


@contextmanager
def _openai(url: str) -> Iterator[None]:
    os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "not-a-secret"}
    try:
        yield
    finally:
        del os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"]
