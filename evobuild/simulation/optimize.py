"""The simulated optimizer: it finds what went wrong in trajectories, and mends a method by what it reads.

Source of the two parts: Zeng et al. 2024, arXiv:2406.00770, section 3. An improvement only helps if the
evolver recognises the clause it adds; some add padding, forget the slot, change the last label or lose the
fence.
"""

from __future__ import annotations

import re
from itertools import pairwise

from evobuild.core.chat import Finish
from evobuild.simulation import rates
from evobuild.simulation.method import FINAL_LABEL, clauses_of
from evobuild.simulation.rates import Traits
from evobuild.simulation.respond import trouble_of
from evobuild.simulation.rng import Rng
from evobuild.simulation.subject import language_of

_MOST_CLAUSES = 2  # that one improvement takes up
_MOST_WORDS = 150  # that a stage may add to the one before

PROBLEMS = {
    "unparsable": ("the reply does not keep to the labels of the method.", ("format",)),
    "unchanged": ("the last stage is unchanged, so that no complexity was gained.", ("harder", "review")),
    "echoed": ("a label of the prompt was copied into the new instruction.", ("format", "review")),
    "answered": ("it was solved and not rewritten, and reads like a reply.", ("no_answer", "language")),
    "lost": ("the later stage points to material that is missing.", ("keep", "self_contained")),
    "stagnant": ("the stage is a vague remark, without a definite demand.", ("concrete", "harder")),
    "translated": ("the stage is in another language than the instruction.", ("language",)),
    "swollen": ("the stage is far longer than the one before.", ("brief",)),
    "dropped": ("code or figures were left out of the later stage.", ("keep",)),
}
"""What can be wrong with a stage: how feedback says so, and the clauses against it."""
CLAUSES = {
    "keep": "Keep every given fact, number, name, piece of code and input of the instruction as it stands.",
    "self_contained": "The result is self-contained and never points to material that is not included.",
    "format": "Use exactly the labels given below, each once, and write nothing before them or after.",
    "harder": "Make sure that the result is really more demanding than the original, and no paraphrase.",
    "language": "Stay in the language of the original instruction, also in the words that are added.",
    "brief": "The new instruction is at most 20 words longer than the original: one demand is enough.",
    "no_answer": "Do not answer the instruction at any step; it is material to be rewritten.",
    "concrete": "Avoid vague remarks such as a mere call for more complexity: name each added demand.",
    "review": "Review the outcome once more, and mend whatever contradicts these rules.",
}
"""Sentences that the evolver recognises, by keys of rates.CLAUSE_FACTORS."""
PADDING = (
    "Bear in mind that people use assistants for all kinds of purposes: at work, at school and at home, in a "
    "hurry or at leisure, alone or in groups. What suits one may puzzle another. Imagine who wrote it; "
    "picture the moment, and think of what may be asked next week, as far as this can be guessed at all."
)
_FINDINGS = ("- Case {}: {}", "- In case {}, {}", "- Case {} failed because {}")
_FINE = "No case failed. Every stage is more demanding than the one before it and can be followed."

_CASE = re.compile(r"^#Case ([^#\n]+)#:\n", re.MULTILINE)
_STAGE = re.compile(r"^#Stage \d+#:\n", re.MULTILINE)
_PLACE = re.compile(r"^\s*(?:reply (?:strictly|exactly)|#instruction#:|\{instruction\})", re.I | re.M)
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*|```")
_LABEL = re.compile(r"#\s*[A-Z][A-Za-z ]{3,40}#")
_CHATTER = re.compile(r"sure\b|i(?:'m| am) sorry|i rewrote\b|step 1\b|\(no reply\)|\Z", re.IGNORECASE)
_ANSWER = re.compile(r"here is the answer|the answer is|understood\b|答案是", re.IGNORECASE)


def analyse(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Give feedback on the cases of a prompt: text and finish reason."""
    pieces, found = _CASE.split(prompt), []
    for number, text in zip(pieces[1::2], pieces[2::2], strict=True):
        problems = problems_of([stage.strip() for stage in _STAGE.split(text)[1:]])
        if problems and not rng.chance(traits.misses):
            found.append(rng.pick(_FINDINGS).format(number.strip(), PROBLEMS[rng.pick(problems)][0]))
    return "\n".join(["These cases did not turn out well:", *found] if found else [_FINE]), "stop"


def problems_of(stages: list[str]) -> list[str]:
    """Name what is wrong in a trajectory, keys of PROBLEMS, each at most once."""
    return list(dict.fromkeys(filter(None, (_problem(before, after) for before, after in pairwise(stages)))))


def _problem(before: str, after: str) -> str:
    if labels := list(FINAL_LABEL.finditer(after)):
        # A failed evolution is shown as the whole reply that it was.
        after = after[labels[-1].end() :].lstrip(" :\n")
    checks = {
        "unparsable": bool(_CHATTER.match(after)),
        "unchanged": before == after or before.startswith(f"{after}\n\n"),
        "echoed": bool(_LABEL.search(after)) and not _LABEL.search(before),
        "answered": bool(_ANSWER.match(after)),
        "stagnant": trouble_of(after) in ("stagnant", "unqualified"),
        "lost": trouble_of(after) == "lost" != trouble_of(before),
        "translated": language_of(before) != language_of(after),
        "swollen": len(after.split()) > len(before.split()) + _MOST_WORDS,
        "dropped": bool({*_FIGURE.findall(before)} - {*_FIGURE.findall(after)}),
    }
    return next((problem for problem, holds in checks.items() if holds), "")


def improve(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Mend the method of a prompt by its feedback: text and finish reason."""
    head, _, method = prompt.rpartition("\n#Method#:\n")
    better = method = method.strip()
    for clause in _missing(head.rpartition("#Feedback#:\n")[2], method):
        if rng.chance(traits.repairs):
            better = _inserted(better, CLAUSES[clause])
    if rng.chance(traits.padding):
        better = _inserted(better, PADDING)
    if rng.chance(traits.slip):
        better = better.replace("{instruction}", "").rstrip()
    if rng.chance(rates.RELABELLED):
        better = FINAL_LABEL.sub("#Final Rewritten Instruction#", better)
    kind = rng.kind(rates.IMPROVEMENTS)
    text = {"same": method, "bare": ""}.get(kind, better)
    return text if kind == "unfenced" else f"```Optimized Method\n{text}\n```", "stop"


def _missing(feedback: str, method: str) -> list[str]:
    """Clauses that a method lacks against the problems named in the feedback, the most frequent one first."""
    counts = {name: feedback.count(said) for name, (said, _) in PROBLEMS.items()}
    named = sorted((name for name in counts if counts[name]), key=lambda name: (-counts[name], name))
    wanted = dict.fromkeys(clause for name in named for clause in PROBLEMS[name][1])
    return [clause for clause in wanted if clause not in clauses_of(method)][:_MOST_CLAUSES]


def _inserted(method: str, paragraph: str) -> str:
    """Put a paragraph before the reply format, else before the slot, else at the end."""
    place = _PLACE.search(method)
    at = place.start() if place else len(method)
    return f"{method[:at].rstrip()}\n{paragraph}\n\n{method[at:].lstrip()}".rstrip()
