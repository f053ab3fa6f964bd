"""The tables of a whole line of any size, made up part by part: two pools, of which r1 is the children of r0.

Of every hundred rows of a pool one is lost by `respond`, one is below the cut, and the judge's level of one
could not be read; every fifth child results from a second attempt. The others are in the dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from made_counts import write_counts

from evobuild.core import prompts
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import BUILT_IN, measure_of
from evobuild.core.reasons import BELOW_THE_CUT, NOT_ANSWERED
from evobuild.core.rejects import REJECTS
from evobuild.core.table_parts import STARTS
from evobuild.core.table_writer import TableWriter
from evobuild.core.yaml_files import read_yaml
from evobuild.evolution.auto import method_operation
from evobuild.evolution.methods import render_initial_method
from evobuild.selection.candidate_rows import dataset_schema

ROOT = Path(__file__).parents[1]
POOLS = ("r0", "r1")
ON = ("rate", "score", "diversity")
"""What is measured."""
LOST, BELOW, UNREAD, HIT = (pl.col("number").mod(100) == at for at in (7, 8, 9, 10))
"""Rows without an answer, below the cut, with an unread level, and with text of an evaluation set."""
RETRIED = pl.col("number").mod(5) == 0
EVOLVER = "simulated:small"


def line_params() -> dict[str, Any]:
    """The shipped params with the rounds and pools of the line."""
    params: dict[str, Any] = read_yaml(ROOT / "params.yaml")
    params["select"] |= {"pools": list(POOLS)}
    pools: Mapping[str, Any] = {pool: {} for pool in POOLS}
    return params | {"rounds": {"r1": {"parent": "r0"}}, "branches": {}, "pools": pools}


@cache
def method() -> str:
    """The method that children are made by."""
    with prompts.use_folder(ROOT / "prompts"):
        return render_initial_method("e0")


class Tables:
    """Tables that are written as their parts are made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, TableWriter] = {}

    def add(self, name: str, schema: pl.Schema, rows: pl.DataFrame) -> None:
        """Add rows to a table. name: its path without the suffix."""
        if name not in self._open:
            path = self._root / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[name] = TableWriter(path, schema)
        self._open[name].extend(rows.select(schema.names()).cast(dict(schema)))

    def write(self) -> None:
        """Write all that were added to since the last time."""
        while self._open:
            self._open.popitem()[1].write()


def ids(pool: str, part: int, count: int) -> pl.Series:
    """Ids of a part: twenty hex digits, with no letter after the first two."""
    number = pl.int_range(count).hash(part * len(POOLS) + POOLS.index(pool))
    digits = number.mod(10**18).cast(pl.String).str.zfill(18)
    return pl.select(id=pl.format("{}{}", pl.lit(STARTS[part]), digits)).to_series()


def made_rows(pool: str, part: int, count: int, length: int) -> pl.DataFrame:
    """Answered rows of a part, as INSTRUCTIONS, with `number` beside. length: of texts, in sentences."""
    above = (part * 37 + 11) % len(STARTS) if pool == "r1" else part
    seeds = ids("r0", above, count)
    place = pl.int_range(count) + above * count
    text = pl.format("Say in a few words what you know of the river {}, and where it ends. ", place)
    text = pl.format("{} {}", pl.lit(pool), text)
    evolved = {"strategy": "auto", "operation": method_operation(method()), "evolver": EVOLVER}
    own = ids(pool, part, count)
    made = {name: pl.lit("") for name in INSTRUCTIONS} | {
        "id": own,
        "content_id": own,
        "seed_id": seeds,
        "parent_id": seeds if pool == "r1" else pl.lit(""),
        "round": pl.lit(pool),
        "domain": pl.lit(pl.Series(("chat", "math", "code"))).gather(pl.int_range(count) % 3),
        "history": pl.lit([], INSTRUCTIONS["history"]),
        "instruction": pl.concat_str([text] * length),
        "output": pl.concat_str([text] * (2 * length)),
        "seed_place": place,
    }
    made |= {name: pl.lit(value) for name, value in evolved.items()} if pool == "r1" else {}
    return pl.select(**made, number=pl.int_range(count))


def figures_of(stage: str, rows: pl.DataFrame) -> pl.DataFrame:
    """A table of a measure, with `number` beside: figures from 0.1 to 1.1."""
    schema, number = measure_of(stage).schema, pl.col("number")
    kinds: dict[Any, pl.Expr] = {
        pl.Float64: number.mod(1000) / 1000 + 0.1,
        pl.Int64: number.mod(50) + 1,
        pl.Boolean: pl.lit(value=False),
    }
    made = {name: kinds.get(kind, pl.lit("hard")) for name, kind in schema.items()} | {"id": pl.col("id")}
    if stage == "rate":
        made["level"] = pl.when(~UNREAD).then(pl.lit("hard"))
    if stage == "diversity":
        made["neighbour"] = pl.col("id").shift(1, fill_value=rows["id"][-1])
    return rows.select("number", **made)


def write_rounds(root: Path, rows: int, length: int = 1) -> None:
    """Write the instruction tables of some rows in all, as evolve leaves them."""
    made = Tables(root)
    for pool, own in _parts(rows, length):
        made.add(f"data/rounds/{pool}", INSTRUCTIONS, _unanswered(pool, own))
    made.write()


def write_line(root: Path, rows: int, length: int = 1) -> int:
    """Write all tables up to the data set, of some rows in all, and their counts; give the rows made."""
    made, lost = Tables(root), Counter[str]()
    for pool, own in _parts(rows, length):
        lost[pool] += own.height
        _add_pool(made, pool, own)
        if pool == "r1":
            _add_attempts(made, own)
        _add_choice(made, pool, own)
    made.write()
    write_counts(root, lost)
    return sum(lost.values())


def _parts(rows: int, length: int) -> Iterator[tuple[str, pl.DataFrame]]:
    for part in range(len(STARTS)):
        for pool in POOLS:
            yield pool, made_rows(pool, part, max(1, rows // len(POOLS) // len(STARTS)), length)


def _unanswered(pool: str, rows: pl.DataFrame) -> pl.DataFrame:
    return rows if pool == "r0" else rows.with_columns(output=pl.lit(""))


def _add_pool(made: Tables, pool: str, rows: pl.DataFrame) -> None:
    """Add a pool's rows, answers, figures, and what was lost."""
    made.add(f"data/rounds/{pool}", INSTRUCTIONS, _unanswered(pool, rows))
    answered = rows.filter(~LOST)
    made.add(f"data/responses/{pool}", INSTRUCTIONS, answered)
    for measure in BUILT_IN:
        found = answered if measure.stage == "score" else rows
        found = figures_of(measure.stage, found) if measure.stage in ON else rows.clear()
        empty = measure.schema.to_frame()
        made.add(f"data/measures/{measure.folder}/{pool}", measure.schema, found if found.height else empty)
    rejects = {f"respond-{pool}": LOST, f"rate-{pool}": None}
    rejects |= dict.fromkeys(("seed", "score", "diversity", "reward", "tag", "evolve-r1"))
    for stem, which in rejects.items():
        some = rows.filter(which) if which is not None else rows.clear()
        made.add(f"data/rejects/{stem}", REJECTS, _rejects(some, "sorry", "Sorry, I cannot say. " * 5))
    made.add(
        f"data/unread/{pool}", REJECTS, _rejects(rows.filter(UNREAD), "unparsed level", "Well.", "level")
    )


def _rejects(rows: pl.DataFrame, reason: str, reply: str, detail: str = "") -> pl.DataFrame:
    return rows.select("id", reason=pl.lit(reason), detail=pl.lit(detail), reply=pl.lit(reply))


def _add_attempts(made: Tables, rows: pl.DataFrame) -> None:
    """Add what the evolver replied: to each child's attempt, and to the first one at some parents."""
    reply = pl.format(
        "Step 1: Look at it. Step 2: Plan.\n#Finally Rewritten Instruction#:\n{}", "instruction"
    )
    sure = pl.concat_list([(pl.col("number") + each).mod(20) / 20 for each in range(24)])
    told = {
        "attempt": RETRIED.cast(pl.Int64),
        "reply": reply,
        "top_probability": sure.cast(REPLIES["top_probability"]),
    }
    sums = {"prompt_tokens": pl.lit(300, pl.Int64), "completion_tokens": pl.lit(150, pl.Int64)}
    made.add("data/replies/r1", REPLIES, rows.select("id", reasoning=pl.lit(""), **told, **sums))
    failed = {
        "id": pl.format("{}-0", "parent_id"),
        "row": pl.col("parent_id"),
        "attempt": pl.lit(0, pl.Int64),
    }
    failed |= {"reason": pl.lit("unparsable"), "detail": pl.lit("no final label")}
    same = ("strategy", "operation", "domain")
    made.add("data/failures/r1", FAILURES, rows.filter(RETRIED).select(*same, **told | failed))


def _add_choice(made: Tables, pool: str, rows: pl.DataFrame) -> None:
    """Add the rows of the data set, those that are not in it, and hits in an evaluation set."""
    chosen = rows.filter(~LOST & ~BELOW)
    for measure in BUILT_IN:
        on = measure.stage in ON
        found = figures_of(measure.stage, rows) if on else measure.schema.to_frame()
        kept = ["id", *(column.name for column in measure.columns if column.in_dataset)]
        chosen = chosen.join(found.rename(measure.renamed).select(kept), on="id", how="left")
    made.add("data/dataset", dataset_schema(), chosen.with_columns(metric="ic_ifd"))
    for which, reason in ((LOST, NOT_ANSWERED), (BELOW, BELOW_THE_CUT)):
        made.add("data/rejects/select", REJECTS, _rejects(rows.filter(which), reason, ""))
    hit = {
        "id": pl.format("{}-8-gram", "id"),
        "row": pl.col("id"),
        "pool": pl.lit(pool),
        "set": pl.lit("held_out"),
    }
    hit |= {"place": pl.lit("held_out[1]"), "measure": pl.lit("8-gram")}
    text = pl.lit("in a few words what you know of the")
    made.add(
        "data/contamination/held_out",
        CONTAMINATION,
        rows.filter(HIT).select(**hit, overlap=text, evaluation=text),
    )
