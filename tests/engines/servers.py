"""Servers with OpenAI's interface that others wrote, on 127.0.0.1, started and stopped by the tests.

    python tests/engines/servers.py COMMAND...

runs a command until its own input ends, as it does when whoever started it is killed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# As a script, too, which nobody gives the path of tests.
sys.path.append(str(Path(__file__).parents[1] / "support"))

import patience

READY_SECONDS = 180
"""vLLM's takes half a minute on two idle cores."""

STOP_SECONDS = 20


def vllm(folder: Path, port: int) -> list[str]:
    """vLLM's own server; prompts whole, as a seed cannot be rewound on a CPU (see vllm_engine)."""
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
        *("--served-model-name", "tiny", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"),
        *("--enforce-eager", "--no-enable-chunked-prefill", "--no-enable-prefix-caching"),
        *("--max-num-seqs", "64", "--generation-config", "vllm"),
    ]


def llama_cpp(file: Path, port: int) -> list[str]:
    """llama.cpp's own server."""
    return [sys.executable, str(Path(__file__).with_name("llama_cpp.py")), str(file), str(port)]


@contextmanager
def running(command: list[str], port: int) -> Iterator[str]:
    """Run a server until the end of the block; gives its base URL once it answers.

    Raises RuntimeError with the end of what it said if it stops, or is not ready in READY_SECONDS.
    """
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    with (
        tempfile.TemporaryFile("w+") as log,
        # Left, it closes the input of `main` and waits for it.
        subprocess.Popen(
            [sys.executable, __file__, *command],
            env=os.environ | quiet,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        if not _ready(process, f"http://127.0.0.1:{port}/health"):
            log.seek(0)
            raise RuntimeError(f"{command[:3]} is not ready:\n{log.read()[-3000:]}")
        yield f"http://127.0.0.1:{port}/v1"


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(process: subprocess.Popen[bytes], url: str) -> bool:
    def answers() -> bool:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5):
            return True
        return False

    patience.until(lambda: process.poll() is not None or answers(), READY_SECONDS, every=0.3)
    return process.poll() is None and answers()


def main(command: list[str]) -> None:
    """Run a command to its end or that of the input, and leave no process of its session behind."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_stop_after_input, args=[server], daemon=True).start()
    server.wait()
    os.killpg(0, signal.SIGKILL)


def _stop_after_input(server: subprocess.Popen[bytes]) -> None:
    # A signal at the parent's death would do, but vLLM's server takes it back.
    sys.stdin.read()
    server.terminate()
    time.sleep(STOP_SECONDS)
    server.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
