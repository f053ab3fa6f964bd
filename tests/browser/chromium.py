"""Headless Chromium with one page, driven over its DevTools protocol: no driver program, no package more."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import patience

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 30.0
"""For the browser to start, and for anything that a page is waited for."""


def executable() -> str:
    """The browser's path: $CHROMIUM, else the first known name on the path.

    Raises RuntimeError if there is none.
    """
    for name in (os.environ.get("CHROMIUM", ""), *NAMES):
        if name and (found := shutil.which(name)):
            return found
    raise RuntimeError("no Chromium is installed: run tests/browser/install.sh, or set CHROMIUM to its path")


class Page:
    """A page of a browser of its own. errors: what scripts threw or were refused; asked: every URL."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.asked: list[str] = []
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # The sandbox of Chromium refuses to run for root, as in a container.
        rights = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [
            executable(), "--headless=new", "--remote-debugging-port=0", "--no-first-run",
            f"--user-data-dir={self._folder.name}", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-extensions", "--disable-background-networking", "--window-size=1400,900",
            *rights, "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._runner = asyncio.Runner()
        self._numbers = itertools.count(1)
        self._loaded = False
        try:
            self._runner.run(self._connect())
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    async def _connect(self) -> None:
        port = Path(self._folder.name) / "DevToolsActivePort"
        await _until(lambda: port.exists() and port.read_text().count("\n") >= 1, "Chromium did not start")
        url = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json/list"
        self._session = aiohttp.ClientSession()
        async with self._session.get(url) as response:
            targets = await response.json(content_type=None)
        address = next(each["webSocketDebuggerUrl"] for each in targets if each["type"] == "page")
        self._socket = await self._session.ws_connect(address, max_msg_size=0)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the protocol and give its result."""
        return self._runner.run(asyncio.wait_for(self._call(method, arguments), patience.scaled(SECONDS)))

    async def _call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": arguments})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        event, given = message.get("method"), message.get("params", {})
        if event == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Log.entryAdded" and given["entry"]["level"] == "error":
            self.errors.append(given["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])
        elif event == "Page.loadEventFired":
            self._loaded = True

    def open(self, url: str) -> None:
        """Open a URL, in place of what was open, and wait until it is loaded."""
        self._loaded = False
        # A page whose address differs in its fragment alone would not be loaded again.
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """Run an expression in the page, await it, and give its value."""
        done = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in done, f"{script}: {done['exceptionDetails']}"
        return done["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true in the page; give its value."""
        value = patience.until(lambda: self.run(condition), SECONDS)
        assert value, f"not true within {SECONDS:g} s: {condition}"
        return value

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key: its name and code as the DOM has them, and what it types."""
        common = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def close(self) -> None:
        """End the browser."""
        if hasattr(self, "_session"):
            self._runner.run(self._session.close())
        self._runner.close()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _until(condition: Callable[[], bool], problem: str) -> None:
    left = patience.Patience(SECONDS)
    while not condition():
        assert not left.is_over(), f"{problem} within {SECONDS:g} s"
        await asyncio.sleep(0.02)
