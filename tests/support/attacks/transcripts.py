"""Programs that write to the pipe on which their answers are read, each what no reader may fall over.

As in attacks.py; all of them end their process then, so that nothing else is read.
"""

from __future__ import annotations

from attacks.attacks import Attack, made

KIND = "garbles the transcript of its answers"
GARBLED = ("garbled ",)
COLLIDING = "', '.join('{\"tuple\": [%s%s]}' % ('1, ' * 200, n * (2**61 - 1)) for n in range(1500))"
LINES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("a complex number of integers beyond floats", GARBLED, r"""b'["value", {"complex": [1%s, 0]}]\n' % (b'0' * 400)"""),
    ("a complex number of text", GARBLED, r"""b'["value", {"complex": ["1"]}]\n'"""),
    ("a number beyond floats", GARBLED, r"""b'["value", 1e400]\n'"""),
    ("a number that is none", GARBLED, r"""b'["value", NaN]\n'"""),
    ("a number without bounds", GARBLED, r"""b'["value", [-Infinity]]\n'"""),
    ("an integer of 100,000 digits", GARBLED, r"""b'["value", %s]\n' % (b'9' * 10**5)"""),
    ("a fraction of 900,000 digits", GARBLED, r"""b'["value", 0.%s]\n' % (b'7' * 900_000)"""),
    ("an exponent of 100,000 digits", GARBLED, r"""b'["value", 1e-%s]\n' % (b'7' * 10**5)"""),
    ("a value as deep as the parser goes", (*GARBLED, "value *"), r"""b'["value", %s1%s]\n' % (b'[' * 900, b']' * 900)"""),
    ("tuples deeper than values go", GARBLED, r"""b'["value", %s1%s]\n' % (b'{"tuple": [' * 9000, b']}' * 9000)"""),
    ("a set of sets, deep", GARBLED, r"""b'["value", %s1%s]\n' % (b'{"set": [' * 300, b']}' * 300)"""),
    ("bytes that are no text", GARBLED, r"""b'["value", "\xff\xfe\x80"]\n'"""),
    ("text that is not ASCII", GARBLED, r"""'["value", "\u202e"]\n'.encode()"""),
    ("two bytes a character", GARBLED, r"""'["value", true]\n'.encode('utf-16')"""),
    ("a mark of the order of bytes", GARBLED, r"""b'\xef\xbb\xbf["value", true]\n'"""),
    ("a key twice", GARBLED, r"""b'["value", {"tuple": [], "tuple": [1]}]\n'"""),
    ("an object of no key", GARBLED, r"""b'["value", {}]\n'"""),
    ("bytes beyond bytes", GARBLED, r"""b'["value", {"bytes": "\\u0100"}]\n'"""),
    ("pairs that are text", GARBLED, r"""b'["value", {"dict": ["ab", "cd"]}]\n'"""),
    ("a dict with a key that is a list", GARBLED, r"""b'["value", {"dict": [[[1], 2]]}]\n'"""),
    ("an object for an examiner", GARBLED, r"""b'["value", {"opaque": [0, "x", true]}]\n'"""),
    ("a range for an examiner", GARBLED, r"""b'["value", {"range": [0, 1%s, 1]}]\n' % (b'0' * 4000)"""),
    ("long tuples chosen to collide", GARBLED, rf"""(b'["value", {{"set": [%s]}}]\n' % ({COLLIDING}).encode())"""),
    ("a failure with half a character", ("raised �",), r"""b'["raised", "\\ud800"]\n'"""),
    ("a failure that writes to a terminal", ("raised �]0;x��",), r"""b'["raised", "\\u001b]0;x\\u0007\\u202e"]\n'"""),
    ("a failure with no name", GARBLED, r"""b'["raised", {"tuple": []}]\n'"""),
    ("a failure with two names", GARBLED, r"""b'["raised", "a", "b"]\n'"""),
    ("a kind that is a list", GARBLED, r"""b'[["value"], true]\n'"""),
    ("a time-out that nobody measured", GARBLED, r"""b'["time", ""]\n'"""),
    ("a kill that nobody measured", GARBLED, r"""b'["killed", "9"]\n'"""),
    ("output that nobody counted", GARBLED, r"""b'["output", ""]\n'"""),
    ("a case left out", GARBLED, r"""b'["unreached", ""]\n'"""),
    ("a second start", GARBLED, r"""b'["ready"]\n["loaded"]\n["value", true]\n'"""),
    ("the verdict of an exam", GARBLED, r"""b'["passed"]\n'"""),
    ("half a line", GARBLED, r"""b'["value", tr'"""),
    ("the status of a process that did well", GARBLED, r"""b'0000'"""),
    ("900,000 empty lines", GARBLED, r"""b'\n' * 900_000"""),
    ("300,000 answers", GARBLED, r"""b'[1]\n' * 240_000"""),
    ("zeros", GARBLED, r"""bytes(10**5) + b'\n'"""),
    ("spaces round an answer", ("value True",), r"""b' ' * 10**5 + b'["value", true]\r\n'"""),
)  # fmt: skip


def _writing(expression: str) -> str:
    return f"""
        data = {expression}
        for descriptor in range(3, 64):
            rest = data
            try:
                while rest: rest = rest[os.write(descriptor, rest):]
            except OSError: pass
        os._exit(0)
        """


ATTACKS: list[Attack] = [made(KIND, name, must, _writing(expression)) for name, must, expression in LINES]
