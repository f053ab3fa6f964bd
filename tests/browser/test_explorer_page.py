"""The explorer in headless Chromium, opened as a file: search, filters, trees, and text that stays text."""

from __future__ import annotations

import json
import shutil

import layout
import pytest
import reported
import trees
from chromium import Page

from evobuild.core import tables
from evobuild.core.evolution_tables import CANDIDATES
from evobuild.evolution import methods
from evobuild.evolution.auto import method_operation
from evobuild.reporting import explorer

ARROW_DOWN, ARROW_UP, ENTER, SLASH = 40, 38, 13, 191


@pytest.fixture(scope="session")
def page():
    with Page() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("explored")
    explorer.write_explorer(root / "explorer", trees.settings(), trees.small(root))
    return root / "explorer"


@pytest.fixture
def shown(page, folder):
    """The page with all its rows listed; whatever a test did, nothing went wrong and nothing was fetched."""
    page.errors.clear()
    page.asked.clear()
    page.open((folder / "index.html").as_uri())
    page.wait("here.complete && document.querySelectorAll('#list a[href]').length > 0")
    show_all(page)
    yield page
    assert page.errors == []
    assert all(url.startswith(("file://", "about:")) for url in page.asked)
    assert page.run("[document.images.length, document.scripts.length, window.hacked ?? 0]")[::2] == [0, 0]


def show_all(page):
    """List all rows, in place of the selected ones."""
    page.run("at('clear').click()")
    page.wait("at('clear').hidden")


def listed(page):
    """Ids of the entries in the list."""
    links = page.run("[...document.querySelectorAll('#list a')].map((link) => link.getAttribute('href'))")
    return [link.removeprefix("#") for link in links]


def fill(page, field, value):
    """Put a value into a control, as a user's hand would."""
    page.run(
        f"""(() => {{ const field = document.getElementById({json.dumps(field)});
        field.value = {json.dumps(value)};
        field.dispatchEvent(new Event("input", {{bubbles: true}})); }})()"""
    )


def choose(page, field, label):
    """Choose an option by how its label begins."""
    options = f"[...document.getElementById('{field}').options]"
    found = f"{options}.find((option) => option.label.startsWith({json.dumps(label)})).value"
    fill(page, field, page.run(found))


def open_tree(page, key):
    page.run(f"document.querySelector('#list a[href=\"#{key}\"]').click()")
    page.wait(f"document.querySelector('#tree article.opened a')?.textContent === {json.dumps(key)}")


def in_tree(page, selector):
    """Texts of the elements of the tree that a selector takes."""
    return page.run(
        f"[...document.querySelectorAll('#tree {selector}')].map((element) => element.textContent)"
    )


def count(page):
    return page.run("document.getElementById('count').textContent")


@pytest.mark.parametrize(("width", "most"), [(1280, 140), (390, 300)])
def test_it_opens_on_the_selected_rows_best_first_below_a_short_head(page, tmp_path, width, most):
    rows = [trees.row(f"s{number}-r0") for number in range(4)]
    where = trees.write(tmp_path, rows, {}, {}, ("s1-r0", "s2-r0"))
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), where, "DRY RUN, TOY")
    layout.set_screen(page, width)
    page.open((tmp_path / "explorer/index.html").as_uri())
    page.wait("here.complete && document.querySelectorAll('#list a[href]').length > 0")
    # A later row of the dataset has the higher value of the metric.
    assert listed(page) == ["s2-r0", "s1-r0"] and count(page) == "2 selected rows, best first"
    assert "no. 1" in page.run("document.querySelector('#list a').textContent")
    assert page.run("document.querySelector('#list a').getBoundingClientRect().top") <= most
    assert page.run("at('more').open") is False and page.run("at('active').textContent") == " (2)"
    show_all(page)
    assert listed(page) == [f"s{number}-r0" for number in range(4)]
    fill(page, "order", "best")
    assert listed(page)[:2] == ["s2-r0", "s1-r0"] and len(listed(page)) == 4
    layout.reset_screen(page)


def test_a_method_is_shown_by_its_step(page, tmp_path):
    method = methods.render_initial_method("e0")
    name = method_operation(method)
    rows = [trees.row("a-r0"), trees.row("a-r1", "a-r0", operation=name)]
    where = trees.write(tmp_path, rows, {}, {}, ("a-r1",))
    candidate = reported.candidate(3, 0, 0.25, method=method, chosen=True, best=True)
    tables.write(
        where.optimization / "candidates.parquet",
        tables.frame(CANDIDATES, [tuple(candidate.values())]),
    )
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), where)
    page.open((tmp_path / "explorer/index.html").as_uri())
    page.wait("here.complete && document.querySelectorAll('#list a[href]').length > 0")
    assert "optimized method, step 3" in page.run("document.querySelector('#list a').textContent")
    assert name not in page.run("document.documentElement.outerHTML")


def test_all_entries_are_listed(shown):
    assert listed(shown)[:4] == ["a-r0", "a-r1", "a-r2", "b-r0"] and len(listed(shown)) == 12
    assert count(shown) == "12 of 12 entries"
    assert "DRY RUN" in shown.run("document.querySelector('.dry').textContent")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("red", ["a-r1", "a-r2"]),
        ("RED why", ["a-r2"]),
        ("why red", ["a-r2"]),
        ("a list", ["a-r0", "a-r1"]),
        ("b-r1-r2", ["b-r1-r2-0", "b-r1-r2-1"]),
        ("名前", ["d-r0"]),
        ("rather not", ["b-r0-r1-0"]),
        ("ornithology", ["a-r1"]),
        ("<script>", ["b-r1-r2-0", "c-r0", "c-r1"]),
        ("(", []),
        ("nowhere", []),
    ],
)
def test_a_search_finds_all_words_in_any_order(shown, query, ids):
    fill(shown, "query", query)
    assert listed(shown) == ids
    assert count(shown) == f"{len(ids)} of 12 entries"


def test_what_was_searched_for_is_marked(shown):
    fill(shown, "query", "red bird")
    assert shown.run("[...document.querySelectorAll('#list mark')].map((mark) => mark.textContent)") == [
        "red", "bird", "red", "bird",
    ]  # fmt: skip
    assert shown.run("document.querySelector('#list .line').textContent") == "Name a red bird."


def test_a_word_far_into_a_text_is_in_its_line(page, tmp_path):
    text = f"{'word ' * 200}needle in the end"
    where = trees.write(tmp_path, [trees.row("a-r0", instruction=text)], {}, {})
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), where)
    page.open((tmp_path / "explorer/index.html").as_uri())
    page.wait("here.complete")
    fill(page, "query", "needle")
    assert page.run("document.querySelector('#list mark').textContent") == "needle"
    assert page.run("document.querySelector('#list .line').textContent").startswith("… ")


@pytest.mark.parametrize(
    ("field", "label", "ids"),
    [
        ("domain", "code (3)", ["a-r0", "a-r1", "a-r2"]),
        ("round", "r2 (3)", ["a-r2", "b-r1-r2-0", "b-r1-r2-1"]),
        ("operation", "reasoning (1)", ["a-r2"]),
        ("operation", "none (seed) (4)", ["a-r0", "b-r0", "c-r0", "d-r0"]),
        ("outcome", "selected (1)", ["a-r1"]),
        ("outcome", "evolve: unparsable (1)", ["b-r0-r1-0"]),
        ("outcome", "select: below the cut (1)", ["a-r2"]),
        ("outcome", "rate: unparsed level (1)", ["a-r2"]),
        ("evolver", "m (3)", ["a-r1", "a-r2", "b-r1"]),
        ("evolver", "none (seed) (4)", ["a-r0", "b-r0", "c-r0", "d-r0"]),
        ("responder", "n (3)", ["a-r1", "a-r2", "c-r1"]),
        ("shared", "held_out: 13-gram (1)", ["a-r1"]),
        ("shared", "held_out: 8-gram (2)", ["a-r1", "c-r1"]),
    ],
)
def test_entries_are_filtered_by_what_they_are(shown, field, label, ids):
    choose(shown, field, label)
    assert listed(shown) == ids


def test_entries_are_filtered_and_ordered_by_score(shown):
    fill(shown, "measure", "difficulty")
    fill(shown, "least", "55")
    assert listed(shown) == ["a-r1", "a-r2"]
    fill(shown, "most", "60")
    assert listed(shown) == ["a-r1"]
    fill(shown, "least", "")
    fill(shown, "order", "low")
    assert listed(shown)[0] == "a-r0" and listed(shown)[-1] == "a-r1"
    fill(shown, "most", "")
    fill(shown, "order", "high")
    assert listed(shown)[:2] == ["a-r2", "a-r1"]
    fill(shown, "measure", "ic_ifd")
    assert "b-r1" not in listed(shown) and "IC-IFD 0.1235" in shown.run("at('list').textContent")
    fill(shown, "measure", "diversity")
    assert listed(shown) == ["a-r1", "c-r1", "a-r2"]
    fill(shown, "measure", "reward")
    assert listed(shown) == ["a-r1"] and "reward -1.5" in shown.run("at('list').textContent")


def test_entries_are_filtered_by_their_length_and_by_a_score_at_once(shown):
    fill(shown, "shortest", "4")
    fill(shown, "longest", "6")
    assert listed(shown) == ["a-r1", "b-r0-r1-0", "d-r0"]
    fill(shown, "measure", "difficulty")
    fill(shown, "least", "60")
    assert listed(shown) == ["a-r1"]
    fill(shown, "least", "")
    fill(shown, "longest", "")
    fill(shown, "length", "answer_words")
    assert listed(shown) == ["a-r0", "a-r1", "a-r2", "b-r0", "c-r0", "c-r1", "d-r0"]
    fill(shown, "shortest", "5")
    assert listed(shown) == []


def test_only_what_was_measured_can_be_chosen(page, tmp_path):
    where = trees.write(tmp_path, [trees.row("a-r0")], {}, {})
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), where)
    page.open((tmp_path / "explorer/index.html").as_uri())
    page.wait("here.complete")
    page.run("at('more').open = true")
    options = "[...at('measure').options].map((option) => option.label)"
    assert page.run(options) == ["IC-IFD", "IFD", "difficulty"]
    assert page.run("at('shared').checkVisibility()") is False


def test_a_tag_that_was_searched_for_is_shown(shown):
    fill(shown, "query", "COLOUR")
    assert listed(shown) == ["a-r1"]
    assert shown.run("[...document.querySelectorAll('#list mark')].map((mark) => mark.textContent)") == [
        "colours"
    ]


def test_a_tree_shows_what_was_measured(shown):
    open_tree(shown, "a-r1")
    own = in_tree(shown, "article.opened .about")
    assert "shares text with held_out: 13-gram" in own[0] and "distance to nearest 0.75" in own[0]
    assert own[1] == "tags:ornithologycolours" and own[2].endswith("nearest of r1: c-r1")
    assert "evolver m, level hard" in own[2] and "answer by n" in in_tree(shown, "summary")
    assert "shared with held.parquet[3] of held_out, by 13-gram" in in_tree(shown, "summary")
    assert "name a red bird" in in_tree(shown, "details .text")
    shown.run("document.querySelector('#tree article.opened a[href=\"#c-r1\"]').click()")
    shown.wait("document.querySelector('#tree article.opened a')?.textContent === 'c-r1'")
    assert trees.HOSTILE.replace("\0", "␀") in in_tree(shown, "article.opened .about bdi")


def test_an_address_of_no_row_is_said(shown):
    open_tree(shown, "a-r2")
    shown.run("document.querySelector('#tree article.opened a[href=\"#gone-r2\"]').click()")
    shown.wait("at('tree').textContent === 'No row gone-r2 is among those that are shown.'")
    open_tree(shown, "a-r2")


@pytest.mark.parametrize("address", ["%", "#%", "%E0%A4%A", "a%zz"])
def test_an_address_that_is_no_encoding_is_said(shown, address):
    shown.errors.clear()
    shown.run(f"location.hash = {json.dumps('#' + address)}")
    shown.wait(f"at('tree').textContent === {json.dumps(f'No row {address} is among those that are shown.')}")
    assert shown.errors == []
    open_tree(shown, "a-r2")


def test_a_turn_of_direction_in_a_text_is_seen(shown):
    shown_as = shown.run("visible('if \\u202e x \\u2066 \\u200f \\x1b')")
    assert shown_as == "if <U+202E> x <U+2066> \u200f ␛"


def test_filters_and_search_narrow_one_another_and_can_be_cleared(shown):
    fill(shown, "query", "name")
    choose(shown, "domain", "code")
    choose(shown, "round", "r2")
    assert listed(shown) == ["a-r2"]
    shown.run("document.querySelector('button[type=reset]').click()")
    shown.wait("found.length === 12")


def test_a_tree_shows_word_by_word_what_each_round_did(shown):
    open_tree(shown, "a-r2")
    assert in_tree(shown, "article > .about:first-child b") == ["r0", "r1", "r2"]
    assert in_tree(shown, "article:not(.failed) > .text:not(.given)") == [
        "Name a bird.", "Name a red bird.", "Name a red bird.bird and say why.",
    ]  # fmt: skip
    assert in_tree(shown, "ins") == ["red ", "bird and say why."] and in_tree(shown, "del") == ["bird."]
    assert in_tree(shown, ".given") == ["a list"]
    assert "The same input." in in_tree(shown, "p") and "Without the input." in in_tree(shown, "p")
    assert "select: below the cut (0.123)" in in_tree(shown, "p")
    assert in_tree(shown, "details .text")[1] == "An answer to a-r1."
    assert in_tree(shown, "code") == ["evobuild explain a-r2"]


def test_a_tree_shows_where_attempts_and_rows_were_lost(shown):
    open_tree(shown, "b-r1")
    assert in_tree(shown, "article.failed > .lost-at") == [
        "Attempt 1 failed: unparsable (no final label)",
        f"Attempt 1 failed: {trees.HOSTILE} ({trees.HOSTILE})".replace("\0", "␀"),
        "Attempt 2 failed: truncated",
    ]
    assert "respond: stagnant complexity" in in_tree(shown, ".lost-at")
    assert in_tree(shown, ".role") == ["user", "assistant"]
    assert in_tree(shown, ".given") == ["Hello.", "Hi."]
    shown.run("location.hash = '#b-r1-r2-1'")
    shown.wait("document.querySelector('#tree article.opened details')?.open")
    assert in_tree(shown, "article.opened .text") == ["Name b, and"]
    assert in_tree(shown, "code") == ["evobuild explain b-r1"]


def test_prompts_and_replies_are_read_when_they_are_unfolded(shown):
    open_tree(shown, "a-r2")
    assert shown.run("Object.keys(here.wanted).filter((file) => file.startsWith('calls'))") == []
    shown.run("document.querySelector('#tree article.opened .calls summary').click()")
    shown.wait("document.querySelectorAll('#tree .calls h3').length === 4")
    assert in_tree(shown, ".calls h3") == ["evolver m", "responder n", *["judge simulated:large"] * 2]
    assert in_tree(shown, ".calls summary")[0] == "Prompts and replies"
    prompt, reply = in_tree(shown, ".calls section:first-of-type .text")
    assert "Name a red bird." in prompt and reply == "Let me see.\nName a red bird and say why."
    assert len(in_tree(shown, ".calls .note")) == 2, "the judge's replies were read"


def test_the_calls_of_an_attempt_and_of_hostile_rows_stay_text(shown):
    shown.run("location.hash = '#b-r1-r2-0'")
    shown.wait("document.querySelector('#tree article.opened .calls') !== null")
    for key in ("b-r1-r2-0", "c-r1"):
        shown.run(f"location.hash = '#{key}'")
        opened = "document.querySelector('#tree article.opened')"
        shown.wait(f"{opened}?.querySelector('.calls') && shown.row === here.numbers.get('{key}')")
        shown.run(f"{opened}.querySelector('.calls summary').click()")
        shown.wait(f"{opened}.querySelector('.calls h3') !== null")
    literal = trees.HOSTILE.replace("\0", "␀")
    assert any(literal in each for each in in_tree(shown, "article.opened .calls .text"))
    assert any(f"the text of {literal} is not here" in each for each in in_tree(shown, ".calls .note"))


def test_texts_of_rows_are_shown_literally_and_never_run(shown):
    literal = trees.HOSTILE.replace("\0", "␀")
    open_tree(shown, "c-r1")
    assert in_tree(shown, "article > .text")[0] == literal
    assert in_tree(shown, "ins") == ["more"]
    assert literal in shown.run("document.querySelector('#list a[href=\"#c-r0\"] .about').textContent")
    assert literal in shown.run("document.getElementById('domain').textContent")
    fill(shown, "query", "window.hacked")
    assert shown.run("document.querySelectorAll('#list mark').length") > 0
    assert shown.run("document.querySelectorAll('body script, img, [onerror]').length") == 0


def test_the_policy_of_the_page_would_refuse_a_script_in_a_text(page, folder):
    page.open((folder / "index.html").as_uri())
    page.errors.clear()
    page.run(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.bad = 1'}))"
    )
    page.wait("true")
    assert page.run("window.bad ?? 0") == 0
    assert any("Content Security Policy" in error for error in page.errors)


def test_an_address_opens_its_tree_and_going_back_the_one_before(shown, folder):
    shown.open((folder / "index.html").as_uri() + "#a-r1")
    shown.wait("document.querySelector('#tree article.opened a')?.textContent === 'a-r1'")
    show_all(shown)
    open_tree(shown, "d-r0")
    shown.run("history.back()")
    shown.wait("document.querySelector('#tree article.opened a')?.textContent === 'a-r1'")
    assert shown.run("document.querySelector('#list [aria-current=true]').dataset.row") == "1"


def test_keys_are_enough(shown):
    shown.press("/", SLASH, "/")
    shown.type("red")
    assert shown.run("document.getElementById('query').value") == "red"
    shown.press("ArrowDown", ARROW_DOWN)
    shown.press("ArrowDown", ARROW_DOWN)
    assert shown.run("document.activeElement.dataset.row") == "2"
    shown.press("Enter", ENTER, "\r")
    shown.wait("document.querySelector('#tree article.opened a')?.textContent === 'a-r2'")
    shown.press("ArrowUp", ARROW_UP)
    shown.press("ArrowUp", ARROW_UP)
    assert shown.run("document.activeElement.id") == "query"


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("Name a bird.", "Name a bird.", [["equal", "Name a bird."]]),
        ("Name it.", "Name it. Now.", [["equal", "Name it. "], ["insert", "Now."]]),
        ("one", "two", [["delete", "one"], ["insert", "two"]]),
        ("", "new", [["insert", "new"]]),
        ("old", "", [["delete", "old"]]),
        ("a b c d", "a x c d", [["equal", "a "], ["delete", "b "], ["insert", "x "], ["equal", "c d"]]),
        ("鳥の名前", "鳥の長い名前", [["equal", "鳥の"], ["insert", "長い"], ["equal", "名前"]]),
        ("x " * 3000, "y " * 3000, None),
    ],
    ids=["same", "more", "other", "from nothing", "to nothing", "within", "without spaces", "too long"],
)
def test_texts_are_compared_word_by_word(shown, before, after, parts):
    assert shown.run(f"difference({json.dumps(before)}, {json.dumps(after)})") == parts


def test_many_entries_come_in_pages(page, tmp_path, monkeypatch):
    monkeypatch.setattr(explorer, "PART", 40)
    rows = [trees.row(f"s{number:03d}-r0") for number in range(120)]
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), trees.write(tmp_path, rows, {}, {}))
    page.open((tmp_path / "explorer/index.html").as_uri())
    page.wait("here.parts === 3 && document.querySelectorAll('#list a[href]').length === 50")
    assert len(listed(page)) == 50 and page.run("at('page').textContent") == "page 1 of 3"
    page.run("at('next').click()")
    page.run("at('next').click()")
    assert listed(page)[0] == "s100-r0" and len(listed(page)) == 20 and page.run("at('next').disabled")
    page.run("at('previous').click()")
    assert listed(page)[0] == "s050-r0"
    fill(page, "query", "s11")
    assert listed(page)[0] == "s110-r0" and page.run("at('pages').hidden")


def test_a_missing_part_is_said(page, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "explorer")
    shutil.rmtree(tmp_path / "explorer/trees")
    page.open((tmp_path / "explorer/index.html").as_uri() + "#a-r0")
    page.wait("at('tree').textContent.includes('trees/000.js cannot be read')")
    page.errors.clear()


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_any_screen_in_light_and_dark(shown, width, scheme):
    shown.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    shown.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
    )
    open_tree(shown, "c-r1")
    assert shown.run("document.documentElement.scrollWidth <= innerWidth")
    light = shown.run("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 248)"
    assert light == (scheme == "light")
    shown.call("Emulation.clearDeviceMetricsOverride")
    shown.call("Emulation.setEmulatedMedia", features=[])


def test_every_control_has_a_name(shown):
    named = "each.labels?.length || each.getAttribute('aria-label') || each.textContent.trim()"
    controls = "[...document.querySelectorAll('input, select, button, section, nav')]"
    assert shown.run(f"{controls}.filter((each) => !({named})).length") == 0
    assert shown.run("document.getElementById('count').getAttribute('role')") == "status"
