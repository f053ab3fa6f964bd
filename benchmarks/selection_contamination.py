"""How long it takes to hold all of Alpaca against the published evaluation sets.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/selection_contamination.py

The whole stage, reading of the rows and of the sets included, all sets at once; 13- and 8-grams.
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import memory
from figures import Figures

from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.evaluation_sets import Question, read_evaluation_set
from evobuild.contamination.hits import Hit
from evobuild.core.instructions import SEED_ROUND, Instruction
from evobuild.seeds import formats

SETS = {
    "gsm8k": "gsm8k/test.jsonl",
    "math": "math/math500_full.jsonl",
    "humaneval": "humaneval/HumanEval.jsonl.gz",
    "mbpp": "mbpp/mbpp.jsonl",
    "mbpp_sanitized": "mbpp/sanitized-mbpp.json",
    "ifeval": "ifeval/input_data.jsonl",
    "mt_bench": "mt_bench/question.jsonl",
    "vicuna": "mt_bench/vicuna_question.jsonl",
    "alpaca_eval": "alpaca_eval/text_davinci_003.json",
    "alpaca_eval_gpt4": "alpaca_eval/gpt4_1106_preview.json",
    "followbench_content": "followbench/content_constraints.json",
    "followbench_example": "followbench/example_constraints.json",
    "followbench_format": "followbench/format_constraints.json",
    "followbench_mixed": "followbench/mixed_constraints.json",
    "followbench_situation": "followbench/situation_constraints.json",
    "followbench_style": "followbench/style_constraints.json",
}
LENGTHS = (13, 8)


def run(figures: Figures) -> None:
    """Take the figures of contamination, if the data is at hand."""
    folder = os.environ.get("EVOBUILD_REAL_DATA")
    if not folder:
        print("not taken: the figures of contamination; EVOBUILD_REAL_DATA is not set")
        return
    memory.now()
    began = time.monotonic()
    sets: dict[str, list[Question]] = {
        name: read_evaluation_set(Path(folder) / file) for name, file in SETS.items()
    }
    hits: list[Hit] = []
    rows = partial(_rows, Path(folder) / "alpaca/alpaca_data.json")
    found = NgramIndex(sets, LENGTHS).search(rows, hits.append)
    took = time.monotonic() - began
    questions = sum(map(len, sets.values()))
    print(f"contamination: {len(found.is_hit):,} rows, {questions:,} questions, {len(hits):,} hits")
    figures.at_most("contamination of 52,002 rows against all sets", took, 30, "s")
    print(f"contamination: peak memory {memory.peak():,.0f} MB")


def _rows(path: Path) -> list[Instruction]:
    return [
        Instruction(
            row.place, "", "", "", SEED_ROUND, "", row.history, row.instruction, row.input, row.output
        )
        for row in formats.read_seed_rows(path)
    ]


if __name__ == "__main__":
    taken = Figures()
    run(taken)
    taken.print()
