"""The simulated evolver of AutoIF: it invents constraints, writes verifiers, and says what these check.

Some constraints it does not understand, whoever asks and how often; of these most functions fail. What
attacks would do no harm if it came through: it looks at things and leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from evobuild.core.chat import Finish
from evobuild.simulation import constraints, rates
from evobuild.simulation.constraints import STOCK, Constraint, as_function, find_constraint
from evobuild.simulation.rates import Traits
from evobuild.simulation.rng import Rng, rng_of_text

_COUNT = re.compile(r"^Invent (\d{1,6}) ", re.MULTILINE)
_EXAMPLE = re.compile(r"^- (.+)$", re.MULTILINE)
_MOST_LINES = 200
_NO_REPLIES = {
    "empty": "",
    "refused": "These constraints cover most of what can be measured. Where should new ones go?",
    "talk": "It is hard to measure this with a function. Shall I split the answer into words first?",
}
_LINES = {
    "subjective": (
        *("Write in a warm and encouraging tone.", "Sound like an expert.", "Show some empathy."),
        *("Be honest about what you do not know.", "Keep a professional style.", "Use vivid images."),
    ),
    "odd": ("Alternate between long and short sentences.", "Use an even number of words.", "Let it rhyme."),
    "no constraint": ("**Length**", "Brevity", "What about rhymes?", f"Write it {'very, ' * 60}very well."),
}
_FOREIGN = ("nltk.sent_tokenize(response)", "numpy.array(response.split())", "textstat.syllables(response)")
_PROGRAMS = {
    "raising": ("return bool(response.splitlines()[999])", "return int(response) > 0", "return words > 0"),
    "unsuitable": ("return (word for word in response.split())", "return object()"),
    "hanging": ("while True:\n    response += ' '\n    response = response.strip()",),
    "hostile": (
        'import os\nos.system("id")\nreturn True',
        'with open("/etc/passwd") as file:\n    return "root" in file.read()',
        'import socket\nsocket.create_connection(("192.0.2.1", 80), timeout=0.1)\nreturn True',
        "print('[\"value\", true]', flush=True)\nraise SystemExit(0)",
    ),
}
_NEAR = {"at least": "more than", "at most": "under", "under": "at most"}
_BREAK = re.compile(r"(?<!\\)\\n")  # as JSON writes it, not the two characters for one that may stand in code
_LITERAL = re.compile(r"[\"']([^\"'\n]{2,40})[\"']")


def invent_constraints(_: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Invent as many constraints as a prompt asks for: text and finish reason."""
    asked, kind = _COUNT.search(prompt), rng.kind(rates.INVENTIONS)
    shown = _EXAMPLE.findall(prompt.rpartition("#Constraints#:\n")[2])
    if kind in _NO_REPLIES:
        return _NO_REPLIES[kind], "stop"
    count = min(int(asked[1]) if asked else 10, _MOST_LINES) + (kind == "one more")
    form = {"numbered": "{}. ", "starred": "* ", "bare": ""}.get(rng.kind(rates.INVENTED_FORMS), "- ")
    text = "\n".join(f"{form.format(place)}{_line(shown, rng)}" for place in range(1, count + 1))
    if kind == "cut":
        return text[: -8 - rng.below(12)], "length"
    return f"Here are the new constraints:\n\n{text}\n\nI can go on." if kind == "framed" else text, "stop"


def _line(shown: Sequence[str], rng: Rng) -> str:
    kind = rng.kind(rates.INVENTED)
    if kind in _LINES:
        return rng.pick(_LINES[kind])
    text = rng.pick(shown) if kind and shown else constraints.draw_constraint(rng).wording
    return f"{text.rstrip('.')} in your answer." if kind == "nearly" else text


def write_verifier(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Write a verifier of the constraint of a prompt, a function and cases: text and finish reason."""
    text = prompt.rpartition("#Constraint#:\n")[2].strip()
    known = find_constraint(text)
    is_misread = rng_of_text(text).chance(traits.misread if known else traits.misread_unknown)
    constraint = known or constraints.guess_constraint(text)
    kind = rng.kind(rates.MISREAD_FUNCTIONS if is_misread else rates.FUNCTIONS)
    remark = text if rng.chance(rates.REMARKED) and len(text.splitlines()) == 1 else ""
    written: dict[str, object] = {"func": _function(kind, constraint, remark, rng)}
    cases, failure = _cases(constraint, is_misread, rng), rng.kind(rates.VERIFIERS)
    if failure in _NO_REPLIES:
        return _NO_REPLIES[failure], "stop"
    reply = _formed(written if failure == "caseless" else written | {"cases": cases}, rng)
    if failure == "cut":
        return reply[: int(len(reply) * (0.4 + 0.5 * rng.number()))], "length"
    return reply, "stop"


def _function(kind: str, constraint: Constraint, remark: str, rng: Rng) -> str:
    sound = constraint.function(remark)
    match kind:
        case "wrong":
            near = _NEAR.get(constraint.relation, "at least") if constraint.relation else ""
            first = "" if near else "response = response[:40]"
            return constraint._replace(relation=near).function(remark, first)
        case "foreign":
            call = rng.pick(_FOREIGN)
            return f"import {call.partition('.')[0]}\n\n{as_function(f'return bool({call})')}"
        case "arguments":
            return sound.replace("(response):", "(response, limit):", 1)
        case "misnamed":
            return sound.replace("def evaluate", rng.pick(("def check", "def verify")), 1)
        case "twofold":
            return f"{sound}\n\n\n{sound}"
        case "syntax":
            return rng.pick((sound.replace("):\n", ")\n", 1), sound.replace("return ", "return (", 1)))
    return as_function(rng.pick(_PROGRAMS[kind])) if kind else sound


def _cases(constraint: Constraint, is_misread: bool, rng: Rng) -> list[dict[str, object]]:
    """Give three cases: one that keeps the constraint, one that breaks it, and one of either."""
    cases: list[tuple[str, bool]] = []
    for verdict in (True, False, rng.chance(0.5)):
        answer = f"{rng.pick(STOCK)} {rng.pick(STOCK)}"
        text = constraint.keep(answer) if verdict else constraint.broken(answer)
        cases.append((text, verdict != rng.chance(rates.WRONG_CASES[is_misread])))
    if rng.chance(rates.CONTRADICTIONS):
        cases[2] = (cases[0][0], not cases[0][1])
    spellings = {"True": ("False", "True"), "true": ("false", "true"), "maybe": ("maybe", "maybe")}
    outputs = spellings.get(rng.kind(rates.BOOLEANS), (False, True))
    return [{"input": text, "output": outputs[said]} for text, said in cases]


def _formed(written: dict[str, object], rng: Rng) -> str:
    text = json.dumps(written, ensure_ascii=False, indent=rng.pick((None, 2)))
    forms = {
        "raw": _BREAK.sub("\n", text),
        "escaped": _BREAK.sub(r"\\\\n", text),
        "python": repr(written),
        "fenced": f"Here is the function:\n\n```json\n{text}\n```",
    }
    return forms.get(rng.kind(rates.VERIFIER_FORMS), text)


def translate_back(traits: Traits, prompt: str, rng: Rng) -> tuple[str, Finish]:
    """Say what the function of a prompt checks, mostly rightly: text and finish reason."""
    code = prompt.rpartition("#Function#:\n")[2]
    if rng.chance(traits.unrated):
        return "I cannot tell what the function checks.\nIt may be the length.", "stop"
    found, literals = constraints.find_constraint_of_code(code), _LITERAL.findall(code) or ["evaluate"]
    text = found.wording if found else f"Have something to do with '{rng.pick(literals)}' in the answer."
    if rng.chance(rates.CONTRADICTIONS):
        text = f"Never do this: {text[:1].lower()}{text[1:]}"
    return (f"Constraint: {text}" if rng.chance(rates.LED) else text), "stop"
