"""The simulated evolver: a harder version of the parent, or one of the failures, in the format asked for.

Source of the failure kinds: Zeng et al. 2024, arXiv:2406.00770, section 3; the rates are assumptions.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from evobuild.core.chat import Finish
from evobuild.simulation import words
from evobuild.simulation.method import Method, parse_method
from evobuild.simulation.rates import Traits
from evobuild.simulation.rng import Rng
from evobuild.simulation.subject import Subject, subject_of
from evobuild.simulation.words import fill_template, new_instruction

OPERATIONS = ("constraints", "deepening", "concretizing", "reasoning")
_INPUT_LABEL = "#Input#:"
_SWOLLEN_BYTES = 3600  # that a swollen evolution adds at least: some 500 words
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "।", "`", ")", '"', "؟", "”", "»", "…")
_BLOCK_END = re.compile(r"(?:```|[}\]>;|])\s*\Z")
_CONTENT = re.compile(r"```.*?(?:```|\Z)|^[ \t]*\|.*\|[ \t]*$|\d+(?:[.,]\d+)*", re.DOTALL | re.MULTILINE)
_SENTENCE_BREAK = re.compile(r"(?<=[.?!])\s+|(?<=[。？！])|\n")
_SLOT = re.compile(r"\{\w\}")


def split_prompt(prompt: str) -> tuple[str, str, str]:
    """Cut a prompt into what stands before the instruction, the instruction, and its input.

    A prompt without the labels of this project is instruction as a whole.
    """
    head, found, given = prompt.rpartition("#Instruction#:\n")
    instruction, _, context = given.partition(f"\n{_INPUT_LABEL}\n")
    return (head, instruction.strip(), context.strip()) if found else (prompt, prompt, "")


class _Work(NamedTuple):
    """What every part of a reply is written from."""

    parent: str
    subject: Subject
    traits: Traits
    rng: Rng


def evolve_instruction(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Reply to an evolving prompt: text and finish reason."""
    head, parent, context = split_prompt(prompt)
    method = parse_method(head.partition("#Conversation#:\n")[0])
    kind, work = rng.kind(method.failures[traits.name]), _Work(parent, subject_of(parent), traits, rng)
    operation = method.operation or rng.pick(OPERATIONS)
    text = _failed(work, kind)
    text = _evolved(work, kind, operation) if text is None else text
    if operation == "complicate_input" and not kind:
        data = "\n\n".join(filter(None, (context, _data(work))))
        text = f"{text}\n\n{_INPUT_LABEL}\n{data}"
    if kind == "unparsable":
        forms = ("#New Instruction#:\n{t}", "{t}") if method.label and rng.chance(0.6) else words.CHATTER
        return fill_template(rng.pick(forms), t=text), "stop"
    if method.label:
        text = _with_steps(work, method, text)
    if kind == "truncated":
        return text[: int(len(text) * (0.3 + 0.5 * rng.number()))], "length"
    return text, "stop"


def _failed(work: _Work, kind: str) -> str | None:
    """Write what comes of those failures that do not begin as an evolution, None of the others."""
    phrases, rng = work.subject.vocabulary, work.rng
    if kind in ("unchanged", "empty"):
        return work.parent if kind == "unchanged" else ""
    if kind == "translated":
        other = words.CHINESE if work.subject.language == "en" else words.ENGLISH
        return new_instruction(other, work.subject.domain, rng)
    if kind not in phrases.failing:
        return None
    said = _filled(work, rng.pick(phrases.failing[kind]))
    return _joined(work, _SENTENCE_BREAK.split(work.parent, maxsplit=1)[0], said) if kind == "lost" else said


def _evolved(work: _Work, kind: str, operation: str) -> str:
    """Write an evolution, with what spoils it, if anything does."""
    subject, rng, text = work.subject, work.rng, work.parent
    if kind == "dropped":
        text = _CONTENT.sub("several" if subject.language == "en" else "…", text)
    if operation == "breadth":
        least, text = 0.75 * min(len(text), 900), new_instruction(subject.vocabulary, subject.domain, rng)
        new = work._replace(subject=subject._replace(words=("result",)))
        for _ in range(4):
            text = text if len(text) >= least else _harder(new, text, operation)
    else:
        for _ in range({"one": 1, "two": 2}.get(rng.kind(work.traits.requirements), 3)):
            text = _harder(work, text, operation)
    if kind == "swollen":
        extra = subject.vocabulary.glue.join(_filled(work, each) for each in _additions(subject, ""))
        times = -(-_SWOLLEN_BYTES // len(extra.encode("utf-8", "replace")))
        return _joined(work, text, subject.vocabulary.glue.join([extra] * times))
    return fill_template(rng.pick(words.ECHOES), t=text) if kind == "echoed" else text


def _additions(subject: Subject, operation: str) -> tuple[str, ...]:
    additions = subject.vocabulary.additions
    return additions.get(operation) or tuple(each for some in additions.values() for each in some)


def _harder(work: _Work, text: str, operation: str) -> str:
    """Add a requirement that the text does not hold yet, of this operation as long as there is one."""
    for templates in (_additions(work.subject, operation), _additions(work.subject, "")):
        start = work.rng.below(len(templates))
        for template in templates[start:] + templates[:start]:
            if max(_SLOT.split(template), key=len)[1:] not in text:
                return _joined(work, text, _filled(work, template))
    return text


def _filled(work: _Work, template: str) -> str:
    return fill_template(template, w=work.rng.pick(work.subject.words), k=3 + work.rng.below(7))


def _joined(work: _Work, text: str, sentence: str) -> str:
    text = text.rstrip().rstrip(":：,;")
    if not text or _BLOCK_END.search(text):
        return f"{text}\n\n{sentence}".lstrip()
    stop = "" if text.endswith(_SENTENCE_ENDS) else work.subject.vocabulary.stop
    return f"{text}{stop}{work.subject.vocabulary.glue}{sentence}"


def _data(work: _Work) -> str:
    """Make up structured data on the words of an instruction, so that it is in the language of either."""
    form = work.rng.pick(("| {} {} | {} |", "{} {};{}"))
    count, word = work.rng.below, work.rng.pick
    rows = [form.format(word(work.subject.words), place, count(990)) for place in range(1, 4 + count(4))]
    return "\n".join(["| # | 1 |", "|---|---|", *rows] if form[0] == "|" else rows)


def _with_steps(work: _Work, method: Method, child: str) -> str:
    """Write the labelled steps that a method asks for, the new instruction after the last label."""
    parts: list[str] = []
    for number, label in method.steps:
        body = _filled(work, words.STEPS[len(parts) > 1]) if parts else _ways(work)
        body = (child or work.parent) if "Rewritten" in label else body
        parts.append(f"Step {number} {label}:\n{body}" if label else f"Step {number}: {body}")
    before, after = f"Step {method.last} " if method.last else "", " " if work.rng.chance(0.1) else "\n"
    return "\n\n".join([*parts, f"{before}{method.label}:{after}{child}"])


def _ways(work: _Work) -> str:
    """List four ways to make an instruction harder: stock ones in turn, or about its subject."""
    start, ways = work.rng.below(len(words.WAYS)), []
    for place in range(1, 5):
        stock = words.WAYS[(start + place) % len(words.WAYS)]
        way = work.rng.pick(words.WAYS_OF_SUBJECT) if work.rng.chance(work.traits.invents) else stock
        ways.append(f"{place}. {_filled(work, way)}")
    return "\n".join(ways)
