"""evobuild: a declarative build system, on DVC, for evolved instruction-tuning data.

The pipeline is params.yaml and `dvc repro`. For notebooks and scripts the same steps are functions: rows in,
a `Result` of polars DataFrames out, `rows` and `rejects`.

    import evobuild

    made = evobuild.evolve(["Name three rivers."], "openai:gpt-4o-mini")
    answered = evobuild.respond(made.rows, "openai:gpt-4o")

`help(evobuild.api)` says what all have in common, and docs/api.md shows each at work.
"""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.process.version import __version__ as __version__

# Run as a file, a stage script has its own folder first on the path, where `select` and `evaluate` would
# hide the modules of these names that other packages import. Here it is undone before any of these is.
if Path(sys.path[0]).name == "stages":
    sys.path[0] = str(Path(sys.path[0]).parent)

if TYPE_CHECKING:
    from evobuild.api import (
        Evaluated,
        OptimizedMethod,
        Result,
        UserError,
        check_answers,
        evaluate,
        evolve,
        find_contamination,
        optimize_method,
        rate_difficulty,
        read_seeds,
        respond,
        score_ifd,
        select,
        write_verifiers,
    )
else:

    def __getattr__(name: str) -> object:
        # Commands and stages import this package, and are to start fast: the functions come when one is used.
        if name in __all__:
            return getattr(importlib.import_module("evobuild.api"), name)
        raise AttributeError(f"module 'evobuild' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


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
