"""What the program says, on the terminal or into a log: nothing of it steers a terminal.

Messages quote what models and servers wrote, and names of files and of stored models.
"""

from __future__ import annotations

import sys

from evobuild.core.control_characters import on_terminal


def say(text: str) -> None:
    """Write an answer to standard output, as it is but for what a terminal would obey."""
    sys.stdout.write(on_terminal(text))


def log(message: object) -> None:
    """Write a line to standard error: what happens, or what is wrong."""
    sys.stderr.write(f"{on_terminal(str(message))}\n")
    sys.stderr.flush()
