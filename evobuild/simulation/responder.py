"""The simulated responder: an answer that takes up the instruction, or asks back where something is missing.

It sees only the text of the user turn. The failing replies are those that the failure function of
arXiv:2406.00770 looks for: "please provide", "Understood … ?", "Sure … ?".
"""

from __future__ import annotations

import keyword
import re

from evobuild.core.chat import Finish
from evobuild.simulation.bank import Bank
from evobuild.simulation.constants import ANSWER_LIMIT, Traits
from evobuild.simulation.dice import Dice
from evobuild.simulation.languages import BANKS
from evobuild.simulation.subject import Subject, subject_of

_MISSING = re.compile(
    r"\b(?:attached|enclosed|appended) \w+|\b(?:mentioned|shown|listed|given|provided) above", re.IGNORECASE
)
_MISSING_HINTS = ("ttached", "nclosed", "ppended", " above")
_VAGUE = re.compile(
    r"^Make the task on the .{1,60} more demanding|\bon a higher level, and raise the complexity"
    r"|\bin a more advanced manner with additional complexity"
    r"|^Make (?:it|this|the \w+) more (?:complex|difficult)\.?$",
    re.IGNORECASE,
)
_VAGUE_HINTS = ("complexity", "more demanding", "more complex", "more difficult")
_ANSWERS = ("Here is the answer: ", "The answer is as follows. ")
_OPEN = (
    "with a few extra conditions?",
    "under certain additional circumstances?",
    "some further requirements have to be met?",
)
_SENTENCES = re.compile(r"(?<=[.?!])\s+|\n+")
_NUMBERS = re.compile(r"(?<![\w.])\d{1,6}(?:\.\d{1,2})?(?![\w])")
_TABLE = re.compile(r"\btable\b", re.IGNORECASE)
_LEAD = re.compile(r"^(?:Also|In addition|One more condition|Beyond that): ")

_QUOTED = 100  # characters of a requirement that an answer repeats

_MISSING_REPLIES = (
    "To answer this I need the material on the {w} that you refer to. Could you please provide it?",
    "I do not see the material that belongs to this request. Please provide the details on the {w} first.",
)
_VAGUE_REPLIES = (
    "Understood. I will look at the {w} more closely. Which part of it would you like to begin with?",
    "Thank you for the note on the {w}. Is there a particular question that you want me to answer?",
    "Great, that sounds like an interesting direction. What exactly should I do with the {w}?",
    "What would you like to know about the {w}?",
    "That is correct as far as the {w} goes. Shall I go into more depth?",
)
_OPEN_REPLIES = (
    "Sure, I can work on the {w}. Which conditions do you have in mind?",
    "Sure! Before I start, could you tell me the circumstances you mean for the {w}?",
)
_REFUSALS = (
    "Sorry, I cannot help with the {w}.",
    "I'm sorry, but I can't assist with this request about the {w}.",
)

_OPENINGS = (
    "The key to the {w} is to keep the purpose in view and to build the answer up from there.",
    "When it comes to the {w}, a few points matter more than all others.",
    "Here is an answer on the {w}, one part after the other.",
    "A good way into the {w} is to separate what is given from what is asked.",
    "The {w} can be dealt with in a clear order.",
)
_POINTS = (
    "**{part}** This is met by looking at the {w} first and adapting everything else to it; {detail}.",
    "**{part}** For the {w} that means making a choice early, because {detail}.",
    "**{part}** The simplest way is to start from the {w}, and then note that {detail}.",
    "**{part}** Here the {w} set the limit, and {detail}.",
)
_DETAILS = (
    "a small change at the beginning saves much work at the end",
    "two of the usual objections lose their weight once the terms are clear",
    "the costs rise more slowly than the benefit",
    "every part can be checked on its own",
    "the exception is rare but worth a sentence",
    "what holds for a single case need not hold for many of them",
    "the order of the parts matters less than their completeness",
    "experience shows that people underestimate the time this takes",
    "an example from daily life makes the difference plain",
    "the limits should be stated as openly as the advantages",
)
_CLOSINGS = (
    "In short, treat the {w} with care, test the result, and adjust it where needed.",
    "Taken together, these points give a sound answer on the {w}.",
    "With this in hand, the {w} should cause no further trouble.",
)
_BODIES = (
    """    result = []
    for item in {w}:
        if item is None:
            raise ValueError("{w} holds a missing entry")
        if item not in result:
            result.append(item)
    return result""",
    """    counts = {{}}
    for item in {w}:
        counts[item] = counts.get(item, 0) + 1
    return sorted(counts, key=lambda item: (-counts[item], str(item)))""",
    """    if not {w}:
        return None
    best = {w}[0]
    for item in {w}[1:]:
        if item > best:
            best = item
    return best""",
    """    left, right = 0, len({w}) - 1
    while left < right:
        if {w}[left] != {w}[right]:
            return False
        left, right = left + 1, right - 1
    return True""",
)


def respond(traits: Traits, instruction: str, dice: Dice) -> tuple[str, Finish]:
    """Answer an instruction: text and finish reason."""
    subject = subject_of(instruction)
    bank = BANKS.get(subject.language)
    word = dice.pick(subject.words)
    if bank:
        return _foreign(instruction, bank, dice), "stop"
    if troubles := _troubles(instruction, traits, dice):
        return dice.pick(troubles).format(w=word), "stop"
    parts = [part for part in _SENTENCES.split(instruction) if len(part) > 3][: ANSWER_LIMIT + 1]
    blocks = [dice.pick(_OPENINGS).format(w=word)]
    if subject.domain == "code":
        blocks.append(_code(subject, dice))
    blocks += [_point(part, subject, dice) for part in (parts[1:] or parts)]
    if "table" in instruction and _TABLE.search(instruction):
        blocks.append(_table(subject, dice))
    blocks.append(
        _sum(instruction, dice) if subject.domain == "math" else dice.pick(_CLOSINGS).format(w=word)
    )
    return "\n\n".join(blocks), "stop"


def _troubles(instruction: str, traits: Traits, dice: Dice) -> tuple[str, ...]:
    """Choose the failing replies that fit the text, or none; rarely some for a sound text."""
    if asks_for_more(instruction):
        return _MISSING_REPLIES
    if asks_for_nothing(instruction):
        return _OPEN_REPLIES if _is_open(instruction) else _VAGUE_REPLIES
    stray = int(dice.number() / traits.stray)
    kinds = (_MISSING_REPLIES, _VAGUE_REPLIES, _OPEN_REPLIES, _REFUSALS)
    return kinds[stray] if stray < len(kinds) else ()


def _foreign(instruction: str, bank: Bank, dice: Dice) -> str:
    if bank.lost in instruction or bank.vague in instruction or instruction.startswith(bank.answers[0]):
        return bank.ask_back
    points = min(2 + len(instruction) // 60, ANSWER_LIMIT)
    return "\n\n".join(
        f"{number}. {bank.answers[number % len(bank.answers)]}" for number in range(1, points + 1)
    )


def _point(part: str, subject: Subject, dice: Dice) -> str:
    part = _LEAD.sub("", part).rstrip(" .?!")
    if len(part) > _QUOTED:
        part = f"{part[:_QUOTED].rpartition(' ')[0] or part[:_QUOTED]} …"
    part = part[0].upper() + part[1:] + "."
    return dice.pick(_POINTS).format(part=part, w=dice.pick(subject.words), detail=dice.pick(_DETAILS))


def _code(subject: Subject, dice: Dice) -> str:
    names = [word.lower().replace("-", "_") for word in subject.words]
    names = [name for name in names if name.isidentifier() and not keyword.iskeyword(name)] or ["items"]
    argument = names[-1]
    body = dice.pick(_BODIES).format(w=argument)
    verb = dice.pick(("process", "collect", "check", "rank"))
    return f"```python\ndef {verb}_{names[0]}({argument}):\n{body}\n```"


def _table(subject: Subject, dice: Dice) -> str:
    rows = "\n".join(f"| {word} | {dice.pick(_DETAILS)} | {1 + dice.below(5)} |" for word in subject.words)
    return f"| Point | What to note | Weight |\n|---|---|---|\n{rows}"


def _sum(instruction: str, dice: Dice) -> str:
    """Work through the numbers of the text; plausible steps, not the true solution."""
    numbers = [float(number) for number in _NUMBERS.findall(instruction)][:5] or [1.0 + dice.below(20)]
    total, steps = numbers[0], [f"Start from {numbers[0]:g}."]
    for number in numbers[1:]:
        sign = dice.pick("+*-") if abs(total * number) < 1e6 else "+"
        after = {"+": total + number, "*": total * number, "-": abs(total - number)}[sign]
        low, high = sorted((total, number))
        shown = f"{high:g} - {low:g}" if sign == "-" else f"{total:g} {sign} {number:g}"
        steps.append(f"Then {shown} = {after:g}.")
        total = after
    worked = "\n".join(f"{position}. {step}" for position, step in enumerate(steps, 1))
    return f"{worked}\n\n#### {total:g}"


def asks_for_more(instruction: str) -> bool:
    """Say whether an instruction points to material that is not there."""
    if instruction.rstrip().endswith((":", "：")):
        return True
    # The plain search comes first because it is ten times as fast.
    return any(hint in instruction for hint in _MISSING_HINTS) and bool(_MISSING.search(instruction))


def asks_for_nothing(instruction: str) -> bool:
    """Say whether an instruction is a vague remark, or leaves its own conditions open."""
    text = instruction.strip()
    if not text or text.startswith(_ANSWERS) or _is_open(text):
        return True
    return any(hint in text for hint in _VAGUE_HINTS) and bool(_VAGUE.search(text))


def _is_open(instruction: str) -> bool:
    return any(phrase in instruction for phrase in _OPEN)
