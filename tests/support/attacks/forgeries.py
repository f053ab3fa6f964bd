"""Programs that try to pass tests they do not pass; `answer()` should give 42, and none does rightly."""

from __future__ import annotations

from evobuild.sandbox import Exam

TESTS = "def check(candidate):\n    assert candidate() == 42\n    assert candidate() == 42\n"

WRITE = """
import os
for descriptor in range(1, 64):
    try: os.write(descriptor, {line!r})
    except OSError: pass
"""

FORGERIES = {
    "a wrong answer": "def answer(): return 41",
    "nothing at all": "",
    "no program": "def answer(:",
    "a value equal to everything": "class Liar:\n    def __eq__(self, other): return True\ndef answer(): return Liar()",
    "a number equal to everything": "class Liar(int):\n    def __eq__(self, other): return True\ndef answer(): return Liar(1)",
    "an exit that looks well": "import os\ndef answer(): os._exit(0)",
    "an exit while it is loaded": "import os\nos._exit(0)",
    "an exit as an exception": "import sys\ndef answer(): sys.exit(0)",
    "an exception that tests expect": "def answer(): raise StopIteration",
    "a printed verdict": "print('[\"passed\"]')\ndef answer(): return 0",
    "the verdict written everywhere": WRITE.format(line=b'["passed"]\n') + "def answer(): return 0",
    "a transcript up to the verdict": WRITE.format(line=b'["ready"]\n["passed"]\n') + "os._exit(0)",
    "noise in place of answers": WRITE.format(line=b"\xff\x00\n") + "def answer(): return 42",
    "patched builtins": "import builtins\nbuiltins.AssertionError = Exception\nbuiltins.__debug__ if 0 else 0\ndef answer(): return 0",
    "the tests replaced": "def check(candidate): pass\ndef answer(): return 0",
    "the tests found by frames": "import sys\ndef answer():\n    frame = sys._getframe()\n    while frame:\n        frame.f_globals['check'] = frame.f_locals['check'] = lambda c: None\n        frame = frame.f_back\n    return 0",
    "the tests searched in memory": "import gc\ndef answer():\n    return next((42 for o in gc.get_objects() if ''.join(['assert candi', 'date()']) in str(o)[:10**5]), 0)",
    "a reference that is none": "class Odd: pass\ndef answer():\n    import os\n    return Odd()",
    "an endless loop": "def answer():\n    while True: pass",
    "a long sleep": "import time\ndef answer(): time.sleep(10**6)",
    "an endless answer": "import itertools\ndef answer(): return (x for x in itertools.count())",
    "a long answer": "def answer(): return 'x' * 10**9",
    "a crash": "import ctypes\ndef answer(): return ctypes.string_at(0)",
    "a fork": "import os\ndef answer(): return os.fork() or 42",
    "a command": "import subprocess\ndef answer(): return subprocess.call('true') + 42",
    "descriptors closed": "import os\nos.closerange(0, 64)\ndef answer(): return 42",
    "right once": "calls = []\ndef answer():\n    calls.append(1)\n    return 42 if len(calls) < 2 else 0",
}  # fmt: skip


def exams() -> list[Exam]:
    """Give an exam for each of them, and last one that is passed."""
    programs = {**FORGERIES, "rightly: a number": "def answer(): return 42"}
    return [Exam(name, program, "", TESTS, "answer", "check") for name, program in programs.items()]
