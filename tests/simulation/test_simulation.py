"""The simulated engine: pure, failing at its stated rates, and sensitive to the method it is given."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import jinja2
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evobuild.core.chat import Choice, Message, Purpose, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.evolution.equality import read_equality_verdict
from evobuild.evolution.keywords import listed_methods
from evobuild.simulation import answer
from evobuild.simulation.constants import CLAUSE_FACTORS, KINDS, METHOD_WORDS, TRAITS
from evobuild.simulation.method import FINAL_LABEL, clauses_of, failure_rates, read_method
from evobuild.simulation.phrases import WAYS
from evobuild.simulation.repairs import CLAUSES, PADDING
from evobuild.simulation.responder import asks_for_more, asks_for_nothing
from evobuild.simulation.subject import language_of

PROMPTS = Path(__file__).parents[2] / "prompts"
OPERATIONS = ("constraints", "deepening", "concretizing", "reasoning", "complicate_input", "breadth")
SEED = "Give three tips for staying healthy."
GOOD_CLAUSES = ("keep", "self_contained", "no_answer", "concrete")
STAGNANT = re.compile(r"(?:understood|thank you|what|that is correct|great)\b")
FOREIGN = {
    "zh": "请解释为什么天空是蓝色的。",
    "ja": "空が青い理由を説明してください。",
    "ko": "하늘이 파란 이유를 설명해 주세요.",
    "ru": "Объясни, почему небо голубое.",
    "el": "Εξήγησε γιατί ο ουρανός είναι γαλάζιος.",
    "ar": "اشرح لماذا السماء زرقاء.",
    "he": "הסבר מדוע השמיים כחולים.",
    "hi": "समझाइए कि आकाश नीला क्यों है।",
    "th": "อธิบายว่าทำไมท้องฟ้าจึงเป็นสีฟ้า",
}


@cache
def environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(PROMPTS),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, **values: object) -> str:
    return environment().get_template(name).render(values)


def given(name: str, instruction: str, context: str = "") -> str:
    return render(name, history=[], instruction=instruction, input=context)


def ask(
    prompt: str, purpose: Purpose = "evolve", model: str = "small", sampling: Sampling | None = None
) -> Choice:
    request = Request("key", purpose, (Message("user", prompt),), sampling or Sampling())
    return answer(model, request).choices[0]


def method(name: str = "e0", *clauses: str) -> str:
    text = render(f"evolve/{name}.jinja")
    return "\n".join((*(CLAUSES[clause][0] for clause in clauses), text))


def failure(text: str, instruction: str, model: str = "small") -> str | None:
    """Name how one evolution by a method fails, as a user of the engine would see it."""
    choice = ask(text.replace("{instruction}", instruction), model=model)
    labels = list(FINAL_LABEL.finditer(choice.text))
    if choice.finish == "length":
        return "truncated"
    if not labels:
        return "unparsable"
    child = choice.text[labels[-1].end() :].lstrip(": \n")
    if not child:
        return "empty"
    if child == instruction:
        return "unchanged"
    if re.search(r"#[A-Z][A-Za-z ]+#", child):
        return "echoed"
    if language_of(child) != language_of(instruction):
        return "translated"
    if len(child.split()) > len(instruction.split()) + 200:
        return "swollen"
    response = ask(child, "respond", model).text.casefold()
    if "please provide" in response:
        return "lost"
    if response.endswith("?") and STAGNANT.match(response):
        return "stagnant"
    if response.endswith("?") and response.startswith("sure"):
        return "unqualified"
    return None if set(re.findall(r"\d+", instruction)) <= set(re.findall(r"\d+", child)) else "dropped"


def failures(text: str, rows: int = 1500, model: str = "small") -> Counter[str | None]:
    return Counter(failure(text, f"Give {row} tips for staying healthy.", model) for row in range(rows))


def failure_rate(text: str, rows: int = 1500, model: str = "small") -> float:
    return 1 - failures(text, rows, model)[None] / rows


@pytest.mark.parametrize("model", TRAITS)
def test_same_request_gives_the_same_reply(model: str) -> None:
    request = Request("key", "evolve", (Message("user", method()),), Sampling(0.7, seed=3, n=2))
    assert answer(model, request) == answer(model, request)


def test_seed_matters_only_above_temperature_zero() -> None:
    prompt = given("evolve/constraints.jinja", SEED)
    greedy = {ask(prompt, sampling=Sampling(seed=seed)).text for seed in range(9)}
    drawn = {ask(prompt, sampling=Sampling(0.7, seed=seed)).text for seed in range(9)}
    assert len(greedy) == 1
    assert len(drawn) > 4


def test_n_choices_differ_and_do_not_depend_on_n() -> None:
    messages = (Message("user", given("evolve/constraints.jinja", SEED)),)
    few = answer("small", Request("key", "evolve", messages, Sampling(0.7, n=3))).choices
    many = answer("small", Request("key", "evolve", messages, Sampling(0.7, n=6))).choices
    assert len(few) == 3
    assert many[:3] == few
    assert len({choice.text for choice in many}) > 3


def test_max_tokens_cuts_with_finish_length() -> None:
    whole = ask(SEED, "respond")
    cut = ask(SEED, "respond", sampling=Sampling(max_tokens=5))
    assert (whole.finish, cut.finish, cut.tokens) == ("stop", "length", 5)
    assert whole.text.startswith(cut.text)


def test_max_tokens_never_breaks_a_character() -> None:
    for limit in range(1, 20):
        choice = ask(FOREIGN["zh"], "respond", sampling=Sampling(max_tokens=limit))
        assert choice.tokens <= limit
        assert "\ufffd" not in choice.text


def test_stop_ends_the_text_before_it() -> None:
    assert "Step 2" in ask(method().replace("{instruction}", SEED)).text
    choice = ask(method().replace("{instruction}", SEED), sampling=Sampling(stop=("Step 2",)))
    assert "Step 2" not in choice.text
    assert choice.finish == "stop"


def test_logprobs_are_given_per_token_when_asked_for() -> None:
    choice = ask(SEED, "respond", sampling=Sampling(logprobs=3))
    assert choice.logprobs is not None
    assert len(choice.logprobs) == choice.tokens
    assert all(len(position) == 4 and max(position) <= 0 for position in choice.logprobs)
    assert ask(SEED, "respond").logprobs is None


def test_unknown_model_name_says_which_exist() -> None:
    with pytest.raises(UserError, match="'medium' does not exist; expected small or large"):
        ask(SEED, model="medium")


@pytest.mark.parametrize("model", TRAITS)
def test_each_kind_of_failure_occurs_at_about_its_rate(model: str) -> None:
    rows = 3000
    stated = failure_rates(model, clauses_of(method("weak")), 20)
    # An answer in place of an instruction gets a response of the stagnant kind.
    stated["stagnant"] += stated.pop("answered")
    found = failures(method("weak"), rows, model)
    for kind in stated:
        assert abs(found[kind] / rows - stated[kind]) < 0.025, kind
        assert found[kind] > 0, kind


def test_failure_rates_of_weak_initial_and_good_methods_are_apart() -> None:
    weak, initial, good = (
        failure_rate(text) for text in (method("weak"), method("e0"), method("e0", *GOOD_CLAUSES))
    )
    assert 0.25 <= initial <= 0.35
    assert weak > initial + 0.1
    assert good < 0.5 * initial


def test_large_fails_less_than_small() -> None:
    assert 0.10 <= failure_rate(method(), model="large") <= 0.20


@pytest.mark.parametrize("clause", CLAUSE_FACTORS)
def test_every_wording_of_a_clause_is_recognised_and_lowers_the_failure_rate(clause: str) -> None:
    weak = method("weak")
    before = sum(failure_rates("small", clauses_of(weak), 20).values())
    for sentence in CLAUSES[clause]:
        assert clause in clauses_of(sentence)
        assert sum(failure_rates("small", clauses_of(f"{weak}\n{sentence}"), 20).values()) < before


def test_measured_failure_rate_falls_with_the_clauses() -> None:
    rates = [failure_rate(method("e0", *GOOD_CLAUSES[:count]), 1000) for count in (0, 2, 4)]
    assert rates[2] < rates[1] < rates[0]


def test_an_over_long_method_is_worse() -> None:
    good = method("e0", *GOOD_CLAUSES)
    long = "\n".join([*PADDING * 6, good])
    assert len(long.split()) > 1.5 * METHOD_WORDS
    assert failure_rate(long, 500) > failure_rate(good, 500) + 0.1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_prompt_of_an_operation_is_recognised(operation: str) -> None:
    prompt = given(f"evolve/{operation}.jinja", SEED)
    assert read_method(prompt.rpartition("#Instruction#:\n")[0]).operation == operation


@pytest.mark.parametrize("operation", OPERATIONS[:4])
def test_an_evolved_instruction_keeps_its_parent_and_grows_each_round(operation: str) -> None:
    grown = 0
    for row in range(100):
        text = f"Name {row} rivers of Europe."
        for _ in range(3):
            child = ask(given(f"evolve/{operation}.jinja", text)).text
            if not child.startswith(text) or child == text:
                break
            text = child
        else:
            sentences = re.split(r"(?<=[.?!]) ", text)
            grown += len(set(sentences)) == len(sentences) >= 4
    assert grown > 45


def test_breadth_is_new_self_contained_and_varied() -> None:
    children = [
        ask(given("evolve/breadth.jinja", f"Name {row} rivers of Europe.")).text for row in range(500)
    ]
    new = [child for child in children if "rivers" not in child and child]
    assert len(new) > 400
    assert len(set(new)) > 0.9 * len(new)
    assert sum(asks_for_more(child) for child in new) < 50


@pytest.mark.parametrize(("language", "parent"), FOREIGN.items())
@pytest.mark.parametrize("operation", OPERATIONS)
def test_script_of_the_parent_is_kept(language: str, parent: str, operation: str) -> None:
    marker = re.compile(r"#[A-Za-z ]+#:?")
    strays = 0
    for seed in range(20):
        sampling = Sampling(0.7, seed=seed)
        child = marker.sub("", ask(given(f"evolve/{operation}.jinja", parent), sampling=sampling).text)
        is_kept = not child.strip() or language_of(child) == language
        strays += not is_kept or bool(re.search(r"[A-Za-z]{2}", child))
    # Some replies are translated: that is one of the failures.
    assert strays <= 1


@pytest.mark.parametrize(("language", "parent"), FOREIGN.items())
def test_response_is_in_the_language_of_the_instruction(language: str, parent: str) -> None:
    assert language_of(ask(parent, "respond").text) == language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "What does the Chinese word 你好 mean, and how is it said?"),
        ("es", "Explica por qué el cielo es azul en un párrafo."),
        ("fr", "Explique pourquoi le ciel est bleu dans une phrase."),
        ("de", "Erkläre, warum der Himmel blau ist und nicht grün."),
        ("pt", "Explique por que o céu é azul em uma frase."),
        ("en", "Sort it."),
    ],
)
def test_language_is_guessed(language: str, text: str) -> None:
    assert language_of(text) == language


def test_a_method_gets_every_step_it_asks_for() -> None:
    text = method().replace("Step 4", "Step 5").replace("Step 5 #", "Step 4 #Check#:\n\nStep 5 #")
    reply = next(
        choice.text
        for row in range(50)
        if (choice := ask(text.replace("{instruction}", f"Name {row} rivers."))).text.startswith(
            "Step 1 #Methods"
        )
    )
    assert re.findall(r"^Step (\d) (#[^#]+#):", reply, re.MULTILINE) == [
        ("1", "#Methods List#"),
        ("2", "#Plan#"),
        ("3", "#Rewritten Instruction#"),
        ("4", "#Check#"),
        ("5", "#Finally Rewritten Instruction#"),
    ]


@pytest.mark.parametrize("model", TRAITS)
def test_some_of_the_methods_listed_are_about_the_subject(model: str) -> None:
    prompts = [method().replace("{instruction}", f"Name {row} rivers of Europe.") for row in range(500)]
    lists = [listed_methods(ask(prompt, model=model).text) for prompt in prompts]
    found = [each for each in lists if each]
    assert {len(each) for each in found} == {4}
    own = sum(way not in WAYS for each in found for way in each)
    assert own / (4 * len(found)) == pytest.approx(TRAITS[model].invents, abs=0.03)


def test_a_prompt_without_labels_still_works() -> None:
    prompt = "Make this a bit harder, reply with only the new text: Name 3 rivers of Europe."
    assert "Name 3 rivers of Europe." in ask(prompt).text


@pytest.mark.parametrize(
    "sound",
    [
        "Name {} rivers of Europe.",
        "Write a Python function that adds {} numbers.",
        "How many are {} and 7 in total?",
    ],
)
def test_a_sound_instruction_is_rarely_asked_back(sound: str) -> None:
    replies = [ask(sound.format(row), "respond").text for row in range(500)]
    assert sum(reply.endswith("?") or "please provide" in reply.lower() for reply in replies) < 15
    assert len(set(replies)) > 250


def test_a_math_answer_ends_with_its_result() -> None:
    replies = [ask(f"How many are {row} and 7 in total?", "respond").text for row in range(50)]
    assert sum(bool(re.search(r"\n#### \d+$", reply)) for reply in replies) > 45


def test_a_longer_instruction_gets_a_longer_answer() -> None:
    short = ask(SEED, "respond").text
    assert len(ask(f"{SEED} Compare two of them. Name one exception. Add a table.", "respond").text) > len(
        short
    )


def test_ratings_rise_with_added_requirements() -> None:
    text, means = SEED, []
    for extra in (
        "",
        " Compare two of them step by step.",
        " You must name at least one exception and its cause.",
    ):
        text += extra
        scores = [score(text, seed) for seed in range(60)]
        means.append(sum(scores) / len(scores))
    assert 15 < means[0] < 40
    assert means[0] + 8 < means[1] < means[2] - 8


def test_a_known_small_share_of_ratings_cannot_be_read() -> None:
    prompt = given("judge/difficulty_level.jinja", SEED)
    replies = [ask(prompt, "rate_level", sampling=Sampling(0.5, seed=seed)).text for seed in range(1000)]
    line = re.compile(r"\nDifficulty: (?:very easy|easy|medium|hard|very hard)$")
    assert 5 <= sum(not line.search(reply) for reply in replies) <= 40


def test_feedback_names_the_failed_cases() -> None:
    cases = [
        {"number": 1, "history": [], "stages": [SEED, f"{SEED} Compare two of them."]},
        {"number": 2, "history": [], "stages": [SEED, SEED]},
        {"number": 3, "history": [], "stages": [SEED, f"{SEED} Use the attached table."]},
    ]
    prompt = render("optimize/analyse.jinja", cases=cases)
    replies = [ask(prompt, "analyse", "large", Sampling(0.6, seed=seed)).text for seed in range(20)]
    assert not any(re.search(r"ase 1\b", reply) for reply in replies)
    assert all(any(re.search(rf"ase {number}\b", reply) for reply in replies) for number in (2, 3))
    assert len(set(replies)) > 5


def test_improvement_answers_the_feedback() -> None:
    feedback = "Case 3: the evolved text drops given facts. Case 4: it is vague."
    prompt = render("optimize/improve.jinja", feedback=feedback, method=method())
    replies = [ask(prompt, "improve", "large", Sampling(0.6, seed=seed)).text for seed in range(40)]
    fenced = [
        found[1]
        for reply in replies
        if (found := re.fullmatch(r"```Optimized Method\n(.*)\n```", reply, re.S))
    ]
    assert len(fenced) > 30
    assert sum("{instruction}" in text for text in fenced) > 25
    assert sum(bool({"keep", "concrete"} & clauses_of(text)) for text in fenced) > 20
    assert any(len(read_method(text).steps) > 3 for text in fenced)


def test_every_failure_of_an_evolution_that_a_method_can_mend_has_a_clause_against_it() -> None:
    weak, good = (failure_rates("small", clauses, 20) for clauses in (frozenset(), frozenset(CLAUSE_FACTORS)))
    assert [kind for kind in KINDS if good[kind] > 0.5 * weak[kind]] == ["truncated"]


@pytest.mark.parametrize("context", ["", "1, 2, 3"])
def test_data_is_added_to_the_input_and_what_was_there_stays(context: str) -> None:
    prompt = given("evolve/complicate_input.jinja", SEED, context)
    replies = [ask(prompt, sampling=Sampling(0.7, seed=seed)).text for seed in range(100)]
    inputs = [found for reply in replies if (found := reply.partition("\n\n#Input#:\n")[2])]
    assert len(inputs) > 60
    assert all(text.startswith(context) and len(text) > len(context) + 20 for text in inputs)
    assert len(set(inputs)) > 50
    assert all(any(sign in text for text in inputs) for sign in ("|---|", ";", "{", "count="))


def test_a_follow_up_evolves_as_itself() -> None:
    turns = [{"role": "user", "content": "Name 3 rivers."}, {"role": "assistant", "content": "Ebro, Po."}]
    prompt = render("evolve/deepening.jinja", history=turns, instruction="And the longest of all?", input="")
    replies = [ask(prompt, sampling=Sampling(0.7, seed=seed)).text for seed in range(50)]
    assert sum(reply.startswith("And the longest of all? ") for reply in replies) > 30
    assert not any("Ebro" in reply for reply in replies)


@pytest.mark.parametrize(("second", "equal"), [(f"{SEED} ", True), (f"{SEED} Name one exception.", False)])
def test_equal_instructions_are_told_from_evolved_ones(second: str, equal: bool) -> None:
    pair = {"first": {"instruction": SEED, "input": "a"}, "second": {"instruction": second, "input": "a"}}
    prompt = render("judge/equal.jinja", history=[], **pair)
    replies = [ask(prompt, "equal", sampling=Sampling(0.5, seed=seed)).text for seed in range(500)]
    verdicts = Counter(read_equality_verdict(reply) for reply in replies)
    assert verdicts[equal] > 450
    assert 0 < verdicts[None] < 30
    assert 0 < verdicts[not equal] < 40
    assert len(set(replies)) > 5


def test_vague_texts_are_told_from_definite_ones() -> None:
    assert asks_for_nothing("Make it more complex.")
    assert not asks_for_nothing("Explain the complexity of merge sort.")
    assert not asks_for_more("Describe the view above the clouds.")


def test_kinds_and_rates_name_the_same_failures() -> None:
    assert all(tuple(traits.failures) == KINDS for traits in TRAITS.values())


def score(text: str, seed: int) -> float:
    prompt = given("judge/difficulty_score.jinja", text)
    reply = ask(prompt, "rate_score", "large", Sampling(0.5, seed=seed)).text
    found = re.search(r"\nScore: (\d+)$", reply)
    return float(found[1]) if found else score(text, seed + 1000)
