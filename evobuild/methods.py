"""Evolving methods: prompts that an optimizer writes, with a slot for the instruction to evolve.

A method is data. Its slot is the literal `{instruction}`, filled by replacement, never by a
template engine; where an optimizer lost it, it is put back. The reply to a method ends with the
evolved instruction after a label. After: Zeng et al. 2024, arXiv:2406.00770.
"""

from __future__ import annotations

import hashlib
import re

from evobuild.prompts import render
from evobuild.tables import Instruction

SLOT = "{instruction}"
_SLOT = re.compile(r"\{\{?\s*(?:the\s+)?instruction\s*\}?\}|<\s*instruction\s*>", re.IGNORECASE)
_STEP = re.compile(r"^[ \t>*_`#]*step[ \t]*(\d+)\b", re.IGNORECASE | re.MULTILINE)
_NAME = r"final(?:ly)?[ _]rewritten[ _](?:instruction|prompt)"
# A label begins its line, perhaps after its step's number; the hashes may be those of a heading.
_FINAL = re.compile(
    rf"^[ \t>*_`#]*(?:step[ \t]*\d+\W*)?{_NAME}[ \t]*(?:#[*_]*[ \t]*:?|[*_]*[ \t]*(?::|$))(?:[*_]+(?=\s))?",
    re.IGNORECASE | re.MULTILINE,
)
_FINAL_WITHIN = re.compile(rf"#\s*{_NAME}\s*#[*_]*[ \t]*:?(?:[*_]+(?=\s))?", re.IGNORECASE)
_OPENING = re.compile(
    r"```[ \t]*(?:\w*[ \t]*\r?\n)?[ \t#*]*optimi[sz]ed[ _-]?method[ \t#*]*:?[ \t*]*\r?\n", re.IGNORECASE
)
_CLOSING = re.compile(r"^[ \t]*```[ \t]*$", re.MULTILINE)
_LABEL = "#Instruction#:"
_LOST_SLOT = re.compile(r"\s*#\s*instruction\s*#\s*:?\s*\Z", re.IGNORECASE)
_AROUND = (("**", "**"), ('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’"), ("«", "»"), ("「", "」"))


def initial(name: str) -> str:
    """The method that optimization starts from: e0 or weak."""
    return with_slot(render("evolve/weak.jinja") if name == "weak" else render("evolve/e0.jinja"))


def digest(method: str) -> str:
    """Name a method by its text: 12 hex digits."""
    return hashlib.blake2b(method.encode(), digest_size=6).hexdigest()


def with_slot(method: str) -> str:
    """Give a method exactly one instruction slot: the last that it has, or a new one at its end.

    Instances: "{{ Instruction }}" and "<instruction>" are slots where no "{instruction}" stands.
    """
    found = list(re.finditer(rf"(?<!\{{){re.escape(SLOT)}(?!\}})", method)) or list(_SLOT.finditer(method))
    if not found:
        return f"{_LOST_SLOT.sub('', method).rstrip()}\n\n{_LABEL}\n{SLOT}"
    head, tail = method[: found[-1].start()], method[found[-1].end() :]
    return SLOT.join(_SLOT.sub("the instruction", part) for part in (head, tail))


def fill(method: str, row: Instruction) -> str:
    """Put a row into a method's slot: its conversation so far, its instruction, its input."""
    before, _, after = method.rpartition(SLOT)
    if row.history:
        talk = "\n".join(f"{role}: {content}" for role, content in row.history)
        labelled = before.rstrip().endswith(_LABEL)
        place = before.rfind(_LABEL) if labelled else before.rfind("\n") + 1
        before = f"{before[:place]}#Conversation#:\n{talk}\n\n{before[place:]}"
    given = f"\n\n#Input#:\n{row.input}" if row.input else ""
    return f"{before}{row.instruction}{given}{after}"


def read_evolved(reply: str) -> str | None:
    """Take the evolved instruction out of a reply to a method; None if no final label stands in it.

    It follows the last final label, on the same line or below, without fences, quotes or markdown
    around the whole of it. A later step, if the model wrote one, is not part of it; steps that the
    instruction itself counts from 1 are.
    """
    found = list(_FINAL.finditer(reply)) or list(_FINAL_WITHIN.finditer(reply))
    if not found:
        return None
    text = reply[found[-1].end() :]
    steps = [int(step[1]) for step in _STEP.finditer(reply[: found[-1].end()])]
    later = _STEP.search(text)
    if later and int(later[1]) > (steps[-1] if steps else 1):
        text = text[: later.start()]
    return bare(text)


def bare(text: str) -> str:
    """Take off what models put around a text: blank space, a fence, quotes or asterisks around all of it."""
    text = text.strip()
    # Only a fence around everything is a wrapper; two fenced blocks are content. So with quotes.
    fenced = re.fullmatch(r"```[\w+-]*\r?\n(.*)\n```", text, re.DOTALL)
    if fenced and "```" not in fenced[1]:
        return bare(fenced[1])
    for opening, closing in _AROUND:
        inner = text.removeprefix(opening).removesuffix(closing)
        is_around = inner and text == opening + inner + closing
        if is_around and opening not in inner and closing not in inner:
            return bare(inner)
    return text


def read_method(reply: str) -> str | None:
    """Take an improved method out of an optimizer's fence; None if there is no such fence or it is empty."""
    found = list(_OPENING.finditer(reply))
    if not found:
        return None
    text = reply[found[-1].end() :]
    # The last closing fence: a method may show the fences of its reply format.
    closing = list(_CLOSING.finditer(text))
    method = (text[: closing[-1].start()] if closing else text).strip()
    return with_slot(method) if method else None
