"""A round of evolution: every parent is tried, counted and accounted for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import variants
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.chat import Choice, Reply
from evobuild.core.errors import BadInput, UserError
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, KEPT, Instruction, iterate_instructions, row_id
from evobuild.core.rejects import REJECTS, Reject
from evobuild.core.stage import call_stage
from evobuild.core.uri import ChatModel
from evobuild.evolution import evolve, methods, operations, round_tables
from evobuild.evolution.auto import plan_by_method
from evobuild.evolution.step import Step
from evobuild.models.client import Model
from stages import evolve as stage

PARAMS = load_all_params(SHIPPED_PARAMS)
LABEL = "#Finally Rewritten Instruction#:"
PLAN = plan_by_method("Rewrite it.\n\n#Instruction#:\n{instruction}")
SEED = 42
OUTS = ("child", "rejects", "failures", "replies", "counts")


def settings(**changes):
    failures = PARAMS.evolve.failures.model_copy(update=changes.pop("failures", {}))
    return PARAMS.evolve.model_copy(update={"failures": failures, **changes})


def attempts(parents, plan=PLAN, judge=False, **changes):
    with Model(ChatModel("simulated", "fake")) as evolver, Model(ChatModel("simulated", "judge")) as other:
        round = evolve.Round("r1", plan, settings(**changes), SEED, evolver, other if judge else None)
        return list(round.evolve(lambda: iter(parents)))


def results(found, kind):
    return [each.result for each in found if isinstance(each.result, kind)]


def text_of(asked):
    return asked.messages[-1].content.rpartition("#Instruction#:\n")[2]


def harder(asked):
    return f"{LABEL} {text_of(asked)} Say why."


def unless(word, answer=harder):
    """Evolve all but those with a word in them."""
    return lambda asked: "no label" if word in text_of(asked) else answer(asked)


def until(seed):
    """Evolve nothing before this seed."""
    return lambda asked: harder(asked) if asked.sampling.seed >= seed else "no label"


def test_every_parent_gives_exactly_one_child_or_reject(row, engine):
    engine(unless("odd"), capacity=3)
    parents = [row(f"Row {number} is {'odd' if number % 2 else 'even'}.") for number in range(20)]
    found = attempts(parents)
    assert {child.parent_id for child in results(found, Instruction)} == {each.id for each in parents[::2]}
    assert {reject.id for reject in results(found, Reject)} == {each.id for each in parents[1::2]}
    assert len(found) == len(parents)
    assert all(each.last and not each.number for each in found)


def test_equal_children_of_two_parents_are_two_rows_of_one_content(row, engine):
    engine(lambda asked: f"{LABEL} Name a long river.")
    one, two = results(attempts([row("Name a river."), row("Name a lake.")]), Instruction)
    assert one.content_id == two.content_id
    assert one.id != two.id


def test_one_failed_request_harms_no_other(row, engine):
    engine(
        lambda asked: (
            reply(asked.key, "", error="prompt too long") if "bad" in text_of(asked) else harder(asked)
        )
    )
    found = attempts([row("A bad one."), row("A good one.")])
    assert len(results(found, Instruction)) == 1
    (rejected,) = results(found, Reject)
    assert (rejected.reason, rejected.detail) == ("model error", "prompt too long")


def test_sampling_is_that_of_params_and_has_the_seed(row, engine):
    fake = engine(harder)
    attempts([row()], temperature=0.3, top_p=0.8, max_tokens=99)
    sampling = fake.asked[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.3, 0.8, 99)
    assert (sampling.seed, sampling.logprobs) == (SEED, 0)


@pytest.mark.parametrize("on_failure", ["drop", "keep_parent"])
def test_without_retry_nothing_is_asked_twice(row, engine, on_failure):
    fake = engine(until(SEED + 1))
    found = attempts([row()], on_failure=on_failure)
    assert len(fake.asked) == len(found) == 1
    assert found[0].last


def test_what_failed_is_asked_again_with_the_next_seed_until_it_succeeds(row, engine):
    fake = engine(lambda asked: until(SEED + 2)(asked) if "hard" in text_of(asked) else harder(asked))
    parents = [row("An easy one."), row("A hard one."), row("Another easy one.")]
    found = attempts(parents, on_failure="retry", retries=5)
    assert Counter(text_of(asked) for asked in fake.asked) == {
        "An easy one.": 1,
        "A hard one.": 3,
        "Another easy one.": 1,
    }
    again = [each for each in found if each.step.parent is parents[1]]
    assert [each.number for each in again] == [0, 1, 2]
    assert [each.last for each in again] == [False, False, True]
    assert isinstance(again[-1].result, Instruction)


def test_retries_are_bounded_and_the_last_failure_is_what_counts(row, engine):
    fake = engine(lambda asked: "no label" if asked.sampling.seed == SEED else f"{LABEL} {text_of(asked)}")
    found = attempts([row()], on_failure="retry", retries=2)
    assert [asked.sampling.seed for asked in fake.asked] == [SEED, SEED + 1, SEED + 2]
    assert [each.result.reason for each in found] == ["unparsable", "unchanged", "unchanged"]
    assert [each.last for each in found] == [False, False, True]


def test_no_pass_is_made_over_rows_that_are_done(row, engine):
    engine(harder)
    passes = []
    with Model(ChatModel("simulated", "fake")) as evolver:
        round = evolve.Round("r1", PLAN, settings(on_failure="retry"), SEED, evolver)
        assert len(list(round.evolve(lambda: passes.append(1) or iter([row()])))) == 1
    assert len(passes) == 1


def test_a_request_that_the_engine_gave_up_on_is_not_asked_again(row, engine):
    fake = engine(lambda asked: reply(asked.key, "", error="overloaded"))
    (attempt,) = attempts([row()], on_failure="retry", retries=3)
    assert attempt.last
    assert len(fake.asked) == 1


def test_a_row_keeps_its_operation_when_it_is_tried_again(row, engine):
    def answer(asked):
        fails = asked.sampling.seed == SEED and int(text_of(asked)[4]) % 2
        return "" if fails else f"{text_of(asked)} Say why."

    engine(answer)
    names = ["constraints", "deepening", "reasoning"]
    parents = [row(f"Row {number}.", seed_place=number) for number in range(6)]
    found = attempts(parents, operations.plan_in_turn({"default": names}, "r2"), on_failure="retry")
    tried = {(each.step.parent.instruction, each.step.operation) for each in found}
    assert tried == {(f"Row {number}.", names[(number + 1) % 3]) for number in range(6)}
    assert len(found) == 9


def test_stored_attempts_are_not_asked_again_after_a_crash(row, engine):
    parents = [row(f"Row {number}.") for number in range(30)]
    fake = engine(until(SEED + 1), capacity=4)
    whole = attempts(parents, on_failure="retry")

    def dies(asked):
        if len(fake.asked) > 45:
            raise KeyboardInterrupt
        return until(SEED + 1)(asked)

    fake = engine(dies, capacity=4)
    changed = settings(on_failure="retry").temperature + 0.1
    with pytest.raises(KeyboardInterrupt):
        attempts(parents, on_failure="retry", temperature=changed)
    answered = len(fake.asked)
    fake = engine(until(SEED + 1), capacity=4)
    again = attempts(parents, on_failure="retry", temperature=changed)
    assert [each.result for each in again] != []
    assert {each.result for each in again} == {each.result for each in whole}
    assert len(fake.asked) <= 60 - answered + 4


def judging(verdict):
    return lambda asked: verdict(asked) if asked.purpose == "equal" else harder(asked)


def test_a_child_that_the_judge_finds_equal_has_failed(row, engine):
    fake = engine(judging(lambda asked: "Equal" if "lake" in asked.messages[0].content else "Not equal."))
    found = attempts([row("Name a river."), row("Name a lake.")], judge=True)
    (rejected,) = results(found, Reject)
    assert (rejected.reason, rejected.detail) == ("equal", "the judge: Equal")
    assert rejected.reply == f"{LABEL} Name a lake. Say why."
    assert [child.instruction for child in results(found, Instruction)] == ["Name a river. Say why."]
    asked = next(each for each in fake.asked if each.purpose == "equal")
    assert asked.sampling.temperature == 0


def test_the_judge_is_asked_about_children_only(row, engine):
    fake = engine(unless("lake", judging(lambda asked: "Not Equal")))
    found = attempts([row("Name a river."), row("Name a lake.")], judge=True)
    assert len(found) == 2
    assert [asked.purpose for asked in fake.asked].count("equal") == 1
    assert len(attempts([row("Name a lake.")], judge=True)) == 1


def test_what_the_judge_finds_equal_is_tried_again(row, engine):
    def verdict(asked):
        return "Equal" if "Draft 42" in asked.messages[0].content else "Not Equal"

    engine(
        lambda asked: (
            verdict(asked)
            if asked.purpose == "equal"
            else f"{LABEL} Draft {asked.sampling.seed} of {text_of(asked)}"
        )
    )
    found = attempts([row()], judge=True, on_failure="retry")
    assert [type(each.result) for each in found] == [Reject, Instruction]


@pytest.mark.parametrize("said", ["Equal or Not Equal?", None])
def test_without_a_clear_verdict_the_child_stays_and_is_counted(row, engine, tmp_path, said):
    engine(judging(lambda asked: said or reply(asked.key, "", error="overloaded")))
    (attempt,) = attempts([row()], judge=True)
    assert isinstance(attempt.result, Instruction)
    assert not attempt.judged
    assert written(tmp_path, [attempt], 1)["counts"]["unclear_verdicts"] == 1


def with_logprobs(asked):
    positions = ((-0.5, -0.5), (-3.0, -0.25), (0.0, 1e-4))
    return Reply(
        asked.key, (Choice(harder(asked), "stop", 3, positions if asked.sampling.logprobs else None),), 7
    )


def test_the_top_probability_of_every_position_is_kept(row, engine, tmp_path):
    fake = engine(with_logprobs)
    found = attempts([row()], token_probability=True)
    assert fake.asked[0].sampling.logprobs == 1
    kept = written(tmp_path, found, 1)["replies"]["top_probability"][0].to_list()
    assert kept == pytest.approx([0.60653, 0.77880, 1.0], abs=1e-5)
    assert max(kept) == 1.0


def test_the_top_probability_of_a_reply_that_failed_is_kept_too(row, engine, tmp_path):
    def answer(asked):
        if "bad" in text_of(asked):
            return Reply(asked.key, (Choice("", "stop", 1, ((-0.5,),)),), 7)
        return reply(asked.key, "", error="timeout") if "lost" in text_of(asked) else with_logprobs(asked)

    engine(answer)
    found = attempts([row("good"), row("bad one"), row("lost one")], token_probability=True)
    failures = written(tmp_path, found, 3)["failures"]
    kept = dict(failures.select("reason", "top_probability").iter_rows())
    assert kept == {"empty": pytest.approx([0.60653], abs=1e-5), "model error": None}


def test_probabilities_that_were_not_asked_for_are_null(row, engine, tmp_path):
    engine(with_logprobs)
    assert written(tmp_path, attempts([row()]), 1)["replies"]["top_probability"].to_list() == [None]


def test_what_the_evolver_thought_stands_beside_its_reply(row, engine, tmp_path):
    engine(lambda asked: f"<think>\n{LABEL} A thought.\n</think>\n{harder(asked)}")
    (attempt,) = attempts([row("Name a river.")])
    assert attempt.result.instruction == "Name a river. Say why."
    told = written(tmp_path, [attempt], 1)["replies"].select("reply", "reasoning").row(0)
    assert told == (f"{LABEL} Name a river. Say why.", f"{LABEL} A thought.")


def test_an_engine_without_probabilities_is_told_in_a_line(row, engine):
    engine(harder)
    with pytest.raises(UserError, match=r"simulated:fake returns no token probabilities; set evolve\.token"):
        attempts([row()], token_probability=True)


def written(folder, found, rows_in, keep=False):
    """Write the tables of attempts, and read them again."""
    paths = [folder / f"{name}.parquet" for name in OUTS[:4]]
    made = round_tables.RoundTables("r1", keep, round_tables.RoundOuts(*paths, folder / "counts.json"))
    made.add(found)
    made.write(rows_in)
    schemas = (INSTRUCTIONS, REJECTS, FAILURES, REPLIES)
    read = {name: tables.read(path, schema) for name, path, schema in zip(OUTS, paths, schemas, strict=False)}
    return read | {"counts": json.loads((folder / "counts.json").read_text())}


def mixed(asked):
    """Half of the rows evolve at once, some at the second try, the others never."""
    number = int(text_of(asked).split()[1].rstrip("."))
    if number % 2 == 0 or (number % 3 == 0 and asked.sampling.seed > SEED):
        return harder(asked)
    return f"no label, {asked.sampling.seed}"


@pytest.mark.parametrize("on_failure", ["drop", "keep_parent", "retry"])
def test_rows_in_are_rows_out_and_rejects_and_every_failed_attempt_is_kept(row, engine, tmp_path, on_failure):
    engine(mixed, capacity=5)
    parents = [row(f"Row {number}.", domain="math") for number in range(20)]
    found = attempts(parents, on_failure=on_failure, retries=2)
    made = written(tmp_path, found, 20, on_failure == "keep_parent")
    children, rejects, failed, replies = (made[name] for name in OUTS[:4])
    expected = {"drop": (10, 10, 10), "keep_parent": (20, 0, 10), "retry": (13, 7, 3 + 3 * 7)}[on_failure]
    assert (children.height, rejects.height, failed.height) == expected
    assert set(children["parent_id"]) | set(rejects["id"]) == {each.id for each in parents}
    assert failed["id"].n_unique() == failed.height
    assert set(failed["row"]) >= set(rejects["id"])
    assert set(failed["domain"]) == {"math"}
    assert set(failed["reason"]) == {"unparsable"}
    # What is lost is lost with the last thing that was said.
    last = failed.sort("attempt").group_by("row").last()
    assert (
        dict(rejects.select("id", "reply").iter_rows()).items()
        <= dict(last.select("row", "reply").iter_rows()).items()
    )
    evolved = children.filter(pl.col("operation") != KEPT)
    assert set(replies["id"]) == set(evolved["id"])
    texts = dict(replies.select("id", "reply").iter_rows())
    assert all(texts[child.id].endswith(child.instruction) for child in iterate_instructions(evolved))
    assert made["counts"]["failed_attempts"] == failed.height


def test_a_parent_that_is_kept_is_itself_in_the_next_round(row, engine, tmp_path):
    engine(mixed)
    parent = row(
        "Row 1.",
        id="p",
        seed_id="s",
        parent_id="g",
        round="r0",
        input="in",
        output="out",
        evolver="m",
        responder="n",
    )
    made = written(tmp_path, attempts([parent, row("Row 2.")], on_failure="keep_parent"), 2, keep=True)
    (kept,) = iterate_instructions(made["child"].filter(operation="kept"))
    identity = row_id("r1", "p", parent.content_id)
    made_by = {"strategy": "auto", "operation": "kept", "evolver": "m", "responder": ""}
    assert kept == parent._replace(id=identity, parent_id="p", round="r1", output="", **made_by)
    assert made["counts"]["kept_parents"] == 1
    assert made["counts"]["rejects"] == {}


def test_a_round_without_one_row_is_an_error_that_names_the_reasons(row, engine, tmp_path):
    engine(lambda asked: "no label")
    found = attempts([row(), row("Name a lake.")], on_failure="drop")
    with pytest.raises(BadInput, match=r"2 rows came in and none is left; .* unparsable \(2\)"):
        written(tmp_path, found, 2)


def test_a_round_of_nothing_but_kept_parents_goes_on_and_says_so(row, engine, tmp_path, capsys):
    engine(lambda asked: "no label")
    found = attempts([row(), row("Name a lake.")], on_failure="keep_parent")
    assert written(tmp_path, found, 2, keep=True)["counts"]["kept_parents"] == 2
    assert (
        "warning: no evolution of 2 rows succeeded; keeping all parents: unparsable (2)"
        in capsys.readouterr().err
    )


def test_a_row_that_came_in_and_not_out_is_noticed(row, engine, tmp_path):
    engine(harder)
    with pytest.raises(ValueError, match="2 rows in, but 1 out and 0 rejected"):
        written(tmp_path, attempts([row()]), 2)


def test_lost_content_is_counted_by_rows_even_where_it_is_no_failure(row, engine, tmp_path):
    engine(lambda asked: "Sum up both.")
    parents = [
        row("Sum up 17 and 250."),
        row("Sum up:\n```\nprint(17)\nprint(250)\n```"),
        row("Sum up.\n\n| a | b |\n|---|---|\n| x | y |\n| z | u |"),
        row("Sum up all.", input="17"),
    ]
    made = written(tmp_path, attempts(parents, operations.plan_in_turn({"default": ["deepening"]}, "r1")), 4)
    assert made["counts"]["lost_content"] == {"code": 1, "tables": 1, "figures": 1}
    plan = operations.plan_in_turn({"default": ["breadth"]}, "r1")
    assert sum(written(tmp_path, attempts(parents, plan), 4)["counts"]["lost_content"].values()) == 0


def asking(row, name, prompt, **more):
    return Step(row, "toy", name, prompt, lambda text: text, True, **more)


def in_two_calls(parent):
    """One child at once, and one by way of a draft."""

    def then(draft):
        if "no draft" in draft:
            raise methods.Unparsable("there is no draft")
        return asking(parent, "drafted", f"finish: {draft}")

    return asking(parent, "direct", f"direct: {parent.instruction}")._replace(
        also=(asking(parent, "drafted", f"draft: {parent.instruction}", then=then),)
    )


def test_a_strategy_may_ask_twice_and_give_two_children(row, engine, tmp_path):
    fake = engine(lambda asked: f"{asked.messages[0].content} !")
    parents = [row("Name a river."), row("Name a lake.")]
    made = written(tmp_path, attempts(parents, in_two_calls), 2)
    assert sorted(made["child"].select("operation", "instruction").iter_rows()) == [
        ("direct", "direct: Name a lake. !"),
        ("direct", "direct: Name a river. !"),
        ("drafted", "finish: draft: Name a lake. ! !"),
        ("drafted", "finish: draft: Name a river. ! !"),
    ]
    assert len(fake.asked) == 6
    assert (made["counts"]["in"], made["counts"]["out"]) == (4, 4)
    assert set(made["child"]["parent_id"]) == {parent.id for parent in parents}


def test_each_child_of_a_row_is_lost_for_itself(row, engine, tmp_path):
    engine(lambda asked: "no draft" if asked.messages[0].content.startswith("draft: Name a l") else "Why?")
    parents = [row("Name a river."), row("Name a lake.")]
    made = written(tmp_path, attempts(parents, in_two_calls), 2)
    # The river's second child is its first again, whatever reply came first.
    lost = {f"{parents[0].id}/1": "exact duplicate", f"{parents[1].id}/1": "unparsable"}
    assert dict(made["rejects"].select("id", "reason").iter_rows()) == lost
    assert sorted(made["child"]["operation"]) == ["direct", "direct"]
    assert (made["counts"]["in"], made["counts"]["out"]) == (4, 2)
    kept = written(tmp_path, attempts(parents, in_two_calls), 2, keep=True)
    assert kept["counts"]["kept_parents"] == 0, "the first child of each row stands"


def test_a_strategy_that_never_stops_asking_is_a_bug(row, engine):
    engine(lambda asked: "more")

    def forever(parent):
        return asking(parent, "again", "more", then=lambda text: forever(parent))

    with pytest.raises(ValueError, match="asks more than 8 times"):
        attempts([row()], forever)


def run(folder, parent, **changes):
    """Run the stage itself in a folder."""
    folder.mkdir(exist_ok=True)
    if "rows" in changes:
        tables.write(parent, tables.frame(INSTRUCTIONS, changes.pop("rows")))
    names = {"child": "r1.parquet", "counts": "counts.json"}
    outs = {name: folder / names.get(name, f"{name}.parquet") for name in OUTS}
    given = PARAMS.model_copy(update={"evolve": settings(**changes)})
    method = folder / "method.txt"
    method.write_text("This is e*.\n\n#Instruction#:\n{instruction}\n")
    stage.main(given, stage.Arguments(round="r1", parent="r0", parents=parent, method=method, **outs))
    return outs


def test_the_stage_leaves_what_it_reads_and_writes_whole_documents(row, engine, tmp_path):
    engine(mixed)
    parent = tmp_path / "r0.parquet"
    rows = [row(f"Row {number}.", output="kept") for number in range(8)]
    outs = run(tmp_path / "a", parent, rows=rows, method="file")
    before = parent.read_bytes()
    first = {name: path.read_bytes() for name, path in outs.items()}
    again = run(tmp_path / "a", parent, method="file")
    assert parent.read_bytes() == before
    assert {name: path.read_bytes() for name, path in again.items()} == first
    assert json.loads(outs["counts"].read_text())["in"] == 8
    assert set(tables.read(outs["child"], INSTRUCTIONS)["round"]) == {"r1"}


def test_the_stage_keeps_parents_if_params_say_so(row, engine, tmp_path):
    engine(mixed)
    rows = [row(f"Row {number}.") for number in range(8)]
    outs = run(tmp_path, tmp_path / "r0.parquet", rows=rows, method="file", on_failure="keep_parent")
    operation = tables.read(outs["child"], INSTRUCTIONS)["operation"]
    assert list(operation).count("kept") == 4
    assert operation.len() == 8


@pytest.mark.parametrize("schedule", ["fixed", "hashed", "random"])
def test_the_stage_takes_the_operations_of_params_by_their_schedule(row, engine, tmp_path, schedule):
    engine(lambda asked: f"{text_of(asked)} Say why.")
    rows = [row(f"Row {number}.", seed_place=number) for number in range(8)]
    sets = {"default": ["constraints", "breadth"]}
    given = {"strategy": "evol", "schedule": schedule, "operations": sets}
    outs = run(tmp_path, tmp_path / "r0.parquet", rows=rows, **given)
    found = dict(tables.read(outs["child"], INSTRUCTIONS).select("parent_id", "operation").iter_rows())
    plan = {
        "fixed": operations.plan_in_turn(sets, "r1"),
        "hashed": operations.plan_by_hash(sets, "r1", SEED),
        "random": operations.plan_at_random(sets, "r1", SEED),
    }[schedule]
    assert found == {each.id: plan(each).operation for each in rows}
    in_turn = [found[each.id] for each in rows] == ["constraints", "breadth"] * 4
    assert in_turn == (schedule == "fixed")


@pytest.mark.parametrize("method", ["e0", "weak", "file", "optimized"])
def test_the_stage_takes_the_method_of_params(row, engine, tmp_path, method):
    fake = engine(harder)
    run(tmp_path, tmp_path / "r0.parquet", rows=[row()], method=method)
    own = Path("prompts/evolve/own.txt").read_text().split("#Instruction#")[0].strip()
    sign = {"e0": "Step 4", "weak": "You rewrite", "file": own, "optimized": "This is e*."}[method]
    assert sign in fake.asked[0].messages[0].content
    assert text_of(fake.asked[0]) == "Name a river."


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"evolve.strategy": "evol"}, False),
        ({"evolve.method": "e0"}, False),
        ({"evolve.method": "file"}, False),
        ({"evolve.method": "optimized"}, True),
    ],
)
def test_by_hand_the_stage_needs_the_optimized_method_only_where_it_evolves_by_it(
    row, engine, tmp_path, changes, needed
):
    engine(harder)
    tables.write(tmp_path / "r0.parquet", tables.frame(INSTRUCTIONS, [row()]))
    params = tmp_path / "params.yaml"
    changes = {"evolve.on_failure": "keep_parent"} | changes
    params.write_text(json.dumps(variants.changed(variants.DEFAULT, changes)))
    names = {"child": "r1.parquet", "counts": "counts.json"}
    given = {name: str(tmp_path / names.get(name, f"{name}.parquet")) for name in OUTS}
    given |= {"round": "r1", "parent": "r0", "parents": str(tmp_path / "r0.parquet")}
    missing = given | {"method": str(tmp_path / "none.txt")}
    if needed:
        with pytest.raises(UserError, match=r"--method: .*none\.txt does not exist"):
            call_stage(stage.main, params, missing)
    else:
        call_stage(stage.main, params, missing)
        assert Path(given["child"]).exists()


def test_the_order_of_replies_leaves_no_trace(row, engine, tmp_path):
    parent = tmp_path / "r0.parquet"
    rows = [row(f"Row {number}.") for number in range(40)]
    bytes_of = []
    for capacity in (1, 7):
        engine(mixed, capacity)
        outs = run(tmp_path / str(capacity), parent, rows=rows, method="file", on_failure="retry")
        bytes_of.append([outs[name].read_bytes() for name in OUTS[:5]])
    assert bytes_of[0] == bytes_of[1]


@pytest.mark.parametrize(("equal", "roles"), [(False, ["evolver"]), (True, ["evolver", "judge"])])
def test_the_counts_name_the_judge_only_if_it_was_asked(row, engine, tmp_path, equal, roles):
    engine(judging(lambda asked: "Not Equal"))
    rows = [row(f"Row {number}.") for number in range(4)]
    outs = run(tmp_path, tmp_path / "r0.parquet", rows=rows, method="file", failures={"equal": equal})
    asked = json.loads(outs["counts"].read_text())["asked"]
    assert [entry["role"] for entry in asked] == roles
    requests = [sum(counts["requests"] for counts in entry["purposes"].values()) for entry in asked]
    assert requests == [4] * len(roles)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt()])
def test_an_exception_is_never_swallowed(row, engine, error):
    def answer(asked):
        raise error

    engine(answer)
    with pytest.raises(type(error)):
        attempts([row()])
