"""An HTTP server of the report and the explorer, for this machine alone.

It listens on 127.0.0.1 and answers only requests whose Host header is that address or localhost: other names
may be DNS rebinding by a foreign page. It serves the report, the explorer, the history of a row, usage and
progress, but no folder listing and no other file. It is read-only.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from evobuild.cli.explain.explain import explain_row
from evobuild.cli.serve.status import REPORT, build_status
from evobuild.core.errors import UserError
from evobuild.process import run_journal
from evobuild.process.run_script import run_script
from evobuild.reporting import templates

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
SECONDS = 10.0
"""Timeout of a client's request and of sending it the response."""
AT_ONCE = 16
"""Requests answered at once; further connections are closed."""
EXPLORER = Path("data/explorer")
PAGES = {"/report.html": REPORT, "/validation.html": Path("data/validation.html")}
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
_ROW = re.compile(r"/row/([0-9a-f]{4,20})")
"""A row by a unique prefix of its id."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Server(ThreadingHTTPServer):
    """Listens on this machine alone. port: 0 for any that is free."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__((ADDRESS, port), Handler)
        self._free = threading.BoundedSemaphore(AT_ONCE)

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a new thread, unless AT_ONCE requests are being answered."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, then free the slot."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of a connection, such as a client that closed it."""


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    timeout = SECONDS
    server: Server

    def do_GET(self) -> None:
        """Send the requested page or file."""
        self._answer()

    def do_HEAD(self) -> None:
        """Send the headers of the requested page or file."""
        self._answer()

    def _answer(self) -> None:
        if self.headers.get("Host", "") not in {f"{name}:{self.server.server_port}" for name in NAMES}:
            self._send(HTTPStatus.FORBIDDEN, f"Ask for {self.server.url}\n".encode())
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/":
            self._send(HTTPStatus.FOUND, b"", Location="/report.html" if REPORT.is_file() else "/live.html")
        elif row := _ROW.fullmatch(path):
            self._tell(row[1])
        elif make := MADE.get(path):
            kind, content = make()
            self._send(HTTPStatus.OK, content.encode(), kind)
        elif file := find_served_file(path):
            self._send(HTTPStatus.OK, file.read_bytes(), KINDS[file.suffix])
        else:
            self._send(HTTPStatus.NOT_FOUND, b"Not served. Open files of the project in its folder.\n")

    def _tell(self, beginning: str) -> None:
        """Send the history of a row."""
        try:
            self._send(HTTPStatus.OK, explain_row(beginning).encode())
        except UserError as error:
            self._send(HTTPStatus.NOT_FOUND, f"{error}\n".encode())

    def _send(self, status: HTTPStatus, content: bytes, kind: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        sent = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(content))}
        for name, value in {**sent, **HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def version_string(self) -> str:
        """Return a name that reveals no versions."""
        return "evobuild"

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""


def find_served_file(path: str) -> Path | None:
    """Return the file for a URL path; None if it is not served.

    Parts that are empty, or begin with a dot, are refused, so that no path leads out of the explorer.
    """
    if own := PAGES.get(path):
        return own if own.is_file() else None
    head, *parts = path.removeprefix("/").split("/")
    plain = all(part and part[0] != "." and "\\" not in part and "\0" not in part for part in parts)
    file = EXPLORER.joinpath(*parts) if head == "explorer" and plain else None
    return file if file and file.suffix in KINDS and file.is_file() else None


def _build_live_page() -> tuple[str, str]:
    return "text/html", templates.render_page("live.html.jinja", **templates.script("live.js"))


def _build_status() -> tuple[str, str]:
    return "application/json", json.dumps(build_status())


def _build_runs() -> tuple[str, str]:
    return "text/javascript", run_script(run_journal.read_runs())


MADE: dict[str, Callable[[], tuple[str, str]]] = {
    "/live.html": _build_live_page,
    "/status.json": _build_status,
    "/run.js": _build_runs,
}
"""Generated pages: functions that return content type and text."""
