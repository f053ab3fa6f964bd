"""The errors a user may see, each one or two lines: where, what was found, what was wanted.

UserError            anything the user can mend; `stage.run_stage` prints it and exits with 1
├── BadInput         a data file, a table or a prompt is not as it should be
│   └── NothingLeft  a stage has lost all its rows
├── BadParams        params.yaml is not as it should be
└── MissingExtra     an optional package is not installed; names the extra that brings it

Any other exception is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType


class UserError(Exception):
    """Something the user can mend; the message says where, what was found, what was wanted."""


class BadInput(UserError):
    """A data file, a table or a prompt is not as it should be."""


class NothingLeft(BadInput):
    """A stage has lost all its rows.

    rejects: the table of them, which stays though the stage fails. has_replies: some are lost by a reply.
    """

    def __init__(self, message: str, rejects: Path | None = None, has_replies: bool = False) -> None:
        super().__init__(message)
        self.rejects, self.has_replies = rejects, has_replies


class BadParams(UserError):
    """params.yaml is not as it should be."""


class MissingExtra(UserError):
    """An optional package is not installed."""


def install_command(*extras: str) -> str:
    """Format the command that adds extras of pyproject.toml to the installed library."""
    return f"pip install 'evobuild[{','.join(extras)}]'"


def missing_package(module: str, extra: str) -> str:
    """Say that a package is not installed, and which command installs it."""
    return f"the package '{module}' is not installed; install it with: {install_command(extra)}"


def require(module: str, extra: str) -> ModuleType:
    """Import a package that only some installations have.

    module: the import name. extra: the extra of pyproject.toml that brings it.

    Raises MissingExtra if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtra(missing_package(error.name, extra)) from error
