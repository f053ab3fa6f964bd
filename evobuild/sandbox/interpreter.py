"""The Python that runs inside: this one, without its site-packages, and the files it needs.

Found once: the executable, its standard library, and the shared libraries that these load.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evobuild.core.errors import UserError

HIDDEN = ("site-packages", "dist-packages")
LEFT_OUT = re.compile(r"_tkinter|_curses|readline|nis|_gdbm|_dbm|ossaudiodev|_test|xx")
"""Extension modules that are not looked through for libraries: they need a terminal, a screen, a network."""

SWITCHES = ("-s", "-S", "-P", "-B", "-X", "utf8")
"""No site-packages of the user's or of the installation, no folder of the script's, nothing written."""


@dataclass(frozen=True)
class Interpreter:
    """What has to be readable inside. libraries: the path each is looked for at, and the file there."""

    executable: Path
    standard_library: Path
    libraries: tuple[tuple[Path, Path], ...]

    def environment(self) -> dict[str, str]:
        """Give all variables that are set inside."""
        folders = dict.fromkeys(str(wanted.parent) for wanted, _ in self.libraries)
        return {
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "LD_LIBRARY_PATH": ":".join(folders),
        }


@cache
def sandbox_interpreter() -> Interpreter:
    """Find the Python that this one is an environment of. Raises UserError if it cannot be looked into."""
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_path("stdlib")).resolve()
    extensions = [file for file in sorted(library.glob("lib-dynload/*.so")) if not LEFT_OUT.match(file.name)]
    try:
        listed = subprocess.run(
            ["ldd", executable, *extensions], capture_output=True, text=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(
            f"the sandbox cannot tell which libraries {executable} needs: ldd: {error}"
        ) from error
    found = {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)}
    return Interpreter(executable, library, tuple((path, path.resolve()) for path in sorted(found)))
