"""The benchmarks, one module each: a new one is its module, and here what gives its class, and its name.

A module is imported only for a benchmark that params name: some need libraries of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evobuild.core.suggestions import unknown_name
from evobuild.evaluation.benchmark import Benchmark
from evobuild.evaluation.lm_eval_tasks import LM_EVAL


def _held_out() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.held_out import HeldOut

    return HeldOut


def _ifeval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.ifeval import IFEval

    return IFEval


def _followbench() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.followbench import FollowBench

    return FollowBench


def _gsm8k() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.gsm8k import GSM8K

    return GSM8K


def _math() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.math import MATH

    return MATH


def _human_eval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.human_eval import HumanEval

    return HumanEval


def _mbpp() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.mbpp import MBPP

    return MBPP


def _mmlu() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.mmlu import MMLU

    return MMLU


def _ceval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.ceval import CEval

    return CEval


def _mt_bench() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.mt_bench import MTBench

    return MTBench


def _alpaca_eval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.alpaca_eval import AlpacaEval

    return AlpacaEval


def _prompts() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.open_prompts import OpenPrompts

    return OpenPrompts


def _lm_eval() -> type[Benchmark[Any]]:
    from evobuild.evaluation.benchmarks.lm_eval import LMEval

    return LMEval


HELD_OUT = "held_out"
"""The benchmark of the held-out rows."""
BENCHMARKS: dict[str, Callable[[], type[Benchmark[Any]]]] = {
    HELD_OUT: _held_out,
    "ifeval": _ifeval,
    "followbench": _followbench,
    "gsm8k": _gsm8k,
    "math": _math,
    "human_eval": _human_eval,
    "mbpp": _mbpp,
    "mmlu": _mmlu,
    "ceval": _ceval,
    "mt_bench": _mt_bench,
    "alpaca_eval": _alpaca_eval,
    "prompts": _prompts,
}
"""What gives the class of each benchmark, by its name."""


def benchmark_class(name: str) -> type[Benchmark[Any]]:
    """The class of a benchmark. Raises ValueError, with those that there are, for an unknown one."""
    if name.startswith(LM_EVAL):
        return _lm_eval()
    if name not in BENCHMARKS:
        raise ValueError(unknown_name("benchmark", name, BENCHMARKS, f"{LM_EVAL}<task>"))
    return BENCHMARKS[name]()
