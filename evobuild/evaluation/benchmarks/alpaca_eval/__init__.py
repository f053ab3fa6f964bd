"""Compute AlpacaEval 2: how often a judge prefers a model's answers to those of a reference model.

The judge replies with one letter, m or M, for one of two outputs in random order. The preference is the
probability of the letter, from the log-probabilities of tokens. The win rate is the mean preference in per
cent; the length-controlled one estimates it for answers as long as the reference's. A reply without either
letter is unknown, as in the authors' code. Equal outputs are a tie, without a judge call.

Items: instruction, dataset and the reference's output, as in alpaca_eval_gpt4_baseline.json of the hub's
tatsu-lab/alpaca_eval. Its alpaca_eval.json has the outputs of text_davinci_003, the reference of the first
AlpacaEval; a file of the same form gives those of another model. Source: Dubois et al. 2024,
arXiv:2404.04475, and alpaca_eval's logprob_parser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.draws import draw_value
from evobuild.core.errors import BadInput
from evobuild.core.instructions import content_id
from evobuild.core.params import Between
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import (
    Answer,
    Benchmark,
    Check,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    average_check,
    check_value_expr,
    collect_items,
    compute_unknown_share,
    item_means,
    require_text,
    user_chat,
)
from evobuild.evaluation.benchmarks.alpaca_eval.length_control import (
    JudgedAnswer,
    is_known,
    predict_length_controlled,
)
from evobuild.evaluation.benchmarks.alpaca_eval.preference import read_letter, read_probability
from evobuild.evaluation.fence import make_fence_mark
from evobuild.evaluation.judge import Judgment, Question
from evobuild.process.terminal import log
from evobuild.seeds.fields import Record, text_field
from evobuild.seeds.records import read_records

PREFER = "judge/alpaca_eval.jinja"
"""Template of the judge's prompt."""

TOP_TOKENS = 5
"""Number of most probable tokens whose probabilities the judge returns."""
LENGTH, REFERENCE_LENGTH = "length", "reference_length"
DRAW = 0.5

Strength = Annotated[float, Between(1e-4, 1e4)]


class AlpacaEvalSettings(Settings):
    """reference: file of the reference's outputs, '' for those of the items.

    weighted: preferences from token probabilities; false: 0 or 1, by the letter that the judge wrote.
    length_controlled: compute it; only for AlpacaEval's own instructions. strength: C of its fit; null:
    cross-validated.
    """

    reference: str = ""
    weighted: bool = True
    length_controlled: bool = True
    strength: Strength | None = None


class AlpacaEval(Benchmark[AlpacaEvalSettings]):
    """Yield one row per answer. The score is the preference: 0 for the reference's answer, 1 for the
    model's.
    """

    settings_type = AlpacaEvalSettings
    needs = frozenset({"judge"})
    prompts = (PREFER,)

    published_offset = 1.0  # 2 where the model is preferred, 1 where the reference is

    def __init__(self, name: str, settings: AlpacaEvalSettings, seed: int) -> None:
        super().__init__(name, settings, seed)
        self.headline = "lc_win_rate" if settings.length_controlled else "win_rate"

    @property
    def files(self) -> tuple[str, ...]:
        """Return the file of items, and that of the reference's outputs if there is one."""
        return tuple(filter(None, (self.items_file, self.settings.reference)))

    def read_items(self) -> list[Item]:
        """Read the instructions with the reference's outputs. Raises BadInput if an output is missing."""
        file, outputs = Path(self.items_file), self._reference_outputs()
        places = ((place, _item(record, place, outputs)) for place, record in read_records(file))
        return collect_items(places, str(file))

    def _reference_outputs(self) -> Mapping[str, str] | None:
        if not self.settings.reference:
            return None
        records = read_records(Path(self.settings.reference))
        return {
            require_text(record, "instruction", place): _output(record, place) for place, record in records
        }

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request: the instruction."""
        asked = ModelRequest(user_chat(item.content["instruction"]), self.settings.sampling(self.seed))
        return () if replies else (asked,)

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Ask the judge which output is better. Raises UserError if too many replies cannot be parsed."""
        assert tools.judge, "AlpacaEval needs a judge"
        self._warn_unknown(answers)
        differing = [each for each in answers if each.replies[0].text != each.item.content["reference"]]
        read = read_probability if self.settings.weighted else read_letter
        said = tools.judge.judge(self.name, map(self._question, differing), read)
        for answer in answers:
            item, output = answer.item, answer.replies[0].text
            judged = said.get(item.id, Judgment(DRAW, ""))
            score = judged.value
            if score is not None and self._is_first(item):
                score = 1.0 - score
            lengths = (
                Check(LENGTH, len(output)),
                Check(REFERENCE_LENGTH, len(item.content["reference"])),
            )
            yield Scored(item, item.content["instruction"], output, score, lengths, judgment=judged.text)

    def _warn_unknown(self, answers: Sequence[Answer]) -> None:
        """Log once why there will be no length-controlled rate."""
        unknown = sum(not is_known(each.item.content["instruction"]) for each in answers)
        if self.settings.length_controlled and unknown:
            log(
                f"{self.name}: {unknown} of {len(answers)} instructions are not AlpacaEval's, so their "
                "difficulty is unknown; skipping lc_win_rate, the headline is win_rate"
            )

    def _is_first(self, item: Item) -> bool:
        """Return whether the model's output is shown before the reference's, at random."""
        return draw_value(self.seed, "alpaca_eval order", item.id) < 0.5

    def _question(self, answer: Answer) -> Question:
        content = answer.item.content
        outputs = (content["reference"], answer.replies[0].text)
        first, second = outputs[::-1] if self._is_first(answer.item) else outputs
        mark = make_fence_mark((content["instruction"], first, second))
        text = render_prompt(
            PREFER, instruction=content["instruction"], first=first, second=second, mark=mark
        )
        return Question(answer.item.id, user_chat(text), TOP_TOKENS if self.settings.weighted else 0)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute win rates as shares, the length-controlled one first; lengths in characters.

        lc_win_rate is missing if an instruction is not AlpacaEval's, because its difficulty is unknown.
        discrete_win_rate counts each preference as a win, a tie or a loss.
        """
        score = pl.col("score")
        discrete = pl.when(score == DRAW).then(DRAW).otherwise((score > DRAW).cast(pl.Float64))
        return self._length_controlled(rows.drop_nulls("score")) | {
            "win_rate": item_means(rows, score),
            "discrete_win_rate": item_means(rows, discrete),
            "length": average_check(rows, LENGTH),
            "unparsed": compute_unknown_share(rows),
        }

    def _length_controlled(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        if not (self.settings.length_controlled and rows.height and all(map(is_known, rows["prompt"]))):
            return {}
        columns = rows.select(
            "prompt", "score", length=check_value_expr(LENGTH), reference=check_value_expr(REFERENCE_LENGTH)
        )
        found = predict_length_controlled(
            [JudgedAnswer(*each) for each in columns.iter_rows()], self.settings.strength
        )
        figure = pl.DataFrame({"unit": rows["item"], "total": found}).with_columns(weight=pl.lit(1.0))
        return {"lc_win_rate": figure.sort("unit")}


def _item(record: Record, place: str, outputs: Mapping[str, str] | None) -> Item:
    instruction = require_text(record, "instruction", place)
    if outputs is None:
        reference = _output(record, place)
    elif instruction in outputs:
        reference = outputs[instruction]
    else:
        raise BadInput(
            f"{place}: the reference file has no output for this instruction; expected one for each"
        )
    content = {"instruction": instruction, "reference": reference}
    return Item(content_id((), instruction, ""), text_field(record, ("dataset",), place), content)


def _output(record: Record, place: str) -> str:
    """Return an output, which may be empty: a model may have written nothing."""
    if "output" not in record:
        raise BadInput(
            f"{place}: 'output' is missing; expected the reference's answer, or a file `reference`"
        )
    return text_field(record, ("output",), place)
