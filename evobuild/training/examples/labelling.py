"""Rows as examples to learn from: token ids, and labels of those that are learnt.

The ids before an answer, and the answer's, are those of scoring and evaluation. Learnt are answers with what
ends them, those of earlier turns too, or everything; with answers no token is learnt that holds a character
of a prompt. Failure is a row without an answer or without room for one: it is a reject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evobuild.core.conversation import chat_messages
from evobuild.core.errors import BadInput, UserError
from evobuild.core.instructions import Instruction, PreferencePair
from evobuild.core.reasons import EQUAL_ANSWERS
from evobuild.core.rejects import Reject
from evobuild.training.examples.earlier_answers import EarlierAnswers
from evobuild.training.examples.templates import answer_end, find_written_end
from evobuild.training.examples.truncation import Turn, cut_in_proportion
from evobuild.training.params import Finetune
from evobuild.training.running.job import UNLABELLED, Example
from evobuild.weights.chat_rendering import render_chat
from evobuild.weights.layouts import THINKING_OFF, answer_lead
from evobuild.weights.literal_tokenizer import LiteralTokenizer
from evobuild.weights.losses import Pair
from evobuild.weights.tokenized_pairs import NO_ROOM, REFUSED, tokenize_pairs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNCUT = 1 << 40
"""More tokens than any row has."""
TRIED = 64
"""Rows of which is seen whether a served model would be asked the same."""


def label_examples(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Instruction], params: Finetune, limit: int
) -> tuple[list[Example], list[Reject]]:
    """Ids and labels of each row that has an answer and room for it; the others as rejects.

    tokenizer: with the chat template that is trained in. limit: tokens of an example.

    Raises BadInput if no row is left.
    """
    is_right = params.truncate == "right"
    literal = LiteralTokenizer(tokenizer)
    text, end = find_written_end(tokenizer, literal)
    earlier = EarlierAnswers(tokenizer, literal, text)
    examples: list[Example] = []
    rejects: list[Reject] = []
    pairs = tokenize_pairs(tokenizer, "chat", rows, limit if is_right else UNCUT)
    for row, pair in zip(rows, pairs, strict=True):
        if isinstance(pair, Reject):
            rejects.append(pair)
            continue
        turns = _turns(pair, end, earlier.find(row, pair.both))
        kept = turns if is_right else cut_in_proportion(turns, limit)
        example = _label(kept, params.loss == "everything", limit)
        if any(turn.answer for turn in kept):
            examples.append(example)
        else:
            rejects.append(Reject(row.id, NO_ROOM, f"{pair.answer_start} tokens before it", row.output))
    if not examples:
        raise no_rows_error(len(rows), limit, rejects)
    return examples, rejects


def label_pair(pair: Pair, end: Sequence[int], limit: int) -> Example:
    """Return ids and labels of a question and its answer; only the answer and its end are labelled."""
    return _label(_turns(pair, end, ()), False, limit)


def no_rows_error(rows: int, limit: int, rejects: Sequence[Reject]) -> BadInput:
    """Build the error that no row can be trained on."""
    return BadInput(
        f"none of {rows} rows has an answer that begins within {limit} tokens; "
        "raise finetune.max_length, or choose a base with a longer context; "
        f"the first is lost to '{''.join(reject.reason for reject in rejects[:1])}'"
    )


def _turns(pair: Pair, end: Sequence[int], earlier: Sequence[tuple[int, int]]) -> list[Turn]:
    """Split a pair into turns. earlier: token ranges of earlier answers with their ends."""
    asked = pair.question[-1][1] if pair.question else pair.answer_start
    opening = pair.both[asked : pair.answer_start]
    turns, place = [], 0
    for first, stop in [*earlier, (pair.answer_start, len(pair.both))]:
        prompt, answer = pair.both[place:first], pair.both[first:stop]
        turns.append(Turn(prompt, answer, _common_end(prompt, opening)))
        place = stop
    return [*turns[:-1], turns[-1]._replace(answer=[*turns[-1].answer, *end])]


def _common_end(ids: Sequence[int], others: Sequence[int]) -> int:
    """Count the last ids that are equal."""
    pairs = zip(reversed(ids), reversed(others), strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other), min(len(ids), len(others))
    )


def _label(turns: Sequence[Turn], everything: bool, limit: int) -> Example:
    ids: list[int] = []
    labels: list[int] = []
    for prompt, answer, _ in turns:
        ids += [*prompt, *answer]
        labels += [*(prompt if everything else [UNLABELLED] * len(prompt)), *answer]
    # Nothing predicts the first token.
    return {"input_ids": ids[:limit], "labels": [UNLABELLED, *labels[1:limit]]}


def preference_examples(
    tokenizer: PreTrainedTokenizerBase, pairs: Sequence[PreferencePair], params: Finetune, limit: int
) -> tuple[list[Example], list[Reject]]:
    """Yield prompt_ids, chosen_ids and rejected_ids of each pair, or a reject.

    Both answers follow the same ids and have the same end. limit: tokens of the prompt and the longer
    answer; both answers are cut to one length. A pair is lost if one of its answers is blank or has no room,
    or if both are the same once they are cut.

    Raises BadInput if no pair is left.
    """
    end = answer_end(tokenizer)
    rows = [pair.row for pair in pairs]
    others = [pair.row._replace(output=pair.rejected) for pair in pairs]
    both = (tokenize_pairs(tokenizer, "chat", each, UNCUT) for each in (rows, others))
    examples: list[Example] = []
    rejects: list[Reject] = []
    for row, chosen, rejected in zip(rows, *both, strict=True):
        if isinstance(chosen, Reject) or isinstance(rejected, Reject):
            lost = chosen if isinstance(chosen, Reject) else rejected
            rejects.append(lost._replace(detail=f"the {'better' if lost is chosen else 'other'} answer"))
            continue
        found = _build_comparison(chosen, rejected, end, params.truncate == "right", limit)
        if isinstance(found, dict):
            examples.append(found)
        else:
            rejects.append(Reject(row.id, found, f"{chosen.answer_start} tokens before it", row.output))
    if not examples:
        raise no_rows_error(len(rows), limit, rejects)
    return examples, rejects


def _build_comparison(
    chosen: Pair, rejected: Pair, end: Sequence[int], is_right: bool, limit: int
) -> Example | str:
    """Build an example, or return the reject reason."""
    # A blank of the template's may be in the first token of one answer and a token before the other.
    start = min(chosen.answer_start, rejected.answer_start)
    if chosen.both[:start] != rejected.both[:start]:
        return REFUSED
    turns = [_turns(pair._replace(answer_start=start), end, ())[0] for pair in (chosen, rejected)]
    longer = max(turns, key=lambda turn: len(turn.answer))
    prompt, kept, _ = (
        longer.cut(start, max(0, limit - start)) if is_right else cut_in_proportion([longer], limit)[0]
    )
    better, other = (turn.answer[: len(kept)] for turn in turns)
    if not kept:
        return NO_ROOM
    if better == other:
        return EQUAL_ANSWERS
    return {"prompt_ids": prompt, "chosen_ids": better, "rejected_ids": other}


def check_examples(
    tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], rows: Sequence[Instruction], limit: int
) -> None:
    """Assert, before the first step, that the labels cover the answers.

    Labels are the ids, and none is at the first place; what ends an answer is labelled in every example that
    was not cut; a served model gets exactly the ids before the answers of these rows.

    Raises UserError if every answer is cut before its end, or a served model would be asked otherwise.
    """
    end = answer_end(tokenizer)
    ended = 0
    for example in examples:
        ids, labels = example["input_ids"], example["labels"]
        same = all(label in (token, UNLABELLED) for token, label in zip(ids, labels, strict=True))
        assert same and labels[0] == UNLABELLED, "labels are ids, but for the first"
        has_end = labels[-len(end) :] == end
        assert has_end or len(ids) == limit, "an answer that is not cut has its end labelled"
        ended += has_end
    if not ended:
        raise UserError(
            f"all {len(examples)} answers are cut before their end, so the model would not learn to stop; "
            f"raise finetune.max_length ({limit} tokens are room now), or choose a base with a longer context"
        )
    for name, asked, served in _prompts(tokenizer, rows[:: max(1, len(rows) // TRIED)]):
        rest = asked[len(served) :]
        if asked[: len(served)] != served or tokenizer.decode(rest).strip():
            raise UserError(
                f"the row {name} is asked otherwise in training than of a served model, which the chat "
                f"template asks {tokenizer.decode(served)!r:.300}; mend finetune.template or choose another"
            )


def _prompts(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Instruction]
) -> Iterator[tuple[str, list[int], list[int]]]:
    """Yield, for rows without special tokens: the id, the ids before the answer, and those of a served
    model.
    """
    literal, lead = LiteralTokenizer(tokenizer), answer_lead(tokenizer)
    for row, pair in zip(rows, tokenize_pairs(tokenizer, "chat", rows, UNCUT), strict=True):
        turns = [message._asdict() for message in chat_messages(row)]
        texts = [turn["content"] for turn in turns]
        if isinstance(pair, Reject) or any(map(literal.up_to_special, texts)):
            continue
        # What a template opens before an answer and does not close itself, a served model writes.
        text = render_chat(tokenizer, turns, add_generation_prompt=True, **THINKING_OFF)
        served = tokenizer(text + (lead if lead.strip() else ""), add_special_tokens=False)["input_ids"]
        yield row.id, pair.both[: pair.answer_start], served
