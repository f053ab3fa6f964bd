"""What runs every stage script: arguments, params, locks, whole outs, errors.

`core/declaration.py` shows what a script declares; it ends with `run(main)`. main gets a temporary path for
each `Out`, which takes the real name when main returns. So an out is whole or absent, a second writer is
refused, and a stage dies with the process that started it.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

from evobuild.core.declaration import (
    Out,
    argument_kinds,
    declaration,
    declared_arguments,
    instance_name,
    params_schema,
    stage_arguments,
)
from evobuild.core.errors import NothingLeft, UserError
from evobuild.core.outs import atomic_outputs
from evobuild.core.scratch import stage_scratch
from evobuild.core.text_files import special_kind
from evobuild.process import lock, memory, run_journal, run_script, running
from evobuild.process.command_line import Parser, run_command
from evobuild.process.full_disk import dvc_cache_warning
from evobuild.process.run_journal import StageRun
from evobuild.process.supervision import check_address_space, die_with_parent, supervise
from evobuild.process.terminal import log
from evobuild.process.version import __version__

OBJECTS = 20_000
"""New ones after which Python looks for garbage; after its own 700, that is a tenth of an import of torch."""


def run_stage(main: Callable[..., None]) -> NoReturn:
    """Run a stage's main with what the command line gives, and exit as `command_line` says."""
    die_with_parent()
    name = Path(sys.argv[0]).stem
    if (code := supervise(name)) is not None:
        raise SystemExit(code)
    gc.set_threshold(OBJECTS)

    def work() -> int:
        words = vars(argument_parser(main).parse_args())
        began, started = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        address = _address(name, _given_name(main, words))
        check_address_space()
        if "DVC_STAGE" in os.environ:
            declared = declaration(main)
            lock.check_stage(name, declared.libraries if declared else ())
        _warn_of_memory(address)
        with run_journal.calls_noted() as calls, running.mark_running(address), stage_scratch(name):
            try:
                arguments = call_stage(main, words.pop("params"), words)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(run_journal.interruption_line(calls)) from None
        done = _stage_run(name, arguments, argument_kinds(main))
        seconds = round(time.monotonic() - began, 2)
        done = done._replace(started=started, seconds=seconds, peak_memory=memory.peak_bytes())
        _log_run(run_journal.with_calls(done, calls))
        if warning := dvc_cache_warning(_outs(arguments, argument_kinds(main)).values()):
            log(warning)
        return 0

    raise SystemExit(run_command(name, work))


def _warn_of_memory(address: str) -> None:
    """Warn if a stage's last run used more memory than is free now."""
    used = next((run.peak_memory for run in run_journal.read_runs() if run.stage == address), 0)
    free = memory.available_bytes()
    if free is not None and used > free:
        log(
            f"warning: the last run of {address} used {memory.format_bytes(used)} of memory, and "
            f"{memory.format_bytes(free)} are free: it may be ended for lack of memory"
        )


def _address(name: str, instance: str) -> str:
    """Format a stage's name in DVC: "respond@r1", "score"."""
    return f"{name}@{instance}" if instance else name


def _given_name(main: Callable[..., None], words: Mapping[str, Any]) -> str:
    """Get the name of the round, pool, branch or set on the command line, or ''."""
    return next((str(words[each]) for each, kind in argument_kinds(main).items() if kind is str), "")


def _stage_run(name: str, arguments: Any, kinds: Mapping[str, Any]) -> StageRun:
    """Build the record of a run from its outputs."""
    outs = _outs(arguments, kinds)
    address = _address(name, instance_name(arguments, kinds))
    run = StageRun(address, commit=run_journal.commit(), version=__version__)
    run = run._replace(table=str(next(iter(outs.values()), "")))
    return run_journal.with_rows(run, outs.get("counts"))


def _outs(arguments: Any, kinds: Mapping[str, Any]) -> dict[str, Path]:
    return {name: getattr(arguments, name) for name, kind in kinds.items() if kind is Out}


def _log_run(done: StageRun) -> None:
    """Add a run to the journal and log its rows and costs in one line; a full disk undoes nothing."""
    try:
        run_journal.append(done)
        run_script.write_run_script()
    except OSError as error:
        log(f"{error.filename or run_journal.journal_file()}: cannot be written: {error.strerror or error}")
    log(run_journal.closing_line(done))


def call_stage(main: Callable[..., None], params: Path, given: Mapping[str, str | None]) -> Any:
    """Call a stage's main: read its params, hold its inputs and locks, and give its outs their names.

    params: params.yaml. given: names and paths of the command line; None where it gives none. Returns the
    stage's arguments, its outs under their own names.

    Raises UserError if an input is missing, an out would replace what is none, or another process writes
    it.
    """
    from evobuild.core import prompts, table_parts
    from evobuild.core.measures import ReadsMeasures, declared_measures
    from evobuild.core.params import RendersPrompts, StageParams, WritesTables, validated
    from evobuild.core.yaml_files import read_yaml

    content = read_yaml(params)
    read = validated(params, content, params_schema(main))
    folder = Path(validated(params, content, RendersPrompts).prompts)
    kinds, arguments = argument_kinds(main), stage_arguments(main, given, read)
    with ExitStack() as stack:
        stack.enter_context(prompts.use_folder(folder))
        inputs = _paths_read(arguments, kinds)
        _check_inputs(inputs)
        outs = [name for name, kind in kinds.items() if kind is Out]
        declared = [getattr(declared_arguments(main, given), name) for name in outs]
        paths = [getattr(arguments, name) for name in outs]
        temporary = stack.enter_context(
            atomic_outputs(*paths, declared=declared, inputs=[params, *inputs.values()])
        )
        if isinstance(read, StageParams):
            stack.enter_context(prompts.restrict_to(read.templates()))
        if isinstance(read, ReadsMeasures):
            stack.enter_context(declared_measures(read.measures))
        if isinstance(read, WritesTables):
            stack.enter_context(table_parts.rows_per_file(read.tables.rows_per_file))
        try:
            main(read, dataclasses.replace(arguments, **dict(zip(outs, temporary, strict=True))))
        except NothingLeft as error:
            if way := _way_on(main, arguments, kinds, error.has_replies):
                error.args = (("; " if "\n" in str(error) else "\n").join((str(error), way)),)
            raise
    return arguments


def _check_inputs(inputs: Mapping[str, Path]) -> None:
    """Raise UserError at an input, by its option, that is missing or neither a file nor a folder."""
    for option, path in inputs.items():
        if not path.exists():
            raise UserError(f"--{option}: {path} does not exist; run the stage that makes it")
        if found := special_kind(path):
            raise UserError(f"--{option}: {path} {found}; expected a file or a folder")


def _way_on(main: Callable[..., None], arguments: Any, kinds: Mapping[str, Any], has_replies: bool) -> str:
    """Format where the rejects are if all rows were rejected, and how to drop their cached replies."""
    if "rejects" not in kinds:
        return ""
    address = _address(Path(main.__code__.co_filename).stem, instance_name(arguments, kinds))
    declared = declaration(main)
    anew = f"; to ask for their replies anew: evobuild cache prune --rejected {address}"
    return f"all rejects: {arguments.rejects}{anew if has_replies and declared and declared.asks else ''}"


def _paths_read(arguments: Any, kinds: Mapping[str, Any]) -> dict[str, Path]:
    """List the paths that a stage always reads, by option."""
    read = (name for name, kind in kinds.items() if kind is Path)
    return {name.replace("_", "-"): getattr(arguments, name) for name in read}


def argument_parser(main: Callable[..., None]) -> argparse.ArgumentParser:
    """Build a stage's command line: an option for each name, path and folder, shown with its default."""
    parser = Parser(
        description=sys.modules[main.__module__].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    kinds = argument_kinds(main)
    for field in dataclasses.fields(get_type_hints(main)["args"]):
        kind, wanted = kinds[field.name], field.default is dataclasses.MISSING
        verb = {str: "name", Out: "written"}.get(kind, "read")
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            required=wanted,
            metavar="NAME" if kind is str else "PATH",
            help=verb if wanted else f"{verb}; {field.default}",
        )
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="PATH", help="read")
    return parser
