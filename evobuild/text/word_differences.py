"""Two texts compared word by word."""

from __future__ import annotations

import difflib

from evobuild.text.words import split_keeping_spaces

LONGEST = 20_000
"""Characters of a text that are compared; longer ones are shown without their difference."""

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
    # The space after a word is no part of it: a last word stays the same when more follows.
    old_words, new_words = [token.strip() for token in old], [token.strip() for token in new]
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, old_words, new_words, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            parts.append(("equal", "".join(new[j1:j2])))
            continue
        parts += [("delete", "".join(old[i1:i2]))] if i2 > i1 else []
        parts += [("insert", "".join(new[j1:j2]))] if j2 > j1 else []
    return parts
