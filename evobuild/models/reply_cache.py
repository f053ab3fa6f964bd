"""The reply cache: every reply ever paid for, by what was asked of which model.

An SQLite cache outside all DVC outs, so that a crash, a changed stage, `--temp`, `--queue` or a change
there and back costs no call twice. The key is a hash of the engine, model, revision, options, messages and
sampling; a reply is kept as it came, as JSON in UTF-8, and split into thoughts and answer by whoever reads
it (`reasoning`). `python -m evobuild store` is what users do with it as a whole.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from evobuild.core.chat import Choice, Reply, Request
from evobuild.core.checksums import Key
from evobuild.core.errors import UserError
from evobuild.core.sqlite_cache import CacheKind, SqliteCache, open_sqlite_cache

VERSION = 1
"""Of the schema and of what goes into a key."""

KIND = CacheKind(
    "reply store",
    b"evob",
    VERSION,
    "replies",
    "reply",
    "`python -m evobuild store rebuild` keeps what can be read of it",
)

_DECODER = json.JSONDecoder()


def encode_reply(reply: Reply) -> bytes:
    """Write a reply without its key; thoughts that came beside a text stand after all else of its choice."""
    choices = [
        (choice.text, choice.finish, choice.tokens, choice.logprobs, choice.reasoning)[
            : 5 if choice.reasoning else 4
        ]
        for choice in reply.choices
    ]
    text = json.dumps((reply.prompt_tokens, choices), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def decode_reply(stored: bytes) -> Reply:
    """Read a stored reply. Raises ValueError or TypeError if it is none."""
    # raw_decode spares the search for white space that json.loads begins and ends with.
    (prompt_tokens, choices), _ = _DECODER.raw_decode(stored.decode("utf-8", "surrogatepass"))
    made = [
        Choice(text, finish, tokens, logprobs and tuple(tuple(position) for position in logprobs), *reasoning)
        for text, finish, tokens, logprobs, *reasoning in choices
    ]
    return Reply("", tuple(made), prompt_tokens, None, True)


def open_reply_cache(file: Path) -> sqlite3.Connection:
    """Open the file of a reply cache, or begin a new one. Raises UserError as `open_sqlite_cache`."""
    return open_sqlite_cache(file, KIND)


def reply_cache_error(file: Path, error: Exception) -> UserError:
    """Say what SQLite or the disk says of a reply cache, and what to do."""
    return KIND.user_error(file, error)


def insert_replies(connection: sqlite3.Connection, rows: Sequence[tuple[Key, int, bytes, bytes]]) -> int:
    """Write rows of key, model, reply and checksum whose key is not there yet; count them."""
    return KIND.insert(connection, rows)


class ReplyCache(SqliteCache):
    """The open reply cache, for one model.

    Raises UserError as `open_reply_cache`, and later if the file fails.

    identity: the model's full name in the key: engine, name, revision and options that change results.
    """

    def __init__(self, file: Path, identity: str) -> None:
        super().__init__(file, KIND, identity)

    def key(self, request: Request) -> Key:
        """Hash what is asked: 16 bytes. Neither the request's key nor its purpose counts."""
        asked = repr((request.messages, request.sampling)).encode("utf-8", "surrogatepass")
        return self.hashed(asked)

    def get(self, keys: Sequence[Key]) -> dict[Key, Reply]:
        """Look replies up; their `key` is '' and they are marked as cached. Damaged ones are missing."""
        return {key: decode_reply(reply) for key, reply in self.found(keys).items()}

    def put(self, key: Key, reply: Reply) -> None:
        """Keep a reply; `settle` or `flush` brings it to disk."""
        self.keep(key, encode_reply(reply))
