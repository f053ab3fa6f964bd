"""What a plan expects: rows that are left, calls, what is off, and models that have not replied yet."""

from __future__ import annotations

import copy
import types
from pathlib import Path

import pytest
import tiny
import yaml
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params
from evobuild.cli.plan import assumptions, devices, flops, speeds
from evobuild.cli.plan.amounts import exact_amount
from evobuild.cli.plan.plan import format_gpu_notes
from evobuild.cli.plan.planned_calls import PlannedCalls
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.cli.plan.stage_costs import COSTS
from evobuild.cli.plan.stage_estimates import STARTING, Estimator
from evobuild.core import machine, tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.stages import STAGES
from evobuild.process.run_journal import StageRun

STALE = {"seed", "evolve@r1", "evolve@r2", "evolve@r3", "select", *(f"respond@r{n}" for n in range(4))}


@pytest.fixture(autouse=True)
def _workspace(tmp_path, monkeypatch):
    """An empty folder with 100 seed rows, of which 10 have no answer; no GPU, and no earlier reply."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(devices, "_DRIVERS", ())
    lines = [
        f'{{"instruction": "{"Name a river. " * 4}", "output": "{"Nile" * (n >= 10)}"}}' for n in range(100)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))


def params(**sections) -> Params:
    given = copy.deepcopy(yaml.safe_load(SHIPPED_PARAMS.read_text()))
    given["seed"] |= {"source": "rows.jsonl"}
    for name, own in sections.items():
        given[name] = given[name] | own if isinstance(given[name], dict) else own
    return Params.model_validate(given)


def planned(stale=frozenset(STALE), runs=(), **sections) -> PlannedRows:
    return PlannedRows(params(**sections), stale, {run.stage: run for run in runs})


def test_every_stage_has_its_cost_and_no_other():
    assert list(COSTS) == [stage.name for stage in STAGES]
    assert [name for name, cost in COSTS.items() if cost.asks] == [
        stage.name for stage in STAGES if stage.asks and stage.name not in ("evaluate", "compare")
    ]


def test_rows_are_expected_round_by_round_and_at_most_all():
    kept = assumptions.KEPT["evolve"]
    given = planned()
    assert given.rows("r0") == (90, 100)
    assert given.rows("r2") == (pytest.approx(90 * kept**2), 100)
    assert (given.held_out_rows.expected, given.held_out_rows.most) == (10, 100)
    assert planned(seed={"held_out": 0}).held_out_rows == (0, 0)


@pytest.mark.parametrize(
    ("evolve", "share"),
    [
        ({"on_failure": "keep_parent"}, 1.0),
        ({"on_failure": "retry", "retries": 2}, 1 - (1 - assumptions.KEPT["evolve"]) ** 3),
    ],
)
def test_what_becomes_of_a_failure_tells_how_many_are_left(evolve, share):
    assert planned(evolve=evolve).rows("r1").expected == pytest.approx(90 * share)


def test_a_share_is_that_of_the_last_run_unless_that_was_small_or_off():
    runs = [
        StageRun("evolve@r1", rows_in=100, rows_out=50),
        StageRun("evolve@r2", rows_in=4, rows_out=1),
        StageRun("evolve@r3", rows_in=100, rows_out=0, off=True),
    ]
    given = planned(runs=runs)
    assert given.rows("r1").expected == 45
    assert given.rows("r3").expected == pytest.approx(45 * assumptions.KEPT["evolve"] ** 2)


def test_rows_of_a_current_table_are_counted_and_of_one_that_was_not_pulled_expected():
    Path("data/rounds").mkdir(parents=True)
    rows = [tiny.row(instruction=f"Name river {number}.", output="") for number in range(7)]
    tables.write(Path("data/rounds/r0.parquet"), tables.frame(INSTRUCTIONS, rows))
    given = planned(stale=frozenset())
    assert given.rows("r0") == (7, 7)
    assert given.rows("r1") == (pytest.approx(7 * assumptions.KEPT["evolve"]), 7)
    assert given.unanswered_rows == (7, 7)


def test_the_seeds_own_answers_are_not_asked_for():
    assert planned().unanswered_rows == (pytest.approx(9), 100)
    assert planned(respond={"seed_answers": "replace"}).unanswered_rows == (90, 100)


def test_a_search_for_a_method_ends_with_its_patience_and_uses_half_of_the_rows():
    [asking] = COSTS["optimize"].asks(planned(models={"evolver": "openai:m"}), "")
    # 45 rows are drawn, 15 of them to judge methods on, two calls a row for each of five candidates. Three
    # steps without a better method end it.
    step = 10 + 2 * 5 + 5 * 15 * 2
    assert asking.calls.expected == 30 + 4 * step
    step = 10 + 2 * 5 + 5 * 16 * 2
    assert asking.calls.most == 32 + 10 * step


OFF = {
    "models": {"scorer": None, "embedder": None},
    "bases": {},
    "evaluate": {"models": {}},
    "compare": {"pairs": []},
}


@pytest.mark.parametrize(
    ("stage", "sections", "is_on"),
    [
        ("score", {}, True),
        ("score", OFF, False),
        ("diversity", OFF, False),
        ("scratch", OFF, False),
        ("gather", OFF, False),
        ("compare", OFF, False),
        ("tag", {}, False),
        ("optimize", {"evolve": {"method": "e0"}}, False),
        ("keywords", {"evolve": {"strategy": "evol"}}, False),
        ("keywords", {"keywords": {"rows": 0}}, False),
        ("rate@r1", {"rate": {"measures": []}}, False),
        ("verify@autoif", {}, True),
        ("verify@autoif", {"autoif": {"sample": {"count": 0}}}, False),
        ("entailment@autoif", {}, False),
    ],
)
def test_what_params_switch_off_is_off(stage, sections, is_on):
    if "bases" in sections:
        sections = {name: own for name, own in sections.items() if name != "bases"}
        given = params(**sections).model_copy(update={"bases": {}})
    else:
        given = params(**sections)
    estimator = Estimator(given, machine.Machine(), set(STALE))
    assert estimator.is_on(types.SimpleNamespace(addressing=stage)) is is_on


# Models that have not replied yet.


@pytest.mark.parametrize(
    ("name", "size", "active"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 7e9, 7e9),
        ("HuggingFaceTB/SmolLM2-135M", 1.35e8, 1.35e8),
        ("Qwen/Qwen2.5-0.5B", 5e8, 5e8),
        ("mistralai/Mixtral-8x7B-v0.1", 5.6e10, 5.6e10),
        ("Qwen/Qwen3-30B-A3B", 3e10, 3e9),
        ("gpt-4o", None, None),
        ("org7B/model", None, None),
    ],
)
def test_a_name_tells_a_size(name, size, active):
    assert flops.read_size_in_name(name) == size
    assert flops.read_active_size(name) == active


def time_of(model: str, calls: int = 1000, **settings) -> speeds.Time:
    asking = PlannedCalls(model, "evolver", exact_amount(calls), prompt=400, reply=500, most=2048)
    return speeds.Speeds(machine.Machine.model_validate(settings)).estimate_calls(
        planned(), asking, calls, 500
    )


def test_a_local_engine_takes_gpu_hours_by_size():
    small, large = time_of("vllm:Qwen/Qwen2.5-7B-Instruct"), time_of("vllm:Qwen/Qwen2.5-72B-Instruct")
    # 500,000 tokens at 10,000 a second times 8/7, and 400,000 that are read.
    assert small.gpu == pytest.approx(50 * 7 / 8 + 400_000 * 2 * 7e9 / (989e12 * 0.4))
    assert large.gpu == pytest.approx(small.gpu * 72 / 7)
    assert small.seconds == small.gpu + speeds.LOADING["vllm"]
    four = time_of("vllm:Qwen/Qwen2.5-7B-Instruct", ray={"replicas": 4})
    assert (four.gpu, four.seconds) == (small.gpu, pytest.approx(small.gpu / 4 + speeds.LOADING["vllm"]))
    # A card of a third of the peak takes three times as long; transformers writes a twentieth as fast.
    assert time_of("vllm:a/b-7B", training={"device_flops": 989 / 3, "device_memory": 40}).gpu == (
        pytest.approx(3 * small.gpu)
    )
    card = {"device_flops": 989, "device_memory": 80}
    assert 15 < time_of("transformers:a/b-7B", training=card).gpu / small.gpu < 20


def test_on_a_cpu_transformers_takes_no_gpu_and_a_server_as_many_calls_at_once_as_it_may():
    assert time_of("transformers:a/b-7B").gpu == 0 < time_of("transformers:a/b-7B").seconds
    one, many = (time_of("openai:m", openai={"concurrency": number}) for number in (1, 50))
    assert one.seconds == pytest.approx(50 * many.seconds) == pytest.approx(1000 * 500 / speeds.STREAM)


def test_gpu_hours_are_said_by_model_with_their_source():
    estimator = Estimator(params(models={"evolver": "vllm:a/b-7B"}), machine.Machine(), set(STALE))
    stages = [
        estimator.estimate(types.SimpleNamespace(addressing=f"evolve@r{number}", cmd=""), fresh=False)
        for number in (1, 2)
    ]
    said = list(format_gpu_notes(stages))
    assert said[0].startswith("vllm:a/b-7B: ~ ") and said[0].endswith(" GPU hours")
    assert "12,500 are published" in said[1]
    assert all(stage.seconds > STARTING + speeds.LOADING["vllm"] for stage in stages)


def test_each_step_is_a_call_and_each_child_a_row(declare):
    declare("several", "{# children: 3 #}{{ instruction }}")
    named = {"default": ["deepening", "several"], "math": ["tag_rebuild"]}
    given = planned(evolve={"strategy": "evol", "operations": named})
    parents = given.rows("r0")
    (asked,) = COSTS["evolve"].asks(given, "r1")
    assert asked.calls.most == 3 * parents.most, "three children, or three steps"
    assert asked.calls.expected == pytest.approx(
        parents.expected * (1 + 3) / 2 * assumptions.REPEATED.get("evolve", 1)
    )
    assert given.rows("r1").most == 3 * parents.most
    assert given.rows("r1").expected == pytest.approx(2 * parents.expected * assumptions.KEPT["evolve"])
