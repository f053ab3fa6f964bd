"""Check that results may be published, collect a hub repository, upload it, and record its revision."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from evobuild.cli.publish import contents, hub, published_record, refusals
from evobuild.cli.publish.build_origin import Origin, read_origin
from evobuild.cli.publish.configs import DATASET
from evobuild.cli.publish.hub_files import Contents, format_size
from evobuild.cli.publish.refusals import Refusal
from evobuild.core.errors import UserError
from evobuild.core.private_files import private_folder
from evobuild.process.terminal import log, print_table, print_text

FOLDER = Path(".evobuild/publish")
"""Temporary files that are generated for the upload."""


class PublishRequest(NamedTuple):
    """A request to publish. base: of the tuned model, None: the dataset. allowed: of refusals.REASONS."""

    repository: hub.Repository
    base: str | None
    allowed: Collection[str]
    is_dry_run: bool


def publish_request(request: PublishRequest) -> None:
    """Publish the dataset or a tuned model; in a dry run, print the plan.

    Raises UserError if a refusal is not allowed, or if the hub refuses the upload.
    """
    hub.check_repository(request.repository)
    if not Path("dvc.yaml").is_file():
        raise UserError("dvc.yaml: no such file; run in its folder, or begin one: evobuild init")
    token = "" if request.is_dry_run else hub.read_token()
    origin = read_origin(str(contents.MODELS / request.base) if request.base else str(DATASET))
    against = list(refusals.find_state_refusals(contents.list_sources(request.base), origin.commit))
    folder = FOLDER / request.repository.name.replace("/", "--")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        given = _lay_out(request, private_folder(folder), origin)
        against += refusals.find_leak_refusals(given.files, token)
        if request.is_dry_run:
            _print_plan(request, given, origin)
        _report_refusals(against, request.allowed)
        if not request.is_dry_run:
            _upload(hub.Upload(request.repository, token), given, origin)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _report_refusals(against: Collection[Refusal], allowed: Collection[str]) -> None:
    """Log one line per refusal. Raises UserError if one is not allowed."""
    for each in against:
        log(f"allowed: {each.line}" if each.name in allowed else f"refused: {each}")
    if refused := sorted({each.name for each in against} - set(allowed)):
        raise UserError(f"publish: refused: {', '.join(refused)}; nothing was sent")


def _lay_out(request: PublishRequest, folder: Path, origin: Origin) -> Contents:
    if request.base is None:
        return contents.collect_dataset(folder, origin)
    rows = read_origin(str(DATASET)).md5
    dataset = published_record.find_published_dataset(rows) if contents.trains_on_dataset() else None
    return contents.collect_model(request.base, folder, origin, dataset)


def _upload(upload: hub.Upload, given: Contents, origin: Origin) -> None:
    upload.prepare_repository()
    key = f"{upload.repository.name}@{upload.repository.branch}"
    former = published_record.read_published().get(key, {}).get("files", [])
    total = sum(file.bytes for file in given.files)
    log(f"{upload.repository.name}: {len(given.files)} files, {format_size(total)}")
    done = upload.commit_files(
        given.files, former, f"Publish {origin.path} of {origin.commit[:12] or 'no commit'}"
    )
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
    if published_record.write_published(key, entry):
        file = published_record.FILE
        print_text(f'{file} has the revision: git add {file} && git commit -m "Publish {key}"\n')


def _print_plan(request: PublishRequest, given: Contents, origin: Origin) -> None:
    """Print what would be uploaded, without calling the hub."""
    repository = request.repository
    seen = "made private if it is not there" if repository.private else "made if it is not there"
    owner = "" if "/" in repository.id else ", below the owner of the token"
    print_text(f"{repository.name}{owner}, branch {repository.branch}, at {hub.read_endpoint()}; {seen}\n\n")
    rows = [(file.path, format_size(file.bytes)) for file in given.files]
    total = sum(file.bytes for file in given.files)
    print_table([("file", "size"), *rows, (f"{len(rows)} files", format_size(total))], right={1})
    if given.configs:
        print_text(f"\nconfigs: {', '.join(f'{each.name} ({each.rows:,} rows)' for each in given.configs)}\n")
    if given.left_out:
        print_text(f"left out: {'; '.join(given.left_out)}\n")
    md5 = origin.md5 or "not in dvc.lock"
    print_text(f"built at git commit {origin.commit or 'none'}, {origin.path} md5 {md5}\n")
    print_text("dry run: nothing was sent or asked\n")
