"""Rows marked in the explorer: kept in the browser, and exported as the list that `select.exclude` takes."""

from __future__ import annotations

import patience
import pytest
import trees
from chromium import Page

from evobuild.reporting import explorer

KEY_M, QUESTION = 77, 191


@pytest.fixture(scope="module")
def browser():
    with Page() as opened:
        yield opened


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    root = tmp_path_factory.mktemp("marked")
    explorer.write_explorer(root / "explorer", trees.settings(), trees.small(root))
    return (root / "explorer/index.html").as_uri()


@pytest.fixture
def page(browser, url):
    """The explorer without a mark; after a test nothing went wrong."""
    browser.errors.clear()
    load(browser, url)
    browser.run("localStorage.clear()")
    load(browser, url)
    yield browser
    assert browser.errors == []


def load(page, url):
    page.open(url)
    page.wait("here.complete && document.querySelectorAll('#list a[href]').length > 0")
    page.run("at('clear').click()")
    page.wait("document.querySelectorAll('#list a[href]').length === 12")


def focus(page, key):
    page.run(f"document.querySelector('#list a[href=\"#{key}\"]').focus()")


def press_m(page, key):
    focus(page, key)
    page.press("m", KEY_M, "m")


def marked(page):
    return page.run("ownMarks()")


def test_a_row_is_marked_by_a_key_and_unmarked_by_it(page):
    press_m(page, "a-r1")
    press_m(page, "c-r1")
    assert marked(page) == ["a-r1", "c-r1"]
    assert page.run("at('marked-count').textContent") == "2 rows marked"
    assert page.run("document.querySelectorAll('#list .marked').length") == 2
    assert page.run("document.activeElement.getAttribute('href')") == "#c-r1"
    press_m(page, "a-r1")
    assert marked(page) == ["c-r1"]
    assert page.run("at('marked-count').textContent") == "1 row marked"


def test_marks_stay_when_the_page_is_opened_again(page, url):
    press_m(page, "a-r1")
    load(page, url)
    assert marked(page) == ["a-r1"] and not page.run("at('export').disabled")
    page.run("at('unmark').click()")
    load(page, url)
    assert marked(page) == [] and page.run("at('export').disabled")


def test_the_button_of_a_row_in_its_tree_says_whether_it_is_marked(page):
    page.run("location.hash = '#b-r1'")
    page.wait("document.querySelector('#tree article.opened button.mark') !== null")
    button = "document.querySelector('#tree article.opened button.mark')"
    page.run(f"{button}.click()")
    assert page.run(f"[{button}.textContent, {button}.ariaPressed]") == ["★ Marked", "true"]
    page.run("document.activeElement.blur()")
    page.press("m", KEY_M, "m")
    assert page.run(f"[{button}.textContent, {button}.ariaPressed]") == ["☆ Mark", "false"]
    assert page.run("document.querySelectorAll('#tree article.failed button.mark').length") == 0


def test_a_failed_attempt_is_no_row_and_cannot_be_marked(page):
    press_m(page, "b-r1-r2-0")
    assert marked(page) == []


def test_a_letter_that_is_typed_marks_nothing(page):
    page.run("at('query').focus()")
    page.press("m", KEY_M, "m")
    assert marked(page) == [] and page.run("at('query').value") == "m"


def test_marked_rows_alone_can_be_listed(page):
    press_m(page, "a-r1")
    page.run("at('marked').value = '1'; update()")
    assert page.run("found") == [1]
    press_m(page, "a-r1")
    assert page.run("found") == []


def test_marks_of_another_data_set_stay_and_are_not_exported(page, url):
    page.run("localStorage.setItem('evobuild.marks', JSON.stringify(['elsewhere', 7]))")
    load(page, url)
    press_m(page, "a-r1")
    page.run("at('unmark').click()")
    assert page.run("localStorage.getItem('evobuild.marks')") == '["elsewhere"]'


@pytest.mark.parametrize("held", ["{", "{}", "3", "null", '"x"'])
def test_what_is_no_list_of_marks_is_none(page, url, held):
    page.run(f"localStorage.setItem('evobuild.marks', {held!r})")
    load(page, url)
    assert marked(page) == []
    press_m(page, "a-r1")
    assert marked(page) == ["a-r1"]


def test_marks_are_exported_a_line_an_id(page, tmp_path):
    press_m(page, "c-r1")
    press_m(page, "a-r1")
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.run("at('export').click()")
    file = tmp_path / "marked.txt"
    # The page has to run on meanwhile.
    patience.until(lambda: (page.run("1"), file.exists())[1])
    assert file.read_text(encoding="utf-8") == "a-r1\nc-r1\n"
    assert "select.exclude=data/raw/marked.txt" in page.run("at('marked-count').textContent")


def test_a_list_of_ids_marks_the_rows_that_are_there(page, tmp_path):
    press_m(page, "c-r1")
    (tmp_path / "list.txt").write_text("# by hand\na-r1\n\n  b-r1 \nelsewhere\nb-r1-r2-0\n<b>\n")
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="#list-file")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(tmp_path / "list.txt")], nodeId=node)
    page.wait("ownMarks().length > 1")
    assert marked(page) == ["a-r1", "b-r1", "c-r1"]


def test_the_keys_are_named(page):
    page.press("?", QUESTION, "?")
    assert page.run("at('help').open")
    page.run("document.querySelector('#help button').click()")
    assert not page.run("at('help').open")
