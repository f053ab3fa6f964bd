"""Evaluate MBPP: small tasks for beginners with three tests each, which the model sees (arXiv:2108.07732).

Problems are the records of mbpp.jsonl and sanitized-mbpp.json, or of google-research-datasets/mbpp of the
hub, `full` and `sanitized`: `task_id`, `text` (sanitized: `prompt`), `code`, `test_list`, `test_setup_code`,
`challenge_test_list` (sanitized: `test_imports`). Results depend on the variant, so it is the group of each
row:

    test        the tasks 11 to 510 of the full file, the paper's test split
    full        all 974
    sanitized   the 427 that the authors revised by hand, with tests of their own
"""

from __future__ import annotations

import ast
from typing import Any, Literal

from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import Item, require_text
from evobuild.evaluation.code_benchmarks import (
    CodeBenchmark,
    Problem,
    SampledSettings,
    read_task_id,
    read_text_list,
)
from evobuild.evaluation.few_shot import FewShot, FewShotBenchmark
from evobuild.evaluation.programs import extract_program
from evobuild.seeds.fields import Record
from evobuild.text.json_repairs import parse_code

TEST = range(11, 511)
"""Task ids of the paper's test split."""


class Settings(SampledSettings, FewShot):
    """variant: which problems; see the module."""

    variant: Literal["test", "full", "sanitized"] = "test"


class MBPP(CodeBenchmark[Settings], FewShotBenchmark[Settings]):
    """Measure pass@k of programs."""

    settings_type = Settings
    prompts = ("evaluate/mbpp_chat.jinja", "evaluate/mbpp_completion.jinja")
    usual_shots = 3
    stop = ("[DONE]",)

    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Parse a problem."""
        problem, tests = read_problem(record, place), read_text_list(record, "test_list", place)
        text = require_text(record, "prompt" if is_sanitized(record) else "text", place)
        content = {"problem": problem, "text": text, "tests": tests, "sanitized": is_sanitized(record)}
        return Item(problem.task, self.settings.variant, content)

    def read_items(self) -> list[Item]:
        """Read the problems of the variant. Raises BadInput if the file is that of another variant."""
        items, wanted = super().read_items(), self.settings.variant == "sanitized"
        if any(item.content["sanitized"] != wanted for item in items):
            held, right = ("full", "sanitized") if wanted else ("sanitized", "full")
            raise BadInput(
                f"{self.items_file}: holds {held} problems, and variant of {self.name} is "
                f"{self.settings.variant}; give the {right} file, or another variant"
            )
        if self.settings.variant == "test":
            items = [item for item in items if item.id.isdecimal() and int(item.id) in TEST]
        if not items:
            raise BadInput(
                f"{self.items_file}: holds no task from {TEST[0]} to {TEST[-1]}, the variant test "
                f"of {self.name}; set variant: full"
            )
        return items

    def template_values(self, item: Item) -> dict[str, Any]:
        """Return the task, its tests, and the function that they call."""
        content = item.content
        return {"text": content["text"], "tests": content["tests"], "function": content["problem"].function}

    def worked_answer(self, item: Item) -> str:
        """Return the known solution; in a chat as a code block."""
        code = str(item.content["problem"].canonical).strip()
        return f"```python\n{code}\n```" if self.settings.prompt == "chat" else code

    def extract_reply_program(self, item: Item, reply: str) -> str:
        """Return the program in a reply."""
        text = reply.partition(self.stop[0])[0] if self.settings.prompt == "completion" else reply
        return extract_program(text, "", item.content["problem"].function, ())


def is_sanitized(record: Record) -> bool:
    """Return whether a record is of the sanitized file."""
    return "text" not in record and "prompt" in record


def read_problem(record: Record, place: str) -> Problem:
    """Parse one problem. Raises BadInput naming location and field of an invalid one."""
    tests = [
        *read_text_list(record, "test_list", place),
        *read_text_list(record, "challenge_test_list", place, optional=True),
    ]
    imports = read_text_list(record, "test_imports", place, optional=True)
    # The setup of some tests builds objects of the program's classes, so it has to run after the program.
    lines = "\n".join([*imports, str(record.get("test_setup_code") or ""), *tests])
    program = require_text(record, "code", place)
    return Problem(
        read_task_id(record, place),
        "",
        program,
        "",
        lines,
        _find_tested_function(program, lines, place),
        None,
    )


def _find_tested_function(program: str, tests: str, place: str) -> str:
    """Return the function of the known solution that the tests call."""
    tree, asked = parse_code(program), parse_code(tests)
    if tree is None or asked is None:
        what = "'code'" if tree is None else "'test_list'"
        raise BadInput(f"{place}: {what} does not compile; expected Python")
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = (node.id for node in ast.walk(asked) if isinstance(node, ast.Name))
    if tested := next((name for name in names if name in defined), None):
        return tested
    raise BadInput(f"{place}: the tests call no function that 'code' defines")
