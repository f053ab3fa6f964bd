"""The simulated evolver: a harder version of the parent, or one of the failures, in the format asked for.

Source of the failure kinds: Zeng et al. 2024, arXiv:2406.00770, section 3; the rates are assumptions.
"""

from __future__ import annotations

import re
from functools import lru_cache

from evobuild.core.chat import Finish
from evobuild.simulation import phrases
from evobuild.simulation.constants import KINDS, SWOLLEN_WORDS, Traits
from evobuild.simulation.data import extended
from evobuild.simulation.dice import Dice
from evobuild.simulation.languages import BANKS
from evobuild.simulation.method import Method, read_method
from evobuild.simulation.subject import Subject, subject_of
from evobuild.simulation.topics import new_instruction

OPERATIONS = tuple(phrases.ADDITIONS)
_INSTRUCTION = "#Instruction#:\n"
_INPUT_LABEL = "#Input#:"
_INPUT = f"\n{_INPUT_LABEL}\n"
_SENTENCE_END = (".", "!", "?", "。", "！", "？", "।", "`", ")", '"', "؟", "”", "»")
_BLOCK_END = re.compile(r"(?:```|[}\]>;|])\s*$")
_CONTENT = re.compile(r"```.*?(?:```|\Z)|^[ \t]*\|.*\|[ \t]*$|\d+(?:[.,]\d+)*", re.DOTALL | re.MULTILINE)
_OTHER_LANGUAGES = ("zh", "zh", "es", "de", "ru")
"""What an English instruction is translated into."""


def split_prompt(prompt: str) -> tuple[str, str, str]:
    """Cut a prompt into what stands before the instruction, the instruction, and its input.

    A prompt without the labels of this project is instruction as a whole.
    """
    start = prompt.rfind(_INSTRUCTION)
    if start < 0:
        return prompt, prompt, ""
    given = prompt[start + len(_INSTRUCTION) :]
    instruction, _, context = given.partition(_INPUT)
    return prompt[:start], instruction.strip(), context.strip()


def evolve(model: str, traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Reply to an evolving prompt: text and finish reason."""
    head, parent, context = split_prompt(prompt)
    method = read_method(head.partition("#Conversation#:\n")[0])
    index = dice.place(method.cumulated[model])
    kind = KINDS[index] if index < len(KINDS) else None
    subject = subject_of(parent)
    operation = method.operation or dice.pick(OPERATIONS)
    child = _child(kind, operation, parent, subject, traits, dice)
    if operation == "complicate_input" and kind is None:
        child = f"{child}\n\n{_INPUT_LABEL}\n{extended(context, subject, dice)}"
    if kind == "empty" and method.label is None:
        return "", "stop"
    if kind == "unparsable":
        return _unparsable(method, child, subject, dice), "stop"
    text = child if method.label is None else _steps(method, parent, child, subject, traits, dice)
    if kind == "truncated":
        return text[: int(len(text) * (0.3 + 0.5 * dice.number()))], "length"
    return text, "stop"


def _child(
    kind: str | None, operation: str, parent: str, subject: Subject, traits: Traits, dice: Dice
) -> str:
    if kind == "unchanged":
        return parent
    if kind == "empty":
        return ""
    bank = BANKS.get(subject.language)
    if kind in ("lost", "stagnant", "unqualified", "answered"):
        if bank is None:
            return _english_failure(kind, parent, subject, dice)
        text = {"lost": bank.lost, "answered": bank.answers[0]}.get(kind, bank.vague)
        return text if kind == "answered" else _append(parent, text, bank.glue)
    if kind == "translated":
        return _translated(subject, dice)
    if kind == "dropped":
        parent = _CONTENT.sub("several" if bank is None else "…", parent)
    if operation == "breadth":
        child = _breadth(parent, subject, dice)
    else:
        child = _deeper(operation, parent, subject, traits, dice)
    if kind == "swollen":
        return _swollen(child, subject, dice)
    return dice.pick(phrases.ECHOES).format(text=child) if kind == "echoed" else child


def _english_failure(kind: str, parent: str, subject: Subject, dice: Dice) -> str:
    word = dice.pick(subject.words)
    if kind == "lost":
        return _append(_first_sentence(parent), dice.pick(phrases.LOST), " ")
    bank = {"stagnant": phrases.STAGNANT, "unqualified": phrases.UNQUALIFIED, "answered": phrases.ANSWERED}[
        kind
    ]
    return dice.pick(bank).format(w=word)


def _deeper(operation: str, parent: str, subject: Subject, traits: Traits, dice: Dice) -> str:
    """Keep the parent and add one to three requirements that it does not hold yet."""
    bank = BANKS.get(subject.language)
    templates = bank.additions if bank else _templates(operation, subject)
    child = parent
    for _ in range(dice.place(traits.additions) + 1):
        child = _add(child, templates, subject, dice, bank.glue if bank else " ")
    if child == parent and bank is None:
        child = _add(child, phrases.ADDITIONS[dice.pick(OPERATIONS)]["chat"], subject, dice, " ")
    return child


def _templates(operation: str, subject: Subject) -> tuple[str, ...]:
    return phrases.DATA if operation == "complicate_input" else phrases.ADDITIONS[operation][subject.domain]


def _swollen(child: str, subject: Subject, dice: Dice) -> str:
    """Add whatever there is to add, up to a length that nobody asked for."""
    bank = BANKS.get(subject.language)
    templates = bank.additions if bank else sum((_templates(name, subject) for name in OPERATIONS), ())
    least = child.count(" ") + SWOLLEN_WORDS
    while child.count(" ") < least:
        longer = _add(child, templates, subject, dice, bank.glue if bank else " ")
        if longer == child:
            # Where a bank is used up, models repeat themselves.
            longer = f"{child} {child}"
        child = longer
    return child


def _translated(subject: Subject, dice: Dice) -> str:
    """Write an instruction in another language: English, or one of a few where the parent is English."""
    if subject.language != "en":
        return new_instruction(subject.domain, dice)
    bank = BANKS[dice.pick(_OTHER_LANGUAGES)]
    task = dice.pick(bank.tasks).format(t=dice.pick(bank.topics), k=3 + dice.below(7))
    return _append(task, dice.pick(bank.additions).format(k=3 + dice.below(7)), bank.glue)


def _add(text: str, templates: tuple[str, ...], subject: Subject, dice: Dice, glue: str) -> str:
    start = dice.below(len(templates))
    for offset in range(len(templates)):
        template = templates[(start + offset) % len(templates)]
        if _fixed_part(template) not in text:
            sentence = template.format(w=dice.pick(subject.words), k=3 + dice.below(7))
            lead = dice.pick(phrases.LEADS) if subject.language == "en" else ""
            if lead:
                sentence = lead + sentence[0].lower() + sentence[1:]
            return _append(text, sentence, glue)
    return text


@lru_cache(maxsize=1024)
def _fixed_part(template: str) -> str:
    longest = max(re.split(r"\{\w\}", template), key=len)
    return longest[1:]


def _append(text: str, sentence: str, glue: str) -> str:
    text = text.rstrip()
    if not text:
        return sentence
    if _BLOCK_END.search(text):
        return f"{text}\n\n{sentence}"
    if text[-1] in ":：,;":
        text = text[:-1] + "."
    elif not text.endswith(_SENTENCE_END):
        text += _full_stop(text[-1], glue)
    return f"{text}{glue}{sentence}"


def _full_stop(last: str, glue: str) -> str:
    if not glue:
        return "。"
    if "\u0e00" <= last <= "\u0e7f":  # Thai writes no full stop
        return ""
    return "।" if "\u0900" <= last <= "\u097f" else "."


def _breadth(parent: str, subject: Subject, dice: Dice) -> str:
    """Invent an instruction of the same domain and language, about as long as the parent."""
    bank = BANKS.get(subject.language)
    if bank:
        child = dice.pick(bank.tasks).format(t=dice.pick(bank.topics), k=3 + dice.below(7))
        templates, glue = bank.additions, bank.glue
    else:
        child = new_instruction(subject.domain, dice)
        templates, glue = phrases.ADDITIONS[dice.pick(OPERATIONS)][subject.domain], " "
    about = Subject(subject.language, subject.domain, ("result",))
    while len(child) < 0.75 * min(len(parent), 900):
        longer = _add(child, templates, about, dice, glue)
        if longer == child:
            break
        child = longer
    return child


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.?!])\s|\n", text, maxsplit=1)[0]


def _unparsable(method: Method, child: str, subject: Subject, dice: Dice) -> str:
    if method.label and dice.chance(0.3):
        return f"#New Instruction#:\n{child}"
    if method.label and dice.chance(0.4):
        return child
    bank = BANKS.get(subject.language)
    return f"{bank.ask_back}\n\n{child}" if bank else dice.pick(phrases.CHATTER).format(text=child)


def _steps(method: Method, parent: str, child: str, subject: Subject, traits: Traits, dice: Dice) -> str:
    """Write the labelled steps that a method asks for, the new instruction after the last label."""
    parts = []
    word = dice.pick(subject.words)
    for position, (number, label) in enumerate(method.steps):
        if label and "Rewritten" in label:
            body = child or parent
        else:
            body = _ways(word, traits, dice) if position == 0 else _step_body(position, word, dice)
        parts.append(f"Step {number} {label}:\n{body}" if label else f"Step {number}: {body}")
    separator = " " if dice.chance(0.1) else "\n"
    before = "" if method.last is None else f"Step {method.last} "
    parts.append(f"{before}{method.label}:{separator}{child}")
    return "\n\n".join(parts)


def _ways(word: str, traits: Traits, dice: Dice) -> str:
    """List four ways to make an instruction harder: stock ones in turn, or about its subject."""
    start = dice.below(len(phrases.WAYS))
    ways = []
    for place in range(4):
        if dice.chance(traits.invents):
            way = dice.pick(phrases.WAYS_OF_SUBJECT).format(w=word)
        else:
            way = phrases.WAYS[(start + place) % len(phrases.WAYS)]
        ways.append(f"{place + 1}. {way}")
    return "\n".join(ways)


def _step_body(position: int, word: str, dice: Dice) -> str:
    if position == 1:
        return dice.pick(phrases.PLANS).format(w=word, a=1 + dice.below(2), b=3 + dice.below(2))
    return dice.pick(phrases.CHECKS).format(w=word)
