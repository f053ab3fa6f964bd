"""The branch for those who train on more than answers: verifiers as data, and pairs of answers.

verifiers.jsonl             a row a line: id, instruction, input, constraint, and its functions and cases,
                            for reward or evaluation; the code is a model's, so run it in a sandbox
preferences.jsonl           TRL's conversational preferences: prompt, chosen and rejected, lists of messages
preferences_sharegpt.json   the same for LLaMA-Factory, which dataset_info.json names evobuild_preferences

Chosen is the answer of the row, rejected one that none of the functions finds to keep the constraint
(arXiv:2406.13542, section 3.4), and one at least to break it. A row without such an answer has no pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evobuild.autoif.records import constraint_of
from evobuild.autoif.verified import Verified
from evobuild.core import json_lines, tables
from evobuild.core.chat import Message
from evobuild.core.conversation import chat_messages
from evobuild.core.json_lines import Record
from evobuild.core.params import Models
from evobuild.core.tables import Instruction

LLAMA_FACTORY = {
    "evobuild_preferences": {
        "file_name": "preferences_sharegpt.json",
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    }
}
"""What dataset_info.json says (LLaMA-Factory's data/README.md): turns from human and gpt by default."""


ROLES = ("evolver", "responder", "judge")
"""Those that play in the branch."""


class Pair(NamedTuple):
    """A row with its own answer, and a worse one."""

    row: Instruction
    rejected: str


def export(
    folder: Path,
    rows: Sequence[Instruction],
    verified: Mapping[str, Verified],
    pairs: Sequence[Pair],
    models: Models,
) -> None:
    """Write the files, and what they are, into a new folder, in the order of the ids.

    verified: by constraint. Raises BadInput naming a row whose text cannot be written.
    """
    folder.mkdir()
    ordered = sorted(pairs, key=lambda pair: pair.row.id)
    given = ((row, verified[constraint_of(row)]) for row in sorted(rows, key=lambda row: row.id))
    json_lines.write_json_lines(
        folder / "verifiers.jsonl", ((row.id, _verifier(row, by)) for row, by in given)
    )
    json_lines.write_json_lines(
        folder / "preferences.jsonl", ((pair.row.id, _preference(pair)) for pair in ordered)
    )
    turns = ((pair.row.id, _turns(pair)) for pair in ordered)
    json_lines.write_json_lines(folder / "preferences_sharegpt.json", turns)
    tables.write_json(folder / "dataset_info.json", LLAMA_FACTORY)
    (folder / "README.md").write_text(_card(len(rows), len(pairs), models), encoding="utf-8")


def _card(rows: int, pairs: int, models: Models) -> str:
    simulated = ", ".join(role for role in ROLES if getattr(models, role).simulated)
    dry = f"**DRY RUN**: simulated, with no language model behind: {simulated}. Nothing here is a result."
    lines = [
        "# Verifiers and preferences",
        "",
        *([dry, ""] if simulated else []),
        f"- `verifiers.jsonl`: {rows:,} instructions with the functions that check them. Models wrote these:",
        "  run them in a sandbox.",
        f"- `preferences.jsonl`: {pairs:,} pairs of answers, for TRL",
        "- `preferences_sharegpt.json`: the same for LLaMA-Factory, `dataset: evobuild_preferences`",
    ]
    return "\n".join(lines) + "\n"


def _verifier(row: Instruction, by: Verified) -> Record:
    return {
        "id": row.id,
        "instruction": row.instruction,
        "input": row.input,
        "constraint": by.constraint,
        "functions": [each._asdict() for each in by.functions],
        "cases": [each._asdict() for each in by.cases],
    }


def _preference(pair: Pair) -> Record:
    return {
        "id": pair.row.id,
        "prompt": [turn._asdict() for turn in chat_messages(pair.row)],
        "chosen": [Message("assistant", pair.row.output)._asdict()],
        "rejected": [Message("assistant", pair.rejected)._asdict()],
    }


def _turns(pair: Pair) -> Record:
    return {
        "id": pair.row.id,
        # Rows of the branch have no earlier turns.
        "conversations": [{"from": "human", "value": turn.content} for turn in chat_messages(pair.row)],
        "chosen": {"from": "gpt", "value": pair.row.output},
        "rejected": {"from": "gpt", "value": pair.rejected},
    }
