"""The functions of the library: rows in are rows and rejects out, the stages' own; nothing is left behind."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import tiny
from faults import KEY, Answer, Body, FaultServer, failing, good

import evobuild
import evobuild.api
from evobuild.core import sqlite_cache, tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions
from evobuild.seeds.caller_rows import Rows, read_caller_rows

ROOT = Path(__file__).parents[2]
SMALL, LARGE = "simulated:small", "simulated:large"
TEXTS = [
    f"Say how tall the {tree} grows." for tree in ("oak", "elm", "fir", "ash", "yew", "box", "fig", "may")
]
ROWS = [
    {"instruction": text, "output": f"{text[:-1]}, up to 20 metres.", "mark": len(text)} for text in TEXTS
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run in an empty folder that is no repository, in which nothing may be left."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("EVOBUILD_STORE", raising=False)
    yield folder
    assert list(folder.iterdir()) == []


def test_the_package_is_quick_to_import_and_knows_what_it_has() -> None:
    asked = "import sys, evobuild; print(json.dumps([dir(evobuild), 'polars' in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json; {asked}"],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    names, has_polars = json.loads(done.stdout)
    assert not has_polars
    assert set(evobuild.__all__) <= set(names)
    assert set(evobuild.__all__) == set(evobuild.api.__all__)
    with pytest.raises(AttributeError):
        evobuild.evolv  # noqa: B018


def test_help_tells_of_every_function() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pydoc", "evobuild"],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    functions = done.stdout.partition("\nFUNCTIONS\n")[2]
    for name in evobuild.__all__:
        if inspect.isfunction(getattr(evobuild, name)):
            assert f"\n    {name}(" in functions


def read(rows: Rows) -> list[Instruction]:
    return list(iterate_instructions(read_caller_rows(rows).table))


def balanced(given: int, result: evobuild.Result) -> evobuild.Result:
    assert result.rows.height + result.rejects.height == given
    return result


@pytest.mark.parametrize("strategy", ["auto", "evol"])
def test_rounds_follow_each_other(strategy: str) -> None:
    first = balanced(len(TEXTS), evobuild.evolve(TEXTS, SMALL, strategy=strategy))
    assert set(first.rows["round"]) == {"r1"}
    second = balanced(first.rows.height, evobuild.evolve(first.rows, SMALL, strategy=strategy, round=2))
    assert set(second.rows["parent_id"]) <= set(first.rows["id"])
    assert set(second.rows["seed_id"]) <= set(first.rows["seed_id"])
    assert first.rows.select(*INSTRUCTIONS).schema == INSTRUCTIONS


def test_a_row_that_fails_is_a_reject_with_its_reason() -> None:
    found = balanced(1, evobuild.evolve(["Name a river."], SMALL, failures={"max_growth": 1}))
    assert found.rows.height == 0
    assert found.rejects["reason"].to_list() == ["grew too long"]
    kept = evobuild.evolve(["Name a river."], SMALL, failures={"max_growth": 1}, on_failure="keep_parent")
    assert kept.rows.select("instruction", "operation").row(0) == ("Name a river.", "kept")


def test_children_come_in_the_order_of_their_parents_by_the_method_given() -> None:
    found = evobuild.evolve(
        TEXTS, SMALL, method="Rewrite it.\n{instruction}\n#Finally Rewritten Instruction#:"
    )
    parents = {row.id: place for place, row in enumerate(read(TEXTS))}
    places = [parents[each] for each in found.rows["parent_id"]]
    assert places == sorted(places)
    assert len(set(found.rows["operation"])) <= 1


def test_equal_rows_stay_apart_and_given_ids_stay() -> None:
    rows = read(["Name a river.", "Name a river.", {"id": "mine", "instruction": "Name a river."}])
    assert len({row.id for row in rows}) == 3
    assert rows[2].id == rows[2].seed_id == "mine"
    assert read(tables.frame(INSTRUCTIONS, rows)) == rows


def test_the_judge_says_what_is_equal(engine, monkeypatch) -> None:
    def answer(request):
        return "Equal" if request.purpose == "equal" else "#Finally Rewritten Instruction#:\nName two rivers."

    engine(answer)
    monkeypatch.delenv("EVOBUILD_STORE")
    found = evobuild.evolve(["Name a river."], SMALL, judge=LARGE, failures={"equal": True})
    assert found.rejects["reason"].to_list() == ["equal"]
    with pytest.raises(evobuild.UserError, match="judge is missing; these settings need it"):
        evobuild.evolve(["Name a river."], SMALL, failures={"equal": True})


def test_answers_keep_the_callers_columns_and_what_a_responder_wrote() -> None:
    rows = [*ROWS[:2], {"instruction": "Name a fish.", "mark": 9}]
    found = balanced(3, evobuild.respond(rows, LARGE))
    assert found.rows["mark"].to_list() == [ROWS[0]["mark"], ROWS[1]["mark"], 9]
    assert found.rows["responder"].to_list() == ["", "", LARGE]
    replaced = evobuild.respond(found.rows, SMALL, seed_answers="replace")
    assert replaced.rows["responder"].to_list() == [SMALL, SMALL, LARGE]


def test_what_cannot_be_read_of_a_rating_is_kept_apart(engine, monkeypatch) -> None:
    engine(lambda request: "hard" if request.purpose == "rate_level" else "no idea")
    monkeypatch.delenv("EVOBUILD_STORE")
    found = balanced(1, evobuild.rate_difficulty(["Name a river."], LARGE))
    assert found.rows.select("level", "difficulty").row(0) == ("hard", None)
    assert found.unread.select("reason", "reply").row(0) == ("unparsed score", "no idea")
    alone = balanced(1, evobuild.rate_difficulty(["Name a river."], LARGE, measures=["score"]))
    assert alone.rejects["reason"].to_list() == ["unparsed score"]


def test_scores_are_measured_again() -> None:
    found = balanced(len(ROWS), evobuild.score_ifd(ROWS, str(tiny.folder())))
    again = evobuild.score_ifd(found.rows, str(tiny.folder()))
    assert again.rows.equals(found.rows.select(again.rows.columns))


def test_selection_takes_the_best_by_what_was_measured() -> None:
    scored = evobuild.score_ifd(ROWS, str(tiny.folder())).rows
    found = balanced(len(ROWS), evobuild.select(scored, count=3, deduplicate={"near": None}))
    best = scored.sort("ic_ifd", descending=True).head(3)
    assert found.rows["id"].to_list() == best["id"].to_list()
    assert found.rows["mark"].to_list() == best["mark"].to_list()
    worst = evobuild.select(scored, by="perplexity", count=2, deduplicate={"near": None})
    assert worst.rows["loss_q"].to_list() == scored["loss_q"].sort().head(2).to_list()
    with pytest.raises(evobuild.UserError, match=r"needs difficulty, but no row of r0 has one"):
        evobuild.select(scored, by="difficulty")


def test_selection_leaves_out_rows_that_share_text_with_a_set() -> None:
    rows = pl.DataFrame(ROWS).with_columns(difficulty=50.0)
    hits = evobuild.find_contamination(
        rows, {"trees": [TEXTS[3] + " Be brief and say it in one sentence please."]}, ngrams=[6]
    )
    assert hits["measure"].to_list() == ["6-gram"]
    found = evobuild.select(
        rows, by="random", share=1.0, hits=hits, contamination=["6-gram"], deduplicate={"near": None}
    )
    assert found.rejects.select("id", "reason").row(0) == (hits["row"][0], "contaminated")


def test_the_name_of_a_set_leads_to_no_other_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    with pytest.raises(evobuild.UserError, match=r"sets: '\.\./mine'; expected a name"):
        evobuild.find_contamination(["Name a cat."], {"../mine": ["Name a cat."]})
    assert not list(tmp_path.rglob("mine.json"))


def test_sets_are_files_rows_or_texts(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(json.dumps({"question": TEXTS[0]}) + "\n")
    kinds = (file, str(file), [TEXTS[0]], [{"problem": TEXTS[0]}], pl.DataFrame({"q": [TEXTS[0]]}))
    found = [
        evobuild.find_contamination(
            TEXTS, {"own": kind}, ngrams=[6], columns={"own": ["q"]} if place == 4 else {}
        )
        for place, kind in enumerate(kinds)
    ]
    assert all(each["row"].to_list() == found[0]["row"].to_list() and each.height == 1 for each in found)


def test_functions_are_written_checked_and_run_on_answers() -> None:
    found = evobuild.write_verifiers(["Use no comma.", "", "use no comma"], SMALL)
    balanced(3, found)
    assert found.rejects["reason"].to_list() == ["empty", "exact duplicate"]
    functions = found.rows["functions"][0].to_list()
    checked = evobuild.check_answers(["No comma.", "One, two."], functions)
    assert checked["accuracy"].to_list() == [1.0, 0.0]


def test_what_a_function_does_stays_in_the_sandbox() -> None:
    codes = [
        "def evaluate(response):\n    return open('/etc/passwd')",
        "def other(): pass",
        "while True: pass",
    ]
    (verdicts,) = evobuild.check_answers(["x"], codes, seconds=0.5)["verdicts"].to_list()
    assert [each.partition(":")[0] for each in verdicts] == ["raised", "missing", "time"]


def test_a_method_is_optimized_and_evolves() -> None:
    found = evobuild.optimize_method(TEXTS, SMALL, LARGE, steps=2, candidates=2, batch=3)
    assert 0 <= found.after <= found.before <= 1
    assert found.candidates.filter("best")["method"].to_list() == [found.method]
    assert evobuild.evolve(TEXTS[:2], SMALL, method=found.method).rows.height <= 2


def test_benchmarks_give_figures_with_intervals() -> None:
    folder = ROOT / "data/raw/benchmarks"
    asked = {"gsm8k": {"items": str(folder / "gsm8k.jsonl"), "limit": 3}}
    found = evobuild.evaluate(SMALL, asked, resamples=200)
    (headline,) = found.figures.filter("headline").to_dicts()
    assert headline["low"] <= headline["value"] <= headline["high"]
    assert (headline["units"], found.rows.height, found.rejects.height) == (3, 3, 0)
    judged = {"mt_bench": {"items": str(folder / "mt_bench.jsonl"), "limit": 1}}
    with pytest.raises(evobuild.UserError, match="judge is missing; these settings need it"):
        evobuild.evaluate(SMALL, judged)
    assert evobuild.evaluate(SMALL, judged, judge=LARGE).figures.height


def test_seeds_are_read_from_any_file() -> None:
    found = evobuild.read_seeds(ROOT / "data/raw/sample.jsonl", rows=4)
    assert found.rows.height == 4
    assert found.rejects.height == 149 - 4


@pytest.fixture
def served(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A server that fails for what is asked about an oak, and what the caller's machine.yaml says of it."""

    def plan(body: Body, attempt: int) -> Answer:
        return failing(503, "overloaded") if "oak" in body["messages"][-1]["content"] else good(body)

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FaultServer(plan) as server:
        machine = elsewhere / "machine.yaml"
        machine.write_text(json.dumps({"openai": {"base_url": server.url, "retries": 0}}))
        yield server
        machine.unlink()


def test_a_server_that_fails_costs_only_its_rows(served: FaultServer) -> None:
    found = balanced(len(TEXTS), evobuild.respond(TEXTS, "openai:tiny"))
    assert found.rejects["reason"].to_list() == ["model error"]
    assert found.rows.height == len(TEXTS) - 1


def test_a_cache_pays_once_and_without_one_nothing_is_kept(served: FaultServer, tmp_path: Path) -> None:
    asked = []
    for cache in (None, None, tmp_path / "kept", str(tmp_path / "kept")):
        before = served.asked.total()
        evobuild.respond(TEXTS[1:], "openai:tiny", cache=cache)
        asked.append(served.asked.total() - before)
    new = len(TEXTS) - 1
    assert asked == [new, new, new, 0]
    assert (tmp_path / "kept" / sqlite_cache.REPLIES).is_file()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: evobuild.evolve(TEXTS, "opnai:gpt-4o"),
            "evolve: models.evolver: unknown engine 'opnai'; did you mean 'openai'",
        ),
        (
            lambda: evobuild.evolve(TEXTS, SMALL, temprature=1),
            "evolve: unknown key 'evolve.temprature'; did you mean 'temperature'",
        ),
        (
            lambda: evobuild.evolve("Name a river.", SMALL),
            "rows is text; expected a list of texts or mappings",
        ),
        (lambda: evobuild.evolve([3], SMALL), r"rows\[0\] is a number; expected a text or a mapping"),
        (
            lambda: evobuild.respond([{"question": "x"}], SMALL),
            r"rows: 'instruction' is missing; the columns are 'question'",
        ),
        (
            lambda: evobuild.respond([{"instruction": "x", "input": 3}], SMALL),
            "'input' has values such as 3; expected text",
        ),
        (
            lambda: evobuild.respond(
                [{"instruction": "x", "history": [{"role": "tool", "content": "y"}]}], SMALL
            ),
            "'tool'.*expected the roles system, user, assistant",
        ),
        (
            lambda: evobuild.respond([{"instruction": "x", "history": "y"}], SMALL),
            "'history' has values such as 'y'; expected lists",
        ),
        (lambda: evobuild.respond([{"instruction": "x", "id": "a"}] * 2, SMALL), "the id 'a' is there twice"),
        (
            lambda: evobuild.evolve(TEXTS, SMALL, method=" "),
            r"data/method\.txt: holds nothing|is empty; expected a method",
        ),
        (lambda: evobuild.check_answers(["x"], []), "expected a list of answers, and one of code"),
        (lambda: evobuild.check_answers("x", ["y"]), "expected a list of answers, and one of code"),
        (
            lambda: evobuild.score_ifd(ROWS, "openai:gpt-4o"),
            "models.scorer is 'openai:gpt-4o'; expected a hub id",
        ),
        (lambda: evobuild.select([{"instruction": "x", "output": "y", "ic_ifd": "z"}]), "is of another kind"),
        (lambda: evobuild.read_seeds("none.jsonl"), "none.jsonl"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(call, said: str) -> None:
    with pytest.raises(evobuild.UserError, match=said):
        call()
