"""The counts that the stages up to select leave of the line of `made_line`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evobuild.core.evolution_tables import CONTENT
from evobuild.core.json_files import write_json
from evobuild.core.reasons import BELOW_THE_CUT, NOT_ANSWERED
from evobuild.core.rejects import OFF, balance
from evobuild.core.table_parts import STARTS


def write_counts(root: Path, rows: Mapping[str, int]) -> None:
    """Write the counts of all stages up to select. rows: of each pool."""
    counts: dict[str, Any] = dict.fromkeys(("reward", "tag"), dict.fromkeys(rows, OFF))
    counts |= {"experience": OFF, "keywords": OFF, "optimize": {"asked": []}}
    whole = {pool: balance(count, count, {}) for pool, count in rows.items()}
    lost = {pool: _count_lost(count, 7) for pool, count in rows.items()}
    answered = {pool: rows[pool] - lost[pool] for pool in rows}
    more = {
        "failed_attempts": 0,
        "kept_parents": 0,
        "unclear_verdicts": 0,
        "lost_content": dict.fromkeys(CONTENT, 0),
    }
    counts |= {
        "seed": whole["r0"] | {"held_out": 0},
        "evolve-r1": whole["r1"] | more,
        "score": {pool: balance(count, count, {}) for pool, count in answered.items()},
        "diversity": whole,
    }
    for pool, count in rows.items():
        counts[f"respond-{pool}"] = balance(count, answered[pool], {"sorry": lost[pool]})
        counts[f"rate-{pool}"] = whole[pool]
    below = sum(_count_lost(count, 8) for count in rows.values())
    gone = {NOT_ANSWERED: sum(lost.values()), BELOW_THE_CUT: below}
    every = sum(rows.values())
    counts["select"] = balance(every, every - sum(gone.values()), gone) | {"warnings": []}
    pools = {
        pool: {"rows": count, "hit": {"8-gram": {"rows": _count_lost(count, 10), "questions": 1}}}
        for pool, count in rows.items()
    }
    counts["decontaminate-held_out"] = balance(every, every, {}) | {"questions": 1, "pools": pools}
    (root / "data/counts").mkdir(exist_ok=True)
    for stem, content in counts.items():
        write_json(root / f"data/counts/{stem}.json", content)


def _count_lost(rows: int, at: int) -> int:
    """Count, of rows in equal parts, those whose number in their part ends so."""
    own = rows // len(STARTS)
    return len(STARTS) * len(range(at, own, 100))
