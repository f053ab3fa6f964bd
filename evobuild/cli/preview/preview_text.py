"""Format a preview: each seed row with its children and answers, the cost, and the cost of all rows.

Texts of rows and models are untrusted: each of their lines begins with a bar, control characters are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evobuild.answering.respond import Response
from evobuild.cli.explain.quoting import join_reason, quote_text, to_one_line
from evobuild.cli.plan.number_text import format_number
from evobuild.cli.preview.preview import PoolPreview, Preview
from evobuild.core.conversation import chat_messages
from evobuild.core.instructions import Instruction
from evobuild.core.machine import Machine
from evobuild.core.reasons import NOT_ANSWERED
from evobuild.core.rejects import Reject
from evobuild.evolution.attempts import Attempt
from evobuild.models.usage import Usage
from evobuild.process.terminal import aligned
from evobuild.scoring.rate import Rating

MOST_CHARACTERS = 1500
"""Characters of a text that are shown without --full."""

HEADER = ("role", "asked", "of these stored", "tokens sent", "tokens written", "cost")


def render_preview(found: Preview, template: str, settings: Machine, full: bool) -> str:
    """Format a preview. template: the responder's. full: show whole texts."""
    pages = _Pages(template, full)
    lines = [f"DRY RUN: simulated, no result: {', '.join(found.simulated)}", ""] if found.simulated else []
    lines += [line for number, seed in enumerate(found.seeds, 1) for line in pages.row(found, number, seed)]
    lines += [f"note: {to_one_line(note)}" for note in found.notes]
    lines += ["", *_format_costs(found.usages), *_format_estimate(found, settings)]
    return "\n".join(lines) + "\n"


class _Pages:
    """Formats rows one after the other; a prompt that was shown before is shortened."""

    def __init__(self, template: str, full: bool) -> None:
        self._template = template
        self._full = full
        self._operations: set[str] = set()

    def row(self, found: Preview, number: int, seed: Instruction) -> Iterator[str]:
        """Format a seed row, and its descendants in each pool."""
        yield f"Row {number} of {len(found.seeds)}: {seed.id}, {to_one_line(seed.domain)}"
        for pool in found.pools:
            yield from self._format_pool(pool, seed)
        yield ""

    def _format_pool(self, pool: PoolPreview, seed: Instruction) -> Iterator[str]:
        attempts = [each for each in pool.attempts if each.step.parent.seed_id == seed.id]
        own = [row for row in pool.rows if row.seed_id == seed.id]
        yield f"{pool.name}" + (f", from {pool.parent}" if pool.parent else ", the seed")
        if pool.parent and not attempts:
            yield "  nothing to evolve: its parent was lost"
        for attempt in attempts:
            yield from self._format_attempt(attempt)
        for row in own:
            if not pool.parent:
                yield from self._format_text("instruction", _join_instruction(row))
            yield from self._format_answer(row, [each for each in pool.responses if each.row.id == row.id])
            if row.id in pool.ratings:
                yield f"  difficulty: {_format_rating(pool.ratings[row.id])}"

    def _format_attempt(self, attempt: Attempt) -> Iterator[str]:
        operation = attempt.step.operation
        if isinstance(attempt.result, Reject) and attempt.result.reason == NOT_ANSWERED:
            yield f"  not evolved by {operation}: it shows the parent's answer, and the parent has none"
            return
        if operation in self._operations and not self._full:
            yield f"  asked for an evolution by {operation}, as above"
        else:
            self._operations.add(operation)
            yield from self._format_text(f"asked for an evolution by {operation}", attempt.step.prompt)
        if isinstance(attempt.result, Reject):
            yield from self._format_text("reply", attempt.reply.kept)
            yield f"  FAILED: {to_one_line(join_reason(attempt.result.reason, attempt.result.detail))}"
        else:
            said = _join_instruction(attempt.result)
            if attempt.reply.text.strip() != said:
                yield from self._format_text("reply", attempt.reply.text)
            yield from self._format_text("new instruction", said)

    def _format_answer(self, row: Instruction, responses: Sequence[Response]) -> Iterator[str]:
        if not responses and row.output:
            yield from self._format_text("answer, kept from the seed", row.output)
        for response in responses:
            sent = _format_conversation(row, self._template)
            if sent != _join_instruction(row):
                yield from self._format_text("asked for an answer", sent)
            yield from self._format_text("answer", response.reply.kept)
            if response.failure:
                yield f"  FAILED: {to_one_line(join_reason(response.failure, response.reply.error or ''))}"

    def _format_text(self, title: str, content: str) -> Iterator[str]:
        left = len(content) - MOST_CHARACTERS
        if self._full or left <= 0:
            return quote_text(title, content)
        return quote_text(
            f"{title}, but for {left:,} characters that --full shows", content[:MOST_CHARACTERS]
        )


def _join_instruction(row: Instruction) -> str:
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction


def _format_conversation(row: Instruction, template: str) -> str:
    """Format the conversation sent to the responder; roles are named if it has several turns."""
    *earlier, last = chat_messages(row, template)
    return "\n\n".join([*(f"[{turn.role}] {turn.content}" for turn in earlier), last.content])


def _format_rating(rating: Rating | Reject) -> str:
    if isinstance(rating, Reject):
        return to_one_line(join_reason(rating.reason, rating.detail))
    score = None if rating.score is None else f"{rating.score:g} of 100"
    return ", ".join(each for each in (rating.level, score) if each) or "not read"


def _format_costs(usages: Sequence[Usage]) -> Iterator[str]:
    """Format the number of requests, and the tokens and cost of those not cached."""
    rows: list[Sequence[str]] = [HEADER]
    for usage in usages:
        made = [usage.total("prompt_tokens"), usage.total("completion_tokens")]
        counts = [usage.requests, usage.total("cached"), *made]
        rows.append(
            (
                f"{usage.role} {to_one_line(usage.model)}",
                *map(format_number, counts),
                format_number(usage.cost, "", 4),
            )
        )
    yield from aligned(rows, range(1, len(HEADER)))


def _format_estimate(found: Preview, settings: Machine) -> Iterator[str]:
    """Extrapolate calls, tokens and cost to all rows of r0."""
    times = found.total / len(found.seeds)
    calls = tokens = 0.0
    cost: float | None = 0.0
    for usage in found.usages:
        purposes = usage.asked()["purposes"].values()
        prompt = sum(each["prompt_tokens"] for each in purposes)
        written = sum(each["completion_tokens"] for each in purposes)
        calls += times * usage.requests
        tokens += times * (prompt + written)
        price = settings.price(usage.model)
        if price is None or cost is None:
            cost = None
        else:
            cost += times * (price.prompt * prompt + price.completion * written) / 1e6
    priced = "no price in machine.yaml" if cost is None else f"cost {cost:,.4g}"
    yield ""
    yield (
        f"All {found.total:,} rows of r0, at this rate: about {calls:,.0f} calls, {tokens:,.0f} tokens, "
        f"{priced}. `evobuild plan` includes the other stages."
    )
