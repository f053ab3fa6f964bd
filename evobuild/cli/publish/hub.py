"""Upload to the hub: large files first, in parts that a later run need not send again, then one commit.

huggingface_hub implements the protocol: which files are large, Xet or LFS, and bounded retries of 408, 429,
5xx and broken connections. The hub is at $HF_ENDPOINT, else the public one.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from evobuild.cli.publish.hub_errors import translate_hub_errors
from evobuild.cli.publish.hub_files import HubFile
from evobuild.core.errors import UserError, require
from evobuild.process.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

CONNECT_SECONDS, WAIT_SECONDS = 30.0, 300.0
"""Timeouts of connecting and of reading; the library has none."""
PART = 1 << 30
"""Bytes of large files per part: a killed run must resend at most one part."""
MAIN = "main"


class Repository(NamedTuple):
    """The target. id: owner/name, or a name owned by the token's user. kind: dataset or model."""

    id: str
    kind: str
    branch: str
    private: bool

    @property
    def name(self) -> str:
        """The name in the URL of its page: "datasets/me/evolved"."""
        return f"{self.kind}s/{self.id}"


class Uploaded(NamedTuple):
    """The result. revision: of the repository. changed: whether it is a new one."""

    repository: Repository
    revision: str
    changed: bool
    url: str


def check_repository(repository: Repository) -> None:
    """Raise UserError if the hub does not accept the repository's id."""
    require("huggingface_hub", "data")
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repository.id)
    except HFValidationError as error:
        raise UserError(f"publish: {error} Expected owner/name, such as me/evolved") from error


def read_endpoint() -> str:
    """Return the URL of the hub."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def read_token() -> str:
    """Return the hub token of this machine. Raises UserError without one."""
    from huggingface_hub import get_token

    with translate_hub_errors(""):
        token = get_token()
    if not token:
        raise UserError(
            "publish: no token of the hub; `hf auth login`, or set HF_TOKEN; it needs write access"
        )
    return token


class Upload:
    """An upload into one repository, which is created if missing."""

    def __init__(self, repository: Repository, token: str) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars

        _bound_waiting()
        if not sys.stderr.isatty():
            disable_progress_bars()
        self._token = token
        self._api = HfApi(token=token, library_name="evobuild", library_version=__version__)
        self.repository = repository

    def prepare_repository(self) -> None:
        """Create the repository and its branch if missing, and complete its id with the owner.

        Raises UserError if that fails, or if it should be private but is public.
        """
        asked = self.repository
        with translate_hub_errors(self._token):
            made = self._api.create_repo(
                asked.id, repo_type=asked.kind, private=asked.private or None, exist_ok=True
            )
            self.repository = asked._replace(id=made.repo_id)
            found = self._api.repo_info(made.repo_id, repo_type=asked.kind)
            if asked.private and not found.private:
                raise UserError(
                    f"{self.repository.name}: --private, and it is there and public; make it private in its "
                    "settings on the hub, or take another name"
                )
            if asked.branch != MAIN and not asked.branch.startswith("refs/"):
                self._api.create_branch(
                    made.repo_id, repo_type=asked.kind, branch=asked.branch, exist_ok=True
                )

    def commit_files(self, files: Sequence[HubFile], former: Collection[str], message: str) -> Uploaded:
        """Upload files and commit them; remove former files that are no longer in the list.

        Without changes nothing is committed. Raises UserError if the hub refuses it.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        name, kind, branch, _ = self.repository
        with translate_hub_errors(self._token):
            head = self._api.repo_info(name, repo_type=kind, revision=branch).sha
            there = set(self._api.list_repo_files(name, repo_type=kind, revision=head)) if former else set()
            gone = sorted((there & set(former)) - {file.path for file in files})
            added = [CommitOperationAdd(file.path, str(file.source)) for file in files]
            for part in _split_parts(added):
                self._api.preupload_lfs_files(
                    name, additions=part, repo_type=kind, revision=branch, free_memory=False
                )
            done = self._api.create_commit(
                name,
                [*added, *(CommitOperationDelete(path) for path in gone)],
                commit_message=message,
                repo_type=kind,
                revision=branch,
                # Make the commit fail if somebody else committed in between.
                parent_commit=head,
            )
        page = name if kind == "model" else self.repository.name
        return Uploaded(
            self.repository, done.oid, done.oid != head, f"{read_endpoint()}/{page}/tree/{done.oid}"
        )


def _split_parts(added: Sequence[CommitOperationAdd]) -> Iterator[list[CommitOperationAdd]]:
    """Yield files in order, in parts of about PART bytes."""
    part: list[CommitOperationAdd] = []
    size = 0
    for each in added:
        part.append(each)
        size += each.upload_info.size
        if size >= PART:
            yield part
            part, size = [], 0
    if part:
        yield part


def _bound_waiting() -> None:
    """Set timeouts for all requests of huggingface_hub."""
    import httpx2
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def client() -> httpx2.Client:
        made = default_client_factory()
        made.timeout = httpx2.Timeout(WAIT_SECONDS, connect=CONNECT_SECONDS)
        return made

    set_client_factory(client)
