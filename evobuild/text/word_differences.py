"""Two texts compared word by word."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import accumulate, takewhile

from evobuild.text.words import split_keeping_spaces

LONGEST = 20_000
"""Characters of a text that are compared; longer ones are shown without their difference."""
MOST_STEPS = 1_000_000
"""Maximum comparisons of equal words, to bound the time; the rest counts as replaced.

The search for the longest equal run takes n squared of them where words repeat, as in "ha ha ha"."""

WordDifferences = list[tuple[str, str]]
"""A text in parts, each ("equal" | "insert" | "delete", text)."""


def compare_words(before: str, after: str) -> WordDifferences:
    """Compare two texts word by word.

    Instance: "Name a bird.", "Name a red bird." -> equal "Name a ", insert "red ", equal "bird."
    """
    if max(len(before), len(after)) > LONGEST:
        return [("equal", after)]
    old, new = split_keeping_spaces(before), split_keeping_spaces(after)
    parts: WordDifferences = []
    at_old = at_new = first = 0
    # The space after a word is no part of it: a last word stays the same when more follows.
    for i, j, size in _equal_runs([token.strip() for token in old], [token.strip() for token in new]):
        if i > at_old or j > at_new:
            parts += [("equal", "".join(new[first:at_new]))] if at_new > first else []
            parts += [("delete", "".join(old[at_old:i]))] if i > at_old else []
            parts += [("insert", "".join(new[at_new:j]))] if j > at_new else []
            first = j
        at_old, at_new = i + size, j + size
    return parts + [("equal", "".join(new[first:]))] * (first < len(new))


def _equal_runs(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return runs of equal words as (position in old, position in new, words), in order; the last ends
    both.
    """
    first = _count_common(old, new)
    last = _count_common(old[: first - 1 - len(old) : -1], new[: first - 1 - len(new) : -1])
    ends = len(old) - last, len(new) - last
    return [(0, 0, first), *_longest_runs(old, new, (first, ends[0], first, ends[1])), (*ends, last)]


def _count_common(old: Sequence[str], new: Sequence[str]) -> int:
    """Count the words that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _longest_runs(
    old: Sequence[str], new: Sequence[str], within: tuple[int, int, int, int]
) -> list[tuple[int, int, int]]:
    """Yield the longest run of equal words within ranges of both texts, and recursively around it."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    times = Counter(new)
    steps = [0, *accumulate(1 + times[word] for word in old)]
    found: list[tuple[int, int, int]] = []
    left, waiting = MOST_STEPS, deque([within])
    while waiting:
        i1, i2, j1, j2 = waiting.popleft()
        left -= steps[i2] - steps[i1]
        if left < 0:
            break
        if i1 < i2 and j1 < j2 and (run := matcher.find_longest_match(i1, i2, j1, j2)).size:
            found.append((run.a, run.b, run.size))
            waiting += [(i1, run.a, j1, run.b), (run.a + run.size, i2, run.b + run.size, j2)]
    return sorted(found)
