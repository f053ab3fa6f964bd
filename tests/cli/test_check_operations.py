"""Operations that params name: declared, for their domain, by templates that have what they need."""

from __future__ import annotations

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.check.consistency import check_params
from evobuild.cli.check.operation_checks import check_operations
from evobuild.core import prompts
from evobuild.core.errors import BadInput, BadParams
from evobuild.evolution.params import Evolve

GOOD = "Harder: {{ instruction }}"


@pytest.fixture
def check(tmp_path):
    """Write templates into a folder of prompts, and check params that name the operation `own`."""

    def check(files: dict[str, str], domain: str = "default", **given: object) -> None:
        for name, text in files.items():
            path = tmp_path / f"evolve/{name}.jinja"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sets = {"default": ["plain"], domain: ["own"]} if domain != "default" else {"default": ["own"]}
        (tmp_path / "evolve/plain.jinja").write_text(GOOD)
        with prompts.use_folder(tmp_path):
            check_operations(Evolve(operations=sets, **given))

    return check


@pytest.mark.parametrize(
    "files",
    [
        {"own": GOOD},
        {"own": "{# needs_answer: true #}{{ instruction }} {{ answer }} {{ input }} {{ history }}"},
        {"own": "{# steps: [one, two] #}{{ two }}", "steps/one": GOOD, "steps/two": "{{ one }}"},
        {"own": "{% include 'evolve/part.jinja' %}", "part": GOOD},
        {"own": "{% for turn in history %}{{ turn.role }}{% endfor %}{{ instruction }}"},
    ],
)
def test_templates_with_all_that_they_need_are_taken(check, files):
    check(files)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"own": "Make it harder."}, "own.jinja: lacks {{ instruction }}, the instruction to evolve; put it"),
        ({"own": "{# needs_answer: true #}" + GOOD}, "own.jinja: lacks {{ answer }}, for which needs_answer"),
        ({"own": GOOD + "{{ answer }}"}, "own.jinja: uses {{ answer }}; add the trait needs_answer: true to"),
        ({"own": GOOD + "{{ instuction }}"}, "uses {{ instuction }}, which it is not given; given are: h"),
        ({"own": "{# steps: [one] #}" + GOOD}, "own.jinja: steps has one, but "),
        (
            {"own": "{# steps: [one] #}" + GOOD, "steps/one": GOOD},
            "lacks {{ one }}, the reply of that step; use it, or remove",
        ),
        (
            {"own": "{# steps: [one, two] #}{{ one }}", "steps/one": "{{ two }}", "steps/two": GOOD},
            "steps/one.jinja: uses {{ two }}, which it is not given",
        ),
        ({"own": "{# keeps_answer: true; new_task: true #}" + GOOD}, "keeps_answer and new_task are both"),
        (
            {"own": "{# domains: [math] #}" + GOOD},
            "evolve.operations.default: own are each for some domains alone; add",
        ),
    ],
)
def test_what_a_template_lacks_is_said_with_its_place_and_what_to_do(check, files, message):
    with pytest.raises(BadParams) as caught:
        check(files)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_operation_is_named_for_its_domains_alone(check):
    check({"own": "{# domains: [math] #}" + GOOD}, domain="math")
    with pytest.raises(
        BadParams, match=r"evolve\.operations\.chat: 'own' is for math; name it there, or add chat"
    ):
        check({}, domain="chat")


def test_several_children_need_samples_that_differ(check):
    check({"own": "{# children: 2 #}" + GOOD})
    with pytest.raises(BadParams, match=r"children is 2, but evolve\.temperature 0 makes them all the same"):
        check({}, temperature=0.0)


def test_a_round_that_waits_for_answers_has_a_pool_for_its_parent(declare):
    shipped = load_all_params(SHIPPED_PARAMS)
    declare("own", "{# needs_answer: true #}" + GOOD + "{{ answer }}")
    evolve = shipped.evolve.model_copy(update={"strategy": "evol", "operations": {"default": ["own"]}})
    check_params(shipped.model_copy(update={"evolve": evolve}))
    pools = {name: pool for name, pool in shipped.pools.items() if name != "r1"}
    with pytest.raises(BadParams) as caught:
        check_params(shipped.model_copy(update={"evolve": evolve, "pools": pools}))
    assert str(caught.value) == (
        "params.yaml: rounds.r2.parent is 'r1', whose rows get no answers, but the operation 'own' needs "
        "them; add r1 to pools, or take the operation out of evolve.operations"
    )


def test_a_template_that_is_none_is_named(check):
    with pytest.raises(BadInput, match=r"own\.jinja:1: not a Jinja template"):
        check({"own": "{{ instruction"})
