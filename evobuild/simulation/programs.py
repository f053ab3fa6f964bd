"""Functions of the simulated verifier that no constraint explains: they fail, hang or attack.

What attacks would do no harm if it came through: it looks at things and leaves.
"""

from __future__ import annotations

from evobuild.simulation.constraints.family import HEAD, defined
from evobuild.simulation.dice import Dice

FOREIGN = (
    "import nltk\n\n{head}    sentences = nltk.sent_tokenize(response)\n    return len(sentences) > 0",
    "import numpy as np\n\n{head}    lengths = np.array([len(word) for word in response.split()])\n"
    "    return bool(lengths.mean() > 0)",
    'import spacy\n\nmodel = spacy.load("en_core_web_sm")\n\n{head}    return len(model(response)) > 0',
    "import textstat\n\n{head}    return textstat.flesch_reading_ease(response) > 50",
)
RAISING = (
    "first = response.splitlines()[999]\nreturn bool(first)",
    "value = int(response)\nreturn value > 0",
    'return all(item["text"] for item in response)',
    "return len(response_words) > 0",
)
UNSUITABLE = (
    "return re.compile(response[:0])",
    "return (word for word in response.split())",
    "return lambda: bool(response)",
    "return object()",
)
HANGING = (
    "place = 0\nwords = response.split()\nwhile place < len(words):\n    if not words[place]:\n"
    "        place += 1\nreturn True",
    'while "" in response:\n    response = response.replace("  ", " ")\nreturn bool(response)',
    "count = 0\nwhile True:\n    if count < 0:\n        return False\n    count += 1",
)
HOSTILE = (
    'import os\nos.system("id")\nreturn True',
    'with open("/etc/passwd") as file:\n    return "root" in file.read()',
    'import socket\nsocket.create_connection(("192.0.2.1", 80), timeout=0.1).sendall(response.encode())\n'
    "return True",
    "import os\nos._exit(0)",
    'print("True")\nprint(\'["value", true]\', flush=True)\nraise SystemExit(0)',
    "import os\nif os.fork() == 0:\n    os._exit(0)\nreturn True",
    'import builtins, json\nbuiltins.bool = json.dumps = lambda value: "true"\nreturn True',
    'import os\nreturn "HOME" in os.environ or os.listdir("/proc/1") != []',
    'import subprocess\nreturn subprocess.run(["ls", "/"], check=True).returncode == 0',
    'import sys\nsys.modules["__main__"].__dict__["answer"] = True\nsys.exit(0)',
    "return bool(eval(response))",
    "import ctypes\nreturn ctypes.CDLL(None).getuid() == 0",
)

_POOLS = {"raising": RAISING, "unsuitable": UNSUITABLE, "hanging": HANGING, "hostile": HOSTILE}


def program(kind: str, sound: str, dice: Dice) -> str:
    """Write a function that fails in the way named; sound: the function it might have been."""
    match kind:
        case "foreign":
            return dice.pick(FOREIGN).format(head=HEAD)
        case "arguments":
            return sound.replace(HEAD, HEAD.replace("(response)", "(response, limit)"))
        case "misnamed":
            return sound.replace(
                HEAD, HEAD.replace("evaluate", dice.pick(("check", "evaluate_response", "verify")))
            )
        case "syntax":
            broken = (
                sound.replace("):\n", ")\n"),
                sound.replace("return ", "return (", 1),
                f"{sound}\n else:",
            )
            return dice.pick(broken)
    body = dice.pick(_POOLS[kind])
    return f"import re\n\n{defined(body)}" if "re.compile" in body else defined(body)
