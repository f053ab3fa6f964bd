"""A chat template is a program that came with the weights: it is run in bounded time and memory."""

from __future__ import annotations

import copy
import sys
import time
from typing import Any

import pytest
import tiny

from evobuild.core.errors import UserError
from evobuild.weights import chat_rendering

ASKED = [{"role": "user", "content": "Hi"}]


def tokenizer(template: Any) -> Any:
    made = copy.deepcopy(tiny.tokenizer())
    made.chat_template = template
    made.name_or_path = "made/model"
    return made


@pytest.mark.parametrize(
    ("template", "fragment"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "more than 0.3 s"),
        ("{% for a in 'x' * 99999 %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}", "more than 0.3 s"),
        (
            "{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(60) }}",
            "more than 0.3 s",
        ),
        ("{% for a in range(99999) if [range(99999)|sum] == 1 %}{% endfor %}", "more than 0.3 s"),
        ("{{ messages[0].content * 10000000000 }}", "more than 1,024 MB"),
        (
            "{% set n = namespace(x='x' * 9) %}{% for _ in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
            "more than",
        ),
        ("{{ '%9999999999d' % messages|length }}", "more than 1,024 MB"),
        ("{{ messages[0].content.rjust(300000000) }}", "makes 300,000,000 characters"),
        ("{{ 10 ** 10 ** 8 }}", "computes powers"),
        ({"default": "{{ messages|length ** 10 ** 8 }}"}, "computes powers"),
    ],
)
def test_a_template_that_does_not_end_is_told_in_time(
    template: Any, fragment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_rendering, "SECONDS", 0.3)
    chat_rendering.render_chat(tokenizer("{{ 'loaded' }}"), ASKED)
    before, began = sys.gettrace(), time.thread_time()
    with pytest.raises(UserError) as caught:
        chat_rendering.render_chat(tokenizer(template), ASKED)
    assert str(caught.value).startswith("the chat template of 'made/model' ")
    assert fragment in str(caught.value)
    assert time.thread_time() - began < 5
    assert sys.gettrace() is before


@pytest.mark.parametrize(
    "template", ["{% for i in range(10**9) %}x{% endfor %}", "{% for i in range(1000000000) %}x{% endfor %}"]
)
def test_a_range_beyond_the_sandboxs_is_an_error(template: str) -> None:
    with pytest.raises((UserError, OverflowError)):
        chat_rendering.render_chat(tokenizer(template), ASKED)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
        "{% macro say(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ say(1, **{'b': 2}) }}{{ say(**{'a': 1}) }}",
        "{# 2 ** 3 #}** {{ messages[0].content }} **",
    ],
)
def test_other_templates_are_rendered_as_transformers_does(template: str) -> None:
    made = tokenizer(template)
    expected = made.apply_chat_template(ASKED, tokenize=False)
    assert chat_rendering.render_chat(made, ASKED) == expected


def test_a_long_conversation_is_no_runaway() -> None:
    made = tokenizer("{% for m in messages %}<{{ m.role }}>{{ m.content|trim }}</s>\n{% endfor %}")
    turns = [{"role": "user", "content": "word " * 2000}] * 1000
    assert len(chat_rendering.render_chat(made, turns)) > 9_000_000
