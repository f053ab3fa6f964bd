"""Prompts: values stay data; a wrong prompt is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from runaways import RUNAWAYS

from evobuild.core import prompts
from evobuild.core.errors import BadInput
from evobuild.core.template_bounds import Bounds
from evobuild.evolution.declared_operations import list_operations, read_operation
from evobuild.training.params import SHIPPED

ROW = {
    "history": [{"role": "user", "content": "hi {{ 1 }}"}],
    "instruction": "do {{ 7*7 }}",
    "input": "with {% x %}",
}
TEXT = "do {{ 7*7 }} with {% x %}"
STEPS = {name: "some words" for name in ("tag_compress", "tag_expand", "parts_take_apart", "parts_add")}
VALUES = {
    **{
        template: ROW | {name: STEPS[name] for name in operation.traits.steps[:number]}
        for operation in map(read_operation, list_operations())
        for number, template in enumerate(operation.templates)
    },
    "evolve/e0.jinja": {},
    "evolve/weak.jinja": {},
    "judge/difficulty_level.jinja": ROW,
    "judge/difficulty_score.jinja": ROW,
    "judge/difficulty_score_alone.jinja": ROW,
    "judge/equal.jinja": {
        "history": ROW["history"],
        "first": {"instruction": "do {{ 7*7 }}", "input": ""},
        "second": {"instruction": "Name a bird.", "input": "with {% x %}"},
    },
    "judge/followbench.jinja": {
        "kind": "constraint",
        "instructions": ["do {{ 7*7 }}", "with {% x %}"],
        "answer": "so",
        "mark": "abcd",
    },
    "judge/tags.jinja": ROW,
    "judge/rubric.jinja": ROW
    | {"measure": "clarity", "answer": "so", "rubric": [{"value": "1", "meaning": "{{ 7*7 }}"}]},
    "judge/method_keyword.jinja": {"method": "do {{ 7*7 }} with {% x %}"},
    "optimize/analyse.jinja": {
        "cases": [{"number": 1, "history": [], "stages": ["do {{ 7*7 }}", "with {% x %}"]}]
    },
    "optimize/improve.jinja": {"feedback": "do {{ 7*7 }}", "method": "with {% x %}"},
    "autoif/augment.jinja": {"examples": ["do {{ 7*7 }}", "with {% x %}"], "count": 3},
    "autoif/verifier.jinja": {"constraint": "do {{ 7*7 }} with {% x %}"},
    "autoif/backtranslate.jinja": {"code": "do {{ 7*7 }} with {% x %}"},
    "judge/quality.jinja": {"instruction": "do {{ 7*7 }}", "input": "with {% x %}", "answer": "so"},
    "respond/answer.jinja": {"instruction": "do {{ 7*7 }}", "input": "with {% x %}"},
    "respond/paper.jinja": {"instruction": "do {{ 7*7 }}", "input": "with {% x %}", "strategy": "auto"},
    "evaluate/gsm8k_chat.jinja": {"question": TEXT},
    "evaluate/gsm8k_completion.jinja": {"examples": [{"question": TEXT, "worked": "so"}], "question": "why"},
    "evaluate/math_chat.jinja": {"problem": TEXT},
    "evaluate/math_completion.jinja": {"examples": [{"problem": TEXT, "worked": "so"}], "problem": "why"},
    "evaluate/human_eval_chat.jinja": {"prompt": TEXT},
    "evaluate/mbpp_chat.jinja": {"text": TEXT, "tests": ["assert f()"], "function": "f"},
    "evaluate/mbpp_completion.jinja": {"examples": [], "text": TEXT, "tests": ["t"], "function": "f"},
    "judge/mt_bench.jinja": {"turns": [{"question": TEXT, "reference": "", "answer": "so"}], "mark": "0f"},
    "judge/pair.jinja": {"turns": [{"question": TEXT, "reference": "", "a": "1", "b": "2"}], "mark": "0f"},
    "judge/pair_criteria.jinja": {
        "turns": [{"question": TEXT, "reference": "", "a": "1", "b": "2"}],
        "mark": "0f",
    },
    "judge/alpaca_eval.jinja": {"instruction": TEXT, "first": "so", "second": "or so", "mark": "0f"},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A prompt folder of one's own, and a way to write a prompt into it."""
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    return lambda text: (tmp_path / "one.jinja").write_bytes(
        text if isinstance(text, bytes) else text.encode()
    )


def test_every_shipped_prompt_is_covered():
    shipped = {path.relative_to("prompts").as_posix() for path in Path("prompts").rglob("*.jinja")}
    # Chat templates are rendered by whoever has the model; tests/training/test_templates.py has them.
    assert shipped == set(VALUES) | {f"chat/{name}.jinja" for name in SHIPPED}


@pytest.mark.parametrize("name", VALUES)
def test_a_shipped_prompt_renders_with_its_documented_variables_and_keeps_them_literal(name):
    text = prompts.render_prompt(name, **VALUES[name])
    assert text
    if VALUES[name]:
        assert "do {{ 7*7 }}" in text
        assert "with {% x %}" in text
        assert "49" not in text
    assert all(variable in Path("prompts", name).read_text().split("#}")[0] for variable in VALUES[name])


@pytest.mark.parametrize(
    "name",
    [name for name in VALUES if "input" in VALUES[name] and not {"answer", "strategy"} & set(VALUES[name])],
)
def test_without_input_a_prompt_ends_with_the_instruction(name):
    assert prompts.render_prompt(name, **VALUES[name] | {"input": "", "instruction": "Do it."}).endswith(
        "Do it."
    )


@pytest.mark.parametrize("value", ["{{ 7*7 }}", "{% for x in y %}", "{# gone #}", "<b>&</b>", "é 你好"])
def test_a_value_stays_literal(folder, value):
    folder("Say: {{ text }}")
    assert prompts.render_prompt("one.jinja", text=value) == f"Say: {value}"


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("{{ other }}", ["one.jinja", "'other' is undefined", "given are: text"]),
        ("{{ text.other }}", ["one.jinja", "other"]),
        ("a\nb {% if %}\n", ["one.jinja:2: not a Jinja template"]),
        ("a\n\n{{ text ", ["one.jinja:3: not a Jinja template"]),
        ("{{ ''.__class__ }}", ["one.jinja: not allowed in a prompt", "__class__"]),
        ("{{ text.__init__.__globals__ }}", ["one.jinja: not allowed in a prompt"]),
        ("{% set x = [] %}{{ x.append(1) }}", ["one.jinja: not allowed in a prompt", "append"]),
        ("{% include 'none.jinja' %}", ["one.jinja", "none.jinja"]),
        (b"\xff", ["one.jinja: no such UTF-8 prompt"]),
    ],
)
def test_a_wrong_prompt_is_named_with_what_is_wrong(folder, text, fragments):
    folder(text)
    with pytest.raises(BadInput) as caught:
        prompts.render_prompt("one.jinja", text="")
    assert all(fragment in str(caught.value) for fragment in fragments)


@pytest.mark.parametrize(("text", "bound"), RUNAWAYS)
def test_a_prompt_without_an_end_is_stopped(folder, monkeypatch, text, bound):
    monkeypatch.setattr(prompts, "BOUNDS", Bounds(0.2, 64 << 20, 1 << 20))
    folder(text)
    with pytest.raises(BadInput, match=r"one\.jinja: (takes|makes) .*; simplify the prompt") as caught:
        prompts.render_prompt("one.jinja", text="")
    assert bound in str(caught.value)


def test_a_prompt_that_repeats_its_values_too_often_is_stopped(folder, monkeypatch):
    monkeypatch.setattr(prompts, "BOUNDS", prompts.BOUNDS._replace(characters=1 << 20))
    folder("{% for turn in history %}{{ text }}{% endfor %}")
    with pytest.raises(BadInput, match="makes 10,000,000,000 characters"):
        prompts.render_prompt("one.jinja", text="x" * 100_000, history=[1] * 100_000)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ 2 * 3 }} {{ text|replace('a', 'b') }}", "6 b"),
        ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice(text) }}", "aa"),
        (
            "{% include 'one.txt' %}{% for a in [1] %}{% for b in [2] %}{{ a + b }}{% endfor %}{% endfor %}",
            "13",
        ),
        ("{% set x = text %}{{ x|join('-') }}{{ row.history[0].role }}", "auser"),
    ],
)
def test_a_prompt_that_computes_is_rendered_all_the_same(folder, tmp_path, text, rendered):
    (tmp_path / "one.txt").write_text("1")
    folder(text)
    assert prompts.render_prompt("one.jinja", text="a", row=ROW) == rendered


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("{{ 1 // 0 * 2 }}", ["one.jinja: ZeroDivisionError"]),
        ("{{ text|unknown }}", ["one.jinja:1: not a Jinja template", "unknown"]),
        ("{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}", ["one.jinja: nested too deeply"]),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", ["one.jinja: RecursionError"]),
    ],
)
def test_a_prompt_that_fails_is_named(folder, text, fragments):
    folder(text)
    with pytest.raises(BadInput) as caught:
        prompts.render_prompt("one.jinja", text="")
    assert all(fragment in str(caught.value) for fragment in fragments)


def test_a_shipped_prompt_is_rendered_without_a_process_of_its_own():
    apart = [name for name in VALUES if not prompts._is_plain(prompts.FOLDER, name)]
    assert apart == ["evaluate/mbpp_completion.jinja"]


def test_a_missing_prompt_is_named(folder):
    with pytest.raises(BadInput, match=r"none\.jinja: no such"):
        prompts.render_prompt("none.jinja")
