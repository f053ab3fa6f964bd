"""Two runs side by side: rows paired by id or place, how they differ, and folders that are no explorer."""

from __future__ import annotations

import shutil

import pytest
import trees
from chromium import Page

from evobuild.reporting import explorer


@pytest.fixture(scope="module")
def browser():
    with Page() as opened:
        yield opened


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two explorers of the same seeds: another child, another answer, another score, rows in one of both."""
    root = tmp_path_factory.mktemp("runs")
    own = [
        trees.row("a-r0"),
        trees.row("a-r1", "a-r0", instruction="Name a red bird."),
        trees.row("a-r2", "a-r1"),
        trees.row("b-r0"),
        trees.row("c-r0"),
    ]
    child = trees.row("a-r1", "a-r0", instruction=f"Name a blue bird. {trees.HOSTILE}")._replace(id="x-r1")
    others = [
        trees.row("a-r0"),
        child,
        trees.row("a-r2", "a-r1")._replace(id="x-r2", parent_id="x-r1"),
        trees.row("b-r0"),
        trees.row("d-r0"),
    ]
    failed = {"r1": [trees.attempt("b-r0", 0, "deepening", "chat", "unparsable", "", "No.")]}
    for name, rows, ratings in (("one", own, {"b-r0": 20.0}), ("two", others, {"b-r0": 30.0})):
        (root / name).mkdir()
        where = trees.write(root / name, rows, failed, {}, ratings=ratings)
        explorer.write_explorer(root / name / "explorer", trees.settings(), where)
    return root


@pytest.fixture
def page(browser, runs):
    browser.errors.clear()
    browser.asked.clear()
    browser.open((runs / "one/explorer/index.html").as_uri())
    browser.wait("here.complete && document.querySelectorAll('#list a[href]').length > 0")
    browser.run("at('clear').click()")
    browser.wait("at('clear').hidden")
    yield browser
    assert browser.errors == []
    assert all(url.startswith(("file://", "about:", "blob:")) for url in browser.asked)


def choose(page, folder):
    """Choose a folder as the other run's."""
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="#folder")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(folder)], nodeId=node)


def said(page):
    return page.run("at('comparing').textContent")


@pytest.fixture
def compared(page, runs):
    choose(page, runs / "two/explorer")
    page.wait("there !== null")
    return page


def listed(page, value):
    """Ids of the rows that differ in some way."""
    page.run(f"at('against').value = '{value}'; update()")
    return page.run("found.map((row) => listedRun.texts[row][0])")


def test_rows_are_told_apart_by_how_they_differ(compared):
    assert said(compared) == "Compared with explorer: 5 rows, 4 of them in both."
    assert listed(compared, "same") == ["a-r0"]
    assert listed(compared, "text") == ["a-r1"]
    assert listed(compared, "answer") == ["a-r1", "a-r2"]
    assert listed(compared, "scores") == ["b-r0"]
    assert listed(compared, "outcome") == []
    assert listed(compared, "here") == ["c-r0"]
    assert listed(compared, "there") == ["d-r0"]
    assert len(listed(compared, "")) == 6
    labels = compared.run("[...at('against').options].map((each) => each.label)")
    assert labels[:3] == ["all", "the same (1)", "another instruction (1)"]
    assert labels[-1] == "only there (1)"


def test_a_row_and_its_pair_stand_side_by_side(compared):
    compared.run("location.hash = '#a-r1'")
    compared.wait("document.querySelector('#tree .beside') !== null")
    beside = compared.run("document.querySelector('#tree .beside').textContent")
    assert "An answer to a-r1." in beside and "An answer to x-r1." in beside
    assert compared.run("document.querySelector('#tree .beside del').textContent") == "red "
    assert "<script>" in beside and compared.run("document.images.length") == 0
    compared.run("document.querySelector('#tree .beside a').click()")
    compared.wait("document.querySelector('#tree article.opened a.mono')?.textContent === 'x-r1'")
    assert compared.run("document.querySelectorAll('#tree .beside, #tree button.mark').length") == 0


def test_scores_that_differ_are_marked(compared):
    compared.run("location.hash = '#b-r0'")
    compared.wait("document.querySelector('#tree .beside') !== null")
    marks = compared.run(
        "[...document.querySelectorAll('#tree .beside mark')].map((each) => each.textContent)"
    )
    assert marks == ["20", "30"]
    assert "The same instruction." in compared.run("document.querySelector('#tree .beside').textContent")


def test_a_row_that_is_only_there_is_opened_in_its_own_tree(compared):
    listed(compared, "there")
    compared.run("document.querySelector('#list a').click()")
    compared.wait("document.querySelector('#tree article.opened a.mono')?.textContent === 'd-r0'")
    assert compared.run("location.hash") == "#there%2Fd-r0"
    assert compared.run("document.querySelector('#list a').getAttribute('aria-current')") == "true"


def test_the_folder_around_an_explorer_does_too(page, runs):
    choose(page, runs / "two")
    page.wait("there !== null")
    assert "two/explorer" in said(page)


def test_a_run_compared_with_itself_is_the_same(page, runs):
    choose(page, runs / "one/explorer")
    page.wait("there !== null")
    assert len(listed(page, "same")) == 5 and listed(page, "there") == [] == listed(page, "here")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"notes.txt": "text"}, "no rows.js lies in it"),
        ({"rows.js": "alert(1)"}, "is no data of an explorer"),
        ({"rows.js": 'take("rows", 0, {]);\n'}, "JSON"),
        ({"rows.js": 'take("rows", 0, {"columns": {"round": []}, "names": {}, "sets": {}});\n'}, ""),
    ],
)
def test_a_folder_that_is_no_explorer_is_refused(page, tmp_path, files, problem):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    choose(page, tmp_path)
    page.wait("at('comparing').textContent !== ''")
    assert said(page).startswith("This folder cannot be compared: ") and problem in said(page)
    assert page.run("there === null")


def test_a_pair_whose_part_is_missing_leaves_the_own_tree_to_read(page, runs, tmp_path):
    for name in ("rows.js", "texts"):
        source = runs / "two/explorer" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    choose(page, tmp_path)
    page.wait("there !== null")
    page.run("location.hash = '#a-r1'")
    page.wait("document.querySelector('#tree article.opened a.mono')?.textContent === 'a-r1'")
    assert "trees/000.js is missing" in said(page)
    assert page.run("document.querySelectorAll('#tree .beside').length") == 0


@pytest.mark.parametrize("width", [360, 1400])
def test_both_runs_fit_any_screen(compared, width):
    compared.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
    )
    compared.run("location.hash = '#a-r1'")
    compared.wait("document.querySelector('#tree .beside') !== null")
    assert compared.run("document.documentElement.scrollWidth <= innerWidth")
    compared.call("Emulation.clearDeviceMetricsOverride")


def test_a_folder_that_lacks_a_part_is_refused(page, runs, tmp_path):
    source = (runs / "two/explorer/rows.js").read_text()
    (tmp_path / "rows.js").write_text(source)
    choose(page, tmp_path)
    page.wait("at('comparing').textContent.includes('texts/000.js is missing')")
