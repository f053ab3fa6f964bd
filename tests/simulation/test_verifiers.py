"""The simulated engine's replies about constraints: they fail at their stated rates, plain ones stay."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from hashlib import sha256
from pathlib import Path

import jinja2
import pytest

from evobuild.core.chat import Message, Purpose, Request, Sampling
from evobuild.simulation import answer, augmenter, backtranslator, programs, quality, verifier
from evobuild.simulation.constants import TRAITS
from evobuild.simulation.constraints import find, find_code
from evobuild.simulation.constraints.family import HEAD
from evobuild.simulation.dice import Dice

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "data/raw/constraints.txt").read_text().splitlines()
CLEAR, MUDDLED = "Get by without any comma.", "Use at most 70 words."
POSTSCRIPT = "Close with a line that begins with P.S."
QUERY = "Name {} rivers of Europe."
SEVERAL = 1500
SCORE = re.compile(r"\nScore: (\d+)\Z")


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


def test_ordinary_replies_are_what_they_were_before_there_were_constraints() -> None:
    texts = [
        QUERY.format(3),
        "Write a Python function.\n\nIt adds two numbers.",
        "解释一下。\n\n为什么？",
        CLEAR,
    ]
    replies = [reply for model in TRAITS for text in texts for reply in ask("respond", text, 3, model)]
    assert sha256("\0".join(replies).encode()).hexdigest()[:16] == "7c763ad3def52446"


@pytest.mark.parametrize("given", ["", "- Ebro\n- Po"])
@pytest.mark.parametrize("model", TRAITS)
def test_answers_keep_a_constraint_at_the_rate_of_the_model(model: str, given: str) -> None:
    asked = render("autoif/compose.jinja", query=QUERY.format(3), constraint=POSTSCRIPT)
    prompt = render("respond/answer.jinja", instruction=asked, input=given)
    replies = ask("respond", prompt, SEVERAL, model)
    kept = sum(reply.splitlines()[-1].startswith("P.S.") for reply in replies)
    assert share(kept) == pytest.approx(TRAITS[model].keeps, abs=0.04)
    assert not any("Close with" in reply for reply in replies)


def test_a_constraint_that_the_bank_does_not_know_gets_an_answer_and_verifiers() -> None:
    assert "palindromes" in ask("respond", f"{QUERY.format(3)}\n\nUse only palindromes.")[0]
    replies = [read(reply) for reply in verifiers("Use only palindromes.")]
    assert sum('"palindromes"' in str(reply) for reply in replies) > 0.2 * SEVERAL


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
    found = [each for reply in replies if (each := read(reply))]
    unread = sum(verifier.FAILURES[kind] for kind in ("empty", "talk", "cut")) + verifier.FORMS["python"]
    shares = {
        unread: len(replies) - len(found),
        verifier.FAILURES["caseless"]: sum("cases" not in each for each in found),
        verifier.FORMS["fenced"]: sum(reply.startswith("```") for reply in replies),
        verifier.FORMS["raw"]: sum('"def evaluate(response):\n' in reply for reply in replies),
        verifier.FORMS["escaped"]: sum("\n" not in str(each["func"]) for each in found),
    }
    for rate, number in shares.items():
        assert share(number) == pytest.approx(rate, abs=0.03) and number > 0
    assert shares[verifier.FAILURES["caseless"]] < 0.02 * SEVERAL


def test_cases_of_a_verifier_are_wrong_at_their_rates() -> None:
    found = [each["cases"] for reply in verifiers(CLEAR) if (each := read(reply)) and "cases" in each]
    cases = [case for each in found for case in each]
    texts = [case["output"] for case in cases if isinstance(case["output"], str)]
    assert set(texts) == {"True", "False", "true", "false"}
    assert len(texts) / len(cases) == pytest.approx(sum(verifier.BOOLEANS.values()), abs=0.03)
    wrong = sum((str(case["output"]).lower() == "true") != ("," not in case["input"]) for case in cases)
    expected = verifier.WRONG_CASES[False] + verifier.CONTRADICTIONS / 3
    assert wrong / len(cases) == pytest.approx(expected, abs=0.02)
    contrary = sum(first["input"] == last["input"] for first, _, last in found)
    assert contrary / len(found) == pytest.approx(verifier.CONTRADICTIONS, abs=0.015)


def inventions() -> list[tuple[list[str], str]]:
    """Constraints shown, and what was invented from them, eight each."""
    shown = [SHIPPED[first : first + 6] for first in range(30)]
    prompts = [render("autoif/augment.jinja", examples=each, count=8) for each in shown]
    return [
        (each, reply) for each, text in zip(shown, prompts, strict=True) for reply in ask("augment", text, 30)
    ]


def test_invented_lines_repeat_what_is_there_and_ask_for_what_no_function_can_tell() -> None:
    kinds: Counter[str] = Counter()
    for shown, reply in inventions():
        for line in re.findall(r"^- (.+)$", reply, re.MULTILINE):
            kinds["shown" if line in shown else "known" if find(line) else "other"] += 1
    rates, total = augmenter.LINES, sum(kinds.values())
    assert kinds["shown"] / total == pytest.approx(rates["repeated"], abs=0.02)
    assert kinds["other"] / total == pytest.approx(rates["subjective"] + rates["odd"], abs=0.02)


def test_inventions_come_in_a_list_mostly_and_with_talk_around_it_at_times() -> None:
    replies = [reply for _, reply in inventions()]
    hyphened = sum(len(re.findall("^- ", reply, re.MULTILINE)) == 8 for reply in replies)
    led = sum(len(reply.split("\n\n- ")[0]) < 60 for reply in replies)
    cut = sum(bool(re.search(r"\n- [^\n]{6,17}\Z(?<![.'])", reply)) for reply in replies)
    others = sum(augmenter.FORMS.values()), augmenter.FAILURES["empty"] + augmenter.FAILURES["refused"]
    assert hyphened / len(replies) == pytest.approx(1 - sum(others), abs=0.02)
    assert led / len(replies) == pytest.approx(augmenter.LEADS * (1 - others[0]), abs=0.03)
    assert cut / len(replies) == pytest.approx(augmenter.FAILURES["cut"], abs=0.015)


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
    strayed = scores("All of them are long: Volga and Danube and Ural.")
    assert sum(good) / len(good) - sum(strayed) / len(strayed) == pytest.approx(quality.STRAYED, abs=0.15)
    assert set(good) | set(poor) <= set(range(11))
    assert max(poor) <= 4


def test_whatever_fails_it_is_the_same_each_time() -> None:
    sound = "def evaluate(response):\n    return True"
    for kind in verifier.FUNCTIONS:
        if kind != "wrong":
            assert programs.program(kind, sound, Dice(7)) == programs.program(kind, sound, Dice(7)) != sound
