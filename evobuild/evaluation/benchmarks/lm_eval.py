"""Tasks of EleutherAI's lm-evaluation-harness (lm-eval 0.4.13), asked through the chat client.

An entry is named `lm_eval:<task>`, or says so in `benchmark`. The library reads the task's data, makes its
prompts and scores the replies; asking stays with the stage, so that replies are kept, counted and within the
budget. Tasks that run code which a model wrote, or code of the hub, are refused: HumanEval and MBPP are
benchmarks here, in the sandbox. So are groups, by the tasks that they hold, and what shows pictures or
sounds.

A metric that is a mean over documents is a figure of that name, with the filter's behind a comma where there
is one. A perplexity is given as its logarithm, in nats. What is computed of all replies together, such as
BLEU, is none: no item has a share in it that could be compared.
"""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.params import Between, Tokens
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
    last_prompt,
    mean_of,
)
from evobuild.evaluation.lm_eval_requests import ask_of, json_messages, reply_text, result_of
from evobuild.evaluation.lm_eval_tasks import LM_EVAL, aggregation_name, load_task, refusal, short_line

WEIGHT = " weight"
"""After the name of a check: what its value is divided by."""


class LMEvalSettings(Settings):
    """include_path: a folder of tasks of the user's own, as YAML. shots: examples; null: as the task has it.

    chat: ask in the chat template, examples as turns if multiturn. overlong: what becomes of a prompt that
    has no place in the model: its beginning is left out, as the library does, or its item is lost.
    """

    include_path: str = ""
    shots: Annotated[int, Between(0, 100)] | None = None
    chat: bool = False
    multiturn: bool = True
    overlong: Literal["reject", "cut"] = "cut"
    max_tokens: Tokens = 256


class LMEval(Benchmark[LMEvalSettings]):
    """One task. needs: of tasks that compare likelihoods, the model gives them, or items are lost."""

    settings_type = LMEvalSettings

    @property
    def task_name(self) -> str:
        """The task's own name."""
        return (self.settings.benchmark or self.name).removeprefix(LM_EVAL)

    @property
    def files(self) -> tuple[str, ...]:
        """What stands in the folder of the user's own tasks."""
        folder = Path(self.settings.include_path)
        if not self.settings.include_path or not folder.is_dir():
            return ()
        found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return tuple(sorted(path.as_posix() for path in found))

    def read_items(self) -> list[Item]:
        """Have the library read the task's documents and make its requests.

        Raises MissingExtra without it, UserError if there is no such task, it may not be run, or its data
        cannot be had.
        """
        settings = self.settings
        task = self._task = load_task(self.task_name, settings.include_path, settings.shots)
        chat = {"apply_chat_template": True, "chat_template": json_messages} if settings.chat else {}
        try:
            with redirect_stderr(io.StringIO()):
                task.build_all_requests(fewshot_as_multiturn=settings.multiturn, **chat)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise refusal(self.task_name, f"cannot be asked: {short_line(error)}") from error
        by_document: dict[int, list[Any]] = defaultdict(list)
        for instance in task.instances:
            by_document[instance.doc_id].append(instance)
        items = [
            Item(str(number), "", {"instances": sorted(own, key=lambda each: each.idx)})
            for number, own in by_document.items()
        ]
        for each in self.asks(items[0], ()):
            if each.messages[-1].role == "assistant":
                raise refusal(
                    self.task_name, "begins the reply (gen_prefix), which no chat can; set chat: false"
                )
        return items

    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """Ask all requests of a document, each as often as the task repeats it."""
        if replies:
            return ()
        settings, cut = self.settings, self.settings.overlong == "cut"
        return tuple(
            ask_of(instance, settings.sampling(self.seed + number), settings.chat)._replace(cut=cut)
            for instance in item.content["instances"]
            for number in range(instance.repeats or 1)
        )

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Hand the replies to the task; the first metric is the score, all are checks."""
        for answer in answers:
            replies = iter(answer.replies)
            for instance in answer.item.content["instances"]:
                asked = [next(replies) for _ in range(instance.repeats or 1)]
                instance.resps = [result_of(instance, reply) for reply in asked]
                instance.filtered_resps = {}
        instances = [instance for answer in answers for instance in answer.item.content["instances"]]
        self._task._instances = instances
        self._task.apply_filters()
        for answer in answers:
            checks = self._checks(answer.item.content["instances"])
            score = checks[0].value if checks and not _of_several(checks[0].name, checks) else None
            prompt, reply = last_prompt(answer.asks[0]), reply_text(answer.item.content["instances"])
            yield Scored(answer.item, prompt, reply, score, checks)

    def _checks(self, instances: Sequence[Any]) -> tuple[Check, ...]:
        """What the task's metrics say of one document, by each filter."""
        found: list[Check] = []
        aggregations = self._task.aggregation()
        for name in instances[0].filtered_resps:
            metrics = self._task.process_results(
                instances[0].doc, [instance.filtered_resps[name] for instance in instances]
            )
            for metric, value in metrics.items():
                shown = metric if name == "none" else f"{metric},{name}"
                found += _measured(shown, aggregation_name(aggregations.get(metric)), value)
        return tuple(found)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Each metric by its own name; the first one is the score, too."""
        named = rows.select(pl.col("checks").list.explode().struct.field("name"))["name"].drop_nulls()
        names = list(dict.fromkeys(name for name in named if not name.endswith(WEIGHT)))
        figures = {}
        for name in names:
            if f"{name}{WEIGHT}" in set(named):
                total, weight = check_value(name), check_value(f"{name}{WEIGHT}")
                found = rows.select(unit="item", total=total, weight=weight).drop_nulls()
            else:
                found = check_mean(rows, name)
            figures[name] = found
        first = next(iter(figures.values()), mean_of(rows, pl.col("score")))
        return {self.headline: first, **figures}


def _measured(name: str, aggregation: str, value: Any) -> list[Check]:
    """A document's share in a metric; nothing of one that is no mean and no perplexity."""
    if aggregation in ("weighted_perplexity", "bits_per_byte"):
        total, weight = value
        bits = aggregation == "bits_per_byte"
        shown = name if bits else f"log {name}"
        return [Check(shown, -total / (math.log(2) if bits else 1)), Check(f"{shown}{WEIGHT}", float(weight))]
    if aggregation == "perplexity":
        return [Check(f"log {name}", -float(value))]
    is_number = isinstance(value, int | float) or hasattr(value, "item")
    return [Check(name, float(value))] if aggregation in ("mean", "") and is_number else []


def _of_several(name: str, checks: Sequence[Check]) -> bool:
    return any(check.name == f"{name}{WEIGHT}" for check in checks)
