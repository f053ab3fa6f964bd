"""An SSH server on 127.0.0.1 that serves files, in this process; asyncssh's, which DVC's remote uses, too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

STOP_SECONDS = 10


@contextmanager
def ssh_server(folder: Path) -> Iterator[tuple[int, Path]]:
    """Serve until the end of the block. folder: for keys. Gives the port, and the file of the one key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    file = folder / "key"
    key.write_private_key(str(file))
    file.chmod(0o600)
    allowed = asyncssh.import_authorized_keys(key.export_public_key().decode())
    host = asyncssh.generate_private_key("ssh-ed25519")

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host], authorized_client_keys=allowed, sftp_factory=True
        )

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(STOP_SECONDS)
    try:
        yield server.get_port(), file
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(STOP_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS)
        loop.close()
