"""Define evolving methods: prompts that an optimizer writes, with a slot for the instruction to evolve.

A method is data, because a model wrote it: its slot is the literal `{instruction}`, filled by replacement,
never by a template engine. A slot that an optimizer dropped is restored. The reply to a method ends with the
evolved instruction after a label. After: Zeng et al. 2024, arXiv:2406.00770.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.core.text_files import read_text
from evobuild.evolution.params import INITIAL_METHODS
from evobuild.text import assistant_phrases

SLOT = "{instruction}"
_COMMENT = re.compile(r"\A\{#.*?#\}\s*", re.DOTALL)
_SLOT = re.compile(r"\{\{?\s*(?:the\s+)?instruction\s*\}?\}|<\s*instruction\s*>", re.IGNORECASE)
_STEP = re.compile(r"^[ \t>*_`#]*step[ \t]*(\d{1,9})\b", re.IGNORECASE | re.MULTILINE)
_NAME = r"final(?:ly)?[ _]+rewritten[ _]+(?:instruction|prompt)"
# Matched in lower case. A label begins its line, perhaps after a step number; its hashes may be a heading's.
_FINAL = re.compile(
    rf"[ \t>*_`#-]*(?:step[ \t]*\d+\W*)?{_NAME}"
    r"[ \t]*(?:#[*_`]*[ \t]*[:：]?|[*_`]*[ \t]*(?:[:：]|$))(?:[*_`]+(?=\s))?",
    re.MULTILINE,
)
# Within a sentence a colon or the line's end has to follow: otherwise the sentence only mentions the label.
_FINAL_WITHIN = re.compile(
    rf"#\s*{_NAME}\s*#[*_`]*[ \t]*(?:is[ \t]*)?(?:[:：]|$)(?:[*_`]+(?=\s))?", re.MULTILINE
)
_ANY_LABEL = re.compile(r"#[ \t]{0,8}[A-Za-z][\w ]{2,40}#")
_OPENING = re.compile(
    r"```[ \t]*+(?:\w*+[ \t]*+\r?\n)?[ \t#*]*+optimi[sz]ed[ _-]?method[ \t#*]*+(?::[ \t*]*+)?\r?\n",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"^[ \t]*```[ \t]*$", re.MULTILINE)
_LABEL = "#Instruction#:"
_LOST_SLOT = re.compile(r"#\s*+instruction\s*+#\s*+:?\Z", re.IGNORECASE)
_FENCED = re.compile(r"```[\w+-]*\r?\n(.*)\n```", re.DOTALL)
_AROUND = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "「": "」", "**": "**"}


class Unparsable(ValueError):
    """A reply without the expected content; the message says what is missing."""


def named_method(name: str, file: str) -> str:
    """Read a method by its name in params: e0, weak, `file` for the given file, or a path.

    Raises BadInput, see `read_method_file`.
    """
    if name in INITIAL_METHODS:
        return render_initial_method(name)
    return read_method_file(Path(file if name == "file" else name))


def render_initial_method(name: str) -> str:
    """Render a shipped method: e0 or weak."""
    return normalise_slot(
        render_prompt("evolve/weak.jinja") if name == "weak" else render_prompt("evolve/e0.jinja")
    )


def read_method_file(path: Path) -> str:
    """Read a method from a file and normalise its slot.

    The opening comment of a template does not belong to the method.

    Raises BadInput if the file is not UTF-8 text, or holds nothing but a slot.
    """
    text = read_text(path).strip()
    if path.suffix == ".jinja":
        text = _COMMENT.sub("", text)
    method = normalise_slot(text)
    if not method.replace(SLOT, "").replace(_LABEL, "").strip():
        found = f"holds only {text!r}" if text else "is empty"
        raise BadInput(f"{path}: {found}; expected a method, the prompt that says how to evolve {SLOT}")
    return method


def method_digest(method: str) -> str:
    """Return the digest that names a method: 12 hex digits of its text."""
    return hashlib.blake2b(method.encode(), digest_size=6).hexdigest()


def normalise_slot(method: str) -> str:
    """Give a method exactly one instruction slot: its last one, or a new one at its end.

    "{{ Instruction }}" and "<instruction>" are slots if there is no "{instruction}".
    """
    found = list(re.finditer(rf"(?<!\{{){re.escape(SLOT)}(?!\}})", method)) or list(_SLOT.finditer(method))
    if not found:
        return f"{_LOST_SLOT.sub('', method.rstrip()).rstrip()}\n\n{_LABEL}\n{SLOT}"
    head, tail = method[: found[-1].start()], method[found[-1].end() :]
    return SLOT.join(_SLOT.sub("the instruction", part) for part in (head, tail))


def fill_method(method: str, row: Instruction) -> str:
    """Fill a method's slot with a row: its conversation so far, its instruction, its input."""
    before, _, after = method.rpartition(SLOT)
    if row.history:
        talk = "\n".join(f"{role}: {content}" for role, content in row.history)
        labelled = before.rstrip().endswith(_LABEL)
        place = before.rfind(_LABEL) if labelled else before.rfind("\n") + 1
        before = f"{before[:place]}#Conversation#:\n{talk}\n\n{before[place:]}"
    given = f"\n\n#Input#:\n{row.input}" if row.input else ""
    return f"{before}{row.instruction}{given}{after}"


def read_evolved_instruction(reply: str) -> str:
    """Extract the evolved instruction from a reply to a method.

    It follows the last final label, on the same line or below, without the wrapping that models add
    (`extract_instruction`). A later step of the reply does not belong to it; steps that the instruction
    itself numbers from 1 do.

    Raises Unparsable if the reply has no final label, or talks about the rewriting after it.
    """
    end = _find_label_end(reply)
    text = reply[end:]
    later = _STEP.search(text) if "tep" in text or "TEP" in text else None
    if later:
        steps = _STEP.findall(reply[:end])
        if int(later[1]) > (int(steps[-1]) if steps else 1):
            text = text[: later.start()]
    return extract_instruction(text)


def _find_label_end(reply: str) -> int:
    """Find the end of the last final label; one at the beginning of a line wins over one within."""
    # Only İ gets longer in lower case, which would shift positions.
    lowered = reply.replace("İ", "I").lower()
    place = lowered.rfind("rewritten")
    while place >= 0:
        line = lowered.rfind("\n", 0, place) + 1
        if found := _FINAL.match(lowered, line):
            return found.end()
        place = lowered.rfind("rewritten", 0, line)
    if within := list(_FINAL_WITHIN.finditer(lowered)):
        return within[-1].end()
    labels = ", ".join(list(dict.fromkeys(_ANY_LABEL.findall(reply)))[:8])
    raise Unparsable(f"no final label; {f'labels found: {labels}' if labels else 'no label at all'}")


def extract_instruction(reply: str) -> str:
    """Extract a new instruction from a reply that should hold nothing else.

    Removes blank space, a fence, quotes or asterisks around the whole text, a lead-in line, and offers of
    more (`assistant_phrases`).

    Raises Unparsable if the rest still begins by talking about the rewriting.
    """
    text = _unwrap(assistant_phrases.strip_assistant_phrases(_unwrap(reply)))
    if talk := assistant_phrases.find_rewriting_opening(text):
        raise Unparsable(f"talk of the rewriting where the instruction should begin: {talk}")
    return text


def _unwrap(text: str) -> str:
    """Remove the wrapping around a whole text; two fenced blocks or two quotations are content."""
    text = text.strip()
    opening = text[:1] if text[:1] in _AROUND else text[:2]
    if text.startswith("```"):
        fenced = _FENCED.fullmatch(text)
        return _unwrap(fenced[1]) if fenced and "```" not in fenced[1] else text
    if opening not in _AROUND or not text.endswith(_AROUND[opening]):
        return text
    inner = text[len(opening) : -len(opening)]
    return _unwrap(inner) if inner and _AROUND[opening] not in inner else text


def read_improved_method(reply: str) -> str:
    """Extract an improved method from the optimizer's code fence.

    Raises Unparsable if there is no such fence or it is empty.
    """
    found = list(_OPENING.finditer(reply))
    if not found:
        other = "; a fence stands there without the label" if "```" in reply else ""
        raise Unparsable(f"no fence labelled Optimized Method{other}")
    text = reply[found[-1].end() :]
    # Take the last closing fence: a method may contain the fences of its reply format.
    closing = list(_CLOSING.finditer(text))
    method = (text[: closing[-1].start()] if closing else text).strip()
    if not method:
        raise Unparsable("the fence labelled Optimized Method is empty")
    return normalise_slot(method)
