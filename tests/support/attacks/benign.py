"""Functions as a model writes them to check a response, and what each must answer: nothing hostile here."""

from __future__ import annotations

from typing import NamedTuple


class Benign(NamedTuple):
    """One function `evaluate`, with pairs of an argument and the right answer."""

    name: str
    code: str
    expected: tuple[tuple[object, object], ...]


def line(expression: str, imports: str = "") -> str:
    """A function that returns one expression over `response`."""
    return f"{imports}\ndef evaluate(response):\n    return {expression}\n"


BENIGN = [
    Benign("the empty answer", line("None"), (("x", None),)),
    Benign("a word count", line("len(response.split()) >= 3"), (("a b c", True), ("a b", False), ("", False))),
    Benign("upper case", line("response.isupper()"), (("ABC!", True), ("ABc", False))),
    Benign("a last character", line("response.endswith('.')"), (("Yes.", True), ("Yes", False))),
    Benign("accents", line("'é' in response"), (("café", True), ("cafe\u0301", False))),
    Benign("Chinese", line("len(response) == 4"), (("你好世界", True), ("你好", False))),
    Benign("an emoji", line("response.count('😀')"), (("😀a😀", 2), ("", 0))),
    Benign("case in Turkish and German", line("response.upper()"), (("straße", "STRASSE"), ("ı", "I"))),
    Benign("Arabic from right to left", line("response[::-1]"), (("سلام", "مالس"),)),
    Benign("combined characters", line("unicodedata.normalize('NFC', response)", "import unicodedata"), (("e\u0301", "é"),)),
    Benign("names of characters", line("unicodedata.name(response)", "import unicodedata"), (("λ", "GREEK SMALL LETTER LAMDA"),)),
    Benign("a date", line("datetime.date.fromisoformat(response).isoweekday()", "import datetime"), (("2024-02-29", 4),)),
    Benign("a date that is none", "import datetime\ndef evaluate(response):\n    try:\n        datetime.datetime.strptime(response, '%d/%m/%Y')\n        return True\n    except ValueError:\n        return False\n", (("29/02/2024", True), ("29/02/2023", False))),
    Benign("a span of days", line("(datetime.date(2024, 3, 1) - datetime.date(2024, 2, 1)).days", "import datetime"), (("", 29),)),
    Benign("a month by name", line("datetime.date(2024, 5, 1).strftime('%B')", "import datetime"), (("", "May"),)),
    Benign("a calendar", line("calendar.monthrange(2023, 2)[1]", "import calendar"), (("", 28),)),
    Benign("a regular expression", line("bool(re.fullmatch(r'\\d{3}-\\d{4}', response))", "import re"), (("555-1234", True), ("5551234", False))),
    Benign("words of letters of any script", line("re.findall(r'\\w+', response)", "import re"), (("naïve 字, ok", ["naïve", "字", "ok"]),)),
    Benign("groups by name", line("re.search(r'(?P<year>\\d{4})', response).groupdict()", "import re"), (("in 1999", {"year": "1999"}),)),
    Benign("several lines", line("len(re.findall(r'^- ', response, re.M))", "import re"), (("- a\n- b\nc", 2),)),
    Benign("a substitution", line("re.sub(r'(a)(b)', r'\\2\\1', response)", "import re"), (("xaby", "xbay"),)),
    Benign("JSON that is right", "import json\ndef evaluate(response):\n    try:\n        return isinstance(json.loads(response), dict)\n    except json.JSONDecodeError:\n        return False\n", (('{"a": 1}', True), ("{a: 1}", False), ("[1]", False))),
    Benign("JSON written", line("json.dumps({'b': 1, 'a': [None, 1.5]}, sort_keys=True)", "import json"), (("", '{"a": [null, 1.5], "b": 1}'),)),
    Benign("letters counted", line("collections.Counter(response)", "import collections"), (("aab", {"a": 2, "b": 1}),)),
    Benign("words grouped", "from collections import defaultdict\ndef evaluate(response):\n    found = defaultdict(list)\n    for word in response.split():\n        found[word[0]].append(word)\n    return found\n", (("aa b ab", {"a": ["aa", "ab"], "b": ["b"]}),)),
    Benign("a named tuple", "from collections import namedtuple\nPair = namedtuple('Pair', 'a b')\ndef evaluate(response):\n    return Pair(1, response)\n", (("x", (1, "x")),)),
    Benign("a queue", line("list(collections.deque(response, maxlen=2))", "import collections"), (("abc", ["b", "c"]),)),
    Benign("roots and sums", line("[math.isqrt(17), math.fsum([.1] * 10), math.gcd(12, 18)]", "import math"), (("", [4, 1.0, 6]),)),
    Benign("no number", line("float('nan') != float('nan'), float('inf') > 0"), (("", (True, True)),)),
    Benign("infinite", line("-math.inf", "import math"), (("", float("-inf")),)),
    Benign("large numbers", line("2 ** 200"), (("", 2**200),)),
    Benign("statistics", line("statistics.median([3, 1, 2])", "import statistics"), (("", 2),)),
    Benign("decimal money", line("str(decimal.Decimal('1.10') + decimal.Decimal('2.20'))", "import decimal"), (("", "3.30"),)),
    Benign("fractions", line("str(fractions.Fraction(response))", "import fractions"), (("0.25", "1/4"),)),
    Benign("sets", line("set('aeiou') & set(response)"), (("moon", {"o"}),)),
    Benign("a hash that is the same everywhere", line("hash(response)"), (("abc", None),)),
    Benign("a set in one order", line("''.join(set(response))"), (("abcdefgh", None),)),
    Benign("a digest", line("hashlib.sha256(response.encode()).hexdigest()[:8]", "import hashlib"), (("abc", "ba7816bf"),)),
    Benign("base64", line("base64.b64encode(response.encode()).decode()", "import base64"), (("hé", "aMOp"),)),
    Benign("bytes", line("response.encode('utf-16-le')"), (("é", b"\xe9\x00"),)),
    Benign("a syntax tree", line("sum(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(response)))", "import ast"), (("def f(): pass", 1),)),
    Benign("a table", line("list(csv.reader(response.splitlines()))", "import csv"), (('a,"b,c"', [["a", "b,c"]]),)),
    Benign("markup", line("[e.tag for e in ElementTree.fromstring(response)]", "from xml.etree import ElementTree"), (("<a><b/><c/></a>", ["b", "c"]),)),
    Benign("pairs", line("list(itertools.combinations(response, 2))", "import itertools"), (("abc", [("a", "b"), ("a", "c"), ("b", "c")]),)),
    Benign("a memory of its own", "import functools\n@functools.cache\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\ndef evaluate(response):\n    return fib(len(response))\n", (("x" * 30, 832040),)),
    Benign("a record", "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n    y: int = 2\ndef evaluate(response):\n    return Point(1).y\n", (("", 2),)),
    Benign("an enumeration", "from enum import IntEnum\nclass Level(IntEnum):\n    LOW = 1\ndef evaluate(response):\n    return Level.LOW\n", (("", 1),)),
    Benign("types in its signature", "from typing import List, Optional\ndef evaluate(response: str) -> Optional[List[str]]:\n    return response.split() or None\n", (("a b", ["a", "b"]), ("", None))),
    Benign("a search in a sorted list", line("bisect.bisect([1, 3, 5], 4)", "import bisect"), (("", 2),)),
    Benign("the largest", line("heapq.nlargest(2, map(ord, response))", "import heapq"), (("abc", [99, 98]),)),
    Benign("a text wrapped", line("textwrap.wrap(response, 5)", "import textwrap"), (("aa bb cc", ["aa bb", "cc"]),)),
    Benign("a likeness", line("round(difflib.SequenceMatcher(None, response, 'abcd').ratio(), 2)", "import difflib"), (("bcde", 0.75),)),
    Benign("punctuation", line("response.translate(str.maketrans('', '', string.punctuation))", "import string"), (("a, b!", "a b"),)),
    Benign("a path taken apart", line("pathlib.PurePosixPath(response).suffix", "import pathlib"), (("a/b.txt", ".txt"),)),
    Benign("an address taken apart", line("urllib.parse.urlparse(response).netloc", "import urllib.parse"), (("https://a.b/c?d", "a.b"),)),
    Benign("something printed", line("print(response) or True"), (("x" * 100000, True),)),
    Benign("an assertion that fails", "def evaluate(response):\n    try:\n        assert False\n    except AssertionError:\n        return True\n", (("", True),)),
    Benign("a class with a method", "class Check:\n    limit = 3\n    def __call__(self, text):\n        return len(text) < self.limit\nevaluate = Check()\n", (("ab", True), ("abc", False))),
    Benign("several helpers", "def words(text):\n    return text.split()\ndef evaluate(response):\n    return all(map(str.isalpha, words(response)))\n", (("ab c", True), ("a1", False))),
    Benign("long text", line("len(response)"), (("é" * 300000, 300000),)),
    Benign("the day, which stands", line("datetime.date.today().isoformat(), isinstance(datetime.date(2020, 1, 1), datetime.date), isinstance(datetime.datetime.now() - datetime.timedelta(1), datetime.datetime)", "import datetime"), (("", ("2024-01-01", True, True)),)),
    Benign("the hour, which stands", "import time\nfrom datetime import datetime\ndef evaluate(response):\n    return time.strftime('%H:%M'), time.time(), datetime.now().year, datetime.strptime('2023', '%Y') < datetime.utcnow()\n", (("", ("00:00", 1704067200.0, 2024, True)),)),
    Benign("chance, which is one", line("random.sample(range(100), 3)", "import random"), (("", [49, 97, 53]),)),
]  # fmt: skip
