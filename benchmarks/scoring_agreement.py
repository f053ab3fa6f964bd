"""How exact answers begin, and how far scores agree in rank with those that two published procedures give.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/scoring_agreement.py

Rows are Alpaca's. Seams: of rows 0 to 571, with two real tokenizers and four that are made here, the share
whose answer has the ids that the tokenizer gives in the text of both, and the share whose two losses
are over the same ids; they differ where a token holds characters of both sides.

Ranks: rows 0 to 299 with stories260K by each template, beside what the script of IC-IFD's authors gives on
these rows, Superfiltering's, and with the other tiny model. The agreement is Spearman's, on the rows that
both could score; the ratio is ours over theirs, the largest difference of it from 1 for the modes. What
parts plain from the authors is undone, alone and together: their newline counts in A|Q and not in A, and
their lone answer follows the start token, without a newline.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from figures import Figures
from scoring import rows

sys.path.append("tests/support")

import made_tokenizers

from evobuild.core.instructions import Instruction
from evobuild.core.measures import measure_of
from evobuild.core.uri import Weights
from evobuild.scoring.params import Score as ScoreParams
from evobuild.scoring.score import Score, Scorer
from evobuild.weights import checkpoints, layouts, tokenized_pairs
from evobuild.weights.likelihood import Reader
from evobuild.weights.losses import Pair, ifd, pair_losses

MODELS = ("stories260K", "TinyStories-656K-np")
TEMPLATES: tuple[tokenized_pairs.Template, ...] = ("plain", "alpaca", "chat")
SEAMS, SCORED = 572, 300
"""Rows."""
VOCABULARY = 3000
"""Of the made tokenizers."""
RANKS = {"plain": 0.6, "alpaca": 0.2, "chat": 0.3}
"""The least agreement of a template with published scores, which are of another one."""
SPANNED = {"TinyStories-656K-np plain": 0.6, "TinyStories-656K-np chat": 0.6}
"""The least share for a tokenizer that has tokens of a newline and a word; 1 for all others."""


def texts_before(tokenizer: Any, template: str, row: Instruction) -> str:
    """The text before a row's answer."""
    if template == "chat":
        return layouts.chat_text(tokenizer, row)
    return layouts.alpaca_text(row) if template == "alpaca" else layouts.question_text(row)


def seams(figures: Figures, data: Path, models: dict[str, Path]) -> None:
    """The share of rows whose answer's ids are those of the joint text, by tokenizer and template."""
    some = rows(data, SEAMS, answered=False)
    texts = [f"{row.instruction}\n{row.input}\n{row.output}" for row in rows(data, 2000)]
    known = {name: checkpoints.load_tokenizer(Weights(str(folder))) for name, folder in models.items()}
    known |= {kind: made_tokenizers.made(kind, texts, VOCABULARY) for kind in made_tokenizers.KINDS}
    for name, tokenizer in known.items():
        for template in TEMPLATES:
            joint, same, answered = 0, 0, 0
            pairs = tokenized_pairs.tokenize_pairs(tokenizer, template, some, 1 << 20)
            for row, pair in zip(some, pairs, strict=True):
                if not isinstance(pair, Pair):
                    continue
                text = texts_before(tokenizer, template, row) + row.output
                ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
                answer = pair.both[pair.answer_start :]
                answered += 1
                joint += ids[-len(answer) :] == answer
                same += pair.alone[pair.alone_start :] == answer
            place = f"{name} {template}"
            print(f"{place}: {answered} rows, the answer's ids are those of the joint text in {joint}")
            least = SPANNED.get(place, 0.99)
            figures.at_least(f"{place}, answers of the joint ids", joint / answered, least, "of rows")
            figures.at_least(f"{place}, both losses over the same ids", same / answered, 1, "of rows")


def scored(data: Path, model: Path, template: str) -> pl.DataFrame:
    """Scores of Alpaca's first rows; row is the number in the file."""
    params = ScoreParams.model_validate({"template": template, "dtype": "float32", "max_length": 512})
    with Scorer(Weights(str(model)), params) as scorer:
        found = list(scorer.score_rows(rows(data, SCORED, answered=False)))
    kept = [each for each in found if isinstance(each, Score)]
    lost = sorted({each.reason for each in found if not isinstance(each, Score)})
    cut = sum(each.truncated for each in kept)
    print(
        f"{model.name}, {template}: {len(kept)} rows scored, {cut} cut, lost to {', '.join(lost)}", flush=True
    )
    table = pl.DataFrame(kept, schema=measure_of("score").schema, orient="row")
    return table.with_columns(pl.col("id").cast(pl.Int64).alias("row"))


def published(data: Path) -> dict[str, pl.DataFrame]:
    """Published scores by row, each in columns of our names."""
    authors = json.loads((data / "ifd/authors_script_stories260K_alpaca_0_299.json").read_text())
    lines = (data / "ifd/superfiltering_stories260K_alpaca_0_499.jsonl").read_text().splitlines()
    losses = [(n, each["loss"]) for n, line in enumerate(lines) if (each := json.loads(line))]
    return {
        "authors": pl.DataFrame(
            [(each["row"], each["ifd"], each["ic_ifd"]) for each in authors if each.get("ifd") is not None],
            {"row": pl.Int64, "ifd": pl.Float64, "ic_ifd": pl.Float64},
            orient="row",
        ).filter(pl.col("ifd").is_finite()),
        "superfiltering": pl.DataFrame(
            [(n, loss[3] / loss[1]) for n, loss in losses], {"row": pl.Int64, "ifd": pl.Float64}, orient="row"
        ),
    }


def agreement(ours: pl.DataFrame, theirs: pl.DataFrame, measure: str) -> tuple[int, float, float]:
    """Rows of both, Spearman's rank correlation, and how far the ratio of the two strays at most."""
    both = ours.join(theirs, on="row", suffix="_theirs")
    ratio: Any = (both[measure] / both[f"{measure}_theirs"] - 1).abs().max()
    rank = both.select(pl.corr(measure, f"{measure}_theirs", method="spearman")).item()
    return both.height, rank, ratio


def ranks(figures: Figures, data: Path, models: dict[str, Path]) -> None:
    """The agreement in rank with published scores, and of one model with the other."""
    wanted = published(data)
    ours = {template: scored(data, models[MODELS[0]], template) for template in TEMPLATES}
    for name, theirs in wanted.items():
        mode = scored(data, models[MODELS[0]], name)
        for measure in theirs.columns[1:]:
            _, _, ratio = agreement(mode, theirs, measure)
            figures.at_most(f"{measure} by {name}, mode {name}, ratio off x 1e6", 1e6 * ratio, 1, "")
            for template, table in ours.items():
                height, rank, _ = agreement(table, theirs, measure)
                figures.at_least(
                    f"{measure} by {name}, {template}, Spearman of {height}", rank, RANKS[template], ""
                )
    other = scored(data, models[MODELS[1]], "plain")
    for measure in ("ifd", "ic_ifd"):
        height, rank, _ = agreement(ours["plain"], other, measure)
        figures.at_least(f"{measure}, plain, one model by the other, Spearman of {height}", rank, 0.3, "")


def reasons(figures: Figures, data: Path, model: Path) -> None:
    """The agreement in rank of IFD with the authors' mode, where plain does as it does."""
    weights = Weights(str(model))
    words, reader = checkpoints.load_tokenizer(weights), Reader(checkpoints.load_causal_lm(weights))
    plain, authors = (
        {
            pair.id: pair
            for pair in tokenized_pairs.tokenize_pairs(words, template, rows(data, SCORED), 512)
            if isinstance(pair, Pair)
        }
        for template in ("plain", "authors")
    )
    newline = {key: pair._replace(answer_start=pair.answer_start - 1) for key, pair in plain.items()}

    def alone(pairs: dict[str, Pair]) -> dict[str, Pair]:
        return {
            key: pair._replace(alone=authors[key].alone, alone_start=1)
            for key, pair in pairs.items()
            if key in authors
        }

    theirs = ifds(reader, authors)
    for name, pairs, least in (
        ("as it is", plain, 0.6),
        ("the newline in A|Q", newline, 0.6),
        ("the lone answer behind the start", alone(plain), 0.8),
        ("both", alone(newline), 0.9999),
    ):
        rank = (
            ifds(reader, pairs).join(theirs, on="row").select(pl.corr("ifd", "ifd_right", method="spearman"))
        )
        figures.at_least(f"ifd by authors, plain, {name}, Spearman", rank.item(), least, "")


def ifds(reader: Reader, pairs: dict[str, Pair]) -> pl.DataFrame:
    """IFD by row."""
    found = [
        (each.id, ifd(each.loss_a_given_q, each.loss_a)) for each in pair_losses(reader, [*pairs.values()])
    ]
    return pl.DataFrame(found, {"row": pl.String, "ifd": pl.Float64}, orient="row")


def main(data: Path, own: Path) -> None:
    """Take all figures; the models get a chat template, which they have not."""
    models = {}
    for name in MODELS:
        models[name] = Path(shutil.copytree(data / "models" / name, own / name))
        own.joinpath(name).chmod(0o755)
        own.joinpath(name, "chat_template.jinja").write_text(checkpoints.CHAT_TEMPLATE)
    figures = Figures()
    seams(figures, data, models)
    ranks(figures, data, models)
    reasons(figures, data, models[MODELS[0]])
    figures.print()


if __name__ == "__main__":
    if not (folder := os.environ.get("EVOBUILD_REAL_DATA")):
        sys.exit("EVOBUILD_REAL_DATA names no folder of public data")
    with tempfile.TemporaryDirectory() as own:
        os.environ["EVOBUILD_STORE"] = f"{own}/replies.sqlite"
        main(Path(folder), Path(own))
