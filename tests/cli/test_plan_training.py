"""What `plan` says of a training: published models on eight devices, rows that are counted or bounded,
hours."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import tiny
import yaml
from plans import plan_table
from published import QWEN, write_config
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.plan import devices
from evobuild.cli.plan.amounts import Amount, exact_amount
from evobuild.cli.plan.assumptions import LENGTHS
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.cli.plan.speeds import ALPACA, estimate_training_speed
from evobuild.cli.plan.stage_estimates import Estimate
from evobuild.cli.plan.training_estimates import TrainingEstimate, Trainings
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES
from evobuild.core.machine import Machine, Training
from evobuild.training import scratch
from evobuild.training.planning.shapes import llama_shape

EIGHT = {"processes": 8, "strategy": "fsdp", "device_memory": 80, "device_flops": 989}
ROWS = {"r0": 100, "r1": 90, "r2": 80, "r3": 70, "autoif": 60}
ALL = frozenset({"gather", "select"})


class Known(PlannedRows):
    """Pools of as many rows as ROWS has, of which three of four get an answer, 100 tokens each."""

    def rows(self, pool: str) -> Amount:
        return exact_amount(ROWS[pool])

    def text(self, pool: str) -> float:
        return 100.0


@pytest.fixture(autouse=True)
def _workspace(tmp_path, monkeypatch):
    """Plan in an empty folder, on a machine without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, "_DRIVERS", ())


@pytest.fixture(scope="module")
def shipped():
    return yaml.safe_load(SHIPPED_PARAMS.read_text())


@pytest.fixture
def planned(shipped):
    """Plan the tuning of bases by name. machine: its `training`; sections: keys of params that are others."""

    def make(bases, machine=(), stale=ALL, **sections) -> dict[str, TrainingEstimate]:
        changed = {
            key: shipped[key] | sections.get(key, {}) for key in shipped if isinstance(shipped[key], dict)
        }
        Path("params.yaml").write_text(yaml.safe_dump(shipped | changed | {"bases": bases}))
        params = load_all_params(Path("params.yaml"))
        settings = Machine.model_validate({"training": dict(machine)})
        found = Trainings(params, settings, stale, Known(params, stale, {}))
        return {name: found.estimate(name) for name in bases}

    return make


def text_of(found: dict[str, TrainingEstimate]) -> list[str]:
    return plan_table(
        [Estimate(f"finetune@{name}", training=each) for name, each in found.items()]
    ).splitlines()


def write_rows(*rows, path="data/training.parquet") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    tables.write(Path(path), tables.frame(INSTRUCTIONS, rows))


# Three models on eight devices of 80 GiB.


@pytest.fixture
def qwens(planned, tmp_path):
    bases = {
        f"q{name[:-1].replace('.', '')}": {"model": str(write_config(tmp_path / name, QWEN[name]))}
        for name in QWEN
    }
    bases["q72lora"] = bases["q72"] | {"finetune": {"lora": {"rank": 8}}}
    return planned(bases, EIGHT, finetune={"max_length": 2048, "batch": 64})


def test_published_models_are_planned_from_their_config_alone(qwens):
    found = [qwens[name].parameters for name in ("q05", "q7", "q72")]
    assert found == [494_032_768, 7_615_616_512, 72_706_203_648]
    assert qwens["q72lora"].tuned == 105_267_200
    assert {each.devices for each in qwens.values()} == {8}


def test_memory_is_held_against_what_a_device_has(qwens):
    fits = {name: each.memory.total <= each.device for name, each in qwens.items()}
    assert fits == {"q05": True, "q7": True, "q72": False, "q72lora": True}
    # Of 16 bytes a parameter each of eight devices holds two.
    for name in ("q7", "q72"):
        memory = qwens[name].memory
        assert memory.gradients + memory.optimizer == pytest.approx(12 / 8 * qwens[name].parameters)
        assert memory.weights > 4 / 8 * qwens[name].parameters


def test_what_does_not_fit_is_said_with_what_to_change(qwens):
    said = [line for line in text_of(qwens) if "does not fit" in line]
    assert len(said) == 1
    assert said[0].startswith("finetune@q72 does not fit into memory: use training.offload true (")
    assert "finetune.lora.rank 8 (" in said[0]
    assert qwens["q7"].fitting == ()


def test_without_sharding_seven_billion_parameters_do_not_fit(planned, tmp_path):
    model = {"model": str(write_config(tmp_path / "7B", QWEN["7B"]))}
    found = planned({"q7": model}, EIGHT | {"strategy": "ddp"})["q7"]
    assert found.memory.total > 16 * found.parameters > found.device
    assert found.fitting[0].startswith("training.strategy fsdp (")


def test_hours_are_those_of_the_assumed_utilization(qwens):
    found = qwens["q7"]
    # 6 for each parameter but the embedding's, and the attention of rows that are guessed: 100 tokens and an
    # answer of the simulated responder.
    length = 100 + LENGTHS["respond"].simulated.count_tokens(100)
    each = 6 * (7_615_616_512 - 152064 * 3584) + 12 * 28 * 28 * 128 * length
    assert found.hours == pytest.approx(found.tokens * each / (8 * 989e12 * 0.4) / 3600)
    assert found.most_hours == pytest.approx(found.most_tokens * each / (8 * 989e12 * ALPACA) / 3600)
    assert found.hours < found.usual_hours < found.most_hours
    assert "Stanford's Alpaca" in found.speed and "torchtune" in found.speed


def test_alpaca_itself_is_within_the_range(planned, tmp_path):
    """LLaMA 7B on 8 A100, 3 epochs of 52,002 rows of 105 tokens: Stanford took 3 hours."""
    speed = estimate_training_speed(devices.Devices(8, 80 << 30, 312e12, True), Training(), 6.7e9)
    needed = 6 * 6.7e9 * 3 * 52_002 * 105
    assert needed / speed.best / 3600 < 3.0 < 1.1 * needed / speed.slow / 3600


def test_a_base_without_a_config_is_planned_by_the_size_in_its_name(planned):
    found = planned({"l": {"model": "nobody/Llama-3-8B"}}, EIGHT)["l"]
    assert found.parameters == 8e9 and found.memory is None
    assert found.hours == pytest.approx(found.tokens * 6 * 8e9 / (8 * 989e12 * 0.4) / 3600)
    assert "hours by the size in its name, memory is not planned: the model" in text_of({"l": found})[-1]


def test_other_utilization_and_several_nodes_tell(planned, tmp_path):
    model = {"q": {"model": str(write_config(tmp_path / "0.5B", QWEN["0.5B"]))}}
    one, two = (planned(model, EIGHT | more)["q"].hours for more in ({}, {"mfu": 0.1, "nodes": 2}))
    assert two == pytest.approx(one * 2)


# Bases whose config cannot be had.


@pytest.mark.parametrize("model", ["nobody/nothing", "/nowhere/at/all"])
def test_a_base_that_cannot_be_had_takes_a_line_and_the_others_are_planned(planned, model):
    found = planned({"gone": {"model": model}, "toy": {"model": "models/scratch"}})
    said = text_of(found)
    assert sum(model in line for line in said) == 1
    line = next(line for line in said if model in line)
    assert line.startswith("finetune@gone: memory is not planned: the model ")
    assert found["toy"].parameters > 0


def test_a_config_of_another_kind_takes_a_line(planned):
    Path("model").mkdir()
    Path("model/config.json").write_text('{"model_type": "t5"}')
    assert "gives no causal language model" in planned({"t": {"model": "model"}})["t"].problem


# Rows.


def test_rows_that_are_gathered_are_counted(planned):
    write_rows(*(tiny.row(instruction=f"{place:039}", output="b" * 40) for place in range(33)))
    found = planned(
        {"toy": {"model": "models/scratch"}}, stale=frozenset(), finetune={"batch": 16, "epochs": 3}
    )["toy"]
    assert (found.examples, found.exact, found.measured, found.steps) == (33, True, True, 9)
    # With the line between them 80 characters, four a token.
    assert found.tokens == 33 * 3 * 20


def test_rows_of_an_earlier_run_are_measured_and_not_counted(planned):
    write_rows(*(tiny.row(instruction=f"{place:039}", output="b" * 40) for place in range(33)))
    found = planned({"toy": {"model": "models/scratch"}}, finetune={"data": "r0", "epochs": 1})["toy"]
    assert (found.examples, found.exact, found.measured, found.tokens) == (100, False, True, 2000)
    assert (found.most_examples, found.most_tokens) == (100, 2000)


def test_rows_are_measured_by_the_tokenizer_that_is_there(planned):
    write_rows(tiny.row())
    Path("models").mkdir()
    Path("models/scratch").symlink_to(tiny.folder())
    from transformers import AutoTokenizer

    ids = AutoTokenizer.from_pretrained(tiny.folder())(
        "Name three colours.\nRed, green and blue.", add_special_tokens=False
    )
    found = planned({"toy": {"model": "models/scratch"}}, stale=frozenset(), finetune={"epochs": 1})["toy"]
    assert found.tokens == len(ids["input_ids"])


def test_long_rows_count_as_far_as_they_are_read(planned):
    write_rows(tiny.row(output="c" * 40_000))
    given = {"epochs": 1, "max_length": 100}
    assert (
        planned({"toy": {"model": "models/scratch"}}, stale=frozenset(), finetune=given)["toy"].tokens == 100
    )


@pytest.mark.parametrize(
    ("sections", "most"),
    [
        ({"finetune": {"data": "r0"}}, 100),
        ({"select": {"share": 1.0}}, 90 + 80 + 70),
        ({"select": {"share": 0.25}}, 60),
        ({"select": {"share": None, "count": 12}}, 12),
        ({"select": {"pools": ["r1"], "share": 0.5, "keep_seeds": True}}, 100 + 90),
    ],
)
def test_rows_that_are_yet_to_come_are_bounded(planned, sections, most):
    found = planned({"toy": {"model": "models/scratch"}}, **sections)["toy"]
    assert (found.most_examples, found.exact, found.measured) == (most, False, False)
    assert 0 < found.examples <= most
    assert f"≤ {most}" in "\n".join(text_of({"toy": found}))


def test_of_a_preference_pair_both_answers_are_read(planned):
    toy = {"toy": {"model": "models/scratch"}}
    one, two = (
        planned(toy, finetune={"data": "autoif"}),
        planned(toy, finetune={"data": "autoif", "method": "dpo"}),
    )
    assert two["toy"].tokens == 2 * one["toy"].tokens
    pairs = [(*tiny.row(output="d" * 19), "e" * 59)]
    Path("data").mkdir()
    tables.write(Path("data/training.parquet"), tables.frame(PREFERENCES, pairs))
    found = planned(toy, stale=frozenset(), finetune={"data": "autoif", "method": "dpo", "epochs": 1})["toy"]
    # 19 characters are asked, and between the lines is one more.
    assert found.tokens == round(39 / 4 - 0.5) + round(79 / 4 - 0.5)


# The machine.


def test_on_a_cpu_hours_are_those_of_a_cpu_unless_a_peak_is_given(planned):
    toy = {"toy": {"model": "models/scratch"}}
    found = planned(toy, {"processes": 2})["toy"]
    assert "two CPU cores" in found.speed and found.most_hours > found.hours > 0
    assert found.memory.context == 0
    assert found.device == devices._read_main_memory() // 2
    assert planned(toy, {"device_flops": 0.1})["toy"].hours < found.hours


def test_a_gpu_is_taken_as_it_is_found(planned, monkeypatch):
    monkeypatch.setattr(devices, "_find_gpus", lambda: ("NVIDIA H100 PCIe", 85 * 10**9, 2))
    found = planned({"toy": {"model": "models/scratch"}})["toy"]
    assert (found.devices, found.device) == (2, 85 * 10**9)
    assert found.hours is not None
    assert found.memory.context > 0


@pytest.mark.parametrize(
    ("config", "strategy"),
    [
        ({"distributed_type": "FSDP", "fsdp_config": {"fsdp_offload_params": True}}, ("fsdp", True)),
        ({"distributed_type": "DEEPSPEED", "deepspeed_config": {"zero_stage": 3}}, ("zero3", False)),
        (
            {
                "distributed_type": "DEEPSPEED",
                "deepspeed_config": {"zero_stage": 2, "offload_optimizer_device": "cpu"},
            },
            ("zero2", True),
        ),
        ({"distributed_type": "MULTI_GPU"}, ("ddp", False)),
    ],
)
def test_a_config_of_accelerate_takes_the_place_of_the_rest(config, strategy):
    Path("accelerate.yaml").write_text(yaml.safe_dump(config | {"num_processes": 16, "num_machines": 2}))
    given = Machine.model_validate({"training": EIGHT | {"accelerate": "accelerate.yaml"}}).training
    found = devices.apply_accelerate_config(given)
    assert (found.strategy, found.offload) == strategy
    assert (found.processes, found.nodes) == (8, 2)


@pytest.mark.parametrize("config", [None, "- a list", "{num_processes: many}"])
def test_a_config_of_accelerate_that_cannot_be_read_takes_a_line(planned, config):
    if config is not None:
        Path("accelerate.yaml").write_text(config)
    found = planned({"toy": {"model": "models/scratch"}}, {"accelerate": "accelerate.yaml"})["toy"]
    assert "accelerate.yaml" in found.problem


# What is printed.


def test_a_plan_of_the_toy_imports_no_library_of_models(planned):
    planned({"toy": {"model": "models/scratch"}})
    program = """if True:
        import sys
        from pathlib import Path
        from evobuild.cli.check.all_params import load_all_params
        from evobuild.cli.plan.plan import format_plan
        from evobuild.cli.plan.planned_rows import PlannedRows
        from evobuild.cli.plan.training_estimates import Trainings
        from evobuild.core.machine import Machine
        params = load_all_params(Path("params.yaml"))
        rows = PlannedRows(params, {"gather", "select", "seed"}, {})
        print(Trainings(params, Machine(), {"gather", "select"}, rows).estimate("toy").parameters)
        print(sorted({"torch", "transformers", "trl", "datasets"} & sys.modules.keys()))
    """
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    toy = llama_shape(vocab_size=2048, **scratch.SIZES)
    assert made.stdout.split("\n")[:2] == [str(toy.parameters), "[]"]


def test_a_plan_without_a_training_says_nothing_of_any():
    header, row, _, untimed = plan_table([Estimate("select")]).splitlines()
    assert " ".join(header.split()) == "stage calls at most stored tokens at most time at most cost at most"
    assert row.split() == ["select", *["-"] * 9]
    assert untimed == "no time is known yet, nor is it in the total: select"


def test_a_training_is_part_of_its_stage_as_json(qwens):
    said = json.loads(json.dumps(asdict(Estimate("finetune@q7", training=qwens["q7"]))))
    assert said["training"]["memory"]["gradients"] == qwens["q7"].memory.gradients
    assert said["training"]["needed"] == qwens["q7"].memory.total
