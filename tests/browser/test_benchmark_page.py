"""A benchmark's page in headless Chromium, opened as a file: filters, search, items; text stays text."""

from __future__ import annotations

import json

import evaluated
import pytest
import trees
from chromium import Page
from evaluated import MODELS, replied

from evobuild.core import tables
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.reporting import benchmark_pages, explorer


@pytest.fixture(scope="session")
def page():
    with Page() as opened:
        yield opened


def written(root, text=str):
    """The explorer with pages of benchmarks."""
    rows = trees.small(root)
    (root / "counts").mkdir()
    where = evaluated.sources_in(root)
    evaluated.write(where, root / "counts", rows.rejects, text)
    explorer.write_explorer(root / "explorer", trees.settings(), rows)
    benchmark_pages.write_benchmark_pages(root / "explorer", trees.settings(), where, rows.rejects)
    return root / "explorer/benchmarks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("benchmarks"))


def opened(page, path):
    page.errors.clear()
    page.asked.clear()
    page.open(path.as_uri())
    page.wait("index && document.querySelectorAll('#list a').length > 0")


@pytest.fixture
def sums(page, folder):
    """The page of sums with all its items; after a test nothing went wrong and nothing was fetched."""
    opened(page, folder / "sums.html")
    yield page
    assert page.errors == []
    assert all(url.startswith(("file://", "about:")) for url in page.asked)


def listed(page):
    return page.run("[...document.querySelectorAll('#list a')].map((link) => index.items[link.dataset.row])")


def fill(page, field, value):
    page.run(
        f"""(() => {{ const field = document.getElementById({json.dumps(field)});
        field.value = {json.dumps(value)};
        field.dispatchEvent(new Event("input", {{bubbles: true}})); }})()"""
    )


def open_item(page, key):
    page.run(f"location.hash = encodeURIComponent({json.dumps(key)})")
    page.wait(f"document.querySelector('#tree h2 .mono')?.textContent === visible({json.dumps(key)})")


def in_tree(page, selector):
    return page.run(f"[...document.querySelectorAll('#tree {selector}')].map((each) => each.textContent)")


def test_all_items_are_listed_with_how_each_model_did(sums):
    assert listed(sums) == ["1", "2", "9", "10"]
    said = sums.run(
        "[...document.querySelectorAll('#list li')].map((li) => li.querySelector('.scores').textContent)"
    )
    assert said == ["base 1tuned 1", "base 0tuned 1", "base 0tuned lost", "base 1tuned 1"]
    assert sums.run("document.getElementById('count').textContent") == "4 of 4 items"
    assert "DRY RUN" in sums.run("document.querySelector('.dry').textContent")


@pytest.mark.parametrize(
    ("filters", "items"),
    [
        ({"went": "right"}, ["1", "2", "10"]),
        ({"went": "wrong"}, ["2", "9"]),
        ({"went": "wrong", "model": "tuned"}, []),
        ({"went": "lost"}, ["9"]),
        ({"went": "lost", "model": "base"}, []),
        ({"went": "scored", "model": "tuned"}, ["1", "2", "10"]),
        ({"agree": "differ"}, ["2"]),
        ({"agree": "same"}, ["1", "10"]),
        ({"most": "0.5"}, ["2", "9"]),
        ({"least": "0.5", "model": "base"}, ["1", "10"]),
        ({"order": "spread"}, ["2", "1", "10", "9"]),
        ({"order": "low"}, ["9", "2", "1", "10"]),
        ({"order": "high", "model": "tuned"}, ["1", "2", "10"]),
        ({"query": "10"}, ["10"]),
    ],
)
def test_items_are_filtered_and_ordered(sums, filters, items):
    for field, value in filters.items():
        fill(sums, field, value)
    assert listed(sums) == items
    sums.run("document.querySelector('#filters button').click()")
    sums.wait("document.querySelectorAll('#list a').length === 4")


def test_a_search_looks_into_replies_that_were_not_read_yet(sums):
    fill(sums, "query", "TUNED reply 2")
    sums.wait("document.querySelectorAll('#list a').length === 1")
    assert listed(sums) == ["2"]


def test_an_item_shows_each_models_reply_and_why_one_is_lost(sums):
    open_item(sums, "9")
    assert in_tree(sums, "h3") == ["base 0", "tuned lost"]
    assert in_tree(sums, ".reply") == ["base reply 9"] and in_tree(sums, ".given") == ["prompt 9"]
    assert in_tree(sums, ".lost-at") == ["lost: lost reason (lost detail)"]
    assert in_tree(sums, ".checks bdi") == ["check 0", "odd unknown"]
    open_item(sums, "2")
    assert in_tree(sums, ".reply") == ["base reply 2", "tuned reply 2"]
    assert in_tree(sums, ".note") == ["group", "The same prompt."]


def test_replies_are_rendered_where_that_is_chosen(sums):
    open_item(sums, "9")
    reply = "document.querySelector('#tree .reply')"
    sums.run("at('render').click()")
    assert sums.run(f"{reply}.innerHTML") == "<p>base reply 9</p>"
    sums.run("at('render').click()")
    assert sums.run(f"{reply}.innerHTML") == "base reply 9"


def test_an_item_that_is_not_there_is_said(sums):
    sums.run("location.hash = 'nowhere'")
    sums.wait("document.querySelector('#tree').textContent.includes('No item nowhere')")


def test_turns_judgments_and_pairs_are_shown_and_what_has_no_right_is_not_called_wrong(page, folder):
    opened(page, folder / "talk.html")
    assert page.run("[...document.getElementById('went').options].map((each) => each.value)") == [
        "", "not asked", "scored", "unknown", "lost",
    ]  # fmt: skip
    open_item(page, "a")
    assert in_tree(page, "h3") == ["base 5", "tuned 8"]
    assert in_tree(page, ".facts") == ["part 1: 7", "part 2: 3", "part 1: 8", "part 2: 8"]
    assert len(in_tree(page, "details")) == 4 + 4 and "judgment" in in_tree(page, "details")[0]
    assert in_tree(page, ".judged p") == [
        "tuned wins over basepart 1, the same in both orders",
        "tuned and base tiepart 2, the orders disagree",
    ]  # fmt: skip
    open_item(page, "b")
    assert "tuned against base: no verdict" in in_tree(page, ".judged p")[0]
    assert page.errors == []


def test_a_long_list_is_shown_a_page_at_a_time(page, tmp_path):
    rows = trees.small(tmp_path)
    (tmp_path / "counts").mkdir()
    where = evaluated.sources_in(tmp_path)
    evaluated.write(where, tmp_path / "counts", rows.rejects)
    for model in MODELS:
        many = [replied(model, "sums", f"{n}", float(n % 2)) for n in range(450)]
        tables.write(where.evaluations / f"{model}.parquet", tables.frame(EVALUATION, many))
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), rows)
    benchmark_pages.write_benchmark_pages(tmp_path / "explorer", trees.settings(), where, rows.rejects)
    opened(page, tmp_path / "explorer/benchmarks/sums.html")
    assert len(listed(page)) == 50
    assert page.run("document.getElementById('page').textContent") == "page 1 of 9"
    for _ in range(8):
        page.run("document.getElementById('next').click()")
    assert listed(page)[-1] == "449" and page.run("document.getElementById('next').disabled")
    assert page.run("read") == 0, "a list needs no text"
    open_item(page, "449")
    assert page.run("read") == 1
    assert page.errors == []


def test_hostile_text_stays_text(page, tmp_path):
    folder = written(tmp_path, lambda field: f"{trees.HOSTILE} {field}")
    for name, key in (("sums", "9"), ("talk", "a")):
        opened(page, folder / f"{name}.html")
        open_item(page, key)
        fill(page, "query", "<script>")
        page.wait("document.querySelectorAll('#list a').length > 0")
        assert page.run("[document.images.length, window.hacked ?? 0]") == [0, 0]
        assert "<script>" in page.run("document.querySelector('#tree').textContent")
        assert page.errors == []
