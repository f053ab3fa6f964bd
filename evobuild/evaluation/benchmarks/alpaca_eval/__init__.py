"""AlpacaEval 2: how often a judge prefers a model's answers to those of a reference model.

The judge says one letter, m or M, for one of two outputs in random order; what counts is the probability of
the letter, from the log-probabilities of tokens. The win rate is the mean of the preferences in per cent;
the length-controlled one is what it would be were all answers as long as the reference's. A reply without
either letter is unknown, as with its authors, and equal outputs are a draw that nobody is asked.

Items: instruction, dataset and the reference's output, as in alpaca_eval_gpt4_baseline.json of the hub's
tatsu-lab/alpaca_eval. Its alpaca_eval.json has the outputs of text_davinci_003, which the first AlpacaEval
was held against; those of another model are given by a file of the same form.
Source: Dubois et al. 2024, arXiv:2404.04475, and alpaca_eval's logprob_parser.
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
    Ask,
    Benchmark,
    Check,
    Item,
    Scored,
    Settings,
    Tools,
    check_mean,
    check_value,
    mean_of,
    required_text,
    unique_items,
    unknown_share,
    user,
)
from evobuild.evaluation.benchmarks.alpaca_eval.length_control import Row, is_known, length_controlled
from evobuild.evaluation.benchmarks.alpaca_eval.preference import read_letter, read_weighted
from evobuild.evaluation.fence import mark_of
from evobuild.evaluation.judge import Judgment, Question
from evobuild.process.terminal import log
from evobuild.seeds.fields import Record, text_field
from evobuild.seeds.records import read_records

PREFER = "judge/alpaca_eval.jinja"
"""The judge's prompt."""

TOP_TOKENS = 5
"""Whose probabilities the judge tells."""
LENGTH, REFERENCE_LENGTH = "length", "reference_length"
DRAW = 0.5

Strength = Annotated[float, Between(1e-4, 1e4)]


class AlpacaEvalSettings(Settings):
    """reference: file of the reference's outputs, '' for those of the items.

    weighted: preferences by the probabilities of tokens; without, by the letter that the judge wrote: 0 or 1.
    length_controlled: of AlpacaEval's own instructions alone. strength: C of its fit; null: cross-validated.
    """

    reference: str = ""
    weighted: bool = True
    length_controlled: bool = True
    strength: Strength | None = None


class AlpacaEval(Benchmark[AlpacaEvalSettings]):
    """A row for each answer: its score is the preference, 0 for the reference's answer to 1."""

    settings_type = AlpacaEvalSettings
    needs = frozenset({"judge"})
    prompts = (PREFER,)

    published_offset = 1.0  # 2 where the model is preferred, 1 where the reference is

    def __init__(self, name: str, settings: AlpacaEvalSettings, seed: int) -> None:
        super().__init__(name, settings, seed)
        self.headline = "lc_win_rate" if settings.length_controlled else "win_rate"

    @property
    def files(self) -> tuple[str, ...]:
        """The items, and the reference's outputs if they have a file of their own."""
        return tuple(filter(None, (self.items_file, self.settings.reference)))

    def read_items(self) -> list[Item]:
        """Read the instructions with the reference's outputs. Raises BadInput where one has none."""
        file, outputs = Path(self.items_file), self._reference_outputs()
        places = ((place, _item(record, place, outputs)) for place, record in read_records(file))
        return unique_items(places, str(file))

    def _reference_outputs(self) -> Mapping[str, str] | None:
        if not self.settings.reference:
            return None
        records = read_records(Path(self.settings.reference))
        return {
            required_text(record, "instruction", place): _output(record, place) for place, record in records
        }

    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """Ask the instruction, once."""
        asked = Ask(user(item.content["instruction"]), self.settings.sampling(self.seed))
        return () if replies else (asked,)

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Ask the judge which output is better. Raises UserError if too much of it cannot be read."""
        assert tools.judge, "AlpacaEval needs a judge"
        self._tell_of_unknown(answers)
        differing = [each for each in answers if each.replies[0].text != each.item.content["reference"]]
        read = read_weighted if self.settings.weighted else read_letter
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

    def _tell_of_unknown(self, answers: Sequence[Answer]) -> None:
        """Say once why there will be no length-controlled rate."""
        unknown = sum(not is_known(each.item.content["instruction"]) for each in answers)
        if self.settings.length_controlled and unknown:
            log(
                f"{self.name}: {unknown} of {len(answers)} instructions are not AlpacaEval's, and their "
                "difficulty is not known; lc_win_rate is left out, win_rate stands in its place"
            )

    def _is_first(self, item: Item) -> bool:
        """Whether the model's output stands before the reference's, by chance."""
        return draw_value(self.seed, "alpaca_eval order", item.id) < 0.5

    def _question(self, answer: Answer) -> Question:
        content = answer.item.content
        outputs = (content["reference"], answer.replies[0].text)
        first, second = outputs[::-1] if self._is_first(answer.item) else outputs
        mark = mark_of((content["instruction"], first, second))
        text = render_prompt(
            PREFER, instruction=content["instruction"], first=first, second=second, mark=mark
        )
        return Question(answer.item.id, user(text), TOP_TOKENS if self.settings.weighted else 0)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Win rates as shares, the length-controlled one first; lengths in characters.

        lc_win_rate is left out where an instruction is not one of AlpacaEval's, whose difficulties are known.
        discrete_win_rate counts each preference as a win, a draw or a loss.
        """
        score = pl.col("score")
        discrete = pl.when(score == DRAW).then(DRAW).otherwise((score > DRAW).cast(pl.Float64))
        return self._length_controlled(rows.drop_nulls("score")) | {
            "win_rate": mean_of(rows, score),
            "discrete_win_rate": mean_of(rows, discrete),
            "length": check_mean(rows, LENGTH),
            "unparsed": unknown_share(rows),
        }

    def _length_controlled(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        if not (self.settings.length_controlled and rows.height and all(map(is_known, rows["prompt"]))):
            return {}
        columns = rows.select(
            "prompt", "score", length=check_value(LENGTH), reference=check_value(REFERENCE_LENGTH)
        )
        found = length_controlled([Row(*each) for each in columns.iter_rows()], self.settings.strength)
        figure = pl.DataFrame({"unit": rows["item"], "total": found}).with_columns(weight=pl.lit(1.0))
        return {"lc_win_rate": figure.sort("unit")}


def _item(record: Record, place: str, outputs: Mapping[str, str] | None) -> Item:
    instruction = required_text(record, "instruction", place)
    if outputs is None:
        reference = _output(record, place)
    elif instruction in outputs:
        reference = outputs[instruction]
    else:
        raise BadInput(
            f"{place}: the file of the reference has no output for this instruction; expected one for each"
        )
    content = {"instruction": instruction, "reference": reference}
    return Item(content_id((), instruction, ""), text_field(record, ("dataset",), place), content)


def _output(record: Record, place: str) -> str:
    """An output, which may be empty: a model may have said nothing."""
    if "output" not in record:
        raise BadInput(
            f"{place}: 'output' is missing; expected the reference's answer, or a file `reference`"
        )
    return text_field(record, ("output",), place)
