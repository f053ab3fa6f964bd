"""Two models on two benchmarks as `evaluate` and `compare` leave them, small and made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evobuild.core import tables
from evobuild.core.csv_files import write_csv
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.core.json_files import write_json
from evobuild.core.rejects import REJECTS
from evobuild.reporting.evaluations import Sources

MODELS = ("base", "tuned")
Text = Callable[[str], str]


def sources_in(root: Path) -> Sources:
    """New places for what evaluations leave."""
    names = ("evaluation", "figures.csv", "differences.csv", "comparisons", "evaluation.json")
    return Sources(*(root / name for name in names))


def replied(
    model: str,
    benchmark: str,
    item: str,
    score: float | None,
    *,
    part: int = 1,
    text: Text = str,
    **other: Any,
) -> tuple[Any, ...]:
    """A row of EVALUATION. other: fields with other values than they are made up here."""
    values = {
        "id": f"{benchmark}/{item}/{part}",
        "model": model,
        "benchmark": benchmark,
        "item": item,
        "group": text("group"),
        "part": part,
        "prompt": text(f"prompt {item}"),
        "reply": text(f"{model} reply {item}"),
        "score": score,
        "checks": [{"name": text("check"), "value": score}, {"name": "odd", "value": None}],
        "judgment": text("judgment") if benchmark == "talk" else "",
    } | other
    return tuple(values[name] for name in EVALUATION)


def rows_of(model: str, text: Text) -> list[tuple[Any, ...]]:
    """Of sums base has 2 of 4 right, tuned 3 of 3 and lost one; of talk each item has two turns."""
    right = {"base": {"1": 1.0, "2": 0.0, "9": 0.0, "10": 1.0}, "tuned": {"1": 1.0, "2": 1.0, "10": 1.0}}
    found = [replied(model, "sums", item, score, text=text) for item, score in right[model].items()]
    talk = {"base": {"a": (7.0, 3.0), "b": (2.0, None)}, "tuned": {"a": (8.0, 8.0), "b": (None, None)}}
    for item, scores in talk[model].items():
        found += [
            replied(model, "talk", item, score, part=part, text=text) for part, score in enumerate(scores, 1)
        ]
    return found


def write(where: Sources, counts: Path, rejects: Path, text: Text = str) -> None:
    """Write all of it. text: makes what a model or a judge wrote."""
    where.evaluations.mkdir()
    for model in MODELS:
        path = where.evaluations / f"{model}.parquet"
        tables.write(path, tables.frame(EVALUATION, rows_of(model, text)))
        gone = [("sums/9", text("lost reason"), text("lost detail"), text("lost reply"))]
        gone = gone if model == "tuned" else []
        tables.write(rejects / f"evaluate-{model}.parquet", tables.frame(REJECTS, gone))
        sums = {"in": 4, "out": 4 - len(gone), "judged": 0, "unread": 0}
        talk = {"in": 2, "out": 2, "judged": 4, "unread": 1 if model == "base" else 2}
        ledger = {"in": 6, "out": 6 - len(gone), "rejects": {text("lost reason"): 1} if gone else {}}
        asked = {"requests": 6, "prompt_tokens": 6, "completion_tokens": 6}
        usage = {"role": "evaluated", "model": text("evaluated model"), "purposes": {"evaluate": asked}}
        own = {"benchmarks": {"sums": sums, "talk": talk}, "asked": [usage]}
        write_json(counts / f"evaluate-{model}.json", ledger | own)
    write_json(counts / "compare.json", {"in": 3, "out": 3, "rejects": {}, "asked": []})
    write_figures(where)
    pairs = [
        ("0", "talk", "a", 1, "tuned", "base", "win", True, text("first"), text("second")),
        ("1", "talk", "a", 2, "tuned", "base", "tie", False, "A", "A"),
        ("2", "talk", "b", 1, "tuned", "base", None, None, "What?", "What?"),
    ]
    tables.write(where.comparisons, tables.frame(COMPARISONS, pairs))
    rate = {"value": 0.75, "standard_error": 0.1, "low": 0.5, "high": 0.9, "units": 2}
    sure = {"value": 0.5, "standard_error": None, "low": None, "high": None, "units": 1}
    figures = {"win_rate": rate, "consistency": sure}
    write_json(where.metrics, {"tuned against base": {"talk": figures}})


def write_figures(where: Sources) -> None:
    """The figures of both, and their differences; one is of a model that is no more."""
    keys = ("model", "benchmark", "figure", "headline", "higher_is_better", "value", "error", "low", "high")
    figures = [
        ("base", "sums", "accuracy", True, True, 0.5, 0.28, 0.15, 0.85),
        ("base", "talk", "first turn", False, True, 4.5, 2.5, 2.0, 7.0),
        ("base", "talk", "score", True, True, 4.0, 1.5, 2.5, 6.5),
        ("tuned", "sums", "accuracy", True, True, 1.0, 0.0, 0.4385, 1.0),
        ("tuned", "talk", "score", True, True, 8.0, None, None, None),
        ("gone", "sums", "accuracy", True, True, 0.9999, 0.0, 0.4385, 1.0),
    ]
    write_csv(where.figures, [dict(zip(keys, each, strict=True)) | {"units": 3127} for each in figures])
    keys = ("a", "b", "benchmark", "figure", "headline", "difference", "low", "high", "p_value", "units")
    differences = [
        ("base", "tuned", "sums", "accuracy", True, -0.3333, -1.0, 0.0, 0.6254, 3),
        ("base", "gone", "sums", "accuracy", True, 0.7777, 0.0, 1.0, 0.2, 3),
    ]
    rows = [dict(zip(keys, each, strict=True)) | {"p_holm": 0.7512} for each in differences]
    write_csv(where.differences, rows)
