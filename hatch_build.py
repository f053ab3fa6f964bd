"""The README as package indexes show it: outside the repository its relative links lead nowhere.

With `Source` in `[project.urls]`, the address of the repository's files at one version, relative links become
absolute. Without it, no such address is known: a link keeps its text, and a picture is left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")
_BLANK = re.compile(r"\n{3,}")


def rendered_elsewhere(readme: str, source: str | None) -> str:
    """Rewrite the relative links of a README. source: the address that they start from, if it is known."""

    def rewrite(link: re.Match[str]) -> str:
        picture, text, path = link.groups()
        if source:
            return f"{picture}[{text}]({source.rstrip('/')}/{path})"
        return "" if picture else text

    return _BLANK.sub("\n\n", _LINK.sub(rewrite, readme))


class ReadmeHook(MetadataHookInterface):
    """Sets `readme` of the package."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set it."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = rendered_elsewhere(readme, metadata.get("urls", {}).get("Source"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
