"""Channels out of a sandbox and between two: socket pairs that carry bytes one way.

A pipe can be opened again through /proc/self/fd: under Landlock, code of its parent's user could so read what
it has written before its parent does. A socket cannot be opened.
"""

from __future__ import annotations

import socket


def open_channel() -> tuple[int, int]:
    """Open a channel: the descriptor to read from and the one to write to, which only `pass_fds` hands on."""
    reader, writer = socket.socketpair()
    reader.shutdown(socket.SHUT_WR)
    return reader.detach(), writer.detach()
