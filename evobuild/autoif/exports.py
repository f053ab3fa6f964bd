"""The branch for those who train on more than answers: verifiers as data, and pairs of answers.

verifiers.jsonl             a row a line: id, instruction, input, constraint, and its functions and cases,
                            for reward or evaluation; the code is a model's, so run it in a sandbox
preferences.jsonl           TRL's conversational preferences: prompt, chosen and rejected, lists of messages
preferences_sharegpt.json   the same for LLaMA-Factory, which dataset_info.json names evobuild_preferences

Chosen is the answer of the row, rejected one that none of the functions finds to keep the constraint
(arXiv:2406.13542, section 3.4), and one at least to break it. A row without such an answer has no pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from evobuild.autoif.records import VERIFIED, constraint_operation
from evobuild.autoif.verified import Verified, read_verified_constraints
from evobuild.core import json_files, tables
from evobuild.core.chat import Message
from evobuild.core.instructions import (
    PREFERENCES,
    Instruction,
    PreferencePair,
    preference_pairs,
    stream_instructions,
)
from evobuild.core.json_files import Record
from evobuild.core.uri import ChatModel
from evobuild.export import formats

LLAMA_FACTORY = {
    "preferences": {
        "file_name": "preferences_sharegpt.json",
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    }
}
"""What dataset_info.json says (LLaMA-Factory's data/README.md): turns from human and gpt by default."""


def export_branch(
    folder: Path, pool: Path, preferences: Path, verified: Path, models: Mapping[str, ChatModel]
) -> None:
    """Write the files, and what they are, into a new folder, in the order of the ids.

    pool, preferences, verified: tables of the rows with their answers, of PREFERENCES, of VERIFIED.
    models: of the roles that play in the branch.

    Raises BadInput naming a row whose text cannot be written.
    """
    folder.mkdir()
    constraints = read_verified_constraints(tables.read(verified, VERIFIED))
    by_operation = {constraint_operation(each.id): each for each in constraints}
    height, rows = stream_instructions(pool)
    verifiers = ((row.id, _verifier_record(row, by_operation[row.operation])) for row in rows)
    json_files.write_json_lines(folder / "verifiers.jsonl", verifiers)
    for name, record in (
        ("preferences.jsonl", _preference_record),
        ("preferences_sharegpt.json", _sharegpt_preference_record),
    ):
        pairs = chain.from_iterable(map(preference_pairs, tables.batches(preferences, PREFERENCES)))
        json_files.write_json_lines(folder / name, ((pair.row.id, record(pair)) for pair in pairs))
    formats.write_dataset_info(folder, LLAMA_FACTORY)
    card = _card(height, tables.height(preferences, PREFERENCES), models)
    (folder / "README.md").write_text(card, encoding="utf-8")


def _card(rows: int, pairs: int, models: Mapping[str, ChatModel]) -> str:
    simulated = ", ".join(role for role, model in models.items() if model.simulated)
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


def _verifier_record(row: Instruction, constraint: Verified) -> Record:
    return {
        "id": row.id,
        "instruction": row.instruction,
        "input": row.input,
        "constraint": constraint.constraint,
        "functions": [each._asdict() for each in constraint.functions],
        "cases": [each._asdict() for each in constraint.cases],
    }


def _preference_record(pair: PreferencePair) -> Record:
    *prompt, chosen = formats.build_messages(pair.row)
    return {
        "id": pair.row.id,
        "prompt": [turn._asdict() for turn in prompt],
        "chosen": [chosen._asdict()],
        "rejected": [Message("assistant", pair.rejected)._asdict()],
    }


def _sharegpt_preference_record(pair: PreferencePair) -> Record:
    *prompt, chosen = formats.build_messages(pair.row)
    return {
        "id": pair.row.id,
        "conversations": [formats.sharegpt_turn(turn) for turn in prompt],
        "chosen": formats.sharegpt_turn(chosen),
        "rejected": formats.sharegpt_turn(Message("assistant", pair.rejected)),
    }
