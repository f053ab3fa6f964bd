"""params.yaml with the changes of `-S KEY=VALUE`, as `dvc exp run` makes them; the file stays as it is."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evobuild.cli.check.params import PARAMS
from evobuild.core.errors import BadParams


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Let a command take changes of params, as `set_param`."""
    parser.add_argument(
        "-S", "--set-param", action="append", default=[], metavar="KEY=VALUE", help="as dvc exp run"
    )


@contextmanager
def overridden_params(overrides: Sequence[str], params: Path = PARAMS) -> Iterator[Path]:
    """Give a params file, or a copy with the changes. Raises BadParams at one that DVC would not take."""
    if not overrides:
        yield params
        return
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory(prefix="evobuild-params-") as folder:
        copy = Path(folder, PARAMS.name)
        copy.write_bytes(params.read_bytes())
        try:
            apply_overrides(copy, overrides)
        except (DvcException, ValueError, KeyError) as error:
            raise BadParams(
                f"-S {' '.join(overrides)}: {' '.join(str(error.__cause__ or error).split())[:200]}"
            ) from error
        yield copy
