"""Servers with OpenAI's interface that others wrote, on 127.0.0.1, started and stopped by the tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_SECONDS = 180
"""vLLM's takes half a minute on two idle cores."""


def vllm(folder: Path, port: int) -> list[str]:
    """vLLM's own server; prompts whole, as a seed cannot be rewound on a CPU (see vllm_engine)."""
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
        *("--served-model-name", "tiny", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"),
        *("--enforce-eager", "--no-enable-chunked-prefill", "--no-enable-prefix-caching"),
        *("--max-num-seqs", "64", "--generation-config", "vllm"),
    ]


@contextmanager
def running(command: list[str], port: int) -> Iterator[str]:
    """Run a server until the end of the block; gives its base URL once it answers.

    Raises RuntimeError with the end of what it said if it stops, or is not ready in READY_SECONDS.
    """
    with tempfile.TemporaryFile("w+") as log:
        quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
        # Should the tests be killed, their server goes with them.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            env=os.environ | quiet,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if not _ready(process, f"http://127.0.0.1:{port}/health"):
                log.seek(0)
                raise RuntimeError(f"{command[:3]} is not ready:\n{log.read()[-3000:]}")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(process: subprocess.Popen[bytes], url: str) -> bool:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    return False
