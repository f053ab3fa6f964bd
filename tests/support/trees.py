"""A few trees of evolution as tables: what the explorer is tested with, by its bytes and in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params
from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.evolution_tables import CANDIDATES, FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.measures import BUILT_IN
from evobuild.core.rejects import REJECTS
from evobuild.core.stages import pool_stems
from evobuild.core.yaml_files import read_yaml
from evobuild.reporting import outcomes
from evobuild.selection.candidate_rows import dataset_schema

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>\u2028{{7*7}}\0 end"
"""What would run, break out of its script, or steer a page, if anything took it for more than text."""


def settings(**changes: Any) -> Params:
    """The shipped params with rounds r1 and r2 by operations, pools r0 to r2, a selection from r1 and r2."""
    content = read_yaml(SHIPPED_PARAMS)
    content |= {
        "rounds": {"r1": {"parent": "r0"}, "r2": {"parent": "r1"}},
        "branches": {},
        "pools": {"r0": {}, "r1": {}, "r2": {}},
        "select": content["select"] | {"pools": ["r1", "r2"]},
        "evolve": content["evolve"] | {"strategy": "evol"},
    }
    return Params.model_validate(content | changes)


def row(key: str, parent: str = "", **fields: str) -> Instruction:
    """A row whose id says its seed and round: "a-r1" is the child of "a-r0"."""
    seed, name = key.split("-")
    made = Instruction(key, "", f"{seed}-r0", parent, name, "chat", (), f"Name {seed}.", "", "")
    evolved = {"strategy": "evol", "operation": "deepening", "evolver": "m"} if name != "r0" else {}
    return made._replace(**evolved | fields)


def attempt(parent: str, number: int, *rest: str) -> tuple[Any, ...]:
    """A failed attempt with a fixed operation. rest: operation, domain, reason, detail and reply."""
    return f"{parent}-{number}", parent, number, "evol", *rest, None


def tables_in(root: Path) -> outcomes.Tables:
    """New folders for tables, each by its name, and the place of the data set."""
    names = [name for name in outcomes.Tables._fields if name not in ("dataset", "method")]
    where = {name: root / name for name in names}
    for folder in (*where.values(), *(where["measures"] / measure.folder for measure in BUILT_IN)):
        folder.mkdir(parents=True, exist_ok=True)
    return outcomes.Tables(**where, dataset=root / "dataset", method=root / "method.txt")


def write(
    root: Path,
    rows: list[Instruction],
    failures: dict[str, list[tuple[Any, ...]]],
    rejects: dict[str, list[tuple[str, str, str, str]]],
    selected: tuple[str, ...] = (),
    ratings: dict[str, float] | None = None,
    measured: dict[str, list[tuple[Any, ...]]] | None = None,
    unread: dict[str, list[tuple[str, str, str, str]]] | None = None,
) -> outcomes.Tables:
    """Write tables of rows. Every row that respond does not reject is answered "An answer to <id>.".

    measured: rows of diversity, rewards, tags, and of contamination without their ids. unread: by pool.
    """
    where = tables_in(root)
    for name in ("r0", "r1", "r2"):
        own = [each for each in rows if each.round == name]
        tables.write(where.rounds / f"{name}.parquet", tables.frame(INSTRUCTIONS, own))
        lost = {reject[0] for reject in rejects.get(f"respond-{name}", [])}
        answered = [
            each._replace(output=f"An answer to {each.id}.", responder="n" if each.parent_id else "")
            for each in own
            if each.id not in lost
        ]
        tables.write(where.responses / f"{name}.parquet", tables.frame(INSTRUCTIONS, answered))
        tables.write(where.failures / f"{name}.parquet", tables.frame(FAILURES, failures.get(name, [])))
        of_all: dict[str, list[tuple[Any, ...]]] = {
            "ratings": [(each.id, "hard", (ratings or {}).get(each.id, 50.0)) for each in own],
            "scores": [(each.id, 9, 7, False, 2.0, 1.0, 2.0, 0.5, 0.4, 0.123456789) for each in answered],
        }
        own_ids = {each.id for each in own}
        for measure in BUILT_IN:
            given = (measured or {}).get(measure.folder, [])
            found = of_all.get(measure.folder, [each for each in given if each[0] in own_ids])
            table = tables.frame(measure.schema, found)
            tables.write(where.measures / measure.folder / f"{name}.parquet", table)
        written = [(each.id, 0, 9, 9, replied(each), [], "") for each in own if each.parent_id]
        tables.write(where.replies / f"{name}.parquet", tables.frame(REPLIES, written))
        tables.write(where.unread / f"{name}.parquet", tables.frame(REJECTS, (unread or {}).get(name, [])))
    tables.write(where.optimization / "candidates.parquet", tables.frame(CANDIDATES, []))
    hits = [(f"{number}", *hit) for number, hit in enumerate((measured or {}).get("contamination", []))]
    tables.write(where.contamination / "held_out.parquet", tables.frame(CONTAMINATION, hits))
    (where.downstream / "rejects").mkdir()
    for stem in [*pool_stems(["r0", "r1", "r2"]), "select", "finetune-toy"]:
        folder = where.downstream / "rejects" if stem == "finetune-toy" else where.rejects
        path = folder / f"{stem}.parquet"
        tables.write(path, tables.frame(REJECTS, rejects.get(stem, [])))
    chosen = [each for each in rows if each.id in selected]
    write_dataset(where.dataset, tables.frame(INSTRUCTIONS, chosen))
    return where


def write_dataset(path: Path, rows: pl.DataFrame) -> None:
    """Write a dataset whose rows have an IFD of 0.4, 0.5 …, by which they were selected, and no more."""
    ifd = pl.Series("ifd", [0.4 + 0.1 * place for place in range(rows.height)], pl.Float64)
    measured = {
        name: pl.lit(None, kind) for name, kind in dataset_schema().items() if name not in rows.columns
    }
    table = rows.with_columns(**measured).with_columns(ifd, metric=ifd)
    tables.write(path, table.select(*dataset_schema()))


def replied(row: Instruction) -> str:
    """What the evolver replied for a row."""
    return f"Let me see.\n{row.instruction}"


def small(root: Path) -> outcomes.Tables:
    """Four trees: a whole one, one that was retried and then lost, a hostile one, and one in Japanese."""
    rows = [
        row("a-r0", instruction="Name a bird.", domain="code", input="a list"),
        row("a-r1", "a-r0", instruction="Name a red bird.", domain="code", input="a list"),
        row("a-r2", "a-r1", instruction="Name a red bird and say why.", domain="code", operation="reasoning"),
        row("b-r0", domain="math", history=(("user", "Hello."), ("assistant", "Hi."))),  # type: ignore[arg-type]
        row("b-r1", "b-r0", domain="math"),
        row("c-r0", instruction=HOSTILE, domain=HOSTILE),
        row(
            "c-r1", "c-r0", instruction=f"{HOSTILE} more", domain=HOSTILE, operation=HOSTILE, evolver=HOSTILE
        ),
        row("d-r0", instruction="鳥の名前を書いてください。"),
    ]
    failures = {
        "r1": [
            attempt("b-r0", 0, "deepening", "math", "unparsable", "no final label", "I would rather not."),
            attempt("d-r0", 0, "deepening", "chat", "empty", "", ""),
        ],
        "r2": [
            attempt("b-r1", 0, "deepening", "math", HOSTILE, HOSTILE, HOSTILE),
            attempt("b-r1", 1, "deepening", "math", "truncated", "", "Name b, and"),
        ],
    }
    rejects = {
        "respond-r1": [("b-r1", "stagnant complexity", "", "Great, which one?")],
        "select": [("a-r2", "below the cut", "0.123", "")],
        "rate-r2": [("a-r2", "unparsed level", "", "It depends.")],
    }
    ratings = {"a-r0": 10.0, "a-r1": 60.0, "a-r2": 90.0}
    measured = {
        "diversity": [("a-r1", "c-r1", 0.75), ("c-r1", "a-r1", 0.75), ("a-r2", "gone-r2", 0.5)],
        "rewards": [("a-r1", -1.5, 4, -0.5)],
        "tags": [("a-r1", ["ornithology", "colours"]), ("c-r1", [HOSTILE]), ("b-r1", [])],
        "contamination": [
            ("a-r1", "r1", "held_out", "held.parquet[3]", "13-gram", "name a red bird", "Name a red bird!"),
            ("a-r1", "r1", "held_out", "held.parquet[4]", "8-gram", "a red bird", "A red bird?"),
            ("c-r1", "r1", "held_out", HOSTILE, "8-gram", HOSTILE, HOSTILE),
        ],
    }
    return write(root, rows, failures, rejects, ("a-r1",), ratings, measured)
