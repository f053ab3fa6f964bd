"""The simulated model: pure, failing at its stated rates as the product sees it, and sensitive to methods."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from runpy import run_path
from statistics import fmean

import pytest

from evobuild import simulation
from evobuild.answering import failures
from evobuild.answering.response_prompt import SHIPPED as SHIPPED_PROMPTS
from evobuild.autoif import augment, backtranslate, verifiers
from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.core.conversation import chat_messages
from evobuild.core.errors import UserError
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.core.uri import ChatModel
from evobuild.evolution import elimination, equality, keywords, methods, operations
from evobuild.evolution.auto import plan_by_method
from evobuild.evolution.params import Failures
from evobuild.evolution.step import read_child
from evobuild.models import simulated_engine
from evobuild.scoring import rate, reply_values
from evobuild.simulation import rates
from evobuild.simulation.constraints import STOCK, find_constraint, find_constraint_of_code
from evobuild.simulation.method import clauses_of
from evobuild.simulation.optimize import CLAUSES, PROBLEMS, problems_of

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "data/raw/constraints.txt").read_text("utf-8").splitlines()
SEEDS = [json.loads(line) for line in (ROOT / "data/raw/sample.jsonl").read_text("utf-8").splitlines()]
SEED = "Give three tips for staying healthy."
HARD = f"{SEED} Compare two of them step by step, and explain at least one exception and its cause."
RULES = Failures(
    markers=True,
    unchanged=True,
    answered=True,
    max_growth=200,
    language=True,
    lost_content=False,
    equal=False,
)
OPERATIONS = ("constraints", "deepening", "concretizing", "reasoning", "complicate_input", "breadth")
GOOD = [CLAUSES[clause] for clause in ("keep", "self_contained", "no_answer", "concrete")]
SAID = {"echoed": "markers copied", "translated": "language changed", "swollen": "grew too long"}
SAID |= {"dropped": "lost content", "lost": "loss of key information", "stagnant": "stagnant complexity"}
SAID |= {"unqualified": "insufficient qualification"}
HOSTILE = ["", " ", "\n", " \n\t\n ", "?", "²³ ٣", "\ud800", "\x00\x1b[2J\u202e", "Step 1 " * 9, "a" * 20_000]
HOSTILE += ["{instruction} {w} {{ 7*7 }} %s \\1 $w", "#Instruction#:\n", "#Case 1#:\n#Stage 0#:\n", "🙂" * 50]
HOSTILE += [
    "今天天气怎么样？",
    "「こんにちは」。",
    "شكرا",
    "Ünïcödé ñ",
    "Go.\n\nUse at most 0 words.",
    "```\n- \n1. \n|",
]


def ask(prompt, purpose="evolve", model="small", **sampling):
    asked = Sampling(**{"temperature": 0.7} | sampling)
    return simulation.answer(model, Request("key", purpose, (Message("user", prompt),), asked))


def several(prompt, purpose, n=2000, model="small"):
    return [choice.text for choice in ask(prompt, purpose, model, n=n).choices]


def given(name, instruction=SEED, **values):
    return render_prompt(f"{name}.jinja", history=[], instruction=instruction, input="", **values)


def e0(*clauses):
    return "\n".join([*clauses, methods.render_initial_method("e0")])


def row(text, context=""):
    return Instruction("p", "c", "p", "", "r0", "chat", (), text, context, "")


def outcome(plan, parent, model="small", seed=0):
    """Why an evolution fails, by itself or in the answer to it, if it does, and the child."""
    step = plan(parent)
    made = read_child(step, ask(step.prompt, model=model, seed=seed), "r1", model, RULES)
    if not isinstance(made, Instruction):
        return made.reason, None
    lost = "lost content" if elimination.find_lost_content(parent, made.instruction, made.input) else None
    return failures.find_response_failure(ask(made.instruction, "respond", model).text) or lost, made


def failed(method, rows=1500, model="small"):
    """The share of each failure, by its reason."""
    plan = plan_by_method(methods.normalise_slot(method))
    parents = (row(f"Give {number} tips for staying healthy.") for number in range(rows))
    found = Counter(outcome(plan, parent, model)[0] for parent in parents)
    return {reason: count / rows for reason, count in found.items() if reason}


def test_a_reply_follows_from_the_request_alone_in_every_process():
    code = "import sys; from evobuild.simulation import answer; from evobuild.core.chat import *\n"
    code += "asked = Request('k', 'evolve', (Message('user', sys.argv[1]),), Sampling(0.7, seed=3, n=5))\n"
    code += "sys.stdout.write(repr(answer('small', asked).text))"
    said = set()
    for seed in "12":
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        said.add(subprocess.check_output([sys.executable, "-c", code, e0()], env=environment))
    assert len(said) == 1


def test_only_what_draws_a_reply_changes_it_and_limits_only_cut_it():
    prompt = given("evolve/constraints")
    assert len({ask(prompt, temperature=0.0, seed=seed).text for seed in range(9)}) == 1
    assert len({ask(prompt, seed=seed).text for seed in range(9)}) > 4
    assert ask(prompt, n=6).choices[:3] == ask(prompt, n=3).choices
    with pytest.raises(UserError, match="unknown simulated model 'medium'"):
        ask(SEED, model="medium")
    for limit in range(1, 20):
        cut = ask("请解释为什么天空是蓝色的。", "respond", max_tokens=limit).choices[0]
        assert cut.tokens <= limit and cut.finish == "length" and "\ufffd" not in cut.text
    assert "**" not in ask(SEED, "respond", stop=("**",)).text
    assert ask(SEED, "respond").choices[0].logprobs is None
    small, large = (ask(SEED, "respond", model, logprobs=3).choices[0] for model in rates.TRAITS)
    assert small.logprobs and large.logprobs and len(small.logprobs) == small.tokens
    assert all(len(position) == 4 and max(position) <= 0 for position in small.logprobs)
    assert fmean(each[1] for each in small.logprobs) < fmean(each[1] for each in large.logprobs)


@pytest.mark.parametrize("model", rates.TRAITS)
def test_every_evolution_fails_in_each_way_at_its_stated_rate(model):
    weak = methods.render_initial_method("weak")
    found, stated = failed(weak, 3000, model), rates.evolution_failure_rates(model, clauses_of(weak), 20)
    for kind, rate_of_kind in stated.items():
        assert found[SAID.get(kind, kind)] == pytest.approx(rate_of_kind, abs=0.02), kind
    assert sum(found.values()) == pytest.approx(sum(stated.values()), abs=0.04)


def test_a_better_method_fails_less_and_an_over_long_one_more():
    texts = methods.render_initial_method("weak"), e0(), e0(*GOOD), e0(*GOOD, " so on" * 700)
    weak, initial, better, long = (sum(failed(text).values()) for text in texts)
    assert weak > initial + 0.1 and 0.25 < initial < 0.42 and better < 0.6 * initial and long > better + 0.1
    assert sum(failed(e0(), model="large").values()) < 0.6 * initial


def test_the_optimizer_names_what_failed_and_answers_it():
    stages = {"unchanged": SEED, "unparsable": "(no reply)", "echoed": f"{SEED} #Methods List# Compare two."}
    stages |= {"answered": "The answer is as follows: sleep.", "lost": f"{SEED} Use the attached table."}
    stages |= {"stagnant": "Make it more complex.", "translated": "请给出三条保持健康的建议。"}
    stages |= {"swollen": f"{SEED}{' Say more about it, please.' * 40}", "dropped": "Give some tips."}
    assert set(stages) == set(PROBLEMS)
    for problem, stage in stages.items():
        assert problems_of([f"{SEED} 3." if problem == "dropped" else SEED, stage, HARD])[0] == problem
    for clause, sentence in CLAUSES.items():
        before, after = (
            rates.evolution_failure_rates("small", each, 20) for each in ((), clauses_of(sentence))
        )
        assert all(after[kind] < before[kind] for kind in rates.CLAUSE_FACTORS[clause])
    cases = [{"number": 7, "history": [], "stages": [SEED, stages["lost"]]}]
    feedback = several(render_prompt("optimize/analyse.jinja", cases=cases), "analyse", 50, "large")
    assert sum("ase 7" in each and PROBLEMS["lost"][0] in each for each in feedback) > 35
    replies = several(
        render_prompt("optimize/improve.jinja", feedback=feedback[0], method=e0()), "improve", 200
    )
    better = [methods.read_improved_method(each) for each in replies if len(each) > 99 and "```O" in each]
    assert 80 < sum("keep" in clauses_of(each) for each in better) < len(better) < len(replies)


def test_small_evolves_further_and_names_more_methods():
    lengths, ways = {}, {}
    for model in rates.TRAITS:
        made = [outcome(plan_by_method(e0()), row(f"{number}. {SEED}"), model)[1] for number in range(300)]
        lengths[model] = fmean(len(each.instruction) for each in made if each)
        replies = several(e0().replace("{instruction}", SEED), "evolve", 60, model)
        ways[model] = Counter(way for reply in replies for way in keywords.parse_method_list(reply))
    assert lengths["small"] > lengths["large"] + 30
    assert len(ways["small"]) > 8 and ways["small"].most_common(1)[0][1] < ways["large"].most_common(1)[0][1]


@pytest.mark.parametrize("operation", ["e0", *OPERATIONS])
def test_the_language_of_the_parent_is_kept_nearly_always(operation):
    plan = (
        plan_by_method(e0()) if operation == "e0" else operations.plan_in_turn({"default": [operation]}, "r1")
    )
    found = Counter()
    for number, seed in enumerate(SEEDS * 3):
        parent = row(seed["instruction"], seed["input"])
        reason, made = outcome(plan, parent, seed=number)
        found += Counter([reason])
        found["data"] += bool(made and made.input.startswith(parent.input) and made.input != parent.input)
        found["kept"] += bool(made and parent.instruction[:20] in made.instruction)
    assert found["language changed"] < 0.06 * 3 * len(SEEDS)
    assert (found["data"] > len(SEEDS)) == (operation == "complicate_input")
    assert (found["kept"] > len(SEEDS)) == (operation != "breadth")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_breaks_it(text):
    pair = {"first": {"instruction": text, "input": text}, "second": {"instruction": "a", "input": ""}}
    cases = [{"number": 1, "history": [{"role": "user", "content": text}], "stages": [text, "a", text]}]
    prompts = [given(f"evolve/{name}", text) for name in OPERATIONS]
    prompts += [e0().replace("{instruction}", text), render_prompt("judge/equal.jinja", history=[], **pair)]
    prompts += [render_prompt("judge/method_keyword.jinja", method=text), given("judge/tags", text), text]
    prompts += [render_prompt("optimize/improve.jinja", feedback=text, method=text)]
    prompts += [
        render_prompt("optimize/analyse.jinja", cases=cases),
        given("judge/quality", text, answer=text),
    ]
    prompts += [render_prompt("autoif/augment.jinja", examples=[text], count=3)]
    prompts += [
        render_prompt(f"autoif/{name}.jinja", code=text, constraint=text)
        for name in ("verifier", "backtranslate")
    ]
    asked = [(purpose, prompt) for purpose in simulation.PARTS for prompt in prompts]
    asked += [("respond", f"{constraint}\n\n{text}") for constraint in SHIPPED]
    assert all(len(ask(prompt, purpose, n=5).choices) == 5 for purpose, prompt in asked)


@pytest.mark.parametrize("text", SHIPPED)
def test_a_shipped_constraint_is_understood_kept_and_checked(text, tmp_path):
    constraint = find_constraint(text)
    assert constraint and (found := find_constraint_of_code(constraint.function("a remark")))
    assert found.wording == constraint.wording
    (tmp_path / "verifier.py").write_text(constraint.function("a remark"), encoding="utf-8")
    evaluate = run_path(str(tmp_path / "verifier.py"))["evaluate"]
    answers = [ask(seed["instruction"], "respond").text for seed in SEEDS[:20]]
    assert all(evaluate(constraint.keep(answer).strip()) for answer in [*answers, *STOCK, "", "Po."])
    assert not any(evaluate(constraint.broken(answer)) for answer in STOCK)
    replies = several(f"{text}\n\n{SEED}", "respond", 300)
    assert sum(map(evaluate, replies)) / 300 > rates.TRAITS["small"].keeps - 0.1


@pytest.mark.parametrize(
    ("strategy", "text", "context"),
    [
        ("auto", HARD, ""),
        ("auto", f"{SEED}\n\nOne each.", "Sleep, {{ food }}\n\nand sports."),
        ("autoif", "Use no comma.", SEED),
    ],
)
def test_the_responders_prompt_changes_no_answer(strategy, text, context):
    asked = row(text, context)._replace(strategy=strategy, history=(("user", "Hi."), ("assistant", "Hm.")))
    plain, wrapped = (chat_messages(asked, template) for template in SHIPPED_PROMPTS.values())
    samplings = [Sampling(0.7, seed=seed) for seed in range(20)]
    first, second = (
        [simulation.answer("large", Request("", "respond", turns, each)) for each in samplings]
        for turns in (plain, wrapped)
    )
    assert [each.text for each in first] == [each.text for each in second]
    assert first[0].prompt_tokens < second[0].prompt_tokens
    if strategy == "autoif":
        assert sum("," not in each.text for each in first) > 8


def read_verifier(choice):
    try:
        return failures.find_reply_failure(Reply("", (choice,), 0)) or verifiers.read_verifier_reply(
            choice.text
        )
    except verifiers.UnreadableVerifier as error:
        return str(error)


def test_verifiers_fail_in_every_way():
    prompts = [render_prompt("autoif/verifier.jinja", constraint=text) for text in SHIPPED]
    read = [read_verifier(choice) for each in prompts for choice in ask(each, "verifier", n=150).choices]
    reasons = Counter(each for each in read if isinstance(each, str))
    assert set(reasons) == {"empty", "truncated", "unparsed", "no function", "syntax", "several functions"}
    assert sum(reasons.values()) / len(read) == pytest.approx(0.1, abs=0.04)
    written = [each for each in read if not isinstance(each, str)]
    assert {0, 3} <= {len(each.cases) for each in written} and any(each.dropped for each in written)
    for sign in ("import nltk", "os.system", "object()", "while True", "limit", "[999]", "[:40]"):
        assert 0 < sum(sign in each.code for each in written) < 0.15 * len(written), sign


def test_inventions_and_back_translations_fail_in_every_way():
    replies = several(render_prompt("autoif/augment.jinja", examples=SHIPPED[:6], count=10), "augment", 300)
    lines = [line for reply in replies for line in reply.splitlines() if line]
    faults = Counter(
        (augment.find_constraint_fault(line, augment.clean_list_item(line)) or ("",))[0] for line in lines
    )
    assert set(faults) == {"", "no list item", "heading", "chatter", "too long", "too short"}
    assert faults[""] > 0.8 * len(lines) > 2300
    code = render_prompt(
        "autoif/backtranslate.jinja", code=find_constraint("Get by without any comma.").function()
    )
    said = Counter(backtranslate.read_backtranslation(each) for each in several(code, "backtranslate"))
    assert 0 < said[None] < 100 < 1500 < said["Set no comma."] and said["Never do this: set no comma."] > 0


def read_phrase(text):
    return keywords.read_keyword(Reply("", (Choice(text, "stop", 1),), 0))[0] or None


def test_judgements_can_be_read_but_for_a_known_share():
    pair = {"first": {"instruction": SEED, "input": ""}, "second": {"instruction": HARD, "input": ""}}
    way = render_prompt("judge/method_keyword.jinja", method="Add a limit.")
    read = {
        "rate_level": (given("judge/difficulty_level"), rate.read_level),
        "rate_score": (given("judge/difficulty_score"), rate.read_score),
        "quality": (given("judge/quality", answer="Three tips."), rate.read_score),
        "equal": (render_prompt("judge/equal.jinja", history=[], **pair), equality.read_equality_verdict),
        "tag": (given("judge/tags"), reply_values.read_phrases),
        "keywords": (way, read_phrase),
    }
    for purpose, (prompt, reader) in read.items():
        assert 0.005 < sum(reader(text) is None for text in several(prompt, purpose)) / 2000 < 0.05, purpose
    for name in ("difficulty_score", "difficulty_score_alone"):
        prompts = [given(f"judge/{name}", text) for text in (SEED, HARD)]
        scores = [[rate.read_score(each) or 0 for each in several(text, "rate_score")] for text in prompts]
        assert 10 < fmean(scores[0]) < 40 and fmean(scores[1]) > fmean(scores[0]) + 20
    assert sum(text.isdecimal() for text in several(prompts[0], "rate_score")) > 1900
    tags = [
        Counter(
            len(reply_values.read_phrases(each) or ())
            for each in several(given("judge/tags", text), "tag", 99)
        )
        for text in (SEED, HARD)
    ]
    assert tags[0].most_common(1)[0][0] < tags[1].most_common(1)[0][0]
    verdicts = Counter(map(equality.read_equality_verdict, several(read["equal"][0], "equal")))
    assert verdicts[False] > 1850 and verdicts[True] > 0


def test_the_identity_covers_every_file_of_the_folder(tmp_path):
    files = [tmp_path / file.name for file in Path(simulation.__file__).parent.glob("*.py")]
    (tmp_path / "deeper").mkdir()
    for file in [*files, tmp_path / "deeper/part.py"]:
        file.write_text("x = 1\n")
    found = {simulated_engine.source_digest(tmp_path)}
    for file in [*files, tmp_path / "deeper/part.py"]:
        file.write_text("x = 2\n")
        found.add(simulated_engine.source_digest(tmp_path))
    files[0].rename(tmp_path / "other.py")
    assert len(found | {simulated_engine.source_digest(tmp_path)}) == len(files) + 3
    own = simulated_engine.source_digest(Path(simulation.__file__).parent)
    assert (
        simulated_engine.SimulatedEngine.identity(ChatModel("simulated", "small")) == f"simulated:small#{own}"
    )
