"""evobuild.lock: what a project's stages depend on in place of the library's own files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evobuild.core.library import library_digests, library_versions
from evobuild.process.version import __version__

_ABOUT = """\
# The library that this project is built with; its stages depend on what they use of it.
# Written by `evobuild upgrade`: install another version, then run that.
"""


def new_versions(earlier: Mapping[str, str]) -> dict[str, str]:
    """The versions of a new lock: of what is installed, and of what the earlier lock had besides."""
    return dict(sorted({**earlier, **library_versions()}.items()))


def is_current(locked: Mapping[str, Any]) -> bool:
    """Whether a lock is that of the installed library. Extras that came or went since change no result."""
    own = {"version": __version__, **library_digests()}
    same = all(locked.get(name) == value for name, value in own.items())
    return same and new_versions(locked["libraries"]).items() >= locked["libraries"].items()


def lock_text(earlier: Mapping[str, str] | None = None) -> str:
    """The lock of the installed library, as YAML: version, a digest for each folder, versions of others.

    earlier: versions of the lock that it replaces.
    """
    folders = [f'{name}: "{digest}"' for name, digest in library_digests().items()]
    libraries = [f'  {name}: "{version}"' for name, version in new_versions(earlier or {}).items()]
    return "\n".join([f'{_ABOUT}version: "{__version__}"', *folders, "libraries:", *libraries, ""])
