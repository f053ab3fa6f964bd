"""Commands beside the pipeline; `evobuild COMMAND --help` lists the options of one.

Exit codes: 0: success; 1: an error, or a model that cannot be used; 2: an invalid command line;
130: interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from pathlib import Path

from evobuild.cli.commands import ALIASES, ANYWHERE, COMMANDS
from evobuild.core.errors import UserError
from evobuild.process.command_line import Parser, run_command
from evobuild.process.version import __version__

PROJECT = ("dvc.yaml", "params.yaml")
"""Files of a project's root."""


def main(words: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if words is None else words

    def work() -> int:
        _find_stages()
        arguments = _parser(words[:1]).parse_args(words or ["--help"])
        try:
            code: int = arguments.run(arguments)
        except UserError as error:
            raise type(error)(f"{error}{_where_to_run(words[0], str(error))}") from error
        return code

    return run_command("evobuild", work)


def _where_to_run(command: str, said: str) -> str:
    """Return a second line for an error outside a project: where to run the command; '' inside one."""
    here = Path.cwd()
    if command in ANYWHERE or "\n" in said or any(Path(name).is_file() for name in PROJECT):
        return ""
    if above := next((folder for folder in here.parents if (folder / "dvc.yaml").is_file()), None):
        return f"\nthe project is in {above}; run there: cd {shlex.quote(str(above))}"
    if "evobuild init" in said:
        return ""
    return "\nthis folder is not a project; run in one, or create one: evobuild init"


def _find_stages() -> None:
    """Make a project's `stages` importable.

    `python -m` puts the current folder on sys.path, the installed command does not.
    """
    if Path("dvc.yaml").is_file() and Path("stages").is_dir() and sys.path[0] not in ("", str(Path.cwd())):
        sys.path.insert(0, str(Path.cwd()))


def _parser(chosen: list[str]) -> argparse.ArgumentParser:
    """Build a parser of all commands; only the chosen one loads its module and options, so --help is fast."""
    parser = Parser(prog="evobuild", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"evobuild {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        aliases = ALIASES.get(name, ())
        command = commands.add_parser(
            name, aliases=aliases, help=summary, description=summary, add_help=name != "repro"
        )
        if chosen and chosen[0] in (name, *aliases):
            own = name.replace("-", "_")
            module = importlib.import_module(f"evobuild.cli.commands.{own}_command")
            getattr(module, f"add_{own}_options")(command)
            command.set_defaults(run=getattr(module, f"run_{own}"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
