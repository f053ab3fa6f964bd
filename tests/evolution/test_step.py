"""One row's evolution: what the evolver is asked, and what its reply becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import reply
from rules import RULES

from evobuild.core.instructions import Instruction, content_id, iterate_instructions, row_id
from evobuild.core.rejects import Reject
from evobuild.evolution import operations
from evobuild.evolution import step as evolution
from evobuild.evolution.auto import plan_by_method
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.params import Seed
from evobuild.seeds.seed import split_seed_rows

METHOD = "Rewrite it.\n\n#Instruction#:\n{instruction}"
BY_METHOD = plan_by_method(METHOD)
NAMES = ["constraints", "deepening", "breadth"]
LABEL = "#Finally Rewritten Instruction#:"
HARDER = f"{LABEL} Name a long river in Asia."
OPERATIONS = ("constraints", "deepening", "concretizing", "reasoning", "complicate_input", "breadth")
IN_DEPTH = [name for name in OPERATIONS if name != "breadth"]


def by(*names, **domains):
    return operations.plan_in_turn({"default": names} | domains, "r1")


def child_of(parent, text, plan=BY_METHOD, rules=RULES, **given):
    return evolution.read_child(plan(parent), reply("k", text, **given), "r1", "fake:model", rules)


def reason_of(*arguments, **given):
    rejected = child_of(*arguments, **given)
    assert isinstance(rejected, Reject)
    return rejected.reason


@pytest.mark.parametrize(
    ("place", "round", "name"),
    [
        (0, "r1", "constraints"),
        (0, "r2", "deepening"),
        (1, "r2", "breadth"),
        (2, "r2", "constraints"),
        (7, "r4", "deepening"),
    ],
)
def test_the_seed_row_at_place_i_gets_operation_i_plus_r_the_first_round_being_0(row, place, round, name):
    given = row(seed_place=place)
    assert operations.plan_in_turn({"default": NAMES}, round)(given).operation == name


def test_by_hash_a_row_takes_its_turn_wherever_its_seed_row_stands(row):
    rows = [row(f"Row {number}.", seed_place=number) for number in range(200)]

    def operations_of(round, seed=7, moved=0):
        plan = operations.plan_by_hash({"default": NAMES}, round, seed)
        return [plan(each._replace(seed_place=each.seed_place + moved)).operation for each in rows]

    first = operations_of("r1")
    assert first == operations_of("r1", moved=1) != operations_of("r1", seed=8)
    assert all(50 < first.count(name) < 85 for name in NAMES)
    after = {name: NAMES[(place + 1) % len(NAMES)] for place, name in enumerate(NAMES)}
    assert operations_of("r2") == [after[name] for name in first]


@pytest.mark.parametrize("schedule", ["fixed", "hashed"])
@pytest.mark.parametrize("number", [4, 5])
def test_no_lineage_repeats_an_operation_before_all_had_their_turn(number, schedule):
    names = list(OPERATIONS)[:number]
    sources = [SourceRow(str(place), place, (), f"Row {place}.", "", "", None) for place in range(400)]
    split = split_seed_rows(
        sources,
        Seed.model_construct(
            domain=None,
            extra="all",
            turns="all",
            min_words=1,
            languages=[],
            rows=300,
            deduplicate=True,
            held_out=0.1,
            near_duplicate=1.0,
        ),
        7,
    )
    lineages = {each.id: (each, []) for each in iterate_instructions(split.r0)}
    for round in range(1, number + 1):
        given = {"default": names}, f"r{round}"
        plan = operations.plan_in_turn(*given) if schedule == "fixed" else operations.plan_by_hash(*given, 7)
        # In the order of another hash each round, as tables are.
        for key, (parent, done) in sorted(lineages.items(), key=lambda item: item[1][0].id):
            step = plan(parent)
            child = evolution.read_child(
                step, reply("k", f"Row {key} {round}."), f"r{round}", "fake:model", RULES
            )
            lineages[key] = child, [*done, step.operation]
    assert len(lineages) == 300
    assert all(sorted(done) == sorted(names) for _, done in lineages.values())


@pytest.mark.parametrize(("name", "number"), [("r1", 0), ("r12", 11), ("r3b", 2)])
def test_a_round_is_numbered_by_its_name(name, number):
    assert operations.parse_round_number(name) == number


@pytest.mark.parametrize(("domain", "names"), [("chat", NAMES[:2]), ("math", NAMES[2:]), ("code", NAMES[2:])])
@pytest.mark.parametrize("schedule", ["fixed", "random"])
def test_a_domain_has_its_own_operations_and_every_other_the_default(row, schedule, domain, names):
    sets = {"default": NAMES[2:], "chat": NAMES[:2]}
    plan = (
        operations.plan_at_random(sets, "r1", 7)
        if schedule == "random"
        else operations.plan_in_turn(sets, "r1")
    )
    rows = [row(f"Row {number}.", domain=domain, seed_place=number) for number in range(20)]
    assert {plan(each).operation for each in rows} == set(names)


def test_a_draw_depends_on_seed_round_and_row_and_on_no_place(row):
    rows = [row(f"Row {number}.") for number in range(60)]

    def drawn(seed, round, rows=rows):
        plan = operations.plan_at_random({"default": NAMES}, round, seed)
        return {each.id: plan(each).operation for each in rows}

    first = drawn(1, "r1")
    assert first == drawn(1, "r1", rows[::-1])
    assert all(10 < list(first.values()).count(name) < 30 for name in NAMES)
    assert first not in (drawn(2, "r1"), drawn(1, "r2"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_only_a_child_in_breadth_starts_without_the_input(row, name):
    parent = row("Sum these up.", input="1, 2, 3")
    child = child_of(parent, "Average these.", by(name))
    assert child.input == ("" if name == "breadth" else "1, 2, 3")


@pytest.mark.parametrize("plan", [BY_METHOD, *map(by, OPERATIONS)])
def test_the_evolver_sees_instruction_input_and_conversation(row, plan):
    parent = row(
        "Sum these up.", input="1, {{ 2 }}, {instruction}", history=(("user", "Hi."), ("assistant", "Hello."))
    )
    prompt = plan(parent).prompt
    for text in ("Sum these up.", "1, {{ 2 }}, {instruction}", "user: Hi.", "assistant: Hello."):
        assert text in prompt


def test_every_operation_asks_for_something_else(row):
    prompts = {by(name)(row()).prompt for name in OPERATIONS}
    assert len(prompts) == len(OPERATIONS) == 6


def test_a_child_descends_from_its_parent(row):
    parent = row(
        id="p",
        seed_id="s",
        parent_id="g",
        round="r1",
        domain="math",
        output="Nile",
        seed_place=9,
        evolver="old",
        responder="old",
    )
    child = child_of(parent, HARDER)
    assert child == Instruction(
        id=row_id("r1", "p", child.content_id),
        content_id=content_id((), "Name a long river in Asia.", ""),
        seed_id="s",
        parent_id="p",
        round="r1",
        domain="math",
        history=(),
        instruction="Name a long river in Asia.",
        input="",
        output="",
        strategy="auto",
        operation=BY_METHOD(parent).operation,
        evolver="fake:model",
        responder="",
        seed_place=9,
    )


def test_another_method_is_another_operation(row):
    names = {plan_by_method(text)(row()).operation for text in (METHOD, METHOD + " ")}
    assert len(names) == 2
    assert all(name.startswith("method-") for name in names)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no label", "unparsable"),
        (LABEL, "empty"),
        (f"{LABEL} name a RIVER", "unchanged"),
        (f"{LABEL} Name a river: the input", "unchanged"),
        (f"{LABEL} Name a river.\n#Input#:\nThe input!", "unchanged"),
        (f"{LABEL} #Input#: Name a river there.", "markers copied"),
        (" ", "empty"),
    ],
)
def test_a_reply_that_is_no_evolution_is_a_reject_with_the_reply(row, text, reason):
    rejected = child_of(row(input="the input"), text)
    assert isinstance(rejected, Reject)
    assert (rejected.reason, rejected.reply) == (reason, text)


@pytest.mark.parametrize(
    ("given", "reason", "detail"),
    [
        ({"finish": "length"}, "truncated", ""),
        ({"finish": "content_filter"}, "content filter", ""),
        ({"error": "prompt too long"}, "model error", "prompt too long"),
    ],
)
def test_a_reply_that_did_not_end_well_is_not_read(row, given, reason, detail):
    rejected = child_of(row(), HARDER, **given)
    assert (rejected.reason, rejected.detail) == (reason, detail)


def test_text_on_the_line_of_the_label_is_read_like_text_below_it(row):
    below = child_of(row(), HARDER.replace(": ", ":\n"))
    assert below == child_of(row(), HARDER)
    assert isinstance(below, Instruction)


def test_an_unparsable_reply_says_why(row):
    assert child_of(row(), "no label").detail


@pytest.mark.parametrize(
    ("given", "evolved", "kept"),
    [
        ("1, 2, 3", "Sum up 1, 2, 3 twice.", ""),
        ("1, 2, 3\n", "Sum up 1, 2, 3 twice.", ""),
        ("1, 2, 3", "Sum up these twice.", "1, 2, 3"),
        ("5", "Write 15 words about the number.", "5"),
        ("art", "Start with the word.", "art"),
        ("this", "Sum up this and that.", "this"),
        ("", "Sum up all.", ""),
    ],
)
def test_an_input_that_the_instruction_took_in_is_not_said_twice_and_no_other_is_lost(
    row, given, evolved, kept
):
    child = child_of(row("Sum up this.", input=given), f"#Final Rewritten Instruction#: {evolved}")
    assert (child.instruction, child.input) == (evolved, kept)


@pytest.mark.parametrize(
    ("text", "instruction", "given"),
    [
        ("Sum up all.\n\n#Input#:\n4\n5", "Sum up all.", "4\n5"),
        ("Sum up all.\n#Input#: 4, 5", "Sum up all.", "4, 5"),
        ("Sum up all.\n\n**#Input#:**\n4", "Sum up all.", "4"),
        ("Sum up all.\n\n### Input #\n4", "Sum up all.", "4"),
        ("#Instruction#:\nSum up all.\n\n#Input#:\n4", "Sum up all.", "4"),
        ("Sum up all.\n\n#INPUT#\n| a |\n|---|\n| 4 |", "Sum up all.", "| a |\n|---|\n| 4 |"),
        ("Sum up all.\n\n#Input#:\n(none)", "Sum up all.", "1, 2"),
        ("Sum up all.\n\n#Input#:\nN/A", "Sum up all.", "1, 2"),
        ("Sum up all.\n\n#Input#:", "Sum up all.", "1, 2"),
        ("Sum up this.\n\n#Input#:\n1, 2, 3", "Sum up this.", "1, 2, 3"),
    ],
)
@pytest.mark.parametrize("name", [*IN_DEPTH, "method"])
def test_a_child_in_depth_may_come_with_an_input_of_its_own(row, name, text, instruction, given):
    plan, text = (BY_METHOD, f"{LABEL}\n{text}") if name == "method" else (by(name), text)
    child = child_of(row("Sum up this.", input="1, 2"), text, plan)
    assert (child.instruction, child.input) == (instruction, given)
    assert child.content_id == content_id((), instruction, given)


def test_a_child_has_the_other_columns_of_its_seed_row(row):
    parent = row(extra='{"gold": 1}')
    child = child_of(parent, HARDER)
    assert child.extra == parent.extra


def test_an_input_is_taken_up_where_there_was_none(row):
    child = child_of(row("Sort them."), "Sort them by size.\n\n#Input#:\n3;1;2", by("complicate_input"))
    assert (child.instruction, child.input) == ("Sort them by size.", "3;1;2")


def test_a_new_task_brings_no_input(row):
    assert reason_of(row(), "Name a lake.\n\n#Input#:\nhere", by("breadth")) == "markers copied"


def test_labels_that_the_parent_is_about_are_no_parts(row):
    parent = row("Say what this means:\n#Input#:\nPlain text.")
    kept = child_of(parent, "Say in a verse what this means:\n#Input#:\nPlain text.", by("deepening"))
    assert kept.instruction == "Say in a verse what this means:\n#Input#:\nPlain text."
    more = child_of(parent, f"{kept.instruction}\n#Input#:\n7", by("complicate_input"))
    assert (more.instruction, more.input) == (kept.instruction, "7")


def test_growth_is_measured_with_a_new_input(row):
    rules = RULES.model_copy(update={"max_growth": 10})
    text = "Sum these up.\n\n#Input#:\n" + "1 " * 12
    assert reason_of(row("Sum up."), text, by("complicate_input"), rules) == "grew too long"
    assert isinstance(
        child_of(row("Sum up.", input="2 " * 5), text, by("complicate_input"), rules), Instruction
    )


@pytest.mark.parametrize(
    ("evolved", "lost"),
    [
        ("Add both up and say which is larger.", True),
        ("Add both up and say which is larger.\n\n#Input#:\n17\n250", False),
        ("Add 17 to 250 and explain.", False),
    ],
)
def test_lost_content_is_a_failure_if_params_say_so(row, evolved, lost):
    parent = row("Add 17 and 250.")
    strict = RULES.model_copy(update={"lost_content": True})
    assert isinstance(child_of(parent, evolved, by("deepening")), Instruction)
    found = child_of(parent, evolved, by("deepening"), strict)
    assert isinstance(found, Reject) == lost
    if lost:
        assert found.reason == "lost content"
        assert "17" in found.detail
        assert "250" in found.detail


def test_a_new_task_loses_nothing(row):
    strict = RULES.model_copy(update={"lost_content": True})
    assert isinstance(child_of(row("Add 17 and 250."), "Name a lake.", by("breadth"), strict), Instruction)


def test_a_child_is_another_row_in_another_round(row):
    step = BY_METHOD(row())
    first, second = (
        evolution.read_child(step, reply("k", HARDER), name, "fake:model", RULES) for name in ("r1", "r2")
    )
    assert first.content_id == second.content_id
    assert first.id != second.id


def test_no_debugger_waits_in_the_code():
    root = Path(__file__).parents[2]
    files = [*(root / "stages").rglob("*.py"), *(root / "evobuild").rglob("*.py")]
    assert len(files) > 50
    found = [path.name for path in files if any(x in path.read_text() for x in ("breakpoint(", "set_trace("))]
    assert found == []
