"""Define the sections `evaluate` and `compare` of params.yaml: which models are evaluated on which
benchmarks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from evobuild.core.errors import BadParams
from evobuild.core.param_errors import first_error
from evobuild.core.params import Between, Decoding, FewOrNone, Name, Section, Tokens, default
from evobuild.core.uri import BASES, ChatModel, Weights
from evobuild.evaluation.benchmark import Benchmark, Settings
from evobuild.evaluation.benchmarks import BENCHMARKS, HELD_OUT, benchmark_class
from evobuild.evaluation.judge import JudgeSettings
from evobuild.evaluation.lm_eval_tasks import LM_EVAL
from evobuild.evaluation.pairwise import PairPrompt
from evobuild.models.params import Evaluated

ShareOrNone = Annotated[float, Between(0, 1)]
"""A share from 0 to 1, both included."""


def _parse_entries(value: object) -> object:
    """Parse each entry with the settings schema of its benchmark, named by the key or by `benchmark`."""
    if not isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for given, entry in value.items():
        name, named = _normalise_name(str(given), entry)
        if name in found:
            raise ValueError(f"expected each name once; found {name!r} twice")
        found[name] = _parse_entry(name, named)
    places = {name: place for place, name in enumerate(BENCHMARKS)}
    return dict(sorted(found.items(), key=lambda each: places.get(_benchmark_of(*each), len(places))))


def _benchmark_of(name: str, settings: object) -> str:
    return getattr(settings, "benchmark", None) or name


def _normalise_name(name: str, entry: object) -> tuple[str, object]:
    """Replace the characters of an lm-eval task's name that tables and pages cannot hold; keep other
    names.
    """
    if not (name.startswith(LM_EVAL) and isinstance(entry, dict)):
        return name, entry
    return re.sub(r"[^a-z0-9_]", "_", name.casefold()), {"benchmark": name} | entry


def _parse_entry(name: str, entry: object) -> object:
    if not isinstance(entry, dict):
        raise ValueError(f"expected {name}: {{}}, or with settings such as {{limit: 100}}")
    which = entry.get("benchmark") or name
    try:
        kind = benchmark_class(str(which)).settings_type
        return kind.model_validate(entry)
    except ValidationError as error:
        raise ValueError(f"expected settings of {which}: {first_error(error, kind)}") from error
    except ValueError as error:
        raise ValueError(str(error)) from error


Benchmarks = Annotated[dict[Name, Settings], BeforeValidator(_parse_entries), Field(max_length=1000)]


class Judging(Decoding):
    """Sampling settings of the judge. retries: repeated calls for an unparsable reply."""

    max_tokens: Tokens = 2048
    retries: FewOrNone = 2


class Evaluate(Section):
    """Section `evaluate`. models: URIs by name, as for chat roles. unparsed: maximum share of judge replies
    that stay unparsed.
    """

    models: Evaluated = default({"base": "transformers:bases/toy", "tuned": "transformers:models/tuned/toy"})
    benchmarks: Benchmarks = default(
        {
            "held_out": {},
            "ifeval": {"items": "data/raw/benchmarks/ifeval.jsonl", "max_tokens": 32},
            "gsm8k": {"items": "data/raw/benchmarks/gsm8k.jsonl", "max_tokens": 32},
            "human_eval": {"items": "data/raw/benchmarks/human_eval.jsonl", "max_tokens": 32},
            "mmlu": {"items": "data/raw/benchmarks/mmlu.jsonl", "shots": 1},
            "mt_bench": {"items": "data/raw/benchmarks/mt_bench.jsonl", "max_tokens": 32},
            "alpaca_eval": {"items": "data/raw/benchmarks/alpaca_eval.jsonl", "max_tokens": 32},
            "prompts": {"items": "data/raw/benchmarks/prompts.jsonl", "max_tokens": 32},
        }
    )
    judge: Judging = Judging()
    unparsed: ShareOrNone = 0.2

    def judge_settings(self, seed: int) -> JudgeSettings:
        """Return the settings of judge calls."""
        return JudgeSettings(self.judge.sampling(seed), self.judge.retries, self.unparsed)


def use_held_out_file(entries: Mapping[str, Settings], file: Path) -> dict[str, Settings]:
    """Set the file of held-out benchmarks that name none."""
    return {
        name: each.model_copy(update={"items": str(file)})
        if (each.benchmark or name) == HELD_OUT and not each.items
        else each
        for name, each in entries.items()
    }


def build_benchmarks(entries: dict[str, Settings], seed: int) -> list[Benchmark[Any]]:
    """Build the benchmarks of entries, each with its settings."""
    return [
        benchmark_class(settings.benchmark or name)(name, settings, seed)
        for name, settings in entries.items()
    ]


class HasModel(Protocol):
    """A base model, as far as it names its weights."""

    @property
    def model(self) -> Weights: ...


def resolve_models(models: Mapping[str, ChatModel], bases: Mapping[str, HasModel]) -> dict[str, ChatModel]:
    """Resolve the models to evaluate, by name: a name of a base becomes its weights.

    Raises BadParams for an unknown base.
    """
    return {name: _resolve_base(name, model, bases) for name, model in models.items()}


def _resolve_base(name: str, model: ChatModel, bases: Mapping[str, HasModel]) -> ChatModel:
    if not model.base:
        return model
    if model.base not in bases or model.revision or model.engine == "openai":
        known = ", ".join(f"{engine}:{BASES}{base}" for engine in ("transformers", "vllm") for base in bases)
        wanted = known or "another model, for bases is empty"
        raise BadParams(f"params.yaml: evaluate.models.{name} is '{model}'; expected {wanted}")
    weights = bases[model.base].model
    return replace(model, name=weights.name, revision=weights.revision)


def _check_pair(pair: list[str]) -> list[str]:
    if len(pair) != 2 or pair[0] == pair[1]:
        raise ValueError("expected two different names of evaluate.models")
    return pair


class Compare(Section):
    """Section `compare`. pairs: models whose answers a judge compares. benchmarks: whose replies. prompt: the
    judge's template. resamples: number of resamples behind intervals and p-values.
    """

    pairs: Annotated[list[Annotated[list[Name], AfterValidator(_check_pair)]], Field(max_length=1000)] = (
        default([["tuned", "base"]])
    )
    benchmarks: Annotated[list[Name], Field(max_length=1000)] = default(["prompts"])
    prompt: PairPrompt = "mt_bench"
    resamples: Annotated[int, Between(100, 100_000)] = 1000


class Sections(Section):
    evaluate: Evaluate
    compare: Compare
