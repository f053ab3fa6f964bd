"""HumanEval: a function's head and docstring, and tests for what a model makes of it (arXiv:2107.03374).

Problems are the records of HumanEval.jsonl.gz, or openai/openai_humaneval of the hub: `task_id`, `prompt`,
`canonical_solution`, `test`, `entry_point`. As a completion the model goes on with the prompt itself; as a
chat it is asked for the function. programs.py says how the program is read out of a reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from evobuild.core.chat import Reply
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import Ask, Item, plain_text, required_text, unique_items, user
from evobuild.evaluation.code_benchmarks import CodeBenchmark, Problem, Sampled, task_id
from evobuild.evaluation.programs import continues, cut, extract_program
from evobuild.seeds.fields import Record
from evobuild.seeds.records import read_records

STOP = ("\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n@", "\nassert", "\n```")
"""What ends the body of a function. The first five are those of the paper, section 3.1."""


class Settings(Sampled):
    """prompt: see above."""

    prompt: Literal["chat", "completion"] = "chat"


class HumanEval(CodeBenchmark[Settings]):
    """pass@k of functions."""

    settings_type = Settings
    prompts = ("evaluate/human_eval_chat.jinja",)

    def read_items(self) -> list[Item]:
        """Read all problems. Raises BadInput naming place and field of what is none."""
        problems = ((place, read_problem(row, place)) for place, row in read_records(Path(self.items_file)))
        items = ((place, Item(each.task, "", {"problem": each})) for place, each in problems)
        return unique_items(items, self.items_file)

    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """Ask for all samples of a problem at once."""
        if replies:
            return ()
        prompt = item.content["problem"].prompt
        if self.settings.prompt == "completion":
            return (Ask(plain_text(prompt), self.settings.sampling(self.seed, stop=STOP)),)
        return (Ask(user(render_prompt(self.prompts[0], prompt=prompt)), self.settings.sampling(self.seed)),)

    def program(self, item: Item, reply: str) -> str:
        """The function with what stands before it in the prompt."""
        problem = item.content["problem"]
        if self.settings.prompt == "completion" and continues(reply):
            return str(problem.prompt + cut(reply, STOP))
        return extract_program(reply, problem.prompt, problem.function, STOP)


def read_problem(record: Record, place: str) -> Problem:
    """Read one problem. Raises BadInput naming place and field of what is none."""
    prompt, canonical, tests, function = (
        required_text(record, field, place)
        for field in ("prompt", "canonical_solution", "test", "entry_point")
    )
    # A stub so that the prompt is a program: some have no docstring. Its other functions serve the tests.
    setup = f"{prompt}\n    pass\n"
    return Problem(task_id(record, place), prompt, canonical, setup, tests, function, "check")
