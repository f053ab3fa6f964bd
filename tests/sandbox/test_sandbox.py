"""The sandbox: what it answers, and what it says where there is none. Attacks: tests/attacks."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import patience
import pytest

from evobuild import sandbox
from evobuild.core.errors import UserError
from evobuild.sandbox import Answer, choice, isolation, reading, schedule
from evobuild.sandbox.inside.values import decode_value, encode_value
from evobuild.sandbox.interpreter import sandbox_interpreter
from evobuild.sandbox.isolation import Isolation
from evobuild.sandbox.schedule import READY, Ending

ROOT = Path(__file__).parents[2]
LIMITS = sandbox.Limits(seconds=20.0, memory=256, output=10_000, modules=None, allow_weaker_isolation=False)
QUICK = LIMITS.model_copy(update={"seconds": 0.3})
DENIED = [sys.executable, str(ROOT / "tests/support/attacks/deny.py")]
USABLE = {isolation.name for isolation in choice.usable_isolations()}
isolated = pytest.mark.skipif(not choice.usable_isolations(), reason="this machine offers no isolation")


def answers(code, *cases, limits=LIMITS, **options):
    limits = limits.model_copy(update={"seconds": patience.scaled(limits.seconds)})
    job = sandbox.Job("job", code, "f", cases or ((),))
    (outcome,) = sandbox.run_jobs([job], limits, **options)
    return outcome


def ending(*lines, over=None, status=0):
    return Ending(READY + b"".join(line.encode() + b"\n" for line in lines), over, status)


def read(*lines, cases=2, **options):
    job = sandbox.Job("job", "", "f", ((),) * cases)
    return reading.read_outcome(job, Isolation("landlock"), ending(*lines, **options))


VALUES = [
    None,
    True,
    0,
    -(2**70),
    1.5,
    float("-inf"),
    1e300,
    "é\n\0😀",
    b"\x00\xff",
    2 - 3j,
    [[], {}],
    (1, (2,)),
    {"a": {1: [None]}, (1, 2): {3}},
    frozenset({1}),
    set(),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_plain_value_comes_out_as_it_went_in(value):
    decoded = decode_value(json.loads(encode_value(value)))
    assert decoded == value and type(decoded) is type(value)
    assert "\n" not in encode_value(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"tuple": 1}',
        '{"tuple": [1], "set": [2]}',
        '{"dict": [[1, 2, 3]]}',
        '{"dict": [[[1], 2]]}',
        '{"set": [[1]]}',
        '{"complex": ["a"]}',
        '{"float": "12"}',
        '{"iterator": [1]}',
        '{"range": [0, 1]}',
        '{"opaque": [0, "Match", true]}',
        '"\\ud800"',
    ],
)
def test_what_is_no_plain_value_is_none(text):
    with pytest.raises(ValueError):
        decode_value(json.loads(text))


def test_answers_are_read_as_data():
    outcome = read('["loaded"]', '["value", "True"]', '["raised", "KeyError"]')
    assert outcome.answers == (
        Answer(value="True"),
        Answer(error="raised", detail="KeyError"),
    )
    assert outcome.error is None


@pytest.mark.parametrize(
    ("lines", "options", "errors"),
    [
        (['["syntax", "SyntaxError"]'], {}, ("syntax", "syntax")),
        (['["missing", ""]'], {}, ("missing", "missing")),
        (['["loaded"]', '["value", 1]'], {"over": "time", "status": -9}, (None, "time")),
        (['["loaded"]'], {"over": "output"}, ("output", "unreached")),
        (['["loaded"]', '["value", 1]'], {"status": 0}, (None, "exited")),
        (['["loaded"]'], {"status": -11}, ("killed", "unreached")),
        (['["loaded"]'], {"status": -24}, ("time", "unreached")),
        ([], {"status": 1}, ("exited", "unreached")),
        ([], {"over": "time"}, ("time", "unreached")),
        (['["loaded"]', *['["value", 1]'] * 3], {}, ("garbled", "garbled")),
        (['["loaded"]', '["value", 1]', '["passed"]'], {}, ("garbled", "garbled")),
        (['["loaded"]', '["value", 1]', '["value", {"a": 1}]'], {}, ("garbled", "garbled")),
        (['["loaded"]', '["value", 1]', "True"], {}, ("garbled", "garbled")),
        (['["loaded"]', '["time", ""]'], {}, ("garbled", "garbled")),
        (['["loaded"]', '["value", 1, 2]'], {}, ("garbled", "garbled")),
        (['["value", true]', '["value", true]'], {}, ("garbled", "garbled")),
        (['["syntax", ""]', '["value", true]'], {}, ("garbled", "garbled")),
        (["[" * 100_000], {}, ("garbled", "garbled")),
        (["null", "1"], {}, ("garbled", "garbled")),
    ],
)
def test_whatever_comes_out_of_a_process_there_is_an_answer_for_every_case(lines, options, errors):
    outcome = read(*lines, **options)
    assert tuple(answer.error for answer in outcome.answers) == errors
    assert (outcome.error in errors) or outcome.error is None


def test_an_unfinished_line_is_no_answer():
    cut = Ending(READY + b'["loaded"]\n["value", true]\n["val', "time", -9)
    outcome = reading.read_outcome(sandbox.Job("job", "", "f", ((), ())), Isolation("landlock"), cut)
    assert [answer.error for answer in outcome.answers] == [None, "time"]


@pytest.mark.parametrize(
    ("lines", "passed"),
    [
        (['["passed"]'], True),
        (['["passed"]', '["passed"]'], False),
        (['["failed", "AssertionError"]'], False),
        ([], False),
        (["true"], False),
        (["[]"], False),
    ],
)
def test_only_the_one_word_of_the_examiner_passes_a_program(lines, passed):
    exam = sandbox.Exam("exam", "", "", "", "f")
    assert reading.read_verdict(exam, Isolation("landlock"), ending(*lines)).passed is passed
    assert not reading.read_verdict(exam, Isolation("landlock"), ending(*lines, over="time")).passed


STEALS = """
import os
def f():
    taken = os.open('/proc/self/fd/3', os.O_RDONLY)
    while True: os.write(3, b'x') and os.read(taken, 1)
"""


@isolated
@pytest.mark.parametrize("isolation", choice.usable_isolations(), ids=str)
def test_no_code_takes_an_answer_before_its_parent_does(isolation):
    (answer,) = answers(STEALS, isolation=isolation).answers
    assert answer.error == "raised" and answer.detail in ("OSError", "FileNotFoundError", "PermissionError")


@isolated
def test_a_surprise_on_the_channel_is_the_programs_fault_alone(monkeypatch):
    def opened():
        reader, writer = socket.socketpair()
        reader.send(b"x")  # Unread when the process ends, so that the end of the channel is an error.
        return reader.detach(), writer.detach()

    monkeypatch.setattr(schedule, "open_channel", opened)
    assert answers("def f(): return 1").answers == (Answer(error="garbled"),)


@pytest.mark.parametrize("said", [b"", b"zz", b"[1]\nxyz!"])
def test_without_the_word_of_who_watched_a_program_has_no_answer(said):
    ended = Ending(READY + said, None, 0)
    outcome = reading.read_outcome(sandbox.Job("job", "", "f", ((),)), Isolation("bubblewrap"), ended)
    assert outcome.answers == (Answer(error="garbled"),)


@isolated
@pytest.mark.parametrize("isolation", choice.usable_isolations(), ids=lambda isolation: isolation.name)
def test_each_case_has_arguments_of_its_own(isolation):
    code = "def f(items):\n    items.append(len(items))\n    return items\n"
    outcome = answers(code, ([],), ([7],), (None,), isolation=isolation)
    assert [answer.value for answer in outcome.answers] == [[0], [7, 1], None]
    assert outcome.answers[2] == Answer(error="raised", detail="AttributeError")
    assert outcome.isolation == isolation.name


@isolated
@pytest.mark.parametrize("isolation", choice.usable_isolations(), ids=lambda isolation: isolation.name)
def test_a_hanging_case_costs_the_time_and_keeps_what_came_before(isolation):
    code = "def f(n):\n    while n: pass\n    return True\n"
    outcome = answers(code, (0,), (1,), (0,), limits=QUICK, isolation=isolation)
    assert [answer.error for answer in outcome.answers] == [None, "time", "unreached"]
    assert outcome.error == "time"


ENDS = (
    "os._exit(152)",
    "ctypes.CDLL(None).syscall(231, 137)",
    "ctypes.string_at(0)",
    "signal.alarm(1); signal.pause()",
)


@isolated
@pytest.mark.parametrize("isolation", choice.usable_isolations(), ids=lambda isolation: isolation.name)
def test_how_a_process_ended_is_what_the_kernel_says_not_what_its_status_looks_like(isolation):
    found = [
        answers(f"import ctypes, os, signal\ndef f(): {end}", isolation=isolation).answers[0] for end in ENDS
    ]
    assert [f"{each.error} {each.detail}" for each in found] == [
        "exited 152",
        "exited 137",
        "killed 11",
        "killed 14",
    ]


@isolated
@pytest.mark.parametrize(
    ("program", "tests", "passed"),
    [
        ("def f(n): raise StopIteration", "assert all(map(f, [1, 2]))", False),
        ("def f(n): return (lambda: next(iter([])))()", "assert list(map(f, [1])) == []", False),
        ("def f(n): return n", "assert all(map(f, [1, 2]))", True),
        ("def f(n): yield n", "assert list(f(1)) == [1] and next(f(1)) == 1", True),
        ("import os\ndef f(n): os._exit(0)", "try: f(1)\nexcept: pass", False),
        ("def f(n): b''.decode('x')", "try: f(1)\nexcept LookupError: pass", True),
        ("def f(n): b'\\xff'.decode()", "try: f(1)\nexcept UnicodeDecodeError: pass", True),
    ],
)
def test_no_assertion_is_skipped_by_an_exception_or_an_end_of_the_program(program, tests, passed):
    (verdict,) = sandbox.run_exams([sandbox.Exam("k", program, "", tests, "f")], LIMITS)
    assert verdict.passed is passed, verdict


def test_no_core_of_a_process_that_is_shut_in_is_dumped():
    # Returns 1 if it would be; the filter allows everything.
    code = (
        "import ctypes, os, struct\nfrom evobuild.sandbox.inside import confine\n"
        "confine.lock_process(None, struct.pack('HBBI', 6, 0, 0, 0x7FFF0000), os.getppid())\n"
        "os._exit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@isolated
def test_jobs_are_joined_by_key_and_come_as_they_end():
    jobs = [sandbox.Job(str(n), f"def f(): return {n}", "f", ((),)) for n in range(5)]
    found = {
        outcome.key: outcome.answers[0].value for outcome in sandbox.run_jobs(iter(jobs), LIMITS, at_once=2)
    }
    assert found == {str(n): n for n in range(5)}


@isolated
def test_only_the_modules_that_are_allowed_can_be_imported():
    limits = LIMITS.model_copy(update={"modules": ["re", "collections"]})
    code = "import re, collections.abc\ndef f(): return bool(re.match('a', 'a'))"
    assert answers(code, limits=limits).answers[0].value is True
    assert answers("import json\ndef f(): return True", limits=limits).answers[0].detail == "ImportError"


@isolated
def test_runs_that_are_given_up_leave_no_process():
    jobs = [sandbox.Job(str(n), "import time\ndef f(n): time.sleep(n)", "f", ((n,),)) for n in (0, 600, 600)]
    # Other tests have children of their own here, such as what multiprocessing keeps.
    before = children()
    found = sandbox.run_jobs(jobs, LIMITS, at_once=3)
    assert next(found).key == "0"
    assert children() > before
    found.close()
    assert children() == before


def children():
    """Processes of this one, those that ended and were not waited for included."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found.update((thread / "children").read_text().split())
    return found


SHOWN = """
import os
def f(path, link, process):
    seen = {
        "contents": lambda: open(path).read(),
        "names": lambda: os.listdir(os.path.dirname(path)),
        "size": lambda: os.stat(path).st_size,
        "target": lambda: os.readlink(link),
        "attributes": lambda: os.listxattr(path),
        "command line": lambda: open(f"/proc/{process}/cmdline").read(),
        "environment": lambda: open(f"/proc/{process}/environ").read(),
        "process": lambda: os.stat(f"/proc/{process}").st_uid,
        "host name": lambda: os.uname().nodename != "sandbox",
        "kernel": lambda: os.uname().release,
        "memory": lambda: os.sysconf("SC_PHYS_PAGES"),
        "space": lambda: os.statvfs(os.path.dirname(path)).f_bfree,
    }
    shown = []
    for name, see in seen.items():
        try:
            shown += [name] if see() is not False else []
        except OSError:
            pass
    return shown
"""
ANYWHERE = ["kernel", "memory"]
LANDLOCK = ["size", "target", "process", "host name", *ANYWHERE, "space"]


@isolated
@pytest.mark.parametrize("isolation", choice.usable_isolations(), ids=str)
def test_what_each_isolation_hides_of_the_machine(isolation, tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to("/elsewhere")
    case = (str(tmp_path / "secret"), str(tmp_path / "link"), os.getpid())
    shown = LANDLOCK if isolation.name == "landlock" else ANYWHERE
    assert answers(SHOWN, case, isolation=isolation).answers[0].value == shown


def started(isolation):
    """A process in a session of its own that runs a hanging job, and what says which processes it has."""
    code = (
        "from evobuild import sandbox\n"
        f"limits = sandbox.Limits(**{LIMITS.model_dump()})\n"
        "job = sandbox.Job('k', 'import time\\ndef f(): time.sleep(600)', 'f', ((),))\n"
        f"list(sandbox.run_jobs([job], limits, sandbox.{isolation!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True)

    def inside():
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (
                    os.getsid(int(entry.name)) == process.pid
                    and b"marshal" in (entry / "cmdline").read_bytes()
                ):
                    yield entry.name

    return process, inside


@isolated
@pytest.mark.parametrize("isolation", choice.usable_isolations(), ids=lambda isolation: isolation.name)
def test_a_run_whose_parent_is_killed_leaves_no_process(isolation):
    process, inside = started(isolation)
    try:
        assert patience.until(lambda: list(inside()))
    finally:
        process.kill()
        process.wait()
    assert patience.until(lambda: not list(inside()))


def asked(*words, before="", logged=False):
    """What a process says that runs one job where words[0] denies it something.

    before: run first. logged: what it logs, too, which comes first.
    """
    code = (
        f"import sys; {before}\n"
        "from evobuild import sandbox\n"
        "from evobuild.core.errors import UserError\n"
        "limits = sandbox.Limits(seconds=20, memory=256, output=9999, modules=None,"
        f" allow_weaker_isolation={words[-1]})\n"
        "job = sandbox.Job('k', 'import os\\ndef f(): return os.path.exists(\"/etc/passwd\")', 'f', ((),))\n"
        "try: print(*[(o.isolation, o.answers[0].value) for o in sandbox.run_jobs([job], limits)])\n"
        "except UserError as error: print(error)\n"
    )
    command = [*DENIED, *words[:-1], sys.executable, "-c", code]
    done = patience.run(command, cwd=ROOT, check=True)
    return done.stderr + done.stdout if logged else done.stdout


@isolated
def test_without_any_isolation_it_says_what_to_install_or_to_switch_off():
    said = asked("--landlock", "False")
    assert said.startswith("no sandbox for code that a model wrote: bubblewrap: ")
    assert "landlock: " in said and "--allow-weaker-isolation" in said
    assert len(said.splitlines()) == 2


@isolated
def test_weaker_isolation_is_only_what_is_asked_for_and_says_so():
    said = asked("--landlock", "True", logged=True)
    assert said.startswith("sandbox: model-written code runs in an ordinary process without isolation, ")
    assert "bubblewrap: " in said and "landlock: " in said and said.endswith("('none', True)\n")
    said = asked("True", logged=True)
    assert said.startswith("sandbox: model-written code runs in landlock") and "(bubblewrap: " in said
    assert said.splitlines()[1].startswith("('landlock', ")


@pytest.mark.skipif("bubblewrap" not in USABLE, reason="bubblewrap does not work on this machine")
def test_bubblewrap_runs_a_python_that_is_below_its_folder_of_temporary_files(tmp_path, monkeypatch):
    found = sandbox_interpreter()
    own = Path(shutil.copy(found.executable, tmp_path))
    assert own.is_relative_to("/tmp"), "pytest's folder is elsewhere; set TMPDIR=/tmp"
    for module in (isolation, choice):
        monkeypatch.setattr(module, "sandbox_interpreter", lambda: dataclasses.replace(found, executable=own))
    isolation.bubblewrap_command.cache_clear()
    try:
        code = "import sys\ndef f(): return sys.executable"
        assert answers(code, isolation=Isolation("bubblewrap")).answers[0] == Answer(value=str(own))
    finally:
        isolation.bubblewrap_command.cache_clear()


def test_a_machine_without_libseccomp_is_told_what_to_install():
    said = asked("False", before="sys.modules['pyseccomp'] = None")
    assert "bubblewrap: libseccomp is not installed" in said and "landlock: libseccomp is not" in said


def test_another_system_than_linux_is_refused(monkeypatch):
    monkeypatch.setattr(choice.sys, "platform", "darwin")
    with pytest.raises(UserError, match="it needs Linux"):
        choice.best_isolation(LIMITS.model_copy(update={"allow_weaker_isolation": True}))
