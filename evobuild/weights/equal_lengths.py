"""Texts of as many tokens, always the same number at once.

Without padding a text is read as it is by itself. What a kernel computes of a row depends on how many rows
it is given, so texts of one length always go in the same number: where they run out the first is
repeated. Then a row has the same bits whatever is read beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

TOKENS = {"cpu": 256, "cuda": 4096}
"""That are read at once about; a longer text is read alone. The fewer, the fewer repeats of a small set."""


def equal_lengths(lengths: Sequence[int], device: Any) -> Iterator[tuple[list[int], list[int]]]:
    """Yield positions of texts of equal length to read together, and the same padded with repeats.

    Instance: lengths 100, 9, 100, 100 on a CPU -> [1], [1, 1 … 1]; [0, 2], [0, 2]; [3], [3, 3].
    """
    tokens = TOKENS.get(getattr(device, "type", device), TOKENS["cuda"])
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, length in enumerate(lengths):
        places[length].append(place)
    for length, alike in sorted(places.items()):
        size = max(1, tokens // max(1, length))
        for start in range(0, len(alike), size):
            own = alike[start : start + size]
            yield own, own + own[:1] * (size - len(own))
