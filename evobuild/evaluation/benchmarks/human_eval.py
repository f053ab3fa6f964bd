"""Evaluate HumanEval: complete a function from its head and docstring; tests check it (arXiv:2107.03374).

Problems are the records of HumanEval.jsonl.gz, or openai/openai_humaneval of the hub: `task_id`, `prompt`,
`canonical_solution`, `test`, `entry_point`. As a completion the model continues the prompt; in a chat the
prompt requests the function. programs.py extracts the program from a reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from evobuild.core.chat import Reply
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import (
    Item,
    ModelRequest,
    collect_items,
    raw_prompt,
    require_text,
    user_chat,
)
from evobuild.evaluation.code_benchmarks import CodeBenchmark, Problem, SampledSettings, read_task_id
from evobuild.evaluation.programs import extract_program, is_body, truncate_at
from evobuild.seeds.fields import Record
from evobuild.seeds.records import read_records

STOP = ("\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n@", "\nassert", "\n```")
"""Texts that end the body of a function. The first five are those of the paper, section 3.1."""


class Settings(SampledSettings):
    """prompt: see the module."""

    prompt: Literal["chat", "completion"] = "chat"


class HumanEval(CodeBenchmark[Settings]):
    """Measure pass@k of functions."""

    settings_type = Settings
    prompts = ("evaluate/human_eval_chat.jinja",)

    def read_items(self) -> list[Item]:
        """Read all problems. Raises BadInput naming location and field of an invalid one."""
        problems = ((place, read_problem(row, place)) for place, row in read_records(Path(self.items_file)))
        items = ((place, Item(each.task, "", {"problem": each})) for place, each in problems)
        return collect_items(items, self.items_file)

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request for all samples of a problem."""
        if replies:
            return ()
        prompt = item.content["problem"].prompt
        if self.settings.prompt == "completion":
            return (ModelRequest(raw_prompt(prompt), self.settings.sampling(self.seed, stop=STOP)),)
        return (
            ModelRequest(
                user_chat(render_prompt(self.prompts[0], prompt=prompt)), self.settings.sampling(self.seed)
            ),
        )

    def extract_reply_program(self, item: Item, reply: str) -> str:
        """Return the function with the prompt's code before it."""
        problem = item.content["problem"]
        if self.settings.prompt == "completion" and is_body(reply):
            return str(problem.prompt + truncate_at(reply, STOP))
        return extract_program(reply, problem.prompt, problem.function, STOP)


def read_problem(record: Record, place: str) -> Problem:
    """Parse one problem. Raises BadInput naming location and field of an invalid one."""
    prompt, canonical, tests, function = (
        require_text(record, field, place)
        for field in ("prompt", "canonical_solution", "test", "entry_point")
    )
    # `pass` completes the prompt to a program: some have no docstring. The tests may call its other
    # functions.
    setup = f"{prompt}\n    pass\n"
    return Problem(read_task_id(record, place), prompt, canonical, setup, tests, function, "check")
