"""`evobuild explain`: a row's life is told whole, from the tables and the store alone."""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from dvc_data.hashfile.hash import file_md5
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree
from dvc_objects.fs import LocalFileSystem
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.explain import lock_sources
from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.evolution_tables import CANDIDATES
from evobuild.core.instructions import INSTRUCTIONS, iterate_instructions
from evobuild.core.measures import BUILT_IN, EMBEDDING, measure_of
from evobuild.core.rejects import REJECTS
from evobuild.core.stage import call_stage
from evobuild.core.stages import OF_ALL_POOLS
from evobuild.core.yaml_files import read_yaml
from evobuild.evolution import auto, methods

ROOT = Path(__file__).parents[2]
DATA = Path("data")
STRICT = {
    "markers": True,
    "unchanged": True,
    "answered": True,
    "max_growth": 30,
    "language": True,
    "lost_content": False,
    "equal": False,
}
CHANGES = {
    "seed": {"rows": 40},
    "rounds": {"r1": {"parent": "r0"}, "r2": {"parent": "r1"}},
    "pools": {"r0": {}, "r1": {}, "r2": {}},
    "branches": {},
    "evolve": {"method": "e0", "on_failure": "retry", "retries": 1, "failures": STRICT},
    "select": {"pools": ["r1", "r2"], "by": "difficulty", "share": 0.5},
}


def build(root, changes):
    """Run the stages up to select in a folder of their own, but for the scores, which are made up."""
    shutil.copytree(ROOT / "prompts", root / "prompts")
    (root / "data/raw").mkdir(parents=True)
    shutil.copy(ROOT / "data/raw/sample.jsonl", root / "data/raw")
    content = read_yaml(SHIPPED_PARAMS)
    for section, values in changes.items():
        content[section] = values if section in ("rounds", "pools", "branches") else content[section] | values
    (root / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (root / "dvc.yaml").touch()
    given = load_all_params(root / "params.yaml")

    def run(name, **given):
        call_stage(importlib.import_module(f"stages.{name}").main, Path("params.yaml"), given)

    run("seed", source="data/raw/sample.jsonl")
    (DATA / "method.txt").write_text("Never used.\n{instruction}\n")
    for name, round_ in given.rounds.items():
        run("evolve", round=name, parent=round_.parent)
    for pool in given.pools:
        run("respond", pool=pool)
        run("rate", pool=pool)
        measure(pool)
    for name in OF_ALL_POOLS:
        tables.write(DATA / f"rejects/{name}.parquet", tables.frame(REJECTS, []))
    (DATA / "contamination").mkdir()
    tables.write(DATA / "contamination/held_out.parquet", tables.frame(CONTAMINATION, []))
    run("select")
    (DATA / "downstream/rejects").mkdir(parents=True)
    tables.write(DATA / "downstream/rejects/finetune-toy.parquet", tables.frame(REJECTS, []))


def measure(pool):
    """Make up what stages of all pools measure: scores, and nothing else."""
    rows = tables.read(DATA / f"responses/{pool}.parquet", INSTRUCTIONS)["id"]
    scores = [(key, 9, 7, False, 2.0, 1.0, 2.0, 0.5, 0.4, 0.125) for key in rows]
    made = {f"measures/{each.folder}": (each.schema, []) for each in BUILT_IN if each.stage in OF_ALL_POOLS}
    made |= {"measures/scores": (measure_of("score").schema, scores), "embeddings": (EMBEDDING.schema, [])}
    for name, (schema, found) in made.items():
        (DATA / name).mkdir(parents=True, exist_ok=True)
        tables.write(DATA / name / f"{pool}.parquet", tables.frame(schema, found))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.chdir(root)
        patch.setenv("EVOBUILD_STORE", str(root / "replies.sqlite"))
        build(root, CHANGES)
    return root


@pytest.fixture
def clone(built, tmp_path, monkeypatch):
    """The project without its reply cache, to be changed by a test; the current folder."""
    root = tmp_path / "clone"
    shutil.copytree(built, root, ignore=shutil.ignore_patterns("replies.sqlite*", ".evobuild"))
    monkeypatch.chdir(root)
    monkeypatch.setenv("EVOBUILD_STORE", str(root / ".evobuild/replies.sqlite"))
    return root


def table(path):
    return pl.read_parquet(DATA / path)


def explain(capsys, key, code=0):
    """What is printed: on success to standard output, else to standard error."""
    assert command.main(["explain", key]) == code
    said = capsys.readouterr()
    assert bool(said.err) == bool(code)
    return said.err if code else said.out


def barred(text):
    return "\n".join(f"  │ {line}".rstrip() for line in text.split("\n"))


def selected(name="r2"):
    return table("dataset.parquet").filter(round=name).row(0, named=True)


def test_a_selected_row_is_told_from_the_seed_to_the_data_set(clone, capsys):
    row = selected()
    parent = table("rounds/r1.parquet").row(by_predicate=pl.col("id") == row["parent_id"], named=True)
    seed = table("rounds/r0.parquet").row(by_predicate=pl.col("id") == row["seed_id"], named=True)
    said = explain(capsys, row["id"])
    assert said.startswith(f"{row['id']}: selected\nround r2, domain {row['domain']}\n")
    places = [said.index(f"\n{each['round']}  {each['id']}\n") for each in (seed, parent, row)]
    assert places == sorted(places)
    own = said[places[-1] :]
    reply = table("replies/r2.parquet").filter(id=row["id"])["reply"][0]
    rating = table("measures/ratings/r2.parquet").filter(id=row["id"])
    for wanted in (
        f"by {row['operation']} with simulated:small, from {parent['id']}",
        "prompt, rendered from prompts/evolve/e0.jinja",
        barred(parent["instruction"]),
        barred(reply),
        "an evolution of its parent",
        barred(row["output"]),
        f"  rated: {rating['level'][0]}, difficulty {rating['score'][0]:g} of 100\n",
        "  scored: question_tokens 9, answer_tokens 7, truncated False, loss_q 2, ",
        ", ic_ifd 0.125\n",
        "selected: it is in the data set",
    ):
        assert wanted in own
    assert barred(seed["output"]) in said[places[0] : places[1]]


def test_the_prompt_is_the_one_that_was_asked(clone, capsys):
    row = selected("r1")
    seed = next(iterate_instructions(table("rounds/r0.parquet").filter(id=row["seed_id"])))
    prompt = auto.plan_by_method(methods.render_initial_method("e0"))(seed).prompt
    assert f"  prompt, rendered from prompts/evolve/e0.jinja\n{barred(prompt)}\n" in explain(
        capsys, row["id"]
    )


def test_other_columns_of_the_source_are_told_of_the_seed_row(clone, capsys):
    row = selected()
    told = '{"gold": "84 cm²"}'
    tables.write(DATA / "rounds/r0.parquet", table("rounds/r0.parquet").with_columns(extra=pl.lit(told)))
    assert f"  other columns of the source\n{barred(told)}\n" in explain(capsys, row["id"])


def test_differences_are_marked_by_word(clone, capsys):
    path = DATA / "rounds/r1.parquet"
    row = selected("r1")
    seed = table("rounds/r0.parquet").filter(id=row["seed_id"])["instruction"][0]
    own = pl.when(pl.col("id") == row["id"]).then(pl.lit(f"{seed} And why?")).otherwise("instruction")
    tables.write(path, table("rounds/r1.parquet").with_columns(instruction=own))
    said = explain(capsys, row["id"])
    assert "instruction, [-gone-] and {+new+} against its parent" in said and "{+And why?+}\n" in said


def test_failed_attempts_stand_before_the_one_that_succeeded(clone, capsys):
    retried = table("replies/r1.parquet").filter(pl.col("attempt") == 1)["id"][0]
    parent = table("rounds/r1.parquet").filter(id=retried)["parent_id"][0]
    failed = table("failures/r1.parquet").filter(row=parent).row(0, named=True)
    said = explain(capsys, retried)
    why = f"{failed['reason']} ({failed['detail']})" if failed["detail"] else failed["reason"]
    first = said.index(f"attempt 1 failed: {why}")
    assert barred(failed["reply"]) in said[first:] or not failed["reply"]
    assert first < said.index("reply of attempt 2, from data/replies/r1.parquet")


def test_a_lost_parent_says_where_and_why(clone, capsys):
    lost = table("rejects/evolve-r1.parquet").row(0, named=True)
    said = explain(capsys, lost["id"])
    assert "lost on the way to r1" in said.splitlines()[0]
    end = said[said.index("\nIn r1 it was lost:\n") :]
    assert f"attempt 1 failed: {table('failures/r1.parquet').filter(row=lost['id'])['reason'][0]}" in end
    assert f"attempt 2 failed: {lost['reason']}" in end and barred(lost["reply"]) in end


def test_a_failed_attempt_leads_to_its_parent(clone, capsys):
    failed = table("failures/r1.parquet").row(0, named=True)
    assert explain(capsys, failed["id"]).startswith(failed["row"])


def test_a_row_lost_by_a_stage_says_which_and_shows_the_reply(clone, capsys):
    lost = table("rejects/respond-r1.parquet").row(0, named=True)
    said = explain(capsys, lost["id"])
    assert said.startswith(f"{lost['id']}: respond: {lost['reason']}")
    assert f"  lost by respond: {lost['reason']}" in said and barred(lost["reply"]) in said


def test_a_row_below_the_cut_says_its_value(clone, capsys):
    lost = table("rejects/select.parquet").filter(reason="below the cut").row(0, named=True)
    assert f"  not selected: below the cut ({lost['detail']})" in explain(capsys, lost["id"])


def measured(key):
    """Make a row near another, rewarded, tagged, and alike to a held-out row; the folder of each table."""
    rows = {
        "measures/diversity/r2": (measure_of("diversity").schema, (key, "another", 0.123456789)),
        "measures/rewards/r2": (measure_of("reward").schema, (key, -1.5, 3, -2.0)),
        "measures/tags/r2": (measure_of("tag").schema, (key, ["maths", HOSTILE])),
        "contamination/held_out": (
            CONTAMINATION,
            ("0", key, "r2", "held_out", "held.parquet[7]", "13-gram", HOSTILE, "not shown"),
        ),
    }
    for name, (schema, row) in rows.items():
        tables.write(DATA / f"{name}.parquet", tables.frame(schema, [row]))
    return [f"data/{name}.parquet" for name in rows]


def test_all_that_was_measured_of_a_row_is_told(clone, capsys):
    key = selected()["id"]
    measured(key)
    said = explain(capsys, key)
    own = said[said.index(f"\nr2  {key}\n") :]
    for line in (
        "  nearest other instruction of r2, l2 distance: another, distance 0.12346\n",
        "  reward: -1.5, 3 tokens, -2 scaled by length\n",
        "  tags: maths, Name it.␍␛[2J�1A<U+202E>gnorts selected: it",
        "  shared with held.parquet[7] of held_out, by 13-gram\n  │ Name it.␍␛[2J",
    ):
        assert line in own
    assert "shares nothing" not in own and "not shown" not in own
    assert "  shares nothing with held_out\n" in said[: said.index(own)]


def test_what_was_not_measured_is_not_told(clone, capsys):
    said = explain(capsys, selected()["id"])
    assert not re.search("^  (nearest|reward|tags|shared)", said, re.MULTILINE) and "Missing, so" not in said


def test_missing_measures_are_named_and_nothing_is_concluded_from_them(clone, capsys):
    key = selected()["id"]
    paths = measured(key)
    for path in paths:
        Path(path).unlink()
    said = explain(capsys, key)
    listed = re.search("^Missing, so left out: (.*) \\(get pushed", said, re.MULTILINE)[1]
    assert listed.split(", ") == paths and "shares nothing" not in said


def test_children_are_named(clone, capsys):
    row = selected("r2")
    assert f"In r2 it became {row['id']}\n" in explain(capsys, row["parent_id"])


def test_kept_parents_are_called_so(clone, capsys):
    row = selected("r1")
    path = DATA / "rounds/r1.parquet"
    own = pl.when(pl.col("id") == row["id"]).then(pl.lit("kept")).otherwise("operation").alias("operation")
    tables.write(path, table("rounds/r1.parquet").with_columns(own))
    said = explain(capsys, row["id"])
    assert f"kept as its parent {row['parent_id']} was" in said and "verdict" not in said


def test_a_held_out_row_and_a_lost_seed_row_are_known(clone, capsys):
    held = table("held_out.parquet").row(0, named=True)
    said = explain(capsys, held["id"])
    assert "held out" in said.splitlines()[0] and barred(held["instruction"]) in said
    lost = table("rejects/seed.parquet").row(0, named=True)
    assert f"lost by the stage seed: {lost['reason']} ({lost['detail']})" in explain(capsys, lost["id"])


def test_a_beginning_will_do_if_it_is_the_only_one(clone, capsys):
    key = selected()["id"]
    assert explain(capsys, key[:12]) == explain(capsys, key)
    ids = sorted({key[0] for name in ("r0", "r1", "r2") for key in table(f"rounds/{name}.parquet")["id"]})
    assert re.match(
        rf"evobuild: '{ids[0]}' begins \d+ ids, expected one: \w{{20}}", explain(capsys, ids[0], 1)
    )


def test_a_mistyped_id_is_answered_with_those_that_begin_like_it(clone, capsys):
    key = table("rounds/r1.parquet")["id"][0]
    wrong = f"{key[:9]}{'0' if key[9] != '0' else '1'}{key[10:]}"
    assert f"; did you mean '{key}'" in explain(capsys, wrong, 1)
    assert "did you mean" not in explain(capsys, "zz", 1)


def test_a_random_row_is_drawn_again_by_its_seed(clone, capsys):
    def told(*words):
        assert command.main(["explain", *words]) == 0
        return capsys.readouterr().out

    first = told("--random", "--seed", "3")
    assert first == told("--random", "--seed", "3")
    assert first.split(":")[0] in {key for name in ("r0", "r1", "r2") for key in ids(name)}
    assert len({told("--random", "--seed", str(seed)).split(":")[0] for seed in range(4)}) > 1
    for words in ([], ["abc", "--random"]):
        assert command.main(["explain", *words]) == 1
        assert "give the id of a row, or --random" in capsys.readouterr().err


def ids(name):
    return table(f"rounds/{name}.parquet")["id"]


@pytest.mark.parametrize("key", ["zz", "\x1b[2J", "no such row" * 9], ids=["other", "control", "long"])
def test_an_unknown_id_is_an_error_of_one_line(clone, capsys, key):
    said = explain(capsys, key, 1)
    assert said.startswith("evobuild: unknown row ") and said.count("\n") == 1
    assert "\x1b" not in said and len(said) < 160


def test_nothing_is_needed_but_tables_and_prompts(built, clone, capsys, monkeypatch):
    """A second clone after `dvc pull`: no store, nor is one begun."""
    key = selected()["id"]
    there = explain(capsys, key)
    assert not (clone / ".evobuild").exists()
    monkeypatch.chdir(built)
    monkeypatch.setenv("EVOBUILD_STORE", str(built / "replies.sqlite"))
    assert explain(capsys, key) == there


@pytest.mark.parametrize("attempt", [0, 1], ids=["first attempt", "retried"])
def test_a_reply_that_no_table_holds_comes_from_the_store(built, clone, capsys, monkeypatch, attempt):
    replies = table("replies/r1.parquet").filter(pl.col("attempt") == attempt)
    key, reply = replies.select("id", "reply").row(0)
    shutil.rmtree(DATA / "replies")
    said = explain(capsys, key)
    assert "reply of attempt" in said and "not here, neither in data/replies nor in the reply cache" in said
    assert "Missing, so left out: data/replies/r1.parquet" in said
    monkeypatch.setenv("EVOBUILD_STORE", str(built / "replies.sqlite"))
    said = explain(capsys, key)
    assert f"reply of attempt {attempt + 1}, from the reply cache\n{barred(reply)}\n" in said


def test_thoughts_are_told_before_what_came_of_them(clone, capsys):
    row = selected()
    for name, key in ((f"responses/{row['round']}", row["id"]), (f"replies/{row['round']}", row["id"])):
        path = DATA / f"{name}.parquet"
        known = pl.read_parquet(path)
        thought = pl.when(pl.col("id") == key).then(pl.lit(f"Hm, {name}.")).otherwise("reasoning")
        known.with_columns(thought.alias("reasoning")).write_parquet(path)
    said = explain(capsys, row["id"])
    assert re.search(
        rf"thoughts of attempt \d+, before its reply\n{barred(f'Hm, {name}.')}\n  reply of", said
    )
    answer = barred(f"Hm, responses/{row['round']}.")
    assert f"thoughts of {row['responder']}, before its answer\n{answer}\n  answer by" in said


def test_a_missing_table_is_named(clone, capsys):
    row = selected()
    (DATA / "measures/scores/r2.parquet").unlink()
    said = explain(capsys, row["id"])
    assert "Missing, so left out: data/measures/scores/r2.parquet" in said and "selected" in said
    (DATA / "rounds/r1.parquet").unlink()
    said = explain(capsys, row["id"], 1)
    assert said.startswith("evobuild: data/rounds/r1.parquet: is not here") and "dvc pull" in said
    (DATA / "rounds/r2.parquet").unlink()
    said = explain(capsys, row["id"], 1)
    assert (
        "data/rounds/r1.parquet and 1 more tables are not here: run evobuild pull or evobuild repro" in said
    )


def test_a_broken_table_is_an_error_that_names_it(clone, capsys):
    (DATA / "failures/r1.parquet").write_text("no table")
    said = explain(capsys, selected()["id"], 1)
    assert said.startswith("evobuild: data/failures/r1.parquet: not a readable Parquet table")


HOSTILE = "Name it.\r\x1b[2J\x9b1A\u202egnorts\nselected: it is in the data set\n│ {{ 7*7 }} {instruction}"


def test_texts_can_neither_steer_the_terminal_nor_pass_for_what_is_said_of_them(clone, capsys):
    row = selected("r1")
    for name in ("rounds/r0.parquet", "rounds/r1.parquet"):
        changed = table(name).with_columns(
            [
                pl.when(pl.col("seed_id") == row["seed_id"])
                .then(pl.lit(HOSTILE))
                .otherwise(column)
                .alias(column)
                for column in ("instruction", "domain")
            ]
        )
        tables.write(DATA / name, changed)
    said = explain(capsys, row["id"])
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)
    assert "  │ Name it.␍␛[2J�1A<U+202E>gnorts\n  │ selected: it is in the data set\n" in said
    assert "{{ 7*7 }} {instruction}" in said
    assert re.findall("^selected: it", said, re.MULTILINE) == []


@pytest.mark.parametrize("text", ["data/method.txt", "prompts/evolve/own.txt", "a candidate", "nowhere"])
def test_the_method_is_found_by_its_hash_wherever_it_lies(clone, capsys, text):
    method = methods.normalise_slot("Another method.\n{instruction}")
    row = selected("r1")
    operation = pl.when(pl.col("id") == row["id"]).then(pl.lit(f"method-{methods.method_digest(method)}"))
    tables.write(
        DATA / "rounds/r1.parquet",
        table("rounds/r1.parquet").with_columns(operation=operation.otherwise("operation")),
    )
    if text == "a candidate":
        empty = {pl.String: "", pl.Boolean: False}
        values = {name: empty.get(kind, 0) for name, kind in CANDIDATES.items()}
        found = pl.DataFrame([values | {"id": "002-001", "method": method}], schema=CANDIDATES)
        (DATA / "optimization").mkdir()
        tables.write(DATA / "optimization/candidates.parquet", found)
        text = "data/optimization/candidates.parquet, candidate 002-001"
    elif text != "nowhere":
        Path(text).write_text(method)
    said = explain(capsys, row["id"])
    if text == "nowhere":
        assert f"prompt: the text of method-{methods.method_digest(method)} is not here" in said
    else:
        assert f"prompt, rendered from {text}\n  │ Another method." in said


def test_a_file_that_is_no_method_is_passed_over(clone, capsys):
    Path("data/method.txt").write_bytes(b"\xff")
    Path("prompts/evolve/own.txt").write_text("")
    assert "prompt, rendered from prompts/evolve/e0.jinja" in explain(capsys, selected()["id"])


def test_a_fixed_operation_is_rendered_from_its_prompt(clone, capsys):
    row = selected("r1")
    own = pl.when(pl.col("id") == row["id"]).then(pl.lit("deepening")).otherwise("operation")
    tables.write(DATA / "rounds/r1.parquet", table("rounds/r1.parquet").with_columns(operation=own))
    said = explain(capsys, row["id"])
    assert "prompt, rendered from prompts/evolve/deepening.jinja\n  │ Below stands an instruction" in said


def test_without_a_lock_the_params_and_prompts_at_hand_are_shown(clone, capsys):
    said = explain(capsys, selected()["id"])
    end = said[said.index("What it came from: there is no dvc.lock") :]
    assert (
        f"prompts/evolve/e0.jinja  md5 {lock_sources.compute_dvc_md5(Path('prompts/evolve/e0.jinja'))}" in end
    )
    assert "on_failure: retry" in end and "evolver: simulated:small" in end


def lock(**stages):
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def entry(deps, outs=(), **values):
    hashed = [{"path": path, "md5": lock_sources.compute_dvc_md5(Path(path))} for path in deps]
    written = [{"path": path, "md5": lock_sources.compute_dvc_md5(Path(path))} for path in outs]
    return {"cmd": "x", "deps": hashed, "outs": written, "params": {"params.yaml": values}}


def test_what_it_came_from_is_what_dvc_ran(clone, capsys):
    deps = ["prompts/evolve", "data/method.txt", "data/rounds/r0.parquet"]
    used = Path("prompts/evolve/e0.jinja")
    evolve = {"random_seed": 42, "evolve": {"temperature": 0.123}}
    stages = {
        f"evolve@{name}": entry(deps, [f"data/rounds/{name}.parquet"], **evolve) for name in ("r1", "r2")
    }
    lock(**stages, seed=entry(["data/raw/sample.jsonl", "evobuild/seeds"]), report=entry(deps, other=1))
    key = selected()["id"]
    said = explain(capsys, key)
    end = said[said.index("What it came from, as dvc.lock has it") :]
    assert "  evolve@r1, evolve@r2\n" in end and "temperature: 0.123" in end and "other" not in end
    assert f"    prompts/evolve/e0.jinja  md5 {lock_sources.compute_dvc_md5(used)}\n" in end
    assert "weak.jinja" not in end and "evobuild" not in end and "data/raw/sample.jsonl" in end
    used.write_text(used.read_text() + "{# changed #}")
    Path("data/method.txt").unlink()
    tables.write(DATA / "rounds/r1.parquet", table("rounds/r1.parquet").with_columns(evolver=pl.lit("x")))
    end = explain(capsys, key).partition("What it came from")[2]
    assert re.search(r"prompts/evolve  md5 \w{32}\.dir, now \w{32}\.dir\n", end)
    assert re.search(r"data/method\.txt  md5 \w{32}, not here\n", end)
    assert re.search(r"data/rounds/r1\.parquet is not what this stage wrote, md5 \w{32}: now \w{32}\n", end)


def test_what_was_asked_of_the_responder_is_told_unless_it_is_the_row_as_it_stands(clone, capsys):
    row = selected()
    lock(**{"respond@r2": entry(["prompts/respond"], ["data/responses/r2.parquet"])})
    said = explain(capsys, row["id"])
    assert "the responder's prompt" not in said
    assert "prompts/respond/answer.jinja" in said and "paper.jinja" not in said
    content = read_yaml(Path("params.yaml"))
    content["respond"]["prompt"] = "paper"
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    said = explain(capsys, row["id"])
    asked = said[said.rindex("the responder's prompt, rendered from prompts/respond/paper.jinja\n") :]
    assert barred(f"Instruction: {row['instruction']}") in asked[: asked.index(barred(row["output"]))]
    assert "prompts/respond/paper.jinja  md5" in said and "answer.jinja" not in said
    # The seed's own answers were asked of nobody.
    assert said.count("the responder's prompt") == 2


def test_a_folder_has_the_hash_that_dvc_gives_it(tmp_path):
    tree = Tree()
    for name in ("b.txt", "a/z.txt", "a.txt", "a-b/ü.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
        tree.add(tuple(name.split("/")), None, HashInfo("md5", file_md5(str(file), LocalFileSystem())))
    tree.digest()
    assert lock_sources.compute_dvc_md5(tmp_path) == tree.hash_info.value


@pytest.mark.parametrize("content", ["{", "stages: 3", "[]"])
def test_a_broken_lock_is_named(clone, capsys, content):
    Path("dvc.lock").write_text(content)
    assert explain(capsys, selected()["id"], 1).startswith("evobuild: dvc.lock: not a readable lock file")
