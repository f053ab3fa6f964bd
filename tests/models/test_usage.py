"""What was spent and how far a stage has come: counted once, capped by a budget, carried over a crash."""

from __future__ import annotations

import copy
import json
import types
from pathlib import Path

import pytest
from fakes import reply
from plans import plan_table
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params
from evobuild.cli.plan import earlier_replies, stage_costs, stage_estimates
from evobuild.cli.usage import format_usage
from evobuild.core import machine
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import BadParams, UserError
from evobuild.core.stages import branch_addresses
from evobuild.core.uri import ChatModel
from evobuild.core.yaml_files import read_yaml
from evobuild.models import planning, progress, usage_journal
from evobuild.models.client import Model
from evobuild.models.progress import Progress
from evobuild.models.usage import Usage
from evobuild.process.run_journal import StageRun, append

NAME = ChatModel("simulated", "fake")
REAL = ChatModel("openai", "fake")
SHIPPED = read_yaml(SHIPPED_PARAMS)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of one's own to run in, with whatever machine.yaml a test writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def requests(count):
    for number in range(count):
        yield Request(f"{number}", "respond", (Message("user", f"question {number}"),), Sampling())


def ask(count, model=NAME, **names):
    with Model(model, **names) as opened:
        replies = list(opened.generate(requests(count)))
    return replies, opened.usage


@pytest.mark.parametrize(
    ("budget", "made"),
    [("calls: 10", 10), ("tokens: 90", 12), ("cost: 0.00008", 12)],
    ids=["calls", "tokens", "cost"],
)
def test_a_spent_budget_stops_cleanly_and_going_on_asks_nothing_twice(here, engine, budget, made):
    # A reply of the fake is 7 tokens of prompt and 2 of completion.
    prices = f'prices: {{"{NAME}": {{prompt: 1.0, completion: 0.0}}}}'
    (here / "machine.yaml").write_text(f"budget: {{{budget}}}\n{prices}\n")
    fake = engine(lambda request: "two words", capacity=4)
    with pytest.raises(UserError, match=r"budget of machine.yaml is spent: .*nothing is asked twice"):
        ask(30)
    assert len(fake.asked) == made
    (here / "machine.yaml").unlink()
    _, usage = ask(30)
    assert len(fake.asked) == 30
    assert usage.total("calls") == 30 - made
    assert usage.total("cached") == made


def test_a_budget_of_exactly_what_is_needed_is_enough(here, engine):
    (here / "machine.yaml").write_text("budget: {calls: 5}\n")
    engine(lambda request: "word")
    assert len(ask(5)[0]) == 5


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("budget: {call: 3}", "did you mean 'calls'"),
        ("budget: {calls: -1}", "budget.calls is -1"),
        ("openai: {base_url: 3}", "openai.base_url is 3"),
        ("vlm: {}", "did you mean 'vllm'"),
    ],
)
def test_a_wrong_machine_file_is_said(here, text, fragment):
    (here / "machine.yaml").write_text(text)
    with pytest.raises(BadParams, match=r"machine\.yaml") as error:
        machine.load_machine()
    assert fragment in str(error.value)


def test_progress_can_be_read_as_json_and_ends_finished(here, engine):
    engine(lambda request: "word")
    ask(6, role="evolver", task="evolve-r1", total=6)
    content = json.loads((here / ".evobuild/progress/evolve-r1-evolver.json").read_text())
    assert (content["state"], content["done"], content["total"]) == ("finished", 6, 6)
    assert content["purposes"]["respond"]["calls"] == 6


def test_usage_is_cumulative_over_an_interrupted_run(here, engine):
    engine(lambda request: "word", capacity=2)
    with pytest.raises(ZeroDivisionError), Model(NAME, "evolver", "evolve-r1") as model:
        for number, _ in enumerate(model.generate(requests(9))):
            if number == 3:
                raise ZeroDivisionError
    stored = 4  # two batches of two had come back
    assert model.usage.total("calls") == stored
    _, usage = ask(9, role="evolver", task="evolve-r1")
    assert usage.total("calls") == 9
    assert usage.total("cached") == stored
    # A finished run is not carried over to the next.
    assert ask(9, role="evolver", task="evolve-r1")[1].total("calls") == 0


def test_what_was_paid_stays_known_after_runs_from_the_store(here, engine):
    engine(lambda request: "word")
    ask(6, role="responder", task="respond-r0")
    for _ in range(2):
        ask(6, role="responder", task="respond-r0")
    runs = usage_journal.read_runs(progress.FOLDER)
    assert [run["purposes"]["respond"]["calls"] for run in runs] == [6, 0, 0]
    total, last = format_usage().values()
    assert total[1][:4] == ["respond-r0", "responder", "6", "12"]
    assert last[1][:4] == ["respond-r0", "responder", "0", "6"]
    assert usage_journal.usage_file().stat().st_mode & 0o777 == 0o600


def test_a_run_that_is_carried_on_counts_once_and_so_does_one_that_was_killed(here, engine):
    engine(lambda request: "word", capacity=2)
    with pytest.raises(ZeroDivisionError), Model(NAME, "evolver", "evolve-r1") as model:
        for number, _ in enumerate(model.generate(requests(9))):
            if number == 3:
                raise ZeroDivisionError
    ask(9, role="evolver", task="evolve-r1")
    (run,) = usage_journal.read_runs(progress.FOLDER)
    assert sum(counts["calls"] for counts in run["purposes"].values()) == 9
    killed = Progress("rate-r1", Usage("m", "judge"), 4)
    killed.step()
    runs = usage_journal.read_runs(progress.FOLDER)
    assert [(run["task"], run["state"]) for run in runs] == [
        ("evolve-r1", "finished"),
        ("rate-r1", "running"),
    ]


def test_without_a_terminal_a_line_tells_rate_and_time_left(here, capsys, monkeypatch):
    monkeypatch.setattr("evobuild.process.progress.FIRST_SECONDS", 0.0)
    usage = Usage("m", "evolver")
    usage.count("evolve", reply("a", "", error="refused"))
    progress = Progress("evolve-r1", usage, 4)
    progress.step(failed=True)
    progress.close(finished=True)
    line = capsys.readouterr().err
    assert line == "evolve-r1: 0 of 4 replies of the evolver, 1 failed, 7 tokens\n"


def test_a_line_tells_what_was_spent_and_no_failure_of_an_interrupted_run(here, capsys, monkeypatch):
    monkeypatch.setattr("evobuild.process.progress.FIRST_SECONDS", 0.0)
    price = machine.Price(prompt=2.0, completion=10.0)
    usage = Usage("m", "evolver", price)
    usage.count("evolve", reply("a", "", error="refused"))
    Progress("evolve-r1", usage, 4).close(finished=False)
    usage = Usage("m", "evolver", price)
    resumed = Progress("evolve-r1", usage, 4)
    usage.count("evolve", reply("a", "two words"))
    resumed.step()
    line = "evolve-r1: 1 of 4 replies of the evolver, 16 tokens, cost 4.8e-05\n"
    assert capsys.readouterr().err == line


def test_a_run_that_is_carried_on_says_at_once_what_the_store_had(here, engine, capsys):
    engine(lambda request: "word")
    ask(3, role="evolver", task="evolve-r1", total=3)
    capsys.readouterr()
    ask(5, role="evolver", task="evolve-r1", total=5)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("evolve-r1: 4 of 5 replies of the evolver, 3 kept from before")


def test_counting_asks_nothing_and_keeps_nothing(here, engine):
    fake = engine(lambda request: "word")
    ask(3, REAL)
    with planning.counting_calls() as usages:
        replies, _ = ask(5, REAL)
    assert [usage.total("calls") for usage in usages] == [2]
    assert [usage.total("cached") for usage in usages] == [3]
    assert sum(reply.error == planning.PLANNED for reply in replies) == 2
    assert len(fake.asked) == 3
    assert ask(5, REAL)[1].total("cached") == 3


def test_averages_are_of_replies_by_model_and_role(tmp_path):
    counts = dict.fromkeys(("failed", "prompt_tokens", "completion_tokens"), 0)
    counts |= {"calls": 2, "cached": 2, "prompt_tokens": 20, "completion_tokens": 40}
    counts |= {"cached_prompt_tokens": 20, "cached_completion_tokens": 0}
    usage = {"model": "a", "role": "judge", "task": "rate-r1", "seconds": 3.0, "purposes": {"x": counts}}
    stored = usage | {"model": "b", "task": "keywords", "purposes": {"x": counts | {"calls": 0}}}
    assert earlier_replies.average_replies([usage, stored]) == {
        ("a", "judge", "rate"): (10.0, 10.0, 1.5),
        ("a", "judge", ""): (10.0, 10.0, 1.5),
        ("b", "judge", "keywords"): (20.0, 20.0, None),
        ("b", "judge", ""): (20.0, 20.0, None),
    }


def test_replies_of_the_same_stage_come_before_those_of_the_role_and_speed_is_the_models_own():
    def usage(model, role, task, tokens, seconds):
        counts = dict.fromkeys(("cached", "cached_prompt_tokens", "cached_completion_tokens"), 0)
        counts |= {"calls": 1, "prompt_tokens": tokens, "completion_tokens": tokens}
        return {"model": model, "role": role, "task": task, "seconds": seconds, "purposes": {"x": counts}}

    found = earlier_replies.EarlierReplies(
        [usage("slow", "evolver", "optimize", 500, 9.0), usage("slow", "evolver", "evolve-r1", 100, 3.0)]
    )
    assert found.find_average("slow", "evolver", "evolve") == (100, 100, 3.0)
    assert found.find_average("slow", "evolver", "augment") == (300, 300, 6.0)
    assert found.find_average("slow", "judge", "rate") is None
    assert found.seconds_per_token("slow") == 6 / 300
    assert found.seconds_per_token("new") is None


def test_a_plan_marks_what_is_expected_and_what_is_a_bound():
    most = stage_estimates.Most(calls=40, tokens=900, seconds=5.0)
    text = plan_table(
        [
            stage_estimates.Estimate(
                "evolve@r1", 10, 2, tokens=300, seconds=1.25, most=stage_estimates.Most(10, 500)
            ),
            stage_estimates.Estimate("rate@r1", 20, exact=False, measured=False, most=most),
        ]
    )
    total = " ".join(text.splitlines()[3].split())
    assert total == "total ~ 30 ≤ 50 2 ~ 300 ≤ 1,400 ~ 1.2 s ≤ 5.0 s - -"
    assert "assumed lengths and speeds, as the model has not replied in this stage yet: rate" in text
    assert plan_table([]) == "Nothing is stale."


def test_what_is_switched_off_is_neither_listed_nor_counted_but_for_its_start():
    from evobuild.cli.plan import plan

    found = plan.Plan([stage_estimates.Estimate("respond@r1", 4, seconds=2.0)], ("score", "respond@autoif"))
    assert [row[0] for row in plan.format_plan(found)] == ["stage", "respond@r1"]
    assert plan.sum_estimates(found).seconds == 2.0 + 2 * (stage_estimates.STARTING + stage_estimates.OFF)
    assert any(
        "2 stages are disabled" in note and "score, respond@autoif" in note
        for note in plan.format_notes(found)
    )


def test_time_of_a_stage_that_asks_nothing_is_that_of_its_last_run_by_the_row(here):
    append(StageRun("select", seconds=4.0, rows_in=10))
    append(StageRun("score", seconds=60.0, rows_in=1))
    append(StageRun("diversity", off=True))
    given = copy.deepcopy(SHIPPED)
    given["seed"] |= {"source": "none.jsonl", "rows": 3}
    given |= {"rounds": {}, "branches": {}, "pools": {"r0": {}}}
    estimator = stage_estimates.Estimator(Params.model_validate(given), machine.Machine(), {"seed"})
    stages = (types.SimpleNamespace(addressing=name, cmd="") for name in ("select", "score", "diversity"))
    seconds = [estimator.estimate(stage, fresh=False).seconds - stage_estimates.STARTING for stage in stages]
    # Ten rows then and three now; what a start takes does not grow with rows.
    select, fixed = stage_costs.COSTS["select"].fixed, stage_costs.COSTS["score"].fixed
    assert seconds[:2] == pytest.approx([select + (4 - select) * 0.3, fixed + (60 - fixed) * 3])
    # It was switched off: its time then says nothing.
    assert seconds[2] > stage_costs.COSTS["diversity"].fixed


def test_the_price_gives_the_cost(tmp_path: Path):
    usage = Usage("m", "judge", machine.Price(prompt=2.0, completion=10.0))
    usage.carry_on(
        {
            "seconds": 1.0,
            "purposes": {
                "x": dict.fromkeys(("calls", "failed"), 1)
                | {"prompt_tokens": 10**6, "completion_tokens": 10**5}
            },
        }
    )
    assert usage.cost == pytest.approx(3.0)
    assert Usage("m").cost is None


def bounds_of(values, settings, *stages):
    """Calls of stages at most, where all of the branch is stale and the seed has 3 rows."""
    stale = {"seed", *branch_addresses(["autoif"]), "respond@autoif"}
    estimator = stage_estimates.Estimator(values, settings, stale)
    given = (types.SimpleNamespace(addressing=stage, cmd="") for stage in stages)
    return [estimator.estimate(stage, fresh=False).most.calls for stage in given]


@pytest.mark.parametrize(("count", "answers", "responses"), [(4, 24, 0), (0, 0, 6)])
def test_a_branch_is_bounded_by_its_seeds_and_answered_once(here, count, answers, responses):
    (here / "seeds.txt").write_bytes(b"\xef\xbb\xbfUse no comma.\r\nSay no \xff\r\n")
    given = copy.deepcopy(SHIPPED)
    given["seed"] |= {"source": "none.jsonl", "rows": 3}
    given["branches"] = {"autoif": {}}
    given["autoif"] |= {"seeds": "seeds.txt"}
    given["autoif"]["augment"]["rounds"] = 0
    given["autoif"]["crosscheck"]["constraints"] = None
    given["autoif"]["sample"]["count"] = count
    values = Params.model_validate(given)
    asked = bounds_of(values, machine.load_machine(), "verifiers@autoif", "sample@autoif", "respond@autoif")
    assert asked == [2 * values.autoif.verifiers.count, answers, responses]


@pytest.mark.parametrize(("count", "rows", "responses"), [(2, None, 4), (9, None, 8), (9, 5, 5), (9, 50, 8)])
def test_queries_of_a_file_and_a_cut_of_rows_bound_a_branch(here, count, rows, responses):
    (here / "seeds.txt").write_text("Use no comma.\nSay no word.\n")
    (here / "queries.jsonl").write_text('{"instruction": "Name a river."}\n' * 4)
    given = copy.deepcopy(SHIPPED)
    given["seed"] |= {"source": "none.jsonl", "rows": 3}
    given["branches"] = {"autoif": {}}
    given["autoif"] |= {"seeds": "seeds.txt"}
    given["autoif"]["augment"]["rounds"] = 0
    given["autoif"]["crosscheck"]["constraints"] = None
    given["autoif"]["sample"]["count"] = 0
    given["autoif"]["compose"] |= {"queries": "file", "file": "queries.jsonl", "count": count, "rows": rows}
    asked = bounds_of(Params.model_validate(given), machine.load_machine(), "respond@autoif")
    assert asked == [responses]


def test_a_price_without_options_is_for_all_options():
    plain, low = (machine.Price(prompt=each, completion=each) for each in (1, 2))
    prices = machine.Machine(prices={"openai:m": plain, "openai:m[reasoning=low]": low})
    names = ("openai:m", "openai:m[reasoning=high]", "openai:m[reasoning=low]", "openai:n")
    assert [prices.price(name) for name in names] == [plain, plain, low, None]
