"""`evobuild serve`."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.process.terminal import print_text

MOST_PORT = 65535


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= MOST_PORT):
        raise argparse.ArgumentTypeError(f"{text[:20]!r}; expected a number from 0 to {MOST_PORT}")
    return int(text)


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """The port."""
    parser.add_argument(
        "--port", type=_port, default=0, metavar="PORT", help="to listen on; 0: any that is free"
    )


def run_serve(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from evobuild.cli.serve.server import Server

    if not Path("dvc.yaml").is_file():
        raise UserError("dvc.yaml: no such file; run in its folder, or begin one: evobuild init")
    try:
        server = Server(arguments.port)
    except OSError as error:
        raise UserError(
            f"--port {arguments.port}: {error.strerror}; expected another, or 0 for any"
        ) from error
    with server, suppress(KeyboardInterrupt):
        print_text(f"{server.url} for this machine alone; Ctrl-C ends it\n")
        sys.stdout.flush()
        server.serve_forever()
    print_text("ended\n")
    return 0
