"""Apply `-S KEY=VALUE` to a copy of params.yaml, as `dvc exp run` does; the file itself is not changed."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evobuild.cli.check.all_params import PARAMS, Params, load_all_params
from evobuild.core.errors import BadParams, UserError
from evobuild.core.param_errors import find_new_name
from evobuild.core.suggestions import nearest_names, unknown_name
from evobuild.core.yaml_files import read_yaml


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add the option -S; the arguments get `set_param`."""
    parser.add_argument(
        "-S", "--set-param", action="append", default=[], metavar="KEY=VALUE", help="as dvc exp run"
    )


@contextmanager
def overridden_params(overrides: Sequence[str], params: Path = PARAMS) -> Iterator[Path]:
    """Yield a params file, or a copy with the changes. Raises BadParams if DVC would not accept one."""
    if not overrides:
        yield params
        return
    with _copy_with_changes(params, overrides) as (copy, problem):
        if problem:
            raise BadParams(_explain_failure(params, overrides, problem))
        try:
            yield copy
        except UserError as error:
            raise type(error)(str(error).replace(str(copy), str(params))) from error


@contextmanager
def _copy_with_changes(params: Path, overrides: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield a copy with some changes, and DVC's reason if it refuses one, else ''."""
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory(prefix="evobuild-params-") as folder:
        copy, problem = Path(folder, PARAMS.name), ""
        copy.write_bytes(params.read_bytes())
        try:
            apply_overrides(copy, overrides)
        except (DvcException, ValueError, KeyError) as error:
            problem = " ".join(str(error.__cause__ or error).split())[:200] or type(error).__name__
        yield copy, problem


def _explain_failure(params: Path, overrides: Sequence[str], problem: str) -> str:
    """Explain the first change that DVC refuses, and suggest what to write instead."""
    for count, override in enumerate(overrides, start=1):
        with _copy_with_changes(params, overrides[:count]) as (_, failure):
            if failure:
                return f"-S {override[:200]}: {_suggest_override(params, override, failure)}"
    return f"-S {' '.join(overrides)[:200]}: {problem}"


def _suggest_override(params: Path, override: str, problem: str) -> str:
    """Suggest what to write instead of a change; DVC's own reason if no suggestion fits."""
    name, equals, value = override.partition("=")
    key, content = name.lstrip("+~"), read_yaml(params)
    known = list(_iterate_dotted_keys(content))
    if not equals and not name.startswith("~"):
        return "expected KEY=VALUE, such as select.share=0.1"
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    tries = () if name.startswith("~") else (f"+{key}={value}", f"{key}={quoted}", f"+{key}={quoted}")
    if fits := next((each for each in tries if _is_accepted(params, each)), None):
        reason = "the value cannot be parsed" if key in known else "params.yaml has no such key yet"
        if key in known and fits.startswith("+"):
            reason = "a mapping needs a '+', which adds its keys"
        return f"{reason}; write: -S {shlex.quote(fits)}"
    if new := find_new_name(Params, key):
        return f"the key '{key}' is now {new}"
    if key not in known:
        return unknown_name("key", key, known if nearest_names(key, known) else content)
    if name.startswith("~"):
        return problem
    return (
        'the value cannot be parsed; expected a number, a word, [a, list], {a: mapping} or "text in quotes"'
    )


def _is_accepted(params: Path, override: str) -> bool:
    """Whether DVC accepts a change, and the schema its result."""
    with _copy_with_changes(params, [override]) as (copy, problem):
        try:
            return not problem and bool(load_all_params(copy))
        except BadParams:
            return False


def _iterate_dotted_keys(content: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in content.items():
        yield f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _iterate_dotted_keys(value, f"{above}{key}.")
