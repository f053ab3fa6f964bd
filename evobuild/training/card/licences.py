"""Under which licence a base model is, as its own card or file of licence says it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from evobuild.core.errors import BadInput, UserError, require
from evobuild.core.escaping import code, one_line
from evobuild.core.text_files import read_text
from evobuild.core.uri import Weights
from evobuild.core.yaml_files import parse_yaml
from evobuild.weights.sources import HUB_SECONDS, weights_source

CARD = "README.md"
_FRONT = re.compile(r"\A\s*---\n(.*?\n)---\s*$", re.DOTALL | re.MULTILINE)
_URL = re.compile(r"https?://[\w.~:/?#@!$&*+,;=%-]+")
_FILES = ("LICENSE*", "LICENCE*", "license*", "licence*")
_KNOWN = {"apache-2.0": ("Apache License", "Version 2.0"), "mit": ("MIT License",)}
"""Of files without a card, what the first lines of common licences say."""
_LENGTH = 200
"""Characters of a name that are shown."""


class Licence(NamedTuple):
    """A licence by its identifier on the hub; of others, `other`, by name and link. source: who says so."""

    identifier: str
    name: str
    link: str
    source: str

    def __str__(self) -> str:
        return self.name or self.identifier


def base_licence(base: Weights) -> Licence | None:
    """Return the licence of a base model; None if it states none, or cannot be read."""
    folder = _folder(base)
    if folder is None:
        return None
    page = "" if base.is_local else f"https://huggingface.co/{base.name}/blob/main/"
    return _licence_of_card(folder / CARD, page) or _licence_of_file(folder)


def _folder(base: Weights) -> Path | None:
    """Return the folder with the base's card: its own, or the hub's cache, downloaded if possible."""
    try:
        source, revision = weights_source(base)
        if Path(source).is_dir():
            return Path(source)
        hub, errors = require("huggingface_hub", "train"), require("huggingface_hub.errors", "train")
    except UserError:
        return None
    try:
        return Path(hub.hf_hub_download(source, CARD, revision=revision, etag_timeout=HUB_SECONDS)).parent
    except (errors.HTTPError, errors.HFValidationError, OSError, ValueError):
        return None


def _licence_of_card(card: Path, page: str) -> Licence | None:
    """Parse the licence in the front matter of a model card. page: base of its links; '' without one."""
    try:
        front = _FRONT.match(read_text(card)) if card.is_file() else None
        found = (parse_yaml(front[1], card) if front else None) or {}
    except UserError:
        return None
    if not (identifier := _text(found, "license")):
        return None
    name, link = _text(found, "license_name"), _text(found, "license_link")
    if link and page and "://" not in link:
        link = page + link
    return Licence(identifier, name, link if _URL.fullmatch(link) else "", f"its card, {CARD}")


def _licence_of_file(folder: Path) -> Licence | None:
    files = sorted({file for pattern in _FILES for file in folder.glob(pattern) if file.is_file()})
    try:
        text = read_text(files[0]) if files else ""
    except BadInput:
        return None
    if not (lines := [line for line in text.splitlines() if line.strip()]):
        return None
    beginning = " ".join(lines[:3])
    known = (each for each, words in _KNOWN.items() if all(word in beginning for word in words))
    identifier = next(known, "other")
    name = one_line(lines[0])[:_LENGTH] if identifier == "other" else ""
    return Licence(identifier, name, "", f"its file {code(files[0].name)}")


def _text(found: dict[str, object], key: str) -> str:
    value = found.get(key)
    first = value[0] if isinstance(value, list) and value else value
    return one_line(first)[:_LENGTH] if isinstance(first, str) else ""
