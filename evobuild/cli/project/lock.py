"""evobuild.lock: what a project's stages depend on in place of the library's own files."""

from __future__ import annotations

from evobuild.core.library import library_digests, library_versions
from evobuild.core.version import __version__

_ABOUT = """\
# The library that this project is built with; its stages depend on what they use of it.
# Written by `evobuild upgrade`: install another version, then run that.
"""


def lock_text() -> str:
    """The lock of the installed library, as YAML: version, a digest for each folder, versions of others."""
    folders = [f'{name}: "{digest}"' for name, digest in library_digests().items()]
    libraries = [f'  {name}: "{version}"' for name, version in library_versions().items()]
    return "\n".join([f'{_ABOUT}version: "{__version__}"', *folders, "libraries:", *libraries, ""])
