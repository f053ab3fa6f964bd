"""A chat template is a program that came with the weights: it is run in bounded time and memory."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import tiny
from jinja2 import TemplateError
from runaways import RUNAWAYS

from evobuild.weights import chat_rendering

ASKED = [{"role": "user", "content": "Hi"}]


def tokenizer(template: Any) -> Any:
    made = copy.deepcopy(tiny.tokenizer())
    made.chat_template = template
    made.name_or_path = "made/model"
    return made


@pytest.mark.parametrize(("template", "bound"), RUNAWAYS)
def test_a_template_without_an_end_is_stopped(
    template: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_rendering, "SECONDS", 0.2)
    monkeypatch.setattr(chat_rendering, "MEMORY", 64 << 20)
    with pytest.raises(chat_rendering.RunawayTemplate) as caught:
        chat_rendering.render_chat(tokenizer(template), ASKED)
    assert str(caught.value).startswith("the chat template of 'made/model' ")
    assert bound in str(caught.value)


def test_after_one_without_an_end_others_are_rendered() -> None:
    with pytest.raises(chat_rendering.RunawayTemplate):
        chat_rendering.render_chat(tokenizer("{{ 'x' * 10 ** 10 }}"), ASKED)
    assert chat_rendering.render_chat(tokenizer("{{ messages[0].content }}"), ASKED) == "Hi"


@pytest.mark.parametrize(
    "template", ["{% for i in range(10**9) %}x{% endfor %}", "{% for i in range(1000000000) %}x{% endfor %}"]
)
def test_a_range_beyond_the_sandboxs_is_an_error(template: str) -> None:
    with pytest.raises(TemplateError, match=r"OverflowError: Range too big"):
        chat_rendering.render_chat(tokenizer(template), ASKED)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
        "{% macro say(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ say(1, **{'b': 2}) }}{{ say(**{'a': 1}) }}",
        "{# 2 ** 3 #}** {{ messages[0].content }} ** {{ 2 ** 3 }}",
        "{% for m in messages %}\n  {% generation %}\n  {{ m.content }}\n  {% endgeneration %}\n{% endfor %}",
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m|tojson }}{% endfor %}",
        "{{ bos_token }}{{ eos_token }}{{ {'a': '<é>'}|tojson(indent=2) }}{{ undefined_here }}",
        "{% if tools is none and not add_generation_prompt %}{{ strftime_now('%Y') }}{% endif %}",
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
