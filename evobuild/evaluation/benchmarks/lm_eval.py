"""Evaluate tasks of EleutherAI's lm-evaluation-harness (lm-eval 0.4.13) through the chat client.

An entry is named `lm_eval:<task>`, or sets `benchmark`. The library reads the task's data, builds its prompts
and scores the replies. The stage calls the model, so that replies are cached, counted and within the budget.
Tasks that run model-written code, or code of the hub, are refused: use the benchmarks human_eval and mbpp,
which run in the sandbox. Groups are refused too, with the names of their tasks, and tasks with pictures or
sounds.

A metric that is a mean over documents keeps its name, followed by a comma and the filter's name if there is
one. A perplexity becomes its logarithm, in nats. An aggregation over all replies, such as BLEU, is left out:
items have no share in it that could be compared.
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
    Benchmark,
    Check,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    average_check,
    check_value_expr,
    item_means,
    last_message,
)
from evobuild.evaluation.lm_eval_requests import convert_reply, convert_request, display_reply, dump_messages
from evobuild.evaluation.lm_eval_tasks import (
    LM_EVAL,
    aggregation_name,
    format_error_line,
    load_task,
    task_error,
)

WEIGHT = " weight"
"""Suffix of the check that holds the divisor of another check."""


class LMEvalSettings(Settings):
    """include_path: folder of the user's own tasks, as YAML. shots: examples; null: as the task sets.

    chat: use the chat template, with examples as turns if multiturn. overlong: what to do with a prompt that
    exceeds the context window: drop its beginning, as the library does, or reject its item.
    """

    include_path: str = ""
    shots: Annotated[int, Between(0, 100)] | None = None
    chat: bool = False
    multiturn: bool = True
    overlong: Literal["reject", "cut"] = "cut"
    max_tokens: Tokens = 256


class LMEval(Benchmark[LMEvalSettings]):
    """Evaluate one task. A task that compares likelihoods needs a model that returns them, or its items are
    rejected.
    """

    settings_type = LMEvalSettings

    @property
    def task_name(self) -> str:
        """Return the task's own name."""
        return (self.settings.benchmark or self.name).removeprefix(LM_EVAL)

    @property
    def files(self) -> tuple[str, ...]:
        """Return the files in the folder of the user's own tasks."""
        folder = Path(self.settings.include_path)
        if not self.settings.include_path or not folder.is_dir():
            return ()
        found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return tuple(sorted(path.as_posix() for path in found))

    def read_items(self) -> list[Item]:
        """Have the library read the task's documents and build its requests.

        Raises:
            MissingExtra: lm-eval is not installed.
            UserError: the task is unknown or may not be run, or its data cannot be loaded.
        """
        settings = self.settings
        task = self._task = load_task(self.task_name, settings.include_path, settings.shots)
        chat = {"apply_chat_template": True, "chat_template": dump_messages} if settings.chat else {}
        try:
            with redirect_stderr(io.StringIO()):
                task.build_all_requests(fewshot_as_multiturn=settings.multiturn, **chat)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise task_error(self.task_name, f"cannot be asked: {format_error_line(error)}") from error
        by_document: dict[int, list[Any]] = defaultdict(list)
        for instance in task.instances:
            by_document[instance.doc_id].append(instance)
        items = [
            Item(str(number), "", {"instances": sorted(own, key=lambda each: each.idx)})
            for number, own in by_document.items()
        ]
        for each in self.next_requests(items[0], ()):
            if each.messages[-1].role == "assistant":
                raise task_error(
                    self.task_name, "begins the reply (gen_prefix), which no chat can; set chat: false"
                )
        return items

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return all requests of a document, each as often as the task repeats it."""
        if replies:
            return ()
        settings, cut = self.settings, self.settings.overlong == "cut"
        return tuple(
            convert_request(instance, settings.sampling(self.seed + number), settings.chat)._replace(cut=cut)
            for instance in item.content["instances"]
            for number in range(instance.repeats or 1)
        )

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Pass the replies to the task; the first metric is the score, all are checks."""
        for answer in answers:
            replies = iter(answer.replies)
            for instance in answer.item.content["instances"]:
                asked = [next(replies) for _ in range(instance.repeats or 1)]
                instance.resps = [convert_reply(instance, reply) for reply in asked]
                instance.filtered_resps = {}
        instances = [instance for answer in answers for instance in answer.item.content["instances"]]
        self._task._instances = instances
        self._task.apply_filters()
        for answer in answers:
            checks = self._checks(answer.item.content["instances"])
            score = checks[0].value if checks and not _has_weight(checks[0].name, checks) else None
            prompt, reply = last_message(answer.asks[0]), display_reply(answer.item.content["instances"])
            yield Scored(answer.item, prompt, reply, score, checks)

    def _checks(self, instances: Sequence[Any]) -> tuple[Check, ...]:
        """Return the task's metrics of one document, by filter."""
        found: list[Check] = []
        aggregations = self._task.aggregation()
        for name in instances[0].filtered_resps:
            metrics = self._task.process_results(
                instances[0].doc, [instance.filtered_resps[name] for instance in instances]
            )
            for metric, value in metrics.items():
                shown = metric if name == "none" else f"{metric},{name}"
                found += _metric_checks(shown, aggregation_name(aggregations.get(metric)), value)
        return tuple(found)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute each metric by its own name; the first one is the headline too."""
        named = rows.select(pl.col("checks").list.explode().struct.field("name"))["name"].drop_nulls()
        names = list(dict.fromkeys(name for name in named if not name.endswith(WEIGHT)))
        figures = {}
        for name in names:
            if f"{name}{WEIGHT}" in set(named):
                total, weight = check_value_expr(name), check_value_expr(f"{name}{WEIGHT}")
                found = rows.select(unit="item", total=total, weight=weight).drop_nulls()
            else:
                found = average_check(rows, name)
            figures[name] = found
        first = next(iter(figures.values()), item_means(rows, pl.col("score")))
        return {self.headline: first, **figures}


def _metric_checks(name: str, aggregation: str, value: Any) -> list[Check]:
    """Return a document's share in a metric; empty unless the metric is a mean or a perplexity."""
    if aggregation in ("weighted_perplexity", "bits_per_byte"):
        total, weight = value
        bits = aggregation == "bits_per_byte"
        shown = name if bits else f"log {name}"
        return [Check(shown, -total / (math.log(2) if bits else 1)), Check(f"{shown}{WEIGHT}", float(weight))]
    if aggregation == "perplexity":
        return [Check(f"log {name}", -float(value))]
    is_number = isinstance(value, int | float) or hasattr(value, "item")
    return [Check(name, float(value))] if aggregation in ("mean", "") and is_number else []


def _has_weight(name: str, checks: Sequence[Check]) -> bool:
    return any(check.name == f"{name}{WEIGHT}" for check in checks)
