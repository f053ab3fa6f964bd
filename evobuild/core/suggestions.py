"""Messages about a name that is not in a set of known names: the nearest of them, or all.

Instances: "unknown benchmark 'gsmk8'; did you mean 'gsm8k'?", "unknown preset 'x'; choose from: a, b".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

MOST_NEAR = 3
MOST_LISTED = 40
LONGEST = 80
"""Characters of a name that a message repeats."""
_LEAST_SIMILAR = 0.65


def unknown_name(kind: str, name: object, known: Iterable[str], also: str = "") -> str:
    """Describe a name that is unknown, and what to write instead.

    kind: what it should name, such as "benchmark". also: what is allowed beside the known names, in words.
    """
    return f"unknown {kind} '{str(name)[:LONGEST]}'; {suggest(str(name), known, also)}"


def suggest(name: str, known: Iterable[str], also: str = "") -> str:
    """Suggest what to write for a wrong name: up to three near names, else all of them, in their order."""
    names = list(dict.fromkeys(known))
    if near := nearest_names(name, names):
        return did_you_mean(near)
    if not names:
        return f"expected {also}" if also else "none is defined"
    rest = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"choose from: {', '.join(names[:MOST_LISTED])}{rest}" + (f", or {also}" if also else "")


def did_you_mean(near: Sequence[str]) -> str:
    """Ask whether one of some names was meant: "did you mean 'a', 'b' or 'c'?"."""
    *first, last = (f"'{each}'" for each in near[:MOST_NEAR])
    return f"did you mean {', '.join(first)}{' or ' if first else ''}{last}?"


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Find up to three names near to another, the nearest first; [] if none is.

    Case, blanks, '-' and '_' do not count. A dotted name with the name as one of its parts comes first.
    Names that contain it come last.
    """
    by_plain: dict[str, list[str]] = {}
    for each in known:
        by_plain.setdefault(_plain(each), []).append(each)
    wanted = _plain(name[:LONGEST])
    near = [each for each in by_plain if wanted in each.split(".")]
    near += difflib.get_close_matches(wanted, by_plain, MOST_NEAR, _LEAST_SIMILAR)
    near += [each for each in by_plain if len(wanted) > 2 and wanted in each]
    return [each for plain in dict.fromkeys(near) for each in by_plain[plain]][:MOST_NEAR]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())
