"""`evobuild ceval-submission`: write a model's answers to C-Eval's test split for the benchmark's site.

The correct answers of that split are not public: the site scores a JSON object that maps subjects to question
ids to chosen letters.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.core.outs import atomic_outputs

REPLIES = Path("data/evaluation")
LETTERS = "ABCD"


def add_ceval_submission_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("model", help="its name in evaluate.models; it has answered C-Eval with split: test")
    parser.add_argument("--benchmark", default="ceval", metavar="NAME", help="the entry's name; ceval")
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("submission.json"),
        metavar="FILE",
        help="what is written; submission.json",
    )


def write_submission(arguments: argparse.Namespace) -> str:
    """Write the file; return a line about its content. Raises BadInput if the model has not answered."""
    import polars as pl

    from evobuild.core import tables
    from evobuild.core.evaluation_tables import EVALUATION
    from evobuild.evaluation.benchmark import check_value_expr

    source = REPLIES / f"{arguments.model}.parquet"
    rows = tables.read(source, EVALUATION).filter(pl.col("benchmark") == arguments.benchmark)
    chosen = rows.select("item", "group", choice=check_value_expr("choice"))
    if not chosen.height or chosen["choice"].null_count() == chosen.height:
        wanted = f"run stage evaluate@{arguments.model} with it"
        raise BadInput(f"{source}: no answers to {arguments.benchmark!r}; {wanted}")
    letters: dict[str, dict[str, str]] = defaultdict(dict)
    for item, subject, choice in chosen.drop_nulls().sort("group", "item").iter_rows():
        letters[subject][item.removeprefix(f"{subject}/")] = LETTERS[int(choice)]
    ordered = {subject: dict(sorted(own.items(), key=_sort_numerically)) for subject, own in letters.items()}
    with atomic_outputs(arguments.to, inputs=[source]) as (file,):
        file.write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")
    unread = chosen["choice"].null_count()
    said = f"{arguments.to}: {chosen.height - unread:,} answers to {len(ordered)} subjects"
    return said + (f"; {unread:,} replies state no letter and are left out" if unread else "") + "\n"


def _sort_numerically(entry: tuple[str, str]) -> tuple[int, str]:
    identity, _ = entry
    return (int(identity), "") if identity.isdecimal() and identity.isascii() else (1 << 62, identity)
