"""What must not leave the house: keys of this machine, its folders, and servers inside its network.

Replies have the key of their server taken out when they come in (models/redaction.py). Here all that is to be
uploaded is searched once more, for the value of each secret of the environment. Tables are searched as text.
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

from evobuild.cli.publish.files import HubFile
from evobuild.core.machine import load_machine

SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD)$")
SHORTEST = 8
"""Characters of a secret that is looked for."""
CHUNK = 1 << 24
ROWS = 8_192
_ABSOLUTE = re.compile(r"(?:^|:)(/[^/\s\[#@][^\[#@]*)")
"""A path from the root in a value of params.yaml, alone or in a model's URI."""
_INNER_NAMES = (".internal", ".local", ".lan", ".corp", ".intranet", ".home.arpa")


class Leak(NamedTuple):
    """Something that a file holds. file: its path on the hub. what: to be shown, never a secret."""

    file: str
    what: str


def secrets(hub_token: str) -> dict[str, str]:
    """Values that nobody else may see, by where they are from."""
    found = {
        f"the value of ${name}": value
        for name, value in os.environ.items()
        if SECRET_NAME.search(name.upper()) and len(value) >= SHORTEST
    }
    return found | ({"the token of the hub": hub_token} if hub_token else {})


def local_places(params: Mapping[str, object]) -> dict[str, str]:
    """Folders of this machine and servers of its network, each by how it is shown: itself."""
    here, home = Path.cwd(), Path.home()
    found = {str(here)} | ({str(home)} if len(home.parts) > 2 else set())
    found |= {path.rstrip("/") for text in _texts(params) for path in _ABSOLUTE.findall(text)}
    options = load_machine().openai
    urls = options.base_url or [os.environ.get("OPENAI_BASE_URL") or ""]
    hosts = {urlsplit(url).hostname or "" for url in urls}
    return {place: place for place in sorted(found | set(filter(_is_inner, hosts)))}


def find_leaks(files: Sequence[HubFile], looked_for: Mapping[str, str]) -> list[Leak]:
    """Give what files hold of some texts, which are by how they are shown."""
    needles = {what: text.encode() for what, text in looked_for.items()}
    return [
        Leak(file.path, what)
        for file in files
        for what in _held(file.source, needles, max(map(len, needles.values()), default=0))
    ]


def _held(path: Path, needles: Mapping[str, bytes], longest: int) -> Iterator[str]:
    left = dict(needles)
    before = b""
    for chunk in _chunks(path):
        window = before + chunk
        for what in [what for what, needle in left.items() if needle in window]:
            del left[what]
            yield what
        before = window[-longest:]


def _chunks(path: Path) -> Iterator[bytes]:
    if path.suffix == ".parquet":
        for rows in pl.scan_parquet(path).collect_batches(chunk_size=ROWS):
            yield rows.write_ndjson().encode()
        return
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _texts(content: object) -> Iterator[str]:
    """All texts of a tree of params."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def _is_inner(host: str) -> bool:
    """Whether a server is of a private network: by its address, or a name that the world does not have."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(host) and host != "localhost" and ("." not in host or host.endswith(_INNER_NAMES))
    return address.is_private and not address.is_loopback
