"""MBPP: small tasks for beginners with three tests each, which the model is shown (arXiv:2108.07732).

Problems are the records of mbpp.jsonl and sanitized-mbpp.json, or of google-research-datasets/mbpp of the
hub, `full` and `sanitized`: `task_id`, `text` (sanitized: `prompt`), `code`, `test_list`, `test_setup_code`,
`challenge_test_list` (sanitized: `test_imports`). The variant matters, so each row has it as its group:

    test        the tasks 11 to 510 of the full file, on which the paper tests
    full        all 974
    sanitized   the 427 that were gone over by hand, with tests of their own
"""

from __future__ import annotations

import ast
from typing import Any, Literal

from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import Item, required_text
from evobuild.evaluation.code_benchmarks import CodeBenchmark, Problem, Sampled, task_id, text_list
from evobuild.evaluation.few_shot import FewShot, FewShotBenchmark
from evobuild.evaluation.programs import extract_program
from evobuild.seeds.fields import Record
from evobuild.text.json_repairs import parse_code

TEST = range(11, 511)
"""Task ids of the split on which the paper tests."""


class Settings(Sampled, FewShot):
    """variant: which problems; see above."""

    variant: Literal["test", "full", "sanitized"] = "test"


class MBPP(CodeBenchmark[Settings], FewShotBenchmark[Settings]):
    """pass@k of programs."""

    settings_type = Settings
    prompts = ("evaluate/mbpp_chat.jinja", "evaluate/mbpp_completion.jinja")
    usual_shots = 3
    stop = ("[DONE]",)

    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Read a problem."""
        problem, tests = read_problem(record, place), text_list(record, "test_list", place)
        text = required_text(record, "prompt" if is_sanitized(record) else "text", place)
        content = {"problem": problem, "text": text, "tests": tests, "sanitized": is_sanitized(record)}
        return Item(problem.task, self.settings.variant, content)

    def read_items(self) -> list[Item]:
        """Read the problems of the variant. Raises BadInput if the file is that of another one."""
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
                f"{self.items_file}: holds no task from {TEST[0]} to {TEST[-1]}, which are the variant test "
                f"of {self.name}; give variant: full"
            )
        return items

    def asked(self, item: Item) -> dict[str, Any]:
        """The task, its tests, and the function that they call."""
        content = item.content
        return {"text": content["text"], "tests": content["tests"], "function": content["problem"].function}

    def worked(self, item: Item) -> str:
        """The known solution; in a chat as a block of code."""
        code = str(item.content["problem"].canonical).strip()
        return f"```python\n{code}\n```" if self.settings.prompt == "chat" else code

    def program(self, item: Item, reply: str) -> str:
        """The program that a reply holds."""
        text = reply.partition(self.stop[0])[0] if self.settings.prompt == "completion" else reply
        return extract_program(text, "", item.content["problem"].function, ())


def is_sanitized(record: Record) -> bool:
    """Whether a record is of the sanitized file."""
    return "text" not in record and "prompt" in record


def read_problem(record: Record, place: str) -> Problem:
    """Read one problem. Raises BadInput naming place and field of what is none."""
    tests = [
        *text_list(record, "test_list", place),
        *text_list(record, "challenge_test_list", place, optional=True),
    ]
    imports = text_list(record, "test_imports", place, optional=True)
    # The setup of some tests makes objects of the program's classes, so it is part of the tests.
    lines = "\n".join([*imports, str(record.get("test_setup_code") or ""), *tests])
    program = required_text(record, "code", place)
    return Problem(task_id(record, place), "", program, "", lines, _tested(program, lines, place), None)


def _tested(program: str, tests: str, place: str) -> str:
    """The function of the known solution that the tests call."""
    tree, asked = parse_code(program), parse_code(tests)
    if tree is None or asked is None:
        what = "'code'" if tree is None else "'test_list'"
        raise BadInput(f"{place}: {what} does not compile; expected Python")
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = (node.id for node in ast.walk(asked) if isinstance(node, ast.Name))
    if tested := next((name for name in names if name in defined), None):
        return tested
    raise BadInput(f"{place}: the tests call no function that 'code' defines")
