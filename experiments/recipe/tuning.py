"""Base models that a recipe tunes and evaluates, and the benchmarks that they answer, as settings.

A tuned base is evaluated from its folder by vLLM; in a dry run it is the toy model, in this process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Base(NamedTuple):
    """A base model: hub id, and keys of `finetune` that are others for it, such as "{template:llama3}"."""

    model: str
    finetune: str = "{}"


def base_key(title: str) -> str:
    """The name of a base in params: "Llama-3.1-8B" is llama_3_1_8b."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def tuned_folder(title: str) -> str:
    """Return the folder of a tuned base."""
    return f"models/tuned/{base_key(title)}"


def tuned(bases: Mapping[str, Base]) -> dict[str, str]:
    """Settings that tune these bases, by title, and evaluate each; no others."""
    found = {"~bases": "", "+bases": "{}", "~evaluate.models": "", "+evaluate.models": "{}"}
    # Those of params.yaml are models and benchmarks that are no more.
    found |= {"compare.pairs": "[]", "compare.benchmarks": "[]"}
    for title, base in bases.items():
        key = base_key(title)
        found[f"+bases.{key}.model"] = base.model
        found[f"+bases.{key}.finetune"] = base.finetune
        found[f"+evaluate.models.{key}"] = f"vllm:{tuned_folder(title)}"
    return found


def first_bases(settings: Mapping[str, str], count: int) -> dict[str, str]:
    """Return settings with at most this number of their bases, the first ones."""
    names = [key.split(".")[1] for key in settings if key.startswith("+bases.") and key.endswith(".model")]
    without = {f"+evaluate.models.{name}" for name in names[count:]}
    without |= {f"+bases.{name}.{key}" for name in names[count:] for key in Base._fields}
    return {key: value for key, value in settings.items() if key not in without}


BENCHMARK = "+evaluate.benchmarks."
"""Prefix of the name of a benchmark in the settings that add it."""


def answering(*names: str) -> dict[str, str]:
    """Settings that have these benchmarks answered, each as its authors have it, and no others."""
    none = {"~evaluate.benchmarks": "", "+evaluate.benchmarks": "{}"}
    return none | {f"{BENCHMARK}{name}": "{}" for name in names}


def benchmarks_of(settings: Mapping[str, str]) -> list[str]:
    """The benchmarks that settings add."""
    keys = (key.removeprefix(BENCHMARK) for key in settings if key.startswith(BENCHMARK))
    return [key for key in keys if "." not in key]


def with_items(settings: Mapping[str, str], items: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Settings with more of each benchmark that they add. items: settings of a benchmark, by its name."""
    found = dict(settings)
    for name in benchmarks_of(settings):
        found |= {f"{BENCHMARK}{name}.{key}": value for key, value in items.get(name, {}).items()}
    return found
