"""A preview takes a few rows through the line, and the run that follows asks nothing twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import workspace
import yaml
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.plan.call_counting import count_calls
from evobuild.cli.preview import preview
from evobuild.core.stage import call_stage
from stages import evolve
from stages import seed as seeding

FOLDERS = ("rounds", "responses", "rejects", "failures", "replies", "counts", "preferences")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the shipped prompts and params, changed by a test; the current folder."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("EVOBUILD_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    Path("prompts").symlink_to(workspace.ROOT / "prompts")
    for name in FOLDERS:
        Path("data", name).mkdir(parents=True)
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())
    params["seed"]["source"] = str(workspace.ROOT / "data/raw/sample.jsonl")

    def write(**changes):
        given = params | {name: params[name] | own for name, own in changes.items()}
        Path("params.yaml").write_text(yaml.safe_dump(given, sort_keys=False))

    write(evolve={"method": "e0"})
    return write


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file() and "prompts" not in path.parts}


def test_it_leaves_nothing_behind_but_replies(project, capsys):
    before = files()
    assert command.main(["preview", "-n", "2", "--rate"]) == 0
    assert {path.split(".sqlite")[0] for path in files() - before} == {".evobuild/replies"}
    said = capsys.readouterr().out
    assert "DRY RUN" in said and "Row 2 of 2" in said and "difficulty: " in said


@pytest.mark.parametrize(
    "evolve_by",
    [
        {"method": "e0"},
        {"strategy": "evol"},
        {"strategy": "evol", "operations": {"default": ["tag_rebuild"]}},
        {"on_failure": "retry", "method": "weak"},
    ],
)
def test_the_run_asks_none_of_it_again(project, evolve_by):
    project(seed={"rows": 6, "held_out": 0.0}, evolve=evolve_by, respond={"seed_answers": "replace"})
    assert command.main(["preview", "-n", "6"]) == 0
    params = Path("params.yaml")
    Path("data/method.txt").touch()
    call_stage(seeding.main, params, {})
    for name, parent in (("r0", ""), ("r1", "r0"), ("r2", "r1"), ("r3", "r2")):
        if parent:
            [usage] = count_calls("evolve", f"evolve --round {name} --parent {parent}")
            assert (usage.total("calls"), usage.total("cached") > 0) == (0, True), name
            call_stage(evolve.main, params, {"round": name, "parent": parent})
        [usage] = count_calls("respond", f"respond --pool {name}")
        assert (usage.total("calls"), usage.total("cached") > 0) == (0, True), name


def test_an_operation_is_shown_with_the_answers_that_the_preview_got(project, capsys):
    Path("prompts").unlink()
    shutil.copytree(workspace.ROOT / "prompts", "prompts")
    Path("prompts/evolve/shows.jinja").write_text(
        "{# needs_answer: true #}#Answer#:\n{{ answer }}\n\n#Instruction#:\n{{ instruction }}"
    )
    project(
        evolve={"strategy": "evol", "operations": {"default": ["shows"]}}, respond={"seed_answers": "replace"}
    )
    params = load_all_params()
    r0, r1, *_ = preview.preview_rows(params, 6).pools
    answers = {each.row.id: each.answer for each in r0.responses if not each.failure}
    asked = [each.step for each in r1.attempts if each.reply.choices]
    assert asked and all(f"#Answer#:\n{answers[step.parent.id]}\n" in step.prompt for step in asked)
    assert {step.parent.id for step in asked} == set(answers)


def test_again_it_pays_nothing_and_says_the_same(project, capsys):
    said = []
    for _ in range(2):
        assert command.main(["preview", "-n", "3"]) == 0
        said.append(capsys.readouterr().out)
    first, second = (text.partition("\nrole ")[0] for text in said)
    assert first == second
    paid = [line.split()[2:] for line in said[1].splitlines() if line.startswith(("evolver ", "responder "))]
    assert len(paid) == 2 and all(each[0] == each[1] and each[2:4] == ["0", "0"] for each in paid)
    assert said[0].splitlines()[-1] == said[1].splitlines()[-1]


def test_a_row_more_moves_no_other(project):
    params = load_all_params()
    few, more = ({row.id for row in preview.preview_rows(params, count).seeds} for count in (3, 4))
    assert few < more and len(more) == 4


def test_without_the_optimized_method_it_takes_the_initial_one_and_says_so(project, capsys):
    project(evolve={"method": "optimized"})
    assert command.main(["preview", "-n", "1"]) == 0
    assert (
        "by the initial method (e0), since data/method.txt has no optimized one yet"
        in capsys.readouterr().out
    )
    Path("data/method.txt").write_text("Make it harder, please.\n{instruction}\n")
    assert command.main(["preview", "-n", "1"]) == 0
    said = capsys.readouterr().out
    assert "by the optimized method in data/method.txt" in said
    assert "Make it harder, please." in said


def test_failures_are_shown_as_such_and_a_line_without_answers_is_an_error(project, capsys):
    short = {"max_tokens": 8}
    project(evolve=short | {"method": "e0"}, respond=short | {"seed_answers": "replace"})
    assert command.main(["preview", "-n", "2"]) == 1
    said = capsys.readouterr().out
    assert "FAILED: truncated" in said and "nothing to evolve: its parent was lost" in said


def test_a_server_that_is_not_there_is_said(project, capsys):
    Path("machine.yaml").write_text("openai: {base_url: 'http://127.0.0.1:9/v1', retries: 0, timeout: 1}\n")
    project(models={"evolver": "openai:none"}, evolve={"method": "e0"})
    assert command.main(["preview", "-n", "2"]) == 1
    assert "http://127.0.0.1:9/v1" in capsys.readouterr().err


def test_costs_are_counted_and_all_rows_estimated(project, capsys):
    prices = {f"simulated:{size}": {"prompt": 1.0, "completion": 2.0} for size in ("small", "large")}
    Path("machine.yaml").write_text(yaml.safe_dump({"prices": prices}))
    assert command.main(["preview", "-n", "2", "-S", "seed.rows=20"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("All 20 rows of r0") and "cost 0." in last


def test_own_columns_and_hostile_texts_are_shown_tame(project, capsys):
    words = ("oak", "elm", "fir", "ash", "yew", "box", "fig", "may")
    rows = [{"question_text": f"How \x1b[2J tall\r is {word}?", "reply": "\u202eSo."} for word in words]
    Path("mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    own = ["seed.source=mine.jsonl", "+seed.columns={instruction: question_text, output: reply}"]
    options = [word for each in (*own, "seed.near_duplicate=1.0") for word in ("-S", each)]
    assert command.main(["preview", "-n", "2", *options]) == 0
    said = capsys.readouterr().out
    assert "tall" in said and not {"\x1b", "\r", "\u202e"} & set(said)


@pytest.mark.parametrize("count", ["0", "51", "many"])
def test_the_number_of_rows_is_bounded(project, count, capsys):
    with pytest.raises(SystemExit):
        command.main(["preview", "-n", count])
    assert "expected a number of rows from 1 to 50" in capsys.readouterr().err
