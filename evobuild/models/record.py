"""A reply as the store keeps it: JSON in UTF-8, and a checksum that ties it to its key."""

from __future__ import annotations

import hashlib
import json

from evobuild.core.chat import Choice, Reply

Key = bytes
"""What was asked of which model, 16 bytes."""

_DECODER = json.JSONDecoder()


def checksum(key: Key, reply: bytes) -> bytes:
    """8 bytes that tie a stored reply to its key."""
    return hashlib.blake2b(key + reply, digest_size=8).digest()


def is_sound(key: object, reply: object, check: object) -> bool:
    """Whether a row is what was once written; in a damaged one a value may be of any type."""
    return isinstance(key, bytes) and isinstance(reply, bytes) and check == checksum(key, reply)


def encode(reply: Reply) -> bytes:
    """Write a reply without its key."""
    choices = [(choice.text, choice.finish, choice.tokens, choice.logprobs) for choice in reply.choices]
    text = json.dumps((reply.prompt_tokens, choices), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def decode(stored: bytes) -> Reply:
    """Read a stored reply. Raises ValueError or TypeError if it is none."""
    # raw_decode spares the search for white space that json.loads begins and ends with.
    (prompt_tokens, choices), _ = _DECODER.raw_decode(stored.decode("utf-8", "surrogatepass"))
    made = [
        Choice(text, finish, tokens, logprobs and tuple(tuple(position) for position in logprobs))
        for text, finish, tokens, logprobs in choices
    ]
    return Reply("", tuple(made), prompt_tokens, None, True)
