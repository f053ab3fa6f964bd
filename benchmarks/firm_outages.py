"""What a stage makes of a server that is bad all the time.

    python benchmarks/firm_outages.py

Each case meets the stage `respond` over 2,000 rows, in a process of its own, with the default concurrency and
retries and a timeout of TIMEOUT seconds. It has to end by itself after few calls, soon, and with the cause in
its words; once the server is well, the next run has to ask just what is missing. Then two builds that share a
reply cache ask the same. Some minutes. Prints each figure as it comes.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from figures import Figures, of_parts
from firm_servers import ROOT, SUPPORT, Folder

ROWS = 2000
TIMEOUT = 4.0
"""Seconds of a call. A process takes some of them to start, which counts here."""
SHARED = 300
"""Requests that two builds ask together."""
HUNG_AFTER = 30
"""Good replies before a server hangs: few enough that not all 64 calls are in flight."""


class Case(NamedTuple):
    """A plan of a bad server, what the stage's message has to contain, and the most calls that it may get.

    well: how many calls it answers before. url: another address. tls: its certificate is its own.
    """

    plan: Callable[[Any, int], Any]
    cause: str
    calls: int = 64
    well: int = 0
    url: str = ""
    tls: bool = False


def cases() -> dict[str, Case]:
    """All of them, by name."""
    from faults import Answer, content, failing, good
    from hostile import HEAD, raw, said, text

    def always(answer: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
        return lambda body, attempt: answer(body)

    page = Answer(b"<html>login</html>", headers={"Content-Type": "text/html"})
    hang = always(lambda body: replace(good(body), hang=True, good=False))
    return {
        "hang": Case(hang, f"no reply within {TIMEOUT:g} s", 8),
        "hang after n": Case(hang, f"no reply within {TIMEOUT:g} s", well=HUNG_AFTER),
        "drip": Case(always(raw(HEAD + b"\r\n", b" ", 0.05)), f"no reply within {TIMEOUT:g} s", 8),
        "all 400": Case(always(lambda body: failing(400, "no field 'seed'")), "400 no field 'seed'"),
        "all 401": Case(always(lambda body: failing(401)), "check the key in $OPENAI_API_KEY"),
        "all 404": Case(always(lambda body: failing(404, "no such model")), "404 no such model"),
        "all 429, Retry-After of 2 h": Case(
            always(lambda body: failing(429, "slow down", Retry_After="7200")), "asks to wait 2 h 00 min"
        ),
        "all 500": Case(always(lambda body: failing(500, "out of order")), "500 out of order"),
        "all empty": Case(always(text("")), "an empty reply"),
        "all null": Case(always(said(message={"content": None})), "an empty reply"),
        "all cut off": Case(always(said(finish_reason="length")), "a reply cut off at"),
        "all cut in half": Case(
            always(lambda body: replace(good(body), cut=True, good=False)), "connection lost"
        ),
        "wrong model": Case(always(said(model="another")), "reply of another model: 'another'"),
        "HTML": Case(always(lambda body: page), "content type text/html"),
        "wrong JSON": Case(always(lambda body: Answer(b'{"answer": 42}')), "malformed reply: choices"),
        "half JSON": Case(always(lambda body: Answer(good(body).body[:40])), "malformed reply: Invalid JSON"),
        "no choices": Case(
            always(lambda body: Answer(json.dumps(content(body, choices=0)).encode())), "empty choices"
        ),
        "TLS failure": Case(good, "CERTIFICATE_VERIFY_FAILED", tls=True),
        "DNS failure": Case(
            good, "Cannot connect to host nowhere.invalid", url="http://nowhere.invalid:9/v1"
        ),
        "refused": Case(good, "Cannot connect to host 127.0.0.1:9", url="http://127.0.0.1:9/v1"),
    }


def run(figures: Figures) -> None:
    """Take all figures."""
    sys.path[:0] = [str(SUPPORT), str(ROOT)]
    bad = {"calls": 0, "seconds": 0, "cause": 0, "healed": 0}
    longest, found = 0.0, cases()
    for name, case in found.items():
        with tempfile.TemporaryDirectory() as path:
            calls, seconds, words, missing, asked = _meet(Folder(Path(path), ROWS), case)
        longest = max(longest, seconds)
        wrong = {
            "calls": calls > case.calls,
            "seconds": seconds > 2 * TIMEOUT + 30,
            "cause": case.cause not in words,
            "healed": asked != missing,
        }
        for each, is_wrong in wrong.items():
            bad[each] += is_wrong
        print(f"{name}: {calls} calls, {seconds:.1f} s, then {asked} of {missing} asked", flush=True)
        if any(wrong.values()):
            print(f"  {[each for each, is_wrong in wrong.items() if is_wrong]}: {words[-900:]}", flush=True)
    figures.at_least("outages: kinds of bad servers, each over 2,000 rows", len(found), 16, "kinds")
    figures.at_most(
        "outages: kinds that are called more than 64 times, or 8 of hangs", bad["calls"], 0, "kinds"
    )
    figures.at_most("outages: the longest time until a stage stops", longest, 2 * TIMEOUT + 30, "s")
    figures.at_most("outages: kinds whose cause is not named", bad["cause"], 0, "kinds")
    figures.at_most(
        "outages: kinds after which other than what is missing is asked", bad["healed"], 0, "kinds"
    )
    figures.at_most(
        "outages: replies paid twice by two builds of one cache", _count_paid_twice(), 0.02, "of all"
    )


def _meet(folder: Folder, case: Case) -> tuple[int, float, str, int, int]:
    """Run the stage against a bad server and, once it is well, again.

    Returns the calls that the bad server got, the seconds until the stage stopped, its words, and of the next
    run the replies that are missing and the calls.
    """
    from faults import KEY, FaultServer, good

    def plan(body: Any, attempt: int) -> Any:
        return good(body) if server.asked.total() <= case.well else case.plan(body, attempt)

    with FaultServer(plan, tls=_own_certificate(folder.path) if case.tls else None) as server:
        began = time.monotonic()
        code, words, _ = folder.run(case.url or server.url, KEY, timeout=TIMEOUT)
        seconds = time.monotonic() - began
        calls = server.asked.total() - case.well
    assert code == 1, f"the stage ended with {code}: {words[-500:]}"
    with FaultServer(good) as server:
        missing = ROWS - folder.replies()
        code, said, _ = folder.run(server.url, KEY)
        assert code == 0 and folder.rows_accounted_for() == ROWS, said[-500:]
        return calls, seconds, words, missing, server.asked.total()


def _own_certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody else has signed."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command = ["openssl", *words, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _count_paid_twice() -> float:
    """The share of requests that two builds, begun together with one reply cache, both pay for."""
    from faults import KEY, FaultServer

    with tempfile.TemporaryDirectory() as path, FaultServer(latency=0.2) as server:
        folders = [Folder(Path(path, name), SHARED) for name in ("one", "other")]
        for folder in folders:
            folder.store = Path(path, "replies.sqlite")
        builds = [folder.begin(server.url, KEY) for folder in folders]
        for build in builds:
            said, _ = build.communicate(timeout=300)
            assert build.returncode == 0, said
        assert len(server.asked) == SHARED
        return server.asked.total() / SHARED - 1


if __name__ == "__main__":
    of_parts(__doc__, ("outages",), lambda figures, part: run(figures))
