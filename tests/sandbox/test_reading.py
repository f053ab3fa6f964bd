"""What a process writes is hostile: no bytes end the reader, cost it time, or become what they are not."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections import Counter
from typing import get_args

import pytest
from attacks import transcripts

from evobuild import sandbox
from evobuild.sandbox import Answer, Kind, reading
from evobuild.sandbox.inside.confine import STATUS
from evobuild.sandbox.inside.lines import Unreadable, read_line, read_value
from evobuild.sandbox.isolation import Isolation
from evobuild.sandbox.schedule import READY, Ending

CASES = 3
JOB = sandbox.Job("job", "", "f", ((),) * CASES)
EXAM = sandbox.Exam("exam", "", "", "", "f")
SECONDS = 2.0
"""Far above what a megabyte takes on a busy machine, far below what it took where time is not linear."""

TOKENS = rb"""
[ ] { } , : " \ \n \ud800 \u0000 0 1 1.5 -0.0 1e400 -1e400 1e-400 NaN Infinity -Infinity true false null
- 0000 ["ready"] ["loaded"] ["passed"] ["value", ["raised", "failed" "syntax" "missing" "memory" "unsuitable"
"time" "output" "exited" "killed" "garbled" "unreached" {"tuple":[ {"set":[ {"frozenset":[ {"dict":[[
{"bytes":" {"complex":[ {"float":"nan"} {"opaque":[ {"range":[ {"iterator":[ ]} ]]} "}
18446744073709551616 2305843009213693951
""".split()
TOKENS += [b"\n", b"]\n", b'["value", ', b" ", b"\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\x00"]
TOKENS += [b"9" * 5000, b"[" * 2000]
WHOLE = [
    b'["loaded"]\n["value", true]\n["value", {"dict": [["a", {"tuple": [1, 2.5]}]]}]\n["raised", "E"]\n',
    b'["loaded"]\n["value", {"set": [1, 2]}]\n["value", {"complex": [1.0, {"float": "nan"}]}]\n',
    b'["loaded"]\n["value", {"bytes": "\\u00ff"}]\n["unsuitable", "Odd"]\n["value", [null, "\\ud83d"]]\n',
    b'["loaded"]\n["memory", ""]\n["memory", ""]\n["value", "\\ud83d\\ude00"]\n',
    b'["syntax", "SyntaxError"]\n',
    b'["failed", "AssertionError"]\n',
    b'["passed"]\n',
]
STATUSES = (0, 1, 127, 128, 152, 255, -6, -9, -11, -24, -31)
TRIES = 4000


def transcripts_at_random():
    """Transcripts of all degrees of brokenness, the same in every run."""
    chance = random.Random(12)
    for _ in range(TRIES):
        found = bytearray(chance.choice(WHOLE) if chance.random() < 0.7 else b"")
        for _ in range(chance.choice((0, 1, 1, 2, 4, 20))):
            place, length = chance.randint(0, len(found)), chance.choice((0, 0, 1, 2, 9))
            found[place : place + length] = chance.choice((chance.choice(TOKENS), chance.randbytes(2)))
        yield chance, bytes(found)


def read(transcript, over=None, status=0, isolation="landlock"):
    """What is read of a transcript, of a job and of an exam, as if its process had ended so."""
    if isolation == "bubblewrap" and not over:
        transcript, status = transcript + STATUS % (status << 8 if status >= 0 else -status), 0
    ending = Ending(READY + transcript, over, status)
    means = Isolation(isolation)
    return reading.read_outcome(JOB, means, ending), reading.read_verdict(EXAM, means, ending)


def is_plain(value):
    """Whether a value is plain through and through."""
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return is_plain(list(value.items()))
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def test_whatever_is_written_there_is_an_answer_for_every_case():
    seen = Counter()
    for chance, transcript in transcripts_at_random():
        over, means = chance.choice((None, None, "time", "output")), chance.choice(("bubblewrap", "landlock"))
        outcome, verdict = read(transcript, over, chance.choice(STATUSES), means)
        assert len(outcome.answers) == CASES, transcript
        for answer in (*outcome.answers, Answer(None, outcome.error, outcome.detail)):
            assert answer.error in (None, *get_args(Kind)) and answer.detail.isprintable(), transcript
            assert is_plain(answer.value) and (answer.error is None or answer.value is None), transcript
            seen[answer.error] += 1
        assert verdict.passed == (transcript == b'["passed"]\n' and over is None), transcript
        assert verdict.passed or verdict.error in ("failed", *get_args(Kind)), transcript
        assert verdict.detail.isprintable(), transcript
    assert seen.keys() > {
        None,
        "raised",
        "garbled",
        "time",
        "output",
        "exited",
        "killed",
        "syntax",
        "unsuitable",
    }


def test_an_examiner_reads_a_line_or_nothing():
    for _, transcript in transcripts_at_random():
        for line in transcript.split(b"\n"):
            with contextlib.suppress(Unreadable, UnicodeEncodeError):
                kind, *rest = read_line(line)
                assert isinstance(kind, str) and len(rest) < 2
                read_value(rest and rest[0], lambda found: tuple(map(type, found)))


@pytest.mark.parametrize("over", [None, "time"])
def test_only_the_parent_says_that_time_or_output_is_over_or_that_a_process_was_killed(over):
    for kind in ("time", "output", "killed", "unreached"):
        outcome, verdict = read(f'["{kind}", ""]\n'.encode(), over)
        assert {outcome.error, verdict.error} <= {"garbled", over}


@pytest.mark.parametrize("status", [137, 139, 152, 159])
def test_a_status_is_not_a_signal(status):
    outcome, verdict = read(b'["loaded"]\n', status=status)[0], read(b"", status=status)[1]
    assert (outcome.error, outcome.detail) == (verdict.error, verdict.detail) == ("exited", str(status))


def test_the_status_that_counts_in_bubblewrap_is_that_of_the_process_that_watched():
    answered = READY + b'["loaded"]\n'
    means = Isolation("bubblewrap")
    for status, error, detail in ((152 << 8, "exited", "152"), (11, "killed", "11"), (0, "exited", "0")):
        outcome = reading.read_outcome(JOB, means, Ending(answered + STATUS % status, None, 0))
        assert (outcome.error, outcome.detail) == (error, detail)
    forged = reading.read_outcome(JOB, means, Ending(answered + STATUS % 0, None, 137))
    assert forged.answers[0].error == "garbled"


LONG = {name: expression for name, _, expression in transcripts.LINES} | {
    "sets in sets": "b'[\"value\", [%s]]\\n' % b', '.join(b'{\"set\": [%d]}' % n for n in range(60_000))",
    "powers with one hash": "b'[\"value\", {\"set\": [%d]}]\\n' % 2**12_000",
    "fractions": "b'[\"value\", [%s]]\\n' % b', '.join([b'0.1234567890123456'] * 50_000)",
    "text of escapes": "b'[\"value\", \"%s\"]\\n' % (b'\\\\u0041' * 160_000)",
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_a_megabyte_of_anything_is_read_at_once(name):
    transcript = b'["loaded"]\n' + eval(LONG[name])
    began = time.process_time()
    outcome, _ = read(transcript)
    assert time.process_time() - began < SECONDS
    assert len(outcome.answers) == CASES


def test_numbers_that_are_read_are_those_that_python_writes():
    for text in ("1e400", "NaN", "0." + "1" * 99, "1" * 5000, '{"complex": [1, 2]}'):
        with pytest.raises(Unreadable):
            read_value(read_line(f'["value", {text}]'.encode())[1])
    assert math.isnan(read_value(read_line(b'["value", {"float": "nan"}]')[1]))


def test_entries_that_collide_by_chance_are_read():
    powers = ", ".join(str(2**n) for n in range(2000))
    assert len(read_value(read_line(f'["value", {{"set": [{powers}]}}]'.encode())[1])) == 2000
