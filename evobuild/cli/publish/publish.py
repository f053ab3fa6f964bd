"""Refuse what is no result, lay a repository of the hub out, upload it, and write its revision down."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from evobuild.cli.publish import contents, hub, record, refusals
from evobuild.cli.publish.configs import DATASET
from evobuild.cli.publish.files import Contents, shown_size
from evobuild.cli.publish.origin import Origin, read_origin
from evobuild.cli.publish.refusals import Refusal
from evobuild.core.errors import UserError
from evobuild.core.private_files import private_folder
from evobuild.process.terminal import log, print_table, print_text

FOLDER = Path(".evobuild/publish")
"""Files that are made to be uploaded; the same again at the next run."""


class Request(NamedTuple):
    """What is asked. base: of the tuned model, None for the data set. allowed: of refusals.REASONS."""

    repository: hub.Repository
    base: str | None
    allowed: Collection[str]
    is_dry_run: bool


def publish(request: Request) -> None:
    """Publish the data set or a tuned model, or say what would be.

    Raises UserError if something stands against it, and if the hub refuses it.
    """
    hub.check_repository(request.repository)
    if not Path("dvc.yaml").is_file():
        raise UserError("dvc.yaml: no such file; run in its folder, or begin one: evobuild init")
    token = "" if request.is_dry_run else hub.read_token()
    origin = read_origin(str(contents.MODELS / request.base) if request.base else str(DATASET))
    against = list(refusals.state_refusals(contents.sources(request.base), origin.commit))
    folder = FOLDER / request.repository.name.replace("/", "--")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        given = _lay_out(request, private_folder(folder), origin)
        against += refusals.leak_refusals(given.files, token)
        if request.is_dry_run:
            _say_plan(request, given, origin)
        _refuse(against, request.allowed)
        if not request.is_dry_run:
            _upload(hub.Upload(request.repository, token), given, origin)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse(against: Collection[Refusal], allowed: Collection[str]) -> None:
    """Say in a line each what stands against it. Raises UserError if something is not allowed."""
    for each in against:
        log(f"allowed: {each.line}" if each.name in allowed else f"refused: {each}")
    if refused := sorted({each.name for each in against} - set(allowed)):
        raise UserError(f"publish: refused: {', '.join(refused)}; nothing was sent")


def _lay_out(request: Request, folder: Path, origin: Origin) -> Contents:
    if request.base is None:
        return contents.dataset_contents(folder, origin)
    rows = read_origin(str(DATASET)).md5
    dataset = record.published_dataset(rows) if contents.trains_on_dataset() else None
    return contents.model_contents(request.base, folder, origin, dataset)


def _upload(upload: hub.Upload, given: Contents, origin: Origin) -> None:
    upload.begin()
    key = f"{upload.repository.name}@{upload.repository.branch}"
    former = record.read_published().get(key, {}).get("files", [])
    total = sum(file.bytes for file in given.files)
    log(f"{upload.repository.name}: {len(given.files)} files, {shown_size(total)}")
    done = upload.finish(given.files, former, f"Publish {origin.path} of {origin.commit[:12] or 'no commit'}")
    entry = {
        "url": done.url,
        "revision": done.revision,
        "git_commit": origin.commit,
        "path": origin.path,
        "md5": origin.md5,
        "date": datetime.now(UTC).date().isoformat(),
        "files": sorted(file.path for file in given.files),
    }
    if not done.changed:
        print_text(
            f"{upload.repository.name}: nothing to commit, the hub has it as it is, at {done.revision}\n"
        )
    else:
        print_text(f"{done.url}\n")
    if record.write_published(key, entry):
        print_text(
            f'{record.FILE} has the revision: git add {record.FILE} && git commit -m "Publish {key}"\n'
        )


def _say_plan(request: Request, given: Contents, origin: Origin) -> None:
    """Print what would be uploaded; nothing is asked of the hub."""
    repository = request.repository
    seen = "made private if it is not there" if repository.private else "made if it is not there"
    owner = "" if "/" in repository.id else ", below the owner of the token"
    print_text(f"{repository.name}{owner}, branch {repository.branch}, at {hub.endpoint()}; {seen}\n\n")
    rows = [(file.path, shown_size(file.bytes)) for file in given.files]
    total = sum(file.bytes for file in given.files)
    print_table([("file", "size"), *rows, (f"{len(rows)} files", shown_size(total))], right={1})
    if given.configs:
        print_text(f"\nconfigs: {', '.join(f'{each.name} ({each.rows:,} rows)' for each in given.configs)}\n")
    if given.left_out:
        print_text(f"left out: {'; '.join(given.left_out)}\n")
    md5 = origin.md5 or "not in dvc.lock"
    print_text(f"built at git commit {origin.commit or 'none'}, {origin.path} md5 {md5}\n")
    print_text("dry run: nothing was sent or asked\n")
