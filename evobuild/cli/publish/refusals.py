"""Find reasons not to publish, which `--allow` can override: dry runs, failed contracts, stale stages, …"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.cli.publish import credentials, leaks
from evobuild.cli.publish.build_origin import list_uncommitted
from evobuild.cli.publish.contents import VALIDATION
from evobuild.cli.publish.hub_files import HubFile
from evobuild.contracts.result import read_validation
from evobuild.core.errors import UserError
from evobuild.core.metrics import DRY_RUN, TOY, read_label
from evobuild.core.yaml_files import read_yaml
from evobuild.process.dvc_state import open_repo

REASONS = ("dry-run", "toy", "failed-contract", "stale", "uncommitted", "local-paths")
"""Values of `--allow`."""
SHOWN = 3


class Refusal(NamedTuple):
    """A reason not to publish. name: of REASONS. line: what, why, and what to do."""

    name: str
    line: str

    def __str__(self) -> str:
        return f"{self.line}; or --allow {self.name}"


def find_state_refusals(sources: Sequence[str], commit: str) -> Iterator[Refusal]:
    """Yield reasons not to publish the current data.

        Args:
        sources: paths to publish.
        commit: of the build, '' if uncommitted.

    Raises UserError if a source is missing.
    """
    label = read_label(Path("data/label.txt"))
    if DRY_RUN in label:
        yield Refusal("dry-run", "DRY RUN: models are simulated, so this is no data to train on; set models")
    if TOY in label:
        yield Refusal("toy", "TOY: a toy model scored rows or was tuned, so this is no result; set models")
    yield from _find_contract_refusals()
    if stages := _find_stale_stages(sources):
        yield Refusal(
            "stale",
            f"stale: {_join_some(stages)} would run again, so this is not what params and code say now; "
            "evobuild repro",
        )
    if files := list_uncommitted():
        yield Refusal(
            "uncommitted", f"not committed: {_join_some(files)}; nobody could build this again; git commit"
        )
    elif not commit:
        yield Refusal(
            "uncommitted", "dvc.lock is in no commit of git; nobody could build this again; git commit"
        )


def find_leak_refusals(files: Sequence[HubFile], hub_token: str) -> Iterator[Refusal]:
    """Yield a refusal if files contain paths or servers of this machine.

    Raises UserError if a file contains a secret, which no option allows.
    """
    secrets, places = (
        credentials.find_secrets(hub_token),
        leaks.list_local_places(read_yaml(Path("params.yaml"))),
    )
    found = leaks.find_leaks(files, secrets, places)
    if held := [leak for leak in found if leak.what in secrets]:
        names = _join_some(sorted({leak.file for leak in held}))
        raise UserError(
            f"{names}: holds {held[0].what}, a secret; nothing was sent\n"
            "remove it from the data and replace it; if it is not a secret, unset the variable for this "
            "command, or remove it from the file"
        )
    if found:
        more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
        yield Refusal(
            "local-paths",
            f"{found[0].file} holds {found[0].what}{more}, a place of this machine or network; "
            "name models by ids that others have, too, or mend the rows",
        )


def _find_contract_refusals() -> Iterator[Refusal]:
    for path in VALIDATION:
        if not path.exists():
            yield Refusal(
                "failed-contract",
                f"{path}: not found: contracts failed or were not checked; evobuild repro reports which",
            )
        elif failed := [str(failure) for failure in read_validation(path).failures("critical")]:
            more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
            yield Refusal("failed-contract", f"{path}: {failed[0]}{more}; mend the rows, or expectations/")


def _find_stale_stages(sources: Sequence[str]) -> list[str]:
    """List the stages that `dvc repro` would run, ignoring missing files that are not published.

    Raises UserError if a source is missing.
    """
    found = []
    for stage, changes in _read_status().items():
        details = [change for change in changes if isinstance(change, dict)]
        outs = _list_states(details, "changed outs")
        for path, state in outs.items():
            if state == "deleted" and _is_under(path, sources):
                raise UserError(f"{path}: not here; dvc pull it if it was pushed, or evobuild repro")
        states = [*outs.values(), *_list_states(details, "changed deps").values()]
        if len(details) < len(changes) or any(state not in ("deleted", "not in cache") for state in states):
            found.append(stage)
    return found


def _read_status() -> dict[str, list[Any]]:
    """Run `dvc status`; return its changes by stage."""
    from dvc.exceptions import DvcException

    try:
        with open_repo() as repo:
            return dict(repo.status())
    except DvcException as error:
        raise UserError(f"DVC cannot say what is stale: {' '.join(str(error).split())[:200]}") from error


def _list_states(details: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    return {path: state for each in details for path, state in each.get(kind, {}).items()}


def _is_under(path: str, sources: Sequence[str]) -> bool:
    return any(f"{path}/".startswith(f"{source}/") for source in sources)


def _join_some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
