"""Near-duplicates of 100,000 rows by rensa, as the library finds them, and by datasketch, side by side.

    pip install datasketch; python benchmarks/scale.py minhash

The same rows, word pairs, permutations, bands and exact check. They take turns; the fastest of each counts.
Both are compared with all pairs, by an exact join.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import scale_rows
import scale_select
from figures import Figures
from scale_select import NEAR

from evobuild.text import minhash

ROWS = 100_000
TURNS = 2


def run(figures: Figures) -> None:
    """Group the rows by both, and count pairs in the same group."""
    draw = np.random.default_rng(0)
    sentences = scale_select.sentences_of(scale_rows.many_rows(52_000))
    texts = scale_select.made_up(draw, "00", "r1", sentences, ROWS)["instruction"].to_list()
    ways: dict[str, Callable[[], list[int]]] = {
        "rensa": lambda: minhash.group_near_duplicates(texts, NEAR, 42).tolist(),
        "datasketch": lambda: group_by_datasketch(texts),
    }
    pairs = scale_select.exact_pairs([minhash.word_pairs(text) for text in texts], NEAR)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, group in ways.items():
            began = time.monotonic()
            groups = group()
            took[name].append(time.monotonic() - began)
            found = sum(groups[one] == groups[other] for one, other in pairs) / len(pairs)
            print(f"{name}: {len(texts) / took[name][-1]:,.0f} rows/s, {found:.4f} of {len(pairs):,} pairs")
    ours, theirs = (min(seconds) for seconds in took.values())
    figures.at_least("near-duplicates by rensa over datasketch, rows/s", theirs / ours, 1, "x")


def group_by_datasketch(texts: list[str]) -> list[int]:
    """Number the group of each text by its first place, as `group_near_duplicates` does."""
    from datasketch import MinHash, MinHashLSH

    shape = minhash.BANDS, minhash.PERMUTATIONS // minhash.BANDS
    index = MinHashLSH(num_perm=minhash.PERMUTATIONS, params=shape)
    sets = [minhash.word_pairs(text) for text in texts]
    leaders = list(range(len(sets)))

    def leader(place: int) -> int:
        while leaders[place] != place:
            place = leaders[place]
        return place

    coded = ([member.encode() for member in own] for own in sets)
    for place, hashed in enumerate(MinHash.generator(coded, num_perm=minhash.PERMUTATIONS, seed=42)):
        own = sets[place]
        for other in index.query(hashed):
            shared = len(own & sets[other])
            if shared >= NEAR * (len(own) + len(sets[other]) - shared):
                one, two = leader(place), leader(other)
                leaders[max(one, two)] = min(one, two)
        index.insert(place, hashed)
    return [leader(place) for place in range(len(sets))]
