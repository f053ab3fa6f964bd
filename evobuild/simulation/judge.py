"""The simulated judge: difficulty, equality, phrases for methods, tags, and how good answers are.

Difficulty as a level and as a score come from one estimate without chance, so that they agree up to the
noise of each reading. Two instructions are equal if they use the same words. Both models name methods and
tags alike, and fail alike. How good an answer to a benchmark is follows from its text: orders mostly agree.
"""

from __future__ import annotations

import json
import math
import re

from evobuild.core.chat import Finish
from evobuild.simulation import rates
from evobuild.simulation.constraints import split_constraint
from evobuild.simulation.evolve import split_prompt
from evobuild.simulation.rates import Traits
from evobuild.simulation.rng import Rng, rng_of_text
from evobuild.simulation.subject import Subject, subject_of, words_of

LEVELS = {"very easy": 15.0, "easy": 35.0, "medium": 58.0, "hard": 80.0, "very hard": math.inf}
"""Each level and the score, in points, below which it ends."""
_GLANCE = 4000  # characters
_DEMANDS_TEXT = """
must should exactly least most only without under within include ensure sure explain compare justify discuss
analyse analyze derive prove assume suppose consider check also avoid not rather how why which whether
"""
_STEPS = "step steps reason reasoning infer deduce conclusion trade-off criteria cause causes evidence proof"
_DEMANDS, _REASONING = frozenset(_DEMANDS_TEXT.split()), frozenset(_STEPS.split())
_BURDENS = {"code": 0.04, "math": 0.08, "chat": 0.0}
_WIDE = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_SENTENCE_ENDS = ".?!。？！।؟"
_KNOWLEDGE = {"code": "programming", "math": "mathematics", "chat": "general knowledge"}
_UNCLEAR = ("That is hard to say.", "It depends on the reader.", "Somewhere between all of these.")
_NO_REPLIES = {"empty": "", "chatter": "I would rather discuss them. Shall we?", "none": "[]"}
_SAME = 0.9  # share of words in common from which two instructions ask for the same
_INPUT_LABEL = re.compile(r"^#(?:First|Second) Input#:$", re.MULTILINE)
_WEIGHTY = re.compile(r"^\w{1,12}|\w{4,12}|\d{1,12}")
_TAGS_TEXT = {
    "explanation": "explain why how reason reasons describe",
    "comparison": "compare contrast versus rather differ weigh",
    "step by step reasoning": "step steps first then infer deduce conclude",
    "length limit": "words sentences most exactly least short brief",
    "output format": "list table format json bullet numbered lines",
    "restriction": "must only without avoid not never",
    "example giving": "example examples instance illustrate",
}
_TAGS = {word: tag for tag, text in _TAGS_TEXT.items() for word in text.split()}
_SCORE_FORM = "\nScore: <n>\n"
_COMPARED = {"A": "better than", "B": "worse than", "C": "equal to"}
_MARK = re.compile(r"\bthe mark ([0-9a-f]{8})\b")
_LISTED = re.compile(r"\blist of (\d{1,3}) texts?\b")
_NO_ANSWER = re.compile(r"please provide|cannot help|can't assist|could you tell me|\?\s*\Z", re.IGNORECASE)


def rate_level(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Rate by one of five levels: text and finish reason."""
    score, why = _rated(traits, prompt, rng)
    level = next(name for name, end in LEVELS.items() if score < end)
    return (f"{why}\n\nDifficulty: {level}" if why else rng.pick(_UNCLEAR)), "stop"


def rate_score(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Rate from 0 to 100: text and finish reason."""
    score, why = _rated(traits, prompt, rng)
    labelled = f"{why}\n\nScore: {round(score)}" if _SCORE_FORM in prompt else f"{round(score)}"
    return (labelled if why else rng.pick(_UNCLEAR)), "stop"


def _rated(traits: Traits, prompt: str, rng: Rng) -> tuple[float, str]:
    """Give a noisy score and its reasons; no reasons if the judge will not rate."""
    instruction, context = split_prompt(prompt)[1:]
    subject = subject_of(instruction)
    score = _difficulty(instruction[:_GLANCE], context, subject)
    score += traits.noise * (rng.number() + rng.number() + rng.number() - 1.5) * 2
    what = f"The author wants something definite on the {rng.pick(subject.words)}."
    why = f"{what}\nIt takes some knowledge of {_KNOWLEDGE[subject.domain]}."
    return min(max(score, 1.0), 99.0), "" if rng.chance(traits.unrated) else why


def _difficulty(text: str, context: str, subject: Subject) -> float:
    """Estimate the difficulty of an instruction, 0 to 100 without noise."""
    words = text.count(" ") + 1 + (0 if text.isascii() else len(_WIDE.findall(text)) // 2)
    sentences = sum(map(text.count, _SENTENCE_ENDS))
    tokens = words_of(text.lower())
    demands = sum(map(_DEMANDS.__contains__, tokens)) + (sentences if subject.language != "en" else 0)
    reasoning = sum(map(_REASONING.__contains__, tokens))
    burden = 0.07 * math.log(words + 2) + 0.09 * (demands**0.9 + sentences + reasoning**0.9)
    burden += _BURDENS[subject.domain] + (0.03 if context else 0.0) - 0.06
    return 100.0 * (1.0 - math.exp(-max(burden, 0.02)))


def judge_equality(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Say whether the two instructions of a prompt are equal: text and finish reason."""
    given = _INPUT_LABEL.sub("", prompt).rpartition("#First Instruction#:\n")[2].lower()
    first, _, second = given.partition("\n#second instruction#:\n")
    ones, others = ({*re.findall(r"\w+", text)} for text in (first, second))
    equal = len(ones & others) >= _SAME * max(len(ones | others), 1)
    verdict = "Equal" if equal != rng.chance(traits.misjudged) else "Not Equal"
    if rng.chance(traits.unrated):
        return rng.pick(_UNCLEAR), "stop"
    return f"{rng.pick(('Both were compared.', ''))}\n\nVerdict: {verdict}".lstrip(), "stop"


def name_method(_: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Name a method by its first and its longer words: text and finish reason."""
    method = prompt.rpartition("#Method#:\n")[2].lower()
    phrase = " ".join(_WEIGHTY.findall(method)[:4]) or "unnamed"
    styles = {"empty": "", "two": f"{phrase}\nor: make it harder", "bold": f"**{phrase.title()}**"}
    return styles.get(rng.kind(rates.PHRASES), phrase), "stop"


def tag_instruction(_: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Tag the instruction of a prompt, the more the more it demands: text and finish reason."""
    instruction, context = split_prompt(prompt)[1:]
    subject = subject_of(instruction)
    demands = [_TAGS[word] for word in words_of(instruction.lower()) if word in _TAGS]
    given = ["text analysis"] if context else []
    tags = list(dict.fromkeys([_KNOWLEDGE[subject.domain], subject.words[0].lower(), *given, *demands]))
    failure, style = rng.kind(rates.TAGS), rng.kind(rates.TAG_STYLES)
    if failure in _NO_REPLIES:
        return _NO_REPLIES[failure], "stop"
    explained = [{"tag": each, "explanation": f"It asks for {each}."} for each in tags]
    reply = json.dumps(tags if style == "strings" else explained, ensure_ascii=False)
    if failure == "broken":
        return reply[:-1], "stop"
    around = {"fenced": "```json\n{}\n```", "introduced": "The tags are:\n{}"}.get(style, "{}")
    return around.replace("{}", reply), "stop"


def judge_quality(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Judge from 0 to 10 how well the answer of a prompt serves its instruction: text and finish reason."""
    asked, _, answer = prompt.rpartition("\n#Answer#:\n")
    words = subject_of(split_constraint("\n\n".join(split_prompt(asked)[1:]))[0]).words
    score = _merit(answer, words, rng)
    if rng.chance(traits.unrated):
        return rng.pick(_UNCLEAR), "stop"
    return f"What was asked is the {rng.pick(words)}.\n\nScore: {max(score, rng.below(2))}", "stop"


def _merit(answer: str, words: tuple[str, ...], rng: Rng) -> int:
    """Give what an answer to a question with these words is worth, from 10 down to below 0."""
    score, lower = int(rng.kind(rates.SCORES) or 5), answer.lower()
    if not lower.strip() or (len(lower) < 300 and _NO_ANSWER.search(lower)):
        return score - rates.ASKED_BACK
    return score - (0 if any(word.lower() in lower for word in words) else rates.STRAYED)


def judge_answers(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Judge as a benchmark asks, in the form that its prompt ends with: text and finish reason."""
    marked, form = _MARK.search(prompt), prompt.rpartition("\n")[2]
    if not marked or rng.chance(traits.unrated):
        return rng.pick(_UNCLEAR), "stop"
    # Of turns the last ones.
    parts = dict(re.findall(rf"^<([\w-]+) {marked[1]}>\n(.*?)\n</\1 ", prompt, re.DOTALL | re.MULTILINE))
    words = subject_of(parts.get("question") or parts.get("instruction", "")).words
    merits = {name: _merit(text, words, rng_of_text(text)) for name, text in parts.items()}
    if "m or M" in form:
        return max("mM", key=lambda name: (merits.get(name, 0), rng.number())), "stop"
    lead = merits.get("A", merits.get("assistant-1", 0)) - merits.get("B", merits.get("assistant-2", 0))
    label = rng.pick("ABC") if rng.chance(traits.misjudged) else "ABC"[(lead < 0) + 2 * (lead == 0)]
    if form.startswith("Assistant 1 is"):
        return f"The {rng.pick(words)} decides.\n\nAssistant 1 is {_COMPARED[label]} Assistant 2", "stop"
    said = {"Rating": str(max(merits.get("answer", 0), 1)), "Verdict": label}
    if (name := form.partition(":")[0]) in said:
        return f"What was asked is about the {rng.pick(words)}.\n\n{name}: [[{said[name]}]]", "stop"
    count = int((_LISTED.search(prompt) or ["", "1"])[1])
    return str(["YES" if rng.chance(rates.SATISFIED) else "NO" for _ in range(count)]), "stop"
