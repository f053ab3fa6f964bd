"""What can be measured of an experiment: each a long table, for views to group and sum up.

Names of rounds and pools come from the experiment's own params.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND
from evobuild.core.measures import measure_of
from evobuild.core.rejects import REJECTS
from evobuild.core.stages import OF_BRANCHES, file_stem
from evobuild.evolution import token_probability
from evobuild.reporting.funnel import branch_funnel
from evobuild.selection import candidate_rows, selection_metrics
from evobuild.selection.params import Metric
from evobuild.text import words
from experiments.recipe.outs import Outs
from experiments.recipe.views import Measure

SHARES = (0.05, 0.1, 0.15, 0.25)
"""Cuts of arXiv:2412.11231, Table 5 and Figures 6 and 7."""
CUT_BY: tuple[Metric, ...] = ("ic_ifd", "ifd", "perplexity", "length", "difficulty")
ALL = "all rows"
"""Name of the metric for selecting without a cutoff."""
ANY = "any"
"""Name of the reason for all failures together."""


def _rows(outs: Outs) -> pl.DataFrame:
    """Every row of every round, and each that its evolution lost, which has a reason and nothing else.

    Columns: round, id, words, level, score, reason. What the judge did not rate has no level and score.
    """
    found = []
    for name in outs.params.pools:
        rows = outs.table(f"data/rounds/{name}.parquet", INSTRUCTIONS)
        counted = rows.select("id", words=pl.col("instruction").str.count_matches(r"\S+"))
        rated = counted.join(_read_measured(outs, "rate", name), on="id", how="left")
        found.append(rated.with_columns(round=pl.lit(name), reason=pl.lit(None, pl.String)))
        if name != SEED_ROUND:
            found.append(_count_lost(outs, "evolve", name).with_columns(round=pl.lit(name)))
    return pl.concat(found, how="diagonal")


def _read_answered(outs: Outs) -> pl.DataFrame:
    """Read every evolved row that was answered: round, id, score, and whether its answer is valid."""
    found = []
    for name in (name for name in outs.params.rounds if name in outs.params.pools):
        rows = outs.table(f"data/rounds/{name}.parquet", INSTRUCTIONS).select("id")
        rated = _read_measured(outs, "rate", name).select("id", "score")
        failed = _count_lost(outs, "respond", name)["id"].implode()
        stands = ~pl.col("id").is_in(failed)
        found.append(rows.join(rated, on="id", how="left").with_columns(round=pl.lit(name), stands=stands))
    return pl.concat(found)


def _scores(outs: Outs) -> pl.DataFrame:
    """Every scored row of every pool: round, id, ifd, ic_ifd."""
    return _pools(outs, "score", "id", "ifd", "ic_ifd")


def _read_selected(outs: Outs) -> pl.DataFrame:
    """Every scored row of every pool: round, id, ifd, and whether it was selected."""
    selected = outs.table("data/dataset.parquet", INSTRUCTIONS)["id"]
    scored = _pools(outs, "score", "id", "ifd")
    return scored.with_columns(selected=pl.col("id").is_in(selected.implode()))


def _distances(outs: Outs) -> pl.DataFrame:
    """Every row of every pool: round, id, distance to the nearest other instruction of the pool."""
    return _pools(outs, "diversity", "id", "distance")


def _read_tagged(outs: Outs) -> pl.DataFrame:
    """Every tag of the rows drawn of every pool: round, id, tag."""
    return _pools(outs, "tag", "id", pl.col("tags").alias("tag")).explode("tag")


def _rewards(outs: Outs) -> pl.DataFrame:
    """Every evolved row: round, id, reward, tokens and scaled; null where there is no reward."""
    pools = [name for name in outs.params.pools if name != SEED_ROUND]
    found = []
    for name in pools:
        ids = outs.table(f"data/rounds/{name}.parquet", INSTRUCTIONS).select("id")
        rewards = _read_measured(outs, "reward", name)
        found.append(ids.join(rewards, on="id", how="left").select(pl.lit(name).alias("round"), pl.all()))
    return pl.concat(found)


def _read_measured(outs: Outs, stage: str, pool: str) -> pl.DataFrame:
    """What a stage measured of a pool."""
    measure = measure_of(stage)
    return outs.table(f"data/measures/{measure.folder}/{pool}.parquet", measure.schema)


def _pools(outs: Outs, stage: str, *columns: str | pl.Expr) -> pl.DataFrame:
    return pl.concat(
        _read_measured(outs, stage, name).select(pl.lit(name).alias("round"), *columns)
        for name in outs.params.pools
    )


def _cuts(outs: Outs) -> pl.DataFrame:
    """What each metric alone would choose of the scored rows of the last pool, at each share.

    Columns: share, metric (ALL: no cut), id, words, difficulty, ic_ifd, shared (IC-IFD chooses it, too).
    """
    pool = list(outs.params.pools)[-1]
    rounds, responses, scores, _ = (
        outs.fetch_file(f"data/{folder}/{pool}.parquet").parent
        for folder in ("rounds", "responses", "measures/scores", "measures/ratings")
    )
    sources = candidate_rows.Sources(rounds, responses, scores.parent)
    rows = (
        candidate_rows.read_candidate_rows([pool], sources)
        .filter(pl.col("ic_ifd").is_not_null())
        .with_columns(uncut=False)
    )
    texts = candidate_rows.read_texts([pool], responses, rows["id"], ["instruction"])
    counted = texts.select(
        "id", words=pl.Series(map(words.count_words, texts["instruction"]), dtype=pl.Int64)
    )
    table = rows.join(counted, on="id", how="left").select("id", "words", "difficulty", "ic_ifd").sort("id")
    found = []
    for share in SHARES:
        given = outs.params.select.model_copy(update={"share": share, "count": None, "weights": {}})
        chosen: dict[str, pl.Series] = {
            metric: selection_metrics.choose_by_metric(rows, metric, given) for metric in CUT_BY
        }
        for metric, ids in {ALL: rows["id"], **chosen}.items():
            own = table.filter(pl.col("id").is_in(ids.implode()))
            shared = pl.col("id").is_in(chosen["ic_ifd"].implode())
            found.append(
                own.select(
                    pl.lit(f"{share:.0%}").alias("share"),
                    pl.lit(metric).alias("metric"),
                    pl.all(),
                    shared=shared,
                )
            )
    return pl.concat(found)


def _fates(outs: Outs) -> pl.DataFrame:
    """Every row that was evolved, and every child that was answered, with the reason if that failed.

    Columns: stage (evolve or respond), round, id, reason.
    """
    found = []
    for name in outs.params.rounds:
        stages = {"evolve": "rounds"} | ({"respond": "responses"} if name in outs.params.pools else {})
        for stage, folder in stages.items():
            kept = outs.table(f"data/{folder}/{name}.parquet", INSTRUCTIONS).select("id")
            both = pl.concat([_count_lost(outs, stage, name), kept], how="diagonal")
            found.append(
                both.select(pl.lit(stage).alias("stage"), pl.lit(name).alias("round"), "id", "reason")
            )
    return pl.concat(found)


def _count_lost(outs: Outs, stage: str, name: str) -> pl.DataFrame:
    return outs.table(f"data/rejects/{stage}-{name}.parquet", REJECTS).select("id", "reason")


def _probabilities(outs: Outs) -> pl.DataFrame:
    """Output positions of the evolver by top-1 probability; none where its engine gave no probabilities.

    Columns: round, probability (lower edge of a bin), positions, first_positions (of the first of a reply).
    """
    names = list(outs.params.rounds)
    folders = {
        folder: outs.fetch_file(f"data/{folder}/{name}.parquet").parent
        for folder in ("replies", "failures", "rounds")
        for name in names
    }
    found = token_probability.read_token_probabilities(names, **folders)
    columns = "round", "probability", "positions", "first_positions"
    return token_probability.probability_histogram(found).select(columns)


def _keywords(outs: Outs) -> pl.DataFrame:
    """One row: the evolver's replies that were read, the methods that they list, the distinct keywords.

    as_published: distinct phrases as the judge worded them.
    """
    found = outs.metrics("keywords")["keywords"]
    row = {"replies": found["replies"], "methods": found["methods"], "distinct": found["distinct"]["all"]}
    return pl.DataFrame([row | {"as_published": found["distinct_as_published"]}])


def _curve(outs: Outs) -> pl.DataFrame:
    """The method after each step of the optimization: step, failure_rate, words, holdout_rate."""
    rates = dict.fromkeys(("failure_rate", "holdout_rate"), pl.Float64)
    return pl.read_csv(outs.fetch_file("metrics/optimization.csv"), schema_overrides=rates)


def _optimization(outs: Outs) -> pl.DataFrame:
    """One row of all figures of the optimization, such as failure_rate.best and method.words."""
    figures = outs.metrics("optimization")
    return pl.DataFrame(
        [{f"{topic}.{name}": value for topic in figures for name, value in figures[topic].items()}]
    )


def _usage(outs: Outs) -> pl.DataFrame:
    """What was asked, the reply cache included: task (optimize, evolve or respond), calls, tokens."""
    names = ["optimize", *(f"evolve-{name}" for name in outs.params.rounds)]
    names += [f"respond-{name}" for name in outs.params.pools]
    found = []
    for name in names:
        for model in outs.json(f"data/counts/{name}.json")["asked"]:
            for asked in model["purposes"].values():
                tokens = asked["prompt_tokens"] + asked["completion_tokens"]
                found.append((name.partition("-")[0], asked["requests"], tokens))
    return pl.DataFrame(found, {"task": pl.String, "calls": pl.Int64, "tokens": pl.Int64}, orient="row")


def _children(outs: Outs) -> pl.DataFrame:
    """Every evolved row beside its parent: round, id, parent_id, operation, before, after.

    before, after: all that is asked, of the parent and of the row.
    """
    asked = candidate_rows.join_asked_text().str.strip_chars("\n")
    found = []
    for name, given in outs.params.rounds.items():
        above, own = (
            outs.table(f"data/rounds/{each}.parquet", INSTRUCTIONS) for each in (given.parent, name)
        )
        parents = above.select(parent_id="id", before=asked)
        children = own.select(pl.lit(name).alias("round"), "id", "parent_id", "operation", after=asked)
        found.append(children.join(parents, on="parent_id", maintain_order="left"))
    return pl.concat(found).select("round", "id", "parent_id", "operation", "before", "after")


def _overlaps(outs: Outs) -> pl.DataFrame:
    """What each pool shares with each evaluation set, a line a measure.

    Columns: set, round, measure, rows (hit) and of, touched (questions hit) and questions.
    """
    found = []
    for name in outs.params.decontaminate.sets:
        ledger = outs.json(f"data/counts/decontaminate-{name}.json")
        for pool, own in ledger["pools"].items():
            for measure, hit in own["hit"].items():
                line = {
                    "set": name,
                    "round": pool,
                    "measure": measure,
                    "rows": hit["rows"],
                    "of": own["rows"],
                }
                found.append(line | {"touched": hit["questions"], "questions": ledger["questions"]})
    return pl.DataFrame(found)


def _dataset(outs: Outs) -> pl.DataFrame:
    """Every row that was selected: id, words, and score, its difficulty; null where the judge gave none."""
    rows = outs.table("data/dataset.parquet", INSTRUCTIONS)
    counted = rows.select("id", words=pl.col("instruction").str.count_matches(r"\S+"))
    rated = pl.concat(_read_measured(outs, "rate", name).select("id", "score") for name in outs.params.pools)
    return counted.join(rated, on="id", how="left")


def _benchmarks(outs: Outs) -> pl.DataFrame:
    """Every figure of every model that was evaluated, with its 95 % interval.

    Columns: model, benchmark, figure, headline (whether it is its benchmark's main one), value, low, high.
    """
    floats = dict.fromkeys(("value", "low", "high"), pl.Float64)
    table = pl.read_csv(outs.fetch_file("metrics/evaluation.csv"), schema_overrides=floats)
    return table.select("model", "benchmark", "figure", "headline", *floats)


def _funnel(outs: Outs) -> pl.DataFrame:
    """What each step of each branch took, let pass and gave: step, in, passed, out."""
    found = []
    for branch in outs.params.branches:
        files = {step.name: f"data/counts/{file_stem(step.name, branch)}.json" for step in OF_BRANCHES}
        for step in branch_funnel(branch, {step: outs.json(file) for step, file in files.items()}):
            found.append({"step": step.name, "in": step.rows_in, "passed": step.passed, "out": step.rows_out})
    return pl.DataFrame(found)


def _read_composed(outs: Outs) -> pl.DataFrame:
    """Every row of every branch: id, distance to the nearest other instruction of its pool."""
    return pl.concat(
        _read_measured(outs, "diversity", name).select("id", "distance") for name in outs.params.branches
    )


ROWS = Measure(("rate",), _rows)
ANSWERED = Measure(("rate", "respond"), _read_answered)
SCORED = Measure(("score",), _scores)
SELECTED = Measure(("score", "select"), _read_selected)
DISTANCES = Measure(("diversity",), _distances)
COMPOSED = Measure(("diversity",), _read_composed)
FUNNEL = Measure(("quality",), _funnel)
EVOLVED = Measure(("evolve",), _children)
OVERLAPS = Measure(("decontaminate",), _overlaps)
DATASET = Measure(("select", "rate"), _dataset)
BENCHMARKS = Measure(("compare",), _benchmarks)
REWARDED = Measure(("reward",), _rewards)
TAGGED = Measure(("tag",), _read_tagged)
CUTS = Measure(("score", "rate"), _cuts)
FATES = Measure(("respond",), _fates)
PROBABILITIES = Measure(("evolve",), _probabilities)
KEYWORDS = Measure(("keywords",), _keywords)
CURVE = Measure(("optimize",), _curve)
OPTIMIZATION = Measure(("optimize",), _optimization)
USAGE = Measure(("respond",), _usage)

LOST = pl.when(pl.col("round").first() != SEED_ROUND).then(pl.col("reason").is_not_null().mean() * 100)
"""Of ROWS, the percentage that evolution lost; none of the seed."""


def evolved(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave the seed out."""
    return frame.filter(pl.col("round") != SEED_ROUND)


def seed_once(factor: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Take the rows of r0, the same whatever the level of a factor, once; their level is `seed`."""

    def prepared(frame: pl.DataFrame) -> pl.DataFrame:
        is_seed = pl.col("round") == SEED_ROUND
        level = pl.when(is_seed).then(pl.lit("seed")).otherwise(factor).alias(factor)
        return frame.with_columns(level).unique(maintain_order=True)

    return prepared


def once(factor: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Take one level of a factor that changes nothing of what is measured: the first of each data set."""
    return lambda frame: frame.filter(pl.col(factor) == pl.col(factor).first().over("data"))


def shared_by(factor: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Say of each row of SELECTED whether it is selected at every level of a factor; null if there is one."""

    def prepared(frame: pl.DataFrame) -> pl.DataFrame:
        levels = pl.col(factor).n_unique().over("data")
        taken = pl.col("selected").sum().over("data", "id")
        return frame.with_columns(shared=pl.when(levels > 1).then(taken == levels))

    return prepared


def kinds(*within: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Count the rows of each reason, and of any, among all with the same labels; 0 without any.

    within: the labels, `stage` among them. Gives these and reason, rows, of: a share is rows / of.
    """

    def prepared(frame: pl.DataFrame) -> pl.DataFrame:
        failed = frame.drop_nulls("reason")
        named = pl.concat([failed.with_columns(reason=pl.lit(ANY)), failed])
        often = named.group_by("stage", "reason").len().sort("len", "reason", descending=[True, False])
        tried = frame.group_by(within, maintain_order=True).agg(of=pl.len())
        every = tried.join(often.drop("len"), on="stage", maintain_order="left_right")
        rows = named.group_by(*within, "reason").agg(rows=pl.len())
        return every.join(rows, on=[*within, "reason"], how="left", maintain_order="left").fill_null(0)

    return prepared
