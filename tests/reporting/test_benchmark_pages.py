"""The explorer's pages of benchmarks: what their files hold, and that text in them stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import evaluated
import polars as pl
import pytest
import trees
from evaluated import MODELS, replied
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.core.rejects import REJECTS
from evobuild.reporting import benchmark_pages
from evobuild.reporting.evaluations import Sources


def prepared(root: Path, text=str) -> Sources:
    """What evaluations leave, and an empty folder of the explorer."""
    for name in ("counts", "rejects", "explorer"):
        (root / name).mkdir(parents=True)
    where = evaluated.sources_in(root)
    evaluated.write(where, root / "counts", root / "rejects", text)
    return where


def write(root: Path, where: Sources, **changes) -> Path:
    folder = root / "explorer"
    benchmark_pages.write_benchmark_pages(folder, trees.settings(**changes), where, root / "rejects")
    return folder / "benchmarks"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    root = tmp_path_factory.mktemp("pages")
    return write(root, prepared(root))


def content(path: Path):
    """What a script hands over."""
    text = path.read_text(encoding="ascii")
    assert "<" not in text
    return json.loads(re.fullmatch(r'take\("\w+", \d+, (.*)\);\n', text, re.DOTALL)[1])


def test_each_benchmark_has_a_page_that_names_the_others(pages):
    assert sorted(path.name for path in pages.iterdir()) == ["sums", "sums.html", "talk", "talk.html"]
    page = (pages / "sums.html").read_text(encoding="utf-8")
    scripts = ["../listing.js", "../markdown.js", "../benchmark.js", "sums/items.js"]
    assert re.findall(r'src="([^"]*)"', page) == scripts
    assert 'href="talk.html"' in page and "sums: 4 items, 2 models" in page and "0.1500 to 0.8500" in page
    assert (pages.parent / "benchmark.js").exists()


def test_items_stand_in_the_order_of_their_numbers_with_how_each_went(pages):
    found = content(pages / "sums/items.js")
    assert (found["models"], found["items"]) == (["base", "tuned"], ["1", "2", "9", "10"])
    assert found["scores"] == {"base": [1, 0, 0, 1], "tuned": [1, 1, None, 1]}
    assert found["states"] == {"base": [1, 1, 1, 1], "tuned": [1, 1, 3, 1]}
    assert (found["heads"][1], found["groups"], found["starts"]) == ("prompt 2", ["group"], [0])
    assert found["graded"] and not content(pages / "talk/items.js")["graded"]
    assert content(pages / "talk/items.js")["states"] == {"base": [1, 1], "tuned": [1, 2]}


def test_an_item_has_each_models_replies_or_why_it_is_lost(pages):
    base, tuned = content(pages / "sums/000.js")[2][0]
    checks = [["check", 0], ["odd", None]]
    assert base == [None, [[1, "prompt 9", "base reply 9", 0, checks, ""]]]
    assert tuned == ["lost reason", "lost detail", "lost reply"]
    [base, tuned], pairs = content(pages / "talk/000.js")[0]
    assert [reply[:4] for reply in base[1]] == [
        [1, "prompt a", "base reply a", 7],
        [2, None, "base reply a", 3],
    ]
    assert [reply[1] for reply in tuned[1]] == [None, None], "the same prompt is written once"
    assert pairs[0] == ["tuned", "base", 1, "win", True, "first", "second"] and len(pairs) == 2


def test_a_prompt_of_its_own_is_written(tmp_path):
    where = prepared(tmp_path)
    own = replied("tuned", "sums", "1", 1.0, prompt="another")
    tables.write(where.evaluations / "tuned.parquet", tables.frame(EVALUATION, [own]))
    base, tuned = content(write(tmp_path, where) / "sums/000.js")[0][0]
    assert (base[1][0][1], tuned[1][0][1]) == ("prompt 1", "another")


def test_text_never_leaves_its_script(tmp_path):
    pages = write(tmp_path, prepared(tmp_path, lambda field: f"{trees.HOSTILE} {field}"))
    for path in pages.rglob("*.js"):
        assert content(path) is not None
    for path in pages.glob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert page.count("<script") == 4 and "onerror" not in page and "hacked" not in page
    assert content(pages / "sums/items.js")["groups"] == [f"{trees.HOSTILE} group"]


def test_an_id_with_slashes_and_markup_stays_an_id(tmp_path):
    where = prepared(tmp_path)
    key = f"../{trees.HOSTILE}/7"
    for model in MODELS:
        row = replied(model, "sums", key, 1.0)
        tables.write(where.evaluations / f"{model}.parquet", tables.frame(EVALUATION, [row]))
    lost = [(f"sums/{key}/8", "model error", "", "")]
    tables.write(tmp_path / "rejects/evaluate-base.parquet", tables.frame(REJECTS, lost))
    pages = write(tmp_path, where)
    assert set(content(pages / "sums/items.js")["items"]) == {key, f"{key}/8", "9"}
    assert sorted(path.name for path in pages.iterdir()) == ["sums", "sums.html"]


def test_parts_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_pages, "PART", 4)
    monkeypatch.setattr(benchmark_pages, "CHUNK", 3)
    where = prepared(tmp_path)
    for model in MODELS:
        rows = [replied(model, "sums", f"{n}", 1.0, reply="x" * 30_000 * (n == 5)) for n in range(10)]
        tables.write(where.evaluations / f"{model}.parquet", tables.frame(EVALUATION, rows))
    monkeypatch.setattr(benchmark_pages, "PART_CHARACTERS", 30_000)
    pages = write(tmp_path, where)
    found = content(pages / "sums/items.js")
    assert found["starts"] == [0, 4, 5, 6] and found["items"] == [f"{n}" for n in range(10)]
    [long] = content(pages / "sums/002.js")
    assert long[0][0][1][0][2].endswith("x … (10,000 more characters)")
    assert len(content(pages / "sums/003.js")) == 4


def test_of_very_many_items_some_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_pages, "MOST", 2)
    pages = write(tmp_path, prepared(tmp_path))
    assert len(content(pages / "sums/items.js")["items"]) == 2
    page = (pages / "sums.html").read_text(encoding="utf-8")
    assert "sums: 2 items" in page and "Drawn from 4 items." in page


def test_a_long_prompt_shows_its_question_at_the_end(tmp_path):
    where = prepared(tmp_path)
    shots = "Question: an example\n" * 200 + "Question: which river?\nAnswer:"
    row = replied("base", "sums", "1", 1.0, prompt=shots)
    tables.write(where.evaluations / "base.parquet", tables.frame(EVALUATION, [row]))
    assert content(write(tmp_path, where) / "sums/items.js")["heads"][0].endswith("which river? Answer:")


def test_without_a_model_there_is_no_page(tmp_path):
    given = trees.read_yaml(SHIPPED_PARAMS)["evaluate"] | {"models": {}}
    where = prepared(tmp_path)
    assert list(write(tmp_path, where, evaluate=given).iterdir()) == []


def test_a_dry_run_is_labelled(pages):
    assert "<title>DRY RUN · sums" in (pages / "sums.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["evaluation/base.parquet", "rejects/evaluate-tuned.parquet", "comparisons"])
def test_a_missing_table_is_named(tmp_path, name):
    where = prepared(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BadInput, match=re.escape(name)):
        write(tmp_path, where)


def test_a_score_that_is_no_number_is_unknown(tmp_path):
    where = prepared(tmp_path)
    row = replied("base", "sums", "1", float("nan"))
    tables.write(where.evaluations / "base.parquet", pl.concat([tables.frame(EVALUATION, [row])]))
    assert content(write(tmp_path, where) / "sums/items.js")["states"]["base"][0] == 2
