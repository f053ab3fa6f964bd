"""`evobuild publish`."""

from __future__ import annotations

import argparse

from evobuild.core.errors import UserError
from evobuild.core.suggestions import unknown_name


def add_publish_options(parser: argparse.ArgumentParser) -> None:
    """Where to, what, and what is let through."""
    from evobuild.cli.publish.refusals import REASONS

    parser.add_argument(
        "repository", metavar="REPOSITORY", help="owner/name on the hub, or a name of one's own"
    )
    parser.add_argument(
        "--model",
        nargs="?",
        const="",
        metavar="BASE",
        help="the model tuned from this base, not the data set; may be left out where there is but one",
    )
    parser.add_argument("--private", action="store_true", help="make the repository private")
    parser.add_argument("--revision", default="main", metavar="BRANCH", help="of the repository; made if new")
    parser.add_argument("--dry-run", action="store_true", help="list files and sizes; ask the hub nothing")
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        choices=REASONS,
        metavar="REASON",
        help=f"publish all the same; may be given again: {', '.join(REASONS)}",
    )


def run_publish(arguments: argparse.Namespace) -> int:
    """Publish, or say what would be."""
    from evobuild.cli.check.all_params import PARAMS
    from evobuild.cli.publish.hub import Repository
    from evobuild.cli.publish.publish import PublishRequest, publish_request
    from evobuild.core.yaml_files import read_yaml

    if not PARAMS.is_file():
        raise UserError(f"{PARAMS}: no such file; run in its folder, or begin one: evobuild init")
    base = arguments.model
    if base is not None:
        bases = list(read_yaml(PARAMS).get("bases") or {})
        base = bases[0] if base == "" and len(bases) == 1 else base
        if base not in bases:
            raise UserError(f"--model: {unknown_name('base', base, bases)}")
    kind = "dataset" if base is None else "model"
    repository = Repository(arguments.repository, kind, arguments.revision, arguments.private)
    publish_request(PublishRequest(repository, base, set(arguments.allow), arguments.dry_run))
    return 0
