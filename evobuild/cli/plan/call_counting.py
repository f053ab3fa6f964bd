"""Count the calls of a stage whose inputs are current, by running it with every call only counted."""

from __future__ import annotations

import dataclasses
import importlib
import io
import itertools
import shlex
import tempfile
from contextlib import ExitStack, redirect_stderr, suppress
from pathlib import Path

from evobuild.cli.check.all_params import PARAMS
from evobuild.core.declaration import Out, argument_kinds, params_schema, stage_arguments
from evobuild.core.errors import BadInput
from evobuild.core.params import load_params
from evobuild.models import planning
from evobuild.models.usage import Usage


def count_calls(name: str, command: str, params: Path = PARAMS) -> list[Usage]:
    """Run a stage's main with its calls only counted and its outs discarded."""
    main = importlib.import_module(f"stages.{name}").main
    words = shlex.split(command)
    options = {word.removeprefix("--").replace("-", "_"): value for word, value in itertools.pairwise(words)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        read = load_params(params, params_schema(main))
        arguments = stage_arguments(main, options, read)
        outs = {field: folder / field for field, kind in argument_kinds(main).items() if kind is Out}
        usages = stack.enter_context(planning.counting_calls())
        # Without replies the stage rejects every row and raises; its calls are counted by then.
        with suppress(BadInput), redirect_stderr(io.StringIO()):
            main(read, dataclasses.replace(arguments, **outs))
    return usages
