"""Programs in replies: of chats and completions, of HumanEval and MBPP, and what is published of them."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import patience
import pytest
from given import answered, benchmark, rows_of, value
from pydantic import ValidationError

from evobuild import sandbox
from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import Tools
from evobuild.evaluation.benchmarks.human_eval import STOP
from evobuild.evaluation.code_benchmarks import examine_programs
from evobuild.evaluation.programs import code_blocks, extract_program
from evobuild.sandbox import choice

REAL = os.environ.get("EVOBUILD_REAL_DATA")
LIMITS = sandbox.Limits(seconds=30.0, memory=512, output=2**20, modules=None, allow_weaker_isolation=False)
isolated = pytest.mark.skipif(not choice.usable_isolations(), reason="this machine offers no isolation")
HUMAN_EVAL_FILE, COMPLETION = "humaneval/HumanEval.jsonl.gz", {"prompt": "completion"}
HUMAN_EVAL, MBPP = "data/raw/benchmarks/human_eval.jsonl", "data/raw/benchmarks/mbpp.jsonl"

HEAD = 'import math\n\n\ndef twice(x):\n    """Double x."""\n'
WHOLE = "def twice(x):\n    return 2 * x\n"
BODY = "    return 2 * x\n"


def ran(program, function="twice", given=3):
    """What a program of this test makes of 3; only texts of this file are run so."""
    names: dict = {}
    exec(program, names)  # noqa: S102
    return names[function](given)


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{WHOLE}```",
        f"Sure! Here it is:\n\n```python\n{WHOLE}```\n\nIt doubles x: `twice(3)` is 6.",
        f"```\n{WHOLE}\n```",
        f"~~~py\n{WHOLE}~~~",
        f"```python\n{WHOLE}",
        "1. Like this:\n\n   ```python\n   def twice(x):\n       return 2 * x\n   ```",
        f"```bash\npip install nothing\n```\n\n```python\n{WHOLE}```",
        f"```python\n{WHOLE}```\nor\n```python\ndef twice(x):\n    return x\n```",
        f"```python\ntwice(\n```\n```python\n{WHOLE}```",
        f"Call it:\n```python\ntwice(3)\n```\nwhere\n```python\n{WHOLE}```",
        f"```python\n{WHOLE}\nassert twice(2) == 5\nprint(twice(input()))\n```",
        f"```python\n{WHOLE}\nif __name__ == '__main__':\n    1 / 0\n```",
        f"```python\n{HEAD}{BODY}```",
        "```python\nimport functools\ndef twice(x):\n    return 2 * x\ntwice = functools.cache(twice)\n```",
        "```python\ntwice = lambda x: 2 * x\n```",
        f"```python\n{BODY}```",
        "```python\nreturn 2 * x\n```",
        BODY,
        "return 2 * x",
        "y = x\n    return x + y",
        "    y = x\n    return x + y",
        WHOLE,
        f"Here is the function:\n\n{WHOLE}\nThis doubles x.",
        f"{WHOLE}\n\ndef main():\n    print(twice(2))\n\nHope that helps",
        f"def helper(x):\n    return x * 2\n\n{WHOLE.replace('2 * x', 'helper(x)')}\nDone.",
        "FACTOR = 2\ndef twice(x):\n    return FACTOR * x",
        f"{HEAD}{BODY}",
        f"\n{HEAD}{BODY}",
        "```python\nfrom operator import mul\n```\n```python\ndef twice(x):\n    return mul(2, x)\n```",
        "```python\ndef twice(x):\n    return math.prod([2, x])\n```",
        "    return 2 * x\n\n\ndef twice_of(x):\n    return",
        "    return 2 * x\n\nprint(twice('",
        f"```python\n{WHOLE}\n```\n" * 100,
    ],
)
def test_the_program_of_a_chat_reply(reply):
    assert ran(extract_program(reply, HEAD, "twice", STOP)) == 6


@pytest.mark.parametrize(
    "reply", ["", "I cannot do that.", "```python\n```", "```python\ndef other(x):\n    return 2 * x\n```"]
)
def test_a_reply_without_a_program_gives_none_that_works(reply):
    with pytest.raises(Exception):  # noqa: B017
        assert ran(extract_program(reply, HEAD, "twice", STOP)) == 6


def test_a_block_brings_no_definitions_into_another():
    helper = "```python\ndef helper(x):\n    return x * 2\n```\n"
    with pytest.raises(NameError):
        ran(extract_program(f"{helper}```python\n{WHOLE.replace('2 * x', 'helper(x)')}```", "", "twice", ()))


def test_what_makes_the_function_another_one_stays():
    cached = f"```python\nimport functools\n{WHOLE}twice = functools.cache(twice)\nprint(twice(1))\n```"
    program = extract_program(cached, "", "twice", ())
    assert "twice = functools.cache(twice)" in program and "print" not in program


def test_blocks_are_told_by_their_fences():
    assert code_blocks("a\n```py\nx\n```\nb\n````\n```\ny\n```\n````\n") == ["x\n", "```\ny\n```\n"]
    assert code_blocks("`x` and ``` in a line") == []
    assert code_blocks("1. So:\n   ```py\n   if x:\n       y\n   ```") == ["if x:\n    y\n"]


def programs(name, items, replies, **settings):
    found = benchmark(name, items=items, **settings)
    return [found.extract_reply_program(each.item, each.replies[0].text) for each in answered(found, replies)]


def test_a_completion_goes_on_with_the_prompt_up_to_the_end_of_the_function():
    reply = "    return 2 * numbers[-1] if numbers else 0\n\n\ndef double_last(numbers):\n    return 1\n"
    (program,) = programs("human_eval", HUMAN_EVAL, [reply], prompt="completion")
    assert ran(program, "double_last", [1, 4]) == 8
    again = f"\n{benchmark('human_eval', items=HUMAN_EVAL).read_items()[0].content['problem'].prompt}{reply}"
    (program,) = programs("human_eval", HUMAN_EVAL, [again.partition("\n\n\ndef")[0]], prompt="completion")
    assert ran(program, "double_last", [1, 4]) == 8


def test_a_completion_of_mbpp_ends_with_its_mark():
    reply = "def without_vowels(word):\n    return 'brd'\n[DONE]\ndef without_vowels(word):\n    return ''\n"
    (program,) = programs("mbpp", MBPP, [reply], prompt="completion")
    assert ran(program, "without_vowels", "bread") == "brd"


def test_prompts():
    (ask,) = (found := benchmark("human_eval", items=HUMAN_EVAL)).next_requests(found.read_items()[0], ())
    assert "def double_last(numbers):" in ask.messages[0].content and ask.messages[0].role == "user"
    (ask,) = (found := benchmark("human_eval", items=HUMAN_EVAL, prompt="completion")).next_requests(
        found.read_items()[0], ()
    )
    assert ask.messages == (("text", found.read_items()[0].content["problem"].prompt),)
    assert ask.sampling.stop == STOP
    (ask,) = (found := benchmark("mbpp", items=MBPP)).next_requests(found.read_items()[0], ())
    assert "assert without_vowels('sky') == 'sky'\n" in ask.messages[0].content
    (ask,) = (found := benchmark("mbpp", items=MBPP, prompt="completion")).next_requests(
        found.read_items()[0], ()
    )
    assert ask.messages[0].content.count("[BEGIN]") == 4 and ask.messages[0].content.endswith("[BEGIN]")
    (ask,) = (found := benchmark("mbpp", items=MBPP, shots=1)).next_requests(found.read_items()[0], ())
    assert ask.messages[1].content.startswith("```python\ndef capital_words")


@isolated
def test_pass_at_k_of_samples():
    found = benchmark("human_eval", items=HUMAN_EVAL, samples=3, temperature=0.8, ks=[2, 3, 4])
    right, wrong = "    return 2 * numbers[-1] if numbers else 0\n", "    return 7\n"
    loops, leaves = "    while True: pass\n", "    import os\n    os._exit(0)\n"
    item_right = found.read_items()[1].content["problem"].canonical
    answers = answered(found, [[right, wrong, "prose"], [item_right, item_right, leaves]])
    assert answers[0].asks[0].sampling.n == 3
    rows = rows_of(found, answers, Tools(1, LIMITS))
    assert {name: value(each) for name, each in found.compute_metrics(rows).items()} == {
        "pass@1": pytest.approx((1 / 3 + 2 / 3) / 2),
        "pass@2": pytest.approx((2 / 3 + 1) / 2),
        "pass@3": 1.0,
    }
    assert rows.sort("id")["part"].to_list() == [1, 2, 3, 1, 2, 3]
    names = [checks[0]["name"] for checks in rows.sort("id")["checks"]]
    assert names == ["passed", "failed", "failed", "passed", "passed", "exited"]
    quick = LIMITS.model_copy(update={"seconds": patience.scaled(0.5)})
    (row,) = found.score_items(answered(found, [[loops]]), Tools(1, quick))
    assert (row.score, row.checks) == (0.0, (("time", 0.0),))


@isolated
@pytest.mark.parametrize(("name", "items"), [("human_eval", HUMAN_EVAL), ("mbpp", MBPP)])
def test_known_solutions_of_our_own_problems_pass_and_a_wrong_one_fails(name, items):
    found = benchmark(name, items=items)
    problems = [item.content["problem"] for item in found.read_items()]
    replies = [f"```python\n{each.prompt}{each.canonical}\n```" for each in problems]
    replies[1] = replies[1].replace(":", ":\n    return None\n    ", 1)
    rows = rows_of(found, answered(found, replies), Tools(1, LIMITS))
    assert rows["score"].to_list() == [1.0, 0.0, *[1.0] * (len(problems) - 2)]


def test_several_greedy_samples_are_refused():
    with pytest.raises(ValidationError, match="expected a temperature above 0"):
        benchmark("mbpp", items=MBPP, samples=2)


@pytest.fixture
def mbpp_file(tmp_path):
    def write(*changes):
        (row, *_) = map(json.loads, Path(MBPP).read_text().splitlines())
        rows = [{key: value for key, value in (row | each).items() if value is not None} for each in changes]
        (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return str(tmp_path / "items.jsonl")

    return write


SANITIZED = {"text": None, "prompt": "Do it.", "test_imports": ["import math"]}


@pytest.mark.parametrize("field", ["task_id", "test_list", "text", "code"])
def test_a_field_that_is_missing_is_said_to_be(mbpp_file, field):
    with pytest.raises(BadInput, match=f"'{field}' is missing; expected"):
        benchmark("mbpp", items=mbpp_file({"task_id": 11, field: None})).read_items()


def test_variants_are_told_apart_and_named(mbpp_file):
    file = mbpp_file({"task_id": 10}, {"task_id": 11}, {"task_id": 510}, {"task_id": 511})
    items = benchmark("mbpp", items=file).read_items()
    assert [(item.id, item.group) for item in items] == [("11", "test"), ("510", "test")]
    assert len(benchmark("mbpp", items=file, variant="full").read_items()) == 4
    with pytest.raises(BadInput, match="holds full problems, and variant of mbpp is sanitized"):
        benchmark("mbpp", items=file, variant="sanitized").read_items()
    file = mbpp_file({"task_id": 10, **SANITIZED})
    (item,) = benchmark("mbpp", items=file, variant="sanitized").read_items()
    assert (item.group, item.content["text"]) == ("sanitized", "Do it.")
    assert item.content["problem"].tests.startswith("import math\n")
    with pytest.raises(BadInput, match="holds sanitized problems, and variant of mbpp is test"):
        benchmark("mbpp", items=file).read_items()
    with pytest.raises(BadInput, match="holds no task from 11 to 510"):
        benchmark("mbpp", items=mbpp_file({"task_id": 10})).read_items()


@isolated
@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
@pytest.mark.parametrize(
    ("name", "items", "outputs", "field", "settings"),
    [
        ("human_eval", HUMAN_EVAL_FILE, "humaneval/wizardcoder15b_greedy", "completion", {}),
        ("human_eval", HUMAN_EVAL_FILE, "humaneval/wizardcoder15b_greedy", "completion", COMPLETION),
        ("mbpp", "mbpp/sanitized-mbpp.json", "mbpp/wizardcoder33b_raw", "reply", {"variant": "sanitized"}),
    ],
)
def test_published_outputs_pass_as_published(name, items, outputs, field, settings):
    """A share of them; benchmarks/evaluation.py and `score_items-replies` take all."""
    found = benchmark(name, items=f"{REAL}/{items}", **settings)
    with gzip.open(Path(REAL) / f"oracles/{outputs}.jsonl.gz", "rt") as lines:
        published = {row["task_id"]: row for row in map(json.loads, lines)}
    answers = answered(found, [published.get(item.id, {}).get(field, "") for item in found.read_items()])
    kept = [each for each in answers if each.item.id in published][::8]
    if name == "mbpp":
        texts = [
            found.extract_reply_program(each.item, published[each.item.id]["completion"]) for each in kept
        ]
        exams = [each.item.content["problem"].make_exam(str(n), texts[n]) for n, each in enumerate(kept)]
        wanted = [verdict.passed for verdict in examine_programs(exams, LIMITS)]
    else:
        wanted = [published[each.item.id]["passed"] for each in kept]
    assert [row.score == 1 for row in found.score_items(kept, Tools(1, LIMITS))] == wanted
