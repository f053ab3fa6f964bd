"""The files that a report is made of, small and made up."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import evaluated
import polars as pl
from trees import tables_in, write_dataset
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params
from evobuild.contracts.result import Outcome, TableOutcomes, combine_results, write_validation
from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.evolution_tables import CANDIDATE_FAILURES, CANDIDATES, TRAJECTORIES
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.json_files import write_json
from evobuild.core.measures import measure_of
from evobuild.core.rejects import OFF, REJECTS
from evobuild.core.stages import AFTER_SELECT, OF_ALL_POOLS, OF_BRANCHES, file_stem, pool_stems
from evobuild.core.yaml_files import read_yaml
from evobuild.reporting import outcomes
from evobuild.reporting.report import Sources

ROUNDS = ("r0", "r1", "r2")
SIMULATED = dict.fromkeys(("evolver", "optimizer", "responder", "judge"), "simulated:small")
REAL = dict.fromkeys(SIMULATED, "transformers:some/model@1234567")


def hostile(field: str) -> str:
    """A text that would run or render if anything took it for markup or for a template."""
    return f"<script>alert('{field}')</script>{{{{7*7}}}}"


def settings(models: dict[str, str] = SIMULATED, **changes: Any) -> Params:
    content = read_yaml(SHIPPED_PARAMS)
    content |= {
        "rounds": {"r1": {"parent": "r0"}, "r2": {"parent": "r1"}},
        "branches": {},
        "pools": {name: {} for name in ROUNDS},
        "report": {"examples": 2},
        "select": content["select"] | {"pools": "all"},
        "models": content["models"] | models,
    }
    return Params.model_validate(content | changes)


def write_rows(where: outcomes.Tables, number: int, text: Any) -> None:
    """Three rounds of rows in two domains, each row a child of the one with its number before."""
    for place, name in enumerate(ROUNDS):
        parent = ROUNDS[place - 1] if place else ""
        texts = [text(f"{field}{name}") for field in ("instruction", "input", "output")]
        made_by = ("evol", text(f"operation{name}"), "", "")
        rows = [
            Instruction(
                f"{name}-{row:02d}", "", text(f"seed_id{row}"), f"{parent}-{row:02d}" if parent else "",
                name, text(f"domain{row % 2}"), ((text("role"), text("turn")),), *texts, *made_by,
            )
            for row in range(number)
        ]  # fmt: skip
        table = tables.frame(INSTRUCTIONS, rows)
        tables.write(where.rounds / f"{name}.parquet", table)
        tables.write(where.responses / f"{name}.parquet", table)
        ratings = [(row[0], text("level") if text is hostile else "hard", 40.0 + place) for row in rows]
        tables.write(
            where.measures / "ratings" / f"{name}.parquet", tables.frame(measure_of("rate").schema, ratings)
        )
        scores = [(row[0], 9, 7, False, 2.0, 1.0, 2.0, 0.5, 0.4, 0.125 + place) for row in rows]
        tables.write(
            where.measures / "scores" / f"{name}.parquet", tables.frame(measure_of("score").schema, scores)
        )
    write_dataset(where.dataset, table)


def write_spread(where: outcomes.Tables, number: int) -> None:
    """Distances 0, 0.25, 0.5 …, rewards -1, 0, 1 …, and as many tags as the row's number and one more."""
    for name in ROUNDS:
        ids = [f"{name}-{row:02d}" for row in range(number)]
        near = [(key, ids[0], row / 4) for row, key in enumerate(ids)]
        tables.write(
            where.measures / "diversity" / f"{name}.parquet",
            tables.frame(measure_of("diversity").schema, near),
        )
        rewards = [] if name == "r0" else [(key, row - 1.0, 4, row - 1.0) for row, key in enumerate(ids)]
        tables.write(
            where.measures / "rewards" / f"{name}.parquet", tables.frame(measure_of("reward").schema, rewards)
        )
        tags = [(key, [f"tag {n}" for n in range(row + 1)]) for row, key in enumerate(ids)]
        tables.write(
            where.measures / "tags" / f"{name}.parquet", tables.frame(measure_of("tag").schema, tags)
        )


def write_ledgers(sources: Sources, text: Any) -> None:
    upstream, downstream = (sources.rows.rejects, sources.counts), sources.downstream
    for folder in ("rejects", "counts"):
        (downstream / folder).mkdir()
    for stem in ["seed", "evolve-r1", "evolve-r2", "select", *pool_stems(ROUNDS), "gather", "finetune-toy"]:
        later = stem.partition("-")[0] in AFTER_SELECT
        rejects, counts = (downstream / "rejects", downstream / "counts") if later else upstream
        lost = [("r0-00", text(f"reason {stem}"), text(f"detail {stem}"), text(f"reply {stem}"))]
        tables.write(rejects / f"{stem}.parquet", tables.frame(REJECTS, lost))
        ledger = {"in": 7341, "out": 7340, "rejects": {text(f"counted {stem}"): 1}}
        ledger |= {"held_out": 40 if stem == "seed" else 0}
        counted = {name: ledger for name in ROUNDS} if stem in OF_ALL_POOLS else ledger
        sums = dict.fromkeys(("requests", "prompt_tokens", "completion_tokens"), 5)
        asked = {"role": text("usage role"), "model": text("usage model"), "purposes": {"evolve": sums}}
        write_json(counts / f"{stem}.json", counted | {"asked": [asked]})
    for name in ("optimize", "keywords"):
        write_json(sources.counts / f"{name}.json", {"asked": []})
    tables.write(downstream / "rejects/finetune-toy.parquet", tables.frame(REJECTS, []))


def write_funnel(sources: Sources, text: Any) -> None:
    """A branch whose steps each keep 3 of 4, natural language inference being off."""
    for step in OF_BRANCHES:
        ledger = {"in": 8324, "out": 6243, "rejects": {text(f"counted {step.name}"): 2081}}
        if step.name == "entailment":
            ledger = OFF
        name = f"{file_stem(step.name, 'autoif')}.json"
        write_json(sources.counts / name, ledger)


def candidate(step: int, number: int, rate: float | None, **fields: Any) -> dict[str, Any]:
    """A row of CANDIDATES; its failures are 4 rows times the rate."""
    empty = {pl.String: "", pl.Boolean: False, pl.Int64: 0, pl.Float64: None}
    values = {name: empty[kind] for name, kind in CANDIDATES.items()}
    given = {"id": f"{step:03d}-{number:03d}", "step": step, "candidate": number, "failure_rate": rate}
    return values | given | {"rows": 4, "judged": 4} | fields


def write_contamination(sources: Sources, text: Any) -> None:
    """Two rows of r0 share text with the held-out rows, one by both measures."""
    hits = [
        ("0", "r0-02", "r0", "held_out", "held.parquet[7]", "8-gram", "short", "not shown"),
        (
            "1",
            "r0-02",
            "r0",
            "held_out",
            text("place"),
            "13-gram",
            text("overlap one two"),
            text("evaluation"),
        ),
        ("2", "r0-03", "r0", "held_out", "held.parquet[8]", "8-gram", "alike", "its question"),
        ("3", "gone-01", "gone", "held_out", "held.parquet[8]", "8-gram", "long " * 20, "of a removed pool"),
    ]
    tables.write(sources.rows.contamination / "held_out.parquet", tables.frame(CONTAMINATION, hits))
    counts = {"13-gram": {"rows": 1, "questions": 1}, "8-gram": {"rows": 2, "questions": 6543}}
    pools = {name: {"rows": 8, "hit": counts} for name in ROUNDS}
    ledger = {"in": 24, "out": 24, "rejects": {}, "questions": 7654, "pools": pools}
    write_json(sources.counts / "decontaminate-held_out.json", ledger)


def write_optimization(sources: Sources, text: Any) -> None:
    """Three methods tried on rows w to z: e0 fails on w and x, e* on y; one reply held no method."""
    found = [
        candidate(0, 0, 0.5, failures=text("failures"), words=4, chosen=True, method=text("method_e0")),
        candidate(
            1, 0, 0.25, words=5, chosen=True, best=True, feedback=text("feedback"), method=text("method_best")
        ),
        candidate(1, 1, None, reason=text("no method")),
    ]
    failed = [
        (0, 0, "development", "w", "respond", text("kind"), text("why"), text("evolved"), text("answer_w")),
        (0, 0, "development", "x", "evolve", "unparsable", "", "parent", ""),
        (0, 0, "holdout", "v", "evolve", "truncated", "", "", ""),
        (1, 0, "development", "y", "evolve", "unparsable", "", "parent", "nothing"),
        (1, 1, "development", "z", "evolve", "equal", "", "parent", "nothing"),
    ]
    cases = [
        ("001-000", 1, 0, "u", ["a", "b"], [None]),
        ("001-001", 1, 1, "t", ["a", "b"], [text("verdict")]),
    ]
    kinds = CANDIDATES, CANDIDATE_FAILURES, TRAJECTORIES
    rows = [tuple(each.values()) for each in found], [(str(n), *each) for n, each in enumerate(failed)], cases
    for name, kind, own in zip(("candidates", "failures", "trajectories"), kinds, rows, strict=True):
        tables.write(sources.rows.optimization / f"{name}.parquet", tables.frame(kind, own))


def write_figures(sources: Sources, text: Any) -> None:
    keys = ("round", "stage", "operation", "domain", "reason", "rows", "of")
    counted = [
        ("r1", "evolve", text("failed operation"), text("failed domain"), text("failed reason"), 700, 900),
        ("r1", "evolve", "method", "chat", "unparsable", 30, 900),
        ("r2", "respond", "method", "chat", "sorry", 9, 99),
    ]
    pl.DataFrame([dict(zip(keys, each, strict=True)) for each in counted]).write_csv(sources.failure_counts)
    words = [{"evolver": text("evolver"), "keyword": f"idea {n}", "count": 3 + n} for n in range(2)]
    pl.DataFrame(words).write_csv(sources.keywords)
    tokens = {"round": "r1", "evolver": "e", "probability": 0.95, "positions": 8, "share": 1.0}
    tokens |= {"first_positions": 5, "first_share": 1.0}
    pl.DataFrame([tokens]).write_csv(sources.token_probability)
    sources.curves.mkdir()
    steps = [(1, 3.5, 0.1, 4.25), (2, 3.25, 0.1, 4.0)]
    schema = ["step", "loss", "learning_rate", "held_out_loss"]
    pl.DataFrame(steps, schema, orient="row").write_csv(sources.curves / "toy.csv")


def outcome(**fields: Any) -> Outcome:
    """What came of an expectation: difficulty 0 to 100, met by all 7340 rows."""
    kwargs = {"column": "difficulty", "min_value": 0, "max_value": 100}
    met = Outcome("expect_column_values_to_be_between", "difficulty", kwargs, "critical", True, 7340, 0, 0.0,
                  None, [], "")  # fmt: skip
    return met._replace(**fields)


def write_contracts(sources: Sources, text: Any) -> None:
    """Two of three expectations of ratings met, the third a warning of two rows; tags were off."""
    missed = outcome(
        type=text("type"), column=text("column"), kwargs={"column": "c", text("name"): [text("wanted")]},
        severity="warning", success=False, unexpected=2, share=2 / 7340, ids=[text("r0-00"), "r1-01"],
        notes=text("notes"),
    )  # fmt: skip
    figure = outcome(column="", unexpected=None, share=None, observed={text("seen"): text("observed")})
    held = TableOutcomes("ratings", 7340, "", [outcome(), missed, figure])
    sources.validation.mkdir()
    off = TableOutcomes("tags", 0, "models.tagger", [])
    write_validation(sources.validation / "tables.json", combine_results([off, held]))
    write_validation(sources.validation / "outputs.json", combine_results([]))


def build(root: Path, text: Any = str, rows: int = 4, label: str = "DRY RUN\n") -> Sources:
    places = (root / name for name in Sources._fields[1:-1])
    sources = Sources(tables_in(root), *places, evaluated.sources_in(root))
    shutil.copy(SHIPPED_PARAMS, sources.settings)
    sources.counts.mkdir()
    sources.label.write_text(label)
    write_rows(sources.rows, rows, text)
    write_ledgers(sources, text)
    write_funnel(sources, text)
    write_spread(sources.rows, rows)
    write_contamination(sources, text)
    write_optimization(sources, text)
    write_figures(sources, text)
    write_contracts(sources, text)
    evaluated.write(sources.evaluated, sources.downstream / "counts", sources.downstream / "rejects", text)
    return sources
