"""Readers of model-written text on texts that wear readers out: no crash, linear time, bounded results."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
import readers
from hostile_texts import FAMILIES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers import READERS

ROOT = Path(__file__).parents[2]
BENCHMARKS = tuple(
    f"evaluation/benchmarks/{name}" for name in ("alpaca_eval", "followbench", "ifeval", "mt_bench")
)
FOLDERS = (
    *("answering", "autoif", "contamination", "evaluation", "evaluation/benchmarks", "evolution", "export"),
    *("models", "scoring", "text", *BENCHMARKS),
)
"""Folders of the library that read what models write."""
SIZE = 10_000
"""Bytes of a text. What reads such a one in 2 ms by time n reads it in a second by n squared."""
SECONDS = 0.15
"""Of the processor, so that nobody else's work counts. What is promised, 0.1 s for 100 kB, is measured by
benchmarks/firm_readers.py."""
READINGS = 5
"""A text is slow that is slow each time: garbage of other tests may be collected in the middle of one."""
TEXTS = {name: family(SIZE) for name, family in FAMILIES.items()}


def weight(result: object) -> int:
    """How large a result is: the characters of its texts, and its parts, however deep."""
    found, waiting = 0, [result]
    while waiting:
        value = waiting.pop()
        found += len(value) if isinstance(value, str | bytes) else 1
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            found += sum(len(each) for each in value if isinstance(each, str))
            waiting += [each for each in value if not isinstance(each, str)]
    return found


def test_families_are_of_the_size_that_was_asked_for():
    assert len(FAMILIES) >= 40
    for name, text in TEXTS.items():
        assert SIZE * 0.8 <= len(text.encode("utf-8", "surrogatepass")) <= SIZE, name


@pytest.mark.parametrize("name", READERS)
def test_time_grows_with_a_text_alone_and_the_result_no_more_than_with_it(name):
    read = READERS[name]
    read(readers.PARENT)  # Models are loaded at the first call.
    slow, large = {}, {}
    for family, text in TEXTS.items():
        for _ in range(READINGS):
            began = time.process_time()
            found = read(text)
            if (took := time.process_time() - began) <= SECONDS:
                break
        else:
            slow[family] = round(took, 2)
        if (size := weight(found)) > 8 * SIZE:
            large[family] = size
    assert not slow
    assert not large


_PIECES_TEXT = r"""
Score: ~70~/100~difficulty level~very hard~is ~equal~not ~verdict: ~Step 4:~Step 99999999999999 ~#Input#:
#Finally Rewritten Instruction#:~#Methods List#:~1. ~- ~**~__~```~Optimized Method~{instruction}~<instruction>
True~NaN~def evaluate(response):~return ~Sure! ~Here is the revised prompt:~Let me know if you ~sorry, ~1,000
<think>~</think>~[THINK]~<|channel|>~http://~@~SELECT ~int a = ~“~«~a, b, 1~İ~你好~ﷺ~{"func": "
{"score": ~["~"}~\u~\ud800~\'~\n
"""
PIECES = [
    *_PIECES_TEXT.replace("\n", "~").split("~"),
    "\n",
    "9" * 5000,
    "[" * 2000,
    "(" * 300,
    "e\u0301\u0327",
]
"""What readers look for, and what parsers stop at."""
hostile = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=()), max_size=6)),
    max_size=12,
).map("".join)


@settings(
    derandomize=True, database=None, deadline=None, max_examples=60, suppress_health_check=list(HealthCheck)
)
@given(hostile)
def test_no_text_is_more_than_readers_can_bear(text):
    for read in READERS.values():
        read(text)


NOT_OF_REPLIES = {
    "contamination/question_file": "its own questions",
    "evaluation/benchmarks/alpaca_eval/length_control": "its own data",
    "evaluation/judge": "what it shows of a reply, by its blanks alone",
    "evaluation/lm_eval_requests": "prompts that lm-eval has made",
    "evaluation/params": "the name of an entry",
    "evaluation/symbolic": "what its own processes write; replies are read there, by math-verify",
    "evaluation/benchmarks/math": "its items",
    "evaluation/benchmarks/mbpp": "its items",
    "evaluation/benchmarks/question_files": "its items",
    "evolution/declared_operations": "the opening comment of a template",
    "evolution/operations": "the name of a round",
    "models/openai_call": "what is sent",
    "models/openai_protocol": "what servers send, before it is a reply",
    "models/openai_failures": "a line of 200 characters at most, of what servers send",
    "models/params": "settings",
    "models/progress": "its own file",
    "models/reply_cache": "its own entries",
    "models/reply_claims": "its own entries",
    "models/usage_journal": "its own records",
    "models/workers": "what Ray says of a lost worker",
    "scoring/params": "words of a scale",
    "scoring/score": "its own measurements",
}
"""Modules with a regex or a parser for something else than text of models."""


def imported(tree: ast.Module) -> set[str]:
    """The modules that a file imports at its top, each by its whole name."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def test_every_module_that_could_read_replies_by_regex_or_parser_is_among_the_readers():
    known = imported(ast.parse(Path(readers.__file__).read_text()))
    unread = {
        f"{folder}/{path.stem}"
        for folder in FOLDERS
        for path in (ROOT / "evobuild" / folder).glob("*.py")
        if imported(ast.parse(path.read_text())) & {"re", "json", "ast", "difflib", "unicodedata"}
        and f"evobuild.{folder.replace('/', '.')}.{path.stem}" not in known
    }
    assert unread == set(NOT_OF_REPLIES)
