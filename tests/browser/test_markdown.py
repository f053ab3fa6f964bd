"""Markdown on the explorer's page: what it becomes, that markup stays text, and that no text takes long."""

from __future__ import annotations

import json

import pytest
import trees
from chromium import Page

from evobuild.reporting import explorer


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("markdown")
    explorer.write_explorer(root / "explorer", trees.settings(), trees.small(root))
    with Page() as opened:
        opened.open((root / "explorer/index.html").as_uri())
        opened.wait("here.complete")
        yield opened
        assert opened.errors == []


def html(page, source):
    """What a text is rendered to, as markup."""
    return page.run(f"made('div', '', rendered({json.dumps(source)})).innerHTML")


@pytest.mark.parametrize(
    ("source", "markup"),
    [
        ("One\nline.\n\nTwo.", "<p>One\nline.</p><p>Two.</p>"),
        ("# Title #\ntext", "<h3>Title</h3><p>text</p>"),
        ("#hashtag", "<p>#hashtag</p>"),
        ("**bold** and *it*", "<p><strong>bold</strong> and <em>it</em></p>"),
        ("**bold *it* on**", "<p><strong>bold <em>it</em> on</strong></p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("snake_case_name _it_", "<p>snake_case_name <em>it</em></p>"),
        ("**open and `c*d`", "<p>**open and <code>c*d</code></p>"),
        (r"\*no\* ~~gone~~", "<p>*no* <del>gone</del></p>"),
        ("``a`b`` `open", "<p><code>a`b</code> `open</p>"),
        ("- a\n- b\n  - c\n\nend",
            "<ul><li><p>a</p></li><li><p>b</p><ul><li><p>c</p></li></ul></li></ul><p>end</p>"),
        ("3. a\n4. b", '<ol start="3"><li><p>a</p></li><li><p>b</p></li></ol>'),
        ("1. a\n\n   more\n\n2. b", '<ol start="1"><li><p>a</p><p>more</p></li><li><p>b</p></li></ol>'),
        ("> said\n> **so**", "<blockquote><p>said\n<strong>so</strong></p></blockquote>"),
        ("---", "<hr>"),
        (
            "```python\nif a < b:\n\tpass\n```\nend",
            '<figure class="code"><figcaption>python</figcaption><pre tabindex="0"><code>if a &lt; b:\n\tpass'
            "</code></pre></figure><p>end</p>",
        ),
        (
            "~~~\nnot closed",
            '<figure class="code"><pre tabindex="0"><code>not closed</code></pre></figure>',
        ),
        (
            "| a | b |\n|---|--:|\n| 1 | 2 |",
            '<div class="box"><table><thead><tr><th scope="col">a</th>'
            '<th scope="col" style="text-align: right;">b</th></tr></thead><tbody><tr><td>1</td>'
            '<td style="text-align: right;">2</td></tr></tbody></table></div>',
        ),
        ("[here](javascript:x)", '<p><span class="link">here <code>javascript:x</code></span></p>'),
        ("![cat](http://a/b)", '<p><span class="link">picture: cat <code>http://a/b</code></span></p>'),
        ("[a [b](c)", '<p>[a <span class="link">b <code>c</code></span></p>'),
        ("<b onclick=x>&amp;</b>", "<p>&lt;b onclick=x&gt;&amp;amp;&lt;/b&gt;</p>"),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown_becomes_elements(page, source, markup):
    assert html(page, source) == markup


@pytest.mark.parametrize(
    "around",
    ["{}", "# {}", "- {}", "> {}", "```{}\n{}\n```", "|{}|b|\n|---|---|\n|{}|d|", "**{}**", "[{}]({})"],
)
def test_markup_in_markdown_stays_text(page, around):
    source = around.replace("{}", trees.HOSTILE)
    page.run(f"document.body.append(made('div', 'tried', rendered({json.dumps(source)})))")
    names = page.run("[...document.querySelectorAll('.tried *')].map((each) => each.localName)")
    assert not {"script", "img", "a", "iframe", "style"} & set(names)
    assert page.run("[document.images.length, window.hacked ?? 0]") == [0, 0]
    assert "<script>" in page.run("document.querySelector('.tried').textContent")
    page.run("document.querySelector('.tried').remove()")


@pytest.mark.parametrize(
    "piece",
    [
     "*", "_", "**a", "`", "``a`", "[", "[a](", "![", "](", "> ", "- ", "  - ", "1. ", "#", "|", "|-", "\n",
     "~~~\n",
     "\\", " ", "\t- ", "- a\n\n", "> - ", "*a **b ~~c _d ", "```\n", "| a |\n|---|\n", "`" * 99 + " "],
)  # fmt: skip
def test_no_text_takes_long(page, piece):
    """The longest that is rendered, of nothing but one sign."""
    took = page.run(
        f"""(() => {{ const text = {json.dumps(piece)}.repeat(1e5 / {len(piece)}).slice(0, 1e5);
        const began = performance.now(); rendered(text); return performance.now() - began; }})()"""
    )
    assert took < 5_000


def test_a_longer_text_is_shown_as_it_was_written(page):
    assert page.run("rendered('*a* '.repeat(1e6)) === null")
    page.run("at('render').click()")
    shown = page.run(
        "(() => { const it = prose('', '*a*'.repeat(1e6)); return [it.className, it.childElementCount]; })()"
    )
    assert shown == ["text prose", 0]
    page.run("at('render').click()")


def test_texts_follow_the_control_and_the_browser_keeps_it(page):
    page.run("location.hash = 'a-r1'")
    page.wait("document.querySelector('#tree article.opened') !== null")
    page.run("document.querySelector('#tree article.opened details .prose').source = '**so**'")
    page.run("at('render').click()")
    answer = "document.querySelector('#tree article.opened details .prose')"
    assert page.run(f"{answer}.innerHTML") == "<p><strong>so</strong></p>"
    assert page.run("localStorage.getItem('evobuild.render')") == "1"
    page.run("at('render').click()")
    assert page.run(f"{answer}.innerHTML") == "**so**"
