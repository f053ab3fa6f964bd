"""Programs that look for a loophole in how tests are written; none of them passes in earnest.

Each with its tests, which call `candidate`. A loop that ends early, an exception that is expected, an answer that is
none: what would let an assertion hold that was never made.
"""

from __future__ import annotations

from typing import NamedTuple

from evobuild.sandbox import Exam


class Loophole(NamedTuple):
    """A program that defines `answer`, and what its tests assert of it."""

    name: str
    program: str
    tests: str


STOP = "def answer(*a): raise StopIteration\n"
NESTED = "def inner(n):\n    if not n: raise StopIteration\n    return inner(n - 1)\ndef answer(*a): return (lambda: inner(9))()\n"
CLASS = "class Stop(Exception): pass\nStop.__name__ = 'StopIteration'\ndef answer(*a): raise Stop\n"
LATER = "calls = []\ndef answer(*a):\n    calls.append(1)\n    if len(calls) > 1: raise StopIteration\n    return 42\n"
ASYNC = "def answer(*a): raise StopAsyncIteration\n"
METHOD = "class Thing:\n    def value(self, *a): raise StopIteration\n    __len__ = __iter__ = __getattr__ = value\ndef answer(*a): return Thing()\n"
LEAVES = "import os\ndef answer(*a): os._exit(0)\n"
WRITES = "import os\ndef answer(*a):\n    for descriptor in range(3, 64):\n        try: os.write(descriptor, {line!r})\n        except OSError: pass\n    os._exit(0)\n"
CATCHES = "for n in range(3):\n    try: candidate(n)\n    except: pass\n"
EXPECTS = "try: candidate(1)\nexcept {}: pass\nelse: assert False\n"

LOOPHOLES: list[Loophole] = [
    *(
        Loophole(f"an end of iteration in {name}", STOP, tests)
        for name, tests in (
            ("all of a map", "assert all(map(candidate, [1, 2]))"),
            ("any of a map", "assert not any(map(candidate, [1, 2]))"),
            ("a loop over a map", "for found in map(candidate, [1, 2]): assert found == 42"),
            ("a list of a map", "assert 41 not in list(map(candidate, [1, 2]))"),
            ("a sum of a map", "assert sum(map(candidate, [1, 2])) < 50"),
            ("a set of a map", "assert set(map(candidate, [1, 2])) <= {42}"),
            ("a dict of a zip", "assert dict(zip([1, 2], map(candidate, [1, 2]))).get(1, 42) == 42"),
            ("a filter", "assert list(filter(candidate, [1, 2])) == []"),
            ("a star of a map", "(lambda *a: [None for each in a if each != 42 and 1 / 0])(*map(candidate, [1]))"),
            ("an unpacked map", "[*found] = map(candidate, [1, 2])\nassert not found or found == [42, 42]"),
            ("calls until a sentinel", "for found in iter(lambda: candidate(1), 42): assert found == 42"),
            ("a reduction", "import functools\nassert functools.reduce(lambda a, b: a, map(candidate, [1, 2]), 42) == 42"),
            ("itertools", "import itertools\nassert list(itertools.takewhile(candidate, [1, 2])) == []\nassert list(itertools.starmap(candidate, [(1,)])) == []"),
            ("next with a default", "assert next(map(candidate, [1, 2]), 42) == 42"),
            ("text joined", "assert ''.join(map(candidate, ['a'])) in ('', 'b')"),
            ("a list made longer", "found = []\nfound.extend(map(candidate, [1, 2]))\nfound += map(candidate, [1])\nassert all(each == 42 for each in found)"),
        )
    ),
    Loophole("an end of iteration from far within", NESTED, "assert all(map(candidate, [1, 2]))"),
    Loophole("an end of iteration by name", CLASS, "assert all(map(candidate, [1, 2]))"),
    Loophole("an end of iteration at the second call", LATER, "assert all(each == 42 for each in map(candidate, [1, 2, 3]))\nassert list(map(candidate, [4])) in ([], [42])"),
    Loophole("an end of iteration by a method", METHOD, "assert list(map(lambda n: candidate(n).value(), [1])) == []"),
    Loophole("an end of iteration by a length", METHOD, "assert list(map(len, [candidate(1)])) == []"),
    Loophole("an end of iteration as it is iterated", METHOD, "assert list(map(list, [candidate(1)])) == []"),
    Loophole("an end of iteration by an attribute", METHOD, "import operator\nassert list(map(operator.attrgetter('x'), [candidate(1)])) == []"),
    Loophole("an end of an iteration that waits", ASYNC, "import asyncio\nclass Loop:\n    def __aiter__(self): return self\n    async def __anext__(self): return candidate(1)\nasync def run():\n    async for found in Loop(): assert found == 42\nasyncio_run = run().send\ntry: asyncio_run(None)\nexcept StopIteration: pass"),
    Loophole("an exit where all is caught", LEAVES, CATCHES),
    Loophole("an exit that tests expect as an exception", LEAVES, EXPECTS.format("BaseException")),
    Loophole("an exit that tests take for an exit", "import sys\ndef answer(*a): sys.exit(0)\n", EXPECTS.format("SystemExit")),
    Loophole("noise that tests expect as an exception", WRITES.format(line=b"\xff\n"), EXPECTS.format("Exception")),
    Loophole("a value that is none, expected as an exception", WRITES.format(line=b'["value", {"a": 1}]\n'), EXPECTS.format("ValueError")),
    Loophole("a number beyond floats, expected as an exception", WRITES.format(line=b'["value", {"complex": [1' + b"0" * 400 + b", 0]}]\n"), EXPECTS.format("OverflowError")),
    Loophole("depth, expected as an exception", WRITES.format(line=b'["value", ' + b"[" * 9999 + b"]\n"), EXPECTS.format("RecursionError")),
    Loophole("half an answer, expected as an exception", WRITES.format(line=b'["value"]\n'), EXPECTS.format("Exception")),
    Loophole("an exception without a name", WRITES.format(line=b'["raised"]\n'), EXPECTS.format("Exception")),
    Loophole("an exception that is a function", WRITES.format(line=b'["raised", "print"]\n'), EXPECTS.format("Exception")),
    Loophole("half a character, expected as an exception", "def answer(*a): return chr(0xD800)\n", EXPECTS.format("ValueError")),
    Loophole("a group of exceptions that cannot be made", "def answer(*a): raise ExceptionGroup('x', [ValueError()])\n", EXPECTS.format("TypeError")),
    Loophole("the verdict as an answer", WRITES.format(line=b'["passed"]\n'), CATCHES),
    Loophole("a time-out as an answer", WRITES.format(line=b'["time", ""]\n'), CATCHES),
    Loophole("no such number of a reference", WRITES.format(line=b'["value", {"opaque": [-1e9, "x", true]}]\n'), "assert candidate(1)\nassert candidate(1).x == 42"),
    Loophole("a reference that is true and false", "class Odd:\n    def __bool__(self): return len(calls) > 1\ncalls = []\ndef answer(*a): return Odd()\n", "found = candidate(1)\nassert found is True or found == 42"),
    Loophole("a length below zero", "class Odd:\n    def __len__(self): return -1\ndef answer(*a): return Odd()\n", "assert len(candidate(1)) < 1"),
    Loophole("a length that is no number", "class Odd:\n    def __len__(self): return 10**30\ndef answer(*a): return Odd()\n", "assert len(candidate(1)) > 0"),
    Loophole("a container of everything", "class Odd:\n    def __contains__(self, other): return True\ndef answer(*a): return Odd()\n", "assert 42 in candidate(1)"),
    Loophole("less and more than everything", "class Odd:\n    def __lt__(self, other): return True\n    __gt__ = __le__ = __ge__ = __lt__\ndef answer(*a): return Odd()\n", "assert 41 < candidate(1) < 43"),
    Loophole("a difference of nothing", "class Odd:\n    def __sub__(self, other): return 0\n    __rsub__ = __abs__ = __sub__\ndef answer(*a): return Odd()\n", "assert abs(candidate(1) - 42) < 1e-6"),
    Loophole("unequal to nothing", "class Odd:\n    def __ne__(self, other): return False\ndef answer(*a): return Odd()\n", "if candidate(1) != 42: assert False"),
    Loophole("a type that is another", "class Odd:\n    __class__ = int\ndef answer(*a): return Odd()\n", "assert isinstance(candidate(1), int)"),
    Loophole("a hash of its choice in a set", "class Odd(int):\n    def __hash__(self): return hash(42)\n    def __eq__(self, other): return True\ndef answer(*a): return Odd(1)\n", "assert candidate(1) in {42}"),
    Loophole("a key equal to everything", "class Odd(str):\n    def __hash__(self): return hash('a')\n    def __eq__(self, other): return True\ndef answer(*a): return {Odd('b'): 42}\n", "assert candidate(1)['a'] == 42"),
    Loophole("builtins of its own", "import builtins\nbuiltins.all = builtins.any = builtins.map = lambda *a: True\nbuiltins.AssertionError = ValueError\ndef answer(*a): return 0\n", "assert all(each == 42 for each in map(candidate, [1]))"),
    Loophole("modules of its own", "import sys, types\nmath = sys.modules['math'] = types.ModuleType('math')\nmath.isclose = lambda *a, **k: True\ndef answer(*a): return 0\n", "assert math.isclose(candidate(1), 42)"),
    Loophole("an iterator that ends the process", "import os\ndef answer(*a):\n    yield 42\n    os._exit(0)\n", "for found in candidate(1): assert found == 42"),
    Loophole("a finalizer that ends the process", "import os\nclass Last:\n    def __del__(self): os._exit(0)\ndef answer(*a):\n    Last()\n    return 42\n", "assert candidate(1) == 42"),
    Loophole("answers without end before any call", "import os\nfor _ in range(10**5):\n    for descriptor in range(3, 9):\n        try: os.write(descriptor, b'[\"value\", true]\\n')\n        except OSError: pass\ndef answer(*a): return 0\n", "assert candidate(1) == 42"),
    Loophole("one line without end", "import os\nwhile True:\n    for descriptor in range(3, 9):\n        try: os.write(descriptor, b'x' * 65536)\n        except OSError: pass\n", CATCHES),
]  # fmt: skip

RIGHT: list[Loophole] = [
    Loophole("rightly: a map", "def answer(*a): return 42\n", "assert all(map(candidate, [1, 2]))"),
    Loophole("rightly: an iterator that ends", "def answer(*a): yield 42\n", "found = candidate(1)\nassert next(found) == 42 and next(found, None) is None"),
    Loophole("rightly: an exception", "def answer(*a): raise UnicodeDecodeError('utf-8', b'', 0, 1, '')\n", EXPECTS.format("UnicodeDecodeError")),
    Loophole("rightly: an object", "class Thing:\n    def value(self): return 42\ndef answer(*a): return Thing()\n", "assert candidate(1).value() == 42 and candidate(1)"),
]  # fmt: skip


def exams() -> list[Exam]:
    """Give an exam for each of them, and last those that are passed; their keys begin with `rightly`."""
    return [
        Exam(each.name, each.program, "", _checked(each.tests), "answer", "check")
        for each in LOOPHOLES + RIGHT
    ]


def _checked(tests: str) -> str:
    lines = "".join(f"    {line}\n" for line in tests.splitlines())
    return f"def check(candidate):\n{lines}"
