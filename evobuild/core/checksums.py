"""The key of a cached value, and the checksum that ties the value to it."""

from __future__ import annotations

import hashlib

Key = bytes
"""What was asked of which model, 16 bytes."""


def checksum(key: Key, value: bytes) -> bytes:
    """8 bytes that tie a cached value to its key."""
    return hashlib.blake2b(key + value, digest_size=8).digest()


def is_sound(key: object, value: object, found: object) -> bool:
    """Whether a row is what was once written; in a damaged one a value may be of any type.

    found: the checksum that stands in the row.
    """
    return isinstance(key, bytes) and isinstance(value, bytes) and found == checksum(key, value)
