"""An S3 server on 127.0.0.1, moto's, in its own environment: `make test-sharing` makes it."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import patience
from workspace import ROOT

PYTHON = ROOT / ".venv-moto/bin/python"
READY_SECONDS = 60
LIFE_SECONDS = 900
"""After which it ends by itself, should whoever started it be killed."""
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    # No credentials of the machine that this runs on.
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Variables that a client of the server needs."""


@contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """Run the server until the end of the block, with one bucket; gives its URL."""
    port = free_port()
    command = [
        sys.executable,
        patience.__file__,
        str(LIFE_SECONDS),
        str(PYTHON),
        "-m",
        "moto.server",
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        make_bucket(f"{url}/{bucket}", server)
        yield url
    finally:
        server.terminate()
        patience.wait(server)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_bucket(address: str, server: subprocess.Popen[bytes]) -> None:
    """Make a bucket once the server answers; RuntimeError if it ends, or is silent for READY_SECONDS."""

    def is_made() -> bool:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(urllib.request.Request(address, method="PUT"), timeout=5).close()
            return True
        return False

    patience.until(lambda: server.poll() is not None or is_made(), READY_SECONDS, every=0.2)
    if server.poll() is None and is_made():
        return
    raise RuntimeError(f"{PYTHON} -m moto.server: not ready on {address}; its code {server.poll()}")
