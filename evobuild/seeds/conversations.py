"""Split conversations into exchanges: a user's turn, the turns before it, and the assistant's reply.

The output is what the assistant says next, up to the next turn of anyone else: where a user is answered by a
tool call it is the call, since the final answer cannot be known without the tool's result. In a history calls
are assistant text and results of tools are user text; a result never becomes an instruction. What follows the
reply to the last user turn is in no exchange. The system prompt, the system turns spoken first and the tools
become one system turn. Of a preference pair the chosen reply answers the last user turn.

Failure is a turn without a known role or without text: it raises BadInput with the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

from evobuild.core.errors import BadInput
from evobuild.core.json_files import compact_json
from evobuild.core.suggestions import unknown_name
from evobuild.seeds.fields import Record, format_fields, json_kind, text_field

Turns = tuple[tuple[str, str], ...]  # (role, content), role being system, user or assistant

ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bing", "bard"), "assistant"),
    **dict.fromkeys(("function_call", "tool_call"), "assistant"),
    **dict.fromkeys(("observation", "tool", "function", "tool_response"), "user"),
    **dict.fromkeys(("system", "developer"), "system"),
}
PEOPLE = ("human", "user")  # the user turns that ask, rather than hand in a tool's result


class Exchange(NamedTuple):
    """A user's turn, the turns before it, and the reply ('' without one)."""

    history: Turns
    instruction: str
    output: str


class Turn(NamedTuple):
    """One turn of a conversation; `asks` is true where a person speaks, rather than a tool's result."""

    role: str
    content: str
    asks: bool


def read_exchanges(record: Record, field: str, place: str) -> Iterator[Exchange]:
    """Return one exchange per user turn; without a user turn, one exchange without instruction."""
    turns = _turns(record, field, place)
    first = next((index for index, turn in enumerate(turns) if turn.role != "system"), len(turns))
    start = join_opening_turns(record, [turn.content for turn in turns[:first]], place)
    told = tuple((turn.role, turn.content) for turn in turns)
    asked = [index for index, turn in enumerate(turns) if turn.asks]
    chosen = _find_chosen_reply(record, place)
    if not asked:
        yield Exchange(start + told[first:], "", chosen or "")
    for index in asked:
        output = chosen if chosen is not None and index == asked[-1] else _reply(turns[index + 1 :])
        yield Exchange(start + told[first:index], turns[index].content, output)


def _turns(record: Record, field: str, place: str) -> list[Turn]:
    """Read the list of turns that a record holds."""
    said = record.get(field)
    if not isinstance(said, list):
        found = f"'{field}' is {json_kind(said)}" if field in record else f"lacks '{field}'"
        raise BadInput(f"{place}: {found}; expected a list of turns; its fields are {format_fields(record)}")
    return [_turn(turn, f"{place}: {field}[{index}]") for index, turn in enumerate(said)]


def join_opening_turns(record: Record, spoken: Iterable[str], place: str) -> Turns:
    """Join the system prompt, system turns spoken first, and the tools, into at most one turn."""
    tools = record.get("tools") or ""
    listing = tools if isinstance(tools, str) else compact_json(tools, place)
    parts = [text_field(record, ("system",), place), *spoken]
    if listing.strip() not in ("", "[]"):
        parts.append(f"Available tools:\n{listing}")
    content = "\n\n".join(part for part in parts if part)
    return (("system", content),) if content else ()


def _turn(turn: object, place: str) -> Turn:
    """Read one turn: its role under `from` or `role`, its text under `value` or `content`."""
    if not isinstance(turn, dict):
        raise BadInput(f"{place} is {json_kind(turn)}; expected a turn, an object with a role and text")
    name = text_field(turn, ("from", "role"), place)
    if name not in ROLES:
        if name:
            raise BadInput(f"{place}: {unknown_name('role', name, ROLES)}")
        found = f"no role, its fields are {format_fields(turn)}"
        raise BadInput(f"{place} has {found}; expected 'from' or 'role'")
    content = next((turn[key] for key in ("value", "content") if turn.get(key) is not None), None)
    calls = turn.get("tool_calls") or turn.get("function_call")
    parts = [] if content is None else [_join_content(content, place)]
    if calls:
        parts.append(compact_json(calls, place))
    if not parts:
        raise BadInput(
            f"{place} has no text, its fields are {format_fields(turn)}; expected 'value' or 'content'"
        )
    return Turn(ROLES[name], "\n".join(part for part in parts if part), name in PEOPLE)


def _join_content(content: object, place: str) -> str:
    """Join the text of a turn: text itself, or a list of parts {type: text, text | value}."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadInput(f"{place}: the content is {json_kind(content)}; expected text or a list of parts")
    for part in content:
        if not isinstance(part, dict):
            raise BadInput(f"{place}: a content part is {json_kind(part)}; expected an object of type 'text'")
        if (part.get("type") or "text") != "text":
            found = f"of type {str(part['type'])[:40]!r}"
            raise BadInput(f"{place}: a content part is {found}; only parts of type 'text' can be read")
        if part.get("text") is None and part.get("value") is None:
            raise BadInput(
                f"{place}: a content part has no text, its fields are {format_fields(part)}; expected 'text'"
            )
    return "".join(text_field(part, ("text", "value"), place) for part in content)


def _reply(turns: Iterable[Turn]) -> str:
    """Join what the assistant says next, up to the turn of anyone else."""
    return "\n\n".join(turn.content for turn in takewhile(lambda turn: turn.role == "assistant", turns))


def _find_chosen_reply(record: Record, place: str) -> str | None:
    """Find the preferred reply of a preference pair: text, a turn, or a list of turns that it ends."""
    chosen = record.get("chosen")
    if chosen is None or isinstance(chosen, str):
        return chosen
    last = chosen[-1] if isinstance(chosen, list) and chosen else chosen
    turn = _turn(last, f"{place}: 'chosen'")
    if turn.role != "assistant":
        raise BadInput(f"{place}: 'chosen' is a turn of the {turn.role}; expected the assistant's reply")
    return turn.content
