"""Run a command where namespaces are forbidden, as in a plain container; with --landlock, Landlock too.

python tests/support/attacks/deny.py [--landlock] COMMAND...
"""

from __future__ import annotations

import errno
import os
import sys

import pyseccomp

NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""


def main(words: list[str]) -> None:
    """Set the filter, which all that comes after inherits, and become the command."""
    made = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for flag in NAMESPACES:
        made.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    made.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for name in ("unshare", "setns", "mount", "pivot_root"):
        made.add_rule(refused, name)
    if words[0] == "--landlock":
        words = words[1:]
        made.add_rule(pyseccomp.ERRNO(errno.EOPNOTSUPP), 444)  # landlock_create_ruleset
    made.load()
    os.execvp(words[0], words)


if __name__ == "__main__":
    main(sys.argv[1:])
