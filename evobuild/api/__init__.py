"""The stages as functions for notebooks: rows in, rows and rejects out.

Each function runs the scripts of stages and writes nothing into the current folder. Rows are texts, mappings
or a DataFrame. Models are named as in params.yaml: "openai:gpt-4o", or {"uri": …, "reasoning": "low"}.
settings: keys of the stage's section of params.yaml; all others, and the prompts, are as shipped. seed: the
random seed. cache: a folder that keeps replies and measurements, such as the `.evobuild` of a project.
machine.yaml of the current folder counts. UserError says what is wrong with a call, a file or a setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.api.results import Evaluated, OptimizedMethod, Result
from evobuild.api.stage_calls import Cache, ModelName, open_stages, read_table
from evobuild.autoif import records
from evobuild.contamination.evaluation_sets import write_set_file
from evobuild.core.errors import BadInput, UserError
from evobuild.core.evaluation_tables import CONTAMINATION, EVALUATION
from evobuild.core.evolution_tables import CANDIDATE_FAILURES, CANDIDATES, TRAJECTORIES
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND
from evobuild.core.measures import EMBEDDING, all_measures, measure_of
from evobuild.evaluation.model_comparison import FIGURES
from evobuild.seeds.caller_rows import CallerRows, Rows, read_caller_rows
from evobuild.selection.candidate_rows import dataset_schema
from evobuild.selection.ranks import is_highest

__all__ = [
    "Evaluated", "OptimizedMethod", "Result", "UserError", "check_answers", "evaluate", "evolve",
    "find_contamination", "optimize_method", "rate_difficulty", "read_seeds", "respond", "score_ifd",
    "select", "write_verifiers",
]  # fmt: skip


def read_seeds(path: str | Path, *, seed: int | None = None, **settings: Any) -> Result:
    """Read instructions from a file; settings: `rows`, `format`, … of `seed`; held_out is 0 unless given."""
    with open_stages(seed=seed) as stages:
        own = {"held_out": 0.0} | settings | {"source": Path(path).absolute()}
        args = stages.run("seed", {"seed": own})
        return Result(read_table(args.r0, INSTRUCTIONS).sort("seed_place"), read_table(args.rejects))


def evolve(
    rows: Rows, evolver: ModelName, *, method: str = "e0", round: int = 1, judge: ModelName | None = None,
    seed: int | None = None, cache: Cache = None, **settings: Any,
) -> Result:  # fmt: skip
    """Evolve each instruction once; settings: `strategy`, `failures`, `on_failure`, … of `evolve`.

    method: for the strategy auto, "e0", "weak", or a text, as `optimize_method` gives it. round: its number,
    by which the strategy evol chooses operations. judge: called if failures={"equal": True}. Children have no
    output; rejects have the id of the parent. Sources: arXiv:2406.00770, arXiv:2304.12244.
    """
    given, named = read_caller_rows(rows).table, method if method in ("e0", "weak") else "optimized"
    with open_stages(cache, seed, evolver=evolver, judge=judge) as stages:
        inputs = {"round": f"r{round}", "parent": "parents", "parents": given, "method": method}
        args = stages.run("evolve", {"evolve": settings | {"method": named}}, **inputs)
        children = read_table(args.child, INSTRUCTIONS)
        ordered = given.select(parent_id="id").join(children, on="parent_id", maintain_order="left_right")
        return Result(ordered.select(children.columns), read_table(args.rejects))


def optimize_method(
    rows: Rows, evolver: ModelName, optimizer: ModelName, *, initial: str = "e0",
    failures: Mapping[str, object] | None = None, judge: ModelName | None = None,
    seed: int | None = None, cache: Cache = None, **settings: Any,
) -> OptimizedMethod:  # fmt: skip
    """Improve a method from rows on which it fails; settings: `steps`, `candidates`, … of `optimize`.

    rows: at least 6; of few, half are used. initial: "e0", "weak", or a text. failures: keys of
    `evolve.failures`. judge: called if difficulty_weight > 0, or failures={"equal": True}.
    Source: arXiv:2406.00770, section 3.
    """
    given = read_caller_rows(rows).table
    with open_stages(cache, seed, evolver=evolver, optimizer=optimizer, judge=judge) as stages:
        (own := stages.folder / "initial.txt").write_text(initial, "utf-8")
        settings["initial"] = initial if initial in ("e0", "weak") else "file"
        changes = {"optimize": settings, "evolve": {"failures": failures or {}, "file": own}}
        args = stages.run("optimize", changes, r0=given, label="\n")
        tried = read_table(args.candidates, CANDIDATES)
        best = tried.row(by_predicate=pl.col("best"), named=True)
        paths = {args.trajectories: TRAJECTORIES, args.failures: CANDIDATE_FAILURES}
        rates = tried["failure_rate"][0], best["failure_rate"]
        return OptimizedMethod(best["method"], *rates, tried, *(read_table(*each) for each in paths.items()))


def respond(
    rows: Rows, responder: ModelName, *, seed: int | None = None, cache: Cache = None, **settings: Any
) -> Result:
    """Answer each row; settings: `prompt`, `rules`, `temperature`, … of `respond`.

    Rows get `output`, and `responder`, its model. Outputs of r0 stay unless seed_answers="replace".
    """
    given = read_caller_rows(rows)
    with open_stages(cache, seed, responder=responder) as stages:
        args = stages.run("respond", {"respond": settings}, pool="rows", rows=given.table)
        found = read_table(args.responses, INSTRUCTIONS)
        ordered = given.table.select("id").join(found, on="id", maintain_order="left").select(found.columns)
        return Result(given.beside(ordered), read_table(args.rejects))


def rate_difficulty(
    rows: Rows, judge: ModelName, *, seed: int | None = None, cache: Cache = None, **settings: Any
) -> Result:
    """Rate each instruction; settings: `measures`, `temperature`, … of `rate`.

    Rows get `level`, and `difficulty`, 0 to 100; null where a reply does not parse, which is in `unread`.
    Source: arXiv:2412.11231, section 3.
    """
    given = read_caller_rows(rows)
    with open_stages(cache, seed, judge=judge) as stages:
        args = stages.run("rate", {"rate": settings}, pool="rows", rows=given.table)
        return _join_measurements(given, "rate", args.ratings, args.rejects)._replace(
            unread=read_table(args.unread)
        )


def score_ifd(rows: Rows, scorer: ModelName, *, cache: Cache = None, **settings: Any) -> Result:
    """Score answered rows by a causal language model; settings: `template`, `dtype`, … of `score`.

    Rows get losses in nats per token, `ifd`, `ifd_ppl` and `ic_ifd`. scorer: a hub id, a folder, or
    {"uri": …, "adapter": …}. Sources: arXiv:2308.12032, arXiv:2412.11231.
    """
    given = read_caller_rows(rows)
    with open_stages(cache, scorer=scorer) as stages:
        changes = {"score": settings, "pools": {"rows": {}}}
        args = stages.run("score", changes, responses={"rows": given.table})
        return _join_measurements(given, "score", args.scores / "rows.parquet", args.rejects)


def _join_measurements(given: CallerRows, stage: str, out: Path, lost: Path) -> Result:
    """Put what a stage measured beside the rows that it did not reject."""
    measure, rejects = measure_of(stage), read_table(lost)
    columns = read_table(out, measure.schema).rename(measure.renamed)
    kept = given.table.join(rejects, on="id", how="anti", maintain_order="left")
    return Result(given.beside(kept.join(columns, on="id", how="left", maintain_order="left")), rejects)


def find_contamination(
    rows: Rows, sets: Mapping[str, str | Path | Rows], *, embedder: ModelName | None = None,
    embedding: float = 0.9, cache: Cache = None, **settings: Any,
) -> pl.DataFrame:  # fmt: skip
    """Find rows that share text with evaluation sets; settings: `ngrams`, `columns` of `decontaminate`.

    sets: files or rows by name. embedder: finds texts of cosine >= `embedding`, too. Each hit has `row`, an
    id; `set`, `place` and `evaluation`, the text there; `measure`; and `overlap`, the text that is shared.
    """
    given, found = read_caller_rows(rows).table, [CONTAMINATION.to_frame()]
    with open_stages(cache, embedder=embedder) as stages:
        files = {name: write_set_file(name, each, stages.folder) for name, each in sets.items()}
        own = settings | {"sets": files, "embedding": embedding if embedder else None}
        changes = {"decontaminate": own, "pools": {"rows": {}}}
        for name in sets:
            args = stages.run("decontaminate", changes, name=name, responses={"rows": given})
            found.append(read_table(args.contamination, CONTAMINATION))
    ordered = given.select(row="id").join(pl.concat(found), on="row", maintain_order="left_right")
    return ordered.select(CONTAMINATION.names())


def select(
    rows: Rows, *, hits: pl.DataFrame | None = None, seed: int | None = None, **settings: Any
) -> Result:
    """Choose answered rows, best first; settings: `by`, `share` or `count`, `filters`, … of `select`.

    Metrics need the columns that `score_ifd` and `rate_difficulty` add, diversity_filter lists of floats in
    `embedding`. hits: of `find_contamination`; those whose measure is in `contamination` exclude their rows.
    """
    given = read_caller_rows(rows)
    every, rounds = given.beside(given.table), sorted(set(given.table["round"]))
    pools = {pool: every.filter(round=pool) for pool in {*rounds, SEED_ROUND}}
    pooled = {pool: own.select(*INSTRUCTIONS) for pool, own in pools.items()}
    own = {"pools": rounds} | ({} if settings.get("count") is None else {"share": None}) | settings
    changes = {"select": own, "pools": {pool: {} for pool in pools}, "decontaminate": {"sets": {"hits": ""}}}
    try:
        measures = {
            each.folder: {pool: each.of(own) for pool, own in pools.items()} for each in all_measures()
        }
        embeddings = {pool: EMBEDDING.of(own).drop_nulls() for pool, own in pools.items()}
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"rows: a measured column is of another kind: {error}") from error
    with open_stages(seed=seed) as stages:
        args = stages.run(
            "select", changes, rounds=pooled, measures=measures, embeddings=embeddings,
            responses={pool: own.filter(pl.col("output") != "") for pool, own in pooled.items()},
            contamination={"hits": CONTAMINATION.to_frame() if hits is None else hits},
        )  # fmt: skip
        by = [*stages.params.select.by]
        order = [len(by) > 1 or is_highest(by[0]), False]
        best = read_table(args.dataset, dataset_schema()).sort("metric", "id", descending=order)
        return Result(given.beside(best.select(*INSTRUCTIONS, "metric")), read_table(args.rejects))


def write_verifiers(
    constraints: Iterable[str], evolver: ModelName, *, crosscheck: Mapping[str, object] | None = None,
    sandbox: Mapping[str, object] | None = None, seed: int | None = None, cache: Cache = None,
    **settings: Any,
) -> Result:  # fmt: skip
    """Write functions that check constraints; settings: `count`, … of `autoif.verifiers`.

    The functions and cases of the evolver run against each other in the sandbox. Rows are `constraint`,
    `functions` (code, and accuracy on the cases; the best first) and `cases`. crosscheck, sandbox: keys of
    these sections; constraints are not sampled unless crosscheck says so. Source: arXiv:2406.13542.
    """
    with open_stages(cache, seed, evolver=evolver) as stages:
        lines = "\n".join(" ".join(text.split()) for text in constraints)
        (file := stages.folder / "constraints.txt").write_text(lines, "utf-8")
        own = {"seeds": file, "augment": {"rounds": 0, "near_duplicate": None}}
        own |= {"verifiers": settings, "crosscheck": {"constraints": None, **(crosscheck or {})}}
        changes = {"autoif": own, "sandbox": sandbox or {}}
        steps = ("augment", "verifiers", "crosscheck")
        given, written, checked = (stages.run(name, changes, branch="autoif") for name in steps)
        texts = read_table(given.constraints, records.CONSTRAINTS).select("id", "constraint")
        lost, unread, late = (read_table(each.rejects) for each in (given, written, checked))
        rejects = pl.concat([lost, late]).join(texts, on="id", how="left", maintain_order="left")
        return Result(read_table(checked.checked, records.VERIFIED), rejects, unread)


def check_answers(
    answers: Sequence[str], functions: Sequence[str | Mapping[str, Any]], **sandbox: Any
) -> pl.DataFrame:
    """Run functions on answers in the sandbox; sandbox: keys of this section.

    functions: code that defines evaluate(response), or the `functions` of a row of `write_verifiers`. Rows
    are `answer`; `accuracy`, the share of "true"; `verdicts`: of each function "true", "false", or an error.
    """
    if not functions or isinstance(functions, str) or isinstance(answers, str):
        raise BadInput("expected a list of answers, and one of code that defines evaluate(response)")
    codes = [{"code": code if isinstance(code, str) else code["code"], "accuracy": 1.0} for code in functions]
    own = {"id": "own", "constraint": "", "model": "", "functions": codes, "cases": []}
    row = {"id": "row", "instruction": "", "operation": records.constraint_operation("own")}
    given = [(f"{place:09}", "row", place, answer, "") for place, answer in enumerate(answers)]
    asked = pl.DataFrame(given, records.ANSWERS, orient="row")
    inputs = {"verified": pl.DataFrame([own], records.VERIFIED), "rows": read_caller_rows([row]).table}
    changes = {"sandbox": sandbox}
    with open_stages() as stages:
        args = stages.run("verify", changes, branch="autoif", answers=asked, **inputs)
        checks = asked.join(read_table(args.checks, records.CHECKS), on="id", maintain_order="left")
        return checks.select("answer", "accuracy", "verdicts")


def evaluate(
    model: ModelName, benchmarks: Mapping[str, Mapping[str, Any]], *, judge: ModelName | None = None,
    sandbox: Mapping[str, object] | None = None, seed: int | None = None, cache: Cache = None,
    **settings: Any,
) -> Evaluated:  # fmt: skip
    """Evaluate a model; settings: `resamples` of `compare`.

    benchmarks: as in `evaluate.benchmarks`, such as {"gsm8k": {"items": "test.jsonl", "limit": 100}}. judge:
    for benchmarks that a model scores. sandbox: keys of this section, for benchmarks that run code.
    """
    own = {"models": {"model": model}, "benchmarks": benchmarks}
    changes = {"evaluate": own, "compare": {"pairs": []} | settings, "sandbox": sandbox or {}}
    with open_stages(cache, seed, judge=judge) as stages:
        args, figures = stages.run("evaluate", changes, model="model"), FIGURES.to_frame()
        if (replies := read_table(args.replies, EVALUATION)).height:
            figures = pl.read_csv(stages.run("compare", changes, label="\n").figures, schema=FIGURES)
        return Evaluated(figures.drop("model"), replies.drop("model"), read_table(args.rejects))
