"""Search files for what must not be published: secrets, folders of this machine, servers of its network.

Replies already had their server's key redacted on arrival (models/redaction.py). Here all files to be
uploaded are searched for every secret of this machine (credentials.py), in the same encodings, and for
folders and servers literally. Tables are searched as text.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import polars as pl

from evobuild.cli.publish.hub_files import HubFile
from evobuild.core.machine import load_machine
from evobuild.models.redaction import Search

CHUNK = 1 << 22
DISGUISED = 32
"""Longest encoding of a secret, as a multiple of its length: how far two chunks must overlap."""
ROWS = 8_192
_ABSOLUTE = re.compile(r"(?:^|:)(/[^/\s\[#@][^\[#@]*)")
"""A path from the root in a value of params.yaml, alone or in a model's URI."""
_INNER_NAMES = (".internal", ".local", ".lan", ".corp", ".intranet", ".home.arpa")


class Leak(NamedTuple):
    """A finding. file: path on the hub. what: its display name, never the secret itself."""

    file: str
    what: str


def list_local_places(params: Mapping[str, object]) -> dict[str, str]:
    """List folders of this machine and servers of its network, each under its display name: itself."""
    here, home = Path.cwd(), Path.home()
    found = {str(here)} | ({str(home)} if len(home.parts) > 2 else set())
    found |= {path.rstrip("/") for text in _iterate_texts(params) for path in _ABSOLUTE.findall(text)}
    options = load_machine().openai
    urls = options.base_url or [os.environ.get("OPENAI_BASE_URL") or ""]
    hosts = {urlsplit(url).hostname or "" for url in urls}
    return {place: place for place in sorted(found | set(filter(_is_inner, hosts)))}


def find_leaks(files: Sequence[HubFile], secrets: Mapping[str, str], places: Mapping[str, str]) -> list[Leak]:
    """Find secrets in any encoding, and places literally, in files; report both by display name."""
    search = Search(secrets)
    overlap = DISGUISED * max(map(len, (*secrets.values(), *places.values())), default=0)
    return [
        Leak(file.path, what) for file in files for what in _search_file(file.source, search, places, overlap)
    ]


def _search_file(path: Path, search: Search, places: Mapping[str, str], overlap: int) -> list[str]:
    found: set[str] = set()
    before = ""
    for chunk in _iterate_chunks(path):
        window = before + chunk
        found |= search.found_in(window) | {what for what, place in places.items() if place in window}
        before = window[-overlap:] if overlap else ""
    return sorted(found)


def _iterate_chunks(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        for rows in pl.scan_parquet(path).collect_batches(chunk_size=ROWS):
            yield rows.write_ndjson()
        return
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _iterate_texts(content: object) -> Iterator[str]:
    """Yield all texts of nested params."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _iterate_texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _iterate_texts(value)


def _is_inner(host: str) -> bool:
    """Whether a host is in a private network, by its address or by a name that public DNS does not have."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(host) and host != "localhost" and ("." not in host or host.endswith(_INNER_NAMES))
    return address.is_private and not address.is_loopback
