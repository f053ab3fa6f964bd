"""The library for notebooks: what the stages do, on rows at hand.

    import evobuild

    made = evobuild.evolve(["Name three rivers."], "openai:gpt-4o-mini")
    made.rows, made.rejects

Each function runs the code of the stage of its name and leaves nothing in the current folder. Rows are
texts, mappings or a polars DataFrame; what comes back is a `Result` of DataFrames. Models are named as in
params.yaml: "openai:gpt-4o", "vllm:<model>", "transformers:<model>", "simulated:small", or a mapping with
options, {"uri": …, "reasoning": "low"}. Prompts and the defaults of settings are those that evobuild ships;
a `machine.yaml` in the current folder is heeded (servers, prices, budget).

cache: a folder in which replies and measurements are kept, so that nothing is paid for or measured twice;
the `.evobuild` of a project has its stages' replies. None: nothing is kept. seed: decides every draw.

A row that fails is a row of `rejects`, with its reason. UserError is raised where a call, a file or a
setting is wrong: it says where, what was found and what was wanted.
"""

from __future__ import annotations

from evobuild.api.answers import rate_difficulty, respond
from evobuild.api.benchmarks import Evaluated, evaluate
from evobuild.api.constraints import check_answers, write_verifiers
from evobuild.api.evolving import OptimizedMethod, evolve, optimize_method
from evobuild.api.overlaps import find_contamination
from evobuild.api.result import Result
from evobuild.api.scores import score_ifd
from evobuild.api.seeds import read_seeds
from evobuild.api.selecting import select
from evobuild.core.errors import UserError

__all__ = [
    "Evaluated",
    "OptimizedMethod",
    "Result",
    "UserError",
    "check_answers",
    "evaluate",
    "evolve",
    "find_contamination",
    "optimize_method",
    "rate_difficulty",
    "read_seeds",
    "respond",
    "score_ifd",
    "select",
    "write_verifiers",
]
