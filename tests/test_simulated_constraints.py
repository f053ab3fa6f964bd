"""The simulated engine's constraints: its bank is right about itself, and fails at its stated rates.

Functions of the bank are ours and still run in the sandbox, all of them in one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from hashlib import sha256
from pathlib import Path

import jinja2
import pytest

from evobuild import sandbox
from evobuild.models.request import Message, Purpose, Request, Sampling
from evobuild.models.simulated import answer, augmenter, backtranslator, programs, verifier
from evobuild.models.simulated.constants import TRAITS
from evobuild.models.simulated.constraints import FAMILIES, Constraint, find, find_code, generic
from evobuild.models.simulated.constraints.family import HEAD
from evobuild.models.simulated.dice import Dice
from evobuild.models.simulated.phrases import ADDITIONS
from evobuild.sandbox import choice

ROOT = Path(__file__).parents[1]
SHIPPED = (ROOT / "data/raw/constraints.txt").read_text().splitlines()
NAMES = [family.name for family in FAMILIES]
ALL = (*FAMILIES, *generic.FAMILIES)
LIMITS = sandbox.Limits(seconds=20.0, memory=256, output=2**20, modules=None, allow_weaker_isolation=False)
ANSWERS = (
    "The key to rivers is care, and a map.\n\n**Name 3.** Look at them first; then go on.\n\n"
    '```python\nif x:\n    return "a, b"\n```\n\n| Point | Weight |\n|---|---|\n| a | 3 |\n\n- One\n'
    "1. Two\n\nIn short, treat the rivers with care! 1,200 e.g. — #### 42",
    "Po.",
    "首先要明确目标和条件。\n\n其次应当逐步处理。",
    "Sure! Which conditions do you have in mind?",
)
CLEAR, MUDDLED = "Get by without any comma.", "Use at most 70 words."
QUERY = "Name {} rivers of Europe."
SEVERAL = 1500
SCORE = re.compile(r"\nScore: (\d+)\Z")
isolated = pytest.mark.skipif(not choice.usable(), reason="this machine offers no isolation")


@cache
def environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "prompts"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def ask(purpose: Purpose, prompt: str, count: int = 1, model: str = "small") -> list[str]:
    request = Request("key", purpose, (Message("user", prompt),), Sampling(0.7, n=count))
    return [reply.text for reply in answer(model, request).choices]


def render(name: str, **values: object) -> str:
    return environment().get_template(name).render(values)


def verifiers(constraint: str, model: str = "small") -> list[str]:
    return ask("verifier", render("autoif/verifier.jinja", constraint=constraint), SEVERAL, model)


def read(reply: str) -> dict[str, object] | None:
    """Read a verifier as a lenient parser does, None if there is no JSON."""
    found = re.search(r"\{.*\}", reply, re.DOTALL)
    try:
        return json.loads(found[0], strict=False) if found else None
    except ValueError:
        return None


def share(found: int) -> float:
    return found / SEVERAL


def instances(family) -> list[Constraint]:
    numbers = (family.numbers[0], family.numbers[-1]) if family.numbers else (4,)
    words = (family.words[0], family.words[-1]) if family.words else ("river",)
    return [Constraint(family, number, word) for number in numbers for word in words]


def cases(constraint: Constraint) -> list[tuple[str, bool]]:
    keeping, breaking = constraint.edges()
    return [*((text, True) for text in keeping), *((text, False) for text in breaking)]


@cache
def verdicts() -> dict[tuple[Constraint, str], dict[str, object]]:
    """What each function of the bank says of its cases and of the answers made to keep it."""
    functions = [
        (each, body) for family in ALL for each in instances(family) for body in family.right + family.wrong
    ]
    asked, codes = [], []
    for place, (constraint, body) in enumerate(functions):
        codes.append(constraint.function(body).replace("def evaluate", f"def evaluate_{place}"))
        texts = [text for text, _ in cases(constraint)] + [constraint.keep(text) for text in ANSWERS]
        asked += [(place, text) for text in texts]
    codes.append('def judge(place, text):\n    return globals()[f"evaluate_{place}"](text)')
    (outcome,) = sandbox.run([sandbox.Job("bank", "\n\n".join(codes), "judge", tuple(asked))], LIMITS)
    assert outcome.error is None
    found: dict[tuple[Constraint, str], dict[str, object]] = {each: {} for each in functions}
    for (place, text), given in zip(asked, outcome.answers, strict=True):
        found[functions[place]][text] = given.error or given.value
    return found


@isolated
@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_a_right_function_judges_every_case_right(family) -> None:
    for constraint in instances(family):
        for body in family.right:
            said = verdicts()[constraint, body]
            assert [(text, said[text]) for text, _ in cases(constraint)] == cases(constraint), body


@isolated
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_answer_made_to_keep_a_constraint_keeps_it(family) -> None:
    for constraint in instances(family):
        for body in family.right:
            said = verdicts()[constraint, body]
            assert [text for each in ANSWERS if said[text := constraint.keep(each)] is not True] == [], body


@isolated
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_wrong_function_is_wrong_about_some_cases_and_right_about_others(family) -> None:
    for constraint in instances(family):
        for body in family.wrong:
            said = verdicts()[constraint, body]
            right = [said[text] is expected for text, expected in cases(constraint)]
            assert True in right and False in right, body


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_wording_and_every_function_is_recognised(family) -> None:
    number, word = family.numbers[0] if family.numbers else 0, family.words[0] if family.words else ""
    constraint = Constraint(family, number, word)
    for template in family.wordings:
        text = constraint.wording(template)
        assert find(text) == constraint
        assert find(f"Please {text[0].lower()}{text[1:].rstrip('.')}") == constraint
        assert find(f"{text.rstrip('.')} in your answer. Thank you.") == constraint
    assert find(constraint.wording(family.opposite)) != constraint
    for body in family.right:
        assert find_code(constraint.function(body, "any remark")) == (constraint, True)
    assert all(find_code(constraint.function(body)) for body in family.wrong)


def test_shipped_constraints_are_36_of_as_many_families() -> None:
    found = [find(line) for line in SHIPPED]
    assert len(found) == len({each.family.name for each in found if each}) == 36


def test_ordinary_texts_are_no_constraints() -> None:
    phrases = [text for domains in ADDITIONS.values() for texts in domains.values() for text in texts]
    sample = [json.loads(line) for line in (ROOT / "data/raw/sample.jsonl").read_text().splitlines()]
    texts = [text.format(w="river", k=5) for text in phrases]
    texts += [part for row in sample for part in json.dumps(row, ensure_ascii=False).split("\\n")]
    assert [text for text in texts if find(text)] == []
    assert find("") is None


def test_ordinary_replies_are_what_they_were_before_there_were_constraints() -> None:
    texts = [
        QUERY.format(3),
        "Write a Python function.\n\nIt adds two numbers.",
        "解释一下。\n\n为什么？",
        CLEAR,
    ]
    replies = [reply for model in TRAITS for text in texts for reply in ask("respond", text, 3, model)]
    assert sha256("\0".join(replies).encode()).hexdigest()[:16] == "7c763ad3def52446"


@pytest.mark.parametrize("model", TRAITS)
def test_answers_keep_a_constraint_at_the_rate_of_the_model(model: str) -> None:
    prompt = render(
        "autoif/compose.jinja", query=QUERY.format(3), constraint="Close with a line that begins with P.S."
    )
    replies = ask("respond", prompt, SEVERAL, model)
    kept = sum(reply.splitlines()[-1].startswith("P.S.") for reply in replies)
    assert share(kept) == pytest.approx(TRAITS[model].keeps, abs=0.04)


def test_a_constraint_that_the_bank_does_not_know_gets_an_answer_and_verifiers() -> None:
    assert "palindromes" in ask("respond", f"{QUERY.format(3)}\n\nUse only palindromes.")[0]
    replies = [read(reply) for reply in verifiers("Use only palindromes.")]
    assert sum('"palindromes"' in str(reply) for reply in replies) > 0.3 * SEVERAL


@pytest.mark.parametrize("constraint", [CLEAR, MUDDLED])
def test_functions_fail_at_their_rates(constraint: str) -> None:
    is_muddled = verifier.is_muddling(TRAITS["small"], constraint)
    assert is_muddled == (constraint == MUDDLED)
    rates = verifier.MUDDLED if is_muddled else verifier.FUNCTIONS
    kinds = Counter(kind_of(str(reply["func"])) for text in verifiers(constraint) if (reply := read(text)))
    total = sum(kinds.values())
    for kind, rate in rates.items():
        assert kinds[kind] / total == pytest.approx(rate, abs=0.03), kind
        assert kinds[kind] > 0, kind
    assert kinds["right"] / total == pytest.approx(1 - sum(rates.values()), abs=0.04)


def kind_of(code: str) -> str:
    """Name the kind of a function as a reader of its text can."""
    code = code if "\n" in code else code.replace("\\n", "\n")
    if known := find_code(code):
        return "right" if known[1] else "wrong"
    if HEAD.replace(")", ", limit)") in code:
        return "arguments"
    pools = (("raising", programs.RAISING), ("unsuitable", programs.UNSUITABLE))
    pools += (("hanging", programs.HANGING), ("hostile", programs.HOSTILE))
    body = "\n".join(line[4:] for line in code.partition(HEAD)[2].split("\n"))
    found = next((name for name, pool in pools if body in pool), None)
    if found:
        return found
    if re.match(r"import (?:nltk|numpy|spacy|textstat)", code):
        return "foreign"
    return "misnamed" if re.search(r"^def (?!evaluate\()", code, re.MULTILINE) else "syntax"


def test_replies_with_a_verifier_fail_at_their_rates() -> None:
    replies = verifiers(CLEAR)
    found = [read(reply) for reply in replies]
    unread = sum(verifier.FAILURES[kind] for kind in ("empty", "talk", "cut")) + verifier.FORMS["python"]
    assert share(found.count(None)) == pytest.approx(unread, abs=0.02)
    assert share(sum(reply.startswith("```") for reply in replies)) == pytest.approx(0.35, abs=0.04)
    cases = [case for each in found if each for case in each.get("cases", [])]
    texts = [case["output"] for case in cases if isinstance(case["output"], str)]
    assert set(texts) == {"True", "False", "true", "false"}
    assert len(texts) / len(cases) == pytest.approx(sum(verifier.BOOLEANS.values()), abs=0.03)
    wrong = sum((str(case["output"]).lower() == "true") != ("," not in case["input"]) for case in cases)
    expected = verifier.WRONG_CASES[False] + verifier.CONTRADICTIONS / 3
    assert wrong / len(cases) == pytest.approx(expected, abs=0.02)


def test_augmentation_gives_as_many_lines_as_asked_for_and_repeats_itself_at_its_rates() -> None:
    lines: Counter[str] = Counter()
    hyphened = 0
    for first in range(200):
        shown = SHIPPED[first % 30 : first % 30 + 6]
        reply = ask("augment", render("autoif/augment.jinja", examples=shown, count=8))[0]
        found = re.findall(r"^- (.+)$", reply, re.MULTILINE)
        hyphened += len(found) == 8
        lines.update("shown" if line in shown else "known" if find(line) else "other" for line in found)
    assert 0.75 < hyphened / 200 < 0.95
    total = sum(lines.values())
    assert lines["shown"] / total == pytest.approx(augmenter.LINES["repeated"], abs=0.04)
    assert lines["other"] / total == pytest.approx(
        augmenter.LINES["subjective"] + augmenter.LINES["odd"], abs=0.03
    )


def test_a_function_is_said_in_words_and_sometimes_as_its_opposite() -> None:
    constraint = find(CLEAR)
    assert constraint
    code = constraint.function(constraint.family.right[0])
    replies = ask("backtranslate", render("autoif/backtranslate.jinja", code=code), SEVERAL)
    said = Counter(
        "opposite" if constraint.family.opposite in reply else find(reply.rpartition(": ")[2]) == constraint
        for reply in replies
    )
    assert share(said[True]) > 0.9
    assert share(said["opposite"]) == pytest.approx(backtranslator.CONTRADICTIONS[0], abs=0.02)


def test_an_unknown_function_is_said_in_words_too() -> None:
    code = 'def evaluate(response):\n    return "otter" in response or 5'
    replies = ask("backtranslate", render("autoif/backtranslate.jinja", code=code), 50)
    assert sum("otter" in reply for reply in replies) > 40


def test_a_good_answer_gets_a_good_score_and_an_empty_one_does_not() -> None:
    prompt = render("autoif/compose.jinja", query=QUERY.format(3), constraint=CLEAR)

    def scores(text: str) -> list[int]:
        judged = render("judge/quality.jinja", instruction=prompt, input="", answer=text)
        return [int(found[1]) for reply in ask("quality", judged, SEVERAL) if (found := SCORE.search(reply))]

    good, poor = (
        scores("The longest of Europe are Volga and Danube and Ural."),
        scores("Please provide the list first?"),
    )
    assert 0.95 < share(len(good)) < 1
    assert sum(score >= 8 for score in good) / len(good) == pytest.approx(0.83, abs=0.04)
    assert set(good) | set(poor) <= set(range(11))
    assert max(poor) <= 4


def test_whatever_fails_it_is_the_same_each_time() -> None:
    sound = "def evaluate(response):\n    return True"
    for kind in verifier.FUNCTIONS:
        if kind != "wrong":
            assert programs.program(kind, sound, Dice(7)) == programs.program(kind, sound, Dice(7)) != sound
