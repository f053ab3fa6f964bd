"""What is shown while a model is tuned: the bar, the lines, live files as DVC reads them, the curve."""

from __future__ import annotations

import copy
import csv
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evobuild.core.errors import MissingExtra
from evobuild.training.tracking import progress, trackers
from evobuild.training.tracking.curve import training_curve
from evobuild.training.tracking.live_files import LiveFiles
from evobuild.training.tracking.progress import TrainingProgress

RATE = {"learning_rate": 1e-5, "grad_norm": 0.5}


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def begun(
    clock: Clock, tokens: list[int], peak: float | None = None, step: int = 0, flops: float = 2e6
) -> TrainingProgress:
    found = TrainingProgress("toy", tokens, flops, peak, LiveFiles("toy", clock=clock), clock=clock)
    found.begin(step)
    return found


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def column(tmp_path: Path, name: str) -> dict[int, float]:
    rows = table(tmp_path / f"dvclive/plots/metrics/toy/{name}.tsv")
    assert [*rows[0]] == ["step", name.rpartition("/")[2]]
    return {int(row["step"]): float(row[name.rpartition("/")[2]]) for row in rows}


def test_a_terminal_has_a_bar_with_loss_rate_speed_share_of_peak_and_time_left(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    shown = begun(clock, [100, 300, 400], peak=1e9)
    clock.now += 2
    shown.take(1, {"loss": 2.5, **RATE})
    clock.now += 2
    shown.take(2, {"loss": 2.25, **RATE})
    shown._bar.refresh()
    # 400 tokens in 4 s; 100 × 2e6 of 1e9 FLOP/s; 400 tokens left.
    assert "finetune toy" in screen.getvalue()
    assert (
        "2 of 3 steps, loss 2.25, learning rate 1e-05, 100 tokens/s, MFU 20.0%, 00:04 left"
        in screen.getvalue()
    )


def test_a_log_has_a_line_now_and_then_and_none_of_the_share_without_a_peak(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = begun(clock, [60] * 10)
    for step in range(1, 11):
        clock.now += 6
        shown.take(step, {"loss": 3.0, **RATE})
    shown.end()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "finetune toy: 2 of 10 steps, loss 3, learning rate 1e-05, 10 tokens/s, 00:48 left"
    assert len(lines) == 6
    assert lines[-1] == "finetune toy: 10 steps in 01:00, loss 3, learning rate 1e-05, 10 tokens/s"


def test_after_a_resume_only_what_is_done_now_counts(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    shown = begun(clock, [10**9] * 8 + [50, 50], step=8)
    assert "8 of 10 steps" in screen.getvalue()
    clock.now += 1
    shown.take(9, {"loss": 2.0, **RATE})
    shown.end()
    assert column(tmp_path, "tokens_per_second") == {9: 50}


def test_evaluations_and_checkpoints_are_no_part_of_the_speed(clock: Clock, tmp_path: Path) -> None:
    shown = begun(clock, [50, 50])
    clock.now += 1
    shown.take(1, {"loss": 2.0, **RATE})
    clock.now += 1000
    shown.take(1, {"eval_loss": 2.5, "eval_runtime": 1000.0})
    shown.skip_time()
    clock.now += 1
    shown.take(2, {"loss": 1.5, **RATE})
    shown.end()
    assert column(tmp_path, "tokens_per_second") == {1: 50, 2: 50}
    assert column(tmp_path, "held_out_loss") == {1: 2.5}


def test_live_files_are_dvclives(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    shown = begun(clock, [40, 40], peak=1e9)
    for step, loss in ((1, 2.5), (2, float("nan"))):
        clock.now += 1
        shown.take(step, {"loss": loss, **RATE, "rewards/margins": 0.25, "epoch": 0.5})
    signal = tmp_path / ".dvc/tmp/exps/run/DVCLIVE_STEP_COMPLETED"
    assert json.loads(signal.read_text())["step"] == 2
    shown.end()
    assert not signal.exists()
    file = tmp_path / "dvclive/plots/metrics/toy/loss.tsv"
    assert file.read_bytes() == b"step\tloss\n1\t2.5\n2\tnan\n"
    assert column(tmp_path, "rewards/margins") == {1: 0.25, 2: 0.25}
    assert sorted(path.name for path in (tmp_path / "dvclive/plots/metrics").rglob("*.tsv")) == [
        "grad_norm.tsv", "learning_rate.tsv", "loss.tsv", "margins.tsv", "mfu.tsv", "tokens_per_second.tsv"
    ]  # fmt: skip
    assert json.loads((tmp_path / "dvclive/metrics.json").read_text()) == {
        "toy": {
            "loss": "nan", **RATE, "rewards/margins": 0.25, "tokens_per_second": 40.0, "mfu": 0.08, "step": 2
        },
        "step": 2,
    }  # fmt: skip


def test_live_files_of_a_run_cut_off_go_on_where_its_checkpoint_was(clock: Clock, tmp_path: Path) -> None:
    first = LiveFiles("toy", clock=clock)
    first.begin(0)
    for step in range(1, 7):
        first.add(step, {"loss": float(step)})
    first.flush()
    file = tmp_path / "dvclive/plots/metrics/toy/loss.tsv"
    file.write_text(file.read_text() + "7\t7.")
    (file.parent / "empty.tsv").touch()
    then = LiveFiles("toy", clock=clock)
    then.begin(4)
    then.add(5, {"loss": 50.0, "empty": 1.0})
    then.end()
    assert column(tmp_path, "loss") == {1: 1, 2: 2, 3: 3, 4: 4, 5: 50}
    assert column(tmp_path, "empty") == {5: 1}
    LiveFiles("toy", clock=clock).begin(0)
    assert not file.exists()


def test_bases_have_live_files_side_by_side(clock: Clock, tmp_path: Path) -> None:
    for name in ("small", "large"):
        live = LiveFiles(name, clock=clock)
        live.begin(0)
        live.add(3, {"loss": 1.0})
        live.end()
    content = json.loads((tmp_path / "dvclive/metrics.json").read_text())
    assert content == {"small": {"loss": 1.0, "step": 3}, "large": {"loss": 1.0, "step": 3}, "step": 3}
    assert (tmp_path / "dvclive/plots/metrics/small/loss.tsv").exists()


def test_a_disk_that_takes_no_live_files_stops_nothing_and_is_said_once(
    clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvclive").write_text("")
    shown = begun(clock, [1, 1, 1])
    for step in (1, 2, 3):
        clock.now += 1
        shown.take(step, {"loss": 1.0})
    shown.end()
    said = capsys.readouterr().err
    assert said.count("are no longer written") == 1
    assert "3 steps" in said


def test_live_files_are_written_twice_a_second_at_most(clock: Clock, tmp_path: Path) -> None:
    live = LiveFiles("toy", clock=clock)
    live.begin(0)
    for step in range(1, 101):
        clock.now += 0.01
        live.add(step, {"loss": 1.0})
    assert len(column(tmp_path, "loss")) < 100
    live.end()
    assert len(column(tmp_path, "loss")) == 100


def test_the_callback_shows_on_the_first_process_alone(clock: Clock, tmp_path: Path) -> None:
    for first in (False, True):
        shown = TrainingProgress("toy", [5, 5], 1.0, None, LiveFiles("toy", clock=clock), clock=clock)
        callback = progress.progress_callback(shown)
        state = SimpleNamespace(is_world_process_zero=first, global_step=0)
        callback.on_train_begin(None, state, None, model=None)
        state.global_step, clock.now = 1, clock.now + 1
        callback.on_log(None, state, None, logs={"loss": 1.0}, model=None)
        callback.on_evaluate(None, state, None, metrics={}, model=None)
        callback.on_save(None, state, None)
        callback.on_train_end(None, state, None)
        assert (tmp_path / "dvclive").exists() == hasattr(shown, "_bar") == first


def test_the_module_is_light() -> None:
    heavy = "{'torch', 'transformers', 'dvc'}"
    code = f"import sys, evobuild.training.tracking.progress; print({heavy} & {{*sys.modules}})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_dvc_shows_live_figures_and_minds_them_in_nothing_else(tmp_path: Path, clock: Clock) -> None:
    """With the project's own .gitignore and .dvcignore, and the entry of its dvc.yaml."""
    here = Path.cwd()

    def call(*command: str) -> str:
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    for name in (".gitignore", ".dvcignore", "dvclive/plots/metrics/.gitkeep"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((here / name).read_text())
    (tmp_path / "dvc.yaml").write_text("plots:\n  - dvclive/plots/metrics: {x: step}\n")
    assert "\n  - dvclive/plots/metrics: {x: step}\n" in (here / "dvc.yaml").read_text()
    call("git", "init", "-q")
    call("dvc", "init", "-q")
    call("git", "add", "-A")
    call("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "All.")
    assert json.loads(call("dvc", "plots", "diff", "--json")) == {}
    shown = begun(clock, [1])
    shown.take(1, {"loss": 2.0})
    shown.end()
    found = json.loads(call("dvc", "plots", "diff", "--json"))
    assert not found.get("errors")
    (plot,) = found["data"]["dvclive/plots/metrics/toy/loss.tsv"]
    assert plot["content"]["data"]["values"] == [{"step": "1", "loss": "2.0", "rev": "workspace"}]
    assert call("dvc", "metrics", "show") == ""
    assert "2.0" in call("dvc", "metrics", "show", "dvclive/metrics.json")
    assert call("git", "status", "--short") == ""


LOG: list[Mapping[str, Any]] = [
    {"eval_loss": 4.0, "eval_runtime": 1.0, "step": 0},
    {"loss": 3.0, "grad_norm": 1.5, "learning_rate": 0.1, "epoch": 0.5, "step": 1},
    {"loss": 2.0, "grad_norm": 1.25, "learning_rate": 0.05, "epoch": 1.0, "step": 2},
    {"eval_loss": 2.5, "eval_runtime": 1.0, "step": 2},
    {"train_loss": 2.5, "train_runtime": 9.0, "step": 2},
]


def test_nothing_is_reported_anywhere_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_PROJECT", "KUBEFLOW_TRAINER_SERVER_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "https://127.0.0.1:9")
    monkeypatch.setenv("DISABLE_KUBEFLOW_INTEGRATION", "FALSE")
    from transformers import TrainingArguments

    given = TrainingArguments(output_dir="nowhere", use_cpu=True, **trackers.tracker_arguments([], "toy"))
    assert given.report_to == []


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_a_tracker_that_is_not_installed_is_said_with_the_command(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("DISABLE_KUBEFLOW_INTEGRATION", "FALSE")
    monkeypatch.setattr(trackers.util, "find_spec", lambda module: None)
    with pytest.raises(MissingExtra, match=rf"^machine\.yaml: .*'{name}'.* pip install {name}$"):
        trackers.tracker_arguments([name], "toy")


def test_trackers_that_are_named_are_the_trainers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers.util, "find_spec", lambda module: object())
    for variable in ("WANDB_DIR", "WANDB_PROJECT", "TENSORBOARD_LOGGING_DIR", "DISABLE_KUBEFLOW_INTEGRATION"):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    found = trackers.tracker_arguments(["wandb", "tensorboard"], "toy")
    assert found == {"report_to": ["wandb", "tensorboard"], "run_name": "toy"}


def test_transformers_own_trainer_fills_it_and_goes_on_after_a_checkpoint(tmp_path: Path) -> None:
    import tiny
    from transformers import PrinterCallback, Trainer, TrainingArguments

    rows = [{"input_ids": [1, 2, 3, 4], "labels": [1, 2, 3, 4]}] * 4

    def trained(checkpoint: str | None = None) -> Trainer:
        given = TrainingArguments(
            output_dir=str(tmp_path / "out"), use_cpu=True, disable_tqdm=True, per_device_train_batch_size=1,
            num_train_epochs=1, logging_steps=1, save_steps=2, eval_strategy="steps", eval_steps=2,
            **trackers.tracker_arguments([], "toy"),
        )  # fmt: skip
        shown = TrainingProgress("toy", [4] * 4, 1e6, 1e12, LiveFiles("toy"))
        made = Trainer(copy.deepcopy(tiny.model()), given, train_dataset=rows, eval_dataset=rows[:1])
        made.add_callback(progress.progress_callback(shown))
        made.remove_callback(PrinterCallback)
        made.train(resume_from_checkpoint=checkpoint)
        return made

    whole = training_curve(trained().state.log_history)
    assert [row["step"] for row in whole] == [1, 2, 3, 4]
    assert ["held_out_loss" in row for row in whole] == [False, True, True, True]
    assert all(row[name] is not None for row in whole for name in ("loss", "learning_rate", "grad_norm"))
    before = column(tmp_path, "loss")
    again = trained(str(tmp_path / "out" / "checkpoint-2"))
    assert training_curve(again.state.log_history) == whole
    assert column(tmp_path, "loss") == before == {row["step"]: row["loss"] for row in whole}
    assert sorted(column(tmp_path, "held_out_loss")) == [2, 4]
