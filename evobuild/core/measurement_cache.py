"""Kept measurements: what a model that does not answer gave, losses, embeddings or rewards, by content.

An SQLite cache beside that of replies, so that a crash, a rerun, another order of pools or a change there
and back measures nothing twice, and a stage that finds all of it kept loads no model. Values are bytes
that whoever measures packs itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from evobuild.core import cache_files
from evobuild.core.checksums import Key
from evobuild.core.sqlite_cache import CacheKind, SqliteCache

KIND = CacheKind(
    "file of measurements",
    b"evom",
    1,
    "measurements",
    "measurement",
    "move it away: what it held is measured again",
)


class Measurements(SqliteCache):
    """Measurements of one kind by one model. Raises UserError if the file cannot be used.

    identity: whatever changes the numbers: kind, model by content or commit, libraries, dtype, adapter,
    template, truncation. Instance: "losses models/scratch#1f3c… torch==2.13.0 float32 plain 2048".
    """

    def __init__(self, identity: str) -> None:
        super().__init__(cache_files.measurements_file(), KIND, identity)

    def key(self, content: str | bytes) -> Key:
        """Hash what is measured, with the identity: 16 bytes."""
        return self.hashed(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)

    def get(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """Look measurements up; those never made, or damaged, are missing."""
        return self.found(keys)

    def put(self, key: Key, value: bytes) -> None:
        """Keep a measurement; commits come in groups, and on exit, after an error, too."""
        self.keep(key, value)
        self.settle()
