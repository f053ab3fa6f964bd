"""Run the whole corpus against the sandboxes of this machine, and say whatever did not hold.

    python tests/support/attacks/hold.py [--isolation NAME]

It prints one JSON object: {"user": n, "isolations": […], "attacks": n, "benign": n, "forgeries": n,
"further": n, "escapes": n, "misjudged": n, "failures": […]}; further: those of all but attacks.py and
forgeries.py. Each failure is an escape, or something that is judged otherwise than it is.
Everything an attack could reach is set up first and looked at last: files, servers, processes.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support")]

import patience  # noqa: E402

from attacks import disguises, endings, forgeries, kernel, loopholes, transcripts  # noqa: E402
from attacks.attacks import ATTACKS  # noqa: E402
from attacks.benign import BENIGN  # noqa: E402
from evobuild import sandbox  # noqa: E402

SECONDS = patience.scaled(3.0)
LIMITS = sandbox.Limits(
    seconds=SECONDS, memory=256, output=1_000_000, modules=None, allow_weaker_isolation=False
)
PATIENT = LIMITS.model_copy(update={"seconds": 7 * SECONDS})
FURTHER = kernel.ATTACKS + transcripts.ATTACKS + endings.ATTACKS + disguises.ATTACKS
JUDGED = ("benign", "exam", "forges a verdict", "answers more than it may")
JUDGED += (transcripts.KIND, endings.KIND, disguises.KIND)
"""Kinds of failures after which something is judged otherwise than it is, and nothing got out."""

MARK = b"marshal.load(sys.stdin.buffer)"
"""In the command line of every process of a sandbox."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--isolation")
    chosen = parser.parse_args().isolation
    isolations = [each for each in sandbox.usable_isolations() if chosen in (None, each.name)]
    failures = [f"{isolation.name}: {failure}" for isolation in isolations for failure in held(isolation)]
    counts = {"attacks": len(ATTACKS), "benign": len(BENIGN), "forgeries": len(forgeries.FORGERIES)}
    counts["further"] = len(FURTHER) + len(loopholes.LOOPHOLES)
    names = [each.name + (" as nobody" if each.drop else "") for each in isolations]
    misjudged = sum(failure.split(": ")[1] in JUDGED for failure in failures)
    counts |= {"escapes": len(failures) - misjudged, "misjudged": misjudged}
    print(json.dumps({"user": os.getuid(), "isolations": names, **counts, "failures": failures}))


def held(isolation: sandbox.Isolation) -> Iterator[str]:
    """Say everything that did not hold in one kind of sandbox."""
    with world() as (given, reached):
        yield from _attacked(isolation, given)
        yield from reached()
    yield from _judged(isolation)
    yield from _examined(isolation)
    yield from (f"a process is left: {name}" for name in _left())


def _attacked(isolation: sandbox.Isolation, given: dict[str, object]) -> Iterator[str]:
    attacks = ATTACKS + FURTHER
    jobs = [sandbox.Job(each.name, each.code, "attack", ((given,),)) for each in attacks]
    found = {outcome.key: outcome for outcome in sandbox.run_jobs(jobs, LIMITS, isolation, at_once=4)}
    for each in attacks:
        answer = found[each.name].answers[0]
        said = f"{answer.error} {answer.detail}" if answer.error else f"value {answer.value!r}"
        if not any(said == must or (must[-1] == "*" and said.startswith(must[:-1])) for must in each.must):
            yield f"{each.kind}: {each.name}: {said[:200]}; must be {' or '.join(each.must)}"


def _judged(isolation: sandbox.Isolation) -> Iterator[str]:
    jobs = [
        sandbox.Job(each.name, each.code, "evaluate", tuple((argument,) for argument, _ in each.expected))
        for each in BENIGN
    ]
    found = {outcome.key: outcome for outcome in sandbox.run_jobs(jobs, PATIENT, isolation)}
    for each in BENIGN:
        for answer, (_, expected) in zip(found[each.name].answers, each.expected, strict=True):
            right = answer.value == expected and type(answer.value) is type(expected)
            if answer.error or not (right or each.name in OPEN):
                yield f"benign: {each.name}: {answer}"


def _examined(isolation: sandbox.Isolation) -> Iterator[str]:
    exams = forgeries.exams() + loopholes.exams()
    for verdict in sandbox.run_exams(exams, LIMITS, isolation, at_once=4):
        if verdict.passed != verdict.key.startswith("rightly: "):
            yield f"exam: {verdict.key}: {verdict}"


@contextmanager
def world() -> Iterator[tuple[dict[str, object], object]]:
    """Set up what is attacked; give it, and what says afterwards whether it was reached."""
    token = f"evobuild-{secrets.token_hex(8)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="world-")))
        folder.chmod(0o777)
        secret = folder / f"secret-{token}"
        secret.write_text(token)
        before = _state(secret)
        victim = stack.enter_context(subprocess.Popen(["sleep", "600"]))
        stack.callback(victim.kill)
        servers = [stack.enter_context(each) for each in _servers(folder, token)]
        given = {
            "secret": str(secret),
            "folder": str(folder),
            "project": str(ROOT),
            "token": token,
            "victim": victim.pid,
            "parent": os.getpid(),
            "port4": servers[0].getsockname()[1],
            "port6": servers[1].getsockname()[1] if servers[1].family == socket.AF_INET6 else 1,
            "socket": str(folder / "socket"),
            "abstract": f"\0{token}",
        }

        def reached() -> Iterator[str]:
            if victim.poll() is not None or os.getpriority(os.PRIO_PROCESS, victim.pid) != os.nice(0):
                yield "the victim was reached"
            if secret.read_text() != token or _state(secret) != before:
                yield "the secret was changed"
            yield from (f"a file is left: {path}" for path in _made(folder, token, secret))
            yield from (f"a server was reached: {each}" for each in servers if _called(each))

        yield given, reached


def _state(path: Path) -> tuple[int, ...]:
    """All of a file's state but the time it was read at."""
    found = path.stat()
    return found.st_mode, found.st_nlink, found.st_uid, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _servers(folder: Path, token: str) -> Iterator[socket.socket]:
    kinds = [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::1", 0))]
    kinds += [(socket.AF_UNIX, str(folder / "socket")), (socket.AF_UNIX, f"\0{token}")]
    for family, address in kinds:
        server = socket.socket(family)
        server.bind(address)
        server.listen()
        server.setblocking(False)
        yield server


def _called(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return False
    return True


def _made(folder: Path, token: str, secret: Path) -> Iterator[Path]:
    """Files that an attack has made, wherever it tries to."""
    for place in (Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), ROOT, Path.cwd(), folder):
        if os.access(place, os.R_OK):
            yield from (path for path in place.glob(f"*{token}*") if path != secret)


def _left() -> Iterator[str]:
    """Processes of this session that belong to a sandbox."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            if MARK in line and os.getsid(int(process.name)) == os.getsid(0):
                yield process.name
        except (OSError, ProcessLookupError):
            continue


OPEN = {"a set in one order", "a hash that is the same everywhere"}
"""Benign programs whose right answer is only that it is the same every time; see test_sandbox.py."""

if __name__ == "__main__":
    main()
