"""List the benchmarks. A new one is a module here, a function that imports its class, and an entry of
BENCHMARKS.

A module is imported only if params name its benchmark: some need optional libraries. The imports are
functions, not names in a table, because `evobuild.lock` follows import statements to find what a stage
depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evobuild.core.suggestions import unknown_name
from evobuild.evaluation.benchmark import Benchmark
from evobuild.evaluation.lm_eval_tasks import LM_EVAL


def _import_held_out() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.held_out import HeldOut

    return HeldOut


def _import_ifeval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.ifeval import IFEval

    return IFEval


def _import_followbench() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.followbench import FollowBench

    return FollowBench


def _import_gsm8k() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.gsm8k import GSM8K

    return GSM8K


def _import_math() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.math import MATH

    return MATH


def _import_human_eval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.human_eval import HumanEval

    return HumanEval


def _import_mbpp() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.mbpp import MBPP

    return MBPP


def _import_mmlu() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.mmlu import MMLU

    return MMLU


def _import_ceval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.ceval import CEval

    return CEval


def _import_mt_bench() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.mt_bench import MTBench

    return MTBench


def _import_alpaca_eval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.alpaca_eval import AlpacaEval

    return AlpacaEval


def _import_prompts() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.open_prompts import OpenPrompts

    return OpenPrompts


def _import_lm_eval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.lm_eval import LMEval

    return LMEval


HELD_OUT = "held_out"
"""Name of the benchmark of held-out rows."""
BENCHMARKS: dict[str, Callable[[], type[Benchmark[Any]]]] = {
    HELD_OUT: _import_held_out,
    "ifeval": _import_ifeval,
    "followbench": _import_followbench,
    "gsm8k": _import_gsm8k,
    "math": _import_math,
    "human_eval": _import_human_eval,
    "mbpp": _import_mbpp,
    "mmlu": _import_mmlu,
    "ceval": _import_ceval,
    "mt_bench": _import_mt_bench,
    "alpaca_eval": _import_alpaca_eval,
    "prompts": _import_prompts,
}
"""Importer of each benchmark's class, by name."""


def benchmark_class(name: str) -> type[Benchmark[Any]]:
    """Import the class of a benchmark. Raises ValueError listing the known names for an unknown one."""
    if name.startswith(LM_EVAL):
        return _import_lm_eval()
    if name not in BENCHMARKS:
        raise ValueError(unknown_name("benchmark", name, BENCHMARKS, f"{LM_EVAL}<task>"))
    return BENCHMARKS[name]()
