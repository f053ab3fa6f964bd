"""The simulated optimizer: it finds what went wrong in trajectories, and mends a method by what it reads.

Source of the two parts: Zeng et al. 2024, arXiv:2406.00770, section 3. An improvement only helps if the
evolver recognises the clause it adds; some add padding, forget the slot, change the last label or lose the
fence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from evobuild.core.chat import Finish
from evobuild.simulation import repairs
from evobuild.simulation.constants import Traits
from evobuild.simulation.dice import Dice
from evobuild.simulation.method import FINAL_LABEL, clauses_of
from evobuild.simulation.responder import asks_for_more, asks_for_nothing
from evobuild.simulation.subject import language_of

SLOT = "{instruction}"
MOST_STEPS = 7
MOST_CLAUSES = 2  # that one improvement takes up
MOST_WORDS = 150  # that a stage may add to the one before

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_CASE = re.compile(r"^#Case ([^#\n]+)#:\n", re.MULTILINE)
_STAGE = re.compile(r"^#Stage \d+#:\n", re.MULTILINE)
_LABEL = re.compile(r"#\s*[A-Z][A-Za-z ]{3,40}#")
_CHATTER = re.compile(
    r"^(?:sure\b|i(?:'m| am) sorry|i (?:have|cannot|changed)\b|step 1\b)"
    r"|^here is (?:the|a) (?:re|new|more|harder)"
    r"|\blet me know if|\bunparsable\b|\btruncated\b|\bno label\b|\blabel is missing",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"^(?:here is the answer|the answer is|understood\b)", re.IGNORECASE)
_STEP_LINE = re.compile(r"^(\W*Step )(\d+)\b", re.IGNORECASE | re.MULTILINE)


def analyse(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Give feedback on the cases of a prompt: text and finish reason."""
    found = []
    for number, stages in cases_of(prompt):
        reasons = problems(stages)
        if reasons and not dice.chance(traits.misses):
            reason = dice.pick(reasons)
            found.append(
                dice.pick(repairs.FINDINGS).format(number=number, reason=dice.pick(repairs.REASONS[reason]))
            )
    if not found:
        return dice.pick(repairs.NOTHING_FOUND), "stop"
    return "\n".join([dice.pick(repairs.OPENINGS), *found]), "stop"


def cases_of(prompt: str) -> list[tuple[str, list[str]]]:
    """Read number and stages of every case from an analysis prompt."""
    pieces = _CASE.split(prompt)
    return [
        (number.strip(), [stage.strip() for stage in _STAGE.split(text)[1:]])
        for number, text in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def problems(stages: list[str]) -> list[str]:
    """Name what is wrong in a trajectory, keys of repairs.REASONS, each at most once."""
    reasons = [_problem(before, after) for before, after in itertools.pairwise(stages)]
    return list(dict.fromkeys(reason for reason in reasons if reason))


def _problem(before: str, after: str) -> str | None:
    labels = list(FINAL_LABEL.finditer(after))
    if labels:
        # A failed evolution is shown as the whole reply that it was.
        after = after[labels[-1].end() :].lstrip(" :\n")
    checks = (
        ("unparsable", not after or after == "(no reply)" or bool(_CHATTER.search(after))),
        ("unchanged", before == after or before.startswith(f"{after}\n\n")),
        ("echoed", bool(_LABEL.search(after)) and not _LABEL.search(before)),
        ("answered", bool(_ANSWER.search(after))),
        ("lost", asks_for_more(after) and not asks_for_more(before)),
        ("stagnant", asks_for_nothing(after)),
        ("translated", language_of(before) != language_of(after)),
        ("swollen", len(after.split()) > len(before.split()) + MOST_WORDS),
        ("dropped", bool(_facts(before) - _facts(after))),
        ("lost", len(after) < 0.7 * len(before)),
    )
    return next((reason for reason, holds in checks if holds), None)


def _facts(text: str) -> set[str]:
    """Figures of a text, and whether it holds code."""
    return set(_FIGURE.findall(text)) | ({"code"} if "```" in text else set())


def improve(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Mend the method of a prompt by its feedback: text and finish reason."""
    feedback, method = _parts(prompt)
    better = method
    for clause in _wanted(feedback):
        if dice.chance(traits.repairs):
            better = _reinforce(better, dice) if clause in clauses_of(better) else _add(better, clause, dice)
    if dice.chance(traits.padding):
        better = _insert(better, [dice.pick(repairs.PADDING)])
    if dice.chance(traits.slip):
        better = better.replace(SLOT, "").rstrip()
    if dice.chance(0.15):
        better = FINAL_LABEL.sub("#Final Rewritten Instruction#", better)
    if dice.chance(0.04):
        return better, "stop"
    if dice.chance(0.04):
        better = method
    return f"```Optimized Method\n{better}\n```", "stop"


def _parts(prompt: str) -> tuple[str, str]:
    """Cut an improvement prompt into feedback and method; without labels the whole prompt is both."""
    head, found, method = prompt.rpartition("\n#Method#:\n")
    if not found:
        return prompt, prompt.strip()
    return head.rpartition("#Feedback#:\n")[2].strip(), method.strip()


def _wanted(feedback: str) -> list[str]:
    """Clauses that answer the reasons named in the feedback, the most frequent reason first."""
    counts = {reason: len(sign.findall(feedback)) for reason, sign in repairs.SIGNS.items()}
    named = sorted(
        (reason for reason in counts if counts[reason]), key=lambda reason: (-counts[reason], reason)
    )
    clauses: Iterable[str] = (clause for reason in named for clause in repairs.REMEDIES[reason])
    return list(dict.fromkeys(clauses))[:MOST_CLAUSES]


def _add(method: str, clause: str, dice: Dice) -> str:
    """Add a clause, as a step with a label of its own or as a sentence."""
    sentence = dice.pick(repairs.CLAUSES[clause])
    numbers = [int(number) for _, number in _STEP_LINE.findall(method)]
    if not numbers or max(numbers) >= MOST_STEPS or dice.chance(0.4):
        return _insert(method, [sentence])
    last, label = max(numbers), repairs.LABELS[clause]
    if label in method:
        return _insert(method, [sentence])
    lines, described = [], False
    for line in method.split("\n"):
        match = _STEP_LINE.match(line)
        if match and int(match[2]) == last:
            step = (
                f"Step {last} {label}:\n(the outcome)\n"
                if described
                else f"Step {last}: {sentence} Give it as the {label}."
            )
            lines.append(step)
            line = f"{match[1]}{last + 1}{line[match.end() :]}"
            described = True
        lines.append(line)
    return "\n".join(lines)


def _reinforce(method: str, dice: Dice) -> str:
    """Say once more what the method says already: longer, no better."""
    return _insert(method, [dice.pick(repairs.REMINDERS)]) if dice.chance(0.5) else method


def _insert(method: str, paragraphs: list[str]) -> str:
    """Put paragraphs before the reply format, else before the slot, else at the end."""
    lines = method.split("\n")
    for sign in ("reply strictly", "reply exactly", "#instruction#:", SLOT):
        for index, line in enumerate(lines):
            if line.strip().lower().startswith(sign):
                return "\n".join([*lines[:index], *paragraphs, "", *lines[index:]])
    return "\n".join([method, "", *paragraphs])
