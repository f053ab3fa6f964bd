"""What an evolver was asked for a row, rendered again; and which rows an evolver made."""

from __future__ import annotations

import pytest
from branch_rows import of_branch

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, row_id
from evobuild.evolution import methods, prompts_sent


def child(parent, text, **fields):
    made = {"parent_id": parent.id, "seed_id": parent.id, "round": "r1", "strategy": "evol"}
    given = made | {"operation": "deepening"} | fields
    own = row_id("r1", parent.id, text)
    return parent._replace(id=own, instruction=text, **given)


@pytest.fixture
def known(tmp_path):
    (tmp_path / "e.txt").write_text("Make it harder.\n\n#Instruction#:\n{instruction}")
    return prompts_sent.collect_plans(prompts_sent.collect_methods(tmp_path / "e.txt", tmp_path / "none.txt"))


def test_the_prompt_is_the_parents_and_the_answer_the_childs(row, known):
    parent = row("Name a river.", input="In Asia.")
    turns = prompts_sent.build_evolver_turns(child(parent, "Name a long river."), parent, known)
    assert "Name a river." in turns.prompt and "In Asia." in turns.prompt
    assert "long" not in turns.prompt and turns.answer == "Name a long river."
    method = methods.method_digest("Make it harder.\n\n#Instruction#:\n{instruction}")
    turns = prompts_sent.build_evolver_turns(
        child(parent, "Name a long river.", operation=f"method-{method}"), parent, known
    )
    assert turns.prompt == "Make it harder.\n\n#Instruction#:\nName a river.\n\n#Input#:\nIn Asia."


def test_an_input_is_part_of_the_answer_if_the_evolver_gave_it(row, known):
    parent = row("Name a river.", input="In Asia.")
    assert prompts_sent.build_evolver_turns(child(parent, "New"), parent, known).answer == "New"
    changed = child(parent, "New", input="In Africa.")
    assert prompts_sent.build_evolver_turns(changed, parent, known).answer == "New\n\n#Input#:\nIn Africa."


def test_what_cannot_be_rendered_is_a_reject(row, known):
    parent = row()
    lost = prompts_sent.build_evolver_turns(child(parent, "New"), None, known)
    assert (lost.reason, parent.id in lost.detail) == ("no parent", True)
    unknown = prompts_sent.build_evolver_turns(
        child(parent, "New", operation="method-000000000000"), parent, known
    )
    assert unknown.reason == "no prompt" and "method-000000000000" in unknown.detail


def test_rows_of_the_seed_and_of_a_branch_and_kept_parents_are_not_evolved(row):
    parent = row()
    assert not prompts_sent.is_evolved(parent)
    assert not prompts_sent.is_evolved(of_branch(parent))
    assert not prompts_sent.is_evolved(child(parent, parent.instruction, operation="kept"))
    assert prompts_sent.is_evolved(child(parent, "New"))


def test_rows_of_a_table_are_evolved_as_rows_by_themselves_are(row):
    parent = row()
    rows = [parent, of_branch(parent), child(parent, "Kept", operation="kept"), child(parent, "New")]
    rows += [
        child(parent, "Newer", strategy="auto", operation="method-0"),
        child(parent, "Odd", operation=""),
    ]
    found = tables.frame(INSTRUCTIONS, rows).select(prompts_sent.is_evolved_expr()).to_series()
    assert found.to_list() == [prompts_sent.is_evolved(each) for each in rows]
