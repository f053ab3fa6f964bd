"""A chat server with faults, for tests and benchmarks: OpenAI's protocol on 127.0.0.1.

    python tests/support/faults.py [--latency 0.2] [--share 0.3] [--tail 20]

prints its base URL and serves until killed; GET /v1/counts tells what it was asked and has answered.
Good replies are a function of the request alone. What a call gets is decided by a plan: a function of
the request's body and of how often that body has come before. `seeded` mixes ten kinds of faults.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any, Self

KEY = "sk-secret-of-the-tests"
KEPT = 100
"""Bodies that a test may look at."""

POURED = 1 << 18
"""Bytes that wait to be read of what has no end."""

Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What one call gets. delay in seconds; cut: only half the body; reset or hang: nothing at all.

    raw: these bytes in place of status, headers and body. endless: bytes that follow for as long as the
    client listens, every `pause` seconds.
    """

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay: float = 0.0
    good: bool = False
    cut: bool = False
    reset: bool = False
    hang: bool = False
    raw: bytes = b""
    endless: bytes = b""
    pause: float = 0.0


Plan = Callable[[Body, int], Answer]


def text_for(body: Body, number: int) -> str:
    """The words of choice `number`: they depend on the messages, and above temperature 0 on the seed."""
    seed = body.get("seed", 0) + number if body.get("temperature") else 0
    asked = json.dumps([body["messages"], seed], sort_keys=True).encode()
    return (
        f"Reply {hashlib.blake2b(asked, digest_size=8).hexdigest()} to {body['messages'][-1]['content'][:40]}"
    )


def content(body: Body, choices: int | None = None) -> Body:
    """A good reply's JSON; `choices` is how many of the n asked for the server gives, all by default."""
    texts = [text_for(body, number) for number in range(body.get("n", 1) if choices is None else choices)]
    tokens = [len(text.split()) for text in texts]
    # The last first: no order is promised.
    top = [{"token": "a", "logprob": -0.5 - rank} for rank in range(body.get("top_logprobs", 0))][::-1]
    logprobs = {"content": [{"token": "b", "logprob": -0.25, "top_logprobs": top}] * 4}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
                "logprobs": logprobs if body.get("logprobs") else None,
            }
            for index, text in enumerate(texts)
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": sum(tokens), "total_tokens": 7 + sum(tokens)},
    }


def good(body: Body, attempt: int = 0) -> Answer:
    """The plan of a server without faults."""
    return Answer(json.dumps(content(body)).encode(), good=True)


def failing(status: int, message: str = "no", code: str | None = None, **headers: str) -> Answer:
    """An error in OpenAI's form."""
    error = {"message": message, "type": "error", "param": None, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(json.dumps({"error": error}).encode(), status, {"Content-Type": "application/json"} | named)


def faults(body: Body, tail: float, wait: float) -> dict[str, Answer]:
    """Every kind of fault. tail: seconds that a slow reply takes; wait: what Retry-After asks for."""
    fine = good(body)
    return {
        "429": failing(429, "too many requests"),
        "429 with Retry-After": failing(429, "too many requests", Retry_After=str(wait)),
        "429 with a date": failing(429, "too many requests", Retry_After=formatdate(usegmt=True)),
        "500": failing(500, "internal error"),
        "503": failing(503, "overloaded"),
        "reset": replace(fine, reset=True, good=False),
        "hang": replace(fine, hang=True, good=False),
        "half": replace(fine, cut=True, good=False),
        "half JSON": replace(fine, body=fine.body[: len(fine.body) // 2], good=False),
        "content type": replace(fine, headers={"Content-Type": "text/html"}, good=False),
        "no choices": replace(fine, body=json.dumps(content(body, choices=0)).encode(), good=False),
        "wrong model": replace(
            fine, body=json.dumps(content(body) | {"model": "another"}).encode(), good=False
        ),
        "tail": replace(fine, delay=tail),
    }


def seeded(seed: int, share: float, tail: float = 1.0, wait: float = 0.05) -> Plan:
    """A plan that gives this share of all calls a fault, of any kind with equal chance."""

    def plan(body: Body, attempt: int) -> Answer:
        draw = random.Random(f"{seed} {attempt} {json.dumps(body, sort_keys=True)}")
        if draw.random() >= share:
            return good(body)
        return draw.choice(list(faults(body, tail, wait).values()))

    return plan


class FaultServer:
    """The server in a thread of its own. Counts by body: calls taken, and good replies given.

    latency: seconds before any answer. models: status of GET /models, listed: what it gives.
    pace: what all seconds are multiplied by. tls: with whose certificate it speaks HTTPS.
    keys: Authorization headers seen.
    """

    def __init__(
        self,
        plan: Plan = good,
        latency: float = 0.0,
        models: int = 200,
        pace: float = 1.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.plan, self.latency, self.models, self.pace, self.tls = plan, latency, models, pace, tls
        self.listed = [{"id": "tiny", "object": "model", "max_model_len": 2048}]
        self.asked: Counter[bytes] = Counter()
        self.answered: Counter[bytes] = Counter()
        self.bodies: list[Body] = []
        self.keys: set[str] = set()
        self.in_flight = self.most_in_flight = 0
        self.url = ""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._open: set[_Connection] = set()

    def __enter__(self) -> Self:
        self._server = self.loop.run_until_complete(
            self.loop.create_server(
                lambda: _Connection(self, self._open), "127.0.0.1", 0, backlog=1024, ssl=self.tls
            )
        )
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self._server.close()
        for connection in list(self._open):
            connection.transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()

    def _serve(self) -> None:
        self.loop.run_forever()

    def choose(self, path: str, raw: bytes) -> Answer:
        """What one call gets; counts it."""
        if path.endswith("/models"):
            return Answer(json.dumps({"object": "list", "data": self.listed}).encode(), self.models)
        if path.endswith("/counts"):
            counts = {"asked": self.asked.total(), "answered": self.answered.total()}
            return Answer(json.dumps(counts | {"distinct": len(self.asked)}).encode())
        body = json.loads(raw)
        digest = hashlib.blake2b(raw, digest_size=16).digest()
        attempt = self.asked[digest]
        self.asked[digest] += 1
        if len(self.bodies) < KEPT:
            self.bodies.append(body)
        return self.plan(body, attempt)


class _Connection(asyncio.Protocol):
    def __init__(self, server: FaultServer, others: set[_Connection]) -> None:
        self.server, self.others, self.unread = server, others, b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.others.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.others.discard(self)

    def data_received(self, data: bytes) -> None:
        self.unread += data
        head, end, rest = self.unread.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self.unread = rest[length:]
        self.server.keys.add(headers.get("authorization", ""))
        answer = self.server.choose(lines[0].split()[1], rest[:length])
        if answer.hang:
            return
        self.server.in_flight += 1
        self.server.most_in_flight = max(self.server.most_in_flight, self.server.in_flight)
        if delay := (self.server.latency + answer.delay) * self.server.pace:
            self.server.loop.call_later(delay, self.send, answer, rest[:length])
        else:
            self.send(answer, rest[:length])

    def send(self, answer: Answer, raw: bytes) -> None:
        self.server.in_flight -= 1
        if answer.reset or self.transport.is_closing():
            self.transport.abort()
            return
        if answer.raw:
            self.transport.write(answer.raw)
            self.pour(answer)
            return
        head = f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(answer.body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
        self.transport.write(head.encode() + b"\r\n" + body)
        if answer.cut:
            self.transport.close()
        if answer.good:
            self.server.answered[hashlib.blake2b(raw, digest_size=16).digest()] += 1

    def pour(self, answer: Answer) -> None:
        """Write what follows without end, as fast as it is read."""
        if not answer.endless:
            self.transport.close()
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() < POURED:
            self.transport.write(answer.endless)
        self.server.loop.call_later(answer.pause, self.pour, answer)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before any answer")
    parser.add_argument("--share", type=float, default=0.0, help="share of calls that get a fault")
    parser.add_argument("--tail", type=float, default=1.0, help="seconds that a slow reply takes")
    options = parser.parse_args()
    with FaultServer(seeded(0, options.share, options.tail), options.latency) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
