"""What the report says of evolution: the method, what failed, and the evolver's ideas and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.csv_files import read_csv
from evobuild.core.reasons import MEANINGS, reasons_of
from evobuild.reporting import charts, improvement
from evobuild.reporting.stage_counts import StageCounts

FAILURE_LINES = 60
"""Failures shown by operation and domain, the commonest first."""
FAILURE_COLUMNS = {
    "round": str, "stage": str, "operation": str, "domain": str, "reason": str, "rows": int, "of": int
}  # fmt: skip


class Sources(NamedTuple):
    """Where it reads: a folder with what the optimization did, then single files of figures."""

    optimization: Path
    failure_counts: Path
    keywords: Path
    token_probability: Path


def evolution_sections(where: Sources, found: Mapping[str, StageCounts]) -> dict[str, Any]:
    """What the report says of the evolving method, of failures, and of the evolver's ideas and words."""
    method = improvement.read_improvement(where.optimization)
    failed = [
        each
        for each in read_csv(where.failure_counts, FAILURE_COLUMNS)
        if f"{each['stage']}-{each['round']}" in found
    ]
    keywords = read_csv(where.keywords, {"evolver": str, "keyword": str, "count": int})
    tokens = read_csv(
        where.token_probability, {"round": str, "evolver": str, "probability": float, "share": float}
    )
    failures = _failures(failed, found)
    seen = {(each["stage"], each["reason"]) for each in failures}
    known = [(stage, reason) for stage in ("evolve", "respond") for reason in reasons_of(stage)]
    return {
        "method": method,
        "method_chart": charts.failure_rates(method.candidates) if method else "",
        "meanings": MEANINGS,
        "failures": failures,
        "never": [each for each in known if each not in seen],
        "failure_lines": sorted(failed, key=lambda row: -row["rows"])[:FAILURE_LINES],
        "more_failure_lines": max(0, len(failed) - FAILURE_LINES),
        "ideas": _ideas(keywords),
        "keyword_chart": charts.keywords(keywords) if keywords else "",
        "token_chart": charts.token_probability(tokens) if tokens else "",
    }


def _failures(failed: Sequence[Mapping[str, Any]], found: Mapping[str, StageCounts]) -> list[dict[str, Any]]:
    """One line a stage and reason: rows that failed so in each round, and of how many."""
    lines: dict[tuple[str, str], dict[str, int]] = {}
    for each in failed:
        line = lines.setdefault((each["stage"], each["reason"]), {})
        line[each["round"]] = line.get(each["round"], 0) + each["rows"]
    order = sorted(lines, key=lambda key: (key[0], -sum(lines[key].values()), key[1]))
    return [
        {
            "stage": stage,
            "reason": reason,
            "rounds": {
                name: (rows, rows / max(1, found[f"{stage}-{name}"].rows_in))
                for name, rows in lines[stage, reason].items()
            },
        }
        for stage, reason in order
    ]


def _ideas(keywords: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line an evolver: how many distinct phrases stand for how many of its methods."""
    evolvers = list(dict.fromkeys(each["evolver"] for each in keywords))
    own = {name: [each["count"] for each in keywords if each["evolver"] == name] for name in evolvers}
    return [
        {"evolver": name, "distinct": len(counts), "methods": sum(counts)} for name, counts in own.items()
    ]
