"""Bloom filters over keys that are hashes: where a key is not in a set, nobody need look for it there.

Bloom 1970, doi:10.1145/362686.362692; with two hashes in place of many, as Kirsch and Mitzenmacher 2006
(doi:10.1007/11841036_42) have it: a key of 16 bytes is two of them already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

BITS = 12
"""Of the filter for each key: 1 of 300 keys that are not in the set seems to be."""
HASHES = 8
KEY_BYTES = 16
EVERY_KEY = b"\xff"
"""A filter that no key fails."""


def key_halves(keys: bytes) -> np.ndarray:
    """Both halves of each key, N x 2, of keys of 16 bytes one after another."""
    import numpy as np

    return np.frombuffer(keys, "<u8").reshape(-1, 2)


class KeyFilter:
    """Tells keys that cannot be in a set. bits: as `build_filter` gives them."""

    def __init__(self, bits: bytes) -> None:
        import numpy as np

        self._bits = np.frombuffer(bits, np.uint8)

    def may_hold(self, halves_N_2: np.ndarray) -> np.ndarray:
        """Whether each of some keys may be in the set, N booleans. halves_N_2: of `key_halves`."""
        import numpy as np

        held_N = np.ones(len(halves_N_2), bool)
        for places_N in _places(halves_N_2, len(self._bits)):
            held_N &= (self._bits[places_N >> np.uint64(3)] >> (places_N & np.uint64(7))) & 1 == 1
        return held_N


def build_filter(keys: bytes) -> bytes:
    """Make a filter of keys of 16 bytes one after another."""
    import numpy as np

    halves_N_2 = key_halves(keys)
    bits = np.zeros(max(1, len(halves_N_2) * BITS // 8), np.uint8)
    for places_N in _places(halves_N_2, len(bits)):
        np.bitwise_or.at(bits, places_N >> np.uint64(3), (1 << (places_N & np.uint64(7))).astype(np.uint8))
    return bits.tobytes()


def _places(halves_N_2: np.ndarray, size: int) -> Any:
    """The bits of each key, one array of N for each hash. size: bytes of the filter."""
    import numpy as np

    most = np.uint64(size * 8)
    for number in range(HASHES):
        yield (halves_N_2[:, 0] + np.uint64(number) * halves_N_2[:, 1]) % most
