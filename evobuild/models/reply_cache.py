"""The reply cache: every reply ever paid for, by what was asked of which model.

An SQLite cache outside all DVC outs, so that a crash, a changed stage, `--temp`, `--queue` or a change
there and back costs no call twice. The key is a hash of the engine, model, revision, options, messages and
sampling; a reply is kept as it came, as JSON in UTF-8, and split into thoughts and answer by whoever reads
it (`reasoning`). `evobuild cache` exports, imports and prunes it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, get_args

from evobuild.core.cache_file import CacheKind, Key, Row, open_sqlite_cache, transaction
from evobuild.core.chat import Choice, Finish, Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.sqlite_cache import SqliteCache
from evobuild.models.reply_claims import Claims

VERSION = 1
"""Of what goes into a key."""

KIND = CacheKind(
    "reply cache",
    b"evob",
    VERSION,
    "replies",
    "reply",
    "recover what can be read of it (docs/models.md), or move it away",
)

MOST_BYTES = 64 << 20
"""Of a stored reply; a million tokens with their log-probabilities take less."""
MOST_TOKENS = 2**31 - 1
HIGHEST_LOGPROB = 0.01
"""Of a probability of 1, rounded as 16-bit floats are."""
FINISHES = get_args(Finish)

_DECODER = json.JSONDecoder()


def encode_reply(reply: Reply) -> bytes:
    """Encode a reply without its key.

    A choice's separate thoughts follow its other fields, and the texts of tokens follow these.
    """
    choices = [_fields(choice) for choice in reply.choices]
    text = json.dumps((reply.prompt_tokens, choices), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def _fields(choice: Choice) -> tuple[object, ...]:
    """List the fields of a choice to store, as few as it has: stored bytes must not change."""
    fields = (choice.text, choice.finish, choice.tokens, choice.logprobs)
    if choice.token_texts is not None:
        return (*fields, choice.reasoning, choice.token_texts)
    return (*fields, choice.reasoning) if choice.reasoning else fields


def decode_reply(stored: bytes) -> Reply:
    """Decode a stored reply, of a file that others may write, too. Raises ValueError if it is malformed.

    A text may hold half of a surrogate pair, as an engine may give it.
    """
    if len(stored) > MOST_BYTES:
        raise ValueError(f"a reply of {len(stored):,} bytes")
    text = stored.decode("utf-8", "surrogatepass")
    try:
        # raw_decode spares the search for white space that json.loads begins and ends with.
        value, end = _DECODER.raw_decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if end != len(text) or not isinstance(value, list) or len(value) != 2:
        raise ValueError("no list of prompt tokens and choices")
    prompt_tokens, choices = value
    if not (_is_count(prompt_tokens) and isinstance(choices, list) and choices):
        raise ValueError("no count of prompt tokens, or no choices")
    return Reply("", tuple(map(_choice, choices)), prompt_tokens, None, True)


def _choice(stored: object) -> Choice:
    """Decode one choice. Raises ValueError if it is malformed."""
    if not (isinstance(stored, list) and 4 <= len(stored) <= 6):
        raise ValueError("a choice of other fields")
    text, finish, tokens, logprobs, *others = stored
    reasoning, told = others[:1], others[1:]
    if not (isinstance(text, str) and finish in FINISHES and _is_count(tokens)):
        raise ValueError("a choice with a wrong text, finish or tokens")
    if reasoning and not isinstance(reasoning[0], str):
        raise ValueError("thoughts that are no text")
    positions = None if logprobs is None else _positions(logprobs)
    return Choice(text, finish, tokens, positions, *reasoning, *(_texts(each, positions) for each in told))


def _positions(stored: object) -> tuple[tuple[float, ...], ...]:
    """Read the log-probabilities of each output position: numbers not above 0, but for rounding."""
    if not (isinstance(stored, list) and all(isinstance(each, list) and each for each in stored)):
        raise ValueError("log-probabilities that are no lists")
    for position in stored:
        for value in position:
            if type(value) not in (float, int) or not value <= HIGHEST_LOGPROB:
                raise ValueError(f"a log-probability of {value!r:.40}")
    return tuple(map(tuple, stored))


def _texts(stored: object, logprobs: tuple[tuple[float, ...], ...] | None) -> tuple[tuple[str, ...], ...]:
    """Read the texts of tokens: one for each of the log-probabilities."""
    if not (isinstance(stored, list) and all(isinstance(each, list) for each in stored)):
        raise ValueError("texts of tokens that are no lists")
    if [len(each) for each in stored] != [len(each) for each in logprobs or ()]:
        raise ValueError("texts of other tokens than have log-probabilities")
    if not all(isinstance(text, str) for position in stored for text in position):
        raise ValueError("texts of tokens that are no text")
    return tuple(map(tuple, stored))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_TOKENS


def open_reply_cache(file: Path) -> sqlite3.Connection:
    """Open the file of a reply cache, or begin a new one. Raises UserError as `open_sqlite_cache`."""
    return open_sqlite_cache(file, KIND)


def reply_cache_error(file: Path, error: Exception) -> UserError:
    """Say what SQLite or the disk says of a reply cache, and what to do."""
    return KIND.user_error(file, error)


def insert_new_replies(connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Insert rows whose key is not there yet, and count them. Call it in a transaction."""
    return connection.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)", rows).rowcount


def replies_by_key(
    connection: sqlite3.Connection, models: Sequence[int]
) -> Iterator[tuple[Key, str, bytes, bytes]]:
    """Read the replies of some models by their numbers, sorted by key: key, identity, reply and checksum."""
    return connection.execute(
        "SELECT key, identity, CAST(reply AS BLOB), checksum FROM replies JOIN models ON number = model "
        f"WHERE model IN ({','.join('?' * len(models))}) ORDER BY key",
        models,
    )


class Claimed(NamedTuple):
    """Result of a claim. known: replies that have arrived. theirs: keys that other processes ask for."""

    known: dict[Key, Reply]
    theirs: frozenset[Key]


class ReplyCache(SqliteCache):
    """The open reply cache, for one model.

    Raises UserError as `open_reply_cache`, and later if the file fails.

    identity: the model's full name in the key: engine, name, revision and options that change results.
    """

    def __init__(self, file: Path, identity: str) -> None:
        super().__init__(file, KIND, identity)
        self._claims = Claims(self._connection, file)

    def key(self, request: Request) -> Key:
        """Hash what is asked: 16 bytes. Neither the request's key nor its purpose counts.

        Where a continuation is scored, sampling does not.
        """
        scored = request.continuation
        asked: tuple[object, ...] = (request.messages, request.sampling if scored is None else scored)
        # Only where it is so: replies from before are found under the name that they always had.
        if scored is None and request.sampling.token_texts:
            asked = (*asked, "token texts")
        # Not an answer to a chat, whose tokens are the same as ever.
        if scored is not None and (request.raw is not None or request.scored_as != "turn"):
            asked = (*asked, "windows" if request.scored_as == "windows" else "text")
        if request.cut:
            asked = (*asked, "cut")
        return self.hash_content(repr(asked).encode("utf-8", "surrogatepass"))

    def get_replies(self, keys: Sequence[Key]) -> dict[Key, Reply]:
        """Get replies; their `key` is '' and they are marked as cached. Damaged ones are missing."""
        return self.get_decoded(decode_reply, keys)

    def put_reply(self, key: Key, reply: Reply) -> None:
        """Add a reply; `commit_if_due` or `flush` writes it."""
        self.put(key, encode_reply(reply))

    def claim(self, keys: Sequence[Key], force: bool = False) -> Claimed:
        """Claim replies, but for those that have come and those that another process asks for now.

        keys: at most as many as SQLite takes variables. force: ask for what others have claimed, too.

        Raises UserError if the file cannot be written, so that a reply would have to be paid for again.
        """
        self.check_writable()
        try:
            with transaction(self._connection):
                self._claims.begin()
                known = self.get_replies(keys)
                theirs = self._claims.take([key for key in keys if key not in known], force)
        except (sqlite3.Error, OSError) as error:
            raise KIND.user_error(self.file, error) from error
        return Claimed(known, frozenset(theirs))

    def release(self, key: Key) -> None:
        """Leave a claimed reply to others: none has come."""
        self._claims.release([key])

    def flush(self) -> None:
        """Commit what is buffered, and with it what was claimed."""
        keys = list(self._buffer)
        super().flush()
        self._claims.release(keys)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            self._claims.end()
            self._connection.close()
