"""The report for those who hear it or go through it by keys: tables, figures, controls have names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from reported import SIMULATED, build, settings

from evobuild.reporting import report, templates

IN_DRAWINGS = {"clippath", "path", "defs", "g", "use", "marker"}
VOID = {"meta", "link", "br", "input", "img", "hr", "path", "line", "rect", "circle", "use", "stop"}


class Element(NamedTuple):
    """An element of a page, its text with that of what is in it."""

    kind: str
    given: dict[str, str | None]
    parent: Element | None
    inside: list[Element]
    text: list[str]

    def __repr__(self) -> str:
        return f"<{self.kind} {self.given}>"

    def below(self, *kinds: str) -> Iterator[Element]:
        """Every element within it of some kinds, or of any."""
        for each in self.inside:
            if not kinds or each.kind in kinds:
                yield each
            yield from each.below(*kinds)

    @property
    def said(self) -> str:
        return " ".join("".join(self.text).split())


class Tree(HTMLParser):
    """Reads a page as elements; what is closed in the wrong order is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = self._open = Element("page", {}, None, [], [])
        self.feed(page)
        assert self._open is self.root, f"<{self._open.kind}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), self._open, [], [])
        self._open.inside.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.inside.append(Element(tag, dict(attrs), self._open, [], []))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open.kind == tag, f"</{tag}> closes <{self._open.kind}>"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        element: Element | None = self._open
        while element is not None:
            element.text.append(data)
            element = element.parent


@pytest.fixture(scope="module", params=["as shipped", "all measures", "live"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Element:
    if request.param == "live":
        return Tree(templates.render_page("live.html.jinja", **templates.script("live.js"))).root
    models = {"embedder": None, "reward": "some/model@1", "tagger": "simulated:large"}
    params = settings() if request.param == "as shipped" else settings(SIMULATED | models)
    return Tree(report.report_page(params, build(tmp_path_factory.mktemp("page")))).root


def test_the_page_has_a_language_a_title_and_the_width_of_the_device(page: Element):
    [html] = page.below("html")
    assert html.given["lang"] == "en" and next(page.below("title")).said
    viewport = [each.given["content"] for each in page.below("meta") if each.given.get("name") == "viewport"]
    assert viewport == ["width=device-width, initial-scale=1"]
    assert len(list(page.below("main"))) == 1


def test_every_table_has_a_caption_and_its_headers_say_of_what(page: Element):
    tables = list(page.below("table"))
    assert tables
    for table in tables:
        assert table.inside[0].kind == "caption" and table.inside[0].said
        for header in table.below("th"):
            above = header.parent.parent.kind if header.parent and header.parent.parent else ""
            assert header.given.get("scope") in (("col",) if above == "thead" else ("row", "rowgroup"))
            assert header.said, f"a header of '{table.inside[0].said}' is empty"


def test_every_drawing_has_a_name(page: Element):
    for svg in page.below("svg"):
        # What the script draws gets its name when it is drawn.
        named = svg.given.get("aria-label") or svg.given.get("id") in ("points-chart", "pools-chart")
        assert svg.given.get("role") == "img" and named


def test_headings_follow_each_other_without_a_gap(page: Element):
    levels = [int(each.kind[1]) for each in page.below("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 2 for before, after in pairwise(levels))
    assert all(each.said for each in page.below("h1", "h2", "h3", "h4"))


def test_names_of_places_are_unique_and_what_refers_to_them_finds_them(page: Element):
    every = list(page.below())
    # What charts define for themselves is named by its content.
    places = Counter(
        each.given["id"] for each in every if each.given.get("id") and each.kind not in IN_DRAWINGS
    )
    assert not [name for name, count in places.items() if count > 1]
    for each in every:
        if target := each.given.get("aria-labelledby"):
            assert target in places
        if (link := each.given.get("href")) and each.kind == "a" and link.startswith("#"):
            assert link[1:] in places


def test_folds_controls_and_links_have_names(page: Element):
    for fold in page.below("details"):
        assert fold.inside[0].kind == "summary" and fold.inside[0].said
    for link in page.below("a"):
        assert link.said
    labelled = {id(control) for label in page.below("label") for control in label.below("select", "input")}
    assert {id(control) for control in page.below("select", "input")} <= labelled


def test_what_scrolls_of_itself_can_be_reached_by_keys(page: Element):
    for each in page.below():
        if each.given.get("class") == "steps":
            assert each.given.get("tabindex") == "0"


def test_a_state_is_said_in_a_word_not_by_colour_alone(page: Element):
    verdicts = [each for each in page.below("ul") if each.given.get("class") == "verdict"]
    for line in [line for each in verdicts for line in each.below("li")]:
        assert line.said.split()[0] == line.given["class"]


def test_null_is_shown_as_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = Tree(report.report_page(settings(), build(tmp_path))).root
    text = next(root.below("main")).said
    assert "None" not in text.replace("None was measured", "") and "null" in text
